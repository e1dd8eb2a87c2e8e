#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "cli/cli.h"

static const char template[] =
    "# belay.yaml: what belay must know of this project. Every key is optional; paths are relative "
    "to this file.\n"
    "# The database comes from --database, BELAY_DATABASE_URL, DATABASE_URL or .env; no password "
    "belongs here.\n"
    "\n"
    "# Rules of this environment: policies/<name>.yaml here, else the built-in development, "
    "staging, production.\n"
    "environment: development\n"
    "\n"
    "# Where backups and the records of runs live: a directory, or a bucket like\n"
    "# s3://bucket/prefix?endpoint=https://s3.example.com&region=eu-central-1 (see README, Object "
    "storage).\n"
    "store: file:.belay/store\n"
    "\n"
    "# Public keys (age-keygen makes pairs) that what is stored is encrypted for.\n"
    "# encryption:\n"
    "#   recipients: [age1...]\n"
    "\n"
    "migrations:\n"
    "  dir: %s\n"
    "  format: %s\n"
    "\n"
    "# SQL files run after each apply; a query that returns a row other than true fails the run.\n"
    "# checks: [verify.sql]\n"
    "\n"
    "# Programs that get each event as JSON on stdin.\n"
    "# hooks: [./notify.sh]\n";

static void print_answer(const struct cli *cli, const char *dir, const char *format)
{
  CLEANUP(text_clear) struct text out = TEXT_INIT;
  if (cli->options.json) {
    struct jw w = jw_begin(&out);
    jw_object(&w);
    jw_key_int(&w, "schema", 1);
    jw_key_string(&w, "wrote", "belay.yaml");
    jw_key_string(&w, "migrations_dir", dir);
    jw_key_string(&w, "format", format);
    jw_end(&w);
    text_putc(&out, '\n');
  } else {
    text_puts(&out, "belay plan\nbelay run\nbelay rollback last   # if it must go back\n");
  }
  cli_print(&out);
}

int cmd_init(struct cli *cli, struct err *err)
{
  const struct migration_format *format;
  if (fs_exists("belay.yaml")) {
    err_set(err, ERR_USAGE, "belay.yaml is there already");
    return err_hint(err, "Edit it, or remove it first; init overwrites nothing.");
  }
  const char *dir = cli->options.dir ? cli->options.dir : migration_find_dir(cli->arena, ".");
  if (!dir) {
    err_set(err, ERR_USAGE,
            "no migrations directory found here (looked for prisma/migrations and the like)");
    return err_hint(err, "Go to the project's directory, or name it: belay init --dir DIR");
  }
  if (strncmp(dir, "./", 2) == 0)
    dir += 2;
  if (migration_format_of(dir, NULL, &format, err) < 0)
    return -1;
  const char *text = arena_printf(cli->arena, template, dir, format->name);
  if (fs_write_atomic("belay.yaml", text, strlen(text), 0644, err) < 0)
    return -1;
  log_info("wrote belay.yaml: %s migrations in %s, artifacts in .belay/store", format->name, dir);
  if (!cli->options.json)
    log_info("in a release script:");
  print_answer(cli, dir, format->name);
  return 0;
}
