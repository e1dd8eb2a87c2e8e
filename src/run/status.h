/* run/status.h: what is the state of this database: is a run under way, did one end badly, on which
 * side of its commit is the database, what is pending, and what to type next. Reads only. */
#pragma once

#include "run/record.h"

struct status_report {
  const char *target, *source, *server;
  struct migration_statuses migrations;
  size_t pending, troubled; /* troubled: failed, edited, missing, out of order */
  const char *running;      /* "backend 4711 of belay run ID, active for 12 s"; NULL */
  bool has_last;
  struct record last;       /* newest run or rollback here, states resolved by server and ledger */
  bool last_running;        /* it is the one under way */
  bool last_interrupted;    /* it never reached its end, and is not under way */
  const char *last_outcome; /* "exit code 8 (failed and ...)"; NULL: it ended with 0, or did not */
  bool last_troubled;       /* interrupted, or ended so that something is left to do */
  struct strings notes;     /* what could not be found out the usual way, one sentence each */
  const char *verdict;      /* one sentence on the database */
  const char *next;         /* command to type, NULL */
};

int status_read(const struct run_env *env, struct status_report *ret_report, struct err *err);
/* The name of a file's state in the record of a run, or of a rollback ("rolled back"). */
const char *status_file_state_name(const struct record *record, const struct record_file *file);

enum run_xact_state {
  RUN_XACT_COMMITTED,
  RUN_XACT_ABORTED,
  RUN_XACT_IN_PROGRESS,
  RUN_XACT_TOO_OLD, /* the server does not know: forgotten, or it is another or a restored server */
};
/* What became of a transaction. conn must not be in a transaction. xid NULL is TOO_OLD. */
int run_xact_status(struct arena *arena, struct db_conn *conn, const char *xid,
                    enum run_xact_state *ret, struct err *err);
