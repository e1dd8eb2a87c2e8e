#include "base/json.h"
#include "catalog/model.h"

/* "name" holds the kind word of the statements (TABLES, ...), so that acl.c can write them. In a
 * schema the privileges are added to the global ones, so the default is none. */
/* clang-format off */
static const char *query(struct arena *arena, int server_major)
{
  UNUSED(arena);
  UNUSED(server_major);
  return "SELECT" Q_CLASS("pg_default_acl") "a.oid, n.nspname AS schema, k.word AS name,"
         " quote_ident(pg_get_userbyid(a.defaclrole)) || coalesce(' in ' ||"
         " quote_ident(n.nspname), '') || ' for ' || lower(k.word) AS identity,"
         " pg_get_userbyid(a.defaclrole) AS role, coalesce(" Q_ACL_TEXT("a.defaclacl") ", '') AS"
         " acl, CASE WHEN n.oid IS NULL THEN coalesce("
         Q_ACL_TEXT("acldefault(k.type, a.defaclrole)") ", '') ELSE '' END AS default_acl,"
         " NULL AS statements FROM pg_default_acl a LEFT JOIN"
         " pg_namespace n ON n.oid = a.defaclnamespace, LATERAL (SELECT CASE a.defaclobjtype"
         " WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'FUNCTIONS' WHEN 'T'"
         " THEN 'TYPES' WHEN 'n' THEN 'SCHEMAS' WHEN 'L' THEN 'LARGE OBJECTS' END AS word,"
         " CASE a.defaclobjtype WHEN 'S' THEN 's' ELSE a.defaclobjtype END AS type) k"
         " WHERE n.oid IS NULL OR " Q_USER_SCHEMA;
}
/* clang-format on */

static char *statements_json(struct arena *arena, const struct strings *statements)
{
  CLEANUP(text_clear) struct text json = TEXT_INIT;
  struct jw w = jw_begin(&json);
  jw_array(&w);
  for (size_t i = 0; i < statements->len; i++)
    jw_string(&w, statements->at[i]);
  jw_end(&w);
  return arena_strdup(arena, json.data);
}

static void finish(struct arena *arena, struct catalog_object *o)
{
  struct strings statements =
      catalog_acl_statements(arena, o, o->default_acl, catalog_get(o, "acl"));
  catalog_set(arena, o, "statements", statements_json(arena, &statements));
}

static int create(struct catalog_writer *w, const struct catalog_object *o, struct err *err)
{
  UNUSED(err);
  catalog_write_acl(w, o);
  return 0;
}

/* Back to the default: the server then forgets the entry. */
static char *drop(struct arena *arena, const struct catalog_object *o)
{
  struct strings statements =
      catalog_acl_statements(arena, o, catalog_get(o, "acl"), o->default_acl);
  CLEANUP(text_clear) struct text sql = TEXT_INIT;
  for (size_t i = 0; i < statements.len; i++)
    text_printf(&sql, "%s%s", i ? ";\n" : "", statements.at[i]);
  return arena_strdup(arena, sql.data);
}

const struct catalog_kind_ops catalog_default_acl_ops = {
    .kind = CATALOG_DEFAULT_ACL,
    .name = "default privileges",
    .grant_name = "DEFAULT",
    .section = CATALOG_POST_DATA,
    .rank = 5,
    .query = query,
    .create = create,
    .drop = drop,
    .finish = finish,
};
