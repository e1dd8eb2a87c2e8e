/* Effects at static depth, against what servers 13 to 18 were measured to do. */
#include "lint_matrix.h"

enum { SHARE_MIN_PERCENT = 98 };

/* ---- the matrix ---- */

static const char *compare(const json_t *matrix, const json_t *c, const char *major,
                           const json_t *measured)
{
  CLEANUP(err_clear) struct err err = ERR_INIT;
  static struct lint_settings settings;
  struct sql_script *scripts[3];
  size_t count = 0;
  const char *setup = matrix_text(c, "setup");
  scripts[count++] = matrix_script("schema.sql", matrix_schema(matrix));
  bool session = setup && strncmp(setup, "SET ", 4) == 0; /* lasts as long as the session */
  if (setup && !session)
    scripts[count++] = matrix_script("setup.sql", setup);
  const char *sql = arena_printf(matrix_arena, "%s;\nBEGIN;\n%s;\nCOMMIT;",
                                 session ? setup : "SET x.y = 1", matrix_text(c, "sql"));
  scripts[count++] = matrix_script("statement.sql", sql);
  const struct lint_input input = {.scripts = scripts,
                                   .count = count,
                                   .known = count - 1,
                                   .target_major = (int)strtol(major, NULL, 10),
                                   .tool = lint_tool_find("psql")};
  struct lint_report report;
  if (lint_scripts(matrix_arena, &settings, &input, &report, &err) < 0)
    fail_msg("%s", err.message);
  return matrix_compare(measured, &report);
}

static struct matrix_count replay(const char *name, const struct matrix_accepted *accepted,
                                  size_t accepted_count)
{
  struct matrix_count total = {0};
  matrix_arena = arena_new();
  json_t *matrix = matrix_load(name), *c, *measured;
  size_t i;
  const char *major;
  json_array_foreach(json_object_get(matrix, "cases"), i, c)
  {
    arena_free(matrix_arena);
    matrix_arena = arena_new();
    const char *sql = matrix_text(c, "sql");
    json_object_foreach(json_object_get(c, "by_version"), major, measured)
    {
      const char *error = matrix_text(measured, "error");
      if (error && strncmp(error, "PRE ", 4) == 0)
        continue; /* the setup failed */
      matrix_note(&total, sql, major, compare(matrix, c, major, measured),
                  matrix_why(accepted, accepted_count, sql));
    }
  }
  json_decref(matrix);
  arena_free(matrix_arena);
  print_message("%s: %d of %d agree\n", name, total.agreed, total.pairs);
  return total;
}

static void test_matrix(void **state)
{
  UNUSED(state);
  static const struct matrix_accepted accepted[] = {
      {"UPDATE child SET s=1", "the rows had that value already: no key was looked up"},
      {"ALTER PUBLICATION pbx ADD TABLE child", "without a catalog publications are not known"},
  };
  struct matrix_count count = replay("lock-matrix.json", accepted, COUNT_OF(accepted));
  assert_int_equal(count.unaccepted, 0);
  assert_true(count.agreed * 100 >= count.pairs * SHARE_MIN_PERCENT);
}

static void test_more(void **state)
{
  UNUSED(state);
  static const char no_catalog[] = "without a catalog it is not known whether it is there";
  static const char no_owner[] = "without a catalog the owner is not known";
  static const char newest[] = "measured on 15.18, which locks no dependencies: 15.20 does";
  static const char by_rows[] = "the rows decide";
  static const char old[] = "13 takes a weaker lock";
  static const char zone[] = "free where TimeZone is UTC, as it was";
  static const struct matrix_accepted accepted[] = {
      {"ALTER TABLE base1 OWNER TO other", no_owner},
      {"ALTER TABLE ser OWNER TO other", no_owner},
      {"ALTER TABLE part OWNER TO other", no_owner},
      {"ALTER TABLE nosuch ADD COLUMN n int", no_catalog},
      {"ALTER TABLE IF EXISTS nosuch ADD COLUMN n int", no_catalog},
      {"DROP TABLE nosuch", no_catalog},
      {"DROP TABLE IF EXISTS nosuch", no_catalog},
      {"DROP VIEW IF EXISTS nosuch, vv", no_catalog},
      {"DROP INDEX nosuch", no_catalog},
      {"DROP INDEX IF EXISTS nosuch", no_catalog},
      {"DROP TRIGGER tg ON nosuch", no_catalog},
      {"CREATE INDEX ON nosuch (a)", no_catalog},
      {"ALTER TABLE child SET SCHEMA nosuch", no_catalog},
      {"SELECT trgf2()", no_catalog},
      {"DROP STATISTICS nopk_st", no_catalog},
      {"ALTER PUBLICATION pub1 SET TABLE child", no_catalog},
      {"ALTER TABLE fkc ALTER COLUMN code TYPE text", newest},
      {"CREATE TABLE n1 (a int REFERENCES pk(id), b int REFERENCES parent(id))", newest},
      {"CREATE TABLE n1 (a int, foreign key (a) references child(id))", newest},
      {"CREATE TABLE n1 (a int, b text, foreign key (a,b) references pp)", newest},
      {"CREATE TABLE n1 (LIKE child INCLUDING DEFAULTS, FOREIGN KEY (parent_id) REFERENCES parent)",
       newest},
      {"ALTER TABLE child DROP CONSTRAINT child_fk_ok, ADD CONSTRAINT child_fk_ok FOREIGN KEY "
       "(parent_id) REFERENCES parent(id) ON DELETE CASCADE NOT VALID",
       newest},
      {"ALTER TABLE ser ALTER COLUMN x TYPE bigint, ALTER COLUMN id TYPE bigint", newest},
      {"ALTER TABLE pp DETACH PARTITION pp_us", newest},
      {"CREATE TABLE pp_as PARTITION OF pp FOR VALUES IN ('as')", newest},
      {"DROP TABLE refpp", old},
      {"TRUNCATE part1", old},
      {"truncate pt91 cascade", old},
      {"truncate pt91, ref9", old},
      {"REINDEX TABLE part", "13 says that it does nothing to a partitioned table"},
      {"ALTER TABLE fkc ADD COLUMN u int NOT NULL", by_rows},
      {"ALTER TABLE child ALTER COLUMN tz TYPE timestamp", zone},
  };
  struct matrix_accepted all[COUNT_OF(accepted) + COUNT_OF(matrix_more)];
  memcpy(all, accepted, sizeof(accepted));
  memcpy(all + COUNT_OF(accepted), matrix_more, sizeof(matrix_more));
  struct matrix_count count = replay("lock-more.json", all, COUNT_OF(all));
  assert_int_equal(count.unaccepted, 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_matrix), cmocka_unit_test(test_more)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
