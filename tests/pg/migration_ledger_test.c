#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base.h"
#include "db/db.h"
#include "migration/migration.h"
#include "store/stream.h"

#define SCHEMA "Odd \"schema\""
#define SCHEMA_SQL "\"Odd \"\"schema\"\"\""
#define STARTED "2026-11-22T13:48:00.123Z"

struct fixture {
  struct arena *arena;
  struct db_conn *conn;
  struct err err;
};

static int setup(void **state)
{
  struct fixture *f = x_calloc(1, sizeof(*f));
  struct db_target target;
  f->arena = arena_new();
  const char *url = getenv("DATABASE_URL");
  assert_non_null(url);
  assert_int_equal(db_target_parse(f->arena, url, "DATABASE_URL", &target, &f->err), 0);
  assert_int_equal(db_open(&target, "belay test", &f->conn, &f->err), 0);
  assert_int_equal(
      db_exec(f->conn, "CREATE SCHEMA " SCHEMA_SQL "; SET TimeZone = 'Asia/Kolkata'", &f->err), 0);
  *state = f;
  return 0;
}

static int teardown(void **state)
{
  struct fixture *f = *state;
  err_clear(&f->err);
  assert_int_equal(db_exec(f->conn, "DROP SCHEMA " SCHEMA_SQL " CASCADE", &f->err), 0);
  db_close(f->conn);
  arena_free(f->arena);
  free(f);
  return 0;
}

#define OK(call)                                                                                   \
  do {                                                                                             \
    if ((call) < 0)                                                                                \
      fail_msg("%s: %s", #call, f->err.message);                                                   \
  } while (0)

static const char *value_of(struct fixture *f, const char *sql)
{
  const char *value;
  OK(db_query_value(f->conn, f->arena, &value, &f->err, sql, NULL));
  return value;
}

static struct ledger_rows rows_of(struct fixture *f, const struct migration_format *format)
{
  struct ledger_rows rows;
  OK(format->ledger_read(f->arena, f->conn, SCHEMA, &rows, &f->err));
  return rows;
}

static struct migration migration_of(const char *name, const char *sql)
{
  struct migration m = {.name = name, .path = name, .bytes = sql, .len = strlen(sql)};
  store_sha256(sql, m.len, m.checksum);
  return m;
}

/* What `\d _prisma_migrations` shows after the tool's own first deploy. */
static void test_prisma_table_is_prismas(void **state)
{
  struct fixture *f = *state;
  const struct migration_format *prisma = migration_format_find("prisma");
  OK(prisma->ledger_create(f->conn, SCHEMA, &f->err));
  assert_string_equal(
      value_of(f, "SELECT string_agg(format('%s %s%s%s', attname, format_type(atttypid, atttypmod),"
                  " CASE WHEN attnotnull THEN ' not null' END,"
                  " ' default ' || pg_get_expr(adbin, adrelid)), ', ' ORDER BY attnum)"
                  " FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum"
                  " WHERE attrelid = '" SCHEMA_SQL "._prisma_migrations'::regclass AND attnum > 0"),
      "id character varying(36) not null, checksum character varying(64) not null, "
      "finished_at timestamp with time zone, migration_name character varying(255) not null, "
      "logs text, rolled_back_at timestamp with time zone, "
      "started_at timestamp with time zone not null default now(), "
      "applied_steps_count integer not null default 0");
  assert_string_equal(value_of(f,
                               "SELECT conname || ' ' || pg_get_constraintdef(oid)"
                               " FROM pg_constraint WHERE contype = 'p' AND conrelid = '" SCHEMA_SQL
                               "._prisma_migrations'::regclass"),
                      "_prisma_migrations_pkey PRIMARY KEY (id)");
}

static void check_life(struct fixture *f, const struct migration_format *format, int steps)
{
  struct migration one = migration_of("1_it's", "SELECT 1;"), two = migration_of("2", "SELECT 2;");
  bool exists = true;
  OK(format->ledger_exists(f->conn, SCHEMA, &exists, &f->err));
  assert_false(exists);
  OK(format->ledger_create(f->conn, SCHEMA, &f->err));
  OK(format->ledger_exists(f->conn, SCHEMA, &exists, &f->err));
  assert_true(exists);
  assert_int_equal(rows_of(f, format).len, 0);

  OK(format->ledger_add(f->conn, SCHEMA, &one, STARTED, &f->err));
  struct ledger_rows rows = rows_of(f, format);
  assert_int_equal(rows.len, 1);
  assert_string_equal(rows.at[0].name, "1_it's");
  assert_string_equal(rows.at[0].checksum, one.checksum);
  assert_string_equal(rows.at[0].started_at, "2026-11-22T13:48:00.123000Z");
  assert_non_null(rows.at[0].finished_at);
  assert_null(rows.at[0].rolled_back_at);
  assert_null(rows.at[0].logs);
  assert_int_equal(rows.at[0].applied_steps, steps);

  const char *id, *second;
  OK(format->ledger_start(f->arena, f->conn, SCHEMA, &two, &id, &f->err));
  rows = rows_of(f, format);
  assert_int_equal(rows.len, 2);
  const struct ledger_row *started = strcmp(rows.at[0].name, "2") == 0 ? &rows.at[0] : &rows.at[1];
  assert_string_equal(started->id, id);
  assert_null(started->finished_at);
  assert_int_equal(started->applied_steps, 0);
  OK(format->ledger_fail(f->conn, SCHEMA, id, "it broke", &f->err));
  OK(format->ledger_start(f->arena, f->conn, SCHEMA, &two, &second, &f->err));
  assert_string_not_equal(id, second);
  OK(format->ledger_finish(f->conn, SCHEMA, second, &f->err));
  rows = rows_of(f, format);
  assert_int_equal(rows.len, 3);
  for (size_t i = 0; i < rows.len; i++)
    if (strcmp(rows.at[i].id, id) == 0) {
      assert_string_equal(rows.at[i].logs, "it broke");
      assert_null(rows.at[i].finished_at);
    } else {
      assert_non_null(rows.at[i].finished_at);
      assert_int_equal(rows.at[i].applied_steps, steps);
    }

  OK(format->ledger_back(f->conn, SCHEMA, "2", true, &f->err));
  rows = rows_of(f, format);
  for (size_t i = 0; i < rows.len; i++) /* the finished row only */
    assert_int_equal(rows.at[i].rolled_back_at != NULL, strcmp(rows.at[i].id, second) == 0);
}

static void check_refusals(struct fixture *f, const struct migration_format *format, const char *id)
{
  struct err *err = &f->err;
  OK(format->ledger_back(f->conn, SCHEMA, "2", true,
                         err)); /* the failed row, now that it is the last */
  assert_int_equal(format->ledger_back(f->conn, SCHEMA, "2", true, err), -1); /* undone already */
  assert_int_equal(err->code, ERR_REFUSED);
  err_clear(err);
  assert_int_equal(format->ledger_back(f->conn, SCHEMA, "never seen", true, err), -1);
  err_clear(err);
  assert_int_equal(format->ledger_finish(f->conn, SCHEMA, id, err), -1); /* finished already */
  err_clear(err);
  assert_int_equal(format->ledger_fail(f->conn, SCHEMA, "no such id", "log", err), -1);
  err_clear(err);
  assert_int_equal(format->ledger_create(f->conn, SCHEMA, err), -1);
  assert_string_equal(err->sqlstate, "42P07");
  err_clear(err);
}

static void test_life_of_prismas_ledger(void **state)
{
  struct fixture *f = *state;
  const struct migration_format *prisma = migration_format_find("prisma");
  check_life(f, prisma, 1);
  check_refusals(f, prisma, rows_of(f, prisma).at[0].id);
  assert_string_equal(value_of(f,
                               "SELECT bool_and(id ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$')"
                               "::text FROM " SCHEMA_SQL "._prisma_migrations"),
                      "true");
}

static void test_life_of_our_ledger(void **state)
{
  struct fixture *f = *state;
  const struct migration_format *plain = migration_format_find("plain");
  check_life(f, plain, 0);
  check_refusals(f, plain, rows_of(f, plain).at[0].id);
}

static void test_inside_a_transaction(void **state)
{
  struct fixture *f = *state;
  const struct migration_format *prisma = migration_format_find("prisma");
  struct migration m = migration_of("1", "SELECT 1;");
  bool exists = true;
  OK(db_exec(f->conn, "BEGIN", &f->err));
  OK(prisma->ledger_create(f->conn, SCHEMA, &f->err));
  OK(prisma->ledger_add(f->conn, SCHEMA, &m, STARTED, &f->err));
  assert_int_equal(rows_of(f, prisma).len, 1);
  assert_int_equal(db_transaction_status(f->conn), 'T');
  OK(db_exec(f->conn, "ROLLBACK", &f->err));
  OK(prisma->ledger_exists(f->conn, SCHEMA, &exists, &f->err));
  assert_false(exists);
}

static void test_places_that_are_no_ledger(void **state)
{
  struct fixture *f = *state;
  const struct migration_format *prisma = migration_format_find("prisma");
  bool exists = true;
  OK(prisma->ledger_exists(f->conn, "no such schema", &exists, &f->err));
  assert_false(exists);
  assert_int_equal(prisma->ledger_create(f->conn, "no such schema", &f->err), -1);
  assert_non_null(strstr(f->err.hint, "CREATE SCHEMA \"no such schema\""));
  err_clear(&f->err);
  OK(db_exec(f->conn, "CREATE VIEW " SCHEMA_SQL "._prisma_migrations AS SELECT 1", &f->err));
  assert_int_equal(prisma->ledger_exists(f->conn, SCHEMA, &exists, &f->err), -1);
  assert_int_equal(f->err.code, ERR_PREFLIGHT);
}

static void test_infinite_times_count_as_set(void **state)
{
  struct fixture *f = *state;
  const struct migration_format *prisma = migration_format_find("prisma");
  struct migration m = migration_of("1", "SELECT 1;");
  OK(prisma->ledger_create(f->conn, SCHEMA, &f->err));
  OK(prisma->ledger_add(f->conn, SCHEMA, &m, STARTED, &f->err));
  OK(db_exec(f->conn, "UPDATE " SCHEMA_SQL "._prisma_migrations SET rolled_back_at = 'infinity'",
             &f->err));
  assert_string_equal(rows_of(f, prisma).at[0].rolled_back_at, "infinity");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
  const struct CMUnitTest tests[] = {
      TEST(test_prisma_table_is_prismas),   TEST(test_life_of_prismas_ledger),
      TEST(test_life_of_our_ledger),        TEST(test_inside_a_transaction),
      TEST(test_places_that_are_no_ledger), TEST(test_infinite_times_count_as_set),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
