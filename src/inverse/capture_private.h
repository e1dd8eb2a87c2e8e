/* inverse/capture_private.h: shared by capture*.c.
 *
 * Which rows a transaction changed is read off the rows themselves. T is the top-level xid of the
 * applying transaction A, taken at capture_begin, so every xid of A (savepoints, EXCEPTION blocks)
 * is T or later.
 *   object "after:<table>"    A sees a row whose xmin is T or later and in progress: A wrote it
 *   object "before:<table>"   B (the observer) sees a row whose xmax is T or later and in progress:
 *                             its original
 * The second is a superset: A may only have locked the row, or a savepoint of another session C may
 * have changed it.
 *   object "unchanged:<table>"  locked only: A still sees the row and did not write it
 *   object "confirmed:<table>"  `sure` is false for xids that are not known to be A's; such rows
 *                               count only if B still sees them after A was asked (in between, C's
 *                               row would show up in A's answer, or vanish from B's)
 * So the rows changed by A are before[sure or confirmed] - unchanged; with the key in after:
 * updated, else deleted. xmax may also be a MultiXact that A's update is a member of; only those
 * made since capture_begin can be.
 * Where rows are matched by their values (whole_row), tableoid and ctid stand for the key in
 * before, unchanged and confirmed of CHANGED tables: of one table file and one transaction they
 * are one. After-images of ROWS are then all rows, and there is no "unchanged".
 * B always sees the originals while A is uncommitted, so CHANGED tables are copied once, at the
 * end. That is why a table that is written and also locked ACCESS EXCLUSIVE (B would wait) is
 * planned as ROWS and locked before the first statement.
 */
#pragma once

#include "db/db.h"
#include "inverse/capture.h"

enum { CAPTURE_LANE = 0, CAPTURE_LEVEL = 3, CAPTURE_OBSERVER_LOCK_TIMEOUT_MS = 3000 };

/* A table as it was at capture_begin, or is at capture_finish. */
struct capture_state_table {
  uint32_t oid, root; /* root: of the partition tree, else oid */
  uint32_t parent;    /* whose partition it is; 0: none */
  char relkind;       /* r p m f */
  uint32_t filenode;
  const char *identity;
  json_t *columns; /* attnum -> name, generated ones left out; owned by the state */
};
struct capture_state {
  struct capture_state_table *at;
  size_t len;
};

struct capture_item {
  const struct capture_table *plan;
  uint32_t oid;               /* 0: standby table that does not exist here */
  bool copied;                /* before-images are complete */
  bool unsure;                /* the copy has rows that are to be confirmed */
  bool written;               /* seen with RowExclusiveLock */
  const char *after;          /* identity at the end; NULL: dropped */
  struct strings types;       /* of plan->columns, before */
  struct strings types_after; /* same order, NULL where the column is gone */
  int64_t before_rows, after_rows;
};
VEC_TYPE(capture_items, struct capture_item);

/* A large object that A changed; NULL: it is not there. The states are JSON: size, digest of the
 * content, owner, privileges, comment, security labels. */
struct capture_large_object {
  uint32_t oid;
  const char *before, *after;
};
VEC_TYPE(capture_large_vec, struct capture_large_object);
/* The object of the archive with their contents before, in pieces: (oid, at, data); pieces of zeros
 * are left out. */
#define CAPTURE_LARGE_OBJECTS "large_objects"

struct capture {
  struct arena *arena;
  struct capture_options options;
  struct archive_writer *archive;
  bool finished;
  int pid;          /* of A */
  int64_t xid;      /* T, with epoch */
  int64_t xid_span; /* A's xids are in [T, T + span); as of capture_observer_begin */
  const char *own;  /* "{726,729}": xids known to be A's, as of capture_observer_begin */
  const char *mxid; /* next MultiXact at capture_begin */
  struct capture_items items;
  struct capture_state start;
  struct capture_sequence *sequences, *sequences_after;
  size_t sequence_count, sequence_after_count;
  struct capture_large_vec large, expected; /* expected: only oid and before */
  bool pages_hidden;                        /* the role may not read pg_largeobject */
  int64_t rows;
};

/* ---- capture_plan.c ---- */
/* As capture_plan, but a table whose rows could not be matched later is copied whole, not refused.
 */
void capture_plan_copies(struct arena *arena, const struct inverse *inverse,
                         struct capture_plan *ret_plan);

/* ---- capture_copy.c ---- */
/* Settings under which values are read as text, the same at capture and undo. Saved and restored
 * around our queries. */
struct capture_settings {
  struct strings values;
};
int capture_settings_enter(struct arena *arena, struct db_conn *conn, struct capture_settings *ret,
                           struct err *err);
/* The same as text for psql: read into its variables belay_0 ..., set, set back from them. */
enum settings_text { SETTINGS_READ, SETTINGS_SET, SETTINGS_BACK };
const char *capture_settings_sql(struct arena *arena, enum settings_text what);
int capture_settings_leave(struct db_conn *conn, const struct capture_settings *saved,
                           struct err *err);
int capture_observer_begin(struct capture *c, struct err *err);
int capture_observer_end(struct capture *c, struct err *err);
/* COLUMNS and ROWS: on A, under the lock. */
int capture_copy_doomed(struct capture *c, struct capture_item *item, struct err *err);
/* CHANGED: on B, inside capture_observer_begin/end. */
int capture_copy_changed(struct capture *c, struct capture_item *item, struct err *err);
int capture_copy_confirmed(struct capture *c, struct capture_item *item, struct err *err);
/* after: and unchanged:, on A. */
int capture_copy_after(struct capture *c, struct capture_item *item, struct err *err);
/* WITH s: what the two conditions need. Inside capture_observer_begin/end. */
const char *capture_with(struct capture *c);
/* The xid `x` is of a transaction that began with or after A and is not over. */
const char *capture_in_progress(struct capture *c, const char *x);
/* The row t is changed or (locks_too) locked by such a transaction. */
const char *capture_row_is_held(struct capture *c, bool locks_too);
/* "ONLY public.t" or, for a partitioned table, "public.t" */
char *capture_from(struct arena *arena, const char *identity, bool partitioned);
/* " AND ...": the row of `alias` lies in none of these partitions; "" when there are none */
char *capture_not_in(struct arena *arena, const char *alias, const struct strings *partitions);
/* alias.a, alias.b */
char *capture_column_list(struct arena *arena, const char *alias, const struct strings *columns);

/* ---- capture_check.c ---- */
int capture_state_read(struct arena *arena, struct db_conn *conn, struct capture_state *ret,
                       struct err *err);
void capture_state_clear(struct capture_state *state);
const struct capture_state_table *capture_state_find(const struct capture_state *state,
                                                     uint32_t oid);
/* The table as it is at the end: by its OID, or, of one that was written anew, by its name. */
const struct capture_state_table *capture_state_end(const struct capture *c,
                                                    const struct capture_state *end, uint32_t oid);
/* Relations that A holds a RowExclusiveLock or AccessExclusiveLock on, as B sees it. */
struct capture_lock {
  uint32_t oid;
  bool writes, exclusive;
};
VEC_TYPE(capture_locks, struct capture_lock);
int capture_locks_read(struct arena *arena, const struct capture *c, struct capture_locks *ret,
                       struct err *err);
struct capture_item *capture_item_find(struct capture *c, uint32_t oid);
/* What the locks alone show; also marks items as written. */
int capture_check_locks(struct capture *c, const struct capture_locks *locks, struct err *err);
/* Everything: locks, dropped tables and columns, relfilenodes. Call when all copies are made. */
int capture_check_all(struct capture *c, const struct capture_locks *locks,
                      const struct capture_state *end, struct err *err);

/* ---- capture_large.c ---- */
/* SELECT oid, state: of those for which `where` holds, a condition on pg_largeobject_metadata m.
 * The role must be able to read them. */
char *capture_large_state_sql(struct arena *arena, const char *where);
/* What A changed: its states into c->large, the contents before into the archive. On A and B,
 * inside capture_observer_begin/end. */
int capture_large_objects(struct capture *c, struct err *err);

/* ---- capture_manifest.c ---- */
int capture_sequences_read(struct arena *arena, struct db_conn *conn, struct capture_sequence **ret,
                           size_t *ret_count, struct err *err);
json_t *capture_manifest(const struct capture *c); /* caller decrefs */
