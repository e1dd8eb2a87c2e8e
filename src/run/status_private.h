/* run/status_private.h: what the two halves of status share: status.c finds out, status_judge.c
 * says what it means. */
#pragma once

#include "run/pipeline.h"
#include "run/status.h"

struct status {
  struct run run;
  struct status_report report;
  bool lock_held;           /* somebody holds the run lock of this database */
  bool rollback_running;    /* what is under way is a rollback */
  bool in_progress;         /* the commit of a file of the last run is under way */
  const char *undetermined; /* name of a file whose fate could not be found out; NULL */
  /* the last run, if it was around a command */
  bool command_begun;
  bool schema_as_before;
  bool schema_as_applied; /* as predicted for the files that the ledger has */
};

/* Fills verdict and next. */
void status_judge(struct status *status);
