/* backup/chunks.h: COPY streams to and from an archive, cut into chunks (parts) of whole rows,
 * each loadable alone. The writer of backups and, by the one named exception to the layers, of
 * inverse/'s captures.
 *
 * Parts are text or COPY BINARY, the latter each with a header and a trailer of its own. The
 * content of a table is told by the number of its rows and a digest that does not depend on their
 * order: the sum, modulo 2^64, of XXH3_64 over every row's COPY bytes (text: its newline included;
 * binary: from its field count on, without header and trailer).
 */
#pragma once

#include <stdio.h>

#include <stdatomic.h>

#include "db/db.h"
#include "store/archive.h"

enum chunks_format { CHUNKS_TEXT, CHUNKS_BINARY };

struct chunks_content {
  int64_t rows;
  uint64_t digest;
};
void chunks_content_add(struct chunks_content *sum, const struct chunks_content *more);

/* Something whose rows become the parts 0, 1, ... of `name`, made by any number of threads at
 * once. */
struct chunks_object {
  struct archive_writer *archive;
  const char *name;
  enum chunks_format format;
  atomic_int parts; /* so far */
};
/* Runs copy_sql (COPY ... TO STDOUT in the object's format) and adds its rows to the archive, in
 * new parts. always: also for 0 rows, so that "no rows" is on record. ret_content, also on failure:
 * what was read. */
int chunks_copy(struct db_conn *conn, const char *copy_sql, struct chunks_object *object, int lane,
                bool always, struct chunks_content *ret_content, struct err *err);
/* What COPY ... TO STDOUT gives, without keeping it. */
int chunks_read_content(struct db_conn *conn, const char *copy_sql, enum chunks_format format,
                        struct chunks_content *ret, struct err *err);
/* What one part holds; false: it ends in the middle of a row, or is no COPY data. */
bool chunks_part_content(enum chunks_format format, const char *raw, size_t len,
                         struct chunks_content *ret);
/* Its rows alone; -1 for false. */
int64_t chunks_count_rows(enum chunks_format format, const char *raw, size_t len);

/* COPY FROM STDIN of parts, one after the other, in a single statement: the server sets up its ring
 * of buffers once (a COPY for each part of 16 MB took it twice the time).
 *
 *   struct chunks_load load;
 *   if (chunks_load_begin(&load, conn, copy_sql, format, err) < 0 ||
 *       chunks_load_part(&load, archive, entry, err) < 0 || ... ||
 *       chunks_load_end(&load, &rows, err) < 0) ...
 *
 * After a failure the statement is aborted and nothing more is to be called. */
struct chunks_load {
  struct db_conn *conn;
  struct text raw; /* the part that is sent: large memory is not asked for again and again */
  enum chunks_format format;
  bool begun; /* a part was sent */
  const char *object;
  int64_t rows; /* of the parts, by the manifest */
};
int chunks_load_begin(struct chunks_load *ret, struct db_conn *conn, const char *copy_sql,
                      enum chunks_format format, struct err *err);
int chunks_load_part(struct chunks_load *load, const struct archive *archive,
                     const struct archive_entry *entry, struct err *err);
/* ERR_DAMAGED when the server counted other rows than the manifest says. */
int chunks_load_end(struct chunks_load *load, int64_t *ret_rows, struct err *err);

/* ---- captures: text, one COPY an object ---- */

/* Runs copy_sql (COPY ... TO STDOUT, text format) and adds its rows to the archive as parts 0,
 * 1, ... of `object`. At least one chunk is written, also for 0 rows. */
int chunks_copy_out(struct db_conn *conn, const char *copy_sql, struct archive_writer *w, int lane,
                    const char *object, int64_t *ret_rows, struct err *err);
/* The same, and `watch` sees every row as it passes (its text, newline included). */
struct chunks_target {
  struct archive_writer *archive;
  int lane;
  const char *object;
  db_copy_row watch;
  void *context;
};
int chunks_copy_watched(struct db_conn *conn, const char *copy_sql,
                        const struct chunks_target *target, int64_t *ret_rows, struct err *err);
/* Runs copy_sql (COPY ... FROM STDIN, text format) with the parts of `object`, in order. No such
 * object: 0 rows. */
/* The rows of an object in text format, as they stand between COPY ... FROM stdin and \. */
int chunks_write_text(const struct archive *archive, const char *object, FILE *out,
                      struct err *err);
int chunks_copy_in(struct db_conn *conn, const char *copy_sql, const struct archive *archive,
                   const char *object, int64_t *ret_rows, struct err *err);
