#include "catalog/model.h"

/* clang-format off */
static const char *query(struct arena *arena, int server_major)
{
  UNUSED(arena);
  UNUSED(server_major);
  return "SELECT" Q_CLASS("pg_type") "t.oid, n.nspname AS schema, t.typname AS name,"
         " format('%I.%I', n.nspname, t.typname) AS identity, format_type(t.typbasetype,"
         " t.typtypmod) AS type, CASE WHEN t.typcollation <> b.typcollation THEN (SELECT"
         " format('%I.%I', cn.nspname, c.collname) FROM pg_collation c JOIN pg_namespace cn ON"
         " cn.oid = c.collnamespace WHERE c.oid = t.typcollation) END AS collation, "
         Q_FLAG("t.typnotnull") " AS not_null, coalesce(pg_get_expr(t.typdefaultbin, 0),"
         " t.typdefault) AS \"default\"," Q_OWNER("t.typowner")
         Q_ACL("t.typacl", "T", "t.typowner") "d.description AS comment FROM pg_type t JOIN"
         " pg_namespace n ON n.oid = t.typnamespace JOIN pg_type b ON b.oid = t.typbasetype"
         Q_COMMENT_JOIN("pg_type", "t.oid") " WHERE t.typtype = 'd' AND " Q_USER_SCHEMA " AND"
         Q_NOT_MEMBER("pg_type", "t.oid");
}
/* clang-format on */

static int create(struct catalog_writer *w, const struct catalog_object *o, struct err *err)
{
  UNUSED(err);
  CLEANUP(text_clear) struct text sql = TEXT_INIT;
  text_printf(&sql, "CREATE DOMAIN %s AS %s", o->identity, catalog_get(o, "type"));
  if (catalog_get(o, "collation"))
    text_printf(&sql, " COLLATE %s", catalog_get(o, "collation"));
  if (catalog_get(o, "default"))
    text_printf(&sql, " DEFAULT %s", catalog_get(o, "default"));
  if (catalog_get(o, "not_null"))
    text_puts(&sql, " NOT NULL");
  catalog_write(w, sql.data);
  catalog_write_owner(w, o);
  catalog_write_acl(w, o);
  catalog_write_comment(w, o);
  return 0;
}

const struct catalog_kind_ops catalog_domain_ops = {
    .kind = CATALOG_DOMAIN,
    .name = "domain",
    .sql_name = "DOMAIN",
    .grant_name = "DOMAIN",
    .section = CATALOG_PRE_DATA,
    .query = query,
    .create = create,
};
