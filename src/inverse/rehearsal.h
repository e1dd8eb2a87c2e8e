/* inverse/rehearsal.h: the proof with rows. A copy of the shadow gets rows; there each migration
 * runs as apply would run it, with capture, and its rollback as `belay rollback` would, with
 * capture and undo; then the content of every table and the positions of all sequences are
 * compared with what they were. The rollback is tried in a transaction that is rolled back, so the
 * copy moves on with the migrations, as the shadow does.
 *
 *   struct rehearsal *r;
 *   if (rehearsal_open(arena, shadow, &options, &r, err) < 0) ...  // before the first migration
 *   inverse_prove(...);                                            // on the shadow
 *   capture_plan(arena, inverse, &plan);
 *   rehearsal_try(r, script, inverse, &plan, err);                 // fills inverse->rows
 *   rehearsal_closep(&r);
 *
 * Rows are sampled from the target, in one read-only transaction, or made up where data may not
 * leave it.
 *   sampled    some of each table (large ones by TABLESAMPLE), and with a row those that its
 *              foreign keys refer to; positions of sequences as they are there
 *   synthetic  values by the type of the column, literals out of CHECK constraints and partition
 *              bounds among them, references to rows that are there; what the constraints let in
 * They are loaded with session_replication_role = replica, which takes a superuser on the shadow's
 * server: without one nothing is tried, and the result says so.
 */
#pragma once

#include "inverse/capture.h"

enum rehearsal_rows { REHEARSAL_NONE, REHEARSAL_SYNTHETIC, REHEARSAL_SAMPLED };

struct rehearsal_options {
  enum rehearsal_rows rows;       /* not NONE */
  int per_table;                  /* so many rows, without those that others refer to */
  const struct db_target *source; /* of SAMPLED */
};

enum { REHEARSAL_FILL_MS = 30 * 1000 };

struct rehearsal;

/* An error where the shadow or we do not go on. Tables that got no rows, and why, are told with
 * each result; so is why nothing can be tried at all. Tables of extensions get none. Rows are put
 * in for at most REHEARSAL_FILL_MS. */
int rehearsal_open(struct arena *arena, struct shadow *shadow,
                   const struct rehearsal_options *options, struct rehearsal **ret,
                   struct err *err);
/* Sets inverse->rows; whatever goes wrong with the rows is told there. In order, each migration
 * once; after one that could not run on the rows the later ones are not tried. `plan` is that of
 * the capture. */
int rehearsal_try(struct rehearsal *r, const struct sql_script *script, struct inverse *inverse,
                  const struct capture_plan *plan, struct err *err);
/* Instead of it, where there is no sense in it: why. The next ones are not tried either. */
void rehearsal_skip(struct rehearsal *r, struct inverse *inverse, const char *why);
/* The parts of a migration share a session; the next one is new. */
void rehearsal_end_session(struct rehearsal *r);
void rehearsal_closep(struct rehearsal **r);
