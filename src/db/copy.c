#include "db/conn_private.h"

#include "base/interrupt.h"

/* Reads the results that end a COPY; the first error counts. */
static int finish(struct db_conn *conn, int64_t *ret_rows, struct err *err)
{
  int rc = 0;
  for (PGresult *result; (result = PQgetResult(conn->pq));) {
    if (PQresultStatus(result) == PGRES_COMMAND_OK) {
      const char *rows = PQcmdTuples(result);
      if (ret_rows)
        *ret_rows = rows[0] ? strtoll(rows, NULL, 10) : 0;
    } else if (rc == 0) {
      rc = db_result_error(conn, result, err);
    }
    PQclear(result);
  }
  return rc;
}

/* Ends a COPY whose receiver failed: cancel, then read what is still on the way. The receiver's
 * error stays. */
static void give_up(struct db_conn *conn)
{
  char text[256];
  if (conn->cancel)
    PQcancel(conn->cancel, text, sizeof(text));
  char *row = NULL;
  while (PQgetCopyData(conn->pq, &row, 0) > 0)
    PQfreemem(row);
  CLEANUP(err_clear) struct err ignored = ERR_INIT;
  (void)finish(conn, NULL, &ignored);
}

int db_copy_out(struct db_conn *conn, const char *copy_sql, db_copy_row row, void *context,
                int64_t *ret_rows, struct err *err)
{
  PGresult *result = PQexec(conn->pq, copy_sql);
  bool started = PQresultStatus(result) == PGRES_COPY_OUT;
  int rc = started ? 0 : db_result_error(conn, result, err);
  PQclear(result);
  if (!started)
    return rc;
  for (;;) {
    char *bytes = NULL;
    int len = PQgetCopyData(conn->pq, &bytes, 0);
    if (len == -1)
      return finish(conn, ret_rows, err);
    if (len < 0)
      return db_result_error(conn, NULL, err);
    rc = row(context, bytes, (size_t)len, err);
    PQfreemem(bytes);
    if (rc < 0 || interrupt_check(err) < 0) {
      give_up(conn);
      return -1;
    }
  }
}

int db_copy_in_begin(struct db_conn *conn, const char *copy_sql, struct err *err)
{
  PGresult *result = PQexec(conn->pq, copy_sql);
  int rc = PQresultStatus(result) == PGRES_COPY_IN ? 0 : db_result_error(conn, result, err);
  PQclear(result);
  return rc;
}

int db_copy_in_put(struct db_conn *conn, const void *bytes, size_t len, struct err *err)
{
  enum { PIECE = 1 << 20 };
  const char *p = bytes;
  while (len) {
    int n = len > PIECE ? PIECE : (int)len;
    if (PQputCopyData(conn->pq, p, n) != 1)
      return db_result_error(conn, NULL, err);
    p += n;
    len -= (size_t)n;
  }
  return 0;
}

int db_copy_in_end(struct db_conn *conn, int64_t *ret_rows, struct err *err)
{
  if (PQputCopyEnd(conn->pq, NULL) != 1)
    return db_result_error(conn, NULL, err);
  return finish(conn, ret_rows, err);
}

void db_copy_in_abort(struct db_conn *conn, const char *reason)
{
  CLEANUP(err_clear) struct err ignored = ERR_INIT;
  PQputCopyEnd(conn->pq, reason);
  (void)finish(conn, NULL, &ignored);
}
