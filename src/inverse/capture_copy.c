#include "inverse/capture_private.h"

#include "backup/chunks.h"
#include "sql/quote.h"

/* ---- settings that decide what a value looks like as text ---- */

static const struct {
  const char *name, *value;
} text_settings[] = {
    {"role", "none"},
    {"row_security", "off"},
    {"search_path", ""},
    {"client_encoding", "UTF8"},
    {"TimeZone", "UTC"},
    {"DateStyle", "ISO, YMD"},
    {"IntervalStyle", "postgres"},
    {"extra_float_digits", "3"},
    {"bytea_output", "hex"},
    {"lc_monetary", "C"},
    {"xmlbinary", "base64"},
    {"statement_timeout", "0"},
    /* not for the text, but for the joins of the undo: rows keep the order in which they lie */
    {"work_mem", "64MB"},
    {"default_statistics_target", "10"},
    {"enable_hashjoin", "on"},
};

int capture_settings_enter(struct arena *arena, struct db_conn *conn, struct capture_settings *ret,
                           struct err *err)
{
  CLEANUP(text_clear) struct text read = TEXT_INIT;
  CLEANUP(text_clear) struct text set = TEXT_INIT;
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  for (size_t i = 0; i < COUNT_OF(text_settings); i++) {
    text_printf(&read, "%s pg_catalog.current_setting(%s)", i ? "," : "SELECT",
                sql_literal(arena, text_settings[i].name));
    text_printf(&set, "%s pg_catalog.set_config(%s, %s, true)", i ? "," : "SELECT",
                sql_literal(arena, text_settings[i].name),
                sql_literal(arena, text_settings[i].value));
  }
  if (db_query(conn, &r, err, read.data, NULL) < 0)
    return -1;
  for (size_t i = 0; i < COUNT_OF(text_settings); i++)
    vec_push(arena, &ret->values, arena_strdup(arena, db_value(r, 0, (int)i)));
  return db_exec(conn, set.data, err);
}

int capture_settings_leave(struct db_conn *conn, const struct capture_settings *saved,
                           struct err *err)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  CLEANUP(text_clear) struct text set = TEXT_INIT;
  for (size_t i = 0; i < saved->values.len; i++)
    text_printf(&set, "%s pg_catalog.set_config(%s, %s, true)", i ? "," : "SELECT",
                sql_literal(arena, text_settings[i].name), sql_literal(arena, saved->values.at[i]));
  return db_exec(conn, set.data, err);
}

const char *capture_settings_sql(struct arena *arena, enum settings_text what)
{
  CLEANUP(text_clear) struct text sql = TEXT_INIT;
  for (size_t i = 0; i < COUNT_OF(text_settings); i++) {
    const char *name = sql_literal(arena, text_settings[i].name);
    text_puts(&sql, i ? ", " : "SELECT ");
    if (what == SETTINGS_READ)
      text_printf(&sql, "pg_catalog.current_setting(%s) AS belay_%zu", name, i);
    else if (what == SETTINGS_SET)
      text_printf(&sql, "pg_catalog.set_config(%s, %s, true)", name,
                  sql_literal(arena, text_settings[i].value));
    else
      text_printf(&sql, "pg_catalog.set_config(%s, :'belay_%zu', true)", name, i);
  }
  return arena_strdup(arena, sql.data);
}

/* ---- the observer ---- */

static int read_xids(struct capture *c, struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  const char *pid = arena_printf(c->arena, "%d", c->pid);
  const char *low = arena_printf(c->arena, "%" PRIu32, (uint32_t)c->xid);
  if (db_query(c->options.observer, &r, err,
               "SELECT pg_catalog.age($2::text::pg_catalog.xid), '{' || coalesce(string_agg("
               "l.transactionid::text, ','), $2::text) || '}' FROM pg_catalog.pg_locks l"
               " WHERE l.pid = $1::int AND l.locktype = 'transactionid' AND l.granted"
               " AND l.mode = 'ExclusiveLock'",
               pid, low, NULL) < 0)
    return -1;
  c->xid_span = db_int(r, 0, 0);
  c->own = arena_strdup(c->arena, db_value(r, 0, 1));
  return 0;
}

int capture_observer_begin(struct capture *c, struct err *err)
{
  struct capture_settings saved = {0};
  struct db_conn *b = c->options.observer;
  if (db_exec(b, "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY", err) < 0 ||
      capture_settings_enter(c->arena, b, &saved, err) < 0 ||
      db_execf(b, err, "SET LOCAL lock_timeout = %d", CAPTURE_OBSERVER_LOCK_TIMEOUT_MS) < 0 ||
      read_xids(c, err) < 0)
    return err_wrap(err, "second connection of the capture");
  return 0;
}

int capture_observer_end(struct capture *c, struct err *err)
{
  return db_exec(c->options.observer, "ROLLBACK", err);
}

/* ---- SQL ---- */

char *capture_from(struct arena *arena, const char *identity, bool partitioned)
{
  return arena_printf(arena, "%s%s", partitioned ? "" : "ONLY ", identity);
}

char *capture_not_in(struct arena *arena, const char *alias, const struct strings *partitions)
{
  CLEANUP(text_clear) struct text t = TEXT_INIT;
  for (size_t i = 0; i < partitions->len; i++)
    text_printf(&t, "%sSELECT relid::oid FROM pg_catalog.pg_partition_tree(%s)",
                i ? " UNION ALL " : "", sql_literal(arena, partitions->at[i]));
  return t.len ? arena_printf(arena, " AND %s.tableoid <> ALL (ARRAY(%s))", alias, t.data)
               : arena_strdup(arena, "");
}

char *capture_column_list(struct arena *arena, const char *alias, const struct strings *columns)
{
  CLEANUP(text_clear) struct text t = TEXT_INIT;
  for (size_t i = 0; i < columns->len; i++) {
    if (columns->at[i])
      text_printf(&t, "%s%s.%s", t.len ? ", " : "", alias, sql_ident(arena, columns->at[i]));
  }
  return arena_strdup(arena, t.data);
}

/* s: t = T with its epoch, d = age of T (ages are relative to something else on A than on B), n
 * = how many xids from T on, m0 = the next MultiXact at capture_begin, m = how many were made
 * since. */
const char *capture_with(struct capture *c)
{
  return arena_printf(c->arena,
                      "WITH s AS MATERIALIZED (SELECT %" PRId64 "::int8 AS t, age('%" PRIu32
                      "'::xid)::int8 AS d, %" PRId64
                      "::int8 AS n, %s::int8 AS m0, mxid_age('%s'::xid)::int8 AS m)",
                      c->xid, (uint32_t)c->xid, c->xid_span, c->mxid, c->mxid);
}

/* Most are A's, which need not be looked up. */
const char *capture_in_progress(struct capture *c, const char *x)
{
  return arena_printf(c->arena,
                      "(%s = ANY (%s::xid[]) OR CASE WHEN s.d - age(%s) BETWEEN 0 AND s.n - 1 THEN"
                      " pg_xact_status((s.t + s.d - age(%s))::text::xid8) = 'in progress'"
                      " ELSE false END)",
                      x, sql_literal(c->arena, c->own), x, x);
}

const char *capture_row_is_held(struct capture *c, bool locks_too)
{
  return arena_printf(
      c->arena,
      "t.xmax <> 0 AND (%s OR CASE WHEN (t.xmax::text::int8 - s.m0 + 4294967296) %% 4294967296 <"
      " s.m THEN EXISTS (SELECT FROM pg_get_multixact_members(t.xmax) x WHERE %s%s)"
      " ELSE false END)",
      capture_in_progress(c, "t.xmax"), locks_too ? "" : "x.mode IN ('upd', 'nokeyupd') AND ",
      capture_in_progress(c, "x.xid"));
}

static const char *is_sure(struct capture *c)
{
  return arena_printf(c->arena, "t.xmax = ANY (%s::xid[])", sql_literal(c->arena, c->own));
}

static const char *object_name(struct capture *c, const char *what, const struct capture_item *item)
{
  return arena_printf(c->arena, "%s:%s", what, item->plan->before);
}

/* ---- copies ---- */

/* What tells a row from others while the transaction lasts. */
static const char *row_id(struct capture *c, const struct capture_table *t,
                          const struct strings *key)
{
  return t->whole_row ? "t.tableoid::text || t.ctid::text"
                      : capture_column_list(c->arena, "t", key);
}

/* What before-images hold after `sure`: ", a, b". */
static const char *before_image(struct capture *c, const struct capture_table *t)
{
  const char *columns = capture_column_list(c->arena, "t", &t->columns);
  const char *id = t->whole_row ? row_id(c, t, NULL) : "";
  return arena_printf(c->arena, "%s%s%s%s", *id ? ", " : "", id, *columns ? ", " : "", columns);
}

int capture_copy_doomed(struct capture *c, struct capture_item *item, struct err *err)
{
  const struct capture_table *t = item->plan;
  const char *sql = arena_printf(
      c->arena, "COPY (SELECT true%s FROM %s t WHERE true%s) TO STDOUT", before_image(c, t),
      capture_from(c->arena, t->before, t->partitioned), capture_not_in(c->arena, "t", &t->apart));
  if (chunks_copy_out(c->options.conn, sql, c->archive, CAPTURE_LANE,
                      object_name(c, "before", item), &item->before_rows, err) < 0)
    return -1;
  item->copied = true;
  c->rows += item->before_rows;
  return 0;
}

/* The first column of before-images is `sure`. */
static int watch_sure(void *context, const char *bytes, size_t len, struct err *err)
{
  UNUSED(err);
  struct capture_item *item = context;
  if (len > 0 && bytes[0] != 't')
    item->unsure = true;
  return 0;
}

int capture_copy_changed(struct capture *c, struct capture_item *item, struct err *err)
{
  const struct capture_table *t = item->plan;
  const char *sql = arena_printf(
      c->arena, "COPY (%s SELECT %s%s FROM %s t, s WHERE (%s)%s) TO STDOUT", capture_with(c),
      is_sure(c), before_image(c, t), capture_from(c->arena, t->before, t->partitioned),
      capture_row_is_held(c, false), capture_not_in(c->arena, "t", &t->apart));
  const struct chunks_target target = {.archive = c->archive,
                                       .lane = CAPTURE_LANE,
                                       .object = object_name(c, "before", item),
                                       .watch = watch_sure,
                                       .context = item};
  if (chunks_copy_watched(c->options.observer, sql, &target, &item->before_rows, err) < 0) {
    if (err_sqlstate_is(err, "55P03")) {
      err_recode(err, ERR_REFUSED);
      err_hint(err, "Another session waits for an exclusive lock on %s. Try again later.",
               t->before);
    }
    return -1;
  }
  item->copied = true;
  c->rows += item->before_rows;
  return 0;
}

int capture_copy_confirmed(struct capture *c, struct capture_item *item, struct err *err)
{
  const struct capture_table *t = item->plan;
  const char *sql = arena_printf(
      c->arena, "COPY (%s SELECT %s FROM %s t, s WHERE (%s)%s) TO STDOUT", capture_with(c),
      row_id(c, t, &t->key), capture_from(c->arena, t->before, t->partitioned),
      capture_row_is_held(c, false), capture_not_in(c->arena, "t", &t->apart));
  return chunks_copy_out(c->options.observer, sql, c->archive, CAPTURE_LANE,
                         object_name(c, "confirmed", item), NULL, err);
}

/* A foreign key would see its rows being taken out, even when they are put in again. */
static int check_not_referenced(struct capture *c, const struct capture_item *item, struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (db_query(c->options.conn, &r, err,
               "SELECT k.conrelid::regclass::text FROM pg_catalog.pg_constraint k WHERE"
               " k.contype = 'f' AND (k.confrelid = $1::text::regclass OR k.confrelid IN"
               " (SELECT relid FROM pg_catalog.pg_partition_tree($1::text::regclass))) LIMIT 1",
               item->after, NULL) < 0)
    return -1;
  if (db_rows(r) > 0)
    return err_set(err, ERR_REFUSED,
                   "%s has no key that survives and %s refers to it: its rows before and after"
                   " could not be matched",
                   item->plan->before, db_value(r, 0, 0));
  return 0;
}

/* `only`: a condition on alias t; what: "after" or "unchanged" */
static int copy_rows(struct capture *c, struct capture_item *item, const char *what,
                     const char *columns, const char *only, int64_t *ret_rows, struct err *err)
{
  const char *sql = arena_printf(
      c->arena, "COPY (%s SELECT %s FROM %s t, s WHERE (%s)%s) TO STDOUT", capture_with(c), columns,
      capture_from(c->arena, item->after, item->plan->partitioned), only,
      capture_not_in(c->arena, "t", &item->plan->apart_after));
  return chunks_copy_out(c->options.conn, sql, c->archive, CAPTURE_LANE, object_name(c, what, item),
                         ret_rows, err);
}

int capture_copy_after(struct capture *c, struct capture_item *item, struct err *err)
{
  const struct capture_table *t = item->plan;
  struct arena *a = c->arena;
  bool all = t->whole_row && t->how == CAPTURE_ROWS;
  const char *ours = capture_in_progress(c, "t.xmin");
  if (copy_rows(c, item, "after", capture_column_list(a, "t", &t->columns_after),
                all ? "true" : ours, &item->after_rows, err) < 0)
    return -1;
  c->rows += item->after_rows;
  if (t->whole_row && item->after_rows > 0 && check_not_referenced(c, item, err) < 0)
    return -1;
  if (all)
    return 0;
  /* of a table copied whole every remaining row counts, else only those that the copy may hold */
  const char *held = t->how == CAPTURE_ROWS ? "true" : capture_row_is_held(c, true);
  return copy_rows(c, item, "unchanged", row_id(c, t, &t->key_after),
                   arena_printf(a, "NOT %s AND %s", ours, held), NULL, err);
}
