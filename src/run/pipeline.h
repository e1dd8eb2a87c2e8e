/* run/pipeline.h: what the stages share. Private to run/. */
#pragma once

#include "run/journal.h"
#include "run/record.h"
#include "run/run.h"
#include "run/scope.h"

/* A pending migration; or, where one cannot run in a transaction, a part of it: one statement, with
 * the SETs before it. Each part is proven, captured and committed by itself, and has its own way
 * back. The parts of a migration follow each other. */
struct run_file {
  const struct migration *migration;
  const char *name;                  /* in the record: the migration's, or "NAME#2" */
  size_t part, parts;                /* 1-based; 1 of 1: the whole migration */
  struct sql_script *whole, *script; /* script: the statements of this part */
  enum sql_shape shape;
  size_t first, last; /* statements of script to run: [first, last) */
  struct inverse *inverse;
  struct capture_plan capture;
  const char *undo_prefix;
  bool applied; /* committed, or its fate unknown */
  bool partial; /* begun outside of a transaction, and not ended well */
  int64_t captured_rows;
};
VEC_TYPE(run_files, struct run_file);

struct run {
  struct arena *arena;
  const struct run_env *env;
  const struct run_request *request;
  struct run_result *result;
  const char *id, *prefix, *dir; /* of the record; NULL while planning */
  struct journal *journal;       /* NULL while planning */
  struct db_conn *conn;          /* closed while a command runs */
  struct db_conn *lock;          /* maintenance database, holds the run lock */
  struct db_conn *tool_lock; /* target, holds the migration tool's own lock; native apply only */
  struct migrations migrations;
  struct migration_statuses statuses;
  struct run_files files; /* pending, in order */
  struct catalog_options catalog_options;
  struct catalog *catalog; /* of the target, before */
  char fingerprint[65];
  struct record_place here; /* which server and database */
  struct shadow *shadow;
  struct rehearsal *rehearsal; /* NULL: policy wants no rows */
  const char *ledger_row;      /* of the migration whose parts are being applied */
  struct backup_info backup;
  bool has_backup, plan_written;
  bool rolling_back; /* belay rollback, not belay run */
  bool touched;      /* something may have been changed: errors are no longer "untouched" */
};

/* A stage fills *summary and returns 0, or -1 with err. RUN_SKIP as return value: skipped, summary
 * says why. */
enum { RUN_SKIP = 1 };
int run_stage_preflight(struct run *run, const char **summary, struct err *err);
int run_stage_lint(struct run *run, const char **summary, struct err *err);
int run_stage_inverse(struct run *run, const char **summary, struct err *err);
int run_stage_backup(struct run *run, const char **summary, struct err *err);
int run_stage_apply(struct run *run, const char **summary, struct err *err);
int run_stage_verify(struct run *run, const char **summary, struct err *err);
int run_stage_seal(struct run *run, const char **summary, struct err *err);

/* Adds a migration to the pending files, in parts where it must be. ERR_REFUSED with the place. */
int run_add_pending(struct run *run, const struct migration *migration, struct err *err);
/* Adds the parts of a migration to the pending files; `whole` says which. ERR_REFUSED for a SET
 * ROLE that would not last. */
int run_add_parts(struct run *run, const struct run_file *whole, struct err *err);
/* Part 1: where a migration is counted or looked at once. */
bool run_is_first_part(const struct run_file *file);
bool run_is_last_part(const struct run_file *file);
size_t run_count_migrations(const struct run *run);
/* Are the rows that it changes captured? Not by policy, around a command, or when it was allowed by
 * name although they cannot be. */
bool run_captures(const struct run *run, const struct run_file *file);

/* apply's two ways */
int run_apply_native(struct run *run, struct err *err);
int run_apply_command(struct run *run, struct err *err);

/* A shadow of the target's major with that schema; the caller closes it. */
int run_open_shadow(struct run *run, const struct catalog *schema, struct shadow **ret,
                    struct err *err);
/* Runs the pending migrations on a shadow, with their proofs, and judges nothing. */
int run_prove_pending(struct run *run, struct err *err);
/* What they endanger, after that or after stage inverse. */
void run_scope(struct run *run, struct run_scope *ret);

/* ---- shared helpers ---- */
int run_open_target(struct run *run,
                    struct err *err); /* run->conn, application_name "belay run <id>" */
enum { RUN_LOCK_CLASS = 0x62656c61 }; /* "bela": first half of the advisory key, then the OID */
int run_lock(struct run *run, struct err *err); /* ERR_LOCKED names the holder */
/* The tool's own lock, by polling: nobody runs the tool beside native apply. Not around the tool
 * itself. */
int run_tool_lock(struct run *run, struct err *err);
int run_read_ledger(struct run *run, struct err *err); /* migrations, statuses */
/* Structure fingerprint of the target now, through run->conn. */
int run_fingerprint(struct run *run, struct db_conn *conn, char ret_hex[65], struct err *err);
/* Takes away what a statement-by-statement file left behind, in one transaction on the target that
 * is checked before it commits: only what the proof says that this file makes, never what others
 * made meanwhile, and nothing that holds rows. */
int run_bring_back(struct run *run, const struct run_file *file, const struct catalog *before,
                   struct err *err);
/* Rolls committed files [0, count) back, newest first, as `belay rollback` does. */
int run_undo_files(struct run *run, size_t count, struct err *err);
/* Tells hooks; failures are only logged. */
void run_event(struct run *run, const char *event, const char *stage, const char *result);
/* Writes a text or JSON file of the record; encrypted where the store is. */
int run_put(struct run *run, const char *name, const char *bytes, size_t len, struct err *err);
/* Puts the journal into the store as it is now. Once something was touched, and at the end, a
 * failure is only a warning: this machine has it. */
int run_publish_journal(struct run *run, bool last, struct err *err);
/* plan.json; where the store is encrypted the whole plan as plan.json.age, and here what of it
 * anybody may read. Adds the recipients to it. */
int run_put_plan(struct run *run, json_t *plan, struct err *err);
/* Writes plan.json as far as it is known. */
int run_write_plan(struct run *run, struct err *err);
/* The JSON of plan.json. Caller decrefs. */
json_t *run_plan_json(struct run *run);
