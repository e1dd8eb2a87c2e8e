#include "backup/swap.h"

#include "backup/properties.h"
#include "backup/restore.h"
#include "backup/session.h"
#include "backup/sessions.h"
#include "base/clock.h"
#include "sql/quote.h"

static const char application[] = "belay restore", folder[] = "/restores/", suffix[] = ".json";
enum { NAME_BYTES_MAX = 63, RENAME_TRIES = 3, LOOK_TRIES = 20, LOOK_PAUSE_MS = 500 };

/* ---- names and notes ---- */

/* What is left of the name makes room for `middle` and the id; never half a character. */
static const char *derived_name(struct arena *arena, const char *database, const char *middle,
                                const char *id)
{
  size_t len = strlen(database), room = NAME_BYTES_MAX - strlen(middle) - strlen(id);
  if (len > room)
    for (len = room; len > 0 && ((unsigned char)database[len] & 0xc0) == 0x80;)
      len--;
  return arena_printf(arena, "%.*s%s%s", (int)len, database, middle, id);
}

int swap_new(struct arena *arena, struct db_conn *conn, const char *database_prefix,
             const char *database, const char *backup_id, struct swap *ret, struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  const char *id = clock_new_id(arena);
  struct swap swap = {.id = id,
                      .key = arena_printf(arena, "%s%s%s%s", database_prefix, folder, id, suffix),
                      .backup_id = backup_id,
                      .database = database,
                      .candidate = derived_name(arena, database, "_belay_", id),
                      .kept_as = derived_name(arena, database, "_before_restore_", id)};
  if (backup_server_id(arena, conn, &swap.server_id, err) < 0 ||
      db_query(conn, &r, err,
               "SELECT oid::text, datallowconn FROM pg_catalog.pg_database WHERE datname = $1",
               database, NULL) < 0)
    return -1;
  if (db_rows(r) == 0) {
    err_set(err, ERR_USAGE, "there is no database %s whose place could be taken", database);
    return err_hint(err, "Restore it with: belay restore %s --into %s", backup_id, database);
  }
  swap.database_oid = arena_strdup(arena, db_value(r, 0, 0));
  if (!db_bool(r, 0, 1)) {
    err_set(err, ERR_PREFLIGHT, "database %s accepts no connections: somebody closed it", database);
    return err_hint(err, "If that is not meant, type: %s", sessions_open_command(arena, database));
  }
  *ret = swap;
  return 0;
}

int swap_note_put(struct place *place, const struct swap *swap, struct err *err)
{
  json_t *json =
      json_pack("{si ss ss ss ss ss ss ss sb sb}", "schema", 1, "id", swap->id, "backup",
                swap->backup_id, "database", swap->database, "database_oid", swap->database_oid,
                "server_id", swap->server_id, "candidate", swap->candidate, "kept_as",
                swap->kept_as, "ready", swap->ready, "no_owner", swap->no_owner);
  if (!json)
    return err_set(err, ERR_USAGE, "the name of the database is not UTF-8");
  CLEANUP(free_ptr) char *text = json_dumps(json, JSON_INDENT(1) | JSON_SORT_KEYS);
  json_decref(json);
  return place_put(place, swap->key, text, strlen(text), err);
}

static const char *get(struct arena *arena, const json_t *json, const char *key)
{
  return arena_strdup(arena, json_string_value(json_object_get(json, key)));
}

static bool read_note(struct arena *arena, struct place *place, const char *key, struct swap *ret)
{
  CLEANUP(err_clear) struct err ignored = ERR_INIT;
  char *bytes;
  size_t len;
  if (place_get(place, arena, key, &bytes, &len, &ignored) < 0)
    return false;
  json_t *json = json_loadb(bytes, len, JSON_REJECT_DUPLICATES, NULL);
  *ret = (struct swap){.id = get(arena, json, "id"),
                       .key = arena_strdup(arena, key),
                       .backup_id = get(arena, json, "backup"),
                       .database = get(arena, json, "database"),
                       .database_oid = get(arena, json, "database_oid"),
                       .server_id = get(arena, json, "server_id"),
                       .candidate = get(arena, json, "candidate"),
                       .kept_as = get(arena, json, "kept_as"),
                       .no_owner = json_is_true(json_object_get(json, "no_owner")),
                       .ready = json_is_true(json_object_get(json, "ready"))};
  json_decref(json);
  return ret->id && ret->backup_id && ret->database && ret->database_oid && ret->server_id &&
         ret->candidate && ret->kept_as && clock_id_is_valid(ret->id);
}

int swap_list(struct arena *arena, struct place *place, const char *database_prefix,
              struct swaps *ret, struct err *err)
{
  struct place_entries entries = {0};
  const char *under = arena_printf(arena, "%s%s", database_prefix, folder);
  if (place_list(place, arena, under, &entries, err) < 0)
    return -1;
  for (size_t i = 0; i < entries.len; i++) {
    struct swap swap;
    if (read_note(arena, place, entries.at[i].key, &swap))
      vec_push(arena, ret, swap);
  }
  return 0;
}

/* ---- how far it came ---- */

int swap_look(struct arena *arena, struct db_conn *conn, const struct swap *swap,
              struct swap_look *ret, struct err *err)
{
  const char *server_id;
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  *ret = (struct swap_look){.state = SWAP_FOREIGN};
  if (backup_server_id(arena, conn, &server_id, err) < 0 ||
      db_query(conn, &r, err,
               "SELECT coalesce(d.oid = $4::oid, false), coalesce(k.oid = $4::oid, false),"
               " d.oid IS NOT NULL, c.oid IS NOT NULL, NOT coalesce(d.datallowconn, true)"
               " FROM (SELECT) AS one"
               " LEFT JOIN pg_catalog.pg_database d ON d.datname = $1"
               " LEFT JOIN pg_catalog.pg_database c ON c.datname = $2"
               " LEFT JOIN pg_catalog.pg_database k ON k.datname = $3",
               swap->database, swap->candidate, swap->kept_as, swap->database_oid, NULL) < 0)
    return err_wrap(err, "looking at the databases of restore %s", swap->id);
  if (strcmp(server_id, swap->server_id) != 0)
    return 0;
  bool old_in_place = db_bool(r, 0, 0), kept = db_bool(r, 0, 1), any_in_place = db_bool(r, 0, 2);
  bool candidate = db_bool(r, 0, 3);
  ret->closed = db_bool(r, 0, 4);
  if (old_in_place)
    ret->state = !candidate ? SWAP_ABSENT : swap->ready ? SWAP_READY : SWAP_RESTORING;
  else if (kept && any_in_place && !candidate)
    ret->state = SWAP_DONE;
  return 0;
}

char *swap_way_back(struct arena *arena, const struct swap *swap)
{
  const char *now = sql_ident(arena, swap->database), *old = sql_ident(arena, swap->kept_as);
  const char *away = derived_name(arena, swap->database, "_restored_", swap->id);
  return arena_printf(arena,
                      "ALTER DATABASE %s ALLOW_CONNECTIONS false;\n"
                      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s;\n"
                      "BEGIN;\n"
                      "ALTER DATABASE %s RENAME TO %s;\n"
                      "ALTER DATABASE %s RENAME TO %s;\n"
                      "ALTER DATABASE %s ALLOW_CONNECTIONS true;\n"
                      "COMMIT;\n",
                      now, sql_literal(arena, swap->database), now, sql_ident(arena, away), old,
                      now, now);
}

/* ---- the steps ---- */

int swap_dress(struct arena *arena, const struct db_target *target, const struct swap *swap,
               struct err *err)
{
  CLEANUP(db_closep) struct db_conn *conn = NULL;
  json_t *properties = NULL;
  struct strings missing = {0};
  if (backup_open_maintenance(target, application, &conn, err) < 0 ||
      properties_read(arena, conn, swap->database, &properties, err) < 0)
    return -1;
  int rc = properties_apply(arena, conn, swap->candidate, properties, false, &missing, err);
  json_decref(properties);
  return rc;
}

/* Both renames or none, and what was done stays done, whatever the server's synchronous_commit. */
static int rename_both(struct arena *arena, struct db_conn *conn, const struct swap *swap,
                       struct err *err)
{
  const char *name = sql_ident(arena, swap->database);
  if (db_execf(conn, err,
               "BEGIN; SET LOCAL synchronous_commit = on;"
               "ALTER DATABASE %s RENAME TO %s; ALTER DATABASE %s RENAME TO %s;"
               "ALTER DATABASE %s ALLOW_CONNECTIONS true",
               name, sql_ident(arena, swap->kept_as), sql_ident(arena, swap->candidate), name,
               name) == 0) {
    sessions_test_kill("renamed");
    return db_exec(conn, "COMMIT", err);
  }
  CLEANUP(err_clear) struct err ignored = ERR_INIT;
  if (!db_is_lost(conn))
    (void)db_exec(conn, "ROLLBACK", &ignored);
  return -1;
}

static int check_places(struct arena *arena, struct db_conn *conn, const struct swap *swap,
                        struct err *err)
{
  struct swap_look look;
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (swap_look(arena, conn, swap, &look, err) < 0 ||
      db_query(conn, &r, err,
               "SELECT gid FROM pg_catalog.pg_prepared_xacts WHERE database IN ($1, $2)",
               swap->database, swap->candidate, NULL) < 0)
    return -1;
  if (look.state != SWAP_READY)
    return err_set(err, ERR_PREFLIGHT, "database %s or %s is not the one it was", swap->database,
                   swap->candidate);
  if (db_rows(r) == 0)
    return 0;
  err_set(err, ERR_PREFLIGHT, "database %s holds the prepared transaction \"%s\"", swap->database,
          db_value(r, 0, 0));
  return err_hint(err, "Commit it or roll it back, then type the command again.");
}

static int close_and_rename(struct arena *arena, struct db_conn *conn, const struct swap *swap,
                            int64_t wait_ms, struct err *err)
{
  if (sessions_allow(arena, conn, swap->candidate, false, err) < 0 ||
      sessions_allow(arena, conn, swap->database, false, err) < 0)
    return -1;
  sessions_test_kill("closed");
  for (int i = 0; i < RENAME_TRIES; i++) {
    if (sessions_end(arena, conn, swap->candidate, wait_ms, err) < 0 ||
        sessions_end(arena, conn, swap->database, wait_ms, err) < 0)
      return -1;
    sessions_test_kill("alone");
    err_clear(err);
    if (check_places(arena, conn, swap, err) < 0)
      return -1;
    if (rename_both(arena, conn, swap, err) == 0)
      return 0;
    bool in_use = err_sqlstate_is(err, "55006");
    if (!in_use)
      break;
  }
  return err_wrap(err, "renaming the databases");
}

/* The commit was sent and no answer came: the names tell. -1: nobody can say. */
static int look_again(struct arena *arena, const struct db_target *target, const struct swap *swap,
                      bool *ret_done)
{
  for (int i = 0; i < LOOK_TRIES; i++) {
    CLEANUP(err_clear) struct err ignored = ERR_INIT;
    CLEANUP(db_closep) struct db_conn *conn = NULL;
    struct swap_look look;
    if (backup_open_maintenance(target, application, &conn, &ignored) == 0 &&
        swap_look(arena, conn, swap, &look, &ignored) == 0) {
      *ret_done = look.state == SWAP_DONE;
      return 0;
    }
    clock_sleep_ms(LOOK_PAUSE_MS);
  }
  return -1;
}

static int cannot_tell(const struct swap *swap, struct err *err)
{
  err_recode(err, ERR_CHANGED);
  err_wrap(err, "it is not known whether %s took the place of %s: the server does not answer",
           swap->candidate, swap->database);
  return err_hint(err, "When the server is back, type: belay status");
}

int swap_execute(struct arena *arena, const struct db_target *target, const struct swap *swap,
                 int64_t wait_ms, struct err *err)
{
  CLEANUP(db_closep) struct db_conn *conn = NULL;
  if (backup_open_maintenance(target, application, &conn, err) < 0 ||
      check_places(arena, conn, swap, err) < 0)
    return -1;
  sessions_test_kill("ready");
  if (close_and_rename(arena, conn, swap, wait_ms, err) == 0)
    return 0;
  bool lost = db_is_lost(conn), done = false;
  db_closep(&conn); /* what it was doing ends with it */
  /* Opening waits for a COMMIT that is still on its way; only then the names tell. */
  if (sessions_reopen(arena, target, swap->database, err) < 0)
    return -1;
  if (lost && look_again(arena, target, swap, &done) < 0)
    return cannot_tell(swap, err);
  if (done) {
    err_clear(err);
    return 0;
  }
  if (err->code == ERR_SQL || err->code == ERR_CONNECT || err->code == ERR_UNEXPECTED)
    err_recode(err, ERR_PREFLIGHT);
  return err_wrap(err, "putting %s in the place of %s (%s is as before)", swap->candidate,
                  swap->database, swap->database);
}

int swap_discard(struct arena *arena, const struct db_target *target, struct place *place,
                 const struct swap *swap, struct err *err)
{
  CLEANUP(db_closep) struct db_conn *conn = NULL;
  struct swap_look look;
  if (backup_open_maintenance(target, application, &conn, err) < 0 ||
      swap_look(arena, conn, swap, &look, err) < 0)
    return -1;
  bool ours = look.state == SWAP_RESTORING || look.state == SWAP_READY;
  /* a database with subscriptions goes only after a look inside */
  if (ours && (sessions_allow(arena, conn, swap->candidate, true, err) < 0 ||
               restore_drop_database(target, swap->candidate, err) < 0))
    return -1;
  return place_delete(place, swap->key, err);
}
