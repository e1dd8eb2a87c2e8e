#include "catalog/model.h"

/* clang-format off */
static const char *query(struct arena *arena, int server_major)
{
  UNUSED(arena);
  UNUSED(server_major);
  return "SELECT" Q_CLASS("pg_am") "a.oid, a.amname AS name, quote_ident(a.amname) AS identity,"
         " format('CREATE ACCESS METHOD %I TYPE %s HANDLER %s', a.amname, CASE a.amtype WHEN 'i'"
         " THEN 'INDEX' ELSE 'TABLE' END, a.amhandler) AS definition, d.description AS comment"
         " FROM pg_am a" Q_COMMENT_JOIN("pg_am", "a.oid") " WHERE a.oid >= 16384 AND"
         Q_NOT_MEMBER("pg_am", "a.oid");
}
/* clang-format on */

const struct catalog_kind_ops catalog_access_method_ops = {
    .kind = CATALOG_ACCESS_METHOD,
    .name = "access method",
    .sql_name = "ACCESS METHOD",
    .section = CATALOG_PRE_DATA,
    .query = query,
    .create = catalog_create_by_definition,
};
