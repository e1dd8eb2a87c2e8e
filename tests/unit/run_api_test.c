#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base.h"
#include "belay/belay.h"

struct seen {
  int calls, stop_after, errors, suppressed;
  char first[200];
};

static int look(const belay_finding *f, void *context)
{
  struct seen *seen = context;
  if (seen->calls++ == 0)
    snprintf(seen->first, sizeof(seen->first), "%s:%d:%d-%d:%d %s %s %s", f->file, f->line,
             f->column, f->end_line, f->end_column, f->rule, f->relation ? f->relation : "-",
             f->lock ? f->lock : "-");
  assert_non_null(f->message);
  assert_non_null(f->hazard);
  assert_non_null(f->safe);
  seen->errors += f->severity == BELAY_ERROR;
  seen->suppressed += f->suppressed;
  if (f->suppressed)
    assert_string_equal(f->reason, "replaced in March");
  return seen->stop_after && seen->calls >= seen->stop_after;
}

static int lint(const char *sql, struct seen *seen, belay_error **error)
{
  return belay_lint("m.sql", sql, strlen(sql), look, seen, error);
}

static void test_version(void **state)
{
  UNUSED(state);
  CLEANUP(free_ptr)
  char *numbers =
      x_printf("%d.%d.%d", BELAY_VERSION_MAJOR, BELAY_VERSION_MINOR, BELAY_VERSION_PATCH);
  assert_string_equal(belay_version(), BELAY_VERSION_STRING);
  assert_string_equal(belay_version(), numbers);
}

static void test_findings(void **state)
{
  UNUSED(state);
  belay_error *error = NULL;
  struct seen seen = {0};
  assert_int_equal(lint("SET lock_timeout = 2000;\n  DROP TABLE orders;\n", &seen, &error), 0);
  assert_null(error);
  assert_int_equal(seen.calls, 1);
  assert_int_equal(seen.errors, 1);
  assert_string_equal(seen.first, "m.sql:2:3-2:20 drop-table orders ACCESS EXCLUSIVE");
}

static void test_suppressed_findings_are_told(void **state)
{
  UNUSED(state);
  struct seen seen = {0};
  assert_int_equal(lint("SET lock_timeout = 2000;\n-- belay:ignore drop-table replaced in "
                        "March\nDROP TABLE orders;",
                        &seen, NULL),
                   0);
  assert_int_equal(seen.calls, 1);
  assert_int_equal(seen.suppressed, 1);
}

static void test_the_callback_can_stop(void **state)
{
  UNUSED(state);
  struct seen seen = {.stop_after = 1};
  assert_int_equal(lint("DROP TABLE a; DROP TABLE b; DROP TABLE c;", &seen, NULL), 0);
  assert_int_equal(seen.calls, 1);
  seen = (struct seen){0};
  assert_int_equal(lint("SET lock_timeout = 2000; DROP TABLE a; DROP SCHEMA b;", &seen, NULL), 0);
  assert_int_equal(seen.calls, 2);
}

static void test_nothing_to_find(void **state)
{
  UNUSED(state);
  struct seen seen = {0};
  assert_int_equal(lint("CREATE TABLE a (b int);", &seen, NULL), 0);
  assert_int_equal(lint("", &seen, NULL), 0);
  assert_int_equal(belay_lint(NULL, NULL, 0, look, &seen, NULL), 0);
  assert_int_equal(belay_lint(NULL, "DROP TABLE a", 12, NULL, NULL, NULL), 0);
  assert_int_equal(seen.calls, 0);
  /* only len bytes are read, whether or not a NUL follows */
  const char text[] = {'S', 'E', 'L', 'E', 'C', 'T', ' ', '1'};
  assert_int_equal(belay_lint(NULL, text, sizeof(text), look, &seen, NULL), 0);
  assert_int_equal(seen.calls, 0);
}

static void test_text_that_cannot_be_taken_apart(void **state)
{
  UNUSED(state);
  static const struct {
    const char *sql, *message;
  } cases[] = {
      {"SELECT 'open", "m.sql:1:8"},
      {"SELECT 1;\n\\d orders\n", "m.sql:2:1"},
      {"SELECT $a$ open", "m.sql:1:8"},
  };
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    belay_error *error = NULL;
    struct seen seen = {0};
    assert_int_equal(lint(cases[i].sql, &seen, &error), -1);
    assert_int_equal(belay_error_code(error), BELAY_ERROR_REFUSED);
    assert_non_null(strstr(belay_error_message(error), cases[i].message));
    assert_string_equal(belay_error_sqlstate(error), "");
    assert_int_equal(seen.calls, 0);
    belay_error_free(error);
    assert_int_equal(lint(cases[i].sql, &seen, NULL), -1); /* an error that nobody wants */
  }
}

static void test_arguments(void **state)
{
  UNUSED(state);
  belay_error *error = NULL;
  char *script = NULL, *verdict = NULL;
  assert_int_equal(belay_lint("m.sql", NULL, 3, look, NULL, &error), -1);
  assert_int_equal(belay_error_code(error), BELAY_ERROR_USAGE);
  belay_error_free(error);
  static const char *const urls[] = {NULL, "", "prisma://accelerate.example/?api_key=x"};
  for (size_t i = 0; i < COUNT_OF(urls); i++) {
    error = NULL;
    assert_int_equal(belay_inverse(urls[i], "m.sql", "SELECT 1", 8, &script, &verdict, &error), -1);
    assert_int_equal(belay_error_code(error), BELAY_ERROR_USAGE);
    assert_true(belay_error_message(error)[0]);
    belay_error_free(error);
  }
  assert_null(script);
  assert_null(verdict);
}

static void test_unreachable(void **state)
{
  UNUSED(state);
  belay_error *error = NULL;
  const char *url = "postgresql://nobody:secretword@/none?host=/nonexistent/socket/directory";
  assert_int_equal(belay_inverse(url, "m.sql", "SELECT 1", 8, NULL, NULL, &error), -1);
  assert_int_equal(belay_error_code(error), BELAY_ERROR_PREFLIGHT);
  assert_null(strstr(belay_error_message(error), "secretword"));
  belay_error_free(error);
}

static void test_no_error(void **state)
{
  UNUSED(state);
  assert_int_equal(belay_error_code(NULL), BELAY_OK);
  assert_string_equal(belay_error_message(NULL), "");
  assert_string_equal(belay_error_sqlstate(NULL), "");
  assert_null(belay_error_detail(NULL));
  assert_null(belay_error_hint(NULL));
  belay_error_free(NULL);
  belay_free(NULL);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_version),
      cmocka_unit_test(test_findings),
      cmocka_unit_test(test_suppressed_findings_are_told),
      cmocka_unit_test(test_the_callback_can_stop),
      cmocka_unit_test(test_nothing_to_find),
      cmocka_unit_test(test_text_that_cannot_be_taken_apart),
      cmocka_unit_test(test_arguments),
      cmocka_unit_test(test_unreachable),
      cmocka_unit_test(test_no_error),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
