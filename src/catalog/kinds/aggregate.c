#include "catalog/model.h"

/* clang-format off */
#define FUNCTION(word, column) "'" word " = ' || nullif(a." column "::oid, 0)::regproc::text"
#define EXTRA(word, column) "CASE WHEN a." column " THEN '" word "' END"
/* What may be left out: READ_ONLY, of ordered-set aggregates READ_WRITE. */
#define MODIFY(word, column)                                                                       \
  "CASE WHEN a." column " <> CASE a.aggkind WHEN 'n' THEN 'r' ELSE 'w' END THEN '" word " = ' ||"  \
  " CASE a." column " WHEN 'r' THEN 'READ_ONLY' WHEN 's' THEN 'SHAREABLE' ELSE 'READ_WRITE' END"   \
  " END"
#define TYPE(word, column) "'" word " = ' || format_type(nullif(a." column ", 0), NULL)"
#define SPACE(word, column) "'" word " = ' || nullif(a." column ", 0)"
#define VALUE(word, column) "'" word " = ' || quote_literal(a." column ")"

static const char *query(struct arena *arena, int server_major)
{
  UNUSED(arena);
  UNUSED(server_major);
  return "SELECT" Q_CLASS("pg_proc") "p.oid, n.nspname AS schema, p.proname AS name,"
         " format('%I.%I(%s)', n.nspname, p.proname, (SELECT string_agg(format_type(t.t, NULL),"
         " ', ' ORDER BY t.n) FROM unnest(p.proargtypes) WITH ORDINALITY t(t, n))) AS identity,"
         " format(E'CREATE AGGREGATE %I.%I(%s) (\\n  %s\\n)', n.nspname, p.proname,"
         " coalesce(nullif(pg_get_function_arguments(p.oid), ''), '*'), concat_ws(E',\\n  ', "
         FUNCTION("SFUNC", "aggtransfn") ", " TYPE("STYPE", "aggtranstype") ", "
         SPACE("SSPACE", "aggtransspace") ", " FUNCTION("FINALFUNC", "aggfinalfn") ", "
         EXTRA("FINALFUNC_EXTRA", "aggfinalextra") ", "
         MODIFY("FINALFUNC_MODIFY", "aggfinalmodify") ", "
         FUNCTION("COMBINEFUNC", "aggcombinefn") ", " FUNCTION("SERIALFUNC", "aggserialfn") ", "
         FUNCTION("DESERIALFUNC", "aggdeserialfn") ", " VALUE("INITCOND", "agginitval") ", "
         FUNCTION("MSFUNC", "aggmtransfn") ", " FUNCTION("MINVFUNC", "aggminvtransfn") ", "
         TYPE("MSTYPE", "aggmtranstype") ", " SPACE("MSSPACE", "aggmtransspace") ", "
         FUNCTION("MFINALFUNC", "aggmfinalfn") ", "
         EXTRA("MFINALFUNC_EXTRA", "aggmfinalextra") ", "
         MODIFY("MFINALFUNC_MODIFY", "aggmfinalmodify") ", " VALUE("MINITCOND", "aggminitval") ", "
         "'SORTOP = ' || " Q_OPERATOR("a.aggsortop") ", CASE p.proparallel WHEN 's' THEN 'PARALLEL"
         " = SAFE' WHEN 'r' THEN 'PARALLEL = RESTRICTED' END, CASE a.aggkind WHEN 'h' THEN"
         " 'HYPOTHETICAL' END)) AS definition,"
         " coalesce(nullif(pg_get_function_identity_arguments(p.oid), ''), '*') AS arguments,"
         Q_OWNER("p.proowner") Q_ACL("p.proacl", "f", "p.proowner") "d.description AS comment"
         " FROM pg_proc p JOIN pg_aggregate a ON a.aggfnoid = p.oid JOIN pg_namespace n ON n.oid ="
         " p.pronamespace" Q_COMMENT_JOIN("pg_proc", "p.oid") " WHERE " Q_USER_SCHEMA " AND"
         Q_NOT_MEMBER("pg_proc", "p.oid");
}
/* clang-format on */

static char *reference(struct arena *arena, const struct catalog_object *o)
{
  return arena_printf(arena, "%s(%s)", catalog_qualified(arena, o), catalog_get(o, "arguments"));
}

const struct catalog_kind_ops catalog_aggregate_ops = {
    .kind = CATALOG_AGGREGATE,
    .name = "aggregate",
    .sql_name = "AGGREGATE",
    .grant_name = "FUNCTION", /* by its identity: types alone */
    .section = CATALOG_PRE_DATA,
    .query = query,
    .reference = reference,
    .create = catalog_create_by_definition,
};
