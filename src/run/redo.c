/* The rollback of a rollback. Rollbacks are made in a hurry, so nothing is proven for this then; it
 * is now, on a shadow of the database: the migration takes it to the state to come back to, the
 * steps of the rollback take it to the state at hand, and the way from there is found as for any
 * migration. The rows are those that the rollback captured. */
#include "run/rollback.h"

#include "inverse/shadow.h"
#include "run/pipeline.h"

static const struct run_file *pending_of(const struct run *run, const char *name)
{
  for (size_t i = 0; i < run->files.len; i++)
    if (strcmp(run->files.at[i].name, name) == 0)
      return &run->files.at[i];
  return NULL;
}

/* The same file as then, in its parts, as the pending files of `run`. */
static int find_migration(struct run *run, const struct record_file *file, struct err *err)
{
  if (pending_of(run, file->name))
    return 0;
  for (size_t i = 0; i < run->migrations.len; i++) {
    const struct migration *m = &run->migrations.at[i];
    if (strcmp(m->name, file->migration) != 0)
      continue;
    if (!file->checksum || strcmp(m->checksum, file->checksum) != 0)
      return err_set(err, ERR_REFUSED, "migration %s was edited since it was applied", m->name);
    return run_add_pending(run, m, err);
  }
  return err_set(err, ERR_REFUSED, "migration %s is not on disk any more", file->migration);
}

static struct sql_script *script_of(struct run *run, const struct record_file *file,
                                    struct err *err)
{
  CLEANUP(text_clear) struct text all = TEXT_INIT;
  for (int phase = INVERSE_BEFORE_DATA; phase <= INVERSE_AFTER_DATA; phase++)
    for (size_t i = 0; i < file->steps.len; i++)
      if ((int)file->steps.at[i].phase == phase)
        text_printf(&all, "%s;\n", file->steps.at[i].sql);
  struct sql_script *script;
  const char *name = arena_printf(run->arena, "rollback of %s", file->name);
  char *text = arena_strndup(run->arena, all.data ? all.data : "", all.len);
  return sql_script_read(run->arena, name, text, all.len, &script, err) < 0 ? NULL : script;
}

static int run_migration(struct run *run, const struct run_file *file, struct err *err)
{
  struct shadow_effects effects = {0};
  struct strings outside = {0};
  return shadow_run(run->arena, run->shadow, file->script, &effects, &outside, err);
}

/* The ledger knows no half migrations; and what a killed or failed statement left behind was not
 * captured when it was taken away. */
static int check_whole(const struct record *rollback, const struct record_file *file,
                       struct err *err)
{
  size_t parts = 0;
  for (size_t i = 0; i < rollback->files.len; i++)
    parts += rollback->files.at[i].undo_prefix &&
             strcmp(rollback->files.at[i].migration, file->migration) == 0;
  if (parts == file->parts)
    return 0;
  return err_set(err, ERR_REFUSED, "%s was not applied whole: %zu of its %zu parts",
                 file->migration, parts, file->parts);
}

/* Did the migration do on the shadow what it did then? */
static int check_shape(struct run *run, const struct record_file *of, struct err *err)
{
  struct catalog *now;
  char shape[65];
  if (catalog_read(run->arena, shadow_conn(run->shadow), &run->catalog_options, &now, err) < 0)
    return -1;
  catalog_fingerprint(now, CATALOG_IGNORE_COLUMN_ORDER, shape);
  if (of->shape_after && strcmp(shape, of->shape_after) == 0)
    return 0;
  return err_set(err, ERR_REFUSED, "%s does not make the schema that it made then", of->name);
}

/* A table that the rollback wrote anew (for the order of its columns) is another one by now: the
 * way back would make an empty one, and no capture holds its rows. */
static int check_same_tables(const struct inverse *inverse, const struct record_file *file,
                             struct err *err)
{
  for (size_t i = 0; i < inverse->before->object_count; i++) {
    const struct catalog_object *t = inverse->before->objects[i];
    if (t->kind != CATALOG_TABLE || catalog_find(inverse->after, CATALOG_TABLE, t->oid, 0) ||
        !catalog_find_name(inverse->after, CATALOG_TABLE, t->identity))
      continue;
    return err_set(err, ERR_REFUSED, "the rollback of %s wrote %s anew", file->name, t->identity);
  }
  return 0;
}

/* What the rollback captured, and what its own way back would destroy. */
static int plan_capture(struct run *run, const struct record_file *of,
                        const struct inverse *inverse, struct record_file *file, struct err *err)
{
  struct capture_plan rollback, again;
  json_error_t why;
  json_t *json = of->rollback_capture ? json_loads(of->rollback_capture, 0, &why) : NULL;
  int rc = capture_plan_from_json(run->arena, json, &rollback, err);
  json_decref(json);
  if (rc < 0)
    return -1;
  if (rollback.refusals.len)
    return err_set(err, ERR_REFUSED, "what the rollback of %s destroyed was not captured: %s",
                   file->name, rollback.refusals.at[0]);
  capture_plan_reverse(run->arena, inverse, &rollback, &again);
  json = capture_plan_to_json(&again);
  char *text = json_dumps(json, JSON_COMPACT);
  file->rollback_capture = arena_strdup(run->arena, text);
  free(text);
  json_decref(json);
  return 0;
}

static int prove_file(struct run *run, const struct record_file *of, struct record_file *file,
                      struct err *err)
{
  struct inverse *inverse;
  struct sql_script *steps = script_of(run, of, err);
  if (!steps || find_migration(run, file, err) < 0)
    return -1;
  const struct run_file *migration = pending_of(run, file->name);
  if (!migration)
    return err_set(err, ERR_REFUSED, "migration %s has other parts than when it was applied",
                   file->migration);
  bool shared = migration->parts > 1; /* what one part SETs holds for the next */
  if (shared && run_is_first_part(migration) && shadow_hold_session(run->shadow, true, err) < 0)
    return -1;
  if (run_migration(run, migration, err) < 0 || check_shape(run, of, err) < 0 ||
      inverse_prove(run->arena, run->shadow, &run->catalog_options, steps, &inverse, err) < 0 ||
      run_migration(run, migration, err) < 0 || check_same_tables(inverse, file, err) < 0)
    return -1;
  if (shared && run_is_last_part(migration) && shadow_hold_session(run->shadow, false, err) < 0)
    return -1;
  file->verdict = inverse->verdict;
  file->refusals = inverse->refusals;
  file->steps = inverse->steps;
  file->shape_before = of->shape_after;
  file->shape_after = of->shape_before;
  file->again = migration->migration;
  return plan_capture(run, of, inverse, file, err);
}

int rollback_prove_again(struct run *run, const struct record *of, struct record *rollback,
                         struct err *err)
{
  if (catalog_read(run->arena, run->conn, &run->catalog_options, &run->catalog, err) < 0 ||
      run_open_shadow(run, run->catalog, &run->shadow, err) < 0)
    return -1;
  int rc = 0;
  for (size_t i = rollback->files.len; rc == 0 && i-- > 0;) {
    struct record_file *file = &rollback->files.at[i];
    const struct record_file *was = record_file_named(of, file->name);
    if (file->state == RECORD_NOT_APPLIED)
      continue;
    rc = was ? (check_whole(rollback, file, err) < 0 ? -1 : prove_file(run, was, file, err))
             : err_set(err, ERR_REFUSED, "run %s has no file %s", of->id, file->name);
  }
  shadow_closep(&run->shadow);
  if (rc < 0 && err->code == ERR_REFUSED)
    err_hint(err, "Apply the migrations anew with: belay run");
  return rc;
}
