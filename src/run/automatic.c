/* What a run takes back by itself after a failure: files, or parts of them, by their inverse, and
 * what a statement outside of a transaction left behind. Both only while nobody else has built on
 * it. */
#include "base/log.h"
#include "run/pipeline.h"
#include "run/rollback.h"
#include "sql/quote.h"

/* Apply's automatic rollback: the record of this very run says how. */
int run_undo_files(struct run *run, size_t count, struct err *err)
{
  struct record record;
  if (record_read(run->arena, run->env->place, run->prefix, &record, err) < 0)
    return -1;
  for (size_t i = count; i-- > 0;) {
    struct undo_report report = {0};
    enum guarded_outcome outcome;
    if (run_open_target(run, err) < 0)
      return -1;
    struct rollback_file one = {
        .env = run->env,
        .arena = run->arena,
        .conn = run->conn,
        .run_lock = run->lock,
        .journal = run->journal,
        .event_prefix = "undo-",
        .file = &record.files.at[i],
        .capture_prefix = arena_printf(run->arena, "%s/undo/%04zu-back", run->prefix, i + 1),
        .on_conflict = UNDO_ABORT,
        .automatic = true,
        .automatic_since = record.files.at[i].snapshot,
    };
    int rc = rollback_one(&one, &report, &outcome, err);
    run->files.at[i].applied = outcome != GUARDED_COMMITTED;
    if (rc < 0)
      return -1;
    log_info("             %s rolled back again", record.files.at[i].name);
  }
  return 0;
}

/* Is it one of the differences that the file itself makes, by the proof? */
static bool is_expected(const struct catalog_changes *expected, const struct catalog_change *found)
{
  const struct catalog_object *o = found->after ? found->after : found->before;
  for (size_t i = 0; i < expected->len; i++) {
    const struct catalog_change *c = &expected->at[i];
    const struct catalog_object *e = c->after ? c->after : c->before;
    if (e->kind == o->kind && strcmp(e->identity, o->identity) == 0 && c->type == found->type)
      return true;
  }
  return false;
}

static int check_holds_no_rows(struct run *run, const struct catalog_object *o, struct err *err)
{
  const char *found, *sql;
  if (catalog_is_foreign(o) || (o->parent && catalog_is_foreign(o->parent)))
    return 0; /* its rows are elsewhere and stay */
  if (o->kind == CATALOG_TABLE)
    sql = arena_printf(run->arena, "SELECT count(*) FROM (SELECT FROM %s LIMIT 1) t", o->identity);
  else if (o->kind == CATALOG_COLUMN && o->parent && o->parent->kind == CATALOG_TABLE)
    sql = arena_printf(run->arena,
                       "SELECT count(*) FROM (SELECT FROM %s WHERE %s IS NOT NULL LIMIT 1) t",
                       o->parent->identity, sql_ident(run->arena, o->name));
  else
    return 0;
  const char *table = o->kind == CATALOG_TABLE ? o->identity : o->parent->identity;
  if (db_execf(run->conn, err, "LOCK TABLE %s IN ACCESS EXCLUSIVE MODE", table) < 0 ||
      db_query_value(run->conn, run->arena, &found, err, sql, NULL) < 0)
    return -1;
  if (strcmp(found, "0") == 0)
    return 0;
  return err_set(err, ERR_REFUSED, "%s %s holds data by now", catalog_kind_name(o->kind),
                 o->identity);
}

/* Only what this file makes may be taken away, and only while it holds nothing. */
static int check_ours(struct run *run, const struct run_file *file, const struct catalog *before,
                      struct err *err)
{
  struct catalog *now;
  struct catalog_changes found = {0}, expected = {0};
  if (catalog_read(run->arena, run->conn, &run->catalog_options, &now, err) < 0)
    return -1;
  catalog_diff(run->arena, before, now, &found);
  catalog_diff(run->arena, file->inverse->before, file->inverse->after, &expected);
  for (size_t i = 0; i < found.len; i++) {
    const struct catalog_change *c = &found.at[i];
    const struct catalog_object *o = c->after ? c->after : c->before;
    if (!is_expected(&expected, c))
      return err_set(err, ERR_REFUSED, "%s %s changed meanwhile, and not by this migration",
                     catalog_kind_name(o->kind), o->identity);
    if (c->type == CATALOG_CREATED && check_holds_no_rows(run, o, err) < 0)
      return -1;
  }
  return 0;
}

static int converge(struct run *run, const struct catalog *before, struct err *err)
{
  char want[65], now[65];
  struct inverse_steps steps = {0};
  struct strings refusals = {0};
  catalog_fingerprint(before, 0, want);
  if (inverse_converge(run->arena, run->conn, &run->catalog_options, before, &steps, &refusals,
                       err) < 0 ||
      run_fingerprint(run, run->conn, now, err) < 0)
    return -1;
  if (strcmp(want, now) == 0)
    return 0;
  return err_set(err, ERR_REFUSED, "%s",
                 refusals.len ? refusals.at[0] : "the schema could not be brought back");
}

int run_bring_back(struct run *run, const struct run_file *file, const struct catalog *before,
                   struct err *err)
{
  if (db_execf(run->conn, err,
               "BEGIN; SET LOCAL lock_timeout = '%" PRId64
               "ms'; SET LOCAL statement_timeout = '%" PRId64 "ms'",
               run->env->policy.apply.lock_timeout_ms, run->env->policy.apply.max_lock_hold_ms) < 0)
    return -1;
  if (check_ours(run, file, before, err) == 0 && converge(run, before, err) == 0 &&
      db_exec(run->conn, "COMMIT", err) == 0)
    return 0;
  CLEANUP(err_clear) struct err ignored = ERR_INIT;
  (void)db_exec(run->conn, "ROLLBACK", &ignored);
  return -1;
}
