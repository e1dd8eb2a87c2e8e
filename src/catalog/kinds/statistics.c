#include "catalog/model.h"

/* clang-format off */
static const char *query(struct arena *arena, int server_major)
{
  UNUSED(arena);
  UNUSED(server_major);
  return "SELECT" Q_CLASS("pg_statistic_ext") "s.oid, n.nspname AS schema, s.stxname AS name,"
         " format('%I.%I', n.nspname, s.stxname) AS identity, 'pg_class'::regclass::oid AS"
         " parent_class, s.stxrelid AS parent_oid, pg_get_statisticsobjdef(s.oid) AS definition,"
         " nullif(s.stxstattarget, -1) AS target," Q_OWNER("s.stxowner") "d.description AS"
         " comment FROM pg_statistic_ext s JOIN pg_namespace n ON n.oid = s.stxnamespace"
         Q_COMMENT_JOIN("pg_statistic_ext", "s.oid") " WHERE " Q_USER_SCHEMA " AND"
         Q_NOT_MEMBER("pg_statistic_ext", "s.oid");
}
/* clang-format on */

static int create(struct catalog_writer *w, const struct catalog_object *o, struct err *err)
{
  UNUSED(err);
  catalog_write(w, catalog_get(o, "definition"));
  if (catalog_get(o, "target"))
    catalog_write_for(w, CATALOG_FOR_CHANGE, "ALTER STATISTICS %s SET STATISTICS %s", o->identity,
                      catalog_get(o, "target"));
  catalog_write_owner(w, o);
  catalog_write_comment(w, o);
  return 0;
}

const struct catalog_kind_ops catalog_statistics_ops = {
    .kind = CATALOG_STATISTICS,
    .name = "statistics",
    .sql_name = "STATISTICS",
    .section = CATALOG_POST_DATA,
    .query = query,
    .create = create,
};
