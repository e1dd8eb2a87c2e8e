#include "base/json.h"
#include "base/log.h"
#include "report/run.h"

static void strings(struct jw *w, const char *key, const struct strings *list)
{
  jw_key(w, key);
  jw_array(w);
  for (size_t i = 0; i < list->len; i++)
    jw_string(w, list->at[i]);
  jw_end(w);
}

/* What a server or a tool said may repeat a password. */
static void redacted(struct jw *w, const char *key, const char *value)
{
  CLEANUP(free_ptr) char *clean = value ? log_redact(value) : NULL;
  jw_key_string(w, key, clean);
}

void report_error(struct jw *w, const struct err *err)
{
  jw_key_int(w, "exit_code", err_exit_code(err->code));
  if (!err_is_set(err))
    return;
  jw_key(w, "error");
  jw_object(w);
  jw_key_string(w, "code", err_code_name(err->code));
  redacted(w, "message", err->message);
  jw_key_string(w, "sqlstate", err->sqlstate[0] ? err->sqlstate : NULL);
  redacted(w, "detail", err->detail);
  redacted(w, "hint", err->hint);
  jw_end(w);
}

static void steps(struct jw *w, const struct inverse_steps *list)
{
  jw_key(w, "inverse_steps");
  jw_array(w);
  for (size_t i = 0; i < list->len; i++) {
    jw_object(w);
    jw_key_string(w, "phase",
                  list->at[i].phase == INVERSE_BEFORE_DATA ? "before-data" : "after-data");
    jw_key_string(w, "sql", list->at[i].sql);
    jw_key_string(w, "note", list->at[i].note);
    jw_end(w);
  }
  jw_end(w);
}

static void rows(struct jw *w, const struct inverse_rows *r)
{
  jw_key(w, "rows");
  if (!r) {
    jw_null(w);
    return;
  }
  jw_object(w);
  jw_key_string(w, "kind", r->kind);
  jw_key_bool(w, "tried", !r->not_tried);
  jw_key_string(w, "not_tried", r->not_tried);
  jw_key_int(w, "tables", r->tables);
  jw_key_int(w, "rows", r->rows);
  strings(w, "not_covered", &r->not_covered);
  strings(w, "refusals", &r->refusals);
  jw_end(w);
}

static void file(struct jw *w, const struct run_file_report *f)
{
  static const char *const how[] = {"columns", "rows", "changed"};
  jw_object(w);
  jw_key_string(w, "name", f->name);
  jw_key_string(w, "checksum", f->checksum);
  jw_key_string(w, "state", f->state);
  jw_key_bool(w, "in_transaction", !f->bare);
  jw_key_string(w, "verdict", inverse_verdict_name(f->verdict));
  strings(w, "differences", &f->differences);
  strings(w, "refusals", &f->refusals);
  strings(w, "outside", &f->outside);
  strings(w, "not_tried_on_shadow", &f->skipped);
  jw_key_string(w, "proof_covers", f->covered);
  rows(w, f->rows);
  strings(w, "costs", &f->costs);
  jw_key(w, "captures");
  jw_array(w);
  for (size_t i = 0; i < f->capture.tables.len; i++) {
    if (f->capture.tables.at[i].standby)
      continue;
    jw_object(w);
    jw_key_string(w, "table", f->capture.tables.at[i].before);
    jw_key_string(w, "how", how[f->capture.tables.at[i].how]);
    jw_key_string(w, "why", f->capture.tables.at[i].why);
    jw_end(w);
  }
  jw_end(w);
  jw_key_bool(w, "captures_large_objects", f->capture.large_objects);
  jw_key_int(w, "captured_rows", f->captured_rows);
  steps(w, &f->steps);
  jw_end(w);
}

void report_run_json(const struct run_result *r, const struct err *err, struct text *out)
{
  struct jw w = jw_begin(out);
  jw_object(&w);
  jw_key_int(&w, "schema", 1);
  jw_key_string(&w, "run", r->id);
  jw_key_string(&w, "target", r->target);
  jw_key_string(&w, "target_from", r->source);
  jw_key_string(&w, "server", r->server);
  jw_key_string(&w, "environment", r->environment);
  jw_key_string(&w, "database", r->database);
  jw_key_string(&w, "backup", r->backup_id);
  jw_key_string(&w, "fingerprint_before", r->fingerprint_before);
  jw_key(&w, "stages");
  jw_array(&w);
  for (size_t i = 0; i < r->stage_count; i++) {
    jw_object(&w);
    jw_key_string(&w, "name", r->stages[i].name);
    jw_key_string(&w, "result", run_stage_result_name(r->stages[i].result));
    jw_key_int(&w, "duration_ms", r->stages[i].duration_ms);
    redacted(&w, "summary", r->stages[i].summary);
    jw_end(&w);
  }
  jw_end(&w);
  jw_key(&w, "lint");
  jw_object(&w);
  jw_key_int(&w, "errors", r->lint.errors);
  jw_key_int(&w, "warnings", r->lint.warnings);
  jw_key_int(&w, "suppressed", r->lint.suppressed);
  jw_end(&w);
  jw_key(&w, "files");
  jw_array(&w);
  for (size_t i = 0; i < r->files.len; i++)
    file(&w, &r->files.at[i]);
  jw_end(&w);
  report_error(&w, err);
  jw_key_string(&w, "next", r->next);
  jw_end(&w);
  text_putc(out, '\n');
}

void report_record_json(struct jw *w, const struct record *r)
{
  jw_object(w);
  jw_key_string(w, "id", r->id);
  jw_key_string(w, "kind", r->kind);
  jw_key_string(w, "database", r->database);
  jw_key_string(w, "target", r->target);
  jw_key_string(w, "environment", r->environment);
  jw_key_string(w, "created_at", r->created_at);
  jw_key_string(w, "rolls_back", r->rolls_back);
  jw_key_string(w, "undone_by", r->undone_by);
  jw_key_string(w, "backup", r->backup_id);
  jw_key_string(w, "command", r->command);
  jw_key_bool(w, "locked", r->locked);
  jw_key_bool(w, "ended", r->ended);
  jw_key_int(w, "exit_code", r->exit_code);
  jw_key(w, "files");
  jw_array(w);
  for (size_t i = 0; i < r->files.len; i++) {
    const struct record_file *f = &r->files.at[i];
    jw_object(w);
    jw_key_string(w, "name", f->name);
    jw_key_string(w, "checksum", f->checksum);
    jw_key_string(w, "state", record_file_state_name(f->state));
    jw_key_string(w, "verdict", inverse_verdict_name(f->verdict));
    strings(w, "refusals", &f->refusals);
    steps(w, &f->steps);
    jw_end(w);
  }
  jw_end(w);
  jw_end(w);
}

void report_status_json(const struct status_report *r, struct text *out)
{
  struct jw w = jw_begin(out);
  jw_object(&w);
  jw_key_int(&w, "schema", 1);
  jw_key_string(&w, "target", r->target);
  jw_key_string(&w, "target_from", r->source);
  jw_key_string(&w, "server", r->server);
  jw_key_string(&w, "verdict", r->verdict);
  jw_key_string(&w, "next", r->next);
  jw_key_string(&w, "running", r->running);
  jw_key_int(&w, "pending", (int64_t)r->pending);
  jw_key_int(&w, "troubled", (int64_t)r->troubled);
  jw_key_bool(&w, "last_running", r->last_running);
  jw_key_bool(&w, "last_interrupted", r->last_interrupted);
  jw_key_string(&w, "last_outcome", r->last_outcome);
  strings(&w, "notes", &r->notes);
  jw_key(&w, "migrations");
  jw_array(&w);
  for (size_t i = 0; i < r->migrations.len; i++) {
    jw_object(&w);
    jw_key_string(&w, "name", r->migrations.at[i].name);
    jw_key_string(&w, "state", migration_state_name(r->migrations.at[i].state));
    jw_end(&w);
  }
  jw_end(&w);
  jw_key(&w, "last");
  if (r->has_last)
    report_record_json(&w, &r->last);
  else
    jw_null(&w);
  jw_end(&w);
  text_putc(out, '\n');
}

void report_backup_json(struct jw *w, const struct backup_info *b)
{
  jw_object(w);
  jw_key_string(w, "id", b->id);
  if (b->damaged) {
    jw_key_bool(w, "damaged", true);
    jw_key_string(w, "damage", b->damage);
    jw_end(w);
    return;
  }
  jw_key_string(w, "kind", b->template ? "template" : "archive");
  jw_key_string(w, "template", b->template);
  jw_key_string(w, "database", b->database);
  jw_key_string(w, "created_at", b->created_at);
  jw_key_string(w, "server_version", b->server_version);
  jw_key_string(w, "run", b->run_id);
  jw_key_string(w, "reason", b->reason);
  jw_key_string(w, "fingerprint", b->fingerprint);
  jw_key_int(w, "tables", b->tables);
  jw_key_count(w, "rows", b->rows);
  jw_key_int(w, "raw_bytes", (int64_t)b->raw_bytes);
  jw_key_int(w, "bytes", (int64_t)b->bytes);
  jw_key_int(w, "duration_ms", b->duration_ms);
  jw_key_bool(w, "pinned", b->pinned);
  jw_key_bool(w, "encrypted", b->sealed);
  jw_key_bool(w, "locked", b->locked);
  jw_key_string(w, "scope", b->scope);
  if (b->scope && !b->locked) {
    strings(w, "left_out", &b->left_out);
    strings(w, "not_valid", &b->not_valid);
    strings(w, "widened", &b->widened);
  }
  jw_end(w);
}
