#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "cli/cli.h"
#include "report/run.h"

int cmd_backup(struct cli *cli, struct err *err)
{
  struct run_env env;
  struct backup_info info;
  if (cli_env(cli, RUN_ENV_TARGET | RUN_ENV_STORE, &env, err) < 0)
    return -1;
  struct backup_options options = {
      .target = &env.target,
      .place = env.place,
      .jobs = env.jobs,
      .level = env.policy.backup.level,
      .lock_timeout_ms = env.policy.apply.lock_timeout_ms,
  };
  log_info("backing up %s (from %s) to %s", env.target.shown, env.target.source,
           place_name(env.place));
  int rc = backup_take(cli->arena, &options, &info, err);
  if (rc == 0) {
    CLEANUP(text_clear) struct text out = TEXT_INIT;
    log_info("%" PRId64 " table%s, %" PRId64 " rows, %" PRIu64 " KiB in %s", info.tables,
             info.tables == 1 ? "" : "s", info.rows, info.bytes >> 10,
             clock_duration(cli->arena, info.duration_ms));
    if (cli->options.json) {
      struct jw w = jw_begin(&out);
      report_backup_json(&w, &info);
      text_putc(&out, '\n');
    } else {
      text_printf(&out, "%s\n", info.id);
    }
    cli_print(&out);
  }
  run_env_close(&env);
  return rc;
}

static int find(struct cli *cli, const struct run_env *env, const char *which,
                struct backup_info *ret, struct err *err)
{
  int64_t before_us = INT64_MAX;
  if (cli->options.before && clock_parse(cli->options.before, &before_us) < 0) {
    err_set(err, ERR_USAGE, "--before \"%s\" is not a time", cli->options.before);
    return err_hint(err, "Write it like 2026-11-22T13:48Z.");
  }
  return backup_find(cli->arena, env->place, env->database_prefix, which, before_us, ret, err);
}

int cmd_restore(struct cli *cli, struct err *err)
{
  struct run_env env;
  struct backup_info info;
  struct restore_report report = {0};
  if (!cli->options.into) {
    err_set(err, ERR_USAGE,
            "restore needs --into NEWDB: it creates a database and never touches an existing one");
    return err_hint(err, "For example: belay restore latest --into trading_check");
  }
  if (!cli->arg_count && !cli->options.before)
    return err_set(err, ERR_USAGE, "which backup? Give an id, latest, or --before TIME");
  if (cli_env(cli, RUN_ENV_TARGET | RUN_ENV_STORE, &env, err) < 0)
    return -1;
  int rc = find(cli, &env, cli->arg_count ? cli->args[0] : "latest", &info, err);
  if (rc == 0) {
    struct restore_options options = {
        .target = &env.target,
        .place = env.place,
        .prefix = info.prefix,
        .into = cli->options.into,
        .jobs = env.jobs,
        .no_owner = cli->options.no_owner,
    };
    log_info("restoring backup %s of %s (%s) into the new database %s", info.id, info.database,
             info.created_at, cli->options.into);
    rc = backup_restore(cli->arena, &options, &report, err);
  }
  if (rc == 0) {
    for (size_t i = 0; i < report.missing_roles.len; i++)
      log_warning("role %s does not exist here: its ownership and privileges were left out",
                  report.missing_roles.at[i]);
    CLEANUP(text_clear) struct text out = TEXT_INIT;
    if (cli->options.json)
      text_printf(&out,
                  "{\"schema\":1,\"backup\":\"%s\",\"tables\":%" PRId64 ",\"rows\":%" PRId64
                  ",\"duration_ms\":%" PRId64 "}\n",
                  info.id, report.tables, report.rows, report.duration_ms);
    else
      text_printf(&out, "restored %" PRId64 " tables, %" PRId64 " rows into %s in %s\n",
                  report.tables, report.rows, cli->options.into,
                  clock_duration(cli->arena, report.duration_ms));
    cli_print(&out);
  }
  run_env_close(&env);
  return rc;
}

static int level_of(const char *name, enum backup_level *ret, struct err *err)
{
  static const char *const names[] = {"hash", "expand", "restore"};
  *ret = BACKUP_EXPAND;
  for (size_t i = 0; name && i < COUNT_OF(names); i++)
    if (strcmp(name, names[i]) == 0) {
      *ret = (enum backup_level)i;
      return 0;
    }
  return name ? err_set(err, ERR_USAGE, "--level is hash, expand or restore, not \"%s\"", name) : 0;
}

int cmd_verify(struct cli *cli, struct err *err)
{
  struct run_env env;
  struct backup_info info;
  struct verify_report report;
  enum backup_level level;
  if (level_of(cli->options.level, &level, err) < 0)
    return -1;
  if (cli_env(cli, RUN_ENV_STORE | RUN_ENV_TARGET, &env, err) < 0)
    return -1;
  int rc = find(cli, &env, cli->args[0], &info, err);
  if (rc == 0)
    rc = backup_verify(cli->arena, env.place, info.prefix, level, &env.target, &report, err);
  if (rc == 0) {
    static const char *const proven[] = {
        "every byte is what the manifest says", "every chunk expands, row counts agree",
        "restored into a scratch database, schema and row counts agree"};
    CLEANUP(text_clear) struct text out = TEXT_INIT;
    if (cli->options.json)
      text_printf(&out,
                  "{\"schema\":1,\"backup\":\"%s\",\"ok\":true,\"members\":%" PRId64
                  ",\"rows\":%" PRId64 "}\n",
                  info.id, report.members, report.rows);
    else
      text_printf(&out, "%s is whole: %s (%" PRId64 " members, %" PRIu64 " KiB)\n", info.id,
                  proven[level], report.members, report.bytes >> 10);
    cli_print(&out);
  }
  run_env_close(&env);
  return rc;
}
