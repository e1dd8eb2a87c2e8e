#include "db/conn_private.h"

#include <stdarg.h>

enum { PARAMETERS_MAX = 16 };

/* "PL/pgSQL function app.f(integer) line 1 at RETURN", where a name is missing in a function. */
static void say_where(const PGresult *result, struct err *err)
{
  const char *context = PQresultErrorField(result, PG_DIAG_CONTEXT);
  bool missing = err_sqlstate_is(err, "42P01") || err_sqlstate_is(err, "42883") ||
                 err_sqlstate_is(err, "42704");
  while (missing && !err->detail && context && *context) {
    size_t len = strcspn(context, "\n");
    if (strncmp(context, "PL/pgSQL function ", 18) == 0 ||
        strncmp(context, "SQL function ", 13) == 0)
      err_detail(err, "in %.*s", (int)len, context);
    context += len + (context[len] == '\n');
  }
}

static void say_how_many_locks(struct err *err)
{
  if (err_sqlstate_is(err, "53200") && err->hint && strstr(err->hint, "max_locks_per_transaction"))
    err_hint(err, "Set max_locks_per_transaction to at least what this says in the largest"
                  " database, and restart the server: SELECT 64 + count(*) /"
                  " current_setting('max_connections')::int FROM pg_class;");
}

/* FATAL ends the session, though libpq may not have read the end of the connection yet. */
static bool ended_session(const struct db_conn *conn, const PGresult *result)
{
  const char *severity = result ? PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED) : NULL;
  return db_is_lost(conn) ||
         (severity && (strcmp(severity, "FATAL") == 0 || strcmp(severity, "PANIC") == 0));
}

int db_result_error(const struct db_conn *conn, const PGresult *result, struct err *err)
{
  static const char fatal[] = "FATAL:  ";
  const char *message = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;
  if (!message) {
    CLEANUP(free_ptr) char *text = x_strdup(PQerrorMessage(conn->pq));
    text[strcspn(text, "\n")] = '\0';
    const char *says = strncmp(text, fatal, strlen(fatal)) == 0 ? text + strlen(fatal) : text;
    return err_set(err, db_is_lost(conn) ? ERR_CONNECT : ERR_SQL, "%s",
                   says[0] ? says : "no answer from the server");
  }
  if (err_is_set(err))
    return -1;
  const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  const char *detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
  const char *hint = PQresultErrorField(result, PG_DIAG_MESSAGE_HINT);
  err_set(err, ended_session(conn, result) ? ERR_CONNECT : ERR_SQL, "%s", message);
  snprintf(err->sqlstate, sizeof(err->sqlstate), "%s", sqlstate ? sqlstate : "");
  if (detail)
    err_detail(err, "%s", detail);
  if (hint)
    err_hint(err, "%s", hint);
  say_where(result, err);
  say_how_many_locks(err);
  return -1;
}

static bool is_fine(const PGresult *result)
{
  ExecStatusType status = PQresultStatus(result);
  return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY;
}

int db_exec(struct db_conn *conn, const char *sql, struct err *err)
{
  PGresult *result = PQexec(conn->pq, sql);
  int rc = is_fine(result) ? 0 : db_result_error(conn, result, err);
  PQclear(result);
  return rc;
}

int db_execf(struct db_conn *conn, struct err *err, const char *fmt, ...)
{
  CLEANUP(text_clear) struct text sql = TEXT_INIT;
  va_list args;
  va_start(args, fmt);
  text_vprintf(&sql, fmt, args);
  va_end(args);
  return db_exec(conn, sql.data, err);
}

/* A COPY inside a statement to run would leave the connection waiting for data: end it at once, as
 * an error. */
static int refuse_copy(struct db_conn *conn, PGresult *result, struct err *err)
{
  ExecStatusType status = PQresultStatus(result);
  if (status != PGRES_COPY_IN && status != PGRES_COPY_OUT && status != PGRES_COPY_BOTH)
    return 0;
  if (status == PGRES_COPY_IN)
    PQputCopyEnd(conn->pq, "COPY from the client is not possible here");
  char *row = NULL;
  while (status == PGRES_COPY_OUT && PQgetCopyData(conn->pq, &row, 0) > 0)
    PQfreemem(row);
  for (PGresult *rest; (rest = PQgetResult(conn->pq));)
    PQclear(rest);
  return err_set(err, ERR_SQL, "COPY to or from the client is not possible in a migration");
}

int db_run_statement(struct db_conn *conn, struct arena *arena, const char *sql,
                     const char **ret_tag, int64_t *ret_rows, struct err *err)
{
  PGresult *result = PQexecParams(conn->pq, sql, 0, NULL, NULL, NULL, NULL, 0);
  int rc = refuse_copy(conn, result, err);
  if (rc == 0 && !is_fine(result))
    rc = db_result_error(conn, result, err);
  if (rc == 0) {
    const char *affected = PQcmdTuples(result);
    if (ret_tag)
      *ret_tag = arena_strdup(arena, PQcmdStatus(result));
    if (ret_rows)
      *ret_rows = affected[0] ? strtoll(affected, NULL, 10) : -1;
  }
  PQclear(result);
  return rc;
}

/* 42601 is also said of "INSERT has more expressions than target columns": told apart by the file
 * of the server's source. */
static bool is_of_grammar(const PGresult *result)
{
  const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  const char *file = PQresultErrorField(result, PG_DIAG_SOURCE_FILE);
  return sqlstate && strcmp(sqlstate, "42601") == 0 &&
         (!file || strncmp(file, "scan", 4) == 0 || strncmp(file, "gram", 4) == 0);
}

int db_check_syntax(struct db_conn *conn, const char *sql, int *ret_character, struct err *err)
{
  PGresult *result = PQprepare(conn->pq, "", sql, 0, NULL);
  const char *position = PQresultErrorField(result, PG_DIAG_STATEMENT_POSITION);
  if (ret_character)
    *ret_character = position ? (int)strtol(position, NULL, 10) : 0;
  int rc = is_fine(result) ? 0 : db_result_error(conn, result, err);
  if (rc < 0 && err->code == ERR_SQL && !err_sqlstate_is(err, "57014") && !is_of_grammar(result)) {
    err_clear(err);
    rc = 0;
  }
  PQclear(result);
  return rc;
}

int db_query_params(struct db_conn *conn, const char *sql, int count, const char *const *values,
                    struct db_result **ret_result, struct err *err)
{
  PGresult *result = PQexecParams(conn->pq, sql, count, NULL, values, NULL, NULL, 0);
  if (!is_fine(result)) {
    db_result_error(conn, result, err);
    PQclear(result);
    return -1;
  }
  struct db_result *r = x_calloc(1, sizeof(*r));
  r->pq = result;
  *ret_result = r;
  return 0;
}

static int collect(const char **values, va_list args)
{
  int count = 0;
  for (const char *value; (value = va_arg(args, const char *));) {
    if (count == PARAMETERS_MAX)
      die_oom(); /* a bug of ours, and no way to go on */
    values[count++] = value;
  }
  return count;
}

int db_query(struct db_conn *conn, struct db_result **ret_result, struct err *err, const char *sql,
             ...)
{
  const char *values[PARAMETERS_MAX];
  va_list args;
  va_start(args, sql);
  int count = collect(values, args);
  va_end(args);
  return db_query_params(conn, sql, count, values, ret_result, err);
}

int db_query_value(struct db_conn *conn, struct arena *arena, const char **ret_value,
                   struct err *err, const char *sql, ...)
{
  const char *values[PARAMETERS_MAX];
  va_list args;
  va_start(args, sql);
  int count = collect(values, args);
  va_end(args);
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (db_query_params(conn, sql, count, values, &r, err) < 0)
    return -1;
  if (db_rows(r) < 1)
    return err_set(err, ERR_UNEXPECTED, "no row from: %s", sql);
  *ret_value = arena_strdup(arena, db_value(r, 0, 0));
  return 0;
}

int db_rows(const struct db_result *r)
{
  return PQntuples(r->pq);
}

int db_columns(const struct db_result *r)
{
  return PQnfields(r->pq);
}

const char *db_column_name(const struct db_result *r, int column)
{
  return PQfname(r->pq, column);
}

bool db_is_null(const struct db_result *r, int row, int column)
{
  return PQgetisnull(r->pq, row, column);
}

const char *db_value(const struct db_result *r, int row, int column)
{
  return db_is_null(r, row, column) ? NULL : PQgetvalue(r->pq, row, column);
}

int64_t db_int(const struct db_result *r, int row, int column)
{
  const char *value = db_value(r, row, column);
  return value ? strtoll(value, NULL, 10) : 0;
}

uint32_t db_oid(const struct db_result *r, int row, int column)
{
  return (uint32_t)db_int(r, row, column);
}

bool db_bool(const struct db_result *r, int row, int column)
{
  const char *value = db_value(r, row, column);
  return value && value[0] == 't';
}

void db_result_clear(struct db_result **r)
{
  if (*r)
    PQclear((*r)->pq);
  free(*r);
  *r = NULL;
}
