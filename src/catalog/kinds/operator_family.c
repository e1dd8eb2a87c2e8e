#include "catalog/kinds/operator_family.h"

/* members: those that belong to no class of the family. */
/* clang-format off */
#define IDENTITY "format('%I.%I USING %I', n.nspname, f.opfname, a.amname)"

static const char *query(struct arena *arena, int server_major)
{
  UNUSED(arena);
  UNUSED(server_major);
  return "SELECT" Q_CLASS("pg_opfamily") "f.oid, n.nspname AS schema, f.opfname AS name, " IDENTITY
         " AS identity, 'CREATE OPERATOR FAMILY ' || " IDENTITY " AS definition, "
         Q_MEMBERS("json_agg(m.member ORDER BY m.sort, m.number, m.member COLLATE \"C\")::text",
                   "pg_opfamily", "f.oid", "f.oid") " AS members," Q_OWNER("f.opfowner")
         "d.description AS comment FROM pg_opfamily f JOIN pg_namespace n ON n.oid ="
         " f.opfnamespace JOIN pg_am a ON a.oid = f.opfmethod"
         Q_COMMENT_JOIN("pg_opfamily", "f.oid") " WHERE " Q_USER_SCHEMA " AND"
         Q_NOT_MEMBER("pg_opfamily", "f.oid");
}
/* clang-format on */

static int create(struct catalog_writer *w, const struct catalog_object *o, struct err *err)
{
  if (catalog_create_by_definition(w, o, err) < 0)
    return -1;
  struct strings members = catalog_json_strings(w->arena, catalog_get(o, "members"));
  for (size_t i = 0; i < members.len; i++)
    catalog_writef(w, "ALTER OPERATOR FAMILY %s ADD %s", o->identity, members.at[i]);
  return 0;
}

const struct catalog_kind_ops catalog_operator_family_ops = {
    .kind = CATALOG_OPERATOR_FAMILY,
    .name = "operator family",
    .sql_name = "OPERATOR FAMILY",
    .section = CATALOG_PRE_DATA,
    .query = query,
    .create = create,
};
