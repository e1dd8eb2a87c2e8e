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
         /* made together with a range type, which is reported */
         " AND NOT EXISTS (SELECT 1 FROM pg_depend i WHERE i.classid = 'pg_proc'::regclass AND"
         " i.objid = p.oid AND i.deptype = 'i')";
}
/* clang-format on */

static char *reference(struct arena *arena, const struct catalog_object *o)
{
  return arena_printf(arena, "%s(%s)", catalog_qualified(arena, o), catalog_get(o, "arguments"));
}

static int create(struct catalog_writer *w, const struct catalog_object *o, struct err *err)
{
  UNUSED(err);
  catalog_write(w, catalog_get(o, "definition"));
  catalog_write_owner(w, o);
  catalog_write_acl(w, o);
  catalog_write_comment(w, o);
  return 0;
}

const struct catalog_kind_ops catalog_function_ops = {
    .kind = CATALOG_FUNCTION,
    .name = "function",
    .grant_name = "FUNCTION",
    .section = CATALOG_PRE_DATA,
    .query = query,
    .reference = reference,
    .create = create,
};
