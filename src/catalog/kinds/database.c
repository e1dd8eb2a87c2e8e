#include "catalog/kinds/system.h"

/* The name and the owner are left out: a shadow or a restored copy has its own. In the acl the
 * owner is written as pg_database_owner, the role that stands for the owner of the current
 * database. */
/* clang-format off */
#define DATABASE_ACL(acl)                                                                          \
  "(SELECT string_agg(line, E'\\n' ORDER BY line COLLATE \"C\") FROM (SELECT (CASE x.grantee"      \
  " WHEN 0 THEN '' WHEN db.datdba THEN 'pg_database_owner' ELSE"                                   \
  " quote_ident(pg_get_userbyid(x.grantee)) END) || '=' || string_agg(CASE x.privilege_type WHEN"  \
  " 'CREATE' THEN 'C' WHEN 'TEMPORARY' THEN 'T' ELSE 'c' END || CASE WHEN x.is_grantable THEN"     \
  " '*' ELSE '' END, '' ORDER BY x.privilege_type) || '/pg_database_owner' AS line FROM"           \
  " aclexplode(" acl ") x GROUP BY x.grantee) lines)"

static const char *query(struct arena *arena, int server_major)
{
  return arena_printf(
      arena,
      "SELECT" Q_CLASS("pg_database") "db.oid, 'database' AS name, 'database' AS identity,"
      " pg_encoding_to_char(db.encoding) AS encoding, db.datcollate AS collate, db.datctype AS"
      " ctype, %s %s AS system_privileges, (SELECT"
      " string_agg(coalesce(quote_ident(r.rolname), '') || '=' ||"
      " split_part(v, '=', 1) || ' ' || substr(v, strpos(v, '=') + 1), E'\\n' ORDER BY r.rolname"
      " COLLATE \"C\" NULLS FIRST, v COLLATE \"C\") FROM pg_db_role_setting s LEFT JOIN pg_roles"
      " r ON r.oid = s.setrole, unnest(s.setconfig) v WHERE s.setdatabase = db.oid) AS settings,"
      " CASE WHEN db.datacl IS NOT NULL AND " DATABASE_ACL("db.datacl") " IS DISTINCT FROM "
      DATABASE_ACL("acldefault('d', db.datdba)") " THEN coalesce(" DATABASE_ACL("db.datacl") ","
      " '') END AS acl, " DATABASE_ACL("acldefault('d', db.datdba)") " AS default_acl,"
      " shobj_description(db.oid, 'pg_database') AS comment FROM pg_database db WHERE db.datname"
      " = current_database()",
      server_major >= 17   ? "db.datlocprovider AS locale_provider, db.datlocale AS locale,"
      : server_major >= 15 ? "db.datlocprovider AS locale_provider, db.daticulocale AS locale,"
      : "'c' AS locale_provider, NULL AS locale,",
      catalog_system_privileges);
}
/* clang-format on */

static bool is_name_list(const char *setting)
{
  static const char *const lists[] = {"local_preload_libraries",   "search_path",
                                      "session_preload_libraries", "shared_preload_libraries",
                                      "temp_tablespaces",          "unix_socket_directories"};
  for (size_t i = 0; i < COUNT_OF(lists); i++)
    if (strcmp(lists[i], setting) == 0)
      return true;
  return false;
}

/* `"$user", public` -> '$user', 'public': each element is a literal of its own. */
static char *list_literals(struct arena *arena, const char *value)
{
  CLEANUP(text_clear) struct text out = TEXT_INIT;
  CLEANUP(text_clear) struct text item = TEXT_INIT;
  bool quoted = false, was_quoted = false;
  for (const char *p = value;; p++) {
    if (*p == '"' && quoted && p[1] == '"') {
      text_putc(&item, *p++);
    } else if (*p == '"') {
      quoted = !quoted;
      was_quoted = true;
    } else if (*p == '\0' || (*p == ',' && !quoted)) {
      if (item.len || was_quoted)
        text_printf(&out, "%s%s", out.len ? ", " : "", sql_literal(arena, item.data));
      text_reset(&item);
      was_quoted = false;
      if (!*p)
        break;
    } else if (quoted || *p != ' ') {
      text_putc(&item, *p);
    }
  }
  return arena_strdup(arena, out.len ? out.data : "''");
}

char *catalog_set_clause(struct arena *arena, const char *name, const char *value)
{
  CLEANUP(text_clear) struct text quoted = TEXT_INIT;
  for (const char *part = name, *dot;; part = dot + 1) { /* custom settings: class.name */
    dot = strchr(part, '.');
    size_t len = dot ? (size_t)(dot - part) : strlen(part);
    text_puts(&quoted, sql_ident(arena, arena_strndup(arena, part, len)));
    if (!dot)
      break;
    text_putc(&quoted, '.');
  }
  return arena_printf(arena, "SET %s TO %s", quoted.data,
                      is_name_list(name) ? list_literals(arena, value) : sql_literal(arena, value));
}

/* One line `role=name value`; the role is quoted like an identifier and may be empty. */
static void write_setting(struct catalog_writer *w, const char *line)
{
  const char *p = line;
  for (bool quoted = false; *p && (quoted || *p != '='); p++)
    if (*p == '"')
      quoted = !quoted;
  const char *name = *p ? p + 1 : p;
  const char *space = strchr(name, ' ');
  if (!space)
    return;
  char *setting = arena_strndup(w->arena, name, (size_t)(space - name));
  char *role = arena_strndup(w->arena, line, (size_t)(p - line));
  char *target = *role ? arena_printf(w->arena, "ROLE %s IN DATABASE %%1$I",
                                      catalog_escape_percent(w->arena, role))
                       : arena_strdup(w->arena, "DATABASE %1$I");
  char *clause = catalog_set_clause(w->arena, setting, space + 1);
  char *statement =
      arena_printf(w->arena, "ALTER %s %s", target, catalog_escape_percent(w->arena, clause));
  catalog_write_for(w, CATALOG_FOR_SETTING, "%s", catalog_for_database(w->arena, statement));
}

static int create(struct catalog_writer *w, const struct catalog_object *o, struct err *err)
{
  UNUSED(err);
  const char *settings = catalog_get(o, "settings");
  while (settings && *settings) {
    const char *end = strchr(settings, '\n');
    size_t len = end ? (size_t)(end - settings) : strlen(settings);
    write_setting(w, arena_strndup(w->arena, settings, len));
    settings += len + (end ? 1 : 0);
  }
  struct strings acl = catalog_acl_statements(w->arena, o, NULL, catalog_get(o, "acl"));
  for (size_t i = 0; i < acl.len; i++)
    catalog_write_for(w, CATALOG_FOR_PRIVILEGES, "%s", acl.at[i]);
  catalog_write_comment(w, o);
  catalog_write_system_privileges(w, o);
  return 0;
}

/* FORCE ends sessions itself, and refuses a role that is no superuser while an autovacuum worker is
 * in the database (measured on 15). Without FORCE the server sends the worker away and waits. */
int catalog_drop_database(struct db_conn *conn, const char *name, struct err *err)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  const char *quoted = sql_ident(arena, name);
  struct err failed = ERR_INIT;
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  /* a template cannot be dropped */
  if (db_query(conn, &r, err,
               "SELECT FROM pg_catalog.pg_database WHERE datname = $1 AND datistemplate", name,
               NULL) < 0 ||
      (db_rows(r) && db_execf(conn, err, "ALTER DATABASE %s IS_TEMPLATE false", quoted) < 0))
    return err_wrap(err, "dropping database %s", name);
  if (db_execf(conn, &failed, "DROP DATABASE IF EXISTS %s WITH (FORCE)", quoted) == 0)
    return 0;
  if (!err_sqlstate_is(&failed, "42501")) {
    err_move(err, &failed);
    return err_wrap(err, "dropping database %s", name);
  }
  err_clear(&failed);
  if (db_execf(conn, err, "DROP DATABASE IF EXISTS %s", quoted) < 0)
    return err_wrap(err, "dropping database %s", name);
  return 0;
}

const struct catalog_kind_ops catalog_database_ops = {
    .kind = CATALOG_DATABASE,
    .name = "database",
    .grant_name = "DATABASE",
    .section = CATALOG_PRE_DATA,
    .query = query,
    .create = create,
};
