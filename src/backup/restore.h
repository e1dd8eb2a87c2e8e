/* backup/restore.h: what the parts of a restore share. Private to backup/.
 *
 *   restore.c         checks, CREATE DATABASE, the order of things, cleaning up
 *   restore_items.c   SQL members and their marks, read
 *   restore_schema.c  statements, one after the other
 *   restore_load.c    the rows, by workers
 */
#pragma once

#include "backup/backup.h"
#include "backup/manifest.h"
#include "backup/marks.h"

/* A statement of an SQL member. */
struct restore_item {
  struct mark mark; /* kind NULL: a backup without marks */
  const char *sql;
  bool bare; /* cannot run in a transaction */
};
VEC_TYPE(restore_items, struct restore_item);

struct restore {
  struct arena *arena;
  const struct restore_options *options;
  const struct archive *archive;
  struct backup_tables tables;
  struct restore_items pre_data, values, post_data;
  bool marked;                  /* the backup has marks */
  struct strings absent_roles;  /* roles of the manifest that do not exist here */
  struct strings missing_roles; /* those of them whose statements were left out */
  struct db_conn *conn;         /* to the new database */
};

int restore_connect(const struct restore *restore, struct db_conn **ret_conn, struct err *err);
/* Fills pre_data, values (of sequences) and post_data. */
int restore_read_items(struct restore *restore, struct err *err);
/* Runs the statements in order, in transactions of at most RESTORE_BATCH; `what` is for messages.
 */
enum { RESTORE_BATCH = 200 };
int restore_run(struct restore *restore, const struct restore_items *items, const char *what,
                struct err *err);
/* Statements that only set an owner, privileges or settings of a role: they may be left out. */
bool restore_names_owner(const struct restore_item *item);

/* The rows, by options->jobs workers. */
int restore_load(struct restore *restore, struct err *err);
/* With FORCE; fine if there is none. */
int restore_drop_database(const struct db_target *target, const char *name, struct err *err);
