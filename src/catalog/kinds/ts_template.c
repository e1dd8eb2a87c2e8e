#include "catalog/model.h"

/* clang-format off */
static const char *query(struct arena *arena, int server_major)
{
  UNUSED(arena);
  UNUSED(server_major);
  return "SELECT" Q_CLASS("pg_ts_template") "t.oid, n.nspname AS schema, t.tmplname AS name,"
         " format('%I.%I', n.nspname, t.tmplname) AS identity, format('CREATE TEXT SEARCH TEMPLATE"
         " %I.%I (%s)', n.nspname, t.tmplname, concat_ws(', ', 'INIT = ' || nullif(t.tmplinit::oid,"
         " 0)::regproc, 'LEXIZE = ' || t.tmpllexize)) AS definition, d.description AS comment"
         " FROM pg_ts_template t JOIN pg_namespace n ON n.oid = t.tmplnamespace"
         Q_COMMENT_JOIN("pg_ts_template", "t.oid") " WHERE " Q_USER_SCHEMA " AND"
         Q_NOT_MEMBER("pg_ts_template", "t.oid");
}
/* clang-format on */

const struct catalog_kind_ops catalog_ts_template_ops = {
    .kind = CATALOG_TS_TEMPLATE,
    .name = "text search template",
    .sql_name = "TEXT SEARCH TEMPLATE",
    .section = CATALOG_PRE_DATA,
    .query = query,
    .create = catalog_create_by_definition,
};
