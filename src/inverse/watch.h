/* inverse/watch.h (private to inverse/): what a statement did to tables, seen in the server's own
 * books.
 *
 *   struct watch *watch;
 *   watch_begin(arena, conn, &watch, err);            // which tables exist before the migration
 *   ... run a statement ...
 *   watch_statement(watch, index, locks, &effects, err);
 */
#pragma once

#include "inverse/shadow.h"

struct watch;

int watch_begin(struct arena *arena, struct db_conn *conn, struct watch **ret_watch,
                struct err *err);
/* `locks`: the statement ran in a transaction that is still open, so its locks can be seen.
 * Forgets locks when they are released (watch_released). Adds an effect only if there is one. */
int watch_statement(struct watch *watch, size_t statement, bool locks,
                    struct shadow_effects *effects, struct err *err);
void watch_released(struct watch *watch);
/* After a ROLLBACK of statements that were watched. */
int watch_rolled_back(struct watch *watch, struct err *err);
