/* Style, names, enums, matviews, triggers: what is off stays silent until a policy wants it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lint_fixture.h"

/* With the rule switched on: how often it is found. */
static const struct {
  const char *rule, *sql;
  size_t count;
} cases[] = {
    {"prefer-text", "create table t (a varchar(3), b text, c varchar, d varchar(3)[])", 2},
    {"prefer-text", "alter table t add a varchar(3), alter b type varchar(9), alter c type text",
     2},
    {"prefer-timestamptz", "create table t (a timestamp(3), b timestamptz, c date)", 1},
    {"no-char", "create table t (a char(3), b character, c \"char\", d text)", 2},
    {"no-money-float", "create table t (a money, b real, c double precision, d numeric(9,2))", 3},
    {"no-money-float", "create table t (a s.money)", 0},
    {"prefer-identity", "create table t (a serial, b int generated always as identity)", 1},
    {"prefer-identity", "alter table t add a bigserial", 1},
    {"primary-key-missing", "create table t (a int); create table u (a int primary key)", 1},
    {"primary-key-missing", "create table t (a int, primary key (a))", 0},
    {"primary-key-missing", "create temp table t (a int); create table u partition of p default",
     0},
    {"primary-key-missing", "create table s.t (a int); alter table t add primary key (a)", 1},
    {"primary-key-missing",
     "create table t (a int); alter table only t add constraint k primary "
     "key (a)",
     0},
    {"primary-key-short", "create table t (a int primary key, b smallint)", 1},
    {"primary-key-short", "create table t (a serial, b int, primary key (a))", 1},
    {"primary-key-short", "create table t (a int, b int, primary key (a, b))", 0},
    {"primary-key-short", "create table t (a bigserial primary key, b uuid)", 0},
    {"naming-convention", "create table \"T\" (a int, \"b c\" int, d_1 int)", 2},
    {"naming-convention", "create index \"I\" on t (a); alter table t rename a to \"A\"", 2},
    {"identifier-quoted", "create table \"user\" (\"Id\" int, name text)", 2},
    {"schema-qualified", "create table t (a int); drop view s.v, w; alter table u add a int", 2},
    {"schema-qualified", "set search_path to s; create table t (a int)", 0},
    {"schema-qualified", "create temp table t (a int)", 0},
    {"enum-create", "create type e as enum ('a'); create type c as (a int)", 1},
};

static void test_cases(void **state)
{
  UNUSED(state);
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    struct fixture f = {0};
    struct lint_setting on = {cases[i].rule, LINT_INFO};
    vec_push(arena, &f.settings.rules, on);
    const char *found = lint_one(&f, cases[i].sql);
    size_t count = 0;
    for (size_t k = 0; k < f.report.findings.len; k++)
      count += strcmp(f.report.findings.at[k].rule->id, cases[i].rule) == 0;
    if (count != cases[i].count)
      fail_msg("%s: %s\n  found: %s", cases[i].rule, cases[i].sql, found);
    f.settings.rules.len = 0;
    lint_one(&f, cases[i].sql);
    for (size_t k = 0; k < f.report.findings.len; k++)
      if (strcmp(f.report.findings.at[k].rule->id, cases[i].rule) == 0)
        fail_msg("%s is not off by itself", cases[i].rule);
  }
}

#define NAME_63 "abcdefghijklmnopqrstuvwxyz0123456789_abcdefghijklmnopqrstuvwxyz"

static void test_long_names(void **state)
{
  UNUSED(state);
  struct fixture f = {0};
  assert_string_equal(lint_one(&f, "create table " NAME_63 " (a int)"), "");
  assert_string_equal(lint_one(&f, "create table " NAME_63 "x (a int)"), "identifier-too-long:w@1");
  assert_int_equal(f.report.findings.at[0].start.column, 14);
  assert_string_equal(lint_one(&f, "create table t (a text default '" NAME_63 NAME_63 "')"), "");
  assert_string_equal(lint_one(&f, "select 1 as \"" NAME_63 "\"\"\""), "identifier-too-long:w@1");
  assert_string_equal(lint_one(&f, "select 1 as \"" NAME_63 "\""), "");
  assert_string_equal(lint_one(&f, "select $$" NAME_63 NAME_63 "$$ /* " NAME_63 "x */"), "");
}

static void test_objects(void **state)
{
  UNUSED(state);
  static const struct {
    const char *sql, *found;
  } on[] = {
      {"create trigger g after insert on t for each row execute function f()",
       "create-trigger:i@1"},
      {"create table t (a int);\ncreate trigger g after insert on t execute function f();\n"
       "drop trigger g on t;\nalter table t disable trigger all",
       ""},
      {"drop trigger g on s.t", "drop-trigger:i@1"},
      {"alter table t disable trigger user", "disable-trigger:w@1"},
      {"drop sequence a, b", "drop-sequence:w@1 drop-sequence:w@1"},
      {"create sequence a;\ndrop sequence a", ""},
      {"refresh materialized view concurrently m", "matview-refresh-concurrent:i@1"},
      {"create materialized view m as select 1", ""},
      {"create materialized view m as select * from t", "matview-create-with-data:i@1"},
      {"create materialized view m as select * from t with no data", ""},
      {"alter table t set tablespace x", "set-tablespace:e@1"},
      {"create table t (a int);\nalter table t set tablespace x, set access method heap", ""},
      {"alter table t set access method heap", "set-access-method:e@1"},
  };
  for (size_t i = 0; i < COUNT_OF(on); i++) {
    struct fixture f = {0};
    const char *found = lint_one(&f, on[i].sql);
    if (strcmp(found, on[i].found) != 0)
      fail_msg("%s\n  found:    %s\n  expected: %s", on[i].sql, found, on[i].found);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases),
                                     cmocka_unit_test(test_long_names),
                                     cmocka_unit_test(test_objects)};
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
