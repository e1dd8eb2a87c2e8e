/* Apply, belay's own way: each file in one guarded transaction with its ledger row, or in parts
 * where it holds something that cannot run in a transaction (apply_part.c). */
#include <signal.h>

#include "base/clock.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "run/apply.h"

int apply_place_error(const struct run_file *file, const struct sql_statement *s, struct err *err)
{
  return err_wrap(err, "%s:%d:%d", file->script->name, s->start.line, s->start.column);
}

int apply_check_structure(struct run *run, const struct run_file *file, struct err *err)
{
  char now[65];
  if (run_fingerprint(run, run->conn, now, err) < 0)
    return -1;
  if (strcmp(now, file->inverse->fingerprint_before) == 0)
    return 0;
  err_set(err, ERR_REFUSED,
          "the schema changed since the inverse was proven: the plan is out of date");
  return err_hint(err, "Somebody else altered the schema meanwhile. Run belay again.");
}

int apply_check_pending(struct run *run, const struct run_file *file, struct err *err)
{
  if (run_read_ledger(run, err) < 0)
    return -1;
  for (size_t i = 0; i < run->statuses.len; i++) {
    const struct migration_status *s = &run->statuses.at[i];
    if (strcmp(s->name, file->migration->name) != 0 || s->state == MIGRATION_PENDING ||
        s->state == MIGRATION_OUT_OF_ORDER || s->state == MIGRATION_ROLLED_BACK)
      continue;
    err_set(err, ERR_REFUSED, "%s is not pending any more: the ledger has it as %s", s->name,
            migration_state_name(s->state));
    return err_hint(err, "Somebody else deploys at the same time. See: belay status");
  }
  return 0;
}

int apply_ensure_ledger(struct run *run, struct db_conn *conn, struct err *err)
{
  const struct run_env *env = run->env;
  bool exists;
  if (env->format->ledger_exists(conn, env->target.schema, &exists, err) < 0)
    return -1;
  return exists ? 0 : env->format->ledger_create(conn, env->target.schema, err);
}

bool run_captures(const struct run *run, const struct run_file *file)
{
  return run->env->policy.apply.capture && !run->request->command &&
         file->capture.refusals.len == 0;
}

struct guarded apply_guarded(struct run *run, const struct run_file *file)
{
  return (struct guarded){
      .env = run->env,
      .arena = run->arena,
      .conn = run->conn,
      .run_lock = run->lock,
      .journal = run->journal,
      .file = file->name,
      .plan = run_captures(run, file) ? &file->capture : NULL,
      .capture_prefix = file->undo_prefix,
      .ledger_table = run_ledger_identity(run->env),
  };
}

bool apply_is_interrupt(struct err *err)
{
  if (!interrupt_pending())
    return false;
  err_recode(err, interrupt_pending() == SIGINT ? ERR_INTERRUPTED : ERR_TERMINATED);
  return true;
}

/* ---- one transaction ---- */

static int add_to_ledger(void *context, struct db_conn *conn, struct err *err)
{
  const struct apply_ledger *c = context;
  const struct run_env *env = c->run->env;
  if (apply_ensure_ledger(c->run, conn, err) < 0)
    return err_wrap(err, "ledger");
  return env->format->ledger_add(conn, env->target.schema, c->file->migration, c->started_at, err);
}

static int run_in_transaction(struct run *run, struct run_file *file, struct guarded *g,
                              struct err *err)
{
  struct apply_ledger context = {run, file, clock_iso8601(run->arena, clock_wall_us())};
  bool whole = file->parts == 1, first = run_is_first_part(file);
  if (guarded_begin(g, err) < 0 || (first && apply_check_pending(run, file, err) < 0) ||
      apply_check_structure(run, file, err) < 0 || guarded_capture(g, err) < 0)
    return guarded_abort(g, err);
  /* again, now that what will be destroyed is locked */
  if (capture_plan_count(&file->capture) && apply_check_structure(run, file, err) < 0)
    return guarded_abort(g, err);
  for (size_t i = file->first; i < file->last; i++) {
    const struct sql_statement *s = &file->script->statements.at[i];
    if (guarded_statement(g, s->text, err) < 0) {
      apply_place_error(file, s, err);
      return guarded_abort(g, err);
    }
  }
  if (apply_try_way_back(run, file, err) < 0)
    return guarded_abort(g, err);
  if (guarded_commit(g,
                     whole   ? add_to_ledger
                     : first ? apply_start_ledger
                             : NULL,
                     &context, err) < 0)
    return guarded_abort(g, err);
  return 0;
}

int apply_transaction(struct run *run, struct run_file *file, struct err *err)
{
  int tries = run->env->policy.apply.lock_retries + 1;
  for (int i = 0;; i++) {
    struct guarded g = apply_guarded(run, file);
    int rc = run_in_transaction(run, file, &g, err);
    file->applied = g.outcome != GUARDED_ABORTED;
    file->captured_rows = g.captured_rows;
    run->touched = run->touched || file->applied;
    if (rc == 0 || file->applied || i + 1 >= tries || !guarded_is_retryable(err))
      return rc;
    log_info("  %s: %s; try %d of %d follows", file->name, err->message, i + 2, tries);
    err_clear(err);
    guarded_back_off(i);
  }
}

/* ---- the whole ---- */

static int check_unchanged(struct run *run, struct err *err)
{
  CLEANUP(err_clear) struct err second = ERR_INIT;
  char now[65];
  if (run_open_target(run, &second) < 0 || run_fingerprint(run, run->conn, now, &second) < 0) {
    err_detail(err, "and the state could not be checked: %s", second.message);
    return err_recode(err, ERR_CHANGED);
  }
  return err_recode(err, strcmp(now, run->fingerprint) == 0 ? ERR_UNCHANGED : ERR_CHANGED);
}

/* Codes that say "untouched", and truly so while nothing has been committed. */
static bool says_untouched(const struct err *err)
{
  return err->code == ERR_REFUSED || err->code == ERR_LOCKED;
}

/* After a failure, where the policy says stop. */
static void say_applied(const struct run *run, const struct run_file *failed, struct err *err)
{
  size_t files = 0;
  for (const struct run_file *file = run->files.at; file < failed; file++)
    files += run_is_last_part(file);
  const char *part = failed->part == 1
                         ? ""
                         : arena_printf(run->arena, ", and %zu of the %zu parts of %s",
                                        failed->part - 1, failed->parts, failed->migration->name);
  err_detail(err, "%zu of %zu files are applied%s", files, run_count_migrations(run), part);
}

/* File number `failed` did not go in (or went in unrecorded): what does that mean for the database,
 * and can it be made good? */
static int after_failure(struct run *run, size_t failed, struct err *err)
{
  const struct run_file *file = &run->files.at[failed];
  if (file->applied && err->code != ERR_CHANGED)
    return err_recode(err, failed + 1 == run->files.len ? ERR_POSTVERIFY : ERR_CHANGED);
  if (err->code == ERR_CHANGED || (failed > 0 && apply_is_interrupt(err))) {
    if (failed > 0)
      say_applied(run, file, err);
    return -1;
  }
  if (failed == 0)
    return err->code == ERR_RESTORED || apply_is_interrupt(err) || says_untouched(err)
               ? -1
               : check_unchanged(run, err);
  if (run->env->policy.apply.on_failure == ON_FAILURE_STOP) {
    say_applied(run, file, err);
    return err_recode(err, ERR_CHANGED);
  }
  CLEANUP(err_clear) struct err second = ERR_INIT;
  if (run_undo_files(run, failed, &second) < 0) {
    err_detail(err, "what was applied before it could not be rolled back: %s", second.message);
    return err_recode(err, ERR_CHANGED);
  }
  err_detail(err, "what was applied before it was rolled back");
  return err_recode(err, ERR_RESTORED);
}

static int apply_file(struct run *run, struct run_file *file, struct err *err)
{
  /* a session of its own: what one file SETs must not hold for the next */
  if (journal_write(run->journal, err, "file-begin", "file", file->name, NULL) < 0 ||
      (run_is_first_part(file) && run_open_target(run, err) < 0))
    return -1;
  bool whole = file->parts == 1 && file->shape == SQL_SHAPE_TRANSACTION;
  return whole ? apply_transaction(run, file, err) : apply_part(run, file, err);
}

int run_apply_native(struct run *run, struct err *err)
{
  if (run_tool_lock(run, err) < 0)
    return -1;
  for (size_t i = 0; i < run->files.len; i++) {
    struct run_file *file = &run->files.at[i];
    if (apply_file(run, file, err) < 0) {
      CLEANUP(err_clear) struct err ignored = ERR_INIT;
      (void)journal_write(run->journal, &ignored, "file-failed", "file", file->name, "sqlstate",
                          err->sqlstate, "message", err->message, "detail", err->detail, NULL);
      return after_failure(run, i, err);
    }
    log_info("             %s applied", file->name);
  }
  /* verify must not see what the last file SET */
  return run_open_target(run, err) < 0 ? err_recode(err, ERR_POSTVERIFY) : 0;
}

int run_stage_apply(struct run *run, const char **summary, struct err *err)
{
  if (run->request->command) {
    if (run_apply_command(run, err) < 0)
      return -1;
    *summary =
        arena_printf(run->arena, "%s ended well; the ledger agrees", run->request->command[0]);
    return 0;
  }
  int64_t rows = 0;
  if (run_apply_native(run, err) < 0)
    return -1;
  for (size_t i = 0; i < run->files.len; i++)
    rows += run->files.at[i].captured_rows;
  size_t files = run_count_migrations(run);
  *summary =
      arena_printf(run->arena, "%zu file%s applied, %" PRId64 " row%s captured for the way back",
                   files, files == 1 ? "" : "s", rows, rows == 1 ? "" : "s");
  return 0;
}
