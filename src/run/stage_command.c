/* Apply around a foreign command: belay holds no snapshot and no relation lock while it runs, and
 * afterwards believes the ledger and the catalog, not the exit code. */
#include "base/clock.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/spawn.h"
#include "run/command_watch.h"

struct before {
  char fingerprint[65];
  struct command_watch watch;
};

struct after {
  bool all_applied, none_applied, schema_predicted, schema_same;
  size_t applied;
  const char *first_missing;
  const char *not_quiet; /* why rows may have been written, or still may be; NULL: none was */
  const struct command_session *left; /* opened meanwhile and still there; NULL: none */
};

static int run_it(struct run *run, struct spawn_result *ret, struct err *err)
{
  const struct config *config = &run->env->config;
  VEC(const char *) env = {0};
  for (size_t i = 0; i < config->url_names.len; i++)
    vec_push(run->arena, &env,
             arena_printf(run->arena, "%s=%s", config->url_names.at[i], run->env->target.url));
  if (config->url_names.len == 0)
    vec_push(run->arena, &env, arena_printf(run->arena, "DATABASE_URL=%s", run->env->target.url));
  vec_push(run->arena, &env, arena_printf(run->arena, "PGAPPNAME=belay command %s", run->id));
  vec_push(run->arena, &env, arena_printf(run->arena, "BELAY_RUN=%s", run->id));
  vec_push(run->arena, &env, NULL);
  struct spawn spec = {
      .argv = run->request->command, .env = env.at, .inherit_stdin = true, .own_group = true};
  return spawn_run(run->arena, &spec, ret, err);
}

/* ---- before ---- */

/* The backup does not hold what was written after its snapshot: how long is that? */
static int begin_journal(struct run *run, struct err *err)
{
  int64_t snapshot_us;
  const char *gap = NULL;
  if (run->has_backup && clock_parse(run->backup.created_at, &snapshot_us) == 0) {
    int64_t gap_ms = (clock_wall_us() - snapshot_us) / 1000;
    gap = arena_printf(run->arena, JOURNAL_RAW "%" PRId64, gap_ms);
    log_info("             the command starts %s after the snapshot of backup %s",
             clock_duration(run->arena, gap_ms), run->backup.id);
  } else {
    log_info("             the command starts without a backup of this run");
  }
  /* Until the ledger was looked at, any of them may have been applied: a killed run must not claim
   * the opposite. */
  for (size_t i = 0; i < run->files.len; i++)
    if (journal_write(run->journal, err, "commit-sent", "file", run->files.at[i].name, "by",
                      "command", NULL) < 0)
      return -1;
  return journal_write(run->journal, err, "command-begin", "command", run->request->command[0],
                       "since_snapshot_ms", gap, NULL);
}

static int look_before(struct run *run, struct before *ret, struct err *err)
{
  if (run_fingerprint(run, run->conn, ret->fingerprint, err) < 0)
    return -1;
  if (strcmp(ret->fingerprint, run->fingerprint) != 0) {
    err_set(err, ERR_REFUSED,
            "the schema changed since the inverse was proven: the plan is out of date");
    return err_hint(err, "Somebody else altered the schema meanwhile. Run belay again.");
  }
  return command_watch_begin(run, &ret->watch, err);
}

/* ---- after ---- */

static enum migration_state ledger_state(const struct run *run, const char *name)
{
  for (size_t i = 0; i < run->statuses.len; i++)
    if (strcmp(run->statuses.at[i].name, name) == 0)
      return run->statuses.at[i].state;
  return MIGRATION_PENDING;
}

static void compare_ledger(struct run *run, struct after *after)
{
  for (size_t i = 0; i < run->files.len; i++) {
    enum migration_state state = ledger_state(run, run->files.at[i].migration->name);
    run->files.at[i].applied = state == MIGRATION_APPLIED;
    after->applied += state == MIGRATION_APPLIED;
    after->all_applied = after->all_applied && state == MIGRATION_APPLIED;
    after->none_applied =
        after->none_applied && state != MIGRATION_APPLIED && state != MIGRATION_FAILED;
    if (state != MIGRATION_APPLIED && !after->first_missing)
      after->first_missing = run->files.at[i].migration->name;
  }
}

static int compare(struct run *run, const struct before *before, struct after *after,
                   struct err *err)
{
  enum { LOCK_TIMEOUT_MS = 5000 }; /* somebody may be left who holds a table */
  char now[65];
  if (db_execf(run->conn, err, "SET lock_timeout = '%dms'", LOCK_TIMEOUT_MS) < 0 ||
      run_fingerprint(run, run->conn, now, err) < 0 ||
      (run->env->format && run_read_ledger(run, err) < 0) ||
      db_exec(run->conn, "RESET lock_timeout", err) < 0)
    return -1;
  compare_ledger(run, after);
  after->schema_same = strcmp(now, before->fingerprint) == 0;
  after->schema_predicted =
      run->files.len &&
      strcmp(now, run->files.at[run->files.len - 1].inverse->fingerprint_after) == 0;
  return 0;
}

/* What was found is judged even when the user interrupts once more. */
static int look(struct run *run, const struct before *before, const struct spawn_result *done,
                struct after *ret, struct err *err)
{
  struct after after = {.all_applied = true, .none_applied = true};
  struct command_sessions left;
  if (run_open_target(run, err) < 0)
    return -1;
  db_cancel_on_signal(run->conn, false);
  bool own_only = done->exit_code == 0 && !interrupt_pending();
  if (command_watch_settle(run, &before->watch, own_only, &left, err) < 0)
    return -1;
  after.left = left.len ? &left.at[0] : NULL;
  if (compare(run, before, &after, err) < 0) {
    if (after.left)
      err_detail(err, "%s, opened while the command ran, is still there",
                 command_session_text(run, after.left));
    return -1;
  }
  if (command_watch_quiet(run, &before->watch, &after.not_quiet, err) < 0)
    return -1;
  db_cancel_on_signal(run->conn, true);
  *ret = after;
  return 0;
}

/* Nobody knows what the command did: whatever the cause, the database counts as changed. */
static int look_failed(struct run *run, const struct spawn_result *done, struct err *err)
{
  CLEANUP(err_clear) struct err cause = ERR_INIT;
  err_move(&cause, err);
  err_set(err, ERR_CHANGED, "%s ended with %d, and what it left could not be looked at: %s",
          run->request->command[0], done->exit_code, cause.message);
  if (cause.detail)
    err_detail(err, "%s", cause.detail);
  return err_hint(err, "When the database can be reached, look with: belay status");
}

/* ---- judging ---- */

static int still_at_work(struct run *run, const struct spawn_result *done,
                         const struct after *after, struct err *err)
{
  err_set(err, ERR_CHANGED,
          "%s ended with %d, but a backend is still at work that was opened meanwhile: %s",
          run->request->command[0], done->exit_code, command_session_text(run, after->left));
  err_detail(err, "until now the schema is %s and the ledger has %zu of %zu migrations as applied",
             after->schema_same        ? "as before"
             : after->schema_predicted ? "as predicted"
                                       : "changed",
             after->applied, run->files.len);
  return err_hint(err,
                  "Wait for it, or end it with: SELECT pg_terminate_backend(%s); then look with: "
                  "belay status",
                  after->left->pid);
}

static int hint_changed(struct run *run, struct err *err)
{
  bool prisma = run->env->format && strcmp(run->env->format->name, "prisma") == 0;
  const char *ledger =
      prisma ? ", then settle the ledger: npx prisma migrate resolve --rolled-back NAME" : "";
  if (!run->has_backup)
    return err_hint(err, "Look at the database%s; this run took no backup.", ledger);
  return err_hint(err,
                  "Look at the database%s; the state before is in the backup: belay restore %s "
                  "--into NAME",
                  ledger, run->backup.id);
}

static int changed(struct run *run, const struct spawn_result *done, const struct after *after,
                   struct err *err)
{
  const char *ledger = after->all_applied
                           ? "everything as applied"
                           : arena_printf(run->arena, "%s as not applied", after->first_missing);
  err_set(err, ERR_CHANGED, "%s ended with %d%s", run->request->command[0], done->exit_code,
          interrupt_pending() ? " after it was interrupted" : "");
  if (after->none_applied && after->schema_same)
    err_detail(err,
               "the schema is as before and the ledger has nothing new, but rows may have been "
               "written: %s",
               after->not_quiet);
  else
    err_detail(err, "the schema is %s; the ledger has %s",
               after->schema_same        ? "as before"
               : after->schema_predicted ? "as predicted"
                                         : "changed",
               after->none_applied ? "nothing new" : ledger);
  return hint_changed(run, err);
}

/* 130 and 143 say: go on from here. So only on one of the two sides, and with nobody at work. */
static int judge_interrupted(struct run *run, const struct spawn_result *done,
                             const struct after *after, struct err *err)
{
  bool before = after->none_applied && after->schema_same;
  bool predicted = after->all_applied && after->schema_predicted;
  if (after->left)
    return still_at_work(run, done, after, err);
  if (!before && !predicted)
    return changed(run, done, after, err);
  interrupt_check(err);
  if (predicted)
    return err_detail(err, "all migrations are applied and the schema is as predicted; it was not "
                           "verified further");
  if (!after->not_quiet)
    return err_detail(err, "ledger and schema are as before and no transaction wrote anything");
  return err_detail(err, "ledger and schema are as before, but rows may have been written: %s",
                    after->not_quiet);
}

static int judge(struct run *run, const struct spawn_result *done, const struct after *after,
                 struct err *err)
{
  const char *program = run->request->command[0];
  if (interrupt_pending())
    return judge_interrupted(run, done, after, err);
  if (after->left)
    return still_at_work(run, done, after, err);
  if (done->exit_code == 0 && after->all_applied)
    return 0;
  if (done->exit_code == 0) {
    err_set(err, ERR_CHANGED,
            "%s ended with 0, but the ledger of this database does not have %s as applied", program,
            after->first_missing);
    return err_hint(err, "Did it use another database URL? belay status shows the ledger.");
  }
  if (after->all_applied && after->schema_predicted)
    return err_set(
        err, ERR_POSTVERIFY,
        "%s ended with %d although all migrations are applied and the schema is as predicted",
        program, done->exit_code);
  if (after->none_applied && after->schema_same && !after->not_quiet)
    return err_set(
        err, ERR_UNCHANGED,
        "%s ended with %d; ledger and schema are as before and no transaction wrote anything",
        program, done->exit_code);
  return changed(run, done, after, err);
}

/* A file that the ledger has as begun or with another checksum stays open: the ledger is asked
 * again when somebody wants to know. */
static int journal_files(struct run *run, struct err *err)
{
  for (size_t i = 0; i < run->files.len; i++) {
    enum migration_state state = ledger_state(run, run->files.at[i].migration->name);
    if (state == MIGRATION_FAILED || state == MIGRATION_EDITED)
      continue;
    if (journal_write(run->journal, err, state == MIGRATION_APPLIED ? "committed" : "rolled-back",
                      "file", run->files.at[i].name, "by", "ledger", NULL) < 0)
      return -1;
  }
  return 0;
}

static int end_journal(struct run *run, const struct spawn_result *done, const struct after *after,
                       struct err *err)
{
  if (journal_files(run, err) < 0)
    return -1;
  return journal_write(run->journal, err, "command-end", "exit_code",
                       arena_printf(run->arena, JOURNAL_RAW "%d", done->exit_code), "schema",
                       after->schema_predicted ? "as predicted"
                       : after->schema_same    ? "as before"
                                               : "other",
                       "left", after->left ? command_session_text(run, after->left) : NULL, "rows",
                       after->not_quiet ? "may have been written" : "as before", NULL);
}

int run_apply_command(struct run *run, struct err *err)
{
  struct before before;
  struct spawn_result done;
  struct after after;
  if (look_before(run, &before, err) < 0 || begin_journal(run, err) < 0)
    return -1;
  db_closep(&run->conn); /* nothing of ours may hinder the command */
  if (run_it(run, &done, err) < 0) {
    CLEANUP(err_clear) struct err ignored = ERR_INIT; /* the ledger would say the same */
    (void)journal_files(run, &ignored);
    return -1;
  }
  run->touched = true;
  if (look(run, &before, &done, &after, err) < 0)
    return look_failed(run, &done, err);
  CLEANUP(err_clear) struct err untold = ERR_INIT;
  if (command_watch_tell_writes(run, &before.watch, &untold) < 0)
    log_warning("what was written to other tables is not known: %s", untold.message);
  if (end_journal(run, &done, &after, err) < 0)
    return err_recode(err, ERR_CHANGED);
  return judge(run, &done, &after, err);
}
