/* inverse/shadow.h: a scratch database with the schema of the target, on which migrations and
 * inverses are tried.
 *
 * Where, in this order: --shadow URL (a server on which a database belay_shadow_<id> may be made);
 * a throw-away server of the target's major version, if its programs are installed (initdb in a
 * temporary directory, private socket, as another user when we are root); CREATE DATABASE
 * belay_shadow_<id> on the target if policy allows. Everything is removed by shadow_close, also
 * after errors. Statements with effects outside the database are not run there (shadow_run says
 * so).
 */
#pragma once

#include "catalog/catalog.h"
#include "db/db.h"
#include "sql/script.h"

struct shadow;

struct shadow_options {
  const struct db_target *target; /* NULL: there is none */
  int server_major;               /* of the target; 0: any, the newest that is installed */
  const char *url;                /* --shadow, may be NULL */
  bool allow_on_target;           /* policy */
};

/* Opens the database and loads `schema` into it, committed. Then reads it back and compares: a
 * shadow that is not equal to the schema is ERR_REFUSED with the differences (a gap of ours must
 * not become a false proof). Missing roles become NOLOGIN stubs on a throw-away server only. A
 * missing extension is ERR_REFUSED by name. schema NULL: the database stays empty. */
int shadow_open(struct arena *arena, const struct shadow_options *options,
                const struct catalog *schema, const struct catalog_options *catalog_options,
                struct shadow **ret_shadow, struct err *err);
/* Where the programs for a throw-away server of that version are; NULL: none are installed. */
const char *shadow_programs(struct arena *arena, int major);
void shadow_close(struct shadow *shadow);
void shadow_closep(struct shadow **shadow);
/* Valid until the next shadow_run, which ends with a fresh session (a migration may have SET
 * something). */
struct db_conn *shadow_conn(struct shadow *shadow);
/* A copy of the shadow's database on the same server, with all that is in it; its own sessions of
 * the shadow are closed for that moment. To be closed before the shadow is. */
int shadow_clone(struct shadow *shadow, struct shadow **ret_clone, struct err *err);
/* That of its throw-away server, removed with it, also behind a kill; NULL: it has none. */
const char *shadow_directory(const struct shadow *shadow);
/* One more session with the shadow; the caller closes it. */
int shadow_session(struct shadow *shadow, struct db_conn **ret_conn, struct err *err);
/* While a session is held, shadow_run runs every script in it and does not end it: the parts of one
 * file may SET something for each other. shadow_conn is another one. */
int shadow_hold_session(struct shadow *shadow, bool hold, struct err *err);
/* Why a statement must not be run there: its effects do not stay in the database. NULL: it may. */
const char *shadow_keeps_out(const struct shadow *shadow, struct arena *arena,
                             const struct sql_statement *statement);
const char *shadow_where(const struct shadow *shadow); /* for people: "throw-away PostgreSQL 15" */
/* Databases belay_shadow_* older than a day on the shadow's server, left behind by a kill; never
 * dropped here. */
struct strings shadow_stale(const struct shadow *shadow);

/* What one statement did to tables that existed before the migration, watched in pg_locks and the
 * catalog. */
struct shadow_effect {
  size_t statement; /* index in the script */
  /* identities before the statement with a RowExclusiveLock: INSERT, UPDATE, DELETE, COPY */
  struct strings written;
  struct strings exclusive; /* identities newly locked ACCESS EXCLUSIVE */
  struct strings rewritten; /* identities whose relfilenode changed (rewrite, TRUNCATE) */
  bool large_objects;       /* some were made, altered, unlinked or opened */
  /* INSERT, UPDATE, DELETE or MERGE that failed for want of the rows that the target has (a foreign
   * key, a NULL from a subquery): why. Its rows are not in the shadow; its tables are in written.
   * */
  const char *skipped;
};
VEC_TYPE(shadow_effects, struct shadow_effect);

/* Runs a migration statement by statement: in one transaction, committed at its end, or bare as its
 * shape says. A statement that fails is ERR_REFUSED with its place and the server's message.
 * Statements with effects outside the database (ALTER SYSTEM, tablespaces, other databases,
 * subscriptions, COPY with a program or file, dblink) are not run but listed in ret_outside, and so
 * are roles, which run only on a throw-away server, and LISTEN and NOTIFY, which do run. A large
 * object that a statement does not find is made, empty, and the transaction run again; those of the
 * script before are gone. The shadow
 * is then in the state after; on failure it is back in the state before (if the shape is a
 * transaction). */
int shadow_run(struct arena *arena, struct shadow *shadow, const struct sql_script *script,
               struct shadow_effects *ret_effects, struct strings *ret_outside, struct err *err);
