#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base.h"
#include "base/clock.h"
#include "base/fs.h"
#include "inverse/local_server.h"
#include "inverse/local_stale.h"
#include "inverse_cases.h"

struct fixture {
  struct arena *arena;
  struct db_target target;
  struct catalog *schema;
  char *scratch; /* TMPDIR of the tests: what is left in it afterwards was left behind */
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
  CLEANUP(db_closep)
  struct db_conn *conn = NULL;
  struct catalog_options options = {0};
  *state = f;
  f->arena = arena_new();
  check_ok(fs_temp_dir(f->arena, "belay-t", &f->scratch, &err), &err, "temp dir");
  chmod(f->scratch, 0711); /* the server's user must pass through it */
  setenv("TMPDIR", f->scratch, 1);
  check_ok(db_target_parse(f->arena, getenv("DATABASE_URL"), "test", &f->target, &err), &err,
           "url");
  check_ok(db_open(&f->target, "test", &conn, &err), &err, "open");
  check_ok(db_exec(conn, base_roles, &err), &err, "roles");
  check_ok(db_exec(conn, base_schema, &err), &err, "schema");
  check_ok(catalog_read(f->arena, conn, &options, &f->schema, &err), &err, "catalog");
  return 0;
}

static int tear_down(void **state)
{
  struct fixture *f = *state;
  struct err err = ERR_INIT;
  struct strings left = {0};
  check_ok(fs_list(f->arena, f->scratch, &left, &err), &err, "list");
  int count = (int)left.len;
  fs_remove_tree(f->scratch, &err);
  arena_free(f->arena);
  free(f);
  return count; /* a directory was left behind: the group fails */
}

static struct shadow *open_local(struct fixture *f)
{
  struct err err = ERR_INIT;
  struct shadow *shadow = NULL;
  struct catalog_options catalog_options = {0};
  struct shadow_options options = {.target = &f->target,
                                   .server_major = f->schema->server_version / 10000};
  check_ok(shadow_open(f->arena, &options, f->schema, &catalog_options, &shadow, &err), &err,
           "shadow_open");
  return shadow;
}

static struct sql_script *script_of(struct arena *arena, const char *sql)
{
  struct err err = ERR_INIT;
  struct sql_script *script;
  check_ok(sql_script_read(arena, "m.sql", sql, strlen(sql), &script, &err), &err, sql);
  return script;
}

static void fingerprint(struct arena *arena, struct db_conn *conn, char hex[65])
{
  struct err err = ERR_INIT;
  struct catalog *c;
  struct catalog_options options = {0};
  check_ok(catalog_read(arena, conn, &options, &c, &err), &err, "catalog");
  catalog_fingerprint(c, 0, hex);
}

static bool has(const struct strings *list, const char *s)
{
  for (size_t i = 0; i < list->len; i++)
    if (strcmp(list->at[i], s) == 0)
      return true;
  return false;
}

static bool mentions(const struct strings *list, const char *part)
{
  for (size_t i = 0; i < list->len; i++)
    if (strstr(list->at[i], part))
      return true;
  return false;
}

static bool server_runs(pid_t pid)
{
  return kill(pid, 0) == 0;
}

/* The throw-away server holds the same schema, bears the target's names, and is gone after
 * shadow_close. */
static void test_local_server(void **state)
{
  struct fixture *f = *state;
  struct err err = ERR_INIT;
  char want[65], found[65];
  struct shadow *shadow = open_local(f);
  assert_non_null(strstr(shadow_where(shadow), "throw-away PostgreSQL"));
  assert_string_equal(db_user(shadow_conn(shadow)), "belay");
  assert_string_equal(db_database(shadow_conn(shadow)), "test");
  catalog_fingerprint(f->schema, 0, want);
  fingerprint(f->arena, shadow_conn(shadow), found);
  assert_string_equal(want, found);
  const char *data;
  check_ok(db_query_value(shadow_conn(shadow), f->arena, &data, &err, "SHOW data_directory", NULL),
           &err, "data_directory");
  assert_non_null(strstr(data, "/belay-shadow-"));
  assert_true(strncmp(data, f->scratch, strlen(f->scratch)) == 0);
  shadow_close(shadow);
  assert_false(fs_exists(data));
}

static void test_proof_on_local_server(void **state)
{
  struct fixture *f = *state;
  struct err err = ERR_INIT;
  struct shadow *shadow = open_local(f);
  struct inverse *inverse;
  struct catalog_options options = {0};
  struct sql_script *script = script_of(
      f->arena, "ALTER DATABASE test SET work_mem = '7MB'; CREATE ROLE later;"
                "ALTER TABLE notes DROP COLUMN kind CASCADE; GRANT SELECT ON notes TO later;");
  check_ok(inverse_prove(f->arena, shadow, &options, script, &inverse, &err), &err, "prove");
  assert_int_equal(inverse->verdict, INVERSE_COLUMN_ORDER);
  assert_true(mentions(&inverse->outside, "CREATE ROLE later"));
  char *text = inverse_script_text(f->arena, inverse);
  assert_non_null(strstr(text, "-- Verdict: column-order"));
  assert_non_null(strstr(text, "BEGIN;\n"));
  assert_non_null(strstr(text, "-- rows captured by belay run"));
  assert_non_null(strstr(text, "CREATE POLICY notes_read"));
  shadow_close(shadow);
}

/* A child that is killed leaves its server (where setpriv is missing) and directory; the next
 * start removes both. */
static void test_kill_leaves_nothing(void **state)
{
  struct fixture *f = *state;
  struct err err = ERR_INIT;
  int fds[2];
  assert_int_equal(pipe(fds), 0);
  pid_t child = fork();
  if (child == 0) {
    struct local_server *server;
    struct err child_err = ERR_INIT;
    int major = f->schema->server_version / 10000;
    if (local_server_start(f->arena, major, "postgres", &server, &child_err) < 0)
      _exit(1);
    pid_t pid = local_server_pid(server);
    if (write(fds[1], &pid, sizeof(pid)) != (ssize_t)sizeof(pid))
      _exit(1);
    pause();
    _exit(0);
  }
  pid_t server;
  assert_int_equal(read(fds[0], &server, sizeof(server)), sizeof(server));
  assert_true(server_runs(server));
  local_dir_clean_stale(f->arena, "postgres"); /* its owner lives: nothing happens */
  assert_true(server_runs(server));
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  close(fds[0]);
  close(fds[1]);
  local_dir_clean_stale(f->arena, geteuid() == 0 ? "postgres" : NULL);
  for (int i = 0; i < 100 && server_runs(server); i++)
    clock_sleep_ms(50);
  assert_false(server_runs(server));
  struct strings left = {0};
  check_ok(fs_list(f->arena, f->scratch, &left, &err), &err, "list");
  assert_int_equal(left.len, 0);
}

/* A directory that is not ours by its looks stays. */
static void test_stale_spares_others(void **state)
{
  struct fixture *f = *state;
  struct err err = ERR_INIT;
  const char *fresh = fs_join(f->arena, f->scratch, "belay-shadow-1-xxxxxx");
  const char *other = fs_join(f->arena, f->scratch, "something");
  check_ok(fs_mkdirs(fresh, 0700, &err), &err, "mkdir");
  check_ok(fs_mkdirs(other, 0700, &err), &err, "mkdir");
  local_dir_clean_stale(f->arena, NULL);
  assert_true(fs_exists(fresh)); /* may be one that is just being made: no lock yet */
  assert_true(fs_exists(other));
  check_ok(fs_write_atomic(fs_join(f->arena, fresh, "owner"), "", 0, 0600, &err), &err, "write");
  local_dir_clean_stale(f->arena, NULL);
  assert_false(fs_exists(fresh));
  fs_remove_tree(other, &err);
}

static void test_failing_migration(void **state)
{
  struct fixture *f = *state;
  CLEANUP(err_clear) struct err err = ERR_INIT;
  struct shadow *shadow = open_local(f);
  struct shadow_effects effects = {0};
  struct strings outside = {0};
  char before[65], now[65];
  fingerprint(f->arena, shadow_conn(shadow), before);
  struct sql_script *script =
      script_of(f->arena, "CREATE TABLE t (x int);\n  ALTER TABLE nowhere ADD COLUMN y int;");
  assert_int_equal(shadow_run(f->arena, shadow, script, &effects, &outside, &err), -1);
  assert_int_equal(err.code, ERR_REFUSED);
  assert_non_null(strstr(err.message, "m.sql:2:3: relation \"nowhere\" does not exist"));
  assert_string_equal(err.sqlstate, "42P01");
  fingerprint(f->arena, shadow_conn(shadow), now);
  assert_string_equal(before, now);
  err_clear(&err);
  /* what only COMMIT would find */
  script = script_of(f->arena,
                     "CREATE TABLE d (x int PRIMARY KEY, y int REFERENCES d DEFERRABLE INITIALLY"
                     " DEFERRED); INSERT INTO d VALUES (1, 2);");
  assert_int_equal(shadow_run(f->arena, shadow, script, &effects, &outside, &err), -1);
  assert_string_equal(err.sqlstate, "23503");
  fingerprint(f->arena, shadow_conn(shadow), now);
  assert_string_equal(before, now);
  shadow_close(shadow);
}

static const struct shadow_effect *effect_of(const struct shadow_effects *effects, size_t statement)
{
  for (size_t i = 0; i < effects->len; i++)
    if (effects->at[i].statement == statement)
      return &effects->at[i];
  fail_msg("statement %zu has no effects", statement);
  return NULL;
}

static void test_effects(void **state)
{
  struct fixture *f = *state;
  struct err err = ERR_INIT;
  struct shadow *shadow = open_local(f);
  struct shadow_effects effects = {0};
  struct strings outside = {0};
  struct sql_script *script =
      script_of(f->arena, "UPDATE customers SET name = 'x' WHERE false;"     /* 0 */
                          "TRUNCATE notes;"                                  /* 1 */
                          "ALTER TABLE customers RENAME TO clients;"         /* 2 */
                          "DELETE FROM clients;"                             /* 3: cascades */
                          "ALTER TABLE animals ALTER COLUMN legs TYPE text;" /* 4 */
                          "CREATE TABLE made (x int); INSERT INTO made VALUES (1);" /* 5, 6 */
                          "INSERT INTO events VALUES (1, '2026-02-02', 'x');"       /* 7 */
                          "COPY notes TO PROGRAM 'cat';"                            /* 8: not run */
                          "NOTIFY somebody;"                                        /* 9 */
                          "DROP TABLE order_items;");                               /* 10 */
  check_ok(shadow_run(f->arena, shadow, script, &effects, &outside, &err), &err, "run");
  assert_true(has(&effect_of(&effects, 0)->written, "public.customers"));
  assert_int_equal(effect_of(&effects, 0)->exclusive.len, 0);
  assert_true(has(&effect_of(&effects, 1)->rewritten, "public.notes"));
  assert_true(has(&effect_of(&effects, 2)->exclusive, "public.customers"));
  assert_true(has(&effect_of(&effects, 4)->rewritten, "public.animals"));
  assert_true(has(&effect_of(&effects, 4)->rewritten, "public.dogs"));
  assert_true(has(&effect_of(&effects, 7)->written, "public.events"));
  assert_true(has(&effect_of(&effects, 7)->written, "public.events_2026"));
  assert_true(has(&effect_of(&effects, 10)->exclusive, "public.order_items"));
  for (size_t i = 0; i < effects.len; i++)
    assert_false(has(&effects.at[i].written, "public.made"));
  assert_int_equal(outside.len, 2);
  assert_true(mentions(&outside, "COPY with a program"));
  assert_true(mentions(&outside, "NOTIFY somebody"));
  shadow_close(shadow);
}

/* Statements that must not run on a shadow are reported; SET of a migration does not outlive it. */
static void test_outside(void **state)
{
  struct fixture *f = *state;
  struct err err = ERR_INIT;
  struct shadow *shadow = open_local(f);
  struct shadow_effects effects = {0};
  struct strings outside = {0};
  static const char *const never[] = {
      "ALTER SYSTEM SET work_mem = '1GB';",
      "CREATE TABLESPACE t LOCATION '/nowhere';",
      "ALTER DATABASE another SET work_mem = '1MB';",
      "DROP DATABASE another;",
      "/* x */ CREATE SUBSCRIPTION s CONNECTION 'host=nowhere' PUBLICATION p;",
      "DO $$ BEGIN EXECUTE 'COPY notes FROM PROGRAM ''false'''; END $$;",
      "SELECT dblink_exec('host=nowhere', 'DROP TABLE x');",
      "COPY notes FROM '/nowhere/file';",
  };
  for (size_t i = 0; i < COUNT_OF(never); i++) {
    outside.len = 0;
    check_ok(shadow_run(f->arena, shadow, script_of(f->arena, never[i]), &effects, &outside, &err),
             &err, never[i]);
    assert_int_equal(outside.len, 1);
  }
  outside.len = 0;
  struct sql_script *script = script_of(
      f->arena, "SET search_path = audit; CREATE USER u; ALTER ROLE u SET work_mem = '1MB';"
                "GRANT u TO app_owner; ALTER ROLE u IN DATABASE test SET work_mem = '2MB';"
                "CREATE TABLE here (x int); DROP ROLE nobody_knows;");
  check_ok(shadow_run(f->arena, shadow, script, &effects, &outside, &err), &err, "roles");
  assert_int_equal(outside.len, 4);
  const char *value;
  check_ok(db_query_value(shadow_conn(shadow), f->arena, &value, &err,
                          "SELECT to_regclass('audit.here') IS NOT NULL AND"
                          " current_setting('search_path') <> 'audit'",
                          NULL),
           &err, "query");
  assert_string_equal(value, "t");
  shadow_close(shadow);
}

static void test_bare(void **state)
{
  struct fixture *f = *state;
  CLEANUP(err_clear) struct err err = ERR_INIT;
  struct shadow *shadow = open_local(f);
  struct inverse *inverse;
  struct catalog_options options = {0};
  struct sql_script *script =
      script_of(f->arena, "DROP INDEX CONCURRENTLY orders_fee; UPDATE notes SET a = 'x';"
                          "CREATE INDEX CONCURRENTLY notes_b ON notes (b); VACUUM notes;");
  check_ok(inverse_prove(f->arena, shadow, &options, script, &inverse, &err), &err, "prove");
  assert_int_equal(inverse->verdict, INVERSE_EXACT);
  assert_true(inverse->bare);
  assert_true(has(&effect_of(&inverse->effects, 1)->written, "public.notes"));
  assert_non_null(strstr(inverse_script_text(f->arena, inverse), "without CONCURRENTLY"));
  script = script_of(f->arena, "VACUUM notes; ALTER TABLE nowhere ADD x int;");
  struct inverse *none = NULL;
  assert_int_equal(inverse_prove(f->arena, shadow, &options, script, &none, &err), -1);
  assert_int_equal(err.code, ERR_REFUSED);
  assert_null(none);
  shadow_close(shadow);
}

/* What the model does not know, an extension that is missing, a gap of the model: refused by name.
 */
static void test_refusals(void **state)
{
  struct fixture *f = *state;
  CLEANUP(err_clear) struct err err = ERR_INIT;
  struct shadow *shadow = NULL;
  struct catalog_options catalog_options = {0};
  struct shadow_options options = {.target = &f->target,
                                   .server_major = f->schema->server_version / 10000};
  struct catalog odd = *f->schema;
  vec_push(f->arena, &odd.unknown, ((struct catalog_unknown){"aggregate", "public.x(integer)"}));
  assert_int_equal(shadow_open(f->arena, &options, &odd, &catalog_options, &shadow, &err), -1);
  assert_int_equal(err.code, ERR_REFUSED);
  assert_non_null(strstr(err.message, "aggregate public.x(integer)"));
  err_clear(&err);
  struct catalog_property version = {"version", "1.0"};
  struct catalog_object extension = {.kind = CATALOG_EXTENSION,
                                     .name = "no_such_thing",
                                     .identity = "no_such_thing",
                                     .properties = &version,
                                     .property_count = 1};
  struct catalog_object *only[] = {&extension};
  struct catalog with_extension = {
      .server_version = f->schema->server_version, .objects = only, .object_count = 1};
  assert_int_equal(
      shadow_open(f->arena, &options, &with_extension, &catalog_options, &shadow, &err), -1);
  assert_int_equal(err.code, ERR_REFUSED);
  assert_non_null(strstr(err.message, "no_such_thing 1.0"));
  err_clear(&err);
  options.server_major = 99;
  assert_int_equal(shadow_open(f->arena, &options, f->schema, &catalog_options, &shadow, &err), -1);
  assert_int_equal(err.code, ERR_REFUSED);
  assert_non_null(strstr(err.hint, "--shadow"));
  err_clear(&err);
  options.url = getenv("DATABASE_URL");
  assert_int_equal(shadow_open(f->arena, &options, f->schema, &catalog_options, &shadow, &err), -1);
  assert_non_null(strstr(err.message, "the target is 99"));
}

static int64_t shadows_on(struct fixture *f)
{
  struct err err = ERR_INIT;
  CLEANUP(db_closep)
  struct db_conn *conn = NULL;
  const char *count;
  check_ok(db_open(&f->target, "test", &conn, &err), &err, "open");
  check_ok(db_query_value(conn, f->arena, &count, &err,
                          "SELECT count(*) FROM pg_database WHERE datname LIKE 'belay\\_shadow%'",
                          NULL),
           &err, "count");
  return strtoll(count, NULL, 10);
}

/* On the target's own server only a role with few rights may run a migration. */
static void test_on_target(void **state)
{
  struct fixture *f = *state;
  CLEANUP(err_clear) struct err err = ERR_INIT;
  CLEANUP(db_closep)
  struct db_conn *conn = NULL;
  struct shadow *shadow = NULL;
  struct catalog_options catalog_options = {0};
  struct shadow_options options = {.target = &f->target,
                                   .url = getenv("DATABASE_URL"),
                                   .server_major = f->schema->server_version / 10000};
  assert_int_equal(shadow_open(f->arena, &options, f->schema, &catalog_options, &shadow, &err), -1);
  assert_int_equal(err.code, ERR_REFUSED);
  assert_non_null(strstr(err.message, "may change more than its own database"));
  err_clear(&err);
  check_ok(db_open(&f->target, "test", &conn, &err), &err, "open");
  check_ok(db_exec(conn, "CREATE ROLE small LOGIN CREATEDB", &err), &err, "role");
  check_ok(db_exec(conn, "CREATE DATABASE belay_shadow_1000_0a0a0a0a", &err), &err, "old shadow");
  char *url = arena_printf(f->arena, "host=%s port=%s user=small dbname=test", getenv("PGHOST"),
                           getenv("PGPORT"));
  options.url = url;
  struct catalog empty = {.server_version = f->schema->server_version};
  /* an empty catalog lacks the schema public, which each new database has: not equal, so refused */
  assert_int_equal(shadow_open(f->arena, &options, &empty, &catalog_options, &shadow, &err), -1);
  assert_non_null(strstr(err.message, "not equal to the schema"));
  assert_int_equal(shadows_on(f), 1); /* dropped again; the old one of somebody else stays */
  err_clear(&err);
  CLEANUP(db_closep)
  struct db_conn *small = NULL;
  struct db_target small_target;
  struct catalog *bare;
  check_ok(db_exec(conn, "CREATE DATABASE plain TEMPLATE template0", &err), &err, "database");
  check_ok(db_target_parse(f->arena, arena_printf(f->arena, "%s dbname=plain", url), "t",
                           &small_target, &err),
           &err, "parse");
  check_ok(db_open(&small_target, "test", &small, &err), &err, "open");
  check_ok(catalog_read(f->arena, small, &catalog_options, &bare, &err), &err, "read");
  check_ok(shadow_open(f->arena, &options, bare, &catalog_options, &shadow, &err), &err, "open");
  assert_int_equal(shadow_stale(shadow).len, 1);
  assert_string_equal(shadow_stale(shadow).at[0], "belay_shadow_1000_0a0a0a0a");
  shadow_close(shadow);
  assert_int_equal(shadows_on(f), 1);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_local_server),
      cmocka_unit_test(test_proof_on_local_server),
      cmocka_unit_test(test_kill_leaves_nothing),
      cmocka_unit_test(test_stale_spares_others),
      cmocka_unit_test(test_failing_migration),
      cmocka_unit_test(test_effects),
      cmocka_unit_test(test_outside),
      cmocka_unit_test(test_bare),
      cmocka_unit_test(test_refusals),
      cmocka_unit_test(test_on_target),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
