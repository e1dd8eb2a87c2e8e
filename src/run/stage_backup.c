#include "run/pipeline.h"

#include "base/log.h"

/* What the policy wants of it: NULL is everything. */
static const struct backup_scope *choose_scope(struct run *run)
{
  if (run->env->policy.backup.scope == BACKUP_FULL)
    return NULL;
  struct run_scope *scope = ARENA_NEW(run->arena, struct run_scope);
  run_scope(run, scope);
  if (!scope->whole)
    return &scope->scope;
  log_warning("the backup holds everything, not only what is pending: %s", scope->why);
  return NULL;
}

int run_stage_backup(struct run *run, const char **summary, struct err *err)
{
  if (!run->env->policy.backup.required) {
    *summary = arena_printf(run->arena, "not required by policy %s", run->env->policy.name);
    return RUN_SKIP;
  }
  struct backup_options options = {
      .target = &run->env->target,
      .place = run->env->place,
      .jobs = run->env->jobs,
      .level = run->env->policy.backup.level,
      .lock_timeout_ms = run->env->policy.apply.lock_timeout_ms,
      .scope = choose_scope(run),
      .run_id = run->id,
      .reason = run->files.len
                    ? arena_printf(run->arena, "before %s", run->files.at[0].migration->name)
                    : "before a command",
  };
  if (backup_take(run->arena, &options, &run->backup, err) < 0)
    return -1;
  run->has_backup = true;
  *summary =
      arena_printf(run->arena, "%s: %" PRId64 " table%s, %" PRId64 " rows, %" PRIu64 " KiB%s",
                   run->backup.id, run->backup.tables, run->backup.tables == 1 ? "" : "s",
                   run->backup.rows, run->backup.bytes >> 10, run->backup.scope ? " (scoped)" : "");
  return journal_write(run->journal, err, "backup-taken", "backup", run->backup.id, NULL);
}
