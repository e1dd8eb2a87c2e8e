#include "catalog/model.h"

/* Types with functions of their own for input and output, and shells: names of types that are to
 * be. A base type and its functions need each other, so that it is made as a shell first. */
/* clang-format off */
#define FUNCTION(word, column) "'" word " = ' || nullif(t." column "::oid, 0)::regproc::text"

static const char *query(struct arena *arena, int server_major)
{
  static const char query_format[] =
      "SELECT" Q_CLASS("pg_type") "t.oid, n.nspname AS schema, t.typname AS name,"
      " format('%%I.%%I', n.nspname, t.typname) AS identity, CASE WHEN t.typisdefined THEN"
      " format(E'(\\n  %%s\\n)', concat_ws(E',\\n  ', " FUNCTION("INPUT", "typinput") ", "
      FUNCTION("OUTPUT", "typoutput") ", " FUNCTION("RECEIVE", "typreceive") ", "
      FUNCTION("SEND", "typsend") ", " FUNCTION("TYPMOD_IN", "typmodin") ", "
      FUNCTION("TYPMOD_OUT", "typmodout") ", " FUNCTION("ANALYZE", "typanalyze") ", %s"
      " 'INTERNALLENGTH = ' || CASE t.typlen WHEN -1 THEN 'VARIABLE' ELSE t.typlen::text END,"
      " CASE WHEN t.typbyval THEN 'PASSEDBYVALUE' END, 'ALIGNMENT = ' || CASE t.typalign WHEN 'c'"
      " THEN 'char' WHEN 's' THEN 'int2' WHEN 'i' THEN 'int4' WHEN 'd' THEN 'double' END,"
      " 'STORAGE = ' || CASE t.typstorage WHEN 'p' THEN 'plain' WHEN 'e' THEN 'external' WHEN 'x'"
      " THEN 'extended' WHEN 'm' THEN 'main' END, 'CATEGORY = ' ||"
      " quote_literal(t.typcategory::text),"
      " CASE WHEN t.typispreferred THEN 'PREFERRED = true' END, 'DEFAULT = ' ||"
      " quote_literal(t.typdefault), 'ELEMENT = ' || format_type(nullif(t.typelem, 0), NULL),"
      " 'DELIMITER = ' || quote_literal(t.typdelim::text), CASE WHEN t.typcollation <> 0 THEN"
      " 'COLLATABLE = true' END)) END AS definition," Q_OWNER("t.typowner")
      Q_ACL("t.typacl", "T", "t.typowner") "d.description AS comment FROM pg_type t JOIN"
      " pg_namespace n ON n.oid = t.typnamespace LEFT JOIN pg_type e ON e.oid = t.typelem"
      Q_COMMENT_JOIN("pg_type", "t.oid") " WHERE ((t.typtype = 'b' AND e.typarray IS DISTINCT FROM"
      " t.oid) OR NOT t.typisdefined) AND " Q_USER_SCHEMA " AND" Q_NOT_MEMBER("pg_type", "t.oid");
  return arena_printf(arena, query_format,
                      server_major >= 14 ? FUNCTION("SUBSCRIPT", "typsubscript") "," : "");
}
/* clang-format on */

static int create(struct catalog_writer *w, const struct catalog_object *o, struct err *err)
{
  UNUSED(err);
  const char *definition = catalog_get(o, "definition");
  catalog_writef(w, "CREATE TYPE %s%s%s", o->identity, definition ? " " : "",
                 definition ? definition : "");
  catalog_write_owner(w, o);
  catalog_write_acl(w, o);
  catalog_write_comment(w, o);
  return 0;
}

/* Its functions, which need it and which it needs, would go with it. */
static char *drop(struct arena *arena, const struct catalog_object *o)
{
  return catalog_get(o, "definition") ? NULL : arena_printf(arena, "DROP TYPE %s", o->identity);
}

const struct catalog_kind_ops catalog_base_type_ops = {
    .kind = CATALOG_BASE_TYPE,
    .name = "base type",
    .sql_name = "TYPE",
    .grant_name = "TYPE",
    .section = CATALOG_PRE_DATA,
    .query = query,
    .create = create,
    .drop = drop,
};
