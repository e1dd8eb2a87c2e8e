#include "catalog/model.h"

/* clang-format off */
static const char *query(struct arena *arena, int server_major)
{
  UNUSED(arena);
  UNUSED(server_major);
  return "SELECT" Q_CLASS("pg_language") "l.oid, l.lanname AS name, quote_ident(l.lanname) AS"
         " identity, concat_ws(' ', CASE WHEN l.lanpltrusted THEN 'CREATE TRUSTED LANGUAGE' ELSE"
         " 'CREATE LANGUAGE' END, quote_ident(l.lanname), 'HANDLER ' || l.lanplcallfoid::regproc,"
         " 'INLINE ' || nullif(l.laninline, 0)::regproc, 'VALIDATOR ' || nullif(l.lanvalidator,"
         " 0)::regproc) AS definition," Q_OWNER("l.lanowner") Q_ACL("l.lanacl", "l", "l.lanowner")
         "d.description AS comment FROM pg_language l" Q_COMMENT_JOIN("pg_language", "l.oid")
         " WHERE l.lanispl AND l.oid >= 16384 AND" Q_NOT_MEMBER("pg_language", "l.oid");
}
/* clang-format on */

const struct catalog_kind_ops catalog_language_ops = {
    .kind = CATALOG_LANGUAGE,
    .name = "language",
    .sql_name = "LANGUAGE",
    .grant_name = "LANGUAGE",
    .section = CATALOG_PRE_DATA,
    .query = query,
    .create = catalog_create_by_definition,
};
