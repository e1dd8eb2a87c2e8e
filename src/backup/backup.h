/* backup/backup.h: consistent copies of a database, and the way back.
 *
 * A backup lives under <database>/backups/<id>/ in the place (store/archive.h), <database> being
 * place_key_escape of the target's database: only backup_take escapes. It is taken in
 * one exported snapshot: tables learned, locked ACCESS SHARE in batches (bounded wait), then
 * snapshot, relfilenodes checked against it, then workers COPY table by table, largest first.
 * The schema is printed from the catalog model; a kind that the model does not know is
 * ERR_BACKUP naming the objects. Restore creates a database; it never touches an existing one.
 */
#pragma once

#include "catalog/catalog.h"
#include "db/db.h"
#include "store/archive.h"

enum { BACKUP_JOBS_MAX = 16 };

/* Only the rows of some tables; the schema and the values of the sequences are whole. Partitions go
 * with their root, inheritance children only if they are named themselves. A foreign key from a
 * table in the backup to one that is not is written NOT VALID; where the server knows no such key
 * (of partitioned tables before 18) the referenced table is taken along. */
struct backup_scope {
  const char *kind;        /* "tables" or "pending": for the manifest */
  struct strings patterns; /* backup/pattern.h; ERR_USAGE if one matches nothing */
  struct strings tables;   /* identities; they need not exist */
};

struct backup_options {
  const struct db_target *target;
  struct place *place;
  int jobs;                         /* 1..BACKUP_JOBS_MAX */
  int level;                        /* zstd level */
  int64_t lock_timeout_ms;          /* for the ACCESS SHARE locks */
  const char *run_id;               /* the run that takes it, NULL for a plain backup */
  const struct backup_scope *scope; /* NULL: everything */
  const char *reason;               /* free text for the manifest: "before 20260101_x" */
};

/* CREATE DATABASE ... TEMPLATE on the same server, while nobody is connected. */
struct template_options {
  const struct db_target *target;
  struct place *place;
  bool terminate; /* end the sessions of others and keep everybody out meanwhile */
  const char *run_id, *reason;
};

struct backup_info {
  const char *id, *prefix, *database, *created_at, *server_version, *run_id, *reason;
  const char *fingerprint; /* structure fingerprint of the schema */
  int64_t tables, rows;    /* rows -1: not counted (a template backup) */
  uint64_t raw_bytes, bytes;
  int64_t duration_ms;
  const char *scope;        /* of a scoped backup: "tables", "pending"; NULL: it is whole */
  struct strings left_out;  /* scoped: "public.big (about 1000 rows)" */
  struct strings not_valid; /* scoped: foreign keys that are NOT VALID in it */
  struct strings widened;   /* scoped: why it holds more than was asked for */
  const char *template;     /* of a template backup: its database on the server; else NULL */
  bool sealed;              /* encrypted */
  bool locked;              /* and no identity opens it: without fingerprint, reason and left_out */
  const char *recipients;   /* sealed */
  bool pinned;              /* it stays whatever the rules of retention say */
  bool unread;  /* and damaged: the store did not let it be read, so nothing is known of it */
  bool damaged; /* the manifest cannot be trusted: only id, prefix and damage are filled in; or the
                   database of a template backup is not as it was made */
  const char *damage; /* what is wrong with it */
};
VEC_TYPE(backup_infos, struct backup_info);

/* ERR_BACKUP (or ERR_CONNECT, ERR_STORE, ERR_INTERRUPTED); on failure nothing is listed and no
 * segment stays. */
int backup_take(struct arena *arena, const struct backup_options *options,
                struct backup_info *ret_info, struct err *err);

/* The same for a template backup; ERR_PREFLIGHT too: somebody is connected, named. */
int backup_template_take(struct arena *arena, const struct template_options *options,
                         struct backup_info *ret_info, struct err *err);
/* Before any backup of the target: removes what killed template backups left, and opens the
 * database that they closed. What fails is a warning. */
void backup_template_sweep(struct arena *arena, struct place *place,
                           const struct db_target *target);
/* Is there one that was killed, or is under way? What is so, in a sentence. */
enum template_left { TEMPLATE_LEFT_NOTHING, TEMPLATE_UNDER_WAY, TEMPLATE_KILLED };
int backup_template_unfinished(struct arena *arena, struct place *place,
                               const struct db_target *target, enum template_left *ret,
                               const char **ret_verdict, struct err *err);

/* Whole backups only (those with a manifest), newest last. One whose manifest is damaged is
 * listed as such and does not hide the others. database_prefix: the key under which the database's
 * artifacts lie, taken as it is (run_env.database_prefix, or place_key_escape of the name); NULL:
 * all databases. */
int backup_list(struct arena *arena, struct place *place, const char *database_prefix,
                struct backup_infos *ret, struct err *err);
/* Marks template backups as damaged whose database is not on the server, or not as it was made.
 * Where the server cannot be asked that is a warning. */
void backup_look_at_templates(struct arena *arena, struct place *place,
                              const struct db_target *target, struct backup_infos *infos);
/* "13 tables, 231844 rows" */
char *backup_amount(struct arena *arena, int64_t tables, int64_t rows);
/* `which`: an id, a unique beginning of one, or "latest", the newest whole archive; before_us: only
 * those taken at or before it (INT64_MAX: any). database_prefix as for backup_list; NULL: looked
 * for under every database of the store. None or several: ERR_USAGE; a damaged one: ERR_DAMAGED. */
int backup_find(struct arena *arena, struct place *place, const char *database_prefix,
                const char *which, int64_t before_us, struct backup_info *ret_info,
                struct err *err);

/* Deletes a backup of any kind; info: from backup_list, a damaged one too. It is no longer listed
 * before anything else of it goes. target: any database of the server; needed for a template
 * backup only: its database is dropped if it is the one that was made. ERR_REFUSED: it lies on
 * another server, or is another one. ERR_PREFLIGHT: it is being made. ERR_CONNECT, ERR_STORE,
 * ERR_SQL. */
int backup_delete(struct arena *arena, struct place *place, const struct db_target *target,
                  const struct backup_info *info, struct err *err);
/* A file "pinned" beside the manifest; pinning twice is fine, unpinning what is not pinned too. */
int backup_pin(struct place *place, const char *prefix, bool pinned, struct err *err);
bool backup_is_pinned(struct place *place, const char *prefix);

struct restore_options {
  /* Any database of the server; the new one is created from "postgres" or "template1". */
  const struct db_target *target;
  struct place *place;
  const char *prefix; /* of the backup */
  const char *into;   /* name of the database to create; must not exist */
  /* `into` exists and stays: the rows go into its tables, which must be empty (data_only), or the
   * tables of `tables`, which must not exist there, are made. All or nothing. */
  bool existing, data_only;
  int jobs;
  bool no_owner;           /* do not set owners and privileges */
  bool schema_only;        /* no rows, no positions of sequences, nothing refreshed */
  bool no_analyze;         /* no planner statistics */
  bool replace_unfinished; /* drop what an unfinished restore left under the name */
  bool need_roles;         /* refuse when owners or grantees do not exist; else they are left out */
  struct strings map_roles, map_tablespaces; /* "OLD=NEW" */
  bool no_tablespaces;                       /* all into the default one */
  struct strings skip_extensions;
  struct strings tables; /* patterns: these tables and what belongs to them; none: everything */
  /* Called in the transaction that finishes the database, before its commit; may be NULL. */
  int (*check)(void *context, struct db_conn *conn, const struct strings *missing_roles,
               struct err *err);
  void *check_context;
  bool scratch; /* that transaction is rolled back: the database stays marked as unfinished, and is
                   the caller's to drop. */
  /* What the caller should say before anything is made, a line each; may be NULL. */
  void (*note)(void *context, const char *line);
  void *note_context;
};
struct restore_report {
  int64_t tables, rows; /* of a template: as the backup counted; else without large objects */
  int64_t large_objects, duration_ms;
  struct strings
      missing_roles; /* owners or grantees that do not exist here; their statements were left out */
  struct strings subscriptions; /* were made, but disabled and not connected */
};
/* On failure the half-made database is dropped (or, if that fails, the message names it).
 * ERR_REFUSED before anything is made: the name is taken, the server is older, extensions or
 * roles of policies are missing. */
int backup_restore(struct arena *arena, const struct restore_options *options,
                   struct restore_report *ret, struct err *err);

/* Does the database that was restored hold what the manifest says: rows and content, fingerprint
 * of the schema (owners false: but for owners and privileges). ERR_DAMAGED. A schema that differs
 * on a server of another major than the backup's proves nothing: then *ret_schema_compared is
 * false. */
int backup_check_restored(struct arena *arena, const struct restore_options *options, bool owners,
                          bool *ret_schema_compared, struct err *err);

enum backup_level { BACKUP_HASH, BACKUP_EXPAND, BACKUP_RESTORE };
struct verify_report {
  enum backup_level level;
  int64_t members, tables, rows;
  uint64_t bytes;
  struct strings missing_roles; /* RESTORE: owners that the scratch server lacks; then owners and
                                   privileges were left out of the comparison */
  bool locked;                  /* HASH: no identity opens it; what is inside was not looked at */
  bool schema_uncompared;       /* RESTORE: it differs, but the server is of another major */
  struct strings uncompared;    /* tables of which only the rows could be counted: the manifest has
                                   no digest of their content, or RESTORE has none to compare */
  struct strings notes;         /* RESTORE: what the restore said, a line each */
};
struct verify_options {
  struct place *place;
  const char *prefix; /* of the backup */
  enum backup_level level;
  const struct db_target *target; /* RESTORE: any database of the scratch server */
  int jobs;
};
/* HASH: every byte against the manifest; needs no identity. EXPAND: also every chunk expands and
 * is whole COPY data, row counts and digests of the tables' content agree, and each table is
 * there or said to be left out. RESTORE: also a real restore into a scratch database of its own,
 * belay_verify_<new id> (dropped afterwards; one left by a killed verify is dropped by the next
 * verify that makes one, or the next backup): schema fingerprint, row counts and content are read
 * back and compared. Of a template backup HASH looks at its manifest and at its database from
 * outside; EXPAND copies that into the scratch database and compares the schema; RESTORE reads
 * each row of the copy, too. ERR_DAMAGED; ERR_REFUSED: a template backup of another server. */
int backup_verify(struct arena *arena, const struct verify_options *options,
                  struct verify_report *ret, struct err *err);

/* The text of RECOVER.txt for a manifest: how to restore with tar, zstd, psql and, if it is
 * encrypted, age alone. It is a shell script as well. */
char *backup_recover_text(struct arena *arena, const char *database, const char *prefix,
                          bool sealed);
