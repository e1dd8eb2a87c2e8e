#include "backup/template.h"

#include "backup/session.h"
#include "base/fs.h"
#include "sql/quote.h"

static const char note_name[] = "template.json";

char *template_note_key(struct arena *arena, const char *prefix)
{
  return arena_printf(arena, "%s/%s", prefix, note_name);
}

bool template_is_committed(struct place *place, const char *prefix)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  return place_exists(place, arena_printf(arena, "%s/manifest.json", prefix));
}

char *template_mark(struct arena *arena, const char *id)
{
  return arena_printf(arena, "belay template backup %s", id);
}

int template_note_put(struct place *place, struct arena *arena, const struct template_note *note,
                      struct err *err)
{
  json_t *json = json_pack("{si ss ss ss* ss ss ss ss sb}", "schema", 1, "id", note->id, "template",
                           note->name, "template_oid", note->oid, "database", note->database,
                           "database_oid", note->database_oid, "server_id", note->server_id,
                           "created_at", note->created_at, "closes", note->closes);
  if (!json)
    return err_set(err, ERR_BACKUP, "the name of the database is not UTF-8");
  CLEANUP(free_ptr) char *text = json_dumps(json, JSON_INDENT(1) | JSON_SORT_KEYS);
  json_decref(json);
  return place_put(place, template_note_key(arena, note->prefix), text, strlen(text), err);
}

static const char *get(struct arena *arena, const json_t *json, const char *key)
{
  return arena_strdup(arena, json_string_value(json_object_get(json, key)));
}

int template_note_get(struct arena *arena, struct place *place, const char *prefix,
                      struct template_note *ret, bool *ret_found, struct err *err)
{
  char *bytes, *key = template_note_key(arena, prefix);
  size_t len;
  *ret_found = place_exists(place, key);
  if (!*ret_found)
    return 0;
  if (place_get(place, arena, key, &bytes, &len, err) < 0)
    return -1;
  json_t *json = json_loadb(bytes, len, JSON_REJECT_DUPLICATES, NULL);
  *ret = (struct template_note){.id = get(arena, json, "id"),
                                .prefix = arena_strdup(arena, prefix),
                                .name = get(arena, json, "template"),
                                .oid = get(arena, json, "template_oid"),
                                .database = get(arena, json, "database"),
                                .database_oid = get(arena, json, "database_oid"),
                                .server_id = get(arena, json, "server_id"),
                                .created_at = get(arena, json, "created_at"),
                                .closes = json_is_true(json_object_get(json, "closes")),
                                .committed = template_is_committed(place, prefix)};
  json_decref(json);
  if (!ret->id || !ret->name || !ret->database || !ret->database_oid || !ret->server_id ||
      !ret->created_at || strcmp(ret->id, fs_basename(prefix)) != 0 ||
      (ret->committed && !ret->oid))
    return err_set(err, ERR_DAMAGED, "%s: %s is not what belay wrote", place_name(place), key);
  return 0;
}

/* One row of what template_look asks for: OID, comment, accepts connections. */
static const char *why_foreign(struct arena *arena, const struct template_note *note,
                               const struct db_result *r)
{
  const char *comment = db_value(r, 0, 1);
  bool marked = comment && strcmp(comment, template_mark(arena, note->id)) == 0;
  if (note->oid && strcmp(note->oid, db_value(r, 0, 0)) != 0)
    return arena_printf(arena,
                        "database %s is not the one that this backup made: its OID is %s, not %s",
                        note->name, db_value(r, 0, 0), note->oid);
  if (marked || (!note->oid && !comment && !db_bool(r, 0, 2)))
    return NULL;
  return arena_printf(arena, "database %s does not carry the mark of this backup", note->name);
}

int template_look(struct arena *arena, struct db_conn *conn, const struct template_note *note,
                  struct template_state *ret, struct err *err)
{
  const char *server_id;
  if (backup_server_id(arena, conn, &server_id, err) < 0)
    return -1;
  if (strcmp(server_id, note->server_id) != 0) {
    err_set(err, ERR_REFUSED,
            "template backup %s lies on another server (system identifier %s, this one is %s)",
            note->id, note->server_id, server_id);
    return err_hint(err,
                    "Name that server with --database. If it is gone, so is the backup: remove %s"
                    " from the store.",
                    note->prefix);
  }
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (db_query(conn, &r, err,
               "SELECT oid::text, pg_catalog.shobj_description(oid, 'pg_database'), datallowconn,"
               " datconnlimit"
               " FROM pg_catalog.pg_database WHERE datname = $1",
               note->name, NULL) < 0)
    return err_wrap(err, "looking for database %s", note->name);
  *ret = (struct template_state){.exists = db_rows(r) > 0};
  if (ret->exists) {
    ret->accepts_connections = db_bool(r, 0, 2);
    ret->dropping = db_int(r, 0, 3) == CATALOG_DROP_INTERRUPTED;
    ret->foreign = why_foreign(arena, note, r);
  }
  return 0;
}

int template_drop(struct arena *arena, struct db_conn *conn, const struct template_note *note,
                  struct err *err)
{
  struct template_state state;
  if (template_look(arena, conn, note, &state, err) < 0)
    return -1;
  if (!state.exists)
    return 0;
  if (state.foreign) {
    err_set(err, ERR_REFUSED, "%s: it is left alone", state.foreign);
    return err_hint(err, "If it is not needed, type: DROP DATABASE %s;",
                    sql_ident(arena, note->name));
  }
  return catalog_drop_database(conn, note->name, err);
}
