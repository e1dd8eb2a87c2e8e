/* Template backups that are there: whole ones, and what killed ones left. */
#include "backup/template.h"

#include "backup/session.h"
#include "backup/sessions.h"
#include "base/fs.h"
#include "base/log.h"
#include "sql/quote.h"

enum { LOCK_CLASS = 0x62746d70 };

int template_create(struct arena *arena, struct db_conn *conn, const char *name, const char *source,
                    const char *options, struct err *err)
{
  return db_execf(conn, err, "CREATE DATABASE %s TEMPLATE %s%s%s", sql_ident(arena, name),
                  sql_ident(arena, source),
                  db_server_major(conn) >= 15 ? " STRATEGY file_copy" : "", options);
}

int template_find(struct arena *arena, const struct archive *archive, struct db_conn *conn,
                  struct template_note *ret, struct err *err)
{
  bool found;
  struct template_state state;
  if (template_note_get(arena, archive->place, archive->prefix, ret, &found, err) < 0)
    return -1;
  if (!found)
    return err_set(err, ERR_DAMAGED, "%s is missing", template_note_key(arena, archive->prefix));
  if (template_look(arena, conn, ret, &state, err) < 0)
    return -1;
  if (!state.exists)
    return err_set(err, ERR_DAMAGED, "its database %s is not on the server", ret->name);
  if (!state.marked)
    return err_set(err, ERR_DAMAGED, "database %s does not carry the mark of this backup",
                   ret->name);
  if (state.accepts_connections)
    return err_set(err, ERR_DAMAGED,
                   "database %s accepts connections: somebody may have written to it", ret->name);
  return 0;
}

int template_lock(struct arena *arena, struct db_conn *conn, const char *database,
                  const char **ret_oid, struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (db_query(conn, &r, err,
               "SELECT oid::text, pg_catalog.pg_try_advisory_lock(($2::bigint << 32)"
               " | oid::bigint) FROM pg_catalog.pg_database WHERE datname = $1",
               database, arena_printf(arena, "%d", LOCK_CLASS), NULL) < 0)
    return -1;
  if (db_rows(r) == 0)
    return err_set(err, ERR_USAGE, "there is no database %s", database);
  if (!db_bool(r, 0, 1))
    return err_set(err, ERR_PREFLIGHT, "another template backup of %s is under way", database);
  *ret_oid = arena_strdup(arena, db_value(r, 0, 0));
  return 0;
}

/* The prefixes of notes without a manifest. */
static int find_dead(struct arena *arena, struct place *place, const struct db_target *target,
                     struct strings *ret, struct err *err)
{
  static const char tail[] = "/template.json";
  struct place_entries entries = {0};
  const char *under = arena_printf(arena, "%s/backups/", place_key_escape(arena, target->database));
  if (place_list(place, arena, under, &entries, err) < 0)
    return -1;
  for (size_t i = 0; i < entries.len; i++) {
    const char *key = entries.at[i].key;
    size_t len = strlen(key);
    if (len <= strlen(tail) || strcmp(key + len - strlen(tail), tail) != 0)
      continue;
    const char *prefix = arena_strndup(arena, key, len - strlen(tail));
    if (!place_exists(place, arena_printf(arena, "%s/manifest.json", prefix)))
      vec_push(arena, ret, prefix);
  }
  return 0;
}

void template_sweep(struct arena *arena, struct place *place, const struct db_target *target)
{
  CLEANUP(err_clear) struct err failed = ERR_INIT;
  struct strings dead = {0};
  if (find_dead(arena, place, target, &dead, &failed) < 0) {
    log_warning("looking for template backups that were killed: %s", failed.message);
    return;
  }
  for (size_t i = 0; i < dead.len; i++) {
    const struct backup_info info = {.id = fs_basename(dead.at[i]), .prefix = dead.at[i]};
    err_clear(&failed);
    if (backup_delete(arena, place, target, &info, &failed) == 0)
      log_info("removed what a killed template backup left (%s)", info.id);
    else
      log_warning("what a killed template backup left stays: %s", failed.message);
  }
}

void backup_template_sweep(struct arena *arena, struct place *place, const struct db_target *target)
{
  CLEANUP(err_clear) struct err failed = ERR_INIT;
  CLEANUP(db_closep) struct db_conn *conn = NULL;
  struct strings dead = {0};
  const char *oid;
  if (find_dead(arena, place, target, &dead, &failed) < 0 || dead.len == 0)
    return;
  if (backup_open_maintenance(target, "belay backup", &conn, &failed) < 0 ||
      template_lock(arena, conn, target->database, &oid, &failed) < 0)
    log_warning("looking for template backups that were killed: %s", failed.message);
  else
    template_sweep(arena, place, target);
}
