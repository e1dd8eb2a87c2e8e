#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lint_fixture.h"

static const struct {
  const char *sql, *found;
} cases[] = {
    {"-- belay:ignore drop-table old\ndrop table a;\ndrop table b;",
     "(drop-table:e@2) drop-table:e@3"},
    {"drop table /* belay:ignore drop-table old */ a", "(drop-table:e@1)"},
    {"drop table a; -- belay:ignore drop-table old\ndrop table b;",
     "(drop-table:e@1) drop-table:e@2"},
    {"drop table a -- belay:ignore drop-table old\n;", "(drop-table:e@1)"},
    {"-- belay:ignore drop-table, drop-cascade: old\n-- another remark\n\ndrop table a cascade;",
     "(drop-table:e@4) (drop-cascade:e@4)"},
    {"-- belay:ignore drop-table\n-- belay:ignore drop-cascade x\ndrop table a cascade;",
     "(drop-table:e@3) (drop-cascade:e@3)"},
    {"drop table a; drop table b; -- belay:ignore drop-table the one before it",
     "drop-table:e@1 (drop-table:e@1)"},
    {"drop table a; /* belay:ignore drop-table the next */ drop table b;",
     "drop-table:e@1 (drop-table:e@1)"},
    {"drop table a; /* belay:ignore drop-table\nfirst */ drop table b;",
     "drop-table:e@1 (drop-table:e@2)"},
    {"alter table a\n  drop x, -- belay:ignore drop-column inside\n  drop y;\ndrop table b;",
     "(drop-column:e@2) (drop-column:e@3) drop-table:e@4"},
    {"drop table\n/* belay:ignore\n   drop-table,\n   drop-cascade old */ a cascade;",
     "(drop-table:e@1) (drop-cascade:e@1)"},
    {"do $$ -- belay:ignore execute-opaque in a string\nbegin drop table a; end $$;",
     "execute-opaque:w@1"},
    {"drop table a;\ndrop table b;\n-- belay:ignore-file drop-table all of them are old",
     "(drop-table:e@1) (drop-table:e@2)"},
    {"drop table a;\n-- belay:ignore drop-table too late", "drop-table:e@1 suppression-unused:w@2"},
    {"-- belay:ignore truncate x\ndrop table a;", "suppression-unused:w@1 drop-table:e@2"},
    {"-- belay:ignore-file truncate x\ndrop table a;", "suppression-unused:w@1 drop-table:e@2"},
    {"-- belay:ignore drop-tables x\ndrop table a;", "suppression-unknown:e@1 drop-table:e@2"},
    {"-- belay:ignore\ndrop table a;", "suppression-unknown:e@1 drop-table:e@2"},
    {"-- belay:ignore drop-table drop-cascade x\ndrop table a cascade;",
     "(drop-table:e@2) drop-cascade:e@2"},
    {"-- belay:ignored drop-table x\ndrop table a;", "drop-table:e@2"},
    {"-- see belay:ignore drop-table x\ndrop table a;", "drop-table:e@2"},
    {"select '-- belay:ignore drop-table x';\ndrop table a;", "drop-table:e@2"},
    {"-- belay:ignore suppression-unused x\nselect 1;", "suppression-unused:w@1"},
    {"-- belay:ignore transaction-nesting x\nsavepoint a;", "(transaction-nesting:e@2)"},
    {"-- belay:ignore not-analysed newer than the parser\nselect from from;", "(not-analysed:w@2)"},
};

static void test_cases(void **state)
{
  UNUSED(state);
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    struct fixture f = {0};
    const char *found = lint_one(&f, cases[i].sql);
    if (strcmp(found, cases[i].found) != 0)
      fail_msg("%s\n  found:    %s\n  expected: %s", cases[i].sql, found, cases[i].found);
  }
}

static void test_reason(void **state)
{
  UNUSED(state);
  struct fixture f = {.settings = {.fail_on = LINT_ERROR, .require_reason = true}};
  assert_string_equal(lint_one(&f, "-- belay:ignore drop-table - replaced by b\ndrop table a;"),
                      "(drop-table:e@2)");
  assert_string_equal(f.report.findings.at[0].reason, "replaced by b");
  assert_int_equal(f.report.suppressed, 1);
  assert_int_equal(f.report.errors, 0);
  assert_false(lint_fails(&f.settings, &f.report));
  assert_string_equal(lint_one(&f, "-- belay:ignore drop-table\ndrop table a;"),
                      "suppression-no-reason:e@1 (drop-table:e@2)");
  assert_true(lint_fails(&f.settings, &f.report));
}

static void test_suggestion(void **state)
{
  UNUSED(state);
  struct fixture f = {0};
  lint_one(&f, "-- belay:ignore drop-tabel x\ndrop table a;");
  assert_string_equal(f.report.findings.at[0].message,
                      "there is no rule \"drop-tabel\", perhaps \"drop-table\"");
}

/* An ignore of a rule that the policy switched off is not useless: another environment has it on.
 * */
static void test_rule_off(void **state)
{
  UNUSED(state);
  struct fixture f = {0};
  struct lint_setting off = {"drop-table", LINT_OFF};
  vec_push(arena, &f.settings.rules, off);
  assert_string_equal(lint_one(&f, "-- belay:ignore drop-table x\ndrop table a;"), "");
}

/* Settings of paths: a directory above the file, its name, every rule; what stands later wins. */
static void test_paths(void **state)
{
  UNUSED(state);
  struct fixture f = {0};
  struct lint_path_settings old = {.pattern = "old"}, all = {.pattern = "**/1.sql"};
  struct lint_setting off = {LINT_EVERY_RULE, LINT_OFF}, info = {"drop-table", LINT_INFO};
  vec_push(arena, &old.rules, off);
  vec_push(arena, &all.rules, info);
  vec_push(arena, &f.settings.paths, old);
  assert_string_equal(lint_one(&f, "drop table a;"), "drop-table:e@1");
  vec_push(arena, &f.settings.paths, all);
  assert_string_equal(lint_one(&f, "drop table a;"), "drop-table:i@1");
  f.settings.paths.at[0].pattern = "1*";
  assert_string_equal(lint_one(&f, "drop table a; truncate b;"), "drop-table:i@1");
  f.settings.root = "/nowhere";
  f.settings.paths.len = 1;
  assert_string_equal(lint_one(&f, "drop table a;"), "drop-table:e@1");
}

static void test_history(void **state)
{
  UNUSED(state);
  CLEANUP(err_clear) struct err err = ERR_INIT;
  static const char *const files[] = {"drop table a;", "drop table b;",
                                      "-- belay:ignore truncate x\ndrop table c;"};
  static const bool history[] = {false, true, false};
  struct fixture f = {0};
  struct sql_script *scripts[3];
  for (size_t i = 0; i < 3; i++)
    assert_int_equal(sql_script_read(arena, "x", files[i], strlen(files[i]), &scripts[i], &err), 0);
  const struct lint_session session = {.timeouts_known = true, .lock_timeout_ms = 2000};
  const struct lint_input input = {
      .scripts = scripts, .count = 3, .history = history, .session = &session};
  assert_int_equal(lint_scripts(arena, &f.settings, &input, &f.report, &err), 0);
  assert_string_equal(lint_text(&f), "drop-table:e@1 suppression-unused:w@1 drop-table:e@2");
  assert_int_equal(f.report.files, 2);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_cases),      cmocka_unit_test(test_reason),
      cmocka_unit_test(test_suggestion), cmocka_unit_test(test_rule_off),
      cmocka_unit_test(test_paths),      cmocka_unit_test(test_history),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
