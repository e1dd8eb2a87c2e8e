#include "backup/template.h"

#include "backup/session.h"
#include "base/fs.h"
#include "sql/quote.h"

static const char note_name[] = "template.json";

char *template_note_key(struct arena *arena, const char *prefix)
{
  return arena_printf(arena, "%s/%s", prefix, note_name);
}

char *template_mark(struct arena *arena, const char *id)
{
  return arena_printf(arena, "belay template backup %s", id);
}

int template_note_put(struct place *place, struct arena *arena, const struct template_note *note,
                      struct err *err)
{
  json_t *json =
      json_pack("{si ss ss ss ss ss ss sb}", "schema", 1, "id", note->id, "template", note->name,
                "database", note->database, "database_oid", note->database_oid, "server_id",
                note->server_id, "created_at", note->created_at, "closes", note->closes);
  if (!json)
    return err_set(err, ERR_BACKUP, "the name of the database is not UTF-8");
  CLEANUP(free_ptr) char *text = json_dumps(json, JSON_INDENT(1) | JSON_SORT_KEYS);
  json_decref(json);
  return place_put_new(place, template_note_key(arena, note->prefix), text, strlen(text), err);
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
  *ret = (struct template_note){
      .id = get(arena, json, "id"),
      .prefix = arena_strdup(arena, prefix),
      .name = get(arena, json, "template"),
      .database = get(arena, json, "database"),
      .database_oid = get(arena, json, "database_oid"),
      .server_id = get(arena, json, "server_id"),
      .created_at = get(arena, json, "created_at"),
      .closes = json_is_true(json_object_get(json, "closes")),
      .committed = place_exists(place, arena_printf(arena, "%s/manifest.json", prefix))};
  json_decref(json);
  if (!ret->id || !ret->name || !ret->database || !ret->database_oid || !ret->server_id ||
      !ret->created_at || strcmp(ret->id, fs_basename(prefix)) != 0)
    return err_set(err, ERR_DAMAGED, "%s: %s is not what belay wrote", place_name(place), key);
  return 0;
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
    return err_hint(err, "Name that server with --database.");
  }
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (db_query(conn, &r, err,
               "SELECT coalesce(pg_catalog.shobj_description(oid, 'pg_database') = $2,"
               " NOT $3::boolean AND NOT datallowconn), datallowconn"
               " FROM pg_catalog.pg_database WHERE datname = $1",
               note->name, template_mark(arena, note->id), note->committed ? "true" : "false",
               NULL) < 0)
    return err_wrap(err, "looking for database %s", note->name);
  *ret = (struct template_state){0};
  if (db_rows(r))
    *ret = (struct template_state){true, db_bool(r, 0, 0), db_bool(r, 0, 1)};
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
  if (!state.marked) {
    err_set(err, ERR_REFUSED, "database %s does not carry the mark of backup %s: it is left alone",
            note->name, note->id);
    return err_hint(err, "If it is not needed, type: DROP DATABASE %s;",
                    sql_ident(arena, note->name));
  }
  return catalog_drop_database(conn, note->name, err);
}
