#include "backup/chunks.h"

#include <errno.h>
#include <stdlib.h>

#include "base/interrupt.h"

/* ---- rows out of COPY messages ---- */

static const char signature[] = "PGCOPY\n\377\r\n"; /* and a NUL, which is part of it */
static const char trailer[] = {(char)0xff, (char)0xff};
enum { HEADER_BYTES = sizeof(signature) + 8, FIELD_COUNT_BYTES = 2, LENGTH_BYTES = 4 };

struct row_reader {
  enum chunks_format format;
  db_copy_row row; /* NULL: only counted and digested */
  void *context;
  struct chunks_content content;
  bool header_read, ended;
};

/* 0 when it is not the header of COPY BINARY without flags and extension, as every server since 7.4
 * writes it. */
static size_t header_size(const char *bytes, size_t len)
{
  static const char nothing[HEADER_BYTES - sizeof(signature)];
  return len >= HEADER_BYTES && memcmp(bytes, signature, sizeof(signature)) == 0 &&
                 memcmp(bytes + sizeof(signature), nothing, sizeof(nothing)) == 0
             ? HEADER_BYTES
             : 0;
}

static int read_row(struct row_reader *r, const char *bytes, size_t len, struct err *err)
{
  if (r->row && r->row(r->context, bytes, len, err) < 0)
    return -1;
  r->content.rows++;
  r->content.digest += store_digest(bytes, len);
  return 0;
}

/* The server sends a row a message; the header comes before the first row in its message, the
 * trailer in one of its own, or after the header when there is no row. */
static int read_message(void *context, const char *bytes, size_t len, struct err *err)
{
  struct row_reader *r = context;
  if (r->format == CHUNKS_TEXT)
    return read_row(r, bytes, len, err);
  if (!r->header_read) {
    size_t header = header_size(bytes, len);
    if (!header)
      return err_set(err, ERR_UNEXPECTED, "the server's COPY data has an unknown header");
    r->header_read = true;
    bytes += header;
    len -= header;
  }
  if (len == sizeof(trailer) && memcmp(bytes, trailer, sizeof(trailer)) == 0) {
    r->ended = true;
    return 0;
  }
  return len ? read_row(r, bytes, len, err) : 0;
}

static int read_rows(struct db_conn *conn, const char *copy_sql, struct row_reader *r,
                     struct err *err)
{
  int64_t rows = 0;
  if (db_copy_out(conn, copy_sql, read_message, r, &rows, err) < 0)
    return -1;
  if (rows != r->content.rows || (r->format == CHUNKS_BINARY && !r->ended))
    return err_set(err, ERR_UNEXPECTED,
                   "the server says %" PRId64 " rows were copied, %" PRId64 " arrived", rows,
                   r->content.rows);
  return 0;
}

void chunks_content_add(struct chunks_content *sum, const struct chunks_content *more)
{
  sum->rows += more->rows;
  sum->digest += more->digest;
}

int chunks_read_content(struct db_conn *conn, const char *copy_sql, enum chunks_format format,
                        struct chunks_content *ret, struct err *err)
{
  struct row_reader reader = {.format = format};
  if (read_rows(conn, copy_sql, &reader, err) < 0)
    return -1;
  *ret = reader.content;
  return 0;
}

static void add_content(struct chunks_content *sum, const char *row, const char *end)
{
  sum->rows++;
  sum->digest += store_digest(row, (size_t)(end - row));
}

/* One row a line: line breaks inside values are escaped. */
static bool read_text(const char *p, const char *end, struct chunks_content *ret)
{
  while (p < end) {
    const char *newline = memchr(p, '\n', (size_t)(end - p));
    if (!newline)
      return false;
    add_content(ret, p, newline + 1);
    p = newline + 1;
  }
  return true;
}

static uint32_t big_endian(const char *p, int bytes)
{
  uint32_t n = 0;
  for (int i = 0; i < bytes; i++)
    n = n << 8 | (unsigned char)p[i];
  return n;
}

/* Behind the fields of a row; NULL: they go beyond the end. */
static const char *skip_fields(const char *p, const char *end, uint32_t count)
{
  for (; count; count--) {
    if (end - p < LENGTH_BYTES)
      return NULL;
    uint32_t len = big_endian(p, LENGTH_BYTES);
    p += LENGTH_BYTES;
    if (len == UINT32_MAX) /* NULL */
      continue;
    if (len > (size_t)(end - p))
      return NULL;
    p += len;
  }
  return p;
}

static bool read_binary(const char *p, const char *end, struct chunks_content *ret)
{
  size_t header = header_size(p, (size_t)(end - p));
  if (!header)
    return false;
  p += header;
  while (end - p >= FIELD_COUNT_BYTES) {
    if (memcmp(p, trailer, sizeof(trailer)) == 0)
      return p + sizeof(trailer) == end;
    const char *row = p;
    p = skip_fields(p + FIELD_COUNT_BYTES, end, big_endian(p, FIELD_COUNT_BYTES));
    if (!p)
      return false;
    add_content(ret, row, p);
  }
  return false;
}

bool chunks_part_content(enum chunks_format format, const char *raw, size_t len,
                         struct chunks_content *ret)
{
  *ret = (struct chunks_content){0};
  return format == CHUNKS_BINARY ? read_binary(raw, raw + len, ret)
                                 : read_text(raw, raw + len, ret);
}

int64_t chunks_count_rows(enum chunks_format format, const char *raw, size_t len)
{
  struct chunks_content content;
  return chunks_part_content(format, raw, len, &content) ? content.rows : -1;
}

/* ---- rows into parts ---- */

enum { GATHERED_BYTES = 128 * 1024 }; /* rows go to the compressor by so many: they stay in cache */

struct part_writer {
  struct chunks_object *object;
  int lane;
  bool begun;
  int64_t rows;         /* in the part, as raw_size */
  size_t raw_size;      /* at most ARCHIVE_CHUNK_BYTES unless a single row is larger */
  struct text gathered; /* the last of them */
  const struct chunks_target *watched; /* NULL: nobody looks on */
};

static int pass_gathered(struct part_writer *w, struct err *err)
{
  int rc = archive_write(w->object->archive, w->lane, w->gathered.data, w->gathered.len, err);
  text_reset(&w->gathered);
  return rc;
}

static int put(struct part_writer *w, const char *bytes, size_t len, struct err *err)
{
  if (w->gathered.len + len > GATHERED_BYTES && pass_gathered(w, err) < 0)
    return -1;
  w->raw_size += len;
  if (len > GATHERED_BYTES)
    return archive_write(w->object->archive, w->lane, bytes, len, err);
  text_append(&w->gathered, bytes, len);
  return 0;
}

static int begin_part(struct part_writer *w, struct err *err)
{
  static const char nothing[HEADER_BYTES - sizeof(signature)];
  w->rows = 0;
  w->raw_size = 0;
  w->begun = true;
  if (archive_begin(w->object->archive, w->lane, err) < 0)
    return -1;
  if (w->object->format == CHUNKS_TEXT)
    return 0;
  return put(w, signature, sizeof(signature), err) < 0 ? -1 : put(w, nothing, sizeof(nothing), err);
}

static int end_part(struct part_writer *w, struct err *err)
{
  struct chunks_object *object = w->object;
  if (interrupt_check(err) < 0 ||
      (object->format == CHUNKS_BINARY && put(w, trailer, sizeof(trailer), err) < 0) ||
      pass_gathered(w, err) < 0)
    return -1;
  w->begun = false;
  return archive_end(object->archive, w->lane, "data", object->name,
                     atomic_fetch_add(&object->parts, 1), w->rows, err);
}

static int add_row(void *context, const char *bytes, size_t len, struct err *err)
{
  struct part_writer *w = context;
  if (w->watched && w->watched->watch(w->watched->context, bytes, len, err) < 0)
    return -1;
  if (w->begun && w->rows > 0 && w->raw_size + len > ARCHIVE_CHUNK_BYTES && end_part(w, err) < 0)
    return -1;
  if (!w->begun && begin_part(w, err) < 0)
    return -1;
  w->rows++;
  return put(w, bytes, len, err);
}

static int copy_rows(struct db_conn *conn, const char *copy_sql, struct part_writer *w, bool always,
                     struct chunks_content *ret_content, struct err *err)
{
  struct row_reader reader = {.format = w->object->format, .row = add_row, .context = w};
  w->gathered = TEXT_INIT;
  int rc = read_rows(conn, copy_sql, &reader, err);
  if (rc == 0 && always && !w->begun && atomic_load(&w->object->parts) == 0)
    rc = begin_part(w, err);
  if (rc == 0 && w->begun)
    rc = end_part(w, err);
  text_clear(&w->gathered);
  *ret_content = reader.content;
  return rc < 0 ? err_wrap(err, "copying %s", w->object->name) : 0;
}

int chunks_copy(struct db_conn *conn, const char *copy_sql, struct chunks_object *object, int lane,
                bool always, struct chunks_content *ret_content, struct err *err)
{
  struct part_writer writer = {.object = object, .lane = lane};
  return copy_rows(conn, copy_sql, &writer, always, ret_content, err);
}

int chunks_copy_watched(struct db_conn *conn, const char *copy_sql,
                        const struct chunks_target *target, int64_t *ret_rows, struct err *err)
{
  struct chunks_object object = {.archive = target->archive, .name = target->object};
  struct part_writer writer = {
      .object = &object, .lane = target->lane, .watched = target->watch ? target : NULL};
  struct chunks_content content;
  if (copy_rows(conn, copy_sql, &writer, true, &content, err) < 0)
    return -1;
  if (ret_rows)
    *ret_rows = content.rows;
  return 0;
}

int chunks_copy_out(struct db_conn *conn, const char *copy_sql, struct archive_writer *w, int lane,
                    const char *object, int64_t *ret_rows, struct err *err)
{
  const struct chunks_target target = {.archive = w, .lane = lane, .object = object};
  return chunks_copy_watched(conn, copy_sql, &target, ret_rows, err);
}

/* ---- parts back ---- */

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

int chunks_load_begin(struct chunks_load *ret, struct db_conn *conn, const char *copy_sql,
                      enum chunks_format format, struct err *err)
{
  *ret = (struct chunks_load){.conn = conn, .format = format, .raw = TEXT_INIT};
  return db_copy_in_begin(conn, copy_sql, err);
}

/* Of a binary part the rows alone, and the header if it is the first. */
static int cut_ends(const struct chunks_load *load, const struct archive_entry *entry,
                    const char **bytes, size_t *len, struct err *err)
{
  size_t header = header_size(*bytes, *len);
  if (!header || *len < header + sizeof(trailer) ||
      memcmp(*bytes + *len - sizeof(trailer), trailer, sizeof(trailer)) != 0)
    return err_set(err, ERR_DAMAGED, "chunk %s is no whole COPY BINARY data", entry->id);
  *len -= sizeof(trailer);
  if (load->begun) {
    *bytes += header;
    *len -= header;
  }
  return 0;
}

static int send_part(struct chunks_load *load, const struct archive *archive,
                     const struct archive_entry *entry, struct err *err)
{
  if (interrupt_check(err) < 0 || archive_read(archive, entry, &load->raw, err) < 0)
    return -1;
  const char *bytes = load->raw.data;
  size_t len = load->raw.len;
  if (load->format == CHUNKS_BINARY && cut_ends(load, entry, &bytes, &len, err) < 0)
    return -1;
  load->begun = true;
  load->object = entry->object;
  load->rows += entry->rows;
  return len > 0 ? db_copy_in_put(load->conn, bytes, len, err) : 0;
}

int chunks_load_part(struct chunks_load *load, const struct archive *archive,
                     const struct archive_entry *entry, struct err *err)
{
  if (send_part(load, archive, entry, err) == 0)
    return 0;
  text_clear(&load->raw);
  db_copy_in_abort(load->conn, "the data could not be sent");
  return err_wrap(err, "loading %s (part %d)", entry->object, entry->part);
}

int chunks_load_end(struct chunks_load *load, int64_t *ret_rows, struct err *err)
{
  text_clear(&load->raw);
  bool closed = load->format == CHUNKS_BINARY && load->begun;
  if (closed && db_copy_in_put(load->conn, trailer, sizeof(trailer), err) < 0) {
    db_copy_in_abort(load->conn, "the data could not be sent");
    return err_wrap(err, "loading %s", load->object);
  }
  if (db_copy_in_end(load->conn, ret_rows, err) < 0)
    return err_wrap(err, "loading %s", load->object);
  if (*ret_rows != load->rows)
    return err_set(err, ERR_DAMAGED,
                   "the parts of %s held %" PRId64 " rows, the manifest says %" PRId64,
                   load->object, *ret_rows, load->rows);
  return 0;
}

int chunks_copy_in(struct db_conn *conn, const char *copy_sql, const struct archive *archive,
                   const char *object, int64_t *ret_rows, struct err *err)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  struct entry_pointers parts = {0};
  struct chunks_load load;
  int64_t rows = 0;
  if (find_parts(arena, archive, object, &parts, err) < 0)
    return -1;
  if (parts.len && chunks_load_begin(&load, conn, copy_sql, CHUNKS_TEXT, err) < 0)
    return err_wrap(err, "loading %s", object);
  for (size_t i = 0; i < parts.len; i++)
    if (chunks_load_part(&load, archive, parts.at[i], err) < 0)
      return -1;
  if (parts.len && chunks_load_end(&load, &rows, err) < 0)
    return -1;
  if (ret_rows)
    *ret_rows = rows;
  return 0;
}

int chunks_write_text(const struct archive *archive, const char *object, FILE *out, struct err *err)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  CLEANUP(text_clear) struct text raw = TEXT_INIT;
  struct entry_pointers parts = {0};
  if (find_parts(arena, archive, object, &parts, err) < 0)
    return -1;
  for (size_t i = 0; i < parts.len; i++) {
    text_reset(&raw);
    if (archive_read(archive, parts.at[i], &raw, err) < 0)
      return -1;
    if (fwrite(raw.data ? raw.data : "", 1, raw.len, out) != raw.len)
      return err_set(err, ERR_UNEXPECTED, "writing the rows of %s: %s", object, strerror(errno));
  }
  return 0;
}
