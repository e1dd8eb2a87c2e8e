/* Verify: the schema is what the shadow predicted, no index is invalid, tables that the migrations
 * do not touch kept their files, the ledger has its rows, and the user's own checks pass. */
#include "base/interrupt.h"
#include "run/check.h"

enum { LISTED_MAX = 10 };

static int check_schema(struct run *run, const struct catalog *now, struct err *err)
{
  const struct catalog *predicted = run->files.at[run->files.len - 1].inverse->after;
  struct strings differences =
      catalog_differences(run->arena, predicted, now, CATALOG_IGNORE_CHILD_ORDER, LISTED_MAX);
  if (differences.len == 0)
    return 0;
  err_set(err, ERR_POSTVERIFY, "the schema is not what the shadow database predicted: %s",
          differences.at[0]);
  CLEANUP(text_clear) struct text all = TEXT_INIT;
  for (size_t i = 0; i < differences.len; i++)
    text_printf(&all, "%s%s", i ? "; " : "", differences.at[i]);
  return err_detail(err, "%s", all.data);
}

/* An index that was invalid before the run is no fault of its migrations. */
static bool was_invalid(const struct run *run, const char *identity)
{
  const struct catalog_object *index = catalog_find_name(run->catalog, CATALOG_INDEX, identity);
  const struct catalog_object *constraint =
      catalog_find_name(run->catalog, CATALOG_CONSTRAINT, identity);
  return (index && catalog_is(index, "valid", "f")) ||
         (constraint && catalog_is(constraint, "index_valid", "f"));
}

static int check_indexes(struct run *run, struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (db_query(run->conn, &r, err,
               "SELECT format('%I.%I', n.nspname, i.relname), format('%I.%I.%I', n.nspname, "
               "t.relname, i.relname) FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN "
               "pg_class t ON t.oid = x.indrelid JOIN pg_namespace n ON n.oid = i.relnamespace "
               "WHERE NOT (x.indisvalid AND x.indisready) AND n.nspname !~ '^pg_' AND i.relkind = "
               "'i' ORDER BY 1",
               NULL) < 0)
    return -1;
  for (int i = 0; i < db_rows(r); i++) {
    const char *index = db_value(r, i, 0);
    if (was_invalid(run, db_value(r, i, 1)))
      continue;
    err_set(err, ERR_POSTVERIFY, "index %s is invalid: its build did not end well", index);
    return err_hint(err, "Build it again with: REINDEX INDEX CONCURRENTLY %s", index);
  }
  return 0;
}

static bool is_in(const struct strings *list, const char *identity)
{
  for (size_t i = 0; i < list->len; i++)
    if (strcmp(list->at[i], identity) == 0)
      return true;
  return false;
}

enum touch { UNTOUCHED, WRITTEN, ALTERED };

/* What the migrations did to a table on the shadow. Rows that were only written stay in its file.
 * */
static enum touch touch_of(const struct run *run, const char *identity)
{
  enum touch touch = UNTOUCHED;
  for (size_t i = 0; i < run->files.len; i++) {
    const struct shadow_effects *effects = &run->files.at[i].inverse->effects;
    for (size_t k = 0; k < effects->len; k++) {
      const struct shadow_effect *e = &effects->at[k];
      if (is_in(&e->exclusive, identity) || is_in(&e->rewritten, identity))
        return ALTERED;
      if (is_in(&e->written, identity))
        touch = WRITTEN;
    }
  }
  return touch;
}

static int check_untouched(struct run *run, const struct catalog *now, int *ret_count,
                           struct err *err)
{
  int count = 0;
  for (size_t i = 0; i < run->catalog->object_count; i++) {
    const struct catalog_object *before = run->catalog->objects[i];
    enum touch touch = before->kind == CATALOG_TABLE ? touch_of(run, before->identity) : UNTOUCHED;
    if (before->kind != CATALOG_TABLE || touch == ALTERED)
      continue;
    const struct catalog_object *after = catalog_find(now, CATALOG_TABLE, before->oid, 0);
    if (!after || after->relfilenode != before->relfilenode)
      return err_set(err, ERR_POSTVERIFY, "%s was %s although no migration does that",
                     before->identity, after ? "rewritten or truncated" : "dropped");
    count += touch == UNTOUCHED;
  }
  *ret_count = count;
  return 0;
}

static int check_ledger(struct run *run, struct err *err)
{
  if (run_read_ledger(run, err) < 0)
    return -1;
  for (size_t i = 0; i < run->files.len; i++)
    for (size_t k = 0; k < run->statuses.len; k++)
      if (strcmp(run->statuses.at[k].name, run->files.at[i].migration->name) == 0 &&
          run->statuses.at[k].state != MIGRATION_APPLIED)
        return err_set(err, ERR_POSTVERIFY, "the ledger has %s as %s",
                       run->files.at[i].migration->name,
                       migration_state_name(run->statuses.at[k].state));
  return 0;
}

static int run_checks(struct run *run, size_t *ret_count, struct err *err)
{
  struct checks checks;
  if (checks_read(run, &checks, err) < 0)
    return -1;
  for (size_t i = 0; i < checks.len; i++)
    if (check_run(run, &checks.at[i], err) < 0)
      return -1;
  *ret_count = checks.len;
  return 0;
}

static int verify(struct run *run, const char **summary, struct err *err)
{
  struct catalog *now;
  int untouched = 0;
  size_t checks = 0;
  if (db_is_lost(run->conn) && run_open_target(run, err) < 0)
    return -1;
  if (catalog_read(run->arena, run->conn, &run->catalog_options, &now, err) < 0)
    return -1;
  if (check_indexes(run, err) < 0)
    return -1;
  if (run->files.len &&
      (check_schema(run, now, err) < 0 || check_untouched(run, now, &untouched, err) < 0 ||
       check_ledger(run, err) < 0))
    return -1;
  if (run_checks(run, &checks, err) < 0)
    return -1;
  const char *others = run->files.len ? arena_printf(run->arena, "%d other table%s untouched, ",
                                                     untouched, untouched == 1 ? "" : "s")
                                      : "";
  *summary = arena_printf(run->arena, "%s, %sno invalid index, %zu check%s of yours passed",
                          run->files.len ? "schema as predicted" : "schema read", others, checks,
                          checks == 1 ? "" : "s");
  return 0;
}

static size_t count_applied(const struct run *run)
{
  size_t count = 0;
  for (size_t i = 0; i < run->files.len; i++)
    count += run->files.at[i].applied && run_is_last_part(&run->files.at[i]);
  return count;
}

/* A session that ended while it was idle is only found out when it is used. */
static int reach_again(struct run *run, struct err *err)
{
  CLEANUP(err_clear) struct err lost = ERR_INIT;
  return db_exec(run->conn, "SELECT 1", &lost) == 0 ? 0 : run_open_target(run, err);
}

/* The migrations are in, but the result is not what it should be: back, if the policy wants that
 * and it is safe. */
static int after_failure(struct run *run, struct err *err)
{
  if (run->request->command || run->env->policy.apply.on_failure != ON_FAILURE_ROLLBACK ||
      interrupt_pending())
    return err_recode(err, ERR_POSTVERIFY);
  CLEANUP(err_clear) struct err second = ERR_INIT;
  size_t applied = count_applied(run);
  if (reach_again(run, &second) == 0 && run_undo_files(run, run->files.len, &second) == 0) {
    err_detail(err, "all files of this run were rolled back");
    return err_recode(err, ERR_RESTORED);
  }
  size_t undone = applied - count_applied(run);
  if (undone == 0) {
    err_detail(err, "it was not rolled back: %s", second.message);
    return err_recode(err, ERR_POSTVERIFY);
  }
  err_detail(err, "%zu of %zu files were rolled back again, then: %s", undone, applied,
             second.message);
  return err_recode(err, ERR_CHANGED);
}

int run_stage_verify(struct run *run, const char **summary, struct err *err)
{
  return verify(run, summary, err) < 0 ? after_failure(run, err) : 0;
}
