#include "catalog/model.h"

/* clang-format off */
static const char *query(struct arena *arena, int server_major)
{
  UNUSED(arena);
  UNUSED(server_major);
  return "SELECT" Q_CLASS("pg_type") "t.oid, n.nspname AS schema, t.typname AS name,"
         " format('%I.%I', n.nspname, t.typname) AS identity, (SELECT json_agg(l.enumlabel ORDER"
         " BY l.enumsortorder) FROM pg_enum l WHERE l.enumtypid = t.oid)::text AS labels,"
         Q_OWNER("t.typowner") Q_ACL("t.typacl", "T", "t.typowner") "d.description AS comment"
         " FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace"
         Q_COMMENT_JOIN("pg_type", "t.oid") " WHERE t.typtype = 'e' AND " Q_USER_SCHEMA " AND"
         Q_NOT_MEMBER("pg_type", "t.oid");
}
/* clang-format on */

static int create(struct catalog_writer *w, const struct catalog_object *o, struct err *err)
{
  UNUSED(err);
  CLEANUP(text_clear) struct text sql = TEXT_INIT;
  text_printf(&sql, "CREATE TYPE %s AS ENUM (", o->identity);
  struct strings labels = catalog_json_strings(w->arena, catalog_get(o, "labels"));
  for (size_t i = 0; i < labels.len; i++)
    text_printf(&sql, "%s%s", i ? ", " : "", sql_literal(w->arena, labels.at[i]));
  text_putc(&sql, ')');
  catalog_write(w, sql.data);
  catalog_write_owner(w, o);
  catalog_write_acl(w, o);
  catalog_write_comment(w, o);
  return 0;
}

const struct catalog_kind_ops catalog_enum_ops = {
    .kind = CATALOG_ENUM,
    .name = "enum",
    .sql_name = "TYPE",
    .grant_name = "TYPE",
    .section = CATALOG_PRE_DATA,
    .query = query,
    .create = create,
};
