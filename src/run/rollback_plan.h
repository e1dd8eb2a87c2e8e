/* run/rollback_plan.h: what a rollback would do, found without changing anything: the statements
 * with their locks, the rows that it writes, conflicts with what others wrote since, what is lost,
 * and about how long it takes.
 *
 * Locks are those that lint finds of the statements (lint/effects.h) in the database as it is now.
 * Rows are compared as the rollback compares them, but with nothing locked: they may change until
 * it runs. What was not looked at says why.
 */
#pragma once

#include "lint/effects.h"
#include "run/record.h"

struct run;
struct rollback_options;

struct rollback_lock {
  const char *relation; /* "public.orders" */
  enum lint_lock_mode mode;
};
VEC_TYPE(rollback_locks, struct rollback_lock);

struct rollback_step {
  const char *sql;
  bool after_rows; /* run when the rows are back */
  struct rollback_locks locks;
  const char *unknown; /* why it may lock more; NULL: that is all */
};
VEC_TYPE(rollback_steps, struct rollback_step);

/* Rows, or values of a column, that others can see now and nobody after the rollback. */
struct rollback_loss {
  const char *what;    /* "table public.orders", "column public.orders.fee" */
  int64_t rows;        /* with a value; -1: not known */
  int64_t since;       /* of these, in rows written since the migration; -1: not known */
  const char *unknown; /* why */
};
VEC_TYPE(rollback_losses, struct rollback_loss);

struct rollback_file_plan {
  const struct record_file *file;
  struct rollback_locks first; /* while what it destroys is copied, before the first step */
  const char *uncaptured;      /* why nothing of it is copied; NULL: all is */
  struct rollback_steps steps;
  struct rollback_locks rows;  /* from the compare on */
  struct undo_preview preview; /* empty without captured rows */
  struct rollback_losses losses;
  int64_t estimated_ms;
};
VEC_TYPE(rollback_file_plans, struct rollback_file_plan);

struct rollback_plan {
  struct rollback_file_plans files; /* newest first */
  int64_t estimated_ms;
};

/* `run` is connected. ERR_REFUSED when the schema is not the one that the run left, as the rollback
 * would say. */
int rollback_plan(struct run *run, const struct rollback_options *options,
                  const struct record *record, struct rollback_plan *ret, struct err *err);
