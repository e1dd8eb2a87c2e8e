/* Rows that are made up. Each table gets a loop that tries to insert rows whose values follow from
 * a number v: by the type of the column, now and then a literal out of its CHECK constraints or of
 * the bounds of partitions, now and then NULL; references point to rows that are there. What the
 * server refuses is left out; a table that lets none in is named. */
#include "inverse/rehearsal_private.h"

#include "base/interrupt.h"
#include "base/map.h"
#include "sql/quote.h"

enum { TRIES_PER_ROW = 8, TABLE_TIMEOUT_MS = 3000 };

/* Values by the name of the base type. %v: a number that differs from row to row and column to
 * column; %t: the type. What is not here gets its default, or NULL. */
static const struct {
  const char *type, *expression;
} values[] = {
    {"int2", "%v"},
    {"int4", "%v"},
    {"int8", "%v * 4294967297"},
    {"oid", "%v"},
    {"numeric", "%v + 0.25"},
    {"float4", "CASE %v % 17 WHEN 3 THEN 'NaN' WHEN 5 THEN '-Infinity' ELSE (%v + 0.1)::text END"},
    {"float8", "CASE %v % 17 WHEN 3 THEN 'NaN' WHEN 5 THEN 'Infinity' ELSE (%v + 0.1)::text END"},
    {"money", "%v"},
    {"bool", "%v % 2 = 0"},
    {"text", "%text"},
    {"varchar", "%text"},
    {"bpchar", "%text"},
    {"name", "%text"},
    {"citext", "%text"},
    {"char", "chr(97 + %v % 26)"},
    {"date", "date '2026-01-01' + %v"},
    {"timestamp", "timestamp '2026-01-01 00:00:00.000001' + %v * interval '1 hour'"},
    {"timestamptz", "timestamptz '2026-01-01 00:00:00.000001+00' + %v * interval '1 hour'"},
    {"time", "time '00:00:01' + %v * interval '1 minute'"},
    {"timetz", "'00:00:01+00'::timetz + %v * interval '1 minute'"},
    {"interval", "%v * interval '1 minute'"},
    {"uuid", "md5(%v::text)"},
    {"json", "format('{\"n\": %s, \"s\": \"\\u00e4\"}', %v)"},
    {"jsonb", "format('{\"n\": %s, \"s\": [null, 1.50]}', %v)"},
    {"jsonpath", "format('$.n[%s]', %v)"},
    {"xml", "format('<n>%s</n>', %v)"},
    {"bytea", "decode(md5(%v::text) || '005c0a', 'hex')"},
    {"inet", "'10.0.0.0'::inet + %v"},
    {"cidr", "set_masklen('10.0.0.0'::inet + %v, 32)"},
    {"macaddr", "substr(md5(%v::text), 1, 12)"},
    {"macaddr8", "substr(md5(%v::text), 1, 16)"},
    {"bit", "%v::bit(32)"},
    {"varbit", "%v::bit(32)"},
    {"point", "point(%v, %v)"},
    {"line", "format('{1,1,%s}', %v)"},
    {"lseg", "lseg(point(0, 0), point(%v, 1))"},
    {"box", "box(point(%v, %v), point(%v + 1, %v + 1))"},
    {"path", "format('((0,0),(%s,1))', %v)"},
    {"polygon", "polygon(box(point(%v, %v), point(%v + 1, %v + 1)))"},
    {"circle", "circle(point(%v, 0), 1)"},
    {"pg_lsn", "format('0/%s', %v)"},
    {"tsvector", "to_tsvector('simple', 'word ' || %v)"},
    {"tsquery", "to_tsquery('simple', 'word' || %v)"},
    {"int4range", "format('[%s,%s)', %v, %v + 1)"},
    {"int8range", "format('[%s,%s)', %v, %v + 1)"},
    {"numrange", "format('[%s,%s)', %v, %v + 1)"},
    {"daterange", "daterange(date '2026-01-01' + %v, date '2026-01-02' + %v)"},
    {"tsrange", "tsrange(timestamp '2026-01-01' + %v * interval '1 hour',"
                " timestamp '2026-01-01' + (%v + 1) * interval '1 hour')"},
    {"tstzrange", "tstzrange(timestamptz '2026-01-01' + %v * interval '1 hour',"
                  " timestamptz '2026-01-01' + (%v + 1) * interval '1 hour')"},
    {"hstore", "format('n=>%s', %v)"},
    {"ltree", "format('top.n%s', %v)"},
};

/* Texts of several looks; what tells rows apart stands last, so that short columns keep it. */
static const char text_value[] =
    "CASE %v % 5 WHEN 0 THEN E'a\\\\b\\n\\t\"'' ' || %v WHEN 1 THEN 'r' || %v || '@example.org'"
    " WHEN 2 THEN 'Zeile \\u00e4 ' || %v WHEN 3 THEN %v::text ELSE upper(md5(%v::text)) END";

struct column {
  const char *name, *type; /* quoted; as format_type says */
  const char *base, *kind; /* typname and typtype of the base type; of arrays: the element's */
  bool array, nullable, counted; /* counted: by a sequence */
  int number, max_length;        /* max_length: of varchar(n), char(n); 0: none */
  int precision_left;            /* digits before the point of numeric(p,s); -1: any */
  struct strings candidates;
};
VEC_TYPE(columns, struct column);

/* ---- reading ---- */

static const char columns_sql[] =
    "WITH RECURSIVE domains(type, base, typmod, domains) AS ("
    " SELECT oid, oid, -1, ARRAY[]::oid[] FROM pg_type WHERE typtype <> 'd' UNION ALL"
    " SELECT t.oid, d.base, CASE WHEN t.typtypmod <> -1 THEN t.typtypmod ELSE d.typmod END,"
    " d.domains || t.oid FROM pg_type t JOIN domains d ON t.typbasetype = d.type"
    " WHERE t.typtype = 'd'),"
    " checks AS (SELECT conrelid, contypid, conkey, pg_get_constraintdef(oid) AS text"
    " FROM pg_constraint WHERE contype = 'c' UNION ALL"
    " SELECT i.inhparent, 0, ARRAY(SELECT unnest(partattrs)), pg_get_expr(p.relpartbound, p.oid)"
    " FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhrelid AND p.relispartition"
    " JOIN pg_partitioned_table t ON t.partrelid = i.inhparent)"
    " SELECT quote_ident(a.attname), format_type(a.atttypid, a.atttypmod),"
    " coalesce(e.typname, b.typname), coalesce(e.typtype, b.typtype), e.oid IS NOT NULL,"
    " NOT a.attnotnull AND NOT b.typnotnull,"
    " a.attidentity <> '' OR coalesce(pg_get_expr(f.adbin, f.adrelid) LIKE '%nextval(%', false),"
    " a.attnum,"
    " CASE WHEN b.typname IN ('varchar', 'bpchar') AND m.mod > 4 THEN m.mod - 4 ELSE 0 END,"
    " CASE WHEN b.typname = 'numeric' AND m.mod > 4"
    "  THEN ((m.mod - 4) >> 16) - ((m.mod - 4) & 65535) ELSE -1 END,"
    " (SELECT json_agg(DISTINCT coalesce(replace(x[1], '''''', ''''), x[2]))"
    "  FROM checks k, regexp_matches(k.text,"
    "   '''((?:[^'']|'''')*)''|(-?\\m\\d+(?:\\.\\d+)?\\M)', 'g') x"
    "  WHERE (k.conrelid = c.oid AND a.attnum = ANY (k.conkey)) OR k.contypid = ANY (d.domains)),"
    " format('%I.%I', n.nspname, c.relname)"
    " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
    "  AND a.attgenerated = ''"
    " JOIN domains d ON d.type = a.atttypid JOIN pg_type b ON b.oid = d.base"
    " JOIN LATERAL (SELECT CASE WHEN a.atttypmod <> -1 THEN a.atttypmod ELSE d.typmod END AS mod) m"
    "  ON true"
    " LEFT JOIN pg_type e ON e.oid = b.typelem AND b.typcategory = 'A'"
    " LEFT JOIN pg_attrdef f ON f.adrelid = c.oid AND f.adnum = a.attnum"
    " WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't'"
    " AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
    " AND NOT EXISTS (SELECT FROM pg_depend x WHERE x.classid = 'pg_class'::regclass"
    "  AND x.objid = c.oid AND x.deptype = 'e')"
    " ORDER BY c.oid, a.attnum";

struct table {
  const char *name;
  bool done;
  struct columns columns;
  size_t first_key, key_count; /* in keys: those of which it is the child */
};
VEC_TYPE(tables, struct table);

struct world {
  struct tables tables;
  struct rehearsal_keys keys; /* by the child's name */
  struct map *by_name;        /* -> struct table */
};

static void read_column(struct arena *arena, const struct db_result *r, int i, struct column *ret)
{
  *ret = (struct column){.name = arena_strdup(arena, db_value(r, i, 0)),
                         .type = arena_strdup(arena, db_value(r, i, 1)),
                         .base = arena_strdup(arena, db_value(r, i, 2)),
                         .kind = arena_strdup(arena, db_value(r, i, 3)),
                         .array = db_bool(r, i, 4),
                         .nullable = db_bool(r, i, 5),
                         .counted = db_bool(r, i, 6),
                         .number = (int)db_int(r, i, 7),
                         .max_length = (int)db_int(r, i, 8),
                         .precision_left = (int)db_int(r, i, 9)};
  rehearsal_list(arena, db_value(r, i, 10), &ret->candidates);
}

static int read_tables(struct arena *arena, struct db_conn *conn, struct tables *ret,
                       struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (db_query(conn, &r, err, columns_sql, NULL) < 0)
    return err_wrap(err, "listing the columns of the shadow");
  for (int i = 0; i < db_rows(r); i++) {
    const char *name = db_value(r, i, 11);
    if (!ret->len || strcmp(ret->at[ret->len - 1].name, name) != 0) {
      struct table *t = vec_add(arena, ret);
      t->name = arena_strdup(arena, name);
    }
    read_column(arena, r, i, vec_add(arena, &ret->at[ret->len - 1].columns));
  }
  return 0;
}

/* ---- one value ---- */

static const char *expression_of(const char *type)
{
  for (size_t i = 0; i < COUNT_OF(values); i++)
    if (strcmp(values[i].type, type) == 0)
      return values[i].expression;
  return NULL;
}

/* Puts the number, or a shifted one, into an expression. */
static void substitute(struct text *out, const char *expression, const char *number)
{
  for (const char *c = expression; *c; c++) {
    if (strncmp(c, "%text", 5) == 0) {
      substitute(out, text_value, number);
      c += 4;
    } else if (strncmp(c, "%v", 2) == 0) {
      text_puts(out, number);
      c++;
    } else {
      text_putc(out, *c);
    }
  }
}

static char *element_type(struct arena *arena, const struct column *c)
{
  size_t len = strlen(c->type);
  return c->array && len > 2 && strcmp(c->type + len - 2, "[]") == 0
             ? arena_strndup(arena, c->type, len - 2)
             : NULL;
}

/* A scalar; false: belay has no value for the type. */
static bool put_scalar(struct arena *arena, struct text *out, const struct column *c,
                       const char *number)
{
  const char *expression = expression_of(c->base),
             *type = c->array ? element_type(arena, c) : c->type;
  if (!type)
    return false;
  if (expression && c->max_length) {
    text_puts(out, "right(");
    substitute(out, expression, number);
    text_printf(out, ", %d)", c->max_length);
  } else if (expression && c->precision_left >= 0) {
    text_puts(out, "mod(");
    substitute(out, expression, number);
    text_printf(out, ", 1e%d::numeric)", c->precision_left);
  } else if (expression) {
    substitute(out, expression, number);
  } else if (strcmp(c->kind, "e") == 0) {
    text_printf(out, "(SELECT e[1 + %s %% cardinality(e)] FROM enum_range(NULL::%s) e)", number,
                type);
  } else {
    return false;
  }
  return true;
}

static bool put_generic(struct arena *arena, struct text *out, const struct column *c)
{
  const char *number = arena_printf(arena, "(belay_v + %d * (belay_v %% 2))", c->number);
  if (!c->array)
    return put_scalar(arena, out, c, number);
  text_puts(out, "ARRAY[");
  bool known = put_scalar(arena, out, c, number);
  text_puts(out, ", ");
  known = known && put_scalar(arena, out, c, "(belay_v + 1)");
  text_puts(out, "]");
  return known;
}

/* The expression for a column that refers to nothing. false: it is left to its default. */
static bool put_value(struct arena *arena, struct text *out, const struct column *c)
{
  CLEANUP(text_clear) struct text generic = TEXT_INIT;
  bool known = put_generic(arena, &generic, c);
  size_t candidates = c->candidates.len;
  if (!known && !candidates)
    return false;
  CLEANUP(text_clear) struct text cases = TEXT_INIT;
  if (c->nullable)
    text_printf(&cases, " WHEN (belay_v + %d) %% 6 = 0 THEN NULL", c->number);
  size_t ways = candidates + (known ? candidates + 1 : 0);
  /* not a constant: what cannot be cast must fail when it is used, not when the row is planned */
  for (size_t i = 0; i < candidates; i++)
    text_printf(&cases,
                " WHEN (belay_v + belay_v / %zu) %% %zu = %zu THEN"
                " (%s || left(belay_v::text, 0))::%s",
                ways, ways, i, sql_literal(arena, c->candidates.at[i]), c->type);
  text_printf(out, cases.len ? "CASE%s ELSE (%s)::%s END" : "%s(%s)::%s",
              cases.len ? cases.data : "", known ? generic.data : "NULL", c->type);
  return true;
}

/* ---- one table ---- */

/* The key that decides about the column, and which of its columns that is. */
static bool key_of(const struct world *w, const struct table *t, const char *column,
                   size_t *ret_key, size_t *ret_column)
{
  for (size_t i = t->first_key; i < t->first_key + t->key_count; i++)
    for (size_t k = 0; k < w->keys.at[i].columns.len; k++)
      if (strcmp(w->keys.at[i].columns.at[k], column) == 0) {
        *ret_key = i;
        *ret_column = k;
        return true;
      }
  return false;
}

/* Of a key. Where there is nothing to refer to yet, in a circle of references, a guess. */
static void put_reference(struct rehearsal *r, const struct column *c, size_t key, size_t column,
                          struct text *out)
{
  CLEANUP(text_clear) struct text guess = TEXT_INIT;
  if (c->nullable)
    text_printf(out, "CASE WHEN belay_v %% 7 <> 0 THEN f%zu.k%zu END", key, column);
  else if (!c->array && put_scalar(r->arena, &guess, c, "belay_v"))
    text_printf(out, "coalesce(f%zu.k%zu, (%s)::%s)", key, column, guess.data, c->type);
  else
    text_printf(out, "f%zu.k%zu", key, column);
}

static void put_column(struct rehearsal *r, const struct table *t, const struct column *c,
                       const struct world *w, struct text *names, struct text *exprs)
{
  size_t key, column;
  CLEANUP(text_clear) struct text value = TEXT_INIT;
  if (key_of(w, t, c->name, &key, &column))
    put_reference(r, c, key, column, &value);
  else if (c->counted || !put_value(r->arena, &value, c))
    return;
  text_printf(names, "%s%s", names->len ? ", " : "", c->name);
  text_printf(exprs, "%s%s", exprs->len ? ", " : "", value.data);
}

/* One row of each table that this one refers to. */
static void put_references(const struct world *w, const struct table *t, struct text *out)
{
  for (size_t i = t->first_key; i < t->first_key + t->key_count; i++) {
    const struct rehearsal_key *key = &w->keys.at[i];
    text_puts(out, " LEFT JOIN LATERAL (SELECT ");
    for (size_t k = 0; k < key->parent_key.len; k++)
      text_printf(out, "%sp.%s AS k%zu", k ? ", " : "", key->parent_key.at[k], k);
    text_printf(out,
                " FROM %s p ORDER BY 1 OFFSET (belay_v + belay_v / 7) %%"
                " greatest((SELECT count(*) FROM %s), 1) LIMIT 1) f%zu ON true",
                key->from_parent, key->from_parent, i);
  }
}

static int fill_table(struct rehearsal *r, struct db_conn *conn, const struct table *t,
                      const struct world *w, struct err *err)
{
  CLEANUP(text_clear) struct text names = TEXT_INIT;
  CLEANUP(text_clear) struct text exprs = TEXT_INIT;
  CLEANUP(text_clear) struct text from = TEXT_INIT;
  for (size_t i = 0; i < t->columns.len; i++)
    put_column(r, t, &t->columns.at[i], w, &names, &exprs);
  put_references(w, t, &from);
  const char *insert =
      names.len ? arena_printf(r->arena,
                               "INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM (SELECT"
                               " 1) one%s",
                               t->name, names.data, exprs.data, from.len ? from.data : "")
                : arena_printf(r->arena, "INSERT INTO %s DEFAULT VALUES", t->name);
  /* the last word of the server, where it let none in, is left in a setting */
  const char *block = arena_printf(
      r->arena,
      "DECLARE done int := 0; said text := ''; BEGIN"
      " FOR belay_v IN 1 .. %d LOOP EXIT WHEN done >= %d;"
      " BEGIN %s; done := done + 1; EXCEPTION WHEN OTHERS THEN said := SQLERRM; END;"
      " END LOOP;"
      " PERFORM set_config('belay.said', CASE WHEN done = 0 THEN said ELSE '' END, true);"
      " END",
      r->options.per_table * TRIES_PER_ROW, r->options.per_table, insert);
  return db_execf(conn, err, "DO %s", sql_literal(r->arena, block));
}

static int try_table(struct rehearsal *r, struct db_conn *conn, struct table *t,
                     const struct world *w, struct err *err)
{
  const char *said = "";
  CLEANUP(err_clear) struct err why = ERR_INIT;
  t->done = true;
  if (interrupt_check(err) < 0 || db_exec(conn, "SAVEPOINT belay_rows", err) < 0)
    return -1;
  if (fill_table(r, conn, t, w, &why) < 0) {
    if (db_is_lost(conn)) {
      err_move(err, &why);
      return -1;
    }
    said = why.message;
    if (db_exec(conn, "ROLLBACK TO SAVEPOINT belay_rows", err) < 0)
      return -1;
  } else if (db_query_value(conn, r->arena, &said, err, "SELECT current_setting('belay.said')",
                            NULL) < 0) {
    return -1;
  }
  if (said[0])
    vec_push(r->arena, &r->not_covered,
             arena_printf(r->arena, "%s: no row fits: %s", t->name, said));
  return db_exec(conn, "RELEASE SAVEPOINT belay_rows", err);
}

/* ---- all of them, those first that others refer to ---- */

static bool is_ready(const struct world *w, const struct table *t)
{
  for (size_t i = t->first_key; i < t->first_key + t->key_count; i++) {
    const struct table *parent = map_get(w->by_name, w->keys.at[i].parent);
    if (parent && parent != t && !parent->done)
      return false;
  }
  return true;
}

/* One is left. In a circle of references the first one has to guess. */
static struct table *next_table(const struct world *w)
{
  struct table *first = NULL;
  for (size_t i = 0; i < w->tables.len; i++) {
    struct table *t = &w->tables.at[i];
    if (t->done)
      continue;
    if (is_ready(w, t))
      return t;
    first = first ? first : t;
  }
  return first;
}

static int read_world(struct arena *arena, struct db_conn *conn, struct world *ret, struct err *err)
{
  if (read_tables(arena, conn, &ret->tables, err) < 0 ||
      rehearsal_read_keys(arena, conn, &ret->keys, err) < 0)
    return -1;
  ret->by_name = map_new(arena);
  for (size_t i = 0; i < ret->tables.len; i++)
    map_put(ret->by_name, ret->tables.at[i].name, &ret->tables.at[i]);
  for (size_t i = 0; i < ret->keys.len; i++) {
    struct table *t = map_get(ret->by_name, ret->keys.at[i].child);
    if (t && !t->key_count)
      t->first_key = i;
    if (t)
      t->key_count++;
  }
  return 0;
}

int rehearsal_make_rows(struct rehearsal *r, struct db_conn *conn, struct err *err)
{
  struct world w = {0};
  if (read_world(r->arena, conn, &w, err) < 0 ||
      db_execf(conn, err, "SET LOCAL statement_timeout = %d", TABLE_TIMEOUT_MS) < 0)
    return -1;
  size_t done = 0;
  for (; done < w.tables.len && !rehearsal_is_late(r); done++)
    if (try_table(r, conn, next_table(&w), &w, err) < 0)
      return -1;
  if (done < w.tables.len)
    rehearsal_note_late(r, w.tables.len - done);
  if (db_exec(conn, "SET LOCAL statement_timeout = 0", err) < 0)
    return -1;
  return rehearsal_remove_orphans(r, conn, err);
}
