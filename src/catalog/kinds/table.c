#include "catalog/kinds/table.h"

/* clang-format off */
/* Of the triggers that a partition has from above those that are switched otherwise than the one
 * that they were cloned from in the end. */
#define TRIGGER_STATES                                                                             \
  "(SELECT json_agg(v.x ORDER BY t.tgname, v.n)::text FROM pg_trigger t, unnest(ARRAY["            \
  "t.tgname::text, t.tgenabled::text]) WITH ORDINALITY v(x, n) WHERE t.tgrelid = c.oid AND"        \
  " t.tgparentid <> 0 AND t.tgenabled <> (WITH RECURSIVE up AS (SELECT p.tgparentid, p.tgenabled," \
  " p.tgisinternal FROM pg_trigger p WHERE p.oid = t.tgparentid UNION ALL SELECT p.tgparentid,"    \
  " p.tgenabled, p.tgisinternal FROM up JOIN pg_trigger p ON p.oid = up.tgparentid) SELECT"        \
  " up.tgenabled FROM up WHERE up.tgparentid = 0 AND NOT up.tgisinternal))"

static const char *query(struct arena *arena, int server_major)
{
  UNUSED(arena);
  UNUSED(server_major);
  return "SELECT" Q_CLASS("pg_class") "c.oid, n.nspname AS schema, c.relname AS name,"
         " format('%I.%I', n.nspname, c.relname) AS identity, pg_relation_filenode(c.oid) AS"
         " relfilenode, CASE WHEN c.reltuples < 0 THEN -1 ELSE c.reltuples END AS row_estimate,"
         " CASE c.relkind WHEN 'r' THEN pg_total_relation_size(c.oid) ELSE 0 END AS bytes,"
         " c.relkind AS relkind, c.relpersistence AS persistence, CASE c.relkind WHEN 'p' THEN"
         " pg_get_partkeydef(c.oid) END AS partition_key, CASE WHEN c.relispartition THEN"
         " (SELECT format('%I.%I', pn.nspname, p.relname) FROM pg_inherits h JOIN pg_class p ON"
         " p.oid = h.inhparent JOIN pg_namespace pn ON pn.oid = p.relnamespace WHERE h.inhrelid"
         " = c.oid) END AS partition_of, pg_get_expr(c.relpartbound, c.oid) AS partition_bound,"
         " CASE WHEN NOT c.relispartition THEN (SELECT json_agg(format('%I.%I', pn.nspname,"
         " p.relname) ORDER BY h.inhseqno)::text FROM pg_inherits h JOIN pg_class p ON p.oid ="
         " h.inhparent JOIN pg_namespace pn ON pn.oid = p.relnamespace WHERE h.inhrelid = c.oid)"
         " END AS inherits, CASE WHEN c.reloftype <> 0 THEN format_type(c.reloftype, NULL) END"
         " AS of_type, " Q_OPTIONS("c.reloptions", "") " AS options, (SELECT "
         Q_OPTIONS("t.reloptions", "toast.") " FROM pg_class t WHERE t.oid = c.reltoastrelid) AS"
         " toast_options, " Q_OPTIONS_WRITTEN("c.reloptions", "") " AS options_written, (SELECT "
         Q_OPTIONS_WRITTEN("t.reloptions", "toast.") " FROM pg_class t WHERE t.oid ="
         " c.reltoastrelid) AS toast_options_written, CASE WHEN m.amname <> 'heap' OR c.relkind ="
         " 'p' THEN m.amname END AS"
         " access_method, s.spcname AS tablespace, CASE WHEN c.relkind = 'f' THEN NULL WHEN"
         " c.relreplident = 'f' THEN 'FULL' WHEN c.relreplident = 'n' THEN 'NOTHING' WHEN"
         " c.relreplident = 'i' THEN coalesce((SELECT 'USING INDEX ' ||"
         " quote_ident(i.relname) FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid WHERE"
         " x.indrelid = c.oid AND x.indisreplident), 'NOTHING') END AS replica_identity, (SELECT"
         " i.relname FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid WHERE x.indrelid ="
         " c.oid AND x.indisclustered) AS cluster_on, " Q_FLAG("c.relrowsecurity") " AS"
         " row_security, " Q_FLAG("c.relforcerowsecurity") " AS force_row_security, CASE"
         " WHEN c.relispartition THEN " TRIGGER_STATES " END AS trigger_states, (SELECT"
         " quote_ident(fs.srvname) FROM pg_foreign_server fs WHERE fs.oid = ft.ftserver) AS server,"
         " " Q_FOREIGN_OPTIONS("ft.ftoptions") " AS foreign_options,"
         Q_OWNER("c.relowner") Q_ACL("c.relacl", "r", "c.relowner") "d.description AS comment"
         " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_am m ON"
         " m.oid = c.relam LEFT JOIN pg_tablespace s ON s.oid = c.reltablespace LEFT JOIN"
         " pg_foreign_table ft ON ft.ftrelid = c.oid"
         Q_COMMENT_JOIN("pg_class", "c.oid") " WHERE c.relkind IN ('r', 'p', 'f') AND"
         " c.relpersistence <> 't' AND " Q_USER_SCHEMA " AND" Q_NOT_MEMBER("pg_class", "c.oid");
}
/* clang-format on */

/* The column of the same name of the first inheritance parent that has one. */
static const struct catalog_object *parent_column(const struct catalog_writer *w,
                                                  const struct catalog_object *column)
{
  struct strings parents = catalog_json_strings(w->arena, catalog_get(column->parent, "inherits"));
  for (size_t i = 0; i < parents.len; i++) {
    const struct catalog_object *found = catalog_find_name(
        w->catalog, CATALOG_COLUMN,
        arena_printf(w->arena, "%s.%s", parents.at[i], sql_ident(w->arena, column->name)));
    if (found)
      return found;
  }
  return NULL;
}

static bool is_partition(const struct catalog_object *table)
{
  return catalog_get(table, "partition_of") != NULL;
}

/* Comes with INHERITS; the columns of a partition are all written, it is attached later. */
static bool comes_by_inheritance(const struct catalog_object *column)
{
  return catalog_get(column, "inherited") && !is_partition(column->parent);
}

bool catalog_is_foreign(const struct catalog_object *table)
{
  return catalog_is(table, "relkind", "f");
}

static bool same(const char *a, const char *b)
{
  return a == b || (a && b && strcmp(a, b) == 0);
}

/* What an inherited column has otherwise than its parent's. */
static void write_inherited_column(struct catalog_writer *w, const struct catalog_object *column)
{
  const struct catalog_object *parent = parent_column(w, column);
  char *alter = arena_printf(w->arena, "ALTER TABLE ONLY %s ALTER COLUMN %s",
                             column->parent->identity, sql_ident(w->arena, column->name));
  const char *value = catalog_get(column, "default");
  if (!catalog_get(column, "generated") && !(w->whole && catalog_default_is_apart(column)) &&
      !(parent && same(value, catalog_get(parent, "default"))) && (value || parent)) {
    if (value)
      catalog_writef(w, "%s SET DEFAULT %s", alter, value);
    else if (catalog_get(parent, "default"))
      catalog_writef(w, "%s DROP DEFAULT", alter);
  }
  if (catalog_get(column, "not_null") && !catalog_get(column, "not_null_name") &&
      !(parent && catalog_get(parent, "not_null")))
    catalog_writef(w, "%s SET NOT NULL", alter);
}

/* A partition needs its parent's CHECKs before it can be attached. */
static void inherited_checks(struct catalog_writer *w, const struct catalog_object *table,
                             struct text *sql)
{
  if (w->whole || !is_partition(table))
    return;
  struct catalog_objects constraints =
      catalog_children(w->arena, w->catalog, table, CATALOG_CONSTRAINT);
  for (size_t i = 0; i < constraints.len; i++) {
    const struct catalog_object *c = constraints.at[i];
    if (catalog_is(c, "type", "c") && catalog_get(c, "inherited"))
      text_printf(sql, ",\n  CONSTRAINT %s %s", sql_ident(w->arena, c->name),
                  catalog_get(c, "definition"));
  }
}

static void column_list(struct catalog_writer *w, const struct catalog_object *table,
                        const struct catalog_objects *columns, struct text *sql)
{
  bool typed = catalog_get(table, "of_type") != NULL;
  CLEANUP(text_clear) struct text list = TEXT_INIT;
  for (size_t i = 0; i < columns->len; i++) {
    const struct catalog_object *column = columns->at[i];
    if (comes_by_inheritance(column)) {
      if (catalog_get(column, "not_null") && catalog_get(column, "not_null_name") &&
          !catalog_get(column, "not_null_inherited"))
        text_printf(&list, ",\n  %s", catalog_not_null(w->arena, column, true));
      continue;
    }
    char *rest = catalog_column_constraints(w, column, parent_column(w, column));
    if (typed && !*rest)
      continue;
    text_puts(&list, ",\n  ");
    if (typed)
      text_printf(&list, "%s WITH OPTIONS", sql_ident(w->arena, column->name));
    else
      text_puts(&list, catalog_column_type(w->arena, column));
    text_puts(&list, rest);
  }
  inherited_checks(w, table, &list);
  if (list.len)
    text_printf(sql, " (%s\n)", list.data + 1); /* without the first comma */
  else if (!typed)
    text_puts(sql, " ()");
}

static void inherits_clause(struct catalog_writer *w, const struct catalog_object *table,
                            struct text *sql)
{
  struct strings parents = catalog_json_strings(w->arena, catalog_get(table, "inherits"));
  for (size_t i = 0; i < parents.len; i++)
    text_printf(sql, "%s%s", i ? ", " : "\nINHERITS (", parents.at[i]);
  if (parents.len)
    text_putc(sql, ')');
}

static void write_create(struct catalog_writer *w, const struct catalog_object *o,
                         const struct catalog_objects *columns)
{
  CLEANUP(text_clear) struct text sql = TEXT_INIT;
  text_printf(&sql, "CREATE %sTABLE %s",
              catalog_is_foreign(o)               ? "FOREIGN "
              : catalog_is(o, "persistence", "u") ? "UNLOGGED "
                                                  : "",
              o->identity);
  if (catalog_get(o, "of_type"))
    text_printf(&sql, " OF %s", catalog_get(o, "of_type"));
  column_list(w, o, columns, &sql);
  inherits_clause(w, o, &sql);
  if (catalog_is_foreign(o))
    text_printf(&sql, "\nSERVER %s%s", catalog_get(o, "server"),
                catalog_foreign_options(w->arena, catalog_get(o, "foreign_options")));
  if (catalog_get(o, "partition_key"))
    text_printf(&sql, "\nPARTITION BY %s", catalog_get(o, "partition_key"));
  if (catalog_get(o, "access_method"))
    text_printf(&sql, "\nUSING %s", sql_ident(w->arena, catalog_get(o, "access_method")));
  const char *options = catalog_get_written(w->arena, o, "options");
  const char *toast = catalog_get_written(w->arena, o, "toast_options");
  if (options || toast)
    text_printf(&sql, "\nWITH (%s%s%s)", options ? options : "", options && toast ? ", " : "",
                toast ? toast : "");
  if (catalog_get(o, "tablespace"))
    text_printf(&sql, "\nTABLESPACE %s", sql_ident(w->arena, catalog_get(o, "tablespace")));
  catalog_write(w, sql.data);
}

/* What a whole script has among the last. */
static void write_rest(struct catalog_writer *w, const struct catalog_object *o,
                       const struct catalog_objects *columns)
{
  catalog_write_table_rest(w, o);
  for (size_t i = 0; i < columns->len; i++)
    if (catalog_get(columns->at[i], "not_null_not_valid"))
      catalog_write_not_valid(w, columns->at[i]);
}

static int create(struct catalog_writer *w, const struct catalog_object *o, struct err *err)
{
  UNUSED(err);
  struct catalog_objects columns = catalog_children(w->arena, w->catalog, o, CATALOG_COLUMN);
  write_create(w, o, &columns);
  for (size_t i = 0; i < columns.len; i++)
    if (comes_by_inheritance(columns.at[i]))
      write_inherited_column(w, columns.at[i]);
  catalog_write_owner(w, o);
  for (size_t i = 0; i < columns.len; i++)
    catalog_column_settings(w, columns.at[i],
                            comes_by_inheritance(columns.at[i]) ? parent_column(w, columns.at[i])
                                                                : NULL);
  if (is_partition(o))
    catalog_write_for(w, CATALOG_FOR_ATTACH, "ALTER TABLE ONLY %s ATTACH PARTITION %s %s",
                      catalog_get(o, "partition_of"), o->identity,
                      catalog_get(o, "partition_bound"));
  catalog_write_acl(w, o);
  catalog_write_comment(w, o);
  for (size_t i = 0; i < columns.len; i++) {
    catalog_write_acl(w, columns.at[i]);
    catalog_write_comment(w, columns.at[i]);
    if (catalog_get(columns.at[i], "not_null"))
      catalog_write_not_null_comment(w, columns.at[i]);
  }
  if (!w->whole)
    write_rest(w, o, &columns);
  return 0;
}

/* What must wait until the data is in. CLUSTER ON and REPLICA IDENTITY USING INDEX come with
 * their index. */
void catalog_write_table_rest(struct catalog_writer *w, const struct catalog_object *o)
{
  enum catalog_section section = w->section;
  w->section = CATALOG_POST_DATA;
  const char *replica_identity = catalog_get(o, "replica_identity");
  if (replica_identity && strncmp(replica_identity, "USING INDEX", 11) != 0)
    catalog_write_for(w, CATALOG_FOR_CHANGE, "ALTER TABLE ONLY %s REPLICA IDENTITY %s", o->identity,
                      replica_identity);
  if (catalog_get(o, "row_security"))
    catalog_write_for(w, CATALOG_FOR_CHANGE, "ALTER TABLE ONLY %s ENABLE ROW LEVEL SECURITY",
                      o->identity);
  if (catalog_get(o, "force_row_security"))
    catalog_write_for(w, CATALOG_FOR_CHANGE, "ALTER TABLE ONLY %s FORCE ROW LEVEL SECURITY",
                      o->identity);
  struct strings triggers = {0};
  if (w->whole) /* else the trigger that they come from may not be there yet */
    triggers = catalog_json_strings(w->arena, catalog_get(o, "trigger_states"));
  for (size_t i = 0; i + 1 < triggers.len; i += 2)
    catalog_write_for(w, CATALOG_FOR_CHANGE, "ALTER TABLE ONLY %s %s TRIGGER %s", o->identity,
                      catalog_enable_words(triggers.at[i + 1]),
                      sql_ident(w->arena, triggers.at[i]));
  w->section = section;
}

static char *drop(struct arena *arena, const struct catalog_object *o)
{
  return arena_printf(arena, "DROP %sTABLE %s", catalog_is_foreign(o) ? "FOREIGN " : "",
                      o->identity);
}

const struct catalog_kind_ops catalog_table_ops = {
    .kind = CATALOG_TABLE,
    .name = "table",
    .sql_name = "TABLE",
    .grant_name = "TABLE",
    .section = CATALOG_PRE_DATA,
    .query = query,
    .create = create,
    .drop = drop,
};
