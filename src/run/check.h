/* run/check.h: the user's own checks: SQL files of belay.yaml (`checks:`) and a verify.sql beside a
 * migration. Private to run/.
 *
 * A check only reads. Each file runs in a READ ONLY transaction of its own on a connection of its
 * own, rolled back at the end; a file that holds transaction control is refused. It passes when
 * every query returns no row, or a single column that is true.
 */
#pragma once

#include "run/pipeline.h"

struct check {
  const char *path;
  struct sql_script *script;
};
VEC_TYPE(checks, struct check);

/* The checks of the project and of the pending migrations, read and looked through, before anything
 * is touched. ERR_USAGE: absent or not SQL; ERR_REFUSED: transaction control. */
int checks_read(struct run *run, struct checks *ret, struct err *err);
/* ERR_POSTVERIFY when it does not hold; ERR_SQL, ERR_CONNECT when it could not be run. */
int check_run(struct run *run, const struct check *check, struct err *err);
