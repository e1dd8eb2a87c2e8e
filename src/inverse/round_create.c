#include "inverse/round.h"

#include "sql/quote.h"

struct creating {
  struct round *r;
  struct map *missing; /* round_key -> object of the goal that is not there */
};

static bool is_missing(const struct creating *w, const struct catalog_object *o)
{
  return map_get(w->missing, round_key(w->r->arena, o)) != NULL;
}

/* Made by the server together with something else that is missing too. */
static bool comes_along(const struct creating *w, const struct catalog_object *o)
{
  if (o->kind == CATALOG_DATABASE || round_is_view_column(o))
    return true;
  if (o->kind == CATALOG_CONSTRAINT && catalog_is(o, "inherited", "t") &&
      catalog_is(o, "type", "c"))
    return true;
  if (o->kind == CATALOG_SEQUENCE && catalog_get(o, "identity"))
    return true;
  if (o->kind != CATALOG_COLUMN)
    return false;
  if (is_missing(w, o->parent))
    return true;
  const struct catalog_object *above = round_parent_column(w->r, w->r->to, o);
  return above && is_missing(w, above);
}

/* Kinds are in the order in which they are made. */
static bool kind_waits_for_data(enum catalog_kind kind)
{
  return kind > CATALOG_COLUMN;
}

enum { DEPTH_MAX = 64 };

/* What needs something that comes only after the data must wait as well. */
static bool waits_for_data(const struct creating *w, const struct catalog_object *o, int depth)
{
  if (kind_waits_for_data(o->kind))
    return true;
  for (size_t i = 0; i < o->depends_on_count && depth < DEPTH_MAX; i++)
    if (o->depends_on[i] != o && is_missing(w, o->depends_on[i]) &&
        waits_for_data(w, o->depends_on[i], depth + 1))
      return true;
  return false;
}

static const char *create_note(struct round *r, const struct catalog_object *o)
{
  const struct catalog *after = r->state && r->state->after ? r->state->after : r->from;
  bool was_there = catalog_find_name(after, o->kind, o->identity) != NULL;
  return round_note(r, o, was_there ? "is made again" : "was dropped");
}

static void emit_create(struct round *r, const struct catalog_object *o, bool waits)
{
  struct catalog_script script = {0};
  if (catalog_create_object(r->arena, r->to, o, &script, r->err) < 0) {
    r->failed = true;
    return;
  }
  const char *note = create_note(r, o);
  for (size_t i = 0; i < script.len; i++, note = NULL) {
    bool after = waits || script.at[i].section == CATALOG_POST_DATA;
    round_emit_script(r, after ? INVERSE_AFTER_DATA : INVERSE_BEFORE_DATA, note, script.at[i].sql);
  }
}

/* A column comes back empty: NOT NULL waits for the data, and an identity lets the data in. */
static void emit_column(struct round *r, const struct catalog_object *column, bool waits)
{
  struct catalog_object copy = *column;
  copy.properties = arena_alloc(r->arena, (column->property_count + 1) * sizeof(*copy.properties));
  for (size_t i = 0; i < column->property_count; i++) {
    copy.properties[i] = column->properties[i];
    struct catalog_property *p = &copy.properties[i];
    if (strcmp(p->name, "not_null") == 0)
      p->value = NULL;
    if (strcmp(p->name, "identity") == 0 && p->value)
      p->value = "d";
  }
  emit_create(r, &copy, waits);
}

void round_creates(struct round *r, enum inverse_phase phase)
{
  struct creating w = {.r = r, .missing = map_new(r->arena)};
  struct catalog_objects wanted = {0}, sorted = {0};
  for (size_t i = 0; i < r->changes.len; i++)
    if (r->changes.at[i].type == CATALOG_DROPPED)
      map_put(w.missing, round_key(r->arena, r->changes.at[i].before),
              (void *)(uintptr_t)r->changes.at[i].before);
  for (size_t i = 0; i < r->changes.len; i++)
    if (r->changes.at[i].type == CATALOG_DROPPED)
      vec_push(r->arena, &wanted, (struct catalog_object *)(uintptr_t)r->changes.at[i].before);
  if (wanted.len == 0)
    return;
  if (catalog_sort(r->arena, wanted.at, wanted.len, &sorted, r->err) < 0) {
    r->failed = true;
    return;
  }
  for (size_t i = 0; i < sorted.len && !r->failed; i++) {
    const struct catalog_object *o = sorted.at[i];
    bool waits = waits_for_data(&w, o, 0);
    if (comes_along(&w, o) || (phase == INVERSE_BEFORE_DATA && waits) || round_refuses_secret(r, o))
      continue;
    if (o->kind == CATALOG_COLUMN)
      emit_column(r, o, waits);
    else
      emit_create(r, o, waits);
  }
}

static bool is_moved_into(const struct round *r, const struct catalog_object *schema)
{
  for (size_t i = 0; i < r->changes.len; i++) {
    const struct catalog_change *c = &r->changes.at[i];
    if (c->type == CATALOG_CHANGED && !c->before->parent &&
        round_text_equal(c->before->schema, schema->name) &&
        !round_text_equal(c->after->schema, schema->name))
      return true;
  }
  return false;
}

void round_create_schemas(struct round *r)
{
  for (size_t i = 0; i < r->changes.len; i++) {
    const struct catalog_object *o = r->changes.at[i].before;
    if (r->changes.at[i].type == CATALOG_DROPPED && o->kind == CATALOG_SCHEMA &&
        !catalog_find_name(r->from, CATALOG_SCHEMA, o->identity) && is_moved_into(r, o))
      emit_create(r, o, false);
  }
}

/* ---- materialized views that gained or lost their rows ---- */

static bool is_populated(const struct catalog_object *matview)
{
  return catalog_get(matview, "populated") != NULL;
}

/* Itself not counted. A view in between may hide it. */
static bool waits_for_rows(const struct round *r, const struct catalog_object *o, int depth)
{
  enum { VIEW_CHAIN_MAX = 100 };
  for (size_t i = 0; i < o->depends_on_count && depth < VIEW_CHAIN_MAX; i++) {
    const struct catalog_object *d = o->depends_on[i];
    if (d->kind == CATALOG_COLUMN)
      d = d->parent;
    if (d->kind != CATALOG_MATVIEW && d->kind != CATALOG_VIEW)
      continue;
    const struct catalog_object *now =
        d->kind == CATALOG_MATVIEW ? catalog_find_name(r->from, d->kind, d->identity) : NULL;
    if ((now && is_populated(d) && !is_populated(now)) || waits_for_rows(r, d, depth + 1))
      return true;
  }
  return false;
}

void round_populate(struct round *r)
{
  for (size_t i = 0; i < r->to->object_count; i++) {
    const struct catalog_object *goal = r->to->objects[i];
    const struct catalog_object *now = goal->kind == CATALOG_MATVIEW
                                           ? catalog_find_name(r->from, goal->kind, goal->identity)
                                           : NULL;
    if (!now || is_populated(goal) == is_populated(now) || waits_for_rows(r, goal, 0))
      continue;
    round_emit(r, INVERSE_AFTER_DATA, round_note(r, goal, "is derived from other rows"),
               "REFRESH MATERIALIZED VIEW %s%s", goal->identity,
               is_populated(goal) ? "" : " WITH NO DATA");
  }
}
