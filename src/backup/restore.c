#include "backup/restore_names.h"
#include "backup/restore_select.h"

#include "backup/properties.h"
#include "backup/session.h"
#include "backup/sessions.h"
#include "backup/template.h"
#include "base/clock.h"
#include "base/interrupt.h"
#include "sql/quote.h"

static const char application[] = "belay restore";

int restore_connect(const struct restore *restore, struct db_conn **ret_conn, struct err *err)
{
  CLEANUP(db_closep) struct db_conn *conn = NULL;
  const struct restore_options *options = restore->options;
  if (db_open_other(options->target, options->into, application, &conn, err) < 0 ||
      backup_session(conn, err) < 0 ||
      db_exec(conn,
              "SET synchronous_commit = off; SET check_function_bodies = off;"
              "SET default_tablespace = ''; SET default_table_access_method = heap",
              err) < 0)
    return err_wrap(err, "opening the new database %s", options->into);
  *ret_conn = TAKE(conn);
  return 0;
}

void restore_forget_subscriptions(const struct db_target *target, const char *name)
{
  CLEANUP(err_clear) struct err ignored = ERR_INIT;
  CLEANUP(db_closep) struct db_conn *conn = NULL;
  if (db_open_other(target, name, application, &conn, &ignored) == 0)
    catalog_forget_subscriptions(conn, &ignored);
}

int restore_drop_database(const struct db_target *target, const char *name, struct err *err)
{
  CLEANUP(db_closep) struct db_conn *conn = NULL;
  restore_forget_subscriptions(target, name);
  if (backup_open_maintenance(target, application, &conn, err) < 0)
    return err_wrap(err, "dropping database %s", name);
  return catalog_drop_database(conn, name, err);
}

/* One text value of a query with one JSON parameter; "" for NULL. */
static int ask(const struct restore *restore, struct db_conn *conn, const char *key,
               const char *sql, const char **ret_value, struct err *err)
{
  CLEANUP(free_ptr)
  char *json = json_dumps(json_object_get(restore->archive->manifest, key), JSON_COMPACT);
  const char *value = NULL;
  if (!json)
    return err_set(err, ERR_DAMAGED, "%s/manifest.json: \"%s\" is missing",
                   restore->archive->prefix, key);
  if (db_query_value(conn, restore->arena, &value, err, sql, json, NULL) < 0)
    return -1;
  *ret_value = value ? value : "";
  return 0;
}

static int check_version(const struct restore *restore, struct db_conn *conn, struct err *err)
{
  int major = backup_major(restore->archive);
  if (major < 13)
    return err_set(err, ERR_DAMAGED, "%s/manifest.json: \"server_version_num\" is missing",
                   restore->archive->prefix);
  if (db_server_major(conn) >= major)
    return 0;
  err_set(err, ERR_REFUSED, "the backup is of PostgreSQL %d, this server is PostgreSQL %d", major,
          db_server_major(conn));
  return err_hint(err, "Restore into a server of version %d or newer.", major);
}

/* For backups without marks: roles that policies name cannot be left out. */
static int check_policy_roles(const struct restore *restore, struct db_conn *conn, struct err *err)
{
  const char *roles = "";
  if (restore->marked)
    return 0;
  if (ask(restore, conn, "roles_required",
          "SELECT pg_catalog.string_agg(pg_catalog.quote_ident(name), ', ')"
          " FROM pg_catalog.json_array_elements_text($1::json) AS name"
          " WHERE name NOT IN (SELECT rolname FROM pg_catalog.pg_roles)",
          &roles, err) < 0)
    return -1;
  if (!roles[0])
    return 0;
  err_set(err, ERR_REFUSED, "policies of the backup name roles that do not exist here: %s", roles);
  return err_hint(err, "Create them first: CREATE ROLE %s;", roles);
}

static int find_absent_roles(struct restore *restore, struct db_conn *conn, struct err *err)
{
  struct strings roles = {0};
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (backup_read_strings(restore->arena, restore->archive, "roles", &roles, err) < 0)
    return -1;
  CLEANUP(free_ptr)
  char *json = json_dumps(json_object_get(restore->archive->manifest, "roles"), JSON_COMPACT);
  if (db_query(conn, &r, err,
               "SELECT name FROM pg_catalog.json_array_elements_text($1::json) AS name"
               " WHERE name NOT IN (SELECT rolname FROM pg_catalog.pg_roles) ORDER BY name",
               json, NULL) < 0)
    return -1;
  for (int i = 0; i < db_rows(r); i++)
    vec_push(restore->arena, &restore->absent_roles,
             arena_strdup(restore->arena, db_value(r, i, 0)));
  return 0;
}

static int fill(struct restore *restore, struct err *err)
{
  struct restore_items tail = {0};
  if (restore_connect(restore, &restore->conn, err) < 0)
    return -1;
  db_cancel_on_signal(restore->conn, true);
  if (!restore->options->schema_only && restore_make_large_objects(restore, err) < 0)
    return -1;
  if (restore_run(restore, &restore->pre_data, "pre-data", err) < 0 ||
      restore_leave_out_absent(restore, err) < 0 || restore_load(restore, &tail, err) < 0)
    return -1;
  if (!restore->options->schema_only &&
      restore_run(restore, &restore->values, "sequences", err) < 0)
    return -1;
  if (restore_run(restore, &tail, "post-data", err) < 0 || interrupt_check(err) < 0)
    return -1;
  return restore_finish(restore, err);
}

/* What stays carries the mark of an unfinished restore, or is closed and empty. */
static void explain_left(const struct restore *restore, const struct err *why, struct err *err)
{
  const char *into = restore->options->into, *name = sql_ident(restore->arena, into);
  if (restore->options->scratch)
    err_hint(err,
             "The scratch database %s is left (%s); the next backup or verify --level restore"
             " drops it.",
             into, why->message);
  else
    err_hint(err,
             "The half-made database %s is left, marked as unfinished (%s). Restore again with"
             " --yes to replace it, or type: DROP DATABASE %s;",
             into, why->message, name);
}

/* After the database was created: it goes again. */
static int undo_create(const struct restore *restore, struct err *err)
{
  CLEANUP(err_clear) struct err failed = ERR_INIT;
  restore_explain_full(err);
  if (restore_drop_database(restore->options->target, restore->options->into, &failed) < 0) {
    explain_left(restore, &failed, err);
    return -1;
  }
  if (!restore->options->scratch)
    err_detail(err, "%s%sthe half-made database %s was dropped, nothing else was touched",
               err->detail ? err->detail : "", err->detail ? "; " : "", restore->options->into);
  backup_explain_lost("Nothing of it is left",
                      restore->options->scratch ? "verify again" : "restore again", err);
  return -1;
}

/* The database is whole by now and stays, whatever happens. */
static int analyze(struct restore *restore, struct err *err)
{
  restore->created = false;
  if (restore_analyze(restore, err) == 0)
    return 0;
  err_hint(err, "Database %s is whole; only its planner statistics are missing. Type: ANALYZE;",
           restore->options->into);
  return err_wrap(err, "after a whole restore");
}

static int select_tables(struct restore *restore, struct err *err)
{
  return restore->options->tables.len && restore->marked ? restore_select(restore, err) : 0;
}

/* All that may be refused, before anything is made. */
static int check_all(struct restore *restore, struct db_conn *conn, struct err *err)
{
  if (!restore->options->existing && restore_check_name(restore, conn, err) < 0)
    return -1;
  if (check_version(restore, conn, err) < 0)
    return -1;
  if (restore->options->data_only)
    return restore_check_names(restore, conn, err);
  if (check_policy_roles(restore, conn, err) < 0 ||
      restore_check_extensions(restore, conn, err) < 0 ||
      restore_check_names(restore, conn, err) < 0)
    return -1;
  return find_absent_roles(restore, conn, err);
}

static int make_database(struct restore *restore, struct db_conn *conn, struct err *err)
{
  int rc = restore_create(restore, conn, err);
  if (rc == 0)
    rc = fill(restore, err);
  if (rc < 0 && interrupt_pending()) {
    err_clear(err);
    (void)interrupt_check(err);
  }
  if (rc == 0 && !restore->options->no_analyze && !restore->options->schema_only)
    rc = analyze(restore, err);
  db_close(TAKE(restore->conn));
  return rc < 0 && restore->created ? undo_create(restore, err) : rc;
}

static int restore_all(struct restore *restore, struct err *err)
{
  CLEANUP(db_closep) struct db_conn *conn = NULL;
  if (backup_read_tables(restore->arena, restore->archive, &restore->tables, err) < 0 ||
      backup_check_rows(restore->arena, restore->archive, &restore->tables, err) < 0 ||
      restore_read_items(restore, err) < 0 || select_tables(restore, err) < 0 ||
      backup_open_maintenance(restore->options->target, application, &conn, err) < 0 ||
      check_all(restore, conn, err) < 0 || interrupt_check(err) < 0)
    return -1;
  if (!restore->options->existing)
    return make_database(restore, conn, err);
  int rc = restore_existing(restore, err);
  db_close(TAKE(restore->conn));
  return rc;
}

/* ---- of a template backup ---- */

static int check_template_options(const struct restore_options *o, struct err *err)
{
  if (!o->existing && !o->data_only && !o->schema_only && !o->tables.len && !o->map_roles.len &&
      !o->map_tablespaces.len && !o->no_tablespaces && !o->skip_extensions.len)
    return 0;
  err_set(err, ERR_USAGE,
          "a template backup is restored as the server copies it: whole, into a"
          " new database; of the options only --no-owner, --yes and --swap go"
          " with it");
  return err_hint(err, "Choose a backup that is no template (see belay list backups).");
}

static int copy_template(struct restore *restore, struct db_conn *conn,
                         const struct template_note *note, struct err *err)
{
  const struct restore_options *o = restore->options;
  db_cancel_on_signal(conn, true);
  int rc = template_create(restore->arena, conn, o->into, note->name, " CONNECTION LIMIT 0", err);
  db_cancel_on_signal(conn, false);
  if (rc < 0)
    return restore_explain_create(restore, conn, err);
  restore->created = true;
  if (restore_mark_unfinished(restore, conn, err) < 0)
    return err_wrap(err, "marking database %s as unfinished", o->into);
  sessions_test_kill("template-restored");
  return interrupt_check(err);
}

/* A scratch copy stays marked as unfinished: what a killed verify left goes with the next one. */
static int dress_copy(struct restore *restore, struct db_conn *conn, struct err *err)
{
  const struct restore_options *o = restore->options;
  if (o->scratch)
    return 0;
  return properties_apply(restore->arena, conn, o->into,
                          json_object_get(restore->archive->manifest, "properties"), o->no_owner,
                          &restore->missing_roles, err);
}

/* What the caller wants to see of it, before it counts as restored. */
static int check_copy(struct restore *restore, struct err *err)
{
  const struct restore_options *o = restore->options;
  if (!o->check)
    return 0;
  if (restore_connect(restore, &restore->conn, err) < 0)
    return -1;
  int rc = o->check(o->check_context, restore->conn, &restore->missing_roles, err);
  db_close(TAKE(restore->conn));
  return rc;
}

static int restore_template(struct restore *restore, struct err *err)
{
  CLEANUP(db_closep) struct db_conn *conn = NULL;
  struct template_note note;
  if (check_template_options(restore->options, err) < 0 ||
      backup_open_maintenance(restore->options->target, application, &conn, err) < 0 ||
      template_find(restore->arena, restore->archive->place, restore->archive->prefix, conn, &note,
                    err) < 0 ||
      restore_check_name(restore, conn, err) < 0)
    return -1;
  int rc = copy_template(restore, conn, &note, err);
  if (rc == 0)
    rc = check_copy(restore, err);
  if (rc == 0)
    rc = dress_copy(restore, conn, err);
  if (rc < 0 && interrupt_pending()) {
    err_clear(err);
    (void)interrupt_check(err);
  }
  return rc < 0 && restore->created ? undo_create(restore, err) : rc;
}

int backup_restore(struct arena *arena, const struct restore_options *options,
                   struct restore_report *ret, struct err *err)
{
  if (options->jobs < 1 || options->jobs > BACKUP_JOBS_MAX)
    return err_set(err, ERR_USAGE, "a restore takes 1 to %d jobs, not %d", BACKUP_JOBS_MAX,
                   options->jobs);
  int64_t started_ms = clock_monotonic_ms();
  CLEANUP(archive_closep) struct archive *archive = NULL;
  struct backup_info info;
  if (archive_open(arena, options->place, options->prefix, &archive, err) < 0 ||
      backup_read_info(arena, archive, &info, err) < 0)
    return -1;
  struct restore restore = {.arena = arena, .options = options, .archive = archive};
  if ((info.template ? restore_template(&restore, err) : restore_all(&restore, err)) < 0) {
    if (err->code == ERR_SQL)
      err_recode(err, ERR_UNEXPECTED);
    return err_wrap(err, "restore of %s into %s", info.id, options->into);
  }
  *ret = (struct restore_report){.missing_roles = restore.missing_roles,
                                 .duration_ms = clock_monotonic_ms() - started_ms};
  for (size_t i = 0; i < restore.post_data.len; i++) {
    const struct restore_item *item = &restore.post_data.at[i];
    const struct mark *mark = &item->mark;
    if (!item->left_out && mark_is_kind(mark, CATALOG_SUBSCRIPTION) &&
        mark_is_for(mark, CATALOG_FOR_CREATE))
      vec_push(arena, &ret->subscriptions, mark->object);
  }
  for (size_t i = 0; i < restore.tables.len; i++) {
    const struct backup_table *t = &restore.tables.at[i];
    ret->tables += !backup_is_large_objects(t);
    ret->rows += options->schema_only || backup_is_large_objects(t) ? 0 : t->rows;
  }
  if (!options->schema_only)
    ret->large_objects = restore_count_large_objects(&restore);
  if (info.template) {
    ret->tables = info.tables;
    ret->rows = info.rows;
  }
  return 0;
}
