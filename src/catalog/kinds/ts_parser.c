#include "catalog/model.h"

/* clang-format off */
static const char *query(struct arena *arena, int server_major)
{
  UNUSED(arena);
  UNUSED(server_major);
  return "SELECT" Q_CLASS("pg_ts_parser") "p.oid, n.nspname AS schema, p.prsname AS name,"
         " format('%I.%I', n.nspname, p.prsname) AS identity, format('CREATE TEXT SEARCH PARSER"
         " %I.%I (%s)', n.nspname, p.prsname, concat_ws(', ', 'START = ' || p.prsstart, 'GETTOKEN ="
         " ' || p.prstoken, 'END = ' || p.prsend, 'HEADLINE = ' || nullif(p.prsheadline::oid,"
         " 0)::regproc, 'LEXTYPES = ' || p.prslextype)) AS definition, d.description AS comment"
         " FROM pg_ts_parser p JOIN pg_namespace n ON n.oid = p.prsnamespace"
         Q_COMMENT_JOIN("pg_ts_parser", "p.oid") " WHERE " Q_USER_SCHEMA " AND"
         Q_NOT_MEMBER("pg_ts_parser", "p.oid");
}
/* clang-format on */

const struct catalog_kind_ops catalog_ts_parser_ops = {
    .kind = CATALOG_TS_PARSER,
    .name = "text search parser",
    .sql_name = "TEXT SEARCH PARSER",
    .section = CATALOG_PRE_DATA,
    .query = query,
    .create = catalog_create_by_definition,
};
