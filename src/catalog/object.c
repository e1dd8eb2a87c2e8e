/* Looking things up in the model. */
#include "catalog/model.h"

#include <jansson.h>

struct catalog_index {
  struct catalog_object **by_address;
  struct catalog_object *
      *by_parent; /* those that have one: by parent, kind, position or identity */
  size_t child_count;
  size_t first_of_kind[CATALOG_KIND_COUNT + 1]; /* in c->objects */
};

int catalog_address_compare(const struct catalog_address *a, const struct catalog_address *b)
{
  if (a->class_oid != b->class_oid)
    return a->class_oid < b->class_oid ? -1 : 1;
  if (a->oid != b->oid)
    return a->oid < b->oid ? -1 : 1;
  return (a->subid > b->subid) - (a->subid < b->subid);
}

struct catalog_address catalog_address_of(const struct catalog_object *o)
{
  return (struct catalog_address){o->class_oid, o->oid, o->subid};
}

static int compare_name(const void *a, const void *b)
{
  const struct catalog_object *x = *(struct catalog_object *const *)a;
  const struct catalog_object *y = *(struct catalog_object *const *)b;
  if (x->kind != y->kind)
    return x->kind < y->kind ? -1 : 1;
  return strcmp(x->identity, y->identity);
}

static int compare_address(const void *a, const void *b)
{
  struct catalog_address x = catalog_address_of(*(struct catalog_object *const *)a);
  struct catalog_address y = catalog_address_of(*(struct catalog_object *const *)b);
  return catalog_address_compare(&x, &y);
}

static int compare_parent_and_kind(const struct catalog_object *x, const struct catalog_object *y)
{
  if (x->parent != y->parent)
    return (uintptr_t)x->parent < (uintptr_t)y->parent ? -1 : 1;
  return (x->kind > y->kind) - (x->kind < y->kind);
}

static int compare_child(const void *a, const void *b)
{
  const struct catalog_object *x = *(struct catalog_object *const *)a;
  const struct catalog_object *y = *(struct catalog_object *const *)b;
  int order = compare_parent_and_kind(x, y);
  if (order)
    return order;
  if (x->kind == CATALOG_COLUMN)
    return (x->subid > y->subid) - (x->subid < y->subid);
  return strcmp(x->identity, y->identity);
}

static void sort_objects(struct catalog_object **at, size_t count,
                         int (*compare)(const void *, const void *))
{
  if (count)
    qsort(at, count, sizeof(struct catalog_object *), compare);
}

void catalog_build_index(struct arena *arena, struct catalog *c)
{
  struct catalog_index *index = ARENA_NEW(arena, struct catalog_index);
  size_t bytes = (c->object_count + 1) * sizeof(struct catalog_object *);
  sort_objects(c->objects, c->object_count, compare_name);
  index->by_address = arena_alloc(arena, bytes);
  index->by_parent = arena_alloc(arena, bytes);
  for (size_t i = 0; i < c->object_count; i++) {
    index->by_address[i] = c->objects[i];
    if (c->objects[i]->parent)
      index->by_parent[index->child_count++] = c->objects[i];
    for (size_t kind = c->objects[i]->kind + 1; kind <= CATALOG_KIND_COUNT; kind++)
      index->first_of_kind[kind] = i + 1;
  }
  sort_objects(index->by_address, c->object_count, compare_address);
  sort_objects(index->by_parent, index->child_count, compare_child);
  c->index = index;
}

struct catalog_object *catalog_at(const struct catalog *c, struct catalog_address address)
{
  if (!c->index) {
    for (size_t i = 0; i < c->object_count; i++) {
      struct catalog_address found = catalog_address_of(c->objects[i]);
      if (catalog_address_compare(&found, &address) == 0)
        return c->objects[i];
    }
    return NULL;
  }
  size_t low = 0, high = c->object_count;
  while (low < high) {
    size_t mid = low + (high - low) / 2;
    struct catalog_address found = catalog_address_of(c->index->by_address[mid]);
    int order = catalog_address_compare(&found, &address);
    if (order == 0)
      return c->index->by_address[mid];
    if (order < 0)
      low = mid + 1;
    else
      high = mid;
  }
  return NULL;
}

static void kind_range(const struct catalog *c, enum catalog_kind kind, size_t *first, size_t *end)
{
  *first = c->index ? c->index->first_of_kind[kind] : 0;
  *end = c->index ? c->index->first_of_kind[kind + 1] : c->object_count;
}

/* Kinds share no class and OID but tables, columns, views, sequences and indexes, which share
 * pg_class. */
struct catalog_object *catalog_find(const struct catalog *c, enum catalog_kind kind, uint32_t oid,
                                    int32_t subid)
{
  size_t first, end;
  kind_range(c, kind, &first, &end);
  if (first < end && c->objects[first]->kind == kind && c->index) {
    struct catalog_object *o =
        catalog_at(c, (struct catalog_address){c->objects[first]->class_oid, oid, subid});
    return o && o->kind == kind ? o : NULL;
  }
  for (size_t i = first; i < end; i++)
    if (c->objects[i]->kind == kind && c->objects[i]->oid == oid && c->objects[i]->subid == subid)
      return c->objects[i];
  return NULL;
}

struct catalog_object *catalog_find_name(const struct catalog *c, enum catalog_kind kind,
                                         const char *identity)
{
  size_t low, high;
  kind_range(c, kind, &low, &high);
  if (!c->index) {
    for (size_t i = low; i < high; i++)
      if (c->objects[i]->kind == kind && strcmp(c->objects[i]->identity, identity) == 0)
        return c->objects[i];
    return NULL;
  }
  while (low < high) {
    size_t mid = low + (high - low) / 2;
    int order = strcmp(c->objects[mid]->identity, identity);
    if (order == 0)
      return c->objects[mid];
    if (order < 0)
      low = mid + 1;
    else
      high = mid;
  }
  return NULL;
}

struct catalog_objects catalog_children(struct arena *arena, const struct catalog *c,
                                        const struct catalog_object *parent, enum catalog_kind kind)
{
  struct catalog_objects children = {0};
  if (!c->index) {
    for (size_t i = 0; i < c->object_count; i++)
      if (c->objects[i]->parent == parent && c->objects[i]->kind == kind)
        vec_push(arena, &children, c->objects[i]);
    sort_objects(children.at, children.len, compare_child);
    return children;
  }
  union {
    const struct catalog_object *in;
    struct catalog_object *out;
  } wanted = {.in = parent};
  struct catalog_object key = {.kind = kind, .parent = wanted.out};
  size_t low = 0, high = c->index->child_count;
  while (low < high) {
    size_t mid = low + (high - low) / 2;
    if (compare_parent_and_kind(c->index->by_parent[mid], &key) < 0)
      low = mid + 1;
    else
      high = mid;
  }
  for (size_t i = low;
       i < c->index->child_count && compare_parent_and_kind(c->index->by_parent[i], &key) == 0; i++)
    vec_push(arena, &children, c->index->by_parent[i]);
  return children;
}

const char *catalog_get(const struct catalog_object *o, const char *property)
{
  size_t low = 0, high = o->property_count;
  while (low < high) {
    size_t mid = low + (high - low) / 2;
    int order = strcmp(o->properties[mid].name, property);
    if (order == 0)
      return o->properties[mid].value;
    if (order < 0)
      low = mid + 1;
    else
      high = mid;
  }
  return NULL;
}

bool catalog_is(const struct catalog_object *o, const char *property, const char *value)
{
  const char *found = catalog_get(o, property);
  return found && strcmp(found, value) == 0;
}

void catalog_set(struct arena *arena, struct catalog_object *o, const char *property,
                 const char *value)
{
  size_t at = 0;
  while (at < o->property_count && strcmp(o->properties[at].name, property) < 0)
    at++;
  if (at == o->property_count || strcmp(o->properties[at].name, property) != 0) {
    struct catalog_property *grown =
        arena_alloc(arena, (o->property_count + 1) * sizeof(struct catalog_property));
    for (size_t i = 0; i < o->property_count; i++)
      grown[i < at ? i : i + 1] = o->properties[i];
    grown[at].name = arena_strdup(arena, property);
    o->properties = grown;
    o->property_count++;
  }
  o->properties[at].value = arena_strdup(arena, value);
}

bool catalog_is_state(const char *property)
{
  static const char *const state[] = {"populated", "running", "slot_name", "synchronous_commit"};
  static const char written[] = "_written";
  size_t len = strlen(property), end = sizeof(written) - 1;
  for (size_t i = 0; i < COUNT_OF(state); i++)
    if (strcmp(property, state[i]) == 0)
      return true;
  return len > end && strcmp(property + len - end, written) == 0;
}

bool catalog_is_secret(const char *property)
{
  return strcmp(property, "conninfo") == 0 || strcmp(property, "secret_options") == 0;
}

const char *catalog_get_written(struct arena *arena, const struct catalog_object *o,
                                const char *property)
{
  const char *written = catalog_get(o, arena_printf(arena, "%s_written", property));
  return written && *written ? written : catalog_get(o, property);
}

struct strings catalog_json_strings(struct arena *arena, const char *json)
{
  struct strings strings = {0};
  json_t *array = json ? json_loads(json, 0, NULL) : NULL;
  size_t i;
  json_t *item;
  json_array_foreach(array, i, item) if (json_is_string(item))
      vec_push(arena, &strings, arena_strdup(arena, json_string_value(item)));
  json_decref(array);
  return strings;
}

char *catalog_object_title(struct arena *arena, const struct catalog_object *o)
{
  return arena_printf(arena, "%s %s", catalog_kind_name(o->kind), o->identity);
}

static bool all_not_null(const struct catalog_objects *columns, const struct strings *names)
{
  for (size_t i = 0; i < names->len; i++) {
    bool found = false;
    for (size_t k = 0; k < columns->len && !found; k++)
      found = strcmp(columns->at[k]->name, names->at[i]) == 0 &&
              catalog_is(columns->at[k], "not_null", "t");
    if (!found)
      return false;
  }
  return names->len > 0;
}

struct strings catalog_row_key(struct arena *arena, const struct catalog *c,
                               const struct catalog_object *table)
{
  static const enum catalog_kind kinds[] = {CATALOG_CONSTRAINT, CATALOG_INDEX};
  struct catalog_objects columns = catalog_children(arena, c, table, CATALOG_COLUMN);
  struct strings key = {0};
  for (size_t k = 0; k < COUNT_OF(kinds); k++) {
    struct catalog_objects children = catalog_children(arena, c, table, kinds[k]);
    for (size_t i = 0; i < children.len; i++) {
      struct strings names = catalog_json_strings(arena, children.at[i]->row_key);
      if (catalog_is(children.at[i], "type", "p") && names.len)
        return names;
      if (!key.len && all_not_null(&columns, &names))
        key = names;
    }
  }
  return key;
}
