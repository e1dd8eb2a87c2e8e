/* run/proof.h: a shadow of a database, on which inverses of migration files are made, outside of a
 * run.
 *
 *   struct proof *proof;
 *   if (proof_open(arena, &request, &proof, err) < 0) ...
 *   proof_script(proof, script, &inverse, err);
 *   proof_closep(&proof);
 *
 * The database is read once, when it is opened, and not connected to after that. A script moves the
 * shadow on: the next one finds what it made.
 */
#pragma once

#include "inverse/inverse.h"

struct proof;

struct proof_request {
  const struct db_target *target;
  const char *application_name;
  struct catalog_options catalog_options;
  const char *shadow_url; /* may be NULL */
  bool shadow_on_target;
};

int proof_open(struct arena *arena, const struct proof_request *request, struct proof **ret_proof,
               struct err *err);
/* Errors and verdicts as inverse_prove has them. */
int proof_script(struct proof *proof, const struct sql_script *script, struct inverse **ret_inverse,
                 struct err *err);
void proof_closep(struct proof **proof); /* for CLEANUP */
