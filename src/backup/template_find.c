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

int template_find(struct arena *arena, struct place *place, const char *prefix,
                  struct db_conn *conn, struct template_note *ret, struct err *err)
{
  bool found;
  struct template_state state;
  if (template_note_get(arena, place, prefix, ret, &found, err) < 0)
    return -1;
  if (!found)
    return err_set(err, ERR_DAMAGED, "%s is missing", template_note_key(arena, prefix));
  if (template_look(arena, conn, ret, &state, err) < 0)
    return -1;
  if (!state.exists)
    return err_set(err, ERR_DAMAGED, "its database %s is not on the server", ret->name);
  if (state.foreign)
    return err_set(err, ERR_DAMAGED, "%s", state.foreign);
  if (state.dropping)
    return err_set(err, ERR_DAMAGED, "database %s is what an interrupted DROP DATABASE left",
                   ret->name);
  if (state.accepts_connections)
    return err_set(err, ERR_DAMAGED,
                   "database %s accepts connections: somebody may have written to it", ret->name);
  return 0;
}

int template_lock(struct arena *arena, struct db_conn *conn, const struct template_note *note,
                  struct err *err)
{
  const char *got;
  if (db_query_value(conn, arena, &got, err,
                     "SELECT pg_catalog.pg_try_advisory_lock(($2::bigint << 32) | $1::bigint)",
                     note->database_oid, arena_printf(arena, "%d", LOCK_CLASS), NULL) < 0)
    return -1;
  if (got[0] == 't')
    return 0;
  return err_set(err, ERR_PREFLIGHT, "another template backup of %s is under way", note->database);
}

/* ---- looking at many ---- */

void backup_look_at_templates(struct arena *arena, struct place *place,
                              const struct db_target *target, struct backup_infos *infos)
{
  CLEANUP(db_closep) struct db_conn *conn = NULL;
  for (size_t i = 0; i < infos->len; i++) {
    CLEANUP(err_clear) struct err failed = ERR_INIT;
    struct backup_info *info = &infos->at[i];
    struct template_note note;
    if (!info->template || info->damaged)
      continue;
    if (!conn && backup_open_maintenance(target, "belay list", &conn, &failed) < 0) {
      log_warning("nobody looked whether template backups are still there: %s", failed.message);
      return;
    }
    if (template_find(arena, place, info->prefix, conn, &note, &failed) == 0)
      continue;
    if (failed.code != ERR_DAMAGED) {
      log_warning("%s", failed.message);
      continue;
    }
    info->damaged = true;
    info->damage = arena_strdup(arena, failed.message);
  }
}

/* ---- killed ones ---- */

VEC_TYPE(template_notes, struct template_note);

/* The notes without a manifest: of killed backups, and of those under way, which hold the lock.
 * Notes that cannot be read are left out. */
static int find_unfinished(struct arena *arena, struct place *place, const char *database,
                           struct template_notes *ret, struct err *err)
{
  struct place_entries entries = {0};
  const char *under = arena_printf(arena, "%s/backups/", place_key_escape(arena, database));
  if (place_list(place, arena, under, &entries, err) < 0)
    return -1;
  for (size_t i = 0; i < entries.len; i++) {
    CLEANUP(err_clear) struct err ignored = ERR_INIT;
    const char *prefix = fs_dirname(arena, entries.at[i].key);
    struct template_note note;
    bool found;
    if (strcmp(entries.at[i].key, template_note_key(arena, prefix)) != 0 ||
        template_is_committed(place, prefix))
      continue;
    if (template_note_get(arena, place, prefix, &note, &found, &ignored) == 0 && found &&
        !note.committed)
      vec_push(arena, ret, note);
  }
  return 0;
}

void backup_template_sweep(struct arena *arena, struct place *place, const struct db_target *target)
{
  CLEANUP(err_clear) struct err failed = ERR_INIT;
  struct template_notes left = {0};
  if (find_unfinished(arena, place, target->database, &left, &failed) < 0) {
    log_debug("looking for template backups that were killed: %s", failed.message);
    return; /* the backup that comes says what is wrong with the store */
  }
  for (size_t i = 0; i < left.len; i++) {
    const struct backup_info info = {.id = left.at[i].id, .prefix = left.at[i].prefix};
    err_clear(&failed);
    if (backup_delete(arena, place, target, &info, &failed) == 0)
      log_info("removed what a killed template backup left (%s)", info.id);
    else if (failed.code != ERR_PREFLIGHT) /* else it is under way */
      log_warning("what a killed template backup left stays: %s", failed.message);
  }
}

static int describe_killed(struct arena *arena, struct db_conn *conn,
                           const struct template_note *note, const char **ret_verdict,
                           struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (db_query(conn, &r, err,
               "SELECT FROM pg_catalog.pg_database WHERE oid = $1::oid AND NOT datallowconn",
               note->database_oid, NULL) < 0)
    return -1;
  bool closed = note->closes && db_rows(r) > 0;
  *ret_verdict = arena_printf(arena,
                              "template backup %s was killed; database %s is whole%s; the next"
                              " backup removes what it left%s",
                              note->id, note->database, closed ? " but accepts no connections" : "",
                              closed ? " and opens the database again" : "");
  return 0;
}

int backup_template_unfinished(struct arena *arena, struct place *place,
                               const struct db_target *target, enum template_left *ret,
                               const char **ret_verdict, struct err *err)
{
  CLEANUP(db_closep) struct db_conn *conn = NULL;
  CLEANUP(err_clear) struct err locked = ERR_INIT;
  struct template_notes left = {0};
  *ret = TEMPLATE_LEFT_NOTHING;
  if (find_unfinished(arena, place, target->database, &left, err) < 0)
    return -1;
  if (left.len == 0)
    return 0;
  const struct template_note *note = &left.at[left.len - 1];
  if (backup_open_maintenance(target, "belay status", &conn, err) < 0)
    return -1;
  if (template_lock(arena, conn, note, &locked) < 0 && locked.code != ERR_PREFLIGHT) {
    err_move(err, &locked);
    return -1;
  }
  *ret = err_is_set(&locked) ? TEMPLATE_UNDER_WAY : TEMPLATE_KILLED;
  *ret_verdict = arena_printf(arena, "a template backup of %s is under way", note->database);
  return *ret == TEMPLATE_KILLED ? describe_killed(arena, conn, note, ret_verdict, err) : 0;
}
