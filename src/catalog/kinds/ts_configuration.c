#include "catalog/model.h"

/* mappings: a JSON array of "token WITH dictionary, ...", a token each, in the parser's order. */
/* clang-format off */
static const char *query(struct arena *arena, int server_major)
{
  UNUSED(arena);
  UNUSED(server_major);
  return "SELECT" Q_CLASS("pg_ts_config") "c.oid, n.nspname AS schema, c.cfgname AS name,"
         " format('%I.%I', n.nspname, c.cfgname) AS identity, format('CREATE TEXT SEARCH"
         " CONFIGURATION %I.%I (PARSER = %I.%I)', n.nspname, c.cfgname, pn.nspname, p.prsname) AS"
         " definition, (SELECT json_agg(format('%I WITH %s', k.alias, w.dictionaries) ORDER BY"
         " k.tokid)::text FROM ts_token_type(c.cfgparser) k JOIN (SELECT m.maptokentype,"
         " string_agg(format('%I.%I', tn.nspname, t.dictname), ', ' ORDER BY m.mapseqno) AS"
         " dictionaries FROM pg_ts_config_map m JOIN pg_ts_dict t ON t.oid = m.mapdict JOIN"
         " pg_namespace tn ON tn.oid = t.dictnamespace WHERE m.mapcfg = c.oid GROUP BY"
         " m.maptokentype) w ON w.maptokentype = k.tokid) AS mappings," Q_OWNER("c.cfgowner")
         "d.description AS comment FROM pg_ts_config c JOIN pg_namespace n ON n.oid ="
         " c.cfgnamespace JOIN pg_ts_parser p ON p.oid = c.cfgparser JOIN pg_namespace pn ON pn.oid"
         " = p.prsnamespace" Q_COMMENT_JOIN("pg_ts_config", "c.oid") " WHERE " Q_USER_SCHEMA " AND"
         Q_NOT_MEMBER("pg_ts_config", "c.oid");
}
/* clang-format on */

static int create(struct catalog_writer *w, const struct catalog_object *o, struct err *err)
{
  if (catalog_create_by_definition(w, o, err) < 0)
    return -1;
  struct strings mappings = catalog_json_strings(w->arena, catalog_get(o, "mappings"));
  for (size_t i = 0; i < mappings.len; i++)
    catalog_writef(w, "ALTER TEXT SEARCH CONFIGURATION %s ADD MAPPING FOR %s", o->identity,
                   mappings.at[i]);
  return 0;
}

const struct catalog_kind_ops catalog_ts_configuration_ops = {
    .kind = CATALOG_TS_CONFIGURATION,
    .name = "text search configuration",
    .sql_name = "TEXT SEARCH CONFIGURATION",
    .section = CATALOG_PRE_DATA,
    .query = query,
    .create = create,
};
