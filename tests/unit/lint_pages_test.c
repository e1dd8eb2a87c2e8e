/* Every rule has a page; its bad example raises the rule and its good one does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lint/lint.h"

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

VEC_TYPE(script_vec, struct sql_script *);

/* The ```sql blocks between a heading and the next; each is a file. */
static struct script_vec read_blocks(const char *id, const char *page, const char *heading)
{
  struct script_vec scripts = {0};
  const char *at = strstr(page, heading);
  assert_non_null(at);
  const char *end = strstr(at + 3, "\n## ");
  for (;;) {
    at = strstr(at, "```sql\n");
    if (!at || (end && at > end))
      return scripts;
    at += strlen("```sql\n");
    const char *close = strstr(at, "\n```");
    assert_non_null(close);
    CLEANUP(err_clear) struct err err = ERR_INIT;
    struct sql_script *script = NULL;
    if (sql_script_read_psql(arena, id, at, (size_t)(close - at), &script, &err) < 0)
      fail_msg("%s: %s", id, err.message);
    vec_push(arena, &scripts, script);
    at = close;
  }
}

static struct script_vec blocks_if_any(const char *id, const char *page, const char *heading)
{
  return strstr(page, heading) ? read_blocks(id, page, heading) : (struct script_vec){0};
}

/* "Target: 15" on the page: the major of the server that its examples are for. */
static int target_of(const char *page)
{
  const char *line = strstr(page, "\nTarget: ");
  return line ? (int)strtol(line + strlen("\nTarget: "), NULL, 10) : 0;
}

/* `before` is what the database holds already. */
static size_t count_rule(struct script_vec before, struct script_vec scripts, const char *id)
{
  CLEANUP(err_clear) struct err err = ERR_INIT;
  struct lint_settings settings = {.fail_on = LINT_ERROR, .require_reason = true};
  const struct lint_setting on = {.rule = id, .severity = LINT_WARNING};
  if (lint_rule_find(id)->severity == LINT_OFF)
    vec_push(arena, &settings.rules, on);
  struct lint_report report;
  struct script_vec all = {0};
  for (size_t i = 0; i < before.len; i++)
    vec_push(arena, &all, before.at[i]);
  for (size_t i = 0; i < scripts.len; i++)
    vec_push(arena, &all, scripts.at[i]);
  int target = target_of(lint_rule_page(id));
  const struct lint_input input = {.scripts = all.at,
                                   .count = all.len,
                                   .known = before.len,
                                   .target_major = target ? target : lint_rule_find(id)->since};
  if (lint_scripts(arena, &settings, &input, &report, &err) < 0)
    fail_msg("%s: %s", id, err.message);
  size_t count = 0;
  for (size_t i = 0; i < report.findings.len; i++)
    count += strcmp(report.findings.at[i].rule->id, id) == 0 && !report.findings.at[i].suppressed;
  return count;
}

static void check_page(const struct lint_rule *rule, const char *page)
{
  const char *id = rule->id;
  struct script_vec before = blocks_if_any(id, page, "## Before\n");
  struct script_vec bad = read_blocks(id, page, "## Bad\n");
  struct script_vec good = read_blocks(id, page, "## Good\n");
  if (bad.len == 0 || (count_rule(before, bad, id) == 0 && rule->needs == LINT_NEEDS_NOTHING))
    fail_msg("%s: the bad example does not raise it", id);
  if (good.len == 0 || count_rule(before, good, id) > 0)
    fail_msg("%s: the good example raises it", id);
  const char *sign = arena_printf(arena, "# %s\n", id);
  assert_int_equal(strncmp(page, sign, strlen(sign)), 0);
  const char *severity = arena_printf(arena, "\nDefault: %s\n", lint_severity_name(rule->severity));
  if (!strstr(page, severity))
    fail_msg("%s: the page names another severity", id);
}

static void test_pages(void **state)
{
  UNUSED(state);
  for (const struct lint_rule *rule = lint_rule_next(NULL); rule; rule = lint_rule_next(rule)) {
    const char *page = lint_rule_page(rule->id);
    if (!page)
      fail_msg("%s has no page", rule->id);
    check_page(rule, page);
  }
  assert_null(lint_rule_page("no-such-rule"));
}

static void test_table(void **state)
{
  UNUSED(state);
  for (const struct lint_rule *rule = lint_rule_next(NULL); rule; rule = lint_rule_next(rule)) {
    assert_ptr_equal(lint_rule_find(rule->id), rule); /* also: no id twice */
    assert_true(strlen(rule->summary) > 0 && strlen(rule->hazard) > 0 && strlen(rule->safe) > 0);
  }
  assert_null(lint_rule_find("drop"));
}

static void test_suggest(void **state)
{
  UNUSED(state);
  assert_string_equal(lint_rule_suggest("drop-tabel"), "drop-table");
  assert_string_equal(lint_rule_suggest("dropcolumn"), "drop-column");
  assert_string_equal(lint_rule_suggest("not-null"), "not-null-scan");
  assert_null(lint_rule_suggest("something-else-altogether"));
  assert_null(lint_rule_suggest(""));
  char long_id[300];
  memset(long_id, 'x', sizeof(long_id) - 1);
  long_id[sizeof(long_id) - 1] = '\0';
  assert_null(lint_rule_suggest(long_id));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_pages),
      cmocka_unit_test(test_table),
      cmocka_unit_test(test_suggest),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
