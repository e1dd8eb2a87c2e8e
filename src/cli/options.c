#include <stdlib.h>

#include "backup/backup.h"
#include "backup/retention.h"
#include "base/suggest.h"
#include "cli/cli.h"
#include "report/lint.h"

enum { COMMANDS_MAX = 64 };
enum option_type { OPTION_FLAG, OPTION_TEXT, OPTION_COUNT, OPTION_NUMBER, OPTION_LIST };

static const struct option {
  const char *name;
  char letter;
  const char *value; /* how the value is called in help; NULL: a flag */
  const char *help;
  size_t offset;
  enum option_type type;
  bool global;
} options[] = {
#define FIELD(name) offsetof(struct cli_options, name)
    {"database", 'd', "URL",
     "the database; else BELAY_DATABASE_URL, DATABASE_URL, .env, belay.yaml", FIELD(database),
     OPTION_TEXT, true},
    {"store", 's', "PLACE", "where artifacts live: a directory, or s3://bucket/prefix",
     FIELD(store), OPTION_TEXT, true},
    {"config", 'c', "FILE", "belay.yaml to use instead of the one found upward", FIELD(config),
     OPTION_TEXT, true},
    {"environment", 'e', "NAME", "policy to use: development, staging, production or your own",
     FIELD(environment), OPTION_TEXT, true},
    {"env-file", 0, "FILE", "file to read DATABASE_URL from instead of .env", FIELD(env_file),
     OPTION_TEXT, true},
    {"recipient", 0, "KEY|FILE",
     "encrypt what is stored for it (age1...); repeatable; else BELAY_RECIPIENTS, belay.yaml",
     FIELD(recipients), OPTION_LIST, true},
    {"identity", 0, "FILE", "age key that opens what is encrypted; else BELAY_IDENTITY, belay.yaml",
     FIELD(identity), OPTION_TEXT, true},
    {"identity-command", 0, "CMD", "the same, printed by a command; else BELAY_IDENTITY_COMMAND",
     FIELD(identity_command), OPTION_TEXT, true},
    {"json", 0, NULL, "answer in JSON on stdout", FIELD(json), OPTION_FLAG, true},
    {"jobs", 'j', "N", "parallel workers (1 to 16)", FIELD(jobs), OPTION_COUNT, true},
    {"quiet", 'q', NULL, "only warnings and errors on stderr", FIELD(quiet), OPTION_FLAG, true},
    {"verbose", 'v', NULL, "more on stderr", FIELD(verbose), OPTION_FLAG, true},
    {"dry-run", 'n', NULL, "change nothing, show what would be done (restore: with --swap)",
     FIELD(dry_run), OPTION_FLAG, false},
    {"yes", 'y', NULL, "do not ask", FIELD(yes), OPTION_FLAG, true},
    {"no-color", 0, NULL, "no colours", FIELD(no_color), OPTION_FLAG, true},
    {"no-progress", 0, NULL, "no progress line", FIELD(no_progress), OPTION_FLAG, true},
    {"help", 'h', NULL, "this text", FIELD(help), OPTION_FLAG, true},
    {"dir", 0, "DIR", "migrations directory", FIELD(dir), OPTION_TEXT, false},
    {"exact-order", 0, NULL,
     "a dropped column comes back where it was: the way back writes its table anew",
     FIELD(exact_order), OPTION_FLAG, false},
    {"shadow", 0, "URL", "server on which shadow databases may be made", FIELD(shadow), OPTION_TEXT,
     false},
    {"format", 0, REPORT_LINT_FORMAT_WORDS, "how findings are written; tty if not given",
     FIELD(format), OPTION_TEXT, false},
    {"fail-on", 0, "error|warning|info|never", "the least that makes it fail", FIELD(fail_on),
     OPTION_TEXT, false},
    {"against", 0, "URL", "database whose tables, types and sizes the rules may know",
     FIELD(against), OPTION_TEXT, false},
    {"observe", 0, NULL, "run the statements on a shadow database and watch the server",
     FIELD(observe), OPTION_FLAG, false},
    {"stdin-path", 0, "PATH", "name shown for what comes from stdin", FIELD(stdin_path),
     OPTION_TEXT, false},
    {"since", 0, "NAME|DATE", "migrations before it are history: read, but without findings",
     FIELD(since), OPTION_TEXT, false},
    {"fix", 0, NULL, "rewrite the files where that is mechanically safe", FIELD(fix), OPTION_FLAG,
     false},
    {"diff", 0, NULL, "print what --fix would write, as a unified diff", FIELD(diff), OPTION_FLAG,
     false},
    {"runner", 0, "TOOL", "what applies the files: belay, prisma, dbmate, psql, ... (lint)",
     FIELD(runner), OPTION_TEXT, false},
    {"target", 0, "MAJOR", "PostgreSQL that the files are for, 13 to 18, if no database is named",
     FIELD(target), OPTION_TEXT, false},
    {"output", 'o', "FILE", "write the plan (JSON) or the script to FILE", FIELD(output),
     OPTION_TEXT, false},
    {"with-newer", 0, NULL, "roll the runs that came later back first, newest first",
     FIELD(with_newer), OPTION_FLAG, false},
    {"script", 0, NULL, "change nothing, write a file for psql with the rows inline", FIELD(script),
     OPTION_FLAG, false},
    {"plan", 0, "FILE", "run only if this plan is still true", FIELD(plan), OPTION_TEXT, false},
    {"into", 0, "NEWDB", "name of the database to create", FIELD(into), OPTION_TEXT, false},
    {"table", 0, "PATTERN", "only these tables and what belongs to them, as psql's \\d; repeatable",
     FIELD(tables), OPTION_LIST, false},
    {"confirm", 0, "DB", "the name of the database that will be changed", FIELD(confirm),
     OPTION_TEXT, false},
    {"schema-only", 0, NULL, "no rows", FIELD(schema_only), OPTION_FLAG, false},
    {"data-only", 0, NULL, "only rows, into a database whose tables exist and are empty",
     FIELD(data_only), OPTION_FLAG, false},
    {"no-owner", 0, NULL, "leave out owners and privileges", FIELD(no_owner), OPTION_FLAG, false},
    {"map-role", 0, "OLD=NEW", "a role that is called otherwise here; repeatable", FIELD(map_roles),
     OPTION_LIST, false},
    {"map-tablespace", 0, "OLD=NEW", "the same for a tablespace; repeatable",
     FIELD(map_tablespaces), OPTION_LIST, false},
    {"no-tablespaces", 0, NULL, "everything into the default tablespace", FIELD(no_tablespaces),
     OPTION_FLAG, false},
    {"skip-extension", 0, "NAME", "leave out an extension that nothing needs; repeatable",
     FIELD(skip_extensions), OPTION_LIST, false},
    {"no-analyze", 0, NULL, "do not collect planner statistics", FIELD(no_analyze), OPTION_FLAG,
     false},
    {"before", 0, "TIME", "the newest backup taken before TIME (2026-11-22T13:48Z)", FIELD(before),
     OPTION_TEXT, false},
    {"swap", 0, NULL, "put the restored database in the place of the present one, which is kept",
     FIELD(swap), OPTION_FLAG, false},
    {"level", 0, "hash|expand|restore", "how deep; expand if not given", FIELD(level), OPTION_TEXT,
     false},
    {"on-conflict", 0, "keep|restore|abort",
     "what becomes of rows changed since; keep if not given", FIELD(on_conflict), OPTION_TEXT,
     false},
    {"scope", 0, "full|pending", "pending: only the rows that the pending migrations endanger",
     FIELD(scope), OPTION_TEXT, false},
    {"template", 0, NULL,
     "CREATE DATABASE ... TEMPLATE on the same server; nobody may be connected", FIELD(template),
     OPTION_FLAG, false},
    {"terminate", 0, NULL, "with --template: end the sessions of others first", FIELD(terminate),
     OPTION_FLAG, false},
    {"to", 0, "PLACE", "the store to copy to", FIELD(to), OPTION_TEXT, false},
    {"limit-rate", 0, "RATE", "move at most so many bytes a second (10MiB)", FIELD(limit_rate),
     OPTION_TEXT, false},
    {"keep-last", 0, "N", "keep the newest N", FIELD(keep_last), OPTION_NUMBER, false},
    {"keep-daily", 0, "N", "keep the newest of each of the last N days that have one (UTC)",
     FIELD(keep_daily), OPTION_NUMBER, false},
    {"keep-weekly", 0, "N", "the same with weeks, Monday to Sunday", FIELD(keep_weekly),
     OPTION_NUMBER, false},
    {"keep-monthly", 0, "N", "the same with months", FIELD(keep_monthly), OPTION_NUMBER, false},
    {"keep-within", 0, "DURATION", "keep all that are younger (12h, 30d), counted from the newest",
     FIELD(keep_within), OPTION_TEXT, false},
    {"damaged", 0, NULL, "remove damaged backups as well", FIELD(damaged), OPTION_FLAG, false},
#undef FIELD
};

static bool has_word(const char *words, const char *word)
{
  size_t len = strlen(word);
  for (const char *p = words; p && *p; p += strcspn(p, " "), p += strspn(p, " "))
    if (strcspn(p, " ") == len && strncmp(p, word, len) == 0)
      return true;
  return false;
}

static bool accepts(const struct cli_command *command, const struct option *o)
{
  return o->global || has_word(command->options, o->name);
}

bool cli_option_next(const struct cli_command *command, size_t *at, struct cli_option *ret)
{
  while (*at < COUNT_OF(options)) {
    const struct option *o = &options[(*at)++];
    if (command ? o->global || !accepts(command, o) : !o->global)
      continue;
    *ret = (struct cli_option){o->name, o->letter, o->value, o->help, o->type == OPTION_LIST};
    return true;
  }
  return false;
}

const char *cli_suggest(const char *name)
{
  const char *names[COMMANDS_MAX];
  size_t count = 0;
  for (const struct cli_command *c = cli_commands; c->name && count < COMMANDS_MAX; c++)
    names[count++] = c->name;
  return suggest_word(name, names, count);
}

const struct cli_command *cli_find(const char *name)
{
  for (const struct cli_command *c = cli_commands; c->name; c++)
    if (strcmp(c->name, name) == 0)
      return c;
  return NULL;
}

static int unknown_option(const struct cli_command *command, const char *arg, struct err *err)
{
  const char *names[COUNT_OF(options)], *near = NULL;
  size_t count = 0, len = strcspn(arg, "=");
  for (size_t i = 0; i < COUNT_OF(options); i++)
    if (accepts(command, &options[i]))
      names[count++] = options[i].name;
  CLEANUP(free_ptr) char *name = x_strndup(arg, len);
  if (strncmp(name, "--", 2) == 0)
    near = suggest_word(name + 2, names, count);
  err_set(err, ERR_USAGE, "unknown option %s for belay %s", name, command->name);
  if (near)
    return err_hint(err, "Did you mean --%s? See: belay %s --help", near, command->name);
  return err_hint(err, "See: belay %s --help", command->name);
}

static const struct option *find_option(const struct cli_command *command, const char *arg,
                                        const char **ret_value)
{
  *ret_value = NULL;
  for (size_t i = 0; i < COUNT_OF(options); i++) {
    const struct option *o = &options[i];
    size_t len = strlen(o->name);
    if (!accepts(command, o))
      continue;
    if (arg[1] == '-' && strncmp(arg + 2, o->name, len) == 0 &&
        (arg[2 + len] == '\0' || arg[2 + len] == '=')) {
      *ret_value = arg[2 + len] == '=' ? arg + 3 + len : NULL;
      return o;
    }
    if (arg[1] != '-' && o->letter && arg[1] == o->letter && (arg[2] == '\0' || o->value)) {
      *ret_value = arg[2] ? arg + 2 : NULL;
      return o;
    }
  }
  return NULL;
}

static int store_option(struct cli *cli, const struct option *o, const char *value, struct err *err)
{
  char *field = (char *)&cli->options + o->offset;
  if (o->type == OPTION_FLAG && value)
    return err_set(err, ERR_USAGE, "--%s takes no value", o->name);
  if (o->type == OPTION_FLAG) {
    *(bool *)(void *)field = true;
  } else if (o->type == OPTION_TEXT) {
    *(const char **)(void *)field = value;
  } else if (o->type == OPTION_LIST) {
    vec_push(cli->arena, (struct strings *)(void *)field, value);
  } else {
    char *end;
    long n = strtol(value, &end, 10);
    int max = o->type == OPTION_COUNT ? BACKUP_JOBS_MAX : RETENTION_MAX;
    if (*end || end == value || n < 1 || n > max)
      return err_set(err, ERR_USAGE, "--%s takes a number from 1 to %d, not \"%s\"", o->name, max,
                     value);
    *(int *)(void *)field = (int)n;
  }
  return 0;
}

static int check_counts(const struct cli *cli, const struct cli_command *command, struct err *err)
{
  if (cli->command && !cli->command[0])
    err_set(err, ERR_USAGE, "no command after --");
  else if (cli->arg_count < command->args_min)
    err_set(err, ERR_USAGE, "belay %s needs an argument", command->name);
  else if (cli->arg_count > command->args_max)
    err_set(err, ERR_USAGE, "belay %s does not take \"%s\"", command->name,
            cli->args[command->args_max]);
  else
    return 0;
  return err_hint(err, "Usage: belay %s", command->usage);
}

int cli_parse(struct cli *cli, const struct cli_command *command, int argc, const char *const *argv,
              struct err *err)
{
  VEC(const char *) args = {0};
  bool names_only = false; /* after -- of a command that wraps nothing */
  for (int i = 0; i < argc; i++) {
    const char *arg = argv[i], *value;
    if (strcmp(arg, "--") == 0 && command->takes_command) {
      cli->command = argv + i + 1;
      break;
    }
    if (strcmp(arg, "--") == 0 && !names_only) {
      names_only = true;
      continue;
    }
    if (names_only || arg[0] != '-' || arg[1] == '\0') {
      vec_push(cli->arena, &args, arg);
      continue;
    }
    const struct option *o = find_option(command, arg, &value);
    if (!o)
      return unknown_option(command, arg, err);
    if (o->value && !value && i + 1 < argc && strncmp(argv[i + 1], "--", 2) != 0)
      value = argv[++i];
    if (o->value && !value)
      return err_set(err, ERR_USAGE, "--%s needs a value (%s)", o->name, o->value);
    if (store_option(cli, o, value, err) < 0)
      return -1;
  }
  cli->args = args.at;
  cli->arg_count = args.len;
  return cli->options.help ? 0 : check_counts(cli, command, err);
}

static void print_option(const struct option *o)
{
  char left[80];
  snprintf(left, sizeof(left), "--%s%s%s", o->name, o->value ? " " : "", o->value ? o->value : "");
  printf("  %c%c%c %-22s %s\n", o->letter ? '-' : ' ', o->letter ? o->letter : ' ',
         o->letter ? ',' : ' ', left, o->help);
}

void cli_print_help(const struct cli_command *command)
{
  if (!command) {
    puts("belay holds the rope while a PostgreSQL migration runs.\n\nUsage: belay COMMAND "
         "[OPTION]... [ARGUMENT]...\n");
    for (const struct cli_command *c = cli_commands; c->name; c++)
      printf("  %-10s %s\n", c->name, c->summary);
    puts("\nOptions of every command:");
  } else {
    printf("Usage: belay %s\n\n%s.\n", command->usage, command->summary);
    if (command->details)
      printf("\n%s\n", command->details);
    puts("\nOptions:");
    for (size_t i = 0; i < COUNT_OF(options); i++)
      if (!options[i].global && accepts(command, &options[i]))
        print_option(&options[i]);
  }
  for (size_t i = 0; i < COUNT_OF(options); i++)
    if (options[i].global)
      print_option(&options[i]);
  if (!command)
    puts("\nExit codes: 0 done; 2 usage; 3 refused; 4 preflight failed; 5 backup failed; 6 failed, "
         "database as before;\n"
         "7 failed, old state brought back; 8 failed, database changed; 9 applied but not "
         "verified; 10 another run;\n"
         "11 store; 12 artifact damaged. 2 to 5 and 10 to 12: nothing was touched.\n"
         "Help on a command: belay COMMAND --help. On a lint rule: belay explain RULE.");
}

enum { TARGET_LEAST = 13, TARGET_MOST = 18 };

int cli_target_major(struct cli *cli, int *ret_major, struct err *err)
{
  const char *named = cli->options.target;
  char *end = NULL;
  long major = named ? strtol(named, &end, 10) : 0;
  if (named && (*end || major < TARGET_LEAST || major > TARGET_MOST))
    return err_set(err, ERR_USAGE, "--target is a major of PostgreSQL, %d to %d, not \"%s\"",
                   TARGET_LEAST, TARGET_MOST, named);
  *ret_major = (int)major;
  return 0;
}
