#include "backup/take.h"

#include "backup/manifest.h"
#include "backup/restore.h"
#include "backup/session.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "store/keys.h"

/* Stored twice: inside the first segment, and beside the manifest where people look first. */
static int add_recover_text(const struct take *take, struct err *err)
{
  const char *text = backup_recover_text(take->arena, take->database, take->prefix,
                                         keys_encrypt(place_keys(take->options->place)));
  if (archive_add_plain(take->archive, 0, "RECOVER.txt", text, strlen(text), err) < 0)
    return err_wrap(err, "storing RECOVER.txt");
  const char *key = arena_printf(take->arena, "%s/RECOVER.txt", take->prefix);
  return place_put(take->options->place, key, text, strlen(text), err);
}

static int fill_archive(struct take *take, json_t **ret_extra, struct err *err)
{
  if (add_recover_text(take, err) < 0 || take_copy(take, err) < 0 ||
      take_sequences(take, err) < 0 || take_manifest(take, ret_extra, err) < 0)
    return -1;
  /* a leader that lost its session lost its locks too */
  if (db_exec(take->leader, "COMMIT", err) < 0 || interrupt_check(err) < 0) {
    json_decref(*ret_extra);
    *ret_extra = NULL;
    return err_wrap(err, "ending the snapshot");
  }
  return 0;
}

/* Credentials that may write and nothing else cannot see what they wrote: then the server's word,
 * given for each object with its hash, is all there is, and that is said. */
static int read_back(struct take *take, json_t *extra, struct backup_info *ret_info,
                     struct err *err)
{
  CLEANUP(archive_closep) struct archive *archive = NULL;
  struct place *place = take->options->place;
  if (archive_open(take->arena, place, take->prefix, &archive, err) == 0)
    return backup_read_info(take->arena, archive, ret_info, err);
  if (err->code != ERR_DENIED)
    return err_wrap(err, "reading the backup back");
  const char *denied = place_denied(place, take->arena);
  err_clear(err);
  log_warning("%s: these credentials may not %s here, so the backup was not looked at again; check "
              "it with others: belay verify %s",
              place_name(place), denied, take->id);
  const struct archive unread = {.prefix = take->prefix, .manifest = extra};
  if (backup_read_info(take->arena, &unread, ret_info, err) < 0)
    return -1;
  ret_info->bytes = archive_bytes_written(take->archive);
  return 0;
}

static int write_archive(struct take *take, struct backup_info *ret_info, struct err *err)
{
  json_t *extra = NULL;
  if (fill_archive(take, &extra, err) < 0)
    return -1;
  int rc = archive_commit(take->archive, extra, err);
  if (rc == 0)
    rc = read_back(take, extra, ret_info, err);
  json_decref(extra);
  return rc;
}

/* Everything under the prefix is ours: the id was made a moment ago. */
static void remove_rest(const struct take *take)
{
  CLEANUP(err_clear) struct err ignored = ERR_INIT;
  (void)place_delete_prefix(take->options->place, take->prefix, &ignored);
}

/* A backup does not fail because of what another one left; prune names it. */
static void sweep(const struct take *take, const char *database_prefix)
{
  restore_sweep_scratch(take->options->target, take->leader);
  CLEANUP(err_clear) struct err ignored = ERR_INIT;
  (void)take_sweep(take->arena, take->options->place, database_prefix, &ignored);
}

static int take_all(struct take *take, struct backup_info *ret_info, struct err *err)
{
  if (take_connect(take, &take->leader, err) < 0 ||
      db_query_value(take->leader, take->arena, &take->database, err,
                     "SELECT pg_catalog.current_database()", NULL) < 0)
    return -1;
  const char *under = place_key_escape(take->arena, take->options->target->database);
  take->prefix = arena_printf(take->arena, "%s/backups/%s", under, take->id);
  sweep(take, under);
  if (take_begin(take, err) < 0 || take_hold(take, err) < 0 ||
      archive_create(take->options->place, take->prefix, take->options->level,
                     take->options->jobs + 1, &take->archive, err) < 0)
    return -1;
  int rc = write_archive(take, ret_info, err);
  archive_freep(&take->archive);
  if (rc < 0)
    remove_rest(take);
  return rc;
}

int backup_take(struct arena *arena, const struct backup_options *options,
                struct backup_info *ret_info, struct err *err)
{
  if (options->jobs < 1 || options->jobs > BACKUP_JOBS_MAX)
    return err_set(err, ERR_USAGE, "a backup takes 1 to %d jobs, not %d", BACKUP_JOBS_MAX,
                   options->jobs);
  struct take take = {.arena = arena, .options = options, .id = clock_new_id(arena)};
  int rc = take_all(&take, ret_info, err);
  sink_free(take.hold);
  db_close(take.leader);
  if (rc < 0 && interrupt_pending()) { /* whatever it was that the signal made fail */
    err_clear(err);
    (void)interrupt_check(err);
  }
  if (rc < 0 && !backup_keeps_code(err->code) && err->code != ERR_USAGE)
    err_recode(err, ERR_BACKUP);
  if (rc < 0)
    backup_explain_lost("This backup is not listed", "back up again", err);
  return rc < 0 ? err_wrap(err, "backup of %s", options->target->shown) : 0;
}
