/* Durations and sizes as the configuration writes them, and what is suggested for a word. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base.h"
#include "base/suggest.h"
#include "run/yaml_table.h"

static void test_durations_and_sizes(void **state)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  UNUSED(state);
  static const struct {
    const char *text;
    int64_t ms; /* -1: refused */
  } durations[] = {
      {"0", 0},        {"0s", 0},        {"1ms", 1},  {"10s", 10000}, {"5min", 300000},
      {"2h", 7200000}, {"1d", 86400000}, {"", -1},    {"s", -1},      {"10 s", -1},
      {"1.5s", -1},    {"10S", -1},      {"1s ", -1}, {"+1s", -1},    {"9223372036854775807d", -1}};
  static const struct {
    const char *text;
    uint64_t bytes; /* UINT64_MAX: refused */
  } sizes[] = {{"0", 0},
               {"1B", 1},
               {"3KiB", 3072},
               {"16MiB", 16777216},
               {"1GiB", 1 << 30},
               {"1TiB", UINT64_C(1) << 40},
               {"1", UINT64_MAX},
               {"1MB", UINT64_MAX},
               {"99999999999TiB", UINT64_MAX}};
  for (size_t i = 0; i < COUNT_OF(durations); i++) {
    int64_t ms = -1;
    int result = table_parse_duration(durations[i].text, &ms);
    assert_int_equal(result, durations[i].ms < 0 ? -1 : 0);
    assert_int_equal(ms, durations[i].ms);
  }
  for (size_t i = 0; i < COUNT_OF(sizes); i++) {
    uint64_t bytes = UINT64_MAX;
    int result = table_parse_size(sizes[i].text, &bytes);
    assert_int_equal(result, sizes[i].bytes == UINT64_MAX ? -1 : 0);
    assert_true(bytes == sizes[i].bytes);
  }
  assert_string_equal(table_print_duration(arena, 0), "0");
  assert_string_equal(table_print_duration(arena, 90000), "90s");
  assert_string_equal(table_print_duration(arena, 7200000), "2h");
  assert_string_equal(table_print_size(arena, 1536), "1536B");
  assert_string_equal(table_print_size(arena, 1 << 20), "1MiB");
}

static void test_suggestions(void **state)
{
  static const char *const words[] = {"apply", "backup", "lock_timeout", "off"};
  UNUSED(state);
  assert_string_equal(suggest_word("aplly", words, COUNT_OF(words)), "apply");
  assert_string_equal(suggest_word("LOCK-TIMEOUT", words, COUNT_OF(words)), "lock_timeout");
  assert_string_equal(suggest_word("lock_timoeut", words, COUNT_OF(words)), "lock_timeout");
  assert_null(suggest_word("zebra", words, COUNT_OF(words)));
  assert_null(suggest_word("", words, COUNT_OF(words)));
  assert_null(
      suggest_word("apply-apply-apply-apply-apply-apply-apply-apply-apply-apply-apply-apply", words,
                   COUNT_OF(words)));
  assert_null(suggest_word("apply", words, 0));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_durations_and_sizes),
      cmocka_unit_test(test_suggestions),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
