#include <signal.h>

#include "run/rollback.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "run/pipeline.h"

static int refuse_what_cannot(const struct record *record, struct err *err)
{
  for (size_t i = 0; i < record->files.len; i++) {
    const struct record_file *file = &record->files.at[i];
    const char *why = file->state == RECORD_NOT_APPLIED ? NULL
                      : file->state == RECORD_UNKNOWN   ? "its transaction is still in progress"
                      : file->unheld ? "it changed rows that belay did not capture"
                      : file->verdict == INVERSE_NONE
                          ? (file->refusals.len ? file->refusals.at[0] : "it has no proven inverse")
                      : file->state == RECORD_PARTIAL && !file->bare
                          ? "it was begun by its tool, and how far it got is not known"
                          : NULL;
    if (!why)
      continue;
    err_set(err, ERR_REFUSED, "%s cannot be rolled back: %s", file->name, why);
    return err_hint(err, "The way back is the backup: belay restore %s --into NAME",
                    record->backup_id ? record->backup_id : "latest");
  }
  return 0;
}

static bool is_rollback(const struct record *record)
{
  return strcmp(record->kind, "rollback") == 0;
}

static bool is_in(const struct record *record, const char *name)
{
  for (size_t i = 0; i < record->files.len; i++)
    if (strcmp(record->files.at[i].migration, name) == 0)
      return true;
  return false;
}

/* What came later stands on it: newer runs, and migrations that the tool itself applied. */
/* It came later, is applied, and stands on the record. */
static bool stands_on(const struct record *newer, const struct record *record,
                      const struct record_place *here)
{
  bool own = newer->rolls_back && (!is_rollback(record) || !strcmp(newer->rolls_back, record->id));
  return !own && !newer->undone_by && record_applied_something(newer) && record_is_of(newer, here);
}

static int refuse_under_newer(struct run *run, const struct record *record,
                              const struct records *records, struct err *err)
{
  for (size_t i = records->len; i-- > 0 && strcmp(records->at[i].id, record->id) != 0;) {
    const struct record *newer = &records->at[i];
    if (!stands_on(newer, record, &run->here))
      continue;
    err_set(err, ERR_REFUSED, "%s %s came later and is applied", newer->kind, newer->id);
    return err_hint(err,
                    "Newest first: belay rollback %s; or all of them: belay rollback %s"
                    " --with-newer",
                    newer->id, record->id);
  }
  const char *last = record->files.len ? record->files.at[record->files.len - 1].migration : "";
  for (size_t i = 0; i < run->statuses.len; i++) {
    const struct migration_status *s = &run->statuses.at[i];
    bool applied = s->state == MIGRATION_APPLIED || s->state == MIGRATION_EDITED ||
                   s->state == MIGRATION_MISSING || s->state == MIGRATION_FAILED;
    if (!applied || is_rollback(record) || strcmp(s->name, last) <= 0 || is_in(record, s->name))
      continue;
    err_set(err, ERR_REFUSED, "migration %s came later and is %s", s->name,
            migration_state_name(s->state));
    return err_hint(err, "It was not applied by a run that belay could roll back first.");
  }
  return 0;
}

static const char *capture_prefix(const struct run *run, size_t number)
{
  return arena_printf(run->arena, "%s/undo/%04zu", run->prefix, number);
}

static json_t *file_json(const struct run *run, const struct record_file *file, size_t number)
{
  /* what a killed statement left behind is taken away without a capture */
  const char *undo = file->state == RECORD_PARTIAL ? NULL : capture_prefix(run, number);
  return json_pack("{s:s,s:s,s:I,s:I,s:s?,s:s?,s:s}", "name", file->name, "migration",
                   file->migration, "part", (json_int_t)file->part, "parts",
                   (json_int_t)file->parts, "checksum", file->checksum, "undo", undo, "verdict",
                   "none");
}

static int begin_record(struct run *run, const struct record *record, struct err *err)
{
  run->prefix = arena_printf(run->arena, "%s/runs/%s", run->env->database_prefix, run->id);
  run->dir = place_local_dir(run->env->place, run->arena, run->prefix, err);
  if (!run->dir)
    return -1;
  json_t *files = json_array();
  for (size_t i = record->files.len; i-- > 0;)
    if (record->files.at[i].state != RECORD_NOT_APPLIED)
      json_array_append_new(files, file_json(run, &record->files.at[i], i + 1));
  json_t *json =
      json_pack("{s:i,s:s,s:s,s:s,s:b,s:s,s:s,s:s,s:s?,s:s,s:s,s:s,s:o}", "schema", 1, "kind",
                "rollback", "id", run->id, "rolls_back", record->id, "again", is_rollback(record),
                "created_at", clock_iso8601(run->arena, clock_wall_us()), "database",
                run->env->target.database, "target", run->env->target.shown, "server_id",
                run->here.server_id, "database_oid", run->here.database_oid, "environment",
                run->env->policy.name, "belay", BELAY_VERSION, "files", files);
  if (!json)
    return err_set(err, ERR_UNEXPECTED, "the record of the rollback could not be written");
  int rc = run_put_plan(run, json, err);
  json_decref(json);
  if (rc < 0 || journal_open(fs_join(run->arena, run->dir, "journal.jsonl"),
                             place_keys(run->env->place), &run->journal, err) < 0)
    return -1;
  if (journal_write(run->journal, err, "run-begin", "run", run->id, "rolls_back", record->id,
                    "target", run->env->target.shown, "version", BELAY_VERSION, NULL) < 0)
    return -1;
  return run_publish_journal(run, false, err);
}

/* It may have been killed before its row was written, or somebody settled the ledger by hand. */
static bool has_row(const struct run *run, const struct record_file *file)
{
  for (size_t i = 0; i < run->statuses.len; i++)
    if (strcmp(run->statuses.at[i].name, file->migration) == 0)
      return run->statuses.at[i].state != MIGRATION_PENDING &&
             run->statuses.at[i].state != MIGRATION_OUT_OF_ORDER &&
             run->statuses.at[i].state != MIGRATION_ROLLED_BACK;
  return false;
}

/* A statement outside of a transaction that was killed: whichever of the steps back still find
 * something to do; the structure afterwards is the judge. It changed no rows (prove_file). */
static int take_partial_back(struct run *run, const struct record_file *file, struct err *err)
{
  char now[65];
  struct catalog *catalog;
  if (db_execf(run->conn, err, "BEGIN; SET LOCAL lock_timeout = '%" PRId64 "ms'",
               run->env->policy.apply.lock_timeout_ms) < 0)
    return -1;
  for (size_t i = 0; i < file->steps.len; i++) {
    CLEANUP(err_clear) struct err absent = ERR_INIT;
    if (db_exec(run->conn, "SAVEPOINT belay_step", err) < 0)
      return -1;
    if (db_run_statement(run->conn, run->arena, file->steps.at[i].sql, NULL, NULL, &absent) < 0 &&
        db_exec(run->conn, "ROLLBACK TO SAVEPOINT belay_step", err) < 0)
      return -1;
  }
  if (catalog_read(run->arena, run->conn, &run->catalog_options, &catalog, err) < 0)
    return -1;
  catalog_fingerprint(catalog, CATALOG_IGNORE_COLUMN_ORDER, now);
  if (strcmp(now, file->shape_before) != 0)
    return err_set(err, ERR_REFUSED, "the schema would not be the one before %s", file->name);
  if ((has_row(run, file) && rollback_ledger(run->env, run->conn, file, err) < 0) ||
      db_exec(run->conn, "COMMIT", err) < 0)
    return -1;
  return journal_write(run->journal, err, "committed", "file", file->name, NULL);
}

static int roll_file_back(struct run *run, const struct rollback_options *options,
                          const struct record_file *file, size_t number,
                          struct rollback_file_report *entry, enum guarded_outcome *outcome,
                          struct err *err)
{
  *outcome = GUARDED_ABORTED;
  if (run_open_target(run, err) < 0)
    return -1;
  if (file->state == RECORD_PARTIAL) {
    int rc = take_partial_back(run, file, err);
    CLEANUP(err_clear) struct err ignored = ERR_INIT;
    if (rc < 0 && db_transaction_status(run->conn) != 'I')
      (void)db_exec(run->conn, "ROLLBACK", &ignored);
    *outcome = rc == 0 ? GUARDED_COMMITTED : GUARDED_ABORTED;
    return rc;
  }
  struct rollback_file one = {
      .env = run->env,
      .arena = run->arena,
      .conn = run->conn,
      .run_lock = run->lock,
      .journal = run->journal,
      .file = file,
      .capture_prefix = capture_prefix(run, number),
      .on_conflict = options->on_conflict,
  };
  return rollback_one(&one, &entry->undo, outcome, err);
}

/* What a failure means: files newer than this one are back already, this one may be. */
static int after_failure(struct run *run, const struct record_file *file, size_t done,
                         enum guarded_outcome outcome, struct err *err)
{
  char now[65];
  struct catalog *catalog;
  CLEANUP(err_clear) struct err second = ERR_INIT;
  if (outcome == GUARDED_COMMITTED)
    return err_recode(err, ERR_POSTVERIFY); /* it is back; only the record of it is not whole */
  if (outcome == GUARDED_UNKNOWN)
    return err_recode(err, ERR_CHANGED);
  if (done) {
    err_detail(err, "%zu newer file%s already rolled back; the rest is as it was", done,
               done == 1 ? " is" : "s are");
    return err_recode(err, ERR_CHANGED);
  }
  if (interrupt_pending())
    return err_recode(err, interrupt_pending() == SIGINT ? ERR_INTERRUPTED : ERR_TERMINATED);
  if (err->code == ERR_REFUSED || err->code == ERR_LOCKED || err->code == ERR_STORE ||
      err->code == ERR_DENIED || err->code == ERR_DAMAGED || err->code == ERR_SEALED)
    return -1;
  if (run_open_target(run, &second) < 0 ||
      catalog_read(run->arena, run->conn, &run->catalog_options, &catalog, &second) < 0)
    return err_recode(err, ERR_CHANGED);
  catalog_fingerprint(catalog, CATALOG_IGNORE_COLUMN_ORDER, now);
  bool same = file->shape_after && strcmp(now, file->shape_after) == 0;
  return err_recode(err, same ? ERR_UNCHANGED : ERR_CHANGED);
}

static int roll_files_back(struct run *run, const struct rollback_options *options,
                           struct rollback_report *report, struct err *err)
{
  size_t done = 0;
  for (size_t i = report->record.files.len; i-- > 0;) {
    const struct record_file *file = &report->record.files.at[i];
    enum guarded_outcome outcome;
    if (file->state == RECORD_NOT_APPLIED)
      continue;
    struct rollback_file_report *entry = vec_add(run->arena, &report->files);
    *entry = (struct rollback_file_report){.name = file->name};
    int rc = roll_file_back(run, options, file, i + 1, entry, &outcome, err);
    entry->done = outcome == GUARDED_COMMITTED;
    if (rc < 0)
      return after_failure(run, file, done, outcome, err);
    done++;
    log_info("  %s %s: %" PRId64 " rows written back, %" PRId64 " inserted again, %" PRId64
             " removed, %" PRId64 " conflicts",
             file->name, file->again ? "is in again" : "rolled back", entry->undo.restored,
             entry->undo.reinserted, entry->undo.deleted, entry->undo.conflict_count);
  }
  return 0;
}

static int prove_again(struct run *run, struct record *record, const struct records *records,
                       struct err *err)
{
  const struct record *of = NULL;
  for (size_t i = 0; i < records->len; i++)
    if (strcmp(records->at[i].id, record->rolls_back) == 0)
      of = &records->at[i];
  if (!of || is_rollback(of)) {
    err_set(err, ERR_REFUSED, "%s is the rollback of %s", record->id,
            of ? "a rollback" : "a run whose record is gone");
    return of ? err_hint(err, "Roll the run itself back: belay rollback %s", of->rolls_back) : -1;
  }
  if (of->locked)
    return record_say_locked(of, err);
  return rollback_prove_again(run, of, record, err);
}

int rollback_prepare(struct run *run, const struct rollback_options *options, struct record *record,
                     struct err *err)
{
  run->catalog_options = run_catalog_options(run->env);
  if (!run->env->format)
    return err_set(err, ERR_USAGE,
                   "no migrations directory found: the ledger could not be set back");
  struct records records;
  struct arena *arena = run->arena;
  const struct run_env *env = run->env;
  if (run_open_target(run, err) < 0 || run_lock(run, err) < 0 || run_read_ledger(run, err) < 0 ||
      record_list(arena, env->place, env->database_prefix, &records, NULL, err) < 0 ||
      record_settle(arena, run->conn, &run->statuses, &run->here, &records, err) < 0 ||
      record_pick(env->place, &records, options->which, &run->here, record, err) < 0)
    return -1;
  if (record->locked)
    return record_say_locked(record, err);
  if (record_resolve(arena, run->conn, &run->statuses, record, err) < 0)
    return -1;
  if (!record_applied_something(record))
    return err_set(err, ERR_REFUSED, "%s %s left nothing applied: there is nothing to roll back",
                   record->kind, record->id);
  if ((!options->newer_first && refuse_under_newer(run, record, &records, err) < 0) ||
      (is_rollback(record) && prove_again(run, record, &records, err) < 0))
    return -1;
  return refuse_what_cannot(record, err);
}

int rollback_run(struct arena *arena, const struct rollback_options *options,
                 struct rollback_report *ret_report, struct err *err)
{
  struct run_result unused = {0};
  struct run run = {.arena = arena,
                    .env = options->env,
                    .result = &unused,
                    .id = clock_new_id(arena),
                    .rolling_back = true};
  *ret_report = (struct rollback_report){.on_conflict = options->on_conflict};
  int rc = rollback_prepare(&run, options, &ret_report->record, err);
  ret_report->planned = rc == 0 && (options->dry_run || options->confirm);
  if (ret_report->planned)
    rc = rollback_plan(&run, options, &ret_report->record, &ret_report->plan, err);
  if (rc == 0 && options->confirm && !options->dry_run && !options->confirm(ret_report)) {
    err_set(err, ERR_USAGE, "not confirmed; nothing was changed");
    rc = err_hint(err, "Answer y, or give --yes.");
  }
  if (rc == 0 && !options->dry_run) {
    rc = run_tool_lock(&run, err) < 0 ? -1 : begin_record(&run, &ret_report->record, err);
    ret_report->id = run.id;
    if (rc == 0)
      rc = roll_files_back(&run, options, ret_report, err);
    CLEANUP(err_clear) struct err ignored = ERR_INIT;
    if (run.journal) {
      (void)journal_write(run.journal, &ignored, "run-end", "exit_code",
                          arena_printf(arena, JOURNAL_RAW "%d", err_exit_code(err->code)),
                          "message", err->message, NULL);
      (void)run_publish_journal(&run, true, &ignored);
    }
  }
  shadow_closep(&run.shadow);
  db_closep(&run.conn);
  db_closep(&run.tool_lock);
  db_closep(&run.lock);
  journal_closep(&run.journal);
  return rc;
}

int rollback_chain(struct arena *arena, const struct run_env *env, const char *which,
                   struct strings *ret_ids, struct err *err)
{
  struct run_result unused = {0};
  struct run run = {.arena = arena,
                    .env = env,
                    .result = &unused,
                    .id = clock_new_id(arena),
                    .rolling_back = true};
  struct record record;
  struct records records;
  struct strings ids = {0};
  int rc = run_open_target(&run, err) < 0 ||
                   record_place_read(arena, run.conn, &run.here, err) < 0 ||
                   (env->format && run_read_ledger(&run, err) < 0) ||
                   record_list(arena, env->place, env->database_prefix, &records, NULL, err) < 0 ||
                   record_settle(arena, run.conn, &run.statuses, &run.here, &records, err) < 0 ||
                   record_pick(env->place, &records, which, &run.here, &record, err) < 0
               ? -1
               : 0;
  db_closep(&run.conn);
  if (rc < 0)
    return -1;
  for (size_t i = records.len; i-- > 0 && strcmp(records.at[i].id, record.id) != 0;)
    if (stands_on(&records.at[i], &record, &run.here))
      vec_push(arena, &ids, records.at[i].id);
  vec_push(arena, &ids, record.id);
  *ret_ids = ids;
  return 0;
}
