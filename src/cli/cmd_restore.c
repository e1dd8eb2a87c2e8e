#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "cli/cli.h"

int cli_find_backup(struct cli *cli, const struct run_env *env, const char *which,
                    struct backup_info *ret, struct err *err)
{
  int64_t before_us = INT64_MAX;
  if (cli->options.before && clock_parse(cli->options.before, &before_us) < 0) {
    err_set(err, ERR_USAGE, "--before \"%s\" is not a time", cli->options.before);
    return err_hint(err, "Write it like 2026-11-22T13:48Z.");
  }
  return backup_find(cli->arena, env->place, env->database_prefix, which, before_us, ret, err);
}

static int usage(struct err *err, const char *what)
{
  err_set(err, ERR_USAGE, "%s", what);
  return err_hint(err, "For example: belay restore latest --into trading_check");
}

/* A whole backup, and nothing of it otherwise than it was. */
static int check_swap(const struct cli_options *o, struct err *err)
{
  if (o->into || o->tables.len || o->schema_only || o->data_only || o->no_analyze ||
      o->no_tablespaces || o->map_roles.len || o->map_tablespaces.len || o->skip_extensions.len)
    return usage(err, "--swap restores a whole backup: of the other ways it takes --confirm,"
                      " --before, --no-owner and --dry-run only");
  return 0;
}

/* Which of the ways a restore may go: a new database, tables into the target, rows into one that
 * is there. */
static int check_options(const struct cli *cli, struct err *err)
{
  const struct cli_options *o = &cli->options;
  if (!cli->arg_count && !o->before)
    return err_set(err, ERR_USAGE, "which backup? Give an id, latest, or --before TIME");
  if (o->swap)
    return check_swap(o, err);
  if (o->dry_run)
    return usage(err, "--dry-run goes with --swap");
  if (o->into && o->confirm)
    return usage(err, "--into names a database, --confirm the target: give one of them");
  if (o->confirm && !o->tables.len)
    return usage(err, "--confirm goes with --table: a whole backup is restored with --into NEWDB");
  if (!o->into && !o->confirm)
    return usage(err, "restore needs --into NEWDB: it creates a database and never touches an"
                      " existing one");
  if (o->schema_only && o->data_only)
    return usage(err, "--schema-only and --data-only leave nothing to restore");
  if (o->data_only && o->skip_extensions.len)
    return usage(err, "--data-only makes no extensions: --skip-extension does not go with it");
  if (o->confirm && (o->schema_only || o->data_only))
    return usage(err, "--table with --confirm restores tables whole, without --schema-only or"
                      " --data-only");
  return 0;
}

static int check_confirm(const struct cli *cli, const struct run_env *env, struct err *err)
{
  const char *confirm = cli->options.confirm, *database = env->target.database;
  if (!confirm || strcmp(confirm, database) == 0)
    return 0;
  err_set(err, ERR_USAGE, "--confirm %s, but the target is database %s", confirm, database);
  return err_hint(err, "Name the database in which the tables shall be made: --confirm %s",
                  database);
}

static void note(void *context, const char *line)
{
  UNUSED(context);
  log_warning("%s", line);
}

static struct restore_options options_of(const struct cli *cli, const struct run_env *env,
                                         const struct backup_info *info)
{
  const struct cli_options *o = &cli->options;
  return (struct restore_options){
      .target = &env->target,
      .place = env->place,
      .prefix = info->prefix,
      .into = o->into ? o->into : o->confirm,
      .existing = o->confirm || o->data_only,
      .jobs = env->jobs,
      .schema_only = o->schema_only,
      .data_only = o->data_only,
      .no_owner = o->no_owner,
      .no_analyze = o->no_analyze,
      .no_tablespaces = o->no_tablespaces,
      .replace_unfinished = o->yes,
      .need_roles = true,
      .map_roles = o->map_roles,
      .map_tablespaces = o->map_tablespaces,
      .skip_extensions = o->skip_extensions,
      .tables = o->tables,
      .note = note,
  };
}

static void report(const struct cli *cli, const struct backup_info *info, const char *into,
                   const struct restore_report *r)
{
  CLEANUP(text_clear) struct text out = TEXT_INIT;
  for (size_t i = 0; i < r->missing_roles.len; i++)
    log_warning("role %s does not exist here: its ownership and privileges were left out",
                r->missing_roles.at[i]);
  for (size_t i = 0; i < r->subscriptions.len; i++)
    log_warning("subscription %s was made disabled: enable it when its publisher shall send here, "
                "with ALTER SUBSCRIPTION ... ENABLE and ... REFRESH PUBLICATION",
                r->subscriptions.at[i]);
  if (cli->options.json) {
    struct jw w = jw_begin(&out);
    jw_object(&w);
    jw_key_int(&w, "schema", 1);
    jw_key_string(&w, "backup", info->id);
    jw_key_string(&w, "database", into);
    jw_key_int(&w, "tables", r->tables);
    jw_key_count(&w, "rows", r->rows);
    jw_key_int(&w, "large_objects", r->large_objects);
    jw_key_int(&w, "duration_ms", r->duration_ms);
    jw_end(&w);
    text_putc(&out, '\n');
  } else {
    text_printf(&out, "restored %s", backup_amount(cli->arena, r->tables, r->rows));
    if (r->large_objects)
      text_printf(&out, ", %" PRId64 " large object%s", r->large_objects,
                  r->large_objects == 1 ? "" : "s");
    text_printf(&out, " into %s in %s\n", into, clock_duration(cli->arena, r->duration_ms));
  }
  cli_print(&out);
}

int cmd_restore(struct cli *cli, struct err *err)
{
  struct run_env env;
  struct backup_info info;
  struct restore_report result = {0};
  if (check_options(cli, err) < 0 || cli_env(cli, RUN_ENV_TARGET | RUN_ENV_STORE, &env, err) < 0)
    return -1;
  int rc = cli->options.swap ? 0 : check_confirm(cli, &env, err);
  if (rc == 0)
    rc = cli_find_backup(cli, &env, cli->arg_count ? cli->args[0] : "latest", &info, err);
  if (rc == 0 && cli->options.swap) {
    rc = cli_swap(cli, &env, &info, err);
  } else if (rc == 0) {
    struct restore_options options = options_of(cli, &env, &info);
    cli_warn_scoped(&info);
    log_info("restoring backup %s of %s (%s) into the %s database %s", info.id, info.database,
             info.created_at, options.existing ? "existing" : "new", options.into);
    if (info.template && cli->options.no_analyze)
      rc = usage(err, "--no-analyze does not go with a template backup: its statistics come along");
    else
      rc = backup_restore(cli->arena, &options, &result, err);
    if (rc == 0)
      report(cli, &info, options.into, &result);
  }
  run_env_close(&env);
  return rc;
}
