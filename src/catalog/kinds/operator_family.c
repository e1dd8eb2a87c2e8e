#include "catalog/kinds/operator_family.h"

/* members: those that belong to no class. A family of the server is an object as far as the user
 * has put members into it: nothing but these is made and dropped. Where an extension brings what
 * such a member names, it has most likely brought the member, too ("brought_members"). */
/* clang-format off */
#define IDENTITY "format('%I.%I USING %I', n.nspname, f.opfname, a.amname)"
#define OF_THE_USER "f.oid >= 16384"
#define OF_NO_CLASS(class, member) member " >= 16384 AND NOT" Q_CLASS_OF(class, member) ")"
#define LIST(column, condition)                                                                    \
  "json_agg(m." column " ORDER BY m.sort, m.number, m.member COLLATE \"C\") FILTER (WHERE "        \
  condition ")::text AS "

static const char *query(struct arena *arena, int server_major)
{
  UNUSED(arena);
  UNUSED(server_major);
  return "SELECT" Q_CLASS("pg_opfamily") "f.oid, n.nspname AS schema, f.opfname AS name, " IDENTITY
         " AS identity, CASE WHEN " OF_THE_USER " THEN 'CREATE OPERATOR FAMILY ' || " IDENTITY
         " END AS definition, w.members, w.removed_members, w.brought_members, CASE WHEN "
         OF_THE_USER " THEN pg_get_userbyid(f.opfowner) END AS owner, CASE WHEN " OF_THE_USER
         " THEN d.description END AS comment FROM pg_opfamily f CROSS JOIN LATERAL "
         Q_MEMBERS(LIST("member", OF_THE_USER " OR NOT m.brought") "members, "
                   LIST("removed", "NOT m.brought AND NOT " OF_THE_USER) "removed_members, "
                   LIST("member", "m.brought AND NOT " OF_THE_USER) "brought_members",
                   "f.oid", OF_NO_CLASS)
         " w JOIN pg_namespace n ON n.oid = f.opfnamespace JOIN pg_am a ON a.oid = f.opfmethod"
         Q_COMMENT_JOIN("pg_opfamily", "f.oid") " WHERE (" OF_THE_USER " AND " Q_USER_SCHEMA " AND"
         Q_NOT_MEMBER("pg_opfamily", "f.oid") ") OR (NOT " OF_THE_USER
         " AND coalesce(w.members, w.brought_members) IS NOT NULL)";
}
/* clang-format on */

static int create(struct catalog_writer *w, const struct catalog_object *o, struct err *err)
{
  struct strings members = catalog_json_strings(w->arena, catalog_get(o, "members"));
  struct strings brought = catalog_json_strings(w->arena, catalog_get(o, "brought_members"));
  if (catalog_get(o, "definition") && catalog_create_by_definition(w, o, err) < 0)
    return -1;
  for (size_t i = 0; i < members.len; i++)
    catalog_writef(w, "ALTER OPERATOR FAMILY %s ADD %s", o->identity, members.at[i]);
  for (size_t i = 0; i < brought.len; i++) {
    char *body = arena_printf(w->arena,
                              "BEGIN\n  ALTER OPERATOR FAMILY %s ADD %s;\n"
                              "EXCEPTION WHEN duplicate_object THEN NULL;\nEND",
                              o->identity, brought.at[i]);
    catalog_writef(w, "DO %s", catalog_dollar_quote(w->arena, body));
  }
  return 0;
}

static char *drop(struct arena *arena, const struct catalog_object *o)
{
  if (catalog_get(o, "definition"))
    return arena_printf(arena, "DROP OPERATOR FAMILY %s", o->identity);
  struct strings removed = catalog_json_strings(arena, catalog_get(o, "removed_members"));
  CLEANUP(text_clear) struct text sql = TEXT_INIT;
  for (size_t i = 0; i < removed.len; i++)
    text_printf(&sql, "%s%s", i ? ", " : "", removed.at[i]);
  return removed.len
             ? arena_printf(arena, "ALTER OPERATOR FAMILY %s DROP %s", o->identity, sql.data)
             : NULL;
}

const struct catalog_kind_ops catalog_operator_family_ops = {
    .kind = CATALOG_OPERATOR_FAMILY,
    .name = "operator family",
    .sql_name = "OPERATOR FAMILY",
    .section = CATALOG_PRE_DATA,
    .query = query,
    .create = create,
    .drop = drop,
};
