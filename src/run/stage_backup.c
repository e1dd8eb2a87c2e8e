#include "run/pipeline.h"

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
      .run_id = run->id,
      .reason = run->files.len
                    ? arena_printf(run->arena, "before %s", run->files.at[0].migration->name)
                    : "before a command",
  };
  if (backup_take(run->arena, &options, &run->backup, err) < 0)
    return -1;
  run->has_backup = true;
  *summary = arena_printf(run->arena, "%s: %" PRId64 " table%s, %" PRId64 " rows, %" PRIu64 " KiB",
                          run->backup.id, run->backup.tables, run->backup.tables == 1 ? "" : "s",
                          run->backup.rows, run->backup.bytes >> 10);
  return journal_write(run->journal, err, "backup-taken", "backup", run->backup.id, NULL);
}
