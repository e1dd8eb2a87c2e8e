#include "catalog/model.h"

/* clang-format off */
static const char *query(struct arena *arena, int server_major)
{
  UNUSED(arena);
  UNUSED(server_major);
  return "SELECT" Q_CLASS("pg_ts_dict") "t.oid, n.nspname AS schema, t.dictname AS name,"
         " format('%I.%I', n.nspname, t.dictname) AS identity, format('CREATE TEXT SEARCH"
         " DICTIONARY %I.%I (TEMPLATE = %I.%I%s)', n.nspname, t.dictname, mn.nspname, m.tmplname,"
         " ', ' || t.dictinitoption) AS definition," Q_OWNER("t.dictowner") "d.description AS"
         " comment FROM pg_ts_dict t JOIN pg_namespace n ON n.oid = t.dictnamespace JOIN"
         " pg_ts_template m ON m.oid = t.dicttemplate JOIN pg_namespace mn ON mn.oid ="
         " m.tmplnamespace" Q_COMMENT_JOIN("pg_ts_dict", "t.oid") " WHERE " Q_USER_SCHEMA " AND"
         Q_NOT_MEMBER("pg_ts_dict", "t.oid");
}
/* clang-format on */

const struct catalog_kind_ops catalog_ts_dictionary_ops = {
    .kind = CATALOG_TS_DICTIONARY,
    .name = "text search dictionary",
    .sql_name = "TEXT SEARCH DICTIONARY",
    .section = CATALOG_PRE_DATA,
    .query = query,
    .create = catalog_create_by_definition,
};
