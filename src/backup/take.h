/* backup/take.h: what the parts of taking a backup share. Private to backup/.
 *
 *   take.c         the order of things, cleaning up after a failure
 *   take_leader.c  the leader's session: tables learned, locked, snapshot, checked again
 *   take_copy.c    the workers
 *   take_schema.c  SQL members: pre-data, post-data, sequences
 *   take_manifest.c what the manifest says about the database
 */
#pragma once

#include "backup/backup.h"

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
  bool has_rows;  /* false for partition roots */
  uint32_t relfilenode;
  int64_t bytes;
  int64_t rows; /* after the copy */
};
VEC_TYPE(take_tables, struct take_table);

struct take {
  struct arena *arena;
  const struct backup_options *options;
  struct db_conn *leader;
  struct archive_writer *archive;
  struct take_tables tables; /* sorted by size, largest first */
  int attempts;
  const char *database; /* as the server calls it */
  const char *id, *prefix;
  const char *snapshot, *lsn;
  bool standby;
  const char *encoding; /* of the database; COPY data travels in it */
  int64_t created_us;
  struct catalog *catalog;
};

/* take_leader.c */
enum { TAKE_TRIES_MAX = 5, TAKE_LOCK_BATCH = 100 };
int take_connect(const struct take *take, struct db_conn **ret_conn, struct err *err);
/* Leaves the leader in its transaction, with snapshot, locks and the tables known. */
int take_begin(struct take *take, struct err *err);

/* take_copy.c: fills in the rows of each table. Lane 0 is the leader's, 1.. are the workers'. */
int take_copy(struct take *take, struct err *err);
/* COPY statements of a table. */
char *take_copy_out_sql(struct arena *arena, const struct take *take,
                        const struct take_table *table);
char *take_copy_in_sql(struct arena *arena, const struct take *take,
                       const struct take_table *table);

/* take_schema.c */
int take_schema(struct take *take, struct err *err);
int take_sequences(struct take *take, struct err *err);

/* take_manifest.c */
int take_manifest(struct take *take, json_t **ret_extra, struct err *err);
