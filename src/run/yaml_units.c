#include "run/yaml_table.h"

struct unit {
  const char *name;
  uint64_t factor;
};

static const struct unit durations[] = {
    {"ms", 1}, {"s", 1000}, {"min", 60000}, {"h", 3600000}, {"d", 86400000}};
static const struct unit sizes[] = {
    {"B", 1}, {"KiB", 1ULL << 10}, {"MiB", 1ULL << 20}, {"GiB", 1ULL << 30}, {"TiB", 1ULL << 40}};

/* A whole number and a unit, nothing between or around; 0 needs no unit. */
static int parse(const char *text, const struct unit *units, size_t count, uint64_t *ret)
{
  uint64_t number = 0;
  const char *at = text;
  for (; *at >= '0' && *at <= '9'; at++) {
    if (number > (INT64_MAX - 9) / 10)
      return -1;
    number = number * 10 + (uint64_t)(*at - '0');
  }
  if (at == text)
    return -1;
  if (!*at && number == 0) {
    *ret = 0;
    return 0;
  }
  for (size_t i = 0; i < count; i++)
    if (strcmp(at, units[i].name) == 0 && number <= INT64_MAX / units[i].factor) {
      *ret = number * units[i].factor;
      return 0;
    }
  return -1;
}

int table_parse_duration(const char *text, int64_t *ret_ms)
{
  uint64_t ms;
  if (parse(text, durations, COUNT_OF(durations), &ms) < 0)
    return -1;
  *ret_ms = (int64_t)ms;
  return 0;
}

int table_parse_size(const char *text, uint64_t *ret_bytes)
{
  return parse(text, sizes, COUNT_OF(sizes), ret_bytes);
}

/* 90000 -> "90s": the largest unit that divides it */
static char *print(struct arena *arena, uint64_t value, const struct unit *units, size_t count)
{
  size_t best = 0;
  for (size_t i = 0; i < count && value; i++)
    if (value % units[i].factor == 0)
      best = i;
  return value ? arena_printf(arena, "%" PRIu64 "%s", value / units[best].factor, units[best].name)
               : arena_strdup(arena, "0");
}

char *table_print_duration(struct arena *arena, int64_t ms)
{
  return print(arena, (uint64_t)ms, durations, COUNT_OF(durations));
}

char *table_print_size(struct arena *arena, uint64_t bytes)
{
  return print(arena, bytes, sizes, COUNT_OF(sizes));
}
