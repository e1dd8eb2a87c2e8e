#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/term.h"
#include "cli/cli.h"
#include "report/lint.h"
#include "run/observe.h"

VEC_TYPE(scripts, struct sql_script *);

enum { STDIN_PIECE = 65536 };

static int add_script(struct cli *cli, const char *name, const char *bytes, size_t len,
                      struct scripts *ret, struct err *err)
{
  struct sql_script *script;
  if (sql_script_read(cli->arena, name, bytes, len, &script, err) < 0)
    return err_recode(err, ERR_REFUSED);
  vec_push(cli->arena, ret, script);
  return 0;
}

static int add_file(struct cli *cli, const char *path, struct scripts *ret, struct err *err)
{
  char *bytes;
  size_t len;
  if (fs_read(cli->arena, path, &bytes, &len, err) < 0)
    return err_recode(err, ERR_USAGE);
  return add_script(cli, path, bytes, len, ret, err);
}

static int add_stdin(struct cli *cli, struct scripts *ret, struct err *err)
{
  CLEANUP(text_clear) struct text t = TEXT_INIT;
  char piece[STDIN_PIECE];
  for (ssize_t n; (n = read(0, piece, sizeof(piece))) > 0;) {
    text_append(&t, piece, (size_t)n);
    if (t.len > SQL_SCRIPT_BYTES_MAX)
      return err_set(err, ERR_USAGE, "stdin: larger than %d MiB", SQL_SCRIPT_BYTES_MAX >> 20);
  }
  const char *bytes = arena_strndup(cli->arena, t.data, t.len);
  return add_script(cli, cli->options.stdin_path ? cli->options.stdin_path : "-", bytes, t.len, ret,
                    err);
}

/* A directory: a migrations directory of a known format, in the order in which the tool applies it;
 * else its *.sql files. */
static int add_dir(struct cli *cli, const char *dir, struct scripts *ret, struct err *err)
{
  const struct migration_format *format;
  struct migrations migrations = {0};
  if (migration_format_of(dir, NULL, &format, err) < 0 ||
      format->read_dir(cli->arena, dir, &migrations, err) < 0)
    return -1;
  for (size_t i = 0; i < migrations.len; i++)
    if (add_script(cli, migrations.at[i].path, migrations.at[i].bytes, migrations.at[i].len, ret,
                   err) < 0)
      return -1;
  return 0;
}

static int collect(struct cli *cli, const struct run_env *env, struct scripts *ret, struct err *err)
{
  if (cli->arg_count == 0 && !env->migrations_dir) {
    err_set(err, ERR_USAGE,
            "nothing to lint: no file is named and no migrations directory was found");
    return err_hint(err, "Name files, or the directory: belay lint prisma/migrations");
  }
  if (cli->arg_count == 0)
    return add_dir(cli, env->migrations_dir, ret, err);
  for (size_t i = 0; i < cli->arg_count; i++) {
    const char *arg = cli->args[i];
    int rc = strcmp(arg, "-") == 0 ? add_stdin(cli, ret, err)
             : fs_is_dir(arg)      ? add_dir(cli, arg, ret, err)
                                   : add_file(cli, arg, ret, err);
    if (rc < 0)
      return -1;
  }
  return 0;
}

/* What is known besides the files: the database of --against, and what a shadow shows. */
struct sources {
  struct db_target target;
  struct catalog *catalog; /* NULL: no --against */
};

static int read_catalog(struct cli *cli, const struct run_env *env, struct sources *ret,
                        struct err *err)
{
  if (!cli->options.against)
    return 0;
  if (db_target_parse(cli->arena, cli->options.against, "--against", &ret->target, err) < 0)
    return -1;
  CLEANUP(db_closep) struct db_conn *conn = NULL;
  struct catalog_options options = run_catalog_options(env);
  if (db_open(&ret->target, "belay lint", &conn, err) < 0)
    return -1;
  return catalog_read(cli->arena, conn, &options, &ret->catalog, err);
}

static int observe(struct cli *cli, const struct run_env *env, const struct sources *sources,
                   struct lint_input *input, struct err *err)
{
  const struct observe_request request = {
      .target = sources->catalog ? &sources->target : NULL,
      .catalog_options = run_catalog_options(env),
      .shadow_url = env->shadow_url,
      .shadow_on_target = env->policy.inverse.shadow_on_target,
  };
  return cli->options.observe ? run_observe(cli->arena, &request, input, err) : 0;
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

/* Formats for programs leave the summary to stderr. */
static void render(report_lint_render *format, const struct report_lint *input)
{
  CLEANUP(text_clear) struct text out = TEXT_INIT;
  CLEANUP(text_clear) struct text summary = TEXT_INIT;
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

int cmd_lint(struct cli *cli, struct err *err)
{
  struct run_env env;
  struct scripts scripts = {0};
  struct sources sources = {0};
  struct lint_input input = {0};
  struct lint_report report;
  if (cli_env(cli, 0, &env, err) < 0)
    return -1;
  struct lint_settings settings = env.policy.lint;
  report_lint_render *format;
  int rc = find_format(cli, &format, err);
  if (rc == 0)
    rc = fail_on(cli, &settings, err);
  if (rc == 0)
    rc = collect(cli, &env, &scripts, err);
  if (rc == 0)
    rc = read_catalog(cli, &env, &sources, err);
  input =
      (struct lint_input){.scripts = scripts.at, .count = scripts.len, .catalog = sources.catalog};
  if (rc == 0)
    rc = observe(cli, &env, &sources, &input, err);
  if (rc == 0)
    rc = lint_scripts(cli->arena, &settings, &input, &report, err);
  if (rc == 0)
    render(format, &(struct report_lint){.report = &report,
                                         .scripts = scripts.at,
                                         .script_count = scripts.len,
                                         .colour = term_colour(1),
                                         .fail_on = settings.fail_on});
  run_env_close(&env);
  if (rc < 0 || !lint_fails(&settings, &report))
    return rc;
  err_set(err, ERR_REFUSED, "%d error%s, %d warning%s", report.errors,
          report.errors == 1 ? "" : "s", report.warnings, report.warnings == 1 ? "" : "s");
  return err_hint(
      err, "Why, and the safe way: belay explain RULE. To accept one: -- belay:ignore RULE reason");
}
