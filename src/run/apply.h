/* run/apply.h: what the two ways of native apply share. Private to run/. */
#pragma once

#include "run/pipeline.h"
#include "run/transaction.h"

/* "file:line:column: message" of the statement that failed. Returns -1. */
int apply_place_error(const struct run_file *file, const struct sql_statement *s, struct err *err);
/* ERR_REFUSED when the schema is no longer the one that the inverse was proven for. */
int apply_check_structure(struct run *run, const struct run_file *file, struct err *err);
/* ERR_REFUSED when the ledger has it by now: the tool itself, or a run that got in between. */
int apply_check_pending(struct run *run, const struct run_file *file, struct err *err);
/* Makes the ledger as the tool would, if there is none yet. */
int apply_ensure_ledger(struct run *run, struct db_conn *conn, struct err *err);
/* A guarded transaction for a file; the caller sets what differs. */
struct guarded apply_guarded(struct run *run, const struct run_file *file);
/* In the transaction, after the migration: ERR_REFUSED when its inverse could not cast the values
 * that are there now. Leaves no trace. */
int apply_try_way_back(struct run *run, const struct run_file *file, struct err *err);
/* SIGINT or SIGTERM came: err's code becomes 130 or 143. */
bool apply_is_interrupt(struct err *err);

/* One guarded transaction, tried again where a lock was the trouble. A whole migration goes in with
 * its ledger row. */
int apply_transaction(struct run *run, struct run_file *file, struct err *err);
/* For guarded_commit: the ledger row of the first part, in its transaction. */
struct apply_ledger {
  struct run *run;
  const struct run_file *file;
  const char *started_at;
};
int apply_start_ledger(void *context, struct db_conn *conn, struct err *err);
/* A part of a migration that holds something that cannot run in a transaction (apply_part.c). On
 * failure what the part left behind is taken away, if the policy wants that and it is safe; else
 * ERR_CHANGED. The parts before it are not its business. */
int apply_part(struct run *run, struct run_file *file, struct err *err);
