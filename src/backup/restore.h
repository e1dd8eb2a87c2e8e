/* backup/restore.h: what the parts of a restore share. Private to backup/.
 *
 *   restore.c           checks, the order of things, cleaning up
 *   restore_create.c    the new database, marked as unfinished until it is whole
 *   restore_items.c     SQL members and their marks, read
 *   restore_schema.c    statements, one after the other
 *   restore_jobs.c      rows, indexes, foreign keys: what can be done at once, in which order
 *   restore_load.c      the workers that do it
 *   restore_existing.c  into a database that is there, in one transaction
 *   restore_large.c     its large objects
 *   restore_sequences.c positions of its sequences
 *   restore_analyze.c   planner statistics
 */
#pragma once

#include "backup/backup.h"
#include "backup/manifest.h"
#include "backup/marks.h"

/* A statement of an SQL member. */
struct restore_item {
  struct mark mark; /* kind NULL: a backup without marks */
  const char *sql;
  bool bare;       /* cannot run in a transaction */
  bool names_role; /* only sets an owner, privileges or settings of a role: may be left out */
  bool left_out;
};
VEC_TYPE(restore_items, struct restore_item);

struct restore {
  struct arena *arena;
  const struct restore_options *options;
  const struct archive *archive;
  struct backup_tables tables;
  struct restore_items large_objects, pre_data, values, post_data;
  struct restore_items of_database; /* properties of the database: run last */
  bool marked;                      /* the backup has marks */
  struct strings absent_roles;      /* roles of the manifest that do not exist here */
  struct strings missing_roles;     /* those of them whose statements were left out */
  const char *tablespace;           /* of the new database, quoted; NULL: the default one */
  bool created;                     /* the database is there, so it must go again on failure */
  struct db_conn *conn;             /* to the new database */
};

void restore_note(const struct restore *restore, const char *fmt, ...) PRINTF_LIKE(2, 3);
int restore_connect(const struct restore *restore, struct db_conn **ret_conn, struct err *err);
/* Fills large_objects (what makes them), pre_data, values (of sequences) and post_data; `tables` is
 * filled already. ERR_DAMAGED: a member is missing or no SQL, or a table that pre-data makes is
 * neither one of the tables nor left out by the scope. */
int restore_read_items(struct restore *restore, struct err *err);
/* Runs the statements in order, in transactions of at most RESTORE_BATCH; `what` is for messages.
 */
enum { RESTORE_BATCH = 200 };
int restore_run(struct restore *restore, const struct restore_items *items, const char *what,
                struct err *err);
/* The same inside the transaction that the caller has begun. */
int restore_run_within(struct restore *restore, const struct restore_items *items, const char *what,
                       struct err *err);
/* One transaction each: the statements lock every object that they name. */
int restore_make_large_objects(struct restore *restore, struct err *err);
/* What to do where a function of the user does not find a name. */
void restore_explain(struct err *err);
/* The server's disk is full, and nothing of the restore stays: ERR_PREFLIGHT, a retry may help. */
void restore_explain_full(struct err *err);
int restore_statement_error(const char *what, const char *sql, struct err *err);
bool restore_names_role(const struct restore_item *item);

/* restore_create.c */
int restore_check_name(const struct restore *restore, struct db_conn *conn, struct err *err);
int restore_create(struct restore *restore, struct db_conn *conn, struct err *err);
/* For whoever makes it otherwise: the mark; what a failed CREATE DATABASE means. */
int restore_mark_unfinished(struct restore *restore, struct db_conn *conn, struct err *err);
int restore_explain_create(const struct restore *restore, struct db_conn *conn, struct err *err);
/* Drops the scratch databases that killed verifies left, unless some verify is at work: whoever
 * makes one holds a session called RESTORE_SCRATCH_OWNER from before it is made until it is
 * dropped. conn: outside of a transaction. What cannot be dropped stays: no work depends on it. */
#define RESTORE_SCRATCH_PREFIX "belay_verify_"
#define RESTORE_SCRATCH_OWNER "belay verify"
void restore_sweep_scratch(const struct db_target *target, struct db_conn *conn);
bool restore_is_of_database(const struct restore_item *item);
/* The database is whole: its properties and the end of the mark, in one transaction. */
int restore_finish(struct restore *restore, struct err *err);

/* Rows, indexes, keys and foreign keys, by options->jobs workers. ret_tail: what of post-data
 * remains to be run afterwards, in order. */
int restore_load(struct restore *restore, struct restore_items *ret_tail, struct err *err);
/* Rows of a table in one COPY: `part`, and those that `next` gives until NULL (no next: none). What
 * stands around the COPY (table->before, after) is run in its transaction: the caller's, if it has
 * one. */
typedef const struct archive_entry *(*restore_next_part)(void *context);
int restore_put_rows(const struct restore *restore, struct db_conn *conn,
                     const struct backup_table *table, const struct archive_entry *part,
                     restore_next_part next, void *context, struct err *err);
/* restore_existing.c: into a database that is there, all or nothing: options->data_only, or
 * options->tables. */
int restore_existing(struct restore *restore, struct err *err);
/* restore_large.c: in the transaction that has begun; where the lock table has no room for them:
 * ERR_REFUSED. */
int restore_add_large_objects(struct restore *restore, struct err *err);
int64_t restore_count_large_objects(const struct restore *restore);
/* restore_sequences.c: positions in a database that is in use. What is not there or cannot be set:
 * ERR_REFUSED. One that stands beyond the backup's is left there, with a note. */
int restore_check_sequences(const struct restore *restore, struct err *err);
int restore_set_sequences(const struct restore *restore, struct err *err);
int restore_analyze(const struct restore *restore, struct err *err);
/* A database with subscriptions cannot be dropped. What fails here, the DROP will say. */
void restore_forget_subscriptions(const struct db_target *target, const char *name);
/* With FORCE; fine if there is none. */
int restore_drop_database(const struct db_target *target, const char *name, struct err *err);
