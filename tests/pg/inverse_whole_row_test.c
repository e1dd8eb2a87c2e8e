/* Tables without a key that survives: rows are matched by their values. */
#include "inverse_capture_world.h"

#define LOG "CREATE TABLE log (at int, what text, n numeric(8,2));"
#define LOG_ROWS                                                                                   \
  "INSERT INTO log SELECT g / 3, CASE WHEN g % 4 > 0 THEN 'w' || g % 2 END, g % 5"                 \
  " FROM generate_series(1, 30) g; INSERT INTO log SELECT * FROM log WHERE at < 4;"                \
  "INSERT INTO log VALUES (NULL, NULL, NULL), (NULL, '', NULL), (0, '\\N', 0), (0, ',\"()', 1);"

static const struct scenario scenarios[] = {
    {.name = "all of DML, equal rows",
     .schema = LOG,
     .rows = LOG_ROWS,
     .migration = {"UPDATE log SET n = n * 2 WHERE at < 3", "DELETE FROM log WHERE what IS NULL",
                   "INSERT INTO log SELECT 3, 'w0', g % 3 FROM generate_series(1, 9) g",
                   "DELETE FROM log WHERE ctid = (SELECT min(ctid) FROM log WHERE at = 2)"}},
    {.name = "rows that others write stay",
     .schema = LOG,
     .rows = LOG_ROWS,
     .migration = {"UPDATE log SET n = n + 1 WHERE at < 3", "INSERT INTO log VALUES (1, 'x', 1)"},
     .later = "INSERT INTO log VALUES (1, 'x', 1), (2, 'later', 0);"
              "UPDATE log SET n = 77 WHERE at = 8; DELETE FROM log WHERE at = 7"},
    {.name = "others commit meanwhile, and are in the middle of it",
     .schema = LOG,
     .rows = LOG_ROWS,
     .first = "BEGIN; UPDATE log SET n = 5 WHERE at = 9; SAVEPOINT s;"
              "UPDATE log SET n = 6 WHERE at = 8; RELEASE s",
     .migration = {"UPDATE log SET n = n + 1 WHERE at < 3", "DELETE FROM log WHERE at = 4"},
     .meanwhile = "INSERT INTO log VALUES (1, 'c', 1); DELETE FROM log WHERE at = 10",
     .meanwhile_end = "COMMIT"},
    {.name = "row locks, savepoints, exceptions",
     .schema = LOG,
     .rows = LOG_ROWS,
     .migration = {"SELECT 1 FROM log WHERE at < 6 FOR UPDATE",
                   "DO $$ BEGIN FOR i IN 1..6 LOOP BEGIN UPDATE log SET n = -i WHERE at = i;"
                   " IF i % 2 = 0 THEN RAISE 'no'; END IF; EXCEPTION WHEN raise_exception THEN"
                   " INSERT INTO log VALUES (100, 'handler', i); END; END LOOP; END $$",
                   "UPDATE log SET n = n WHERE at = 1"}},
    {.name = "a trigger and a cascade write it",
     .schema = LOG "CREATE TABLE p (id int PRIMARY KEY);"
                   "CREATE TABLE c (p int REFERENCES p ON DELETE CASCADE, v text);"
                   "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                   " INSERT INTO log VALUES (OLD.id, TG_OP, 1); RETURN NULL; END $$;"
                   "CREATE TRIGGER note AFTER DELETE ON p FOR EACH ROW EXECUTE FUNCTION note();"
                   "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                   " RETURN NULL; END $$;",
     .rows = LOG_ROWS "INSERT INTO p VALUES (1), (2); INSERT INTO c VALUES (1, 'a'), (1, 'a'),"
                      " (2, 'b'); CREATE TRIGGER no BEFORE INSERT OR DELETE ON log FOR EACH ROW"
                      " EXECUTE FUNCTION no(); ALTER TABLE log DISABLE TRIGGER no",
     .migration = {"DELETE FROM p WHERE id = 1"},
     .later = "ALTER TABLE log ENABLE TRIGGER no"},
    {.name = "truncate and fill",
     .schema = LOG,
     .rows = LOG_ROWS,
     .migration = {"TRUNCATE log", "INSERT INTO log VALUES (1, 'seed', 0), (1, 'seed', 0)"},
     .later = "INSERT INTO log VALUES (5, 'later', 0)"},
    {.name = "written and altered",
     .schema = LOG,
     .rows = LOG_ROWS,
     .migration = {"UPDATE log SET what = 'none' WHERE what IS NULL",
                   "ALTER TABLE log ALTER what SET NOT NULL", "ALTER TABLE log ADD COLUMN k serial",
                   "ALTER TABLE log RENAME at TO moment"},
     .later = "INSERT INTO log VALUES (5, 'later', 0)",
     .inverse_before = "ALTER TABLE log RENAME moment TO at; ALTER TABLE log DROP COLUMN k;"
                       "ALTER TABLE log ALTER what DROP NOT NULL"},
    {.name = "values changed by a rewrite of the same type",
     .schema = LOG,
     .rows = LOG_ROWS,
     .migration = {"ALTER TABLE log ALTER at TYPE int USING at * 2"}},
    {.name = "a type that loses information",
     .schema = LOG,
     .rows = "INSERT INTO log SELECT g, 'w', g / 3.0 FROM generate_series(1, 9) g",
     .migration = {"ALTER TABLE log ALTER n TYPE int"},
     .later = "INSERT INTO log VALUES (50, 'later', 3)",
     .inverse_before = "ALTER TABLE log ALTER n TYPE numeric(8,2)"},
    {.name = "a column is dropped",
     .schema = LOG,
     .rows = LOG_ROWS,
     .migration = {"ALTER TABLE log DROP COLUMN n"},
     .later = "INSERT INTO log (at, what) VALUES (1, 'w1'), (70, 'later')",
     .inverse_before = "ALTER TABLE log ADD COLUMN n numeric(8,2)"},
    {.name = "the only column is dropped",
     .schema = "CREATE TABLE t (a int)",
     .rows = "INSERT INTO t VALUES (1), (2), (NULL)",
     .migration = {"ALTER TABLE t DROP COLUMN a"},
     .inverse_before = "ALTER TABLE t ADD COLUMN a int"},
    {.name = "no columns at all",
     .schema = "CREATE TABLE t ()",
     .rows = "INSERT INTO t DEFAULT VALUES; INSERT INTO t DEFAULT VALUES",
     .migration = {"DELETE FROM t WHERE ctid = '(0,1)'", "INSERT INTO t DEFAULT VALUES",
                   "INSERT INTO t DEFAULT VALUES"}},
    {.name = "no columns, dropped",
     .schema = "CREATE TABLE t ()",
     .rows = "INSERT INTO t DEFAULT VALUES; INSERT INTO t DEFAULT VALUES",
     .migration = {"DROP TABLE t"},
     .inverse_before = "CREATE TABLE t ()"},
    {.name = "the key is dropped",
     .schema = "CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, v text,"
               " l int GENERATED ALWAYS AS (length(v)) STORED)",
     .rows = "INSERT INTO t (v) SELECT repeat('x', g % 3) FROM generate_series(1, 9) g",
     .migration = {"ALTER TABLE t DROP COLUMN id"},
     .inverse_before = "ALTER TABLE t ADD COLUMN id int GENERATED ALWAYS AS IDENTITY",
     .inverse_after = "ALTER TABLE t ADD PRIMARY KEY (id)"},
    {.name = "the key gets another type",
     .schema = "CREATE TABLE t (id int PRIMARY KEY, v text)",
     .rows = "INSERT INTO t SELECT g, 'v' || g FROM generate_series(1, 9) g",
     .migration = {"ALTER TABLE t ALTER id TYPE uuid USING md5(id::text)::uuid"},
     .inverse_before = "ALTER TABLE t ALTER id TYPE int USING 0"},
    {.name = "partitions",
     .schema = "CREATE TABLE t (id int, region int, v text) PARTITION BY LIST (region);"
               "CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1);"
               "CREATE TABLE t2 PARTITION OF t FOR VALUES IN (2)",
     .rows = "INSERT INTO t SELECT g % 7, 1 + g % 2, 'v' FROM generate_series(1, 20) g",
     .migration = {"CREATE TABLE t3 PARTITION OF t FOR VALUES IN (3)",
                   "UPDATE t SET region = 3 WHERE id < 3", "DELETE FROM t1 WHERE id = 4",
                   "INSERT INTO t2 VALUES (4, 2, 'v')"},
     .inverse_before = "DROP TABLE t3"},
    {.name = "a partition is dropped and rows are written",
     .schema = "CREATE TABLE t (id int, region int, v text) PARTITION BY LIST (region);"
               "CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1);"
               "CREATE TABLE t2 PARTITION OF t FOR VALUES IN (2)",
     .rows = "INSERT INTO t SELECT g % 7, 1 + g % 2, 'v' FROM generate_series(1, 20) g",
     .migration = {"UPDATE t SET region = 2 WHERE id < 3 AND region = 1", "DROP TABLE t1"},
     .inverse_before = "CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1)"},
};

static void test_scenarios(void **state)
{
  for (size_t i = 0; i < COUNT_OF(scenarios); i++)
    check_scenario(*state, &scenarios[i]);
}

/* ---- rows that are no longer there ---- */

static const struct scenario updated = {
    .name = "updated",
    .schema = LOG,
    .rows = "INSERT INTO log VALUES (1, 'a', 1), (2, 'b', 2), (3, 'c', 3)",
    .migration = {"UPDATE log SET n = n + 10", "INSERT INTO log VALUES (4, 'd', 4)"},
    .later = "UPDATE log SET what = 'mine' WHERE at = 2; INSERT INTO log VALUES (5, 'e', 5)",
};
static const char log_rows[] =
    "SELECT string_agg(concat_ws(' ', at, what, n), ', ' ORDER BY at, n) FROM log";

static void test_kept(void **state)
{
  struct world *w = *state;
  CLEANUP(err_clear) struct err err = ERR_INIT;
  struct undo_report report = {0};
  const char *prefix = migrated(w, &updated);
  assert_int_equal(roll_back(w, &updated, prefix, UNDO_KEEP, &report, &err), 0);
  assert_int_equal(report.conflict_count, 1);
  assert_string_equal(reason_of(&report, "row (2,b,12.00)"),
                      "changed or deleted since; without a key no row of the table is put back");
  assert_int_equal(report.restored + report.reinserted + report.deleted, 0);
  assert_string_equal(ask(w, w->c, log_rows),
                      "1 a 11.00, 2 mine 12.00, 3 c 13.00, 4 d 4.00, 5 e 5.00");
}

/* Which of equal rows it was does not matter while their dropped values are equal, too. */
static void test_kept_column(void **state)
{
  static const struct scenario s = {
      .schema = LOG,
      .rows = "INSERT INTO log VALUES (1, 'a', 1), (1, 'a', 1), (2, 'b', 1), (2, 'b', 2)",
      .migration = {"ALTER TABLE log DROP COLUMN n"},
      .later = "DELETE FROM log WHERE ctid = (SELECT min(ctid) FROM log WHERE at = 1)",
      .inverse_before = "ALTER TABLE log ADD COLUMN n numeric(8,2)",
  };
  struct world *w = *state;
  CLEANUP(err_clear) struct err err = ERR_INIT;
  struct undo_report report = {0};
  const char *prefix = migrated(w, &s);
  assert_int_equal(roll_back(w, &s, prefix, UNDO_KEEP, &report, &err), 0);
  assert_int_equal(report.conflict_count, 1);
  assert_string_equal(reason_of(&report, "row (1,a)"), "changed or deleted since");
  assert_string_equal(ask(w, w->c, log_rows), "1 a 1.00, 2 b 1.00, 2 b 2.00");
}

/* Each is refused, and nothing is changed. */
static void check_refused(struct world *w, const struct scenario *s, enum undo_on_conflict mode,
                          const char *message)
{
  CLEANUP(err_clear) struct err err = ERR_INIT;
  struct undo_report report = {0};
  const char *prefix = migrated(w, s);
  const char *before = content(w, w->c);
  assert_int_equal(roll_back(w, s, prefix, mode, &report, &err), -1);
  assert_int_equal(err.code, ERR_REFUSED);
  if (!strstr(err.message, message))
    fail_msg("%s: %s", s->name, err.message);
  assert_string_equal(content(w, w->c), before);
}

static void test_refused(void **state)
{
  static const struct scenario dropped = {
      .name = "dropped column",
      .schema = LOG,
      .rows = "INSERT INTO log VALUES (1, 'a', 1), (1, 'a', 2), (2, 'b', 2)",
      .migration = {"ALTER TABLE log DROP COLUMN n"},
      .later = "DELETE FROM log WHERE ctid = (SELECT min(ctid) FROM log WHERE at = 1)",
      .inverse_before = "ALTER TABLE log ADD COLUMN n numeric(8,2)",
  };
  static const struct scenario retyped = {
      .name = "retyped",
      .schema = LOG,
      .rows = "INSERT INTO log VALUES (1, 'a', 1.5), (2, 'b', 2.5)",
      .migration = {"ALTER TABLE log ALTER n TYPE int"},
      .later = "DELETE FROM log WHERE at = 1",
      .inverse_before = "ALTER TABLE log ALTER n TYPE numeric(8,2)",
  };
  struct world *w = *state;
  check_refused(w, &updated, UNDO_RESTORE,
                "rows of public.log were changed or deleted since: without a key they cannot be"
                " restored");
  check_refused(w, &updated, UNDO_ABORT, "1 rows were changed since the migration");
  check_refused(w, &dropped, UNDO_KEEP, "which of the dropped values were theirs (1)");
  check_refused(w, &retyped, UNDO_KEEP, "it cannot be told which they were");
}

/* Inserted rows that are gone are told; the others are taken out. */
static void test_inserted(void **state)
{
  static const struct scenario s = {
      .schema = LOG,
      .rows = "INSERT INTO log VALUES (1, 'a', 1)",
      .migration = {"INSERT INTO log VALUES (4, 'd', 4), (5, 'e', 5), (5, 'e', 5)"},
      .later = "DELETE FROM log WHERE at = 4",
  };
  struct world *w = *state;
  CLEANUP(err_clear) struct err err = ERR_INIT;
  struct undo_report report = {0};
  const char *prefix = migrated(w, &s);
  assert_int_equal(roll_back(w, &s, prefix, UNDO_KEEP, &report, &err), 0);
  assert_int_equal(report.conflict_count, 1);
  assert_string_equal(reason_of(&report, "row (4,d,4.00)"), "changed or deleted since");
  assert_int_equal(report.deleted, 2);
  assert_string_equal(ask(w, w->c, log_rows), "1 a 1.00");
}

/* What refers to it was made by the migration itself, after the proof: rows would be taken out
 * from under it. */
static void test_referenced(void **state)
{
  static const struct scenario s = {
      .schema = "CREATE TABLE t (a int UNIQUE, b int); CREATE TABLE r (a int REFERENCES t (a))",
      .rows = "INSERT INTO t VALUES (1, 1); INSERT INTO r VALUES (1)",
      .migration = {"TRUNCATE t, r"},
  };
  check_scenario(*state, &s);
}

#define WORLD_TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void)
{
  const struct CMUnitTest tests[] = {
      WORLD_TEST(test_scenarios),   WORLD_TEST(test_kept),     WORLD_TEST(test_refused),
      WORLD_TEST(test_kept_column), WORLD_TEST(test_inserted), WORLD_TEST(test_referenced),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
