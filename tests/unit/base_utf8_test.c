#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base.h"
#include "base/utf8.h"

static void test_read(void **state)
{
  static const struct {
    const char *bytes;
    size_t len;
    uint32_t c;
  } cases[] = {
      {"a", 1, 'a'},
      {"\x7F", 1, 0x7F},
      {"\xC2\x80", 2, 0x80},
      {"\xDF\xBF", 2, 0x7FF},
      {"\xE0\xA0\x80", 3, 0x800},
      {"\xED\x9F\xBF", 3, 0xD7FF},
      {"\xEF\xBF\xBD", 3, 0xFFFD},
      {"\xF0\x90\x80\x80", 4, 0x10000},
      {"\xF4\x8F\xBF\xBF", 4, 0x10FFFF},
      {"\x80", 0, 0},             /* a tail */
      {"\xC1\x81", 0, 0},         /* too long a form */
      {"\xE0\x9F\xBF", 0, 0},     /* too long a form */
      {"\xED\xA0\x80", 0, 0},     /* half of a pair */
      {"\xF0\x8F\xBF\xBF", 0, 0}, /* too long a form */
      {"\xF4\x90\x80\x80", 0, 0}, /* beyond the last */
      {"\xF5\x80\x80\x80", 0, 0},
      {"\xE2\x82", 0, 0},
      {"\xE2\x82z", 0, 0},
      {"", 0, 0},
  };
  UNUSED(state);
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    uint32_t c = 0;
    assert_int_equal(utf8_read(cases[i].bytes, strlen(cases[i].bytes), &c), cases[i].len);
    assert_int_equal(c, cases[i].c);
  }
}

static void test_count(void **state)
{
  UNUSED(state);
  assert_int_equal(utf8_count("", 0), 0);
  assert_int_equal(utf8_count("a\xC3\xA4\xE2\x82\xAC", 6), 3);
  assert_int_equal(utf8_count("a\xFF\xC3", 3), 3);
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_read), cmocka_unit_test(test_count)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
