#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "cli/cli.h"
#include "report/run.h"

static int check_options(const struct cli_options *o, struct err *err)
{
  if (o->terminate && !o->template)
    return err_set(err, ERR_USAGE, "--terminate goes with --template");
  if (o->template && (o->tables.len || o->scope))
    return err_set(err, ERR_USAGE, "--template copies the whole database: no --table, no --scope");
  return 0;
}

/* No run may begin meanwhile, and the sessions of one that is under way are not for ending. */
static int take_template(struct cli *cli, const struct run_env *env, struct backup_info *ret,
                         struct err *err)
{
  CLEANUP(db_closep) struct db_conn *lock = NULL;
  const struct template_options options = {
      .target = &env->target, .place = env->place, .terminate = cli->options.terminate};
  if (run_lock_target(env, &lock, err) < 0)
    return -1;
  return backup_template_take(cli->arena, &options, ret, err);
}

static int take(struct cli *cli, const struct run_env *env, struct backup_info *ret,
                struct err *err)
{
  struct backup_options options = {
      .target = &env->target,
      .place = env->place,
      .jobs = env->jobs,
      .level = env->policy.backup.level,
      .lock_timeout_ms = env->policy.apply.lock_timeout_ms,
  };
  log_info("backing up %s (from %s) to %s", env->target.shown, env->target.source,
           place_name(env->place));
  if (cli->options.template)
    return take_template(cli, env, ret, err);
  backup_template_sweep(cli->arena, env->place, &env->target);
  if (cli_backup_scope(cli, env, &options.scope, err) < 0)
    return -1;
  return backup_take(cli->arena, &options, ret, err);
}

int cmd_backup(struct cli *cli, struct err *err)
{
  struct run_env env;
  struct backup_info info;
  uint64_t rate;
  if (check_options(&cli->options, err) < 0 || cli_limit_rate(cli, &rate, err) < 0 ||
      cli_env(cli, RUN_ENV_TARGET | RUN_ENV_STORE, &env, err) < 0)
    return -1;
  place_limit(env.place, rate);
  int rc = run_require_encryption(&env, err) < 0 ? -1 : take(cli, &env, &info, err);
  if (rc == 0) {
    cli_warn_scoped(&info);
    CLEANUP(text_clear) struct text out = TEXT_INIT;
    log_info("%s, %" PRIu64 " KiB in %s", backup_amount(cli->arena, info.tables, info.rows),
             info.bytes >> 10, clock_duration(cli->arena, info.duration_ms));
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

static void verify_json(const struct backup_info *info, const struct verify_report *report,
                        struct text *out)
{
  struct jw w = jw_begin(out);
  jw_object(&w);
  jw_key_int(&w, "schema", 1);
  jw_key_string(&w, "backup", info->id);
  jw_key_bool(&w, "ok", true);
  jw_key_int(&w, "members", report->members);
  jw_key_count(&w, "rows", report->rows);
  jw_key_bool(&w, "schema_uncompared", report->schema_uncompared);
  jw_key_bool(&w, "locked", report->locked);
  jw_end(&w);
  text_putc(out, '\n');
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
  int rc = cli_find_backup(cli, &env, cli->args[0], &info, err);
  if (rc == 0)
    rc = backup_verify(
        cli->arena, &(struct verify_options){env.place, info.prefix, level, &env.target, env.jobs},
        &report, err);
  if (rc == 0) {
    static const char *const proven[] = {
        "every byte is what the manifest says", "every chunk expands, rows and content agree",
        "restored into a scratch database, schema, rows and content agree"};
    static const char *const of_template[] = {
        "its database is there, marked and closed",
        "its database is there, marked and closed; the schema of a copy is that of the manifest",
        "its database is there, marked and closed; the schema of a copy is that of the manifest,"
        " every row of it can be read"};
    CLEANUP(text_clear) struct text out = TEXT_INIT;
    for (size_t i = 0; i < report.uncompared.len; i++)
      log_warning("%s could only be compared by the number of its rows", report.uncompared.at[i]);
    for (size_t i = 0; i < report.notes.len; i++)
      log_warning("%s", report.notes.at[i]);
    if (report.locked)
      log_warning(
          "what is encrypted was not opened: that rows, names and schema are what was backed"
          " up, --level expand proves, with an identity");
    if (report.schema_uncompared)
      log_warning("the schema was not compared: the backup is of PostgreSQL %s, the scratch server"
                  " of another major",
                  info.server_version);
    if (cli->options.json)
      verify_json(&info, &report, &out);
    else if (info.template)
      text_printf(&out, "%s is whole: %s\n", info.id,
                  of_template[report.schema_uncompared ? BACKUP_HASH : level]);
    else
      text_printf(&out, "%s is whole: %s (%" PRId64 " members, %" PRIu64 " KiB)\n", info.id,
                  report.schema_uncompared
                      ? "restored into a scratch database, rows and content agree"
                      : proven[level],
                  report.members, report.bytes >> 10);
    cli_print(&out);
  }
  run_env_close(&env);
  return rc;
}
