/* backup/take.h: what the parts of taking a backup share. Private to backup/.
 *
 *   take.c         the order of things, cleaning up after a failure
 *   take_leader.c  the leader's session: tables learned, locked, snapshot, checked again
 *   take_units.c   what is copied by one COPY: a table, or a range of its blocks
 *   take_copy.c    the workers
 *   take_scope.c   a scoped backup: which tables keep their rows
 *   take_large.c   rows too large for the server to send
 *   take_schema.c  SQL members: large objects, pre-data, post-data, sequences
 *   take_manifest.c what the manifest says about the database
 *   take_sweep.c   what killed backups left in the store
 */
#pragma once

#include "backup/backup.h"
#include "backup/chunks.h"
#include "catalog/large_objects.h"

/* A table whose rows are in the backup, or the root of partitions (locked, without rows of its
 * own). */
struct take_table {
  uint32_t oid;
  const char *identity;  /* "public.orders" */
  const char *columns;   /* quoted and comma-separated, generated ones left out; NULL: none */
  const char *names;     /* the same as a JSON array */
  const char *condition; /* of an extension's configuration table: "WHERE ..."; else NULL */
  const char
      *load_into; /* where restore puts the rows: the table, or the root of hash partitions */
  bool has_rows;  /* false for partition roots, and for what a scope leaves out */
  bool left_out;  /* by the scope */
  bool is_heap;   /* its rows lie in numbered blocks */
  bool is_large_objects; /* LARGE_OBJECTS_TABLE; unless is_heap read by calls, and not locked */
  enum chunks_format format;
  bool sendable; /* in binary, by this server to any server: more types than make it the default */
  uint32_t relfilenode;
  int64_t bytes, blocks;         /* with TOAST; of the heap alone */
  int64_t cost;                  /* of copying it, about: comparable among tables */
  struct chunks_content content; /* after the copy */
};
VEC_TYPE(take_tables, struct take_table);

struct take_left_out {
  const char *identity;
  int64_t rows_estimate; /* -1: not known */
};
VEC_TYPE(take_left_outs, struct take_left_out);

struct take {
  struct arena *arena;
  const struct backup_options *options;
  struct db_conn *leader;
  struct archive_writer *archive;
  struct sink *hold;         /* open as long as the backup is made: see take_hold */
  struct take_tables tables; /* sorted by cost, highest first */
  int attempts;
  const char *database; /* as the server calls it; a pooler may know it by another name */
  const char *id, *prefix;
  const char *snapshot, *lsn;
  const char *counters; /* JSON: what was written so far, by table (backup/counters.h) */
  bool standby;
  const char *encoding; /* of the database; COPY data travels in it */
  int64_t created_us;
  struct catalog *catalog;
  /* a scoped backup's */
  struct take_left_outs left_out;
  struct strings not_valid; /* foreign keys that refer to rows which are not there */
  struct strings widened;   /* tables taken along, and why */
};

/* take_leader.c */
enum { TAKE_TRIES_MAX = 5, TAKE_LOCK_BATCH = 100 };
int take_connect(const struct take *take, struct db_conn **ret_conn, struct err *err);
/* On a standby: ERR_BACKUP naming unlogged tables whose rows are wanted. */
int take_refuse_unlogged(struct take *take, struct err *err);
/* Adds a hint to the error of a statement that a standby cancelled. Returns -1. */
int take_explain_conflict(const struct take *take, struct err *err);
/* Leaves the leader in its transaction, with snapshot, locks and the tables known. */
int take_begin(struct take *take, struct err *err);

/* take_units.c */
struct take_unit {
  struct take_table *table;
  int64_t first_block, end_block; /* end 0: no end; both 0: the whole table */
  int64_t bytes;                  /* its share of the table's */
};
VEC_TYPE(take_units, struct take_unit);
/* In the order in which the workers take them: whole tables, highest cost first, then ranges. */
void take_plan_units(struct take *take, struct take_units *ret);
/* COPY statements: of a unit, and of a table's part on its way back. */
char *take_copy_out_sql(struct arena *arena, const struct take *take, const struct take_unit *unit);
const char *take_where(struct arena *arena, const struct take_unit *unit); /* "": all rows */
char *take_copy_in_sql(struct arena *arena, const struct take *take,
                       const struct take_table *table);

/* take_scope.c: after the catalog was read, before the schema is written. */
int take_scope(struct take *take, struct err *err);

/* take_large.c: rows that do not fit into a message of the server. */
bool take_row_is_too_large(const struct err *err);
/* Replaces the server's error by one that names the row: the one after those that arrived. */
int take_refuse_large(const struct take *take, struct db_conn *conn, const struct take_unit *unit,
                      int64_t arrived, struct err *err);

/* take_copy.c: the schema and the rows; fills in the content of each table. Lane 0 is the leader's,
 * 1.. are the workers'. */
int take_copy(struct take *take, struct err *err);

/* take_schema.c */
int take_schema(struct take *take, struct err *err);
int take_sequences(struct take *take, struct err *err);

/* take_manifest.c */
int take_manifest(struct take *take, json_t **ret_extra, struct err *err);

/* take_sweep.c: before anything is written under the prefix, take_hold: others see that it is being
 * written. take_sweep removes the unfinished backups of a database that nobody is writing. */
int take_hold(struct take *take, struct err *err);
int take_sweep(struct arena *arena, struct place *place, const char *database_prefix,
               struct err *err);
