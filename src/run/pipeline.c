#include "run/pipeline.h"

#include <signal.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/interrupt.h"
#include "base/log.h"

struct stage {
  const char *name;
  const char *comment;
  int (*run)(struct run *run, const char **summary, struct err *err);
  bool plan;          /* part of `belay plan` too: changes nothing */
  enum err_code code; /* what an unclassified failure of it means */
};

static const struct stage stages[] = {
    {"preflight", "can this run start at all: server, role, ledger, other sessions, store",
     run_stage_preflight, true, ERR_PREFLIGHT},
    {"lint", "dangerous operations in the pending migrations", run_stage_lint, true, ERR_REFUSED},
    {"inverse", "the migrations and their way back, tried and proven on a shadow database",
     run_stage_inverse, true, ERR_REFUSED},
    {"backup", "a consistent copy of the database in the store", run_stage_backup, false,
     ERR_BACKUP},
    {"apply", "the migrations themselves, under lock limits, with doomed data captured",
     run_stage_apply, false, ERR_UNCHANGED},
    {"verify", "the schema is what the shadow predicted, nothing else moved, your own checks pass",
     run_stage_verify, false, ERR_POSTVERIFY},
    {"seal", "the record of the run is complete in the store", run_stage_seal, false,
     ERR_POSTVERIFY},
};

const char *run_stage_result_name(enum run_stage_result result)
{
  static const char *const names[] = {"not run", "ok", "skipped", "failed"};
  return names[result];
}

static void talk(const struct run_stage_report *report, struct arena *arena)
{
  log_info("  %-10s %-8s %8s  %s", report->name, run_stage_result_name(report->result),
           clock_duration(arena, report->duration_ms), report->summary ? report->summary : "");
}

static bool all_applied(const struct run *run)
{
  bool all = run->files.len > 0;
  for (size_t i = 0; i < run->files.len; i++)
    all = all && run->files.at[i].applied;
  return all;
}

/* Causes that a stage did not classify get the stage's meaning; once something was touched, never
 * "untouched". */
static int classify(const struct run *run, const struct stage *stage, struct err *err)
{
  if (err->code == ERR_CHANGED || err->code == ERR_RESTORED || err->code == ERR_POSTVERIFY)
    return -1;
  if (interrupt_pending())
    return err_recode(err, interrupt_pending() == SIGINT ? ERR_INTERRUPTED : ERR_TERMINATED);
  if (run->touched && err->code != ERR_UNCHANGED)
    return err_recode(err, all_applied(run) ? ERR_POSTVERIFY : ERR_CHANGED);
  if (err->code == ERR_CONNECT)
    return err_recode(err, stage->code == ERR_BACKUP ? ERR_BACKUP : ERR_PREFLIGHT);
  if (err->code == ERR_SQL || err->code == ERR_UNEXPECTED)
    return err_recode(err, stage->code);
  return -1;
}

int run_publish_journal(struct run *run, bool last, struct err *err)
{
  CLEANUP(err_clear) struct err why = ERR_INIT;
  const char *key = arena_printf(run->arena, "%s/journal.jsonl", run->prefix);
  if (place_publish(run->env->place, key, last, &why) == 0)
    return 0;
  if (!run->touched && !last) {
    err_move(err, &why);
    return err_wrap(err, "the journal");
  }
  log_warning("the journal is in %s only: %s", run->dir, why.message);
  return 0;
}

static int begin_stage_record(struct run *run, const struct stage *stage, struct err *err)
{
  if (!run->journal)
    return 0;
  if (journal_write(run->journal, err, "stage-begin", "stage", stage->name, NULL) < 0)
    return -1;
  /* Before there is something to do nothing is published: a run without work leaves no record. */
  return run->result->stage_count > 1 ? run_publish_journal(run, false, err) : 0;
}

static int run_stage(struct run *run, const struct stage *stage, struct err *err)
{
  struct run_stage_report *report = &run->result->stages[run->result->stage_count++];
  *report = (struct run_stage_report){.name = stage->name};
  int64_t begin_ms = clock_monotonic_ms();
  if (begin_stage_record(run, stage, err) < 0) {
    report->result = RUN_STAGE_FAILED;
    return classify(run, stage, err);
  }
  run_event(run, "stage-begin", stage->name, NULL);
  int rc = interrupt_check(err) < 0 ? -1 : stage->run(run, &report->summary, err);
  report->duration_ms = clock_monotonic_ms() - begin_ms;
  report->result = rc < 0 ? RUN_STAGE_FAILED : rc == RUN_SKIP ? RUN_STAGE_SKIPPED : RUN_STAGE_OK;
  if (rc < 0) {
    classify(run, stage, err);
    report->summary = arena_strdup(run->arena, err->message);
  }
  talk(report, run->arena);
  const char *result = run_stage_result_name(report->result);
  run_event(run, "stage-end", stage->name, result);
  if (run->journal) {
    CLEANUP(err_clear)
    struct err ignored = ERR_INIT; /* the stage's own failure is the one to tell */
    int written =
        journal_write(run->journal, rc < 0 ? &ignored : err, "stage-end", "stage", stage->name,
                      "result", result, "summary", report->summary, "duration_ms",
                      arena_printf(run->arena, JOURNAL_RAW "%" PRId64, report->duration_ms), NULL);
    if (rc >= 0 && written < 0)
      return classify(run, stage, err);
  }
  return rc < 0 ? -1 : 0;
}

static const char *next_command(const struct run *run, enum err_code code)
{
  switch (code) {
  case ERR_NONE:
    return NULL;
  case ERR_CHANGED:
  case ERR_POSTVERIFY:
    if (run->request->command)
      return "belay status";
    return arena_printf(run->arena, "belay rollback %s", run->id ? run->id : "last");
  case ERR_REFUSED:
    return "belay plan";
  default:
    return "belay status";
  }
}

static void describe_target(struct run *run)
{
  struct run_result *result = run->result;
  result->target = run->env->target.shown;
  result->source = run->env->target.source;
  result->environment = run->env->policy.name;
  result->policy = run->env->policy.source;
  result->database = "untouched";
}

static struct strings skipped_statements(struct run *run, const struct run_file *file)
{
  struct strings skipped = {0};
  for (size_t i = 0; i < file->inverse->effects.len; i++) {
    const struct shadow_effect *e = &file->inverse->effects.at[i];
    if (!e->skipped)
      continue;
    const struct sql_statement *s = &file->script->statements.at[e->statement];
    vec_push(run->arena, &skipped,
             arena_printf(run->arena, "%s:%d: %s", file->script->name, s->start.line, e->skipped));
  }
  return skipped;
}

static void finish_reports(struct run *run)
{
  for (size_t i = 0; i < run->files.len; i++) {
    const struct run_file *file = &run->files.at[i];
    struct run_file_report *report = vec_add(run->arena, &run->result->files);
    *report = (struct run_file_report){
        .name = file->name,
        .last_part = run_is_last_part(file),
        .alone = file->parts > 1,
        .checksum = file->migration->checksum,
        .bare = file->shape == SQL_SHAPE_BARE,
        .capture = file->capture,
        .state = file->applied   ? "applied"
                 : file->partial ? "partly applied"
                                 : "pending",
        .captured_rows = file->captured_rows,
        .verdict = INVERSE_NONE,
    };
    if (file->inverse) {
      report->verdict = file->inverse->verdict;
      report->refusals = file->inverse->refusals;
      report->differences = file->inverse->differences;
      report->outside = file->inverse->outside;
      report->covered = inverse_coverage(run->arena, file->inverse);
      report->rows = file->inverse->rows;
      report->costs = inverse_costs(run->arena, file->inverse);
      report->skipped = skipped_statements(run, file);
      report->steps = file->inverse->steps;
      report->inverse_sql = inverse_script_text(run->arena, file->inverse);
    }
  }
  run->result->fingerprint_before = arena_strdup(run->arena, run->fingerprint);
  run->result->backup_id = run->has_backup ? run->backup.id : NULL;
}

static void close_run(struct run *run)
{
  shadow_closep(&run->shadow);
  db_closep(&run->conn);
  db_closep(&run->tool_lock);
  db_closep(&run->lock);
  journal_closep(&run->journal);
}

static int run_stages(struct run *run, bool plan_only, struct err *err)
{
  for (size_t i = 0; i < COUNT_OF(stages); i++) {
    if (plan_only && !stages[i].plan)
      continue;
    if (run_stage(run, &stages[i], err) < 0)
      return -1;
    if (run->files.len == 0 && !run->request->command && i == 0)
      return 0; /* nothing is pending */
  }
  return 0;
}

int run_plan(const struct run_request *request, struct run_result *ret_result, struct err *err)
{
  struct run run = {
      .arena = request->env->arena, .env = request->env, .request = request, .result = ret_result};
  *ret_result = (struct run_result){0};
  describe_target(&run);
  int rc = run_stages(&run, true, err);
  finish_reports(&run);
  json_t *json = rc == 0 ? run_plan_json(&run) : NULL;
  char *text = json ? json_dumps(json, JSON_INDENT(1) | JSON_SORT_KEYS) : NULL;
  ret_result->plan_json = arena_strdup(run.arena, text);
  free(text);
  json_decref(json);
  close_run(&run);
  return rc;
}

static int begin_record(struct run *run, struct err *err)
{
  run->id = clock_new_id(run->arena);
  run->prefix = arena_printf(run->arena, "%s/runs/%s", run->env->database_prefix, run->id);
  run->result->id = run->id;
  run->dir = place_local_dir(run->env->place, run->arena, run->prefix, err);
  if (!run->dir)
    return -1;
  if (journal_open(fs_join(run->arena, run->dir, "journal.jsonl"), place_keys(run->env->place),
                   &run->journal, err) < 0)
    return -1;
  return journal_write(run->journal, err, "run-begin", "run", run->id, "target",
                       run->env->target.shown, "environment", run->env->policy.name, "version",
                       BELAY_VERSION, NULL);
}

static void end_record(struct run *run, struct err *err)
{
  run->result->database = run_database_state(err->code);
  run->result->next = next_command(run, err->code);
  if (run->journal) {
    CLEANUP(err_clear) struct err ignored = ERR_INIT;
    (void)journal_write(run->journal, &ignored, "run-end", "exit_code",
                        arena_printf(run->arena, JOURNAL_RAW "%d", err_exit_code(err->code)),
                        "database", run->result->database, "message", err->message, NULL);
  }
  run_event(run, "run-end", NULL, run->result->database);
  if (!run->dir)
    return;
  CLEANUP(err_clear) struct err ignored = ERR_INIT;
  bool nothing_pending = err->code == ERR_NONE && run->files.len == 0 && !run->request->command;
  if (nothing_pending)
    (void)fs_remove_tree(run->dir, &ignored);
  else if (!run->plan_written)
    (void)run_write_plan(run, &ignored);
  if (run->journal && !nothing_pending)
    (void)run_publish_journal(run, true, &ignored);
}

int run_execute(const struct run_request *request, struct run_result *ret_result, struct err *err)
{
  struct run run = {
      .arena = request->env->arena, .env = request->env, .request = request, .result = ret_result};
  *ret_result = (struct run_result){0};
  describe_target(&run);
  int rc = begin_record(&run, err);
  if (rc == 0) {
    log_info("belay run %s on %s (from %s), policy %s", run.id, run.env->target.shown,
             run.env->target.source, run.env->policy.name);
    rc = run_stages(&run, false, err);
  }
  end_record(&run, err);
  finish_reports(&run);
  close_run(&run);
  return rc;
}
