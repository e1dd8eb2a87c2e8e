/* db/target.h: which database is meant. Order: --database > BELAY_DATABASE_URL > DATABASE_URL >
 * .env > belay.yaml > libpq's own (PG*, service, passfile). Prisma's URLs are translated: `schema`
 * becomes the search_path and the schema that is guarded; connection_limit, pool_timeout,
 * socket_timeout, statement_cache_size are dropped; pgbouncer=true marks the target as pooled;
 * sslaccept, sslidentity and the like are mapped or refused; prisma:// URLs are refused.
 */
#pragma once

#include "base/base.h"

struct db_target_request {
  const char *option;     /* --database; NULL = not given */
  const char *env_file;   /* --env-file; NULL = ".env" in `dir` if it exists */
  const char *dir;        /* where .env is looked for: the project's directory */
  const char *configured; /* belay.yaml `database`, may be NULL */
  /* comma-separated variables of the same place that are tried when the URL is pooled; NULL =
   * "DIRECT_URL,DIRECT_DATABASE_URL" */
  const char *direct_url_names;
};

struct db_target {
  const char *url;      /* as found, secret inside: for the environment of a wrapped command only */
  const char *conninfo; /* what libpq gets (keyword = value form) */
  const char *shown;    /* "postgresql://trader@localhost:5432/trading", never a password */
  const char *source;   /* "--database", "DATABASE_URL", ".env (DATABASE_URL)", ... */
  const char *schema;   /* Prisma's ?schema=, default "public" */
  const char *database; /* name of the database */
  bool pooled;          /* goes through a transaction-mode pooler as far as the URL tells */
};

/* ERR_USAGE with what was looked at when nothing is found or the URL cannot be used. */
int db_target_resolve(struct arena *arena, const struct db_target_request *request,
                      struct db_target *ret_target, struct err *err);
/* From one URL or conninfo string. `source` is for messages. Passwords become log secrets; no
 * message and no `shown` holds one. */
int db_target_parse(struct arena *arena, const char *url, const char *source,
                    struct db_target *ret_target, struct err *err);
/* The same target with another database name. */
int db_target_with_database(struct arena *arena, const struct db_target *target,
                            const char *database, struct db_target *ret_target, struct err *err);
/* Value of NAME in a .env file (KEY=value, export, quotes, comments, ${VAR}); NULL if absent. A
 * malformed line anywhere is ERR_USAGE with file:line. */
int db_env_file_get(struct arena *arena, const char *path, const char *name, const char **ret_value,
                    struct err *err);
