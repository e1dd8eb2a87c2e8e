#include "catalog/model.h"

/* clang-format off */
static const char *query(struct arena *arena, int server_major)
{
  UNUSED(arena);
  UNUSED(server_major);
  return "SELECT" Q_CLASS("pg_namespace") "n.oid, n.nspname AS name, quote_ident(n.nspname) AS"
         " identity," Q_OWNER("n.nspowner") Q_ACL("n.nspacl", "n", "n.nspowner") "d.description"
         " AS comment FROM pg_namespace n" Q_COMMENT_JOIN("pg_namespace", "n.oid") " WHERE "
         Q_USER_SCHEMA " AND" Q_NOT_MEMBER("pg_namespace", "n.oid");
}
/* clang-format on */

static void write_block(struct catalog_writer *w, enum catalog_purpose purpose, const char *body)
{
  body = arena_printf(w->arena, "BEGIN\n%sEND", body);
  catalog_write_for(w, purpose, "DO %s", catalog_dollar_quote(w->arena, body));
}

static void write_public_privileges(struct catalog_writer *w, const struct catalog_object *o)
{
  struct arena *arena = w->arena;
  CLEANUP(text_clear) struct text body = TEXT_INIT;
  const char *acl = catalog_get(o, "acl") ? catalog_get(o, "acl") : o->default_acl;
  text_printf(&body,
              "  IF (SELECT coalesce(string_agg(i::text, E'\\n' ORDER BY i::text COLLATE \"C\"), "
              "'') FROM pg_catalog.pg_namespace n, unnest(coalesce(n.nspacl, acldefault('n', "
              "n.nspowner))) i WHERE nspname = 'public') <> %s THEN\n"
              "    REVOKE ALL ON SCHEMA public FROM PUBLIC;\n"
              "    REVOKE ALL ON SCHEMA public FROM %s;\n",
              sql_literal(arena, acl), sql_ident(arena, catalog_get(o, "owner")));
  struct strings grants = catalog_acl_statements(arena, o, "", acl);
  for (size_t i = 0; i < grants.len; i++)
    text_printf(&body, "    %s;\n", grants.at[i]);
  text_puts(&body, "  END IF;\n");
  write_block(w, CATALOG_FOR_PRIVILEGES, body.data);
}

/* Every new database brings a schema public with an owner, privileges and a comment of its
 * template: changes only what differs, so that an unprivileged restore of an untouched public
 * works. */
static void write_public(struct catalog_writer *w, const struct catalog_object *o)
{
  struct arena *arena = w->arena;
  const char *owner = catalog_get(o, "owner"), *comment = catalog_get(o, "comment");
  catalog_write(w, "CREATE SCHEMA IF NOT EXISTS public");
  write_block(w, CATALOG_FOR_OWNER,
              arena_printf(arena,
                           "  IF (SELECT pg_get_userbyid(nspowner) FROM pg_catalog.pg_namespace"
                           " WHERE nspname = 'public') <> %s THEN\n"
                           "    ALTER SCHEMA public OWNER TO %s;\n  END IF;\n",
                           sql_literal(arena, owner), sql_ident(arena, owner)));
  write_public_privileges(w, o);
  write_block(w, CATALOG_FOR_COMMENT,
              arena_printf(arena,
                           "  IF obj_description('public'::regnamespace, 'pg_namespace') IS"
                           " DISTINCT FROM %s THEN\n    COMMENT ON SCHEMA public IS %s;\n"
                           "  END IF;\n",
                           sql_literal(arena, comment), sql_literal(arena, comment)));
}

static int create(struct catalog_writer *w, const struct catalog_object *o, struct err *err)
{
  UNUSED(err);
  if (strcmp(o->name, "public") == 0) {
    write_public(w, o);
    return 0;
  }
  catalog_writef(w, "CREATE SCHEMA %s", o->identity);
  catalog_write_owner(w, o);
  catalog_write_acl(w, o);
  catalog_write_comment(w, o);
  return 0;
}

const struct catalog_kind_ops catalog_schema_ops = {
    .kind = CATALOG_SCHEMA,
    .name = "schema",
    .sql_name = "SCHEMA",
    .grant_name = "SCHEMA",
    .section = CATALOG_PRE_DATA,
    .query = query,
    .create = create,
};
