/* run/command_watch.h: who is at work in the target's database around a foreign command, and what
 * was written meanwhile. Private to run/.
 *
 *   command_watch_begin   before the command: which sessions exist, transactions, write counters
 *   command_watch_settle  after its process has ended: waits for the sessions that were opened
 *                         meanwhile, ends those that are the command's own
 *   command_watch_quiet   did nobody write since begin, and is nobody about to
 *
 * What a role may not see in pg_stat_activity counts as if it were at work. Strings live in the
 * run's arena.
 */
#pragma once

#include "run/pipeline.h"

struct command_watch {
  const char *began_at, *pids, *next_xid; /* of the server, as text */
  const char *write_counters;             /* JSON: rows written, by OID of the table */
};

struct command_session {
  const char *pid, *name, *state;
  bool in_transaction;
  bool opened_since; /* it did not exist when the command began */
  bool own;          /* it carries the name that belay gave, or holds the migration tool's lock */
};
VEC_TYPE(command_sessions, struct command_session);

int command_watch_begin(struct run *run, struct command_watch *ret, struct err *err);
/* `own_only`: the sessions of others are not waited for. ret_left: what is still there after the
 * longest wait. */
int command_watch_settle(struct run *run, const struct command_watch *watch, bool own_only,
                         struct command_sessions *ret_left, struct err *err);
/* ret_why: NULL, or what speaks against it. */
int command_watch_quiet(struct run *run, const struct command_watch *watch, const char **ret_why,
                        struct err *err);
/* Says which tables, other than those that the migrations write, had rows written since begin. For
 * information: the counters of the server may lag behind by seconds. */
int command_watch_tell_writes(struct run *run, const struct command_watch *watch, struct err *err);
/* "backend 4711 (psql, active)" */
const char *command_session_text(struct run *run, const struct command_session *session);
