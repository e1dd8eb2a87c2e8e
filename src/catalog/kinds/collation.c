#include "catalog/model.h"

/* Where the locale of a provider other than libc is. */
static const char *locale_column(int server_major)
{
  return server_major >= 17   ? "c.colllocale"
         : server_major >= 15 ? "c.colliculocale"
                              : "NULL::text";
}

/* clang-format off */
static const char *query(struct arena *arena, int server_major)
{
  static const char query_format[] =
      "SELECT" Q_CLASS("pg_collation") "c.oid, n.nspname AS schema, c.collname AS name,"
      " format('%%I.%%I', n.nspname, c.collname) AS identity, format('(%%s)', concat_ws(', ',"
      " 'PROVIDER = ' || CASE c.collprovider WHEN 'c' THEN 'libc' WHEN 'i' THEN 'icu' WHEN 'b' THEN"
      " 'builtin' ELSE 'default' END, CASE WHEN NOT c.collisdeterministic THEN 'DETERMINISTIC ="
      " false' END, 'LOCALE = ' || quote_literal(coalesce(%s, CASE WHEN c.collcollate = c.collctype"
      " THEN c.collcollate END)), CASE WHEN c.collcollate <> c.collctype THEN 'LC_COLLATE = ' ||"
      " quote_literal(c.collcollate) || ', LC_CTYPE = ' || quote_literal(c.collctype) END, %s))"
      " AS definition," Q_OWNER("c.collowner") "d.description AS comment FROM pg_collation c JOIN"
      " pg_namespace n ON n.oid = c.collnamespace" Q_COMMENT_JOIN("pg_collation", "c.oid")
      " WHERE " Q_USER_SCHEMA " AND" Q_NOT_MEMBER("pg_collation", "c.oid");
  return arena_printf(arena, query_format, locale_column(server_major),
                      server_major >= 16 ? "'RULES = ' || quote_literal(c.collicurules)"
                                         : "NULL::text");
}
/* clang-format on */

static int create(struct catalog_writer *w, const struct catalog_object *o, struct err *err)
{
  UNUSED(err);
  catalog_writef(w, "CREATE COLLATION %s %s", o->identity, catalog_get(o, "definition"));
  catalog_write_owner(w, o);
  catalog_write_comment(w, o);
  return 0;
}

const struct catalog_kind_ops catalog_collation_ops = {
    .kind = CATALOG_COLLATION,
    .name = "collation",
    .sql_name = "COLLATION",
    .section = CATALOG_PRE_DATA,
    .query = query,
    .create = create,
};
