#include "catalog/model.h"

/* clang-format off */
static const char *query(struct arena *arena, int server_major)
{
  UNUSED(arena);
  UNUSED(server_major);
  return "SELECT" Q_CLASS("pg_class") "c.oid, n.nspname AS schema, c.relname AS name,"
         " format('%I.%I', n.nspname, c.relname) AS identity, pg_relation_filenode(c.oid) AS"
         " relfilenode, format_type(s.seqtypid, NULL) AS type, s.seqstart AS start,"
         " s.seqincrement AS increment, s.seqmin AS min, s.seqmax AS max, s.seqcache AS cache, "
         Q_FLAG("s.seqcycle") " AS cycle, c.relpersistence AS persistence, CASE WHEN o.refobjid"
         " IS NOT NULL THEN format('%I.%I.%I', tn.nspname, t.relname, a.attname) END AS"
         " owned_by, o.refobjid AS owned_by_oid, " Q_FLAG("o.deptype = 'i'") " AS"
         " property_identity," Q_OWNER("c.relowner") Q_ACL("c.relacl", "s", "c.relowner")
         "d.description AS comment FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid JOIN"
         " pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_depend o ON o.classid ="
         " 'pg_class'::regclass AND o.objid = c.oid AND o.objsubid = 0 AND o.refclassid ="
         " 'pg_class'::regclass AND o.refobjsubid > 0 AND o.deptype IN ('a', 'i') LEFT JOIN"
         " pg_class t ON t.oid = o.refobjid LEFT JOIN pg_namespace tn ON tn.oid = t.relnamespace"
         " LEFT JOIN pg_attribute a ON a.attrelid = o.refobjid AND a.attnum = o.refobjsubid"
         Q_COMMENT_JOIN("pg_class", "c.oid") " WHERE c.relpersistence <> 't' AND " Q_USER_SCHEMA
         " AND" Q_NOT_MEMBER("pg_class", "c.oid");
}
/* clang-format on */

/* The sequence of an identity column is made as its table is, but can be altered. Before 15 all
 * sequences are logged, and there are no words for it. */
static void write_persistence(struct catalog_writer *w, const struct catalog_object *o)
{
  enum { UNLOGGED_SEQUENCES_SINCE = 150000 };
  if (w->catalog->server_version < UNLOGGED_SEQUENCES_SINCE)
    return;
  const char *persistence = catalog_get(o, "persistence");
  const struct catalog_object *column =
      catalog_find_name(w->catalog, CATALOG_COLUMN, catalog_get(o, "owned_by"));
  if (column && column->parent && !catalog_is(column->parent, "persistence", persistence))
    catalog_write_for(w, CATALOG_FOR_CHANGE, "ALTER SEQUENCE %s SET %s", o->identity,
                      *persistence == 'u' ? "UNLOGGED" : "LOGGED");
}

static int create(struct catalog_writer *w, const struct catalog_object *o, struct err *err)
{
  UNUSED(err);
  if (!catalog_get(o, "identity")) { /* else its column makes it */
    catalog_writef(
        w,
        "CREATE %sSEQUENCE %s AS %s START WITH %s INCREMENT BY %s MINVALUE %s MAXVALUE %s CACHE "
        "%s%s",
        catalog_is(o, "persistence", "u") ? "UNLOGGED " : "", o->identity, catalog_get(o, "type"),
        catalog_get(o, "start"), catalog_get(o, "increment"), catalog_get(o, "min"),
        catalog_get(o, "max"), catalog_get(o, "cache"), catalog_get(o, "cycle") ? " CYCLE" : "");
    catalog_write_owner(w, o);
  } else {
    write_persistence(w, o);
  }
  catalog_write_acl(w, o);
  catalog_write_comment(w, o);
  return 0;
}

void catalog_write_owned_by(struct catalog_writer *w, const struct catalog_object *sequence)
{
  catalog_write_for(w, CATALOG_FOR_OWNED_BY, "ALTER SEQUENCE %s OWNED BY %s", sequence->identity,
                    catalog_get(sequence, "owned_by"));
}

static char *drop(struct arena *arena, const struct catalog_object *o)
{
  return catalog_get(o, "identity") ? NULL : arena_printf(arena, "DROP SEQUENCE %s", o->identity);
}

const struct catalog_kind_ops catalog_sequence_ops = {
    .kind = CATALOG_SEQUENCE,
    .name = "sequence",
    .sql_name = "SEQUENCE",
    .grant_name = "SEQUENCE",
    .section = CATALOG_PRE_DATA,
    .query = query,
    .create = create,
    .drop = drop,
};
