#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "sql_fixture.h"

/* Each is parsed, and the oldest server that takes it is known (as the release notes say). */
static void test_majors(void **state)
{
  UNUSED(state);
  static const struct {
    int major;
    const char *sql;
  } cases[] = {
      {0, "CREATE TABLE t (a int, CHECK (NOT enforced), enforced boolean, storage text)"},
      {0, "CREATE TABLE t (a int CHECK (a > 0) NO INHERIT)"},
      {0, "SELECT * FROM (SELECT 1) x, (VALUES (1)) y"},
      {0, "SELECT extract(day FROM (SELECT now()))"},
      {0, "GRANT a TO b WITH ADMIN OPTION"},
      {0, "REINDEX DATABASE x"},
      {14, "CREATE OR REPLACE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()"},
      {14, "ALTER TABLE t DETACH PARTITION p CONCURRENTLY"},
      {14, "CREATE TABLE t (a text COMPRESSION pglz)"},
      {15, "CREATE UNIQUE INDEX i ON t (a) NULLS NOT DISTINCT"},
      {15, "ALTER TABLE t SET ACCESS METHOD heap"},
      {15, "MERGE INTO t USING s ON t.a = s.a WHEN MATCHED THEN DELETE"},
      {16, "CREATE TABLE t (a text STORAGE external, b text STORAGE DEFAULT)"},
      {16, "ALTER TABLE t ADD COLUMN a text STORAGE main NOT NULL"},
      {16, "SELECT 0xFF, 0o17, 0b101, 1_000, 0xFFFF_FFFF"},
      {16, "SELECT a IS JSON, b IS NOT JSON ARRAY WITH UNIQUE KEYS FROM t"},
      {16, "SELECT * FROM (SELECT 1)"},
      {16, "SELECT * FROM t, (VALUES (1), (2)) WHERE true"},
      {16, "SELECT * FROM (SELECT * FROM (SELECT 1)) JOIN (SELECT 2) ON true"},
      {16, "SELECT * FROM ((SELECT 1) UNION (SELECT 2))"},
      {16, "INSERT INTO t SELECT * FROM (SELECT 1) ORDER BY 1"},
      {16, "REINDEX DATABASE"},
      {16, "REINDEX (VERBOSE) SYSTEM CONCURRENTLY"},
      {16, "GRANT a TO b WITH INHERIT TRUE, SET FALSE GRANTED BY c"},
      {16, "GRANT a TO b WITH ADMIN TRUE"},
      {16, "REVOKE INHERIT OPTION FOR a FROM b"},
      {16, "SELECT json_object('a': 1, 'b' VALUE 2 NULL ON NULL RETURNING jsonb)"},
      {16, "SELECT json_array(1, 2 ABSENT ON NULL), json_array(SELECT 1)"},
      {16, "VACUUM (SKIP_DATABASE_STATS)"},
      {17, "SELECT json_value(a, '$.x' PASSING 1 AS y RETURNING int DEFAULT 0 ON ERROR) FROM t"},
      {17, "SELECT * FROM json_table('[]', '$[*]' COLUMNS (a int PATH '$.a')) AS x"},
      {17, "MERGE INTO t USING s ON t.a = s.a WHEN NOT MATCHED BY SOURCE THEN DELETE"},
      {17, "MERGE INTO t USING s ON t.a = s.a WHEN NOT MATCHED BY TARGET THEN DO NOTHING"},
      {17,
       "MERGE INTO t USING s ON t.a = s.a WHEN MATCHED THEN DELETE RETURNING merge_action(), t.*"},
      {17, "ALTER TABLE t ALTER COLUMN c SET EXPRESSION AS (a + 1)"},
      {17, "SELECT now() AT LOCAL"},
      {17, "ALTER DOMAIN d ADD NOT NULL"},
      {17, "ALTER DOMAIN d ADD CONSTRAINT n NOT NULL"},
      {17, "ALTER TABLE t SET ACCESS METHOD DEFAULT"},
      {17, "ALTER TABLE t ALTER a SET STATISTICS DEFAULT"},
      {17, "COPY t FROM '/x' WITH (ON_ERROR ignore)"},
      {17, "GRANT MAINTAIN ON t TO a"},
      {18, "ALTER TABLE t ADD CONSTRAINT c NOT NULL a NOT VALID"},
      {18, "ALTER TABLE t ADD NOT NULL a"},
      {18, "CREATE TABLE t (a int, CONSTRAINT c NOT NULL a NO INHERIT)"},
      {18, "CREATE TABLE t (a int NOT NULL NO INHERIT)"},
      {18, "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT ENFORCED"},
      {18, "CREATE TABLE t (a int CHECK (a > 0) NOT ENFORCED, b int REFERENCES s ENFORCED)"},
      {18, "ALTER TABLE t ALTER CONSTRAINT c NOT ENFORCED"},
      {18, "ALTER TABLE t ALTER CONSTRAINT c ENFORCED"},
      {18, "ALTER TABLE t ALTER CONSTRAINT c NO INHERIT"},
      {18, "ALTER TABLE t ALTER CONSTRAINT c INHERIT"},
      {18, "CREATE TABLE t (a int, b int GENERATED ALWAYS AS (a * 2) VIRTUAL)"},
      {18, "ALTER TABLE t ADD b int GENERATED ALWAYS AS (a * 2) NOT NULL"},
      {18, "CREATE TABLE t (a int, v tstzrange, PRIMARY KEY (a, v WITHOUT OVERLAPS))"},
      {18, "ALTER TABLE t ADD FOREIGN KEY (a, PERIOD v) REFERENCES s (a, PERIOD v)"},
      {18, "UPDATE t SET a = 1 RETURNING WITH (OLD AS o, NEW AS n) o.a, n.a"},
      {18, "VACUUM (FULL, ANALYZE) ONLY t (a), ONLY s"},
      {18, "ANALYZE ONLY t"},
      {18, "ALTER DEFAULT PRIVILEGES GRANT SELECT ON LARGE OBJECTS TO a"},
  };
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    const struct sql_tree *tree = digest(cases[i].sql);
    if (tree->newest.major != cases[i].major)
      fail_msg("%s: %d, not %d", cases[i].sql, tree->newest.major, cases[i].major);
  }
}

static void assert_newest(const struct sql_tree *tree, const char *expected)
{
  assert_int_equal(tree->newest.range.end - tree->newest.range.start, strlen(expected));
  assert_memory_equal(statement->text + tree->newest.range.start, expected, strlen(expected));
}

static void test_constraints(void **state)
{
  UNUSED(state);
  const struct sql_tree *t = digest("ALTER TABLE t ADD CONSTRAINT c\n NOT NULL \"A b\" NOT VALID");
  const struct sql_action *action = &t->actions.at[0];
  assert_int_equal(action->kind, SQL_ADD_CONSTRAINT);
  assert_string_equal(action->name, "c");
  assert_int_equal(action->constraint->kind, SQL_NOT_NULL);
  assert_string_equal(action->constraint->columns.at[0], "A b");
  assert_true(action->constraint->not_valid);
  assert_newest(t, "NOT NULL \"A b\"");

  t = digest("CREATE TABLE t (a int CHECK (a > 0), b int CHECK (b > 0) NOT /* x */ ENFORCED, "
             "c int REFERENCES s, CONSTRAINT n NOT NULL a, CONSTRAINT k CHECK (c > 1) NOT ENFORCED,"
             "FOREIGN KEY (a, PERIOD p) REFERENCES s (a, PERIOD p), d int)");
  assert_int_equal(t->columns.len, 4);
  assert_false(t->columns.at[0].constraints.at[0].not_enforced);
  assert_true(t->columns.at[1].constraints.at[0].not_enforced);
  assert_false(t->columns.at[2].constraints.at[0].not_enforced);
  assert_int_equal(t->constraints.at[0].kind, SQL_NOT_NULL);
  assert_true(t->constraints.at[1].not_enforced);
  assert_true(t->constraints.at[2].temporal);
  assert_int_equal(t->constraints.at[2].columns.len, 2);

  t = digest("ALTER TABLE t ADD a int CHECK (a > 0) NOT ENFORCED, ADD CHECK (b > 0), "
             "ALTER CONSTRAINT k NOT ENFORCED, ALTER CONSTRAINT l INHERIT");
  assert_true(t->actions.at[0].column->constraints.at[0].not_enforced);
  assert_false(t->actions.at[1].constraint->not_enforced);
  assert_int_equal(t->actions.at[2].kind, SQL_ALTER_CONSTRAINT);
  assert_string_equal(t->actions.at[2].name, "k");
  assert_int_equal(t->actions.at[2].enforced, SQL_SAID_NOT);
  assert_int_equal(t->actions.at[3].inherit, SQL_SAID);
}

static void test_columns(void **state)
{
  UNUSED(state);
  const struct sql_tree *t =
      digest("CREATE TABLE t (a int, b int GENERATED ALWAYS AS (a * 2), c int DEFAULT 1, "
             "d int GENERATED ALWAYS AS (a) STORED, e int GENERATED ALWAYS AS (a) VIRTUAL)");
  assert_int_equal(t->columns.at[1].generated, SQL_GENERATED_VIRTUAL);
  assert_null(t->columns.at[1].default_value);
  assert_non_null(t->columns.at[1].generated_as);
  assert_non_null(t->columns.at[2].default_value);
  assert_int_equal(t->columns.at[3].generated, SQL_GENERATED_STORED);
  assert_int_equal(t->columns.at[4].generated, SQL_GENERATED_VIRTUAL);
  t = digest("ALTER TABLE t ALTER c SET EXPRESSION AS (now()), SET ACCESS METHOD DEFAULT");
  assert_int_equal(t->actions.at[0].kind, SQL_SET_EXPRESSION);
  assert_string_equal(t->actions.at[0].value->functions.at[0].name, "now");
  assert_int_equal(t->actions.at[1].kind, SQL_SET_ACCESS_METHOD);
  assert_null(t->actions.at[1].name);
  t = digest("ALTER TABLE t ALTER c TYPE timestamp USING c AT LOCAL");
  assert_null(t->actions.at[0].using->bare_column);
}

static void test_data(void **state)
{
  UNUSED(state);
  const struct sql_tree *t = digest("WITH x AS (SELECT 1) MERGE INTO t USING (SELECT 1) ON t.a = 1 "
                                    "WHEN NOT MATCHED BY SOURCE THEN DELETE RETURNING old.*");
  assert_int_equal(t->kind, SQL_MERGE);
  assert_int_equal(t->changes.len, 1);
  assert_int_equal(t->changes.at[0].kind, SQL_MERGE);
  assert_false(t->changes.at[0].where);
  t = digest("VACUUM ONLY t");
  assert_true(t->only);
  t = digest("REINDEX DATABASE");
  assert_null(t->name.name);
  t = digest("ALTER TABLE t ADD CHECK (a IS NOT JSON)");
  assert_null(t->actions.at[0].constraint->check.not_null_column);
}

/* What no server takes stays refused, and the place is the parser's own. */
static void test_refused(void **state)
{
  UNUSED(state);
  static const char *const cases[] = {
      "ALTER TABLE t ADD CONSTRAINT c NOT NULL a NOT ENFORCED oops",
      "CREATE TABLE t (a int NOT ENFORCED NOT ENFORCED b)",
      "SELECT * FROM (SELECT 1) WHERE WHERE",
      "VACUUM ONLY",
      "ALTER TABLE t MERGE PARTITIONS (a, b) INTO c",
  };
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    CLEANUP(err_clear) struct err err = ERR_INIT;
    struct sql_script *script = NULL;
    assert_int_equal(sql_script_read(arena, "f.sql", cases[i], strlen(cases[i]), &script, &err), 0);
    if (script->statements.at[0].tree)
      fail_msg("%s: parsed", cases[i]);
    assert_non_null(script->statements.at[0].parse_error);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_majors), cmocka_unit_test(test_constraints),
      cmocka_unit_test(test_columns), cmocka_unit_test(test_data), cmocka_unit_test(test_refused)};
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
