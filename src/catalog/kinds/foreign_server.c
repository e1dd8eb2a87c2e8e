#include "catalog/model.h"

/* clang-format off */
static const char *query(struct arena *arena, int server_major)
{
  UNUSED(arena);
  UNUSED(server_major);
  return "SELECT" Q_CLASS("pg_foreign_server") "s.oid, s.srvname AS name, quote_ident(s.srvname)"
         " AS identity, quote_ident(w.fdwname) AS wrapper, s.srvtype AS type, s.srvversion AS"
         " version, " Q_FOREIGN_OPTIONS("s.srvoptions") " AS foreign_options,"
         Q_OWNER("s.srvowner") Q_ACL("s.srvacl", "S", "s.srvowner") "d.description AS comment"
         " FROM pg_foreign_server s JOIN pg_foreign_data_wrapper w ON w.oid = s.srvfdw"
         Q_COMMENT_JOIN("pg_foreign_server", "s.oid") " WHERE"
         Q_NOT_MEMBER("pg_foreign_server", "s.oid");
}
/* clang-format on */

static int create(struct catalog_writer *w, const struct catalog_object *o, struct err *err)
{
  UNUSED(err);
  const char *type = catalog_get(o, "type"), *version = catalog_get(o, "version");
  catalog_writef(w, "CREATE SERVER %s%s%s%s%s FOREIGN DATA WRAPPER %s%s", o->identity,
                 type ? " TYPE " : "", type ? sql_literal(w->arena, type) : "",
                 version ? " VERSION " : "", version ? sql_literal(w->arena, version) : "",
                 catalog_get(o, "wrapper"),
                 catalog_foreign_options(w->arena, catalog_get(o, "foreign_options")));
  catalog_write_owner(w, o);
  catalog_write_acl(w, o);
  catalog_write_comment(w, o);
  return 0;
}

const struct catalog_kind_ops catalog_foreign_server_ops = {
    .kind = CATALOG_FOREIGN_SERVER,
    .name = "foreign server",
    .sql_name = "SERVER",
    .grant_name = "FOREIGN SERVER",
    .section = CATALOG_PRE_DATA,
    .query = query,
    .create = create,
};
