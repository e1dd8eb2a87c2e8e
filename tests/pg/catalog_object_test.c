/* Every object of the rich fixture, and of others those of the kinds that it lacks, one at a time:
 * dropped, then all that went with it is made again in the order of catalog_sort by
 * catalog_create_object, and the schema must be equal. This is how the inverse works. */
#include "catalog_support.h"

#include "base/clock.h"

static struct catalog *read_whole(struct arena *arena, struct db_conn *conn)
{
  static const struct catalog_options options = {.secrets = true};
  struct err err = ERR_INIT;
  struct catalog *c = NULL;
  OK(catalog_read(arena, conn, &options, &c, &err));
  return c;
}

static bool run(struct db_conn *conn, const char *sql, struct err *err)
{
  return db_exec(conn, sql, err) == 0;
}

/* What an ALTER of the inverse brings back, not a CREATE (catalog.h): the owner of a serial
 * sequence, the place of a column, what an inheritance child has otherwise than its parent, the
 * loose member of an operator family that went with its operator. */
static bool is_expected(const char *line)
{
  return strstr(line, "owned_by is absent") || strstr(line, "position is ") ||
         strstr(line, "operator family ex.words_family USING btree: members is ") ||
         strstr(line, "operator family pg_catalog.integer_ops USING btree: members is ") ||
         strstr(line, "operator family pg_catalog.integer_ops USING btree: removed_members is ") ||
         strstr(line, "table app.dog: column ") || strstr(line, "table app.puppy: column ") ||
         strstr(line, "table app.events_old: column amount: default ");
}

static size_t compare(struct arena *arena, const struct catalog *before, struct db_conn *conn,
                      const struct catalog_object *o)
{
  struct catalog *after = read_whole(arena, conn);
  struct strings lines = catalog_differences(arena, before, after, 0, 10);
  size_t wrong = 0;
  for (size_t i = 0; i < lines.len; i++)
    if (!is_expected(lines.at[i])) {
      print_error("%s %s: %s\n", catalog_kind_name(o->kind), o->identity, lines.at[i]);
      wrong++;
    }
  return wrong;
}

static struct catalog_objects lost_objects(struct arena *arena, const struct catalog *c,
                                           struct db_conn *conn)
{
  struct err err = ERR_INIT;
  struct catalog_objects lost = {0}, sorted = {0};
  struct catalog *left = read_whole(arena, conn);
  for (size_t i = 0; i < c->object_count; i++) {
    struct catalog_object *o = c->objects[i];
    bool with_parent =
        o->kind == CATALOG_COLUMN && !catalog_find_name(left, o->parent->kind, o->parent->identity);
    if (!with_parent && !catalog_find_name(left, o->kind, o->identity))
      vec_push(arena, &lost, o);
  }
  OK(catalog_sort(arena, lost.at, lost.len, &sorted, &err));
  assert_int_equal(sorted.len, lost.len);
  return sorted;
}

/* 1: dropped and made again; 0: others need it, or it goes with its parent. */
static int drop_and_create(struct arena *arena, const struct catalog *c, struct db_conn *conn,
                           const struct catalog_object *o, size_t *wrong)
{
  CLEANUP(err_clear) struct err err = ERR_INIT;
  char *drop = catalog_drop_object(arena, o);
  if (!drop || !run(conn, drop, &err))
    return 0;
  struct catalog_objects lost = lost_objects(arena, c, conn);
  struct catalog_script script = {0};
  for (size_t i = 0; i < lost.len; i++)
    if (!(lost.at[i]->kind == CATALOG_COLUMN && catalog_get(lost.at[i], "inherited")))
      OK(catalog_create_object(arena, c, lost.at[i], &script, &err));
  for (size_t i = 0; i < script.len; i++)
    if (!run(conn, script.at[i].sql, &err)) {
      print_error("%s %s: %s\n%s", catalog_kind_name(o->kind), o->identity, err.message,
                  script.at[i].sql);
      (*wrong)++;
      return 1;
    }
  *wrong += compare(arena, c, conn, o);
  return 1;
}

/* The columns of two tables are enough. */
static bool is_tried(const struct catalog_object *o)
{
  return o->kind != CATALOG_COLUMN || strcmp(o->parent->identity, "app.users") == 0 ||
         strcmp(o->parent->identity, "app.animal") == 0 ||
         strcmp(o->parent->identity, "app.events") == 0;
}

/* Adds to `made`, by kind, what could be dropped. Kinds that were made before are not tried. */
static void try_fixture(const char *fixture, const char *database, int made[CATALOG_KIND_COUNT])
{
  struct err err = ERR_INIT;
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  support_create(arena, database);
  support_load(arena, database, fixture);
  CLEANUP(db_closep) struct db_conn *conn = support_open(arena, database);
  int64_t start = clock_monotonic_ms();
  struct catalog *c = read_whole(arena, conn);
  print_message("read %zu objects in %" PRId64 " ms\n", c->object_count,
                clock_monotonic_ms() - start);
  int now[CATALOG_KIND_COUNT] = {0};
  size_t wrong = 0;
  for (size_t i = 0; i < c->object_count; i++) {
    const struct catalog_object *o = c->objects[i];
    if (made[o->kind] || !is_tried(o))
      continue;
    CLEANUP(arena_freep) struct arena *scratch = arena_new();
    OK(db_exec(conn, "BEGIN; SET LOCAL check_function_bodies = off", &err));
    now[o->kind] += drop_and_create(scratch, c, conn, o, &wrong);
    OK(db_exec(conn, "ROLLBACK", &err));
  }
  assert_int_equal(wrong, 0);
  for (int kind = 0; kind < CATALOG_KIND_COUNT; kind++)
    made[kind] += now[kind];
}

static void test_each(void **state)
{
  UNUSED(state);
  int made[CATALOG_KIND_COUNT] = {0};
  try_fixture("rich.sql", "each_one", made);
  try_fixture("exotic.sql", "each_two", made);
  try_fixture("foreign.sql", "each_three", made);
  int untried = 0;
  for (int kind = CATALOG_SCHEMA; kind < CATALOG_KIND_COUNT; kind++)
    if (kind != CATALOG_EXTENSION && !made[kind]) {
      print_error("no %s was dropped\n", catalog_kind_name((enum catalog_kind)kind));
      untried++;
    }
  assert_int_equal(untried, 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_each),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
