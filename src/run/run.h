/* run/run.h: one passage through the pipeline: preflight, lint, inverse, backup, apply, verify,
 * seal.
 *
 * run_plan stops before the first side effect and prints nothing; run_execute does it all and keeps
 * a record in the store. Both fill a result that report/ and cli/ print. The talk (one line a
 * stage) goes to stderr. The error's code is the exit code; its message says what happened,
 * run_result.database what state the database is in.
 */
#pragma once

#include "backup/backup.h"
#include "inverse/capture.h"
#include "run/env.h"

enum run_stage_result { RUN_STAGE_NOT_RUN, RUN_STAGE_OK, RUN_STAGE_SKIPPED, RUN_STAGE_FAILED };
const char *run_stage_result_name(enum run_stage_result result);

struct run_stage_report {
  const char *name;
  enum run_stage_result result;
  int64_t duration_ms;
  const char *summary; /* for people: "3 pending migrations, 42 GiB free" */
};
enum { RUN_STAGES_MAX = 8 };

struct run_file_report {
  const char *name, *checksum; /* of a part: "NAME#2" */
  bool last_part;              /* of its migration; true also where there is only one */
  bool alone;                  /* one of several parts */
  bool bare;
  enum inverse_verdict verdict;
  struct strings refusals, differences, outside, costs;
  struct strings
      skipped; /* statements that only change rows, left out on the shadow: place and why */
  struct inverse_steps steps;
  struct capture_plan capture;
  const char *covered;             /* by the proof, in words; NULL: not made yet */
  const struct inverse_rows *rows; /* NULL: tried without */
  const char *inverse_sql;         /* readable script; NULL: not made yet */
  const char *state; /* "pending", "applied", "not applied", "partly applied", "brought back" */
  int64_t captured_rows;
};
VEC_TYPE(run_file_reports, struct run_file_report);

struct run_result {
  const char *id; /* NULL for a plan */
  const char *target, *source, *server, *environment, *policy;
  struct run_stage_report stages[RUN_STAGES_MAX];
  size_t stage_count;
  struct run_file_reports files; /* pending ones, in order */
  struct lint_report lint;
  struct sql_script *const *scripts; /* as linted, for excerpts */
  size_t script_count;
  const char *backup_id; /* NULL: none taken */
  const char *fingerprint_before;
  const char *plan_json; /* a plan: the text for `belay plan -o` */
  const char *database;  /* "untouched", "as wanted", "as before", "restored", "changed" */
  const char *next;      /* the one command to type next; NULL */
};

/* What an error's code says of the database, in the words of run_result.database. */
const char *run_database_state(enum err_code code);
/* The same with the failure that left it so: "untouched (refused)". */
char *run_database_words(struct arena *arena, enum err_code code);

struct run_request {
  const struct run_env *env;
  const char *const *command; /* NULL-terminated; NULL: apply natively */
  const char *plan_file;      /* --plan: must still be true */
};

/* The lock that a run holds on the target's database, for whoever must not meet one; held until
 * ret_lock is closed. ERR_LOCKED names the holder; ERR_USAGE: there is no such database. */
int run_lock_target(const struct run_env *env, struct db_conn **ret_lock, struct err *err);

int run_plan(const struct run_request *request, struct run_result *ret_result, struct err *err);
int run_execute(const struct run_request *request, struct run_result *ret_result, struct err *err);
