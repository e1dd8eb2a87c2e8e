#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base.h"
#include "belay/belay.h"
#include "db/db.h"

static void execute(const char *sql)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  CLEANUP(err_clear) struct err err = ERR_INIT;
  CLEANUP(db_closep) struct db_conn *conn = NULL;
  struct db_target target;
  if (db_target_parse(arena, getenv("DATABASE_URL"), "DATABASE_URL", &target, &err) < 0 ||
      db_open(&target, "test", &conn, &err) < 0 || db_exec(conn, sql, &err) < 0)
    fail_msg("%s", err.message);
}

static int invert(const char *sql, char **script, char **verdict, belay_error **error)
{
  return belay_inverse(getenv("DATABASE_URL"), "m.sql", sql, strlen(sql), script, verdict, error);
}

static void test_inverse(void **state)
{
  UNUSED(state);
  static const struct {
    const char *sql, *verdict, *script;
  } cases[] = {
      {"ALTER TABLE api.orders ADD COLUMN note text;", "exact", "DROP COLUMN note"},
      {"ALTER TABLE api.orders RENAME COLUMN fee TO cost;", "exact", "RENAME COLUMN cost TO fee"},
      {"ALTER TABLE api.orders DROP COLUMN fee;", "column-order", "ADD COLUMN fee"},
  };
  execute("DROP SCHEMA IF EXISTS api CASCADE; CREATE SCHEMA api; "
          "CREATE TABLE api.orders (id int PRIMARY KEY, fee numeric, side text)");
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    char *script = NULL, *verdict = NULL;
    belay_error *error = NULL;
    if (invert(cases[i].sql, &script, &verdict, &error) < 0)
      fail_msg("%s: %s", cases[i].sql, belay_error_message(error));
    assert_string_equal(verdict, cases[i].verdict);
    assert_non_null(strstr(script, cases[i].script));
    belay_free(script);
    belay_free(verdict);
  }
  execute("SELECT id, fee, side FROM api.orders"); /* the database was only read */
}

static void test_a_migration_that_fails(void **state)
{
  UNUSED(state);
  char *script = NULL, *verdict = NULL;
  belay_error *error = NULL;
  assert_int_equal(invert("ALTER TABLE no_such_table ADD x int", &script, &verdict, &error), -1);
  assert_int_equal(belay_error_code(error), BELAY_ERROR_REFUSED);
  assert_string_equal(belay_error_sqlstate(error), "42P01");
  assert_non_null(strstr(belay_error_message(error), "m.sql:1:1"));
  belay_error_free(error);
  assert_int_equal(invert("SELECT 'open", &script, &verdict, NULL), -1);
  assert_null(script);
  assert_null(verdict);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_inverse),
      cmocka_unit_test(test_a_migration_that_fails),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
