#include "run/observe.h"

#include "inverse/shadow.h"

static int open_session(void *context, struct db_conn **ret_conn, struct err *err)
{
  return shadow_session(context, ret_conn, err);
}

static const char *outside(void *context, struct arena *arena,
                           const struct sql_statement *statement)
{
  return shadow_keeps_out(context, arena, statement);
}

int run_observe(struct arena *arena, const struct observe_request *request,
                struct lint_input *input, struct err *err)
{
  CLEANUP(shadow_closep) struct shadow *shadow = NULL;
  const struct catalog *catalog = input->catalog;
  struct shadow_options options = {
      .target = request->target,
      .server_major = catalog ? catalog->server_version / 10000 : input->target_major,
      .url = request->shadow_url,
      .allow_on_target = request->shadow_on_target,
  };
  struct lint_observation *seen;
  if (shadow_open(arena, &options, catalog, &request->catalog_options, &shadow, err) < 0)
    return -1;
  const struct lint_shadow on = {.open = open_session, .outside = outside, .context = shadow};
  if (lint_observe(arena, &on, input, &seen, err) < 0)
    return err_recode(err, err->code == ERR_SQL ? ERR_REFUSED : err->code);
  input->observation = seen;
  return 0;
}
