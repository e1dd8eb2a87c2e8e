#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"
#include "inverse_cases.h"

/* Inverses that were proven on an empty shadow are run on a copy that has rows, after the real
 * migration. */
static const char base_rows[] =
    "INSERT INTO customers (mail, name, home) SELECT 'c' || i || '@x', 'name ' || i,"
    " ROW('street ' || i, 'city'::text)::address FROM generate_series(1, 20) i;"
    "INSERT INTO orders (customer_id, status, total, fee, note, code, history) SELECT 1 + i % 20,"
    " (ARRAY['new', 'paid', 'shipped'])[1 + i % 3]::order_status, i, i / 4.0, 'note ' || i,"
    " CASE WHEN i % 2 = 0 THEN 'K' || i END, ARRAY['new', 'paid']::order_status[]"
    " FROM generate_series(1, 50) i;"
    "INSERT INTO order_items (order_id, line) SELECT id, 1 FROM orders;"
    "INSERT INTO events SELECT i, DATE '2025-06-01' + i * 20, 'what ' || i"
    " FROM generate_series(1, 20) i;"
    "INSERT INTO events_loose SELECT i, '2030-05-05', 'loose' FROM generate_series(1, 5) i;"
    "INSERT INTO animals VALUES ('cat', 4); INSERT INTO dogs VALUES ('rex', 4, 'mix');"
    "INSERT INTO notes SELECT md5(i::text)::uuid, i, 'b' || i, CASE WHEN i % 2 = 0 THEN 'public' "
    "ELSE"
    " 'private' END, i FROM generate_series(1, 30) i;"
    "INSERT INTO regions SELECT i, 'eu' FROM generate_series(1, 5) i;"
    "SET session_replication_role = replica;"
    "INSERT INTO visits SELECT i, 'eu', '2026-01-01' FROM generate_series(1, 5) i;"
    "RESET session_replication_role;"
    "REFRESH MATERIALIZED VIEW totals;";

/* Cases after whose inverse every row must be as before. */
static const char *const keeps_rows[] = {
    "rename and change",
    "rename away and create anew",
    "swap columns",
    "swap tables",
    "rename the rest",
    "rename schema with content",
    "set schema and rename",
    "move everything",
    "widen type",
    "narrow type",
    "type with collation",
    "text to integer",
    "text to enum",
    "key type on both sides",
    "drop primary key",
    "drop unique",
    "drop index",
    "add index concurrently",
    "serial to identity",
    "drop identity",
    "identity by default",
    "enum add value",
    "enum rename value",
    "domain type",
    "composite",
    "function result",
    "drop view chain",
    "change matview",
    "attach partition",
    "detach partition",
    "partition bound",
    "partitioned column type",
    "drop partitioned key",
    "drop referenced partitioned key",
    "unlogged loose",
    "typed table",
    "sequence owned by a new table",
    "DO block with dynamic SQL",
    "quoted names",
    "privileges",
};

struct fixture {
  struct arena *arena;
  struct db_target target;
  struct db_conn *admin;
  struct catalog *schema;
  struct shadow *shadow;
};

static void check_ok(int result, struct err *err, const char *what)
{
  if (result < 0)
    fail_msg("%s: %s\n%s", what, err->message ? err->message : "?", err->detail ? err->detail : "");
}

static int set_up(void **state)
{
  struct fixture *f = x_calloc(1, sizeof(*f));
  struct err err = ERR_INIT;
  struct catalog_options options = {0};
  CLEANUP(db_closep)
  struct db_conn *conn = NULL;
  *state = f;
  f->arena = arena_new();
  check_ok(db_target_parse(f->arena, getenv("DATABASE_URL"), "test", &f->target, &err), &err,
           "url");
  check_ok(db_open(&f->target, "test", &conn, &err), &err, "open");
  check_ok(db_exec(conn, base_roles, &err), &err, "roles");
  check_ok(db_exec(conn, base_schema, &err), &err, "schema");
  check_ok(db_exec(conn, base_rows, &err), &err, "rows");
  check_ok(catalog_read(f->arena, conn, &options, &f->schema, &err), &err, "catalog");
  check_ok(db_open_other(&f->target, "postgres", "test", &f->admin, &err), &err, "admin");
  return 0;
}

static int tear_down(void **state)
{
  struct fixture *f = *state;
  shadow_close(f->shadow);
  db_close(f->admin);
  arena_free(f->arena);
  free(f);
  return 0;
}

static const struct inverse_case *case_of(const char *name)
{
  for (size_t i = 0; i < COUNT_OF(inverse_cases); i++)
    if (strcmp(inverse_cases[i].name, name) == 0)
      return &inverse_cases[i];
  fail_msg("no case %s", name);
  return NULL;
}

/* All rows of all tables and matviews, as one hash. ONLY: foreign children cannot be read, others
 * have hashes of their own. */
static const char *rows_of(struct arena *arena, struct db_conn *conn)
{
  struct err err = ERR_INIT;
  const char *hash;
  check_ok(
      db_exec(conn,
              "CREATE OR REPLACE FUNCTION pg_temp.rows_of(t regclass) RETURNS text LANGUAGE"
              " plpgsql AS $$ DECLARE r text; BEGIN EXECUTE format('SELECT md5(string_agg(x::text,"
              " chr(10) ORDER BY x::text)) FROM ONLY %s x', t) INTO r; RETURN r; END $$",
              &err),
      &err, "function");
  check_ok(db_query_value(conn, arena, &hash, &err,
                          "SELECT string_agg(c.oid::regclass || '=' || pg_temp.rows_of(c.oid), ' '"
                          " ORDER BY c.oid::regclass::text) FROM pg_class c JOIN pg_namespace n ON"
                          " n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'm') AND n.nspname"
                          " !~ '^pg_' AND n.nspname <> 'information_schema'",
                          NULL),
           &err, "rows");
  return hash;
}

static void prove(struct fixture *f, struct arena *arena, const struct inverse_case *c,
                  struct inverse **ret_inverse)
{
  struct err err = ERR_INIT;
  struct sql_script *script;
  struct catalog_options catalog_options = {0};
  struct shadow_options options = {.url = getenv("DATABASE_URL"),
                                   .server_major = f->schema->server_version / 10000};
  if (!f->shadow)
    check_ok(shadow_open(f->arena, &options, f->schema, &catalog_options, &f->shadow, &err), &err,
             "shadow_open");
  check_ok(sql_script_read(arena, c->name, c->sql, strlen(c->sql), &script, &err), &err, c->name);
  check_ok(inverse_prove(arena, f->shadow, &catalog_options, script, ret_inverse, &err), &err,
           c->name);
  shadow_close(f->shadow);
  f->shadow = NULL;
}

static void run_steps(struct arena *arena, struct db_conn *conn, const struct inverse *inverse)
{
  struct err err = ERR_INIT;
  check_ok(db_exec(conn, "BEGIN", &err), &err, "begin");
  for (size_t i = 0; i < inverse->steps.len; i++)
    check_ok(db_run_statement(conn, arena, inverse->steps.at[i].sql, NULL, NULL, &err), &err,
             arena_printf(arena, "%s: %s", inverse->name, inverse->steps.at[i].sql));
  check_ok(db_exec(conn, "COMMIT", &err), &err, "commit");
}

static void run_migration(struct db_conn *conn, struct arena *arena, const struct inverse_case *c)
{
  struct err err = ERR_INIT;
  struct sql_script *script;
  check_ok(sql_script_read(arena, c->name, c->sql, strlen(c->sql), &script, &err), &err, c->name);
  for (size_t i = 0; i < script->statements.len; i++)
    check_ok(db_run_statement(conn, arena, script->statements.at[i].text, NULL, NULL, &err), &err,
             c->name);
}

static void run_case(struct fixture *f, const struct inverse_case *c)
{
  CLEANUP(arena_freep)
  struct arena *arena = arena_new();
  struct err err = ERR_INIT;
  struct inverse *inverse;
  struct catalog *found;
  struct catalog_options options = {0};
  CLEANUP(db_closep)
  struct db_conn *copy = NULL;
  char want[65], have[65];
  prove(f, arena, c, &inverse);
  assert_int_equal(inverse->verdict, INVERSE_EXACT);
  check_ok(db_exec(f->admin, "DROP DATABASE IF EXISTS copy", &err), &err, "drop");
  check_ok(db_exec(f->admin, "CREATE DATABASE copy TEMPLATE test", &err), &err, "copy");
  check_ok(db_open_other(&f->target, "copy", "test", &copy, &err), &err, "open copy");
  const char *before = rows_of(arena, copy);
  run_migration(copy, arena, c);
  run_steps(arena, copy, inverse);
  const char *now = rows_of(arena, copy);
  if (strcmp(before, now) != 0)
    fail_msg("%s: rows differ\n%s\n%s", c->name, before, now);
  check_ok(catalog_read(arena, copy, &options, &found, &err), &err, "catalog");
  catalog_fingerprint(f->schema, 0, want);
  catalog_fingerprint(found, 0, have);
  assert_string_equal(want, have);
}

static void test_rows(void **state)
{
  const char *only = getenv("ONLY_CASE");
  for (size_t i = 0; i < COUNT_OF(keeps_rows); i++)
    if (!only || strcmp(only, keeps_rows[i]) == 0)
      run_case(*state, case_of(keeps_rows[i]));
}

/* A value that the old type cannot hold makes the rollback fail as a whole: nothing is cut off. */
static void test_value_does_not_fit(void **state)
{
  struct fixture *f = *state;
  CLEANUP(arena_freep)
  struct arena *arena = arena_new();
  static const struct inverse_case cases[] = {
      {"longer text", "ALTER TABLE orders ALTER COLUMN note TYPE text;", INVERSE_EXACT},
      {"new label", "ALTER TYPE order_status ADD VALUE 'lost';", INVERSE_EXACT},
  };
  static const char *const writes[] = {"UPDATE orders SET note = repeat('x', 300) WHERE id = 1",
                                       "UPDATE orders SET status = 'lost' WHERE id = 1"};
  static const char *const states[] = {"22001", "22P02"};
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    struct err err = ERR_INIT;
    struct inverse *inverse;
    CLEANUP(db_closep)
    struct db_conn *copy = NULL;
    prove(f, arena, &cases[i], &inverse);
    assert_int_equal(inverse->verdict, INVERSE_EXACT);
    check_ok(db_exec(f->admin, "DROP DATABASE IF EXISTS copy", &err), &err, "drop");
    check_ok(db_exec(f->admin, "CREATE DATABASE copy TEMPLATE test", &err), &err, "copy");
    check_ok(db_open_other(&f->target, "copy", "test", &copy, &err), &err, "open copy");
    run_migration(copy, arena, &cases[i]);
    check_ok(db_exec(copy, writes[i], &err), &err, writes[i]);
    check_ok(db_exec(copy, "BEGIN", &err), &err, "begin");
    int result = 0;
    for (size_t k = 0; k < inverse->steps.len && result == 0; k++)
      result = db_run_statement(copy, arena, inverse->steps.at[k].sql, NULL, NULL, &err);
    assert_int_equal(result, -1);
    assert_string_equal(err.sqlstate, states[i]);
    err_clear(&err);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows),
                                     cmocka_unit_test(test_value_does_not_fit)};
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
