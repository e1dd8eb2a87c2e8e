#include "base/clock.h"
#include "catalog_support.h"

/* A worker that stays: one page a tenth of a second. */
static const char *const slow_autovacuum[] = {
    "ALTER SYSTEM SET autovacuum_naptime = '1s'",
    "ALTER SYSTEM SET autovacuum_vacuum_cost_delay = '100ms'",
    "ALTER SYSTEM SET autovacuum_vacuum_cost_limit = 1",
    "SELECT pg_reload_conf()",
    "CREATE ROLE dropper LOGIN CREATEDB",
};

static bool is_vacuumed(struct arena *arena, struct db_conn *conn)
{
  enum { TRIES = 300, PAUSE_MS = 100 };
  struct err err = ERR_INIT;
  const char *workers = "0";
  for (int i = 0; i < TRIES && strcmp(workers, "0") == 0; i++) {
    OK(db_query_value(conn, arena, &workers, &err,
                      "SELECT count(*) FROM pg_stat_activity WHERE datname = 'vacuumed'"
                      " AND backend_type = 'autovacuum worker'",
                      NULL));
    clock_sleep_ms(PAUSE_MS);
  }
  return strcmp(workers, "0") != 0;
}

/* as the role that may make databases, and no more */
static struct db_conn *open_small(struct arena *arena)
{
  struct err err = ERR_INIT;
  struct db_target target;
  struct db_conn *small = NULL;
  OK(db_target_parse(arena,
                     arena_printf(arena, "host=%s port=%s user=dropper dbname=postgres",
                                  getenv("PGHOST"), getenv("PGPORT")),
                     "test", &target, &err));
  OK(db_open(&target, "catalog test", &small, &err));
  return small;
}

/* Its own database, by a role that may not end the worker's process. */
static void test_autovacuum(void **state)
{
  UNUSED(state);
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  struct err err = ERR_INIT;
  CLEANUP(db_closep) struct db_conn *admin = support_open(arena, "postgres");
  for (size_t i = 0; i < COUNT_OF(slow_autovacuum); i++)
    OK(db_exec(admin, slow_autovacuum[i], &err));
  CLEANUP(db_closep) struct db_conn *small = open_small(arena);
  OK(db_exec(small, "CREATE DATABASE vacuumed", &err));
  struct db_conn *inside = support_open(arena, "vacuumed");
  OK(db_exec(inside,
             "CREATE TABLE t WITH (autovacuum_vacuum_threshold = 0,"
             " autovacuum_vacuum_scale_factor = 0) AS SELECT repeat('x', 1000) AS a, i"
             " FROM generate_series(1, 20000) i;"
             "UPDATE t SET i = i + 1",
             &err));
  db_close(inside);
  assert_true(is_vacuumed(arena, admin));
  OK(catalog_drop_database(small, "vacuumed", &err));
  OK(catalog_drop_database(small, "vacuumed", &err)); /* there is none */
  const char *left;
  OK(db_query_value(admin, arena, &left, &err,
                    "SELECT count(*) FROM pg_database WHERE datname = 'vacuumed'", NULL));
  assert_string_equal(left, "0");
}

/* The server drops no template, also not with FORCE. */
static void test_template(void **state)
{
  UNUSED(state);
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  struct err err = ERR_INIT;
  CLEANUP(db_closep) struct db_conn *small = open_small(arena);
  const char *left;
  OK(db_exec(small, "CREATE DATABASE \"a Template\" IS_TEMPLATE true", &err));
  OK(catalog_drop_database(small, "a Template", &err));
  OK(db_query_value(small, arena, &left, &err,
                    "SELECT count(*) FROM pg_database WHERE datname = 'a Template'", NULL));
  assert_string_equal(left, "0");
}

/* Somebody else's stays, and the message is the server's. */
static void test_not_ours(void **state)
{
  UNUSED(state);
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  CLEANUP(err_clear) struct err err = ERR_INIT;
  support_create(arena, "of_another");
  CLEANUP(db_closep) struct db_conn *small = open_small(arena);
  assert_int_equal(catalog_drop_database(small, "of_another", &err), -1);
  assert_true(err_sqlstate_is(&err, "42501"));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_autovacuum),
      cmocka_unit_test(test_template),
      cmocka_unit_test(test_not_ours),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
