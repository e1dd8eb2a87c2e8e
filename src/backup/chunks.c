#include "backup/chunks.h"

#include <stdlib.h>

#include "base/interrupt.h"

struct chunk_writer {
  struct archive_writer *archive;
  const char *object;
  int lane, part;
  struct text raw; /* whole rows; at most ARCHIVE_CHUNK_BYTES unless a single row is larger */
  int64_t rows;    /* in raw */
  const struct chunks_target *watched; /* NULL: nobody looks on */
};

static int flush_chunk(struct chunk_writer *w, struct err *err)
{
  if (interrupt_check(err) < 0)
    return -1;
  if (archive_add(w->archive, w->lane, "data", w->object, w->part, w->rows, w->raw.data, w->raw.len,
                  err) < 0)
    return -1;
  w->part++;
  w->rows = 0;
  text_reset(&w->raw);
  return 0;
}

static int add_row(void *context, const char *bytes, size_t len, struct err *err)
{
  struct chunk_writer *w = context;
  if (w->watched && w->watched->watch(w->watched->context, bytes, len, err) < 0)
    return -1;
  if (w->raw.len > 0 && w->raw.len + len > ARCHIVE_CHUNK_BYTES && flush_chunk(w, err) < 0)
    return -1;
  text_append(&w->raw, bytes, len);
  w->rows++;
  return 0;
}

/* always: a chunk is written even when the COPY gives no row, so that "no rows" is on record. */
static int copy_rows(struct db_conn *conn, const char *copy_sql, struct chunk_writer *w,
                     bool always, int64_t *ret_rows, struct err *err)
{
  int64_t rows = 0;
  int result = db_copy_out(conn, copy_sql, add_row, w, &rows, err);
  if (result == 0 && (w->raw.len > 0 || always))
    result = flush_chunk(w, err);
  if (result < 0)
    return err_wrap(err, "copying %s", w->object);
  if (ret_rows)
    *ret_rows = rows;
  return 0;
}

int chunks_copy_out(struct db_conn *conn, const char *copy_sql, struct archive_writer *w, int lane,
                    const char *object, int64_t *ret_rows, struct err *err)
{
  struct chunk_writer writer = {.archive = w, .object = object, .lane = lane, .raw = TEXT_INIT};
  int result = copy_rows(conn, copy_sql, &writer, true, ret_rows, err);
  text_clear(&writer.raw);
  return result;
}

int chunks_copy_watched(struct db_conn *conn, const char *copy_sql,
                        const struct chunks_target *target, int64_t *ret_rows, struct err *err)
{
  struct chunk_writer writer = {.archive = target->archive,
                                .object = target->object,
                                .lane = target->lane,
                                .raw = TEXT_INIT,
                                .watched = target};
  int result = copy_rows(conn, copy_sql, &writer, true, ret_rows, err);
  text_clear(&writer.raw);
  return result;
}

int chunks_copy_more(struct db_conn *conn, const char *copy_sql, struct archive_writer *w, int lane,
                     const char *object, int *part, int64_t *ret_rows, struct err *err)
{
  struct chunk_writer writer = {
      .archive = w, .object = object, .lane = lane, .part = *part, .raw = TEXT_INIT};
  int result = copy_rows(conn, copy_sql, &writer, *part == 0, ret_rows, err);
  *part = writer.part;
  text_clear(&writer.raw);
  return result;
}

VEC_TYPE(entry_pointers, const struct archive_entry *);

static int by_part(const void *a, const void *b)
{
  const struct archive_entry *x = *(const struct archive_entry *const *)a;
  const struct archive_entry *y = *(const struct archive_entry *const *)b;
  return (x->part > y->part) - (x->part < y->part);
}

/* The chunks of an object in the order of its rows. */
static int find_parts(struct arena *arena, const struct archive *archive, const char *object,
                      struct entry_pointers *ret, struct err *err)
{
  for (size_t i = 0; i < archive->entries.len; i++) {
    const struct archive_entry *e = &archive->entries.at[i];
    if (strcmp(e->kind, "data") == 0 && strcmp(e->object, object) == 0)
      vec_push(arena, ret, e);
  }
  if (ret->len > 0)
    qsort(ret->at, ret->len, sizeof(*ret->at), by_part);
  for (size_t i = 0; i < ret->len; i++) {
    if (ret->at[i]->part != (int)i)
      return err_set(err, ERR_DAMAGED, "%s: part %zu of %s is not in the manifest", archive->prefix,
                     i, object);
  }
  return 0;
}

static int copy_chunk_in(struct db_conn *conn, const char *copy_sql, const struct archive *archive,
                         const struct archive_entry *entry, int64_t *ret_rows, struct err *err)
{
  CLEANUP(text_clear) struct text raw = TEXT_INIT;
  if (interrupt_check(err) < 0 || archive_read(archive, entry, &raw, err) < 0)
    return -1;
  if (db_copy_in_begin(conn, copy_sql, err) < 0)
    return -1;
  if (raw.len > 0 && db_copy_in_put(conn, raw.data, raw.len, err) < 0) {
    db_copy_in_abort(conn, "the data could not be sent");
    return -1;
  }
  int64_t rows = 0;
  if (db_copy_in_end(conn, &rows, err) < 0)
    return -1;
  if (rows != entry->rows)
    return err_set(err, ERR_DAMAGED, "chunk %s holds %" PRId64 " rows, the manifest says %" PRId64,
                   entry->id, rows, entry->rows);
  *ret_rows += rows;
  return 0;
}

int chunks_copy_in(struct db_conn *conn, const char *copy_sql, const struct archive *archive,
                   const char *object, int64_t *ret_rows, struct err *err)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  struct entry_pointers parts = {0};
  if (find_parts(arena, archive, object, &parts, err) < 0)
    return -1;
  int64_t rows = 0;
  for (size_t i = 0; i < parts.len; i++) {
    if (copy_chunk_in(conn, copy_sql, archive, parts.at[i], &rows, err) < 0)
      return err_wrap(err, "loading %s", object);
  }
  if (ret_rows)
    *ret_rows = rows;
  return 0;
}
