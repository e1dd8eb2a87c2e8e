/* One file rolled back: compare, schema steps, rows, schema steps, check, ledger; one transaction.
 * */
#include "base/clock.h"
#include "base/log.h"
#include "run/rollback.h"
#include "run/transaction.h"
#include "sql/quote.h"

static int structure_is(struct arena *arena, const struct run_env *env, struct db_conn *conn,
                        const char *expected, bool *ret_same, struct err *err)
{
  char now[65];
  struct catalog *catalog;
  struct catalog_options options = run_catalog_options(env);
  if (catalog_read(arena, conn, &options, &catalog, err) < 0)
    return -1;
  catalog_fingerprint(catalog, CATALOG_IGNORE_COLUMN_ORDER, now);
  *ret_same = strcmp(now, expected) == 0;
  return 0;
}

int rollback_say_altered(const struct record_file *file, struct err *err)
{
  err_set(err, ERR_REFUSED, "the schema is no longer as the %s left it",
          file->again ? "rollback" : "migration");
  return err_hint(err, "Somebody altered the schema since. Roll newer runs back first, or restore "
                       "the backup into a new database: belay restore latest --into NAME");
}

static int run_steps(struct guarded *g, const struct record_file *file, enum inverse_phase phase,
                     struct err *err)
{
  for (size_t i = 0; i < file->steps.len; i++)
    if (file->steps.at[i].phase == phase && guarded_statement(g, file->steps.at[i].sql, err) < 0)
      return err_wrap(err, "inverse of %s: %s", file->name, file->steps.at[i].sql);
  return 0;
}

/* The inverse drops it, or a column of it. */
static bool is_doomed(const struct capture_table *t)
{
  bool column_goes = false;
  for (size_t i = 0; i < t->columns_after.len; i++)
    column_goes = column_goes || !t->columns_after.at[i];
  return !t->standby && (!t->after || column_goes);
}

/* Row versions tell by their xmin: the snapshot was taken by another session just before COMMIT, so
 * what is not below its xmax, or was in progress then and is not the migration, came later. */
const char *rollback_since_sql(struct arena *arena, const char *from)
{
  return arena_printf(arena,
                      "SELECT count(*), count(*) FILTER (WHERE x >="
                      " pg_snapshot_xmax($1::pg_snapshot)::text::bigint OR (x <> $2::bigint AND"
                      " x IN (SELECT pg_snapshot_xip($1::pg_snapshot)::text::bigint)))"
                      " FROM (SELECT (pg_current_xact_id()::text::bigint - age(xmin)::bigint)"
                      " AS x FROM %s) t",
                      from);
}

/* Refuses when others wrote, after the migration's commit, to what the inverse drops or narrows. */
static int nothing_written_since(const struct rollback_file *r, struct db_conn *conn,
                                 const struct capture_plan *plan, struct err *err)
{
  for (size_t i = 0; i < plan->tables.len; i++) {
    const struct capture_table *t = &plan->tables.at[i];
    CLEANUP(db_result_clear) struct db_result *found = NULL;
    if (!is_doomed(t))
      continue;
    if (!r->automatic_since)
      return err_set(err, ERR_REFUSED, "what was written to %s since is not known", t->before);
    const char *from = arena_printf(r->arena, "%s%s", t->partitioned ? "" : "ONLY ", t->before);
    if (db_query(conn, &found, err, rollback_since_sql(r->arena, from), r->automatic_since,
                 r->file->xid, NULL) < 0)
      return -1;
    if (db_int(found, 0, 1) != 0) {
      err_set(err, ERR_REFUSED, "%s rows were written to %s since; they would be lost",
              db_value(found, 0, 1), t->before);
      return err_hint(err, "Decide by hand: belay rollback last");
    }
  }
  return 0;
}

static int undo_rows(const struct rollback_file *r, struct guarded *g, struct undo *undo,
                     struct undo_report *ret, struct err *err)
{
  if (undo && (db_exec(g->conn, "SET CONSTRAINTS ALL DEFERRED", err) < 0 ||
               undo_write(undo, g->conn, r->on_conflict, ret, err) < 0))
    return err_wrap(err, "writing the captured rows of %s back", r->file->name);
  if (undo && g->capture)
    undo_expect(undo, g->capture);
  return g->capture ? capture_after_statement(g->capture, err) : 0;
}

/* The row that the first part started. */
static int finish_row(const struct rollback_file *r, struct db_conn *conn, struct err *err)
{
  const struct migration_format *format = r->env->format;
  const char *schema = r->env->target.schema;
  struct ledger_rows rows = {0};
  if (format->ledger_read(r->arena, conn, schema, &rows, err) < 0)
    return -1;
  for (size_t i = rows.len; i-- > 0;)
    if (strcmp(rows.at[i].name, r->file->migration) == 0 && !rows.at[i].finished_at &&
        !rows.at[i].rolled_back_at)
      return format->ledger_finish(conn, schema, rows.at[i].id, err);
  return err_set(err, ERR_REFUSED, "the ledger does not hold %s as begun", r->file->migration);
}

/* Applied again: as the tool would write it; parts as apply_part.c does. */
static int ledger_forth(const struct rollback_file *r, struct db_conn *conn, struct err *err)
{
  const struct record_file *file = r->file;
  const struct migration_format *format = r->env->format;
  const char *schema = r->env->target.schema, *unused;
  if (file->parts == 1)
    return format->ledger_add(conn, schema, file->again, clock_iso8601(r->arena, clock_wall_us()),
                              err);
  if (file->part == 1 &&
      format->ledger_start(r->arena, conn, schema, file->again, &unused, err) < 0)
    return -1;
  return file->part == file->parts ? finish_row(r, conn, err) : 0;
}

int rollback_ledger(const struct run_env *env, struct db_conn *conn, const struct record_file *file,
                    struct err *err)
{
  return env->format->ledger_back(conn, env->target.schema, file->migration, file->part == 1, err);
}

struct finish_context {
  const struct rollback_file *r;
};

static int finish(void *context, struct db_conn *conn, struct err *err)
{
  const struct rollback_file *r = ((struct finish_context *)context)->r;
  const struct run_env *env = r->env;
  bool same;
  if (structure_is(r->arena, env, conn, r->file->shape_before, &same, err) < 0)
    return -1;
  if (!same)
    return err_set(err, ERR_REFUSED, "%s",
                   r->file->again
                       ? "the schema after it is not the one that the migration made"
                       : "the schema after the rollback is not the one before the migration");
  return r->file->again ? ledger_forth(r, conn, err) : rollback_ledger(env, conn, r->file, err);
}

static int steps_and_rows(const struct rollback_file *r, struct guarded *g,
                          struct capture_plan *plan, struct undo_report *ret, struct err *err)
{
  CLEANUP(undo_closep) struct undo *undo = NULL;
  if (r->file->undo_prefix &&
      undo_open(r->arena, r->env->place, r->file->undo_prefix, &undo, err) < 0)
    return err_wrap(err, "opening the rows captured by %s", r->file->name);
  bool same;
  if (structure_is(r->arena, r->env, g->conn, r->file->shape_after, &same, err) < 0)
    return -1;
  if (!same)
    return rollback_say_altered(r->file, err);
  if ((undo && undo_extend_plan(undo, g->conn, r->file->steps.len > 0, plan, err) < 0) ||
      guarded_capture(g, err) < 0 ||
      (r->automatic && nothing_written_since(r, g->conn, plan, err) < 0) ||
      (undo && undo_compare(undo, g->conn, err) < 0) ||
      run_steps(g, r->file, INVERSE_BEFORE_DATA, err) < 0 || undo_rows(r, g, undo, ret, err) < 0 ||
      run_steps(g, r->file, INVERSE_AFTER_DATA, err) < 0)
    return -1;
  struct finish_context context = {r};
  return guarded_commit(g, finish, &context, err);
}

int rollback_capture_plan(struct arena *arena, const struct record_file *file,
                          struct capture_plan *ret, struct err *err)
{
  json_error_t why;
  json_t *json = file->rollback_capture ? json_loads(file->rollback_capture, 0, &why) : NULL;
  int rc = capture_plan_from_json(arena, json, ret, err);
  json_decref(json);
  return rc;
}

static int refuse_up_front(const struct rollback_file *r, const struct capture_plan *plan,
                           struct err *err)
{
  if (r->file->verdict == INVERSE_NONE) {
    err_set(err, ERR_REFUSED, "%s has no proven inverse%s%s", r->file->name,
            r->file->refusals.len ? ": " : "",
            r->file->refusals.len ? r->file->refusals.at[0] : "");
    return err_hint(err, "Restore the run's backup into a new database: belay restore latest "
                         "--into NAME");
  }
  if (plan->refusals.len == 0)
    return 0;
  if (policy_allows(&r->env->policy, r->file->migration)) {
    log_warning("%s: %s; not captured (allowed by name in policy %s)", r->file->name,
                plan->refusals.at[0], r->env->policy.name);
    return 0;
  }
  err_set(err, ERR_REFUSED, "%s: what the rollback destroys cannot be captured", r->file->name);
  err_detail(err, "%s", plan->refusals.at[0]);
  return err_hint(err,
                  "Accept that by name with inverse.allow: [%s] in the policy, or restore the "
                  "backup: belay restore latest --into NAME",
                  r->file->migration);
}

int rollback_one(const struct rollback_file *r, struct undo_report *ret_report,
                 enum guarded_outcome *ret_outcome, struct err *err)
{
  struct capture_plan plan = {0};
  *ret_outcome = GUARDED_ABORTED;
  if (rollback_capture_plan(r->arena, r->file, &plan, err) < 0 ||
      refuse_up_front(r, &plan, err) < 0)
    return -1;
  int tries = r->env->policy.apply.lock_retries + 1;
  for (int i = 0;; i++) {
    struct guarded g = {
        .env = r->env,
        .arena = r->arena,
        .conn = r->conn,
        .run_lock = r->run_lock,
        .journal = r->journal,
        .file = r->file->name,
        .event_prefix = r->event_prefix,
        .plan = plan.refusals.len ? NULL : &plan, /* allowed by name: nothing is captured */
        .capture_prefix = r->capture_prefix,
        .ledger_table = run_ledger_identity(r->env),
    };
    int rc = guarded_begin(&g, err) < 0 || steps_and_rows(r, &g, &plan, ret_report, err) < 0
                 ? guarded_abort(&g, err)
                 : 0;
    *ret_outcome = g.outcome;
    if (rc == 0 || g.outcome != GUARDED_ABORTED || i + 1 >= tries || !guarded_is_retryable(err))
      return rc;
    log_info("  %s: %s; try %d of %d follows", r->file->name, err->message, i + 2, tries);
    err_clear(err);
    guarded_back_off(i);
  }
}
