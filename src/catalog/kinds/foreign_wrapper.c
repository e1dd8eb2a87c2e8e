#include "catalog/model.h"

/* clang-format off */
static const char *query(struct arena *arena, int server_major)
{
  UNUSED(arena);
  UNUSED(server_major);
  return "SELECT" Q_CLASS("pg_foreign_data_wrapper") "w.oid, w.fdwname AS name,"
         " quote_ident(w.fdwname) AS identity, (SELECT format('%I.%I', n.nspname, p.proname) FROM"
         " pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE p.oid = w.fdwhandler) AS"
         " handler, (SELECT format('%I.%I', n.nspname, p.proname) FROM pg_proc p JOIN pg_namespace"
         " n ON n.oid = p.pronamespace WHERE p.oid = w.fdwvalidator) AS validator, "
         Q_FOREIGN_OPTIONS("w.fdwoptions") " AS foreign_options," Q_OWNER("w.fdwowner")
         Q_ACL("w.fdwacl", "F", "w.fdwowner") "d.description AS comment FROM"
         " pg_foreign_data_wrapper w" Q_COMMENT_JOIN("pg_foreign_data_wrapper", "w.oid") " WHERE"
         Q_NOT_MEMBER("pg_foreign_data_wrapper", "w.oid");
}
/* clang-format on */

static int create(struct catalog_writer *w, const struct catalog_object *o, struct err *err)
{
  UNUSED(err);
  const char *handler = catalog_get(o, "handler"), *validator = catalog_get(o, "validator");
  catalog_writef(w, "CREATE FOREIGN DATA WRAPPER %s%s%s%s%s%s", o->identity,
                 handler ? " HANDLER " : "", handler ? handler : "", validator ? " VALIDATOR " : "",
                 validator ? validator : "",
                 catalog_foreign_options(w->arena, catalog_get(o, "foreign_options")));
  catalog_write_owner(w, o);
  catalog_write_acl(w, o);
  catalog_write_comment(w, o);
  return 0;
}

const struct catalog_kind_ops catalog_foreign_wrapper_ops = {
    .kind = CATALOG_FOREIGN_WRAPPER,
    .name = "foreign-data wrapper",
    .sql_name = "FOREIGN DATA WRAPPER",
    .grant_name = "FOREIGN DATA WRAPPER",
    .section = CATALOG_PRE_DATA,
    .query = query,
    .create = create,
};
