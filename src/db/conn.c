#include "db/conn_private.h"

#include "base/log.h"

static const char session_settings[] =
    "SET client_encoding = 'UTF8'; SET datestyle = 'ISO'; SET intervalstyle = 'postgres';"
    "SET extra_float_digits = 3; SET standard_conforming_strings = on; SET statement_timeout = 0;"
    "SET idle_in_transaction_session_timeout = 0; SET lock_timeout = 0;";

static void drop_notice(void *arg, const PGresult *result)
{
  UNUSED(arg);
  UNUSED(result);
}

/* The server's words, without the "FATAL:" and "connection to server at ... failed:" around them.
 * */
static int connect_error(const struct db_target *target, PGconn *pq, struct err *err)
{
  CLEANUP(free_ptr) char *text = x_strdup(PQerrorMessage(pq));
  text[strcspn(text, "\n")] = '\0';
  const char *fatal = strstr(text, "FATAL:  ");
  err_set(err, ERR_CONNECT, "cannot connect to %s: %s", target->shown, fatal ? fatal + 8 : text);
  err_detail(err, "the URL comes from %s", target->source);
  if (strstr(text, "password authentication failed") || strstr(text, "no password supplied"))
    return err_hint(err, "Check user and password in %s.", target->source);
  if (strstr(text, "role \"") && strstr(text, "does not exist"))
    return err_hint(err, "Check the user name in %s.", target->source);
  if (strstr(text, "does not exist"))
    return err_hint(err, "Check the database name in %s.", target->source);
  return err_hint(err, "Check that the server runs and can be reached from here; then try again.");
}

static int set_up_session(struct db_conn *conn, struct err *err)
{
  if (db_exec(conn, session_settings, err) < 0)
    return -1;
  if (db_server_major(conn) >= 14 && db_exec(conn, "SET idle_session_timeout = 0", err) < 0)
    return -1;
  if (db_server_major(conn) >= 17 && db_exec(conn, "SET transaction_timeout = 0", err) < 0)
    return -1;
  return 0;
}

int db_open(const struct db_target *target, const char *application_name, struct db_conn **ret_conn,
            struct err *err)
{
  const char *const keywords[] = {"dbname",          "application_name",    "connect_timeout",
                                  "keepalives_idle", "keepalives_interval", NULL};
  /* the first dbname holds the conninfo; what follows overrides it, but a URL's own connect_timeout
   * wins */
  const char *const values[] = {target->conninfo,
                                application_name,
                                strstr(target->conninfo, "connect_timeout") ? NULL : "10",
                                "30",
                                "10",
                                NULL};
  PGconn *pq = PQconnectdbParams(keywords, values, 1);
  if (!pq)
    die_oom();
  if (PQstatus(pq) != CONNECTION_OK) {
    connect_error(target, pq, err);
    PQfinish(pq);
    return -1;
  }
  struct db_conn *conn = x_calloc(1, sizeof(*conn));
  conn->pq = pq;
  conn->cancel = PQgetCancel(pq);
  PQsetNoticeReceiver(pq, drop_notice, NULL);
  log_secret(PQpass(pq));
  if (db_server_major(conn) < 13) {
    err_set(err, ERR_PREFLIGHT, "the server is PostgreSQL %d; belay needs 13 or newer",
            db_server_major(conn));
    db_close(conn);
    return -1;
  }
  if (set_up_session(conn, err) < 0) {
    db_close(conn);
    return err_wrap(err, "setting up the session with %s", target->shown);
  }
  *ret_conn = conn;
  return 0;
}

int db_open_other(const struct db_target *target, const char *database,
                  const char *application_name, struct db_conn **ret_conn, struct err *err)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  struct db_target other;
  if (db_target_with_database(arena, target, database, &other, err) < 0)
    return -1;
  return db_open(&other, application_name, ret_conn, err);
}

void db_close(struct db_conn *conn)
{
  if (!conn)
    return;
  db_cancel_on_signal(conn, false);
  PQfreeCancel(conn->cancel);
  PQfinish(conn->pq);
  free(conn);
}

void db_closep(struct db_conn **conn)
{
  db_close(*conn);
  *conn = NULL;
}

int db_server_version(const struct db_conn *conn)
{
  return PQserverVersion(conn->pq);
}

int db_server_major(const struct db_conn *conn)
{
  return PQserverVersion(conn->pq) / 10000;
}

int db_backend_pid(const struct db_conn *conn)
{
  return PQbackendPID(conn->pq);
}

const char *db_database(const struct db_conn *conn)
{
  return PQdb(conn->pq);
}

const char *db_user(const struct db_conn *conn)
{
  return PQuser(conn->pq);
}

char db_transaction_status(const struct db_conn *conn)
{
  switch (PQtransactionStatus(conn->pq)) {
  case PQTRANS_IDLE:
    return 'I';
  case PQTRANS_INTRANS:
    return 'T';
  case PQTRANS_INERROR:
    return 'E';
  case PQTRANS_ACTIVE:
    return 'A';
  default:
    return '?';
  }
}

bool db_is_lost(const struct db_conn *conn)
{
  return PQstatus(conn->pq) != CONNECTION_OK;
}

static void pass_notice(void *arg, const PGresult *result)
{
  struct db_conn *conn = arg;
  const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
  const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
  conn->notice(conn->notice_context, severity ? severity : "", sqlstate ? sqlstate : "",
               message ? message : "");
}

void db_set_notice(struct db_conn *conn, db_notice notice, void *context)
{
  conn->notice = notice;
  conn->notice_context = context;
  PQsetNoticeReceiver(conn->pq, notice ? pass_notice : drop_notice, conn);
}
