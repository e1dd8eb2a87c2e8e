/* db/db.h: connections to PostgreSQL. The only module that knows libpq.
 *
 *   struct db_conn *conn;
 *   if (db_open(&target, "belay backup", &conn, err) < 0) ...
 *   CLEANUP(db_result_clear) struct db_result *r = NULL;
 *   if (db_query(conn, &r, err, "SELECT oid FROM pg_class WHERE relname = $1", name, NULL) < 0) ...
 *   const char *oid = db_value(r, 0, 0);
 *   db_close(conn);
 *
 * Values travel as text parameters, never inside SQL text. A connection belongs to one thread at a
 * time; db_cancel and db_terminate may be called from another. Server errors: code ERR_SQL with
 * sqlstate, message, detail and hint of the server; a lost or refused connection: ERR_CONNECT. A
 * session starts with client_encoding UTF8, DateStyle ISO, IntervalStyle postgres,
 * extra_float_digits 3, standard_conforming_strings on, and (13+) no idle or statement timeouts.
 */
#pragma once

#include "base/base.h"
#include "db/target.h"

struct db_conn;
struct db_result;

int db_open(const struct db_target *target, const char *application_name, struct db_conn **ret_conn,
            struct err *err);
/* The same server and credentials, another database. */
int db_open_other(const struct db_target *target, const char *database,
                  const char *application_name, struct db_conn **ret_conn, struct err *err);
void db_close(struct db_conn *conn); /* NULL is fine */
void db_closep(struct db_conn **conn);

int db_server_version(const struct db_conn *conn); /* 150020 */
int db_server_major(const struct db_conn *conn);   /* 15 */
int db_backend_pid(const struct db_conn *conn);
const char *db_database(const struct db_conn *conn);
const char *db_user(const struct db_conn *conn);

/* Runs SQL text of ours without parameters (may hold several statements), throws away any rows. */
int db_exec(struct db_conn *conn, const char *sql, struct err *err);
int db_execf(struct db_conn *conn, struct err *err, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Runs ONE statement by the extended protocol: the server refuses a string with several. ret_tag
 * ("UPDATE 12") and ret_rows (affected; -1 if none) may be NULL; ret_tag lives in arena. */
int db_run_statement(struct db_conn *conn, struct arena *arena, const char *sql,
                     const char **ret_tag, int64_t *ret_rows, struct err *err);
/* Checks the syntax of one statement by the server's own grammar without running it (Parse
 * message): ERR_SQL. What the server finds amiss beyond it (a table or a column is missing) is no
 * error: earlier statements may make it. ret_character may be NULL: where the error is, from 1, 0
 * if it is not told. */
int db_check_syntax(struct db_conn *conn, const char *sql, int *ret_character, struct err *err);

/* Query with text parameters ($1 ...), given as const char * and ended by a NULL after the last
 * one; for a NULL parameter use db_query_params. */
int db_query(struct db_conn *conn, struct db_result **ret_result, struct err *err, const char *sql,
             ...);
int db_query_params(struct db_conn *conn, const char *sql, int count, const char *const *values,
                    struct db_result **ret_result, struct err *err);
/* One value of one row into the arena; NULL for SQL NULL; no row is an error. */
int db_query_value(struct db_conn *conn, struct arena *arena, const char **ret_value,
                   struct err *err, const char *sql, ...);

int db_rows(const struct db_result *r);
int db_columns(const struct db_result *r);
const char *db_column_name(const struct db_result *r, int column);
bool db_is_null(const struct db_result *r, int row, int column);
const char *db_value(const struct db_result *r, int row,
                     int column); /* NULL for SQL NULL; belongs to the result */
int64_t db_int(const struct db_result *r, int row, int column);  /* 0 for NULL */
uint32_t db_oid(const struct db_result *r, int row, int column); /* 0 for NULL */
bool db_bool(const struct db_result *r, int row, int column);    /* false for NULL */
void db_result_clear(struct db_result **r);                      /* for CLEANUP */

/* COPY ... TO STDOUT: `row` is called once per CopyData message (text format: exactly one row with
 * its newline). Returning -1 from it (with err set) ends the COPY. */
typedef int (*db_copy_row)(void *context, const char *bytes, size_t len, struct err *err);
int db_copy_out(struct db_conn *conn, const char *copy_sql, db_copy_row row, void *context,
                int64_t *ret_rows, struct err *err);
/* COPY ... FROM STDIN: begin, put any number of byte runs, end (or abort, which makes the COPY fail
 * on purpose). */
int db_copy_in_begin(struct db_conn *conn, const char *copy_sql, struct err *err);
int db_copy_in_put(struct db_conn *conn, const void *bytes, size_t len, struct err *err);
int db_copy_in_end(struct db_conn *conn, int64_t *ret_rows, struct err *err);
void db_copy_in_abort(struct db_conn *conn, const char *reason);

/* 'I' idle, 'T' in a transaction, 'E' in a failed one, 'A' active, '?' lost. From the protocol, no
 * query. */
char db_transaction_status(const struct db_conn *conn);
bool db_is_lost(const struct db_conn *conn);

/* Notices and DEBUG messages of the server; default: dropped. */
typedef void (*db_notice)(void *context, const char *severity, const char *sqlstate,
                          const char *message);
void db_set_notice(struct db_conn *conn, db_notice notice, void *context);

/* From any thread: asks the server to cancel what conn is running. */
int db_cancel(struct db_conn *conn, struct err *err);
/* From a signal handler: cancels what the registered connections are running (db_cancel_on_signal).
 * */
void db_cancel_on_signal(struct db_conn *conn, bool enabled);
