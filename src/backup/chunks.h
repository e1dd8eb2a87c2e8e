/* backup/chunks.h: COPY streams to and from an archive, cut into chunks of whole rows. The
 * writer of backups and, by the one named exception to the layers, of inverse/'s captures. */
#pragma once

#include "db/db.h"
#include "store/archive.h"

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
/* Continues the parts of an object: rows are added after part *part, which is advanced (several
 * COPYs, one object). */
int chunks_copy_more(struct db_conn *conn, const char *copy_sql, struct archive_writer *w, int lane,
                     const char *object, int *part, int64_t *ret_rows, struct err *err);
/* Runs copy_sql (COPY ... FROM STDIN) once per part of `object`, in order. No such object: 0
 * rows. */
int chunks_copy_in(struct db_conn *conn, const char *copy_sql, const struct archive *archive,
                   const char *object, int64_t *ret_rows, struct err *err);
