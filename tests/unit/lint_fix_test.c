#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lint/fix.h"
#include "lint_fixture.h"

static const char before[] = "create table t (id int not null, n int, p_id int);\n"
                             "create table p (id int primary key);\n"
                             "create table parts (id int) partition by range (id);";

/* The pieces of the fixed script behind `before`, with | between them; or why there are none. */
static const char *fixed_for(const char *sql, const struct lint_settings *settings,
                             const struct lint_tool *tool, int major)
{
  CLEANUP(err_clear) struct err err = ERR_INIT;
  struct sql_script *scripts[2];
  struct lint_report report;
  struct lint_pieces pieces;
  const char *why, *all = "";
  if (sql_script_read(arena, "1", before, strlen(before), &scripts[0], &err) < 0 ||
      sql_script_read(arena, "2", sql, strlen(sql), &scripts[1], &err) < 0)
    fail_msg("%s", err.message);
  const struct lint_input input = {
      .scripts = scripts, .count = 2, .known = 1, .tool = tool, .target_major = major};
  if (lint_scripts(arena, settings, &input, &report, &err) < 0)
    fail_msg("%s", err.message);
  for (size_t i = 0; i < report.findings.len; i++)
    if (report.findings.at[i].no_fix)
      all = arena_printf(arena, "(%s)", report.findings.at[i].no_fix);
  if (!lint_fix_any(&report, 1))
    return all;
  if (!lint_fix_script(arena, &input, &report, 1, &pieces, &why))
    return arena_printf(arena, "(%s)", why);
  for (size_t i = 0; i < pieces.len; i++)
    all = arena_printf(arena, "%s%s%s", all, i ? "|" : "", pieces.at[i].text);
  return all;
}

static const char *fixed(const char *sql, const struct lint_settings *settings,
                         const struct lint_tool *tool)
{
  return fixed_for(sql, settings, tool, 0);
}

static const struct {
  const char *sql, *fixed;
} cases[] = {
    {"select 1;", ""},
    {"create index i on t (n);", "create index CONCURRENTLY i on t (n);\n"},
    {"create index i on t (n)", "create index CONCURRENTLY i on t (n);\n"},
    {"-- a\ncreate index i on t (n); -- b\n-- c\n",
     "-- a\ncreate index CONCURRENTLY i on t (n); -- b\n-- c\n"},
    {"create table x (id int); create index i on t (n); create table y (id int);",
     "create table x (id int);\n| create index CONCURRENTLY i on t (n);\n| create table y (id "
     "int);\n"},
    /* every piece keeps its timeouts, but for what must be alone */
    {"-- a\nset lock_timeout = 1;\nalter table t add constraint c check (n > 0);",
     "-- a\nset lock_timeout = 1;\nalter table t add constraint c check (n > 0) NOT VALID;\n|set "
     "lock_timeout = 1;\nalter table t VALIDATE CONSTRAINT c;\n"},
    {"-- a\nset lock_timeout = 1;\ncreate index i on t (n);",
     "-- a\ncreate index CONCURRENTLY i on t (n);\n"},
    {"alter table only t /* ( */ add constraint \"K\" unique (n, id);",
     "CREATE UNIQUE INDEX CONCURRENTLY \"K\" ON t (n, id);\n|alter table only t /* ( */ add "
     "constraint \"K\" unique USING INDEX \"K\";\n"},
    {"alter table t alter n set not null;",
     "alter table t ADD CONSTRAINT t_n_is_not_null CHECK (n IS NOT NULL) NOT VALID;\n|alter table "
     "t VALIDATE CONSTRAINT t_n_is_not_null;\n|alter table t alter n set not null;\nalter table t "
     "DROP CONSTRAINT t_n_is_not_null;\n"},
    /* not here */
    {"-- belay:ignore index-create-not-concurrent x\ncreate index i on t (n);", ""},
    {"alter table parts add constraint c check (id > 0);",
     "(parts belongs to a partitioned table)"},
    {"create index i on elsewhere (id);",
     "(whether elsewhere is a partitioned table is not known here)"},
    {"create index if not exists i on t (n);",
     "(IF NOT EXISTS would keep an invalid index that a failed build left)"},
    {"begin; create index i on t (n); commit;", "(the file has transaction control of its own)"},
    {"set search_path = x; create index i on public.t (n);", "(the file changes a setting)"},
    {"set local lock_timeout = 1; create index i on t (n);", "(the file changes a setting)"},
    {"select set_config('a.b', 'c', false); create index i on t (n);",
     "(the file calls a function)"},
    {"alter table t add constraint c check (n > 0); alter table t drop constraint c;",
     "(a later statement of the file may need the constraint to be valid)"},
};

static void test_cases(void **state)
{
  UNUSED(state);
  struct lint_settings settings = {0};
  vec_push(arena, &settings.rules,
           ((struct lint_setting){.rule = "require-lock-timeout", .severity = LINT_OFF}));
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    const char *got = fixed(cases[i].sql, &settings, NULL);
    if (strcmp(got, cases[i].fixed) != 0)
      fail_msg("%s\n  fixed:    %s\n  expected: %s", cases[i].sql, got, cases[i].fixed);
  }
}

static void test_lock_timeout(void **state)
{
  UNUSED(state);
  static const struct {
    const char *sql, *tool, *fixed;
    int ms;
  } timeouts[] = {
      {"-- a\nalter table t add x int;", NULL,
       "SET lock_timeout = '2s';\n-- a\nalter table t add x int;\n", 0},
      {"alter table t add x int;", "prisma",
       "SET lock_timeout = '1500ms';\nalter table t add x int;\n", 1500},
      {"create index i on t (n); alter table t add x int;", NULL,
       "create index CONCURRENTLY i on t (n);\n|SET lock_timeout = '4s';\n alter table t add x "
       "int;\n",
       4000},
      {"alter table t add constraint c check (n > 0);", NULL,
       "SET lock_timeout = '2s';\nalter table t add constraint c check (n > 0) NOT VALID;\n|SET "
       "lock_timeout = '2s';\nalter table t VALIDATE CONSTRAINT c;\n",
       0},
      {"alter table t add x int; create index concurrently i on t (n);", "psql",
       "SET lock_timeout = '2s';\nalter table t add x int; create index concurrently i on t (n);\n",
       0},
      {"reindex (concurrently) table t; alter table t add x int;", "golang-migrate",
       "(a statement of the file has to be alone in it)", 0},
      {"alter table t add x int;", "dbmate", "(the first comment of the file belongs to its tool)",
       0},
      {"-- belay:ignore-file require-lock-timeout set by the role\nalter table t add x int;", NULL,
       "", 0},
      {"set lock_timeout = '1s'; alter table t add x int;", NULL, "", 0},
  };
  for (size_t i = 0; i < COUNT_OF(timeouts); i++) {
    const struct lint_settings settings = {.lock_timeout_ms = timeouts[i].ms};
    const struct lint_tool *tool = timeouts[i].tool ? lint_tool_find(timeouts[i].tool) : NULL;
    const char *got = fixed(timeouts[i].sql, &settings, tool);
    if (strcmp(got, timeouts[i].fixed) != 0)
      fail_msg("%s\n  fixed:    %s\n  expected: %s", timeouts[i].sql, got, timeouts[i].fixed);
  }
}

/* 18 has NOT NULL ... NOT VALID. */
static void test_not_null_of_18(void **state)
{
  UNUSED(state);
  const struct lint_settings settings = {0};
  const char *sql = "set lock_timeout = 1;\nalter table t alter n set not null;";
  assert_string_equal(fixed_for(sql, &settings, NULL, 18),
                      "set lock_timeout = 1;\nalter table t ADD CONSTRAINT t_n_not_null NOT NULL n "
                      "NOT VALID;\n|set lock_timeout = 1;\nalter table t VALIDATE CONSTRAINT "
                      "t_n_not_null;\n");
  assert_non_null(strstr(fixed_for(sql, &settings, NULL, 17), "CHECK (n IS NOT NULL) NOT VALID"));
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases),
                                     cmocka_unit_test(test_not_null_of_18),
                                     cmocka_unit_test(test_lock_timeout)};
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
