#include "catalog/model.h"

/* clang-format off */
static const char *query(struct arena *arena, int server_major)
{
  UNUSED(arena);
  UNUSED(server_major);
  return "SELECT" Q_CLASS("pg_rewrite") "r.oid, n.nspname AS schema, r.rulename AS name,"
         " format('%I.%I.%I', n.nspname, c.relname, r.rulename) AS identity,"
         " 'pg_class'::regclass::oid AS parent_class, c.oid AS parent_oid,"
         " rtrim(pg_get_ruledef(r.oid), ';') AS definition, r.ev_enabled AS enabled,"
         " d.description AS comment FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class JOIN"
         " pg_namespace n ON n.oid = c.relnamespace" Q_COMMENT_JOIN("pg_rewrite", "r.oid")
         " WHERE r.rulename <> '_RETURN' AND c.relkind IN ('r', 'p', 'v', 'm') AND"
         " c.relpersistence <> 't' AND " Q_USER_SCHEMA " AND" Q_NOT_MEMBER("pg_class", "c.oid");
}
/* clang-format on */

static int create(struct catalog_writer *w, const struct catalog_object *o, struct err *err)
{
  UNUSED(err);
  catalog_write(w, catalog_get(o, "definition"));
  const char *enabled = catalog_get(o, "enabled");
  if (strcmp(enabled, "O") != 0)
    catalog_write_for(w, CATALOG_FOR_CHANGE, "ALTER TABLE %s %s RULE %s", o->parent->identity,
                      *enabled == 'D'   ? "DISABLE"
                      : *enabled == 'R' ? "ENABLE REPLICA"
                                        : "ENABLE ALWAYS",
                      sql_ident(w->arena, o->name));
  catalog_write_comment(w, o);
  return 0;
}

const struct catalog_kind_ops catalog_rule_ops = {
    .kind = CATALOG_RULE,
    .name = "rule",
    .sql_name = "RULE",
    .section = CATALOG_POST_DATA,
    .rank = 2,
    .query = query,
    .reference = catalog_reference_on,
    .create = create,
};
