/* run/observe.h: scripts are run on a shadow and watched, for the linter.
 *
 * The shadow is made from the catalog, or is an empty database on which the known scripts are run
 * first. The database that the catalog was read from is not touched.
 */
#pragma once

#include "lint/observe.h"

struct observe_request {
  const struct db_target *target; /* that the catalog was read from; NULL: none */
  struct catalog_options catalog_options;
  const char *shadow_url; /* may be NULL */
  bool shadow_on_target;
};

/* Sets input->observation. A shadow that cannot be made is ERR_REFUSED or ERR_CONNECT. */
int run_observe(struct arena *arena, const struct observe_request *request,
                struct lint_input *input, struct err *err);
