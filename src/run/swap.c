#include "run/swap.h"

#include "backup/session.h"
#include "backup/sessions.h"
#include "base/clock.h"
#include "base/log.h"
#include "run/pipeline.h"

struct swapping {
  const struct run_env *env;
  const struct backup_info *backup;
  const struct swap_options *options;
  struct swap_report *report;
  struct swap swap;
  struct db_conn *conn; /* maintenance database */
};

static const char *again(const struct run_env *env, const struct swap *swap)
{
  return arena_printf(env->arena, "belay restore %s --swap --confirm '%s'%s", swap->backup_id,
                      env->target.database, swap->no_owner ? " --no-owner" : "");
}

/* ---- what an earlier try left behind ---- */

static int refuse_other(const struct swapping *s, const struct swap *other, struct err *err)
{
  err_set(err, ERR_REFUSED,
          "database %s accepts no connections: a restore of backup %s into its place was"
          " interrupted",
          other->database, other->backup_id);
  return err_hint(err, "Finish it with: %s; or keep the old database with: %s",
                  again(s->env, other), sessions_open_command(s->env->arena, other->database));
}

/* We hold the lock, so nobody is at work on any of them. */
static int take_up(struct swapping *s, struct err *err)
{
  struct swaps swaps = {0};
  if (swap_list(s->env->arena, s->env->place, s->env->database_prefix, &swaps, err) < 0)
    return -1;
  for (size_t i = swaps.len; i-- > 0;) {
    const struct swap *old = &swaps.at[i];
    struct swap_look look;
    if (swap_look(s->env->arena, s->conn, old, &look, err) < 0)
      return -1;
    if (look.state == SWAP_DONE || look.state == SWAP_FOREIGN)
      continue;
    bool same = strcmp(old->backup_id, s->backup->id) == 0 && old->no_owner == s->options->no_owner;
    if (look.state == SWAP_READY && same && !s->report->taken_up) {
      s->swap = *old;
      s->report->taken_up = true;
      continue;
    }
    if (look.state == SWAP_READY && look.closed && !s->report->taken_up)
      return refuse_other(s, old, err);
    if (look.state != SWAP_ABSENT)
      log_info("dropping %s, which an interrupted restore left behind", old->candidate);
    if (swap_discard(s->env->arena, &s->env->target, s->env->place, old, err) < 0)
      return -1;
  }
  return 0;
}

/* ---- the restored database ---- */

static void warn(void *context, const char *line)
{
  UNUSED(context);
  log_warning("%s", line);
}

static int make_candidate(struct swapping *s, struct err *err)
{
  const struct restore_options options = {.target = &s->env->target,
                                          .place = s->env->place,
                                          .prefix = s->backup->prefix,
                                          .into = s->swap.candidate,
                                          .jobs = s->env->jobs,
                                          .note = warn,
                                          .no_owner = s->options->no_owner,
                                          .need_roles = true};
  struct restore_report restored = {0};
  log_info("restoring into %s, beside %s", s->swap.candidate, s->swap.database);
  if (backup_restore(s->env->arena, &options, &restored, err) < 0)
    return -1;
  sessions_test_kill("restored");
  if (restored.missing_roles.len && !s->options->no_owner)
    return err_set(err, ERR_REFUSED, "role %s of the backup does not exist here",
                   restored.missing_roles.at[0]);
  log_info("checking row counts and schema of %s", s->swap.candidate);
  bool schema_compared;
  if (backup_check_restored(s->env->arena, &options, !s->options->no_owner, &schema_compared, err) <
      0)
    return -1;
  if (!schema_compared)
    log_warning("rows and content agree, but the schema could not be compared: the backup is of"
                " PostgreSQL %s, another major than this server",
                s->backup->server_version);
  return swap_dress(s->env->arena, &s->env->target, &s->swap, err);
}

/* Without a note nothing would be found again after a kill: it comes first. */
static int prepare(struct swapping *s, struct err *err)
{
  const struct run_env *env = s->env;
  if (swap_new(env->arena, s->conn, env->database_prefix, env->target.database, s->backup->id,
               &s->swap, err) < 0)
    return -1;
  s->swap.no_owner = s->options->no_owner;
  if (swap_note_put(env->place, &s->swap, err) < 0)
    return -1;
  sessions_test_kill("noted");
  if (make_candidate(s, err) == 0) {
    s->swap.ready = true;
    if (swap_note_put(env->place, &s->swap, err) == 0)
      return 0;
  }
  CLEANUP(err_clear) struct err failed = ERR_INIT;
  if (swap_discard(env->arena, &env->target, env->place, &s->swap, &failed) < 0)
    err_hint(err,
             "What was restored could not be dropped (%s); the next restore into place drops"
             " it.",
             failed.message);
  return -1;
}

static int hold_lock(const struct swapping *s, struct db_conn **ret_lock, struct err *err)
{
  if (run_lock_target(s->env, ret_lock, err) == 0)
    return 0;
  if (err->code != ERR_USAGE)
    return -1;
  return err_hint(err, "Restore it with: belay restore %s --into '%s'", s->backup->id,
                  s->env->target.database);
}

/* The old database may have other privileges and settings by now than when that try saw it. */
static int dress_again(struct swapping *s, struct err *err)
{
  log_info("%s was restored by an earlier try", s->swap.candidate);
  return swap_dress(s->env->arena, &s->env->target, &s->swap, err);
}

/* The restore may have taken hours: who lost the lock must not end the sessions of a run. */
static int check_lock(struct db_conn *lock, struct err *err)
{
  if (db_exec(lock, "SELECT 1", err) == 0)
    return 0;
  err_recode(err, ERR_LOCKED);
  err_wrap(err, "the lock on the database was lost, another run may be going on");
  return err_hint(err, "See belay status, then type the command again.");
}

static int swap_all(struct swapping *s, struct db_conn *lock, struct err *err)
{
  if (take_up(s, err) < 0 || (s->report->taken_up ? dress_again(s, err) : prepare(s, err)) < 0 ||
      check_lock(lock, err) < 0)
    return -1;
  log_info("putting %s in the place of %s", s->swap.candidate, s->swap.database);
  if (swap_execute(s->env->arena, &s->env->target, &s->swap, RUN_SWAP_WAIT_MS, err) == 0)
    return 0;
  if (err->code != ERR_CHANGED)
    err_detail(err,
               "%s%sthe restored database %s is kept: type the command again to finish, or"
               " DROP DATABASE",
               err->detail ? err->detail : "", err->detail ? "; " : "", s->swap.candidate);
  return -1;
}

int run_swap(const struct run_env *env, const struct backup_info *backup,
             const struct swap_options *options, struct swap_report *ret, struct err *err)
{
  CLEANUP(db_closep) struct db_conn *conn = NULL, *lock = NULL;
  int64_t started_ms = clock_monotonic_ms();
  struct swap_report report = {.tables = backup->tables, .rows = backup->rows};
  struct swapping s = {.env = env, .backup = backup, .options = options, .report = &report};
  if (backup_open_maintenance(&env->target, "belay restore", &conn, err) < 0)
    return -1;
  s.conn = conn;
  if (hold_lock(&s, &lock, err) < 0 || swap_all(&s, lock, err) < 0)
    return -1;
  report.swap = s.swap;
  report.way_back = swap_way_back(env->arena, &s.swap);
  report.duration_ms = clock_monotonic_ms() - started_ms;
  *ret = report;
  return 0;
}

/* ---- what status says ---- */

static int is_locked(const struct run_env *env, struct db_conn *conn, const struct swap *swap,
                     bool *ret_locked, struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (db_query(conn, &r, err,
               "SELECT FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND granted"
               " AND classid = $1::oid AND objid = $2::oid AND objsubid = 2",
               arena_printf(env->arena, "%d", RUN_LOCK_CLASS), swap->database_oid, NULL) < 0)
    return -1;
  *ret_locked = db_rows(r) > 0;
  return 0;
}

static const char *interrupted(const struct run_env *env, const struct swap *swap,
                               const struct swap_look *look)
{
  struct arena *arena = env->arena;
  const char *open = sessions_open_command(arena, swap->database);
  const char *old =
      look->closed
          ? arena_printf(arena, "database %s is whole but accepts no connections (to keep it: %s)",
                         swap->database, open)
          : arena_printf(arena, "database %s is in place as before", swap->database);
  return arena_printf(arena, "a restore of backup %s into place was interrupted; %s; %s %s",
                      swap->backup_id, old, swap->candidate,
                      look->state == SWAP_READY ? "is restored and only has to be put in place"
                                                : "is half restored");
}

int run_swap_unfinished(const struct run_env *env, const char **ret_verdict, const char **ret_next,
                        struct err *err)
{
  CLEANUP(db_closep) struct db_conn *conn = NULL;
  struct swaps swaps = {0};
  *ret_verdict = *ret_next = NULL;
  if (!env->place)
    return 0;
  if (swap_list(env->arena, env->place, env->database_prefix, &swaps, err) < 0 ||
      (swaps.len && backup_open_maintenance(&env->target, "belay status", &conn, err) < 0))
    return -1;
  for (size_t i = swaps.len; i-- > 0;) {
    const struct swap *swap = &swaps.at[i];
    struct swap_look look;
    bool locked;
    if (swap_look(env->arena, conn, swap, &look, err) < 0 ||
        is_locked(env, conn, swap, &locked, err) < 0)
      return -1;
    if (look.state != SWAP_RESTORING && look.state != SWAP_READY)
      continue;
    *ret_verdict = locked ? arena_printf(env->arena,
                                         "a restore of backup %s into place, or a run,"
                                         " is under way",
                                         swap->backup_id)
                          : interrupted(env, swap, &look);
    *ret_next = locked ? "belay status" : again(env, swap);
    return 0;
  }
  return 0;
}
