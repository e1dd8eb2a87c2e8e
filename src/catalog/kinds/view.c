#include "catalog/model.h"

/* clang-format off */
static const char *query(struct arena *arena, int server_major)
{
  UNUSED(arena);
  UNUSED(server_major);
  return "SELECT" Q_CLASS("pg_class") "c.oid, n.nspname AS schema, c.relname AS name,"
         " format('%I.%I', n.nspname, c.relname) AS identity, rtrim(pg_get_viewdef(c.oid), ';')"
         " AS definition, " Q_OPTIONS("c.reloptions", "") " AS options, "
         Q_OPTIONS_WRITTEN("c.reloptions", "") " AS options_written," Q_OWNER("c.relowner")
         Q_ACL("c.relacl", "r", "c.relowner") "d.description AS comment FROM pg_class c JOIN"
         " pg_namespace n ON n.oid = c.relnamespace" Q_COMMENT_JOIN("pg_class", "c.oid") " WHERE"
         " c.relkind = 'v' AND c.relpersistence <> 't' AND " Q_USER_SCHEMA " AND"
         Q_NOT_MEMBER("pg_class", "c.oid");
}
/* clang-format on */

static int create(struct catalog_writer *w, const struct catalog_object *o, struct err *err)
{
  UNUSED(err);
  const char *options = catalog_get_written(w->arena, o, "options");
  catalog_writef(w, "CREATE %sVIEW %s%s%s%s AS\n%s", w->replace ? "OR REPLACE " : "", o->identity,
                 options ? " WITH (" : "", options ? options : "", options ? ")" : "",
                 catalog_get(o, "definition"));
  struct catalog_objects columns = catalog_children(w->arena, w->catalog, o, CATALOG_COLUMN);
  for (size_t i = 0; i < columns.len; i++)
    if (catalog_get(columns.at[i], "default"))
      catalog_writef(w, "ALTER VIEW %s ALTER COLUMN %s SET DEFAULT %s", o->identity,
                     sql_ident(w->arena, columns.at[i]->name),
                     catalog_get(columns.at[i], "default"));
  catalog_write_owner(w, o);
  catalog_write_acl(w, o);
  catalog_write_comment(w, o);
  for (size_t i = 0; i < columns.len; i++) {
    catalog_write_acl(w, columns.at[i]);
    catalog_write_comment(w, columns.at[i]);
  }
  return 0;
}

/* A view of NULLs with the right names and types, for others to refer to; the real one replaces
 * it. */
void catalog_write_view_stub(struct catalog_writer *w, const struct catalog_object *view)
{
  CLEANUP(text_clear) struct text sql = TEXT_INIT;
  text_printf(&sql, "CREATE VIEW %s AS\nSELECT", view->identity);
  struct catalog_objects columns = catalog_children(w->arena, w->catalog, view, CATALOG_COLUMN);
  for (size_t i = 0; i < columns.len; i++) {
    const char *collation = catalog_get(columns.at[i], "collation");
    text_printf(&sql, "%s\n  NULL::%s%s%s AS %s", i ? "," : "", catalog_get(columns.at[i], "type"),
                collation ? " COLLATE " : "", collation ? collation : "",
                sql_ident(w->arena, columns.at[i]->name));
  }
  catalog_write(w, sql.data);
}

const struct catalog_kind_ops catalog_view_ops = {
    .kind = CATALOG_VIEW,
    .name = "view",
    .sql_name = "VIEW",
    .grant_name = "TABLE",
    .section = CATALOG_PRE_DATA,
    .query = query,
    .create = create,
};
