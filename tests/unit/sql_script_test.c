#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "sql/script.h"

static struct arena *arena;

static int set_up(void **state)
{
  UNUSED(state);
  arena = arena_new();
  return 0;
}

static int tear_down(void **state)
{
  UNUSED(state);
  arena_free(arena);
  return 0;
}

static struct sql_script *read_bytes(const char *bytes, size_t len)
{
  CLEANUP(err_clear) struct err err = ERR_INIT;
  struct sql_script *script = NULL;
  if (sql_script_read(arena, "f.sql", bytes, len, &script, &err) < 0)
    fail_msg("%s", err.message);
  return script;
}

static struct sql_script *read(const char *sql)
{
  return read_bytes(sql, strlen(sql));
}

/* ---- splitting ---- */

/* Each case: the input, then the statements that come out, ended by NULL. */
static const char *const split_cases[][7] = {
    {"", NULL},
    {"  ;; ; -- only this\n /* and that */ ;", NULL},
    {"select 1", "select 1", NULL},
    {"select 1;select 2 ; ", "select 1", "select 2", NULL},
    {"/* a */ select 1 /* b */ ; -- c\nselect 2 -- d\n", "select 1", "select 2", NULL},
    {"select ';' ; select 2", "select ';'", "select 2", NULL},
    {"select 'it''s;' ; select 2", "select 'it''s;'", "select 2", NULL},
    {"select '\\' ; select 2", "select '\\'", "select 2", NULL},
    {"select E'\\';' ; select 2", "select E'\\';'", "select 2", NULL},
    {"select e'\\\\' ; select 2", "select e'\\\\'", "select 2", NULL},
    {"select E'a'\n -- c;\n'\\';' ; select 2", "select E'a'\n -- c;\n'\\';'", "select 2", NULL},
    {"select E'a' '\\' ; select 2", "select E'a' '\\'", "select 2", NULL},
    {"select type'\\' ; select 2", "select type'\\'", "select 2", NULL},
    {"select U&'\\0041;' , u&\";\\\" ; select 2", "select U&'\\0041;' , u&\";\\\"", "select 2",
     NULL},
    {"select b'1', X'a;', n';' ; select 2", "select b'1', X'a;', n';'", "select 2", NULL},
    {"select \"a;\"\"b;\" ; select 2", "select \"a;\"\"b;\"", "select 2", NULL},
    {"select $$;$a$'$$ ; select 2", "select $$;$a$'$$", "select 2", NULL},
    {"select $a$;$$;$b$;$a$ ; select 2", "select $a$;$$;$b$;$a$", "select 2", NULL},
    {"select a$b$c ; select $1+$2 ; select $3$;$3", "select a$b$c", "select $1+$2", "select $3$",
     "$3", NULL},
    {"select $\xC3\xA4$;$\xC3\xA4$ ; select 2", "select $\xC3\xA4$;$\xC3\xA4$", "select 2", NULL},
    {"select /* ; /* ; */ ; ' */ 1 ; select 2", "select /* ; /* ; */ ; ' */ 1", "select 2", NULL},
    {"select 1 -- it's; \n + 1 ; select 2", "select 1 -- it's; \n + 1", "select 2", NULL},
    {"select 1--'\r;select 2", "select 1", "select 2", NULL},
    {"select 2*/*;*/3 ; select 2", "select 2*/*;*/3", "select 2", NULL},
    {"select 5-/*;*/-3 ; select 1", "select 5-/*;*/-3", "select 1", NULL},
    {"create rule r as on insert to t do also (insert into a values (1); delete from b); select 2",
     "create rule r as on insert to t do also (insert into a values (1); delete from b)",
     "select 2", NULL},
    {"create function f() returns int begin atomic select 1; select 2; end; select 3",
     "create function f() returns int begin atomic select 1; select 2; end", "select 3", NULL},
    {"create or replace procedure p() begin atomic; select case when true then 1 else case 2 when "
     "2 "
     "then 3 end end; select x.end, 1 as case; end; select 3",
     "create or replace procedure p() begin atomic; select case when true then 1 else case 2 when "
     "2 then 3 end end; select x.end, 1 as case; end",
     "select 3", NULL},
    {"create function begin() returns int language sql as 'select 1;'; select 2",
     "create function begin() returns int language sql as 'select 1;'", "select 2", NULL},
    {"begin; select 1; end; select case when true then 1 end; select 2", "begin", "select 1", "end",
     "select case when true then 1 end", "select 2", NULL},
    {"create table atomic (begin int); select 2", "create table atomic (begin int)", "select 2",
     NULL},
    {"select (1;2); select 3", "select (1;2)", "select 3", NULL},
};

static void test_split(void **state)
{
  UNUSED(state);
  for (size_t i = 0; i < COUNT_OF(split_cases); i++) {
    const char *const *c = split_cases[i];
    struct sql_script *script = read(c[0]);
    size_t n = 0;
    for (; n < COUNT_OF(split_cases[i]) - 1 && c[n + 1]; n++) {
      if (n >= script->statements.len)
        fail_msg("%s: only %zu statements", c[0], script->statements.len);
      assert_string_equal(script->statements.at[n].text, c[n + 1]);
      assert_int_equal(script->statements.at[n].len, strlen(c[n + 1]));
    }
    if (n < COUNT_OF(split_cases[i]) - 1)
      assert_int_equal(script->statements.len, n);
  }
}

static void test_places(void **state)
{
  UNUSED(state);
  struct sql_script *script =
      read("\xEF\xBB\xBFselect 1;\n  -- a comment \r\n\t/* b\n c */ select\r\n'\xC3\xA4' , 2 ;");
  assert_int_equal(script->statements.len, 2);
  const struct sql_statement *one = &script->statements.at[0], *two = &script->statements.at[1];
  assert_int_equal(one->start.offset, 3);
  assert_int_equal(one->start.line, 1);
  assert_int_equal(one->start.column, 1);
  assert_int_equal(one->end.offset, 11);
  assert_int_equal(one->end.column, 9);
  assert_int_equal(two->start.line, 4);
  assert_int_equal(two->start.column, 7);
  assert_int_equal(two->end.line, 5);
  assert_int_equal(two->end.column, 9); /* columns count bytes */
  assert_memory_equal(script->bytes + two->start.offset, two->text, two->len);
  assert_int_equal(two->end.offset, two->start.offset + two->len);
  assert_int_equal(script->comments.len, 2);
  assert_string_equal(script->comments.at[0].text, "a comment");
  assert_int_equal(script->comments.at[0].start.line, 2);
  assert_int_equal(script->comments.at[0].start.column, 3);
  assert_string_equal(script->comments.at[1].text, "b\n c");
  assert_int_equal(script->comments.at[1].end.line, 4);
  assert_int_equal(script->comments.at[1].end.column, 6);
}

static void test_refused(void **state)
{
  UNUSED(state);
  static const struct {
    const char *sql, *message;
  } cases[] = {
      {"select 1;\n select 'a", "f.sql:2:9: string that is never closed"},
      {"select E'a\\'", "f.sql:1:8: string that is never closed"},
      {"select E'a\\", "f.sql:1:8: string that is never closed"},
      {"select \"a", "f.sql:1:8: quoted name that is never closed"},
      {"select /* /* */", "f.sql:1:8: comment that is never closed"},
      {"\n\nselect $a$ $b$", "f.sql:3:8: dollar-quoted string that is never closed"},
      {"select 1;\n\\i other.sql\n", "f.sql:2:1: psql command (backslash) in a script"},
      {"select 1 \\gexec", "f.sql:1:10: psql command (backslash) in a script"},
      {"copy t (a, b) from /* x */ stdin;\n1\t2\n\\.\n",
       "f.sql:1:1: COPY ... FROM STDIN cannot be run from a script"},
      {"set local standard_conforming_strings = 'off'; select '\\';",
       "f.sql:1:1: standard_conforming_strings must stay on"},
      {"set standard_conforming_strings to false",
       "f.sql:1:1: standard_conforming_strings must stay on"},
  };
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    struct err err = ERR_INIT;
    struct sql_script *script = NULL;
    int status = sql_script_read(arena, "f.sql", cases[i].sql, strlen(cases[i].sql), &script, &err);
    assert_int_equal(status, -1);
    assert_int_equal(err.code, ERR_USAGE);
    assert_string_equal(err.message, cases[i].message);
    assert_null(script);
    err_clear(&err);
  }
}

static void test_nul_and_size(void **state)
{
  UNUSED(state);
  struct err err = ERR_INIT;
  struct sql_script *script = NULL;
  assert_int_equal(sql_script_read(arena, "f.sql", "a\nb\0c", 5, &script, &err), -1);
  assert_string_equal(err.message, "f.sql:2:2: NUL byte in a script");
  err_clear(&err);
  assert_int_equal(sql_script_read(arena, "f", "", (size_t)SQL_SCRIPT_BYTES_MAX + 1, &script, &err),
                   -1);
  assert_int_equal(err.code, ERR_USAGE);
  err_clear(&err);
}

static void test_allowed(void **state)
{
  UNUSED(state);
  read("set standard_conforming_strings = on; copy t from '/tmp/stdin'; copy (select 1 from stdin) "
       "to stdout; alter role x set standard_conforming_strings = off");
}

/* ---- what our own scanner knows ---- */

static void test_transaction(void **state)
{
  UNUSED(state);
  static const struct {
    const char *sql;
    enum sql_transaction expected;
  } cases[] = {
      {"begin", SQL_BEGIN},
      {"BEGIN ISOLATION LEVEL SERIALIZABLE", SQL_BEGIN},
      {"begin nonsense here", SQL_BEGIN}, /* not parsed, recognised all the same */
      {"start /* x */ transaction", SQL_BEGIN},
      {"commit", SQL_COMMIT},
      {"Commit work and chain", SQL_COMMIT},
      {"end", SQL_COMMIT},
      {"END TRANSACTION", SQL_COMMIT},
      {"rollback", SQL_ROLLBACK},
      {"abort", SQL_ROLLBACK},
      {"rollback and chain", SQL_ROLLBACK},
      {"rollback to a", SQL_SAVEPOINT},
      {"rollback work to savepoint a", SQL_SAVEPOINT},
      {"rollback -- x\n transaction to a", SQL_SAVEPOINT},
      {"savepoint a", SQL_SAVEPOINT},
      {"release savepoint a", SQL_SAVEPOINT},
      {"prepare transaction 'x'", SQL_PREPARED},
      {"prepare transaction U&'x'", SQL_PREPARED},
      {"commit prepared 'x'", SQL_PREPARED},
      {"rollback prepared 'x'", SQL_PREPARED},
      {"prepare transaction as select 1", SQL_NOT_TRANSACTION},
      {"prepare p as select 1", SQL_NOT_TRANSACTION},
      {"set transaction read only", SQL_NOT_TRANSACTION},
      {"select 1", SQL_NOT_TRANSACTION},
      {"\"begin\"", SQL_NOT_TRANSACTION},
  };
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    struct sql_script *script = read(cases[i].sql);
    assert_int_equal(script->statements.len, 1);
    if (script->statements.at[0].transaction != cases[i].expected)
      fail_msg("%s: %d", cases[i].sql, (int)script->statements.at[0].transaction);
  }
}

static void test_bare(void **state)
{
  UNUSED(state);
  static const char *const bare[] = {
      "create index concurrently i on t (a)",
      "create /* x */ unique -- y\n index concurrently on t (a)",
      "create index concurrently i on t (a) with some syntax of tomorrow",
      "drop index concurrently if exists i",
      "reindex index concurrently i",
      "reindex (verbose, concurrently) table t",
      "reindex (concurrently true) table t",
      "reindex database d",
      "reindex system d",
      "reindex (verbose) schema s",
      "vacuum",
      "vacuum (full) t",
      "create database d",
      "drop database if exists d",
      "create tablespace s location '/x'",
      "drop tablespace s",
      "alter system set work_mem = '1MB'",
      "alter database d set tablespace s",
      "alter table t detach partition p concurrently",
      "alter table if exists s.t detach partition p concurrently",
      "create subscription s connection 'x' publication p",
      "drop subscription s",
      "alter subscription s refresh publication",
      "alter subscription s set publication p",
      "cluster",
      "cluster verbose",
      "cluster (verbose)",
      "discard all",
  };
  static const char *const ordinary[] = {
      "create index i on t (a)",
      "create index \"concurrently\" on t (a)",
      "drop index i",
      "reindex table t",
      "reindex (verbose) table t",
      "reindex (concurrently false) table t",
      "reindex (concurrently 0) table t",
      "alter database d set work_mem = '1MB'",
      "alter database d set default_tablespace = 'x'",
      "alter table t detach partition p",
      "alter table t detach partition p finalize",
      "alter table t detach partition \"concurrently\"",
      "alter type e add value 'x'",
      "alter tablespace s owner to x",
      "refresh materialized view concurrently v",
      "create subscription s connection 'x' publication p with (connect = false)",
      "create subscription s connection 'x' publication p with (create_slot = off)",
      "alter subscription s set publication p with (refresh = false)",
      "alter subscription s disable",
      "cluster t using i",
      "cluster (verbose) t",
      "analyze t",
      "discard plans",
      "create table vacuum (a int)",
      "select 'vacuum'",
  };
  for (size_t i = 0; i < COUNT_OF(bare); i++)
    if (!read(bare[i])->statements.at[0].bare)
      fail_msg("not bare: %s", bare[i]);
  for (size_t i = 0; i < COUNT_OF(ordinary); i++)
    if (read(ordinary[i])->statements.at[0].bare)
      fail_msg("bare: %s", ordinary[i]);
}

/* ---- the shape ---- */

static void test_shape(void **state)
{
  UNUSED(state);
  static const struct {
    const char *sql;
    enum sql_shape shape;
    size_t first, last;
  } cases[] = {
      {"", SQL_SHAPE_TRANSACTION, 0, 0},
      {"select 1; select 2", SQL_SHAPE_TRANSACTION, 0, 2},
      {"begin; select 1; commit", SQL_SHAPE_TRANSACTION, 1, 2},
      {"start transaction; end work", SQL_SHAPE_TRANSACTION, 1, 1},
      {"begin; select 1; commit and no chain", SQL_SHAPE_TRANSACTION, 1, 2},
      {"vacuum t", SQL_SHAPE_BARE, 0, 1},
      {"select 1; create index concurrently on t (a); select 2", SQL_SHAPE_BARE, 0, 3},
  };
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    CLEANUP(err_clear) struct err err = ERR_INIT;
    enum sql_shape shape;
    size_t first, last;
    if (sql_script_shape(read(cases[i].sql), &shape, &first, &last, &err) < 0)
      fail_msg("%s: %s", cases[i].sql, err.message);
    assert_int_equal(shape, cases[i].shape);
    assert_int_equal(first, cases[i].first);
    assert_int_equal(last, cases[i].last);
  }
}

static void test_shape_refused(void **state)
{
  UNUSED(state);
  static const struct {
    const char *sql, *message;
  } cases[] = {
      {"begin", "f.sql:1:1: BEGIN that does not span the whole file"},
      {"begin; select 1", "f.sql:1:1: BEGIN that does not span the whole file"},
      {"select 1; begin; commit", "f.sql:1:11: BEGIN that does not span the whole file"},
      {"begin; begin; commit", "f.sql:1:8: BEGIN that does not span the whole file"},
      {"begin; commit; begin; commit", "f.sql:1:8: COMMIT inside the file"},
      {"select 1; commit", "f.sql:1:11: COMMIT inside the file"},
      {"begin; select 1; rollback", "f.sql:1:1: BEGIN that does not span the whole file"},
      {"select 1;\nrollback", "f.sql:2:1: ROLLBACK in a migration"},
      {"savepoint a", "f.sql:1:1: savepoint in a migration"},
      {"begin; savepoint a; commit", "f.sql:1:8: savepoint in a migration"},
      {"prepare transaction 'x'", "f.sql:1:1: two-phase commit in a migration"},
      {"begin; vacuum; commit", "f.sql:1:8: VACUUM cannot run between BEGIN and COMMIT"},
      {"begin read only; commit", "f.sql:1:1: BEGIN with transaction modes"},
      {"begin; commit and chain", "f.sql:1:8: COMMIT that starts another transaction"},
  };
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    CLEANUP(err_clear) struct err err = ERR_INIT;
    enum sql_shape shape;
    size_t first, last;
    assert_int_equal(sql_script_shape(read(cases[i].sql), &shape, &first, &last, &err), -1);
    assert_int_equal(err.code, ERR_REFUSED);
    assert_string_equal(err.message, cases[i].message);
    assert_non_null(err.hint);
  }
}

/* ---- statements that the parser refuses ---- */

static void test_not_parsed(void **state)
{
  UNUSED(state);
  struct sql_script *script = read("alter table t merge partitions (a, b) into c; select "
                                   "\xC3\xA4 from where; drop table t");
  assert_int_equal(script->statements.len, 3);
  for (size_t i = 0; i < 2; i++) {
    assert_null(script->statements.at[i].tree);
    assert_non_null(script->statements.at[i].parse_error);
  }
  assert_string_equal(script->statements.at[1].parse_error, "syntax error at or near \"where\"");
  assert_int_equal(script->statements.at[1].parse_error_at, strlen("select \xC3\xA4 from "));
  assert_non_null(script->statements.at[2].tree);
  assert_null(script->statements.at[2].parse_error);
}

/* A tree too deep for the stack must neither crash nor vanish. */
static void test_deep(void **state)
{
  UNUSED(state);
  static const struct {
    const char *open, *middle, *close;
    int count;
    bool parsed;
  } cases[] = {
      {"(", "1", ")", 2000, true},
      {"(", "1", ")", 100000, false},
      {"1+", "1", "", 3000, true},
      {"1+", "1", "", 100000, false},
      {"not ", "true", "", 3000, true},
      {"1,", "1", "", 100000, true},
      {"1 union select ", "1", "", 1000, true},
      {"1, 2 union select ", "1, 2", "", 20000, false},
  };
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    struct text sql = TEXT_INIT;
    text_puts(&sql, "select ");
    for (int n = 0; n < cases[i].count; n++)
      text_puts(&sql, cases[i].open);
    text_puts(&sql, cases[i].middle);
    for (int n = 0; n < cases[i].count; n++)
      text_puts(&sql, cases[i].close);
    struct sql_script *script = read(sql.data);
    assert_int_equal(script->statements.len, 1);
    assert_int_equal(script->statements.at[0].tree != NULL, cases[i].parsed);
    assert_int_equal(script->statements.at[0].parse_error == NULL, cases[i].parsed);
    text_clear(&sql);
  }
}

static struct sql_script *read_psql(const char *sql)
{
  CLEANUP(err_clear) struct err err = ERR_INIT;
  struct sql_script *script = NULL;
  if (sql_script_read_psql(arena, "f.sql", sql, strlen(sql), &script, &err) < 0)
    fail_msg("%s", err.message);
  return script;
}

static void test_psql_commands(void **state)
{
  UNUSED(state);
  struct sql_script *script = read_psql("\\set ON_ERROR_STOP on\nSELECT 1\n  \\echo 'it''s; \n"
                                        " , 2 \\gset x_\n\\if 1 \\\\ SELECT 3;\n\\endif\n"
                                        "SELECT 4 \\; SELECT 5;\n\\i other.sql");
  assert_int_equal(script->statements.len, 4);
  const struct sql_statement *first = &script->statements.at[0];
  assert_int_equal(first->start.line, 2);
  assert_int_equal(first->end.line, 4);
  assert_non_null(first->tree); /* the command inside is no part of it */
  assert_string_equal(script->statements.at[1].text, "SELECT 3");
  assert_int_equal(script->statements.at[1].start.line, 5);
  assert_string_equal(script->statements.at[3].text, "SELECT 5");
  assert_int_equal(script->psql_commands.len, 6);
  assert_string_equal(script->psql_commands.at[0].text, "\\set ON_ERROR_STOP on");
  assert_string_equal(script->psql_commands.at[2].text, "\\gset x_");
  assert_int_equal(script->psql_commands.at[2].start.column, 6);
  assert_string_equal(script->psql_commands.at[5].text, "\\i other.sql");
  assert_int_equal(script->psql_commands.at[5].start.line, 8);
}

static void test_copy_data(void **state)
{
  UNUSED(state);
  struct sql_script *script =
      read_psql("COPY t (a) FROM stdin;\r\n1\tit's; \\N\r\n$$\r\n\\.\r\n"
                "SELECT 2;\nCOPY t FROM STDIN WITH (FORMAT csv) \\g\n--\n/*\n"
                "\\.\nSELECT 3; COPY t FROM '/x'; COPY t FROM STDIN;\nx");
  assert_int_equal(script->statements.len, 6);
  assert_true(script->statements.at[0].copy_data);
  assert_int_equal(script->statements.at[1].start.line, 5);
  assert_true(script->statements.at[2].copy_data);
  assert_string_equal(script->statements.at[3].text, "SELECT 3");
  assert_int_equal(script->statements.at[3].start.line, 10);
  assert_false(script->statements.at[4].copy_data);
  assert_true(script->statements.at[5].copy_data);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_split),         cmocka_unit_test(test_places),
      cmocka_unit_test(test_refused),       cmocka_unit_test(test_nul_and_size),
      cmocka_unit_test(test_allowed),       cmocka_unit_test(test_transaction),
      cmocka_unit_test(test_bare),          cmocka_unit_test(test_shape),
      cmocka_unit_test(test_shape_refused), cmocka_unit_test(test_not_parsed),
      cmocka_unit_test(test_deep),          cmocka_unit_test(test_psql_commands),
      cmocka_unit_test(test_copy_data),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
