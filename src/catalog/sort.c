#include "catalog/model.h"

/* Where each object of a set is: pointers sorted by value. */
struct place {
  const struct catalog_object *object;
  size_t node;
};

struct sorter {
  struct arena *arena;
  struct catalog_object *const *objects;
  size_t count;
  size_t *by_kind;      /* node -> input position: kind order, else as given */
  struct place *places; /* sorted by object */
};

static int compare_place(const void *a, const void *b)
{
  uintptr_t x = (uintptr_t)((const struct place *)a)->object;
  uintptr_t y = (uintptr_t)((const struct place *)b)->object;
  return (x > y) - (x < y);
}

static const struct place *find(const struct sorter *s, const struct catalog_object *o)
{
  struct place key = {.object = o};
  return o ? bsearch(&key, s->places, s->count, sizeof(key), compare_place) : NULL;
}

/* A column that is made with its table has the table's place. */
static const struct place *find_folded(const struct sorter *s, const struct catalog_object *o)
{
  const struct place *table = o->kind == CATALOG_COLUMN ? find(s, o->parent) : NULL;
  return table ? table : find(s, o);
}

static void number_by_kind(struct sorter *s)
{
  size_t node = 0;
  s->by_kind = arena_alloc(s->arena, (s->count + 1) * sizeof(size_t));
  s->places = arena_alloc(s->arena, (s->count + 1) * sizeof(struct place));
  for (int kind = 0; kind < CATALOG_KIND_COUNT; kind++)
    for (size_t i = 0; i < s->count; i++)
      if ((int)s->objects[i]->kind == kind) {
        s->by_kind[node] = i;
        s->places[node] = (struct place){s->objects[i], node};
        node++;
      }
  qsort(s->places, s->count, sizeof(struct place), compare_place);
}

static void add_edges(const struct sorter *s, struct graph *g)
{
  for (size_t i = 0; i < s->count; i++) {
    const struct catalog_object *o = s->objects[i];
    const struct place *from = find_folded(s, o);
    if (from->object != o) /* the column after its table */
      graph_edge(g, find(s, o)->node, from->node);
    for (size_t k = 0; k < o->depends_on_count; k++) {
      const struct place *to = find_folded(s, o->depends_on[k]);
      if (to)
        graph_edge(g, from->node, to->node);
    }
  }
}

static int refuse_cycle(const struct sorter *s, const struct graph *g, struct err *err)
{
  size_t *component = arena_alloc(s->arena, (s->count + 1) * sizeof(size_t));
  size_t *members = arena_alloc(s->arena, (s->count + 1) * sizeof(size_t));
  graph_components(g, component);
  for (size_t i = 0; i < s->count; i++)
    members[component[i]]++;
  CLEANUP(text_clear) struct text names = TEXT_INIT;
  for (size_t i = 0; i < s->count; i++)
    if (members[component[i]] > 1)
      text_printf(&names, "%s%s", names.len ? ", " : "",
                  catalog_object_title(s->arena, s->objects[s->by_kind[i]]));
  return err_set(err, ERR_REFUSED, "objects need each other in a circle: %s", names.data);
}

int catalog_sort(struct arena *arena, struct catalog_object *const *objects, size_t count,
                 struct catalog_objects *ret, struct err *err)
{
  struct sorter s = {.arena = arena, .objects = objects, .count = count};
  struct catalog_objects sorted = {0};
  if (count) {
    number_by_kind(&s);
    struct graph *g = graph_new(arena, count);
    add_edges(&s, g);
    size_t *order = arena_alloc(arena, count * sizeof(size_t));
    if (graph_order(g, order) < count)
      return refuse_cycle(&s, g, err);
    for (size_t i = 0; i < count; i++)
      vec_push(arena, &sorted, objects[s.by_kind[order[i]]]);
  }
  *ret = sorted;
  return 0;
}
