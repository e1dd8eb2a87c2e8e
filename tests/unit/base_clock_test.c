#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base.h"
#include "base/clock.h"

#include <pthread.h>

static void test_parse(void **state)
{
  UNUSED(state);
#define DAY INT64_C(1795305600) /* 2026-11-22 */
#define AT(h, m, s) ((DAY + (h)*3600 + (m)*60 + (s)) * 1000000)
  static const struct {
    const char *text;
    int64_t wall_us;
  } cases[] = {
      {"2026-11-22", AT(0, 0, 0)},
      {"2026-11-22T13:48", AT(13, 48, 0)},
      {"2026-11-22 13:48", AT(13, 48, 0)},
      {"2026-11-22T13:48Z", AT(13, 48, 0)},
      {"2026-11-22T13:48:07Z", AT(13, 48, 7)},
      {"2026-11-22 13:48:07", AT(13, 48, 7)},
      {"2026-11-22T13:48:07.25Z", AT(13, 48, 7) + 250000},
      {"2026-11-22T13:48:07.1234567Z", AT(13, 48, 7) + 123456},
      {"2026-11-22T13:48+01:00", AT(12, 48, 0)},
      {"2026-11-22T13:48:00-05:30", AT(19, 18, 0)},
      {"2026-11-22 13:48:00.5+00", AT(13, 48, 0) + 500000}, /* as PostgreSQL prints it */
      {"2026-11-22 13:48:00+0530", AT(8, 18, 0)},
      {"20261122T134807Z", AT(13, 48, 7)}, /* the time of an id */
      {"1970-01-01T00:00:00Z", 0},
      {"2024-02-29", INT64_C(1709164800) * 1000000},
  };
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    int64_t got = -1;
    if (clock_parse(cases[i].text, &got) < 0)
      fail_msg("%s is not taken", cases[i].text);
    if (got != cases[i].wall_us)
      fail_msg("%s is %" PRId64 ", not %" PRId64, cases[i].text, got, cases[i].wall_us);
  }
}

static void test_not_a_time(void **state)
{
  UNUSED(state);
  static const char *const cases[] = {
      "",
      "latest",
      "yesterday",
      "2026",
      "2026-11",
      "26-11-22",
      "2026-1-2",
      " 2026-11-22",
      "2026-11-22 ",
      "2026-13-01",
      "2026-00-10",
      "2026-11-00",
      "2026-11-31",
      "2026-02-29",
      "2100-02-29",
      "2026-11-22T24:00",
      "2026-11-22T13:60",
      "2026-11-22T13:48:60",
      "2026-11-22T13",
      "2026-11-22T13:48:00.",
      "2026-11-22T13:48.5",
      "2026-11-22.5",
      "2026-11-22T13:48:00X",
      "2026-11-22T13:48:00ZZ",
      "2026-11-22T13:48+",
      "2026-11-22T13:48+1",
      "2026-11-22T13:48+16:00",
      "2026-11-22T13:48+01:60",
      "2026-11-22T13:48+01:00x",
      "2026-11-22T13:48+-1:00",
      "2026-11-22_13:48",
      "20261122T134807Z-3f9a",
  };
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    int64_t got = 42;
    if (clock_parse(cases[i], &got) == 0)
      fail_msg("\"%s\" is taken as %" PRId64, cases[i], got);
    assert_int_equal(got, 42);
  }
}

static void test_iso8601(void **state)
{
  UNUSED(state);
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  static const struct {
    int64_t wall_us;
    const char *text;
  } cases[] = {
      {0, "1970-01-01T00:00:00.000Z"},
      {AT(13, 48, 0) + 123999, "2026-11-22T13:48:00.123Z"},
      {-1, "1969-12-31T23:59:59.999Z"},
      {-1000000, "1969-12-31T23:59:59.000Z"},
  };
  for (size_t i = 0; i < COUNT_OF(cases); i++)
    assert_string_equal(clock_iso8601(arena, cases[i].wall_us), cases[i].text);
  int64_t back;
  assert_int_equal(clock_parse("2026-11-22T13:48:00.123Z", &back), 0);
  assert_string_equal(clock_iso8601(arena, back), "2026-11-22T13:48:00.123Z");
}

static void test_duration(void **state)
{
  UNUSED(state);
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  static const struct {
    int64_t ms;
    const char *text;
  } cases[] = {
      {0, "0 ms"},
      {999, "999 ms"},
      {1000, "1.0 s"},
      {1250, "1.2 s"},
      {59999, "59.9 s"},
      {60000, "1 min 00 s"},
      {125000, "2 min 05 s"},
      {INT64_C(86400000) * 60, "86400 min 00 s"},
  };
  for (size_t i = 0; i < COUNT_OF(cases); i++)
    assert_string_equal(clock_duration(arena, cases[i].ms), cases[i].text);
}

static void test_ids(void **state)
{
  UNUSED(state);
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  for (int i = 0; i < 100; i++) {
    const char *id = clock_new_id(arena);
    assert_true(clock_id_is_valid(id));
    int64_t when;
    assert_int_equal(clock_parse(arena_strndup(arena, id, 16), &when), 0);
    assert_true(clock_wall_us() - when < INT64_C(60) * 1000000);
  }
  assert_true(clock_id_is_valid("20261122T134800Z-3f9a"));
  static const char *const bad[] = {
      "",
      "latest",
      "20261122T134800Z",
      "20261122T134800Z-3F9A",
      "20261122T134800Z-3f9",
      "20261122T134800Z-3f9ab",
      "20261122T134800Z-3f9g",
      "20261122t134800Z-3f9a",
      "../../../../etc/passwd",
      "2026112/T134800Z-3f9a",
      "20261122T134800Z-3f9\n",
      "20261122T13480\xd9Z-3f9a",
  };
  for (size_t i = 0; i < COUNT_OF(bad); i++)
    if (clock_id_is_valid(bad[i]))
      fail_msg("\"%s\" passes as an id", bad[i]);
}

/* A name sorts after all that were made before it, also many in one millisecond. */
static void test_ids_are_in_order(void **state)
{
  enum { MANY = 50000 };
  UNUSED(state);
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  const char *before = clock_new_id(arena);
  for (int i = 0; i < MANY; i++) {
    const char *id = clock_new_id(arena);
    assert_true(clock_id_is_valid(id));
    if (strcmp(before, id) >= 0)
      fail_msg("%s was made before %s", before, id);
    before = id;
  }
}

/* The last four digits are the time within the second. */
static void test_ids_hold_the_fraction(void **state)
{
  UNUSED(state);
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  int64_t begin_us, end_us, second_us;
  char *id;
  do {
    begin_us = clock_wall_us();
    id = clock_new_id(arena);
    end_us = clock_wall_us();
  } while (begin_us / 1000000 != end_us / 1000000);
  assert_int_equal(clock_parse(arena_strndup(arena, id, 16), &second_us), 0);
  int64_t fraction_us = (int64_t)strtol(id + 17, NULL, 16) / 16 * 1000000 / 4096;
  assert_true(second_us + fraction_us >= begin_us - 1000);
  assert_true(second_us + fraction_us <= end_us + 1000);
}

static void *draw_ids(void *context)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  char(*ids)[24] = context;
  for (int i = 0; i < 1000; i++)
    snprintf(ids[i], sizeof(ids[i]), "%s", clock_new_id(arena));
  return NULL;
}

static int compare_ids(const void *a, const void *b)
{
  return strcmp(a, b);
}

static void test_ids_of_threads_differ(void **state)
{
  UNUSED(state);
  static char ids[4 * 1000][24];
  pthread_t threads[4];
  for (int i = 0; i < 4; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, draw_ids, ids + (size_t)i * 1000), 0);
  for (int i = 0; i < 4; i++)
    pthread_join(threads[i], NULL);
  qsort(ids, COUNT_OF(ids), sizeof(ids[0]), compare_ids);
  for (size_t i = 1; i < COUNT_OF(ids); i++)
    assert_string_not_equal(ids[i - 1], ids[i]);
}

static void test_monotonic(void **state)
{
  UNUSED(state);
  int64_t before = clock_monotonic_ms();
  clock_sleep_ms(30);
  int64_t slept = clock_monotonic_ms() - before;
  assert_true(slept >= 29);
  clock_sleep_ms(0);
  clock_sleep_ms(-5);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_ids_hold_the_fraction),
      cmocka_unit_test(test_parse),
      cmocka_unit_test(test_not_a_time),
      cmocka_unit_test(test_iso8601),
      cmocka_unit_test(test_duration),
      cmocka_unit_test(test_ids),
      cmocka_unit_test(test_ids_are_in_order),
      cmocka_unit_test(test_ids_of_threads_differ),
      cmocka_unit_test(test_monotonic),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
