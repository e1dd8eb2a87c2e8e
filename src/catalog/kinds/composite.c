#include "catalog/model.h"

/* Comments of attributes are part of the type: "attribute_comments", a JSON array of alternating
 * names and texts. */
/* clang-format off */
static const char *query(struct arena *arena, int server_major)
{
  UNUSED(arena);
  UNUSED(server_major);
  return "SELECT" Q_CLASS("pg_type") "t.oid, n.nspname AS schema, t.typname AS name,"
         " format('%I.%I', n.nspname, t.typname) AS identity, coalesce((SELECT"
         " json_agg(quote_ident(a.attname) || ' ' || format_type(a.atttypid, a.atttypmod) ||"
         " CASE WHEN a.attcollation <> b.typcollation THEN (SELECT format(' COLLATE %I.%I',"
         " cn.nspname, c.collname) FROM pg_collation c JOIN pg_namespace cn ON cn.oid ="
         " c.collnamespace WHERE c.oid = a.attcollation) ELSE '' END ORDER BY a.attnum) FROM"
         " pg_attribute a JOIN pg_type b ON b.oid = a.atttypid WHERE a.attrelid = t.typrelid AND"
         " a.attnum > 0 AND NOT a.attisdropped)::text, '[]') AS attributes, (SELECT json_agg(v.x"
         " ORDER BY a.attnum, v.n) FROM pg_attribute a JOIN pg_description ad ON ad.classoid ="
         " 'pg_class'::regclass AND ad.objoid = a.attrelid AND ad.objsubid = a.attnum,"
         " unnest(ARRAY[a.attname::text, ad.description]) WITH ORDINALITY v(x, n) WHERE"
         " a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped)::text AS"
         " attribute_comments," "(SELECT count(*) FROM pg_attribute a WHERE"
         " a.attrelid = t.typrelid AND a.attnum > 0 AND a.attisdropped)::oid AS dropped_attributes,"
         Q_OWNER("t.typowner") Q_ACL("t.typacl", "T", "t.typowner")
         "d.description AS comment FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace"
         " JOIN pg_class r ON r.oid = t.typrelid" Q_COMMENT_JOIN("pg_type", "t.oid") " WHERE"
         " t.typtype = 'c' AND r.relkind = 'c' AND " Q_USER_SCHEMA " AND"
         Q_NOT_MEMBER("pg_type", "t.oid");
}
/* clang-format on */

static int create(struct catalog_writer *w, const struct catalog_object *o, struct err *err)
{
  UNUSED(err);
  CLEANUP(text_clear) struct text sql = TEXT_INIT;
  text_printf(&sql, "CREATE TYPE %s AS (", o->identity);
  struct strings attributes = catalog_json_strings(w->arena, catalog_get(o, "attributes"));
  for (size_t i = 0; i < attributes.len; i++)
    text_printf(&sql, "%s\n  %s", i ? "," : "", attributes.at[i]);
  text_puts(&sql, attributes.len ? "\n)" : ")");
  catalog_write(w, sql.data);
  catalog_write_owner(w, o);
  catalog_write_acl(w, o);
  catalog_write_comment(w, o);
  struct strings comments = catalog_json_strings(w->arena, catalog_get(o, "attribute_comments"));
  for (size_t i = 0; i + 1 < comments.len; i += 2)
    catalog_writef(w, "COMMENT ON COLUMN %s.%s IS %s", o->identity,
                   sql_ident(w->arena, comments.at[i]), sql_literal(w->arena, comments.at[i + 1]));
  return 0;
}

const struct catalog_kind_ops catalog_composite_ops = {
    .kind = CATALOG_COMPOSITE,
    .name = "composite type",
    .sql_name = "TYPE",
    .grant_name = "TYPE",
    .section = CATALOG_PRE_DATA,
    .query = query,
    .create = create,
};
