#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "report/diff.h"

static void check(const char *before, const char *after, const char *want)
{
  CLEANUP(text_clear) struct text out = TEXT_INIT;
  report_diff(&out, "d/f", before, after);
  assert_string_equal(out.data, want);
}

static void test_small(void **state)
{
  UNUSED(state);
  check("a\nb\n", "a\nb\n", "");
  check(NULL, "a\nb\n", "--- /dev/null\n+++ b/d/f\n@@ -0,0 +1,2 @@\n+a\n+b\n");
  check("a\nb\nc\n", "a\nx\nc\n", "--- a/d/f\n+++ b/d/f\n@@ -1,3 +1,3 @@\n a\n-b\n+x\n c\n");
  check("a", "a\n", "--- a/d/f\n+++ b/d/f\n@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a\n");
  check("a\nb\n", "", "--- a/d/f\n+++ b/d/f\n@@ -1,2 +0,0 @@\n-a\n-b\n");
}

/* What is the same between two changes stays, and far apart they are two hunks. */
static void test_hunks(void **state)
{
  UNUSED(state);
  check("1\n2\n3\n4\n5\n6\n", "x\n2\n3\n4\n5\ny\n",
        "--- a/d/f\n+++ b/d/f\n@@ -1,6 +1,6 @@\n-1\n+x\n 2\n 3\n 4\n 5\n-6\n+y\n");
  check("1\n2\n3\n4\n5\n6\n7\n8\n9\n", "2\n3\n4\n5\n6\n7\n8\n9\nz\n",
        "--- a/d/f\n+++ b/d/f\n@@ -1,4 +1,3 @@\n-1\n 2\n 3\n 4\n"
        "@@ -7,3 +6,4 @@\n 7\n 8\n 9\n+z\n");
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_small), cmocka_unit_test(test_hunks)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
