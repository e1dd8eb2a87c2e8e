/* A template backup, taken. */
#include "backup/template.h"

#include "backup/counters.h"
#include "backup/manifest.h"
#include "backup/session.h"
#include "backup/sessions.h"
#include "backup/take.h"
#include "base/clock.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "sql/quote.h"

enum { TERMINATE_WAIT_MS = 10000, LINGER_TRIES = 10, LINGER_PAUSE_MS = 100 };

struct making {
  struct arena *arena;
  const struct template_options *options;
  struct take take; /* what take_manifest needs: its leader is in the copy */
  struct template_note note;
  struct db_conn *conn; /* maintenance database */
  /* Of the source. What belongs to the database itself is not copied: it is in "properties". */
  char fingerprint[65], fingerprint_without_owner[65], fingerprint_without_database[65];
  bool noted;
};

/* ---- before the copy ---- */

/* Subscriptions belong to the server, not to the database: the copy would not have them. */
static int refuse_state(struct db_conn *conn, struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (db_query(conn, &r, err,
               "SELECT pg_catalog.pg_is_in_recovery(), EXISTS (SELECT FROM"
               " pg_catalog.pg_subscription s JOIN pg_catalog.pg_database d ON d.oid = s.subdbid"
               " WHERE d.datname = pg_catalog.current_database()), (SELECT"
               " pg_catalog.string_agg(gid, ', ') FROM pg_catalog.pg_prepared_xacts"
               " WHERE database = pg_catalog.current_database())",
               NULL) < 0)
    return -1;
  if (db_bool(r, 0, 0))
    err_set(err, ERR_PREFLIGHT, "a standby cannot make databases, so no template backup");
  else if (db_bool(r, 0, 1))
    err_set(err, ERR_PREFLIGHT,
            "the database has subscriptions, which a copy made by the server does not get");
  else if (db_value(r, 0, 2))
    err_set(err, ERR_PREFLIGHT,
            "the database holds prepared transactions (%s), with which it cannot be copied",
            db_value(r, 0, 2));
  else
    return 0;
  return err_hint(err, "Take a backup without --template.");
}

/* Our session ends before the copy begins. */
static int read_source(struct making *m, struct err *err)
{
  static const struct catalog_options all = {0};
  CLEANUP(db_closep) struct db_conn *conn = NULL;
  struct catalog *catalog;
  if (db_open(m->options->target, "belay backup", &conn, err) < 0 ||
      backup_session(conn, err) < 0 || refuse_state(conn, err) < 0 ||
      backup_server_id(m->arena, conn, &m->note.server_id, err) < 0 ||
      db_query_value(conn, m->arena, &m->take.lsn, err,
                     "SELECT pg_catalog.pg_current_wal_lsn()::text", NULL) < 0 ||
      counters_read(m->arena, conn, &m->take.counters, err) < 0 ||
      catalog_read(m->arena, conn, &all, &catalog, err) < 0)
    return err_wrap(err, "reading the database");
  catalog_fingerprint(catalog, CATALOG_IGNORE_CHILD_ORDER, m->fingerprint);
  catalog_fingerprint(catalog, CATALOG_IGNORE_CHILD_ORDER | CATALOG_IGNORE_OWNER,
                      m->fingerprint_without_owner);
  catalog_fingerprint(catalog, CATALOG_IGNORE_CHILD_ORDER | CATALOG_IGNORE_DATABASE,
                      m->fingerprint_without_database);
  return 0;
}

static int refuse_sessions(struct making *m, struct err *err)
{
  struct strings sessions = {0};
  CLEANUP(text_clear) struct text list = TEXT_INIT;
  for (int i = 0; i < LINGER_TRIES; i++) { /* our own takes a moment to go */
    sessions = (struct strings){0};
    if (sessions_list(m->arena, m->conn, m->take.database, &sessions, err) < 0 ||
        interrupt_check(err) < 0)
      return -1;
    if (sessions.len == 0)
      return 0;
    clock_sleep_ms(LINGER_PAUSE_MS);
  }
  for (size_t i = 0; i < sessions.len && i < SESSIONS_SHOWN; i++)
    text_printf(&list, "%s%s", i ? ", " : "", sessions.at[i]);
  err_set(
      err, ERR_PREFLIGHT,
      "a template backup needs a database where nobody is connected; %s has %zu session%s: %s%s",
      m->take.database, sessions.len, sessions.len == 1 ? "" : "s", list.data,
      sessions.len > SESSIONS_SHOWN ? ", ..." : "");
  return err_hint(err, "Stop the application first; belay backup --template --terminate ends its"
                       " sessions itself.");
}

/* ---- the copy ---- */

static int create_copy(struct making *m, struct err *err)
{
  log_warning("maintenance window: whoever connects to %s now %s until the server has copied it",
              m->take.database, m->options->terminate ? "is turned away" : "waits");
  db_cancel_on_signal(m->conn, true);
  int rc = template_create(m->arena, m->conn, m->note.name, m->take.database,
                           " ALLOW_CONNECTIONS false", err);
  db_cancel_on_signal(m->conn, false);
  if (rc < 0) {
    if (err_sqlstate_is(err, "55006") || err_sqlstate_is(err, "42501"))
      err_recode(err, ERR_PREFLIGHT);
    return err_wrap(err, "copying %s to %s", m->take.database, m->note.name);
  }
  sessions_test_kill("template-created");
  const char *name = sql_ident(m->arena, m->note.name);
  if (db_execf(m->conn, err,
               "BEGIN; COMMENT ON DATABASE %s IS %s; REVOKE ALL ON DATABASE %s FROM PUBLIC; COMMIT",
               name, sql_literal(m->arena, template_mark(m->arena, m->note.id)), name) < 0)
    return err_wrap(err, "marking %s", m->note.name);
  sessions_test_kill("template-marked");
  return interrupt_check(err);
}

/* The source is open again in all cases but a kill; then template.json tells. */
static int make_copy(struct making *m, struct err *err)
{
  if (!m->options->terminate)
    return refuse_sessions(m, err) < 0 ? -1 : create_copy(m, err);
  int rc = sessions_allow(m->arena, m->conn, m->take.database, false, err);
  if (rc < 0 && !db_is_lost(m->conn))
    return err_sqlstate_is(err, "42501") ? err_recode(err, ERR_PREFLIGHT) : -1;
  sessions_test_kill("template-closed");
  if (rc == 0)
    rc = sessions_end(m->arena, m->conn, m->take.database, TERMINATE_WAIT_MS, err);
  if (rc == 0)
    rc = create_copy(m, err);
  return sessions_reopen(m->arena, m->options->target, m->take.database, err) < 0 ? -1 : rc;
}

/* From now on the template is known by its OID, and the source is no longer ours to open. */
static int note_copy(struct making *m, struct err *err)
{
  if (db_query_value(m->conn, m->arena, &m->note.oid, err,
                     "SELECT oid::text FROM pg_catalog.pg_database WHERE datname = $1",
                     m->note.name, NULL) < 0)
    return -1;
  m->note.closes = false;
  return template_note_put(m->options->place, m->arena, &m->note, err);
}

/* ---- the manifest ---- */

static int add_totals(struct making *m, json_t *extra, struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (db_query(m->take.leader, &r, err,
               "SELECT pg_catalog.count(*),"
               " pg_catalog.pg_database_size(pg_catalog.current_database())"
               " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n"
               " ON n.oid = c.relnamespace WHERE c.relkind = 'r' AND n.nspname !~ '^pg_'"
               " AND n.nspname <> 'information_schema'",
               NULL) < 0)
    return err_wrap(err, "reading the sizes of the copy");
  json_object_set_new(extra, "totals",
                      json_pack("{sI sI}", "tables", (json_int_t)db_int(r, 0, 0), "bytes",
                                (json_int_t)db_int(r, 0, 1)));
  return 0;
}

static int fill_manifest(struct making *m, json_t *extra, struct err *err)
{
  json_object_set_new(extra, "kind", json_string("template"));
  json_object_set_new(extra, "template", json_string(m->note.name));
  json_object_set_new(extra, "server_id", json_string(m->note.server_id));
  json_object_set_new(extra, "fingerprint", json_string(m->fingerprint));
  json_object_set_new(extra, "fingerprint_without_owner",
                      json_string(m->fingerprint_without_owner));
  json_object_set_new(extra, "fingerprint_without_database",
                      json_string(m->fingerprint_without_database));
  return add_totals(m, extra, err);
}

/* Opens the copy for us alone: it is closed again as soon as we are in. Only its owner and
 * superusers could have come in as well; then it is not what was copied any more. */
static int enter(struct making *m, struct err *err)
{
  CLEANUP(err_clear) struct err failed = ERR_INIT;
  const char *name = m->note.name;
  struct strings inside = {0};
  if (sessions_allow(m->arena, m->conn, name, true, err) < 0)
    return -1;
  int rc = db_open_other(m->options->target, name, "belay backup", &m->take.leader, err);
  if (sessions_allow(m->arena, m->conn, name, false, rc < 0 ? &failed : err) < 0 || rc < 0 ||
      backup_session(m->take.leader, err) < 0 ||
      db_exec(m->take.leader, "SET default_transaction_read_only = on", err) < 0 ||
      sessions_list(m->arena, m->conn, name, &inside, err) < 0)
    return err_wrap(err, "looking into %s", name);
  if (inside.len > 1)
    return err_set(err, ERR_BACKUP, "somebody else connected to the copy %s: %s, %s", name,
                   inside.at[0], inside.at[1]);
  return 0;
}

static int check_shape(struct making *m, struct err *err)
{
  static const struct catalog_options all = {0};
  char found[65];
  if (catalog_read(m->arena, m->take.leader, &all, &m->take.catalog, err) < 0)
    return err_wrap(err, "reading the schema of the copy");
  catalog_fingerprint(m->take.catalog, CATALOG_IGNORE_CHILD_ORDER | CATALOG_IGNORE_DATABASE, found);
  if (strcmp(found, m->fingerprint_without_database) == 0)
    return 0;
  err_set(err, ERR_BACKUP, "the schema changed while the database was copied");
  return err_hint(err, "Run the backup again.");
}

static int describe(struct making *m, struct backup_info *ret_info, struct err *err)
{
  json_t *extra = NULL;
  CLEANUP(archive_closep) struct archive *archive = NULL;
  if (enter(m, err) < 0 || check_shape(m, err) < 0 ||
      archive_create(m->options->place, m->note.prefix, 1, 1, &m->take.archive, err) < 0 ||
      take_manifest(&m->take, &extra, err) < 0)
    return -1;
  int rc = fill_manifest(m, extra, err);
  sessions_test_kill("template-described");
  rc = rc < 0 ? rc : archive_commit(m->take.archive, extra, err);
  json_decref(extra);
  if (rc < 0 || archive_open(m->arena, m->options->place, m->note.prefix, &archive, err) < 0)
    return -1;
  return backup_read_info(m->arena, archive, ret_info, err);
}

/* The lock comes before the note: a note without a manifest whose lock is free is dead. */
static int begin(struct making *m, struct err *err)
{
  const char *database = m->options->target->database;
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (strcmp(database, "postgres") == 0 || strcmp(database, "template1") == 0)
    return err_set(err, ERR_PREFLIGHT,
                   "database %s cannot be copied as a template: belay works"
                   " from it",
                   database);
  backup_template_sweep(m->arena, m->options->place, m->options->target);
  if (backup_open_maintenance(m->options->target, "belay backup", &m->conn, err) < 0 ||
      db_query(m->conn, &r, err, "SELECT oid::text FROM pg_catalog.pg_database WHERE datname = $1",
               database, NULL) < 0)
    return -1;
  if (db_rows(r) == 0)
    return err_set(err, ERR_USAGE, "there is no database %s", database);
  m->note.database = m->take.database = database;
  m->note.database_oid = arena_strdup(m->arena, db_value(r, 0, 0));
  m->note.closes = m->options->terminate;
  return template_lock(m->arena, m->conn, &m->note, err);
}

static int make(struct making *m, struct backup_info *ret_info, struct err *err)
{
  if (begin(m, err) < 0 || read_source(m, err) < 0 ||
      (!m->options->terminate && refuse_sessions(m, err) < 0) ||
      template_note_put(m->options->place, m->arena, &m->note, err) < 0)
    return -1;
  m->noted = true;
  return make_copy(m, err) < 0 || note_copy(m, err) < 0 ? -1 : describe(m, ret_info, err);
}

/* The copy goes, then what tells of it. */
static void clean_up(struct making *m)
{
  CLEANUP(err_clear) struct err ignored = ERR_INIT;
  if (m->noted && template_drop(m->arena, m->conn, &m->note, &ignored) == 0)
    (void)place_delete_prefix(m->options->place, m->note.prefix, &ignored);
}

int backup_template_take(struct arena *arena, const struct template_options *options,
                         struct backup_info *ret_info, struct err *err)
{
  const char *id = clock_new_id(arena);
  const struct backup_options plain = {.target = options->target,
                                       .place = options->place,
                                       .jobs = 1,
                                       .run_id = options->run_id,
                                       .reason = options->reason};
  int64_t now_us = clock_wall_us();
  const char *prefix =
      arena_printf(arena, "%s/backups/%s", place_key_escape(arena, options->target->database), id);
  struct making m = {
      .arena = arena,
      .options = options,
      .take = {.arena = arena,
               .options = &plain,
               .id = id,
               .prefix = prefix,
               .snapshot = "",
               .created_us = now_us},
      .note = {.id = id,
               .prefix = prefix,
               .name = arena_printf(arena, "belay_template_%s", id),
               .created_at = clock_iso8601(arena, now_us)},
  };
  if (options->target->pooled)
    return err_set(err, ERR_PREFLIGHT, "a template backup does not go through a pooler (%s)",
                   options->target->shown);
  int rc = make(&m, ret_info, err);
  db_closep(&m.take.leader);
  archive_freep(&m.take.archive);
  if (rc < 0 && m.conn)
    clean_up(&m);
  db_close(m.conn);
  if (rc < 0 && interrupt_pending() && err->code != ERR_CHANGED) {
    err_clear(err);
    (void)interrupt_check(err);
  }
  if (rc < 0 && (err->code == ERR_SQL || err->code == ERR_UNEXPECTED))
    err_recode(err, ERR_BACKUP);
  return rc < 0 ? err_wrap(err, "template backup of %s", options->target->shown) : 0;
}
