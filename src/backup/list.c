#include "backup/backup.h"

#include "backup/manifest.h"
#include "backup/template.h"
#include "base/clock.h"
#include "base/fs.h"

static const char manifest_name[] = "/manifest.json", folder[] = "/backups/";

/* "trading/backups/<id>/manifest.json" gives "trading/backups/<id>"; NULL for any other key. */
static const char *backup_prefix(struct arena *arena, const char *key)
{
  size_t len = strlen(key), tail = strlen(manifest_name);
  if (len <= tail || strcmp(key + len - tail, manifest_name) != 0)
    return NULL;
  char *prefix = arena_strndup(arena, key, len - tail);
  const char *id = fs_basename(prefix);
  size_t before = strlen(prefix) - strlen(id);
  if (!clock_id_is_valid(id) || before <= strlen(folder) ||
      strncmp(prefix + before - strlen(folder), folder, strlen(folder)) != 0)
    return NULL;
  return prefix;
}

static char *pin_key(struct arena *arena, const char *prefix)
{
  return arena_printf(arena, "%s/pinned", prefix);
}

bool backup_is_pinned(struct place *place, const char *prefix)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  return place_exists(place, pin_key(arena, prefix));
}

int backup_pin(struct place *place, const char *prefix, bool pinned, struct err *err)
{
  static const char text[] = "belay prune leaves this backup alone; belay unpin takes this away\n";
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  const char *key = pin_key(arena, prefix);
  return pinned ? place_put(place, key, text, strlen(text), err) : place_delete(place, key, err);
}

static void read_one(struct arena *arena, struct place *place, const char *prefix,
                     struct backup_info *ret_info)
{
  CLEANUP(err_clear) struct err err = ERR_INIT;
  CLEANUP(archive_closep) struct archive *archive = NULL;
  if (archive_look(arena, place, prefix, &archive, &err) < 0 ||
      backup_read_info(arena, archive, ret_info, &err) < 0)
    *ret_info = (struct backup_info){
        .id = fs_basename(prefix),
        .prefix = prefix,
        .damaged = true,
        .unread = err.code == ERR_STORE || err.code == ERR_DENIED || err.code == ERR_INTERRUPTED ||
                  err.code == ERR_TERMINATED,
        .template =
            place_exists(place, template_note_key(arena, prefix)) ? "of a template backup" : NULL,
        .damage = arena_strdup(arena, err.message)};
  ret_info->pinned = backup_is_pinned(place, prefix);
}

static int compare_ids(const void *a, const void *b)
{
  const struct backup_info *x = a, *y = b;
  int order = strcmp(x->id, y->id);
  return order ? order : strcmp(x->prefix, y->prefix);
}

int backup_list(struct arena *arena, struct place *place, const char *database_prefix,
                struct backup_infos *ret, struct err *err)
{
  const char *under = database_prefix ? arena_printf(arena, "%s%s", database_prefix, folder) : "";
  struct place_entries entries = {0};
  if (place_list(place, arena, under, &entries, err) < 0)
    return -1;
  struct backup_infos infos = {0};
  for (size_t i = 0; i < entries.len; i++) {
    const char *prefix = backup_prefix(arena, entries.at[i].key);
    if (prefix)
      read_one(arena, place, prefix, vec_add(arena, &infos));
  }
  if (infos.len)
    qsort(infos.at, infos.len, sizeof(infos.at[0]), compare_ids);
  *ret = infos;
  return 0;
}

char *backup_amount(struct arena *arena, int64_t tables, int64_t rows)
{
  const char *plural = tables == 1 ? "" : "s";
  if (rows < 0)
    return arena_printf(arena, "%" PRId64 " table%s", tables, plural);
  return arena_printf(arena, "%" PRId64 " table%s, %" PRId64 " row%s", tables, plural, rows,
                      rows == 1 ? "" : "s");
}

/* The time of a damaged backup is in its id. */
static bool taken_before(struct arena *arena, const struct backup_info *info, int64_t before_us)
{
  if (before_us == INT64_MAX)
    return true;
  const char *at = info->created_at;
  if (info->damaged)
    at = arena_strndup(arena, info->id, strcspn(info->id, "-"));
  int64_t us;
  return clock_parse(at, &us) == 0 && us <= before_us;
}

/* The newest of those taken early enough; several databases have no common newest. */
static int find_latest(struct arena *arena, const struct backup_infos *infos, int64_t before_us,
                       const struct backup_info **ret, struct err *err)
{
  const struct backup_info *latest = NULL;
  for (size_t i = 0; i < infos->len; i++) {
    const struct backup_info *info = &infos->at[i];
    if (info->scope || info->template || !taken_before(arena, info, before_us))
      continue;
    if (latest && strcmp(fs_dirname(arena, latest->prefix), fs_dirname(arena, info->prefix)) != 0) {
      err_set(err, ERR_USAGE, "the store holds backups of more than one database");
      return err_hint(err, "Name the database with --database, or the backup by its id (see belay"
                           " list backups).");
    }
    latest = info;
  }
  *ret = latest;
  return 0;
}

static int find_named(struct arena *arena, const struct backup_infos *infos, const char *which,
                      int64_t before_us, const struct backup_info **ret, struct err *err)
{
  const struct backup_info *found = NULL;
  for (size_t i = 0; i < infos->len; i++) {
    const struct backup_info *info = &infos->at[i];
    if (strncmp(info->id, which, strlen(which)) != 0 || !taken_before(arena, info, before_us))
      continue;
    if (found && strcmp(found->id, which) == 0 && strcmp(info->id, which) != 0)
      continue;
    if (found) {
      err_set(err, ERR_USAGE, "\"%s\" is the beginning of several backups: %s, %s", which,
              found->prefix, info->prefix);
      return err_hint(err, "Type more of the id (see belay list backups).");
    }
    found = info;
  }
  *ret = found;
  return 0;
}

int backup_find(struct arena *arena, struct place *place, const char *database_prefix,
                const char *which, int64_t before_us, struct backup_info *ret_info, struct err *err)
{
  struct backup_infos infos = {0};
  const struct backup_info *found = NULL;
  if (!which[0])
    return err_set(err, ERR_USAGE, "the id of the backup is empty");
  if (backup_list(arena, place, database_prefix, &infos, err) < 0)
    return -1;
  bool latest = strcmp(which, "latest") == 0;
  if ((latest ? find_latest(arena, &infos, before_us, &found, err)
              : find_named(arena, &infos, which, before_us, &found, err)) < 0)
    return -1;
  if (!found) {
    err_set(err, ERR_USAGE, "%s holds no %s \"%s\"%s%s%s", place_name(place),
            latest && infos.len ? "whole backup that could be" : "backup", which,
            database_prefix ? " under " : "", database_prefix ? database_prefix : "",
            before_us == INT64_MAX ? "" : " from before that time");
    return err_hint(err, "See belay list backups.");
  }
  if (found->damaged) {
    if (found->unread)
      return err_set(err, ERR_STORE, "backup %s cannot be read: %s", found->id, found->damage);
    err_set(err, ERR_DAMAGED, "backup %s is damaged: %s", found->id, found->damage);
    return err_hint(err, "Choose another backup (see belay list backups).");
  }
  *ret_info = *found;
  return 0;
}
