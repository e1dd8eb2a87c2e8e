/* Retention: tables of items and rules, and what stays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "backup/retention.h"
#include "base/clock.h"

enum { ITEMS_MAX = 16 };
static struct arena *arena;
static struct retention_item items[ITEMS_MAX];
static size_t count;

static int set_up(void **state)
{
  UNUSED(state);
  arena = arena_new();
  count = 0;
  return 0;
}

static int tear_down(void **state)
{
  UNUSED(state);
  arena_free(arena);
  return 0;
}

static int64_t at(const char *time)
{
  int64_t us;
  assert_int_equal(clock_parse(time, &us), 0);
  return us;
}

/* The id tells the order of the making: a, b, c. */
static struct retention_item *add(enum retention_kind kind, const char *time)
{
  assert_in_range(count, 0, ITEMS_MAX - 1);
  struct retention_item *item = &items[count];
  *item = (struct retention_item){.kind = kind, .time_us = at(time)};
  item->id = arena_printf(arena, "%c", 'a' + (int)count++);
  return item;
}

static void add_all(const char *const *times)
{
  for (; *times; times++)
    add(RETENTION_WHOLE, *times);
}

static void decide(struct retention_rules rules)
{
  retention_decide(arena, &rules, at("2026-11-24T12:00Z"), items, count);
}

/* `kept`: the ids that stay, in the order of the list. */
static void stays(const char *kept)
{
  CLEANUP(text_clear) struct text found = TEXT_INIT;
  for (size_t i = 0; i < count; i++) {
    assert_non_null(items[i].why);
    if (items[i].keep)
      text_puts(&found, items[i].id);
  }
  assert_string_equal(found.data, kept);
}

static void test_rules(void **state)
{
  UNUSED(state);
  static const struct {
    const char *times[ITEMS_MAX];
    struct retention_rules rules;
    const char *kept;
  } cases[] = {
      /* last: the newest, whatever the order of the list */
      {{"2026-11-21", "2026-11-23", "2026-11-22"}, {.last = 2}, "bc"},
      {{"2026-11-21", "2026-11-22"}, {.last = 5}, "ab"},
      /* of equal times the one made later */
      {{"2026-11-22", "2026-11-22", "2026-11-22"}, {.last = 1}, "c"},
      {{"2026-11-22", "2026-11-22", "2026-11-22"}, {.daily = 3}, "c"},
      /* several on one day: the newest of it */
      {{"2026-11-22T01:00Z", "2026-11-22T23:00Z", "2026-11-23T10:00Z"}, {.daily = 2}, "bc"},
      /* the day ends at midnight in UTC, whatever the offset that it was written with */
      {{"2026-11-22T23:59:59Z", "2026-11-23T00:00:00Z"}, {.daily = 2}, "ab"},
      {{"2026-11-22T23:30+01", "2026-11-23T00:30+01"}, {.daily = 2}, "b"},
      /* days without a backup are not counted */
      {{"2026-01-01", "2026-03-03", "2026-11-23"}, {.daily = 2}, "bc"},
      /* where summer time begins and ends elsewhere nothing happens in UTC */
      {{"2026-03-29T00:30Z", "2026-03-29T01:30Z", "2026-03-29T23:30Z"}, {.daily = 3}, "c"},
      {{"2026-10-25T00:30Z", "2026-10-25T01:30Z", "2026-10-26T00:30Z"}, {.daily = 3}, "bc"},
      /* weeks begin on Monday: the 22nd is a Sunday */
      {{"2026-11-22T23:59Z", "2026-11-23T00:00Z"}, {.weekly = 2}, "ab"},
      {{"2026-11-16", "2026-11-22T23:59Z"}, {.weekly = 2}, "b"},
      /* ISO weeks across the year: 2025-12-29 to 2026-01-04 is 2026-W01 */
      {{"2025-12-28", "2025-12-29", "2026-01-04"}, {.weekly = 3}, "ac"},
      /* 2020 has a week 53, which ends in 2021 */
      {{"2020-12-31", "2021-01-03", "2021-01-04"}, {.weekly = 3}, "bc"},
      /* the same week a year apart is another one */
      {{"2025-11-18", "2026-11-17"}, {.weekly = 2}, "ab"},
      {{"2026-10-31T23:59:59Z", "2026-11-01T00:00Z", "2026-11-02"}, {.monthly = 2}, "ac"},
      {{"2025-11-02", "2026-11-02"}, {.monthly = 2}, "ab"},
      {{"2024-02-29", "2024-03-01"}, {.monthly = 1}, "b"},
      /* within: up to the newest, its edge included */
      {{"2026-11-22T11:59:59Z", "2026-11-22T12:00Z", "2026-11-23T12:00Z"},
       {.within_ms = 86400000},
       "bc"},
      /* backups have stopped: the last ones stay */
      {{"2020-01-01", "2020-01-06", "2020-01-07"}, {.within_ms = 172800000}, "bc"},
      /* one rule is enough; each counts for itself */
      {{"2026-09-01", "2026-10-01", "2026-11-09", "2026-11-16", "2026-11-22", "2026-11-23"},
       {.last = 1, .daily = 2, .weekly = 3, .monthly = 3},
       "abcef"},
      /* the future stays and takes nobody's place */
      {{"2026-11-22", "2026-11-23", "2027-01-01"}, {.last = 1}, "bc"},
      {{"2026-11-22", "2026-11-23", "2027-01-01"}, {.within_ms = 3600000}, "bc"},
      {{"2026-11-23", "2026-11-24T12:00Z"}, {.last = 1}, "b"},
      /* no rule, nothing goes */
      {{"2026-11-22", "2026-11-23"}, {.damaged = true}, "ab"},
  };
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    count = 0;
    add_all(cases[i].times);
    decide(cases[i].rules);
    stays(cases[i].kept);
  }
}

static void test_kinds_are_counted_apart(void **state)
{
  UNUSED(state);
  add(RETENTION_WHOLE, "2026-11-01");
  add(RETENTION_WHOLE, "2026-11-02");
  add(RETENTION_SCOPED, "2026-11-03");
  add(RETENTION_SCOPED, "2026-11-04");
  add(RETENTION_TEMPLATE, "2026-11-05");
  add(RETENTION_RUN, "2026-11-06");
  add(RETENTION_RUN, "2026-11-07");
  decide((struct retention_rules){.last = 1});
  stays("bdeg");
}

static void test_newest_good_stays(void **state)
{
  UNUSED(state);
  /* its day is not among the wanted ones, or there is none: it is outside all rules */
  add(RETENTION_SCOPED, "2026-11-23");
  add(RETENTION_WHOLE, "2026-11-01");
  add(RETENTION_WHOLE, "2026-11-02")->damage = "a bit is wrong";
  add(RETENTION_WHOLE, "2027-01-01");
  decide((struct retention_rules){.last = 1, .damaged = true});
  stays("abd");
  assert_string_equal(items[1].why, "last 1 of 1, the newest good backup");
  assert_string_equal(items[2].why, "damaged (a bit is wrong)");
  /* without a whole one the next best */
  count = 0;
  add(RETENTION_TEMPLATE, "2026-11-01");
  add(RETENTION_SCOPED, "2026-11-02");
  add(RETENTION_WHOLE, "2026-11-03")->damage = "gone";
  decide((struct retention_rules){.last = 1});
  stays("abc");
  assert_non_null(strstr(items[0].why, "the newest good backup"));
  assert_null(strstr(items[1].why, "the newest good backup"));
}

static void test_damaged(void **state)
{
  UNUSED(state);
  add(RETENTION_WHOLE, "2026-11-01");
  add(RETENTION_WHOLE, "2026-11-02")->damage = "no manifest";
  struct retention_item *held = add(RETENTION_WHOLE, "2026-11-03");
  held->damage = "no manifest";
  held->held = "pinned";
  /* it is kept, and takes nobody's place */
  decide((struct retention_rules){.last = 1});
  stays("abc");
  assert_string_equal(items[1].why, "damaged (no manifest)");
  decide((struct retention_rules){.last = 1, .damaged = true});
  stays("ac");
  assert_string_equal(items[2].why, "damaged (no manifest), pinned");
  /* alone it leaves the good ones be */
  decide((struct retention_rules){.damaged = true});
  stays("ac");
}

static void test_held(void **state)
{
  UNUSED(state);
  add(RETENTION_WHOLE, "2026-11-01")->held = "pinned";
  add(RETENTION_WHOLE, "2026-11-02");
  add(RETENTION_WHOLE, "2026-11-03")->held = "pinned";
  add(RETENTION_WHOLE, "2026-11-04");
  decide((struct retention_rules){.last = 1});
  stays("acd");
  assert_string_equal(items[0].why, "pinned");
  assert_string_equal(items[1].why, "no rule keeps it");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_rules, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_kinds_are_counted_apart, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_newest_good_stays, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_damaged, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_held, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
