#include "backup/counters.h"
#include "backup/properties.h"
#include "backup/take.h"

#include "base/clock.h"

/* Rows of a query as a JSON array of objects; the server makes the JSON. */
static int add_query(const struct take *take, json_t *extra, const char *key, const char *sql,
                     struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (db_query(take->leader, &r, err, sql, NULL) < 0)
    return err_wrap(err, "reading %s for the manifest", key);
  json_error_t why;
  json_t *value = json_loads(db_value(r, 0, 0), JSON_DECODE_ANY, &why);
  if (!value)
    return err_set(err, ERR_BACKUP, "reading %s for the manifest: %s", key, why.text);
  json_object_set_new(extra, key, value);
  return 0;
}

/* Owners and grantees. The bootstrap superuser is not in pg_shdepend, so owners are read from
 * the objects as well. */
static const char roles_query[] =
    "SELECT coalesce(pg_catalog.json_agg(r.rolname ORDER BY r.rolname), '[]')"
    " FROM pg_catalog.pg_roles r, pg_catalog.pg_database d"
    " WHERE d.datname = pg_catalog.current_database() AND (r.oid = d.datdba"
    " OR r.oid IN (SELECT s.refobjid FROM pg_catalog.pg_shdepend s"
    "   WHERE s.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass AND (s.dbid = d.oid"
    "     OR s.classid = 'pg_catalog.pg_database'::pg_catalog.regclass AND s.objid = d.oid))"
    " OR r.oid IN (SELECT s.setrole FROM pg_catalog.pg_db_role_setting s"
    "   WHERE s.setdatabase = d.oid)"
    " OR r.oid IN (SELECT c.relowner FROM pg_catalog.pg_class c WHERE c.oid >= 16384)"
    " OR r.oid IN (SELECT p.proowner FROM pg_catalog.pg_proc p WHERE p.oid >= 16384)"
    " OR r.oid IN (SELECT t.typowner FROM pg_catalog.pg_type t WHERE t.oid >= 16384)"
    " OR r.oid IN (SELECT w.fdwowner FROM pg_catalog.pg_foreign_data_wrapper w"
    "   WHERE w.oid >= 16384)"
    " OR r.oid IN (SELECT s.srvowner FROM pg_catalog.pg_foreign_server s WHERE s.oid >= 16384)"
    " OR r.oid IN (SELECT s.subowner FROM pg_catalog.pg_subscription s WHERE s.subdbid = d.oid)"
    " OR r.oid IN (SELECT m.lomowner FROM pg_catalog.pg_largeobject_metadata m)"
    " OR r.oid IN (SELECT n.nspowner FROM pg_catalog.pg_namespace n WHERE n.oid >= 16384))";

/* Policies and user mappings name roles in a statement that cannot be left out. */
static const char policy_roles_query[] =
    "SELECT coalesce(pg_catalog.json_agg(DISTINCT r.rolname), '[]')"
    " FROM pg_catalog.pg_roles r WHERE EXISTS (SELECT FROM pg_catalog.pg_policy p"
    "   WHERE r.oid = ANY (p.polroles))"
    " OR EXISTS (SELECT FROM pg_catalog.pg_user_mappings m WHERE m.umuser = r.oid)";

/* Their rows are on another server and are not in the backup. */
static const char foreign_tables_query[] =
    "SELECT coalesce(pg_catalog.json_agg(pg_catalog.format('%I.%I', n.nspname, c.relname)"
    " ORDER BY n.nspname, c.relname), '[]') FROM pg_catalog.pg_class c"
    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'f'";

static const char extensions_query[] =
    "SELECT coalesce(pg_catalog.json_agg(pg_catalog.json_build_object("
    "   'name', e.extname, 'version', e.extversion) ORDER BY e.extname), '[]')"
    " FROM pg_catalog.pg_extension e";

/* Every _prisma_migrations table that looks like Prisma's, as the query that reads it. */
static const char ledgers_query[] =
    "SELECT pg_catalog.format('SELECT coalesce(pg_catalog.json_agg(pg_catalog.json_build_object("
    "''table'', %L, ''name'', migration_name, ''checksum'', checksum,"
    " ''finished_at'', finished_at, ''rolled_back_at'', rolled_back_at)"
    " ORDER BY migration_name), ''[]'') FROM ONLY %I.%I',"
    "   pg_catalog.format('%I.%I', n.nspname, c.relname), n.nspname, c.relname)"
    " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " WHERE c.relname = '_prisma_migrations' AND c.relkind = 'r' AND 4 = ("
    "   SELECT pg_catalog.count(*) FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid"
    "   AND NOT a.attisdropped"
    "   AND a.attname IN ('migration_name', 'checksum', 'finished_at', 'rolled_back_at'))"
    " ORDER BY n.nspname";

static int add_migrations(const struct take *take, json_t *extra, struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (db_query(take->leader, &r, err, ledgers_query, NULL) < 0)
    return err_wrap(err, "looking for migration ledgers");
  json_t *all = json_array();
  json_object_set_new(extra, "migrations", all);
  for (int i = 0; i < db_rows(r); i++) {
    json_t *one = json_object();
    int rc = add_query(take, one, "migrations", db_value(r, i, 0), err);
    if (rc == 0)
      json_array_extend(all, json_object_get(one, "migrations"));
    json_decref(one);
    if (rc < 0)
      return -1;
  }
  return 0;
}

/* What CREATE DATABASE needs; the names of the ICU columns changed twice. */
static int add_locale(const struct take *take, json_t *extra, struct err *err)
{
  int major = db_server_major(take->leader);
  const char *provider = major >= 15 ? "d.datlocprovider" : "'c'";
  const char *locale = major >= 17 ? "d.datlocale" : major >= 15 ? "d.daticulocale" : "NULL";
  const char *rules = major >= 16 ? "d.daticurules" : "NULL";
  const char *sql = arena_printf(
      take->arena,
      "SELECT pg_catalog.json_build_object('encoding', pg_catalog.pg_encoding_to_char(d.encoding),"
      " 'collate', d.datcollate, 'ctype', d.datctype, 'locale_provider', %s, 'locale', %s,"
      " 'icu_rules', %s) FROM pg_catalog.pg_database d"
      " WHERE d.datname = pg_catalog.current_database()",
      provider, locale, rules);
  json_t *one = json_object();
  int rc = add_query(take, one, "locale", sql, err);
  if (rc == 0)
    json_object_update(extra, json_object_get(one, "locale"));
  json_decref(one);
  return rc;
}

static void set_string(json_t *object, const char *key, const char *value)
{
  json_object_set_new(object, key, value ? json_string(value) : json_null());
}

/* Roots of partitions are left out: they have no rows of their own. */
static void add_tables(const struct take *take, json_t *extra)
{
  json_t *tables = json_array();
  int64_t count = 0, rows = 0;
  for (size_t i = 0; i < take->tables.len; i++) {
    const struct take_table *t = &take->tables.at[i];
    if (!t->has_rows)
      continue;
    json_t *table = json_object();
    set_string(table, "identity", t->identity);
    json_object_set_new(table, "rows", json_integer(t->content.rows));
    set_string(table, "content", arena_printf(take->arena, "%016" PRIx64, t->content.digest));
    set_string(table, "format", t->format == CHUNKS_BINARY ? "binary" : "text");
    json_object_set_new(table, "columns", t->names ? json_loads(t->names, 0, NULL) : json_array());
    set_string(table, "copy", take_copy_in_sql(take->arena, take, t));
    set_string(table, "load_into", t->load_into);
    set_string(table, "condition", t->condition);
    if (t->is_large_objects) {
      set_string(table, "before", large_objects_before);
      set_string(table, "after", large_objects_after);
    }
    json_array_append_new(tables, table);
    count++;
    rows += t->content.rows;
  }
  json_object_set_new(extra, "tables", tables);
  json_t *totals = json_object();
  json_object_set_new(totals, "tables", json_integer(count));
  json_object_set_new(totals, "rows", json_integer(rows));
  json_object_set_new(totals, "bytes", json_integer((int64_t)archive_bytes_written(take->archive)));
  json_object_set_new(extra, "totals", totals);
}

static json_t *string_list(const struct strings *strings)
{
  json_t *list = json_array();
  for (size_t i = 0; i < strings->len; i++)
    json_array_append_new(list, json_string(strings->at[i]));
  return list;
}

/* What the backup does not hold. A scope that leaves nothing out is none. */
static void add_scope(const struct take *take, json_t *extra)
{
  json_t *scope = json_object(), *left_out = json_array();
  if (take->left_out.len == 0) {
    json_decref(scope);
    json_decref(left_out);
    json_object_set_new(extra, "scope", json_null());
    return;
  }
  set_string(scope, "kind", take->options->scope->kind);
  json_object_set_new(scope, "patterns", string_list(&take->options->scope->patterns));
  json_object_set_new(scope, "left_out", left_out);
  for (size_t i = 0; i < take->left_out.len; i++) {
    const struct take_left_out *left = &take->left_out.at[i];
    json_t *item = json_object();
    set_string(item, "table", left->identity);
    json_object_set_new(item, "rows_estimate",
                        left->rows_estimate < 0 ? json_null() : json_integer(left->rows_estimate));
    json_array_append_new(left_out, item);
  }
  json_object_set_new(scope, "not_valid", string_list(&take->not_valid));
  json_object_set_new(scope, "widened", string_list(&take->widened));
  json_object_set_new(extra, "scope", scope);
}

static void add_own(const struct take *take, json_t *extra)
{
  int64_t finished_us = clock_wall_us();
  json_object_set_new(extra, "schema", json_integer(1));
  set_string(extra, "kind", "backup");
  set_string(extra, "belay", BELAY_VERSION);
  set_string(extra, "id", take->id);
  set_string(extra, "database", take->database);
  json_object_set_new(extra, "server_version_num", json_integer(db_server_version(take->leader)));
  set_string(extra, "created_at", clock_iso8601(take->arena, take->created_us));
  set_string(extra, "finished_at", clock_iso8601(take->arena, finished_us));
  json_object_set_new(extra, "duration_ms", json_integer((finished_us - take->created_us) / 1000));
  set_string(extra, "snapshot", take->snapshot);
  set_string(extra, "lsn", take->lsn);
  json_object_set_new(extra, "standby", json_boolean(take->standby));
  json_object_set_new(extra, "attempts", json_integer(take->attempts));
  set_string(extra, "run_id", take->options->run_id);
  set_string(extra, "reason", take->options->reason);
  char hex[65];
  catalog_fingerprint(take->catalog, CATALOG_IGNORE_CHILD_ORDER, hex);
  set_string(extra, "fingerprint", hex);
  catalog_fingerprint(take->catalog, CATALOG_IGNORE_CHILD_ORDER | CATALOG_IGNORE_OWNER, hex);
  set_string(extra, "fingerprint_without_owner", hex);
}

/* What a restore into place compares with, and gives back to the database. */
static int add_place(const struct take *take, json_t *extra, struct err *err)
{
  json_t *counters = json_loads(take->counters, 0, NULL), *properties = NULL;
  json_object_set_new(extra, "counters", counters);
  if (properties_read(take->arena, take->leader, take->database, &properties, err) < 0)
    return -1;
  json_object_set_new(extra, "properties", properties);
  return 0;
}

static int fill(struct take *take, json_t *extra, struct err *err)
{
  add_own(take, extra);
  add_scope(take, extra);
  add_tables(take, extra);
  if (add_locale(take, extra, err) < 0 || add_place(take, extra, err) < 0 ||
      add_query(take, extra, "server_version",
                "SELECT pg_catalog.to_json(pg_catalog.current_setting('server_version'))",
                err) < 0 ||
      add_query(take, extra, "roles", roles_query, err) < 0 ||
      add_query(take, extra, "roles_required", policy_roles_query, err) < 0 ||
      add_query(take, extra, "foreign_tables", foreign_tables_query, err) < 0 ||
      add_query(take, extra, "extensions", extensions_query, err) < 0)
    return -1;
  return add_migrations(take, extra, err);
}

int take_manifest(struct take *take, json_t **ret_extra, struct err *err)
{
  json_t *extra = json_object();
  if (fill(take, extra, err) < 0) {
    json_decref(extra);
    return -1;
  }
  *ret_extra = extra;
  return 0;
}
