/* A part of a migration: its ledger row is started with the first part and finished after the
 * last one, as the tool would do it. A part that can runs in a guarded transaction of its own. */
#include "base/log.h"
#include "run/apply.h"

/* CONCURRENTLY waits without hindering readers or writers, so only the statement as a whole is
 * bounded; others (VACUUM FULL) would block everybody while they wait. */
static int run_bare(struct run *run, const struct sql_statement *s, struct err *err)
{
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

static int start(struct run *run, const struct run_file *file, struct err *err)
{
  const struct run_env *env = run->env;
  if (apply_ensure_ledger(run, run->conn, err) < 0)
    return -1;
  return env->format->ledger_start(run->arena, run->conn, env->target.schema, file->migration,
                                   &run->ledger_row, err);
}

int apply_start_ledger(void *context, struct db_conn *conn, struct err *err)
{
  UNUSED(conn); /* it is run->conn */
  const struct apply_ledger *c = context;
  return start(c->run, c->file, err);
}

/* The journal first: a statement that may have begun must be on record before the ledger says so.
 */
static int apply_outside(struct run *run, struct run_file *file, struct err *err)
{
  CLEANUP(err_clear) struct err ignored = ERR_INIT;
  bool first = run_is_first_part(file);
  if ((first && apply_check_pending(run, file, err) < 0) ||
      apply_check_structure(run, file, err) < 0 ||
      journal_write(run->journal, err, "statement", "file", file->name, NULL) < 0)
    return -1;
  if (first && start(run, file, err) < 0) {
    (void)journal_write(run->journal, &ignored, "rolled-back", "file", file->name, NULL);
    return -1;
  }
  file->partial = run->touched = true;
  for (size_t i = file->first; i < file->last; i++) {
    const struct sql_statement *s = &file->script->statements.at[i];
    if ((s->bare ? run_bare(run, s, err)
                 : db_run_statement(run->conn, run->arena, s->text, NULL, NULL, err)) < 0)
      return apply_place_error(file, s, err);
  }
  file->partial = false;
  file->applied = true;
  return journal_write(run->journal, err, "committed", "file", file->name, NULL);
}

static int finish(struct run *run, struct err *err)
{
  const struct run_env *env = run->env;
  if ((db_is_lost(run->conn) && run_open_target(run, err) < 0) ||
      env->format->ledger_finish(run->conn, env->target.schema, run->ledger_row, err) < 0)
    return err_recode(err, ERR_CHANGED);
  return 0;
}

/* Is what it left behind to be taken away, and was it? */
static bool takes_away(struct run *run, const struct run_file *file, const struct catalog *before,
                       struct err *why, struct err *err)
{
  if (run->env->policy.apply.on_failure == ON_FAILURE_STOP || apply_is_interrupt(err))
    return false;
  return !file->partial || run_bring_back(run, file, before, why) == 0;
}

static int clean_up(struct run *run, struct run_file *file, const struct catalog *before,
                    struct err *err)
{
  const struct run_env *env = run->env;
  CLEANUP(err_clear) struct err second = ERR_INIT;
  CLEANUP(err_clear) struct err third = ERR_INIT;
  if (run_open_target(run, &second) < 0)
    return err_recode(err, ERR_CHANGED);
  bool done = takes_away(run, file, before, &second, err);
  if (env->format->ledger_fail(run->conn, env->target.schema, run->ledger_row, err->message,
                               &third) < 0)
    err_detail(err, "and the ledger row %s could not be marked as failed: %s", run->ledger_row,
               third.message);
  if (!done) {
    if (err_is_set(&second))
      err_detail(err, "what it left behind was not taken away: %s", second.message);
    return err_recode(err, ERR_CHANGED);
  }
  file->partial = false;
  (void)journal_write(run->journal, &third, "rolled-back", "file", file->name, "reason",
                      err->message, NULL);
  if (!run_is_first_part(file)) /* the parts before it are rolled back like files before it */
    return -1;
  if (env->format->ledger_back(run->conn, env->target.schema, file->migration->name, true, &third) <
      0)
    return err_recode(err, ERR_CHANGED);
  return err_recode(err, ERR_RESTORED);
}

int apply_part(struct run *run, struct run_file *file, struct err *err)
{
  struct catalog *before = NULL;
  bool outside = file->shape == SQL_SHAPE_BARE;
  if (run_is_first_part(file))
    run->ledger_row = NULL;
  if ((outside && catalog_read(run->arena, run->conn, &run->catalog_options, &before, err) < 0) ||
      (outside ? apply_outside(run, file, err) : apply_transaction(run, file, err)) < 0) {
    if (!outside && run_is_first_part(file))
      run->ledger_row = NULL; /* it went with the transaction */
    return file->applied || !run->ledger_row ? -1 : clean_up(run, file, before, err);
  }
  return run_is_last_part(file) ? finish(run, err) : 0;
}
