/* lint/observe_private.h: what the files of the observer share. */
#pragma once

#include "lint/observe.h"

/* ---- observe_world.c: what is in the database, as far as a statement can change it ---- */

struct world_object {
  const char *noun; /* "table", "index", "column", ... */
  int64_t key;      /* with noun: unique */
  uint32_t oid;     /* of a relation, else 0 */
  uint32_t part_of; /* goes along with this relation; 0: stands alone */
  struct sql_name name;
  const char *identity; /* "public.orders", "total on public.orders" */
  int64_t file;         /* relfilenode; 0: has none */
  bool invalid;         /* index not valid, constraint not validated */
  bool unfilled;        /* column: NULL is not allowed, and nothing fills it */
};

struct world {
  struct arena *arena;
  VEC(struct world_object) objects; /* by noun, then key */
};

int world_read(struct db_conn *conn, struct world **ret, struct err *err);
void world_freep(struct world **world);
const struct world_object *world_relation(const struct world *world, uint32_t oid);
struct lint_seen_relation world_seen(struct arena *arena, const struct world_object *relation);
/* Adds rewrites, drops, invalid and needs_empty to the sight; old relations only. */
void world_compare(struct arena *arena, const struct world *start, const struct world *before,
                   const struct world *after, struct lint_sight *sight);

/* ---- observe.c ---- */

struct observer {
  struct arena *arena;
  const struct lint_shadow *shadow;
  struct db_conn *conn;             /* runs the script */
  struct world *start;              /* before the script */
  struct world *now;                /* before the statement */
  struct strings said;              /* by the server at DEBUG1, during the statement */
  struct arena *said_arena;         /* of said: the statement may run in a thread */
  const struct sql_statement *fine; /* those before it ran in the transaction of their file */
  bool complete;                    /* the shadow has all that the scripts may build on */
  const char *doubt; /* why a later failure says nothing of the scripts; NULL: it does */
};

/* Reads the world again and adds what is different to the sight. */
int observe_world(struct observer *o, struct lint_sight *sight, struct err *err);
/* What the error of the statement means: a failure there, or only here. */
void observe_failure(struct observer *o, const struct sql_statement *statement,
                     struct lint_sight *sight, const struct err *failed);

/* ---- observe_locks.c ---- */

void observe_lock(struct observer *o, struct lint_sight *sight, uint32_t oid,
                  enum lint_lock_mode mode);
void observe_scan(struct observer *o, struct lint_sight *sight, uint32_t oid);
/* The locks that the session of pid holds or waits for; asks on conn. */
int observe_locks(struct observer *o, struct db_conn *conn, int pid, struct lint_sight *sight,
                  struct err *err);

struct scan_count {
  uint32_t oid;
  int64_t count;
};
VEC_TYPE(scan_counts, struct scan_count);
/* Sequential scans in the transaction so far. */
int observe_scan_counts(struct observer *o, struct scan_counts *ret, struct err *err);
void observe_scans(struct observer *o, const struct scan_counts *before,
                   const struct scan_counts *after, struct lint_sight *sight);
/* What does not happen without rows: the other side of a foreign key is scanned, a sequence gives
 * numbers to a new column. */
int observe_for_rows(struct observer *o, struct lint_sight *sight, struct err *err);

/* ---- observe_bare.c ---- */

/* Outside of a transaction. */
int observe_bare(struct observer *o, const struct sql_statement *statement,
                 struct lint_sight *sight, struct err *err);
