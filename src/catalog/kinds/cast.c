#include "catalog/model.h"

/* clang-format off */
#define IDENTITY                                                                                   \
  "format('(%s AS %s)', format_type(c.castsource, NULL), format_type(c.casttarget, NULL))"

/* Not the cast of a range type to its multirange type, which the server makes. */
static const char *query(struct arena *arena, int server_major)
{
  UNUSED(arena);
  UNUSED(server_major);
  return "SELECT" Q_CLASS("pg_cast") "c.oid, " IDENTITY " AS name, " IDENTITY " AS identity,"
         " 'CREATE CAST ' || " IDENTITY " || CASE c.castmethod WHEN 'i' THEN ' WITH INOUT' WHEN 'b'"
         " THEN ' WITHOUT FUNCTION' ELSE ' WITH FUNCTION ' || c.castfunc::regprocedure::text END ||"
         " CASE c.castcontext WHEN 'a' THEN ' AS ASSIGNMENT' WHEN 'i' THEN ' AS IMPLICIT' ELSE ''"
         " END AS definition, d.description AS comment FROM pg_cast c"
         Q_COMMENT_JOIN("pg_cast", "c.oid") " WHERE c.oid >= 16384 AND" Q_NOT_MEMBER("pg_cast",
         "c.oid") " AND" Q_NOT_INTERNAL("pg_cast", "c.oid");
}
/* clang-format on */

const struct catalog_kind_ops catalog_cast_ops = {
    .kind = CATALOG_CAST,
    .name = "cast",
    .sql_name = "CAST",
    .section = CATALOG_PRE_DATA,
    .query = query,
    .create = catalog_create_by_definition,
};
