#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base.h"
#include "db/db.h"

static struct db_target target(void)
{
  const char *url = getenv("DATABASE_URL");
  return (struct db_target){
      .url = url, .conninfo = url, .shown = "test", .source = "test", .database = "test"};
}

static struct db_conn *open_conn(void)
{
  struct db_target t = target();
  struct db_conn *conn = NULL;
  struct err err = ERR_INIT;
  if (db_open(&t, "belay test", &conn, &err) < 0)
    fail_msg("%s", err.message);
  return conn;
}

static void query_returns_rows_and_nulls(void **state)
{
  UNUSED(state);
  CLEANUP(db_closep)
  struct db_conn *conn = open_conn();
  CLEANUP(err_clear)
  struct err err = ERR_INIT;
  CLEANUP(db_result_clear)
  struct db_result *r = NULL;
  assert_int_equal(db_query(conn, &r, &err, "SELECT $1::int + 1, NULL, true", "41", NULL), 0);
  assert_int_equal(db_int(r, 0, 0), 42);
  assert_null(db_value(r, 0, 1));
  assert_true(db_bool(r, 0, 2));
}

static void server_errors_carry_sqlstate(void **state)
{
  UNUSED(state);
  CLEANUP(db_closep)
  struct db_conn *conn = open_conn();
  CLEANUP(err_clear)
  struct err err = ERR_INIT;
  assert_int_equal(db_exec(conn, "SELECT * FROM nowhere", &err), -1);
  assert_true(err_sqlstate_is(&err, "42P01"));
  assert_int_equal(err.code, ERR_SQL);
  assert_string_equal(err.message, "relation \"nowhere\" does not exist");
}

static void a_statement_is_one_statement(void **state)
{
  UNUSED(state);
  CLEANUP(db_closep)
  struct db_conn *conn = open_conn();
  CLEANUP(arena_freep)
  struct arena *arena = arena_new();
  CLEANUP(err_clear)
  struct err err = ERR_INIT;
  const char *tag = NULL;
  int64_t rows = 0;
  assert_int_equal(db_run_statement(conn, arena,
                                    "CREATE TEMP TABLE t AS SELECT generate_series(1, 3)", &tag,
                                    &rows, &err),
                   0);
  assert_int_equal(rows, 3);
  assert_int_equal(db_run_statement(conn, arena, "SELECT 1; COMMIT", &tag, &rows, &err), -1);
  assert_true(err_sqlstate_is(&err, "42601"));
  CLEANUP(err_clear)
  struct err copy = ERR_INIT;
  assert_int_equal(db_run_statement(conn, arena, "COPY t FROM STDIN", NULL, NULL, &copy), -1);
  assert_int_equal(db_transaction_status(conn), 'I');
}

static void syntax_is_checked_without_running(void **state)
{
  UNUSED(state);
  CLEANUP(db_closep)
  struct db_conn *conn = open_conn();
  CLEANUP(err_clear)
  struct err err = ERR_INIT;
  assert_int_equal(db_check_syntax(conn, "DROP DATABASE test", NULL, &err), 0);
  int character = 0;
  assert_int_equal(db_check_syntax(conn, "DROP DATABSE test", &character, &err), -1);
  assert_int_equal(character, 6);
  err_clear(&err);
  /* told with the code of a syntax error, but another column may come before it is run */
  assert_int_equal(db_check_syntax(conn, "CREATE TABLE narrow (a int)", NULL, &err), 0);
  assert_int_equal(db_exec(conn, "CREATE TEMP TABLE narrow (a int)", &err), 0);
  assert_int_equal(db_check_syntax(conn, "INSERT INTO narrow VALUES (1, 2)", NULL, &err), 0);
  assert_int_equal(db_check_syntax(conn, "SELECT 'open", NULL, &err), -1);
}

static int collect(void *context, const char *bytes, size_t len, struct err *err)
{
  UNUSED(err);
  text_append(context, bytes, len);
  return 0;
}

static int refuse(void *context, const char *bytes, size_t len, struct err *err)
{
  UNUSED(context);
  UNUSED(bytes);
  UNUSED(len);
  return err_set(err, ERR_STORE, "the disk is full");
}

static void copy_goes_both_ways(void **state)
{
  UNUSED(state);
  CLEANUP(db_closep)
  struct db_conn *conn = open_conn();
  CLEANUP(err_clear)
  struct err err = ERR_INIT;
  CLEANUP(text_clear)
  struct text out = TEXT_INIT;
  int64_t rows = 0;
  assert_int_equal(db_exec(conn, "CREATE TEMP TABLE t (a int, b text)", &err), 0);
  assert_int_equal(db_copy_in_begin(conn, "COPY t FROM STDIN", &err), 0);
  assert_int_equal(db_copy_in_put(conn, "1\tx\n2\t\\N\n", 9, &err), 0);
  assert_int_equal(db_copy_in_end(conn, &rows, &err), 0);
  assert_int_equal(rows, 2);
  assert_int_equal(db_copy_out(conn, "COPY t TO STDOUT", collect, &out, &rows, &err), 0);
  assert_string_equal(out.data, "1\tx\n2\t\\N\n");
  /* a receiver that fails ends the COPY; its error is kept and the connection is usable */
  assert_int_equal(db_copy_out(conn, "COPY (SELECT generate_series(1, 1000000)) TO STDOUT", refuse,
                               NULL, NULL, &err),
                   -1);
  assert_string_equal(err.message, "the disk is full");
  CLEANUP(err_clear)
  struct err after = ERR_INIT;
  assert_int_equal(db_exec(conn, "SELECT 1", &after), 0);
}

static void wrong_database_is_named(void **state)
{
  UNUSED(state);
  struct db_target t = target();
  CLEANUP(free_ptr)
  char *url = x_printf("%s&dbname=nosuch", getenv("DATABASE_URL"));
  t.conninfo = url;
  struct db_conn *conn = NULL;
  CLEANUP(err_clear)
  struct err err = ERR_INIT;
  assert_int_equal(db_open(&t, "belay test", &conn, &err), -1);
  assert_int_equal(err.code, ERR_CONNECT);
  assert_non_null(strstr(err.message, "database \"nosuch\" does not exist"));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(query_returns_rows_and_nulls),
      cmocka_unit_test(server_errors_carry_sqlstate),
      cmocka_unit_test(a_statement_is_one_statement),
      cmocka_unit_test(syntax_is_checked_without_running),
      cmocka_unit_test(copy_goes_both_ways),
      cmocka_unit_test(wrong_database_is_named),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
