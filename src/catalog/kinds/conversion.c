#include "catalog/model.h"

/* clang-format off */
static const char *query(struct arena *arena, int server_major)
{
  UNUSED(arena);
  UNUSED(server_major);
  return "SELECT" Q_CLASS("pg_conversion") "c.oid, n.nspname AS schema, c.conname AS name,"
         " format('%I.%I', n.nspname, c.conname) AS identity, format('CREATE %sCONVERSION %I.%I"
         " FOR %L TO %L FROM %s', CASE WHEN c.condefault THEN 'DEFAULT ' END, n.nspname, c.conname,"
         " pg_encoding_to_char(c.conforencoding), pg_encoding_to_char(c.contoencoding), c.conproc)"
         " AS definition," Q_OWNER("c.conowner") "d.description AS comment FROM pg_conversion c"
         " JOIN pg_namespace n ON n.oid = c.connamespace"
         Q_COMMENT_JOIN("pg_conversion", "c.oid") " WHERE " Q_USER_SCHEMA " AND"
         Q_NOT_MEMBER("pg_conversion", "c.oid");
}
/* clang-format on */

const struct catalog_kind_ops catalog_conversion_ops = {
    .kind = CATALOG_CONVERSION,
    .name = "conversion",
    .sql_name = "CONVERSION",
    .section = CATALOG_PRE_DATA,
    .query = query,
    .create = catalog_create_by_definition,
};
