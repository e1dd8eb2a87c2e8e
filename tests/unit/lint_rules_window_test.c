/* What a transaction holds while it goes on, and the timeouts of the session that applies it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lint_fixture.h"

static const char before[] =
    "create table t (a int, b int);\ncreate index t_a on t (a);\ncreate table u (a int);";

static const char *found(struct fixture *f, const char *sql)
{
  static const char *const about[] = {"statement-while", "multi-table",  "alter-table-combine",
                                      "require-",        "lock-timeout", NULL};
  const char *files[] = {before, sql};
  f->known = 1;
  lint_files(f, files, COUNT_OF(files));
  return lint_text_about(f, about);
}

static const struct {
  const char *sql, *found;
} held[] = {
    {"alter table t add c int;\nupdate u set a = 1", "statement-while-access-exclusive:w@2"},
    {"alter table t add c int;\ninsert into u values (1)", ""},
    {"alter table t add c int;\ncreate index on u (a)",
     "statement-while-access-exclusive:w@2 multi-table-lock-transaction:i@2"},
    {"alter table t add c int;\nreindex index t_a", "statement-while-access-exclusive:w@2"},
    {"alter table t add c int;\ncreate table n (a int);\nalter table n alter a type bigint", ""},
    {"update u set a = 1;\nalter table t add c int", ""},
    {"alter table t add c int;\nalter table t add d int", ""},
    {"alter table t alter a type bigint;\nalter table t alter b type bigint",
     "alter-table-combine:i@2 statement-while-access-exclusive:w@2"},
    {"alter table t add c int;\nalter table u add c int", "multi-table-lock-transaction:i@2"},
    {"alter table t add c int;\ntruncate t", ""},
};

static void test_held(void **state)
{
  UNUSED(state);
  for (size_t i = 0; i < COUNT_OF(held); i++) {
    struct fixture f = {.with_window = true};
    const char *text = found(&f, held[i].sql);
    if (strcmp(text, held[i].found) != 0)
      fail_msg("%s\n  found:    %s\n  expected: %s", held[i].sql, text, held[i].found);
  }
}

/* psql without -1: each statement is its own transaction. */
static void test_statement_by_statement(void **state)
{
  UNUSED(state);
  struct fixture f = {.with_window = true, .tool = "psql"};
  assert_string_equal(found(&f, "alter table t add c int;\nupdate u set a = 1"), "");
  assert_string_equal(found(&f, "begin;\nalter table t add c int;\nupdate u set a = 1;\ncommit"),
                      "statement-while-access-exclusive:w@3");
}

static const struct {
  const char *sql, *found;
} waiting[] = {
    {"alter table t add c int", "require-lock-timeout:i@1"},
    {"alter table t add c int;\nalter table t add d int", "require-lock-timeout:i@1"},
    {"set lock_timeout = '2s';\nalter table t add c int", ""},
    {"select set_config('lock_timeout', '2s', false);\nalter table t add c int", ""},
    {"set lock_timeout = 0;\nalter table t add c int", "require-lock-timeout:i@2"},
    {"alter table t add c int;\nset lock_timeout = '2s'", "lock-timeout-too-late:w@2"},
    {"create table n (a int);\nalter table n add c int", ""},
    {"update t set a = 1", "require-statement-timeout:i@1"},
    {"set statement_timeout = '5min';\nupdate t set a = 1", ""},
};

static void test_timeouts(void **state)
{
  UNUSED(state);
  static const struct lint_session none = {.timeouts_known = true, .idle_timeout_ms = 1000};
  static const struct lint_session short_one = {.timeouts_known = true, .lock_timeout_ms = 1000};
  for (size_t i = 0; i < COUNT_OF(waiting); i++) {
    struct fixture f = {.session = &none};
    const char *text = found(&f, waiting[i].sql);
    if (strcmp(text, waiting[i].found) != 0)
      fail_msg("%s\n  found:    %s\n  expected: %s", waiting[i].sql, text, waiting[i].found);
  }
  struct fixture f = {.session = &short_one};
  assert_string_equal(found(&f, "set lock_timeout = '1min';\nalter table t add c int"),
                      "lock-timeout-too-late:w@1");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_held),
      cmocka_unit_test(test_statement_by_statement),
      cmocka_unit_test(test_timeouts),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
