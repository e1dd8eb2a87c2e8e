/* plan.json: what would be done and all that a rollback needs, written before the first change. */
#include "run/pipeline.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"

int run_put(struct run *run, const char *name, const char *bytes, size_t len, struct err *err)
{
  return place_put_sealed(run->env->place, arena_printf(run->arena, "%s/%s", run->prefix, name),
                          bytes, len, err);
}

static int put_clear(struct run *run, const char *name, const json_t *json, struct err *err)
{
  CLEANUP(free_ptr) char *text = json_dumps(json, JSON_INDENT(1) | JSON_SORT_KEYS);
  const char *key = arena_printf(run->arena, "%s/%s", run->prefix, name);
  return place_put(run->env->place, key, text, strlen(text), err);
}

/* What `belay status`, list and prune need without a key: no statement, no name of a table. */
static json_t *clear_plan(struct run *run, const json_t *plan)
{
  static const char *const secrets[] = {
      "steps", "capture", "rollback_capture", "refusals", "differences", "costs", "rows"};
  const struct strings recipients = keys_recipients(run->arena, place_keys(run->env->place));
  json_t *clear = json_deep_copy(plan), *list = json_array(), *file;
  size_t i;
  json_array_foreach(json_object_get(clear, "files"), i, file) for (size_t k = 0;
                                                                    k < COUNT_OF(secrets); k++)
      json_object_del(file, secrets[k]);
  for (size_t k = 0; k < recipients.len; k++)
    json_array_append_new(list, json_string(recipients.at[k]));
  json_object_set_new(clear, "recipients", list);
  return clear;
}

int run_put_plan(struct run *run, json_t *plan, struct err *err)
{
  if (!keys_encrypt(place_keys(run->env->place)))
    return put_clear(run, "plan.json", plan, err);
  json_t *clear = clear_plan(run, plan);
  json_object_set(plan, "recipients", json_object_get(clear, "recipients"));
  CLEANUP(free_ptr) char *text = json_dumps(plan, JSON_INDENT(1) | JSON_SORT_KEYS);
  int rc = run_put(run, "plan.json", text, strlen(text), err);
  if (rc == 0)
    rc = put_clear(run, "plan.json", clear, err);
  json_decref(clear);
  return rc;
}

static json_t *strings_json(const struct strings *strings)
{
  json_t *array = json_array();
  for (size_t i = 0; i < strings->len; i++)
    json_array_append_new(array, json_string(strings->at[i]));
  return array;
}

/* What the proof covered; null: the structure alone. */
static json_t *rows_json(const struct inverse_rows *rows)
{
  if (!rows)
    return json_null();
  return json_pack("{s:s,s:s?,s:I,s:I,s:o,s:o}", "kind", rows->kind, "not_tried", rows->not_tried,
                   "tables", (json_int_t)rows->tables, "rows", (json_int_t)rows->rows,
                   "not_covered", strings_json(&rows->not_covered), "refusals",
                   strings_json(&rows->refusals));
}

/* NULL (and with it the whole plan) when something is not UTF-8: nothing may be left out. */
static json_t *steps_json(const struct inverse_steps *steps)
{
  json_t *array = json_array();
  for (size_t i = 0; i < steps->len; i++) {
    const struct inverse_step *s = &steps->at[i];
    json_t *step = json_pack("{s:i,s:s,s:s?}", "phase", s->phase == INVERSE_AFTER_DATA, "sql",
                             s->sql, "note", s->note);
    if (json_array_append_new(array, step) < 0) {
      json_decref(array);
      return NULL;
    }
  }
  return array;
}

static json_t *file_json(struct run *run, const struct run_file *file)
{
  json_t *json =
      json_pack("{s:s,s:s,s:I,s:I,s:s,s:b}", "name", file->name, "migration", file->migration->name,
                "part", (json_int_t)file->part, "parts", (json_int_t)file->parts, "checksum",
                file->migration->checksum, "bare", file->shape == SQL_SHAPE_BARE);
  const struct inverse *inverse = file->inverse;
  if (!inverse)
    return json;
  struct capture_plan back;
  capture_plan_reverse(run->arena, inverse, &file->capture, &back);
  json_object_set_new(json, "verdict", json_string(inverse_verdict_name(inverse->verdict)));
  json_object_set_new(json, "refusals", strings_json(&inverse->refusals));
  json_object_set_new(json, "differences", strings_json(&inverse->differences));
  struct strings costs = inverse_costs(run->arena, inverse);
  json_object_set_new(json, "costs", strings_json(&costs));
  json_object_set_new(json, "rows", rows_json(inverse->rows));
  json_object_set_new(json, "fingerprint_before", json_string(inverse->fingerprint_before));
  json_object_set_new(json, "fingerprint_after", json_string(inverse->fingerprint_after));
  char shape[65];
  catalog_fingerprint(inverse->before, CATALOG_IGNORE_COLUMN_ORDER, shape);
  json_object_set_new(json, "shape_before", json_string(shape));
  catalog_fingerprint(inverse->after, CATALOG_IGNORE_COLUMN_ORDER, shape);
  json_object_set_new(json, "shape_after", json_string(shape));
  bool held = run_captures(run, file);
  bool changes = capture_plan_count(&file->capture) || file->capture.refusals.len;
  json_object_set_new(json, "unheld", json_boolean(!held && changes));
  json_t *steps = steps_json(&inverse->steps);
  if (!steps) {
    json_decref(json);
    return NULL;
  }
  json_object_set_new(json, "steps", steps);
  json_object_set_new(json, "capture", capture_plan_to_json(&file->capture));
  json_object_set_new(json, "rollback_capture", capture_plan_to_json(&back));
  if (file->undo_prefix && held && file->shape == SQL_SHAPE_TRANSACTION)
    json_object_set_new(json, "undo", json_string(file->undo_prefix));
  return json;
}

static json_t *command_json(const struct run *run)
{
  CLEANUP(text_clear) struct text command = TEXT_INIT;
  for (const char *const *arg = run->request->command; arg && *arg; arg++)
    text_printf(&command, "%s%s", command.len ? " " : "", *arg);
  if (!command.len)
    return json_null();
  CLEANUP(free_ptr) char *clean = log_redact(command.data);
  json_t *json = json_string(clean);
  return json ? json : json_string("(not text)");
}

json_t *run_plan_json(struct run *run)
{
  const struct run_env *env = run->env;
  json_t *files = json_array();
  for (size_t i = 0; i < run->files.len; i++) {
    if (json_array_append_new(files, file_json(run, &run->files.at[i])) < 0) {
      json_decref(files);
      return NULL;
    }
  }
  return json_pack("{s:i,s:s,s:s?,s:s,s:s,s:s,s:s?,s:s?,s:s,s:s,s:s?,s:o,s:s,s:b,s:b,s:o}",
                   "schema", 1, "kind", "run", "id", run->id, "created_at",
                   clock_iso8601(run->arena, clock_wall_us()), "database", env->target.database,
                   "target", env->target.shown, "server_id", run->here.server_id, "database_oid",
                   run->here.database_oid, "environment", env->policy.name, "belay", BELAY_VERSION,
                   "server", run->result->server, "command", command_json(run),
                   "fingerprint_before", run->fingerprint, "capture", env->policy.apply.capture,
                   "exact_order", env->policy.inverse.exact_order, "files", files);
}

int run_write_plan(struct run *run, struct err *err)
{
  if (!run->journal)
    return 0;
  json_t *json = run_plan_json(run);
  int rc = json ? run_put_plan(run, json, err)
                : err_set(err, ERR_REFUSED, "the plan holds text that is not UTF-8");
  json_decref(json);
  run->plan_written = rc == 0;
  return rc;
}
