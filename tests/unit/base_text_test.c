#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base.h"

static void test_empty(void **state)
{
  UNUSED(state);
  CLEANUP(text_clear) struct text t = TEXT_INIT;
  assert_string_equal(t.data, "");
  text_append(&t, NULL, 0);
  text_puts(&t, "");
  text_truncate(&t, 5);
  text_reset(&t);
  assert_int_equal(t.len, 0);
  assert_string_equal(t.data, "");
  char *taken = text_take(&t);
  assert_string_equal(taken, "");
  free(taken);
}

static void test_append(void **state)
{
  UNUSED(state);
  CLEANUP(text_clear) struct text t = TEXT_INIT;
  text_puts(&t, "a");
  text_putc(&t, '\0');
  text_append(&t, "bc", 2);
  text_printf(&t, "-%d-%s", 42, "x");
  assert_int_equal(t.len, 9);
  assert_memory_equal(t.data, "a\0bc-42-x", 10);
}

static void test_growth(void **state)
{
  UNUSED(state);
  CLEANUP(text_clear) struct text t = TEXT_INIT;
  for (int i = 0; i < 10000; i++)
    text_printf(&t, "%04d", i);
  assert_int_equal(t.len, 40000);
  assert_memory_equal(t.data + 4 * 1234, "1234", 4);
  assert_int_equal(strlen(t.data), t.len);
  text_reserve(&t, 100000);
  assert_true(t.cap > t.len + 100000);
  assert_int_equal(t.len, 40000);
}

static void test_printf_at_the_edge(void **state)
{
  UNUSED(state);
  for (int width = 60; width < 70; width++) { /* the first allocation is 64 bytes */
    CLEANUP(text_clear) struct text t = TEXT_INIT;
    text_printf(&t, "%*d", width, 7);
    assert_int_equal(t.len, width);
    assert_int_equal(strlen(t.data), t.len);
    assert_int_equal(t.data[width - 1], '7');
  }
}

static void test_truncate_keeps_memory(void **state)
{
  UNUSED(state);
  CLEANUP(text_clear) struct text t = TEXT_INIT;
  text_puts(&t, "hello");
  const char *before = t.data;
  text_truncate(&t, 9); /* longer than it is: nothing */
  assert_string_equal(t.data, "hello");
  text_truncate(&t, 2);
  assert_string_equal(t.data, "he");
  text_reset(&t);
  text_puts(&t, "ab");
  assert_ptr_equal(t.data, before);
}

static void test_take(void **state)
{
  UNUSED(state);
  struct text t = TEXT_INIT;
  text_puts(&t, "mine");
  CLEANUP(free_ptr)
  char *taken = text_take(&t);
  assert_string_equal(taken, "mine");
  assert_string_equal(t.data, "");
  text_puts(&t, "next"); /* usable again */
  assert_string_equal(t.data, "next");
  text_clear(&t);
  assert_string_equal(t.data, "");
  text_clear(&t);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_empty),
      cmocka_unit_test(test_append),
      cmocka_unit_test(test_growth),
      cmocka_unit_test(test_printf_at_the_edge),
      cmocka_unit_test(test_truncate_keeps_memory),
      cmocka_unit_test(test_take),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
