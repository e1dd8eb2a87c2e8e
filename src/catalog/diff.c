/* Two states of one database, by address. */
#include "catalog/model.h"

static bool is_compared(const char *property)
{
  return strcmp(property, "position") != 0 && !catalog_is_state(property);
}

static bool same(const char *a, const char *b)
{
  return a == b || (a && b && strcmp(a, b) == 0);
}

/* The server names a NOT NULL constraint that was given no name (from 18 on): such a name comes and
 * goes with the constraint. */
static bool comes_with_not_null(struct arena *arena, const struct catalog_object *with,
                                const struct catalog_object *without, const char *property)
{
  return strcmp(property, "not_null_name") == 0 && !catalog_get(without, property) &&
         with->parent &&
         catalog_is(with, property,
                    arena_printf(arena, "%s_%s_not_null", with->parent->name, with->name));
}

/* Both are sorted by name, so the union is a merge. */
static struct strings differing(struct arena *arena, const struct catalog_object *a,
                                const struct catalog_object *b)
{
  struct strings names = {0};
  for (size_t i = 0, k = 0; i < a->property_count || k < b->property_count;) {
    const struct catalog_property *x = i < a->property_count ? &a->properties[i] : NULL;
    const struct catalog_property *y = k < b->property_count ? &b->properties[k] : NULL;
    int order = !x ? 1 : !y ? -1 : strcmp(x->name, y->name);
    const char *name = order <= 0 ? x->name : y->name;
    const char *value_x = order <= 0 ? x->value : NULL, *value_y = order >= 0 ? y->value : NULL;
    i += order <= 0;
    k += order >= 0;
    if (is_compared(name) && !same(value_x, value_y) && !comes_with_not_null(arena, a, b, name) &&
        !comes_with_not_null(arena, b, a, name))
      vec_push(arena, &names, name);
  }
  return names;
}

static bool same_parent(const struct catalog_object *a, const struct catalog_object *b)
{
  if (!a || !b)
    return a == b;
  struct catalog_address x = catalog_address_of(a), y = catalog_address_of(b);
  return catalog_address_compare(&x, &y) == 0;
}

/* Others are where their table is. */
static bool has_own_schema(const struct catalog_object *o)
{
  return !o->parent || o->kind == CATALOG_STATISTICS;
}

static bool has_data(enum catalog_kind kind)
{
  return kind == CATALOG_TABLE || kind == CATALOG_COLUMN || kind == CATALOG_SEQUENCE ||
         kind == CATALOG_MATVIEW;
}

struct matching {
  struct arena *arena;
  const struct catalog *before, *after;
  struct catalog_changes *changes;
};

static void add(const struct matching *m, enum catalog_change_type type,
                const struct catalog_object *before, const struct catalog_object *after,
                struct strings properties)
{
  vec_push(m->arena, m->changes,
           ((struct catalog_change){
               .type = type, .before = before, .after = after, .properties = properties}));
}

/* The same address in the other state. */
static const struct catalog_object *by_address(const struct catalog *c,
                                               const struct catalog_object *o)
{
  const struct catalog_object *found = catalog_at(c, catalog_address_of(o));
  return found && found->kind == o->kind ? found : NULL;
}

/* For an object whose address is gone: one of the same name whose address is new; NULL if they
 * are not to be matched. */
static const struct catalog_object *by_name(const struct matching *m, const struct catalog *from,
                                            const struct catalog *to,
                                            const struct catalog_object *o)
{
  const struct catalog_object *found = catalog_find_name(to, o->kind, o->identity);
  if (!found || by_address(from, found))
    return NULL;
  return has_data(o->kind) && differing(m->arena, o, found).len ? NULL : found;
}

static void match_before(const struct matching *m, const struct catalog_object *o)
{
  const struct catalog_object *found = by_address(m->after, o);
  if (found) {
    struct strings names = differing(m->arena, o, found);
    if (!same(o->name, found->name))
      vec_push(m->arena, &names, "name");
    if (has_own_schema(o) && !same(o->schema, found->schema))
      vec_push(m->arena, &names, "schema");
    if (!same_parent(o->parent, found->parent))
      vec_push(m->arena, &names, "parent");
    if (names.len)
      add(m, CATALOG_CHANGED, o, found, names);
    return;
  }
  found = by_name(m, m->before, m->after, o);
  struct strings names = {0};
  if (found)
    names = differing(m->arena, o, found);
  else
    add(m, CATALOG_DROPPED, o, NULL, names);
  if (found && names.len)
    add(m, CATALOG_CHANGED, o, found, names);
}

void catalog_diff(struct arena *arena, const struct catalog *before, const struct catalog *after,
                  struct catalog_changes *ret_changes)
{
  struct catalog_changes changes = {0};
  struct matching m = {arena, before, after, &changes};
  for (size_t i = 0; i < before->object_count; i++)
    match_before(&m, before->objects[i]);
  for (size_t i = 0; i < after->object_count; i++) {
    const struct catalog_object *o = after->objects[i];
    if (!by_address(before, o) && !by_name(&m, after, before, o))
      add(&m, CATALOG_CREATED, NULL, o, (struct strings){0});
  }
  *ret_changes = changes;
}
