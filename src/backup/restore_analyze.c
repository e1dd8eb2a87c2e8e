/* Planner statistics, table by table on several connections, once the database is whole. */
#include "backup/restore.h"

#include "backup/workers.h"
#include "base/term.h"

struct analyzing {
  const struct restore *restore;
  struct workers *workers;
  struct strings tables; /* largest first */
  size_t next, done;     /* under the lock of workers */
};

/* A partitioned table's ANALYZE takes its partitions along. That of a table above a foreign one
 * would read from elsewhere: it is left out, its partitions that are here are not. */
static int list_tables(struct analyzing *a, struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (db_query(a->restore->conn, &r, err,
               "WITH RECURSIVE above (oid) AS (SELECT i.inhparent FROM pg_catalog.pg_inherits i"
               " JOIN pg_catalog.pg_class f ON f.oid = i.inhrelid WHERE f.relkind = 'f' UNION"
               " SELECT i.inhparent FROM above a JOIN pg_catalog.pg_inherits i ON i.inhrelid ="
               " a.oid) SELECT pg_catalog.format('%I.%I', n.nspname, c.relname)"
               " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid ="
               " c.relnamespace WHERE c.relkind IN ('r', 'p', 'm') AND c.oid NOT IN (SELECT oid"
               " FROM above) AND (NOT c.relispartition OR EXISTS (SELECT FROM"
               " pg_catalog.pg_inherits i JOIN above a ON a.oid = i.inhparent WHERE i.inhrelid ="
               " c.oid)) AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <>"
               " 'information_schema' ORDER BY c.relkind <> 'p', c.relpages DESC, c.oid",
               NULL) < 0)
    return -1;
  for (int i = 0; i < db_rows(r); i++)
    vec_push(a->restore->arena, &a->tables, arena_strdup(a->restore->arena, db_value(r, i, 0)));
  return 0;
}

static int connect_worker(void *context, struct db_conn **ret_conn, struct err *err)
{
  struct analyzing *a = context;
  return restore_connect(a->restore, ret_conn, err);
}

static int work(void *context, struct db_conn *conn, int number, struct err *err)
{
  UNUSED(number);
  struct analyzing *a = context;
  for (;;) {
    workers_lock(a->workers);
    const char *table = a->next < a->tables.len ? a->tables.at[a->next++] : NULL;
    workers_unlock(a->workers);
    if (!table || workers_stopped(a->workers))
      return 0;
    if (db_execf(conn, err, "ANALYZE %s", table) < 0)
      return err_wrap(err, "analyzing %s", table);
    workers_lock(a->workers);
    a->done++;
    workers_unlock(a->workers);
  }
}

static int watch(void *context, struct err *err)
{
  struct analyzing *a = context;
  UNUSED(err);
  workers_lock(a->workers);
  size_t done = a->done;
  workers_unlock(a->workers);
  term_progress("analyzing", done, a->tables.len, "tables");
  return 0;
}

int restore_analyze(const struct restore *restore, struct err *err)
{
  CLEANUP(workers_freep) struct workers *workers = workers_new();
  struct analyzing a = {.restore = restore, .workers = workers};
  if (list_tables(&a, err) < 0)
    return -1;
  const struct workers_job job = {.count = restore->options->jobs,
                                  .connect = connect_worker,
                                  .work = work,
                                  .tick = watch,
                                  .context = &a};
  int rc = workers_run(workers, &job, err);
  term_progress_clear();
  return rc;
}
