#include "catalog/kinds/table.h"

/* clang-format off */
/* From 18 on NOT NULL is a constraint. One that is not validated proves nothing: then not_null is
 * absent. That of a partition always is its parent's once it is attached. That of a child is
 * inherited if the first of its parents that gives one gives it as it is; one that only has another
 * name or state than that must be written like one of its own, and then is one. */
#define NOT_NULL_18                                                                                \
  Q_FLAG("a.attnotnull AND coalesce(k.convalidated, true)") " AS not_null, k.conname AS"           \
  " not_null_name, " Q_FLAG("NOT k.convalidated") " AS not_null_not_valid, "                       \
  Q_FLAG("k.connoinherit") " AS not_null_no_inherit, "                                             \
  Q_FLAG("NOT k.conislocal AND NOT c.relispartition AND (k.conname, k.convalidated) = (SELECT"     \
         " u.conname, u.convalidated FROM pg_inherits h JOIN pg_attribute ua ON ua.attrelid ="     \
         " h.inhparent AND ua.attname = a.attname JOIN pg_constraint u ON u.conrelid ="            \
         " h.inhparent AND u.contype = 'n' AND u.conkey[1] = ua.attnum WHERE h.inhrelid = c.oid"   \
         " AND NOT u.connoinherit ORDER BY h.inhseqno LIMIT 1)") " AS not_null_inherited,"         \
  " kd.description AS not_null_comment,"
#define NOT_NULL_JOIN_18                                                                           \
  " LEFT JOIN pg_constraint k ON k.conrelid = a.attrelid AND k.contype = 'n' AND k.conkey[1] ="    \
  " a.attnum LEFT JOIN pg_description kd ON kd.classoid = 'pg_constraint'::regclass AND"           \
  " kd.objoid = k.oid AND kd.objsubid = 0"

static const char *query(struct arena *arena, int server_major)
{
  return arena_printf(
      arena,
      "SELECT" Q_CLASS("pg_class") "c.oid, a.attnum AS subid, n.nspname AS schema,"
      " 'pg_class'::regclass::oid AS parent_class, c.oid AS parent_oid, a.attname AS name,"
      " format('%%I.%%I.%%I', n.nspname, c.relname, a.attname) AS identity, row_number() OVER"
      " (PARTITION BY c.oid ORDER BY a.attnum) AS position, format_type(a.atttypid, a.atttypmod)"
      " AS type, CASE WHEN a.attcollation <> t.typcollation THEN (SELECT format('%%I.%%I',"
      " cn.nspname, l.collname) FROM pg_collation l JOIN pg_namespace cn ON cn.oid ="
      " l.collnamespace WHERE l.oid = a.attcollation) END AS collation, %s"
      " pg_get_expr(f.adbin, f.adrelid) AS \"default\", nullif(a.attgenerated, '')"
      " AS generated, CASE WHEN a.attidentity <> '' AND NOT (c.relispartition AND"
      " s.seqrelid IS NULL) THEN a.attidentity END AS property_identity, CASE WHEN s.seqrelid IS"
      " NOT NULL THEN format('SEQUENCE NAME %%I.%%I START WITH %%s INCREMENT BY %%s MINVALUE %%s"
      " MAXVALUE %%s CACHE %%s', sn.nspname, sc.relname, s.seqstart, s.seqincrement, s.seqmin,"
      " s.seqmax, s.seqcache) || CASE WHEN s.seqcycle THEN ' CYCLE' ELSE '' END END AS"
      " identity_options, CASE WHEN c.relkind IN ('r', 'p', 'm', 'f') AND a.attstorage <>"
      " t.typstorage THEN CASE a.attstorage WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL' WHEN"
      " 'x' THEN 'EXTENDED' WHEN 'm' THEN 'MAIN' END END AS storage, %s AS compression,"
      " nullif(a.attstattarget, -1) AS statistics, " Q_OPTIONS("a.attoptions", "") " AS options, "
      Q_OPTIONS_WRITTEN("a.attoptions", "") " AS options_written, "
      Q_FOREIGN_OPTIONS("a.attfdwoptions") " AS foreign_options, " Q_FLAG("NOT a.attislocal")
      " AS inherited, CASE WHEN cardinality(a.attacl) > 0 THEN " Q_ACL_TEXT("a.attacl") " END AS"
      " acl, " Q_ACL_WRITTEN("a.attacl") " AS acl_written, '' AS default_acl, d.description AS"
      " comment FROM"
      " pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid ="
      " c.relnamespace JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_attrdef f ON f.adrelid"
      " = a.attrelid AND f.adnum = a.attnum LEFT JOIN pg_depend i ON a.attidentity <> '' AND"
      " i.classid = 'pg_class'::regclass AND i.refclassid = 'pg_class'::regclass AND i.refobjid"
      " = a.attrelid AND i.refobjsubid = a.attnum AND i.deptype = 'i' LEFT JOIN pg_sequence s ON"
      " s.seqrelid = i.objid LEFT JOIN pg_class sc ON sc.oid = s.seqrelid LEFT JOIN pg_namespace"
      " sn ON sn.oid = sc.relnamespace%s LEFT JOIN pg_description d ON d.classoid ="
      " 'pg_class'::regclass AND d.objoid = a.attrelid AND d.objsubid = a.attnum WHERE a.attnum"
      " > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND"
      " c.relpersistence <>"
      " 't' AND " Q_USER_SCHEMA " AND" Q_NOT_MEMBER("pg_class", "c.oid"),
      server_major >= 18 ? NOT_NULL_18 : Q_FLAG("a.attnotnull") " AS not_null,",
      server_major >= 14 ? "CASE a.attcompression WHEN 'p' THEN 'pglz' WHEN 'l' THEN 'lz4' END"
      : "NULL",
      server_major >= 18 ? NOT_NULL_JOIN_18 : "");
}
/* clang-format on */

char *catalog_column_type(struct arena *arena, const struct catalog_object *column)
{
  const char *collation = catalog_get(column, "collation");
  return arena_printf(arena, "%s %s%s%s", sql_ident(arena, column->name),
                      catalog_get(column, "type"), collation ? " COLLATE " : "",
                      collation ? collation : "");
}

bool catalog_default_is_apart(const struct catalog_object *column)
{
  if (!catalog_get(column, "default") || catalog_get(column, "generated"))
    return false;
  for (size_t i = 0; i < column->depends_on_count; i++)
    if (column->depends_on[i]->kind == CATALOG_FUNCTION)
      return true;
  return false;
}

/* Before version 16 the column of a child may not repeat the expression of its parent's. */
static bool has_same_expression(const struct catalog_object *column,
                                const struct catalog_object *parent)
{
  return catalog_get(parent, "generated") &&
         catalog_is(parent, "default", catalog_get(column, "default"));
}

char *catalog_column_constraints(struct catalog_writer *w, const struct catalog_object *column,
                                 const struct catalog_object *parent)
{
  CLEANUP(text_clear) struct text sql = TEXT_INIT;
  const char *value = catalog_get(column, "default");
  if (catalog_get(column, "generated") && parent && has_same_expression(column, parent))
    ;
  else if (catalog_get(column, "generated"))
    text_printf(&sql, " GENERATED ALWAYS AS (%s) %s", value,
                catalog_is(column, "generated", "v") ? "VIRTUAL" : "STORED");
  else if (value && !(w->whole && catalog_default_is_apart(column)))
    text_printf(&sql, " DEFAULT %s", value);
  else if (!value && parent && catalog_get(parent, "default"))
    text_puts(&sql, " DEFAULT NULL");
  if (catalog_get(column, "identity"))
    text_printf(&sql, " GENERATED %s AS IDENTITY (%s)",
                catalog_is(column, "identity", "a") ? "ALWAYS" : "BY DEFAULT",
                catalog_get(column, "identity_options"));
  if (catalog_get(column, "not_null") && !catalog_get(column, "not_null_inherited"))
    text_printf(&sql, " %s", catalog_not_null(w->arena, column, false));
  return arena_strdup(w->arena, sql.data);
}

char *catalog_not_null(struct arena *arena, const struct catalog_object *column, bool of_table)
{
  const char *name = catalog_get(column, "not_null_name");
  return arena_printf(arena, "%s%sNOT NULL%s%s%s%s",
                      name ? arena_printf(arena, "CONSTRAINT %s", sql_ident(arena, name)) : "",
                      name ? " " : "", of_table ? " " : "",
                      of_table ? sql_ident(arena, column->name) : "",
                      catalog_get(column, "not_null_no_inherit") ? " NO INHERIT" : "",
                      catalog_get(column, "not_null_not_valid") ? " NOT VALID" : "");
}

void catalog_write_not_null_comment(struct catalog_writer *w, const struct catalog_object *column)
{
  const char *comment = catalog_get(column, "not_null_comment");
  if (comment)
    catalog_writef(w, "COMMENT ON CONSTRAINT %s ON %s IS %s",
                   sql_ident(w->arena, catalog_get(column, "not_null_name")),
                   column->parent->identity, sql_literal(w->arena, comment));
}

/* Reaches the children, which must not have it by then: they come first. */
void catalog_write_not_valid(struct catalog_writer *w, const struct catalog_object *column)
{
  if (!catalog_get(column, "not_null_inherited"))
    catalog_writef(w, "ALTER TABLE %s ADD %s", column->parent->identity,
                   catalog_not_null(w->arena, column, true));
  catalog_write_not_null_comment(w, column);
}

void catalog_write_default(struct catalog_writer *w, const struct catalog_object *column)
{
  catalog_write_for(w, CATALOG_FOR_DEFAULT, "ALTER TABLE ONLY %s ALTER COLUMN %s SET DEFAULT %s",
                    column->parent->identity, sql_ident(w->arena, column->name),
                    catalog_get(column, "default"));
}

void catalog_column_settings(struct catalog_writer *w, const struct catalog_object *column,
                             const struct catalog_object *inherited_from)
{
  static const struct {
    const char *property, *set;
    bool inherits;
  } settings[] = {{"storage", "SET STORAGE %s", true},
                  {"compression", "SET COMPRESSION %s", true},
                  {"statistics", "SET STATISTICS %s", false},
                  {"options", "SET (%s)", false},
                  {"foreign_options", "OPTIONS (%s)", false}};
  for (size_t i = 0; i < COUNT_OF(settings); i++) {
    const char *value = catalog_get_written(w->arena, column, settings[i].property);
    if (!value || (settings[i].inherits && inherited_from &&
                   catalog_is(inherited_from, settings[i].property, value)))
      continue;
    CLEANUP(text_clear) struct text sql = TEXT_INIT;
    text_printf(&sql, "ALTER %s %s ALTER COLUMN %s ",
                catalog_get(column->parent, "relkind") ? "TABLE ONLY" : "MATERIALIZED VIEW",
                column->parent->identity, sql_ident(w->arena, column->name));
    const char *mark = strstr(settings[i].set, "%s");
    text_append(&sql, settings[i].set, (size_t)(mark - settings[i].set));
    text_printf(&sql, "%s%s", value, mark + 2);
    catalog_write_for(w, CATALOG_FOR_CHANGE, "%s", sql.data);
  }
}

/* ALTER TABLE ... ADD COLUMN: for tables only; the columns of a view come with it. */
static int create(struct catalog_writer *w, const struct catalog_object *o, struct err *err)
{
  if (!o->parent || o->parent->kind != CATALOG_TABLE)
    return err_set(err, ERR_REFUSED, "column %s: only the columns of tables can be added",
                   o->identity);
  catalog_writef(w, "ALTER TABLE %s ADD COLUMN %s%s", o->parent->identity,
                 catalog_column_type(w->arena, o), catalog_column_constraints(w, o, NULL));
  catalog_column_settings(w, o, NULL);
  catalog_write_acl(w, o);
  catalog_write_comment(w, o);
  if (catalog_get(o, "not_null"))
    catalog_write_not_null_comment(w, o);
  return 0;
}

static char *drop(struct arena *arena, const struct catalog_object *o)
{
  if (!o->parent || o->parent->kind != CATALOG_TABLE)
    return NULL;
  return arena_printf(arena, "ALTER TABLE %s DROP COLUMN %s", o->parent->identity,
                      sql_ident(arena, o->name));
}

const struct catalog_kind_ops catalog_column_ops = {
    .kind = CATALOG_COLUMN,
    .name = "column",
    .sql_name = "COLUMN",
    .grant_name = "TABLE",
    .section = CATALOG_PRE_DATA,
    .query = query,
    .create = create,
    .drop = drop,
};
