#include "base/log.h"
#include "run/apply.h"

static int run_bare(struct run *run, const struct sql_statement *s, struct err *err)
{
  /* CONCURRENTLY waits without hindering readers or writers, so only the statement as a whole is
   * bounded; others (VACUUM FULL) would block everybody while they wait */
  const struct policy *policy = &run->env->policy;
  int64_t lock_timeout_ms = strstr(s->bare, "CONCURRENTLY") ? 0 : policy->apply.lock_timeout_ms;
  if (db_execf(run->conn, err,
               "SET lock_timeout = '%" PRId64 "ms'; SET statement_timeout = '%" PRId64 "ms'",
               lock_timeout_ms, policy->apply.statement_timeout_ms) < 0)
    return -1;
  int rc = db_run_statement(run->conn, run->arena, s->text, NULL, NULL, err);
  CLEANUP(err_clear) struct err ignored = ERR_INIT;
  (void)db_exec(run->conn, "SET lock_timeout = 0; SET statement_timeout = 0", &ignored);
  return rc;
}

static int run_alone(struct run *run, struct run_file *file, size_t index, struct err *err)
{
  const struct sql_statement *s = &file->script->statements.at[index];
  if (s->bare)
    return run_bare(run, s, err);
  struct guarded g = apply_guarded(run, file);
  g.file = arena_printf(run->arena, "%s#%zu", file->migration->name, index + 1);
  g.capture_prefix = arena_printf(run->arena, "%s-%04zu", file->undo_prefix, index + 1);
  int rc = 0;
  if (guarded_begin(&g, err) < 0 || guarded_capture(&g, err) < 0 ||
      guarded_statement(&g, s->text, err) < 0 || guarded_commit(&g, NULL, NULL, err) < 0)
    rc = guarded_abort(&g, err);
  bool in = g.outcome != GUARDED_ABORTED;
  file->rows_changed = file->rows_changed || (in && capture_plan_count(&file->capture));
  return rc;
}

static int statements_one_by_one(struct run *run, struct run_file *file, struct err *err)
{
  for (size_t i = file->first; i < file->last; i++) {
    const struct sql_statement *s = &file->script->statements.at[i];
    const char *name = file->migration->name;
    const char *number = arena_printf(run->arena, JOURNAL_RAW "%zu", i + 1);
    if (journal_write(run->journal, err, "statement", "file", name, "number", number, NULL) < 0)
      return -1;
    file->partial = run->touched = true;
    if (run_alone(run, file, i, err) < 0)
      return apply_place_error(file, s, err);
    if (journal_write(run->journal, err, "statement-done", "file", name, "number", number, NULL) <
        0)
      return -1;
  }
  return 0;
}

/* What a failed file left behind is taken away again, if the policy wants that and it is safe. */
static int clean_up(struct run *run, struct run_file *file, const struct catalog *before,
                    const char *row, struct err *err)
{
  const struct run_env *env = run->env;
  const char *name = file->migration->name;
  CLEANUP(err_clear) struct err second = ERR_INIT;
  if (run_open_target(run, &second) < 0)
    return err_recode(err, ERR_CHANGED);
  bool keep = env->policy.apply.on_failure == ON_FAILURE_STOP || apply_is_interrupt(err) ||
              run_bring_back(run, file, before, &second) < 0;
  CLEANUP(err_clear) struct err third = ERR_INIT;
  if (env->format->ledger_fail(run->conn, env->target.schema, row, err->message, &third) < 0)
    err_detail(err, "and the ledger row %s could not be marked as failed: %s", row, third.message);
  if (keep) {
    if (err_is_set(&second))
      err_detail(err, "what it left behind was not taken away: %s", second.message);
    return err_recode(err, ERR_CHANGED);
  }
  if (env->format->ledger_undo(run->conn, env->target.schema, name, &third) < 0)
    return err_recode(err, ERR_CHANGED);
  file->partial = false;
  (void)journal_write(run->journal, &third, "rolled-back", "file", name, "reason", err->message,
                      NULL);
  return err_recode(err, ERR_RESTORED);
}

static int finish(struct run *run, struct run_file *file, const char *row, struct err *err)
{
  const struct run_env *env = run->env;
  if ((db_is_lost(run->conn) && run_open_target(run, err) < 0) ||
      env->format->ledger_finish(run->conn, env->target.schema, row, err) < 0)
    return err_recode(err, ERR_CHANGED);
  file->partial = false;
  file->applied = true;
  return journal_write(run->journal, err, "committed", "file", file->migration->name, NULL);
}

int apply_bare(struct run *run, struct run_file *file, struct err *err)
{
  const struct run_env *env = run->env;
  struct catalog *before;
  const char *row;
  if (apply_check_pending(run, file, err) < 0 || apply_check_structure(run, file, err) < 0 ||
      catalog_read(run->arena, run->conn, &run->catalog_options, &before, err) < 0 ||
      apply_ensure_ledger(run, run->conn, err) < 0 ||
      env->format->ledger_start(run->arena, run->conn, env->target.schema, file->migration, &row,
                                err) < 0)
    return -1;
  if (statements_one_by_one(run, file, err) < 0)
    return clean_up(run, file, before, row, err);
  return finish(run, file, row, err);
}
