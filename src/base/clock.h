/* clock.h: time and ids. Wall-clock times are UTC ISO 8601; durations come from the monotonic
 * clock, in ms. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"

int64_t clock_monotonic_ms(void);
int64_t clock_wall_us(void); /* microseconds since 1970 */
/* "2026-11-22T13:48:00.123Z" */
char *clock_iso8601(struct arena *arena, int64_t wall_us) MUST_CHECK;
/* "3 ms", "1.2 s", "2 min 05 s" for people */
char *clock_duration(struct arena *arena, int64_t duration_ms) MUST_CHECK;
/* A run or backup id: "20261122T134800Z-3f9a". Time order = name order, also within a second: the
 * last four digits are 1/4096 of a second and 4 random bits against twins in another process.
 * Within a process each id is above the one before it. */
char *clock_new_id(struct arena *arena) MUST_CHECK;
bool clock_id_is_valid(const char *id);
/* Reads "2026-11-22T13:48Z", "2026-11-22 13:48:00.5+01", "2026-11-22", "20261122T134800Z"; UTC
 * unless an offset says else. -1 = not a time (also a day that the month does not have). */
int clock_parse(const char *text, int64_t *ret_wall_us);
void clock_sleep_ms(int64_t ms); /* returns early when a signal was caught */
