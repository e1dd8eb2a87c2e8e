/* Drift: is the schema what the applied migrations make of it? Prisma's deploy and status do not
 * look.
 *
 * Where the newest run or rollback on this database ended well and the ledger has not moved since,
 * its fingerprint is the answer. Else the applied migrations are replayed on an empty shadow and
 * compared by name. A history that cannot be replayed (squashed, or written for another server) is
 * said to be unchecked. */
#include "base/log.h"
#include "run/drift.h"

enum { LISTED_MAX = 5 };

/* ---- by the newest record ---- */

static const struct record_file *file_of(const struct record *record, const char *name)
{
  for (size_t i = 0; i < record->files.len; i++)
    if (strcmp(record->files.at[i].migration, name) == 0)
      return &record->files.at[i];
  return NULL;
}

static const struct record *record_of(const struct records *records, const char *id)
{
  for (size_t i = 0; id && i < records->len; i++)
    if (strcmp(records->at[i].id, id) == 0)
      return &records->at[i];
  return NULL;
}

/* Ledger rows as the record left them: all of its files applied (run) or none (rollback), and
 * nothing applied after them. */
static bool ledger_agrees(const struct run *run, const struct record *run_record, bool applied)
{
  const char *last = run_record->files.at[run_record->files.len - 1].migration;
  for (size_t i = 0; i < run->statuses.len; i++) {
    const struct migration_status *s = &run->statuses.at[i];
    bool is_in = s->state == MIGRATION_APPLIED || s->state == MIGRATION_EDITED ||
                 s->state == MIGRATION_MISSING;
    bool ours = file_of(run_record, s->name) != NULL;
    if ((ours && is_in != applied) || (!ours && is_in && strcmp(s->name, last) > 0))
      return false;
  }
  return true;
}

/* The shape that the newest record left; NULL where it does not tell. */
static const char *recorded_shape(const struct run *run, const struct records *records)
{
  for (size_t i = records->len; i-- > 0;) {
    const struct record *r = &records->at[i];
    if (!record_is_of(r, &run->here) || (run->id && strcmp(r->id, run->id) == 0))
      continue;
    if (r->ended && r->exit_code >= 2 && r->exit_code <= 6)
      continue; /* it changed nothing */
    bool rollback = strcmp(r->kind, "rollback") == 0 && !r->again;
    const struct record *of = r->rolls_back ? record_of(records, r->rolls_back) : r;
    if (of && r->again)
      of = record_of(records, of->rolls_back);
    if (!r->ended || r->exit_code != 0 || !of || of->files.len == 0 ||
        !ledger_agrees(run, of, !rollback))
      return NULL;
    return rollback ? of->files.at[0].shape_before : of->files.at[of->files.len - 1].shape_after;
  }
  return NULL;
}

/* ---- by replay ---- */

static int replay(struct run *run, struct shadow *shadow, struct err *err)
{
  for (size_t i = 0; i < run->statuses.len; i++) {
    const struct migration_status *s = &run->statuses.at[i];
    struct sql_script *script;
    struct shadow_effects effects = {0};
    struct strings outside = {0};
    if (s->state != MIGRATION_APPLIED || !s->migration)
      continue;
    if (sql_script_read(run->arena, s->migration->path, s->migration->bytes, s->migration->len,
                        &script, err) < 0 ||
        shadow_run(run->arena, shadow, script, &effects, &outside, err) < 0)
      return -1;
  }
  return 0;
}

static int replay_and_compare(struct run *run, struct strings *ret_differences, struct err *err)
{
  struct catalog *replayed;
  CLEANUP(shadow_closep) struct shadow *shadow = NULL;
  const struct catalog *blank = catalog_blank(run->arena, run->catalog);
  if (run_open_shadow(run, blank, &shadow, err) < 0 || replay(run, shadow, err) < 0 ||
      catalog_read(run->arena, shadow_conn(shadow), &run->catalog_options, &replayed, err) < 0)
    return -1;
  *ret_differences =
      catalog_differences(run->arena, replayed, run->catalog,
                          CATALOG_IGNORE_COLUMN_ORDER | CATALOG_IGNORE_OWNER, LISTED_MAX);
  return 0;
}

static int refuse(const struct run *run, const struct strings *differences, struct err *err)
{
  CLEANUP(text_clear) struct text all = TEXT_INIT;
  for (size_t i = 0; i < differences->len; i++)
    text_printf(&all, "%s%s", i ? "; " : "", differences->at[i]);
  if (run->env->policy.preflight.allow_drift) {
    log_warning("the schema is not what the applied migrations make: %s (allowed by policy %s)",
                all.data, run->env->policy.name);
    return 0;
  }
  err_set(err, ERR_PREFLIGHT, "the schema is not what the applied migrations make of it: %s",
          all.data);
  return err_hint(err, "Bring the change into a migration, or undo it; or allow it with "
                       "preflight.allow_drift in the policy.");
}

/* Tables in which other tools note what they have applied. */
static const char *const ledgers[][2] = {
    {"_prisma_migrations", "Prisma"},
    {"flyway_schema_history", "Flyway"},
    {"schema_migrations", "golang-migrate, dbmate or Rails"},
    {"goose_db_version", "goose"},
    {"gorp_migrations", "sql-migrate"},
    {"__drizzle_migrations", "Drizzle"},
    {"knex_migrations", "Knex"},
    {"pgmigrations", "node-pg-migrate"},
    {"atlas_schema_revisions", "Atlas"},
    {"databasechangelog", "Liquibase"},
    {"alembic_version", "Alembic"},
    {"django_migrations", "Django"},
    {"_sqlx_migrations", "sqlx"},
    {"__EFMigrationsHistory", "Entity Framework"},
};

static const char *ledger_of_other(const struct run *run, const char **ret_tool)
{
  for (size_t i = 0; i < run->catalog->object_count; i++) {
    const struct catalog_object *o = run->catalog->objects[i];
    for (size_t k = 0; o->kind == CATALOG_TABLE && k < COUNT_OF(ledgers); k++)
      if (strcmp(o->name, ledgers[k][0]) == 0) {
        *ret_tool = ledgers[k][1];
        return o->identity;
      }
  }
  return NULL;
}

/* Files of another tool may look like ours; what it has applied would be applied again. */
static int check_other_tools(struct run *run, struct err *err)
{
  const struct run_env *env = run->env;
  const char *tool = NULL;
  bool own = true;
  if (run->request->command)
    return 0;
  if (env->format->ledger_exists(run->conn, env->target.schema, &own, err) < 0)
    return -1;
  const char *ledger = own ? NULL : ledger_of_other(run, &tool);
  if (!ledger)
    return 0;
  if (env->policy.preflight.allow_drift) {
    log_warning("%s is the ledger of %s, and there is no %s yet (allowed by policy %s)", ledger,
                tool, env->format->ledger_table, env->policy.name);
    return 0;
  }
  err_set(err, ERR_PREFLIGHT,
          "%s is the ledger of %s: what it has applied belay would apply again, for there is no %s",
          ledger, tool, env->format->ledger_table);
  return err_hint(err, "Let that tool apply them: belay run -- COMMAND. If it is no longer in use, "
                       "allow it with preflight.allow_drift in the policy.");
}

static bool any_applied(const struct run *run)
{
  for (size_t i = 0; i < run->statuses.len; i++)
    if (run->statuses.at[i].state == MIGRATION_APPLIED)
      return true;
  return false;
}

int run_check_drift(struct run *run, const char **ret_summary, struct err *err)
{
  char shape[65];
  struct records records = {0};
  struct strings differences = {0};
  *ret_summary = "no drift";
  if (check_other_tools(run, err) < 0)
    return -1;
  if (!any_applied(run))
    return 0;
  if (run->env->place &&
      record_list(run->arena, run->env->place, run->env->database_prefix, &records, NULL, err) < 0)
    return -1;
  const char *recorded = recorded_shape(run, &records);
  catalog_fingerprint(run->catalog, CATALOG_IGNORE_COLUMN_ORDER, shape);
  if (recorded && strcmp(recorded, shape) == 0)
    return 0;
  CLEANUP(err_clear) struct err failed = ERR_INIT;
  if (replay_and_compare(run, &differences, &failed) < 0) {
    if (recorded) { /* it did change; what, cannot be told */
      vec_push(run->arena, &differences, "it changed since the newest run of belay");
      return refuse(run, &differences, err);
    }
    log_warning("drift was not checked: the applied migrations cannot be replayed: %s",
                failed.message);
    *ret_summary = "drift not checked";
    return 0;
  }
  return differences.len ? refuse(run, &differences, err) : 0;
}
