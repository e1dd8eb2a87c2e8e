#include "run/proof.h"

struct proof {
  struct arena *arena;
  struct catalog_options options;
  struct shadow *shadow;
  struct catalog *target; /* NULL: there is none */
  bool exact_order;
  struct rehearsal_options rows;
  struct rehearsal *rehearsal; /* NULL: none is wanted, or the shadow was moved on without it */
};

static int read_database(struct arena *arena, const struct proof_request *request,
                         struct catalog **ret, int *ret_major, struct err *err)
{
  CLEANUP(db_closep) struct db_conn *conn = NULL;
  if (db_open(request->target, request->application_name, &conn, err) < 0 ||
      catalog_read(arena, conn, &request->catalog_options, ret, err) < 0)
    return -1;
  *ret_major = db_server_major(conn);
  return 0;
}

int proof_open(struct arena *arena, const struct proof_request *request, struct proof **ret_proof,
               struct err *err)
{
  struct catalog *catalog = NULL;
  int major = request->server_major;
  struct proof *proof = ARENA_NEW(arena, struct proof);
  proof->arena = arena;
  proof->options = request->catalog_options;
  proof->exact_order = request->exact_order;
  proof->rows = request->rows;
  proof->rows.source = request->target;
  if (!request->target && proof->rows.rows == REHEARSAL_SAMPLED)
    proof->rows.rows = REHEARSAL_SYNTHETIC;
  if (request->target && read_database(arena, request, &catalog, &major, err) < 0)
    return -1;
  struct shadow_options options = {
      .target = request->target,
      .server_major = major,
      .url = request->shadow_url,
      .allow_on_target = request->shadow_on_target,
  };
  if (shadow_open(arena, &options, catalog, &proof->options, &proof->shadow, err) < 0)
    return -1;
  proof->target = catalog;
  *ret_proof = proof;
  return 0;
}

const char *proof_where(const struct proof *proof)
{
  return shadow_where(proof->shadow);
}

int proof_replay(struct proof *proof, const struct sql_script *script, struct strings *ret_outside,
                 struct err *err)
{
  struct shadow_effects effects = {0};
  rehearsal_closep(&proof->rehearsal);
  return shadow_run(proof->arena, proof->shadow, script, &effects, ret_outside, err);
}

static int try_with_rows(struct proof *proof, const struct sql_script *script,
                         struct inverse *inverse, struct err *err)
{
  struct capture_plan plan = {0};
  if (!proof->rehearsal)
    return 0;
  if (!inverse->bare)
    capture_plan(proof->arena, inverse, &plan);
  int rc = rehearsal_try(proof->rehearsal, script, inverse, &plan, err);
  rehearsal_end_session(proof->rehearsal);
  return rc;
}

int proof_script(struct proof *proof, const struct sql_script *script, struct inverse **ret_inverse,
                 struct err *err)
{
  if (proof->rows.rows != REHEARSAL_NONE && !proof->rehearsal &&
      rehearsal_open(proof->arena, proof->shadow, &proof->rows, &proof->rehearsal, err) < 0)
    return -1;
  if ((proof->exact_order ? inverse_prove_exact_order : inverse_prove)(
          proof->arena, proof->shadow, &proof->options, script, ret_inverse, err) < 0)
    return -1;
  if (proof->target)
    inverse_estimate(*ret_inverse, proof->target);
  return try_with_rows(proof, script, *ret_inverse, err);
}

void proof_closep(struct proof **proof)
{
  if (*proof)
    rehearsal_closep(&(*proof)->rehearsal);
  if (*proof)
    shadow_closep(&(*proof)->shadow);
  *proof = NULL;
}
