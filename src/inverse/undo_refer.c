/* A row that the migration inserted may be referred to by rows written since. Deleting it would
 * fail, or, with ON DELETE CASCADE or SET NULL, silently take those rows along. Such rows are
 * conflicts in every mode: they are kept. */
#include "inverse/undo_private.h"

#include "sql/quote.h"

struct reference {
  enum undo_state state;
  const struct undo_table *parent, *child; /* child NULL: not captured */
  const char *from;                        /* "public.orders" */
  const char *join;                        /* t.id = f.order_id */
};
VEC_TYPE(references, struct reference);

static const char references_query[] =
    "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname), k.conname,"
    " (SELECT string_agg(pg_catalog.format('t.%I OPERATOR(%I.%s) f.%I', p.attname, o.nspname,"
    "  q.oprname, a.attname), ' AND ' ORDER BY x.n)"
    "  FROM unnest(k.conkey, k.confkey, k.conpfeqop) WITH ORDINALITY"
    "  AS x(child, parent, operator, n)"
    "  JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = x.child"
    "  JOIN pg_catalog.pg_attribute p ON p.attrelid = k.confrelid AND p.attnum = x.parent"
    "  JOIN pg_catalog.pg_operator q ON q.oid = x.operator"
    "  JOIN pg_catalog.pg_namespace o ON o.oid = q.oprnamespace)"
    " FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class c ON c.oid = k.conrelid"
    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " WHERE k.contype = 'f' AND k.conparentid = 0 AND k.confrelid = $1::text::regclass ORDER BY 1";

static const char *name_in(const struct undo_table *t, enum undo_state state)
{
  return state == UNDO_BEFORE ? t->before : t->after;
}

static bool is_marked(const struct undo_table *t)
{
  return t->compared && undo_has_after(t);
}

static const struct undo_table *captured(const struct undo *u, enum undo_state state,
                                         const char *identity)
{
  for (size_t i = 0; i < u->tables.len; i++)
    if (is_marked(&u->tables.at[i]) && strcmp(name_in(&u->tables.at[i], state), identity) == 0)
      return &u->tables.at[i];
  return NULL;
}

static bool is_dropped(struct undo *u, const struct strings *dropped, const char *table,
                       const char *constraint)
{
  const char *whole = arena_printf(u->arena, "table %s", table);
  const char *key = arena_printf(u->arena, "constraint %s on %s", constraint, table);
  for (size_t i = 0; i < dropped->len; i++)
    if (strcmp(dropped->at[i], whole) == 0 || strcmp(dropped->at[i], key) == 0)
      return true;
  return false;
}

static int read_references(struct undo *u, struct db_conn *conn, const struct reference *parent,
                           const struct strings *dropped, struct references *ret, struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  const char *name = name_in(parent->parent, parent->state);
  if (db_query(conn, &r, err, references_query, name, NULL) < 0)
    return err_wrap(err, "foreign keys to %s", name);
  for (int i = 0; i < db_rows(r); i++) {
    if (is_dropped(u, dropped, db_value(r, i, 0), db_value(r, i, 1)))
      continue;
    struct reference *ref = vec_add(u->arena, ret);
    *ref = *parent;
    ref->child = captured(u, parent->state, db_value(r, i, 0));
    ref->from = arena_strdup(u->arena, db_value(r, i, 0));
    ref->join = arena_strdup(u->arena, db_value(r, i, 2));
  }
  return 0;
}

/* Marks more rows; its only value says how many. */
static const char *mark_sql(struct undo *u, const struct reference *ref)
{
  struct arena *a = u->arena;
  const char *conflict = sql_literal(a, arena_printf(a, "referenced by %s", ref->from));
  const char *done = u->on_conflict == UNDO_RESTORE
                         ? "(x.conflict IS NULL OR x.conflict NOT LIKE 'referenced%')"
                         : "x.conflict IS NULL";
  /* rows that this undo deletes or sets back do not count */
  const char *own = ref->child ? arena_printf(a,
                                              " AND NOT EXISTS (SELECT FROM %s x WHERE %s AND"
                                              " x.kind IN ('i', 'u') AND %s)",
                                              undo_temp(u, "work", ref->child),
                                              undo_match(u, ref->child, ref->state, "f", "x"), done)
                               : "";
  return arena_printf(
      a,
      "WITH m AS (UPDATE %s w SET conflict = %s FROM %s t WHERE w.kind = 'i' AND"
      " (w.conflict IS NULL OR w.conflict NOT LIKE 'referenced%%') AND %s AND EXISTS"
      " (SELECT FROM %s f WHERE %s%s) RETURNING 1) SELECT count(*) FROM m",
      undo_temp(u, "work", ref->parent), conflict, undo_from(u, ref->parent, ref->state),
      undo_match(u, ref->parent, ref->state, "t", "w"), ref->from, ref->join, own);
}

static int mark(struct undo *u, struct db_conn *conn, const struct reference *ref,
                int64_t *ret_marked, struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (undo_query(u, conn, NULL, &r, mark_sql(u, ref), err) < 0)
    return err_wrap(err, "rows that refer to %s", ref->parent->before);
  *ret_marked += db_int(r, 0, 0);
  return 0;
}

/* The loop below, in the server. */
static void emit_marks(struct undo *u, const struct references *references)
{
  CLEANUP(text_clear) struct text loop = TEXT_INIT;
  if (!u->script || references->len == 0)
    return;
  for (size_t i = 0; i < references->len; i++)
    text_printf(&loop, "EXECUTE %s INTO n; marked := marked + n;\n",
                sql_literal(u->arena, mark_sql(u, &references->at[i])));
  undo_emit_block(u,
                  "DECLARE n bigint; marked bigint; BEGIN LOOP\nmarked := 0;\n%sEXIT WHEN"
                  " marked = 0;\nEND LOOP; END",
                  loop.data);
}

int undo_mark_referenced(struct undo *u, struct db_conn *conn, enum undo_state state,
                         const struct strings *dropped, struct err *err)
{
  struct references references = {0};
  for (size_t i = 0; i < u->tables.len; i++) {
    const struct reference parent = {.state = state, .parent = &u->tables.at[i]};
    if (is_marked(parent.parent) &&
        read_references(u, conn, &parent, dropped, &references, err) < 0)
      return -1;
  }
  emit_marks(u, &references);
  /* a row that is kept may refer to another one; each pass marks at least one row or is the last */
  int64_t marked = 1;
  while (marked > 0) {
    marked = 0;
    for (size_t i = 0; i < references.len; i++)
      if (mark(u, conn, &references.at[i], &marked, err) < 0)
        return -1;
  }
  return 0;
}
