/* Data changes, and maintenance of tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lint_fixture.h"

static const struct {
  const char *sql, *found;
} cases[] = {
    {"insert into t values (1)", "insert-without-columns:i@1"},
    {"insert into t select 1", "insert-without-columns:i@1 backfill-no-analyze:i@1"},
    {"insert into t (a) values (1)", ""},
    {"insert into t default values", ""},
    {"create table t (a int);\ninsert into t values (1)", ""},
    {"with x as (insert into t values (1) returning a) select a from x",
     "insert-without-columns:i@1"},
    {"update t set a = 1, b = 2, a = 3 where c", "duplicate-assignment:e@1"},
    {"update t set a[1] = 1, a[2] = 2 where c", ""},
    {"insert into t (a, b, a) values (1, 2, 3)", "duplicate-assignment:e@1"},
    {"create index on t (lower(a))", "index-create-not-concurrent:w@1 backfill-no-analyze:i@1"},
    {"create index concurrently on t (lower(a));\nvacuum t;",
     "concurrently-not-alone:w@1 backfill-no-analyze:i@1 concurrently-not-alone:w@2"},
    {"create table t (a text);\ncreate index on t (lower(a))", ""},
    {"update t set a = 1;\nanalyze u;\nanalyze t;", "update-without-where:w@1"},
    {"update t set a = 1;\nanalyze;", "update-without-where:w@1"},
    {"update t set a = 1;\nanalyze u;", "update-without-where:w@1 backfill-no-analyze:i@1"},
    {"alter table t set (autovacuum_enabled = off)", "autovacuum-disabled:w@1"},
    {"alter table t set (autovacuum_enabled, fillfactor = 70)", ""},
    {"create table t (a int) with (autovacuum_enabled = false)", "autovacuum-disabled:w@1"},
    {"alter table t replica identity nothing", "replica-identity:w@1"},
    {"alter table t replica identity full", "replica-identity:i@1"},
    {"alter table t replica identity using index i", "replica-identity:i@1"},
    {"create table t (a int);\nalter table t replica identity full", ""},
};

static void check(struct fixture *f, const char *sql, const char *expected)
{
  const char *found = lint_one(f, sql);
  if (strcmp(found, expected) != 0)
    fail_msg("%s\n  found:    %s\n  expected: %s", sql, found, expected);
}

static void test_cases(void **state)
{
  UNUSED(state);
  for (size_t i = 0; i < COUNT_OF(cases); i++)
    check(&(struct fixture){0}, cases[i].sql, cases[i].found);
}

static void check_on(const char *rule, const char *sql, const char *expected)
{
  struct fixture f = {0};
  struct lint_setting on = {rule, LINT_WARNING};
  vec_push(arena, &f.settings.rules, on);
  check(&f, sql, expected);
}

static void test_off(void **state)
{
  UNUSED(state);
  check_on("dml-in-migration", "create table n (a int);\nupdate t set a = 1 where b",
           "dml-in-migration:w@2");
  check_on("dml-in-migration", "create table n (a int);\ninsert into n (a) values (1)", "");
  check_on("dml-in-migration", "update t set a = 1 where b", "");
  check_on("dml-not-backed-up", "delete from t where a", "dml-not-backed-up:w@1");
  check_on("dml-not-backed-up", "create table c as select * from t;\ndelete from t where a", "");
  check_on("dml-not-backed-up", "create table c as select * from u;\ndelete from t where a",
           "dml-not-backed-up:w@2");
  check_on("enum-value-unordered", "alter type e add value 'a'", "enum-value-unordered:w@1");
  check_on("enum-value-unordered", "alter type e add value 'a' before 'b'", "");
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases), cmocka_unit_test(test_off)};
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
