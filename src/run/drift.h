/* run/drift.h: part of preflight. ERR_PREFLIGHT names what differs, or the tool that has migrated
 * the database so far, unless the policy allows drift. */
#pragma once

#include "run/pipeline.h"

/* Needs run->conn, run->catalog and the ledger's statuses. ret_summary: "no drift", "drift not
 * checked". */
int run_check_drift(struct run *run, const char **ret_summary, struct err *err);
