/* What to capture, from the proof: the catalogs before and after (of one database, so matched by
 * OID) and what the shadow saw each statement write, lock and rewrite. */
#include "inverse/capture_private.h"
#include "inverse/round.h"

/* What the migration does to one table, or to a whole partition tree (then of its root). */
struct fate {
  const struct catalog_object *table, *after; /* after NULL: dropped */
  bool written, exclusive, rewritten;
  const struct catalog_object *embeds; /* a type that loses attributes, of which it holds values */
  const char
      *cascade; /* the table whose rows, when changed, change rows here; NULL: written itself */
};
VEC_TYPE(fates, struct fate *);

struct planner {
  struct arena *arena;
  const struct inverse *inverse;
  struct fates fates;
  struct map *by_identity; /* of before -> struct fate */
  struct capture_plan *plan;
  bool keep_copies; /* of tables whose rows cannot be matched, instead of refusing */
};

static const struct catalog_object *root_of(const struct catalog *c,
                                            const struct catalog_object *table)
{
  const char *parent = catalog_get(table, "partition_of");
  while (parent) {
    const struct catalog_object *up = catalog_find_name(c, CATALOG_TABLE, parent);
    if (!up)
      break;
    table = up;
    parent = catalog_get(table, "partition_of");
  }
  return table;
}

static struct fate *fate_of(struct planner *p, const struct catalog_object *table)
{
  return map_get(p->by_identity, root_of(p->inverse->before, table)->identity);
}

static void refuse(struct planner *p, const char *sentence)
{
  vec_push(p->arena, &p->plan->refusals, sentence);
}

/* A name in an effect is that of the moment, so both ends of the migration are asked; two hits
 * mean both tables. */
static void mark(struct planner *p, const struct strings *names, size_t member)
{
  for (size_t i = 0; i < names->len; i++) {
    const struct catalog_object *now =
        catalog_find_name(p->inverse->after, CATALOG_TABLE, names->at[i]);
    const struct catalog_object *hits[] = {
        catalog_find_name(p->inverse->before, CATALOG_TABLE, names->at[i]),
        now ? catalog_find(p->inverse->before, CATALOG_TABLE, now->oid, 0) : NULL};
    for (size_t k = 0; k < COUNT_OF(hits); k++) {
      struct fate *f = hits[k] ? fate_of(p, hits[k]) : NULL;
      if (f)
        *(bool *)((char *)f + member) = true;
    }
  }
}

static void collect_fates(struct planner *p)
{
  const struct catalog *before = p->inverse->before;
  for (size_t i = 0; i < before->object_count; i++) {
    const struct catalog_object *t = before->objects[i];
    if (t->kind != CATALOG_TABLE || root_of(before, t) != t)
      continue;
    struct fate *f = ARENA_NEW(p->arena, struct fate);
    f->table = t;
    f->after = catalog_find(p->inverse->after, CATALOG_TABLE, t->oid, 0);
    vec_push(p->arena, &p->fates, f);
    map_put(p->by_identity, t->identity, f);
  }
  for (size_t i = 0; i < p->inverse->effects.len; i++) {
    const struct shadow_effect *e = &p->inverse->effects.at[i];
    mark(p, &e->written, offsetof(struct fate, written));
    mark(p, &e->exclusive, offsetof(struct fate, exclusive));
    mark(p, &e->rewritten, offsetof(struct fate, rewritten));
  }
}

/* Rows that change with rows of another table. The shadow has hardly any rows, so it need not
 * have happened there. */
static bool follows(const struct catalog_object *foreign_key)
{
  const char *d = catalog_get(foreign_key, "definition");
  return d && (strstr(d, "ON DELETE CASCADE") || strstr(d, "ON DELETE SET ") ||
               strstr(d, "ON UPDATE CASCADE") || strstr(d, "ON UPDATE SET "));
}

static bool spread_cascades(struct planner *p)
{
  const struct catalog *before = p->inverse->before;
  bool more = false;
  for (size_t i = 0; i < before->object_count; i++) {
    const struct catalog_object *o = before->objects[i];
    if (o->kind != CATALOG_CONSTRAINT || !catalog_is(o, "type", "f") || !o->parent || !follows(o))
      continue;
    const char *name = catalog_get(o, "referenced");
    const struct catalog_object *target =
        name ? catalog_find_name(before, CATALOG_TABLE, name) : NULL;
    struct fate *child = fate_of(p, o->parent), *parent = target ? fate_of(p, target) : NULL;
    if (!child || !parent || !parent->written || child->written)
      continue;
    child->written = true;
    child->cascade = parent->table->identity;
    more = true;
  }
  return more;
}

/* ---- columns and keys ---- */

static bool in(const char *const *list, size_t count, const char *s)
{
  for (size_t i = 0; i < count; i++)
    if (strcmp(list[i], s) == 0)
      return true;
  return false;
}

/* Values of both types have the same text, so that keys can be matched by it. */
static bool same_text(const char *a, const char *b)
{
  static const char *const integers[] = {"smallint", "integer", "bigint"};
  if (!a || !b)
    return false;
  if (strcmp(a, b) == 0)
    return true;
  if (in(integers, COUNT_OF(integers), a) && in(integers, COUNT_OF(integers), b))
    return true;
  bool a_text = strcmp(a, "text") == 0 || strncmp(a, "character varying", 17) == 0;
  bool b_text = strcmp(b, "text") == 0 || strncmp(b, "character varying", 17) == 0;
  return a_text && b_text;
}

static const struct catalog_object *column_after(const struct planner *p,
                                                 const struct catalog_object *column)
{
  return catalog_find(p->inverse->after, CATALOG_COLUMN, column->oid, column->subid);
}

/* Doomed columns; `retyped` = some survive with another type. */
static struct strings doomed_columns(const struct planner *p, const struct catalog_object *table,
                                     bool *retyped)
{
  struct strings doomed = {0};
  struct catalog_objects columns =
      catalog_children(p->arena, p->inverse->before, table, CATALOG_COLUMN);
  for (size_t i = 0; i < columns.len; i++) {
    const struct catalog_object *c = columns.at[i], *now = column_after(p, c);
    if (catalog_get(c, "generated"))
      continue;
    if (!now) {
      vec_push(p->arena, &doomed, c->name);
      continue;
    }
    const char *old = catalog_get(c, "type"), *new = catalog_get(now, "type");
    if (old && new &&strcmp(old, new) != 0)
      *retyped = true;
  }
  return doomed;
}

/* Without a rewrite the bytes stay; but whether timestamps are rewritten depends on the session's
 * time zone. */
static bool retype_needs_rows(const struct planner *p, const struct catalog_object *table)
{
  struct catalog_objects columns =
      catalog_children(p->arena, p->inverse->before, table, CATALOG_COLUMN);
  for (size_t i = 0; i < columns.len; i++) {
    const struct catalog_object *now = column_after(p, columns.at[i]);
    const char *old = catalog_get(columns.at[i], "type"),
               *new = now ? catalog_get(now, "type") : "";
    if (old && new &&strcmp(old, new) != 0 && strncmp(old, "timestamp", 9) == 0 &&
        strncmp(new, "timestamp", 9) == 0)
      return true;
  }
  return false;
}

static void add_column(const struct planner *p, struct capture_table *t,
                       const struct catalog_object *column)
{
  const struct catalog_object *now = t->after ? column_after(p, column) : NULL;
  vec_push(p->arena, &t->columns, column->name);
  /* a column that became a generated one cannot be written, but it can be compared */
  vec_push(p->arena, &t->columns_after, now ? now->name : NULL);
}

/* The key, and the columns that are copied: key and `only`, or all (only NULL). */
static void fill_columns(const struct planner *p, struct capture_table *t,
                         const struct catalog_object *table, const struct strings *only)
{
  t->key = catalog_row_key(p->arena, p->inverse->before, table);
  bool survives = t->after != NULL && t->key.len > 0;
  struct catalog_objects columns =
      catalog_children(p->arena, p->inverse->before, table, CATALOG_COLUMN);
  const struct catalog_object **key_now =
      arena_alloc(p->arena, (t->key.len + 1) * sizeof(*key_now));
  for (size_t i = 0; i < columns.len; i++) {
    const struct catalog_object *c = columns.at[i];
    bool is_key = false;
    for (size_t k = 0; k < t->key.len; k++) {
      if (strcmp(t->key.at[k], c->name) != 0)
        continue;
      is_key = true;
      key_now[k] = column_after(p, c);
      if (!key_now[k] || !same_text(catalog_get(c, "type"), catalog_get(key_now[k], "type")))
        survives = false;
    }
    if (is_key || (!catalog_get(c, "generated") && (!only || in(only->at, only->len, c->name))))
      add_column(p, t, c);
  }
  for (size_t k = 0; survives && k < t->key.len; k++)
    vec_push(p->arena, &t->key_after, key_now[k]->name);
}

/* ---- values inside of values ---- */

/* Attributes that are not there afterwards; a new name counts, which costs a copy at most. */
static bool loses_attributes(const struct planner *p, const struct catalog_object *type)
{
  const struct catalog_object *now =
      catalog_find(p->inverse->after, CATALOG_COMPOSITE, type->oid, 0);
  if (!now)
    return false; /* then its columns are gone or have another type */
  if (now->dropped_attributes != type->dropped_attributes)
    return true; /* also one that came back under its name, empty */
  struct strings old = round_json_strings(p->arena, catalog_get(type, "attributes"));
  struct strings new = round_json_strings(p->arena, catalog_get(now, "attributes"));
  for (size_t i = 0; i < old.len; i++)
    if (!in(new.at, new.len, old.at[i]))
      return true;
  return false;
}

static bool narrows(const struct planner *p, const struct catalog_object *o)
{
  bool retyped = false;
  if (o->kind == CATALOG_COMPOSITE)
    return loses_attributes(p, o);
  return o->kind == CATALOG_TABLE && catalog_find(p->inverse->after, CATALOG_TABLE, o->oid, 0) &&
         (doomed_columns(p, o, &retyped).len > 0 || retyped);
}

static const struct catalog_object *depends_on_any(const struct catalog_object *o,
                                                   struct map *types)
{
  for (size_t i = 0; i < o->depends_on_count; i++)
    if (o->depends_on[i] != o->parent && map_get(types, o->depends_on[i]->identity))
      return map_get(types, o->depends_on[i]->identity);
  return NULL;
}

/* One step outward: types over narrowed types, and tables with columns of them. */
static bool spread_once(struct planner *p, struct map *types)
{
  const struct catalog *before = p->inverse->before;
  bool more = false;
  for (size_t i = 0; i < before->object_count; i++) {
    struct catalog_object *o = before->objects[i];
    bool column = o->kind == CATALOG_COLUMN && o->parent && o->parent->kind == CATALOG_TABLE;
    if (!column && o->kind != CATALOG_COMPOSITE && o->kind != CATALOG_DOMAIN &&
        o->kind != CATALOG_RANGE)
      continue;
    const struct catalog_object *holder = column ? o->parent : o;
    const struct catalog_object *type = depends_on_any(o, types);
    struct fate *f = column ? fate_of(p, holder) : NULL;
    if (!type || (map_get(types, holder->identity) && (!f || f->embeds)))
      continue;
    if (!map_get(types, holder->identity))
      map_put(types, holder->identity, (void *)(uintptr_t)type);
    if (f)
      f->embeds = type;
    more = true;
  }
  return more;
}

/* A type or a table that loses attributes takes them from the values of that type elsewhere,
 * without a rewrite or a word; and as it gets them back in another order, the text of a value would
 * put them into the wrong ones. */
static void spread_narrowed_types(struct planner *p)
{
  const struct catalog *before = p->inverse->before;
  struct map *types = map_new(p->arena);
  bool any = false;
  for (size_t i = 0; i < before->object_count; i++) {
    if (!narrows(p, before->objects[i]))
      continue;
    map_put(types, before->objects[i]->identity, before->objects[i]);
    any = true;
  }
  while (any && spread_once(p, types))
    ;
}

/* ---- one table ---- */

static bool is_partitioned(const struct catalog_object *table)
{
  return catalog_is(table, "relkind", "p");
}

static void plan_dropped(struct planner *p, const struct catalog_object *table)
{
  struct capture_table t = {.how = CAPTURE_ROWS,
                            .before = table->identity,
                            .partitioned = is_partitioned(table),
                            .doomed_only = true,
                            .why = "the table is dropped"};
  fill_columns(p, &t, table, NULL);
  vec_push(p->arena, &p->plan->tables, t);
}

/* Partitions that vanish while their root stays. */
static struct catalog_objects dropped_partitions(const struct planner *p, const struct fate *f)
{
  struct catalog_objects dropped = {0};
  const struct catalog *before = p->inverse->before;
  for (size_t i = 0; is_partitioned(f->table) && i < before->object_count; i++) {
    struct catalog_object *t = before->objects[i];
    if (t->kind == CATALOG_TABLE && t != f->table && !is_partitioned(t) && !catalog_is_foreign(t) &&
        root_of(before, t) == f->table &&
        !catalog_find(p->inverse->after, CATALOG_TABLE, t->oid, 0))
      vec_push(p->arena, &dropped, t);
  }
  return dropped;
}

/* Rows that could not be matched: refused, or all of them copied. Such a copy loses nothing, but
 * undo_open refuses to put it back. */
static void refuse_or_copy(struct planner *p, const struct capture_table *t, const char *sentence)
{
  const struct catalog_object *table =
      catalog_find_name(p->inverse->before, CATALOG_TABLE, t->before);
  if (p->keep_copies && table) {
    struct capture_table whole = {.how = CAPTURE_ROWS,
                                  .before = t->before,
                                  .after = t->after,
                                  .partitioned = t->partitioned,
                                  .doomed_only = true,
                                  .why = "its rows could not be matched one by one"};
    fill_columns(p, &whole, table, NULL);
    vec_push(p->arena, &p->plan->tables, whole);
    return;
  }
  refuse(p, sentence);
}

static void refuse_key(struct planner *p, const struct capture_table *t, const char *what)
{
  const char *why = t->key.len == 0 ? "has no primary key" : "does not keep its primary key";
  refuse_or_copy(p, t, arena_printf(p->arena, "%s %s: %s", t->before, why, what));
}

/* Rows: all of a table that is rewritten, emptied, or written under ACCESS EXCLUSIVE. */
static void plan_rows(struct planner *p, struct capture_table *t, const struct fate *f,
                      bool columns_change)
{
  t->how = CAPTURE_ROWS;
  fill_columns(p, t, f->table, NULL);
  t->why = f->rewritten ? "the table is rewritten or emptied"
                        : "rows are written and the table is locked by the same migration";
  /* without a key only "emptied" and "every row still there" can be told apart */
  if (t->key_after.len == 0 && (f->written || columns_change || t->key.len > 0)) {
    refuse_key(p, t, "its rows before and after could not be matched");
    return;
  }
  vec_push(p->arena, &p->plan->tables, *t);
}

static void plan_doomed_columns(struct planner *p, struct capture_table *t, const struct fate *f,
                                const struct strings *doomed)
{
  t->how = CAPTURE_COLUMNS;
  t->doomed_only = true;
  fill_columns(p, t, f->table, doomed);
  struct text names = TEXT_INIT;
  for (size_t i = 0; i < doomed->len; i++)
    text_printf(&names, "%s%s", i ? ", " : "", doomed->at[i]);
  t->why = arena_printf(p->arena, "%s %s dropped", names.data, doomed->len > 1 ? "are" : "is");
  if (t->key_after.len == 0)
    refuse_key(
        p, t, arena_printf(p->arena, "the dropped values of %s could not be put back", names.data));
  else
    vec_push(p->arena, &p->plan->tables, *t);
  text_clear(&names);
}

static void plan_changed(struct planner *p, struct capture_table *t, const struct fate *f)
{
  t->how = CAPTURE_CHANGED;
  t->standby = !f->written || f->cascade;
  fill_columns(p, t, f->table, NULL);
  t->why = f->cascade   ? arena_printf(p->arena, "its rows follow those of %s", f->cascade)
           : t->standby ? "captured if it is written"
                        : "rows are written";
  if (t->key_after.len > 0)
    vec_push(p->arena, &p->plan->tables, *t);
  else if (!t->standby)
    refuse_key(p, t, "its changed rows could not be told apart");
}

static const struct catalog_object *foreign_partition(const struct planner *p,
                                                      const struct catalog_object *root)
{
  const struct catalog *c = p->inverse->before;
  for (size_t i = 0; i < c->object_count; i++)
    if (c->objects[i]->kind == CATALOG_TABLE && catalog_is_foreign(c->objects[i]) &&
        root_of(c, c->objects[i]) == root)
      return c->objects[i];
  return NULL;
}

/* Rows of foreign tables are on another server: they stay when the table is dropped, and cannot
 * be captured when they are written. */
static void plan_foreign(struct planner *p, const struct fate *f)
{
  if (f->after && (f->written || f->rewritten))
    refuse(p, arena_printf(p->arena,
                           "rows of the foreign table %s are written: they are on another server "
                           "and cannot be captured",
                           f->table->identity));
}

/* Rows of a partition tree are copied by way of its root. */
static bool refuse_foreign_partition(struct planner *p, const struct fate *f)
{
  const struct catalog_object *partition = foreign_partition(p, f->table);
  if (partition)
    refuse(p, arena_printf(p->arena,
                           "%s has the foreign table %s as a partition: its own rows cannot be "
                           "captured apart from those",
                           f->table->identity, partition->identity));
  return partition != NULL;
}

static void plan_table(struct planner *p, const struct fate *f)
{
  if (catalog_is_foreign(f->table)) {
    plan_foreign(p, f);
    return;
  }
  if (!f->after) {
    if (!refuse_foreign_partition(p, f))
      plan_dropped(p, f->table);
    return;
  }
  struct capture_table t = {.before = f->table->identity,
                            .after = f->after->identity,
                            .partitioned = is_partitioned(f->table)};
  if (f->embeds) {
    refuse_or_copy(p, &t,
                   arena_printf(p->arena,
                                "%s holds values of %s, which loses attributes: they could not be"
                                " put back",
                                f->table->identity, f->embeds->identity));
    return;
  }
  bool retyped = false;
  struct strings doomed = doomed_columns(p, f->table, &retyped);
  bool rows = f->rewritten || (f->written && (f->exclusive || doomed.len > 0)) ||
              (retyped && retype_needs_rows(p, f->table));
  if ((rows || doomed.len > 0 || f->written) && refuse_foreign_partition(p, f))
    return;
  struct catalog_objects dropped = dropped_partitions(p, f);
  for (size_t i = 0; !rows && i < dropped.len; i++)
    plan_dropped(p, dropped.at[i]);
  if (rows)
    plan_rows(p, &t, f, retyped || doomed.len > 0);
  else if (doomed.len > 0)
    plan_doomed_columns(p, &t, f, &doomed);
  else
    plan_changed(p, &t, f);
}

static struct planner planner_new(struct arena *arena, const struct inverse *inverse,
                                  struct capture_plan *plan)
{
  struct planner p = {
      .arena = arena, .inverse = inverse, .by_identity = map_new(arena), .plan = plan};
  collect_fates(&p);
  while (spread_cascades(&p))
    ;
  spread_narrowed_types(&p);
  return p;
}

struct capture_danger_vec capture_dangers(struct arena *arena, const struct inverse *inverse)
{
  struct planner p = planner_new(arena, inverse, NULL);
  struct capture_danger_vec dangers = {0};
  for (size_t i = 0; i < p.fates.len; i++) {
    const struct fate *f = p.fates.at[i];
    bool retyped = false;
    if (!f->after || f->written || f->rewritten || doomed_columns(&p, f->table, &retyped).len ||
        retyped || dropped_partitions(&p, f).len)
      vec_push(arena, &dangers, ((struct capture_danger){f->table->identity, f->written}));
  }
  return dangers;
}

static void plan_all(struct arena *arena, const struct inverse *inverse, bool keep_copies,
                     struct capture_plan *ret_plan)
{
  struct capture_plan plan = {0};
  struct planner p = planner_new(arena, inverse, &plan);
  p.keep_copies = keep_copies;
  for (size_t i = 0; i < p.fates.len; i++)
    plan_table(&p, p.fates.at[i]);
  *ret_plan = plan;
}

void capture_plan(struct arena *arena, const struct inverse *inverse, struct capture_plan *ret_plan)
{
  plan_all(arena, inverse, false, ret_plan);
}

void capture_plan_copies(struct arena *arena, const struct inverse *inverse,
                         struct capture_plan *ret_plan)
{
  plan_all(arena, inverse, true, ret_plan);
}

/* ---- estimate ---- */

static int64_t bytes_of(const struct catalog *c, const struct catalog_object *table)
{
  if (!is_partitioned(table))
    return table->bytes;
  int64_t sum = 0;
  for (size_t i = 0; i < c->object_count; i++) {
    const struct catalog_object *o = c->objects[i];
    if (o->kind == CATALOG_TABLE && !is_partitioned(o) && root_of(c, o) == table)
      sum += o->bytes;
  }
  return sum;
}

int64_t capture_estimate_bytes(const struct capture_plan *plan, const struct catalog *target)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  int64_t sum = 0;
  for (size_t i = 0; i < plan->tables.len; i++) {
    const struct capture_table *t = &plan->tables.at[i];
    const struct catalog_object *table = catalog_find_name(target, CATALOG_TABLE, t->before);
    if (!table || t->how == CAPTURE_CHANGED)
      continue;
    int64_t bytes = bytes_of(target, table);
    size_t all = catalog_children(arena, target, table, CATALOG_COLUMN).len;
    if (t->how == CAPTURE_COLUMNS && all > 0)
      bytes = bytes / (int64_t)all * (int64_t)t->columns.len;
    sum += t->doomed_only ? bytes : 2 * bytes; /* before- and after-images */
  }
  return sum;
}
