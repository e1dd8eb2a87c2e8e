#include "catalog/model.h"

/* clang-format off */
#define IDENTITY "format('FOR %s LANGUAGE %I', format_type(t.trftype, NULL), l.lanname)"

static const char *query(struct arena *arena, int server_major)
{
  UNUSED(arena);
  UNUSED(server_major);
  return "SELECT" Q_CLASS("pg_transform") "t.oid, " IDENTITY " AS name, " IDENTITY " AS identity,"
         " 'CREATE TRANSFORM ' || " IDENTITY " || ' (' || concat_ws(', ', 'FROM SQL WITH FUNCTION '"
         " || nullif(t.trffromsql::oid, 0)::regprocedure, 'TO SQL WITH FUNCTION ' ||"
         " nullif(t.trftosql::oid, 0)::regprocedure) || ')' AS definition, d.description AS comment"
         " FROM pg_transform t JOIN pg_language l ON l.oid = t.trflang"
         Q_COMMENT_JOIN("pg_transform", "t.oid") " WHERE t.oid >= 16384 AND"
         Q_NOT_MEMBER("pg_transform", "t.oid");
}
/* clang-format on */

const struct catalog_kind_ops catalog_transform_ops = {
    .kind = CATALOG_TRANSFORM,
    .name = "transform",
    .sql_name = "TRANSFORM",
    .section = CATALOG_PRE_DATA,
    .query = query,
    .create = catalog_create_by_definition,
};
