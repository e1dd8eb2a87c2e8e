#include "run/proof.h"

struct proof {
  struct arena *arena;
  struct catalog_options options;
  struct shadow *shadow;
};

int proof_open(struct arena *arena, const struct proof_request *request, struct proof **ret_proof,
               struct err *err)
{
  struct catalog *catalog;
  struct proof *proof = ARENA_NEW(arena, struct proof);
  proof->arena = arena;
  proof->options = request->catalog_options;
  CLEANUP(db_closep) struct db_conn *conn = NULL;
  if (db_open(request->target, request->application_name, &conn, err) < 0 ||
      catalog_read(arena, conn, &proof->options, &catalog, err) < 0)
    return -1;
  struct shadow_options options = {
      .target = request->target,
      .server_major = db_server_major(conn),
      .url = request->shadow_url,
      .allow_on_target = request->shadow_on_target,
  };
  if (shadow_open(arena, &options, catalog, &proof->options, &proof->shadow, err) < 0)
    return -1;
  *ret_proof = proof;
  return 0;
}

int proof_script(struct proof *proof, const struct sql_script *script, struct inverse **ret_inverse,
                 struct err *err)
{
  return inverse_prove(proof->arena, proof->shadow, &proof->options, script, ret_inverse, err);
}

void proof_closep(struct proof **proof)
{
  if (*proof)
    shadow_closep(&(*proof)->shadow);
  *proof = NULL;
}
