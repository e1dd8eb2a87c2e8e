/* run/record.h: what a run leaves in the store, and reading it back: <database>/runs/<id>/
 *
 *   plan.json written before the first change: what would be done, and all that a rollback needs
 *   (inverse steps,
 *                  fingerprints, where the captured rows are); checksums of the migrations,
 *                  environment, policy
 *   journal.jsonl run/journal.h; the state of each file is derived from it, never from what was
 *   hoped
 *   inverse-0001.sql, undo/0001/, findings.json, run.json (the result, written by seal)
 */
#pragma once

#include <jansson.h>

#include "inverse/capture.h"
#include "run/env.h"

enum record_file_state {
  RECORD_NOT_APPLIED, /* not begun, or rolled back by an error */
  RECORD_COMMITTED,
  RECORD_UNKNOWN, /* commit was sent, no answer is on record: ask pg_xact_status(xid) */
  RECORD_PARTIAL, /* begun outside of a transaction, and its end is not on record */
};
const char *record_file_state_name(enum record_file_state state);

/* A migration, or a part of one that does not run in one transaction (struct run_file). */
struct record_file {
  const char *name, *checksum;
  const char *migration;                  /* in the ledger; name unless it is a part: "NAME#2" */
  size_t part, parts;                     /* 1-based */
  const char *shape_before, *shape_after; /* fingerprints without column order */
  enum inverse_verdict verdict;
  bool bare; /* ran outside of a transaction */
  struct inverse_steps steps;
  struct strings refusals;
  struct strings costs;    /* of columns that come back in their order, as of the run */
  const char *undo_prefix; /* key prefix of its captured rows */
  const char
      *rollback_capture; /* capture_plan as JSON text: what a rollback of it destroys or changes */
  enum record_file_state state;
  const struct migration *again; /* to be put back, by the rollback of a rollback (redo.c); NULL */
  const char *xid, *snapshot;    /* of its transaction, when known */
  bool undoing;                  /* RECORD_UNKNOWN: the xid is that of the run taking it back */
  bool unheld; /* it changed rows, and they were not captured (around a foreign command) */
};
VEC_TYPE(record_files, struct record_file);

struct record {
  bool locked; /* encrypted, and no identity opens it: its files have no steps, refusals and
                  rollback_capture */
  const char *recipients; /* encrypted: "age1..., age1..." */
  const char *id, *prefix, *kind /* "run" or "rollback" */, *database, *created_at, *environment,
      *target;
  const char *rolls_back; /* kind rollback: the id of the run, or of another rollback */
  bool again;             /* kind rollback: of a rollback, so migrations are applied again */
  const char *undone_by;  /* id of the rollback that undid it, filled by record_list */
  const char *backup_id, *command;
  const char *server_id, *database_oid; /* where it ran: system identifier (may be NULL), OID */
  bool ended;
  int exit_code;          /* when ended */
  const char *last_stage; /* the newest stage that began */
  struct record_files files;
};
VEC_TYPE(records, struct record);

/* All runs of one database (prefix) oldest first. A record that cannot be read is left out and
 * named in ret_damaged. */
int record_list(struct arena *arena, struct place *place, const char *database_prefix,
                struct records *ret, struct strings *ret_damaged, struct err *err);
int record_read(struct arena *arena, struct place *place, const char *prefix, struct record *ret,
                struct err *err);
/* The database that a connection is in, as records name it: two servers may have databases of the
 * same name, and share a store. */
struct record_place {
  const char *server_id; /* NULL where the role may not see it */
  const char *database_oid;
};
int record_place_read(struct arena *arena, struct db_conn *conn, struct record_place *ret,
                      struct err *err);
bool record_is_of(const struct record *record, const struct record_place *place);

/* `which`: an id, a unique beginning of one, or "last" (the newest run of this database that
 * applied something and is not undone). `here` NULL: of any server. */
int record_find(struct arena *arena, struct place *place, const char *database_prefix,
                const char *which, const struct record_place *here, struct record *ret,
                struct err *err);
/* The same among records that are read already. */
int record_pick(struct place *place, const struct records *records, const char *which,
                const struct record_place *here, struct record *ret, struct err *err);
/* record_resolve for the rollbacks among them, and what follows for the runs they roll back: one
 * that was killed after its COMMIT has done its work. */
int record_settle(struct arena *arena, struct db_conn *conn,
                  const struct migration_statuses *ledger, const struct record_place *here,
                  struct records *records, struct err *err);
/* Fills err with ERR_SEALED of a locked one. Returns -1. */
int record_say_locked(const struct record *record, struct err *err);
/* NULL: there is none. */
struct record_file *record_file_named(const struct record *record, const char *name);
/* Has at least one file that is, or may be, applied. */
bool record_applied_something(const struct record *record);
struct record_counts {
  size_t all, applied; /* migrations; applied: all parts of it are */
  const char *partial; /* name of the first migration of which some is applied; NULL: none */
};
struct record_counts record_count(const struct record *record);
/* Asks the server, and where it has forgotten the transaction the ledger (may be NULL), what became
 * of files in state UNKNOWN. Those still in progress stay UNKNOWN. */
int record_resolve(struct arena *arena, struct db_conn *conn,
                   const struct migration_statuses *ledger, struct record *record, struct err *err);
