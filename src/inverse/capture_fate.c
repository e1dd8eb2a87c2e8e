/* What a migration does to each table, told from the proof. */
#include "inverse/capture_fate.h"

#include "inverse/round.h"

const struct catalog_object *planner_root(const struct catalog *c,
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

static const struct catalog_object *parent_of(const struct catalog *c,
                                              const struct catalog_object *table)
{
  const char *parent = catalog_get(table, "partition_of");
  return parent ? catalog_find_name(c, CATALOG_TABLE, parent) : NULL;
}

static bool is_inside(const struct catalog *c, const struct catalog_object *table,
                      const struct catalog_object *tree)
{
  while ((table = parent_of(c, table)))
    if (table == tree)
      return true;
  return false;
}

const struct catalog_object *planner_unit(const struct planner *p,
                                          const struct catalog_object *table)
{
  const struct catalog_object *up;
  for (; (up = parent_of(p->inverse->before, table)); table = up) {
    const struct catalog_object *now =
        catalog_find(p->inverse->after, CATALOG_TABLE, table->oid, 0);
    const struct catalog_object *up_now = now ? parent_of(p->inverse->after, now) : NULL;
    if (now && (!up_now || up_now->oid != up->oid))
      break;
  }
  return table;
}

static struct fate *fate_of(struct planner *p, const struct catalog_object *table)
{
  return map_get(p->by_identity, planner_unit(p, table)->identity);
}

/* The partition `part`, which has a fate of its own, is in the tree of f at this end. */
static bool holds_before(const struct planner *p, const struct fate *f, const struct fate *part)
{
  return is_inside(p->inverse->before, part->table, f->table);
}

static bool holds_after(const struct planner *p, const struct fate *f, const struct fate *part)
{
  return f->after && part->after && is_inside(p->inverse->after, part->after, f->after);
}

static void set_apart(struct planner *p)
{
  for (size_t i = 0; i < p->fates.len; i++) {
    struct fate *f = p->fates.at[i];
    for (size_t k = 0; k < p->fates.len; k++) {
      const struct fate *part = p->fates.at[k];
      if (holds_before(p, f, part))
        vec_push(p->arena, &f->apart, part->table->identity);
      if (holds_after(p, f, part))
        vec_push(p->arena, &f->apart_after, part->after->identity);
    }
  }
}

/* Statements on the tree reach its partitions, also those that were in it for a while. */
static void spread_to_parts(struct planner *p)
{
  for (size_t i = 0; i < p->fates.len; i++) {
    const struct fate *f = p->fates.at[i];
    for (size_t k = 0; k < p->fates.len; k++) {
      struct fate *part = p->fates.at[k];
      if (!holds_before(p, f, part) && !holds_after(p, f, part))
        continue;
      part->written = part->written || f->written;
      part->exclusive = part->exclusive || f->exclusive;
      part->rewritten = part->rewritten || f->rewritten;
    }
  }
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
    if (t->kind != CATALOG_TABLE || planner_unit(p, t) != t)
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
  set_apart(p);
  spread_to_parts(p);
}

/* Rows that change with rows of another table. The shadow has hardly any rows, so it need not
 * have happened there. */
static bool follows(const struct catalog_object *foreign_key)
{
  const char *d = catalog_get(foreign_key, "definition");
  return d && (strstr(d, "ON DELETE CASCADE") || strstr(d, "ON DELETE SET ") ||
               strstr(d, "ON UPDATE CASCADE") || strstr(d, "ON UPDATE SET "));
}

/* Rows of the tree of f, at the beginning, are written. */
static bool is_written(const struct planner *p, const struct fate *f)
{
  bool written = f->written;
  for (size_t i = 0; i < p->fates.len && !written; i++)
    written = p->fates.at[i]->written && holds_before(p, f, p->fates.at[i]);
  return written;
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
    if (!child || !parent || child->written || !is_written(p, parent))
      continue;
    child->written = true;
    child->cascade = parent->table->identity;
    more = true;
  }
  if (more)
    spread_to_parts(p);
  return more;
}

/* ---- replica identity ---- */

bool planner_lacks_identity(struct arena *arena, const struct catalog *c,
                            const struct catalog_object *table)
{
  const char *identity = catalog_get(table, "replica_identity");
  bool published = false;
  for (size_t i = 0; i < c->object_count && !published; i++)
    published = c->objects[i]->kind == CATALOG_PUBLICATION;
  if (!published || (identity && strcmp(identity, "NOTHING") != 0))
    return false;
  struct catalog_objects list = catalog_children(arena, c, table, CATALOG_CONSTRAINT);
  for (size_t i = 0; i < list.len; i++) {
    const char *definition = catalog_get(list.at[i], "definition");
    if (!identity && catalog_is(list.at[i], "type", "p") &&
        !(definition && strstr(definition, " DEFERRABLE")))
      return false;
  }
  return true;
}

bool planner_is_switched(struct arena *arena, const struct catalog *c, const char *name)
{
  const struct catalog_object *table = catalog_find_name(c, CATALOG_TABLE, name);
  bool switched = false;
  for (size_t i = 0; table && i < c->object_count && !switched; i++) {
    const struct catalog_object *o = c->objects[i];
    if (o->kind == CATALOG_TABLE && (o == table || is_inside(c, o, table)))
      switched = planner_lacks_identity(arena, c, o) ||
                 catalog_children(arena, c, o, CATALOG_RULE).len > 0;
  }
  return switched;
}

/* ---- columns ---- */

const struct catalog_object *planner_column_after(const struct planner *p,
                                                  const struct catalog_object *column)
{
  return catalog_find(p->inverse->after, CATALOG_COLUMN, column->oid, column->subid);
}

/* Doomed columns; `retyped` = some survive with another type. */
struct strings planner_doomed_columns(const struct planner *p, const struct catalog_object *table,
                                      bool *retyped)
{
  struct strings doomed = {0};
  struct catalog_objects columns =
      catalog_children(p->arena, p->inverse->before, table, CATALOG_COLUMN);
  for (size_t i = 0; i < columns.len; i++) {
    const struct catalog_object *c = columns.at[i], *now = planner_column_after(p, c);
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

/* ---- values inside of values ---- */

static bool strings_hold(const struct strings *list, const char *s)
{
  for (size_t i = 0; i < list->len; i++)
    if (strcmp(list->at[i], s) == 0)
      return true;
  return false;
}

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
    if (!strings_hold(&new, old.at[i]))
      return true;
  return false;
}

static bool narrows(const struct planner *p, const struct catalog_object *o)
{
  bool retyped = false;
  if (o->kind == CATALOG_COMPOSITE)
    return loses_attributes(p, o);
  return o->kind == CATALOG_TABLE && catalog_find(p->inverse->after, CATALOG_TABLE, o->oid, 0) &&
         (planner_doomed_columns(p, o, &retyped).len > 0 || retyped);
}

static const struct catalog_object *depends_on_any(const struct catalog_object *o,
                                                   struct map *types)
{
  for (size_t i = 0; i < o->depends_on_count; i++)
    if (o->depends_on[i] != o->parent && map_get(types, o->depends_on[i]->identity))
      return map_get(types, o->depends_on[i]->identity);
  return NULL;
}

/* Its attributes or columns are others: while that is not committed nobody else can read values
 * of the type. */
static bool is_altered(const struct planner *p, const struct catalog_object *o)
{
  if (o->kind == CATALOG_COMPOSITE) {
    const struct catalog_object *now = catalog_find(p->inverse->after, o->kind, o->oid, 0);
    const char *old = catalog_get(o, "attributes"),
               *new = now ? catalog_get(now, "attributes") : "";
    return !now || now->dropped_attributes != o->dropped_attributes || !old || !new ||
           strcmp(old, new) != 0;
  }
  const struct fate *f = o->kind == CATALOG_TABLE ? map_get(p->by_identity, o->identity) : NULL;
  return f && f->exclusive;
}

static void embeds_narrowed(struct fate *f, const struct catalog_object *type)
{
  if (!f->embeds)
    f->embeds = type;
}

static void embeds_altered(struct fate *f, const struct catalog_object *type)
{
  UNUSED(type);
  f->exclusive = true;
}

/* What becomes of tables that hold values of types of a kind. */
struct spreading {
  bool (*is_source)(const struct planner *p, const struct catalog_object *type);
  void (*reach)(struct fate *f, const struct catalog_object *type);
  struct map *types;   /* identity -> the type it comes from */
  struct map *reached; /* identities of tables */
};

/* One step outward: types over such types, and tables with columns of them. */
static bool spread_once(struct planner *p, struct spreading *s)
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
    const struct catalog_object *type = depends_on_any(o, s->types);
    struct fate *f = column ? fate_of(p, holder) : NULL;
    if (!type ||
        (map_get(s->types, holder->identity) && (!f || map_get(s->reached, holder->identity))))
      continue;
    if (!map_get(s->types, holder->identity))
      map_put(s->types, holder->identity, (void *)(uintptr_t)type);
    if (f)
      s->reach(f, type);
    map_put(s->reached, holder->identity, (void *)(uintptr_t)holder);
    more = true;
  }
  return more;
}

static void spread_types(struct planner *p, struct spreading s)
{
  const struct catalog *before = p->inverse->before;
  bool any = false;
  s.types = map_new(p->arena);
  s.reached = map_new(p->arena);
  for (size_t i = 0; i < before->object_count; i++) {
    if (!s.is_source(p, before->objects[i]))
      continue;
    map_put(s.types, before->objects[i]->identity, before->objects[i]);
    any = true;
  }
  while (any && spread_once(p, &s))
    ;
}

/* ---- all ---- */

struct planner planner_new(struct arena *arena, const struct inverse *inverse,
                           struct capture_plan *plan)
{
  struct planner p = {
      .arena = arena, .inverse = inverse, .by_identity = map_new(arena), .plan = plan};
  collect_fates(&p);
  while (spread_cascades(&p))
    ;
  /* A type or a table that loses attributes takes them from the values of that type elsewhere,
   * without a rewrite or a word; and as it gets them back in another order, the text of a value
   * would put them into the wrong ones. */
  spread_types(&p, (struct spreading){.is_source = narrows, .reach = embeds_narrowed});
  spread_types(&p, (struct spreading){.is_source = is_altered, .reach = embeds_altered});
  return p;
}
