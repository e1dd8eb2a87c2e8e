#include "backup/restore.h"

#include "backup/workers.h"
#include "base/clock.h"
#include "base/term.h"

enum { KEEPALIVE_MS = 60000 };

/* Everything below `workers` is shared between the threads, under its lock. */
struct loading {
  struct restore *restore;
  struct map *tables; /* identity -> struct backup_table */
  uint64_t bytes_total;
  int64_t last_query_ms; /* of the connection that goes on after the load */
  struct workers *workers;
  size_t next; /* index of the next entry that nobody has */
  uint64_t bytes_done;
};

static const struct archive_entry *next_part(struct loading *loading)
{
  const struct archive_entries *entries = &loading->restore->archive->entries;
  const struct archive_entry *part = NULL;
  if (workers_stopped(loading->workers))
    return NULL;
  workers_lock(loading->workers);
  while (!part && loading->next < entries->len) {
    part = &entries->at[loading->next++];
    if (strcmp(part->kind, "data") != 0)
      part = NULL;
  }
  workers_unlock(loading->workers);
  return part;
}

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

/* Each part is whole rows and its own COPY, so several parts of one table load at once. */
static int load_part(struct loading *loading, struct db_conn *conn,
                     const struct archive_entry *part, struct err *err)
{
  const struct backup_table *table = map_get(loading->tables, part->object);
  CLEANUP(text_clear) struct text raw = TEXT_INIT;
  int64_t rows = 0;
  if (archive_read(loading->restore->archive, part, &raw, err) < 0)
    return -1;
  if (raw.len > 0 && put_part(conn, table->copy, &raw, &rows, err) < 0)
    return err_wrap(err, "loading %s (part %d)", part->object, part->part);
  if (rows != part->rows)
    return err_set(err, ERR_DAMAGED,
                   "%s: part %d holds %" PRId64 " rows, the manifest says %" PRId64, part->object,
                   part->part, rows, part->rows);
  workers_lock(loading->workers);
  loading->bytes_done += part->size;
  workers_unlock(loading->workers);
  return 0;
}

static int connect_worker(void *context, struct db_conn **ret_conn, struct err *err)
{
  struct loading *loading = context;
  return restore_connect(loading->restore, ret_conn, err);
}

static int work(void *context, struct db_conn *conn, int number, struct err *err)
{
  UNUSED(number);
  struct loading *loading = context;
  const struct archive_entry *part;
  int rc = 0;
  while (rc == 0 && (part = next_part(loading)))
    rc = load_part(loading, conn, part, err);
  return rc;
}

/* Meanwhile: the progress line, and the connection that goes on afterwards is kept alive. */
static int watch(void *context, struct err *err)
{
  struct loading *loading = context;
  workers_lock(loading->workers);
  uint64_t done = loading->bytes_done;
  workers_unlock(loading->workers);
  term_progress("restore", done >> 20, loading->bytes_total >> 20, "MiB");
  if (clock_monotonic_ms() - loading->last_query_ms < KEEPALIVE_MS)
    return 0;
  loading->last_query_ms = clock_monotonic_ms();
  return db_exec(loading->restore->conn, "SELECT 1", err);
}

int restore_load(struct restore *restore, struct err *err)
{
  CLEANUP(workers_freep) struct workers *workers = workers_new();
  struct loading loading = {
      .restore = restore, .workers = workers, .last_query_ms = clock_monotonic_ms()};
  if (backup_check_rows(restore->arena, restore->archive, &restore->tables, err) < 0)
    return -1;
  loading.tables = map_new(restore->arena);
  for (size_t i = 0; i < restore->tables.len; i++)
    map_put(loading.tables, restore->tables.at[i].identity, &restore->tables.at[i]);
  for (size_t i = 0; i < restore->archive->entries.len; i++)
    loading.bytes_total += restore->archive->entries.at[i].size;
  const struct workers_job job = {.count = restore->options->jobs,
                                  .connect = connect_worker,
                                  .work = work,
                                  .tick = watch,
                                  .context = &loading};
  int rc = workers_run(workers, &job, err);
  term_progress_clear();
  return rc;
}
