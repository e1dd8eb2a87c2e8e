/* Large objects while other sessions write them: what is whose, and what must not be lost. */
#include "inverse_capture_world.h"

static const struct scenario base = {
    .name = "large objects",
    .schema =
        "DO $$ BEGIN CREATE ROLE large_plain; EXCEPTION WHEN duplicate_object THEN NULL; END $$;"
        "GRANT CREATE ON SCHEMA public TO large_plain;"
        "SELECT lo_from_bytea(1, 'one'), lo_from_bytea(2, 'two'), lo_from_bytea(3, 'three'),"
        " lo_from_bytea(4, 'four');"
        "DO $$ BEGIN FOR i IN 1..4 LOOP EXECUTE format('ALTER LARGE OBJECT %s OWNER TO"
        " large_plain', i); END LOOP; END $$",
    .migration = {"SELECT lo_put(1, 0, 'O')", "SELECT lo_unlink(3)",
                  "SELECT lo_from_bytea(5, 'five')"},
};

static const char *objects(struct world *w)
{
  return ask(w, w->c,
             "SELECT coalesce(string_agg(oid || ' ' || convert_from(lo_get(oid), 'UTF8'), ', '"
             " ORDER BY oid), '') FROM pg_largeobject_metadata");
}

static void migrate_as(struct world *w, const struct scenario *s, const char *role,
                       const char *prefix)
{
  CLEANUP(err_clear) struct err err = ERR_INIT;
  prepare(w, s);
  if (role) {
    run_sql(w->a, arena_printf(w->arena, "SET SESSION AUTHORIZATION %s", role));
    run_sql(w->b, arena_printf(w->arena, "SET SESSION AUTHORIZATION %s", role));
  }
  if (migrate(w, s, prefix, &err) < 0) {
    print_err(&err);
    fail();
  }
}

static const char *new_prefix(struct world *w)
{
  return arena_printf(w->arena, "undo/%s", clock_new_id(w->arena));
}

/* What others write meanwhile is theirs, for whoever looks. */
static void others_keep_theirs(void **state)
{
  struct world *w = *state;
  static const char *const roles[] = {NULL, "large_plain"};
  for (size_t i = 0; i < COUNT_OF(roles); i++) {
    CLEANUP(err_clear) struct err err = ERR_INIT;
    struct undo_report report = {0};
    struct scenario s = base;
    const char *prefix = new_prefix(w);
    s.first = "SELECT lo_unlink(4)";
    s.meanwhile = "SELECT lo_put(2, 0, 'T'), lo_from_bytea(6, 'six');"
                  " GRANT SELECT ON LARGE OBJECT 6 TO large_plain";
    migrate_as(w, &s, roles[i], prefix);
    assert_string_equal(objects(w), "1 One, 2 Two, 5 five, 6 six");
    if (roll_back(w, &s, prefix, UNDO_ABORT, &report, &err) < 0) {
      print_err(&err);
      fail();
    }
    assert_string_equal(objects(w), "1 one, 2 Two, 3 three, 6 six");
    assert_int_equal(report.restored, 1);
    assert_int_equal(report.reinserted, 1);
    assert_int_equal(report.deleted, 1);
  }
}

/* A session writes between the compare of an undo and its writing: no lock could have stopped it.
 */
static int undo_with(struct world *w, const char *prefix, const char *amid, struct err *err)
{
  CLEANUP(capture_freep) struct capture *capture = NULL;
  CLEANUP(undo_closep) struct undo *undo = NULL;
  struct undo_report report = {0};
  const struct capture_plan plan = {0};
  const struct capture_options options = {
      .conn = w->a, .observer = w->b, .place = w->place, .prefix = new_prefix(w), .plan = &plan};
  run_sql(w->a, "BEGIN");
  int result = undo_open(w->arena, w->place, prefix, &undo, err);
  if (result == 0)
    result = capture_begin(w->arena, &options, &capture, err);
  if (result == 0)
    result = undo_compare(undo, w->a, err);
  run_sql(w->c, amid);
  if (result == 0)
    result = undo_write(undo, w->a, UNDO_KEEP, &report, err);
  if (result == 0) {
    undo_expect(undo, capture);
    result = capture_finish(capture, err);
  }
  run_sql(w->a, result == 0 ? "COMMIT" : "ROLLBACK");
  return result;
}

static void nothing_is_overwritten(void **state)
{
  struct world *w = *state;
  static const char *const roles[] = {NULL, "large_plain"};
  for (size_t i = 0; i < COUNT_OF(roles); i++) {
    CLEANUP(err_clear) struct err err = ERR_INIT;
    const char *prefix = new_prefix(w);
    migrate_as(w, &base, roles[i], prefix);
    assert_int_equal(undo_with(w, prefix, "SELECT lo_put(1, 1, 'NE!')", &err), -1);
    assert_int_equal(err.code, ERR_REFUSED);
    assert_non_null(strstr(err.message, "large object 1 was changed by another session"));
    assert_string_equal(objects(w), "1 ONE!, 2 two, 4 four, 5 five");
    run_sql(w->c, "SELECT lo_put(1, 0, 'One'), lo_truncate(lo_open(1, 131072), 3)");
    err_clear(&err);
    assert_int_equal(undo_with(w, prefix, NULL, &err), 0);
    assert_string_equal(objects(w), "1 one, 2 two, 3 three, 4 four");
  }
}

/* Only a superuser sees who wrote what: the others must be able to compare all. */
static void unreadable_is_refused(void **state)
{
  struct world *w = *state;
  CLEANUP(err_clear) struct err err = ERR_INIT;
  struct scenario s = base;
  s.migration[1] = s.migration[2] = NULL;
  prepare(w, &s);
  run_sql(w->c, "SELECT lo_from_bytea(7, 'seven')");
  run_sql(w->a, "SET SESSION AUTHORIZATION large_plain");
  run_sql(w->b, "SET SESSION AUTHORIZATION large_plain");
  assert_int_equal(migrate(w, &s, new_prefix(w), &err), -1);
  assert_int_equal(err.code, ERR_REFUSED);
  assert_non_null(strstr(err.message, "permission denied for large object 7"));
  assert_string_equal(objects(w), "1 one, 2 two, 3 three, 4 four, 7 seven");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(others_keep_theirs),
      cmocka_unit_test(nothing_is_overwritten),
      cmocka_unit_test(unreadable_is_refused),
  };
  return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
