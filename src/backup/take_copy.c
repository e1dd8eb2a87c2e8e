#include "backup/take.h"

#include "backup/chunks.h"
#include "backup/workers.h"
#include "base/clock.h"
#include "base/interrupt.h"
#include "base/term.h"
#include "sql/quote.h"

enum { LEADER_LANE = 0, KEEPALIVE_MS = 60000 };

/* Everything below `workers` is shared between the threads, under its lock. */
struct copying {
  struct take *take;
  int64_t last_query_ms; /* of the leader */
  struct workers *workers;
  size_t next;         /* index of the next table that nobody has */
  size_t *handed_back; /* tables that a worker could not lock: the leader's work */
  size_t handed_back_len;
  uint64_t bytes_done, bytes_total;
};

char *take_copy_out_sql(struct arena *arena, const struct take *take,
                        const struct take_table *table)
{
  const char *columns = table->columns;
  const char *encoding = sql_literal(arena, take->encoding);
  if (table->condition)
    return arena_printf(arena, "COPY (SELECT %s FROM ONLY %s %s) TO STDOUT WITH (ENCODING %s)",
                        columns ? columns : "", table->identity, table->condition, encoding);
  /* without a column list COPY leaves generated columns out by itself: what is left is no column
   * at all */
  return arena_printf(arena, "COPY %s %s%s%s TO STDOUT WITH (ENCODING %s)", table->identity,
                      columns ? "(" : "", columns ? columns : "", columns ? ")" : "", encoding);
}

char *take_copy_in_sql(struct arena *arena, const struct take *take, const struct take_table *table)
{
  const char *columns = table->columns;
  return arena_printf(arena, "COPY %s %s%s%s FROM STDIN WITH (ENCODING %s)", table->load_into,
                      columns ? "(" : "", columns ? columns : "", columns ? ")" : "",
                      sql_literal(arena, take->encoding));
}

static int copy_table(struct copying *copying, struct db_conn *conn, int lane,
                      struct take_table *table, struct err *err)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  const char *sql = take_copy_out_sql(arena, copying->take, table);
  if (chunks_copy_out(conn, sql, copying->take->archive, lane, table->identity, &table->rows, err) <
      0)
    return -1;
  workers_lock(copying->workers);
  copying->bytes_done += (uint64_t)table->bytes;
  workers_unlock(copying->workers);
  return 0;
}

static struct take_table *next_table(struct copying *copying)
{
  struct take_tables *tables = &copying->take->tables;
  struct take_table *table = NULL;
  if (workers_stopped(copying->workers))
    return NULL;
  workers_lock(copying->workers);
  while (!table && copying->next < tables->len) {
    table = &tables->at[copying->next++];
    if (!table->has_rows)
      table = NULL;
  }
  workers_unlock(copying->workers);
  return table;
}

static void hand_back(struct copying *copying, const struct take_table *table)
{
  workers_lock(copying->workers);
  copying->handed_back[copying->handed_back_len++] = (size_t)(table - copying->take->tables.at);
  workers_wake(copying->workers);
  workers_unlock(copying->workers);
}

static struct take_table *take_handed_back(struct copying *copying)
{
  struct take_table *table = NULL;
  workers_lock(copying->workers);
  if (copying->handed_back_len)
    table = &copying->take->tables.at[copying->handed_back[--copying->handed_back_len]];
  workers_unlock(copying->workers);
  return table;
}

/* The leader holds ACCESS SHARE already, but a waiting ALTER stands before us in the queue and
 * waits for the leader: a plain COPY would hang for ever. ret_locked: false when it is so. */
static int lock_nowait(struct db_conn *conn, const struct take_table *table, bool *ret_locked,
                       struct err *err)
{
  struct err failed = ERR_INIT;
  *ret_locked = db_execf(conn, &failed,
                         "SAVEPOINT belay; LOCK TABLE ONLY %s IN ACCESS SHARE MODE NOWAIT;"
                         " RELEASE SAVEPOINT belay",
                         table->identity) == 0;
  if (*ret_locked)
    return 0;
  if (!err_sqlstate_is(&failed, "55P03")) {
    err_move(err, &failed);
    return err_wrap(err, "locking %s", table->identity);
  }
  err_clear(&failed);
  return db_exec(conn, "ROLLBACK TO SAVEPOINT belay", err);
}

static int connect_worker(void *context, struct db_conn **ret_conn, struct err *err)
{
  struct copying *copying = context;
  return take_connect(copying->take, ret_conn, err);
}

static int work(void *context, struct db_conn *conn, int number, struct err *err)
{
  struct copying *copying = context;
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  if (db_exec(conn, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", err) < 0 ||
      db_execf(conn, err, "SET TRANSACTION SNAPSHOT %s",
               sql_literal(arena, copying->take->snapshot)) < 0)
    return err_wrap(err, "joining the snapshot");
  for (struct take_table *table; (table = next_table(copying));) {
    bool locked;
    if (lock_nowait(conn, table, &locked, err) < 0)
      return -1;
    if (!locked)
      hand_back(copying, table);
    else if (copy_table(copying, conn, LEADER_LANE + number, table, err) < 0)
      return -1;
  }
  return 0;
}

/* What the leader does meanwhile: tables handed back, keeping its session alive, the progress
 * line. */
static int lead(void *context, struct err *err)
{
  struct copying *copying = context;
  struct db_conn *leader = copying->take->leader;
  for (struct take_table *table; (table = take_handed_back(copying));) {
    if (copy_table(copying, leader, LEADER_LANE, table, err) < 0)
      return -1;
    copying->last_query_ms = clock_monotonic_ms();
  }
  if (clock_monotonic_ms() - copying->last_query_ms > KEEPALIVE_MS) {
    if (db_exec(leader, "SELECT 1", err) < 0)
      return err_wrap(err, "holding the snapshot");
    copying->last_query_ms = clock_monotonic_ms();
  }
  workers_lock(copying->workers);
  uint64_t done = copying->bytes_done;
  workers_unlock(copying->workers);
  term_progress("backup", done >> 20, copying->bytes_total >> 20, "MiB");
  return 0;
}

int take_copy(struct take *take, struct err *err)
{
  CLEANUP(workers_freep) struct workers *workers = workers_new();
  struct copying copying = {
      .take = take, .workers = workers, .last_query_ms = clock_monotonic_ms()};
  copying.handed_back = arena_alloc(take->arena, (take->tables.len + 1) * sizeof(size_t));
  for (size_t i = 0; i < take->tables.len; i++)
    copying.bytes_total += (uint64_t)take->tables.at[i].bytes;
  const struct workers_job job = {.count = take->options->jobs,
                                  .connect = connect_worker,
                                  .work = work,
                                  .tick = lead,
                                  .context = &copying};
  db_cancel_on_signal(take->leader, true);
  int rc = workers_run(workers, &job, err);
  db_cancel_on_signal(take->leader, false);
  term_progress_clear();
  return rc;
}
