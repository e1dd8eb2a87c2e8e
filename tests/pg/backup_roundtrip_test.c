#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "backup_support.h"

/* pg_dump's script without the lines that differ on every call. Rows hashed by an enum lie in
 * other partitions. */
static const char *dump_of(struct fixture *f, const char *database)
{
  const char *text = output_of(
      f, NULL,
      (const char *const[]){"pg_dump", "--exclude-table-data=shop.hashed_*", "-d", database, NULL});
  CLEANUP(text_clear) struct text kept = TEXT_INIT;
  for (const char *line = text, *end; *line; line = end) {
    end = strchr(line, '\n');
    end = end ? end + 1 : line + strlen(line);
    if (strncmp(line, "\\restrict ", 10) != 0 && strncmp(line, "\\unrestrict ", 12) != 0)
      text_append(&kept, line, (size_t)(end - line));
  }
  return arena_strdup(f->arena, kept.data);
}

static void assert_same_dump(struct fixture *f, const char *expected_database,
                             const char *found_database)
{
  const char *a = dump_of(f, expected_database), *b = dump_of(f, found_database);
  size_t i = 0, line = 0;
  for (; a[i] && a[i] == b[i]; i++)
    line = a[i] == '\n' ? i + 1 : line;
  if (a[i] != b[i])
    fail_msg("pg_dump differs:\n- %.300s\n+ %.300s", a + line, b + line);
}

/* Every table with an order-independent hash of its rows. */
static const char *hashes_of(struct fixture *f, const char *database)
{
  const char *sql = value_of(
      f, database,
      "SELECT string_agg(format('SELECT %L || count(*) || coalesce(md5(string_agg(t::text, ''|''"
      " ORDER BY t::text)), '''') FROM %s %I.%I t', n.nspname || '.' || c.relname || ' ',"
      " CASE c.relkind WHEN 'r' THEN 'ONLY' ELSE '' END, n.nspname, c.relname), ' UNION ALL ' "
      "ORDER BY n.nspname, c.relname)"
      " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE (c.relkind = 'r'"
      " AND c.relname !~ '^hashed' OR c.relkind = 'p') AND n.nspname NOT IN ('pg_catalog', "
      "'information_schema')");
  return value_of(f, database,
                  arena_printf(f->arena, "SELECT string_agg(h, E'\\n') FROM (%s) x (h)", sql));
}

static void assert_same_rows(struct fixture *f, const char *expected_database,
                             const char *found_database)
{
  assert_string_equal(hashes_of(f, expected_database), hashes_of(f, found_database));
}

static struct catalog *catalog_of(struct fixture *f, const char *database)
{
  static const struct catalog_options options = {0};
  CLEANUP(db_closep) struct db_conn *conn = connect_to(f, database);
  struct catalog *c = NULL;
  ok(f, catalog_read(f->arena, conn, &options, &c, &f->err));
  return c;
}

static void assert_same_schema(struct fixture *f, const char *expected_database,
                               const char *found_database)
{
  struct strings lines = catalog_differences(f->arena, catalog_of(f, expected_database),
                                             catalog_of(f, found_database), 0, 20);
  for (size_t i = 0; i < lines.len; i++)
    print_error("%s\n", lines.at[i]);
  assert_int_equal(lines.len, 0);
}

static void a_nasty_database_comes_back_the_same(void **state)
{
  struct fixture *f = *state;
  load_file(f, "source", "backup_fixture.sql");
  struct backup_info info = take(f, 4), found = {0};
  assert_true(info.tables > 20 && info.rows > 700 && info.bytes > 0 && info.raw_bytes > info.bytes);
  ok(f, backup_find(f->arena, f->place, "source", "latest", INT64_MAX, &found, &f->err));
  assert_string_equal(found.id, info.id);
  assert_string_equal(found.reason, "a test");
  struct restore_report report = restore_into(f, &info, "copy 1");
  assert_int_equal(report.tables, info.tables - 1); /* the backup counts pg_largeobject as one */
  assert_int_equal(report.large_objects, 3);
  assert_true(report.rows > 700 && report.rows < info.rows);
  assert_int_equal(report.missing_roles.len, 0);
  assert_same_rows(f, "source", "copy 1");
  assert_same_dump(f, "source", "copy 1");
  assert_same_schema(f, "source", "copy 1");
}

static void a_verify_proves_it_at_each_level(void **state)
{
  struct fixture *f = *state;
  load_file(f, "source", "backup_fixture.sql");
  struct backup_info info = take(f, 2);
  for (enum backup_level level = BACKUP_HASH; level <= BACKUP_RESTORE; level++) {
    struct verify_report report = {0};
    ok(f, verify_to(f, &info, level, &report));
    assert_int_equal(report.uncompared.len, 0);
    assert_int_equal(report.level, level);
    assert_int_equal(report.rows, info.rows);
    assert_int_equal(report.tables, info.tables);
  }
  assert_string_equal(
      value_of(f, "postgres", "SELECT count(*) FROM pg_database WHERE datname ~ 'belay_verify'"),
      "0");
}

static void recover_txt_restores_without_belay(void **state)
{
  struct fixture *f = *state;
  load_file(f, "source", "backup_fixture.sql");
  struct backup_info info = take(f, 2);
  const char *dir = arena_printf(f->arena, "%s/store/%s", f->dir, info.prefix);
  const char *name = named(f, "by 'hand'");
  assert_string_equal(output_of(f, dir, (const char *const[]){"sh", "RECOVER.txt", name, NULL}),
                      "");
  assert_same_rows(f, "source", name);
  assert_same_dump(f, "source", name);
  /* the copy inside the first segment is the same text */
  const char *inside = output_of(
      f, dir, (const char *const[]){"tar", "-xOf", "segment-0001.tar", "RECOVER.txt", NULL});
  assert_string_equal(inside, backup_recover_text(f->arena, "source", info.prefix, false));
}

static void the_manifest_says_what_it_is(void **state)
{
  struct fixture *f = *state;
  load_file(f, "source", "backup_fixture.sql");
  struct backup_info info = take(f, 1);
  CLEANUP(archive_closep) struct archive *archive = NULL;
  ok(f, archive_open(f->arena, f->place, info.prefix, &archive, &f->err));
  const json_t *m = archive->manifest;
  assert_string_equal(json_string_value(json_object_get(m, "kind")), "backup");
  assert_string_equal(json_string_value(json_object_get(m, "database")), "source");
  assert_string_equal(json_string_value(json_object_get(m, "encoding")), "UTF8");
  assert_int_equal(json_integer_value(json_object_get(m, "attempts")), 1);
  assert_int_equal(strlen(json_string_value(json_object_get(m, "fingerprint"))), 64);
  assert_non_null(strchr(json_string_value(json_object_get(m, "lsn")), '/'));
  const json_t *migration = json_array_get(json_object_get(m, "migrations"), 0);
  assert_string_equal(json_string_value(json_object_get(migration, "name")), "20260101_init");
  assert_string_equal(json_string_value(json_object_get(migration, "checksum")), "c0ffee");
  const json_t *roles = json_object_get(m, "roles");
  assert_string_equal(json_string_value(json_array_get(roles, 0)), "belay");
}

/* What CREATE EXTENSION makes is left out, but for the rows that the extension declares as the
 * user's. */
static void rows_of_an_extension_that_are_the_users_are_copied(void **state)
{
  struct fixture *f = *state;
  run_sql(f, "source",
          "CREATE TABLE settings AS SELECT i AS a, i > 3 AS own FROM generate_series(1, 10) i;"
          "CREATE TABLE lookup AS SELECT 1 AS a;"
          "ALTER EXTENSION plpgsql ADD TABLE settings; ALTER EXTENSION plpgsql ADD TABLE lookup;"
          "UPDATE pg_extension SET extconfig = ARRAY['settings'::regclass::oid],"
          " extcondition = ARRAY['WHERE own'] WHERE extname = 'plpgsql'");
  struct backup_info info = take(f, 1);
  assert_int_equal(info.tables, 1);
  assert_int_equal(info.rows, 7);
}

static void an_empty_database_comes_back(void **state)
{
  struct fixture *f = *state;
  run_sql(f, "source", "DROP SCHEMA public; DROP EXTENSION plpgsql;");
  struct backup_info info = take(f, 1);
  assert_int_equal(info.tables, 0);
  restore_into(f, &info, "copy");
  assert_string_equal(
      value_of(f, "copy", "SELECT count(*) FROM pg_namespace WHERE nspname = 'public'"), "0");
  assert_same_dump(f, "source", "copy");
}

static void other_encodings_keep_their_bytes(void **state)
{
  struct fixture *f = *state;
  make_database(f, "latin", "ENCODING 'LATIN1'");
  run_sql(f, "latin", "CREATE TABLE t (a text); INSERT INTO t VALUES ('é ÿ'), (chr(233))");
  make_database(f, "bytes", "ENCODING 'SQL_ASCII'");
  run_sql(f, "bytes",
          "SET client_encoding = 'SQL_ASCII'; CREATE TABLE t (a text);"
          "INSERT INTO t VALUES (E'\\xff\\xfe'), (E'\\xc3\\xa9'), (E'\\xe9')");
  const char *const names[] = {"latin", "bytes"};
  for (size_t i = 0; i < COUNT_OF(names); i++) {
    ok(f, db_target_with_database(f->arena, &f->server, names[i], &f->source, &f->err));
    struct backup_info info = take(f, 2);
    const char *copy = arena_printf(f->arena, "%s_copy", names[i]);
    restore_into(f, &info, copy);
    assert_same_dump(f, names[i], copy);
    const char *sql = "SELECT string_agg(md5(a), ' ' ORDER BY md5(a)) FROM t";
    assert_string_equal(value_of(f, names[i], sql), value_of(f, copy, sql));
  }
}

static void an_existing_database_is_never_touched(void **state)
{
  struct fixture *f = *state;
  run_sql(f, "source", "CREATE TABLE t AS SELECT 1 AS a");
  struct backup_info info = take(f, 1);
  make_database(f, "taken", "");
  run_sql(f, "taken", "CREATE TABLE mine ()");
  struct restore_options options = {
      .target = &f->server, .place = f->place, .prefix = info.prefix, .into = "taken", .jobs = 1};
  struct restore_report report;
  fails(f, backup_restore(f->arena, &options, &report, &f->err), ERR_REFUSED, "taken exists");
  assert_string_equal(value_of(f, "taken", "SELECT to_regclass('mine')::text"), "mine");
  options.into = "a name that is longer than the sixty-three bytes that a name may have at most";
  fails(f, backup_restore(f->arena, &options, &report, &f->err), ERR_USAGE, "cannot be the name");
}

static void missing_roles_are_named(void **state)
{
  struct fixture *f = *state;
  run_sql(f, "source",
          "DROP ROLE IF EXISTS \"Some Owner\"; DROP ROLE IF EXISTS reader;"
          "CREATE ROLE \"Some Owner\"; CREATE ROLE reader;"
          "CREATE TABLE t AS SELECT 1 AS a; ALTER TABLE t OWNER TO \"Some Owner\";"
          "CREATE TABLE u AS SELECT 2 AS a; GRANT SELECT (a) ON u TO reader;"
          "CREATE SCHEMA s AUTHORIZATION \"Some Owner\";"
          "ALTER DEFAULT PRIVILEGES FOR ROLE \"Some Owner\" GRANT SELECT ON TABLES TO reader;");
  struct backup_info info = take(f, 1);
  restore_into(f, &info, "whole");
  assert_same_dump(f, "source", "whole");
  run_sql(f, "whole", "DROP OWNED BY reader; DROP OWNED BY \"Some Owner\"");
  run_sql(f, "source", "DROP OWNED BY reader; DROP OWNED BY \"Some Owner\"");
  run_sql(f, "source", "DROP ROLE \"Some Owner\"; DROP ROLE reader");
  struct restore_report report = restore_into(f, &info, "partly");
  assert_int_equal(report.missing_roles.len, 2);
  assert_string_equal(
      value_of(f, "partly",
               "SELECT sum(a)::text FROM (SELECT a FROM t UNION ALL SELECT a FROM u) x"),
      "3");
  struct verify_report verified;
  ok(f, verify_to(f, &info, BACKUP_RESTORE, &verified));
  assert_int_equal(verified.missing_roles.len, 2);
  struct restore_options options = {.target = &f->server,
                                    .place = f->place,
                                    .prefix = info.prefix,
                                    .into = named(f, "unowned"),
                                    .jobs = 1,
                                    .no_owner = true};
  ok(f, backup_restore(f->arena, &options, &report, &f->err));
  assert_int_equal(report.missing_roles.len, 0);
}

static void a_role_of_a_policy_must_exist(void **state)
{
  struct fixture *f = *state;
  run_sql(f, "source",
          "CREATE ROLE gone; CREATE TABLE t (a int); ALTER TABLE t ENABLE ROW LEVEL SECURITY;"
          "CREATE POLICY p ON t TO gone USING (true)");
  struct backup_info info = take(f, 1);
  run_sql(f, "source", "DROP POLICY p ON t; DROP ROLE gone");
  struct restore_options options = {.target = &f->server,
                                    .place = f->place,
                                    .prefix = info.prefix,
                                    .into = named(f, "copy"),
                                    .jobs = 1};
  struct restore_report report;
  fails(f, backup_restore(f->arena, &options, &report, &f->err), ERR_REFUSED,
        "do not exist here: gone");
  assert_string_equal(
      value_of(f, "postgres", "SELECT count(*) FROM pg_database WHERE datname = 'copy'"), "0");
}

static void a_failed_restore_leaves_no_database(void **state)
{
  struct fixture *f = *state;
  run_sql(
      f, "source",
      "CREATE TABLE t (a int); INSERT INTO t SELECT generate_series(1, 100);"
      "CREATE FUNCTION good() RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';"
      "ALTER TABLE t ADD CHECK (good());"
      "CREATE OR REPLACE FUNCTION good() RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT false'");
  struct backup_info info = take(f, 1);
  struct restore_options options = {.target = &f->server,
                                    .place = f->place,
                                    .prefix = info.prefix,
                                    .into = named(f, "copy"),
                                    .jobs = 2};
  struct restore_report report;
  fails(f, backup_restore(f->arena, &options, &report, &f->err), ERR_UNEXPECTED, "t_check");
  assert_string_equal(
      value_of(f, "postgres", "SELECT count(*) FROM pg_database WHERE datname = 'copy'"), "0");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_SERVER(a_nasty_database_comes_back_the_same),
      WITH_SERVER(a_verify_proves_it_at_each_level),
      WITH_SERVER(recover_txt_restores_without_belay),
      WITH_SERVER(the_manifest_says_what_it_is),
      WITH_SERVER(rows_of_an_extension_that_are_the_users_are_copied),
      WITH_SERVER(an_empty_database_comes_back),
      WITH_SERVER(other_encodings_keep_their_bytes),
      WITH_SERVER(an_existing_database_is_never_touched),
      WITH_SERVER(missing_roles_are_named),
      WITH_SERVER(a_role_of_a_policy_must_exist),
      WITH_SERVER(a_failed_restore_leaves_no_database),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
