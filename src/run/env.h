/* run/env.h: what every command that talks to a database or a store needs, opened once from the
 * global options.
 *
 *   struct run_env env;
 *   if (run_env_open(arena, &options, RUN_ENV_TARGET | RUN_ENV_STORE, &env, err) < 0) ...
 *   run_env_close(&env);
 */
#pragma once

#include "db/db.h"
#include "migration/migration.h"
#include "run/config.h"
#include "store/keys.h"
#include "store/place.h"

struct run_options {
  const char *database, *store, *config, *environment, *env_file, *shadow, *migrations_dir;
  struct strings recipients;               /* --recipient */
  const char *identity, *identity_command; /* --identity, --identity-command */
  bool exact_order;                        /* --exact-order: over the policy's */
  int jobs;                                /* 0: the policy's */
};

enum { RUN_ENV_TARGET = 1, RUN_ENV_STORE = 2 };

struct run_env {
  struct arena *arena;
  struct config config;
  struct policy policy;
  struct db_target target;     /* RUN_ENV_TARGET */
  struct place *place;         /* RUN_ENV_STORE; owned */
  const char *database_prefix; /* the target's database as a key of the store */
  const char *shadow_url;
  const char *migrations_dir;            /* NULL: none found */
  const struct migration_format *format; /* NULL: none found */
  int jobs;
};

int run_env_open(struct arena *arena, const struct run_options *options, int needs,
                 struct run_env *ret_env, struct err *err);
/* The steps of it, in this order; env begins as {.arena = arena}. */
int run_env_config(struct run_env *env, const struct run_options *options, struct err *err);
int run_env_migrations(struct run_env *env, const struct run_options *options, struct err *err);
int run_env_target(struct run_env *env, const struct run_options *options, struct err *err);
int run_env_store(struct run_env *env, const struct run_options *options, struct err *err);
void run_env_close(struct run_env *env);

/* ERR_REFUSED when the policy wants artifacts to be encrypted and there are no recipients. */
int run_require_encryption(const struct run_env *env, struct err *err);
/* Keys as the options, BELAY_RECIPIENTS, BELAY_IDENTITY, BELAY_IDENTITY_COMMAND and belay.yaml name
 * them, in this order; for another place. Caller owns them. */
int run_open_keys(struct arena *arena, const struct config *config,
                  const struct run_options *options, struct keys **ret, struct err *err);

/* Identity of the ledger table ("public._prisma_migrations"), NULL without a format or ledger. */
char *run_ledger_identity(const struct run_env *env);
/* Catalog options that leave the ledger out. */
struct catalog_options run_catalog_options(const struct run_env *env);
