#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <jansson.h>

#include "report/lint.h"

struct fixture {
  struct arena *arena;
  struct text out;
  struct lint_report report;
  struct sql_script *scripts[2];
  struct report_lint input;
};

static void lint(struct fixture *f, const char *name, const char *sql)
{
  CLEANUP(err_clear) struct err err = ERR_INIT;
  struct lint_settings settings = {.fail_on = LINT_ERROR};
  f->arena = arena_new();
  f->out = TEXT_INIT;
  static const struct lint_session session = {
      .timeouts_known = true, .lock_timeout_ms = 2000, .statement_timeout_ms = 60000};
  const struct lint_input input = {.scripts = f->scripts, .count = 1, .session = &session};
  static const struct lint_setting off[] = {{"multi-table-lock-transaction", LINT_OFF},
                                            {"statement-while-access-exclusive", LINT_OFF}};
  for (size_t i = 0; i < COUNT_OF(off); i++)
    vec_push(f->arena, &settings.rules, off[i]);
  if (sql_script_read(f->arena, name, sql, strlen(sql), &f->scripts[0], &err) < 0 ||
      lint_scripts(f->arena, &settings, &input, &f->report, &err) < 0)
    fail_msg("%s", err.message);
  f->input = (struct report_lint){.report = &f->report, .scripts = f->scripts, .script_count = 1};
}

static void clear(struct fixture *f)
{
  text_clear(&f->out);
  arena_free(f->arena);
}

static void test_tty(void **state)
{
  UNUSED(state);
  struct fixture f;
  lint(&f, "m/1.sql", "select 1;\nalter table t add \xC3\xA4 int, drop \xC3\xB6;\n");
  report_lint_tty(&f.out, &f.input);
  assert_string_equal(
      f.out.data,
      "m/1.sql:2:27: error drop-column: column \xC3\xB6 of t is dropped\n"
      "    2 | alter table t add \xC3\xA4 int, drop \xC3\xB6;\n"
      "      |                          ^~~~~~\n"
      "  lock: ACCESS EXCLUSIVE\n"
      "  why:  The column's values are gone at commit, with its indexes and constraints; a running "
      "application that reads it fails.\n"
      "  safe: Deploy an application that no longer uses the column, then drop it with a backup of "
      "its values.\n"
      "\n"
      "1 error in 1 file, 2 statements, all analysed\n");
  clear(&f);
}

static void test_tty_odd_lines(void **state)
{
  UNUSED(state);
  struct fixture f;
  struct text sql = TEXT_INIT;
  text_puts(&sql, "select '\033[31m';\tdrop /* ");
  for (int i = 0; i < 300; i++)
    text_puts(&sql, "\xE2\x82\xAC");
  text_puts(&sql, " */ table t");
  lint(&f, "1.sql", sql.data);
  report_lint_tty(&f.out, &f.input);
  assert_null(strchr(f.out.data, '\033'));
  assert_null(strchr(f.out.data, '\t'));
  for (const char *line = f.out.data; *line; line += strcspn(line, "\n") + 1)
    assert_true(strcspn(line, "\n") < 200);
  clear(&f);
  text_clear(&sql);
}

/* What a name holds reaches the message, too. */
static void test_tty_names(void **state)
{
  UNUSED(state);
  struct fixture f;
  lint(&f, "1.sql", "drop table \"a\033[31m\xC2\x9B\xE2\x80\xAE\xFF\nb\";");
  report_lint_tty(&f.out, &f.input);
  assert_non_null(strstr(f.out.data, "error drop-table: table \"a [31m\xEF\xBF\xBD\xEF\xBF\xBD"
                                     "\xEF\xBF\xBD b\" is dropped\n"));
  assert_non_null(strstr(f.out.data, "      | ^~~~~~~~~~~~~~~~~~~~~ to line 2\n"));
  clear(&f);
}

/* Wide characters take two columns where the locale knows them; a tab takes one. */
static void test_tty_wide(void **state)
{
  UNUSED(state);
  struct fixture f;
  lint(&f, "1.sql", "/* \xE6\x97\xA5\t */ drop table \"\xE6\x9C\xAC\";");
  assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
  report_lint_tty(&f.out, &f.input);
  setlocale(LC_CTYPE, "C");
  assert_non_null(strstr(f.out.data, "\n      |           ^~~~~~~~~~~~~~~\n"));
  clear(&f);
}

static void test_tty_colour(void **state)
{
  UNUSED(state);
  struct fixture f;
  lint(&f, "1.sql",
       "truncate t;\nalter table t alter a drop not null;\n"
       "-- belay:ignore drop-table x\ndrop table u; refresh materialized view m");
  f.input.colour = true;
  report_lint_tty(&f.out, &f.input);
  assert_non_null(strstr(f.out.data, "\033[1m\033[31merror\033[0m"));
  assert_null(strstr(f.out.data, "drop-table"));
  assert_non_null(
      strstr(f.out.data,
             "1 error, 1 warning, 1 note (1 ignored) in 1 file, 4 statements, all analysed\n"));
  clear(&f);
}

static void test_summary(void **state)
{
  UNUSED(state);
  struct text out = TEXT_INIT;
  struct lint_report report = {.files = 3, .statements = 14};
  report_lint_summary(&out, &report);
  assert_string_equal(out.data, "nothing found in 3 files, 14 statements, all analysed");
  text_reset(&out);
  report = (struct lint_report){
      .files = 1, .statements = 1, .errors = 2, .warnings = 3, .infos = 4, .not_analysed = 1};
  report_lint_summary(&out, &report);
  assert_string_equal(out.data,
                      "2 errors, 3 warnings, 4 notes in 1 file, 1 statement, 1 not analysed");
  text_clear(&out);
}

static void test_json_statements(void **state)
{
  UNUSED(state);
  struct fixture f;
  lint(&f, "a.sql", "select 1;\n  alter table s.t\n drop c;\nrefresh materialized view m;");
  report_lint_json(&f.out, &f.input);
  json_error_t error;
  json_t *root = json_loadb(f.out.data, f.out.len, JSON_REJECT_DUPLICATES, &error);
  if (!root)
    fail_msg("%s", error.text);
  json_t *statements = json_object_get(root, "statements");
  assert_int_equal(json_array_size(statements), 3);
  json_t *first = json_array_get(statements, 0), *second = json_array_get(statements, 1);
  json_t *effects = json_object_get(first, "effects"), *unknown = NULL;
  assert_int_equal(json_array_size(json_object_get(effects, "locks")), 0);
  assert_true(json_is_null(json_object_get(effects, "unknown")));
  const char *file, *kind, *source, *relation, *mode, *drop;
  json_int_t line, column, end_line, end_column, offset, end_offset;
  assert_int_equal(json_unpack(second, "{s:s s:s s:I s:I s:I s:I s:I s:I}", "file", &file, "kind",
                               &kind, "line", &line, "column", &column, "end_line", &end_line,
                               "end_column", &end_column, "offset", &offset, "end_offset",
                               &end_offset),
                   0);
  assert_string_equal(file, "a.sql");
  assert_string_equal(kind, "ALTER TABLE");
  assert_true(line == 2 && column == 3 && end_line == 3 && end_column == 8);
  assert_true(offset == 12 && end_offset == 35);
  assert_int_equal(json_unpack(second, "{s:{s:s s:[{s:s s:s}] s:[] s:[] s:[s] s:n s:o}}", "effects",
                               "source", &source, "locks", "relation", &relation, "mode", &mode,
                               "rewrites", "scans", "drops", &drop, "fails", "unknown", &unknown),
                   0);
  assert_string_equal(source, "static");
  assert_string_equal(relation, "s.t");
  assert_string_equal(mode, "AccessExclusiveLock");
  assert_string_equal(drop, "column s.t.c");
  assert_true(json_is_string(unknown)); /* what depends on it */
  assert_string_equal(json_string_value(json_object_get(json_array_get(statements, 2), "kind")),
                      "REFRESH MATERIALIZED VIEW");
  json_decref(root);
  clear(&f);
}

static void test_json(void **state)
{
  UNUSED(state);
  struct fixture f;
  lint(&f, "a \"b\".sql",
       "truncate \"T\xC3\xA4\";\n-- belay:ignore drop-table two\twords\ndrop table u;");
  report_lint_json(&f.out, &f.input);
  json_error_t error;
  json_t *root = json_loadb(f.out.data, f.out.len, JSON_REJECT_DUPLICATES, &error);
  if (!root)
    fail_msg("%s", error.text);
  assert_int_equal(json_integer_value(json_object_get(root, "schema")), 1);
  json_t *findings = json_object_get(root, "findings");
  assert_int_equal(json_array_size(findings), 2);
  const char *file, *rule, *severity, *depth, *message, *relation, *reason;
  json_int_t line, column, end_line, end_column, offset;
  int suppressed;
  json_t *detail, *lock;
  assert_int_equal(json_unpack(json_array_get(findings, 0), "{s:s s:I s:I s:I s:I s:I s:s s:s s:s}",
                               "file", &file, "line", &line, "column", &column, "end_line",
                               &end_line, "end_column", &end_column, "offset", &offset, "rule",
                               &rule, "severity", &severity, "depth", &depth),
                   0);
  assert_string_equal(file, "a \"b\".sql");
  assert_int_equal(line, 1);
  assert_int_equal(column, 1);
  assert_int_equal(end_line, 1);
  assert_int_equal(end_column, 15);
  assert_int_equal(offset, 0);
  assert_string_equal(rule, "truncate");
  assert_string_equal(severity, "error");
  assert_string_equal(depth, "static");
  assert_int_equal(json_unpack(json_array_get(findings, 0), "{s:s s:s s:o s:o s:b s:n s:s s:s}",
                               "message", &message, "relation", &relation, "detail", &detail,
                               "lock", &lock, "suppressed", &suppressed, "reason", "hazard",
                               &severity, "safe", &severity),
                   0);
  assert_string_equal(message, "table \"T\xC3\xA4\" is emptied");
  assert_string_equal(relation, "\"T\xC3\xA4\"");
  assert_true(json_is_null(detail));
  assert_string_equal(json_string_value(lock), "ACCESS EXCLUSIVE");
  assert_false(suppressed);
  assert_int_equal(json_unpack(json_array_get(findings, 1), "{s:b s:s}", "suppressed", &suppressed,
                               "reason", &reason),
                   0);
  assert_true(suppressed);
  assert_string_equal(reason, "two\twords");
  json_t *summary = json_object_get(root, "summary");
  assert_int_equal(json_integer_value(json_object_get(summary, "files")), 1);
  assert_int_equal(json_integer_value(json_object_get(summary, "statements")), 2);
  assert_int_equal(json_integer_value(json_object_get(summary, "errors")), 1);
  assert_int_equal(json_integer_value(json_object_get(summary, "suppressed")), 1);
  assert_int_equal(json_integer_value(json_object_get(summary, "not_analysed")), 0);
  json_decref(root);
  clear(&f);
}

static void test_github(void **state)
{
  UNUSED(state);
  struct fixture f;
  lint(
      &f, "a,b:c%.sql",
      "drop table \"x\ny\";\nalter table t alter a drop not null; -- belay:ignore drop-not-null z\n"
      "reindex\ntable t;");
  report_lint_github(&f.out, &f.input);
  assert_string_equal(
      f.out.data,
      "::error file=a%2Cb%3Ac%25.sql,line=1,endLine=2,title=drop-table::table \"x%0Ay\" is "
      "dropped%0AStop using the table first, rename it aside for a while, and drop it once a "
      "backup is proven.\n"
      "::warning file=a%2Cb%3Ac%25.sql,line=4,endLine=5,title=reindex-not-concurrent::"
      "REINDEX of t without CONCURRENTLY%0AUse REINDEX ... CONCURRENTLY in a file of its own.\n");
  clear(&f);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_tty),        cmocka_unit_test(test_tty_odd_lines),
      cmocka_unit_test(test_tty_colour), cmocka_unit_test(test_tty_names),
      cmocka_unit_test(test_tty_wide),   cmocka_unit_test(test_summary),
      cmocka_unit_test(test_json),       cmocka_unit_test(test_json_statements),
      cmocka_unit_test(test_github),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
