/* inverse_capture_world.h: what the tests of capture and undo share. A world is a fresh database
 * with three sessions: A applies the migration, B observes, C is somebody else; and a second
 * database "shadow" with the same schema and no rows, from which the plan is made as a run
 * would: catalogs before and after, effects as watched. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/base.h"
#include "base/clock.h"
#include "base/fs.h"
#include "inverse/capture.h"
#include "inverse/watch.h"
#include "store/place.h"

enum { WORLD_STATEMENTS_MAX = 8 };

struct scenario {
  const char *name;
  const char *schema, *rows;                       /* before the migration */
  const char *migration[WORLD_STATEMENTS_MAX + 1]; /* one statement each */
  const char *first;                               /* C, right after capture_begin */
  const char *meanwhile;     /* C, committed between the last statement and capture_finish */
  const char *meanwhile_end; /* C, between capture_finish and the commit */
  const char *later;         /* after the commit */
  const char *inverse_before, *inverse_after; /* schema steps around undo_write */
};

struct world {
  struct arena *arena;
  struct db_conn *admin, *a, *b, *c;
  struct db_target server;
  struct place *place;
  const char *dir;
  const char *database;
  struct inverse inverse;
  struct capture_plan plan;
  const char *ledger;
};

static inline void print_err(const struct err *err)
{
  print_error("error: %s\n", err->message ? err->message : "(none)");
  if (err->detail)
    print_error("detail: %s\n", err->detail);
}

static inline void run_sql(struct db_conn *conn, const char *sql)
{
  CLEANUP(err_clear) struct err err = ERR_INIT;
  if (sql && db_exec(conn, sql, &err) < 0) {
    print_err(&err);
    fail_msg("%s", sql);
  }
}

static inline const char *ask(struct world *w, struct db_conn *conn, const char *sql)
{
  CLEANUP(err_clear) struct err err = ERR_INIT;
  const char *value = NULL;
  if (db_query_value(conn, w->arena, &value, &err, sql, NULL) < 0) {
    print_err(&err);
    fail_msg("%s", sql);
  }
  return value ? value : "(null)";
}

static inline struct db_conn *connect_to(struct world *w, const char *database)
{
  CLEANUP(err_clear) struct err err = ERR_INIT;
  struct db_conn *conn = NULL;
  if (db_open_other(&w->server, database, "belay test", &conn, &err) < 0) {
    print_err(&err);
    fail();
  }
  return conn;
}

/* All rows of all tables, column order left out. */
static inline const char *content(struct world *w, struct db_conn *conn)
{
  CLEANUP(text_clear) struct text all = TEXT_INIT;
  CLEANUP(err_clear) struct err err = ERR_INIT;
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  assert_int_equal(db_query(conn, &r, &err,
                            "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN"
                            " pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r')"
                            " AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
                            " ORDER BY 1",
                            NULL),
                   0);
  for (int i = 0; i < db_rows(r); i++) {
    const char *sql = arena_printf(w->arena,
                                   "SELECT coalesce(string_agg(to_jsonb(t)::text, E'\\n' ORDER BY"
                                   " to_jsonb(t)::text), '') FROM ONLY %s t",
                                   db_value(r, i, 0));
    text_printf(&all, "%s\n%s\n", db_value(r, i, 0), ask(w, conn, sql));
  }
  return arena_strdup(w->arena, all.data);
}

static inline int world_setup(void **state)
{
  CLEANUP(err_clear) struct err err = ERR_INIT;
  struct world *w = x_calloc(1, sizeof(*w));
  char *dir = NULL;
  w->arena = arena_new();
  assert_non_null(getenv("DATABASE_URL"));
  assert_int_equal(
      db_target_parse(w->arena, getenv("DATABASE_URL"), "DATABASE_URL", &w->server, &err), 0);
  assert_int_equal(fs_temp_dir(w->arena, "belay-capture-", &dir, &err), 0);
  w->dir = dir;
  assert_int_equal(place_open(w->dir, &w->place, &err), 0);
  w->admin = connect_to(w, "postgres");
  *state = w;
  return 0;
}

static inline void world_disconnect(struct world *w)
{
  db_closep(&w->a);
  db_closep(&w->b);
  db_closep(&w->c);
}

static inline int world_teardown(void **state)
{
  CLEANUP(err_clear) struct err err = ERR_INIT;
  struct world *w = *state;
  world_disconnect(w);
  db_close(w->admin);
  place_close(w->place);
  fs_remove_tree(w->dir, &err);
  arena_free(w->arena);
  free(w);
  return 0;
}

static inline struct db_conn *fresh_database(struct world *w, const char *name)
{
  run_sql(w->admin, arena_printf(w->arena, "DROP DATABASE IF EXISTS %s (FORCE)", name));
  run_sql(w->admin, arena_printf(w->arena, "CREATE DATABASE %s", name));
  return connect_to(w, name);
}

/* The plan, from a shadow without rows. */
static inline void make_plan(struct world *w, const struct scenario *s)
{
  CLEANUP(err_clear) struct err err = ERR_INIT;
  CLEANUP(db_closep) struct db_conn *shadow = fresh_database(w, "capture_shadow");
  struct catalog_options options = {0};
  struct catalog *before = NULL, *after = NULL;
  struct watch *watch = NULL;
  w->inverse = (struct inverse){.name = s->name};
  run_sql(shadow, s->schema);
  if (catalog_read(w->arena, shadow, &options, &before, &err) < 0) {
    print_err(&err);
    fail();
  }
  run_sql(shadow, "BEGIN");
  assert_int_equal(watch_begin(w->arena, shadow, &watch, &err), 0);
  for (size_t i = 0; s->migration[i]; i++) {
    run_sql(shadow, s->migration[i]);
    assert_int_equal(watch_statement(watch, i, true, &w->inverse.effects, &err), 0);
  }
  run_sql(shadow, "COMMIT");
  assert_int_equal(catalog_read(w->arena, shadow, &options, &after, &err), 0);
  w->inverse.before = before;
  w->inverse.after = after;
  capture_plan(w->arena, &w->inverse, &w->plan);
}

static inline void prepare(struct world *w, const struct scenario *s)
{
  world_disconnect(w);
  w->database = "capture_live";
  w->a = fresh_database(w, w->database);
  w->b = connect_to(w, w->database);
  w->c = connect_to(w, w->database);
  run_sql(w->c, s->schema);
  run_sql(w->c, s->rows);
  make_plan(w, s);
}

/* As the run does it. On error A is rolled back. */
static inline int migrate(struct world *w, const struct scenario *s, const char *prefix,
                          struct err *err)
{
  CLEANUP(capture_freep) struct capture *capture = NULL;
  const struct capture_options options = {.conn = w->a,
                                          .observer = w->b,
                                          .place = w->place,
                                          .prefix = prefix,
                                          .ledger_table = w->ledger,
                                          .plan = &w->plan};
  run_sql(w->a, "BEGIN; SET LOCAL lock_timeout = '5s'");
  int result = capture_begin(w->arena, &options, &capture, err);
  if (result == 0)
    run_sql(w->c, s->first);
  for (size_t i = 0; result == 0 && s->migration[i]; i++) {
    result = db_run_statement(w->a, w->arena, s->migration[i], NULL, NULL, err);
    if (result == 0)
      result = capture_after_statement(capture, err);
  }
  if (result == 0) {
    run_sql(w->c, s->meanwhile);
    run_sql(w->a, "SET CONSTRAINTS ALL IMMEDIATE");
    result = capture_finish(capture, err);
  }
  run_sql(w->c, s->meanwhile_end);
  run_sql(w->a, result == 0 ? "COMMIT" : "ROLLBACK");
  return result;
}

static inline int roll_back(struct world *w, const struct scenario *s, const char *prefix,
                            enum undo_on_conflict mode, struct undo_report *report, struct err *err)
{
  CLEANUP(undo_closep) struct undo *undo = NULL;
  if (undo_open(w->arena, w->place, prefix, &undo, err) < 0)
    return -1;
  run_sql(w->a, "BEGIN");
  int result = undo_compare(undo, w->a, err);
  if (result == 0) {
    run_sql(w->a, s->inverse_before);
    result = undo_write(undo, w->a, mode, report, err);
  }
  if (result == 0)
    run_sql(w->a, s->inverse_after);
  run_sql(w->a, result == 0 ? "COMMIT" : "ROLLBACK");
  return result;
}

static inline const struct capture_table *planned(const struct world *w, const char *identity)
{
  for (size_t i = 0; i < w->plan.tables.len; i++)
    if (strcmp(w->plan.tables.at[i].before, identity) == 0)
      return &w->plan.tables.at[i];
  return NULL;
}

/* Migrates, lets others write, rolls back: rows as they would be without the migration. */
static inline void check_scenario(struct world *w, const struct scenario *s)
{
  CLEANUP(err_clear) struct err err = ERR_INIT;
  struct undo_report report = {0};
  prepare(w, s);
  CLEANUP(db_closep) struct db_conn *reference = fresh_database(w, "capture_reference");
  run_sql(reference, s->schema);
  /* identical rows, also where they hold the time */
  const char *start = content(w, w->c);
  if (s->first || s->meanwhile || s->later) {
    run_sql(reference, s->rows);
    run_sql(reference, s->first);
    run_sql(reference, s->meanwhile);
    run_sql(reference, s->meanwhile_end);
    run_sql(reference, s->later);
    start = content(w, reference);
  }
  const char *prefix = arena_printf(w->arena, "undo/%s", clock_new_id(w->arena));
  if (migrate(w, s, prefix, &err) < 0) {
    print_err(&err);
    fail_msg("%s: migrate", s->name);
  }
  run_sql(w->c, s->later);
  if (roll_back(w, s, prefix, UNDO_ABORT, &report, &err) < 0) {
    print_err(&err);
    fail_msg("%s: roll back", s->name);
  }
  const char *end = content(w, w->c);
  if (strcmp(start, end) != 0) {
    print_error("expected:\n%s\nfound:\n%s\n", start, end);
    fail_msg("%s: rows differ", s->name);
  }
  assert_int_equal(report.conflict_count, 0);
}

/* The prefix of the capture. */
static inline const char *migrated(struct world *w, const struct scenario *s)
{
  CLEANUP(err_clear) struct err err = ERR_INIT;
  const char *prefix = arena_printf(w->arena, "undo/%s", clock_new_id(w->arena));
  prepare(w, s);
  if (migrate(w, s, prefix, &err) < 0) {
    print_err(&err);
    fail();
  }
  run_sql(w->c, s->later);
  return prefix;
}

static inline const char *reason_of(const struct undo_report *report, const char *key)
{
  for (size_t i = 0; i < report->conflicts.len; i++)
    if (strcmp(report->conflicts.at[i].key, key) == 0)
      return report->conflicts.at[i].reason;
  return "none";
}
