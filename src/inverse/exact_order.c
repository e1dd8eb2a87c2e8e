#include "inverse/exact_order.h"

#include "base/clock.h"
#include "sql/quote.h"

enum {
  ASIDE_MAX = 1000000,
};

struct rebuilt_table {
  const struct catalog_object *now, *goal;
  const char *aside; /* qualified: the old table while the new one is filled */
  bool made;
};
VEC_TYPE(rebuilt_tables, struct rebuilt_table);

struct rebuild {
  struct round *r;
  struct exact_order *order;
  struct rebuilt_tables tables;
  struct catalog_objects drops; /* what depends on them, and is made again */
  size_t asides;                /* names that were looked at */
};

struct exact_order *exact_order_new(struct arena *arena)
{
  struct exact_order *order = ARENA_NEW(arena, struct exact_order);
  order->arena = arena;
  order->tried = map_new(arena);
  return order;
}

/* ---- which tables ---- */

enum order_state { ORDER_SAME, ORDER_OTHER, ORDER_NOT_YET /* columns are missing or differ */ };

static enum order_state state_of(const struct round *r, const struct catalog_object *now,
                                 const struct catalog_object *goal)
{
  struct catalog_objects a = catalog_children(r->arena, r->from, now, CATALOG_COLUMN);
  struct catalog_objects b = catalog_children(r->arena, r->to, goal, CATALOG_COLUMN);
  bool same = true;
  if (a.len != b.len)
    return ORDER_NOT_YET;
  for (size_t i = 0; i < b.len; i++) {
    size_t k = 0;
    while (k < a.len && strcmp(a.at[k]->name, b.at[i]->name) != 0)
      k++;
    if (k == a.len ||
        !round_text_equal(catalog_get(a.at[k], "type"), catalog_get(b.at[i], "type")) ||
        !round_text_equal(catalog_get(a.at[k], "generated"), catalog_get(b.at[i], "generated")))
      return ORDER_NOT_YET;
    same = same && k == i;
  }
  return same ? ORDER_SAME : ORDER_OTHER;
}

static bool holds(const struct rebuilt_tables *tables, const struct catalog_object *now)
{
  for (size_t i = 0; i < tables->len; i++)
    if (tables->at[i].now == now)
      return true;
  return false;
}

static bool inherits(const struct round *r, const struct catalog_object *child, const char *parent)
{
  struct strings parents = round_json_strings(r->arena, catalog_get(child, "inherits"));
  for (size_t i = 0; i < parents.len; i++)
    if (strcmp(parents.at[i], parent) == 0)
      return true;
  return false;
}

/* The table and all that inherit from it, parents first. False: one of them is not whole yet. */
static bool collect_group(const struct rebuild *w, const struct catalog_object *now,
                          struct rebuilt_tables *ret)
{
  const struct round *r = w->r;
  const struct catalog_object *goal = catalog_find_name(r->to, CATALOG_TABLE, now->identity);
  if (!goal || state_of(r, now, goal) == ORDER_NOT_YET)
    return false;
  if (holds(ret, now))
    return true;
  vec_push(r->arena, ret, ((struct rebuilt_table){.now = now, .goal = goal}));
  for (size_t i = 0; i < r->from->object_count; i++) {
    const struct catalog_object *o = r->from->objects[i];
    if (o->kind == CATALOG_TABLE && inherits(r, o, now->identity) && !collect_group(w, o, ret))
      return false;
  }
  return true;
}

/* ---- what is in the way ---- */

/* Is `table` a partition of `root`, at any depth, or `root` itself? */
static bool is_below(const struct round *r, const struct catalog_object *table, const char *root)
{
  for (const char *name = table ? table->identity : NULL; name;) {
    if (strcmp(name, root) == 0)
      return true;
    const struct catalog_object *t = catalog_find_name(r->from, CATALOG_TABLE, name);
    name = t ? catalog_get(t, "partition_of") : NULL;
  }
  return false;
}

static bool is_foreign_key(const struct catalog_object *o)
{
  return o->kind == CATALOG_CONSTRAINT && catalog_is(o, "type", "f");
}

/* Goes with the table, or stays when the table goes. */
static bool goes_along(const struct round *r, const struct rebuilt_tables *group,
                       const struct catalog_object *table, const struct catalog_object *d)
{
  if (d->parent == table || (d->kind == CATALOG_SEQUENCE && catalog_get(d, "owned_by")))
    return true;
  if (d->kind == CATALOG_PUBLICATION)
    return true; /* must be there while rows are moved: who follows it reads them one by one */
  if (d->kind == CATALOG_TABLE)
    return holds(group, d) || is_below(r, d, table->identity);
  if (!d->parent || d->parent->kind != CATALOG_TABLE || d->kind == CATALOG_COLUMN)
    return d->kind == CATALOG_COLUMN && d->parent && catalog_get(d, "inherited") &&
           (holds(group, d->parent) || is_below(r, d->parent, table->identity));
  return holds(group, d->parent) ||
         (is_below(r, d->parent, table->identity) && catalog_get(d, "partition_parent"));
}

static void add_drop(struct rebuild *w, struct catalog_objects *drops,
                     const struct catalog_object *o)
{
  for (size_t i = 0; i < drops->len; i++)
    if (drops->at[i] == o)
      return;
  vec_push(w->r->arena, drops, (struct catalog_object *)(uintptr_t)o);
}

/* Why the dependents of `needed` do not let the table go; NULL: they do, and are in drops. */
static const char *blocked_by(struct rebuild *w, const struct rebuilt_tables *group,
                              const struct catalog_object *table,
                              const struct catalog_object *needed, struct catalog_objects *drops)
{
  struct round *r = w->r;
  size_t i, last;
  round_dependents(r, needed, &i, &last);
  for (; i < last; i++) {
    const struct catalog_object *d = r->edges[i].dependent;
    if (round_is_view_column(d))
      d = d->parent;
    if (goes_along(r, group, table, d))
      continue;
    if (!round_can_be_made_again(d) || !round_can_go(r, d))
      return arena_printf(r->arena, "%s %s uses its row type", catalog_kind_name(d->kind),
                          d->identity);
    add_drop(w, drops, d);
  }
  return NULL;
}

/* Keys that refer to the table, or to what it is a partition of: a partition whose rows are
 * referred to cannot be detached. */
static void add_keys_to(struct rebuild *w, const struct catalog_object *table,
                        struct catalog_objects *drops)
{
  const struct round *r = w->r;
  for (size_t i = 0; i < r->from->object_count; i++) {
    const struct catalog_object *o = r->from->objects[i];
    if (is_foreign_key(o) && catalog_get(o, "referenced") &&
        is_below(r, table, catalog_get(o, "referenced")))
      add_drop(w, drops, o);
  }
}

/* A subscription remembers a table by its OID, and would no longer feed the new one. */
static const char *fed_by(const struct round *r)
{
  for (size_t i = 0; i < r->to->object_count; i++)
    if (r->to->objects[i]->kind == CATALOG_SUBSCRIPTION)
      return arena_printf(r->arena, "subscription %s may feed it, and would lose it",
                          r->to->objects[i]->identity);
  return NULL;
}

static const char *why_not(struct rebuild *w, const struct rebuilt_tables *group,
                           struct catalog_objects *drops)
{
  struct round *r = w->r;
  const char *subscription = fed_by(r);
  if (subscription)
    return subscription;
  for (size_t i = 0; i < group->len; i++) {
    const struct catalog_object *table = group->at[i].now;
    if (catalog_get(table, "of_type"))
      return arena_printf(r->arena, "%s follows the type %s", table->identity,
                          catalog_get(table, "of_type"));
    const char *why = blocked_by(w, group, table, table, drops);
    for (size_t k = 0; !why && k < r->from->object_count; k++)
      if (r->from->objects[k]->parent == table)
        why = blocked_by(w, group, table, r->from->objects[k], drops);
    if (why)
      return why;
    add_keys_to(w, table, drops);
  }
  return NULL;
}

static void consider(struct rebuild *w, const struct catalog_object *now)
{
  struct round *r = w->r;
  struct rebuilt_tables group = {0};
  struct catalog_objects drops = {0};
  const struct catalog_object *goal = catalog_find_name(r->to, CATALOG_TABLE, now->identity);
  if (!goal || map_get(w->order->tried, now->identity) || holds(&w->tables, now) ||
      !round_text_equal(catalog_get(now, "relkind"), catalog_get(goal, "relkind")) ||
      state_of(r, now, goal) != ORDER_OTHER || !collect_group(w, now, &group))
    return;
  map_put(w->order->tried, now->identity, w->order);
  const char *why = why_not(w, &group, &drops);
  if (why) {
    vec_push(w->order->arena, &w->order->refusals,
             arena_printf(w->order->arena, "the columns of %s do not come back in their order: %s",
                          now->identity, why));
    return;
  }
  for (size_t i = 0; i < group.len; i++)
    if (!holds(&w->tables, group.at[i].now))
      vec_push(r->arena, &w->tables, group.at[i]);
  for (size_t i = 0; i < drops.len; i++)
    add_drop(w, &w->drops, drops.at[i]);
}

/* ---- the steps ---- */

#define EMIT(w, note, ...) round_emit((w)->r, INVERSE_AFTER_DATA, note, __VA_ARGS__)

static const char *aside_name(struct rebuild *w, const char *schema)
{
  struct arena *a = w->r->arena;
  while (w->asides < ASIDE_MAX) {
    const char *name = sql_qualified(a, schema, arena_printf(a, "belay_aside_%zu", ++w->asides));
    bool taken = false;
    for (enum catalog_kind kind = 0; kind < CATALOG_KIND_COUNT && !taken; kind++)
      taken = catalog_find_name(w->r->from, kind, name) || catalog_find_name(w->r->to, kind, name);
    if (!taken)
      return name;
  }
  return sql_qualified(a, schema, "belay_aside");
}

/* The last part of a qualified name, quoted as there. */
static const char *last_part(const char *qualified)
{
  const char *last = qualified;
  bool quoted = false;
  for (const char *p = qualified; *p; p++) {
    quoted = quoted != (*p == '"');
    if (*p == '.' && !quoted)
      last = p + 1;
  }
  return last;
}

/* ONLY where the kind knows it: LOCK of a root locks the partitions as well, as it must. */
static void lock_all(struct rebuild *w)
{
  CLEANUP(text_clear) struct text list = TEXT_INIT;
  for (size_t i = 0; i < w->tables.len; i++)
    if (!catalog_is_foreign(w->tables.at[i].now))
      text_printf(&list, "%s%s", list.len ? ", " : "", w->tables.at[i].now->identity);
  EMIT(w, "no policy may hide a row that is moved", "SET LOCAL row_security = off");
  if (list.len)
    EMIT(w, "columns come back in their order: tables are written anew",
         "LOCK TABLE %s IN ACCESS EXCLUSIVE MODE", list.data);
}

static void detach_all(struct rebuild *w)
{
  struct round *r = w->r;
  for (size_t i = 0; i < r->from->object_count; i++) {
    const struct catalog_object *o = r->from->objects[i], *root = NULL;
    const char *of = o->kind == CATALOG_TABLE ? catalog_get(o, "partition_of") : NULL;
    if (of)
      root = catalog_find_name(r->from, CATALOG_TABLE, of);
    if (root && (holds(&w->tables, o) || holds(&w->tables, root)))
      EMIT(w, round_note(r, o, "is attached again when its table or that of it is made anew"),
           "ALTER TABLE %s DETACH PARTITION %s", of, o->identity);
  }
}

/* Sequences outlive the old table; those of identity columns make room for the new ones. */
static void put_aside(struct rebuild *w, struct rebuilt_table *t, struct strings *ret_positions)
{
  struct round *r = w->r;
  for (size_t i = 0; i < r->from->object_count; i++) {
    const struct catalog_object *o = r->from->objects[i];
    const char *owned_by = o->kind == CATALOG_SEQUENCE ? catalog_get(o, "owned_by") : NULL;
    const struct catalog_object *column =
        owned_by ? catalog_find_name(r->from, CATALOG_COLUMN, owned_by) : NULL;
    if (!column || column->parent != t->now)
      continue;
    if (!catalog_get(o, "identity")) {
      EMIT(w, round_note(r, o, "stays"), "ALTER SEQUENCE %s OWNED BY NONE", o->identity);
      continue;
    }
    const char *aside = aside_name(w, o->schema);
    EMIT(w, round_note(r, o, "is made again"), "ALTER SEQUENCE %s RENAME TO %s", o->identity,
         last_part(aside));
    if (catalog_find_name(r->to, CATALOG_SEQUENCE, o->identity))
      vec_push(r->arena, ret_positions,
               arena_printf(r->arena, "SELECT pg_catalog.setval(%s, last_value, is_called) FROM %s",
                            sql_literal(r->arena, o->identity), aside));
  }
  t->aside = aside_name(w, t->now->schema);
  EMIT(w, round_note(r, t->now, "is written anew so that its columns come back in their order"),
       "ALTER TABLE %s RENAME TO %s", t->now->identity, last_part(t->aside));
  if (catalog_get(t->now, "force_row_security"))
    EMIT(w, NULL, "ALTER TABLE %s NO FORCE ROW LEVEL SECURITY", t->aside);
}

/* What is published as a whole publishes a new table at once, and whoever follows has the rows
 * already. An unlogged table is not published; what SET LOGGED writes is not, either. */
static bool is_fed_out(const struct round *r, const struct rebuilt_table *t)
{
  if (!catalog_is(t->goal, "persistence", "p"))
    return false;
  for (size_t i = 0; i < r->from->object_count; i++) {
    const struct catalog_object *o = r->from->objects[i];
    const char *definition = o->kind == CATALOG_PUBLICATION ? catalog_get(o, "definition") : NULL;
    if (definition &&
        (strstr(definition, " FOR ALL TABLES") || strstr(definition, "TABLES IN SCHEMA ")))
      return true;
  }
  return false;
}

/* One INSERT, and nothing of it may be lost to what an event trigger hung on the new table. */
static void move_rows(struct rebuild *w, const struct rebuilt_table *t)
{
  struct arena *a = w->r->arena;
  const char *name = t->goal->identity;
  bool fed_out = is_fed_out(w->r, t);
  if (fed_out)
    EMIT(w, "so that its rows are not published again", "ALTER TABLE %s SET UNLOGGED", name);
  CLEANUP(text_clear) struct text list = TEXT_INIT;
  struct catalog_objects columns = catalog_children(a, w->r->to, t->goal, CATALOG_COLUMN);
  for (size_t i = 0; i < columns.len; i++)
    if (!catalog_get(columns.at[i], "generated"))
      text_printf(&list, "%s%s", list.len ? ", " : "", sql_ident(a, columns.at[i]->name));
  if (list.len)
    EMIT(w, NULL, "INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM ONLY %s", name,
         list.data, list.data, t->aside);
  else
    EMIT(w, NULL, "INSERT INTO %s SELECT FROM ONLY %s", name, t->aside);
  const char *body = arena_printf(
      a,
      "BEGIN IF (SELECT count(*) FROM ONLY %s) <> (SELECT count(*) FROM ONLY %s) THEN RAISE "
      "EXCEPTION 'not every row of %% was moved', %s; END IF; END",
      name, t->aside, sql_literal(a, name));
  EMIT(w, NULL, "DO %s", sql_literal(a, body));
  if (fed_out)
    EMIT(w, NULL, "ALTER TABLE %s SET LOGGED", name);
}

static bool waits(const struct catalog_statement *s)
{
  return s->section == CATALOG_POST_DATA || s->purpose == CATALOG_FOR_ATTACH;
}

/* Owners and privileges come when the rows are in: until then the table is the session's. */
static void make(struct rebuild *w, struct rebuilt_table *t, const struct strings *positions)
{
  struct round *r = w->r;
  struct catalog_script script = {0};
  if (catalog_create_object(r->arena, r->to, t->goal, &script, r->err) < 0) {
    r->failed = true;
    return;
  }
  for (int given = 0; given <= 1; given++) {
    for (size_t i = 0; i < script.len; i++) {
      const struct catalog_statement *s = &script.at[i];
      bool late = s->purpose != CATALOG_FOR_CREATE && s->purpose != CATALOG_FOR_CHANGE;
      if (!waits(s) && late == (given == 1))
        round_emit_script(r, INVERSE_AFTER_DATA, NULL, s->sql);
    }
    if (given == 0 && catalog_is(t->goal, "relkind", "r"))
      move_rows(w, t);
    for (size_t i = 0; given == 0 && i < positions->len; i++)
      EMIT(w, NULL, "%s", positions->at[i]);
  }
  t->made = true;
  vec_push(w->order->arena, &w->order->rebuilt, arena_strdup(w->order->arena, t->goal->identity));
}

static void drop_old(struct rebuild *w, bool foreign)
{
  CLEANUP(text_clear) struct text list = TEXT_INIT;
  for (size_t i = 0; i < w->tables.len; i++)
    if (catalog_is_foreign(w->tables.at[i].now) == foreign)
      text_printf(&list, "%s%s", list.len ? ", " : "", w->tables.at[i].aside);
  if (list.len)
    EMIT(w, "what was moved is dropped", "DROP %s %s", foreign ? "FOREIGN TABLE" : "TABLE",
         list.data);
}

static bool parents_are_made(const struct rebuild *w, const struct rebuilt_table *t)
{
  for (size_t i = 0; i < w->tables.len; i++)
    if (!w->tables.at[i].made && inherits(w->r, t->goal, w->tables.at[i].goal->identity))
      return false;
  return true;
}

static void make_all(struct rebuild *w, const struct strings *positions)
{
  bool progress = true;
  while (progress && !w->r->failed) {
    progress = false;
    for (size_t i = 0; i < w->tables.len && !w->r->failed; i++) {
      struct rebuilt_table *t = &w->tables.at[i];
      if (t->made || !parents_are_made(w, t))
        continue;
      make(w, t, &positions[i]);
      progress = true;
    }
  }
}

void round_exact_order(struct round *r)
{
  if (!r->state || !r->state->order)
    return;
  struct rebuild w = {.r = r, .order = r->state->order};
  for (size_t i = 0; i < r->from->object_count; i++)
    if (r->from->objects[i]->kind == CATALOG_TABLE)
      consider(&w, r->from->objects[i]);
  if (w.tables.len == 0)
    return;
  w.order->begun = true;
  lock_all(&w);
  for (size_t i = 0; i < w.drops.len; i++)
    round_drop_now(r, w.drops.at[i], "depends on what is written anew and is made again");
  detach_all(&w);
  struct strings *positions = arena_alloc(r->arena, (w.tables.len + 1) * sizeof(*positions));
  for (size_t i = 0; i < w.tables.len; i++)
    put_aside(&w, &w.tables.at[i], &positions[i]);
  make_all(&w, positions);
  drop_old(&w, true);
  drop_old(&w, false);
  EMIT(&w, NULL, "RESET row_security");
}

/* ---- what follows ---- */

void exact_order_analyze(struct exact_order *order, const struct catalog *goal,
                         struct inverse_steps *steps)
{
  for (size_t i = 0; i < order->rebuilt.len; i++) {
    const struct catalog_object *t = catalog_find_name(goal, CATALOG_TABLE, order->rebuilt.at[i]);
    if (t && catalog_is(t, "relkind", "r"))
      vec_push(order->arena, steps,
               ((struct inverse_step){INVERSE_AFTER_DATA,
                                      arena_printf(order->arena, "ANALYZE %s", t->identity),
                                      "a new table has no statistics"}));
  }
}

static int read_locks(struct db_conn *conn, struct inverse *inverse, struct arena *arena,
                      struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (db_query(conn, &r, err,
               "SELECT DISTINCT relation FROM pg_catalog.pg_locks WHERE pid ="
               " pg_catalog.pg_backend_pid() AND locktype = 'relation' AND granted AND mode ="
               " 'AccessExclusiveLock' AND relation IS NOT NULL",
               NULL) < 0)
    return err_wrap(err, "reading the locks of the inverse");
  for (size_t i = 0; i < inverse->after->object_count; i++) {
    const struct catalog_object *o = inverse->after->objects[i];
    for (int k = 0; (o->kind == CATALOG_TABLE || o->kind == CATALOG_MATVIEW) && k < db_rows(r); k++)
      if (db_oid(r, k, 0) == o->oid)
        vec_push(arena, &inverse->exclusive, o->identity);
  }
  return 0;
}

void inverse_estimate(struct inverse *inverse, const struct catalog *target)
{
  for (size_t i = 0; i < inverse->rebuilt.len; i++) {
    struct inverse_rebuild *b = &inverse->rebuilt.at[i];
    const struct catalog_object *t = catalog_find_name(target, CATALOG_TABLE, b->table);
    b->rows = t ? t->row_estimate : -1;
    b->bytes = t ? t->bytes : 0;
  }
}

static char *bytes_text(struct arena *arena, int64_t bytes)
{
  enum { MIB = 1 << 20 };
  return bytes < MIB ? arena_printf(arena, "%" PRId64 " KiB", (bytes + 1023) >> 10)
                     : arena_printf(arena, "%" PRId64 " MiB", bytes >> 20);
}

int64_t inverse_rebuild_ms(const struct inverse *inverse)
{
  int64_t bytes = 0;
  for (size_t i = 0; i < inverse->rebuilt.len; i++)
    bytes += inverse->rebuilt.at[i].bytes;
  return bytes / INVERSE_MOVED_BYTES_PER_MS;
}

struct strings inverse_costs(struct arena *arena, const struct inverse *inverse)
{
  struct strings lines = {0};
  CLEANUP(text_clear) struct text locks = TEXT_INIT;
  for (size_t i = 0; i < inverse->rebuilt.len; i++) {
    const struct inverse_rebuild *b = &inverse->rebuilt.at[i];
    const char *rows = b->rows < 0 ? "rows never counted (ANALYZE)"
                                   : arena_printf(arena, "about %.0f rows", b->rows);
    const char *size =
        b->bytes ? arena_printf(arena, "%s, %s with indexes, about %s", rows,
                                bytes_text(arena, b->bytes),
                                clock_duration(arena, b->bytes / INVERSE_MOVED_BYTES_PER_MS))
                 : "no rows of its own, or its size is not known here";
    vec_push(arena, &lines,
             arena_printf(arena, "writes %s anew, with its indexes: %s", b->table, size));
  }
  for (size_t i = 0; i < inverse->exclusive.len; i++)
    text_printf(&locks, "%s%s", i ? ", " : "", inverse->exclusive.at[i]);
  if (locks.len)
    vec_push(arena, &lines,
             arena_printf(arena, "holds ACCESS EXCLUSIVE until COMMIT on %s", locks.data));
  return lines;
}

int exact_order_cost(struct exact_order *order, struct db_conn *conn, struct inverse *inverse,
                     struct err *err)
{
  for (size_t i = 0; i < order->rebuilt.len; i++) {
    const struct catalog_object *goal =
        catalog_find_name(inverse->before, CATALOG_TABLE, order->rebuilt.at[i]);
    const struct catalog_object *now =
        goal ? catalog_find(inverse->after, CATALOG_TABLE, goal->oid, 0) : NULL;
    vec_push(order->arena, &inverse->rebuilt,
             ((struct inverse_rebuild){.table = order->rebuilt.at[i],
                                       .table_now = now ? now->identity : order->rebuilt.at[i],
                                       .rows = -1}));
  }
  return order->rebuilt.len ? read_locks(conn, inverse, order->arena, err) : 0;
}
