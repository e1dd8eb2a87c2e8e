/* run/transaction.h: one guarded transaction on the target, for apply and for rollback alike:
 * limits, lock budget, capture, compare, a journaled commit whose outcome is always found out.
 * Private to run/.
 *
 *   struct guarded g = {.env = env, .arena = arena, .conn = conn, .run_lock = lock,
 *                       .journal = journal, .file = name, .plan = &plan, .capture_prefix = prefix};
 *   if (guarded_begin(&g, err) < 0) return guarded_abort(&g, err); // rolled back, err explains
 *   ... statements: guarded_statement(&g, sql, err) ...
 *   if (guarded_commit(&g, finish, context, err) < 0) return guarded_abort(&g, err);
 */
#pragma once

#include "run/guard.h"
#include "run/journal.h"
#include "run/run.h"

enum guarded_outcome {
  GUARDED_ABORTED,   /* nothing of it is in the database, no archive stays */
  GUARDED_COMMITTED, /* it is in, and its archive is whole */
  GUARDED_UNKNOWN,   /* COMMIT was sent and the server could not be asked what became of it */
};

struct guarded {
  const struct run_env *env;
  struct arena *arena;
  struct db_conn *conn;     /* idle before begin */
  struct db_conn *run_lock; /* the session that holds the run lock; checked before COMMIT */
  struct journal *journal;
  const char *file; /* name for the journal */
  /* Prefix of the journal's events: "" for a migration and for the record of a rollback, "undo-"
   * where a run takes its own files back. */
  const char *event_prefix;
  const struct capture_plan *plan; /* NULL: no capture (policy) */
  const char *capture_prefix;
  const char *ledger_table;
  /* filled */
  struct db_conn *observer;
  struct guard *guard;
  struct capture *capture;
  const char *xid, *snapshot; /* of the transaction, when commit was sent */
  bool commit_sent;
  enum guarded_outcome outcome;
  int64_t captured_rows;
};

/* BEGIN, SET LOCAL, the lock budget starts. Nothing is locked yet: check the structure, then
 * guarded_capture. */
int guarded_begin(struct guarded *g, struct err *err);
/* Locks and copies out what the plan says. */
int guarded_capture(struct guarded *g, struct err *err);
/* One statement of a migration or inverse. Refuses what would leave the transaction or switch
 * triggers off (session_replication_role). */
int guarded_statement(struct guarded *g, const char *sql, struct err *err);
/* SET CONSTRAINTS ALL IMMEDIATE, compare, then `finish` (the ledger; may be NULL) inside the
 * transaction, with the session's own role and limits again, then COMMIT. -1 with outcome
 * GUARDED_COMMITTED: it is in, only the journal could not be written. */
int guarded_commit(struct guarded *g,
                   int (*finish)(void *context, struct db_conn *conn, struct err *err),
                   void *context, struct err *err);
/* Ends whatever is open. Returns -1; or 0, with err cleared, when only the answer to COMMIT was
 * lost and the server says that it took place. After it g->outcome tells the truth. */
int guarded_abort(struct guarded *g, struct err *err);

/* Is it worth another try (lock timeout, deadlock, serialization failure)? */
bool guarded_is_retryable(const struct err *err);
/* Sleeps before try number `attempt` (0-based): exponential with full jitter, at most 30 s. */
void guarded_back_off(int attempt);
