#include "catalog/model.h"

/* With its multirange type, and its functions that the server makes. */
/* clang-format off */
static const char *query(struct arena *arena, int server_major)
{
  static const char query_format[] =
      "SELECT" Q_CLASS("pg_type") "t.oid, n.nspname AS schema, t.typname AS name,"
      " format('%%I.%%I', n.nspname, t.typname) AS identity, format(E'AS RANGE (\\n  %%s\\n)',"
      " concat_ws(E',\\n  ', 'SUBTYPE = ' || format_type(r.rngsubtype, NULL), %s"
      " (SELECT format('SUBTYPE_OPCLASS = %%I.%%I', cn.nspname, c.opcname) FROM pg_opclass c JOIN"
      " pg_namespace cn ON cn.oid = c.opcnamespace WHERE c.oid = r.rngsubopc AND NOT c.opcdefault),"
      " (SELECT format('COLLATION = %%I.%%I', cn.nspname, c.collname) FROM pg_collation c JOIN"
      " pg_namespace cn ON cn.oid = c.collnamespace WHERE c.oid = r.rngcollation AND"
      " r.rngcollation <> s.typcollation), 'CANONICAL = ' ||"
      " nullif(r.rngcanonical::oid, 0)::regproc::text, 'SUBTYPE_DIFF = ' ||"
      " nullif(r.rngsubdiff::oid, 0)::regproc::text)) AS definition," Q_OWNER("t.typowner")
      Q_ACL("t.typacl", "T", "t.typowner") "d.description AS comment FROM pg_type t JOIN"
      " pg_range r ON r.rngtypid = t.oid JOIN pg_type s ON s.oid = r.rngsubtype JOIN"
      " pg_namespace n ON n.oid = t.typnamespace" Q_COMMENT_JOIN("pg_type", "t.oid")
      " WHERE " Q_USER_SCHEMA " AND" Q_NOT_MEMBER("pg_type", "t.oid");
  static const char multirange[] =
      "(SELECT format('MULTIRANGE_TYPE_NAME = %I.%I', mn.nspname, m.typname) FROM pg_type m JOIN"
      " pg_namespace mn ON mn.oid = m.typnamespace WHERE m.oid = r.rngmultitypid),";
  return arena_printf(arena, query_format, server_major >= 14 ? multirange : "");
}
/* clang-format on */

static int create(struct catalog_writer *w, const struct catalog_object *o, struct err *err)
{
  UNUSED(err);
  catalog_writef(w, "CREATE TYPE %s %s", o->identity, catalog_get(o, "definition"));
  catalog_write_owner(w, o);
  catalog_write_acl(w, o);
  catalog_write_comment(w, o);
  return 0;
}

const struct catalog_kind_ops catalog_range_ops = {
    .kind = CATALOG_RANGE,
    .name = "range type",
    .sql_name = "TYPE",
    .grant_name = "TYPE",
    .section = CATALOG_PRE_DATA,
    .query = query,
    .create = create,
};
