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

static const char *reason(struct run *run)
{
  return run->files.len ? arena_printf(run->arena, "before %s", run->files.at[0].migration->name)
                        : "before a command";
}

static int take_archive(struct run *run, struct err *err)
{
  const struct run_env *env = run->env;
  struct backup_options options = {
      .target = &env->target,
      .place = env->place,
      .jobs = env->jobs,
      .level = env->policy.backup.level,
      .lock_timeout_ms = env->policy.apply.lock_timeout_ms,
      .scope = choose_scope(run),
      .run_id = run->id,
      .reason = reason(run),
  };
  return backup_take(run->arena, &options, &run->backup, err);
}

/* Our own session on the database ends for it. */
static int take_template(struct run *run, struct backup_info *ret, struct err *err)
{
  const struct template_options options = {.target = &run->env->target,
                                           .place = run->env->place,
                                           .run_id = run->id,
                                           .reason = reason(run)};
  db_closep(&run->conn);
  if (backup_template_take(run->arena, &options, ret, err) < 0)
    return -1;
  return run_open_target(run, err);
}

static const char *describe(struct run *run, const struct backup_info *b)
{
  return arena_printf(run->arena, "%s: %s, %" PRIu64 " KiB%s", b->id,
                      backup_amount(run->arena, b->tables, b->rows), b->bytes >> 10,
                      b->template ? " (template)"
                      : b->scope  ? " (scoped)"
                                  : "");
}

/* The template first: it is refused at once where somebody is connected. Beside an archive it is
 * the second way back, and the archive is the run's backup. */
int run_stage_backup(struct run *run, const char **summary, struct err *err)
{
  enum backup_kinds kind = run->env->policy.backup.kind;
  struct backup_info template;
  if (!run->env->policy.backup.required) {
    *summary = arena_printf(run->arena, "not required by policy %s", run->env->policy.name);
    return RUN_SKIP;
  }
  if (kind != BACKUP_ARCHIVE && take_template(run, &template, err) < 0)
    return -1;
  if (kind == BACKUP_TEMPLATE)
    run->backup = template;
  else if (take_archive(run, err) < 0)
    return -1;
  run->has_backup = true;
  *summary = describe(run, &run->backup);
  if (kind == BACKUP_BOTH)
    *summary = arena_printf(run->arena, "%s; template %s", *summary, template.id);
  return journal_write(run->journal, err, "backup-taken", "backup", run->backup.id, "template",
                       kind == BACKUP_ARCHIVE ? NULL : template.id, NULL);
}
