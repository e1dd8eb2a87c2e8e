/* What the transaction changed, soundly: from the locks it holds (a superset of what it wrote,
 * also at 0 rows, in cascades, in partitions, with track_counts off), file numbers, and the
 * catalog; compared with what was captured. */
#include "inverse/capture_private.h"

#include <stdlib.h>

static const char state_query[] =
    "SELECT c.oid, coalesce(pg_catalog.pg_partition_root(c.oid)::oid, c.oid),"
    " coalesce((SELECT i.inhparent FROM pg_catalog.pg_inherits i WHERE i.inhrelid = c.oid"
    "  AND c.relispartition), 0), c.relkind, c.relfilenode,"
    " pg_catalog.format('%I.%I', n.nspname, c.relname),"
    " (SELECT coalesce(json_object_agg(a.attnum, a.attname), '{}')"
    "  FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0"
    "  AND NOT a.attisdropped AND a.attgenerated = '')"
    " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " WHERE c.relkind IN ('r', 'p', 'm', 'f') AND c.relpersistence <> 't'"
    " AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' ORDER BY c.oid";

int capture_state_read(struct arena *arena, struct db_conn *conn, struct capture_state *ret,
                       struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (db_query(conn, &r, err, state_query, NULL) < 0)
    return err_wrap(err, "listing the tables");
  ret->len = (size_t)db_rows(r);
  ret->at = arena_alloc(arena, (ret->len + 1) * sizeof(*ret->at));
  for (size_t i = 0; i < ret->len; i++) {
    struct capture_state_table *t = &ret->at[i];
    int row = (int)i;
    t->oid = db_oid(r, row, 0);
    t->root = db_oid(r, row, 1);
    t->parent = db_oid(r, row, 2);
    t->relkind = db_value(r, row, 3)[0];
    t->filenode = db_oid(r, row, 4);
    t->identity = arena_strdup(arena, db_value(r, row, 5));
    t->columns = json_loads(db_value(r, row, 6), 0, NULL);
    if (!t->columns) {
      ret->len = i;
      return err_set(err, ERR_UNEXPECTED, "the columns of %s cannot be read", t->identity);
    }
  }
  return 0;
}

void capture_state_clear(struct capture_state *state)
{
  for (size_t i = 0; i < state->len; i++)
    json_decref(state->at[i].columns);
  *state = (struct capture_state){0};
}

static int by_oid(const void *key, const void *member)
{
  uint32_t a = *(const uint32_t *)key, b = ((const struct capture_state_table *)member)->oid;
  return (a > b) - (a < b);
}

const struct capture_state_table *capture_state_find(const struct capture_state *state,
                                                     uint32_t oid)
{
  if (state->len == 0)
    return NULL;
  return bsearch(&oid, state->at, state->len, sizeof(*state->at), by_oid);
}

const struct capture_state_table *capture_state_end(const struct capture *c,
                                                    const struct capture_state *end, uint32_t oid)
{
  const struct capture_state_table *found = capture_state_find(end, oid);
  const struct capture_state_table *start = capture_state_find(&c->start, oid);
  const struct capture_rebuilts *rebuilt = &c->options.plan->rebuilt;
  for (size_t i = 0; !found && start && i < rebuilt->len; i++)
    for (size_t k = 0; k < end->len && strcmp(rebuilt->at[i].before, start->identity) == 0; k++)
      if (strcmp(end->at[k].identity, rebuilt->at[i].after) == 0)
        found = &end->at[k];
  return found;
}

struct capture_item *capture_item_find(struct capture *c, uint32_t oid)
{
  for (size_t i = 0; i < c->items.len; i++)
    if (c->items.at[i].oid == oid)
      return &c->items.at[i];
  return NULL;
}

/* ---- locks ---- */

int capture_locks_read(struct arena *arena, const struct capture *c, struct capture_locks *ret,
                       struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  const char *pid = arena_printf(arena, "%d", c->pid);
  if (db_query(c->options.observer, &r, err,
               "SELECT l.relation, bool_or(l.mode = 'RowExclusiveLock'),"
               " bool_or(l.mode = 'AccessExclusiveLock') FROM pg_catalog.pg_locks l"
               " WHERE l.pid = $1::int AND l.locktype = 'relation' AND l.granted AND"
               " l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE"
               " d.datname = pg_catalog.current_database()) AND"
               " l.mode IN ('RowExclusiveLock', 'AccessExclusiveLock') GROUP BY 1",
               pid, NULL) < 0)
    return err_wrap(err, "reading the locks of the migration");
  for (int i = 0; i < db_rows(r); i++)
    vec_push(arena, ret,
             ((struct capture_lock){.oid = db_oid(r, i, 0),
                                    .writes = db_bool(r, i, 1),
                                    .exclusive = db_bool(r, i, 2)}));
  return 0;
}

static bool is_ledger(const struct capture *c, const struct capture_state_table *t)
{
  return c->options.ledger_table && strcmp(c->options.ledger_table, t->identity) == 0;
}

static int refuse(const struct capture_state_table *t, const char *detail, struct err *err)
{
  err_set(err, ERR_REFUSED, "%s was written by the migration but not captured", t->identity);
  err_detail(err, "%s", detail);
  return err_hint(err,
                  "Nothing was committed. Put this change into a migration of its own, or make "
                  "a backup and apply it outside of belay.");
}

static bool is_apart(const struct capture_item *root, const char *identity)
{
  for (size_t i = 0; i < root->plan->apart.len; i++)
    if (strcmp(root->plan->apart.at[i], identity) == 0)
      return true;
  return false;
}

/* The item that holds the rows of t: that of its partition tree, unless it is (or lies in) a
 * partition that is captured by itself. */
static struct capture_item *item_for(struct capture *c, const struct capture_state_table *t)
{
  struct capture_item *root = capture_item_find(c, t->root);
  if (!root)
    return capture_item_find(c, t->oid);
  for (const struct capture_state_table *up = t; up && up->oid != t->root;
       up = capture_state_find(&c->start, up->parent))
    if (is_apart(root, up->identity))
      return capture_item_find(c, up->oid);
  return root;
}

static int check_write(struct capture *c, const struct capture_lock *lock,
                       const struct capture_state_table *t, struct err *err)
{
  if (t->relkind == 'f')
    return refuse(t, "rows of a foreign table were inserted, updated or deleted", err);
  struct capture_item *item = item_for(c, t);
  if (!item)
    return refuse(t, "rows were inserted, updated or deleted (or it was locked as for that)", err);
  item->written = true;
  if (item->plan->how == CAPTURE_COLUMNS)
    return refuse(t, "only the doomed columns were captured, but rows were written too", err);
  if (item->plan->how == CAPTURE_CHANGED && lock->exclusive && !item->copied)
    return refuse(t, "rows were written and the table was locked ACCESS EXCLUSIVE", err);
  return 0;
}

int capture_check_locks(struct capture *c, const struct capture_locks *locks, struct err *err)
{
  for (size_t i = 0; i < locks->len; i++) {
    const struct capture_state_table *t = capture_state_find(&c->start, locks->at[i].oid);
    /* materialized views hold nothing of their own; tables not in the list were made by the
     * migration */
    if (!t || t->relkind == 'm' || is_ledger(c, t) || !locks->at[i].writes)
      continue;
    if (check_write(c, &locks->at[i], t, err) < 0)
      return -1;
  }
  return 0;
}

/* ---- everything ---- */

static bool has_column(const struct capture_item *item, const char *name)
{
  if (!item || !item->copied || item->plan->how == CAPTURE_CHANGED)
    return false;
  for (size_t i = 0; i < item->plan->columns.len; i++)
    if (strcmp(item->plan->columns.at[i], name) == 0)
      return true;
  return false;
}

static int check_columns(struct capture *c, const struct capture_state_table *t,
                         const struct capture_state_table *now, struct err *err)
{
  if (json_equal(t->columns, now->columns))
    return 0;
  const char *attnum;
  json_t *name;
  json_object_foreach(t->columns, attnum, name)
  {
    if (json_object_get(now->columns, attnum) ||
        has_column(item_for(c, t), json_string_value(name)))
      continue;
    CLEANUP(free_ptr)
    char *detail =
        x_printf("column %s was dropped, or became a generated one", json_string_value(name));
    return refuse(t, detail, err);
  }
  return 0;
}

static bool holds_all_rows(struct capture *c, const struct capture_state_table *t)
{
  struct capture_item *item = capture_item_find(c, t->oid);
  if (item && item->copied && item->plan->how == CAPTURE_ROWS)
    return true;
  item = item_for(c, t);
  return item && item->copied && item->plan->how == CAPTURE_ROWS;
}

static int check_table(struct capture *c, const struct capture_state_table *t,
                       const struct capture_state *end, struct err *err)
{
  const struct capture_state_table *now = capture_state_end(c, end, t->oid);
  if (t->relkind == 'm' || is_ledger(c, t))
    return 0;
  if (!now)
    return t->relkind != 'r' || holds_all_rows(c, t) ? 0 : refuse(t, "the table was dropped", err);
  if (t->relkind == 'f' || now->oid != t->oid)
    return 0; /* written anew: no row and no column is lost by that, its steps see to it */
  if (now->filenode != t->filenode && !holds_all_rows(c, t))
    return refuse(t, "the table was rewritten or emptied", err);
  return check_columns(c, t, now, err);
}

int capture_check_all(struct capture *c, const struct capture_locks *locks,
                      const struct capture_state *end, struct err *err)
{
  if (capture_check_locks(c, locks, err) < 0)
    return -1;
  for (size_t i = 0; i < c->items.len; i++) {
    const struct capture_item *item = &c->items.at[i];
    if (item->written && !item->copied)
      return err_set(err, ERR_REFUSED, "%s was written by the migration but not captured",
                     item->plan->before);
  }
  for (size_t i = 0; i < c->start.len; i++) {
    /* only what A locked can have been changed by A; the rest may be other sessions' business */
    bool locked = false;
    for (size_t k = 0; k < locks->len && !locked; k++)
      locked = locks->at[k].oid == c->start.at[i].oid;
    if (locked && check_table(c, &c->start.at[i], end, err) < 0)
      return -1;
  }
  return 0;
}
