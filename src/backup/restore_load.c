#include "backup/restore_jobs.h"

#include <unistd.h>

#include "backup/workers.h"
#include "base/clock.h"
#include "base/term.h"

enum { KEEPALIVE_MS = 60000, WAIT_MS = 10 };

/* `jobs` is shared between the threads, under the lock of `workers`. */
struct loading {
  struct restore *restore;
  struct map *tables;    /* identity -> struct backup_table */
  int64_t last_query_ms; /* of the connection that goes on after the load */
  struct workers *workers;
  struct restore_jobs *jobs;
};

static int put_part(struct db_conn *conn, const char *copy_sql, const struct text *raw,
                    int64_t *ret_rows, struct err *err)
{
  if (db_copy_in_begin(conn, copy_sql, err) < 0)
    return -1;
  if (db_copy_in_put(conn, raw->data, raw->len, err) < 0) {
    db_copy_in_abort(conn, "the rows could not be sent");
    return -1;
  }
  return db_copy_in_end(conn, ret_rows, err);
}

/* What stands around the COPY of each part makes one transaction of it, or is part of the caller's.
 */
static int put_part_within(struct db_conn *conn, const struct backup_table *table,
                           const struct text *raw, int64_t *ret_rows, struct err *err)
{
  bool own = (table->before || table->after) && db_transaction_status(conn) == 'I';
  if ((own && db_exec(conn, "BEGIN", err) < 0) ||
      (table->before && db_exec(conn, table->before, err) < 0) ||
      put_part(conn, table->copy, raw, ret_rows, err) < 0 ||
      (table->after && db_exec(conn, table->after, err) < 0))
    return -1;
  return own ? db_exec(conn, "COMMIT", err) : 0;
}

int restore_put_part(const struct restore *restore, struct db_conn *conn,
                     const struct backup_table *table, const struct archive_entry *part,
                     struct err *err)
{
  CLEANUP(text_clear) struct text raw = TEXT_INIT;
  int64_t rows = 0;
  if (archive_read(restore->archive, part, &raw, err) < 0)
    return -1;
  if (raw.len > 0 && put_part_within(conn, table, &raw, &rows, err) < 0) {
    restore_explain(err);
    return err_wrap(err, "loading %s (part %d)", part->object, part->part);
  }
  if (rows != part->rows)
    return err_set(err, ERR_DAMAGED,
                   "%s: part %d holds %" PRId64 " rows, the manifest says %" PRId64, part->object,
                   part->part, rows, part->rows);
  return 0;
}

/* Each in a transaction of its own: no lock is held while another is waited for. */
static int run_statements(struct db_conn *conn, const struct restore_step *step, struct err *err)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  for (size_t i = 0; i < step->sql->len; i++)
    if (db_run_statement(conn, arena, step->sql->at[i], NULL, NULL, err) < 0)
      return restore_statement_error(step->what, step->sql->at[i], err);
  return 0;
}

static int connect_worker(void *context, struct db_conn **ret_conn, struct err *err)
{
  struct loading *loading = context;
  if (restore_connect(loading->restore, ret_conn, err) < 0)
    return -1;
  /* several connections build at once already */
  if (loading->restore->options->jobs > 1)
    return db_exec(*ret_conn, "SET max_parallel_maintenance_workers = 0", err);
  return 0;
}

/* False: nothing is left. Waits where the others must first finish something. */
static bool next_step(struct loading *loading, struct restore_step *ret)
{
  bool finished = false;
  ret->job = NULL;
  while (!workers_stopped(loading->workers) && !finished && !ret->job) {
    workers_lock(loading->workers);
    *ret = restore_jobs_next(loading->jobs);
    finished = restore_jobs_finished(loading->jobs);
    workers_unlock(loading->workers);
    if (!ret->job && !finished)
      usleep(WAIT_MS * 1000);
  }
  return ret->job != NULL;
}

static int work(void *context, struct db_conn *conn, int number, struct err *err)
{
  UNUSED(number);
  struct loading *loading = context;
  struct restore_step step;
  while (next_step(loading, &step)) {
    int rc = step.part
                 ? restore_put_part(loading->restore, conn,
                                    map_get(loading->tables, step.part->object), step.part, err)
                 : run_statements(conn, &step, err);
    if (rc < 0)
      return -1;
    workers_lock(loading->workers);
    restore_jobs_done(loading->jobs, &step);
    workers_unlock(loading->workers);
  }
  return 0;
}

/* Meanwhile: the progress line, and the connection that goes on afterwards is kept alive. */
static int watch(void *context, struct err *err)
{
  struct loading *loading = context;
  workers_lock(loading->workers);
  struct restore_progress p = restore_jobs_progress(loading->jobs);
  workers_unlock(loading->workers);
  if (p.bytes < p.bytes_total)
    term_progress("restoring rows", p.bytes >> 20, p.bytes_total >> 20, "MiB");
  else
    term_progress("building indexes", p.built, p.built_total, "done");
  if (clock_monotonic_ms() - loading->last_query_ms < KEEPALIVE_MS)
    return 0;
  loading->last_query_ms = clock_monotonic_ms();
  return db_exec(loading->restore->conn, "SELECT 1", err);
}

int restore_load(struct restore *restore, struct restore_items *ret_tail, struct err *err)
{
  CLEANUP(workers_freep) struct workers *workers = workers_new();
  struct loading loading = {
      .restore = restore, .workers = workers, .last_query_ms = clock_monotonic_ms()};
  if (restore_jobs_plan(restore, &loading.jobs, ret_tail, err) < 0)
    return -1;
  loading.tables = map_new(restore->arena);
  for (size_t i = 0; i < restore->tables.len; i++)
    map_put(loading.tables, restore->tables.at[i].identity, &restore->tables.at[i]);
  const struct workers_job job = {.count = restore->options->jobs,
                                  .connect = connect_worker,
                                  .work = work,
                                  .tick = watch,
                                  .context = &loading};
  int rc = workers_run(workers, &job, err);
  term_progress_clear();
  return rc;
}
