/* Ordering by need: Kahn's algorithm with the smallest ready node first, and Tarjan's
 * components, both without recursion. */
#include "catalog/model.h"

struct graph_arc {
  size_t from, to;
};

struct graph {
  struct arena *arena;
  size_t nodes;
  VEC(struct graph_arc) arcs;
};

/* Neighbours of each node in one array: those of i are at[first[i]] to at[first[i + 1] - 1]. */
struct neighbours {
  size_t *first, *at;
};

struct graph *graph_new(struct arena *arena, size_t nodes)
{
  struct graph *g = ARENA_NEW(arena, struct graph);
  g->arena = arena;
  g->nodes = nodes;
  return g;
}

void graph_edge(struct graph *g, size_t from, size_t to)
{
  if (from != to)
    vec_push(g->arena, &g->arcs, ((struct graph_arc){from, to}));
}

static struct neighbours neighbours(const struct graph *g, bool backwards)
{
  struct neighbours n = {arena_alloc(g->arena, (g->nodes + 2) * sizeof(size_t)),
                         arena_alloc(g->arena, (g->arcs.len + 1) * sizeof(size_t))};
  for (size_t i = 0; i < g->arcs.len; i++)
    n.first[(backwards ? g->arcs.at[i].to : g->arcs.at[i].from) + 2]++;
  for (size_t i = 2; i < g->nodes + 2; i++)
    n.first[i] += n.first[i - 1];
  for (size_t i = 0; i < g->arcs.len; i++) {
    struct graph_arc a = g->arcs.at[i];
    n.at[n.first[(backwards ? a.to : a.from) + 1]++] = backwards ? a.from : a.to;
  }
  return n;
}

/* A binary heap of node numbers, smallest on top. */
struct heap {
  size_t *at, len;
};

static void heap_push(struct heap *h, size_t value)
{
  size_t i = h->len++;
  for (; i && h->at[(i - 1) / 2] > value; i = (i - 1) / 2)
    h->at[i] = h->at[(i - 1) / 2];
  h->at[i] = value;
}

static size_t heap_pop(struct heap *h)
{
  size_t top = h->at[0], value = h->at[--h->len], i = 0;
  for (size_t child; (child = 2 * i + 1) < h->len; i = child) {
    if (child + 1 < h->len && h->at[child + 1] < h->at[child])
      child++;
    if (h->at[child] >= value)
      break;
    h->at[i] = h->at[child];
  }
  h->at[i] = value;
  return top;
}

size_t graph_order(const struct graph *g, size_t *ret_order)
{
  struct neighbours needed_by = neighbours(g, true);
  size_t *needs = arena_alloc(g->arena, (g->nodes + 1) * sizeof(size_t));
  struct heap ready = {arena_alloc(g->arena, (g->nodes + 1) * sizeof(size_t)), 0};
  for (size_t i = 0; i < g->arcs.len; i++)
    needs[g->arcs.at[i].from]++;
  for (size_t i = 0; i < g->nodes; i++)
    if (!needs[i])
      heap_push(&ready, i);
  size_t done = 0;
  while (ready.len) {
    size_t node = heap_pop(&ready);
    ret_order[done++] = node;
    for (size_t i = needed_by.first[node]; i < needed_by.first[node + 1]; i++)
      if (--needs[needed_by.at[i]] == 0)
        heap_push(&ready, needed_by.at[i]);
  }
  return done;
}

struct tarjan {
  struct neighbours out;
  size_t *number, *low, *next; /* number 0 = not seen; next: the arc to look at */
  size_t *stack, stack_len;
  size_t *path, path_len;
  size_t seen, components;
  bool *on_stack, cyclic;
};

static void enter(struct tarjan *t, size_t node)
{
  t->number[node] = t->low[node] = ++t->seen;
  t->next[node] = t->out.first[node];
  t->stack[t->stack_len++] = node;
  t->on_stack[node] = true;
  t->path[t->path_len++] = node;
}

static void leave(struct tarjan *t, size_t node, size_t *component)
{
  t->path_len--;
  if (t->path_len) {
    size_t above = t->path[t->path_len - 1];
    if (t->low[node] < t->low[above])
      t->low[above] = t->low[node];
  }
  if (t->low[node] != t->number[node])
    return;
  size_t members = 0, member;
  do {
    member = t->stack[--t->stack_len];
    t->on_stack[member] = false;
    component[member] = t->components;
    members++;
  } while (member != node);
  t->components++;
  t->cyclic = t->cyclic || members > 1;
}

static void visit(struct tarjan *t, size_t root, size_t *component)
{
  enter(t, root);
  while (t->path_len) {
    size_t node = t->path[t->path_len - 1];
    if (t->next[node] == t->out.first[node + 1]) {
      leave(t, node, component);
      continue;
    }
    size_t to = t->out.at[t->next[node]++];
    if (!t->number[to])
      enter(t, to);
    else if (t->on_stack[to] && t->number[to] < t->low[node])
      t->low[node] = t->number[to];
  }
}

bool graph_components(const struct graph *g, size_t *ret_component)
{
  size_t bytes = (g->nodes + 1) * sizeof(size_t);
  struct tarjan t = {.out = neighbours(g, false),
                     .number = arena_alloc(g->arena, bytes),
                     .low = arena_alloc(g->arena, bytes),
                     .next = arena_alloc(g->arena, bytes),
                     .stack = arena_alloc(g->arena, bytes),
                     .path = arena_alloc(g->arena, bytes),
                     .on_stack = arena_alloc(g->arena, g->nodes + 1)};
  for (size_t i = 0; i < g->nodes; i++)
    if (!t.number[i])
      visit(&t, i, ret_component);
  return t.cyclic;
}
