#include "base/log.h"
#include "base/term.h"
#include "cli/cli.h"
#include "report/prune.h"
#include "run/yaml_table.h"

static int read_rules(const struct cli_options *o, struct retention_rules *ret, struct err *err)
{
  struct retention_rules rules = {.last = o->keep_last,
                                  .daily = o->keep_daily,
                                  .weekly = o->keep_weekly,
                                  .monthly = o->keep_monthly,
                                  .damaged = o->damaged};
  if (o->keep_within && (table_parse_duration(o->keep_within, &rules.within_ms) < 0 ||
                         rules.within_ms < 1 || rules.within_ms > RETENTION_WITHIN_MS_MAX)) {
    err_set(err, ERR_USAGE, "--keep-within \"%s\" is not a duration", o->keep_within);
    return err_hint(err, "Write it like 12h or 30d, more than 0.");
  }
  *ret = rules;
  return 0;
}

/* Nothing goes that was not shown and agreed to. */
static int confirm(struct cli *cli, const struct prune_plan *plan, struct err *err)
{
  CLEANUP(text_clear) struct text shown = TEXT_INIT;
  if (cli->options.yes)
    return 0;
  report_prune_plan(cli->arena, plan, &shown);
  fputs(shown.data, stderr);
  if (!term_is_interactive()) {
    err_set(err, ERR_USAGE,
            "removing must be confirmed, and there is no terminal to ask on;"
            " nothing was removed");
    return err_hint(err, "Look at it with --dry-run, then give --yes.");
  }
  if (!term_confirm("Remove them?"))
    return err_set(err, ERR_REFUSED, "not confirmed; nothing was removed");
  return 0;
}

static int prune(struct cli *cli, const struct run_env *env, struct text *out, struct err *err)
{
  struct prune_request request = {.env = env};
  struct prune_plan plan;
  struct prune_report report;
  if (read_rules(&cli->options, &request.rules, err) < 0 || prune_look(&request, &plan, err) < 0)
    return -1;
  bool goes = !cli->options.dry_run && !prune_is_empty(&plan);
  if (goes && confirm(cli, &plan, err) < 0)
    return -1;
  int rc = goes ? prune_remove(&request, &plan, &report, err) : 0;
  if (cli->options.json) {
    report_prune_json(cli->arena, &plan, goes ? &report : NULL, out);
    return rc;
  }
  report_prune_plan(cli->arena, &plan, out);
  if (goes)
    report_prune_end(&report, out);
  return rc;
}

int cmd_prune(struct cli *cli, struct err *err)
{
  struct run_env env;
  if (cli_env(cli, RUN_ENV_TARGET | RUN_ENV_STORE, &env, err) < 0)
    return -1;
  CLEANUP(text_clear) struct text out = TEXT_INIT;
  int rc = prune(cli, &env, &out, err);
  cli_print(&out);
  run_env_close(&env);
  return rc;
}

static int pin(struct cli *cli, bool pinned, struct err *err)
{
  struct run_env env;
  struct backup_info info;
  if (cli_env(cli, RUN_ENV_TARGET | RUN_ENV_STORE, &env, err) < 0)
    return -1;
  int rc =
      backup_find(cli->arena, env.place, env.database_prefix, cli->args[0], INT64_MAX, &info, err);
  if (rc == 0)
    rc = backup_pin(env.place, info.prefix, pinned, err);
  if (rc == 0) {
    CLEANUP(text_clear) struct text out = TEXT_INIT;
    if (cli->options.json)
      text_printf(&out, "{\"schema\":1,\"backup\":\"%s\",\"pinned\":%s}\n", info.id,
                  pinned ? "true" : "false");
    else
      text_printf(&out, "%s is %s\n", info.id,
                  pinned ? "pinned: belay prune leaves it alone" : "not pinned");
    cli_print(&out);
  }
  run_env_close(&env);
  return rc;
}

int cmd_pin(struct cli *cli, struct err *err)
{
  return pin(cli, true, err);
}

int cmd_unpin(struct cli *cli, struct err *err)
{
  return pin(cli, false, err);
}
