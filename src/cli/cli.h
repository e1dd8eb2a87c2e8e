/* cli/cli.h: the command table and what a command gets. One file a command: cmd_<name>.c.
 *
 * stdout is the answer, stderr the talk. A command returns 0 or -1 with err set; main prints the
 * error (or one JSON object under --json) and turns its code into the exit code.
 */
#pragma once

#include "backup/backup.h"
#include "base/base.h"
#include "run/env.h"

struct cli_options {
  const char *database, *store, *config, *environment, *env_file, *shadow, *dir;
  const char *format, *fail_on, *against, *stdin_path, *runner, *target, *output, *plan, *into,
      *level, *before, *on_conflict, *keep_within, *confirm, *scope, *since, *identity, *to,
      *limit_rate, *identity_command;
  struct strings recipients;
  struct strings tables; /* --table, each time it was given */
  struct strings map_roles, map_tablespaces, skip_extensions;
  bool json, quiet, verbose, dry_run, yes, no_color, no_progress, no_owner, help, damaged, swap;
  bool schema_only, data_only, no_analyze, no_tablespaces, template, terminate, observe, fix, diff;
  bool exact_order, script, with_newer;
  int jobs, keep_last, keep_daily, keep_weekly, keep_monthly;
};

struct cli {
  struct arena *arena;
  struct cli_options options;
  const char *const *args; /* positional arguments */
  size_t arg_count;
  const char *const *command; /* what follows --, NULL-terminated; NULL without -- */
  const char *last_words; /* set by a command: printed after its error (state of the database, what
                             to type next) */
};

struct cli_command {
  const char *name, *usage, *summary;
  const char *options; /* names of its own long options, space-separated; the global ones go with
                          every command */
  size_t args_min, args_max;
  bool takes_command;
  int (*run)(struct cli *cli, struct err *err);
  const char *details; /* further help text; may be NULL */
};
extern const struct cli_command cli_commands[]; /* ended by a NULL name */

int cmd_init(struct cli *cli, struct err *err);
int cmd_status(struct cli *cli, struct err *err);
int cmd_explain(struct cli *cli, struct err *err);
int cmd_lint(struct cli *cli, struct err *err);
int cmd_inverse(struct cli *cli, struct err *err);
int cmd_plan(struct cli *cli, struct err *err);
int cmd_run(struct cli *cli, struct err *err);
int cmd_backup(struct cli *cli, struct err *err);
int cmd_restore(struct cli *cli, struct err *err);
int cmd_rollback(struct cli *cli, struct err *err);
int cmd_verify(struct cli *cli, struct err *err);
int cmd_list(struct cli *cli, struct err *err);
int cmd_show(struct cli *cli, struct err *err);
int cmd_prune(struct cli *cli, struct err *err);
int cmd_pin(struct cli *cli, struct err *err);
int cmd_unpin(struct cli *cli, struct err *err);
int cmd_doctor(struct cli *cli, struct err *err);
int cmd_copy(struct cli *cli, struct err *err);
int cmd_completion(struct cli *cli, struct err *err);
int cmd_version(struct cli *cli, struct err *err);

/* options.c */
/* Fills cli from argv (after the command's name). ERR_USAGE names the argument and, for options,
 * the nearest one. */
int cli_parse(struct cli *cli, const struct cli_command *command, int argc, const char *const *argv,
              struct err *err);
void cli_print_help(const struct cli_command *command); /* NULL: of the program */
struct cli_option {
  const char *name;
  char letter;       /* 0: none */
  const char *value; /* how help calls it; NULL: a flag */
  const char *help;
  bool repeats;
};
/* One after the other: a command's own options, or (NULL) those of every command. `at` begins with
 * 0; false: there is no further one. */
bool cli_option_next(const struct cli_command *command, size_t *at, struct cli_option *ret);
const struct cli_command *cli_find(const char *name);
const char *cli_suggest(const char *name); /* nearest command name, or NULL */

/* helpers for commands */
/* backup_scope.c: what --table and --scope ask for (NULL: everything), and what a scoped backup
 * does not hold. */
int cli_backup_scope(struct cli *cli, const struct run_env *env, const struct backup_scope **ret,
                     struct err *err);
void cli_warn_scoped(const struct backup_info *info);
/* restore --swap: the backup in the place of the database (cmd_swap.c) */
int cli_swap(struct cli *cli, const struct run_env *env, const struct backup_info *backup,
             struct err *err);
/* --target; 0: not given. */
int cli_target_major(struct cli *cli, int *ret_major, struct err *err);
/* --limit-rate in bytes a second; 0: not given. */
int cli_limit_rate(struct cli *cli, uint64_t *ret_bytes_per_s, struct err *err);
struct run_options cli_run_options(const struct cli *cli);
int cli_env(struct cli *cli, int needs, struct run_env *ret_env, struct err *err);
/* The backup that an argument and --before name. */
int cli_find_backup(struct cli *cli, const struct run_env *env, const char *which,
                    struct backup_info *ret, struct err *err);
/* All of stdin, at most SQL_SCRIPT_BYTES_MAX. */
int cli_read_stdin(struct arena *arena, char **ret_bytes, size_t *ret_len, struct err *err);
void cli_print(const struct text *text); /* to stdout */
