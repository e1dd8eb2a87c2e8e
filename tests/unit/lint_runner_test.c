#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lint_fixture.h"

static const char *const about[] = {"concurrently",        "transaction", "psql", "execute",
                                    "constraint-validate", "drop-table",  NULL};

/* Rules about the runner that a file raises under a tool; NULL: belay. */
static const char *lint_under(const char *tool, const char *sql, bool no_transaction)
{
  CLEANUP(err_clear) struct err err = ERR_INIT;
  struct fixture f = {0};
  struct sql_script *scripts[2];
  const struct lint_tool *known = tool ? lint_tool_find(tool) : NULL;
  assert_true(!tool || known);
  if (sql_script_read_psql(arena, "f.sql", sql, strlen(sql), &scripts[0], &err) < 0)
    fail_msg("%s", err.message);
  scripts[0]->no_transaction = no_transaction;
  scripts[1] = lint_tool_part(arena, known, scripts[0]);
  const struct lint_input input = {
      .scripts = scripts, .count = 1, .back_count = scripts[1] ? 1 : 0, .tool = known};
  if (lint_scripts(arena, &f.settings, &input, &f.report, &err) < 0)
    fail_msg("%s", err.message);
  return lint_text_about(&f, about);
}

#define CIC "create index concurrently i on t (a);\n"
#define ONE "select 1;\n"

static void test_bare(void **state)
{
  UNUSED(state);
  static const struct {
    const char *tool, *sql, *found;
    bool no_transaction;
  } cases[] = {
      {NULL, CIC, "", false},
      {NULL, CIC ONE, "concurrently-not-alone:w@1", false},
      {"prisma", CIC, "", false},
      {"prisma", CIC ONE, "concurrently-not-alone:w@1", false},
      {"golang-migrate", CIC, "", false},
      {"golang-migrate", CIC ONE, "concurrently-in-transaction:e@1", false},
      {"golang-migrate-multi", CIC ONE, "", false},
      {"dbmate", "-- migrate:up\n" CIC, "concurrently-in-transaction:e@2", false},
      {"dbmate", "-- migrate:up transaction:false\n" CIC, "", false},
      {"dbmate", "-- migrate:up transaction:false\n" CIC ONE, "concurrently-in-transaction:e@2",
       false},
      {"dbmate", "-- migrate:up transaction:false\n" CIC "-- migrate:down\n" ONE, "", false},
      {"goose", "-- +goose Up\n" CIC, "concurrently-in-transaction:e@2", false},
      {"goose", "-- +goose NO TRANSACTION\n-- +goose Up\n" CIC ONE, "", false},
      {"flyway", CIC, "", false},
      {"flyway", CIC CIC, "", false},
      {"flyway", CIC ONE, "concurrently-in-transaction:e@1", false},
      {"flyway", CIC ONE, "", true},
      {"drizzle", CIC, "concurrently-in-transaction:e@1", false},
      {"psql", ONE CIC, "", false},
      {"psql", "begin;\n" CIC "commit;", "concurrently-in-transaction:e@2", false},
      {"psql-1", CIC, "concurrently-in-transaction:e@1", false},
      {"sqitch", ONE CIC, "", false},
  };
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    const char *found = lint_under(cases[i].tool, cases[i].sql, cases[i].no_transaction);
    if (strcmp(found, cases[i].found) != 0)
      fail_msg("%s: %s\n  found:    %s\n  expected: %s", cases[i].tool ? cases[i].tool : "belay",
               cases[i].sql, found, cases[i].found);
  }
}

static void test_control(void **state)
{
  UNUSED(state);
  const char *around = "begin;\n" ONE "commit;\n", *twice = "begin;\ncommit;\nbegin;\ncommit;\n";
  assert_string_equal(lint_under(NULL, around, false), "");
  assert_string_equal(lint_under("prisma", around, false), "");
  assert_string_equal(lint_under("psql", twice, false), "");
  assert_string_equal(lint_under("dbmate", around, false),
                      "transaction-nesting:e@1 transaction-nesting:e@3");
  assert_string_equal(lint_under("dbmate", "savepoint a;\nrelease a;", false), "");
  assert_string_equal(lint_under("psql", "commit;", false), "transaction-nesting:e@1");
}

/* NOT VALID and VALIDATE: bad in one transaction only. */
static void test_one_transaction(void **state)
{
  UNUSED(state);
  const char *sql = "alter table t add constraint k check (a > 0) not valid;\n"
                    "alter table t validate constraint k;";
  const char *found = "constraint-validate-same-transaction:w@2";
  assert_string_equal(lint_under(NULL, sql, false), found);
  assert_string_equal(lint_under("dbmate", sql, false), found);
  assert_string_equal(lint_under("psql", sql, false), "");
  assert_string_equal(lint_under("psql", arena_printf(arena, "begin;\n%s\ncommit;", sql), false),
                      "constraint-validate-same-transaction:w@3");
}

/* Nothing in a down part weighs more than info. */
static void test_down(void **state)
{
  UNUSED(state);
  const char *sql = "-- migrate:up\ncreate table t (a int);\n-- migrate:down\ndrop table u;\n";
  assert_string_equal(lint_under("dbmate", sql, false), "drop-table:i@4");
  assert_string_equal(lint_under("goose", "-- +goose Up\ndrop table t;\n-- +goose Down\n", false),
                      "drop-table:e@2");
  assert_string_equal(
      lint_under("dbmate",
                 "-- migrate:down\n-- belay:ignore drop-table it is the way back\ndrop table t;\n",
                 false),
      "(drop-table:i@3)");
}

static void test_psql(void **state)
{
  UNUSED(state);
  const char *sql = "\\set x 1\nselect 1 \\gexec\ncopy t from stdin;\n1\n\\.\n";
  assert_string_equal(lint_under(NULL, sql, false), "psql-only:e@1 psql-only:e@2 psql-only:e@3");
  assert_string_equal(lint_under("psql", sql, false), "execute-opaque:w@2");
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_bare), cmocka_unit_test(test_control),
                                     cmocka_unit_test(test_one_transaction),
                                     cmocka_unit_test(test_down), cmocka_unit_test(test_psql)};
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
