/* Each scenario: rows, a migration under capture, perhaps writes of others, the undo, and the
 * rows must be what they would have been without the migration. */
#include "inverse_capture_world.h"

#define PEOPLE "CREATE TABLE people (id int PRIMARY KEY, name text, age int);"
#define PEOPLE_ROWS                                                                                \
  "INSERT INTO people SELECT g, 'name ' || g, g * 10 FROM generate_series(1, 20) g;"

static const struct scenario scenarios[] = {
    {.name = "update",
     .schema = PEOPLE,
     .rows = PEOPLE_ROWS,
     .migration = {"UPDATE people SET name = upper(name), age = NULL WHERE id < 10"}},
    {.name = "update twice and delete",
     .schema = PEOPLE,
     .rows = PEOPLE_ROWS,
     .migration = {"UPDATE people SET age = age + 1",
                   "UPDATE people SET age = age * 2 WHERE id = 3",
                   "DELETE FROM people WHERE id IN (3, 4)"}},
    {.name = "delete",
     .schema = PEOPLE,
     .rows = PEOPLE_ROWS,
     .migration = {"DELETE FROM people WHERE id % 2 = 0"}},
    {.name = "insert",
     .schema = PEOPLE,
     .rows = PEOPLE_ROWS,
     .migration = {"INSERT INTO people SELECT g, 'new', 1 FROM generate_series(100, 110) g"}},
    {.name = "delete and insert the same key",
     .schema = PEOPLE,
     .rows = PEOPLE_ROWS,
     .migration = {"DELETE FROM people WHERE id = 5", "INSERT INTO people VALUES (5, 'other', 0)"}},
    {.name = "key moves",
     .schema = "CREATE TABLE t (id int PRIMARY KEY, mail text UNIQUE)",
     .rows = "INSERT INTO t VALUES (1, 'a'), (2, 'b')",
     .migration = {"UPDATE t SET id = id + 100"}},
    {.name = "text and compound keys, odd values",
     .schema = "CREATE TABLE t (\"Key A\" text, b char(4), at timestamptz, \"null\" text,"
               " j json, x numeric[], PRIMARY KEY (\"Key A\", b))",
     .rows = "INSERT INTO t VALUES ('', 'a', now(), NULL, '{\"a\": [1, null]}', '{1.0,NULL}'),"
             " (E'tab\\tline\\nback\\\\slash', 'b', '2020-01-01', '', 'null', '{}'),"
             " ('\\N', 'c', 'infinity', '\\N', NULL, NULL)",
     .migration = {"UPDATE t SET at = NULL, \"null\" = 'x', j = '1', x = '{2}'"}},
    {.name = "cascaded delete",
     .schema = "CREATE TABLE p (id int PRIMARY KEY, v text);"
               "CREATE TABLE c (id int PRIMARY KEY, p int REFERENCES p ON DELETE CASCADE);"
               "CREATE TABLE g (id int PRIMARY KEY, c int REFERENCES c ON DELETE SET NULL)",
     .rows = "INSERT INTO p VALUES (1, 'a'), (2, 'b'); INSERT INTO c VALUES (1, 1), (2, 2), (3, 1);"
             "INSERT INTO g VALUES (1, 1), (2, 2), (3, 3)",
     .migration = {"DELETE FROM p WHERE id = 1"}},
    {.name = "new parent for old children",
     .schema = "CREATE TABLE p (id int PRIMARY KEY);"
               "CREATE TABLE c (id int PRIMARY KEY, p int REFERENCES p)",
     .rows = "INSERT INTO p VALUES (1); INSERT INTO c VALUES (1, 1), (2, NULL)",
     .migration = {"INSERT INTO p VALUES (2)", "UPDATE c SET p = 2", "DELETE FROM p WHERE id = 1"}},
    {.name = "mutual references",
     .schema = "CREATE TABLE x (id int PRIMARY KEY, y int, parent int REFERENCES x);"
               "CREATE TABLE y (id int PRIMARY KEY, x int REFERENCES x);"
               "ALTER TABLE x ADD FOREIGN KEY (y) REFERENCES y",
     .rows = "INSERT INTO x VALUES (1, NULL, NULL), (2, NULL, 1), (3, NULL, 2);"
             "INSERT INTO y VALUES (1, 1), (2, 2); UPDATE x SET y = 2 WHERE id = 1",
     .migration = {"UPDATE x SET y = NULL", "DELETE FROM y", "DELETE FROM x"}},
    {.name = "others commit meanwhile",
     .schema = PEOPLE,
     .rows = PEOPLE_ROWS,
     .migration = {"UPDATE people SET name = 'x' WHERE id <= 5", "DELETE FROM people WHERE id = 6"},
     .meanwhile = "UPDATE people SET name = 'c' WHERE id = 10; DELETE FROM people WHERE id = 11;"
                  "INSERT INTO people VALUES (50, 'c', 1)"},
    {.name = "others are in the middle of it",
     .schema = PEOPLE,
     .rows = PEOPLE_ROWS,
     .migration = {"UPDATE people SET name = 'x' WHERE id <= 5", "DELETE FROM people WHERE id = 6"},
     .meanwhile = "BEGIN; UPDATE people SET name = 'c' WHERE id = 10;"
                  "DELETE FROM people WHERE id = 11; INSERT INTO people VALUES (50, 'c', 1);"
                  "SAVEPOINT s; UPDATE people SET name = 'c' WHERE id = 12;"
                  "DELETE FROM people WHERE id = 13; RELEASE s; SAVEPOINT t;"
                  "DELETE FROM people WHERE id = 14; INSERT INTO people VALUES (51, 'c', 1)",
     .meanwhile_end = "COMMIT"},
    {.name = "others hold row locks",
     .schema = PEOPLE "CREATE TABLE c (id int PRIMARY KEY, p int REFERENCES people)",
     .rows = PEOPLE_ROWS,
     .first = "BEGIN; SAVEPOINT s; INSERT INTO c VALUES (1, 3), (2, 4), (3, 15)",
     .migration = {"UPDATE people SET name = 'x' WHERE id <= 5",
                   "INSERT INTO c SELECT 9, id FROM people WHERE id = 4",
                   "DO $$ BEGIN BEGIN UPDATE people SET age = 0 WHERE id = 3;"
                   " EXCEPTION WHEN others THEN RAISE; END; END $$"},
     .meanwhile = "UPDATE people SET age = 1 WHERE id = 15",
     .meanwhile_end = "COMMIT"},
    {.name = "exception blocks and savepoints",
     .schema = PEOPLE,
     .rows = PEOPLE_ROWS,
     .migration = {"DO $$ BEGIN FOR i IN 1..9 LOOP BEGIN"
                   " UPDATE people SET age = -i WHERE id = i;"
                   " IF i % 3 = 0 THEN RAISE 'no'; END IF;"
                   " IF i % 3 = 1 THEN DELETE FROM people WHERE id = i + 10; END IF;"
                   " EXCEPTION WHEN raise_exception THEN"
                   " INSERT INTO people VALUES (100 + i, 'handler', i); END; END LOOP; END $$"}},
    {.name = "lock in the transaction, change in a savepoint",
     .schema = PEOPLE,
     .rows = PEOPLE_ROWS,
     .migration = {"SELECT 1 FROM people WHERE id <= 6 FOR UPDATE",
                   "DO $$ BEGIN BEGIN DELETE FROM people WHERE id = 1;"
                   " UPDATE people SET age = 0 WHERE id = 2; EXCEPTION WHEN others THEN"
                   " RAISE; END; END $$"}},
    {.name = "drop column, not the last",
     .schema = "CREATE TABLE t (id bigint PRIMARY KEY, fee numeric(10,2), note text)",
     .rows = "INSERT INTO t SELECT g, g / 3.0, 'n' FROM generate_series(1, 50) g",
     .migration = {"ALTER TABLE t DROP COLUMN fee"},
     .later = "UPDATE t SET note = 'later' WHERE id = 7; DELETE FROM t WHERE id = 8;"
              "INSERT INTO t (id, note) VALUES (99, 'new')",
     .inverse_before = "ALTER TABLE t ADD COLUMN fee numeric(10,2)"},
    {.name = "fill a new column, drop the old one",
     .schema = "CREATE TABLE t (id int PRIMARY KEY, price numeric(10,2) NOT NULL)",
     .rows = "INSERT INTO t SELECT g, g + 0.25 FROM generate_series(1, 50) g",
     .migration = {"ALTER TABLE t ADD COLUMN cents int", "UPDATE t SET cents = price * 100",
                   "ALTER TABLE t ALTER cents SET NOT NULL", "ALTER TABLE t DROP COLUMN price"},
     .inverse_before = "ALTER TABLE t ADD COLUMN price numeric(10,2);"
                       "ALTER TABLE t DROP COLUMN cents",
     .inverse_after = "ALTER TABLE t ALTER price SET NOT NULL"},
    {.name = "lossy type",
     .schema = "CREATE TABLE t (id int PRIMARY KEY, at timestamptz, n numeric)",
     .rows = "INSERT INTO t SELECT g, now(), g + 0.123 FROM generate_series(1, 9) g",
     .migration = {"ALTER TABLE t ALTER at TYPE date, ALTER n TYPE int"},
     .inverse_before = "ALTER TABLE t ALTER at TYPE timestamptz, ALTER n TYPE numeric"},
    {.name = "key gets wider",
     .schema = "CREATE TABLE t (id int PRIMARY KEY, v text)",
     .rows = "INSERT INTO t SELECT g, 'v' FROM generate_series(1, 9) g",
     .migration = {"ALTER TABLE t ALTER id TYPE bigint", "UPDATE t SET v = 'w' WHERE id = 2"},
     .inverse_before = "ALTER TABLE t ALTER id TYPE int"},
    {.name = "renames and a dropped enum",
     .schema = "CREATE TABLE t (id int PRIMARY KEY, v text)",
     .rows = "INSERT INTO t SELECT g, 'v' || g % 2 FROM generate_series(1, 9) g",
     .migration = {"CREATE TYPE mood AS ENUM ('v0', 'v1', 'v2')",
                   "ALTER TABLE t ALTER v TYPE mood USING v::mood", "ALTER TABLE t RENAME TO u",
                   "ALTER TABLE u RENAME id TO uid", "UPDATE u SET v = 'v2' WHERE uid = 4"},
     .inverse_before = "ALTER TABLE u RENAME uid TO id; ALTER TABLE u RENAME TO t;"
                       "ALTER TABLE t ALTER v TYPE text; DROP TYPE mood"},
    {.name = "drop table",
     .schema = "CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, v text,"
               " l int GENERATED ALWAYS AS (length(v)) STORED)",
     .rows = "INSERT INTO t (v) SELECT repeat('x', g) FROM generate_series(1, 9) g",
     .migration = {"DROP TABLE t"},
     .inverse_before = "CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY, v text,"
                       " l int GENERATED ALWAYS AS (length(v)) STORED)",
     .inverse_after = "ALTER TABLE t ADD PRIMARY KEY (id)"},
    {.name = "drop table without key",
     .schema = "CREATE TABLE t (a int, b text)",
     .rows = "INSERT INTO t VALUES (1, 'a'), (1, 'a'), (NULL, NULL)",
     .migration = {"DROP TABLE t"},
     .inverse_before = "CREATE TABLE t (a int, b text)"},
    {.name = "truncate", .schema = PEOPLE, .rows = PEOPLE_ROWS, .migration = {"TRUNCATE people"}},
    {.name = "truncate, then later rows",
     .schema = PEOPLE,
     .rows = PEOPLE_ROWS,
     .migration = {"TRUNCATE people", "INSERT INTO people VALUES (1, 'seed', 0), (2, 'seed', 0)"},
     .later = "INSERT INTO people VALUES (77, 'later', 0)"},
    {.name = "truncate without key",
     .schema = "CREATE TABLE t (a int, b text)",
     .rows = "INSERT INTO t VALUES (1, 'a'), (1, 'a'), (NULL, NULL)",
     .migration = {"TRUNCATE t"},
     .later = "INSERT INTO t VALUES (2, 'later')"},
    {.name = "rewrite without key",
     .schema = "CREATE TABLE t (a int, b text)",
     .rows = "INSERT INTO t VALUES (1, 'a'), (1, 'a'), (NULL, NULL)",
     .migration = {"ALTER TABLE t ADD COLUMN r float8 DEFAULT random()"},
     .inverse_before = "ALTER TABLE t DROP COLUMN r"},
    {.name = "partitions, rows move",
     .schema = "CREATE TABLE t (id int, region int, v text, PRIMARY KEY (id, region))"
               " PARTITION BY LIST (region);"
               "CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1);"
               "CREATE TABLE t2 PARTITION OF t FOR VALUES IN (2)",
     .rows = "INSERT INTO t SELECT g, 1 + g % 2, 'v' FROM generate_series(1, 20) g",
     .migration = {"UPDATE t SET region = 3 - region, v = 'moved' WHERE id < 6",
                   "DELETE FROM t1 WHERE id = 10", "INSERT INTO t2 VALUES (100, 2, 'new')"}},
    {.name = "partition key is no part of the row key",
     .schema = "CREATE TABLE t (id int NOT NULL, v text) PARTITION BY HASH (id);"
               "CREATE TABLE t1 PARTITION OF t FOR VALUES WITH (MODULUS 2, REMAINDER 0);"
               "CREATE TABLE t2 PARTITION OF t FOR VALUES WITH (MODULUS 2, REMAINDER 1);"
               "ALTER TABLE t ADD PRIMARY KEY (id)",
     .rows = "INSERT INTO t SELECT g, 'v' FROM generate_series(1, 20) g",
     .migration = {"UPDATE t SET v = 'w'", "ALTER TABLE t ADD CHECK (v <> 'x')"},
     .inverse_before = "ALTER TABLE t DROP CONSTRAINT t_v_check"},
    {.name = "drop a partition",
     .schema = "CREATE TABLE t (id int, y int, PRIMARY KEY (id, y)) PARTITION BY LIST (y);"
               "CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1);"
               "CREATE TABLE t2 PARTITION OF t FOR VALUES IN (2)",
     .rows = "INSERT INTO t SELECT g, 1 + g % 2 FROM generate_series(1, 20) g",
     .migration = {"DROP TABLE t1"},
     .inverse_before = "CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1)"},
    {.name = "inheritance",
     .schema = "CREATE TABLE p (id int PRIMARY KEY, v text);"
               "CREATE TABLE c (PRIMARY KEY (id), extra int) INHERITS (p)",
     .rows =
         "INSERT INTO p VALUES (1, 'p'), (2, 'p'); INSERT INTO c VALUES (1, 'c', 1), (3, 'c', 3)",
     .migration = {"UPDATE p SET v = v || '!'", "ALTER TABLE c DROP COLUMN extra"},
     .inverse_before = "ALTER TABLE c ADD COLUMN extra int"},
    {.name = "identity column that is not the key",
     .schema = "CREATE TABLE t (code text PRIMARY KEY, n int GENERATED ALWAYS AS IDENTITY, v int)",
     .rows = "INSERT INTO t (code, v) SELECT 'c' || g, g FROM generate_series(1, 9) g",
     .migration = {"UPDATE t SET v = 0 WHERE n = 1", "DELETE FROM t WHERE n = 2"}},
    {.name = "trigger writes an audit table",
     .schema = PEOPLE "CREATE TABLE audit (id bigserial PRIMARY KEY, what text);"
                      "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                      " INSERT INTO audit (what) VALUES (TG_OP); RETURN NULL; END $$;"
                      "CREATE TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON people"
                      " FOR EACH ROW EXECUTE FUNCTION note()",
     .rows = PEOPLE_ROWS,
     .migration = {"UPDATE people SET age = 1 WHERE id < 4"}},
    {.name = "rule on the table",
     .schema = PEOPLE "CREATE TABLE log (id serial PRIMARY KEY, what int);"
                      "CREATE RULE note AS ON UPDATE TO people DO ALSO"
                      " INSERT INTO log (what) VALUES (NEW.id)",
     .rows = PEOPLE_ROWS,
     .migration = {"DELETE FROM people WHERE id = 1", "UPDATE people SET age = 1 WHERE id = 2"}},
    {.name = "deferred foreign key",
     .schema = "CREATE TABLE p (id int PRIMARY KEY);"
               "CREATE TABLE c (id int PRIMARY KEY,"
               " p int REFERENCES p DEFERRABLE INITIALLY DEFERRED)",
     .rows = "INSERT INTO p VALUES (1); INSERT INTO c VALUES (1, 1)",
     .migration = {"INSERT INTO c VALUES (2, 2)", "INSERT INTO p VALUES (2)",
                   "UPDATE c SET p = 2"}},
};

/* ---- conflicts ---- */

static const struct scenario conflicts = {
    .name = "conflicts",
    .schema = PEOPLE,
    .rows = PEOPLE_ROWS,
    .migration = {"UPDATE people SET name = 'm' WHERE id <= 5",
                  "DELETE FROM people WHERE id IN (6, 7)",
                  "INSERT INTO people VALUES (30, 'm', 0), (31, 'm', 0), (32, 'm', 0)"},
    .later = "UPDATE people SET age = 99 WHERE id = 1; DELETE FROM people WHERE id = 2;"
             "INSERT INTO people VALUES (6, 'again', 0), (40, 'new', 0);"
             "UPDATE people SET age = 99 WHERE id = 30; DELETE FROM people WHERE id = 31",
};

static const char *person(struct world *w, int id)
{
  return ask(w, w->c,
             arena_printf(w->arena,
                          "SELECT coalesce((SELECT name || ' ' || age FROM people WHERE id = %d),"
                          " 'none')",
                          id));
}

static const char *conflict_text(struct world *w, const struct undo_report *report, const char *key)
{
  CLEANUP(text_clear) struct text text = TEXT_INIT;
  for (size_t i = 0; i < report->conflicts.len; i++)
    if (strcmp(report->conflicts.at[i].key, key) == 0)
      undo_conflict_text(&report->conflicts.at[i], &text);
  return arena_strdup(w->arena, text.data);
}

static void test_conflicts_kept(void **state)
{
  struct world *w = *state;
  CLEANUP(err_clear) struct err err = ERR_INIT;
  struct undo_report report = {0};
  const char *prefix = migrated(w, &conflicts);
  assert_int_equal(roll_back(w, &conflicts, prefix, UNDO_KEEP, &report, &err), 0);
  assert_int_equal(report.conflict_count, 4);
  assert_string_equal(report.conflicts.at[0].table, "public.people");
  assert_string_equal(reason_of(&report, "id=1"), "changed since");
  assert_string_equal(reason_of(&report, "id=2"), "deleted since");
  assert_string_equal(reason_of(&report, "id=6"), "key used again");
  assert_string_equal(reason_of(&report, "id=30"), "changed since");
  assert_string_equal(conflict_text(w, &report, "id=1"),
                      "public.people id=1: changed since (captured age=10; now age=99)");
  assert_string_equal(conflict_text(w, &report, "id=2"),
                      "public.people id=2: deleted since (captured name=m, age=20; now gone)");
  assert_string_equal(conflict_text(w, &report, "id=6"),
                      "public.people id=6: key used again (captured name=name 6, age=60; now"
                      " name=again, age=0)");
  assert_int_equal(report.restored, 3);
  assert_int_equal(report.reinserted, 1);
  assert_int_equal(report.deleted, 1);
  assert_string_equal(person(w, 1), "m 99");
  assert_string_equal(person(w, 2), "none");
  assert_string_equal(person(w, 3), "name 3 30");
  assert_string_equal(person(w, 6), "again 0");
  assert_string_equal(person(w, 7), "name 7 70");
  assert_string_equal(person(w, 30), "m 99");
  assert_string_equal(person(w, 32), "none");
  assert_string_equal(person(w, 40), "new 0");
}

static void test_conflicts_overwritten(void **state)
{
  struct world *w = *state;
  CLEANUP(err_clear) struct err err = ERR_INIT;
  struct undo_report report = {0};
  const char *prefix = migrated(w, &conflicts);
  assert_int_equal(roll_back(w, &conflicts, prefix, UNDO_RESTORE, &report, &err), 0);
  assert_int_equal(report.conflict_count, 4);
  assert_string_equal(ask(w, w->c,
                          "SELECT count(*) FROM people WHERE id <= 20 AND name = 'name ' || id"
                          " AND age = id * 10"),
                      "20");
  assert_string_equal(ask(w, w->c, "SELECT string_agg(id::text, ' ') FROM people WHERE id > 20"),
                      "40");
}

static void test_conflicts_abort(void **state)
{
  struct world *w = *state;
  CLEANUP(err_clear) struct err err = ERR_INIT;
  struct undo_report report = {0};
  const char *prefix = migrated(w, &conflicts);
  const char *before = content(w, w->c);
  assert_int_equal(roll_back(w, &conflicts, prefix, UNDO_ABORT, &report, &err), -1);
  assert_int_equal(err.code, ERR_REFUSED);
  assert_non_null(strstr(err.message, "4 rows were changed since the migration"));
  assert_non_null(strstr(err.detail, "public.people id=6: key used again (captured name"));
  assert_string_equal(content(w, w->c), before);
}

/* Rows that others wrote since must not go with the parent that the migration inserted. */
static void test_referenced_rows_stay(void **state)
{
  static const struct scenario s = {
      .schema = "CREATE TABLE p (id int PRIMARY KEY, up int REFERENCES p ON DELETE CASCADE);"
                "CREATE TABLE c (id int PRIMARY KEY, p int REFERENCES p ON DELETE CASCADE)",
      .rows = "INSERT INTO p VALUES (1); INSERT INTO c VALUES (1, 1)",
      .migration = {"INSERT INTO p VALUES (2, NULL), (3, NULL), (4, NULL), (5, 4)",
                    "UPDATE c SET p = 3"},
      .later = "INSERT INTO c VALUES (2, 2), (3, 5)",
  };
  struct world *w = *state;
  for (int mode = UNDO_KEEP; mode <= UNDO_RESTORE; mode++) {
    CLEANUP(err_clear) struct err err = ERR_INIT;
    struct undo_report report = {0};
    const char *prefix = migrated(w, &s);
    assert_int_equal(roll_back(w, &s, prefix, mode, &report, &err), 0);
    assert_int_equal(report.conflict_count, 3);
    assert_string_equal(reason_of(&report, "id=2"), "referenced by public.c");
    assert_string_equal(reason_of(&report, "id=5"), "referenced by public.c");
    assert_string_equal(reason_of(&report, "id=4"), "referenced by public.p");
    assert_string_equal(ask(w, w->c, "SELECT string_agg(id || '-' || p, ' ' ORDER BY id) FROM c"),
                        "1-1 2-2 3-5");
    assert_string_equal(ask(w, w->c, "SELECT string_agg(id::text, ' ' ORDER BY id) FROM p"),
                        "1 2 4 5");
  }
}

/* ---- around the rows ---- */

static void test_triggers_as_they_were(void **state)
{
  static const struct scenario s = {
      .schema = "CREATE TABLE t (id int, r int, PRIMARY KEY (id, r)) PARTITION BY LIST (r);"
                "CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1);"
                "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS"
                " $$ BEGIN RAISE 'the trigger fired'; END $$;"
                "CREATE TRIGGER a AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION no();"
                "CREATE TRIGGER b AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION no();"
                "CREATE TRIGGER c AFTER INSERT ON t1 FOR EACH ROW EXECUTE FUNCTION no();"
                "CREATE TRIGGER d AFTER INSERT ON t1 FOR EACH STATEMENT EXECUTE FUNCTION no();"
                "CREATE CONSTRAINT TRIGGER e AFTER INSERT ON t1 DEFERRABLE FOR EACH ROW"
                " EXECUTE FUNCTION no();",
      .rows = "SET session_replication_role = replica; INSERT INTO t SELECT g, 1 FROM"
              " generate_series(1, 10) g; RESET session_replication_role;"
              "ALTER TABLE t1 ENABLE ALWAYS TRIGGER a; ALTER TABLE t1 DISABLE TRIGGER b;"
              "ALTER TABLE t1 ENABLE REPLICA TRIGGER c",
      .migration = {"DELETE FROM t"},
  };
  static const char states[] = "SELECT string_agg(format('%s %s %s', tgrelid::regclass, tgname,"
                               " tgenabled), ', ') FROM (SELECT tgrelid, tgname,"
                               " tgenabled FROM pg_trigger ORDER BY 1, 2) x";
  struct world *w = *state;
  CLEANUP(err_clear) struct err err = ERR_INIT;
  struct undo_report report = {0};
  const char *prefix = migrated(w, &s);
  const char *before = ask(w, w->c, states);
  if (roll_back(w, &s, prefix, UNDO_ABORT, &report, &err) < 0)
    print_err(&err);
  assert_false(err_is_set(&err));
  assert_string_equal(ask(w, w->c, states), before);
  assert_string_equal(ask(w, w->c, "SELECT count(*) FROM t"), "10");
}

static void test_sequences(void **state)
{
  static const struct scenario s = {
      .schema = "CREATE TABLE t (id serial PRIMARY KEY); CREATE SEQUENCE jump;"
                "CREATE SEQUENCE down INCREMENT -1; CREATE SEQUENCE fresh;"
                "CREATE SEQUENCE old; CREATE SEQUENCE used;"
                "CREATE TABLE d (id int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY)",
      .rows = "INSERT INTO t SELECT FROM generate_series(1, 50); SELECT setval('jump', 10);"
              "SELECT setval('down', -10); INSERT INTO d DEFAULT VALUES",
      .migration = {"TRUNCATE t RESTART IDENTITY", "SELECT setval('jump', 1000)",
                    "ALTER SEQUENCE down RESTART", "DROP TABLE d",
                    "ALTER SEQUENCE fresh RESTART WITH 5", "ALTER SEQUENCE old RENAME TO new",
                    "SELECT setval('new', 30)", "SELECT setval('used', 1000)"},
      .later = "INSERT INTO t SELECT FROM generate_series(1, 5); DELETE FROM t;"
               "SELECT nextval('used')",
      .inverse_before = "CREATE TABLE d (id int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY);"
                        "ALTER SEQUENCE new RENAME TO old",
  };
  struct world *w = *state;
  CLEANUP(err_clear) struct err err = ERR_INIT;
  struct undo_report report = {0};
  const char *prefix = migrated(w, &s);
  if (roll_back(w, &s, prefix, UNDO_ABORT, &report, &err) < 0)
    print_err(&err);
  assert_false(err_is_set(&err));
  assert_string_equal(ask(w, w->c, "SELECT nextval('t_id_seq')"), "51");
  assert_string_equal(ask(w, w->c, "SELECT nextval('jump')"), "11");
  assert_string_equal(ask(w, w->c, "SELECT nextval('old')"), "1");
  assert_string_equal(ask(w, w->c, "SELECT nextval('used')"), "1002"); /* somebody has 1001 */
  assert_string_equal(ask(w, w->c, "SELECT nextval('down')"), "-11");
  assert_string_equal(ask(w, w->c, "SELECT nextval('d_id_seq')"), "2");
  assert_string_equal(ask(w, w->c, "SELECT nextval('fresh')"), "1");
}

/* The schema steps gave the column back with another type: a cast could cut values off. */
static void test_wrong_type_is_refused(void **state)
{
  static const struct scenario s = {
      .schema = "CREATE TABLE t (id int PRIMARY KEY, v text)",
      .rows = "INSERT INTO t VALUES (1, 'a long value')",
      .migration = {"ALTER TABLE t DROP COLUMN v"},
      .inverse_before = "ALTER TABLE t ADD COLUMN v varchar(3)",
  };
  struct world *w = *state;
  CLEANUP(err_clear) struct err err = ERR_INIT;
  struct undo_report report = {0};
  const char *prefix = migrated(w, &s);
  assert_int_equal(roll_back(w, &s, prefix, UNDO_KEEP, &report, &err), -1);
  assert_int_equal(err.code, ERR_REFUSED);
  assert_non_null(strstr(err.message, "column v is character varying(3)"));
}

static void test_settings_of_the_sessions_do_not_matter(void **state)
{
  static const struct scenario s = {
      .schema = "CREATE TABLE t (id date PRIMARY KEY, at timestamptz, i interval, f float8,"
                " b bytea, m money, r regclass, a bpchar, q \"char\", bit bit(3), n name, x inet)",
      .rows = "INSERT INTO t VALUES ('2020-02-01', '2020-03-02 01:00+00', '1 mon -2 days 3.5 s',"
              " 0.1::float8 + 0.2, '\\x00ff', 12.5, 't', 'a  ', 'c', '101', 'n', '10.0.0.0/8')",
      .migration = {"SET DateStyle = 'German'", "SET TimeZone = 'Asia/Tokyo'",
                    "SET IntervalStyle = 'sql_standard'", "SET bytea_output = 'escape'",
                    "SET extra_float_digits = 0", "SET search_path = public",
                    "UPDATE t SET at = at + '1 day', i = i * 2, f = 0, b = '', m = 0, r = NULL,"
                    " a = '', q = NULL, bit = '000', n = '', x = NULL",
                    "SET ROLE pg_monitor"},
  };
  struct world *w = *state;
  CLEANUP(err_clear) struct err err = ERR_INIT;
  struct undo_report report = {0};
  prepare(w, &s);
  const char *before = content(w, w->c);
  assert_int_equal(migrate(w, &s, "undo/settings", &err), 0);
  assert_string_equal(ask(w, w->a, "SHOW DateStyle"), "German, DMY");
  assert_string_equal(ask(w, w->a, "SHOW role"), "pg_monitor");
  if (roll_back(w, &s, "undo/settings", UNDO_ABORT, &report, &err) < 0)
    print_err(&err);
  assert_false(err_is_set(&err));
  assert_string_equal(ask(w, w->a, "SHOW DateStyle"), "German, DMY");
  assert_string_equal(content(w, w->c), before);
}

static void test_damaged_manifest(void **state)
{
  struct world *w = *state;
  CLEANUP(err_clear) struct err err = ERR_INIT;
  struct undo *undo = NULL;
  struct archive_writer *writer = NULL;
  json_t *manifest = json_pack("{s:i, s:s, s:[{s:s, s:s}]}", "schema", 1, "kind", "undo", "tables",
                               "before", "public.t", "how", "sometimes");
  assert_int_equal(archive_create(w->place, "undo/odd", 1, 1, &writer, &err), 0);
  assert_int_equal(archive_commit(writer, manifest, &err), 0);
  archive_free(writer);
  json_decref(manifest);
  assert_int_equal(undo_open(w->arena, w->place, "undo/odd", &undo, &err), -1);
  assert_int_equal(err.code, ERR_DAMAGED);
}

static void test_scenarios(void **state)
{
  const char *only = getenv("SCENARIO");
  for (size_t i = 0; i < COUNT_OF(scenarios); i++) {
    if (only && strcmp(only, scenarios[i].name) != 0)
      continue;
    print_message("  %s\n", scenarios[i].name);
    check_scenario(*state, &scenarios[i]);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_scenarios, world_setup, world_teardown),
      cmocka_unit_test_setup_teardown(test_conflicts_kept, world_setup, world_teardown),
      cmocka_unit_test_setup_teardown(test_conflicts_overwritten, world_setup, world_teardown),
      cmocka_unit_test_setup_teardown(test_conflicts_abort, world_setup, world_teardown),
      cmocka_unit_test_setup_teardown(test_referenced_rows_stay, world_setup, world_teardown),
      cmocka_unit_test_setup_teardown(test_triggers_as_they_were, world_setup, world_teardown),
      cmocka_unit_test_setup_teardown(test_sequences, world_setup, world_teardown),
      cmocka_unit_test_setup_teardown(test_wrong_type_is_refused, world_setup, world_teardown),
      cmocka_unit_test_setup_teardown(test_settings_of_the_sessions_do_not_matter, world_setup,
                                      world_teardown),
      cmocka_unit_test_setup_teardown(test_damaged_manifest, world_setup, world_teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
