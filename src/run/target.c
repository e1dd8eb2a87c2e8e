/* Connections of a run: the target, the run lock on the maintenance database, the ledger and the
 * fingerprint. */
#include "base/interrupt.h"
#include "run/pipeline.h"

#include "base/clock.h"
#include "base/log.h"
#include "sql/quote.h"

/* Two-part advisory key: "belay", then the database's OID. Neither part is used by a known
 * migration tool. */
enum { LOCK_TRIES = 5, LOCK_POLL_MS = 200, TOOL_LOCK_TRIES = 50 };

int run_open_target(struct run *run, struct err *err)
{
  db_closep(&run->conn);
  const char *name = run->id ? arena_printf(run->arena, "belay %s %s",
                                            run->rolling_back ? "rollback" : "run", run->id)
                             : "belay plan";
  if (db_open(&run->env->target, name, &run->conn, err) < 0)
    return -1;
  db_cancel_on_signal(run->conn, true);
  if (!run->here.database_oid && record_place_read(run->arena, run->conn, &run->here, err) < 0)
    return -1;
  /* a killed belay must not leave its statement running for long */
  if (db_server_major(run->conn) >= 14)
    return db_exec(run->conn, "SET client_connection_check_interval = '2s'", err);
  return 0;
}

static int open_maintenance(const struct run_env *env, struct db_conn **ret_conn, struct err *err)
{
  static const char *const names[] = {"postgres", "template1"};
  for (size_t i = 0; i < COUNT_OF(names); i++) {
    CLEANUP(err_clear) struct err refused = ERR_INIT;
    if (db_open_other(&env->target, names[i], "belay lock", ret_conn, &refused) == 0)
      return 0;
  }
  return db_open(&env->target, "belay lock", ret_conn,
                 err); /* some hosts allow only one database */
}

static int lock_holder(const struct run_env *env, struct db_conn *conn, const char *oid,
                       struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  CLEANUP(err_clear) struct err ignored = ERR_INIT;
  const char *class_id = arena_printf(env->arena, "%d", RUN_LOCK_CLASS);
  int got = db_query(
      conn, &r, &ignored,
      "SELECT l.pid, a.application_name, a.backend_start FROM pg_locks l LEFT JOIN "
      "pg_stat_activity a "
      "USING (pid) WHERE l.locktype = 'advisory' AND l.classid = $1::oid AND l.objid = $2::oid "
      "AND l.granted",
      class_id, oid, NULL);
  err_set(err, ERR_LOCKED, "another run of belay holds the lock on database %s",
          env->target.database);
  if (got == 0 && db_rows(r) > 0)
    err_detail(err, "backend %s, since %s", db_value(r, 0, 0), db_value(r, 0, 2));
  return err_hint(err, "Wait for it to end, or see what it is doing with: belay status");
}

static int lock_database(const struct run_env *env, const char *oid, struct db_conn **ret_lock,
                         struct err *err)
{
  CLEANUP(db_closep) struct db_conn *conn = NULL;
  if (open_maintenance(env, &conn, err) < 0)
    return -1;
  const char *class_id = arena_printf(env->arena, "%d", RUN_LOCK_CLASS);
  for (int i = 0; i < LOCK_TRIES; i++) {
    const char *got;
    if (db_query_value(conn, env->arena, &got, err,
                       "SELECT pg_try_advisory_lock($1::int, ($2::bigint - CASE WHEN $2::bigint > "
                       "2147483647 THEN "
                       "4294967296 ELSE 0 END)::int)",
                       class_id, oid, NULL) < 0)
      return -1;
    if (got[0] == 't') {
      *ret_lock = TAKE(conn);
      return 0;
    }
    clock_sleep_ms(LOCK_POLL_MS);
  }
  return lock_holder(env, conn, oid, err);
}

int run_lock_target(const struct run_env *env, struct db_conn **ret_lock, struct err *err)
{
  CLEANUP(db_closep) struct db_conn *conn = NULL;
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  const char *name = env->target.database;
  if (open_maintenance(env, &conn, err) < 0 ||
      db_query(conn, &r, err, "SELECT oid::text FROM pg_catalog.pg_database WHERE datname = $1",
               name, NULL) < 0)
    return -1;
  if (db_rows(r) == 0)
    return err_set(err, ERR_USAGE, "there is no database %s", name);
  return lock_database(env, db_value(r, 0, 0), ret_lock, err);
}

/* A run that was killed frees the lock at once, but the server may still be at its last statement
 * (a CREATE INDEX CONCURRENTLY that waits): what is done now it could overtake. */
static int check_no_backend(struct run *run, struct err *err)
{
  enum { POLLS = 50, POLL_MS = 200 };
  for (int i = 0;; i++) {
    CLEANUP(db_result_clear) struct db_result *r = NULL;
    if (interrupt_check(err) < 0 ||
        db_query(run->conn, &r, err,
                 "SELECT pid, application_name FROM pg_stat_activity WHERE datname ="
                 " current_database() AND pid <> pg_backend_pid() AND state <> 'idle' AND"
                 " application_name ~ '^belay (run|rollback) ' LIMIT 1",
                 NULL) < 0)
      return -1;
    if (db_rows(r) == 0)
      return 0;
    if (i < POLLS) {
      clock_sleep_ms(POLL_MS);
      continue;
    }
    err_set(err, ERR_LOCKED, "backend %s of %s is still at work", db_value(r, 0, 0),
            db_value(r, 0, 1));
    return err_hint(err, "Wait for it, or end it: SELECT pg_terminate_backend(%s)",
                    db_value(r, 0, 0));
  }
}

int run_lock(struct run *run, struct err *err)
{
  const char *oid;
  if (db_query_value(run->conn, run->arena, &oid, err,
                     "SELECT oid::text FROM pg_database WHERE datname = current_database()",
                     NULL) < 0)
    return -1;
  if (lock_database(run->env, oid, &run->lock, err) < 0)
    return -1;
  return check_no_backend(run, err);
}

int run_tool_lock(struct run *run, struct err *err)
{
  int64_t key = run->env->format ? run->env->format->lock_key : 0;
  if (!key)
    return 0;
  if (db_open(&run->env->target, "belay tool lock", &run->tool_lock, err) < 0)
    return -1;
  const char *text = arena_printf(run->arena, "%" PRId64, key);
  for (int i = 0; i < TOOL_LOCK_TRIES; i++) {
    const char *got;
    if (db_query_value(run->tool_lock, run->arena, &got, err,
                       "SELECT pg_try_advisory_lock($1::bigint)", text, NULL) < 0)
      return -1;
    if (got[0] == 't')
      return 0;
    clock_sleep_ms(LOCK_POLL_MS);
  }
  err_set(err, ERR_LOCKED, "%s holds its advisory lock on database %s", run->env->format->name,
          run->env->target.database);
  return err_hint(err,
                  "Another deploy is under way, or a killed one left its backend behind; see "
                  "pg_locks where objid = %s.",
                  text);
}

int run_read_ledger(struct run *run, struct err *err)
{
  const struct run_env *env = run->env;
  if (!env->format) {
    err_set(err, ERR_USAGE, "no migrations directory found");
    return err_hint(
        err, "Run belay in the project, name it with --dir, or write belay.yaml with: belay init");
  }
  bool exists = false;
  struct ledger_rows rows = {0};
  run->migrations = (struct migrations){0};
  run->statuses = (struct migration_statuses){0};
  if (env->format->read_dir(run->arena, env->migrations_dir, &run->migrations, err) < 0 ||
      env->format->ledger_exists(run->conn, env->target.schema, &exists, err) < 0)
    return -1;
  if (exists && env->format->ledger_read(run->arena, run->conn, env->target.schema, &rows, err) < 0)
    return err_wrap(err, "reading the ledger %s", run_ledger_identity(env));
  migration_compare(run->arena, &run->migrations, &rows, &run->statuses);
  return 0;
}

int run_fingerprint(struct run *run, struct db_conn *conn, char ret_hex[65], struct err *err)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  struct catalog *catalog;
  if (catalog_read(arena, conn, &run->catalog_options, &catalog, err) < 0)
    return err_wrap(err, "reading the catalog");
  catalog_fingerprint(catalog, CATALOG_IGNORE_CHILD_ORDER, ret_hex);
  return 0;
}
