#include "catalog/kinds/operator_family.h"

/* The family is always named: one of its own is made before the class. */
/* clang-format off */
#define OF_THIS_CLASS(class, member) Q_CLASS_OF(class, member) " AND x.refobjid = c.oid)"

static const char *query(struct arena *arena, int server_major)
{
  UNUSED(arena);
  UNUSED(server_major);
  return "SELECT" Q_CLASS("pg_opclass") "c.oid, n.nspname AS schema, c.opcname AS name,"
         " format('%I.%I USING %I', n.nspname, c.opcname, a.amname) AS identity,"
         " format('CREATE OPERATOR CLASS %I.%I %sFOR TYPE %s USING %I FAMILY %I.%I AS', n.nspname,"
         " c.opcname, CASE WHEN c.opcdefault THEN 'DEFAULT ' END, format_type(c.opcintype, NULL),"
         " a.amname, fn.nspname, f.opfname) || concat_ws(',', E'\\n  STORAGE ' ||"
         " format_type(coalesce(nullif(c.opckeytype, 0), CASE WHEN m.members IS NULL THEN"
         " c.opcintype END), NULL), m.members) AS definition," Q_OWNER("c.opcowner")
         "d.description AS comment FROM pg_opclass c CROSS JOIN LATERAL "
         Q_MEMBERS("string_agg(E'\\n  ' || m.member, ',' ORDER BY m.sort, m.number,"
                   " m.member COLLATE \"C\") AS members", "c.opcfamily", OF_THIS_CLASS)
         " m JOIN pg_namespace n ON n.oid = c.opcnamespace JOIN pg_am a ON a.oid ="
         " c.opcmethod JOIN pg_opfamily f ON f.oid = c.opcfamily JOIN pg_namespace fn ON fn.oid ="
         " f.opfnamespace" Q_COMMENT_JOIN("pg_opclass", "c.oid") " WHERE " Q_USER_SCHEMA " AND"
         Q_NOT_MEMBER("pg_opclass", "c.oid");
}
/* clang-format on */

const struct catalog_kind_ops catalog_operator_class_ops = {
    .kind = CATALOG_OPERATOR_CLASS,
    .name = "operator class",
    .sql_name = "OPERATOR CLASS",
    .section = CATALOG_PRE_DATA,
    .query = query,
    .create = catalog_create_by_definition,
};
