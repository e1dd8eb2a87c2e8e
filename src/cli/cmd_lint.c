#include "base/log.h"
#include "base/term.h"
#include "cli/lint_files.h"
#include "lint/names.h"
#include "report/lint.h"
#include "run/lint_context.h"
#include "run/observe.h"

static int read_database(struct cli *cli, struct run_env *env, struct lint_run *run,
                         struct err *err)
{
  if (!cli->options.against)
    return 0;
  if (db_target_parse(cli->arena, cli->options.against, "--against", &run->target, err) < 0)
    return -1;
  env->target = run->target; /* the catalog leaves out the ledger in its schema */
  struct catalog_options options = run_catalog_options(env);
  if (db_open(&run->target, "belay lint", &run->conn, err) < 0 ||
      run_lint_ledger(env, run->conn, run->target.schema, &run->ledger, err) < 0)
    return -1;
  if (catalog_read(cli->arena, run->conn, &options, &run->catalog, err) < 0)
    return -1;
  return lint_names_read(cli->arena, run->conn, &run->names, err);
}

/* Who will apply the files: belay, where there is a belay.yaml; else a session of the database. The
 * role of --against says nothing: it is not the one that deploys. */
static int add_context(const struct run_env *env, struct lint_run *run, struct err *err)
{
  if (env->config.path)
    run_lint_policy_timeouts(&env->policy, &run->session);
  else if (run->conn && run_lint_timeouts(run->conn, &run->session, err) < 0)
    return -1;
  if (run->conn && run_lint_defaults(env->arena, run->conn, &run->session, err) < 0)
    return -1;
  run->input.session = &run->session;
  run_lint_files(env->arena, run->ledger, &run->input);
  return 0;
}

static int observe(struct cli *cli, const struct run_env *env, struct lint_run *run,
                   struct err *err)
{
  const struct observe_request request = {
      .target = run->catalog ? &run->target : NULL,
      .catalog_options = run_catalog_options(env),
      .shadow_url = env->shadow_url,
      .shadow_on_target = env->policy.inverse.shadow_on_target,
  };
  return cli->options.observe ? run_observe(cli->arena, &request, &run->input, err) : 0;
}

/* ---- how the files are sent, and to what ---- */

static const struct lint_tool *tool_of_files(const struct lint_run *run)
{
  for (size_t i = 0; i < run->files.len; i++) {
    const struct lint_home *home = run->files.at[i]->home;
    const struct lint_tool *tool = lint_tool_guess(run->files.at[i]->script);
    if (!tool && home && home->tool)
      tool = lint_tool_find(home->tool);
    else if (!tool && home && home->format)
      tool = lint_tool_find(home->format->name);
    if (tool)
      return tool;
  }
  return NULL;
}

static int find_tool(struct cli *cli, const struct lint_run *run, const struct lint_tool **ret,
                     struct err *err)
{
  const char *named = cli->options.runner;
  *ret = named ? lint_tool_find(named) : tool_of_files(run);
  if (named && !*ret)
    return err_set(err, ERR_USAGE, "--runner is one of %s, not \"%s\"", lint_tool_names(cli->arena),
                   named);
  return 0;
}

/* What our parser does not understand is shown to the server's, which runs nothing. */
static int ask_server(struct cli *cli, struct lint_run *run, struct err *err)
{
  CLEANUP(db_closep) struct db_conn *conn = NULL;
  for (size_t i = 0; cli->options.against && i < run->files.len; i++) {
    struct sql_statements *all = &run->files.at[i]->script->statements;
    for (size_t k = 0; k < all->len; k++) {
      CLEANUP(err_clear) struct err found = ERR_INIT;
      int character = 0;
      if (all->at[k].tree || all->at[k].transaction != SQL_NOT_TRANSACTION)
        continue;
      if (!conn && db_open(&run->target, "belay lint", &conn, err) < 0)
        return -1;
      int rc = db_check_syntax(conn, all->at[k].text, &character, &found);
      if (rc < 0 && found.code != ERR_SQL) {
        err_move(err, &found);
        return -1;
      }
      bool wrong = rc < 0;
      all->at[k].refused = wrong;
      sql_statement_refuse(cli->arena, &all->at[k],
                           wrong ? found.message
                                 : "the server takes it, but belay does not know what it does",
                           wrong ? character : 1);
    }
  }
  return 0;
}

/* Down files behind all others. Returns how many those are. */
static size_t put_back_last(struct cli *cli, struct lint_files *files)
{
  struct lint_files sorted = {0};
  size_t ups = 0;
  for (int back = 0; back <= 1; back++)
    for (size_t i = 0; i < files->len; i++)
      if (migration_goes_back(files->at[i]->path) == (back == 1)) {
        vec_push(cli->arena, &sorted, files->at[i]);
        ups += back == 0;
      }
  *files = sorted;
  return ups;
}

/* Down parts become scripts of their own, behind all others. */
static size_t part_scripts(struct cli *cli, const struct lint_tool *tool,
                           struct sql_script **scripts, size_t count)
{
  size_t backs = 0;
  for (size_t i = 0; i < count; i++) {
    struct sql_script *back = lint_tool_part(cli->arena, tool, scripts[i]);
    if (back)
      scripts[count + backs++] = back;
  }
  return backs;
}

static int run_lint(struct cli *cli, const struct run_env *env, struct lint_run *run,
                    struct err *err)
{
  size_t count = put_back_last(cli, &run->files), backs = 0;
  struct sql_script **scripts =
      arena_alloc(cli->arena, (2 * run->files.len + 1) * sizeof(*scripts));
  const struct lint_tool *tool;
  int target_major = 0;
  bool *history = arena_alloc(cli->arena, count + 1);
  for (size_t i = 0; i < count; i++) {
    scripts[i] = run->files.at[i]->script;
    history[i] = run->files.at[i]->history;
    if (!history[i])
      vec_push(cli->arena, &run->judged, scripts[i]);
  }
  if (find_tool(cli, run, &tool, err) < 0 || cli_target_major(cli, &target_major, err) < 0 ||
      ask_server(cli, run, err) < 0)
    return -1;
  backs = part_scripts(cli, tool, scripts, count);
  for (size_t i = count; i < run->files.len; i++) {
    scripts[count + backs++] = run->files.at[i]->script;
    vec_push(cli->arena, &run->judged, run->files.at[i]->script);
  }
  run->input = (struct lint_input){.scripts = scripts,
                                   .count = count,
                                   .history = history,
                                   .catalog = run->catalog,
                                   .names = run->names,
                                   .conn = run->conn,
                                   .target_major = target_major,
                                   .tool = tool,
                                   .back_count = backs};
  if (add_context(env, run, err) < 0 || observe(cli, env, run, err) < 0)
    return -1;
  return lint_scripts(cli->arena, &run->settings, &run->input, &run->report, err);
}

static int find_format(struct cli *cli, report_lint_render **ret, struct err *err)
{
  const char *format = cli->options.json     ? "json"
                       : cli->options.format ? cli->options.format
                                             : "tty";
  *ret = report_lint_format(format);
  if (!*ret)
    return err_set(err, ERR_USAGE, "--format is " REPORT_LINT_FORMATS ", not \"%s\"", format);
  return 0;
}

/* Formats for programs leave the summary to stderr; NULL: only that. */
static void render(report_lint_render *format, const struct report_lint *input)
{
  CLEANUP(text_clear) struct text out = TEXT_INIT;
  CLEANUP(text_clear) struct text summary = TEXT_INIT;
  if (format)
    format(&out, input);
  cli_print(&out);
  report_lint_summary(&summary, input->report);
  if (format != report_lint_tty && format != report_lint_markdown)
    log_info("%s", summary.data);
}

static int fail_on(struct cli *cli, struct lint_settings *settings, struct err *err)
{
  const char *name = cli->options.fail_on;
  if (!name)
    return 0;
  if (strcmp(name, "never") == 0) {
    settings->fail_on = LINT_OFF;
    return 0;
  }
  if (!lint_severity_parse(name, &settings->fail_on) || settings->fail_on == LINT_OFF)
    return err_set(err, ERR_USAGE, "--fail-on is error, warning, info or never, not \"%s\"", name);
  return 0;
}

static int judge(struct cli *cli, struct run_env *env, struct lint_run *run, struct err *err)
{
  if (lint_files_collect(cli, env, run->ledger, &run->files, err) < 0)
    return -1;
  return run_lint(cli, env, run, err);
}

/* The fixed files are judged again, with those that were made of them. */
static int fix(struct cli *cli, struct run_env *env, struct lint_run *run, struct err *err)
{
  CLEANUP(text_clear) struct text diff = TEXT_INIT;
  if (lint_fix_files(cli, run, &diff, err) < 0)
    return -1;
  cli_print(&diff);
  if (run->written.len == 0)
    return 0;
  VEC(const char *) args = {0};
  for (size_t i = 0; i < cli->arg_count; i++)
    vec_push(cli->arena, &args, cli->args[i]);
  for (size_t i = run->written.len; i-- > 0 && cli->arg_count > 0;)
    vec_push(cli->arena, &args, run->written.at[i]);
  cli->args = args.at;
  cli->arg_count = args.len;
  run->files.len = run->judged.len = 0;
  return judge(cli, env, run, err);
}

static int refuse_stdin(const struct cli *cli, struct err *err)
{
  for (size_t i = 0; i < cli->arg_count && cli->options.fix; i++)
    if (strcmp(cli->args[i], "-") == 0)
      return err_set(err, ERR_USAGE, "--fix needs a file; with stdin there is --diff");
  return 0;
}

static int lint(struct cli *cli, struct run_env *env, struct lint_run *run, struct err *err)
{
  report_lint_render *format;
  if (find_format(cli, &format, err) < 0 || refuse_stdin(cli, err) < 0 ||
      fail_on(cli, &run->settings, err) < 0 || read_database(cli, env, run, err) < 0 ||
      judge(cli, env, run, err) < 0)
    return -1;
  if ((cli->options.fix || cli->options.diff) && fix(cli, env, run, err) < 0)
    return -1;
  struct report_lint_fixes fixes = {0};
  if (format == report_lint_sarif)
    lint_fix_list(cli, run, &fixes);
  render(cli->options.diff ? NULL : format,
         &(struct report_lint){.fixes = fixes,
                               .report = &run->report,
                               .scripts = run->judged.at,
                               .script_count = run->judged.len,
                               .colour = term_colour(1),
                               .fail_on = run->settings.fail_on});
  return 0;
}

int cmd_lint(struct cli *cli, struct err *err)
{
  struct run_env env;
  if (cli_env(cli, 0, &env, err) < 0)
    return -1;
  struct lint_run run = {.settings = env.policy.lint};
  run.settings.lock_timeout_ms = env.policy.apply.lock_timeout_ms;
  int rc = lint(cli, &env, &run, err);
  db_close(run.conn);
  run_env_close(&env);
  if (rc < 0 || !lint_fails(&run.settings, &run.report))
    return rc;
  const struct lint_report *report = &run.report;
  err_set(err, ERR_REFUSED, "%d error%s, %d warning%s", report->errors,
          report->errors == 1 ? "" : "s", report->warnings, report->warnings == 1 ? "" : "s");
  return err_hint(
      err, "Why, and the safe way: belay explain RULE. To accept one: -- belay:ignore RULE reason");
}
