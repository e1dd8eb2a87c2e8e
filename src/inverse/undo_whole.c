/* Tables without a key that survives the migration. A row is known by its values as text, as often
 * as it is there: the rows that the migration left are taken out while the schema is still that
 * after the migration, and those of before are put in when it is back (undo_write.c), so no schema
 * step can change what is compared, nor move a row that was found.
 * K is ROW(values of the columns that survived)::text.
 *   belay_work_N  k, n (number among its equals), tab and at (tableoid and ctid of the live row),
 *                 conflict
 * A row that is no longer there may be any other row by now. Its original must then not come back
 * beside it, and which original that is, nobody knows: so none comes back (or, where something
 * else of the table is lost by that, the undo is refused). Only where columns were merely dropped
 * is the original known, by the columns that were not.
 */
#include "inverse/undo_private.h"

#include "sql/quote.h"

static const char GONE[] = "changed or deleted since";

/* Nothing but columns went: before-images hold the after-images. */
static bool is_linked(const struct undo_table *t)
{
  return t->how == CAPTURE_COLUMNS;
}

/* All columns are there with the same type: a row left as it is loses nothing. */
static bool keeps_columns(const struct undo_table *t)
{
  for (size_t i = 0; i < t->columns.len; i++) {
    const struct undo_column *c = &t->columns.at[i];
    if (!c->name_after || strcmp(c->type, c->type_after) != 0)
      return false;
  }
  return true;
}

enum image { IMAGE_SURVIVING, IMAGE_ALL, IMAGE_LIVE };

static const char *row_text(struct undo *u, const struct undo_table *t, const char *alias,
                            enum image image)
{
  CLEANUP(text_clear) struct text s = TEXT_INIT;
  for (size_t i = 0; i < t->columns.len; i++) {
    const struct undo_column *c = &t->columns.at[i];
    if (!c->name_after && image != IMAGE_ALL)
      continue;
    text_puts(&s, s.len ? ", " : "");
    if (image == IMAGE_LIVE)
      text_puts(&s, undo_text_of(u, alias, c->name_after));
    else
      text_printf(&s, "%s.c%zu", alias, i);
  }
  return arena_printf(u->arena, "ROW(%s)::text COLLATE \"C\"", s.data ? s.data : "");
}

/* (at, k, n) of the rows of a temporary table */
static const char *numbered(struct undo *u, const struct undo_table *t, const char *what)
{
  const char *k = row_text(u, t, "x", IMAGE_SURVIVING);
  return arena_printf(u->arena,
                      "(SELECT x.ctid AS at, %s AS k,"
                      " row_number() OVER (PARTITION BY %s ORDER BY x.ctid) AS n FROM %s x)",
                      k, k, undo_temp(u, what, t));
}

static int load_images(struct undo *u, struct db_conn *conn, const struct undo_table *t,
                       struct err *err)
{
  struct arena *a = u->arena;
  const char *before = undo_temp(u, "before", t);
  if (undo_load(u, conn, t, "before", err) < 0)
    return -1;
  if (is_linked(t))
    return undo_copy_surviving(u, conn, t, err);
  if (undo_load(u, conn, t, "after", err) < 0)
    return -1;
  if (t->how != CAPTURE_CHANGED)
    return 0;
  if (undo_load(u, conn, t, "unchanged", err) < 0 || undo_load(u, conn, t, "confirmed", err) < 0)
    return -1;
  const char *unconfirmed = arena_printf(
      a, "DELETE FROM %s b WHERE b.s <> 't' AND NOT EXISTS (SELECT FROM %s x WHERE x.id = b.id)",
      before, undo_temp(u, "confirmed", t));
  const char *unchanged =
      arena_printf(a, "DELETE FROM %s b WHERE EXISTS (SELECT FROM %s x WHERE x.id = b.id)", before,
                   undo_temp(u, "unchanged", t));
  return undo_run(u, conn, t, unconfirmed, err) < 0 ? -1 : undo_run(u, conn, t, unchanged, err);
}

/* Equal images need nothing, if values stay what they are while the schema is brought back; and
 * rows, which may be in a partition that the migration made. */
static int cancel_equals(struct undo *u, struct db_conn *conn, const struct undo_table *t,
                         struct err *err)
{
  if (is_linked(t) || t->partitioned || t->reworded || !keeps_columns(t))
    return 0;
  const char *sql = arena_printf(
      u->arena,
      "WITH m AS MATERIALIZED (SELECT b.at AS b, a.at AS a FROM %s b JOIN %s a ON a.k = b.k AND"
      " a.n = b.n), x AS (DELETE FROM %s t USING m WHERE t.ctid = m.b)"
      " DELETE FROM %s t USING m WHERE t.ctid = m.a",
      numbered(u, t, "before"), numbered(u, t, "after"), undo_temp(u, "before", t),
      undo_temp(u, "after", t));
  return undo_run(u, conn, t, sql, err);
}

static int find_live(struct undo *u, struct db_conn *conn, const struct undo_table *t,
                     struct err *err)
{
  const char *work = undo_temp(u, "work", t);
  if (undo_make_temp(u, conn, t, "work",
                     "k text COLLATE \"C\", n int8, tab oid, at tid, conflict text COLLATE \"C\"",
                     err) < 0)
    return -1;
  const char *sql = arena_printf(
      u->arena,
      "INSERT INTO %s SELECT a.k, a.n, l.tab, l.at, CASE WHEN l.at IS NULL THEN '%s' END"
      " FROM %s a LEFT JOIN (SELECT l.*, row_number() OVER (PARTITION BY l.k ORDER BY l.tab, l.at)"
      " AS n FROM (SELECT t.tableoid AS tab, t.ctid AS at, %s AS k FROM %s t WHERE"
      " true%s) l WHERE l.k IN (SELECT %s FROM %s x)) l ON l.k = a.k AND l.n = a.n",
      work, GONE, numbered(u, t, "after"), row_text(u, t, "t", IMAGE_LIVE),
      undo_from(u, t, UNDO_AFTER), undo_not_in(u, t, UNDO_AFTER, "t"),
      row_text(u, t, "x", IMAGE_SURVIVING), undo_temp(u, "after", t));
  if (undo_run(u, conn, t, sql, err) < 0)
    return -1;
  return undo_run(u, conn, t, arena_printf(u->arena, "ANALYZE %s", work), err);
}

/* Of equal rows some are missing: the originals are as many fewer, if it does not matter which. */
static int leave_out_linked(struct undo *u, struct db_conn *conn, const struct undo_table *t,
                            struct err *err)
{
  struct arena *a = u->arena;
  const char *before = undo_temp(u, "before", t), *work = undo_temp(u, "work", t);
  const char *k = row_text(u, t, "b", IMAGE_SURVIVING);
  const char *differ = arena_printf(
      a,
      "SELECT count(*) FROM (SELECT FROM %s b WHERE %s IN (SELECT w.k FROM %s w WHERE w.conflict"
      " IS NOT NULL) GROUP BY %s HAVING count(DISTINCT %s) > 1) x",
      before, k, work, k, row_text(u, t, "b", IMAGE_ALL));
  const char *fewer = arena_printf(
      a,
      "DELETE FROM %s t USING %s b JOIN %s w ON w.k = b.k AND w.n = b.n WHERE t.ctid = b.at"
      " AND w.conflict IS NOT NULL",
      before, numbered(u, t, "before"), work);
  if (undo_require_zero(u, conn, t, differ,
                        "rows of %s were changed or deleted since, and without a key it cannot be"
                        " told which of the dropped values were theirs",
                        err) < 0)
    return -1;
  return undo_run(u, conn, t, fewer, err);
}

static int leave_all(struct undo *u, struct db_conn *conn, const struct undo_table *t,
                     struct err *err)
{
  struct arena *a = u->arena;
  const char *before = undo_temp(u, "before", t), *work = undo_temp(u, "work", t);
  const char *missing =
      arena_printf(a, "EXISTS (SELECT FROM %s x WHERE x.conflict IS NOT NULL)", work);
  if (!keeps_columns(t) || t->partitioned)
    return undo_require_zero(
        u, conn, t, arena_printf(a, "SELECT count(*) FROM %s b WHERE %s", before, missing),
        "rows of %s were changed or deleted since, and without a key it cannot be told which they"
        " were",
        err);
  const char *mark =
      arena_printf(a,
                   "UPDATE %s w SET at = NULL, conflict = CASE WHEN w.conflict IS NOT NULL THEN"
                   " '%s; without a key no row of the table is put back' END WHERE %s AND"
                   " EXISTS (SELECT FROM %s b)",
                   work, GONE, missing, before);
  if (undo_run(u, conn, t, mark, err) < 0)
    return -1;
  return undo_run(u, conn, t, arena_printf(a, "DELETE FROM %s b WHERE %s", before, missing), err);
}

int undo_whole_compare(struct undo *u, struct db_conn *conn, const struct undo_table *t,
                       struct err *err)
{
  if (load_images(u, conn, t, err) < 0 || cancel_equals(u, conn, t, err) < 0 ||
      find_live(u, conn, t, err) < 0)
    return -1;
  return is_linked(t) ? leave_out_linked(u, conn, t, err) : leave_all(u, conn, t, err);
}

int undo_whole_remove(struct undo *u, struct db_conn *conn, const struct undo_table *t,
                      struct err *err)
{
  struct undo_switches switches = {0};
  const char *work = undo_temp(u, "work", t);
  const char *sql = arena_printf(
      u->arena,
      "WITH d AS (DELETE FROM %s t USING %s w WHERE t.tableoid = w.tab AND t.ctid = w.at"
      " RETURNING 1) SELECT (SELECT count(*) FROM %s w WHERE w.at IS NOT NULL) -"
      " (SELECT count(*) FROM d)",
      undo_from(u, t, UNDO_AFTER), work, work);
  if (undo_switches_read(u, conn, t->after, &switches, err) < 0 ||
      undo_switch(u, conn, &switches.off, err) < 0 ||
      undo_require_zero(u, conn, t, sql, "rows of %s cannot be taken out", err) < 0)
    return -1;
  return undo_switch(u, conn, &switches.on, err);
}

const char *undo_whole_counts(struct undo *u, const struct undo_table *t)
{
  return arena_printf(u->arena,
                      "w%zu AS MATERIALIZED (SELECT (SELECT count(*) FROM %s w WHERE w.at IS NOT"
                      " NULL) AS gone, (SELECT count(*) FROM %s b) AS back)",
                      t->number, undo_temp(u, "work", t), undo_temp(u, "before", t));
}
