/* lint/observe.h: statements are run on a shadow, and the server is watched while they run.
 *
 *   struct lint_shadow shadow = {.open = ..., .outside = ..., .context = ...};
 *   struct lint_observation *seen;
 *   lint_observe(arena, &shadow, &input, &seen, err);
 *   input.observation = seen;
 *   lint_scripts(arena, &settings, &input, &report, err);
 *
 * The shadow is a database with the schema that the scripts start from and without rows; it is the
 * caller's, who may lose what is in it. Each statement runs in a transaction of its own, so that
 * the locks seen are its own; whether the file can run as one transaction is tried before, and
 * rolled back. What was seen: locks, files made anew, sequential scans, dropped objects, invalid
 * indexes and constraints left behind, failure. Statements that cannot run in a transaction are
 * stopped at locks of other sessions and looked at while they wait.
 *
 * Errors: ERR_CONNECT and ERR_SQL from the shadow's server, ERR_REFUSED if a known script fails. A
 * statement that fails is no error.
 */
#pragma once

#include "db/db.h"
#include "lint/effects.h"

struct lint_shadow {
  /* One more session with the shadow. */
  int (*open)(void *context, struct db_conn **ret_conn, struct err *err);
  /* Why the statement must not be run there ("ALTER SYSTEM"); NULL: it may. */
  const char *(*outside)(void *context, struct arena *arena, const struct sql_statement *statement);
  void *context;
};

struct lint_seen_lock {
  struct sql_name relation; /* as it was called before the statement */
  enum lint_lock_mode mode;
};
VEC_TYPE(lint_seen_locks, struct lint_seen_lock);

struct lint_seen_relation {
  struct sql_name at; /* before the statement */
  enum lint_relation_kind kind;
};
VEC_TYPE(lint_seen_relations, struct lint_seen_relation);

struct lint_unfilled_column {
  struct sql_name table;
  const char *column; /* quoted where needed */
};
VEC_TYPE(lint_unfilled_columns, struct lint_unfilled_column);

/* What one statement did. Relations are those that existed before its script. */
struct lint_sight {
  const char *unseen; /* why it was not run, or not watched; NULL: it was */
  bool all_locks;     /* every lock it took was seen, not only those it waited with */
  bool by_rows;       /* with other rows in the tables it may do other things */
  struct lint_seen_locks locks;
  struct lint_seen_relations rewrites, scans;
  struct strings drops;                     /* "table public.orders" */
  struct strings invalid;                   /* indexes and constraints that are invalid since */
  struct lint_unfilled_columns needs_empty; /* no value for old rows, and NULL is refused */
  const char *fails;                        /* the server's message; NULL: it ran */
};

struct lint_sights {
  struct lint_sight *at; /* one a statement */
  size_t len;
};

struct lint_observation {
  struct lint_sights *scripts; /* one a script of the input; known ones are empty */
  size_t count;
};

enum { LINT_OBSERVE_TIMEOUT_MS = 60000 }; /* a statement that takes longer is not observed */

/* NULL: there is no observation of it. */
const struct lint_sight *lint_observation_of(const struct lint_observation *observation,
                                             size_t script, size_t statement);
/* Adds what was seen to what was found otherwise. What was found and not seen goes only if it
 * would have been seen without rows, too; a failure never goes. */
void lint_effects_observe(struct arena *arena, struct lint_facts *facts,
                          const struct lint_sight *sight, struct lint_effects *effects);

int lint_observe(struct arena *arena, const struct lint_shadow *shadow,
                 const struct lint_input *input, struct lint_observation **ret, struct err *err);
