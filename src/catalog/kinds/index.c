#include "catalog/kinds/index.h"

#include <jansson.h>

/* clang-format off */
static const char *query(struct arena *arena, int server_major)
{
  UNUSED(arena);
  UNUSED(server_major);
  return "SELECT" Q_CLASS("pg_class") "i.oid, n.nspname AS schema, i.relname AS name,"
         " format('%I.%I.%I', n.nspname, c.relname, i.relname) AS identity,"
         " 'pg_class'::regclass::oid AS parent_class, c.oid AS parent_oid,"
         " pg_relation_filenode(i.oid) AS relfilenode, i.reltuples AS row_estimate,"
         " pg_stat_get_numscans(i.oid) AS scans, CASE WHEN"
         " i.relkind = 'i' THEN pg_relation_size(i.oid) END AS bytes, CASE WHEN x.indisunique"
         " AND x.indisvalid AND x.indpred IS NULL AND x.indexprs IS NULL THEN (SELECT"
         " json_agg(a.attname ORDER BY u.n)::text FROM unnest(x.indkey::int2[]) WITH ORDINALITY"
         " u(attnum, n) JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = u.attnum WHERE"
         " u.n <= x.indnkeyatts) END AS row_key, pg_get_indexdef(i.oid) AS definition, "
         Q_FLAG("x.indisunique") " AS \"unique\", " Q_BOOL("x.indisvalid") " AS valid, "
         Q_PARENT_INDEX("i.oid") " AS partition_parent, "
         Q_INDEX_STATISTICS "AS statistics, s.spcname AS tablespace, d.description AS comment"
         " FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class c ON c.oid ="
         " x.indrelid JOIN pg_namespace n ON n.oid = i.relnamespace LEFT JOIN pg_tablespace s ON"
         " s.oid = i.reltablespace" Q_COMMENT_JOIN("pg_class", "i.oid") " WHERE c.relkind IN"
         " ('r', 'p', 'm') AND c.relpersistence <> 't' AND " Q_USER_SCHEMA " AND"
         Q_NOT_MEMBER("pg_class", "c.oid") " AND NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE"
         " k.conindid = i.oid AND k.contype IN ('p', 'u', 'x'))";
}
/* clang-format on */

void catalog_write_index_statistics(struct catalog_writer *w, const struct catalog_object *index,
                                    const char *statistics)
{
  json_t *object = statistics ? json_loads(statistics, 0, NULL) : NULL;
  const char *column;
  json_t *target;
  json_object_foreach(object, column, target) catalog_write_for(
      w, CATALOG_FOR_CHANGE, "ALTER INDEX %s ALTER COLUMN %s SET STATISTICS %" JSON_INTEGER_FORMAT,
      catalog_qualified(w->arena, index), column, json_integer_value(target));
  json_decref(object);
}

void catalog_write_index_attach(struct catalog_writer *w, const struct catalog_object *index)
{
  const char *identity = catalog_get(index, "partition_parent");
  if (!identity)
    return;
  const struct catalog_object *parent = catalog_find_name(w->catalog, CATALOG_CONSTRAINT, identity);
  if (!parent)
    parent = catalog_find_name(w->catalog, CATALOG_INDEX, identity);
  if (parent)
    catalog_write_for(w, CATALOG_FOR_ATTACH, "ALTER INDEX %s ATTACH PARTITION %s",
                      catalog_qualified(w->arena, parent), catalog_qualified(w->arena, index));
}

void catalog_write_index_marks(struct catalog_writer *w, const struct catalog_object *index)
{
  const struct catalog_object *table = index->parent;
  if (!table)
    return;
  char *name = sql_ident(w->arena, index->name);
  if (catalog_is(table, "cluster_on", index->name))
    catalog_write_for(w, CATALOG_FOR_CHANGE, "ALTER %s %s CLUSTER ON %s",
                      table->kind == CATALOG_MATVIEW ? "MATERIALIZED VIEW" : "TABLE ONLY",
                      table->identity, name);
  if (catalog_is(table, "replica_identity", arena_printf(w->arena, "USING INDEX %s", name)))
    catalog_write_for(w, CATALOG_FOR_CHANGE, "ALTER TABLE ONLY %s REPLICA IDENTITY USING INDEX %s",
                      table->identity, name);
}

/* An index that a failed CREATE INDEX CONCURRENTLY left invalid is not made: as a valid one it
 * could fail on the very rows that it failed on, and an invalid one cannot be made. The
 * fingerprint shows that it is missing. */
static bool is_leftover(const struct catalog_object *o)
{
  return catalog_is(o, "valid", "f") && o->parent && !catalog_get(o->parent, "partition_key");
}

static int create(struct catalog_writer *w, const struct catalog_object *o, struct err *err)
{
  UNUSED(err);
  if (is_leftover(o))
    return 0;
  catalog_write(w, catalog_get(o, "definition"));
  if (catalog_get(o, "tablespace"))
    catalog_write_for(w, CATALOG_FOR_CHANGE, "ALTER INDEX %s SET TABLESPACE %s",
                      catalog_qualified(w->arena, o),
                      sql_ident(w->arena, catalog_get(o, "tablespace")));
  catalog_write_index_statistics(w, o, catalog_get(o, "statistics"));
  catalog_write_index_attach(w, o);
  catalog_write_index_marks(w, o);
  catalog_write_comment(w, o);
  return 0;
}

static char *reference(struct arena *arena, const struct catalog_object *o)
{
  return catalog_qualified(arena, o);
}

const struct catalog_kind_ops catalog_index_ops = {
    .kind = CATALOG_INDEX,
    .name = "index",
    .sql_name = "INDEX",
    .section = CATALOG_POST_DATA,
    .query = query,
    .reference = reference,
    .create = create,
};
