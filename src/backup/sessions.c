#include "backup/sessions.h"

#include <signal.h>
#include <stdlib.h>

#include "backup/session.h"
#include "base/clock.h"
#include "base/interrupt.h"
#include "sql/quote.h"

enum { POLL_MS = 100, REOPEN_TRIES = 20, REOPEN_PAUSE_MS = 500 };

/* Whoever keeps a database from being renamed or copied: not autovacuum, which the server ends
 * itself. */
static const char sessions_query[] =
    "SELECT a.pid::text, pg_catalog.format('%s (%s)', a.pid, pg_catalog.concat_ws(', ',"
    " nullif(a.usename, ''), nullif(a.application_name, ''), pg_catalog.host(a.client_addr),"
    " CASE WHEN a.backend_type <> 'client backend' THEN a.backend_type END))"
    " FROM pg_catalog.pg_stat_activity a WHERE a.datname = $1"
    " AND a.pid <> pg_catalog.pg_backend_pid()"
    " AND a.backend_type IS DISTINCT FROM 'autovacuum worker' ORDER BY a.pid";

int sessions_list(struct arena *arena, struct db_conn *conn, const char *database,
                  struct strings *ret, struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (db_query(conn, &r, err, sessions_query, database, NULL) < 0)
    return err_wrap(err, "looking who is connected to %s", database);
  for (int i = 0; i < db_rows(r); i++)
    vec_push(arena, ret, arena_strdup(arena, db_value(r, i, 1)));
  return 0;
}

/* One round. ret_refused: what the server says when we may not. */
static int end_once(struct db_conn *conn, const char *database, int *ret_left,
                    struct err *ret_refused, struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (db_query(conn, &r, err, sessions_query, database, NULL) < 0)
    return err_wrap(err, "looking who is connected to %s", database);
  *ret_left = db_rows(r);
  for (int i = 0; i < db_rows(r); i++) {
    CLEANUP(db_result_clear) struct db_result *done = NULL;
    struct err refused = ERR_INIT;
    if (db_query(conn, &done, &refused, "SELECT pg_catalog.pg_terminate_backend($1::int)",
                 db_value(r, i, 0), NULL) == 0)
      continue;
    err_clear(ret_refused);
    err_move(ret_refused, &refused);
  }
  return 0;
}

int sessions_end(struct arena *arena, struct db_conn *conn, const char *database, int64_t wait_ms,
                 struct err *err)
{
  CLEANUP(err_clear) struct err refused = ERR_INIT;
  int64_t until_ms = clock_monotonic_ms() + wait_ms;
  for (;;) {
    int left;
    if (interrupt_check(err) < 0 || end_once(conn, database, &left, &refused, err) < 0)
      return -1;
    if (left == 0)
      return 0;
    if (clock_monotonic_ms() >= until_ms)
      break;
    clock_sleep_ms(POLL_MS);
  }
  struct strings names = {0};
  CLEANUP(text_clear) struct text list = TEXT_INIT;
  if (sessions_list(arena, conn, database, &names, err) < 0)
    return -1;
  for (size_t i = 0; i < names.len && i < SESSIONS_SHOWN; i++)
    text_printf(&list, "%s%s", i ? ", " : "", names.at[i]);
  err_set(err, ERR_PREFLIGHT, "%zu session%s of database %s did not end within %s: %s%s", names.len,
          names.len == 1 ? "" : "s", database, clock_duration(arena, wait_ms), list.data,
          names.len > SESSIONS_SHOWN ? ", ..." : "");
  if (err_is_set(&refused))
    err_detail(err, "%s", refused.message);
  return err_hint(err, "End them yourself, or use a role that may (superuser, or member of"
                       " pg_signal_backend).");
}

int sessions_allow(struct arena *arena, struct db_conn *conn, const char *database, bool allow,
                   struct err *err)
{
  if (db_execf(conn, err, "ALTER DATABASE %s ALLOW_CONNECTIONS %s", sql_ident(arena, database),
               allow ? "true" : "false") < 0)
    return err_wrap(err, "%s database %s", allow ? "opening" : "closing", database);
  return 0;
}

char *sessions_open_command(struct arena *arena, const char *database)
{
  CLEANUP(text_clear) struct text quoted = TEXT_INIT;
  const char *sql =
      arena_printf(arena, "ALTER DATABASE %s ALLOW_CONNECTIONS true", sql_ident(arena, database));
  for (const char *p = sql; *p; p++) {
    if (*p == '\'')
      text_puts(&quoted, "'\\''");
    else
      text_putc(&quoted, *p);
  }
  return arena_printf(arena, "psql -d postgres -c '%s'", quoted.data);
}

int sessions_reopen(struct arena *arena, const struct db_target *target, const char *database,
                    struct err *err)
{
  CLEANUP(err_clear) struct err failed = ERR_INIT;
  for (int i = 0; i < REOPEN_TRIES; i++) {
    CLEANUP(db_closep) struct db_conn *conn = NULL;
    err_clear(&failed);
    if (backup_open_maintenance(target, "belay restore", &conn, &failed) == 0 &&
        sessions_allow(arena, conn, database, true, &failed) == 0)
      return 0;
    clock_sleep_ms(REOPEN_PAUSE_MS);
  }
  const char *cause = err_is_set(err) ? arena_strdup(arena, err->message) : NULL;
  err_clear(err);
  err_set(err, ERR_CHANGED, "database %s is whole but accepts no connections: %s", database,
          failed.message);
  if (cause)
    err_detail(err, "it was closed for a moment, and then: %s", cause);
  return err_hint(err, "Type: %s", sessions_open_command(arena, database));
}

void sessions_test_kill(const char *step)
{
  const char *wanted = getenv("BELAY_TEST_KILL");
  if (wanted && strcmp(wanted, step) == 0)
    raise(SIGKILL);
}
