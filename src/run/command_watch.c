#include "run/command_watch.h"

#include "base/clock.h"
#include "base/interrupt.h"
#include "base/log.h"

enum {
  WAIT_MS = 5000,     /* for sessions that should end by themselves */
  END_WAIT_MS = 3000, /* for terminated ones */
  POLL_MS = 250,
  WRITTEN_TABLES_MAX = 10, /* listed by name */
};

int command_watch_begin(struct run *run, struct command_watch *ret, struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (db_query(run->conn, &r, err,
               "SELECT clock_timestamp()::text, (SELECT array_agg(pid)::text FROM "
               "pg_stat_activity), pg_snapshot_xmax(pg_current_snapshot())::text, (SELECT "
               "coalesce(jsonb_object_agg(relid, n_tup_ins + n_tup_upd + n_tup_del), '{}')::text "
               "FROM pg_stat_user_tables)",
               NULL) < 0)
    return -1;
  *ret = (struct command_watch){
      .began_at = arena_strdup(run->arena, db_value(r, 0, 0)),
      .pids = arena_strdup(run->arena, db_value(r, 0, 1)),
      .next_xid = arena_strdup(run->arena, db_value(r, 0, 2)),
      .write_counters = arena_strdup(run->arena, db_value(r, 0, 3)),
  };
  return 0;
}

/* Every other client of this database. Whether a session is in a transaction is read from its lock
 * on its own virtual transaction, which every role may see. */
static int read_sessions(struct run *run, const struct command_watch *watch,
                         struct command_sessions *ret, struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  int64_t key = run->env->format ? run->env->format->lock_key : 0;
  const char *own_name = arena_printf(run->arena, "belay command %s", run->id);
  const char *tool_key = arena_printf(run->arena, "%" PRId64, key);
  const char *lock_pid = arena_printf(run->arena, "%d", run->lock ? db_backend_pid(run->lock) : 0);
  if (db_query(
          run->conn, &r, err,
          "SELECT a.pid, a.application_name, coalesce(a.state, 'state not visible'), "
          "a.backend_xid IS NOT NULL OR EXISTS (SELECT FROM pg_locks v WHERE v.pid = a.pid AND "
          "v.locktype = 'virtualxid' AND v.granted), "
          "coalesce(a.backend_start > $1::timestamptz, a.pid <> ALL ($2::int[])), "
          "a.application_name = $3 OR $4::bigint <> 0 AND EXISTS (SELECT FROM pg_locks t WHERE "
          "t.pid = a.pid AND t.locktype = 'advisory' AND t.granted AND t.objsubid = 1 AND "
          "t.database = a.datid AND (t.classid::bigint << 32 | t.objid::bigint) = $4::bigint) "
          "FROM pg_stat_activity a WHERE a.datname = current_database() AND a.usesysid IS NOT NULL "
          "AND a.pid NOT IN "
          "(pg_backend_pid(), $5::int) AND coalesce(a.backend_type, 'client backend') = "
          "'client backend' ORDER BY 1",
          watch->began_at, watch->pids, own_name, tool_key, lock_pid, NULL) < 0)
    return -1;
  struct command_sessions sessions = {0};
  for (int i = 0; i < db_rows(r); i++) {
    struct command_session *s = vec_add(run->arena, &sessions);
    *s = (struct command_session){
        .pid = arena_strdup(run->arena, db_value(r, i, 0)),
        .name = arena_strdup(run->arena, db_value(r, i, 1)),
        .state = arena_strdup(run->arena, db_value(r, i, 2)),
        .in_transaction = db_bool(r, i, 3),
        .opened_since = db_bool(r, i, 4),
        .own = db_bool(r, i, 4) && db_bool(r, i, 5),
    };
  }
  *ret = sessions;
  return 0;
}

const char *command_session_text(struct run *run, const struct command_session *s)
{
  return arena_printf(run->arena, "backend %s (%s%s%s)", s->pid, s->name ? s->name : "",
                      s->name && s->name[0] ? ", " : "", s->state);
}

static int read_new(struct run *run, const struct command_watch *watch, bool own_only,
                    struct command_sessions *ret, struct err *err)
{
  struct command_sessions all, found = {0};
  if (read_sessions(run, watch, &all, err) < 0)
    return -1;
  for (size_t i = 0; i < all.len; i++)
    if (all.at[i].own || (!own_only && all.at[i].opened_since))
      vec_push(run->arena, &found, all.at[i]);
  *ret = found;
  return 0;
}

/* Until none is left or the time is over; another signal of the user ends the patience. */
static int wait_for_them(struct run *run, const struct command_watch *watch, bool own_only,
                         struct command_sessions *ret_left, struct err *err)
{
  int signals = interrupt_count();
  for (int waited_ms = 0;; waited_ms += POLL_MS) {
    if (read_new(run, watch, own_only, ret_left, err) < 0)
      return -1;
    if (ret_left->len == 0 || waited_ms >= WAIT_MS || interrupt_count() != signals)
      return 0;
    clock_sleep_ms(POLL_MS);
  }
}

int command_watch_settle(struct run *run, const struct command_watch *watch, bool own_only,
                         struct command_sessions *ret_left, struct err *err)
{
  struct command_sessions left;
  if (wait_for_them(run, watch, own_only, &left, err) < 0)
    return -1;
  size_t ended = 0;
  for (size_t i = 0; i < left.len; i++) {
    CLEANUP(db_result_clear) struct db_result *r = NULL;
    CLEANUP(err_clear) struct err refused = ERR_INIT;
    if (!left.at[i].own)
      continue;
    if (db_query(run->conn, &r, &refused, "SELECT pg_terminate_backend($1::int)", left.at[i].pid,
                 NULL) < 0) {
      log_warning("%s of the command could not be ended: %s",
                  command_session_text(run, &left.at[i]), refused.message);
      continue;
    }
    log_warning("the command has ended, its %s had not: terminated",
                command_session_text(run, &left.at[i]));
    ended++;
  }
  for (int waited_ms = 0; ended && waited_ms < END_WAIT_MS; waited_ms += POLL_MS) {
    struct command_sessions own;
    if (read_new(run, watch, true, &own, err) < 0)
      return -1;
    if (own.len == 0)
      break;
    clock_sleep_ms(POLL_MS);
  }
  return read_new(run, watch, own_only, ret_left, err);
}

/* First the sessions, then the transactions: one that was idle at the first look and has committed
 * before the second has moved xmax. */
int command_watch_quiet(struct run *run, const struct command_watch *watch, const char **ret_why,
                        struct err *err)
{
  struct command_sessions all;
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (read_sessions(run, watch, &all, err) < 0)
    return -1;
  for (size_t i = 0; i < all.len; i++) {
    if (!all.at[i].in_transaction && !all.at[i].opened_since)
      continue;
    *ret_why = arena_printf(run->arena, "%s is at work", command_session_text(run, &all.at[i]));
    return 0;
  }
  if (db_query(run->conn, &r, err,
               "WITH now AS MATERIALIZED (SELECT pg_current_snapshot() AS s) SELECT "
               "pg_snapshot_xmax(s)::text, (SELECT count(*) FROM pg_snapshot_xip(s)), (SELECT "
               "count(*) FROM pg_prepared_xacts WHERE database = current_database()) FROM now",
               NULL) < 0)
    return -1;
  if (strcmp(db_value(r, 0, 0), watch->next_xid) != 0)
    *ret_why = "transactions wrote on this server since the command began";
  else if (db_int(r, 0, 2))
    *ret_why = "a prepared transaction waits for its commit";
  else if (db_int(r, 0, 1))
    *ret_why = "a transaction that writes is in progress on this server";
  else
    *ret_why = NULL;
  return 0;
}

static bool is_in(const struct strings *list, const char *name)
{
  for (size_t i = 0; i < list->len; i++)
    if (strcmp(list->at[i], name) == 0)
      return true;
  return false;
}

static bool is_known(const struct run *run, const char *ledger, const char *identity)
{
  if (ledger && strcmp(ledger, identity) == 0)
    return true;
  for (size_t i = 0; i < run->files.len; i++) {
    const struct inverse *inverse = run->files.at[i].inverse;
    for (size_t k = 0; inverse && k < inverse->effects.len; k++)
      if (is_in(&inverse->effects.at[k].written, identity) ||
          is_in(&inverse->effects.at[k].rewritten, identity))
        return true;
  }
  return false;
}

int command_watch_tell_writes(struct run *run, const struct command_watch *watch, struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  CLEANUP(text_clear) struct text said = TEXT_INIT;
  if (db_query(
          run->conn, &r, err,
          "SELECT format('%I.%I', schemaname, relname), written FROM (SELECT schemaname, "
          "relname, n_tup_ins + n_tup_upd + n_tup_del - ($1::jsonb ->> relid::text)::bigint AS "
          "written FROM pg_stat_user_tables) t WHERE written > 0 ORDER BY 2 DESC, 1",
          watch->write_counters, NULL) < 0)
    return -1;
  int tables = 0;
  const char *ledger = run_ledger_identity(run->env);
  for (int i = 0; i < db_rows(r); i++) {
    if (is_known(run, ledger, db_value(r, i, 0)))
      continue;
    if (tables++ < WRITTEN_TABLES_MAX)
      text_printf(&said, "%s%s %s", said.len ? ", " : "", db_value(r, i, 0), db_value(r, i, 1));
  }
  if (tables == 0)
    return 0;
  if (tables > WRITTEN_TABLES_MAX)
    text_printf(&said, " and %d more", tables - WRITTEN_TABLES_MAX);
  log_info("             rows of other tables changed meanwhile: %s (the application, or the "
           "command)",
           said.data);
  return journal_write(run->journal, err, "other-writes", "tables", said.data, NULL);
}
