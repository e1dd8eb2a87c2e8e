#include "catalog/model.h"

/* clang-format off */
static const char *query(struct arena *arena, int server_major)
{
  UNUSED(arena);
  UNUSED(server_major);
  return "SELECT" Q_CLASS("pg_proc") "p.oid, n.nspname AS schema, p.proname AS name,"
         " format('%I.%I(%s)', n.nspname, p.proname, (SELECT string_agg(format_type(a.t, NULL),"
         " ', ' ORDER BY a.n) FROM unnest(p.proargtypes) WITH ORDINALITY a(t, n))) AS identity,"
         " rtrim(pg_get_functiondef(p.oid), E'\\n') AS definition, CASE p.prokind WHEN 'p' THEN"
         " 'PROCEDURE' ELSE 'FUNCTION' END AS routine, pg_get_function_identity_arguments(p.oid)"
         " AS arguments, pg_get_function_result(p.oid) AS result," Q_OWNER("p.proowner")
         Q_ACL("p.proacl", "f", "p.proowner") "d.description AS comment FROM pg_proc p JOIN"
         " pg_namespace n ON n.oid = p.pronamespace" Q_COMMENT_JOIN("pg_proc", "p.oid") " WHERE"
         " p.prokind IN ('f', 'p', 'w') AND " Q_USER_SCHEMA " AND"
         Q_NOT_MEMBER("pg_proc", "p.oid")
         /* made together with a range type */
         " AND" Q_NOT_INTERNAL("pg_proc", "p.oid");
}
/* clang-format on */

static char *reference(struct arena *arena, const struct catalog_object *o)
{
  return arena_printf(arena, "%s(%s)", catalog_qualified(arena, o), catalog_get(o, "arguments"));
}

const struct catalog_kind_ops catalog_function_ops = {
    .kind = CATALOG_FUNCTION,
    .name = "function",
    .grant_name = "FUNCTION",
    .section = CATALOG_PRE_DATA,
    .query = query,
    .reference = reference,
    .create = catalog_create_by_definition,
};
