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
  int64_t memory_kb;     /* the server's maintenance_work_mem */
  struct workers *workers;
  struct restore_jobs *jobs;
};

static int put_rows(const struct restore *restore, struct db_conn *conn,
                    const struct backup_table *table, const struct archive_entry *part,
                    restore_next_part next, void *context, struct err *err)
{
  struct chunks_load load;
  int64_t rows;
  if (chunks_load_begin(&load, conn, table->copy, table->format, err) < 0)
    return err_wrap(err, "loading %s", table->identity);
  for (; part; part = next ? next(context) : NULL)
    if (chunks_load_part(&load, restore->archive, part, err) < 0)
      return -1;
  return chunks_load_end(&load, &rows, err);
}

/* A partition that is there, filled without its root: the server refuses rows that are not its. */
static int explain_bounds(const struct restore *restore, const struct backup_table *table,
                          struct err *err)
{
  if (!restore->options->data_only || !table->root || !err_sqlstate_is(err, "23514"))
    return -1;
  err_recode(err, ERR_REFUSED);
  return err_hint(err,
                  "Where the bounds of %s as a partition do not hold all rows (another server may"
                  " hash otherwise), restore the whole of %s.",
                  table->load_into, table->root);
}

int restore_put_rows(const struct restore *restore, struct db_conn *conn,
                     const struct backup_table *table, const struct archive_entry *part,
                     restore_next_part next, void *context, struct err *err)
{
  bool around = table->before || table->after;
  bool own = around && db_transaction_status(conn) == 'I';
  if ((own && db_exec(conn, "BEGIN", err) < 0) ||
      (table->before && db_exec(conn, table->before, err) < 0))
    return err_wrap(err, "loading %s", table->identity);
  if (put_rows(restore, conn, table, part, next, context, err) < 0) {
    restore_explain(err);
    return explain_bounds(restore, table, err);
  }
  if ((table->after && db_exec(conn, table->after, err) < 0) ||
      (own && db_exec(conn, "COMMIT", err) < 0))
    return err_wrap(err, "loading %s", table->identity);
  return 0;
}

struct loading_rows {
  struct loading *loading;
  struct restore_step *step;
};

static const struct archive_entry *more_rows(void *context)
{
  struct loading_rows *rows = context;
  if (workers_stopped(rows->loading->workers))
    return NULL;
  workers_lock(rows->loading->workers);
  const struct archive_entry *part = restore_jobs_more(rows->loading->jobs, rows->step);
  workers_unlock(rows->loading->workers);
  return part;
}

static int load_rows(struct loading *loading, struct db_conn *conn, struct restore_step *step,
                     struct err *err)
{
  const struct backup_table *table = map_get(loading->tables, step->part->object);
  struct loading_rows rows = {loading, step};
  /* what stands around a COPY is for few rows at a time */
  bool alone = table->before || table->after;
  return restore_put_rows(loading->restore, conn, table, step->part, alone ? NULL : more_rows,
                          &rows, err);
}

/* Sorted runs that stay in the processor's cache, but so large that all of them are merged at once:
 * the server reads 256 kB of each. More is slower (four indexes of 4 M rows: 256 MB took 1.7 times
 * as long as 32 MB); every parallel worker wants 32 MB of it. */
static int64_t sort_memory_kb(const struct loading *loading, const struct restore_step *step)
{
  enum { LEAST_KB = 32 * 1024, RUN_KB = 264 };
  int64_t kb = LEAST_KB * (1 + (int64_t)step->helpers), sorted_kb = (int64_t)(step->sorted >> 10);
  while (kb < loading->memory_kb && kb * kb < sorted_kb * RUN_KB)
    kb += LEAST_KB;
  return step->sorted == 0 || kb > loading->memory_kb ? loading->memory_kb : kb;
}

static int prepare_build(const struct loading *loading, struct db_conn *conn,
                         const struct restore_step *step, struct err *err)
{
  if (db_execf(conn, err, "SET maintenance_work_mem = '%" PRId64 "kB'",
               sort_memory_kb(loading, step)) < 0)
    return -1;
  if (loading->restore->options->jobs == 1) /* the server's own parallelism is all there is */
    return 0;
  return db_execf(conn, err, "SET max_parallel_maintenance_workers = %d", step->helpers);
}

/* Each in a transaction of its own: no lock is held while another is waited for. */
static int run_statements(const struct loading *loading, struct db_conn *conn,
                          const struct restore_step *step, struct err *err)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  if (step->builds && prepare_build(loading, conn, step, err) < 0)
    return -1;
  for (size_t i = 0; i < step->sql->len; i++)
    if (db_run_statement(conn, arena, step->sql->at[i], NULL, NULL, err) < 0)
      return restore_statement_error(step->what, step->sql->at[i], err);
  return 0;
}

static int connect_worker(void *context, struct db_conn **ret_conn, struct err *err)
{
  struct loading *loading = context;
  return restore_connect(loading->restore, ret_conn, err);
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
    int rc = step.part ? load_rows(loading, conn, &step, err)
                       : run_statements(loading, conn, &step, err);
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

static int read_memory(struct loading *loading, struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (db_query(loading->restore->conn, &r, err,
               "SELECT setting FROM pg_catalog.pg_settings WHERE name = 'maintenance_work_mem'",
               NULL) < 0)
    return -1;
  loading->memory_kb = db_int(r, 0, 0);
  return 0;
}

int restore_load(struct restore *restore, struct restore_items *ret_tail, struct err *err)
{
  CLEANUP(workers_freep) struct workers *workers = workers_new();
  struct loading loading = {
      .restore = restore, .workers = workers, .last_query_ms = clock_monotonic_ms()};
  if (read_memory(&loading, err) < 0 ||
      restore_jobs_plan(restore, &loading.jobs, ret_tail, err) < 0)
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
