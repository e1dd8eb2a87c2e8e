#include "inverse/undo_private.h"

#include "backup/chunks.h"
#include "sql/quote.h"

static const char *const temp_names[] = {"before", "after", "unchanged", "confirmed", "work"};

static const char text_column[] = " text COLLATE \"C\"";

/* Columns of the key in its own order, which need not be that of the columns. */
static void add_keys(const struct undo_table *t, const char *type, struct text *s)
{
  for (size_t rank = 0; rank < t->key_count; rank++)
    for (size_t i = 0; i < t->columns.len; i++)
      if (t->columns.at[i].key && t->columns.at[i].key_rank == rank)
        text_printf(s, "%sc%zu%s", s->len ? ", " : "", i, type);
}

/* "s, c0, c1", the keys, or id; with their types */
static const char *temp_columns(struct undo *u, const struct undo_table *t, const char *what,
                                bool types)
{
  const char *suffix = types ? text_column : "";
  const char *key = types && undo_has_integer_key(t) ? " int8" : suffix;
  CLEANUP(text_clear) struct text s = TEXT_INIT;
  bool before = strcmp(what, "before") == 0, after = strcmp(what, "after") == 0;
  bool work = strcmp(what, "work") == 0;
  if (before)
    text_printf(&s, "s%s", suffix);
  if (t->whole_row && !after)
    text_printf(&s, "%sid%s", s.len ? ", " : "", suffix);
  for (size_t i = 0; i < t->columns.len; i++) {
    const struct undo_column *c = &t->columns.at[i];
    if (before || work || (after && c->name_after))
      text_printf(&s, "%sc%zu%s", s.len ? ", " : "", i, c->key ? key : suffix);
  }
  if (!before && !work && !after)
    add_keys(t, key, &s);
  return s.data ? arena_strdup(u->arena, s.data) : "";
}

int undo_make_temp(struct undo *u, struct db_conn *conn, const struct undo_table *t,
                   const char *what, const char *columns, struct err *err)
{
  const char *name = undo_temp(u, what, t);
  /* ON COMMIT DROP would do, but several migrations may be undone in one transaction */
  const char *sql =
      arena_printf(u->arena, "DROP TABLE IF EXISTS %s; CREATE TEMP TABLE %s (%s) ON COMMIT DROP",
                   name, name + strlen("pg_temp."), columns);
  return undo_run(u, conn, t, sql, err);
}

static int index_key(struct undo *u, struct db_conn *conn, const struct undo_table *t,
                     const char *name, struct err *err)
{
  if (!undo_has_integer_key(t))
    return 0;
  const char *sql = arena_printf(u->arena, "CREATE INDEX ON %s (%s)", name, undo_keys(u, t, NULL));
  return undo_run(u, conn, t, sql, err);
}

int undo_load(struct undo *u, struct db_conn *conn, const struct undo_table *t, const char *what,
              struct err *err)
{
  const char *name = undo_temp(u, what, t), *columns = temp_columns(u, t, what, false);
  const char *list = *columns ? arena_printf(u->arena, " (%s)", columns) : "";
  const char *sql = arena_printf(u->arena, "COPY %s%s FROM STDIN", name, list);
  const char *object = arena_printf(u->arena, "%s:%s", what, t->before);
  bool key_list = strcmp(what, "before") != 0 && strcmp(what, "after") != 0;
  if (undo_make_temp(u, conn, t, what, temp_columns(u, t, what, true), err) < 0)
    return -1;
  undo_emit(u, "%s", sql);
  if (u->script ? chunks_write_text(u->archive, object, u->script, err) < 0
                : chunks_copy_in(conn, sql, u->archive, object, NULL, err) < 0)
    return -1;
  if (u->script)
    (void)fputs("\\.\n", u->script);
  if (!key_list && index_key(u, conn, t, name, err) < 0)
    return -1;
  const char *analyze = t->key_count
                            ? arena_printf(u->arena, "ANALYZE %s (%s)", name, undo_keys(u, t, NULL))
                            : arena_printf(u->arena, "ANALYZE %s", name);
  return undo_run(u, conn, t, analyze, err);
}

int undo_copy_surviving(struct undo *u, struct db_conn *conn, const struct undo_table *t,
                        struct err *err)
{
  const char *columns = temp_columns(u, t, "after", false);
  const char *list = *columns ? arena_printf(u->arena, " (%s)", columns) : "";
  const char *sql =
      arena_printf(u->arena, "INSERT INTO %s%s SELECT %s FROM %s", undo_temp(u, "after", t), list,
                   columns, undo_temp(u, "before", t));
  if (undo_make_temp(u, conn, t, "after", temp_columns(u, t, "after", true), err) < 0)
    return -1;
  return undo_run(u, conn, t, sql, err);
}

/* ---- what the migration did to which row ---- */

/* Rows whose images are equal need nothing, if values stay what they are while the schema is
 * brought back; and rows, which may be in a partition that the migration made. */
static const char *same_images(struct undo *u, const struct undo_table *t)
{
  CLEANUP(text_clear) struct text s = TEXT_INIT;
  if (t->partitioned || t->reworded)
    return "false";
  for (size_t i = 0; i < t->columns.len; i++) {
    const struct undo_column *c = &t->columns.at[i];
    if (!c->name_after || strcmp(c->type, c->type_after) != 0)
      return "false";
    text_printf(&s, "%sb.c%zu IS NOT DISTINCT FROM a.c%zu", s.len ? " AND " : "", i, i);
  }
  return arena_strdup(u->arena, s.data);
}

static bool has_doomed_column(const struct undo_table *t)
{
  for (size_t i = 0; i < t->columns.len; i++)
    if (!t->columns.at[i].name_after)
      return true;
  return false;
}

/* What others did since to the row of after-image a; t is the live row. */
static const char *differs_now(struct undo *u, const struct undo_table *t)
{
  CLEANUP(text_clear) struct text s = TEXT_INIT;
  for (size_t i = 0; i < t->columns.len; i++) {
    const struct undo_column *c = &t->columns.at[i];
    if (c->name_after && !c->key)
      text_printf(&s, "%s%s IS DISTINCT FROM a.c%zu", s.len ? " OR " : "",
                  undo_value_of(u, "t", c->name_after, c->type_after), i);
  }
  return s.len ? arena_strdup(u->arena, s.data) : "false";
}

/* Updated and deleted rows, and what others did to them. */
static const char *changed_sql(struct undo *u, const struct undo_table *t, const char *before)
{
  const char *after_key = undo_keys(u, t, "a");
  return arena_printf(
      u->arena,
      "INSERT INTO %s (kind, conflict, %s)"
      " SELECT CASE WHEN (%s) IS NULL THEN 'd' ELSE 'u' END, CASE WHEN (%s) IS NULL THEN"
      " CASE WHEN t.tableoid IS NOT NULL THEN 'key used again' END WHEN t.tableoid IS NULL THEN"
      " 'deleted since' WHEN %s THEN 'changed since' END, %s FROM %s b LEFT JOIN %s a ON %s"
      " LEFT JOIN %s t ON %s WHERE (%s) IS NULL OR NOT (%s)",
      undo_temp(u, "work", t), undo_values(u, t, NULL), after_key, after_key, differs_now(u, t),
      undo_values(u, t, "b"), before, undo_temp(u, "after", t), undo_join(u, t, "a", "b"),
      undo_from(u, t, UNDO_AFTER), undo_match(u, t, UNDO_AFTER, "t", "b"), after_key,
      same_images(u, t));
}

/* Inserted rows; those that are gone are no work. */
static const char *inserted_sql(struct undo *u, const struct undo_table *t)
{
  return arena_printf(u->arena,
                      "INSERT INTO %s (kind, conflict, %s) SELECT 'i', CASE WHEN %s THEN"
                      " 'changed since' END, %s FROM %s a JOIN %s t ON %s"
                      " WHERE NOT EXISTS (SELECT FROM %s b WHERE %s)",
                      undo_temp(u, "work", t), undo_keys(u, t, NULL), differs_now(u, t),
                      undo_keys(u, t, "a"), undo_temp(u, "after", t), undo_from(u, t, UNDO_AFTER),
                      undo_match(u, t, UNDO_AFTER, "t", "a"), undo_temp(u, "before", t),
                      undo_join(u, t, "a", "b"));
}

static const char *in_unchanged(struct undo *u, const struct undo_table *t)
{
  return arena_printf(u->arena, "EXISTS (SELECT FROM %s x WHERE %s)", undo_temp(u, "unchanged", t),
                      undo_join(u, t, "b", "x"));
}

/* Rows that the migration did not write are work only where columns were dropped under them. Plain
 * semi- and anti-joins: an OR of the two would run a subquery a row. */
static int find_work(struct undo *u, struct db_conn *conn, const struct undo_table *t,
                     struct err *err)
{
  struct arena *a = u->arena;
  const char *before = undo_temp(u, "before", t);
  if (has_doomed_column(t)) {
    const char *unchanged = arena_printf(
        a, "INSERT INTO %s (kind, %s) SELECT 'c', %s FROM %s b WHERE %s", undo_temp(u, "work", t),
        undo_values(u, t, NULL), undo_values(u, t, "b"), before, in_unchanged(u, t));
    if (undo_run(u, conn, t, unchanged, err) < 0)
      return -1;
    before = arena_printf(a, "(SELECT * FROM %s b WHERE NOT %s)", before, in_unchanged(u, t));
  }
  if (undo_run(u, conn, t, changed_sql(u, t, before), err) < 0)
    return -1;
  return undo_run(u, conn, t, inserted_sql(u, t), err);
}

/* No after-images: the table is gone, or only columns are. */
static int all_is_work(struct undo *u, struct db_conn *conn, const struct undo_table *t,
                       struct err *err)
{
  const char *values = undo_values(u, t, NULL);
  const char *sql = arena_printf(u->arena, "INSERT INTO %s (kind, %s) SELECT '%s', %s FROM %s",
                                 undo_temp(u, "work", t), values, t->after ? "c" : "n", values,
                                 undo_temp(u, "before", t));
  return undo_run(u, conn, t, sql, err);
}

/* ---- nobody has written since ---- */

/* The live row t is as the migration left it. */
static const char *is_its_own(struct undo *u)
{
  return arena_printf(u->arena, "t.xmin = '%" PRIu32 "'::xid", (uint32_t)u->xid);
}

/* All rows that the migration left are there, and still the versions that it wrote: an xid means
 * one transaction only, as long as no 2^31 have gone by. (Those of savepoints are not looked for.)
 */
static int is_untouched(struct undo *u, struct db_conn *conn, const struct undo_table *t, bool *ret,
                        struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  *ret = false;
  if (u->script || u->xid <= 0 || has_doomed_column(t))
    return 0;
  const char *sql = arena_printf(u->arena,
                                 "SELECT count(*) = %" PRId64 " AND pg_catalog.pg_snapshot_xmax("
                                 "pg_catalog.pg_current_snapshot())::text::int8 - %" PRId64
                                 " BETWEEN 1 AND 2147483647"
                                 " FROM %s t WHERE %s%s",
                                 t->after_rows, u->xid, undo_from(u, t, UNDO_AFTER), is_its_own(u),
                                 undo_not_in(u, t, UNDO_AFTER, "t"));
  if (undo_query(u, conn, t, &r, sql, err) < 0)
    return -1;
  *ret = db_bool(r, 0, 0);
  return 0;
}

/* Its key, as the temporary tables hold it. */
static const char *live_keys(struct undo *u, const struct undo_table *t)
{
  CLEANUP(text_clear) struct text s = TEXT_INIT;
  for (size_t i = 0; i < t->columns.len; i++) {
    const struct undo_column *c = &t->columns.at[i];
    if (c->key && undo_has_integer_key(t))
      text_printf(&s, "%st.%s::int8", s.len ? ", " : "", sql_ident(u->arena, c->name_after));
    else if (c->key)
      text_printf(&s, "%s%s", s.len ? ", " : "", undo_text_of(u, "t", c->name_after));
  }
  return arena_strdup(u->arena, s.data);
}

/* The before-images become the work, and the live rows do for the after-images. */
static int work_from_before(struct undo *u, struct db_conn *conn, const struct undo_table *t,
                            struct err *err)
{
  struct arena *a = u->arena;
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  const char *work = undo_temp(u, "work", t), *from = undo_from(u, t, UNDO_AFTER);
  const char *match = undo_match(u, t, UNDO_AFTER, "t", "w"), *own = is_its_own(u);
  const char *become = arena_printf(
      a,
      "DROP TABLE IF EXISTS %s; ALTER TABLE %s ADD COLUMN kind%s DEFAULT 'u', ADD COLUMN"
      " conflict%s; ALTER TABLE %s RENAME TO %s",
      work, undo_temp(u, "before", t), text_column, text_column, undo_temp(u, "before", t),
      work + strlen("pg_temp."));
  const char *count = arena_printf(
      a, "SELECT (SELECT count(*) FROM %s), (SELECT count(*) FROM %s w JOIN %s t ON %s WHERE %s)",
      work, work, from, match, own);
  const char *deleted = arena_printf(
      a,
      "UPDATE %s w SET kind = 'd', conflict = CASE WHEN EXISTS (SELECT FROM %s t WHERE %s) THEN"
      " 'key used again' END WHERE NOT EXISTS (SELECT FROM %s t WHERE %s AND %s)",
      work, from, match, from, match, own);
  const char *inserted = arena_printf(a,
                                      "INSERT INTO %s (kind, %s) SELECT 'i', %s FROM %s t WHERE"
                                      " %s%s AND NOT EXISTS (SELECT FROM %s w WHERE %s)",
                                      work, undo_keys(u, t, NULL), live_keys(u, t), from, own,
                                      undo_not_in(u, t, UNDO_AFTER, "t"), work, match);
  if (undo_make_temp(u, conn, t, "after", temp_columns(u, t, "after", true), err) < 0 ||
      undo_run(u, conn, t, become, err) < 0 || undo_query(u, conn, t, &r, count, err) < 0)
    return -1;
  int64_t rows = db_int(r, 0, 0), updated = db_int(r, 0, 1);
  if (updated < rows && undo_run(u, conn, t, deleted, err) < 0)
    return -1;
  return updated < t->after_rows ? undo_run(u, conn, t, inserted, err) : 0;
}

/* ---- all ---- */

/* Rows that are locked only, or not its own, are no work. */
static int leave_out(struct undo *u, struct db_conn *conn, const struct undo_table *t,
                     struct err *err)
{
  const char *before = undo_temp(u, "before", t);
  const char *unconfirmed = arena_printf(
      u->arena, "DELETE FROM %s b WHERE b.s <> 't' AND NOT EXISTS (SELECT FROM %s x WHERE %s)",
      before, undo_temp(u, "confirmed", t), undo_join(u, t, "b", "x"));
  const char *unchanged =
      arena_printf(u->arena, "DELETE FROM %s b WHERE %s", before, in_unchanged(u, t));
  if (undo_run(u, conn, t, unconfirmed, err) < 0)
    return -1;
  return has_doomed_column(t) ? 0 : undo_run(u, conn, t, unchanged, err);
}

static int work_anew(struct undo *u, struct db_conn *conn, const struct undo_table *t,
                     struct err *err)
{
  const char *columns = arena_printf(u->arena, "kind%s, conflict%s, %s", text_column, text_column,
                                     temp_columns(u, t, "work", true));
  if (undo_make_temp(u, conn, t, "work", columns, err) < 0 ||
      (undo_has_after(t) && undo_load(u, conn, t, "after", err) < 0) ||
      (undo_has_after(t) ? find_work : all_is_work)(u, conn, t, err) < 0)
    return -1;
  return index_key(u, conn, t, undo_temp(u, "work", t), err);
}

static int fill_work(struct undo *u, struct db_conn *conn, const struct undo_table *t,
                     struct err *err)
{
  bool untouched = false;
  if (t->whole_row)
    return undo_whole_compare(u, conn, t, err);
  if (undo_load(u, conn, t, "before", err) < 0)
    return -1;
  if (t->key_count == 0)
    return 0;
  if (undo_has_after(t) &&
      (undo_load(u, conn, t, "unchanged", err) < 0 || undo_load(u, conn, t, "confirmed", err) < 0 ||
       leave_out(u, conn, t, err) < 0 || is_untouched(u, conn, t, &untouched, err) < 0))
    return -1;
  const char *analyze = arena_printf(u->arena, "ANALYZE %s (kind, conflict, %s)",
                                     undo_temp(u, "work", t), undo_keys(u, t, NULL));
  if (undo_merge(u, conn, undo_has_integer_key(t), err) < 0 ||
      (untouched ? work_from_before : work_anew)(u, conn, t, err) < 0 ||
      undo_merge(u, conn, false, err) < 0 || undo_run(u, conn, t, analyze, err) < 0)
    return -1;
  return undo_has_after(t) ? undo_versions_read(u, conn, t, err) : 0;
}

int undo_compare_table(struct undo *u, struct db_conn *conn, struct undo_table *t, struct err *err)
{
  t->compared = false;
  if (fill_work(u, conn, t, err) < 0)
    return -1;
  t->compared = t->key_count > 0 || t->whole_row;
  return 0;
}

/* Nobody may write between the compare and the writing back. */
static int compare_table(struct undo *u, struct db_conn *conn, struct undo_table *t,
                         struct err *err)
{
  const char *lock = t->after ? arena_printf(u->arena, "LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE",
                                             undo_from(u, t, UNDO_AFTER))
                              : NULL;
  if (lock && undo_run(u, conn, t, lock, err) < 0)
    return -1;
  return undo_compare_table(u, conn, t, err);
}

int undo_compare(struct undo *u, struct db_conn *conn, struct err *err)
{
  struct capture_settings saved = {0};
  if (db_transaction_status(conn) != 'T')
    return err_set(err, ERR_UNEXPECTED, "undo outside of a transaction");
  if (u->script && undo_large_bytes(u) > UNDO_SCRIPT_LARGE_BYTES_MAX) {
    err_set(err, ERR_REFUSED,
            "the script would hold %" PRIu64 " MiB of large objects, more than %d",
            undo_large_bytes(u) >> 20, (int)(UNDO_SCRIPT_LARGE_BYTES_MAX >> 20));
    return err_hint(err, "Nothing was changed. Bring them back without --script: belay rollback");
  }
  if (undo_settings_enter(u, conn, &saved, err) < 0 || undo_large_compare(u, conn, err) < 0)
    return err_wrap(err, "undo");
  for (size_t i = 0; i < u->tables.len; i++)
    if (compare_table(u, conn, &u->tables.at[i], err) < 0)
      return -1;
  for (size_t i = 0; i < u->tables.len; i++)
    if (u->tables.at[i].whole_row && undo_whole_remove(u, conn, &u->tables.at[i], err) < 0)
      return -1;
  u->compared = true;
  return undo_settings_leave(u, conn, &saved, err);
}

int undo_drop_temps(struct undo *u, struct db_conn *conn, struct err *err)
{
  for (size_t i = 0; i < u->tables.len; i++) {
    for (size_t k = 0; k < COUNT_OF(temp_names); k++) {
      const char *sql = arena_printf(u->arena, "DROP TABLE IF EXISTS %s",
                                     undo_temp(u, temp_names[k], &u->tables.at[i]));
      if (undo_run(u, conn, &u->tables.at[i], sql, err) < 0)
        return -1;
    }
  }
  return 0;
}
