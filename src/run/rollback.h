/* run/rollback.h: back to the state before a run: its proven inverse and the captured rows, under
 * the same guard as apply.
 *
 * A rollback is a run: it has an id, a record (kind "rollback") and a journal, and captures what it
 * destroys, so that it can be rolled back itself: then the migrations are applied again, with the
 * rows as they were (redo.c). Files go newest first, each in one transaction with its ledger row.
 * Rows written since the run are kept; rows changed since are conflicts.
 */
#pragma once

#include <stdio.h>

#include "run/record.h"
#include "run/rollback_plan.h"
#include "run/run.h"
#include "run/transaction.h"

struct run;
struct rollback_report;

struct rollback_options {
  const struct run_env *env;
  const char *which; /* "last" or a run id */
  bool dry_run;      /* stop before the first change */
  bool newer_first;  /* dry run: newer runs would be rolled back before it */
  bool (*confirm)(const struct rollback_report *report); /* asked before the first change, with
                                                            the plan; NULL: yes, and no plan */
  enum undo_on_conflict on_conflict;
};

struct rollback_file_report {
  const char *name;
  bool done;
  struct undo_report undo;
};
VEC_TYPE(rollback_file_reports, struct rollback_file_report);

struct rollback_report {
  enum undo_on_conflict on_conflict; /* as asked for */
  const char *id;                    /* of the rollback; NULL before it began */
  struct record record;              /* the run rolled back */
  bool planned;                      /* dry run, or asked */
  struct rollback_plan plan;
  struct rollback_file_reports files; /* newest first */
};

int rollback_run(struct arena *arena, const struct rollback_options *options,
                 struct rollback_report *ret_report, struct err *err);

/* Connects, takes the run lock, finds the record and refuses what cannot be rolled back. */
int rollback_prepare(struct run *run, const struct rollback_options *options, struct record *record,
                     struct err *err);
/* The rollback as one file that psql runs, the captured rows inline, for people who must do it by
 * hand: nothing is changed. It is as conservative as rollback_run, but it captures nothing, and it
 * does not look whether the schema is still the one at the time. `out` is written in order. */
int rollback_script(struct arena *arena, const struct rollback_options *options, FILE *out,
                    struct err *err);
/* The way back of a rollback: fills what its files lack (steps, captured rows, what is captured in
 * turn), proven on a shadow of the database as it is now. The migrations must be on disk as they
 * were. `run` is connected; `of` is the run that was rolled back. ERR_REFUSED with the reason. */
int rollback_prove_again(struct run *run, const struct record *of, struct record *rollback,
                         struct err *err);
/* What the rollback of a file captures before it destroys it. */
int rollback_capture_plan(struct arena *arena, const struct record_file *file,
                          struct capture_plan *ret, struct err *err);
/* SELECT of how many rows FROM has and how many of them were written after a commit: $1 is the
 * snapshot taken just before it, $2 its xid (struct record_file). */
const char *rollback_since_sql(struct arena *arena, const char *from);
/* Fills err: the schema is not what the file left. Returns -1. */
int rollback_say_altered(const struct record_file *file, struct err *err);
/* What the ledger says after this file, or part of one, was rolled back. In the caller's
 * transaction. */
int rollback_ledger(const struct run_env *env, struct db_conn *conn, const struct record_file *file,
                    struct err *err);

/* The runs that came after `which`, are applied and must be rolled back before it, newest first;
 * then itself: ids for rollback_options.which. */
int rollback_chain(struct arena *arena, const struct run_env *env, const char *which,
                   struct strings *ret_ids, struct err *err);

/* One file, in one guarded transaction, on a session of its own (conn, idle). `automatic_since`:
 * refuse if anything was written since to what the inverse drops. Used by rollback_run and by
 * apply's automatic rollback. ret_outcome tells the truth also when -1 is returned. */
struct rollback_file {
  const struct run_env *env;
  struct arena *arena;
  struct db_conn *conn, *run_lock;
  struct journal *journal;
  const char *event_prefix; /* run/transaction.h */
  const struct record_file *file;
  const char *capture_prefix; /* where what the rollback destroys is kept */
  enum undo_on_conflict on_conflict;
  bool automatic;              /* refuse what a person would have to decide */
  const char *automatic_since; /* pg_snapshot of the file's commit; NULL: by hand */
};
int rollback_one(const struct rollback_file *rollback, struct undo_report *ret_report,
                 enum guarded_outcome *ret_outcome, struct err *err);
