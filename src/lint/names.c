#include "lint/names.h"

#include "base/map.h"
#include "db/db.h"

/* Schema, name, how many, least and most arguments, whether they are procedures. */
static const struct {
  enum sql_use_kind kind;
  const char *sql;
} queries[] = {
    {SQL_USE_TYPE, "SELECT nspname, typname, 1, 0, 0, false FROM pg_catalog.pg_type t"
                   " JOIN pg_catalog.pg_namespace n ON n.oid = typnamespace WHERE typisdefined"},
    {SQL_USE_FUNCTION,
     "SELECT nspname, proname, count(*), min(pronargs - pronargdefaults - "
     "(provariadic <> 0)::int), max(CASE WHEN provariadic <> 0 THEN 1000"
     " WHEN prokind = 'p' THEN coalesce(cardinality(proallargtypes), pronargs) ELSE pronargs END), "
     "prokind = 'p'"
     " FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = pronamespace"
     " GROUP BY 1, 2, 6"},
    {SQL_USE_ROLE, "SELECT NULL::name, rolname, 1, 0, 0, false FROM pg_catalog.pg_roles"},
    {SQL_USE_TABLESPACE,
     "SELECT NULL::name, spcname, 1, 0, 0, false FROM pg_catalog.pg_tablespace"},
    {SQL_USE_OPCLASS, "SELECT amname, opcname, 1, 0, 0, false FROM pg_catalog.pg_opclass"
                      " JOIN pg_catalog.pg_am a ON a.oid = opcmethod"},
    {SQL_USE_OPFAMILY, "SELECT amname, opfname, 1, 0, 0, false FROM pg_catalog.pg_opfamily"
                       " JOIN pg_catalog.pg_am a ON a.oid = opfmethod"},
    {SQL_USE_COLLATION,
     "SELECT nspname, collname, 1, 0, 0, false FROM pg_catalog.pg_collation"
     " JOIN pg_catalog.pg_namespace n ON n.oid = collnamespace WHERE collencoding IN (-1,"
     " (SELECT encoding FROM pg_catalog.pg_database WHERE datname = current_database()))"},
    {SQL_USE_SCHEMA, "SELECT NULL::name, nspname, 1, 0, 0, false FROM pg_catalog.pg_namespace"},
    {SQL_USE_LANGUAGE, "SELECT NULL::name, lanname, 1, 0, 0, false FROM pg_catalog.pg_language"},
    {SQL_USE_ACCESS_METHOD, "SELECT NULL::name, amname, 1, 0, 0, false FROM pg_catalog.pg_am"},
    {SQL_USE_EXTENSION, "SELECT NULL::name, extname, 1, 0, 0, false FROM pg_catalog.pg_extension"},
    {SQL_USE_EXTENSION_FILES,
     "SELECT NULL::name, name, 1, 0, 0, false FROM pg_catalog.pg_available_extensions()"},
    {SQL_USE_SERVER,
     "SELECT NULL::name, srvname, 1, 0, 0, false FROM pg_catalog.pg_foreign_server"},
    {SQL_USE_WRAPPER,
     "SELECT NULL::name, fdwname, 1, 0, 0, false FROM pg_catalog.pg_foreign_data_wrapper"},
    {SQL_USE_PUBLICATION,
     "SELECT NULL::name, pubname, 1, 0, 0, false FROM pg_catalog.pg_publication"},
    {SQL_USE_EVENT_TRIGGER,
     "SELECT NULL::name, evtname, 1, 0, 0, false FROM pg_catalog.pg_event_trigger"},
    {SQL_USE_STATISTICS, "SELECT nspname, stxname, 1, 0, 0, false FROM pg_catalog.pg_statistic_ext"
                         " JOIN pg_catalog.pg_namespace n ON n.oid = stxnamespace"},
    {SQL_USE_CONVERSION, "SELECT nspname, conname, 1, 0, 0, false FROM pg_catalog.pg_conversion"
                         " JOIN pg_catalog.pg_namespace n ON n.oid = connamespace"},
    {SQL_USE_SUBSCRIPTION,
     "SELECT NULL::name, subname, 1, 0, 0, false FROM pg_catalog.pg_subscription WHERE subdbid ="
     " (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())"},
    {SQL_USE_SEARCH_CONFIGURATION,
     "SELECT nspname, cfgname, 1, 0, 0, false FROM pg_catalog.pg_ts_config"
     " JOIN pg_catalog.pg_namespace n ON n.oid = cfgnamespace"},
    {SQL_USE_SEARCH_DICTIONARY,
     "SELECT nspname, dictname, 1, 0, 0, false FROM pg_catalog.pg_ts_dict"
     " JOIN pg_catalog.pg_namespace n ON n.oid = dictnamespace"},
    {SQL_USE_SEARCH_PARSER, "SELECT nspname, prsname, 1, 0, 0, false FROM pg_catalog.pg_ts_parser"
                            " JOIN pg_catalog.pg_namespace n ON n.oid = prsnamespace"},
    {SQL_USE_SEARCH_TEMPLATE,
     "SELECT nspname, tmplname, 1, 0, 0, false FROM pg_catalog.pg_ts_template"
     " JOIN pg_catalog.pg_namespace n ON n.oid = tmplnamespace"},
};

static void add_row(struct arena *arena, const struct db_result *r, int row,
                    struct lint_names *names)
{
  struct map *kind = names->kinds[db_int(r, row, 0)];
  const char *schema = db_value(r, row, 1), *name = db_value(r, row, 2);
  struct lint_named_vec *all = map_get(kind, name);
  if (!all) {
    all = ARENA_NEW(arena, struct lint_named_vec);
    map_put(kind, name, all);
  }
  struct lint_named named = {.schema = schema ? arena_strdup(arena, schema) : NULL,
                             .count = (int)db_int(r, row, 3),
                             .least = (int)db_int(r, row, 4),
                             .most = (int)db_int(r, row, 5),
                             .procedures = db_bool(r, row, 6)};
  vec_push(arena, all, named);
}

int lint_names_read(struct arena *arena, struct db_conn *conn, const struct lint_names **ret,
                    struct err *err)
{
  CLEANUP(text_clear) struct text sql = TEXT_INIT;
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  struct lint_names *names = ARENA_NEW(arena, struct lint_names);
  for (size_t i = 0; i < COUNT_OF(queries); i++) {
    names->kinds[queries[i].kind] = map_new(arena);
    text_printf(&sql, "%sSELECT %d, q.* FROM (%s) q", i > 0 ? " UNION ALL " : "",
                (int)queries[i].kind, queries[i].sql);
  }
  if (db_query(conn, &r, err, sql.data, NULL) < 0)
    return err_wrap(err, "reading the names that the server knows");
  for (int i = 0; i < db_rows(r); i++)
    add_row(arena, r, i, names);
  if (db_query_value(conn, arena, &names->encoding, err,
                     "SELECT pg_catalog.pg_encoding_to_char(encoding) FROM pg_catalog.pg_database"
                     " WHERE datname = current_database()",
                     NULL) < 0)
    return err_wrap(err, "reading the encoding of the database");
  *ret = names;
  return 0;
}

const struct lint_named_vec *lint_names_find(const struct lint_names *names, enum sql_use_kind kind,
                                             const char *name)
{
  return map_get(names->kinds[kind], name);
}
