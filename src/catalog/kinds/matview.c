#include "catalog/kinds/table.h"

/* clang-format off */
static const char *query(struct arena *arena, int server_major)
{
  UNUSED(arena);
  UNUSED(server_major);
  return "SELECT" Q_CLASS("pg_class") "c.oid, n.nspname AS schema, c.relname AS name,"
         " format('%I.%I', n.nspname, c.relname) AS identity, pg_relation_filenode(c.oid) AS"
         " relfilenode, CASE WHEN c.reltuples < 0 THEN -1 ELSE c.reltuples END AS row_estimate,"
         " pg_total_relation_size(c.oid) AS bytes, rtrim(pg_get_viewdef(c.oid), ';') AS"
         " definition, nullif(concat_ws(', ', " Q_OPTIONS("c.reloptions", "") ", (SELECT "
         Q_OPTIONS("t.reloptions", "toast.") " FROM pg_class t WHERE t.oid = c.reltoastrelid)),"
         " '') AS options, nullif(concat_ws(', ', " Q_OPTIONS_WRITTEN("c.reloptions", "")
         ", (SELECT "
         Q_OPTIONS_WRITTEN("t.reloptions", "toast.") " FROM pg_class t WHERE t.oid ="
         " c.reltoastrelid)), '') AS options_written, nullif(m.amname, 'heap') AS"
         " access_method, s.spcname AS tablespace,"
         " (SELECT i.relname FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid WHERE"
         " x.indrelid = c.oid AND x.indisclustered) AS cluster_on, " Q_FLAG("c.relispopulated")
         " AS populated," Q_OWNER("c.relowner") Q_ACL("c.relacl", "r", "c.relowner")
         "d.description AS comment FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
         " LEFT JOIN pg_am m ON m.oid = c.relam LEFT JOIN pg_tablespace s ON s.oid ="
         " c.reltablespace" Q_COMMENT_JOIN("pg_class", "c.oid") " WHERE c.relkind = 'm' AND "
         Q_USER_SCHEMA " AND" Q_NOT_MEMBER("pg_class", "c.oid");
}
/* clang-format on */

static int create(struct catalog_writer *w, const struct catalog_object *o, struct err *err)
{
  UNUSED(err);
  CLEANUP(text_clear) struct text sql = TEXT_INIT;
  text_printf(&sql, "CREATE MATERIALIZED VIEW %s", o->identity);
  if (catalog_get(o, "access_method"))
    text_printf(&sql, " USING %s", sql_ident(w->arena, catalog_get(o, "access_method")));
  if (catalog_get(o, "options"))
    text_printf(&sql, " WITH (%s)", catalog_get_written(w->arena, o, "options"));
  if (catalog_get(o, "tablespace"))
    text_printf(&sql, " TABLESPACE %s", sql_ident(w->arena, catalog_get(o, "tablespace")));
  text_printf(&sql, " AS\n%s\nWITH NO DATA", catalog_get(o, "definition"));
  catalog_write(w, sql.data);
  struct catalog_objects columns = catalog_children(w->arena, w->catalog, o, CATALOG_COLUMN);
  for (size_t i = 0; i < columns.len; i++)
    catalog_column_settings(w, columns.at[i], NULL);
  catalog_write_owner(w, o);
  catalog_write_acl(w, o);
  catalog_write_comment(w, o);
  for (size_t i = 0; i < columns.len; i++) {
    catalog_write_acl(w, columns.at[i]);
    catalog_write_comment(w, columns.at[i]);
  }
  if (!w->whole)
    catalog_write_refresh(w, o);
  return 0;
}

void catalog_write_refresh(struct catalog_writer *w, const struct catalog_object *matview)
{
  enum catalog_section section = w->section;
  w->section = CATALOG_POST_DATA;
  if (catalog_get(matview, "populated"))
    catalog_write_for(w, CATALOG_FOR_REFRESH, "REFRESH MATERIALIZED VIEW %s", matview->identity);
  w->section = section;
}

const struct catalog_kind_ops catalog_matview_ops = {
    .kind = CATALOG_MATVIEW,
    .name = "materialized view",
    .sql_name = "MATERIALIZED VIEW",
    .grant_name = "TABLE",
    .section = CATALOG_PRE_DATA,
    .query = query,
    .create = create,
};
