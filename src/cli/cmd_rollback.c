#define _GNU_SOURCE /* mkostemp */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/term.h"
#include "cli/cli.h"
#include "report/run.h"

/* One command runs once: what the confirm callback needs. */
static struct cli *asking;

static bool confirm(const struct rollback_report *report)
{
  CLEANUP(text_clear) struct text out = TEXT_INIT;
  report_rollback_plan(asking->arena, report, &out);
  fputs(out.data, stderr);
  return term_confirm("Roll it back?");
}

static int on_conflict(const char *name, enum undo_on_conflict *ret, struct err *err)
{
  static const struct {
    const char *name;
    enum undo_on_conflict value;
  } known[] = {{"keep", UNDO_KEEP}, {"restore", UNDO_RESTORE}, {"abort", UNDO_ABORT}};
  *ret = UNDO_KEEP;
  for (size_t i = 0; name && i < COUNT_OF(known); i++)
    if (strcmp(name, known[i].name) == 0) {
      *ret = known[i].value;
      return 0;
    }
  return name ? err_set(err, ERR_USAGE, "--on-conflict is keep, restore or abort, not \"%s\"", name)
              : 0;
}

static void last_words(struct cli *cli, const struct err *err)
{
  cli->last_words = arena_printf(cli->arena, "database: %s\nnext: belay status\n",
                                 run_database_words(cli->arena, err->code));
}

/* Whole or not at all: what failed half-way must not look like a script. */
static int copy_out(FILE *from, struct err *err)
{
  char buffer[65536];
  size_t n;
  rewind(from);
  while ((n = fread(buffer, 1, sizeof(buffer), from)) > 0)
    if (fwrite(buffer, 1, n, stdout) != n)
      return err_set(err, ERR_UNEXPECTED, "writing the script: %s", strerror(errno));
  return ferror(from) || fflush(stdout) != 0
             ? err_set(err, ERR_UNEXPECTED, "writing the script: %s", strerror(errno))
             : 0;
}

/* Beside the file that it becomes, for nobody else to read: it holds rows. */
static FILE *open_part(char *part, struct err *err)
{
  int fd = mkostemp(part, O_CLOEXEC);
  FILE *out = fd < 0 ? NULL : fdopen(fd, "w");
  if (!out)
    err_set(err, ERR_UNEXPECTED, "%s: %s", part, strerror(errno));
  if (!out && fd >= 0)
    close(fd);
  return out;
}

static int write_script(struct cli *cli, const struct rollback_options *options, struct err *err)
{
  const char *path = cli->options.output;
  char *part = path ? arena_printf(cli->arena, "%s.part-XXXXXX", path) : NULL;
  FILE *out = part ? open_part(part, err) : tmpfile();
  if (!out)
    return part ? -1 : err_set(err, ERR_UNEXPECTED, "temporary file: %s", strerror(errno));
  int rc = rollback_script(cli->arena, options, out, err);
  if (rc == 0 && !part)
    rc = copy_out(out, err);
  if (rc == 0 && part && fsync(fileno(out)) != 0)
    rc = err_set(err, ERR_UNEXPECTED, "%s: %s", part, strerror(errno));
  if (fclose(out) != 0 && rc == 0)
    rc = err_set(err, ERR_UNEXPECTED, "%s: %s", part ? part : "temporary file", strerror(errno));
  if (part && rc == 0 && rename(part, path) != 0)
    rc = err_set(err, ERR_UNEXPECTED, "%s: %s", path, strerror(errno));
  if (part && rc < 0)
    (void)unlink(part);
  return rc;
}

/* `done`: so many newer runs were rolled back just before. */
static int roll_back(struct cli *cli, const struct rollback_options *options, size_t done,
                     struct err *err)
{
  struct rollback_report report = {0};
  int rc = rollback_run(cli->arena, options, &report, err);
  if (rc < 0 && done && !options->dry_run) {
    err_detail(err, "%zu newer run%s rolled back before it", done, done == 1 ? " was" : "s were");
    err_recode(err, ERR_CHANGED);
  }
  if (rc < 0)
    last_words(cli, err);
  CLEANUP(text_clear) struct text out = TEXT_INIT;
  if (cli->options.json)
    report_rollback_json(&report, err, &out);
  else if (rc == 0 && cli->options.dry_run)
    report_rollback_plan(cli->arena, &report, &out);
  else if (rc == 0)
    report_rollback_end(cli->arena, &report, &out);
  cli_print(&out);
  return rc;
}

/* Each run is a rollback of its own; the first that fails is the last. */
static int roll_chain_back(struct cli *cli, struct rollback_options *options, struct err *err)
{
  struct strings ids = {0};
  if (rollback_chain(cli->arena, options->env, options->which, &ids, err) < 0) {
    last_words(cli, err);
    return -1;
  }
  for (size_t i = 0; i < ids.len; i++) {
    options->which = ids.at[i];
    options->newer_first = options->dry_run && i > 0;
    if (roll_back(cli, options, i, err) < 0)
      return -1;
  }
  return 0;
}

static int check_options(const struct cli *cli, struct err *err)
{
  const struct cli_options *o = &cli->options;
  if (o->output && !o->script)
    return err_set(err, ERR_USAGE, "--output goes with --script");
  if (o->script && (o->with_newer || o->json || o->dry_run))
    return err_set(err, ERR_USAGE, "--script writes one run's file, and nothing else: without %s",
                   o->with_newer ? "--with-newer"
                   : o->json     ? "--json"
                                 : "--dry-run");
  return 0;
}

int cmd_rollback(struct cli *cli, struct err *err)
{
  struct run_env env;
  enum undo_on_conflict conflict;
  if (on_conflict(cli->options.on_conflict, &conflict, err) < 0 || check_options(cli, err) < 0 ||
      cli_env(cli, RUN_ENV_TARGET | RUN_ENV_STORE, &env, err) < 0)
    return -1;
  asking = cli;
  bool ask = !cli->options.yes && !cli->options.dry_run && !cli->options.script;
  if (ask && !term_is_interactive()) {
    run_env_close(&env);
    err_set(err, ERR_USAGE, "a rollback must be confirmed, and there is no terminal to ask on");
    return err_hint(err, "Look at it with --dry-run, then give --yes.");
  }
  struct rollback_options options = {
      .env = &env,
      .which = cli->arg_count ? cli->args[0] : "last",
      .dry_run = cli->options.dry_run,
      .confirm = ask ? confirm : NULL,
      .on_conflict = conflict,
  };
  if (cli->options.script) {
    int written = write_script(cli, &options, err);
    if (written < 0)
      last_words(cli, err);
    run_env_close(&env);
    return written;
  }
  int rc = cli->options.with_newer ? roll_chain_back(cli, &options, err)
                                   : roll_back(cli, &options, 0, err);
  run_env_close(&env);
  return rc;
}
