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

int undo_switches_read(struct undo *u, struct db_conn *conn, const char *table,
                       struct undo_switches *ret, struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (db_query(conn, &r, err, switches_query, table, NULL) < 0)
    return err_wrap(err, "triggers of %s", table);
  for (int i = 0; i < db_rows(r); i++) {
    const char *what = db_value(r, i, 0), *on = db_value(r, i, 1), *name = db_value(r, i, 2);
    const char *always = db_value(r, i, 3)[0] == 'A' ? "ALWAYS " : "";
    const char *off = arena_printf(u->arena, "ALTER TABLE ONLY %s DISABLE %s %s", on, what, name);
    bool seen = false; /* a partition may be captured beside its root */
    for (size_t k = 0; k < ret->off.len && !seen; k++)
      seen = strcmp(ret->off.at[k], off) == 0;
    if (seen)
      continue;
    vec_push(u->arena, &ret->off, off);
    vec_push(u->arena, &ret->on,
             arena_printf(u->arena, "ALTER TABLE ONLY %s ENABLE %s%s %s", on, always, what, name));
  }
  return 0;
}

int undo_switch(struct undo *u, struct db_conn *conn, const struct strings *statements,
                struct err *err)
{
  for (size_t i = 0; i < statements->len; i++)
    if (undo_run(u, conn, NULL, statements->at[i], err) < 0)
      return err_wrap(err, "triggers and rules of the tables to be written");
  return 0;
}
