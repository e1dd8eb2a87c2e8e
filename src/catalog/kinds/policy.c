#include "catalog/model.h"

/* clang-format off */
static const char *query(struct arena *arena, int server_major)
{
  UNUSED(arena);
  UNUSED(server_major);
  return "SELECT" Q_CLASS("pg_policy") "p.oid, n.nspname AS schema, p.polname AS name,"
         " format('%I.%I.%I', n.nspname, c.relname, p.polname) AS identity,"
         " 'pg_class'::regclass::oid AS parent_class, c.oid AS parent_oid, format('CREATE POLICY"
         " %I ON %I.%I AS %s FOR %s TO %s', p.polname, n.nspname, c.relname, CASE WHEN"
         " p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END, CASE p.polcmd WHEN 'r' THEN"
         " 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE"
         " 'ALL' END, (SELECT string_agg(CASE o WHEN 0 THEN 'PUBLIC' ELSE"
         " quote_ident(pg_get_userbyid(o)) END, ', ' ORDER BY CASE o WHEN 0 THEN '' ELSE"
         " pg_get_userbyid(o) END COLLATE \"C\") FROM unnest(p.polroles) o)) || coalesce(' USING"
         " (' || pg_get_expr(p.polqual, p.polrelid) || ')', '') || coalesce(' WITH CHECK (' ||"
         " pg_get_expr(p.polwithcheck, p.polrelid) || ')', '') AS definition, d.description AS"
         " comment FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid JOIN pg_namespace n ON"
         " n.oid = c.relnamespace" Q_COMMENT_JOIN("pg_policy", "p.oid") " WHERE " Q_USER_SCHEMA
         " AND c.relpersistence <> 't' AND" Q_NOT_MEMBER("pg_class", "c.oid");
}
/* clang-format on */

static int create(struct catalog_writer *w, const struct catalog_object *o, struct err *err)
{
  UNUSED(err);
  catalog_write(w, catalog_get(o, "definition"));
  catalog_write_comment(w, o);
  return 0;
}

const struct catalog_kind_ops catalog_policy_ops = {
    .kind = CATALOG_POLICY,
    .name = "policy",
    .sql_name = "POLICY",
    .section = CATALOG_POST_DATA,
    .rank = 2,
    .query = query,
    .reference = catalog_reference_on,
    .create = create,
};
