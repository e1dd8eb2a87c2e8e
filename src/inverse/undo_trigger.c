/* What is switched off while rows are written back, and afterwards put back into exactly its state:
 * triggers and rules of the user, which would audit, notify, or change the rows; and a replica
 * identity under which a published table could not be written at all. */
#include "inverse/undo_private.h"

/* (off, on) of the table and, of a partitioned one, all its partitions. Of triggers and rules 'R'
 * (replica only) is as good as off. Triggers of constraints (foreign keys) stay. */
static const char switches_query[] =
    "WITH tree AS (SELECT pg_catalog.to_regclass($1::text)::oid AS oid UNION"
    " SELECT relid FROM pg_catalog.pg_partition_tree(pg_catalog.to_regclass($1::text))),"
    " tables AS (SELECT c.oid, c.relkind, c.relreplident, c.relpersistence,"
    " pg_catalog.format('ALTER TABLE ONLY %I.%I', n.nspname, c.relname) AS alter FROM tree"
    " JOIN pg_catalog.pg_class c ON c.oid = tree.oid AND c.relkind IN ('r', 'p')"
    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace)"
    " SELECT pg_catalog.format('%s DISABLE TRIGGER %I', alter, g.tgname),"
    " pg_catalog.format('%s ENABLE %sTRIGGER %I', alter,"
    "  CASE g.tgenabled WHEN 'A' THEN 'ALWAYS ' ELSE '' END, g.tgname)"
    " FROM tables JOIN pg_catalog.pg_trigger g ON g.tgrelid = tables.oid"
    " LEFT JOIN pg_catalog.pg_constraint k ON k.oid = g.tgconstraint"
    " WHERE (NOT g.tgisinternal OR g.tgparentid <> 0) AND coalesce(k.contype, 't') = 't'"
    " AND g.tgenabled IN ('O', 'A')"
    " UNION ALL SELECT pg_catalog.format('%s DISABLE RULE %I', alter, w.rulename),"
    " pg_catalog.format('%s ENABLE %sRULE %I', alter,"
    "  CASE w.ev_enabled WHEN 'A' THEN 'ALWAYS ' ELSE '' END, w.rulename)"
    " FROM tables JOIN pg_catalog.pg_rewrite w ON w.ev_class = tables.oid"
    " WHERE w.ev_type <> '1' AND w.ev_enabled IN ('O', 'A')"
    " UNION ALL SELECT alter || ' REPLICA IDENTITY FULL', alter || ' REPLICA IDENTITY ' ||"
    "  CASE relreplident WHEN 'd' THEN 'DEFAULT' ELSE 'NOTHING' END"
    " FROM tables WHERE relkind = 'r' AND relpersistence = 'p' AND relreplident <> 'f'"
    " AND NOT EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = tables.oid"
    "  AND i.indisvalid AND i.indimmediate AND CASE relreplident WHEN 'd' THEN i.indisprimary"
    "  WHEN 'i' THEN i.indisreplident END)"
    " AND EXISTS (SELECT FROM pg_catalog.pg_publication p,"
    "  pg_catalog.pg_get_publication_tables(p.pubname::text) g"
    "  WHERE (p.pubupdate OR p.pubdelete) AND g.relid IN"
    "  (SELECT relid FROM pg_catalog.pg_partition_ancestors(tables.oid) UNION SELECT tables.oid))"
    " ORDER BY 1";

int undo_switches_read(struct undo *u, struct db_conn *conn, const char *table,
                       struct undo_switches *ret, struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (db_query(conn, &r, err, switches_query, table, NULL) < 0)
    return err_wrap(err, "triggers and rules of %s", table);
  for (int i = 0; i < db_rows(r); i++) {
    const char *off = arena_strdup(u->arena, db_value(r, i, 0));
    bool seen = false; /* a partition may be captured beside its root */
    for (size_t k = 0; k < ret->off.len && !seen; k++)
      seen = strcmp(ret->off.at[k], off) == 0;
    if (seen)
      continue;
    vec_push(u->arena, &ret->off, off);
    vec_push(u->arena, &ret->on, arena_strdup(u->arena, db_value(r, i, 1)));
  }
  return 0;
}

int undo_locks_exclusively(struct undo *u, struct db_conn *conn, const char *table, bool *ret,
                           struct err *err)
{
  struct undo_switches switches = {0};
  *ret = false;
  if (undo_switches_read(u, conn, table, &switches, err) < 0)
    return -1;
  for (size_t i = 0; i < switches.off.len; i++)
    if (!strstr(switches.off.at[i], " DISABLE TRIGGER "))
      *ret = true;
  return 0;
}

int undo_extend_plan(struct undo *u, struct db_conn *conn, bool has_steps,
                     struct capture_plan *plan, struct err *err)
{
  for (size_t i = 0; i < plan->tables.len; i++) {
    struct capture_table *t = &plan->tables.at[i];
    bool captured = false, exclusive = has_steps;
    for (size_t k = 0; k < u->tables.len && !captured; k++)
      captured = u->tables.at[k].after && strcmp(u->tables.at[k].after, t->before) == 0;
    if (!captured || !t->standby)
      continue;
    if (!exclusive && undo_locks_exclusively(u, conn, t->before, &exclusive, err) < 0)
      return -1;
    t->how = exclusive ? CAPTURE_ROWS : t->how;
    t->standby = false;
  }
  return 0;
}

int undo_switch(struct undo *u, struct db_conn *conn, const struct strings *statements,
                struct err *err)
{
  for (size_t i = 0; i < statements->len; i++)
    if (undo_run(u, conn, NULL, statements->at[i], err) < 0)
      return err_wrap(err, "triggers, rules and replica identity of the tables to be written");
  return 0;
}
