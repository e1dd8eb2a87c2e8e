/* The two versions of rows in conflict: as captured, and as they are now. */
#include "inverse/undo_private.h"

#include "sql/quote.h"

enum { ROW_SHOWN_MAX = 300 };

const char *undo_key_text(struct undo *u, const struct undo_table *t)
{
  if (t->whole_row)
    return arena_printf(u->arena, "'row ' || pg_catalog.\"left\"(w.k, %d)", ROW_SHOWN_MAX);
  CLEANUP(text_clear) struct text s = TEXT_INIT;
  for (size_t i = 0; i < t->columns.len; i++) {
    if (t->columns.at[i].key)
      text_printf(&s, "%s%s || w.c%zu", s.len ? " || " : "",
                  sql_literal(u->arena, arena_printf(u->arena, "%s%s=", s.len ? ", " : "",
                                                     t->columns.at[i].name)),
                  i);
  }
  return arena_strdup(u->arena, s.data);
}

/* A row for each column: (name, captured, now). */
static const char *columns_sql(struct undo *u, const struct undo_table *t)
{
  CLEANUP(text_clear) struct text s = TEXT_INIT;
  for (size_t i = 0; i < t->columns.len; i++) {
    const struct undo_column *c = &t->columns.at[i];
    if (c->name_after && !c->key)
      text_printf(&s, "%s(%zu, %s, CASE WHEN w.kind = 'd' THEN w.c%zu ELSE a.c%zu END, %s)",
                  s.len ? ", " : "", i, sql_literal(u->arena, c->name_after), i, i,
                  undo_text_of(u, "t", c->name_after));
  }
  return s.len ? arena_strdup(u->arena, s.data) : NULL;
}

static const char *versions_sql(struct undo *u, const struct undo_table *t, const char *columns)
{
  struct arena *a = u->arena;
  const char *keys = undo_keys(u, t, "w");
  return arena_printf(
      a,
      "SELECT %s, w.conflict, v.name, pg_catalog.length(v.captured) > %d,"
      " pg_catalog.\"left\"(v.captured, %d), pg_catalog.length(v.now) > %d,"
      " pg_catalog.\"left\"(v.now, %d)"
      " FROM (SELECT * FROM %s w WHERE w.conflict IS NOT NULL ORDER BY %s LIMIT %d) w"
      " LEFT JOIN %s a ON %s LEFT JOIN %s t ON %s"
      " CROSS JOIN LATERAL (VALUES %s) v (n, name, captured, now)"
      " WHERE v.captured IS DISTINCT FROM v.now ORDER BY %s, v.n",
      undo_key_text(u, t), UNDO_VALUE_MAX, UNDO_VALUE_MAX, UNDO_VALUE_MAX, UNDO_VALUE_MAX,
      undo_temp(u, "work", t), keys, UNDO_CONFLICTS_MAX, undo_temp(u, "after", t),
      undo_join(u, t, "a", "w"), undo_from(u, t, UNDO_AFTER),
      undo_match(u, t, UNDO_AFTER, "t", "w"), columns, keys);
}

static const char *value(struct undo *u, const struct db_result *r, int row, int column)
{
  if (db_is_null(r, row, column + 1))
    return NULL;
  return arena_printf(u->arena, "%s%s", db_value(r, row, column + 1),
                      db_bool(r, row, column) ? "..." : "");
}

static struct undo_conflict *find(const struct undo *u, const char *table, const char *key)
{
  for (size_t i = 0; i < u->seen.len; i++)
    if (strcmp(u->seen.at[i].table, table) == 0 && strcmp(u->seen.at[i].key, key) == 0)
      return &u->seen.at[i];
  return NULL;
}

int undo_versions_read(struct undo *u, struct db_conn *conn, const struct undo_table *t,
                       struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  const char *columns = columns_sql(u, t);
  if (u->script || !columns)
    return 0;
  if (db_query(conn, &r, err, versions_sql(u, t, columns), NULL) < 0)
    return err_wrap(err, "conflicts in %s", t->before);
  for (int i = 0; i < db_rows(r); i++) {
    struct undo_conflict *c = find(u, t->before, db_value(r, i, 0));
    if (!c) {
      c = vec_add(u->arena, &u->seen);
      *c = (struct undo_conflict){.table = t->before,
                                  .key = arena_strdup(u->arena, db_value(r, i, 0)),
                                  .reason = arena_strdup(u->arena, db_value(r, i, 1))};
    }
    vec_push(u->arena, &c->values,
             ((struct undo_value){.column = arena_strdup(u->arena, db_value(r, i, 2)),
                                  .captured = value(u, r, i, 3),
                                  .now = value(u, r, i, 5)}));
  }
  return 0;
}

const struct undo_values *undo_versions_of(const struct undo *u, const char *table, const char *key)
{
  const struct undo_conflict *c = find(u, table, key);
  return c ? &c->values : NULL;
}

/* ---- for people ---- */

static const char gone[] = "deleted since";

bool undo_conflict_is_gone(const struct undo_conflict *conflict)
{
  return strcmp(conflict->reason, gone) == 0;
}

/* What rows hold must not move the cursor of whoever reads it. */
static void put_plain(struct text *out, const char *s)
{
  for (; *s; s++)
    text_putc(out, (unsigned char)*s < ' ' || *s == 0x7f ? '?' : *s);
}

static void put_values(struct text *out, const struct undo_values *values, bool now)
{
  for (size_t i = 0; i < values->len; i++) {
    const struct undo_value *v = &values->at[i];
    const char *shown = now ? v->now : v->captured;
    text_puts(out, i ? ", " : " ");
    put_plain(out, v->column);
    text_putc(out, '=');
    put_plain(out, shown ? shown : "NULL");
  }
}

void undo_conflict_text(const struct undo_conflict *conflict, struct text *out)
{
  text_printf(out, "%s ", conflict->table);
  put_plain(out, conflict->key);
  text_printf(out, ": %s", conflict->reason);
  if (conflict->values.len == 0)
    return;
  text_puts(out, " (captured");
  put_values(out, &conflict->values, false);
  text_puts(out, "; now");
  if (undo_conflict_is_gone(conflict))
    text_puts(out, " gone");
  else
    put_values(out, &conflict->values, true);
  text_putc(out, ')');
}
