/* backup/sessions.h: who is connected to a database, ending them, and keeping everybody out.
 */
#pragma once

#include "db/db.h"

enum { SESSIONS_SHOWN = 5 };

/* Sessions other than conn's own, as "4711 (trader, psql, 10.0.0.1)"; ret_count NULL: not asked. */
int sessions_list(struct arena *arena, struct db_conn *conn, const char *database,
                  struct strings *ret, struct err *err);
/* Ends them, again and again, until nobody is there. Not within wait_ms: ERR_PREFLIGHT naming who
 * is left. */
int sessions_end(struct arena *arena, struct db_conn *conn, const char *database, int64_t wait_ms,
                 struct err *err);
int sessions_allow(struct arena *arena, struct db_conn *conn, const char *database, bool allow,
                   struct err *err);
/* Opens the database again, through a new connection where need be, also after a signal. -1:
 * err says that it is still closed and what to type (ERR_CHANGED). */
int sessions_reopen(struct arena *arena, const struct db_target *target, const char *database,
                    struct err *err);
/* "psql -d postgres -c '...'" for a shell */
char *sessions_open_command(struct arena *arena, const char *database);
/* A test's way to kill belay at a step: BELAY_TEST_KILL names it. */
void sessions_test_kill(const char *step);
