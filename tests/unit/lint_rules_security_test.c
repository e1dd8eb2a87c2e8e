/* Privileges, row level security, functions, extensions, and who may run what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lint_fixture.h"

static const struct {
  const char *sql, *found;
} cases[] = {
    /* row level security: the policy may stand before or behind */
    {"alter table t enable row level security", "rls-without-policy:w@1"},
    {"alter table t enable row level security;\ncreate policy p on t using (true)",
     "privilege-change:i@2"},
    {"create table t (a int);\ncreate policy p on t using (true);\n"
     "alter table t enable row level security, force row level security",
     ""},
    {"create policy p on other using (true);\nalter table t enable row level security",
     "privilege-change:i@1 rls-without-policy:w@2"},
    {"alter table t disable row level security", ""},
    /* privileges */
    {"grant select on t to public", "privilege-change:w@1"},
    {"revoke all on t from public", "privilege-change:i@1"},
    {"create table t (a int);\ngrant select on t to r;\ngrant select on t to public;",
     "privilege-change:w@3"},
    {"grant select on t to r", "privilege-change:i@1"},
    {"grant r to s", "privilege-change:i@1"},
    {"alter default privileges grant select on tables to r", "privilege-change:i@1"},
    {"create role r", "privilege-change:i@1"},
    {"drop policy p on t", "privilege-change:i@1"},
    {"reassign owned by a to b", "privilege-change:i@1"},
    /* functions */
    {"create function f() returns int language sql security definer as 'select 1'",
     "security-definer-path:w@1"},
    {"create function f() returns int language sql as 'select 1'", ""},
    {"create function f() returns int language sql security definer begin atomic select 1; end",
     ""},
    {"create procedure f() language sql security definer set work_mem = '1MB' as 'select 1'",
     "security-definer-path:w@1"},
    {"create function f() returns int language sql security definer as 'select 1';\n"
     "alter function f() set search_path = a, pg_temp",
     ""},
    {"alter function f() security definer", "security-definer-path:w@1"},
    {"alter function f() security definer set search_path = a", ""},
    /* extensions */
    {"create extension pg_trgm", "extension-version:i@1"},
    {"create extension pg_trgm version '1.6'", ""},
    {"alter extension pg_trgm update", "extension-version:i@1"},
    {"alter extension pg_trgm update to '1.6'", ""},
    {"drop extension pg_trgm", ""},
    {"create extension postgis version '3'", "needs-superuser:i@1"},
    /* superusers */
    {"alter system set work_mem = '1MB'", "needs-superuser:i@1"},
    {"create function f() returns int language c as 'x'", "needs-superuser:i@1"},
    {"alter table t disable trigger all", "needs-superuser:i@1 disable-trigger:w@1"},
    {"alter table t disable trigger user", "disable-trigger:w@1"},
    {"alter table t disable trigger g", "disable-trigger:w@1"},
    {"create event trigger e on ddl_command_end execute function f()", "needs-superuser:i@1"},
};

static void check(const struct lint_session *session, const char *sql, const char *expected)
{
  struct fixture f = {.session = session};
  const char *found = lint_one(&f, sql);
  if (strcmp(found, expected) != 0)
    fail_msg("%s\n  found:    %s\n  expected: %s", sql, found, expected);
}

static void test_cases(void **state)
{
  UNUSED(state);
  for (size_t i = 0; i < COUNT_OF(cases); i++)
    check(NULL, cases[i].sql, cases[i].found);
}

static void test_known_role(void **state)
{
  UNUSED(state);
  const struct lint_session root = {.role = "root", .superuser = true};
  const struct lint_session deploy = {.role = "deploy"};
  check(&root, "alter system set work_mem = '1MB'", "");
  check(&deploy, "alter system set work_mem = '1MB'", "needs-superuser:w@1");
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases),
                                     cmocka_unit_test(test_known_role)};
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
