#include "cli/cli.h"

#include "base/fs.h"
#include "base/log.h"
#include "base/term.h"
#include "report/lint.h"
#include "report/run.h"

/* The findings that made lint refuse are the answer a person needs: show them with their source. */
static void show_findings(const struct cli *cli, const struct run_result *result)
{
  if (cli->options.json || !result->lint.errors)
    return;
  struct report_lint input = {.report = &result->lint,
                              .scripts = result->scripts,
                              .script_count = result->script_count,
                              .colour = term_colour(2)};
  CLEANUP(text_clear) struct text out = TEXT_INIT;
  report_lint_tty(&out, &input);
  fputs(out.data, stderr);
}

static int answer(struct cli *cli, const struct run_result *result, const struct err *err)
{
  CLEANUP(text_clear) struct text out = TEXT_INIT;
  if (cli->options.json)
    report_run_json(result, err, &out);
  else
    report_run_end(cli->arena, result, err, &out);
  if (!cli->options.json && err_is_set(err))
    cli->last_words = arena_strdup(cli->arena, out.data);
  else
    cli_print(&out);
  return err_is_set(err) ? -1 : 0;
}

int cmd_run(struct cli *cli, struct err *err)
{
  struct run_env env;
  struct run_result result;
  if (cli->options.dry_run)
    return cmd_plan(cli, err);
  if (cli_env(cli, RUN_ENV_TARGET | RUN_ENV_STORE, &env, err) < 0)
    return -1;
  struct run_request request = {
      .env = &env, .command = cli->command, .plan_file = cli->options.plan};
  if (run_execute(&request, &result, err) < 0 && err->code == ERR_REFUSED)
    show_findings(cli, &result);
  run_env_close(&env);
  return answer(cli, &result, err);
}

static int save_plan(struct cli *cli, const struct run_result *result, struct err *err)
{
  size_t len = strlen(result->plan_json);
  if (fs_write_atomic(cli->options.output, result->plan_json, len, 0644, err) < 0)
    return err_wrap(err, "saving the plan");
  log_info("plan saved; run it with: belay run --plan %s", cli->options.output);
  return 0;
}

int cmd_plan(struct cli *cli, struct err *err)
{
  struct run_env env;
  struct run_result result;
  int needs = RUN_ENV_TARGET | (cli->options.store ? RUN_ENV_STORE : 0);
  if (cli_env(cli, needs, &env, err) < 0)
    return -1;
  struct run_request request = {.env = &env, .command = cli->command};
  int rc = run_plan(&request, &result, err);
  if (rc < 0 && err->code == ERR_REFUSED)
    show_findings(cli, &result);
  CLEANUP(text_clear) struct text out = TEXT_INIT;
  bool preflight_ok = result.stage_count && result.stages[0].result == RUN_STAGE_OK;
  if (cli->options.json)
    report_run_json(&result, err, &out);
  else if (preflight_ok) /* what is pending is known then */
    report_plan_text(&result, &out);
  cli_print(&out);
  if (rc == 0 && cli->options.output)
    rc = save_plan(cli, &result, err);
  run_env_close(&env);
  return rc;
}
