/* run/swap.h: `belay restore --swap`: a backup in the place of the database, the old one kept.
 *
 *   run_swap_plan   what would be lost and cut off; reads only
 *   run_swap        under the run lock: restore beside it, check, rename; what a killed one left
 *                   ready is taken up again
 * Errors before the renames leave the old database in place and open; where they cannot, the
 * message says so and what to type (ERR_CHANGED). ERR_LOCKED: a run is under way.
 */
#pragma once

#include "backup/counters.h"
#include "backup/swap.h"
#include "run/env.h"

enum { RUN_SWAP_WAIT_MS = 10000 }; /* for sessions to end */

struct swap_plan {
  const char *summary;
  struct counters_change written;
  struct strings runs;     /* that came after the backup, and are undone with it */
  struct strings sessions; /* that are cut off */
  struct strings notes;    /* what does not follow the rename, and other things to know */
  int64_t bytes;           /* size of the old database */
};
struct swap_options {
  bool no_owner;
};
struct swap_report {
  struct swap swap;
  bool taken_up; /* the restored database was there from a try that was interrupted */
  int64_t tables, rows, duration_ms;
  const char *way_back; /* psql script */
};

int run_swap_plan(const struct run_env *env, const struct backup_info *backup, bool no_owner,
                  struct swap_plan *ret, struct err *err);
int run_swap(const struct run_env *env, const struct backup_info *backup,
             const struct swap_options *options, struct swap_report *ret, struct err *err);
/* A database that accepts no connections because a restore into its place was interrupted, or a
 * restore that only has to be finished: what is so, and what to type. NULL: nothing of that. */
int run_swap_unfinished(const struct run_env *env, const char **ret_verdict, const char **ret_next,
                        struct err *err);
