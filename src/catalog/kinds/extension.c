#include "catalog/model.h"

/* clang-format off */
/* Members of the extension x with their privileges and those that the extension gave them. */
#define MEMBER(class, prefix, word, reference, type)                                               \
  " SELECT " word " AS word, " reference " AS reference, m." prefix "acl AS acl, coalesce("        \
  "i.initprivs, acldefault(" type "::\"char\", m." prefix "owner)) AS given FROM " class " m"      \
  " JOIN pg_namespace n ON n.oid = m." prefix "namespace"                                          \
  " JOIN pg_depend e ON e.classid = '" class "'::regclass AND e.objid = m.oid AND e.objsubid = 0"  \
  " AND e.deptype = 'e' AND e.refobjid = x.oid LEFT JOIN pg_init_privs i"                          \
  " ON i.classoid = e.classid AND i.objoid = m.oid AND i.objsubid = 0"                             \
  " WHERE m." prefix "acl IS NOT NULL "
#define FUNCTIONS                                                                                  \
  MEMBER("pg_proc", "pro", "CASE m.prokind WHEN 'p' THEN 'PROCEDURE' ELSE 'FUNCTION' END",         \
         "format('%I.%I(%s)', n.nspname, m.proname, pg_get_function_identity_arguments(m.oid))",   \
         "'f'")
#define RELATIONS                                                                                  \
  MEMBER("pg_class", "rel", "CASE m.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END",            \
         "format('%I.%I', n.nspname, m.relname)",                                                  \
         "CASE m.relkind WHEN 'S' THEN 's' ELSE 'r' END")
/* Without a schema. */
#define BARE_MEMBER(class, prefix, word, type)                                                     \
  " SELECT " word ", quote_ident(m." prefix "name), m." prefix "acl, coalesce(i.initprivs,"        \
  " acldefault(" type ", m." prefix "owner)) FROM " class " m JOIN pg_depend e ON e.classid = '"   \
  class "'::regclass AND e.objid = m.oid AND e.objsubid = 0 AND e.deptype = 'e' AND e.refobjid ="  \
  " x.oid LEFT JOIN pg_init_privs i ON i.classoid = e.classid AND i.objoid = m.oid AND"            \
  " i.objsubid = 0 WHERE m." prefix "acl IS NOT NULL "
#define WRAPPERS BARE_MEMBER("pg_foreign_data_wrapper", "fdw", "'FOREIGN DATA WRAPPER'", "'F'")
#define SERVERS BARE_MEMBER("pg_foreign_server", "srv", "'FOREIGN SERVER'", "'S'")
#define LANGUAGES BARE_MEMBER("pg_language", "lan", "'LANGUAGE'", "'l'")
#define SCHEMAS BARE_MEMBER("pg_namespace", "nsp", "'SCHEMA'", "'n'")
#define TYPES MEMBER("pg_type", "typ", "'TYPE'", "format('%I.%I', n.nspname, m.typname)", "'T'")

/* member_privileges: four strings a member whose privileges were changed since: "FUNCTION",
 * "public.f(text)", from, to; in a JSON array. */
static const char *query(struct arena *arena, int server_major)
{
  UNUSED(arena);
  UNUSED(server_major);
  return "SELECT" Q_CLASS("pg_extension") "x.oid, x.extname AS name, quote_ident(x.extname)"
         " AS identity, n.nspname AS property_schema, x.extversion AS version,"
         " d.description AS comment,"
         " (SELECT json_agg(v.x ORDER BY t.reference COLLATE \"C\", v.n) FROM"
         " (SELECT word, reference, coalesce(" Q_ACL_TEXT("given") ", '') AS given,"
         " coalesce(" Q_ACL_TEXT("acl") ", '') AS acl"
         " FROM (" FUNCTIONS " UNION ALL" RELATIONS " UNION ALL" TYPES " UNION ALL"
         WRAPPERS " UNION ALL" SERVERS " UNION ALL" LANGUAGES " UNION ALL" SCHEMAS ") members) t,"
         " unnest(ARRAY[t.word, t.reference, t.given, t.acl]) WITH ORDINALITY v(x, n)"
         " WHERE t.given <> t.acl)::text AS member_privileges"
         " FROM pg_extension x JOIN pg_namespace n ON n.oid = x.extnamespace"
         Q_COMMENT_JOIN("pg_extension", "x.oid");
}
/* clang-format on */

static void write_member_privileges(struct catalog_writer *w, const struct catalog_object *o)
{
  struct strings s = catalog_json_strings(w->arena, catalog_get(o, "member_privileges"));
  for (size_t i = 0; i + 3 < s.len; i += 4) {
    struct strings statements =
        catalog_acl_statements_on(w->arena, arena_printf(w->arena, "%s %s", s.at[i], s.at[i + 1]),
                                  "", s.at[i + 2], s.at[i + 3]);
    for (size_t k = 0; k < statements.len; k++)
      catalog_write_for(w, CATALOG_FOR_PRIVILEGES, "%s", statements.at[k]);
  }
}

static int create(struct catalog_writer *w, const struct catalog_object *o, struct err *err)
{
  UNUSED(err);
  const char *comment = catalog_get(o, "comment");
  catalog_writef(w, "CREATE EXTENSION IF NOT EXISTS %s WITH SCHEMA %s VERSION %s", o->identity,
                 sql_ident(w->arena, catalog_get(o, "schema")),
                 sql_literal(w->arena, catalog_get(o, "version")));
  /* The control file brings a comment; plpgsql belongs to somebody else. So only a comment that
   * differs is set. */
  char *body = arena_printf(
      w->arena,
      "BEGIN\n  IF (SELECT obj_description(oid, 'pg_extension') FROM pg_catalog.pg_extension WHERE "
      "extname = %s) IS DISTINCT FROM %s THEN\n    COMMENT ON EXTENSION %s IS %s;\n  END IF;\nEND",
      sql_literal(w->arena, o->name), sql_literal(w->arena, comment), o->identity,
      sql_literal(w->arena, comment));
  catalog_write_for(w, CATALOG_FOR_COMMENT, "DO %s", catalog_dollar_quote(w->arena, body));
  write_member_privileges(w, o);
  catalog_write_labels(w, o);
  return 0;
}

const struct catalog_kind_ops catalog_extension_ops = {
    .kind = CATALOG_EXTENSION,
    .name = "extension",
    .sql_name = "EXTENSION",
    .section = CATALOG_PRE_DATA,
    .query = query,
    .create = create,
};
