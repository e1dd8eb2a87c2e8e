/* The oracle is pg_dump: a schema that was read, written as DDL and run elsewhere must dump to
 * the same text. */
#include "catalog_support.h"

/* pg_dump -s without what changes from run to run. */
static char *dump(struct arena *arena, const char *database)
{
  struct err err = ERR_INIT;
  char *program = arena_printf(arena, "%s/pg_dump", getenv("PGBIN"));
  const char *argv[] = {program, "-s", "-C", "-d", database, NULL};
  struct spawn spawn = {.argv = argv, .capture = true};
  struct spawn_result result;
  OK(spawn_run(arena, &spawn, &result, &err));
  if (result.exit_code != 0)
    fail_msg("pg_dump: %s", result.output);
  CLEANUP(text_clear) struct text text = TEXT_INIT;
  for (char *line = result.output, *end; *line; line = end) {
    end = strchr(line, '\n');
    end = end ? end + 1 : line + strlen(line);
    if (strncmp(line, "--", 2) == 0 || strncmp(line, "\\restrict", 9) == 0 ||
        strncmp(line, "\\unrestrict", 11) == 0)
      continue;
    for (char *found; (found = strstr(line, database)) && found < end; line = found + 8)
      text_append(&text, line, (size_t)(found - line)); /* names of databases have 8 letters */
    text_append(&text, line, (size_t)(end - line));
  }
  return arena_strdup(arena, text.data);
}

static void assert_same_text(struct arena *arena, const char *a, const char *b)
{
  if (strcmp(a, b) == 0)
    return;
  struct err err = ERR_INIT;
  char *dir = NULL;
  OK(fs_temp_dir(arena, "belay-catalog-", &dir, &err));
  char *path_a = fs_join(arena, dir, "source"), *path_b = fs_join(arena, dir, "copy");
  OK(fs_write_atomic(path_a, a, strlen(a), 0600, &err));
  OK(fs_write_atomic(path_b, b, strlen(b), 0600, &err));
  const char *argv[] = {"diff", "-U4", path_a, path_b, NULL};
  struct spawn spawn = {.argv = argv, .capture = true};
  struct spawn_result result;
  OK(spawn_run(arena, &spawn, &result, &err));
  OK(fs_remove_tree(dir, &err));
  fputs(result.output, stderr);
  fail_msg("pg_dump -s differs");
}

static void assert_no_differences(struct arena *arena, const struct catalog *a,
                                  const struct catalog *b)
{
  struct strings lines = catalog_differences(arena, a, b, 0, 20);
  for (size_t i = 0; i < lines.len; i++)
    print_error("%s\n", lines.at[i]);
  assert_int_equal(lines.len, 0);
  char of_a[65], of_b[65];
  catalog_fingerprint(a, 0, of_a);
  catalog_fingerprint(b, 0, of_b);
  assert_string_equal(of_a, of_b);
}

static struct catalog_script script_of(struct arena *arena, const struct catalog *c, int sections)
{
  struct err err = ERR_INIT;
  struct catalog_script script;
  OK(catalog_ddl(arena, c, sections, &script, &err));
  return script;
}

static char *text_of(struct arena *arena, const struct catalog_script *script)
{
  CLEANUP(text_clear) struct text text = TEXT_INIT;
  for (size_t i = 0; i < script->len; i++)
    text_puts(&text, script->at[i].sql);
  return arena_strdup(arena, text.data);
}

static struct catalog *read_whole(struct arena *arena, struct db_conn *conn)
{
  static const struct catalog_options options = {.secrets = true};
  struct err err = ERR_INIT;
  struct catalog *c = NULL;
  OK(catalog_read(arena, conn, &options, &c, &err));
  return c;
}

static void round_trip(const char *fixture, const char *from, const char *to)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  support_create(arena, from);
  support_create(arena, to);
  if (fixture)
    support_load(arena, from, fixture);
  CLEANUP(db_closep) struct db_conn *source = support_open(arena, from);
  CLEANUP(db_closep) struct db_conn *target = support_open(arena, to);
  struct catalog *c = read_whole(arena, source);
  for (size_t i = 0; i < c->unknown.len; i++)
    print_error("unknown: %s %s\n", c->unknown.at[i].kind, c->unknown.at[i].identity);
  assert_int_equal(c->unknown.len, 0);
  struct catalog_script before = script_of(arena, c, CATALOG_PRE_DATA);
  struct catalog_script after = script_of(arena, c, CATALOG_POST_DATA);
  support_run(target, &before);
  support_run(target, &after);
  struct catalog *copy = read_whole(arena, target);
  assert_no_differences(arena, c, copy);
  assert_same_text(arena, dump(arena, from), dump(arena, to));
  /* the same schema is the same script, whatever its addresses */
  struct catalog_script all = script_of(arena, c, CATALOG_ALL);
  struct catalog_script again = script_of(arena, copy, CATALOG_ALL);
  assert_int_equal(all.len, before.len + after.len);
  assert_same_text(arena, text_of(arena, &all), text_of(arena, &again));
  /* matviews are filled as they were */
  for (size_t i = 0; i < c->object_count; i++)
    if (c->objects[i]->kind == CATALOG_MATVIEW)
      assert_int_equal(
          !catalog_get(c->objects[i], "populated"),
          !catalog_get(catalog_find_name(copy, CATALOG_MATVIEW, c->objects[i]->identity),
                       "populated"));
}

static void test_rich(void **state)
{
  UNUSED(state);
  round_trip("rich.sql", "source_a", "target_a");
}

static void test_odd(void **state)
{
  UNUSED(state);
  round_trip("odd.sql", "source_o", "target_o");
}

static void test_exotic(void **state)
{
  UNUSED(state);
  round_trip("exotic.sql", "source_e", "target_e");
}

static void test_extensions(void **state)
{
  UNUSED(state);
  round_trip("extensions.sql", "source_b", "target_b");
}

static void test_foreign(void **state)
{
  UNUSED(state);
  round_trip("foreign.sql", "source_f", "target_f");
}

static void test_bare(void **state)
{
  UNUSED(state);
  round_trip("bare.sql", "source_c", "target_c");
}

static void test_new_database(void **state)
{
  UNUSED(state);
  round_trip(NULL, "source_d", "target_d");
}

/* A circle that cannot be broken is refused by name, not written wrongly. */
static void test_circle(void **state)
{
  UNUSED(state);
  CLEANUP(err_clear) struct err err = ERR_INIT;
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  support_create(arena, "circle_d");
  CLEANUP(db_closep) struct db_conn *conn = support_open(arena, "circle_d");
  OK(db_exec(conn,
             "CREATE TABLE t (a integer);"
             "CREATE FUNCTION gen(x integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT 1';"
             "ALTER TABLE t ADD b integer GENERATED ALWAYS AS (gen(a)) STORED;"
             "CREATE OR REPLACE FUNCTION gen(x integer) RETURNS integer IMMUTABLE BEGIN ATOMIC "
             "SELECT count(*)::integer FROM t; END",
             &err));
  struct catalog_script script = {0};
  assert_int_equal(catalog_ddl(arena, support_read(arena, conn), CATALOG_ALL, &script, &err), -1);
  assert_int_equal(err.code, ERR_REFUSED);
  assert_non_null(strstr(err.message, "public.gen(integer)"));
  assert_non_null(strstr(err.message, "table public.t"));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_rich),   cmocka_unit_test(test_odd),
      cmocka_unit_test(test_exotic), cmocka_unit_test(test_extensions),
      cmocka_unit_test(test_bare),   cmocka_unit_test(test_new_database),
      cmocka_unit_test(test_circle), cmocka_unit_test(test_foreign),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
