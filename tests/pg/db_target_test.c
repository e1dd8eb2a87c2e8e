#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base.h"
#include "db/db.h"

#define ODD "Odd \\ \"schema\", it's"
#define ODD_SQL "\"Odd \\ \"\"schema\"\", it's\""
#define ODD_URL "Odd%20%5C%20%22schema%22%2C%20it%27s"

struct fixture {
  struct arena *arena;
  const char *url;
  struct err err;
};

static int setup(void **state)
{
  struct fixture *f = x_calloc(1, sizeof(*f));
  f->arena = arena_new();
  f->url = getenv("DATABASE_URL");
  assert_non_null(f->url);
  *state = f;
  return 0;
}

static int teardown(void **state)
{
  struct fixture *f = *state;
  err_clear(&f->err);
  arena_free(f->arena);
  free(f);
  return 0;
}

/* One value from a connection of its own. */
static const char *ask(struct fixture *f, const struct db_target *target, const char *sql)
{
  CLEANUP(db_closep) struct db_conn *conn = NULL;
  const char *value;
  if (db_open(target, "belay test", &conn, &f->err) < 0 ||
      db_query_value(conn, f->arena, &value, &f->err, sql, NULL) < 0)
    fail_msg("%s: %s", target->conninfo, f->err.message);
  return value;
}

static struct db_target parsed(struct fixture *f, const char *url)
{
  struct db_target t;
  if (db_target_parse(f->arena, url, "test", &t, &f->err) < 0)
    fail_msg("%s: %s", url, f->err.message);
  return t;
}

static void test_odd_schema(void **state)
{
  struct fixture *f = *state;
  struct db_target plain = parsed(f, f->url);
  CLEANUP(db_closep) struct db_conn *conn = NULL;
  assert_int_equal(db_open(&plain, "belay test", &conn, &f->err), 0);
  assert_int_equal(db_exec(conn, "CREATE SCHEMA " ODD_SQL, &f->err), 0);
  struct db_target t = parsed(
      f, arena_printf(f->arena, "%s%s", f->url, "&options=-c%20work_mem%3D5MB&schema=" ODD_URL));
  assert_string_equal(t.schema, ODD);
  assert_string_equal(ask(f, &t, "SELECT current_schema()"), ODD);
  assert_string_equal(ask(f, &t, "SHOW work_mem"), "5MB");
  /* what a program without libpq's keywords gets says the same */
  struct db_target again = parsed(f, t.url);
  assert_string_equal(again.conninfo, t.conninfo);
  assert_int_equal(db_exec(conn, "DROP SCHEMA " ODD_SQL, &f->err), 0);
}

static void test_other_database(void **state)
{
  struct fixture *f = *state;
  struct db_target t = parsed(f, f->url), other;
  assert_string_equal(ask(f, &t, "SELECT current_database()"), t.database);
  assert_int_equal(db_target_with_database(f->arena, &t, "postgres", &other, &f->err), 0);
  assert_string_equal(ask(f, &other, "SELECT current_database()"), "postgres");
  struct db_target from_url = parsed(f, other.url);
  assert_string_equal(ask(f, &from_url, "SELECT current_database()"), "postgres");
}

static void test_libpqs_own(void **state)
{
  struct fixture *f = *state;
  struct db_target t;
  unsetenv("DATABASE_URL");
  unsetenv("BELAY_DATABASE_URL");
  struct db_target_request request = {.dir = "/nonexistent"};
  assert_int_equal(db_target_resolve(f->arena, &request, &t, &f->err), 0);
  assert_string_equal(t.conninfo, "");
  assert_string_equal(ask(f, &t, "SELECT current_database()"), t.database);
  struct db_target from_url = parsed(f, t.url); /* completed for programs that know no PGHOST */
  unsetenv("PGHOST");
  unsetenv("PGDATABASE");
  unsetenv("PGUSER");
  unsetenv("PGPORT");
  assert_string_equal(ask(f, &from_url, "SELECT current_database()"), t.database);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
  const struct CMUnitTest tests[] = {
      TEST(test_odd_schema),
      TEST(test_other_database),
      TEST(test_libpqs_own),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
