#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"
#include "base/fs.h"
#include "base/spawn.h"
#include "inverse_cases.h"

/* One shadow for all cases: after each one its inverse is applied for good, and must bring the
 * schema back. */
struct fixture {
  struct arena *arena;
  struct db_target target;
  struct catalog *schema;
  struct shadow *shadow;
  char *dump; /* pg_dump -s of the shadow, NULL: not known */
};

static void check_ok(int result, struct err *err, const char *what)
{
  if (result < 0)
    fail_msg("%s: %s\n%s", what, err->message ? err->message : "?", err->detail ? err->detail : "");
}

static void open_shadow(struct fixture *f)
{
  struct err err = ERR_INIT;
  shadow_close(f->shadow);
  f->shadow = NULL;
  f->dump = NULL;
  struct shadow_options options = {.url = getenv("DATABASE_URL"),
                                   .server_major = f->schema->server_version / 10000};
  struct catalog_options catalog_options = {0};
  check_ok(shadow_open(f->arena, &options, f->schema, &catalog_options, &f->shadow, &err), &err,
           "shadow_open");
}

static int set_up(void **state)
{
  struct fixture *f = x_calloc(1, sizeof(*f));
  struct err err = ERR_INIT;
  CLEANUP(db_closep)
  struct db_conn *conn = NULL;
  struct catalog_options options = {0};
  f->arena = arena_new();
  check_ok(db_target_parse(f->arena, getenv("DATABASE_URL"), "test", &f->target, &err), &err,
           "url");
  check_ok(db_open(&f->target, "test", &conn, &err), &err, "open");
  check_ok(db_exec(conn, base_roles, &err), &err, "roles");
  check_ok(db_exec(conn, base_schema, &err), &err, "schema");
  check_ok(catalog_read(f->arena, conn, &options, &f->schema, &err), &err, "catalog");
  open_shadow(f);
  *state = f;
  return 0;
}

static int tear_down(void **state)
{
  struct fixture *f = *state;
  shadow_close(f->shadow);
  arena_free(f->arena);
  free(f);
  return 0;
}

/* pg_dump -s without the lines that differ from call to call. */
static char *dump(struct arena *arena, struct fixture *f)
{
  struct err err = ERR_INIT;
  struct spawn_result result;
  const char *const argv[] = {fs_join(arena, getenv("PGBIN"), "pg_dump"), "-s", "-d",
                              db_database(shadow_conn(f->shadow)), NULL};
  struct spawn spec = {.argv = argv, .capture = true, .timeout_ms = 60000};
  check_ok(spawn_run(arena, &spec, &result, &err), &err, "pg_dump");
  if (result.exit_code)
    fail_msg("pg_dump: %s", result.output);
  CLEANUP(text_clear) struct text kept = TEXT_INIT;
  for (char *line = result.output; *line;) {
    size_t len = strcspn(line, "\n") + 1;
    if (strncmp(line, "\\restrict", 9) != 0 && strncmp(line, "\\unrestrict", 11) != 0)
      text_append(&kept, line, line[len - 1] ? len : len - 1);
    line += line[len - 1] ? len : len - 1;
  }
  return arena_strdup(arena, kept.data);
}

static void apply(struct arena *arena, struct db_conn *conn, const struct inverse *inverse,
                  const char *name)
{
  struct err err = ERR_INIT;
  check_ok(db_exec(conn, "BEGIN", &err), &err, "begin");
  for (size_t i = 0; i < inverse->steps.len; i++)
    check_ok(db_run_statement(conn, arena, inverse->steps.at[i].sql, NULL, NULL, &err), &err, name);
  check_ok(db_exec(conn, "COMMIT", &err), &err, "commit");
}

static void fingerprint(struct arena *arena, struct db_conn *conn, int flags, char hex[65])
{
  struct err err = ERR_INIT;
  struct catalog *c;
  struct catalog_options options = {0};
  check_ok(catalog_read(arena, conn, &options, &c, &err), &err, "catalog");
  catalog_fingerprint(c, flags, hex);
}

static void check_phases(const struct inverse *inverse)
{
  for (size_t i = 1; i < inverse->steps.len; i++)
    assert_true(inverse->steps.at[i - 1].phase <= inverse->steps.at[i].phase);
}

/* Returns false after printing what is wrong, so that one run shows every failing case. */
static bool run_case(struct fixture *f, const struct inverse_case *c)
{
  CLEANUP(arena_freep)
  struct arena *arena = arena_new();
  struct err err = ERR_INIT;
  struct sql_script *script;
  struct inverse *inverse = NULL;
  struct catalog_options options = {0};
  char before[65], now[65], after[65];
  int flags = c->verdict == INVERSE_EXACT ? 0 : CATALOG_IGNORE_COLUMN_ORDER;
  fingerprint(arena, shadow_conn(f->shadow), flags, before);
  if (!f->dump)
    f->dump = dump(f->arena, f);
  check_ok(sql_script_read(arena, c->name, c->sql, strlen(c->sql), &script, &err), &err, c->name);
  if (inverse_prove(arena, f->shadow, &options, script, &inverse, &err) < 0) {
    fprintf(stderr, "%s: %s, wanted %s\n", c->name, err.message, inverse_verdict_name(c->verdict));
    err_clear(&err);
    return false;
  }
  check_phases(inverse);
  bool good = inverse->verdict == c->verdict;
  if (!good || getenv("SHOW_INVERSE"))
    fprintf(stderr, "%s: %s, wanted %s\n%s\n", c->name, inverse_verdict_name(inverse->verdict),
            inverse_verdict_name(c->verdict), inverse_script_text(arena, inverse));
  fingerprint(arena, shadow_conn(f->shadow), 0, now);
  catalog_fingerprint(inverse->after, 0, after);
  assert_string_equal(now, after); /* still in the state after */
  if (!good || c->verdict == INVERSE_NONE || c->verdict == INVERSE_LOSSY) {
    if (good)
      assert_true(inverse->refusals.len > 0);
    open_shadow(f);
    return good;
  }
  apply(arena, shadow_conn(f->shadow), inverse, c->name);
  fingerprint(arena, shadow_conn(f->shadow), flags, now);
  assert_string_equal(before, now);
  if (c->verdict == INVERSE_COLUMN_ORDER) {
    assert_true(inverse->differences.len > 0);
    open_shadow(f); /* the next case shall see the columns in their first order */
  } else if (strcmp(f->dump, dump(arena, f)) != 0) {
    fprintf(stderr, "%s: pg_dump -s differs\n", c->name);
    return false;
  }
  return true;
}

static void test_cases(void **state)
{
  struct fixture *f = *state;
  const char *only = getenv("ONLY_CASE");
  size_t failed = 0;
  for (size_t i = 0; i < COUNT_OF(inverse_cases); i++) {
    if (only && strcmp(only, inverse_cases[i].name) != 0)
      continue;
    failed += run_case(f, &inverse_cases[i]) ? 0 : 1;
  }
  if (failed)
    fail_msg("%zu of %zu cases failed", failed, COUNT_OF(inverse_cases));
}

/* One round without a database to run it on: nothing for equal schemas, the first statements for a
 * difference. */
static void test_round(void **state)
{
  struct fixture *f = *state;
  CLEANUP(arena_freep)
  struct arena *arena = arena_new();
  struct err err = ERR_INIT;
  struct catalog *before, *after;
  struct catalog_options options = {0};
  struct inverse_steps steps = {0};
  struct strings refusals = {0};
  struct db_conn *conn = shadow_conn(f->shadow);
  check_ok(catalog_read(arena, conn, &options, &before, &err), &err, "before");
  check_ok(inverse_round(arena, before, before, &steps, &refusals, &err), &err, "round");
  assert_int_equal(steps.len, 0);
  assert_int_equal(refusals.len, 0);
  check_ok(db_exec(conn, "BEGIN; ALTER TABLE animals RENAME COLUMN legs TO feet", &err), &err,
           "sql");
  check_ok(catalog_read(arena, conn, &options, &after, &err), &err, "after");
  check_ok(db_exec(conn, "ROLLBACK", &err), &err, "rollback");
  check_ok(inverse_round(arena, after, before, &steps, &refusals, &err), &err, "round");
  assert_int_equal(steps.len, 1);
  assert_string_equal(steps.at[0].sql, "ALTER TABLE public.animals RENAME COLUMN feet TO legs");
  assert_int_equal(steps.at[0].phase, INVERSE_BEFORE_DATA);
}

/* The way back on any connection, in a transaction of the caller. */
static void test_converge(void **state)
{
  static const char *const migrations[] = {
      "DROP TABLE orders CASCADE; CREATE TABLE orders (x int)",
      "ALTER TABLE notes DROP COLUMN big; ALTER TABLE notes ADD COLUMN other int NOT NULL",
      "DROP FUNCTION touch() CASCADE; ALTER TYPE order_status ADD VALUE 'x'",
  };
  struct fixture *f = *state;
  CLEANUP(arena_freep)
  struct arena *arena = arena_new();
  struct catalog_options options = {0};
  struct db_conn *conn = shadow_conn(f->shadow);
  for (size_t i = 0; i < COUNT_OF(migrations); i++) {
    struct err err = ERR_INIT;
    struct catalog *before;
    struct inverse_steps steps = {0};
    struct strings refusals = {0};
    char want[65], now[65];
    check_ok(catalog_read(arena, conn, &options, &before, &err), &err, "before");
    catalog_fingerprint(before, 0, want);
    check_ok(db_exec(conn, "BEGIN", &err), &err, "begin");
    check_ok(db_exec(conn, migrations[i], &err), &err, migrations[i]);
    check_ok(inverse_converge(arena, conn, &options, before, &steps, &refusals, &err), &err,
             "converge");
    assert_int_equal(refusals.len, 0);
    assert_true(steps.len > 0);
    fingerprint(arena, conn, 0, now);
    assert_string_equal(want, now);
    check_ok(db_exec(conn, "ROLLBACK", &err), &err, "rollback");
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_round), cmocka_unit_test(test_converge),
                                     cmocka_unit_test(test_cases)};
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
