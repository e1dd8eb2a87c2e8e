#include "backup/take.h"

#include "backup/chunks.h"
#include "backup/workers.h"
#include "base/clock.h"
#include "base/interrupt.h"
#include "base/term.h"
#include "sql/quote.h"

enum { LEADER_LANE = 0, KEEPALIVE_MS = 60000, SAVEPOINT_BYTES = 1024 * 1024 };

/* Everything below `workers` is shared between the threads, under its lock. */
struct copying {
  struct take *take;
  int64_t last_query_ms;  /* of the leader */
  struct err leader_lost; /* how its session ended, if its schema was not read for that */
  struct take_units units;
  struct chunks_object *objects; /* one a table */
  struct workers *workers;
  size_t next;                          /* index of the next unit that nobody has */
  const struct take_unit **handed_back; /* by a worker: the leader's work */
  size_t handed_back_len;
  bool *too_large; /* of a table: to be copied again, in binary */
  uint64_t bytes_done, bytes_total;
};

static void hand_back(struct copying *copying, const struct take_unit *unit)
{
  workers_lock(copying->workers);
  copying->handed_back[copying->handed_back_len++] = unit;
  workers_wake(copying->workers);
  workers_unlock(copying->workers);
}

/* A table that was begun as text and holds a row too large for it is copied again in binary, after
 * the others. A row too large for both is met by the leader, who knows the schema by then. */
static int meet_too_large(struct copying *copying, struct db_conn *conn,
                          const struct take_unit *unit, int64_t arrived, struct err *err)
{
  struct take_table *table = unit->table;
  struct err failed = ERR_INIT;
  if (db_exec(conn, "ROLLBACK TO SAVEPOINT belay", &failed) < 0) {
    err_clear(&failed);
    return -1;
  }
  bool refused = table->format == CHUNKS_BINARY || !table->sendable;
  if (refused && conn == copying->take->leader)
    return take_refuse_large(copying->take, conn, unit, arrived, err);
  err_clear(err);
  if (refused) {
    hand_back(copying, unit);
    return db_exec(conn, "RELEASE SAVEPOINT belay", err);
  }
  workers_lock(copying->workers);
  copying->too_large[table - copying->take->tables.at] = true;
  workers_unlock(copying->workers);
  return db_exec(conn, "RELEASE SAVEPOINT belay", err);
}

static void count(struct copying *copying, const struct take_unit *unit,
                  const struct chunks_content *content)
{
  workers_lock(copying->workers);
  copying->bytes_done += (uint64_t)unit->bytes;
  chunks_content_add(&unit->table->content, content);
  workers_unlock(copying->workers);
}

static int copy_unit(struct copying *copying, struct db_conn *conn, int lane,
                     const struct take_unit *unit, struct err *err)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  const char *sql = take_copy_out_sql(arena, copying->take, unit);
  struct chunks_object *object = &copying->objects[unit->table - copying->take->tables.at];
  struct chunks_content content;
  /* compression makes a value 250 times smaller at most: less holds none too large */
  bool may_fail = unit->bytes >= SAVEPOINT_BYTES;
  if (may_fail && db_exec(conn, "SAVEPOINT belay", err) < 0)
    return -1;
  if (chunks_copy(conn, sql, object, lane, unit->first_block == 0, &content, err) < 0) {
    if (may_fail && take_row_is_too_large(err))
      return meet_too_large(copying, conn, unit, content.rows, err);
    return take_explain_conflict(copying->take, err);
  }
  if (may_fail && db_exec(conn, "RELEASE SAVEPOINT belay", err) < 0)
    return -1;
  count(copying, unit, &content);
  return 0;
}

static const struct take_unit *next_unit(struct copying *copying)
{
  const struct take_unit *unit = NULL;
  if (workers_stopped(copying->workers))
    return NULL;
  workers_lock(copying->workers);
  while (!unit && copying->next < copying->units.len) {
    unit = &copying->units.at[copying->next++];
    if (copying->too_large[unit->table - copying->take->tables.at])
      unit = NULL;
  }
  workers_unlock(copying->workers);
  return unit;
}

static const struct take_unit *take_handed_back(struct copying *copying)
{
  const struct take_unit *unit = NULL;
  workers_lock(copying->workers);
  if (copying->handed_back_len)
    unit = copying->handed_back[--copying->handed_back_len];
  workers_unlock(copying->workers);
  return unit;
}

/* The leader holds ACCESS SHARE already, but a waiting ALTER stands before us in the queue and
 * waits for the leader: a plain COPY would hang for ever. ret_locked: false when it is so. */
static int lock_nowait(struct db_conn *conn, const struct take_table *table, bool *ret_locked,
                       struct err *err)
{
  struct err failed = ERR_INIT;
  *ret_locked = true;
  if (table->is_large_objects && !table->is_heap)
    return 0;
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
  /* A range is read by a query, which opens the indexes as well: behind a waiting REINDEX that
   * would never end, for nobody sees that the leader and this worker wait for each other. */
  if (db_exec(conn, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", err) < 0 ||
      db_execf(conn, err, "SET LOCAL lock_timeout = %" PRId64,
               copying->take->options->lock_timeout_ms) < 0 ||
      db_execf(conn, err, "SET TRANSACTION SNAPSHOT %s",
               sql_literal(arena, copying->take->snapshot)) < 0)
    return err_wrap(err, "joining the snapshot");
  for (const struct take_unit *unit; (unit = next_unit(copying));) {
    bool locked;
    if (lock_nowait(conn, unit->table, &locked, err) < 0)
      return -1;
    if (!locked)
      hand_back(copying, unit);
    else if (copy_unit(copying, conn, LEADER_LANE + number, unit, err) < 0)
      return -1;
  }
  return 0;
}

/* The schema takes the leader about as long as a small table takes a worker: not before the
 * copying, but beside it, unless it tells what is to be copied. */
static int write_schema(void *context, struct err *err)
{
  struct copying *copying = context;
  if (copying->take->catalog)
    return 0;
  int rc = take_schema(copying->take, err);
  if (rc < 0 && err->code == ERR_CONNECT)
    err_set(&copying->leader_lost, ERR_CONNECT, "%s", err->message);
  copying->last_query_ms = clock_monotonic_ms();
  return rc;
}

/* What the leader does then: units handed back, keeping its session alive, the progress
 * line. */
static int lead(void *context, struct err *err)
{
  struct copying *copying = context;
  struct db_conn *leader = copying->take->leader;
  for (const struct take_unit *unit; (unit = take_handed_back(copying));) {
    if (copy_unit(copying, leader, LEADER_LANE, unit, err) < 0)
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

static void begin_object(struct copying *copying, size_t index)
{
  const struct take_table *table = &copying->take->tables.at[index];
  struct chunks_object *object = &copying->objects[index];
  object->archive = copying->take->archive;
  object->name = table->identity;
  object->format = table->format;
  atomic_init(&object->parts, 0);
}

static void plan(struct copying *copying)
{
  struct take *take = copying->take;
  size_t count = take->tables.len;
  take_plan_units(take, &copying->units);
  copying->handed_back =
      arena_alloc(take->arena, (copying->units.len + 1) * sizeof(*copying->handed_back));
  copying->objects = arena_alloc(take->arena, (count + 1) * sizeof(*copying->objects));
  copying->too_large = arena_alloc(take->arena, (count + 1) * sizeof(*copying->too_large));
  for (size_t i = 0; i < count; i++) {
    begin_object(copying, i);
    copying->too_large[i] = false;
    copying->bytes_total += (uint64_t)take->tables.at[i].bytes;
  }
}

/* What was copied of them as text does not count. false: there are none. */
static bool plan_again(struct copying *copying)
{
  struct take *take = copying->take;
  size_t kept = 0;
  for (size_t i = 0; i < copying->units.len; i++) {
    const struct take_unit unit = copying->units.at[i];
    if (copying->too_large[unit.table - take->tables.at])
      copying->units.at[kept++] = unit;
  }
  copying->units.len = kept;
  copying->next = 0;
  for (size_t i = 0; i < take->tables.len; i++) {
    struct take_table *table = &take->tables.at[i];
    if (!copying->too_large[i])
      continue;
    copying->too_large[i] = false;
    archive_withdraw(take->archive, "data", table->identity);
    table->format = CHUNKS_BINARY;
    table->content = (struct chunks_content){0};
    begin_object(copying, i);
  }
  return kept > 0;
}

static int run(struct copying *copying, struct err *err)
{
  CLEANUP(workers_freep) struct workers *workers = workers_new();
  const struct workers_job job = {.count = copying->take->options->jobs,
                                  .connect = connect_worker,
                                  .work = work,
                                  .lead = write_schema,
                                  .tick = lead,
                                  .context = copying};
  copying->workers = workers;
  return workers_run(workers, &job, err);
}

/* Without the leader's session nobody can join its snapshot: what the server says to the workers
 * then is the echo of that. */
static int explain_leader(struct copying *copying, struct err *err)
{
  struct take *take = copying->take;
  struct err *lost = &copying->leader_lost;
  if (err->code == ERR_SQL && !err_is_set(lost))
    (void)db_exec(take->leader, "SELECT 1", lost);
  if (err->code == ERR_SQL && lost->code == ERR_CONNECT) {
    err_clear(err);
    err_move(err, lost);
    (void)take_explain_conflict(take, err);
    err_wrap(err, "holding the snapshot");
  }
  err_clear(lost);
  return -1;
}

int take_copy(struct take *take, struct err *err)
{
  struct copying copying = {
      .take = take, .last_query_ms = clock_monotonic_ms(), .leader_lost = ERR_INIT};
  if ((take->options->scope && take_schema(take, err) < 0) || take_refuse_unlogged(take, err) < 0)
    return -1;
  plan(&copying);
  db_cancel_on_signal(take->leader, true);
  int rc = run(&copying, err);
  if (rc == 0 && plan_again(&copying))
    rc = run(&copying, err);
  db_cancel_on_signal(take->leader, false);
  term_progress_clear();
  if (rc < 0)
    return explain_leader(&copying, err);
  err_clear(&copying.leader_lost);
  return 0;
}
