/* backup/retention.h: which of the things in a store stay: a pure function of their times and of
 * rules, in the manner of restic forget.
 *
 * Days, ISO weeks and months are those of UTC; of each the newest stays. Kinds are counted apart:
 * a scoped backup never takes the place of a whole one. Time runs up to the newest item or to now,
 * whichever is earlier: where backups have stopped, --keep-within does not remove the last ones.
 * What lies in the future stays and is not counted.
 */
#pragma once

#include "base/base.h"

enum { RETENTION_MAX = 100000 }; /* of a count */
#define RETENTION_WITHIN_MS_MAX (INT64_C(100) * 366 * 86400000)

struct retention_rules { /* 0: no such rule */
  int last, daily, weekly, monthly;
  int64_t within_ms;
  bool damaged; /* remove what is damaged, too */
};
bool retention_has_rules(const struct retention_rules *rules); /* `damaged` is none */

/* In the order of what they are worth: the newest of the first kind that there is always stays. */
enum retention_kind {
  RETENTION_WHOLE,
  RETENTION_TEMPLATE,
  RETENTION_SCOPED,
  RETENTION_RUN,
  RETENTION_KINDS
};

struct retention_item {
  enum retention_kind kind;
  const char *id; /* in the order of the making */
  int64_t time_us;
  const char *damage; /* NULL: none is known */
  const char *held;   /* why it stays whatever the rules say; NULL: the rules decide */
  /* the decision */
  bool keep;
  const char *why;
};

/* Fills in keep and why of each; the order of the items does not matter and is kept. */
void retention_decide(struct arena *arena, const struct retention_rules *rules, int64_t now_us,
                      struct retention_item *items, size_t count);
