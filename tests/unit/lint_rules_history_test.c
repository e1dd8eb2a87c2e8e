/* Files among others: ledger, order, the way back; and what a policy may ask of new tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lint_fixture.h"

static void check(struct fixture *f, const char *const *files, size_t count, const char *expected)
{
  lint_files(f, files, count);
  const char *found = lint_text(f);
  if (strcmp(found, expected) != 0)
    fail_msg("%s\n  found:    %s\n  expected: %s", files[0], found, expected);
}

static void check_one(struct fixture *f, const char *sql, const char *expected)
{
  check(f, &sql, 1, expected);
}

static void test_ledger(void **state)
{
  UNUSED(state);
  const char *files[] = {"create table a (x int);\ndrop table old", "alter table a add y int",
                         "\n-- late\ndrop table b"};
  const struct lint_file applied[] = {
      {.applied = LINT_APPLIED}, {.applied = LINT_EDITED}, {.applied = LINT_OUT_OF_ORDER}};
  struct fixture f = {.files = applied};
  check(&f, files, 3, "migration-edited-after-apply:e@1 drop-table:e@3 migration-out-of-order:e@3");
  assert_int_equal(f.report.files, 1);
  const struct lint_file pending[] = {
      {.applied = LINT_PENDING}, {.applied = LINT_PENDING}, {.applied = LINT_PENDING}};
  f.files = pending;
  check(&f, files, 3, "drop-table:e@2 drop-table:e@3");
}

static void test_order(void **state)
{
  UNUSED(state);
  struct fixture f = {0};
  const char *later[] = {"truncate b", "create table b (x int)"};
  lint_files(&f, later, 2);
  assert_string_equal(f.report.findings.at[1].rule->id, "migration-uses-later-object");
  assert_string_equal(f.report.findings.at[1].message, "b is only made in 2.sql, line 1");
  const char *same[] = {"insert into b (x) values (1);\ncreate table b (x int)"};
  check(&f, same, 1, "migration-uses-later-object:e@1");
  /* there before: dropped, renamed, or made only where it is missing */
  const char *dropped[] = {"insert into b (x) values (1)", "drop table b;\ncreate table b (x int)"};
  check(&f, dropped, 2, "drop-table:e@1");
  const char *renamed[] = {"insert into b (x) values (1)",
                           "alter table b rename to c;\ncreate table b (x int)"};
  check(&f, renamed, 2, "rename-table:w@1");
  const char *missing[] = {"insert into b (x) values (1)", "create table if not exists b (x int)"};
  check(&f, missing, 2, "");
  const char *order[] = {"create table b (x int)", "insert into b (x) values (1)"};
  check(&f, order, 2, "");
  const char *schema[] = {"insert into s.b (x) values (1)", "create table b (x int)"};
  check(&f, schema, 2, "");
  const char *path[] = {"set search_path to s;\ninsert into b (x) values (1)",
                        "create table b (x int)"};
  check(&f, path, 2, "");
}

static struct fixture with(const char *rule)
{
  struct fixture f = {0};
  struct lint_setting on = {rule, LINT_WARNING};
  vec_push(arena, &f.settings.rules, on);
  return f;
}

static void test_down(void **state)
{
  UNUSED(state);
  struct fixture f = with("irreversible-without-down");
  check_one(&f, "drop table t", "drop-table:e@1 irreversible-without-down:w@1");
  check_one(&f, "-- migrate:up\ndrop table t;\n-- migrate:down", "drop-table:e@2");
  const struct lint_file down = {.has_down = true};
  f.files = &down;
  check_one(&f, "drop table t", "drop-table:e@1");
  f.files = NULL;
  check_one(&f, "create table t (a int);\ndrop table t", "");
}

static void test_design(void **state)
{
  UNUSED(state);
  struct fixture f = with("prefer-robust");
  check_one(&f, "create table a (x int);\ncreate table b (x int)", "");
  check_one(&f, "vacuum", "");
  f.tool = "psql";
  check_one(&f, "create table a (x int);\ncreate table if not exists b (x int)",
            "prefer-robust:w@1");
  check_one(&f, "begin;\ncreate table a (x int);\ncreate table b (x int);\ncommit", "");
  f = with("column-order");
  check_one(&f, "create table t (a bool, b bigint, c bool, d bigint)", "column-order:w@1");
  check_one(&f, "create table t (b bigint, d bigint, a bool, c bool)", "");
  check_one(&f, "create table t (a bool, b text, c bool, d bigint)", "");
  f = with("foreign-key-type-mismatch");
  check_one(&f, "create table o (id bigserial);\ncreate table i (o int references o (id))",
            "foreign-key-type-mismatch:w@2");
  check_one(&f, "create table o (id bigserial);\ncreate table i (o bigint references o (id))", "");
  f = with("forbidden-type-or-column-policy");
  check_one(&f, "create table t (a timetz, b xml)", "forbidden-type-or-column-policy:w@1");
  vec_push(arena, &f.settings.forbidden_types, "xml");
  vec_push(arena, &f.settings.required_columns, "created_at");
  check_one(&f, "create table t (a timetz, created_at date);\ncreate table u (b xml)",
            "forbidden-type-or-column-policy:w@2 forbidden-type-or-column-policy:w@2");
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_ledger), cmocka_unit_test(test_order),
                                     cmocka_unit_test(test_down), cmocka_unit_test(test_design)};
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
