/* run/doctor.h: is everything there that a run will need: asked before anything depends on it, each
 * question by itself, with what to do about it. `belay doctor` asks them all; preflight uses the
 * same functions.
 *
 *   struct doctor_report report;
 *   doctor_look(arena, &options, &report);      // never fails: failures are in the report
 */
#pragma once

#include "run/env.h"

enum doctor_state { DOCTOR_OK, DOCTOR_WARNING, DOCTOR_FAILED, DOCTOR_SKIPPED };
const char *doctor_state_name(enum doctor_state state);

struct doctor_check {
  const char *name; /* "store" */
  enum doctor_state state;
  const char *what;   /* was found */
  const char *fix;    /* a sentence; may be NULL */
  enum err_code code; /* FAILED: what it would mean for a run */
};
VEC_TYPE(doctor_checks, struct doctor_check);

struct doctor_report {
  struct doctor_checks checks;
  size_t failed, warnings;
};

void doctor_look(struct arena *arena, const struct run_options *options, struct doctor_report *ret);

/* Can the server be migrated: no pooler, no standby, plpgsql works. ERR_PREFLIGHT. ret_server:
 * "PostgreSQL 15.18". */
int doctor_server(struct arena *arena, const struct db_target *target, struct db_conn *conn,
                  const char **ret_server, struct err *err);
/* Can the store be written, read back, listed and deleted from, and has it room: half of the
 * database's size (archive), and `min_free` beyond. conn NULL: the size is not known. ERR_STORE. */
int doctor_store(const struct run_env *env, struct db_conn *conn, uint64_t *ret_free_bytes,
                 struct err *err);
