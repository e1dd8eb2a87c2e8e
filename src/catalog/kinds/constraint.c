#include "catalog/kinds/index.h"

/* Left out: foreign keys that were cloned from a partitioned table's, constraint triggers (they
 * are TRIGGERs), the NOT NULL constraints of version 18 (a property of the column). */
/* clang-format off */
static const char *query(struct arena *arena, int server_major)
{
  UNUSED(arena);
  UNUSED(server_major);
  return "SELECT" Q_CLASS("pg_constraint") "k.oid, n.nspname AS schema, k.conname AS name,"
         " format('%I.%I.%I', n.nspname, coalesce(c.relname, t.typname), k.conname) AS identity,"
         " CASE WHEN c.oid IS NULL THEN 'pg_type'::regclass ELSE 'pg_class'::regclass END::oid"
         " AS parent_class, coalesce(c.oid, t.oid) AS parent_oid, k.contype AS type,"
         " pg_get_constraintdef(k.oid) AS definition, (SELECT json_agg(a.attname ORDER BY"
         " u.n)::text FROM unnest(k.conkey) WITH ORDINALITY u(attnum, n) JOIN pg_attribute a ON"
         " a.attrelid = k.conrelid AND a.attnum = u.attnum) AS columns, CASE WHEN k.contype ="
         " 'f' THEN (SELECT format('%I.%I', fn.nspname, f.relname) FROM pg_class f JOIN"
         " pg_namespace fn ON fn.oid = f.relnamespace WHERE f.oid = k.confrelid) END AS"
         " referenced, " Q_BOOL("k.convalidated") " AS validated, CASE WHEN k.contype IN ('p',"
         " 'u', 'x') THEN nullif(concat_ws(' ', CASE WHEN k.contype <> 'x' THEN 'WITH (' || "
         Q_OPTIONS("i.reloptions", "") " || ')' END, 'USING INDEX TABLESPACE ' ||"
         " quote_ident(s.spcname)), '') END AS index_options, " Q_FLAG("NOT k.conislocal") " AS"
         " inherited, CASE WHEN k.contype IN ('p', 'u', 'x') THEN " Q_PARENT_INDEX("k.conindid")
         " END AS partition_parent, CASE WHEN x.indisvalid THEN 't' WHEN NOT"
         " x.indisvalid THEN 'f' END AS index_valid, CASE WHEN x.indexrelid IS NOT NULL THEN "
         Q_INDEX_STATISTICS "END AS index_statistics, pg_relation_filenode(i.oid) AS"
         " relfilenode, CASE WHEN i.relkind = 'i' THEN pg_relation_size(i.oid) END AS bytes,"
         " di.description AS index_comment, d.description AS comment FROM pg_constraint k LEFT"
         " JOIN pg_class c ON c.oid = k.conrelid LEFT JOIN pg_type t ON t.oid = k.contypid JOIN"
         " pg_namespace n ON n.oid = coalesce(c.relnamespace, t.typnamespace) LEFT JOIN pg_class"
         " i ON i.oid = k.conindid AND k.contype IN ('p', 'u', 'x') LEFT JOIN pg_index x ON"
         " x.indexrelid = i.oid LEFT JOIN pg_tablespace s ON s.oid = i.reltablespace LEFT JOIN"
         " pg_description di ON di.classoid = 'pg_class'::regclass AND di.objoid = i.oid AND"
         " di.objsubid = 0" Q_COMMENT_JOIN("pg_constraint", "k.oid") " WHERE k.contype IN ('c',"
         " 'p', 'u', 'f', 'x') AND " Q_USER_SCHEMA " AND NOT (k.contype = 'f' AND k.conparentid"
         " <> 0) AND (c.oid IS NULL OR (c.relkind IN ('r', 'p', 'f') AND c.relpersistence <> 't'))"
         " AND (c.oid IS NULL OR" Q_NOT_MEMBER("pg_class", "c.oid") ") AND (t.oid IS NULL OR"
         Q_NOT_MEMBER("pg_type", "t.oid") ")";
}
/* clang-format on */

static bool ends_with(const char *s, const char *end, size_t *ret_at)
{
  size_t len = strlen(s), end_len = strlen(end);
  if (len < end_len || strcmp(s + len - end_len, end) != 0)
    return false;
  *ret_at = len - end_len;
  return true;
}

/* Where DEFERRABLE begins, else the end. */
static size_t flags_at(const char *definition)
{
  size_t at = strlen(definition);
  if (!ends_with(definition, " DEFERRABLE INITIALLY DEFERRED", &at))
    ends_with(definition, " DEFERRABLE", &at);
  return at;
}

/* The index options belong before DEFERRABLE. */
static char *definition_with_options(struct arena *arena, const struct catalog_object *o)
{
  const char *definition = catalog_get(o, "definition"), *options = catalog_get(o, "index_options");
  if (!options || catalog_is(o, "type", "x"))
    return arena_strdup(arena, definition);
  size_t at = flags_at(definition);
  return arena_printf(arena, "%.*s %s%s", (int)at, definition, options, definition + at);
}

static void write_index_part(struct catalog_writer *w, const struct catalog_object *o)
{
  char *index = catalog_qualified(w->arena, o);
  const char *options = catalog_get(o, "index_options");
  if (options && catalog_is(o, "type", "x"))
    catalog_write_for(w, CATALOG_FOR_CHANGE, "ALTER INDEX %s SET %s", index,
                      options + strlen("USING INDEX "));
  catalog_write_index_statistics(w, o, catalog_get(o, "index_statistics"));
  catalog_write_index_attach(w, o);
  catalog_write_index_marks(w, o);
  if (catalog_get(o, "index_comment"))
    catalog_write_for(w, CATALOG_FOR_COMMENT, "COMMENT ON INDEX %s IS %s", index,
                      sql_literal(w->arena, catalog_get(o, "index_comment")));
}

static bool begins(const char *s, const char *with)
{
  return strncmp(s, with, strlen(with)) == 0;
}

/* "PRIMARY KEY (a, b) INCLUDE (c)", "UNIQUE NULLS NOT DISTINCT (a)": what an index definition has
 * in another order. */
bool catalog_split_constraint(struct arena *arena, const struct catalog_object *o, char **ret_index,
                              char **ret_constraint)
{
  static const char distinct[] = " NULLS NOT DISTINCT";
  const char *definition = catalog_get(o, "definition"), *options = catalog_get(o, "index_options");
  bool primary = catalog_is(o, "type", "p");
  if (o->kind != CATALOG_CONSTRAINT || !(primary || catalog_is(o, "type", "u")) || !o->parent ||
      o->parent->kind != CATALOG_TABLE || catalog_get(o->parent, "partition_key") ||
      strstr(definition, "WITHOUT OVERLAPS"))
    return false;
  const char *word = primary ? "PRIMARY KEY" : "UNIQUE", *p = definition + strlen(word);
  bool not_distinct = begins(p, distinct);
  p += not_distinct ? strlen(distinct) : 0;
  size_t end = flags_at(definition);
  if (!begins(definition, word) || !begins(p, " ("))
    return false;
  const char *tablespace = options ? strstr(options, "USING INDEX TABLESPACE ") : NULL;
  int with = options ? (int)(tablespace ? tablespace - options : (ptrdiff_t)strlen(options)) : 0;
  *ret_index = arena_printf(arena, "CREATE UNIQUE INDEX %s ON %s USING btree%.*s%s%s%.*s%s%s;\n",
                            sql_ident(arena, o->name), o->parent->identity,
                            (int)(end - (size_t)(p - definition)), p, not_distinct ? distinct : "",
                            with ? " " : "", with, options ? options : "", tablespace ? " " : "",
                            tablespace ? tablespace + strlen("USING INDEX ") : "");
  *ret_constraint = arena_printf(
      arena, "ALTER TABLE ONLY %s ADD CONSTRAINT %s %s USING INDEX %s%s;\n", o->parent->identity,
      sql_ident(arena, o->name), word, sql_ident(arena, o->name), definition + end);
  return true;
}

static int create(struct catalog_writer *w, const struct catalog_object *o, struct err *err)
{
  if (!o->parent)
    return err_set(err, ERR_REFUSED, "constraint %s: its table is not part of the schema",
                   o->identity);
  bool domain = o->parent->kind == CATALOG_DOMAIN;
  bool check = catalog_is(o, "type", "c"), foreign = catalog_is(o, "type", "f");
  if (!(check && catalog_get(o, "inherited"))) /* else its parent's brings it */
    catalog_writef(w, "ALTER %s %s%s ADD CONSTRAINT %s %s", domain ? "DOMAIN" : "TABLE",
                   domain || check || foreign ? "" : "ONLY ", o->parent->identity,
                   sql_ident(w->arena, o->name), definition_with_options(w->arena, o));
  if (!check && !foreign)
    write_index_part(w, o);
  catalog_write_comment(w, o);
  return 0;
}

static char *reference(struct arena *arena, const struct catalog_object *o)
{
  return arena_printf(arena, "%s ON %s%s", sql_ident(arena, o->name),
                      o->parent && o->parent->kind == CATALOG_DOMAIN ? "DOMAIN " : "",
                      o->parent ? o->parent->identity : "");
}

static char *drop(struct arena *arena, const struct catalog_object *o)
{
  if (!o->parent || catalog_get(o, "inherited"))
    return NULL;
  return arena_printf(arena, "ALTER %s %s DROP CONSTRAINT %s",
                      o->parent->kind == CATALOG_DOMAIN ? "DOMAIN" : "TABLE", o->parent->identity,
                      sql_ident(arena, o->name));
}

/* Columns that tell rows apart: of primary keys and unique constraints. */
static void finish(struct arena *arena, struct catalog_object *o)
{
  UNUSED(arena);
  if ((catalog_is(o, "type", "p") || catalog_is(o, "type", "u")) &&
      catalog_is(o, "index_valid", "t"))
    o->row_key = catalog_get(o, "columns");
}

const struct catalog_kind_ops catalog_constraint_ops = {
    .kind = CATALOG_CONSTRAINT,
    .name = "constraint",
    .sql_name = "CONSTRAINT",
    .section = CATALOG_POST_DATA,
    .query = query,
    .reference = reference,
    .create = create,
    .drop = drop,
    .finish = finish,
};
