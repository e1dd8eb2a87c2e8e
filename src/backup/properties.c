#include "backup/properties.h"

#include "catalog/catalog.h"
#include "sql/quote.h"

/* PUBLIC and "no role" are ''. */
static const char properties_query[] =
    "SELECT pg_catalog.json_build_object("
    " 'owner', pg_catalog.pg_get_userbyid(d.datdba), 'connection_limit', d.datconnlimit,"
    " 'is_template', d.datistemplate, 'tablespace', t.spcname,"
    " 'comment', pg_catalog.shobj_description(d.oid, 'pg_database'),"
    " 'acl', (SELECT coalesce(pg_catalog.json_agg(pg_catalog.json_build_array(x.grantor, x.grantee,"
    "   x.privilege, x.grantable) ORDER BY x.grantor, x.grantee, x.privilege), '[]')"
    "   FROM (SELECT pg_catalog.pg_get_userbyid(a.grantor)::text COLLATE \"C\" AS grantor,"
    "     CASE a.grantee WHEN 0 THEN '' ELSE pg_catalog.pg_get_userbyid(a.grantee) END::text"
    "     COLLATE \"C\" AS grantee, a.privilege_type COLLATE \"C\" AS privilege,"
    "     a.is_grantable AS grantable FROM pg_catalog.aclexplode(coalesce(d.datacl,"
    "     pg_catalog.acldefault('d', d.datdba))) a) x),"
    " 'settings', (SELECT coalesce(pg_catalog.json_agg(pg_catalog.json_build_array(x.role,"
    "   pg_catalog.split_part(x.v, '=', 1), substr(x.v, strpos(x.v, '=') + 1))"
    "   ORDER BY x.role, x.v), '[]')"
    "   FROM (SELECT CASE s.setrole WHEN 0 THEN '' ELSE pg_catalog.pg_get_userbyid(s.setrole)"
    "     END::text COLLATE \"C\" AS role, v COLLATE \"C\" AS v"
    "     FROM pg_catalog.pg_db_role_setting s, pg_catalog.unnest(s.setconfig) v"
    "     WHERE s.setdatabase = d.oid) x),"
    " 'labels', (SELECT coalesce(pg_catalog.json_agg(pg_catalog.json_build_array(l.provider,"
    "   l.label) ORDER BY l.provider COLLATE \"C\"), '[]') FROM pg_catalog.pg_shseclabel l"
    "   WHERE l.classoid = 'pg_catalog.pg_database'::pg_catalog.regclass AND l.objoid = d.oid))"
    " FROM pg_catalog.pg_database d JOIN pg_catalog.pg_tablespace t ON t.oid = d.dattablespace"
    " WHERE d.datname = $1";

int properties_read(struct arena *arena, struct db_conn *conn, const char *database,
                    json_t **ret_properties, struct err *err)
{
  const char *text;
  json_error_t why;
  if (db_query_value(conn, arena, &text, err, properties_query, database, NULL) < 0)
    return err_wrap(err, "reading the properties of database %s", database);
  json_t *properties = json_loads(text, 0, &why);
  if (!properties)
    return err_set(err, ERR_UNEXPECTED, "the properties of database %s: %s", database, why.text);
  *ret_properties = properties;
  return 0;
}

static const char *item(const json_t *list, size_t i)
{
  const char *s = json_string_value(json_array_get(list, i));
  return s ? s : "";
}

/* ---- roles that do not exist ---- */

static bool is_missing(const struct strings *missing, const char *role)
{
  for (size_t i = 0; i < missing->len; i++)
    if (strcmp(missing->at[i], role) == 0)
      return true;
  return false;
}

static int find_missing(struct arena *arena, struct db_conn *conn, const json_t *properties,
                        struct strings *ret_missing, struct err *err)
{
  CLEANUP(free_ptr) char *text = json_dumps(properties, JSON_COMPACT);
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (db_query(conn, &r, err,
               "SELECT DISTINCT x.role FROM (SELECT $1::json ->> 'owner'"
               " UNION SELECT a ->> 0 FROM pg_catalog.json_array_elements($1::json -> 'acl') a"
               " UNION SELECT a ->> 1 FROM pg_catalog.json_array_elements($1::json -> 'acl') a"
               " UNION SELECT s ->> 0 FROM pg_catalog.json_array_elements($1::json -> 'settings') s"
               ") AS x (role) WHERE x.role <> '' AND NOT EXISTS"
               " (SELECT FROM pg_catalog.pg_roles r WHERE r.rolname = x.role) ORDER BY 1",
               text, NULL) < 0)
    return err_wrap(err, "looking for the roles of the database's properties");
  for (int i = 0; i < db_rows(r); i++)
    vec_push(arena, ret_missing, arena_strdup(arena, db_value(r, i, 0)));
  return 0;
}

/* The list without the items whose first `roles` elements name a missing role. */
static json_t *without(const json_t *list, size_t roles, const struct strings *missing,
                       bool any_role)
{
  json_t *kept = json_array(), *one;
  size_t i;
  json_array_foreach(list, i, one)
  {
    bool drop = any_role && item(one, 0)[0];
    for (size_t k = 0; k < roles; k++)
      drop = drop || is_missing(missing, item(one, k));
    if (!drop)
      json_array_append(kept, one);
  }
  return kept;
}

/* What can be had here of the wanted properties; now: those it has. */
static json_t *attainable(const json_t *wanted, const json_t *now, bool no_owner,
                          const struct strings *missing)
{
  json_t *goal = json_copy((json_t *)(uintptr_t)wanted);
  const char *owner = json_string_value(json_object_get(wanted, "owner"));
  json_object_set(goal, "tablespace", json_object_get(now, "tablespace"));
  if (no_owner || !owner || is_missing(missing, owner)) {
    json_object_set(goal, "owner", json_object_get(now, "owner"));
    json_object_set(goal, "acl", json_object_get(now, "acl"));
  } else {
    json_object_set_new(goal, "acl", without(json_object_get(wanted, "acl"), 2, missing, false));
  }
  json_object_set_new(goal, "settings",
                      without(json_object_get(wanted, "settings"), 1, missing, no_owner));
  return goal;
}

/* ---- the statements ---- */

struct writer {
  struct arena *arena;
  const char *name; /* quoted */
  struct text sql;
};

static void reset(struct writer *w, const json_t *now)
{
  size_t i;
  json_t *one;
  json_array_foreach(json_object_get(now, "settings"), i, one)
  {
    const char *role = item(one, 0);
    if (role[0])
      text_printf(&w->sql, "ALTER ROLE %s IN DATABASE %s RESET ALL;", sql_ident(w->arena, role),
                  w->name);
    else
      text_printf(&w->sql, "ALTER DATABASE %s RESET ALL;", w->name);
  }
  json_array_foreach(json_object_get(now, "labels"), i, one)
      text_printf(&w->sql, "SECURITY LABEL FOR %s ON DATABASE %s IS NULL;",
                  sql_ident(w->arena, item(one, 0)), w->name);
}

static void set(struct writer *w, const json_t *goal)
{
  size_t i;
  json_t *one;
  json_array_foreach(json_object_get(goal, "settings"), i, one)
  {
    const char *role = item(one, 0);
    char *clause = catalog_set_clause(w->arena, item(one, 1), item(one, 2));
    if (role[0])
      text_printf(&w->sql, "ALTER ROLE %s IN DATABASE %s %s;", sql_ident(w->arena, role), w->name,
                  clause);
    else
      text_printf(&w->sql, "ALTER DATABASE %s %s;", w->name, clause);
  }
  json_array_foreach(json_object_get(goal, "labels"), i, one)
      text_printf(&w->sql, "SECURITY LABEL FOR %s ON DATABASE %s IS %s;",
                  sql_ident(w->arena, item(one, 0)), w->name, sql_literal(w->arena, item(one, 1)));
  text_printf(&w->sql, "COMMENT ON DATABASE %s IS %s;", w->name,
              sql_literal(w->arena, json_string_value(json_object_get(goal, "comment"))));
  text_printf(&w->sql,
              "ALTER DATABASE %s CONNECTION LIMIT %" JSON_INTEGER_FORMAT " IS_TEMPLATE %s;",
              w->name, json_integer_value(json_object_get(goal, "connection_limit")),
              json_is_true(json_object_get(goal, "is_template")) ? "true" : "false");
}

static const char *grantee_name(struct writer *w, const char *role)
{
  return role[0] ? sql_ident(w->arena, role) : "PUBLIC";
}

static void grant(struct writer *w, const json_t *one, bool by_owner)
{
  if (!by_owner)
    text_printf(&w->sql, "SET LOCAL ROLE %s;", sql_ident(w->arena, item(one, 0)));
  text_printf(&w->sql, "GRANT %s ON DATABASE %s TO %s%s;", item(one, 2), w->name,
              grantee_name(w, item(one, 1)),
              json_is_true(json_array_get(one, 3)) ? " WITH GRANT OPTION" : "");
  if (!by_owner)
    text_puts(&w->sql, "RESET ROLE;");
}

/* From nothing: the owner's grants first, then those by others. */
static void own(struct writer *w, const json_t *now, const json_t *goal)
{
  size_t i;
  json_t *one;
  const char *owner = json_string_value(json_object_get(goal, "owner"));
  if (!json_equal(json_object_get(now, "owner"), json_object_get(goal, "owner")))
    text_printf(&w->sql, "ALTER DATABASE %s OWNER TO %s;", w->name, sql_ident(w->arena, owner));
  text_printf(&w->sql, "REVOKE ALL ON DATABASE %s FROM PUBLIC, %s CASCADE;", w->name,
              sql_ident(w->arena, owner));
  json_array_foreach(json_object_get(now, "acl"), i, one)
      text_printf(&w->sql, "REVOKE ALL ON DATABASE %s FROM %s CASCADE;", w->name,
                  grantee_name(w, item(one, 1)));
  for (int by_owner = 1; by_owner >= 0; by_owner--)
    json_array_foreach(json_object_get(goal, "acl"), i, one)
    {
      if ((strcmp(item(one, 0), owner) == 0) == (by_owner == 1))
        grant(w, one, by_owner == 1);
    }
}

static int run(struct db_conn *conn, const char *sql, struct err *err)
{
  if (db_exec(conn, "BEGIN", err) < 0)
    return -1;
  if (db_exec(conn, sql, err) == 0)
    return db_exec(conn, "COMMIT", err);
  CLEANUP(err_clear) struct err ignored = ERR_INIT;
  (void)db_exec(conn, "ROLLBACK", &ignored);
  return -1;
}

static int compare(const char *database, const json_t *goal, const json_t *found, struct err *err)
{
  const char *key;
  json_t *value;
  json_object_foreach((json_t *)(uintptr_t)goal, key, value)
  {
    if (json_equal(value, json_object_get(found, key)))
      continue;
    CLEANUP(free_ptr) char *wanted = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    CLEANUP(free_ptr)
    char *is = json_dumps(json_object_get(found, key), JSON_COMPACT | JSON_ENCODE_ANY);
    err_set(err, ERR_REFUSED, "the %s of database %s could not be made as it was", key, database);
    return err_detail(err, "wanted %s, got %s", wanted, is);
  }
  return 0;
}

static int apply(struct writer *w, struct db_conn *conn, const char *database, const json_t *now,
                 const json_t *goal, struct err *err)
{
  bool same_owner = json_equal(json_object_get(now, "owner"), json_object_get(goal, "owner")) &&
                    json_equal(json_object_get(now, "acl"), json_object_get(goal, "acl"));
  json_t *found = NULL;
  reset(w, now);
  set(w, goal);
  if (!same_owner)
    own(w, now, goal);
  if (run(conn, w->sql.data, err) < 0 ||
      properties_read(w->arena, conn, database, &found, err) < 0) {
    if (err_sqlstate_is(err, "42501"))
      err_recode(err, ERR_PREFLIGHT);
    return err_wrap(err, "setting the properties of database %s", database);
  }
  int rc = compare(database, goal, found, err);
  json_decref(found);
  return rc;
}

int properties_apply(struct arena *arena, struct db_conn *conn, const char *database,
                     const json_t *properties, bool no_owner, struct strings *ret_missing,
                     struct err *err)
{
  json_t *now = NULL;
  struct strings missing = {0};
  if (find_missing(arena, conn, properties, &missing, err) < 0 ||
      properties_read(arena, conn, database, &now, err) < 0)
    return -1;
  json_t *goal = attainable(properties, now, no_owner, &missing);
  struct writer w = {.arena = arena, .name = sql_ident(arena, database), .sql = TEXT_INIT};
  int rc = apply(&w, conn, database, now, goal, err);
  text_clear(&w.sql);
  json_decref(goal);
  json_decref(now);
  for (size_t i = 0; rc == 0 && !no_owner && i < missing.len; i++)
    vec_push(arena, ret_missing, missing.at[i]);
  return rc;
}
