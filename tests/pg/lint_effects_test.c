/* Effects at catalog depth: the schema is read from the server at hand, and what lint then says of
 * each statement is compared with what servers of that major were measured to do. */
#include "catalog_support.h"

#include "lint/names.h"
#include "unit/lint_matrix.h"

struct world {
  const char *database, *major;
  const struct catalog *catalog;
  const struct lint_names *names;
};

static void make(const json_t *matrix, const char *database)
{
  struct err err = ERR_INIT;
  support_create(matrix_arena, database);
  struct db_conn *conn = support_open(matrix_arena, database);
  OK(db_exec(conn, "SET client_min_messages = error; SET SESSION AUTHORIZATION postgres", &err));
  OK(db_exec(conn, matrix_schema(matrix), &err));
  if (matrix_text(matrix, "rows_sql"))
    OK(db_exec(conn, matrix_text(matrix, "rows_sql"), &err));
  OK(db_exec(conn, "ANALYZE", &err));
  db_close(conn);
}

static struct world see(const char *database)
{
  struct err err = ERR_INIT;
  struct world world = {.database = database};
  struct db_conn *conn = support_open(matrix_arena, database);
  world.catalog = support_read(matrix_arena, conn);
  OK(lint_names_read(matrix_arena, conn, &world.names, &err));
  world.major = arena_printf(matrix_arena, "%d", world.catalog->server_version / 10000);
  db_close(conn);
  return world;
}

/* A copy of the database after the setup. False: the setup fails there. */
static bool set_up(const struct world *world, const char *setup, struct world *ret)
{
  struct err err = ERR_INIT;
  support_copy(matrix_arena, world->database, "effects_copy");
  struct db_conn *conn = support_open(matrix_arena, "effects_copy");
  bool works = db_exec(conn, setup, &err) == 0;
  err_clear(&err);
  db_close(conn);
  if (works)
    *ret = see("effects_copy");
  support_drop(matrix_arena, "effects_copy");
  return works;
}

static const char *compare(const struct world *world, const char *session, const char *statement,
                           const json_t *measured)
{
  CLEANUP(err_clear) struct err err = ERR_INIT;
  static struct lint_settings settings;
  const char *sql = arena_printf(matrix_arena, "%s;\nBEGIN;\n%s;\nCOMMIT;", session, statement);
  struct sql_script *script = matrix_script("statement.sql", sql);
  const struct lint_input input = {.scripts = &script,
                                   .count = 1,
                                   .catalog = world->catalog,
                                   .names = world->names,
                                   .tool = lint_tool_find("psql")};
  struct lint_report report;
  if (lint_scripts(matrix_arena, &settings, &input, &report, &err) < 0)
    fail_msg("%s", err.message);
  return matrix_compare(measured, &report);
}

static void check_case(const struct world *world, const json_t *c, const char *why,
                       struct matrix_count *total)
{
  const char *setup = matrix_text(c, "setup"), *sql = matrix_text(c, "sql");
  const json_t *measured = json_object_get(json_object_get(c, "by_version"), world->major);
  bool session = setup && strncmp(setup, "SET ", 4) == 0; /* lasts as long as the session */
  struct world here = *world;
  if (!measured || (setup && !session && !set_up(world, setup, &here)))
    return;
  const char *text = compare(&here, session ? setup : "SET x.y = 1", sql, measured);
  matrix_note(total, sql, world->major, text, why);
}

static struct matrix_count replay(const char *name, const struct matrix_accepted *accepted,
                                  size_t count)
{
  struct matrix_count total = {0};
  matrix_arena = arena_new();
  json_t *matrix = matrix_load(name), *c;
  size_t i;
  make(matrix, "effects");
  struct world world = see("effects");
  json_array_foreach(json_object_get(matrix, "cases"), i, c)
      check_case(&world, c, matrix_why(accepted, count, matrix_text(c, "sql")), &total);
  support_drop(matrix_arena, "effects");
  json_decref(matrix);
  arena_free(matrix_arena);
  print_message("%s: %d of %d agree\n", name, total.agreed, total.pairs);
  return total;
}

static void test_matrix(void **state)
{
  UNUSED(state);
  static const char minor[] = "from 15.19 on what is depended on is locked; measured on 15.20";
  static const struct matrix_accepted accepted[] = {
      {"UPDATE child SET s=1", "the rows had that value already: no key was looked up"},
      {"ALTER TABLE child ADD COLUMN x bigint REFERENCES parent(id)", minor},
      {"ALTER TABLE child ALTER COLUMN s TYPE int", minor},
      {"ALTER TABLE child ADD CONSTRAINT fk2 FOREIGN KEY (i) REFERENCES pt2(id) NOT VALID", minor},
      {"ALTER TABLE ser ALTER COLUMN id TYPE bigint", minor},
  };
  struct matrix_count count = replay("lock-matrix.json", accepted, COUNT_OF(accepted));
  assert_int_equal(count.unaccepted, 0);
}

static void test_more(void **state)
{
  UNUSED(state);
  static const char opaque[] = "what is hidden is said to be unknown";
  static const struct matrix_accepted accepted[] = {
      {"ALTER PUBLICATION pub1 SET TABLE child", opaque},
      {"ALTER TABLE child ALTER COLUMN tz TYPE timestamp", "free where TimeZone is UTC, as it was"},
      {"SELECT trgf2()", "a failure that is not looked for"},
  };
  struct matrix_accepted all[COUNT_OF(accepted) + COUNT_OF(matrix_more)];
  memcpy(all, accepted, sizeof(accepted));
  memcpy(all + COUNT_OF(accepted), matrix_more, sizeof(matrix_more));
  struct matrix_count count = replay("lock-more.json", all, COUNT_OF(all));
  assert_int_equal(count.unaccepted, 0);
}

static void test_seldom(void **state)
{
  UNUSED(state);
  struct matrix_count count = replay("lock-seldom.json", matrix_seldom, COUNT_OF(matrix_seldom));
  assert_int_equal(count.unaccepted, 0);
}

static int make_roles(void **state)
{
  UNUSED(state);
  struct err err = ERR_INIT;
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  struct db_conn *conn = support_open(arena, "postgres");
  OK(db_exec(conn, "CREATE ROLE postgres SUPERUSER; CREATE ROLE other", &err));
  db_close(conn);
  return 0;
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_matrix), cmocka_unit_test(test_more),
                                     cmocka_unit_test(test_seldom)};
  return cmocka_run_group_tests(tests, make_roles, NULL);
}
