/* All rows of all tables are written by ONE statement: first deletes, then updates, then
 * inserts. Foreign keys are checked at its end, so neither the order of tables, nor cycles, nor
 * references of a table to itself matter; and a unique value that moved from one row to another
 * is free again before it is needed. */
#include "inverse/undo_private.h"

#include "sql/quote.h"

/* ---- the state before, as it is now ---- */

static int read_live_columns(struct undo *u, struct db_conn *conn, struct undo_table *t,
                             struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (db_query(conn, &r, err,
               "SELECT a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod),"
               " a.attgenerated <> '', a.attidentity = 'a' FROM pg_catalog.pg_attribute a"
               " WHERE a.attrelid = $1::text::regclass AND a.attnum > 0 AND NOT a.attisdropped",
               t->before, NULL) < 0)
    return err_wrap(err, "undo of %s", t->before);
  for (size_t i = 0; i < t->columns.len; i++) {
    struct undo_column *c = &t->columns.at[i];
    int row = 0;
    while (row < db_rows(r) && strcmp(db_value(r, row, 0), c->name) != 0)
      row++;
    if (row == db_rows(r))
      return err_set(err, ERR_REFUSED, "undo of %s: there is no column %s", t->before, c->name);
    /* a cast to another type could cut values off without a word */
    if (strcmp(db_value(r, row, 1), c->type) != 0)
      return err_set(err, ERR_REFUSED, "undo of %s: column %s is %s, the captured values are %s",
                     t->before, c->name, db_value(r, row, 1), c->type);
    c->generated = db_bool(r, row, 2);
    c->identity_always = db_bool(r, row, 3);
  }
  UNUSED(u);
  return 0;
}

static bool is_set(const struct undo_column *c)
{
  return !c->key && !c->generated && !c->identity_always;
}

/* ---- which work is done: SQL conditions on alias w ---- */

const char *undo_is_done(const struct undo *u)
{
  return u->on_conflict == UNDO_RESTORE
             ? "(w.conflict IS NULL OR w.conflict NOT LIKE 'referenced%')"
             : "w.conflict IS NULL";
}

const char *undo_is_update(const struct undo *u)
{
  return u->on_conflict == UNDO_RESTORE
             ? "((w.kind = 'u' AND coalesce(w.conflict, '') <> 'deleted since')"
               " OR (w.kind = 'd' AND w.conflict IS NOT NULL))"
             : "(w.kind = 'u' AND w.conflict IS NULL)";
}

/* Rows of which only the dropped columns are put back: the migration did not write them, or
 * others have since. */
const char *undo_is_fill(const struct undo *u)
{
  return u->on_conflict == UNDO_RESTORE
             ? "(w.kind = 'c')"
             : "(w.kind = 'c' OR (w.kind = 'u' AND w.conflict = 'changed since'))";
}

/* Rows that are inserted unless they are there. One that was updated, or moved to another
 * partition, may have gone with a partition that the migration had made. */
const char *undo_is_insert(const struct undo *u, const struct undo_table *t)
{
  if (u->on_conflict == UNDO_RESTORE)
    return t->partitioned ? "(w.kind IN ('n', 'u') OR (w.kind = 'd' AND w.conflict IS NULL))"
                          : "(w.kind = 'n' OR (w.kind = 'd' AND w.conflict IS NULL)"
                            " OR (w.kind = 'u' AND w.conflict = 'deleted since'))";
  return t->partitioned ? "(w.kind IN ('n', 'd', 'u') AND w.conflict IS NULL)"
                        : "(w.kind IN ('n', 'd') AND w.conflict IS NULL)";
}

/* ---- the statement ---- */

static void add_delete(struct undo *u, const struct undo_table *t, struct text *sql)
{
  if (!undo_has_after(t))
    return;
  text_printf(
      sql, "d%zu AS (DELETE FROM %s t USING %s w WHERE %s AND w.kind = 'i' AND %s RETURNING 1),\n",
      t->number, undo_from(u, t, UNDO_BEFORE), undo_temp(u, "work", t),
      undo_match(u, t, UNDO_BEFORE, "t", "w"), undo_is_done(u));
}

static bool has_settable(const struct undo_table *t, bool doomed_only)
{
  if (t->key_count == 0 || !t->after)
    return false;
  for (size_t i = 0; i < t->columns.len; i++)
    if (is_set(&t->columns.at[i]) && (!doomed_only || !t->columns.at[i].name_after))
      return true;
  return false;
}

static bool has_update(const struct undo_table *t)
{
  return undo_has_after(t) && has_settable(t, false);
}

static bool has_fill(const struct undo_table *t)
{
  return has_settable(t, true);
}

static void add_update_of(struct undo *u, const struct undo_table *t, bool fill, struct text *sql)
{
  text_printf(sql, "%c%zu AS (UPDATE %s t SET ", fill ? 'f' : 'u', t->number,
              undo_from(u, t, UNDO_BEFORE));
  const char *comma = "";
  for (size_t i = 0; i < t->columns.len; i++) {
    const struct undo_column *c = &t->columns.at[i];
    if (!is_set(c) || (fill && c->name_after))
      continue;
    text_printf(sql, "%s%s = w.c%zu::%s", comma, sql_ident(u->arena, c->name), i, c->type);
    comma = ", ";
  }
  text_printf(sql, " FROM %s w WHERE %s AND %s AND (SELECT n FROM deleted) >= 0 RETURNING 1),\n",
              undo_temp(u, "work", t), undo_match(u, t, UNDO_BEFORE, "t", "w"),
              fill ? undo_is_fill(u) : undo_is_update(u));
}

static void add_update(struct undo *u, const struct undo_table *t, struct text *sql)
{
  if (has_update(t))
    add_update_of(u, t, false, sql);
  if (has_fill(t))
    add_update_of(u, t, true, sql);
}

static bool has_insert(const struct undo_table *t)
{
  return t->how != CAPTURE_COLUMNS || t->whole_row;
}

static void add_insert(struct undo *u, const struct undo_table *t, struct text *sql)
{
  if (!has_insert(t))
    return;
  CLEANUP(text_clear) struct text names = TEXT_INIT;
  CLEANUP(text_clear) struct text values = TEXT_INIT;
  for (size_t i = 0; i < t->columns.len; i++) {
    const struct undo_column *c = &t->columns.at[i];
    if (c->generated)
      continue;
    text_printf(&names, "%s%s", names.len ? ", " : "", sql_ident(u->arena, c->name));
    text_printf(&values, "%sw.c%zu::%s", values.len ? ", " : "", i, c->type);
  }
  text_printf(sql, "i%zu AS (INSERT INTO %s", t->number, t->before);
  if (names.len > 0)
    text_printf(sql, " (%s) OVERRIDING SYSTEM VALUE", names.data);
  text_printf(sql, " SELECT %s FROM %s w", values.data,
              undo_temp(u, t->key_count > 0 ? "work" : "before", t));
  if (t->key_count > 0)
    text_printf(sql, " WHERE %s AND NOT EXISTS (SELECT FROM %s t WHERE %s) AND",
                undo_is_insert(u, t), undo_from(u, t, UNDO_BEFORE),
                undo_match(u, t, UNDO_BEFORE, "t", "w"));
  else
    text_puts(sql, " WHERE");
  text_puts(sql, " (SELECT n FROM updated) >= 0 RETURNING 1),\n");
}

struct counted {
  char letter;
  bool (*has)(const struct undo_table *t);
};

static void add_sum(struct undo *u, const char *name, const struct counted *counted, size_t count,
                    struct text *sql)
{
  text_printf(sql, "%s AS MATERIALIZED (SELECT 0", name);
  for (size_t k = 0; k < count; k++)
    for (size_t i = 0; i < u->tables.len; i++)
      if (counted[k].has(&u->tables.at[i]))
        text_printf(sql, " + (SELECT count(*) FROM %c%zu)", counted[k].letter, i);
  text_puts(sql, " AS n)");
}

static int write_rows(struct undo *u, struct db_conn *conn, struct undo_report *report,
                      struct err *err)
{
  CLEANUP(text_clear) struct text sql = TEXT_INIT;
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  static const struct counted deletes[] = {{'d', undo_has_after}};
  static const struct counted updates[] = {{'u', has_update}, {'f', has_fill}};
  static const struct counted inserts[] = {{'i', has_insert}};
  CLEANUP(text_clear) struct text again = TEXT_INIT;
  CLEANUP(text_clear) struct text gone = TEXT_INIT;
  text_puts(&sql, "WITH ");
  for (size_t i = 0; i < u->tables.len; i++)
    add_delete(u, &u->tables.at[i], &sql);
  add_sum(u, "deleted", deletes, COUNT_OF(deletes), &sql);
  text_puts(&sql, ",\n");
  for (size_t i = 0; i < u->tables.len; i++)
    add_update(u, &u->tables.at[i], &sql);
  add_sum(u, "updated", updates, COUNT_OF(updates), &sql);
  text_puts(&sql, ",\n");
  for (size_t i = 0; i < u->tables.len; i++)
    add_insert(u, &u->tables.at[i], &sql);
  add_sum(u, "inserted", inserts, COUNT_OF(inserts), &sql);
  /* a row taken out and one put in count as one written back */
  for (size_t i = 0; i < u->tables.len; i++) {
    const struct undo_table *t = &u->tables.at[i];
    if (!t->whole_row)
      continue;
    text_printf(&sql, ",\n%s", undo_whole_counts(u, t));
    text_printf(&gone, " + (SELECT gone FROM w%zu)", t->number);
    text_printf(&again, " + (SELECT least(gone, back) FROM w%zu)", t->number);
  }
  const char *both = again.data ? again.data : "";
  text_printf(&sql,
              "\nSELECT updated.n + (0%s) AS written_back, inserted.n - (0%s) AS inserted_again,"
              " deleted.n + (0%s) - (0%s) AS removed FROM updated, inserted, deleted",
              both, both, gone.data ? gone.data : "", both);
  undo_emit(u, "%s", sql.data);
  if (db_query(conn, &r, err, sql.data, NULL) < 0)
    return err_wrap(err, "writing rows back");
  report->restored = db_int(r, 0, 0);
  report->reinserted = db_int(r, 0, 1);
  report->deleted = db_int(r, 0, 2);
  return 0;
}

/* ---- is it as captured? ---- */

static const char *differs_from_before(struct undo *u, const struct undo_table *t, bool doomed_only)
{
  CLEANUP(text_clear) struct text s = TEXT_INIT;
  for (size_t i = 0; i < t->columns.len; i++)
    if (!t->columns.at[i].key && !t->columns.at[i].generated &&
        (!doomed_only || !t->columns.at[i].name_after))
      text_printf(&s, " OR %s IS DISTINCT FROM w.c%zu",
                  undo_value_of(u, "t", t->columns.at[i].name, t->columns.at[i].type), i);
  return arena_strdup(u->arena, s.data);
}

/* Every row that was written must be there, as captured; where only columns were filled, a row
 * that is gone by now is no difference. */
static const char *keyed_check(struct undo *u, const struct undo_table *t)
{
  const char *work = undo_temp(u, "work", t), *from = undo_from(u, t, UNDO_BEFORE);
  const char *match = undo_match(u, t, UNDO_BEFORE, "t", "w");
  return arena_printf(u->arena,
                      "SELECT (SELECT count(*) FROM %s w LEFT JOIN %s t ON %s"
                      " WHERE (%s OR %s) AND (t.tableoid IS NULL%s))"
                      " + (SELECT count(*) FROM %s w JOIN %s t ON %s WHERE %s AND (false%s))"
                      " + (SELECT count(*) FROM %s w JOIN %s t ON %s WHERE w.kind = 'i' AND %s)",
                      work, from, match, undo_is_update(u), undo_is_insert(u, t),
                      differs_from_before(u, t, false), work, from, match, undo_is_fill(u),
                      differs_from_before(u, t, true), work, from, match, undo_is_done(u));
}

/* A table without key: each captured row is there at least as often as captured. */
static const char *keyless_check(struct undo *u, const struct undo_table *t)
{
  CLEANUP(text_clear) struct text captured = TEXT_INIT;
  CLEANUP(text_clear) struct text live = TEXT_INIT;
  for (size_t i = 0; i < t->columns.len; i++) {
    const struct undo_column *c = &t->columns.at[i];
    if (c->generated)
      continue;
    text_printf(&captured, "%sb.c%zu", captured.len ? ", " : "", i);
    text_printf(&live, "%s%s", live.len ? ", " : "", undo_text_of(u, "t", c->name));
  }
  return arena_printf(
      u->arena,
      "SELECT count(*) FROM (SELECT %s FROM %s b EXCEPT ALL SELECT %s FROM %s t WHERE true%s) x",
      captured.data, undo_temp(u, "before", t), live.data, undo_from(u, t, UNDO_BEFORE),
      undo_not_in(u, t, UNDO_BEFORE, "t"));
}

/* A row that others changed since is left alone; but it may lie in a partition that the migration
 * had made, and which is gone by now. */
static int check_left_alone(struct undo *u, struct db_conn *conn, const struct undo_table *t,
                            struct err *err)
{
  const char *sql =
      arena_printf(u->arena,
                   "SELECT count(*) FROM %s w LEFT JOIN %s t ON %s WHERE w.kind IN ('u', 'c') AND"
                   " w.conflict = 'changed since' AND t.tableoid IS NULL",
                   undo_temp(u, "work", t), undo_from(u, t, UNDO_BEFORE),
                   undo_match(u, t, UNDO_BEFORE, "t", "w"));
  if (undo_require_zero(u, conn, t, sql,
                        "rows of %s that others changed since would go with the partition that they"
                        " are in now",
                        err) == 0)
    return 0;
  return err->code == ERR_REFUSED
             ? err_hint(err, "--on-conflict restore brings them back as they were captured.")
             : -1;
}

static int check_rows(struct undo *u, struct db_conn *conn, struct err *err)
{
  for (size_t i = 0; i < u->tables.len; i++) {
    const struct undo_table *t = &u->tables.at[i];
    if (t->partitioned && t->key_count > 0 && undo_has_after(t) && u->on_conflict != UNDO_RESTORE &&
        check_left_alone(u, conn, t, err) < 0)
      return -1;
    const char *sql = t->key_count > 0 ? keyed_check(u, t) : keyless_check(u, t);
    if (undo_require_zero(u, conn, t, sql, "rows of %s would not be as they were captured", err) <
        0)
      return -1;
  }
  return 0;
}

/* ---- conflicts ---- */

/* psql prints them; with UNDO_ABORT the first one ends the script. */
static void emit_conflicts(struct undo *u, const struct undo_table *t)
{
  const char *table = sql_literal(u->arena, t->before);
  const char *found = arena_printf(u->arena,
                                   "SELECT %s AS table, %s AS key, w.conflict FROM %s w WHERE"
                                   " w.conflict IS NOT NULL",
                                   table, undo_key_text(u, t), undo_temp(u, "work", t));
  if (u->on_conflict == UNDO_ABORT)
    undo_emit_block(u,
                    "BEGIN IF EXISTS (%s) THEN RAISE EXCEPTION 'rows of %% were changed"
                    " since the migration', %s; END IF; END",
                    found, table);
  else
    undo_emit(u, "%s ORDER BY 2", found);
}

int undo_list_conflicts(struct undo *u, struct db_conn *conn, struct undo_report *report,
                        struct err *err)
{
  for (size_t i = 0; i < u->tables.len; i++) {
    const struct undo_table *t = &u->tables.at[i];
    if (!t->compared)
      continue;
    CLEANUP(db_result_clear) struct db_result *r = NULL;
    const char *sql = arena_printf(
        u->arena,
        "SELECT count(*) OVER (), %s, w.conflict FROM %s w WHERE w.conflict IS NOT NULL"
        " ORDER BY %s LIMIT %d",
        undo_key_text(u, t), undo_temp(u, "work", t), t->whole_row ? "w.k" : undo_keys(u, t, "w"),
        UNDO_CONFLICTS_MAX);
    emit_conflicts(u, t);
    if (undo_query(u, conn, t, &r, sql, err) < 0)
      return -1;
    report->conflict_count += db_rows(r) > 0 ? db_int(r, 0, 0) : 0;
    for (int k = 0; k < db_rows(r) && report->conflicts.len < UNDO_CONFLICTS_MAX; k++) {
      struct undo_conflict *c = vec_add(u->arena, &report->conflicts);
      *c = (struct undo_conflict){.table = t->before,
                                  .key = arena_strdup(u->arena, db_value(r, k, 1)),
                                  .reason = arena_strdup(u->arena, db_value(r, k, 2))};
      const struct undo_values *values = undo_versions_of(u, c->table, c->key);
      if (values)
        c->values = *values;
    }
  }
  return undo_large_conflicts(u, conn, report, err);
}

enum { ABORT_SHOWN_MAX = 10 };

static int abort_on_conflicts(const struct undo_report *report, struct err *err)
{
  CLEANUP(text_clear) struct text detail = TEXT_INIT;
  for (size_t i = 0; i < report->conflicts.len && i < ABORT_SHOWN_MAX; i++) {
    text_puts(&detail, i ? "\n" : "");
    undo_conflict_text(&report->conflicts.at[i], &detail);
  }
  if (report->conflict_count > ABORT_SHOWN_MAX)
    text_printf(&detail, "\nand %" PRId64 " more", report->conflict_count - ABORT_SHOWN_MAX);
  err_set(err, ERR_REFUSED, "%" PRId64 " rows were changed since the migration",
          report->conflict_count);
  return err_detail(err, "%s", detail.data);
}

/* ---- all of it ---- */

/* Which row it is by now, nobody knows. */
static int refuse_restore(struct undo *u, struct db_conn *conn, struct err *err)
{
  for (size_t i = 0; i < u->tables.len && u->on_conflict == UNDO_RESTORE; i++) {
    const struct undo_table *t = &u->tables.at[i];
    const char *sql =
        arena_printf(u->arena, "SELECT count(*) FROM %s w WHERE w.conflict IS NOT NULL",
                     t->whole_row ? undo_temp(u, "work", t) : "");
    if (t->whole_row &&
        undo_require_zero(u, conn, t, sql,
                          "rows of %s were changed or deleted since: without a key they cannot be"
                          " restored over what they are now",
                          err) < 0)
      return -1;
  }
  return 0;
}

/* One statement writes all tables. */
static bool may_merge(const struct undo *u)
{
  for (size_t i = 0; i < u->tables.len; i++)
    if (u->tables.at[i].compared && !undo_has_integer_key(&u->tables.at[i]))
      return false;
  return true;
}

static int write_inside(struct undo *u, struct db_conn *conn, struct undo_report *report,
                        struct err *err)
{
  struct undo_switches switches = {0};
  for (size_t i = 0; i < u->tables.len; i++)
    if (read_live_columns(u, conn, &u->tables.at[i], err) < 0 ||
        undo_switches_read(u, conn, u->tables.at[i].before, &switches, err) < 0)
      return -1;
  if (undo_mark_referenced(u, conn, UNDO_BEFORE, &(struct strings){0}, err) < 0 ||
      undo_list_conflicts(u, conn, report, err) < 0 || refuse_restore(u, conn, err) < 0)
    return -1;
  if (u->on_conflict == UNDO_ABORT && report->conflict_count > 0)
    return abort_on_conflicts(report, err);
  /* pending checks would forbid ALTER TABLE, here and in the schema steps that follow */
  if (undo_switch(u, conn, &switches.off, err) < 0 ||
      undo_run(u, conn, NULL, "SET CONSTRAINTS ALL DEFERRED", err) < 0 ||
      undo_merge(u, conn, may_merge(u), err) < 0 || write_rows(u, conn, report, err) < 0 ||
      undo_run(u, conn, NULL, "SET CONSTRAINTS ALL IMMEDIATE", err) < 0 ||
      undo_switch(u, conn, &switches.on, err) < 0 || check_rows(u, conn, err) < 0 ||
      undo_sequences_set(u, conn, err) < 0 || undo_large_write(u, conn, report, err) < 0)
    return -1;
  return undo_drop_temps(u, conn, err);
}

int undo_write(struct undo *u, struct db_conn *conn, enum undo_on_conflict on_conflict,
               struct undo_report *ret, struct err *err)
{
  struct capture_settings saved = {0};
  struct undo_report report = {0};
  if (!u->compared)
    return err_set(err, ERR_UNEXPECTED, "undo_write without undo_compare");
  u->compared = false;
  u->on_conflict = on_conflict;
  if (undo_settings_enter(u, conn, &saved, err) < 0 || write_inside(u, conn, &report, err) < 0 ||
      undo_settings_leave(u, conn, &saved, err) < 0)
    return err_wrap(err, "undo");
  *ret = report;
  return 0;
}
