/* What the plan says, what is refused and when, and that a refused migration leaves nothing
 * behind. */
#include "inverse_capture_world.h"

static const char people[] = "CREATE TABLE people (id int PRIMARY KEY, name text, age int);"
                             "CREATE TABLE other (id int PRIMARY KEY, v int)";
static const char people_rows[] =
    "INSERT INTO people SELECT g, 'n', g FROM generate_series(1, 20) g";

static void no_archive(struct world *w, const char *prefix)
{
  CLEANUP(err_clear) struct err err = ERR_INIT;
  struct place_entries entries = {0};
  assert_int_equal(place_list(w->place, w->arena, prefix, &entries, &err), 0);
  assert_int_equal(entries.len, 0);
}

/* The migration is refused with this message and detail (detail may be NULL), and the database is
 * as before. */
static void refused(struct world *w, const struct scenario *s, const char *message,
                    const char *detail)
{
  CLEANUP(err_clear) struct err err = ERR_INIT;
  const char *before = content(w, w->c);
  const char *prefix = arena_printf(w->arena, "refused/%s", clock_new_id(w->arena));
  assert_int_equal(migrate(w, s, prefix, &err), -1);
  if (err.code != ERR_REFUSED || !strstr(err.message, message) ||
      (detail && (!err.detail || !strstr(err.detail, detail)))) {
    print_err(&err);
    fail_msg("expected: %s (%s)", message, detail ? detail : "");
  }
  assert_string_equal(content(w, w->c), before);
  assert_int_equal(db_transaction_status(w->b), 'I');
  no_archive(w, prefix);
}

static void accepted(struct world *w, const struct scenario *s)
{
  CLEANUP(err_clear) struct err err = ERR_INIT;
  const char *prefix = arena_printf(w->arena, "accepted/%s", clock_new_id(w->arena));
  if (migrate(w, s, prefix, &err) < 0) {
    print_err(&err);
    fail();
  }
}

static void leave_out(struct world *w, const char *identity)
{
  struct capture_tables *tables = &w->plan.tables;
  size_t kept = 0;
  for (size_t i = 0; i < tables->len; i++)
    if (strcmp(tables->at[i].before, identity) != 0)
      tables->at[kept++] = tables->at[i];
  tables->len = kept;
}

/* ---- the plan ---- */

static void test_plan_kinds(void **state)
{
  static const struct scenario s = {
      .schema = "CREATE TABLE upd (id int PRIMARY KEY, v text);"
                "CREATE TABLE col (id int PRIMARY KEY, fee int, note text, l int GENERATED ALWAYS"
                " AS (fee) STORED);"
                "CREATE TABLE gone (a int); CREATE TABLE mix (id int PRIMARY KEY, v int);"
                "CREATE TABLE trunc (a int);"
                "CREATE TABLE par (id int PRIMARY KEY);"
                "CREATE TABLE chi (id int PRIMARY KEY, par int REFERENCES par ON DELETE CASCADE);"
                "CREATE TABLE idle (id int PRIMARY KEY); CREATE TABLE quiet (a int)",
      .migration = {"UPDATE upd SET v = 'x'", "ALTER TABLE col DROP COLUMN fee CASCADE",
                    "DROP TABLE gone", "UPDATE mix SET v = 1; ALTER TABLE mix ALTER v SET NOT NULL",
                    "TRUNCATE trunc", "DELETE FROM par", "ALTER TABLE upd RENAME TO upd2"},
  };
  struct world *w = *state;
  make_plan(w, &s);
  assert_int_equal(w->plan.refusals.len, 0);
  /* a rename needs ACCESS EXCLUSIVE too */
  assert_int_equal(planned(w, "public.upd")->how, CAPTURE_ROWS);
  assert_string_equal(planned(w, "public.upd")->after, "public.upd2");
  const struct capture_table *t = planned(w, "public.col");
  assert_int_equal(t->how, CAPTURE_COLUMNS);
  assert_true(t->doomed_only);
  assert_int_equal(t->columns.len, 2);
  assert_string_equal(t->columns.at[1], "fee");
  assert_null(t->columns_after.at[1]);
  assert_string_equal(t->why, "fee is dropped");
  t = planned(w, "public.gone");
  assert_int_equal(t->how, CAPTURE_ROWS);
  assert_null(t->after);
  assert_int_equal(planned(w, "public.mix")->how, CAPTURE_ROWS);
  assert_int_equal(planned(w, "public.trunc")->how, CAPTURE_ROWS);
  assert_int_equal(planned(w, "public.par")->how, CAPTURE_CHANGED);
  assert_false(planned(w, "public.par")->standby);
  assert_int_equal(planned(w, "public.chi")->how, CAPTURE_CHANGED);
  assert_string_equal(planned(w, "public.chi")->why, "its rows follow those of public.par");
  assert_true(planned(w, "public.idle")->standby);
  assert_true(planned(w, "public.quiet")->standby);
  assert_true(planned(w, "public.quiet")->whole_row);
}

static void test_plan_without_key(void **state)
{
  static const struct scenario s = {
      .schema = "CREATE TABLE log (a int, b int); CREATE TABLE col (a int, b int);"
                "CREATE TABLE key (id int PRIMARY KEY, v int);"
                "CREATE TABLE retyped (id int PRIMARY KEY, v int);"
                "CREATE TABLE mix (a int); CREATE TYPE mood AS ENUM ('a');"
                "CREATE TABLE moods (m mood, b int)",
      .migration = {"UPDATE log SET a = 1", "ALTER TABLE col DROP COLUMN b",
                    "ALTER TABLE key DROP COLUMN id",
                    "ALTER TABLE retyped ALTER id TYPE uuid USING gen_random_uuid()",
                    "TRUNCATE mix", "INSERT INTO mix VALUES (1)", "ALTER TABLE moods DROP b",
                    "ALTER TYPE mood RENAME VALUE 'a' TO 'b'"},
  };
  static const struct {
    const char *table;
    enum capture_how how;
    bool doomed_only;
  } expected[] = {
      {"public.log", CAPTURE_CHANGED, false},
      {"public.mix", CAPTURE_ROWS, false},
      {"public.retyped", CAPTURE_ROWS, false},
      {"public.moods", CAPTURE_ROWS, false},
  };
  struct world *w = *state;
  make_plan(w, &s);
  assert_int_equal(w->plan.refusals.len, 0);
  for (size_t i = 0; i < COUNT_OF(expected); i++) {
    const struct capture_table *t = planned(w, expected[i].table);
    assert_true(t->whole_row);
    assert_int_equal(t->key.len, 0);
    assert_int_equal(t->how, expected[i].how);
    assert_int_equal(t->doomed_only, expected[i].doomed_only);
  }
}

static void test_plan_refusals(void **state)
{
  static const struct scenario s = {
      .schema = "CREATE TABLE log (a int UNIQUE, b int); CREATE TABLE r (a int REFERENCES log (a));"
                "CREATE TABLE key (id int PRIMARY KEY, v int UNIQUE, w int);"
                "CREATE TABLE s (v int REFERENCES key (v))",
      .migration = {"UPDATE log SET b = 1", "ALTER TABLE key DROP COLUMN id"},
  };
  static const char *const expected[] = {
      "public.key does not keep its primary key and public.s.s_v_fkey refers to it: its rows before"
      " and after could not be matched",
      "public.log has no primary key and public.r.r_a_fkey refers to it: its rows before and after"
      " could not be matched",
  };
  struct world *w = *state;
  make_plan(w, &s);
  assert_int_equal(w->plan.refusals.len, COUNT_OF(expected));
  for (size_t i = 0; i < COUNT_OF(expected); i++)
    assert_string_equal(w->plan.refusals.at[i], expected[i]);
}

/* What is written by way of the tree is written in partitions that come or leave, too. */
static void test_plan_apart(void **state)
{
  static const struct scenario s = {
      .schema = "CREATE TABLE tree (a int, b int) PARTITION BY LIST (a);"
                "CREATE TABLE leaves PARTITION OF tree FOR VALUES IN (1) PARTITION BY LIST (b);"
                "CREATE TABLE leaves_1 PARTITION OF leaves DEFAULT;"
                "CREATE TABLE stays PARTITION OF tree FOR VALUES IN (2);"
                "CREATE TABLE comes (a int, b int)",
      .migration = {"INSERT INTO tree SELECT 1, 1 WHERE false",
                    "ALTER TABLE tree ATTACH PARTITION comes DEFAULT",
                    "ALTER TABLE tree DETACH PARTITION leaves"},
  };
  struct world *w = *state;
  make_plan(w, &s);
  assert_int_equal(w->plan.refusals.len, 0);
  const struct capture_table *tree = planned(w, "public.tree");
  assert_int_equal(tree->apart.len, 1);
  assert_string_equal(tree->apart.at[0], "public.leaves");
  assert_int_equal(tree->apart_after.len, 1);
  assert_string_equal(tree->apart_after.at[0], "public.comes");
  assert_true(planned(w, "public.leaves")->partitioned);
  assert_false(planned(w, "public.leaves")->standby);
  assert_false(planned(w, "public.comes")->standby);
  assert_int_equal(w->plan.tables.len, 3);
}

static void test_estimate(void **state)
{
  static const struct scenario s = {
      .schema = "CREATE TABLE a (id int PRIMARY KEY, v text); CREATE TABLE b (id int PRIMARY KEY)",
      .rows = "INSERT INTO a SELECT g, repeat('x', 100) FROM generate_series(1, 5000) g",
      .migration = {"DROP TABLE a", "UPDATE b SET id = 1"},
  };
  struct world *w = *state;
  CLEANUP(err_clear) struct err err = ERR_INIT;
  struct catalog_options options = {0};
  struct catalog *live = NULL;
  prepare(w, &s);
  assert_int_equal(catalog_read(w->arena, w->c, &options, &live, &err), 0);
  int64_t bytes = capture_estimate_bytes(&w->plan, live);
  assert_in_range(bytes, 500 * 1000, 5 * 1000 * 1000);
}

/* ---- refusals ---- */

static void test_uncaptured_write(void **state)
{
  struct world *w = *state;
  /* at 0 rows, and without statistics, it is a write all the same */
  static const struct scenario s = {
      .schema = people,
      .rows = people_rows,
      .migration = {"SET LOCAL track_counts = off",
                    "DO $$ BEGIN UPDATE people SET age = 0 WHERE id = -1; END $$"}};
  prepare(w, &s);
  leave_out(w, "public.people");
  refused(w, &s, "public.people was written by the migration but not captured",
          "rows were inserted, updated or deleted");
}

static void test_write_seen_only_at_the_end(void **state)
{
  struct world *w = *state;
  static const struct scenario s = {
      .schema = "CREATE TABLE people (id int PRIMARY KEY); CREATE TABLE log (a int UNIQUE);"
                "CREATE TABLE refers (a int REFERENCES log (a));"
                "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS"
                " $$ BEGIN INSERT INTO log VALUES (1); RETURN NULL; END $$;"
                "CREATE CONSTRAINT TRIGGER note AFTER DELETE ON people DEFERRABLE INITIALLY"
                " DEFERRED FOR EACH ROW EXECUTE FUNCTION note()",
      .rows = "INSERT INTO people VALUES (1)",
      .migration = {"DELETE FROM people"}};
  prepare(w, &s);
  refused(w, &s, "public.log was written by the migration but not captured", NULL);
}

static void test_unplanned_ddl(void **state)
{
  struct world *w = *state;
  static const struct {
    const char *statement, *detail;
  } cases[] = {
      {"DROP TABLE people", "the table was dropped"},
      {"TRUNCATE people", "the table was rewritten or emptied"},
      {"ALTER TABLE people ALTER age TYPE bigint", "the table was rewritten or emptied"},
      {"ALTER TABLE people DROP COLUMN age", "column age was dropped"},
      {"DO $$ BEGIN UPDATE people SET age = 1; ALTER TABLE people ADD COLUMN x int; END $$",
       "rows were written and the table was locked ACCESS EXCLUSIVE"},
  };
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    const struct scenario shadow = {
        .schema = people, .rows = people_rows, .migration = {"SELECT 1"}};
    struct scenario s = shadow;
    s.migration[0] = cases[i].statement;
    prepare(w, &shadow);
    refused(w, &s, "public.people was written by the migration but not captured", cases[i].detail);
    /* the same when the plan knows nothing of the table */
    leave_out(w, "public.people");
    refused(w, &s, "public.people was written by the migration but not captured", NULL);
  }
}

static void test_columns_plan_does_not_cover_rows(void **state)
{
  struct world *w = *state;
  static const struct scenario shadow = {
      .schema = people, .rows = people_rows, .migration = {"ALTER TABLE people DROP COLUMN age"}};
  struct scenario s = shadow;
  s.migration[1] = "DELETE FROM people";
  prepare(w, &shadow);
  refused(w, &s, "public.people was written by the migration but not captured",
          "only the doomed columns were captured");
}

static void test_plan_of_another_database(void **state)
{
  struct world *w = *state;
  static const struct scenario s = {
      .schema = people, .rows = people_rows, .migration = {"UPDATE people SET age = 1"}};
  prepare(w, &s);
  run_sql(w->c, "ALTER TABLE people RENAME TO humans");
  refused(w, &s, "table public.people does not exist: the plan is out of date", NULL);
  prepare(w, &s);
  run_sql(w->c, "ALTER TABLE people DROP COLUMN name");
  refused(w, &s, "public.people has no column name: the plan is out of date", NULL);
}

static void test_other_end_than_proven(void **state)
{
  struct world *w = *state;
  static const struct scenario shadow = {
      .schema = people,
      .rows = people_rows,
      .migration = {"UPDATE people SET age = 1", "ALTER TABLE people RENAME TO humans"}};
  struct scenario s = shadow;
  s.migration[1] = "ALTER TABLE people RENAME TO persons";
  prepare(w, &shadow);
  refused(w, &s,
          "public.people is public.persons after the migration, the proof says"
          " public.humans",
          NULL);
}

static void test_foreign_table(void **state)
{
  struct world *w = *state;
  if (strcmp(ask(w, w->admin,
                 "SELECT count(*) FROM pg_available_extensions WHERE name = 'postgres_fdw'"),
             "1") != 0)
    skip();
  struct scenario s = {
      .schema =
          arena_printf(w->arena,
                       "CREATE EXTENSION postgres_fdw; CREATE TABLE far (a int);"
                       "CREATE SERVER here FOREIGN DATA WRAPPER postgres_fdw OPTIONS"
                       " (host '%s', port '%s', dbname 'capture_live');"
                       "CREATE USER MAPPING FOR CURRENT_USER SERVER here OPTIONS (user 'belay');"
                       "CREATE FOREIGN TABLE f (a int) SERVER here OPTIONS"
                       " (table_name 'far')",
                       getenv("PGHOST"), getenv("PGPORT")),
      .migration = {"SELECT 1"}};
  prepare(w, &s);
  s.migration[0] = "INSERT INTO f VALUES (1)";
  refused(w, &s, "public.f was written by the migration but not captured", "foreign table");
}

static void test_isolation(void **state)
{
  struct world *w = *state;
  static const struct scenario s = {.schema = people, .migration = {"SELECT 1"}};
  CLEANUP(err_clear) struct err err = ERR_INIT;
  prepare(w, &s);
  run_sql(w->a, "SET default_transaction_isolation = 'repeatable read'");
  assert_int_equal(migrate(w, &s, "refused/isolation", &err), -1);
  assert_int_equal(err.code, ERR_REFUSED);
  assert_non_null(strstr(err.message, "the applying transaction is repeatable read"));
}

/* ---- what is none of our business ---- */

static void test_accepted(void **state)
{
  struct world *w = *state;
  static const char *const statements[] = {
      "CREATE TABLE made AS SELECT * FROM people",
      "CREATE TEMP TABLE t AS SELECT * FROM people",
      "CREATE INDEX ON people (age)",
      "ALTER TABLE people ADD COLUMN x int DEFAULT 5",
      "ALTER TABLE people ADD CHECK (age >= 0)",
      "REFRESH MATERIALIZED VIEW view",
      "ALTER TABLE people ALTER name TYPE varchar",
      "SELECT 1 FROM people FOR UPDATE",
  };
  for (size_t i = 0; i < COUNT_OF(statements); i++) {
    struct scenario s = {.schema = "CREATE TABLE people (id int PRIMARY KEY, name text, age int);"
                                   "CREATE MATERIALIZED VIEW view AS SELECT id FROM people",
                         .rows = people_rows,
                         .migration = {statements[i]}};
    prepare(w, &s);
    accepted(w, &s);
  }
}

static void test_ledger_is_left_alone(void **state)
{
  struct world *w = *state;
  struct scenario s = {.schema = "CREATE TABLE ledger (what text); CREATE TABLE t (a int)",
                       .migration = {"INSERT INTO ledger VALUES ('done')"}};
  prepare(w, &s);
  w->ledger = "public.ledger";
  accepted(w, &s);
  w->ledger = NULL;
  leave_out(w, "public.ledger");
  refused(w, &s, "public.ledger was written by the migration but not captured", NULL);
}

/* Others who change tables that the migration does not touch are not its fault. */
static void test_ddl_of_others(void **state)
{
  struct world *w = *state;
  static const struct scenario s = {.schema = people,
                                    .rows = people_rows,
                                    .migration = {"UPDATE people SET age = 1"},
                                    .meanwhile = "TRUNCATE other; DROP TABLE other"};
  prepare(w, &s);
  accepted(w, &s);
}

static void test_totals(void **state)
{
  struct world *w = *state;
  static const struct scenario s = {.schema = people,
                                    .rows = people_rows,
                                    .migration = {"UPDATE people SET age = 1 WHERE id < 6"}};
  CLEANUP(err_clear) struct err err = ERR_INIT;
  CLEANUP(capture_freep) struct capture *capture = NULL;
  prepare(w, &s);
  const struct capture_options options = {
      .conn = w->a, .observer = w->b, .place = w->place, .prefix = "totals", .plan = &w->plan};
  run_sql(w->a, "BEGIN");
  assert_int_equal(capture_begin(w->arena, &options, &capture, &err), 0);
  run_sql(w->a, s.migration[0]);
  assert_int_equal(capture_after_statement(capture, &err), 0);
  assert_int_equal(capture_finish(capture, &err), 0);
  run_sql(w->a, "COMMIT");
  int64_t rows = 0;
  uint64_t bytes = 0;
  capture_totals(capture, &rows, &bytes);
  assert_int_equal(rows, 10); /* 5 before, 5 after */
  assert_true(bytes > 0);
  /* a finished capture stays */
  capture_freep(&capture);
  struct undo *undo = NULL;
  assert_int_equal(undo_open(w->arena, w->place, "totals", &undo, &err), 0);
  undo_close(undo);
}

#define WORLD_TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void)
{
  const struct CMUnitTest tests[] = {
      WORLD_TEST(test_plan_kinds),
      WORLD_TEST(test_plan_without_key),
      WORLD_TEST(test_plan_refusals),
      WORLD_TEST(test_plan_apart),
      WORLD_TEST(test_estimate),
      WORLD_TEST(test_uncaptured_write),
      WORLD_TEST(test_write_seen_only_at_the_end),
      WORLD_TEST(test_unplanned_ddl),
      WORLD_TEST(test_columns_plan_does_not_cover_rows),
      WORLD_TEST(test_plan_of_another_database),
      WORLD_TEST(test_other_end_than_proven),
      WORLD_TEST(test_foreign_table),
      WORLD_TEST(test_isolation),
      WORLD_TEST(test_accepted),
      WORLD_TEST(test_ledger_is_left_alone),
      WORLD_TEST(test_ddl_of_others),
      WORLD_TEST(test_totals),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
