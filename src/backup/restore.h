/* backup/restore.h: what the parts of a restore share. Private to backup/.
 *
 *   restore.c         checks, CREATE DATABASE, the order of things, cleaning up
 *   restore_schema.c  SQL members, statement by statement
 *   restore_load.c    the rows, by workers
 */
#pragma once

#include "backup/backup.h"
#include "backup/manifest.h"

struct restore {
  struct arena *arena;
  const struct restore_options *options;
  const struct archive *archive;
  struct backup_tables tables;
  struct strings absent_roles;  /* roles of the manifest that do not exist here */
  struct strings missing_roles; /* those of them whose statements were left out */
  struct db_conn *conn;         /* to the new database */
};

int restore_connect(const struct restore *restore, struct db_conn **ret_conn, struct err *err);
/* Runs all statements of the SQL member `object`, in transactions of at most RESTORE_BATCH
 * statements. */
enum { RESTORE_BATCH = 200 };
int restore_sql(struct restore *restore, const char *object, struct err *err);
/* Statements that only set an owner, privileges or settings of a role: they may be left out. */
bool restore_is_owner_statement(const char *sql);

/* The rows, by options->jobs workers. */
int restore_load(struct restore *restore, struct err *err);
/* With FORCE; fine if there is none. */
int restore_drop_database(const struct db_target *target, const char *name, struct err *err);
