/* inverse/local_server.h (private to inverse/): a throw-away PostgreSQL in a temporary directory.
 *
 *   struct local_server *server;
 *   if (local_server_start(arena, 15, "trader", &server, err) < 0) ...   // superuser "trader",
 * database "postgres"
 *   db_target_parse(arena, local_server_conninfo(server, "postgres"), ...);
 *   local_server_stop(server);
 *
 * The directory is "belay-shadow-<pid>-XXXXXX" under $TMPDIR or /tmp. Its owner holds a lock on
 * the file `owner` in it; the next start removes directories (and servers in them) whose owner is
 * gone, so that nothing stays behind a kill -9. Where setpriv is installed the server also gets
 * SIGQUIT when its parent dies.
 */
#pragma once

#include "base/base.h"

struct local_server;

/* Directory with postgres and initdb of the major version: $BELAY_PG_BIN,
 * /usr/lib/postgresql/<major>/bin, pg_config --bindir, PATH. NULL: none is installed. */
const char *local_server_programs(struct arena *arena, int major);
int local_server_start(struct arena *arena, int major, const char *superuser,
                       struct local_server **ret_server, struct err *err);
const char *local_server_dir(const struct local_server *server);
pid_t local_server_pid(const struct local_server *server);
/* host='...' port='...' user='...' dbname='...' */
char *local_server_conninfo(struct arena *arena, const struct local_server *server,
                            const char *database);
void local_server_stop(struct local_server *server); /* NULL is fine */
