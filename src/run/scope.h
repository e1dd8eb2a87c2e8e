/* run/scope.h: what the pending migrations endanger, for a backup that holds no more than that.
 *
 * Read off the proof: the shadow has seen which tables each statement drops, rewrites, empties or
 * writes. It has hardly any rows, so what depends on rows (DO blocks, functions, triggers) may do
 * more on the target than there; then it is not known, and the backup is to hold everything.
 */
#pragma once

#include "backup/backup.h"
#include "run/env.h"

struct run_scope {
  bool whole; /* everything: `why` says why */
  const char *why;
  struct backup_scope scope; /* else */
};

/* Preflight and proof of the pending migrations, for `belay backup --scope pending`. Nothing is
 * changed. ERR_REFUSED: nothing is pending; else the errors of preflight. */
int run_scope_of_pending(const struct run_env *env, struct run_scope *ret, struct err *err);
