#include "cli/cli.h"

#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <unistd.h>

#include "base/interrupt.h"
#include "base/json.h"
#include "base/log.h"
#include "base/term.h"
#include "sql/script.h"

enum { STDIN_PIECE = 65536 };

const struct cli_command cli_commands[] = {
    {"init", "init", "look at the project and write belay.yaml", "dir", 0, 0, false, cmd_init,
     NULL},
    {"status", "status", "what state is the database in, what is pending, what to type next", "dir",
     0, 0, false, cmd_status, NULL},
    {"doctor", "doctor", "is everything there that a run will need, and what to do about it",
     "dir shadow", 0, 0, false, cmd_doctor,
     "Asks for configuration, migrations, database, clock, shadow, encryption and store; tries the "
     "store with an object of\n"
     "its own. Ends with the exit code that the first failure would have in a run."},
    {"lint", "lint [FILE|DIR|-]...", "find dangerous operations in migrations",
     "format fail-on against observe shadow since fix diff stdin-path dir runner target", 0, 100000,
     false, cmd_lint,
     "Without arguments the project's migrations directory is read. Of a single migration those "
     "before it are read, too,\n"
     "so that its tables are known. A pattern that matches no file is no error. With --against "
     "what is applied there is\n"
     "history. --fix never changes what is applied already: it wants --against or --since.\n"
     "Exit code 3: findings at or above --fail-on."},
    {"explain", "explain RULE", "why a lint rule exists, what the server does, the safe way", "", 0,
     1, false, cmd_explain, NULL},
    {"inverse", "inverse FILE|DIR|-... -d URL | --dir DIR",
     "print the rollback script of a migration, proven on a shadow database",
     "dir shadow target exact-order", 1, 1000, false, cmd_inverse,
     "The database must be in the state before the migration; it is only read. Files are taken in "
     "the order given.\n"
     "With --dir no database is asked: the migrations of DIR that come before the file are run on "
     "an empty shadow.\n"
     "With --exact-order pg_dump -s says after the rollback what it said before; what that costs "
     "is "
     "in the script's header."},
    {"plan", "plan [-o FILE] [-- CMD...]", "everything that run would do; changes nothing",
     "output dir shadow exact-order", 0, 0, true, cmd_plan, NULL},
    {"run", "run [--plan FILE] [-- CMD...]",
     "preflight, lint, inverse, backup, apply, verify, seal: the pending migrations, or CMD",
     "plan dir shadow dry-run exact-order", 0, 0, true, cmd_run,
     "Without CMD belay applies the pending migrations itself, each file in one transaction with "
     "its ledger row, and\n"
     "captures what it destroys. With CMD it wraps that command; it gets the database as "
     "DATABASE_URL."},
    {"backup", "backup [--table PATTERN]... | --template [--terminate]",
     "take a consistent copy of the database; prints its id",
     "table scope template terminate limit-rate", 0, 0, false, cmd_backup,
     "With --table or --scope pending the backup holds the rows of some tables only, and the whole "
     "schema. It says which\n"
     "tables it leaves out, and is never the latest one. Partitions go with their root, "
     "inheritance "
     "children only if they\n"
     "are named. Where it cannot be known what a pending migration endangers, the backup holds "
     "everything.\n"
     "With --template the server makes the copy: database belay_template_ID beside the other, on "
     "the same disk, closed.\n"
     "Nobody may be connected meanwhile; who is, is named, or ended by --terminate. It is never "
     "the latest one: restore\n"
     "it by its id."},
    {"restore",
     "restore ID|latest --into NEWDB | --table PATTERN --confirm DB | --swap --confirm DB",
     "bring a backup back as a new database, tables of it, or in the place of the present one",
     "into before table confirm schema-only data-only no-owner map-role map-tablespace"
     " no-tablespaces skip-extension no-analyze swap dry-run",
     0, 1, false, cmd_restore,
     "Roles, tablespaces and extensions that this server lacks are named before anything is made.\n"
     "Until the new database is whole its comment says so and its connection limit is 0; what a\n"
     "killed restore left is replaced with --yes. With --table and --confirm the tables are made "
     "in\n"
     "the database of --database, if none of them exists there. --data-only --into DB fills empty\n"
     "tables. Both are one transaction: all of it or nothing. Sequences that are there move "
     "forwards\n"
     "only: one that stands beyond the backup's position is named and left there. A partition\n"
     "without its root becomes a table of its own. What only uses the tables (views, "
     "publications,\n"
     "keys of others) and large objects do not come along; belay names them.\n"
     "--swap restores beside the database, checks, and renames both in one transaction; the old "
     "one\n"
     "is kept, closed, as DB_before_restore_ID. Without --confirm it says what would be lost."},
    {"rollback", "rollback [RUN|last]",
     "bring the state before a run back, rows included; rows written since are kept",
     "on-conflict with-newer dir shadow dry-run script output", 0, 1, false, cmd_rollback,
     "A rollback captures what it destroys; its id rolls it back in turn: the migrations are "
     "applied\n"
     "again, with the rows as they were. --script writes what would be done as one file that psql "
     "runs,\n"
     "for those who must do it by hand; -o says where to. --dry-run shows locks, rows, conflicts "
     "and what is lost."},
    {"verify", "verify ID|latest",
     "prove that a backup is whole: hash, expand, or a real test restore", "level", 1, 1, false,
     cmd_verify,
     "With --level restore on a server of another major version than the backup's the rows and "
     "their\n"
     "content are compared, but a schema that reads differently there proves nothing: belay says\n"
     "that the schema was not compared (--json: schema_uncompared), and ends with 0."},
    {"list", "list [backups|runs]", "backups and runs in the store", "", 0, 1, false, cmd_list,
     NULL},
    {"show", "show ID", "one backup or run in full", "", 1, 1, false, cmd_show, NULL},
    {"prune", "prune [--keep-last N] [--keep-daily N] ...",
     "remove the backups and records of runs that no rule keeps; shows first what would go",
     "keep-last keep-daily keep-weekly keep-monthly keep-within damaged dry-run", 0, 0, false,
     cmd_prune,
     "A backup that one of the rules wants stays. Without a --keep option those under `retention:` "
     "of the policy count;\n"
     "without any nothing is removed. The newest good backup, pinned ones and those that a run "
     "needs stay in any case.\n"
     "What killed writers left unfinished for a day goes, too."},
    {"copy", "copy ID|RUN|latest --to PLACE",
     "a backup or the record of a run into another store, byte for byte", "to limit-rate", 1, 1,
     false, cmd_copy,
     "What is there already is left alone, so that the same command goes on after it was stopped; "
     "nothing that differs is\n"
     "overwritten. Each object is read back; the manifest comes last. Template backups cannot be "
     "copied."},
    {"pin", "pin ID", "prune leaves this backup alone", "", 1, 1, false, cmd_pin, NULL},
    {"unpin", "unpin ID", "prune may remove this backup again", "", 1, 1, false, cmd_unpin, NULL},
    {"completion", "completion bash|zsh|fish", "print the completion of belay for a shell", "", 1,
     1, false, cmd_completion,
     "bash: source <(belay completion bash); zsh: belay completion zsh >DIR/_belay, DIR being one "
     "of $fpath;\n"
     "fish: belay completion fish | source"},
    {"version", "version", "version of belay and of what it stands on", "", 0, 0, false,
     cmd_version, NULL},
    {NULL, NULL, NULL, NULL, 0, 0, false, NULL, NULL},
};

int cli_limit_rate(struct cli *cli, uint64_t *ret_bytes_per_s, struct err *err)
{
  const char *text = cli->options.limit_rate;
  *ret_bytes_per_s = 0;
  if (!text || (config_parse_size(text, ret_bytes_per_s) == 0 && *ret_bytes_per_s))
    return 0;
  return err_set(err, ERR_USAGE, "--limit-rate takes bytes a second (512KiB, 10MiB), not \"%s\"",
                 text);
}

struct run_options cli_run_options(const struct cli *cli)
{
  const struct cli_options *o = &cli->options;
  return (struct run_options){
      .database = o->database,
      .store = o->store,
      .config = o->config,
      .environment = o->environment,
      .env_file = o->env_file,
      .shadow = o->shadow,
      .migrations_dir = o->dir,
      .jobs = o->jobs,
      .recipients = o->recipients,
      .identity = o->identity,
      .identity_command = o->identity_command,
      .exact_order = o->exact_order,
  };
}

int cli_env(struct cli *cli, int needs, struct run_env *ret_env, struct err *err)
{
  const struct run_options options = cli_run_options(cli);
  return run_env_open(cli->arena, &options, needs, ret_env, err);
}

void cli_print(const struct text *text)
{
  fwrite(text->data, 1, text->len, stdout);
}

int cli_read_stdin(struct arena *arena, char **ret_bytes, size_t *ret_len, struct err *err)
{
  CLEANUP(text_clear) struct text t = TEXT_INIT;
  char piece[STDIN_PIECE];
  for (ssize_t n; (n = read(0, piece, sizeof(piece))) != 0;) {
    if (n < 0 && errno == EINTR) {
      if (interrupt_check(err) < 0)
        return -1;
      continue;
    }
    if (n < 0)
      return err_errno(err, ERR_USAGE, "reading stdin");
    text_append(&t, piece, (size_t)n);
    if (t.len > SQL_SCRIPT_BYTES_MAX)
      return err_set(err, ERR_USAGE, "stdin: larger than %d MiB", SQL_SCRIPT_BYTES_MAX >> 20);
  }
  *ret_bytes = arena_strndup(arena, t.data, t.len);
  *ret_len = t.len;
  return 0;
}

static void redacted(struct jw *w, const char *key, const char *value)
{
  CLEANUP(free_ptr) char *clean = value ? log_redact(value) : NULL;
  jw_key_string(w, key, clean);
}

static void print_json_error(const struct err *err)
{
  CLEANUP(text_clear) struct text json = TEXT_INIT;
  struct jw w = jw_begin(&json);
  jw_object(&w);
  jw_key_int(&w, "schema", 1);
  redacted(&w, "error", err->message ? err->message : "");
  jw_key_string(&w, "code", err_code_name(err->code));
  jw_key_int(&w, "exit_code", err_exit_code(err->code));
  jw_key_string(&w, "sqlstate", err->sqlstate[0] ? err->sqlstate : NULL);
  redacted(&w, "detail", err->detail);
  redacted(&w, "hint", err->hint);
  jw_end(&w);
  fprintf(stderr, "%s\n", json.data);
}

static int fail(const struct cli *cli, struct err *err)
{
  fflush(stdout);
  if (cli->options.json)
    print_json_error(err);
  else
    log_err(err);
  if (cli->last_words && !cli->options.json)
    fputs(cli->last_words, stderr);
  return err_exit_code(err->code);
}

static void apply_manners(const struct cli_options *o)
{
  if (o->quiet)
    log_set_level(LOG_WARNING);
  if (o->verbose)
    log_set_level(LOG_DEBUG);
  if (o->no_color)
    term_disable_colour();
  if (o->no_progress || o->json || o->quiet)
    term_disable_progress();
}

static int unknown_command(const char *name, struct err *err)
{
  const char *near = cli_suggest(name);
  err_set(err, ERR_USAGE, "unknown command \"%s\"", name);
  if (near)
    return err_hint(err, "Did you mean: belay %s", near);
  return err_hint(err, "See: belay --help");
}

/* Arguments that could not be understood as a whole still say how the error is wanted. */
static bool wants_json(int argc, char **argv)
{
  for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
    if (strcmp(argv[i], "--json") == 0)
      return true;
  return false;
}

/* A statement that our own signal cancelled is no failure of the server. What says more than
 * "untouched" stays as it is. */
static void name_signal(struct err *err)
{
  int signo = interrupt_pending(), exit_code = err_exit_code(err->code);
  if (signo && exit_code < 6 && err_sqlstate_is(err, "57014"))
    err_recode(err, signo == SIGINT ? ERR_INTERRUPTED : ERR_TERMINATED);
}

int main(int argc, char **argv)
{
  setlocale(LC_CTYPE, "C.UTF-8");
  interrupt_install();
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  CLEANUP(err_clear) struct err err = ERR_INIT;
  struct cli cli = {.arena = arena};
  const char *name = argc > 1 ? argv[1] : "--help";
  if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
    const struct cli_command *about = argc > 2 ? cli_find(argv[2]) : NULL;
    cli_print_help(about);
    return argc > 1 ? 0 : 2;
  }
  if (strcmp(name, "--version") == 0)
    name = "version";
  const struct cli_command *command = cli_find(name);
  if (!command || cli_parse(&cli, command, argc - 2, (const char *const *)argv + 2, &err) < 0) {
    if (!command)
      unknown_command(name, &err);
    cli.options.json = wants_json(argc, argv);
    return fail(&cli, &err);
  }
  apply_manners(&cli.options);
  if (cli.options.help) {
    cli_print_help(command);
    return 0;
  }
  if (command->run(&cli, &err) < 0) {
    name_signal(&err);
    return fail(&cli, &err);
  }
  if (fflush(stdout) != 0) {
    err_errno(&err, ERR_UNEXPECTED, "writing to stdout");
    return fail(&cli, &err);
  }
  return 0;
}
