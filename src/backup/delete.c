#include "backup/session.h"
#include "backup/sessions.h"
#include "backup/template.h"
#include "base/log.h"

/* A killed template backup may have left its source closed. */
static int reopen_source(struct arena *arena, struct db_conn *conn,
                         const struct template_note *note, struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (!note->closes)
    return 0;
  if (db_query(conn, &r, err,
               "SELECT FROM pg_catalog.pg_database WHERE datname = $1 AND oid = $2::oid"
               " AND NOT datallowconn",
               note->database, note->database_oid, NULL) < 0)
    return -1;
  if (db_rows(r) == 0)
    return 0;
  log_warning("database %s accepts connections again: template backup %s, which was killed, had"
              " closed it",
              note->database, note->id);
  return sessions_allow(arena, conn, note->database, true, err);
}

/* Under the lock: the CREATE DATABASE of a killed belay may still be at work. */
static int clean_up_killed(struct arena *arena, struct place *place, struct db_conn *conn,
                           const struct template_note *note, struct err *err)
{
  if (template_lock(arena, conn, note, err) < 0)
    return -1;
  if (template_is_committed(place, note->prefix))
    return err_set(err, ERR_PREFLIGHT, "it was finished just now");
  return reopen_source(arena, conn, note, err);
}

/* First it is no longer listed. Should the rest fail, template.json still tells of the database. */
static int delete_template(struct arena *arena, struct place *place, const struct db_target *target,
                           const struct template_note *note, struct err *err)
{
  CLEANUP(db_closep) struct db_conn *conn = NULL;
  struct template_state state;
  if (backup_open_maintenance(target, "belay prune", &conn, err) < 0 ||
      template_look(arena, conn, note, &state, err) < 0 ||
      (!note->committed && clean_up_killed(arena, place, conn, note, err) < 0))
    return -1;
  if (state.foreign)
    return template_drop(arena, conn, note, err); /* says why not */
  if (place_delete(place, arena_printf(arena, "%s/manifest.json", note->prefix), err) < 0)
    return -1;
  return template_drop(arena, conn, note, err);
}

int backup_delete(struct arena *arena, struct place *place, const struct db_target *target,
                  const struct backup_info *info, struct err *err)
{
  struct template_note note;
  bool is_template;
  if (template_note_get(arena, place, info->prefix, &note, &is_template, err) < 0 ||
      (is_template && delete_template(arena, place, target, &note, err) < 0) ||
      place_delete_prefix(place, info->prefix, err) < 0)
    return err_wrap(err, "deleting backup %s", info->id);
  return 0;
}
