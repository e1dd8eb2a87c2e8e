/* migration/migration.h: what a project's migrations directory holds and what the database's ledger
 * says of it.
 *
 * A format is a table of functions (prisma.c, plain.c); adding one is one file. Facts: Prisma's
 * ledger is `_prisma_migrations` in the schema of the URL; its checksum is SHA-256 of the raw file
 * in lower-case hex.
 */
#pragma once

#include "base/base.h"
#include "db/db.h"

struct migration {
  const char *name;  /* "20260101120000_add_orders" */
  const char *path;  /* of the SQL file */
  const char *bytes; /* NUL-terminated */
  size_t len;
  char checksum[65];
};
VEC_TYPE(migrations, struct migration);

enum migration_state {
  MIGRATION_PENDING,
  MIGRATION_APPLIED,
  MIGRATION_FAILED,  /* the ledger has it started, neither finished nor rolled back */
  MIGRATION_EDITED,  /* applied, but the file's checksum differs (CRLF and LF count as equal) */
  MIGRATION_MISSING, /* applied, but not on disk: migration == NULL */
  MIGRATION_OUT_OF_ORDER, /* pending, but older than an applied one */
  MIGRATION_ROLLED_BACK,  /* counts as pending */
};
const char *migration_state_name(enum migration_state state); /* "pending", "edited", ... */

struct ledger_row {
  const char *id, *name, *checksum, *started_at, *finished_at, *rolled_back_at, *logs;
  int applied_steps;
};
VEC_TYPE(ledger_rows, struct ledger_row);

struct migration_status {
  enum migration_state state;
  const char *name;
  const struct migration *migration; /* NULL: MISSING, or FAILED and its file is gone */
  /* the newest that counts, else the newest rolled back; NULL: never seen */
  const struct ledger_row *row;
};
VEC_TYPE(migration_statuses, struct migration_status);

struct migration_format {
  const char *name;         /* "prisma", "plain" */
  const char *ledger_table; /* "_prisma_migrations"; lives in the target's schema; NULL: none */
  int64_t lock_key; /* the tool's own advisory lock, taken by native apply by try-lock polling; 0:
                       none */
  /* Is this directory of the format? (prisma: migration_lock.toml or NAME/migration.sql) */
  bool (*detect)(const char *dir);
  int (*read_dir)(struct arena *arena, const char *dir, struct migrations *ret, struct err *err);
  /* Ledger functions; `schema` is the target's schema. All run inside the caller's transaction, if
   * there is one. */
  int (*ledger_exists)(struct db_conn *conn, const char *schema, bool *ret, struct err *err);
  int (*ledger_create)(struct db_conn *conn, const char *schema,
                       struct err *err); /* as the tool creates it */
  int (*ledger_read)(struct arena *arena, struct db_conn *conn, const char *schema,
                     struct ledger_rows *ret, struct err *err);
  /* A row as the tool writes it after success; started_at is an ISO 8601 time. */
  int (*ledger_add)(struct db_conn *conn, const char *schema, const struct migration *m,
                    const char *started_at, struct err *err);
  /* For files run statement by statement: a started row first (committed), then finished or failed
   * with the log text. */
  int (*ledger_start)(struct arena *arena, struct db_conn *conn, const char *schema,
                      const struct migration *m, const char **ret_row_id, struct err *err);
  int (*ledger_finish)(struct db_conn *conn, const char *schema, const char *row_id,
                       struct err *err);
  int (*ledger_fail)(struct db_conn *conn, const char *schema, const char *row_id, const char *log,
                     struct err *err);
  /* After belay took a migration back: its finished row, or its failed one when there is no
   * finished one, no longer counts (prisma: rolled_back_at). Not `whole`: parts of it are back, and
   * until the others are it counts as begun. ERR_REFUSED where there is no such row. */
  int (*ledger_back)(struct db_conn *conn, const char *schema, const char *name, bool whole,
                     struct err *err);
  /* The same as a statement, which returns the rows it found. */
  const char *(*ledger_back_sql)(struct arena *arena, const char *schema, const char *name,
                                 bool whole);
};

const struct migration_format *migration_format_find(const char *name); /* NULL if unknown */
/* The format of a directory: named, else detected. ERR_USAGE names what was expected. */
int migration_format_of(const char *dir, const char *named, const struct migration_format **ret,
                        struct err *err);
/* Where a project keeps its migrations: "prisma/migrations" and the like below dir; NULL if nothing
 * is found. */
/* For lint only: the files of a directory whose tool belay does not stand in for, in the order in
 * which that applies them, without those that take a migration back. ret_tool: "flyway"; NULL: the
 * files must say. */
bool migration_goes_back(const char *path); /* by its name: down and undo files */
int migration_read_others(struct arena *arena, const char *dir, struct migrations *ret,
                          const char **ret_tool, struct err *err);
char *migration_find_dir(struct arena *arena, const char *project_dir);

/* Directory against ledger, in the order in which the tool applies: every file and every ledger
 * name that counts, once. A file that was rolled back and is older than an applied one is
 * OUT_OF_ORDER (its row says that it was rolled back). */
void migration_compare(struct arena *arena, const struct migrations *files,
                       const struct ledger_rows *rows, struct migration_statuses *ret);
