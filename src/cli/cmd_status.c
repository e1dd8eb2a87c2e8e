#include "cli/cli.h"
#include "report/run.h"

int cmd_status(struct cli *cli, struct err *err)
{
  struct run_env env;
  struct status_report report;
  if (cli_env(cli, RUN_ENV_TARGET, &env, err) < 0)
    return -1;
  CLEANUP(err_clear) struct err no_store = ERR_INIT;
  struct run_env with_store;
  bool has_store = cli_env(cli, RUN_ENV_TARGET | RUN_ENV_STORE, &with_store, &no_store) == 0;
  if (!has_store &&
      (no_store.code == ERR_STORE ||
       no_store.code == ERR_DENIED)) { /* named but not usable: say so, do not guess */
    err_move(err, &no_store);
    return -1;
  }
  int rc = status_read(has_store ? &with_store : &env, &report, err);
  if (rc == 0) {
    CLEANUP(text_clear) struct text out = TEXT_INIT;
    if (cli->options.json)
      report_status_json(&report, &out);
    else
      report_status_text(cli->arena, &report, &out);
    cli_print(&out);
  }
  run_env_close(&env);
  if (has_store)
    run_env_close(&with_store);
  return rc;
}
