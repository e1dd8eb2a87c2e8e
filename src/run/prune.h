/* run/prune.h: what of a database's backups and runs goes, and what killed writers left behind.
 * First one looks, then one removes what was shown:
 *
 *   struct prune_plan plan;
 *   if (prune_look(&request, &plan, err) < 0) ...          // changes nothing
 *   if (confirmed && prune_remove(&request, &plan, &report, err) < 0) ...
 *
 * The rules are those of backup/retention.h. Whatever they say, these stay: pinned backups; the
 * newest policy.retention.keep_runs runs that changed something and are not rolled back, with
 * their backups; a run that has not ended; the record of a rollback while its run's record stays.
 */
#pragma once

#include "backup/backup.h"
#include "backup/retention.h"
#include "run/env.h"

struct prune_request {
  const struct run_env *env;
  struct retention_rules rules; /* none: those of the policy */
};

struct prune_item {
  struct retention_item decision;
  const char *prefix;
  uint64_t bytes;
};
VEC_TYPE(prune_items, struct prune_item);

struct prune_unfinished { /* a backup or run that was begun and never came into being */
  const char *prefix;
  uint64_t bytes;
  int64_t touched_us; /* last */
};
VEC_TYPE(prune_unfinisheds, struct prune_unfinished);

struct prune_plan {
  struct retention_rules rules;
  bool from_policy;
  struct prune_items backups, runs; /* oldest first */
  struct prune_unfinisheds unfinished;
  struct place_leftovers leftovers; /* temporary files */
  struct strings unreadable;        /* runs whose records cannot be read: left alone */
};
/* ERR_USAGE when neither options nor policy have a rule. */
int prune_look(const struct prune_request *request, struct prune_plan *ret, struct err *err);
bool prune_is_empty(const struct prune_plan *plan); /* nothing goes */

struct prune_removed {
  int64_t count;
  uint64_t bytes;
};
struct prune_report {
  struct prune_removed backups, runs, unfinished, temporary;
};
/* Oldest first. Looks again: of what the plan shows, what is needed meanwhile stays, as does what
 * was pinned or finished. On failure *ret says how far it came. */
int prune_remove(const struct prune_request *request, const struct prune_plan *plan,
                 struct prune_report *ret, struct err *err);
