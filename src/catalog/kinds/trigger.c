#include "catalog/model.h"

/* clang-format off */
static const char *query(struct arena *arena, int server_major)
{
  UNUSED(arena);
  UNUSED(server_major);
  return "SELECT" Q_CLASS("pg_trigger") "t.oid, n.nspname AS schema, t.tgname AS name,"
         " format('%I.%I.%I', n.nspname, c.relname, t.tgname) AS identity,"
         " 'pg_class'::regclass::oid AS parent_class, c.oid AS parent_oid,"
         " pg_get_triggerdef(t.oid) AS definition, t.tgenabled AS enabled, d.description AS"
         " comment, (SELECT k.description FROM pg_description k WHERE k.classoid ="
         " 'pg_constraint'::regclass AND k.objoid = t.tgconstraint AND k.objsubid = 0) AS"
         " constraint_comment FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN"
         " pg_namespace n ON"
         " n.oid = c.relnamespace" Q_COMMENT_JOIN("pg_trigger", "t.oid") " WHERE NOT"
         " t.tgisinternal AND t.tgparentid = 0 AND c.relkind IN ('r', 'p', 'v', 'f') AND"
         " c.relpersistence <> 't' AND " Q_USER_SCHEMA " AND" Q_NOT_MEMBER("pg_class", "c.oid");
}
/* clang-format on */

const char *catalog_enable_words(const char *state)
{
  switch (state ? state[0] : 'O') {
  case 'D':
    return "DISABLE";
  case 'R':
    return "ENABLE REPLICA";
  case 'A':
    return "ENABLE ALWAYS";
  default:
    return "ENABLE";
  }
}

static int create(struct catalog_writer *w, const struct catalog_object *o, struct err *err)
{
  UNUSED(err);
  catalog_write(w, catalog_get(o, "definition"));
  const char *enabled = catalog_get(o, "enabled");
  if (strcmp(enabled, "O") != 0)
    catalog_write_for(w, CATALOG_FOR_CHANGE, "ALTER TABLE %s %s TRIGGER %s", o->parent->identity,
                      catalog_enable_words(enabled), sql_ident(w->arena, o->name));
  catalog_write_comment(w, o);
  if (catalog_get(o, "constraint_comment")) /* of the constraint that a constraint trigger is */
    catalog_write_for(w, CATALOG_FOR_COMMENT, "COMMENT ON CONSTRAINT %s ON %s IS %s",
                      sql_ident(w->arena, o->name), o->parent->identity,
                      sql_literal(w->arena, catalog_get(o, "constraint_comment")));
  return 0;
}

const struct catalog_kind_ops catalog_trigger_ops = {
    .kind = CATALOG_TRIGGER,
    .name = "trigger",
    .sql_name = "TRIGGER",
    .section = CATALOG_POST_DATA,
    .rank = 2,
    .query = query,
    .reference = catalog_reference_on,
    .create = create,
};
