/* inverse/exact_order.h (private to inverse/): columns back in their order.
 *
 * No statement moves a column, so a table whose columns stand in another order than in the goal is
 * made anew, once all of its columns are there: what depends on it goes, it is renamed aside, made
 * as it was, filled by one INSERT ... SELECT, and the old one is dropped. Whatever is missing then
 * (constraints, indexes, keys from others, views, triggers, policies, publications, partitions) is
 * made again by the rounds that follow. All of this is AFTER_DATA: rows that are written back are
 * in the table before it is copied.
 *
 * A table that inherits goes with the parent. Of a partition tree each table has an order of its
 * own: a partition is detached and the new one attached, a root is made anew without touching rows.
 * A table whose row type is used elsewhere, or that follows a type, keeps its order: `refusals`.
 */
#pragma once

#include "inverse/round.h"

struct exact_order {
  struct arena *arena;    /* outlives a round */
  struct map *tried;      /* identities: made anew, or refused */
  struct strings rebuilt; /* identities in the goal, in the order in which they are made */
  struct strings refusals;
  bool begun; /* steps from now on come after the data */
};

/* NULL-safe users: a state without it leaves columns where they are. */
struct exact_order *exact_order_new(struct arena *arena);
/* ANALYZE of what was made anew: a new table has no statistics. */
void exact_order_analyze(struct exact_order *order, const struct catalog *goal,
                         struct inverse_steps *steps);
/* Fills inverse->rebuilt, and inverse->exclusive from the locks that the proof holds now. */
int exact_order_cost(struct exact_order *order, struct db_conn *conn, struct inverse *inverse,
                     struct err *err);
