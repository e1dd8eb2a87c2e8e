/* backup/session.h: settings that make copying out and loading independent of roles and servers.
 */
#pragma once

#include "db/db.h"

/* No timeouts, nothing filtered by row security, names qualified, money and XML in one fixed
 * form. */
int backup_session(struct db_conn *conn, struct err *err);
/* The codes that a stage must not rename: connection, store, damage, a signal. */
bool backup_keeps_code(enum err_code code);
/* Adds to the error of a session that ended in the middle (ERR_CONNECT) what to do, unless it has a
 * hint: what the failure left, and what to do again. */
void backup_explain_lost(const char *left, const char *again, struct err *err);

/* A database that nearly every server has, to create, rename and drop others from. */
int backup_open_maintenance(const struct db_target *target, const char *application,
                            struct db_conn **ret_conn, struct err *err);
/* The server's system identifier: no two servers have the same (a physical copy does). */
int backup_server_id(struct arena *arena, struct db_conn *conn, const char **ret_id,
                     struct err *err);

/* An SQL expression: the CREATE DATABASE statement for a manifest (an expression of type json)
 * and a name (text). Options that a server does not know yet are left out. Used by restore and,
 * through psql, by RECOVER.txt. */
#define BACKUP_CREATE_DATABASE(manifest, name)                                                     \
  "pg_catalog.format('CREATE DATABASE %I TEMPLATE template0 ENCODING %L LC_COLLATE %L LC_CTYPE "   \
  "%L',"                                                                                           \
  " " name ", " manifest " ->> 'encoding', " manifest " ->> 'collate', " manifest " ->> 'ctype')"  \
  " || CASE WHEN pg_catalog.current_setting('server_version_num')::int < 150000 THEN ''"           \
  " WHEN " manifest " ->> 'locale_provider' = 'i' THEN"                                            \
  " pg_catalog.format(' LOCALE_PROVIDER icu ICU_LOCALE %L', " manifest " ->> 'locale')"            \
  " || coalesce(' ICU_RULES ' || pg_catalog.quote_literal(nullif(" manifest                        \
  " ->> 'icu_rules', '')), '')"                                                                    \
  " WHEN " manifest " ->> 'locale_provider' = 'b' THEN"                                            \
  " pg_catalog.format(' LOCALE_PROVIDER builtin BUILTIN_LOCALE %L', " manifest " ->> 'locale')"    \
  " ELSE ' LOCALE_PROVIDER libc' END"
