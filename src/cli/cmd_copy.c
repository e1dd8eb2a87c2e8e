/* belay copy: a backup or the record of a run into another store. */
#include "base/json.h"
#include "base/log.h"
#include "base/term.h"
#include "cli/cli.h"
#include "run/record.h"
#include "store/place_copy.h"

struct source {
  const char *id, *prefix;
  bool is_run;
  struct map *expected; /* hashes of a backup's objects, by key */
};

static int check_backup(const struct backup_info *info, struct err *err)
{
  if (!info->template)
    return 0;
  err_set(err, ERR_REFUSED, "backup %s is a template: a database on its server, not in the store",
          info->id);
  return err_hint(err, "Take one that can be moved with: belay backup");
}

/* What its manifest says of its objects: damage must not travel. */
static int read_hashes(struct cli *cli, struct place *place, struct source *source, struct err *err)
{
  CLEANUP(archive_closep) struct archive *archive = NULL;
  if (archive_look(cli->arena, place, source->prefix, &archive, err) < 0)
    return -1;
  source->expected = map_new(cli->arena);
  for (size_t i = 0; i < archive->segments.len; i++)
    map_put(source->expected,
            arena_printf(cli->arena, "%s/%s", source->prefix, archive->segments.at[i].name),
            arena_strdup(cli->arena, archive->segments.at[i].sha256));
  if (archive->sealed)
    map_put(source->expected, arena_printf(cli->arena, "%s/manifest.json.age", source->prefix),
            arena_strdup(cli->arena, archive->sealed_sha256));
  return 0;
}

/* A run by its id, else a backup. */
static int find_source(struct cli *cli, const struct run_env *env, struct source *ret,
                       struct err *err)
{
  CLEANUP(err_clear) struct err no_run = ERR_INIT;
  struct record record;
  struct backup_info info;
  const char *which = cli->args[0];
  bool latest = strcmp(which, "latest") == 0;
  if (!latest && record_find(cli->arena, env->place, env->database_prefix, which, NULL, &record,
                             &no_run) == 0) {
    *ret = (struct source){record.id, record.prefix, true, NULL};
    if (record.ended)
      return 0;
    err_set(err, ERR_REFUSED, "run %s has not ended", record.id);
    return err_hint(err, "See what it does, or where it was stopped: belay status");
  }
  if (cli_find_backup(cli, env, which, &info, err) < 0 || check_backup(&info, err) < 0)
    return -1;
  *ret = (struct source){info.id, info.prefix, false, NULL};
  return read_hashes(cli, env->place, ret, err);
}

static void show_progress(void *context, uint64_t done, uint64_t total)
{
  UNUSED(context);
  term_progress("copied", done >> 20, total >> 20, "MiB");
}

/* Its bytes were compared; now as whoever restores from there will see it. */
static int check_copy(struct cli *cli, struct place *to, const struct source *source,
                      struct err *err)
{
  CLEANUP(archive_closep) struct archive *archive = NULL;
  if (source->is_run)
    return 0;
  if (archive_look(cli->arena, to, source->prefix, &archive, err) < 0)
    return err_wrap(err, "checking the copy");
  return 0;
}

static void answer(struct cli *cli, const struct source *source, const struct place *to,
                   const struct place_copied *copied)
{
  CLEANUP(text_clear) struct text out = TEXT_INIT;
  if (cli->options.json) {
    struct jw w = jw_begin(&out);
    jw_object(&w);
    jw_key_int(&w, "schema", 1);
    jw_key_string(&w, source->is_run ? "run" : "backup", source->id);
    jw_key_string(&w, "to", place_name(to));
    jw_key_int(&w, "objects", (int64_t)copied->objects);
    jw_key_int(&w, "there_already", (int64_t)copied->there);
    jw_key_int(&w, "bytes", (int64_t)copied->bytes);
    jw_end(&w);
    text_putc(&out, '\n');
  } else {
    text_printf(&out,
                "%s is in %s: %zu object%s copied and read back (%" PRIu64
                " KiB), %zu there already\n",
                source->id, place_name(to), copied->objects, copied->objects == 1 ? "" : "s",
                copied->bytes >> 10, copied->there);
  }
  cli_print(&out);
}

static int copy(struct cli *cli, const struct run_env *env, struct place *to, struct err *err)
{
  struct source source;
  struct place_copied copied;
  if (find_source(cli, env, &source, err) < 0)
    return -1;
  log_info("copying %s from %s to %s", source.id, place_name(env->place), place_name(to));
  const struct place_copy job = {.from = env->place,
                                 .to = to,
                                 .prefix = source.prefix,
                                 .leave_out = source.is_run ? NULL : "pinned",
                                 .expected = source.expected,
                                 .progress = show_progress};
  int rc = place_copy(&job, &copied, err);
  term_progress_clear();
  if (rc < 0 || check_copy(cli, to, &source, err) < 0) {
    if (!err->hint && err->code != ERR_USAGE)
      err_hint(err, "What was copied stays; the same command goes on from there.");
    return err_wrap(err, "copying %s", source.id);
  }
  answer(cli, &source, to, &copied);
  return 0;
}

int cmd_copy(struct cli *cli, struct err *err)
{
  struct run_env env;
  CLEANUP(place_closep) struct place *to = NULL;
  uint64_t rate = 0;
  if (!cli->options.to) {
    err_set(err, ERR_USAGE, "belay copy needs --to PLACE");
    return err_hint(err, "Usage: belay copy ID --to file:/mnt/other");
  }
  if (cli_limit_rate(cli, &rate, err) < 0 ||
      cli_env(cli, RUN_ENV_TARGET | RUN_ENV_STORE, &env, err) < 0)
    return -1;
  int rc = place_open(cli->options.to, &to, err);
  if (rc == 0) {
    place_limit(to, rate);
    rc = copy(cli, &env, to, err);
  }
  run_env_close(&env);
  return rc;
}
