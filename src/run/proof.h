/* run/proof.h: a shadow of a database, on which inverses of migration files are made, outside of a
 * run.
 *
 *   struct proof *proof;
 *   if (proof_open(arena, &request, &proof, err) < 0) ...
 *   proof_script(proof, script, &inverse, err);
 *   proof_closep(&proof);
 *
 * The database is read once, when it is opened, and not connected to after that. Without one the
 * shadow is empty, and proof_replay brings it into the state before. A script moves the shadow on:
 * the next one finds what it made.
 */
#pragma once

#include "inverse/rehearsal.h"

struct proof;

struct proof_request {
  const struct db_target *target; /* NULL: there is none */
  int server_major;               /* without a target; 0: the newest that is installed */
  const char *application_name;
  struct catalog_options catalog_options;
  const char *shadow_url; /* may be NULL */
  bool shadow_on_target;
  bool exact_order;              /* inverse_prove_exact_order */
  struct rehearsal_options rows; /* what is tried with rows, too; sampled of
                                    the target, or made up where there is none */
};

int proof_open(struct arena *arena, const struct proof_request *request, struct proof **ret_proof,
               struct err *err);
const char *proof_where(const struct proof *proof); /* "throw-away PostgreSQL 15" */
/* Runs a script that is not to be undone. What was not run, because its effects are outside of the
 * database, is added to ret_outside. ERR_REFUSED when it fails. */
int proof_replay(struct proof *proof, const struct sql_script *script, struct strings *ret_outside,
                 struct err *err);
/* Errors and verdicts as inverse_prove has them. */
int proof_script(struct proof *proof, const struct sql_script *script, struct inverse **ret_inverse,
                 struct err *err);
void proof_closep(struct proof **proof); /* for CLEANUP */
