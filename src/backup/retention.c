#include "backup/retention.h"

#include <time.h>

enum period { PERIOD_DAY, PERIOD_WEEK, PERIOD_MONTH, PERIODS };
enum { PERIOD_NAME = 32 };

bool retention_has_rules(const struct retention_rules *rules)
{
  return rules->last || rules->daily || rules->weekly || rules->monthly || rules->within_ms;
}

/* "day 2026-11-24": two times are in the same period when these are equal. */
static void name_period(enum period period, int64_t time_us, char name[PERIOD_NAME])
{
  time_t seconds = (time_t)(time_us / 1000000 - (time_us % 1000000 < 0));
  struct tm tm;
  gmtime_r(&seconds, &tm);
  if (period == PERIOD_DAY)
    strftime(name, PERIOD_NAME, "day %Y-%m-%d", &tm);
  else if (period == PERIOD_WEEK)
    strftime(name, PERIOD_NAME, "week %G-W%V", &tm);
  else
    strftime(name, PERIOD_NAME, "month %Y-%m", &tm);
}

/* What has been counted of one kind so far, from the newest on. */
struct counted {
  int last, periods[PERIODS];
  char names[PERIODS][PERIOD_NAME]; /* of the period counted last */
};

/* Why the rules keep an item; empty: they do not. */
static void apply_rules(const struct retention_rules *rules, int64_t end_us,
                        const struct retention_item *item, struct counted *counted,
                        struct text *why)
{
  const int wanted[PERIODS] = {rules->daily, rules->weekly, rules->monthly};
  if (counted->last < rules->last)
    text_printf(why, ", last %d of %d", ++counted->last, rules->last);
  for (enum period p = 0; p < PERIODS; p++) {
    char name[PERIOD_NAME];
    name_period(p, item->time_us, name);
    if (counted->periods[p] == wanted[p] || strcmp(name, counted->names[p]) == 0)
      continue;
    counted->periods[p]++;
    memcpy(counted->names[p], name, sizeof(name));
    text_printf(why, ", %s", name);
  }
  if (rules->within_ms && item->time_us >= end_us - rules->within_ms * 1000)
    text_puts(why, ", recent");
}

/* Newest first. */
static int compare(const void *a, const void *b)
{
  const struct retention_item *x = *(struct retention_item *const *)a,
                              *y = *(struct retention_item *const *)b;
  if (x->time_us != y->time_us)
    return x->time_us < y->time_us ? 1 : -1;
  return strcmp(y->id, x->id);
}

static struct retention_item **sort(struct arena *arena, struct retention_item *items, size_t count)
{
  struct retention_item **sorted = arena_alloc(arena, (count + 1) * sizeof(*sorted));
  for (size_t i = 0; i < count; i++)
    sorted[i] = &items[i];
  qsort(sorted, count, sizeof(*sorted), compare);
  return sorted;
}

static bool is_good(const struct retention_item *item, int64_t now_us)
{
  return !item->damage && item->time_us <= now_us;
}

/* The newest good item of a kind in a sorted list, NULL if there is none. */
static const struct retention_item *newest(struct retention_item *const *sorted, size_t count,
                                           enum retention_kind kind, int64_t now_us)
{
  for (size_t i = 0; i < count; i++)
    if (sorted[i]->kind == kind && is_good(sorted[i], now_us))
      return sorted[i];
  return NULL;
}

static void decide_one(struct arena *arena, const struct retention_rules *rules, int64_t now_us,
                       struct retention_item *item, struct text *why)
{
  if (item->damage && (item->held || !rules->damaged))
    text_printf(why, ", damaged (%s)", item->damage);
  else if (item->damage)
    item->why = arena_printf(arena, "damaged (%s)", item->damage);
  if (item->held)
    text_printf(why, ", %s", item->held);
  if (!item->damage && item->time_us > now_us)
    text_puts(why, ", taken in the future: is the clock right?");
  if (!item->damage && !retention_has_rules(rules))
    text_puts(why, ", no rule is given");
  item->keep = why->len > 0;
  if (item->keep)
    item->why = arena_strdup(arena, why->data + 2);
  else if (!item->damage)
    item->why = "no rule keeps it";
}

void retention_decide(struct arena *arena, const struct retention_rules *rules, int64_t now_us,
                      struct retention_item *items, size_t count)
{
  struct retention_item **sorted = sort(arena, items, count);
  const struct retention_item *best = NULL;
  for (enum retention_kind kind = 0; kind < RETENTION_RUN && !best; kind++)
    best = newest(sorted, count, kind, now_us);
  for (enum retention_kind kind = 0; kind < RETENTION_KINDS; kind++) {
    struct counted counted = {0};
    const struct retention_item *first = newest(sorted, count, kind, now_us);
    for (size_t i = 0; i < count; i++) {
      CLEANUP(text_clear) struct text why = TEXT_INIT;
      if (sorted[i]->kind != kind)
        continue;
      if (is_good(sorted[i], now_us))
        apply_rules(rules, first->time_us, sorted[i], &counted, &why);
      if (sorted[i] == best)
        text_puts(&why, ", the newest good backup");
      if (kind == RETENTION_RUN && sorted[i] == first)
        text_puts(&why, ", the newest run");
      decide_one(arena, rules, now_us, sorted[i], &why);
    }
  }
}
