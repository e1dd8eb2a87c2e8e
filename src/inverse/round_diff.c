#include "inverse/round.h"

#include <jansson.h>

bool round_text_equal(const char *a, const char *b)
{
  return a == b || (a && b && strcmp(a, b) == 0);
}

bool round_is_view(const struct catalog_object *object)
{
  return object->kind == CATALOG_VIEW || object->kind == CATALOG_MATVIEW;
}

bool round_is_view_column(const struct catalog_object *object)
{
  return object->kind == CATALOG_COLUMN && object->parent && round_is_view(object->parent);
}

bool round_changed(const struct catalog_change *change, const char *property)
{
  for (size_t i = 0; i < change->properties.len; i++)
    if (strcmp(change->properties.at[i], property) == 0)
      return true;
  return false;
}

bool round_only_changed(const struct catalog_change *change, const char *const *properties)
{
  for (size_t i = 0; i < change->properties.len; i++) {
    bool known = false;
    for (size_t k = 0; properties[k] && !known; k++)
      known = strcmp(change->properties.at[i], properties[k]) == 0;
    if (!known)
      return false;
  }
  return true;
}

const struct catalog_change *round_change_of(const struct round *r,
                                             const struct catalog_object *current)
{
  for (size_t i = 0; i < r->changes.len; i++)
    if (r->changes.at[i].after == current)
      return &r->changes.at[i];
  return NULL;
}

struct strings round_json_strings(struct arena *arena, const char *json)
{
  struct strings list = {0};
  json_t *root = json ? json_loads(json, 0, NULL) : NULL;
  size_t i;
  json_t *item;
  json_array_foreach(root, i, item) if (json_is_string(item))
      vec_push(arena, &list, arena_strdup(arena, json_string_value(item)));
  json_decref(root);
  return list;
}

static const struct catalog_object *column_of(const struct round *r, const struct catalog *c,
                                              const char *table, const char *name)
{
  const struct catalog_object *t = catalog_find_name(c, CATALOG_TABLE, table);
  if (!t)
    return NULL;
  struct catalog_objects columns = catalog_children(r->arena, c, t, CATALOG_COLUMN);
  for (size_t i = 0; i < columns.len; i++)
    if (strcmp(columns.at[i]->name, name) == 0)
      return columns.at[i];
  return NULL;
}

const struct catalog_object *round_parent_column(const struct round *r, const struct catalog *c,
                                                 const struct catalog_object *column)
{
  if (!catalog_is(column, "inherited", "t") || !column->parent)
    return NULL;
  const char *root = catalog_get(column->parent, "partition_of");
  if (root)
    return column_of(r, c, root, column->name);
  struct strings parents = round_json_strings(r->arena, catalog_get(column->parent, "inherits"));
  for (size_t i = 0; i < parents.len; i++) {
    const struct catalog_object *found = column_of(r, c, parents.at[i], column->name);
    if (found)
      return found;
  }
  return NULL;
}

static bool made_by_rounds(const struct round *r, const struct catalog_object *o)
{
  return r->state && r->state->after && !catalog_find(r->state->after, o->kind, o->oid, o->subid);
}

static void add_property(struct round *r, struct strings *list, const char *name)
{
  for (size_t i = 0; i < list->len; i++)
    if (strcmp(list->at[i], name) == 0)
      return;
  vec_push(r->arena, list, name);
}

static struct strings differing(struct round *r, const struct catalog_object *a,
                                const struct catalog_object *b)
{
  struct strings list = {0};
  for (size_t i = 0; i < a->property_count; i++)
    if (!round_text_equal(a->properties[i].value, catalog_get(b, a->properties[i].name)))
      add_property(r, &list, a->properties[i].name);
  for (size_t i = 0; i < b->property_count; i++)
    if (!round_text_equal(b->properties[i].value, catalog_get(a, b->properties[i].name)))
      add_property(r, &list, b->properties[i].name);
  return list;
}

/* The name by which an object of the goal is found again. An index that the server made on a
 * partition is the one with the same parent, whatever its name. */
static const char *pair_key(const struct round *r, const struct catalog_object *o, bool by_parent)
{
  const char *whole = by_parent ? catalog_get(o, "partition_parent") : NULL;
  return whole ? arena_printf(r->arena, "%d %s of %s", (int)o->kind, o->parent->identity, whole)
               : round_key(r->arena, o);
}

/* Objects made by earlier rounds, and columns of views, are the goal's by name; the model matches
 * by address only where there is data. */
static struct map *missing_by_name(struct round *r, const struct catalog_changes *raw)
{
  struct map *missing = map_new(r->arena);
  for (size_t i = 0; i < raw->len; i++) {
    if (raw->at[i].type != CATALOG_DROPPED)
      continue;
    map_put(missing, pair_key(r, raw->at[i].before, true), &raw->at[i]);
    map_put(missing, pair_key(r, raw->at[i].before, false), &raw->at[i]);
  }
  return missing;
}

static const struct catalog_change *twin_of(struct round *r, const struct map *missing,
                                            const struct catalog_change *change)
{
  if (change->type != CATALOG_CREATED ||
      !(made_by_rounds(r, change->after) || round_is_view_column(change->after)))
    return NULL;
  const struct catalog_change *twin = map_get(missing, pair_key(r, change->after, false));
  return twin ? twin : map_get(missing, pair_key(r, change->after, true));
}

static void pair_by_name(struct round *r, const struct catalog_changes *raw)
{
  struct map *missing = missing_by_name(r, raw), *paired = map_new(r->arena);
  for (size_t i = 0; i < raw->len; i++) {
    struct catalog_change change = raw->at[i];
    const struct catalog_change *twin = twin_of(r, missing, &change);
    if (twin && !map_get(paired, round_key(r->arena, twin->before))) {
      map_put(paired, round_key(r->arena, twin->before), &raw->at[i]);
      change = (struct catalog_change){CATALOG_CHANGED, twin->before, change.after, {0}};
      change.properties = differing(r, twin->before, change.after);
      if (change.properties.len == 0 && strcmp(change.before->name, change.after->name) == 0)
        continue;
    }
    if (change.type != CATALOG_DROPPED)
      vec_push(r->arena, &r->changes, change);
  }
  for (size_t i = 0; i < raw->len; i++)
    if (raw->at[i].type == CATALOG_DROPPED &&
        !map_get(paired, round_key(r->arena, raw->at[i].before)))
      vec_push(r->arena, &r->changes, raw->at[i]);
}

/* A table that the migration dropped and made again is another table, with other rows, even if it
 * looks the same. */
static void tell_tables_apart(struct round *r, struct catalog_changes *raw)
{
  size_t known = raw->len;
  for (size_t i = 0; i < r->from->object_count; i++) {
    const struct catalog_object *o = r->from->objects[i];
    const struct catalog_object *twin =
        o->kind == CATALOG_TABLE ? catalog_find_name(r->to, o->kind, o->identity) : NULL;
    if (!twin || catalog_find(r->to, o->kind, o->oid, 0) || made_by_rounds(r, o) ||
        catalog_find(r->from, twin->kind, twin->oid, 0))
      continue;
    bool seen = false;
    for (size_t k = 0; k < known && !seen; k++)
      seen = raw->at[k].after == o;
    if (seen)
      continue;
    vec_push(r->arena, raw, ((struct catalog_change){.type = CATALOG_CREATED, .after = o}));
    vec_push(r->arena, raw, ((struct catalog_change){.type = CATALOG_DROPPED, .before = twin}));
  }
}

void round_diff(struct round *r)
{
  struct catalog_changes raw = {0};
  catalog_diff(r->arena, r->to, r->from, &raw);
  tell_tables_apart(r, &raw);
  pair_by_name(r, &raw);
}
