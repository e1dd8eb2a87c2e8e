/* inverse/inverse.h: the schema half of a rollback, made and proven on a shadow.
 *
 *   struct inverse *inv;
 *   inverse_prove(arena, shadow, &catalog_options, script, &inv, err);   // advances the shadow to
 * the state after
 *
 * How: read the catalog before; run the migration on the shadow; read it after. Then, in one
 * transaction on the shadow that is rolled back at the end, bring it back step by step: diff by
 * OID (current -> before), emit the statements of one round (renames; drops; alters and adds;
 * creates), RUN them, read again, until nothing differs. What was run is the inverse, so implicit
 * effects (an index gone with its column, a constraint renamed with its index) need no guessing.
 * The proof is the equality of the name-based fingerprints before and after that.
 */
#pragma once

#include "inverse/shadow.h"

enum inverse_verdict {
  INVERSE_EXACT,        /* schema comes back identical */
  INVERSE_COLUMN_ORDER, /* but for the position of re-added columns */
  INVERSE_LOSSY,        /* comes back, but something named in `refusals` does not */
  INVERSE_NONE,         /* cannot be undone by belay: `refusals` says what and why */
};
const char *
inverse_verdict_name(enum inverse_verdict verdict); /* "exact", "column-order", "lossy", "none" */

enum inverse_phase {
  /* drops, renames; tables and columns come back, without NOT NULL that rows could break */
  INVERSE_BEFORE_DATA,
  INVERSE_AFTER_DATA, /* NOT NULL, constraints, indexes, foreign keys, triggers, views */
};

struct inverse_step {
  enum inverse_phase phase;
  const char *sql;  /* one statement without semicolon */
  const char *note; /* for people: "column public.orders.fee was dropped"; may be NULL */
};
VEC_TYPE(inverse_steps, struct inverse_step);

/* A table that is written anew so that its columns come back in their order. */
struct inverse_rebuild {
  const char *table, *table_now; /* its identity before and after the migration */
  double rows;                   /* as the target's statistics say; -1: not known */
  int64_t bytes;
};
VEC_TYPE(inverse_rebuilds, struct inverse_rebuild);

/* What was seen when the migration and its rollback ran on rows (rehearsal.h). */
struct inverse_rows {
  const char *kind;           /* "synthetic" or "sampled" */
  int64_t tables, rows;       /* that held rows, and how many, before the migration */
  const char *not_tried;      /* why it says nothing of this migration; NULL */
  struct strings not_covered; /* tables without rows, statements left out: which and why */
  struct strings refusals;    /* what did not come back, or why it could not */
};

struct inverse {
  const char *name; /* of the migration */
  enum inverse_verdict verdict;
  struct inverse_steps steps; /* in order; all BEFORE_DATA first */
  struct strings refusals;    /* what cannot be undone, one sentence each */
  struct strings outside;     /* statements not run on the shadow, unproven by nature */
  struct strings
      differences; /* what still differs after the inverse (COLUMN_ORDER: which columns) */
  struct inverse_rebuilds rebuilt; /* only of inverse_prove_exact_order */
  struct strings exclusive; /* with it: tables locked ACCESS EXCLUSIVE until COMMIT, as named after
                               the migration */
  bool bare; /* the migration ran statement by statement; the inverse is one transaction */
  const struct inverse_rows *rows; /* NULL: tried without rows */
  struct shadow_effects effects;
  const struct catalog *before, *after; /* as read from the shadow */
  /* with CATALOG_IGNORE_CHILD_ORDER: the target's children may have another order */
  char fingerprint_before[65], fingerprint_after[65];
};

/* ERR_REFUSED when the migration itself fails on the shadow (message of shadow_run). An inverse
 * that cannot be made or proven is no error: verdict NONE with refusals. */
int inverse_prove(struct arena *arena, struct shadow *shadow,
                  const struct catalog_options *catalog_options, const struct sql_script *script,
                  struct inverse **ret_inverse, struct err *err);

/* The same, but columns come back in their order: tables are written anew for that (exact_order.h
 * says how, the fields `rebuilt` and `exclusive` what it costs). Where a table cannot be, the
 * verdict is COLUMN_ORDER, and `refusals` says why. */
int inverse_prove_exact_order(struct arena *arena, struct shadow *shadow,
                              const struct catalog_options *catalog_options,
                              const struct sql_script *script, struct inverse **ret_inverse,
                              struct err *err);
enum {
  INVERSE_MOVED_BYTES_PER_MS = 20 * 1024, /* INSERT ... SELECT and the indexes after it, of all
                                             bytes */
};
/* Rows and bytes of what is written anew, from the catalog of the target before the migration. */
void inverse_estimate(struct inverse *inverse, const struct catalog *target);
/* What that costs, a sentence a table and one on locks; empty when nothing is written anew. */
int64_t inverse_rebuild_ms(const struct inverse *inverse);
struct strings inverse_costs(struct arena *arena, const struct inverse *inverse);

/* What the proof covers, for people: "the structure, and the content of 4,120 sampled rows in 12
 * tables". */
char *inverse_coverage(struct arena *arena, const struct inverse *inverse);

/* A readable SQL file: header with verdict and what it covers, steps in order with notes, the data
 * step as a comment. */
char *inverse_script_text(struct arena *arena, const struct inverse *inverse);

/* The way back itself, without a proof: runs rounds on `conn`, inside the caller's transaction,
 * until the schema is `to` or belay knows no further (ret_refusals says why). ret_steps: what was
 * run, in that order. The caller compares fingerprints, and commits or rolls back. Both catalogs
 * must come from the same database (diff by OID). */
int inverse_converge(struct arena *arena, struct db_conn *conn,
                     const struct catalog_options *catalog_options, const struct catalog *to,
                     struct inverse_steps *ret_steps, struct strings *ret_refusals,
                     struct err *err);

/* The first round of it: statements that bring `from` nearer to `to`, not run. Private to
 * inverse/, public for tests. No statements and no refusals = nothing differs. Without memory:
 * tables and columns that an earlier round made count as the migration's, so this is not for
 * calling in a loop; inverse_converge is. */
int inverse_round(struct arena *arena, const struct catalog *from, const struct catalog *to,
                  struct inverse_steps *ret_steps, struct strings *ret_refusals, struct err *err);
