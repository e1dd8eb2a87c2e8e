/* lint/effects.h: what a statement does to a server: the locks it takes on what existed before, the
 * tables it writes anew or reads whole, what it drops, whether it fails. Rules about locks, scans
 * and rewrites look here; so does the report ("statements" in JSON).
 *
 *   struct lint_effects effects;
 *   lint_effects_of(&(struct lint_effects_input){.arena = ..., .facts = ..., ...}, &effects);
 *
 * Found from the statement and from what is known of the tables before it (facts.h), by what
 * PostgreSQL 13 to 18 were measured to do. What cannot be known is never guessed to be harmless:
 * `unknown` says it.
 */
#pragma once

#include "lint/facts.h"
#include "lint/lint.h"
#include "lint/names.h"

/* By strength, as the server orders them. */
enum lint_lock_mode {
  LINT_NO_LOCK,
  LINT_ACCESS_SHARE,
  LINT_ROW_SHARE,
  LINT_ROW_EXCLUSIVE,
  LINT_SHARE_UPDATE_EXCLUSIVE,
  LINT_SHARE,
  LINT_SHARE_ROW_EXCLUSIVE,
  LINT_EXCLUSIVE,
  LINT_ACCESS_EXCLUSIVE,
};
const char *lint_lock_name(enum lint_lock_mode mode);  /* "AccessExclusiveLock", as pg_locks */
const char *lint_lock_words(enum lint_lock_mode mode); /* "ACCESS EXCLUSIVE", as LOCK TABLE */

struct lint_lock {
  struct lint_relation *relation; /* not made by the same script */
  enum lint_lock_mode mode;       /* the strongest */
};
VEC_TYPE(lint_locks, struct lint_lock);

struct lint_effects {
  enum lint_depth source;
  struct lint_locks locks;
  struct lint_relations rewrites; /* tables, matviews and indexes whose file is made anew */
  struct lint_relations scans;    /* tables of which every row is read */
  struct strings drops;           /* "table public.orders", also what CASCADE takes */
  const char *fails;              /* the server refuses it: its message; NULL: not known to fail */
  const char *unknown; /* why more may happen than is listed: "a DO block"; NULL: all is listed */
};

struct lint_effects_input {
  struct arena *arena; /* what the effects live in */
  struct lint_facts *facts;
  const struct catalog *catalog;  /* that the facts come from; NULL: static depth */
  const struct lint_names *names; /* of its server; NULL: not known */
  struct lint_moment now;
  const struct sql_statement *statement;
  int major;           /* of the server; 0: not known */
  bool in_transaction; /* it is sent inside a transaction, also an implicit one */
};

/* A statement that fails has no other effects: its locks go with it. */
void lint_effects_of(const struct lint_effects_input *input, struct lint_effects *ret);
/* The lock on a relation; LINT_NO_LOCK if there is none. */
enum lint_lock_mode lint_effects_lock(const struct lint_effects *effects,
                                      const struct lint_relation *relation);
bool lint_effects_rewrites(const struct lint_effects *effects,
                           const struct lint_relation *relation);
bool lint_effects_scans(const struct lint_effects *effects, const struct lint_relation *relation);
