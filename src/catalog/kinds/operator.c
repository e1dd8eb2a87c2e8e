#include "catalog/model.h"

/* clang-format off */
#define OPERAND(column) "coalesce(format_type(nullif(o." column ", 0), NULL), 'NONE')"
#define FUNCTION(word, column) "'" word " = ' || nullif(o." column "::oid, 0)::regproc::text"

/* Not shells, which the server makes of a COMMUTATOR or NEGATOR that is still to come, and which
 * are no more than a name. */
static const char *query(struct arena *arena, int server_major)
{
  UNUSED(arena);
  UNUSED(server_major);
  return "SELECT" Q_CLASS("pg_operator") "o.oid, n.nspname AS schema, o.oprname AS name,"
         " format('%I.%s (%s, %s)', n.nspname, o.oprname, " OPERAND("oprleft") ", "
         OPERAND("oprright") ") AS identity, format(E'CREATE OPERATOR %I.%s (\\n  %s\\n)',"
         " n.nspname, o.oprname, concat_ws(E',\\n  ', " FUNCTION("FUNCTION", "oprcode") ","
         " 'LEFTARG = ' || format_type(nullif(o.oprleft, 0), NULL), 'RIGHTARG = ' ||"
         " format_type(nullif(o.oprright, 0), NULL), 'COMMUTATOR = ' || " Q_OPERATOR("o.oprcom")
         ", 'NEGATOR = ' || " Q_OPERATOR("o.oprnegate") ", CASE WHEN o.oprcanmerge THEN 'MERGES'"
         " END, CASE WHEN o.oprcanhash THEN 'HASHES' END, " FUNCTION("RESTRICT", "oprrest") ", "
         FUNCTION("JOIN", "oprjoin") ")) AS definition," Q_OWNER("o.oprowner")
         "d.description AS comment FROM pg_operator o JOIN pg_namespace n ON n.oid ="
         " o.oprnamespace" Q_COMMENT_JOIN("pg_operator", "o.oid") " WHERE o.oprcode <> 0 AND "
         Q_USER_SCHEMA " AND" Q_NOT_MEMBER("pg_operator", "o.oid");
}
/* clang-format on */

const struct catalog_kind_ops catalog_operator_ops = {
    .kind = CATALOG_OPERATOR,
    .name = "operator",
    .sql_name = "OPERATOR",
    .section = CATALOG_PRE_DATA,
    .query = query,
    .create = catalog_create_by_definition,
};
