/* Inverse: each pending migration is run on a shadow database, and its way back is made and proven
 * there, before anything is touched. What cannot be undone, captured or afforded is refused here.
 * */
#include "run/pipeline.h"

#include "base/clock.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "sql/quote.h"

static int refuse_file(const struct run *run, const struct run_file *file,
                       const struct strings *reasons, const char *what, struct err *err)
{
  if (policy_allows(&run->env->policy, file->migration->name)) {
    log_warning("%s: %s: %s (allowed by name in policy %s)", file->name, what,
                reasons->len ? reasons->at[0] : "", run->env->policy.name);
    return 0;
  }
  err_set(err, ERR_REFUSED, "%s: %s", file->name, what);
  CLEANUP(text_clear) struct text detail = TEXT_INIT;
  for (size_t i = 0; i < reasons->len; i++)
    text_printf(&detail, "%s%s", i ? "; " : "", reasons->at[i]);
  if (detail.len)
    err_detail(err, "%s", detail.data);
  return err_hint(
      err, "Change the migration, or accept it by name with inverse.allow: [%s] in the policy.",
      file->migration->name);
}

/* The rollback is a run too: what it would destroy (values of an added column) must be capturable
 * then. */
static void warn_of_way_back(struct run *run, const struct run_file *file)
{
  struct capture_plan back;
  capture_plan_reverse(run->arena, file->inverse, &file->capture, &back);
  for (size_t i = 0; i < back.refusals.len; i++)
    log_warning("%s: a rollback will be refused, unless allowed by name: %s", file->name,
                back.refusals.at[i]);
  for (size_t i = 0; i < file->inverse->steps.len; i++)
    if (strstr(file->inverse->steps.at[i].sql, " USING ") &&
        strstr(file->inverse->steps.at[i].sql, " TYPE "))
      log_warning(
          "%s: a rollback casts values back (%s); if one written since does not fit it fails, "
          "and nothing is changed",
          file->name, file->inverse->steps.at[i].sql);
}

/* What columns in their order cost then. */
static void tell_costs(struct run *run, const struct run_file *file)
{
  struct strings costs = inverse_costs(run->arena, file->inverse);
  int64_t ms = inverse_rebuild_ms(file->inverse);
  int64_t budget_ms = run->env->policy.apply.max_lock_hold_ms;
  for (size_t i = 0; i < costs.len; i++)
    log_info("             %s: a rollback %s", file->name, costs.at[i]);
  if (budget_ms && ms > budget_ms)
    log_warning("%s: a rollback writes tables anew for about %s, over the lock budget of %s: raise "
                "apply.max_lock_hold for it",
                file->migration->name, clock_duration(run->arena, ms),
                clock_duration(run->arena, budget_ms));
}

static int judge_verdict(struct run *run, struct run_file *file, struct err *err)
{
  const struct inverse *inverse = file->inverse;
  const struct policy *policy = &run->env->policy;
  const char *what = arena_printf(run->arena, "its inverse is '%s', policy %s wants at least '%s'",
                                  inverse_verdict_name(inverse->verdict), policy->name,
                                  inverse_verdict_name(policy->inverse.least));
  if (inverse->verdict <= policy->inverse.least ||
      refuse_file(run, file, &inverse->refusals, what, err) == 0)
    return 0;
  if (inverse->verdict == INVERSE_COLUMN_ORDER && !policy->inverse.exact_order)
    err_hint(err,
             "A rollback that writes the table anew is exact: give --exact-order (or "
             "inverse.exact_order: true in the policy). Or accept the migration by name with "
             "inverse.allow: [%s].",
             file->migration->name);
  return -1;
}

static int judge_rows(struct run *run, struct run_file *file, struct err *err)
{
  const struct inverse_rows *rows = file->inverse->rows;
  if (rows && rows->refusals.len)
    return refuse_file(
        run, file, &rows->refusals,
        arena_printf(run->arena, "its rollback failed when it was tried on %s rows", rows->kind),
        err);
  if (rows && rows->not_tried)
    log_warning("%s: its rollback was not tried with rows: %s", file->name, rows->not_tried);
  return 0;
}

static int judge(struct run *run, struct run_file *file, struct err *err)
{
  const struct inverse *inverse = file->inverse;
  if (judge_verdict(run, file, err) < 0 || judge_rows(run, file, err) < 0)
    return -1;
  if (inverse->outside.len &&
      refuse_file(run, file, &inverse->outside, "it has effects outside the database", err) < 0)
    return -1;
  if (file->capture.refusals.len &&
      refuse_file(run, file, &file->capture.refusals, "rows that it destroys cannot be captured",
                  err) < 0)
    return -1;
  warn_of_way_back(run, file);
  tell_costs(run, file);
  const struct policy *policy = &run->env->policy;
  bool captured = policy->apply.capture && !run->request->command;
  if (capture_plan_count(&file->capture) && !captured && !policy->backup.required)
    return refuse_file(run, file, &(struct strings){0},
                       "it changes or destroys rows, and policy wants neither a backup nor (around "
                       "a command) can they be captured",
                       err);
  return 0;
}

static int check_budget(struct run *run, const struct run_file *file, struct err *err)
{
  int64_t bytes = capture_estimate_bytes(&file->capture, run->catalog);
  int64_t hold_ms = bytes / CAPTURE_BYTES_PER_MS,
          budget_ms = run->env->policy.apply.max_lock_hold_ms;
  if (!budget_ms || hold_ms <= budget_ms)
    return 0;
  err_set(err, ERR_REFUSED,
          "%s: copying out what it destroys (%" PRId64 " MiB) would hold locks for about %s, over "
          "the budget of %s",
          file->migration->name, bytes >> 20, clock_duration(run->arena, hold_ms),
          clock_duration(run->arena, budget_ms));
  return err_hint(err,
                  "Raise apply.max_lock_hold for a maintenance window, or split the migration.");
}

/* The role must own what the migration locks exclusively; the shadow has told which tables these
 * are. */
static int check_ownership(struct run *run, const struct run_file *file, struct err *err)
{
  for (size_t i = 0; i < file->inverse->effects.len; i++) {
    const struct strings *tables = &file->inverse->effects.at[i].exclusive;
    for (size_t k = 0; k < tables->len; k++) {
      const struct catalog_object *table =
          catalog_find_name(run->catalog, CATALOG_TABLE, tables->at[k]);
      const char *may;
      if (!table)
        continue; /* made by an earlier pending migration: then it will be ours */
      if (db_query_value(run->conn, run->arena, &may, err,
                         "SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = $1::oid",
                         arena_printf(run->arena, "%u", table->oid), NULL) < 0)
        return -1;
      if (may[0] == 't')
        continue;
      err_set(err, ERR_PREFLIGHT, "role %s may not alter %s: it is not its owner (%s)",
              db_user(run->conn), tables->at[k], catalog_get(table, "owner"));
      return err_hint(err, "Run as the owner, or: GRANT %s TO %s",
                      sql_ident(run->arena, catalog_get(table, "owner")),
                      sql_ident(run->arena, db_user(run->conn)));
    }
  }
  return 0;
}

static int save_inverse(struct run *run, size_t index, struct err *err)
{
  if (!run->journal)
    return 0;
  const char *text = inverse_script_text(run->arena, run->files.at[index].inverse);
  return run_put(run, arena_printf(run->arena, "inverse-%04zu.sql", index + 1), text, strlen(text),
                 err);
}

static const char *plan_difference(const json_t *plan, const json_t *now)
{
  static const struct {
    const char *key, *says;
  } of_plan[] = {
      {"database", "it was made for another database"},
      {"environment", "it was made for another environment"},
      {"command", "it was made for another command, or for none"},
      {"fingerprint_before", "the schema changed since"},
      {"capture", "it was made for another apply.capture in the policy"},
      {"exact_order", "it was made for another inverse.exact_order (--exact-order)"},
  };
  static const char *const of_file[] = {"name",        "checksum", "migration",
                                        "bare",        "verdict",  "shape_before",
                                        "shape_after", "steps",    "capture"};
  for (size_t i = 0; i < COUNT_OF(of_plan); i++) {
    const json_t *then = json_object_get(plan, of_plan[i].key);
    if (!then || !json_equal(then, json_object_get(now, of_plan[i].key)))
      return of_plan[i].says;
  }
  const json_t *a = json_object_get(plan, "files"), *b = json_object_get(now, "files");
  if (json_array_size(a) != json_array_size(b))
    return "other migrations are pending now";
  for (size_t i = 0; i < json_array_size(a); i++)
    for (size_t k = 0; k < COUNT_OF(of_file); k++)
      if (!json_equal(json_object_get(json_array_get(a, i), of_file[k]),
                      json_object_get(json_array_get(b, i), of_file[k])))
        return "a pending migration or its inverse changed since";
  return NULL;
}

static int check_plan_file(struct run *run, struct err *err)
{
  if (!run->request->plan_file)
    return 0;
  json_error_t why;
  json_t *plan = json_load_file(run->request->plan_file, JSON_REJECT_DUPLICATES, &why);
  if (!plan)
    return err_set(err, ERR_USAGE, "%s:%d: %s", run->request->plan_file, why.line, why.text);
  json_t *now = run_plan_json(run);
  const char *differs =
      now ? plan_difference(plan, now) : "a pending migration holds text that is not UTF-8";
  if (differs) {
    err_set(err, ERR_REFUSED, "the plan is out of date: %s", differs);
    err_hint(err, "Look at the new one and save it: belay plan -o %s", run->request->plan_file);
  }
  json_decref(plan);
  json_decref(now);
  return differs ? -1 : 0;
}

/* The parts of a migration share a session: what one SETs holds for the next. */
static int hold_session(struct run *run, const struct run_file *file, struct err *err)
{
  if (file->parts == 1 || !run_is_first_part(file))
    return 0;
  return shadow_hold_session(run->shadow, true, err);
}

static int prove_file(struct run *run, struct run_file *file, struct err *err)
{
  bool exact_order = run->env->policy.inverse.exact_order;
  if (interrupt_check(err) < 0 || hold_session(run, file, err) < 0 ||
      (exact_order ? inverse_prove_exact_order : inverse_prove)(
          run->arena, run->shadow, &run->catalog_options, file->script, &file->inverse, err) < 0)
    return -1;
  inverse_estimate(file->inverse, run->catalog);
  file->inverse->name = file->name;
  /* what cannot run in a transaction changes no rows: it builds, drops or rewrites with the same
   * rows */
  if (file->shape == SQL_SHAPE_TRANSACTION)
    capture_plan(run->arena, file->inverse, &file->capture);
  return run_is_last_part(file) ? shadow_hold_session(run->shadow, false, err) : 0;
}

static int open_rehearsal(struct run *run, struct err *err)
{
  const struct policy *policy = &run->env->policy;
  struct rehearsal_options options = {
      .rows = policy->inverse.shadow_rows,
      .per_table = policy->inverse.shadow_rows_per_table,
      .source = &run->env->target,
  };
  /* without capture the rows would not come back */
  return options.rows == REHEARSAL_NONE || run->request->command || !policy->apply.capture
             ? 0
             : rehearsal_open(run->arena, run->shadow, &options, &run->rehearsal, err);
}

static int try_with_rows(struct run *run, struct run_file *file, struct err *err)
{
  if (!run->rehearsal)
    return 0;
  if (!run_captures(run, file)) {
    rehearsal_skip(run->rehearsal, file->inverse, "they cannot be captured");
    return 0;
  }
  int rc = rehearsal_try(run->rehearsal, file->script, file->inverse, &file->capture, err);
  if (run_is_last_part(file))
    rehearsal_end_session(run->rehearsal);
  return rc;
}

static int prove_all(struct run *run, struct err *err)
{
  for (size_t i = 0; i < run->files.len; i++) {
    struct run_file *file = &run->files.at[i];
    if (prove_file(run, file, err) < 0 || try_with_rows(run, file, err) < 0)
      return -1;
    if (save_inverse(run, i, err) < 0 || judge(run, file, err) < 0 ||
        check_budget(run, file, err) < 0 || check_ownership(run, file, err) < 0)
      return -1;
  }
  return 0;
}

static const char *describe(const struct run *run)
{
  int counts[INVERSE_NONE + 1] = {0};
  for (size_t i = 0; i < run->files.len; i++)
    counts[run->files.at[i].inverse->verdict]++;
  CLEANUP(text_clear) struct text t = TEXT_INIT;
  for (enum inverse_verdict v = INVERSE_EXACT; v <= INVERSE_NONE; v++)
    if (counts[v])
      text_printf(&t, "%s%d %s", t.len ? ", " : "", counts[v], inverse_verdict_name(v));
  int64_t rows = 0;
  for (size_t i = 0; i < run->files.len; i++) {
    const struct inverse_rows *r = run->files.at[i].inverse->rows;
    rows += r && !r->not_tried ? r->rows : 0;
  }
  return arena_printf(run->arena, "proven on a %s%s: %s", shadow_where(run->shadow),
                      rows ? ", with rows" : "", t.data);
}

int run_open_shadow(struct run *run, const struct catalog *schema, struct shadow **ret,
                    struct err *err)
{
  struct shadow_options options = {
      .target = &run->env->target,
      .server_major = db_server_major(run->conn),
      .url = run->env->shadow_url,
      .allow_on_target = run->env->policy.inverse.shadow_on_target,
  };
  if (shadow_open(run->arena, &options, schema, &run->catalog_options, ret, err) == 0)
    return 0;
  if (interrupt_pending()) { /* our signal reached its programs as well: their words mislead */
    err_clear(err);
    (void)interrupt_check(err);
  }
  return err_wrap(err, "shadow database");
}

int run_prove_pending(struct run *run, struct err *err)
{
  int rc = run_open_shadow(run, run->catalog, &run->shadow, err);
  for (size_t i = 0; rc == 0 && i < run->files.len; i++)
    rc = prove_file(run, &run->files.at[i], err);
  shadow_closep(&run->shadow);
  return rc;
}

int run_stage_inverse(struct run *run, const char **summary, struct err *err)
{
  if (run->files.len == 0) {
    *summary = "no pending SQL is known to belay: the way back is the backup";
    return run_write_plan(run, err) < 0 ? -1 : RUN_SKIP;
  }
  if (run_open_shadow(run, run->catalog, &run->shadow, err) < 0)
    return -1;
  int rc = open_rehearsal(run, err) < 0 ? -1 : prove_all(run, err);
  if (rc == 0)
    *summary = describe(run);
  rehearsal_closep(&run->rehearsal);
  shadow_closep(&run->shadow);
  if (rc < 0 || check_plan_file(run, err) < 0)
    return -1;
  return run_write_plan(run, err);
}
