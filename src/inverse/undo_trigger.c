/* Triggers and rules of the user must not see rows being written back: they would audit, notify,
 * or change them. Each that is on is switched off singly and afterwards put back into exactly
 * its state. */
#include "inverse/undo_private.h"

/* The table and, of a partitioned one, all its partitions. 'R' (replica only) is as good as off.
 * Triggers of constraints (foreign keys) stay. */
static const char switches_query[] =
    "WITH tree AS (SELECT $1::text::regclass::oid AS oid UNION"
    " SELECT relid FROM pg_catalog.pg_partition_tree($1::text::regclass))"
    " SELECT 'TRIGGER', pg_catalog.format('%I.%I', n.nspname, c.relname),"
    " pg_catalog.quote_ident(g.tgname), g.tgenabled FROM tree"
    " JOIN pg_catalog.pg_class c ON c.oid = tree.oid AND c.relkind IN ('r', 'p')"
    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " JOIN pg_catalog.pg_trigger g ON g.tgrelid = c.oid"
    " LEFT JOIN pg_catalog.pg_constraint k ON k.oid = g.tgconstraint"
    " WHERE (NOT g.tgisinternal OR g.tgparentid <> 0) AND coalesce(k.contype, 't') = 't'"
    " AND g.tgenabled IN ('O', 'A')"
    " UNION ALL SELECT 'RULE', pg_catalog.format('%I.%I', n.nspname, c.relname),"
    " pg_catalog.quote_ident(w.rulename), w.ev_enabled FROM tree"
    " JOIN pg_catalog.pg_class c ON c.oid = tree.oid AND c.relkind IN ('r', 'p')"
    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " JOIN pg_catalog.pg_rewrite w ON w.ev_class = c.oid"
    " WHERE w.ev_type <> '1' AND w.ev_enabled IN ('O', 'A') ORDER BY 1, 2, 3";

int undo_switches_read(struct undo *u, struct db_conn *conn, struct undo_switches *ret,
                       struct err *err)
{
  struct map *seen = map_new(u->arena);
  for (size_t i = 0; i < u->tables.len; i++) {
    const struct undo_table *t = &u->tables.at[i];
    CLEANUP(db_result_clear) struct db_result *r = NULL;
    if (db_query(conn, &r, err, switches_query, t->before, NULL) < 0)
      return err_wrap(err, "triggers of %s", t->before);
    for (int k = 0; k < db_rows(r); k++) {
      const char *what = db_value(r, k, 0), *table = db_value(r, k, 1), *name = db_value(r, k, 2);
      const char *always = db_value(r, k, 3)[0] == 'A' ? "ALWAYS " : "";
      const char *off =
          arena_printf(u->arena, "ALTER TABLE ONLY %s DISABLE %s %s", table, what, name);
      /* a partition may be captured beside its root */
      if (map_get(seen, off))
        continue;
      map_put(seen, off, ret);
      vec_push(u->arena, &ret->off, off);
      vec_push(
          u->arena, &ret->on,
          arena_printf(u->arena, "ALTER TABLE ONLY %s ENABLE %s%s %s", table, always, what, name));
    }
  }
  return 0;
}
