/* inverse/capture.h: the data half of a rollback. What a migration destroys or changes is copied
 * out inside the applying transaction, before it commits, and can be written back by undo_write.
 *
 * The plan is computed from the proof (catalogs before and after, effects seen on the shadow).
 * Three ways, cheapest exact first:
 *   COLUMNS  doomed columns only: COPY (SELECT key, columns) under ACCESS EXCLUSIVE before the
 *            first statement
 *   ROWS     all rows: dropped or truncated or rewritten tables, and tables that are written and
 *            also locked ACCESS EXCLUSIVE by the same migration
 *   CHANGED  plain DML: before COMMIT a second connection copies the original rows of what was
 *            updated or deleted (it still sees them, by their xmax); our own new row versions are
 *            found by their xmin (capture_private.h has the rules)
 * Partitioned tables are captured through their root, plain ones with ONLY; a partition that the
 * migration attaches or detaches by itself, and its tree without it. Rows are matched later
 * by the row key (catalog_row_key); where there is none that survives, by all their values, as
 * often as they are there (`whole_row`), unless foreign keys refer to the table: then the plan
 * refuses it by name.
 *
 * Before COMMIT, capture_finish compares what changed with what was captured: own
 * RowExclusiveLock-or-stronger locks in pg_locks, relfilenodes, dropped tables and columns, foreign
 * tables (refused). Anything written and not captured is ERR_REFUSED: the caller must ROLLBACK.
 * Large objects need no plan: those that were changed are found and copied then
 * (capture_large.c); one that the role may not read is ERR_REFUSED.
 */
#pragma once

#include <jansson.h>
#include <stdio.h>

#include "inverse/inverse.h"
#include "store/archive.h"

enum capture_how { CAPTURE_COLUMNS, CAPTURE_ROWS, CAPTURE_CHANGED };

struct capture_table {
  enum capture_how how;
  const char *before;       /* identity in the state before the migration */
  const char *after;        /* identity after it; NULL: dropped */
  bool partitioned;         /* root of a partition tree: no ONLY */
  struct strings key;       /* key columns, names before */
  struct strings key_after; /* the same columns, names after; empty when the key does not survive */
  struct strings
      columns; /* columns copied before, key included, generated ones left out; names before */
  struct strings columns_after; /* same order, names after; NULL where the column is gone */
  struct strings apart,
      apart_after;  /* its partitions (names before, and after) that are captured by themselves */
  bool reworded;    /* equal text may be another value afterwards (labels that changed places) */
  bool whole_row;   /* no key that survives: rows are matched by their values; key is empty */
  bool doomed_only; /* after-images are not needed: only columns or the whole table vanish */
  bool standby;     /* not expected to be written; captured only if it is (triggers, DO blocks) */
  const char *why;  /* "column fee is dropped", "rows are updated" */
};
VEC_TYPE(capture_tables, struct capture_table);

struct capture_sequence {
  uint32_t oid;
  const char *identity, *last_value, *is_called;
};

/* A table that is written anew in another order of columns (inverse/exact_order.h): its rows are in
 * a new table of the name `after`. */
struct capture_rebuilt {
  const char *before, *after;
};
VEC_TYPE(capture_rebuilts, struct capture_rebuilt);

struct capture_plan {
  struct capture_tables tables;
  bool large_objects;              /* the migration made, wrote, altered or opened some */
  struct capture_rebuilts rebuilt; /* of a rollback; lost neither rows nor columns by that */
  struct strings refusals;         /* what would be destroyed and cannot be captured, by name */
};

/* From a proven inverse. Tables that the migration creates are not in it. */
void capture_plan(struct arena *arena, const struct inverse *inverse,
                  struct capture_plan *ret_plan);
/* The tables (of partitions: the root) of the state before, some of whose rows or values the
 * migration destroys or changes, or may: rows that follow others by their foreign keys count. */
struct capture_danger {
  const char *table;
  bool written; /* by statements on rows: triggers fire */
};
VEC_TYPE(capture_danger_vec, struct capture_danger);
struct capture_danger_vec capture_dangers(struct arena *arena, const struct inverse *inverse);
/* For the rollback of the same migration: what its inverse destroys, and the rows that are
 * written back. A table whose rows could not be matched later is copied whole: nothing of it is
 * lost, but such a capture is not for undo_open, which refuses it. */
void capture_plan_reverse(struct arena *arena, const struct inverse *inverse,
                          const struct capture_plan *forward, struct capture_plan *ret_plan);
/* Tables that are expected to lose or change something (standby ones are not); large objects count
 * as one. */
size_t capture_plan_count(const struct capture_plan *plan);
/* Plans in the record of a run. to_json: caller decrefs. from_json: ERR_DAMAGED. */
json_t *capture_plan_to_json(const struct capture_plan *plan);
int capture_plan_from_json(struct arena *arena, const json_t *json, struct capture_plan *ret_plan,
                           struct err *err);
enum {
  CAPTURE_BYTES_PER_MS = 50 * 1024, /* what a COPY with zstd 1 reads at least (measured: 80 to 180
                                       MB/s) */
};
int64_t capture_estimate_bytes(const struct capture_plan *plan, const struct catalog *target);

struct capture; /* one applying transaction */

struct capture_options {
  struct db_conn *conn;     /* the applying connection, inside its READ COMMITTED transaction */
  struct db_conn *observer; /* a second one to the same database, not in a transaction */
  struct place *place;
  const char *prefix;       /* "<database>/runs/<id>/undo/0001" */
  const char *ledger_table; /* identity left alone: "public._prisma_migrations"; may be NULL */
  const struct capture_plan *plan;
};

/* Locks what is doomed and copies COLUMNS and ROWS tables. Call first thing in the transaction,
 * after SET LOCAL. */
int capture_begin(struct arena *arena, const struct capture_options *options, struct capture **ret,
                  struct err *err);
/* After each statement: fails early (ERR_REFUSED) when a table was written that cannot be
 * captured. */
int capture_after_statement(struct capture *capture, struct err *err);
/* After SET CONSTRAINTS ALL IMMEDIATE, before COMMIT: after-images, the compare, and the
 * archive's manifest. */
int capture_finish(struct capture *capture, struct err *err);
void capture_free(struct capture *capture); /* without finish: removes what was written */
void capture_freep(struct capture **capture);
/* Before capture_finish: large object `oid` was in `state` (as undo read it) when the transaction
 * decided to change it. If another session changed it in between, capture_finish is ERR_REFUSED. */
void capture_expect_large(struct capture *capture, uint32_t oid, const char *state);
/* Rows (a large object counts as one) and bytes so far, for the journal. */
void capture_totals(const struct capture *capture, int64_t *ret_rows, uint64_t *ret_bytes);

/* ---- undo ---- */
enum undo_on_conflict { UNDO_KEEP, UNDO_RESTORE, UNDO_ABORT };
/* A column of a row in conflict whose two versions differ, as text; NULL: NULL, or no row. Long
 * values are cut after UNDO_VALUE_MAX characters, with "..." behind. */
struct undo_value {
  const char *column, *captured, *now;
};
VEC_TYPE(undo_values, struct undo_value);
struct undo_conflict {
  const char *table, *key, *reason; /* "changed since", "deleted since", "key used again",
                                       "referenced by public.x" */
  /* captured: as the migration left the row; one that it deleted, as it was before. now: in the
   * database. Of rows that are only referenced there are none. */
  struct undo_values values;
};
VEC_TYPE(undo_conflicts, struct undo_conflict);
/* "public.t id=6: changed since (captured fee=1.50; now fee=2.00)", in one line */
void undo_conflict_text(const struct undo_conflict *conflict, struct text *out);
/* Its row is not there any more. */
bool undo_conflict_is_gone(const struct undo_conflict *conflict);

struct undo_report {
  /* rows, and large objects, written back, inserted again, removed (the migration had inserted
   * them) */
  int64_t restored, reinserted, deleted;
  int64_t conflict_count;
  struct undo_conflicts conflicts; /* the first UNDO_CONFLICTS_MAX */
};
enum { UNDO_CONFLICTS_MAX = 100, UNDO_VALUE_MAX = 200 };

/* What it would do, now. -1: not known. */
struct undo_preview_table {
  /* before the migration, and after it; NULL: dropped, or "large objects" */
  const char *table, *table_now;
  int64_t captured; /* rows as they were before */
  int64_t written_back, inserted, removed;
  int64_t filled;           /* rows that only get the values of dropped columns */
  int64_t conflicts;        /* rows that others changed since */
  const char *not_compared; /* why nothing is known of this table; NULL */
};
VEC_TYPE(undo_preview_tables, struct undo_preview_table);
struct undo_preview {
  struct undo_preview_tables tables;
  uint64_t bytes;         /* captured */
  int64_t conflict_count; /* of the tables that were compared; -1: none was */
  struct undo_conflicts conflicts;
  const char *not_referenced; /* why rows that refer to inserted ones were not looked for; NULL */
};
struct undo_preview_options {
  enum undo_on_conflict on_conflict;
  int64_t timeout_ms; /* for all of it */
  int64_t lock_timeout_ms;
  struct strings moved;   /* tables, as they are called now, that something changes before the undo:
                             not compared */
  struct strings dropped; /* "table public.x", "constraint k of public.x" that go before: references
                             from there do not count */
};
#define UNDO_PREVIEW_BYTES_MAX (1024ull * 1024 * 1024)     /* of a table */
#define UNDO_SCRIPT_LARGE_BYTES_MAX (128ull * 1024 * 1024) /* of large objects, in a script */

/* The undo of one migration inside the caller's transaction, in calls around the schema steps:
 *   undo_open      reads the archive of the capture
 *   undo_compare   BEFORE the first schema step: loads the images, marks rows that are no longer as
 *                  the migration left them
 *   undo_write     AFTER the BEFORE_DATA steps: writes back, deletes, inserts; fills the report
 * Large objects are compared and written by the same calls.
 * Rows that others inserted since stay; in re-added columns they keep the default or NULL. Triggers
 * and rules of the user do not fire for rows written back: each is disabled with ALTER TABLE and
 * set back as it was. Foreign keys stay in force; a row inserted by the migration that rows written
 * since refer to is kept and reported, in every mode.
 * Errors: ERR_REFUSED when the database is not in the state that the capture left, or rows would
 * not come back as captured. After an error the caller must ROLLBACK.
 */
struct undo;
int undo_open(struct arena *arena, struct place *place, const char *prefix, struct undo **ret,
              struct err *err);
/* From now on what is run is also written to `out` as psql takes it, the captured rows inline, and
 * `conn` is that of a shadow in the state after the migration: nothing is loaded there. `out` is
 * borrowed; whether it could be written its owner finds out by ferror. */
void undo_script(struct undo *undo, FILE *out);
/* Tables that were captured although nobody expected it (`standby`) will be written, too: where
 * the rollback locks them for more than that, by its steps or by what is switched off meanwhile,
 * its own capture copies them whole. `plan` is that of the rollback. */
int undo_extend_plan(struct undo *undo, struct db_conn *conn, bool has_steps,
                     struct capture_plan *plan, struct err *err);
int undo_compare(struct undo *undo, struct db_conn *conn, struct err *err);
int undo_write(struct undo *undo, struct db_conn *conn, enum undo_on_conflict on_conflict,
               struct undo_report *ret, struct err *err);
/* After undo_write: what of it the capture of the same transaction is to look out for. */
void undo_expect(const struct undo *undo, struct capture *capture);
/* While rows of the table (as it is called now) are written back something is switched off by which
 * it is locked ACCESS EXCLUSIVE. */
int undo_locks_exclusively(struct undo *undo, struct db_conn *conn, const char *table, bool *ret,
                           struct err *err);
/* Instead of compare and write. `conn` is idle, a session of its own: in one transaction, rolled
 * back, it reads the tables and writes temporary ones. ERR_REFUSED: as it would be now. */
int undo_preview(struct undo *undo, struct db_conn *conn,
                 const struct undo_preview_options *options, struct undo_preview *ret,
                 struct err *err);
/* Nothing looked for, and why. */
struct undo_preview undo_preview_none(struct undo *undo, const char *why);
void undo_close(struct undo *undo);
void undo_closep(struct undo **undo);
