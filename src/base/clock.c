#define _GNU_SOURCE
#include "base/base.h"
#include "base/clock.h"

#include <ctype.h>
#include <stdatomic.h>
#include <sys/random.h>

int64_t clock_monotonic_ms(void)
{
  struct timespec ts;
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t clock_wall_us(void)
{
  struct timespec ts;
  clock_gettime(CLOCK_REALTIME, &ts);
  return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static struct tm utc(int64_t wall_us)
{
  time_t seconds = (time_t)(wall_us / 1000000 - (wall_us % 1000000 < 0));
  struct tm tm;
  gmtime_r(&seconds, &tm);
  return tm;
}

char *clock_iso8601(struct arena *arena, int64_t wall_us)
{
  struct tm tm = utc(wall_us);
  return arena_printf(arena, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900,
                      tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
                      (int)((wall_us % 1000000 + 1000000) % 1000000 / 1000));
}

char *clock_duration(struct arena *arena, int64_t ms)
{
  if (ms < 1000)
    return arena_printf(arena, "%d ms", (int)ms);
  if (ms < 60000)
    return arena_printf(arena, "%d.%d s", (int)(ms / 1000), (int)(ms % 1000 / 100));
  return arena_printf(arena, "%" PRId64 " min %02d s", ms / 60000, (int)(ms / 1000 % 60));
}

/* An id as a number: seconds, then 1/4096 of a second (12 bits), then 4 random bits against twins
 * in another process. Never at or below the one before it, whatever the wall clock does. */
static int64_t next_id_number(void)
{
  static _Atomic int64_t last;
  uint8_t random = 0;
  int64_t now_us = clock_wall_us();
  if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
    random = (uint8_t)now_us;
  int64_t number = now_us / 1000000 << 16 | (now_us % 1000000 << 12) / 1000000 << 4 | (random & 15);
  int64_t before = atomic_load(&last), mine;
  do
    mine = number > before ? number : before + 1;
  while (!atomic_compare_exchange_weak(&last, &before, mine));
  return mine;
}

char *clock_new_id(struct arena *arena)
{
  int64_t number = next_id_number();
  struct tm tm = utc((number >> 16) * 1000000);
  return arena_printf(arena, "%04d%02d%02dT%02d%02d%02dZ-%04x", tm.tm_year + 1900, tm.tm_mon + 1,
                      tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (unsigned)(number & 0xffff));
}

bool clock_id_is_valid(const char *id)
{
  static const char shape[] = "ddddddddTddddddZ-xxxx";
  if (strlen(id) != sizeof(shape) - 1)
    return false;
  for (size_t i = 0; shape[i]; i++) {
    unsigned char c = (unsigned char)id[i];
    bool ok = shape[i] == 'd'   ? isdigit(c)
              : shape[i] == 'x' ? isxdigit(c) && !isupper(c)
                                : c == (unsigned char)shape[i];
    if (!ok)
      return false;
  }
  return true;
}

/* `shape`: 'd' is a digit, 'T' a T or a space, everything else itself. Returns what follows, NULL
 * if it is not there. */
static const char *match(const char *text, const char *shape)
{
  for (; *shape; shape++, text++) {
    bool ok = *shape == 'd'   ? isdigit((unsigned char)*text)
              : *shape == 'T' ? *text == 'T' || *text == ' '
                              : *text == *shape;
    if (!ok)
      return NULL;
  }
  return text;
}

/* The next count digits; what is between (only where the shape said so) is skipped. */
static int number(const char **text, int count)
{
  int n = 0;
  while (!isdigit((unsigned char)**text))
    ++*text;
  for (; count; count--)
    n = n * 10 + (*(*text)++ - '0');
  return n;
}

/* ".123" -> 123000; further digits are dropped. */
static const char *parse_fraction(const char *text, int64_t *ret_us)
{
  int64_t unit = 100000;
  *ret_us = 0;
  if (*text != '.')
    return text;
  if (!isdigit((unsigned char)*++text))
    return NULL;
  for (; isdigit((unsigned char)*text); text++, unit /= 10)
    *ret_us += (*text - '0') * unit;
  return text;
}

/* "", "Z", "+02", "+0530", "+05:30" */
static int parse_offset(const char *text, int64_t *ret_seconds)
{
  const char *end = match(text + (*text != '\0'), "dd"), *minutes = NULL;
  *ret_seconds = 0;
  if (strcmp(text, "") == 0 || strcmp(text, "Z") == 0)
    return 0;
  if ((*text != '+' && *text != '-') || !end)
    return -1;
  if (*end && !(minutes = match(end, ":dd")) && !(minutes = match(end, "dd")))
    return -1;
  if (minutes && *minutes)
    return -1;
  const char *p = text + 1;
  int h = number(&p, 2), m = *end ? number(&p, 2) : 0;
  if (h > 15 || m > 59) /* 15:59 is the largest that PostgreSQL takes */
    return -1;
  *ret_seconds = (*text == '-' ? -1 : 1) * (h * 3600 + m * 60);
  return 0;
}

int clock_parse(const char *text, int64_t *ret_wall_us)
{
  static const char *const shapes[] = {"dddd-dd-ddTdd:dd:dd", "dddd-dd-ddTdd:dd", "dddd-dd-dd",
                                       "ddddddddTdddddd"};
  const char *end = NULL;
  size_t shape = 0;
  while (shape < COUNT_OF(shapes) && !(end = match(text, shapes[shape])))
    shape++;
  if (!end)
    return -1;
  bool has_time = shape != 2, has_seconds = has_time && shape != 1;
  const char *p = text;
  struct tm tm = {.tm_year = number(&p, 4) - 1900};
  tm.tm_mon = number(&p, 2) - 1;
  tm.tm_mday = number(&p, 2);
  tm.tm_hour = has_time ? number(&p, 2) : 0;
  tm.tm_min = has_time ? number(&p, 2) : 0;
  tm.tm_sec = has_seconds ? number(&p, 2) : 0;
  int64_t fraction_us = 0, offset_s;
  if (has_seconds && !(end = parse_fraction(end, &fraction_us)))
    return -1;
  if (parse_offset(end, &offset_s) < 0)
    return -1;
  struct tm said = tm;
  int64_t seconds = timegm(&tm); /* turns 31 February into 3 March */
  if (tm.tm_mon != said.tm_mon || tm.tm_mday != said.tm_mday || tm.tm_hour != said.tm_hour ||
      tm.tm_min != said.tm_min || tm.tm_sec != said.tm_sec)
    return -1;
  *ret_wall_us = (seconds - offset_s) * 1000000 + fraction_us;
  return 0;
}

void clock_sleep_ms(int64_t ms)
{
  struct timespec ts = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};
  nanosleep(&ts, NULL);
}
