/* The options of a mapping are secret: they are read only for a backup (catalog_options.secrets)
 * and on a shadow. The view shows them to the mapped role itself, to the owner of the server for
 * PUBLIC, and to a superuser; to others they look as if there were none. */
#include "catalog/model.h"

/* clang-format off */
#define MAY_READ                                                                                   \
  "((m.umuser <> 0 AND m.usename = current_user AND (pg_has_role(s.srvowner, 'USAGE') OR"          \
  " has_server_privilege(s.oid, 'USAGE'))) OR (m.umuser = 0 AND pg_has_role(s.srvowner, 'USAGE'))" \
  " OR (SELECT rolsuper FROM pg_roles WHERE rolname = current_user))"
#define FROM_MAPPINGS " FROM pg_user_mappings m JOIN pg_foreign_server s ON s.oid = m.srvid "
#define MAPPED "CASE WHEN m.umuser = 0 THEN 'PUBLIC' ELSE quote_ident(m.usename) END"
#define SELECT_MAPPINGS(options)                                                                   \
  "SELECT" Q_CLASS("pg_user_mapping") "m.umid AS oid, CASE WHEN m.umuser = 0 THEN 'PUBLIC' ELSE"   \
  " m.usename END AS name, format('%s on %I', " MAPPED ", m.srvname) AS identity, " MAPPED " AS"   \
  " mapped_role, quote_ident(m.srvname) AS server, " options " AS secret_options" FROM_MAPPINGS
/* clang-format on */

static const char *query(struct arena *arena, int server_major)
{
  UNUSED(arena);
  UNUSED(server_major);
  return SELECT_MAPPINGS("NULL");
}

static const char *secret_query(struct arena *arena, int server_major)
{
  UNUSED(arena);
  UNUSED(server_major);
  return SELECT_MAPPINGS(Q_FOREIGN_OPTIONS("m.umoptions"));
}

static char *reference(struct arena *arena, const struct catalog_object *o)
{
  return arena_printf(arena, "FOR %s SERVER %s", catalog_get(o, "mapped_role"),
                      catalog_get(o, "server"));
}

static int create(struct catalog_writer *w, const struct catalog_object *o, struct err *err)
{
  UNUSED(err);
  catalog_writef(w, "CREATE USER MAPPING %s%s", reference(w->arena, o),
                 catalog_foreign_options(w->arena, catalog_get(o, "secret_options")));
  return 0;
}

const struct catalog_kind_ops catalog_user_mapping_ops = {
    .kind = CATALOG_USER_MAPPING,
    .name = "user mapping",
    .sql_name = "USER MAPPING",
    .section = CATALOG_PRE_DATA,
    .query = query,
    .secret_query = secret_query,
    .readable_query = "SELECT format('user mapping %s on %I', " MAPPED
                      ", m.srvname), " MAY_READ FROM_MAPPINGS "ORDER BY 1",
    .reference = reference,
    .create = create,
};
