#include "catalog/model.h"

/* The default of a base type comes with it. From version 17 on NOT NULL has a name, and so can have
 * one of its own and a comment. */
/* clang-format off */
static const char *query(struct arena *arena, int server_major)
{
  static const char query_format[] =
         "SELECT" Q_CLASS("pg_type") "t.oid, n.nspname AS schema, t.typname AS name,"
         " format('%%I.%%I', n.nspname, t.typname) AS identity, format_type(t.typbasetype,"
         " t.typtypmod) AS type, CASE WHEN t.typcollation <> b.typcollation THEN (SELECT"
         " format('%%I.%%I', cn.nspname, c.collname) FROM pg_collation c JOIN pg_namespace cn ON"
         " cn.oid = c.collnamespace WHERE c.oid = t.typcollation) END AS collation, "
         Q_FLAG("t.typnotnull") " AS not_null, pg_get_expr(t.typdefaultbin, 0) AS"
         " \"default\", " Q_FLAG("t.typdefault IS NULL AND b.typdefault IS NOT NULL")
         " AS default_dropped, %s," Q_OWNER("t.typowner")
         Q_ACL("t.typacl", "T", "t.typowner") "d.description AS comment FROM pg_type t JOIN"
         " pg_namespace n ON n.oid = t.typnamespace JOIN pg_type b ON b.oid = t.typbasetype"
         Q_COMMENT_JOIN("pg_type", "t.oid") "%s WHERE t.typtype = 'd' AND " Q_USER_SCHEMA " AND"
         Q_NOT_MEMBER("pg_type", "t.oid");
  static const char named_not_null[] =
      " LEFT JOIN pg_constraint k ON k.contypid = t.oid AND k.contype = 'n' LEFT JOIN"
      " pg_description kd ON kd.classoid = 'pg_constraint'::regclass AND kd.objoid = k.oid";
  bool named = server_major >= 17;
  return arena_printf(
      arena, query_format,
      named ? "CASE WHEN k.conname <> t.typname || '_not_null' OR kd.description IS NOT NULL THEN"
              " k.conname END AS not_null_name, kd.description AS not_null_comment"
            : "NULL AS not_null_name, NULL AS not_null_comment",
      named ? named_not_null : "");
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
  if (catalog_get(o, "not_null_name"))
    text_printf(&sql, " CONSTRAINT %s", sql_ident(w->arena, catalog_get(o, "not_null_name")));
  if (catalog_get(o, "not_null"))
    text_puts(&sql, " NOT NULL");
  catalog_write(w, sql.data);
  if (catalog_get(o, "default_dropped"))
    catalog_writef(w, "ALTER DOMAIN %s DROP DEFAULT", o->identity);
  catalog_write_owner(w, o);
  catalog_write_acl(w, o);
  catalog_write_comment(w, o);
  if (catalog_get(o, "not_null_comment"))
    catalog_writef(w, "COMMENT ON CONSTRAINT %s ON DOMAIN %s IS %s",
                   sql_ident(w->arena, catalog_get(o, "not_null_name")), o->identity,
                   sql_literal(w->arena, catalog_get(o, "not_null_comment")));
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
