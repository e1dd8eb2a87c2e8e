#include "catalog/model.h"

/* clang-format off */
#define TABLES_13                                                                                  \
  "(SELECT 'TABLE ' || string_agg(format('ONLY %I.%I', n.nspname, c.relname), ', ' ORDER BY"       \
  " n.nspname COLLATE \"C\", c.relname COLLATE \"C\") FROM pg_publication_rel r JOIN pg_class c"   \
  " ON c.oid = r.prrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE r.prpubid = p.oid)"
/* Column lists, row filters and schemas. */
#define TABLES_15                                                                                  \
  "nullif(concat_ws(', ', (SELECT string_agg(format('TABLE ONLY %I.%I', n.nspname, c.relname) ||"  \
  " coalesce(' (' || (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM"      \
  " pg_attribute a WHERE a.attrelid = c.oid AND a.attnum = ANY (r.prattrs::int2[])) || ')', '')"   \
  " || coalesce(' WHERE (' || pg_get_expr(r.prqual, r.prrelid) || ')', ''), ', ' ORDER BY"         \
  " n.nspname COLLATE \"C\", c.relname COLLATE \"C\") FROM pg_publication_rel r JOIN pg_class c"   \
  " ON c.oid = r.prrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE r.prpubid = p.oid),"  \
  " (SELECT string_agg('TABLES IN SCHEMA ' || quote_ident(n.nspname), ', ' ORDER BY n.nspname"     \
  " COLLATE \"C\") FROM pg_publication_namespace s JOIN pg_namespace n ON n.oid = s.pnnspid"       \
  " WHERE s.pnpubid = p.oid)), '')"

static const char *query(struct arena *arena, int server_major)
{
  CLEANUP(text_clear) struct text sql = TEXT_INIT;
  text_puts(&sql, "SELECT" Q_CLASS("pg_publication") "p.oid, p.pubname AS name,"
                                                     " quote_ident(p.pubname) AS identity, "
                                                     "format('CREATE PUBLICATION %I', p.pubname)"
                                                     " || coalesce(' FOR ' || CASE WHEN "
                                                     "p.puballtables THEN 'ALL TABLES' ELSE ");
  text_puts(&sql, server_major >= 15 ? TABLES_15 : TABLES_13);
  text_puts(&sql,
            " END, '') || format(' WITH (publish = %L', concat_ws(', ',"
            " CASE WHEN p.pubinsert THEN 'insert' END, CASE WHEN p.pubupdate THEN 'update' END,"
            " CASE WHEN p.pubdelete THEN 'delete' END,"
            " CASE WHEN p.pubtruncate THEN 'truncate' END))"
            " || CASE WHEN p.pubviaroot THEN ', publish_via_partition_root = true' ELSE '' END");
  if (server_major >= 18)
    text_puts(&sql, " || CASE WHEN p.pubgencols = 's' THEN ', publish_generated_columns = stored'"
                    " ELSE '' END");
  text_puts(&sql, " || ')' AS definition," Q_OWNER(
                      "p.pubowner") "d.description AS comment"
                                    " FROM pg_publication p" Q_COMMENT_JOIN(
                                        "pg_publication",
                                        "p.oid") " WHERE" Q_NOT_MEMBER("pg_publication", "p.oid"));
  return arena_strdup(arena, sql.data);
}
/* clang-format on */

static int create(struct catalog_writer *w, const struct catalog_object *o, struct err *err)
{
  UNUSED(err);
  catalog_write(w, catalog_get(o, "definition"));
  catalog_write_owner(w, o);
  catalog_write_comment(w, o);
  return 0;
}

const struct catalog_kind_ops catalog_publication_ops = {
    .kind = CATALOG_PUBLICATION,
    .name = "publication",
    .sql_name = "PUBLICATION",
    .section = CATALOG_POST_DATA,
    .rank = 4,
    .query = query,
    .create = create,
};
