#include "inverse/capture_private.h"

#include <stdlib.h>

#include "sql/quote.h"

/* ---- begin ---- */

static int read_transaction(struct capture *c, struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (db_transaction_status(c->options.conn) != 'T')
    return err_set(err, ERR_UNEXPECTED, "capture outside of a transaction");
  if (db_query(c->options.conn, &r, err,
               "SELECT pg_catalog.pg_backend_pid(), pg_catalog.pg_current_xact_id()::text,"
               " pg_catalog.current_setting('transaction_isolation')",
               NULL) < 0)
    return -1;
  if (strcmp(db_value(r, 0, 2), "read committed") != 0)
    return err_set(err, ERR_REFUSED,
                   "the applying transaction is %s: rows can be captured only at read committed",
                   db_value(r, 0, 2));
  c->pid = (int)db_int(r, 0, 0);
  c->xid = db_int(r, 0, 1);
  const char *next = NULL;
  if (db_query_value(c->options.conn, c->arena, &next, err,
                     "SELECT ((pg_catalog.mxid_age('1'::xid)::int8 + 1 + 4294967296)"
                     " % 4294967296)::text",
                     NULL) < 0)
    return -1;
  c->mxid = next;
  return 0;
}

/* Types of the named columns as text, in that order; NULL where a name is NULL. */
static int read_types(struct capture *c, const char *identity, const struct strings *columns,
                      struct strings *ret, struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  struct map *types = map_new(c->arena);
  if (db_query(c->options.conn, &r, err,
               "SELECT a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod)"
               " FROM pg_catalog.pg_attribute a WHERE a.attrelid = $1::text::regclass"
               " AND a.attnum > 0 AND NOT a.attisdropped",
               identity, NULL) < 0)
    return -1;
  for (int i = 0; i < db_rows(r); i++)
    map_put(types, db_value(r, i, 0), arena_strdup(c->arena, db_value(r, i, 1)));
  for (size_t i = 0; i < columns->len; i++) {
    const char *type = columns->at[i] ? map_get(types, columns->at[i]) : NULL;
    if (columns->at[i] && !type)
      return err_set(err, ERR_REFUSED, "%s has no column %s: the plan is out of date", identity,
                     columns->at[i]);
    vec_push(c->arena, ret, type);
  }
  return 0;
}

static int resolve_items(struct capture *c, struct err *err)
{
  const struct capture_tables *tables = &c->options.plan->tables;
  struct map *by_identity = map_new(c->arena);
  for (size_t i = 0; i < c->start.len; i++)
    map_put(by_identity, c->start.at[i].identity, &c->start.at[i]);
  for (size_t i = 0; i < tables->len; i++) {
    const struct capture_table *t = &tables->at[i];
    const struct capture_state_table *now = map_get(by_identity, t->before);
    if (!now && t->standby)
      continue;
    if (!now)
      return err_set(err, ERR_REFUSED, "table %s does not exist: the plan is out of date",
                     t->before);
    struct capture_item item = {.plan = t, .oid = now->oid};
    vec_push(c->arena, &c->items, item);
  }
  return 0;
}

static int by_identity(const void *a, const void *b)
{
  const struct capture_table *x = (*(struct capture_item *const *)a)->plan;
  const struct capture_table *y = (*(struct capture_item *const *)b)->plan;
  return strcmp(x->before, y->before);
}

VEC_TYPE(item_pointers, struct capture_item *);

/* One LOCK TABLE for all, in name order, so that two runs cannot lock crosswise. */
static int lock_doomed(struct capture *c, struct item_pointers *ret, struct err *err)
{
  CLEANUP(text_clear) struct text sql = TEXT_INIT;
  for (size_t i = 0; i < c->items.len; i++)
    if (c->items.at[i].plan->how != CAPTURE_CHANGED)
      vec_push(c->arena, ret, &c->items.at[i]);
  if (ret->len == 0)
    return 0;
  qsort(ret->at, ret->len, sizeof(*ret->at), by_identity);
  for (size_t i = 0; i < ret->len; i++)
    text_printf(&sql, "%s%s", i ? ", " : "LOCK TABLE ",
                capture_from(c->arena, ret->at[i]->plan->before, ret->at[i]->plan->partitioned));
  text_puts(&sql, " IN ACCESS EXCLUSIVE MODE");
  return db_exec(c->options.conn, sql.data, err);
}

/* Names were resolved before the locks were held. */
static int check_still_there(struct capture *c, struct err *err)
{
  struct capture_state now = {0};
  int result = capture_state_read(c->arena, c->options.conn, &now, err);
  for (size_t i = 0; result == 0 && i < c->items.len; i++) {
    const struct capture_item *item = &c->items.at[i];
    const struct capture_state_table *t = capture_state_find(&now, item->oid);
    if (!t || strcmp(t->identity, item->plan->before) != 0)
      result = err_set(err, ERR_REFUSED, "table %s was changed by another session just now",
                       item->plan->before);
  }
  capture_state_clear(&c->start);
  c->start = now;
  return result;
}

static int begin_inside(struct capture *c, struct err *err)
{
  struct item_pointers doomed = {0};
  if (capture_state_read(c->arena, c->options.conn, &c->start, err) < 0 ||
      resolve_items(c, err) < 0 || lock_doomed(c, &doomed, err) < 0 ||
      check_still_there(c, err) < 0)
    return -1;
  for (size_t i = 0; i < c->items.len; i++) {
    struct capture_item *item = &c->items.at[i];
    if (read_types(c, item->plan->before, &item->plan->columns, &item->types, err) < 0)
      return -1;
  }
  for (size_t i = 0; i < doomed.len; i++)
    if (capture_copy_doomed(c, doomed.at[i], err) < 0)
      return -1;
  return 0;
}

/* Before A locks anything: reading a sequence needs a lock that DDL of A would conflict with if A
 * were first. */
static int read_sequences_before(struct capture *c, struct err *err)
{
  if (capture_observer_begin(c, err) < 0 ||
      capture_sequences_read(c->arena, c->options.observer, &c->sequences, &c->sequence_count,
                             err) < 0)
    return -1;
  return capture_observer_end(c, err);
}

static int begin(struct capture *c, struct err *err)
{
  struct capture_settings saved = {0};
  if (read_transaction(c, err) < 0 || read_sequences_before(c, err) < 0 ||
      archive_create(c->options.place, c->options.prefix, CAPTURE_LEVEL, CAPTURE_LANE + 1,
                     &c->archive, err) < 0 ||
      capture_settings_enter(c->arena, c->options.conn, &saved, err) < 0 ||
      begin_inside(c, err) < 0)
    return -1;
  return capture_settings_leave(c->options.conn, &saved, err);
}

int capture_begin(struct arena *arena, const struct capture_options *options, struct capture **ret,
                  struct err *err)
{
  struct capture *c = x_calloc(1, sizeof(*c));
  c->arena = arena;
  c->options = *options;
  if (begin(c, err) < 0) {
    capture_free(c);
    return err_wrap(err, "capture");
  }
  *ret = c;
  return 0;
}

/* ---- after each statement ---- */

int capture_after_statement(struct capture *c, struct err *err)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  struct capture_locks locks = {0};
  if (capture_locks_read(arena, c, &locks, err) < 0)
    return err_wrap(err, "capture");
  return capture_check_locks(c, &locks, err);
}

/* ---- finish ---- */

static bool needs_after(const struct capture_item *item)
{
  return item->copied && !item->plan->doomed_only;
}

static int copy_after(struct capture *c, const struct capture_state *end, struct err *err)
{
  for (size_t i = 0; i < c->items.len; i++) {
    struct capture_item *item = &c->items.at[i];
    const struct capture_state_table *now = capture_state_end(c, end, item->oid);
    item->after = now ? now->identity : NULL;
    bool same = item->after && item->plan->after ? strcmp(item->after, item->plan->after) == 0
                                                 : !item->after && !item->plan->after;
    if (!item->copied)
      continue;
    if (!same)
      return err_set(err, ERR_REFUSED, "%s is %s after the migration, the proof says %s",
                     item->plan->before, item->after ? item->after : "dropped",
                     item->plan->after ? item->plan->after : "dropped");
    if (item->after &&
        read_types(c, item->after, &item->plan->columns_after, &item->types_after, err) < 0)
      return -1;
    if (needs_after(item) && capture_copy_after(c, item, err) < 0)
      return -1;
  }
  return 0;
}

/* Under the observer's transaction and A's text settings. */
static int finish_inside(struct capture *c, struct capture_state *end, struct err *err)
{
  struct capture_locks locks = {0};
  if (capture_locks_read(c->arena, c, &locks, err) < 0 || capture_check_locks(c, &locks, err) < 0 ||
      capture_state_read(c->arena, c->options.conn, end, err) < 0)
    return -1;
  for (size_t i = 0; i < c->items.len; i++) {
    struct capture_item *item = &c->items.at[i];
    if (item->plan->how == CAPTURE_CHANGED && item->written &&
        capture_copy_changed(c, item, err) < 0)
      return -1;
  }
  if (copy_after(c, end, err) < 0)
    return -1;
  for (size_t i = 0; i < c->items.len; i++)
    if (c->items.at[i].unsure && capture_copy_confirmed(c, &c->items.at[i], err) < 0)
      return -1;
  if (capture_large_objects(c, err) < 0)
    return -1;
  return capture_check_all(c, &locks, end, err);
}

static int finish(struct capture *c, struct err *err)
{
  struct capture_settings saved = {0};
  struct capture_state end = {0};
  if (capture_observer_begin(c, err) < 0 ||
      capture_settings_enter(c->arena, c->options.conn, &saved, err) < 0)
    return -1;
  int result = finish_inside(c, &end, err);
  if (result == 0)
    result = capture_sequences_read(c->arena, c->options.conn, &c->sequences_after,
                                    &c->sequence_after_count, err);
  capture_state_clear(&end);
  if (result < 0 || capture_settings_leave(c->options.conn, &saved, err) < 0)
    return -1;
  return capture_observer_end(c, err);
}

int capture_finish(struct capture *c, struct err *err)
{
  if (finish(c, err) < 0)
    return -1;
  json_t *manifest = capture_manifest(c);
  int result = archive_commit(c->archive, manifest, err);
  json_decref(manifest);
  if (result == 0)
    c->finished = true;
  return result;
}

void capture_free(struct capture *c)
{
  if (!c)
    return;
  /* after an error the observer may be left inside its transaction */
  struct err ignored = ERR_INIT;
  char status = c->options.observer ? db_transaction_status(c->options.observer) : 'I';
  if (status == 'T' || status == 'E')
    capture_observer_end(c, &ignored);
  err_clear(&ignored);
  archive_free(c->archive);
  capture_state_clear(&c->start);
  free(c);
}

void capture_freep(struct capture **c)
{
  capture_free(*c);
  *c = NULL;
}

void capture_totals(const struct capture *c, int64_t *ret_rows, uint64_t *ret_bytes)
{
  *ret_rows = c->rows;
  *ret_bytes = archive_bytes_written(c->archive);
}
