#include "run/transaction.h"

#include "base/clock.h"
#include "base/interrupt.h"

enum {
  BACK_OFF_FIRST_MS = 200,
  BACK_OFF_MAX_MS = 30000,
  COMMIT_POLLS = 600, /* two minutes for a server that restarts */
  COMMIT_POLL_MS = 200,
};

bool guarded_is_retryable(const struct err *err)
{
  return err_sqlstate_is(err, "55P03") || err_sqlstate_is(err, "40P01") ||
         err_sqlstate_is(err, "40001");
}

void guarded_back_off(int attempt)
{
  int64_t limit = BACK_OFF_FIRST_MS;
  for (int i = 0; i < attempt && limit < BACK_OFF_MAX_MS; i++)
    limit *= 2;
  limit = limit > BACK_OFF_MAX_MS ? BACK_OFF_MAX_MS : limit;
  clock_sleep_ms(BACK_OFF_FIRST_MS / 2 + clock_wall_us() % limit);
}

static int set_limits(const struct guarded *g, struct err *err)
{
  const struct policy *policy = &g->env->policy;
  int64_t hold_ms = policy->apply.max_lock_hold_ms;
  return db_execf(
      g->conn, err,
      "SET LOCAL lock_timeout = '%" PRId64 "ms'; SET LOCAL statement_timeout = '%" PRId64
      "ms'; SET LOCAL idle_in_transaction_session_timeout = '%" PRId64 "ms'",
      policy->apply.lock_timeout_ms, policy->apply.statement_timeout_ms, hold_ms ? hold_ms * 2 : 0);
}

int guarded_begin(struct guarded *g, struct err *err)
{
  int64_t hold_ms = g->env->policy.apply.max_lock_hold_ms;
  if (g->plan && db_open(&g->env->target, "belay capture", &g->observer, err) < 0)
    return -1;
  if (hold_ms && guard_start(&g->env->target, db_backend_pid(g->conn), hold_ms, &g->guard, err) < 0)
    return -1;
  if (db_exec(g->conn, "BEGIN", err) < 0)
    return -1;
  return set_limits(g, err);
}

int guarded_capture(struct guarded *g, struct err *err)
{
  if (!g->plan)
    return 0;
  struct capture_options options = {
      .conn = g->conn,
      .observer = g->observer,
      .place = g->env->place,
      .prefix = g->capture_prefix,
      .ledger_table = g->ledger_table,
      .plan = g->plan,
  };
  return capture_begin(g->arena, &options, &g->capture, err);
}

static int check_triggers_on(struct guarded *g, struct err *err)
{
  const char *role;
  if (db_query_value(g->conn, g->arena, &role, err,
                     "SELECT pg_catalog.current_setting('session_replication_role')", NULL) < 0)
    return -1;
  if (strcmp(role, "origin") == 0)
    return 0;
  err_set(err, ERR_REFUSED, "the statement set session_replication_role to %s", role);
  return err_hint(err, "That switches foreign keys and triggers off; a migration must not.");
}

int guarded_statement(struct guarded *g, const char *sql, struct err *err)
{
  if (interrupt_check(err) < 0 || db_run_statement(g->conn, g->arena, sql, NULL, NULL, err) < 0)
    return -1;
  if (db_transaction_status(g->conn) != 'T')
    return err_set(err, ERR_REFUSED, "the statement ended the transaction");
  if (check_triggers_on(g, err) < 0)
    return -1;
  return g->capture ? capture_after_statement(g->capture, err) : 0;
}

static int event(const struct guarded *g, const char *name, const char *key, const char *value,
                 struct err *err)
{
  const char *full = arena_printf(g->arena, "%s%s", g->event_prefix ? g->event_prefix : "", name);
  return journal_write(g->journal, err, full, "file", g->file, "xid", g->xid, key, value, NULL);
}

/* Another run could have begun if the session that holds the run lock is gone. */
static int check_run_lock(struct guarded *g, struct err *err)
{
  const char *held = "0";
  CLEANUP(err_clear) struct err lost = ERR_INIT;
  if (g->run_lock &&
      db_query_value(g->run_lock, g->arena, &held, &lost,
                     "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND "
                     "granted AND pid = pg_backend_pid()",
                     NULL) == 0 &&
      strcmp(held, "0") != 0)
    return 0;
  err_set(err, ERR_LOCKED, "the session that holds the run lock was lost");
  return err_hint(err, "Another run may have begun. See: belay status");
}

/* By another session, which takes an xid of its own first: so the snapshot's xmax is above every
 * xid of the transaction, savepoints included (rollback_file.c says what for). */
static int take_snapshot(struct guarded *g, struct err *err)
{
  const char *own;
  if (db_query_value(g->run_lock, g->arena, &own, err, "SELECT pg_current_xact_id()::text", NULL) <
      0)
    return -1;
  return db_query_value(g->run_lock, g->arena, &g->snapshot, err,
                        "SELECT pg_current_snapshot()::text", NULL);
}

static int send_commit(struct guarded *g, struct err *err)
{
  if (db_query_value(g->conn, g->arena, &g->xid, err, "SELECT pg_current_xact_id()::text", NULL) <
          0 ||
      interrupt_check(err) < 0 || check_run_lock(g, err) < 0 || take_snapshot(g, err) < 0)
    return -1;
  if (!guard_is_watching(g->guard))
    return err_set(err, ERR_SQL, "the session that enforces the lock budget was lost");
  if (event(g, "commit-sent", "snapshot", g->snapshot, err) < 0)
    return -1;
  g->commit_sent = true;
  const char *tag = "";
  if (db_run_statement(g->conn, g->arena, "COMMIT", &tag, NULL, err) < 0)
    return -1;
  if (strcmp(tag, "COMMIT") != 0)
    return err_set(err, ERR_SQL, "the server answered COMMIT with %s", tag);
  g->outcome = GUARDED_COMMITTED;
  return 0;
}

static void release(struct guarded *g)
{
  capture_freep(&g->capture);
  db_closep(&g->observer);
}

int guarded_commit(struct guarded *g,
                   int (*finish)(void *context, struct db_conn *conn, struct err *err),
                   void *context, struct err *err)
{
  if (db_exec(g->conn, "SET CONSTRAINTS ALL IMMEDIATE", err) < 0)
    return -1;
  /* what the migration set for itself must not hold for belay's own statements */
  if (db_exec(g->conn, "RESET SESSION AUTHORIZATION; RESET ROLE", err) < 0 ||
      set_limits(g, err) < 0 || check_triggers_on(g, err) < 0 ||
      (g->capture && capture_finish(g->capture, err) < 0))
    return -1;
  if (g->capture) {
    uint64_t bytes;
    capture_totals(g->capture, &g->captured_rows, &bytes);
  }
  if ((finish && finish(context, g->conn, err) < 0) || send_commit(g, err) < 0)
    return -1;
  guard_stop(TAKE(g->guard));
  release(g);
  return event(g, "committed", "snapshot", g->snapshot, err);
}

/* The answer to COMMIT was lost: the server knows. Polls while it is away or still at it. */
static void find_out(struct guarded *g)
{
  g->outcome = GUARDED_UNKNOWN;
  for (int i = 0; i < COMMIT_POLLS && g->outcome == GUARDED_UNKNOWN; i++) {
    CLEANUP(err_clear) struct err err = ERR_INIT;
    CLEANUP(db_closep) struct db_conn *conn = NULL;
    const char *status = NULL;
    if (db_open(&g->env->target, "belay status", &conn, &err) == 0 &&
        db_query_value(conn, g->arena, &status, &err, "SELECT pg_xact_status($1::xid8)", g->xid,
                       NULL) == 0 &&
        status && strcmp(status, "in progress") != 0)
      g->outcome = strcmp(status, "committed") == 0 ? GUARDED_COMMITTED : GUARDED_ABORTED;
    else
      clock_sleep_ms(COMMIT_POLL_MS);
  }
}

static void remove_archive(struct guarded *g)
{
  CLEANUP(err_clear) struct err ignored = ERR_INIT;
  if (g->plan && g->capture_prefix)
    (void)place_delete_prefix(g->env->place, g->capture_prefix, &ignored);
}

int guarded_abort(struct guarded *g, struct err *err)
{
  bool over_budget = guard_stop(TAKE(g->guard));
  CLEANUP(err_clear) struct err ignored = ERR_INIT;
  char status = db_transaction_status(g->conn);
  if (g->commit_sent && g->outcome == GUARDED_ABORTED && status == '?')
    find_out(g);
  if (status == 'T' || status == 'E' || status == 'A')
    (void)db_exec(g->conn, "ROLLBACK", &ignored);
  release(g);
  if (g->outcome == GUARDED_COMMITTED &&
      event(g, "committed", "snapshot", g->snapshot, &ignored) == 0) {
    err_clear(err); /* only the answer was lost */
    return 0;
  }
  if (g->outcome == GUARDED_UNKNOWN) {
    err_detail(err, "COMMIT was sent and the server could not be asked whether it took place");
    err_hint(err, "When the server is back: belay status");
  }
  if (g->outcome != GUARDED_ABORTED)
    return -1;
  remove_archive(g);
  (void)event(g, "rolled-back", "reason", err->message, &ignored);
  if (over_budget && (err_sqlstate_is(err, "57014") || err_sqlstate_is(err, "57P01") ||
                      err->code == ERR_CONNECT)) {
    err_wrap(err, "the lock budget of %s was over",
             clock_duration(g->arena, g->env->policy.apply.max_lock_hold_ms));
    err_hint(err, "Raise apply.max_lock_hold in the policy for a maintenance window, or split the "
                  "migration.");
  }
  return -1;
}
