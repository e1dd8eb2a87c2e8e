/* A whole schema as statements. An object is one node or several: what could close a circle (a
 * default that calls a function, OWNED BY) or must wait (REFRESH, row security) is a node of its
 * own. */
#include "catalog/model.h"

enum part {
  PART_MAIN,
  PART_STUB,
  PART_DEFAULT,
  PART_OWNED_BY,
  PART_REST,
  PART_NOT_VALID,
  PART_REFRESH
};
enum {
  RANK_CAST = -2,
  RANK_DOMAIN_CHECK = -1,
  RANK_FOREIGN_KEY = 1,
  RANK_REST = 3,
  RANK_REFRESH = 8
};

struct node {
  const struct catalog_object *object;
  enum part part;
  enum catalog_section section;
  int rank;
  size_t serial; /* order of making: kind, identity */
  bool replace;  /* it has a stub */
};

struct edge {
  size_t from, to;
};

struct ddl {
  struct arena *arena;
  const struct catalog *catalog;
  VEC(struct node) nodes;
  VEC(struct edge) edges;
  struct place {
    const struct catalog_object *object;
    size_t main, extra; /* extra: DEFAULT, OWNED_BY, REST or REFRESH; NONE */
    size_t not_valid;   /* of a column; NONE */
  } * places;           /* sorted by object */
};

static const size_t NONE = SIZE_MAX;

static int compare_place(const void *a, const void *b)
{
  uintptr_t x = (uintptr_t)((const struct place *)a)->object;
  uintptr_t y = (uintptr_t)((const struct place *)b)->object;
  return (x > y) - (x < y);
}

static struct place *place_of(const struct ddl *d, const struct catalog_object *o)
{
  struct place key = {.object = o};
  return bsearch(&key, d->places, d->catalog->object_count, sizeof(key), compare_place);
}

/* The node that makes an object: a column's is its table's. */
static size_t main_of(const struct ddl *d, const struct catalog_object *o)
{
  struct place *p = place_of(d, o->kind == CATALOG_COLUMN && o->parent ? o->parent : o);
  return p ? p->main : NONE;
}

static void need(struct ddl *d, size_t from, size_t to)
{
  if (from != NONE && to != NONE && from != to)
    vec_push(d->arena, &d->edges, ((struct edge){from, to}));
}

static size_t add_node(struct ddl *d, const struct catalog_object *o, enum part part,
                       enum catalog_section section, int rank)
{
  vec_push(
      d->arena, &d->nodes,
      ((struct node){
          .object = o, .part = part, .section = section, .rank = rank, .serial = d->nodes.len}));
  return d->nodes.len - 1;
}

static bool has_rest(const struct catalog_object *table)
{
  return catalog_get(table, "replica_identity") || catalog_get(table, "row_security") ||
         catalog_get(table, "force_row_security") || catalog_get(table, "trigger_states");
}

static size_t add_extra(struct ddl *d, const struct catalog_object *o)
{
  switch (o->kind) {
  case CATALOG_COLUMN:
    if (o->parent && o->parent->kind == CATALOG_TABLE && catalog_default_is_apart(o))
      return add_node(d, o, PART_DEFAULT, CATALOG_PRE_DATA, 0);
    return NONE;
  case CATALOG_SEQUENCE:
    if (catalog_get(o, "owned_by") && !catalog_get(o, "identity"))
      return add_node(d, o, PART_OWNED_BY, CATALOG_PRE_DATA, 0);
    return NONE;
  case CATALOG_TABLE:
    return has_rest(o) ? add_node(d, o, PART_REST, CATALOG_POST_DATA, RANK_REST) : NONE;
  case CATALOG_MATVIEW:
    if (catalog_get(o, "populated"))
      return add_node(d, o, PART_REFRESH, CATALOG_POST_DATA, RANK_REFRESH);
    return NONE;
  default:
    return NONE;
  }
}

/* A cast is made as soon as it can be (catalog.h says why). A domain can get no CHECK any more once
 * a column is of an array or composite of it: as soon as what the CHECK calls is there, before
 * tables. */
static int rank_of(const struct catalog_object *o)
{
  if (o->kind == CATALOG_CAST)
    return RANK_CAST;
  if (o->kind != CATALOG_CONSTRAINT)
    return catalog_ops(o->kind)->rank;
  if (o->parent && o->parent->kind == CATALOG_DOMAIN)
    return RANK_DOMAIN_CHECK;
  return catalog_is(o, "type", "f") ? RANK_FOREIGN_KEY : catalog_ops(o->kind)->rank;
}

static void add_nodes(struct ddl *d)
{
  const struct catalog *c = d->catalog;
  d->places = arena_alloc(d->arena, (c->object_count + 1) * sizeof(*d->places));
  for (size_t i = 0; i < c->object_count; i++) {
    const struct catalog_object *o = c->objects[i];
    struct place *p = &d->places[i];
    p->object = o;
    p->main = o->kind == CATALOG_COLUMN
                  ? NONE
                  : add_node(d, o, PART_MAIN, catalog_section_of(o), rank_of(o));
    p->extra = add_extra(d, o);
    p->not_valid = o->kind == CATALOG_COLUMN && catalog_get(o, "not_null_not_valid")
                       ? add_node(d, o, PART_NOT_VALID, CATALOG_POST_DATA, RANK_REST)
                       : NONE;
  }
  qsort(d->places, c->object_count, sizeof(*d->places), compare_place);
}

/* A NOT NULL that is not validated reaches the children: one that has its own must have it by then,
 * one that has it from there has it only then. */
static void need_not_valid_order(struct ddl *d, const struct catalog_object *column,
                                 const struct catalog_object *table)
{
  struct strings parents = catalog_json_strings(d->arena, catalog_get(table, "inherits"));
  if (catalog_get(table, "partition_of"))
    vec_push(d->arena, &parents, catalog_get(table, "partition_of"));
  size_t node = place_of(d, column)->not_valid;
  for (size_t i = 0; i < parents.len; i++) {
    const struct catalog_object *parent =
        catalog_find_name(d->catalog, CATALOG_TABLE, parents.at[i]);
    const struct catalog_object *above = catalog_find_name(
        d->catalog, CATALOG_COLUMN,
        arena_printf(d->arena, "%s.%s", parents.at[i], sql_ident(d->arena, column->name)));
    if (above && catalog_get(column, "not_null_inherited"))
      need(d, node, place_of(d, above)->not_valid);
    else if (above && !catalog_get(above, "not_null_inherited"))
      need(d, place_of(d, above)->not_valid, node);
    if (parent)
      need_not_valid_order(d, column, parent);
  }
}

static void need_column(struct ddl *d, const struct catalog_object *column)
{
  size_t table = main_of(d, column), apart = place_of(d, column)->extra;
  need(d, apart, table);
  need(d, place_of(d, column)->not_valid, table);
  if (place_of(d, column)->not_valid != NONE)
    need_not_valid_order(d, column, column->parent);
  for (size_t i = 0; i < column->depends_on_count; i++) {
    const struct catalog_object *needed = column->depends_on[i];
    need(d, apart != NONE && needed->kind == CATALOG_FUNCTION ? apart : table, main_of(d, needed));
  }
}

/* A CHECK of a parent reaches the children that exist by then; a child that has its own of that
 * name must have it first, and a partition whose CHECK came from the parent must be attached
 * first. */
static void need_check_order(struct ddl *d, const struct catalog_object *check,
                             const struct catalog_object *table)
{
  struct strings parents = catalog_json_strings(d->arena, catalog_get(table, "inherits"));
  bool partition = catalog_get(table, "partition_of") != NULL;
  if (partition)
    vec_push(d->arena, &parents, catalog_get(table, "partition_of"));
  for (size_t i = 0; i < parents.len; i++) {
    const struct catalog_object *parent =
        catalog_find_name(d->catalog, CATALOG_TABLE, parents.at[i]);
    const struct catalog_object *same = catalog_find_name(
        d->catalog, CATALOG_CONSTRAINT,
        arena_printf(d->arena, "%s.%s", parents.at[i], sql_ident(d->arena, check->name)));
    if (same && catalog_is(same, "type", "c")) {
      if (!catalog_get(check, "inherited"))
        need(d, main_of(d, same), main_of(d, check));
      else
        need(d, main_of(d, check), main_of(d, same));
      if (catalog_get(check, "inherited") && partition)
        need(d, main_of(d, same), main_of(d, check->parent));
    }
    if (parent)
      need_check_order(d, check, parent);
  }
}

/* A materialized view is refreshed after those that it reads, through views and functions, too. */
static void need_refreshes(struct ddl *d, const struct catalog_object *matview)
{
  VEC(const struct catalog_object *) open = {0};
  struct map *seen = map_new(d->arena);
  vec_push(d->arena, &open, matview);
  while (open.len) {
    const struct catalog_object *o = open.at[--open.len];
    for (size_t i = 0; i < o->depends_on_count; i++) {
      struct catalog_object *needed = o->depends_on[i];
      if (needed->kind == CATALOG_COLUMN && needed->parent)
        needed = needed->parent;
      if ((needed->kind != CATALOG_VIEW && needed->kind != CATALOG_MATVIEW &&
           needed->kind != CATALOG_FUNCTION) ||
          map_put(seen, catalog_object_title(d->arena, needed), needed))
        continue;
      if (needed->kind == CATALOG_MATVIEW)
        need(d, place_of(d, matview)->extra, place_of(d, needed)->extra);
      vec_push(d->arena, &open, needed);
    }
  }
}

/* Servers that do not know ONLY there switch the triggers of all partitions below. */
static void need_states_above(struct ddl *d, const struct catalog_object *table)
{
  const char *above = catalog_get(table, "partition_of");
  const struct catalog_object *parent =
      above ? catalog_find_name(d->catalog, CATALOG_TABLE, above) : NULL;
  if (parent)
    need(d, place_of(d, table)->extra, place_of(d, parent)->extra);
}

static void add_edges(struct ddl *d)
{
  const struct catalog *c = d->catalog;
  for (size_t i = 0; i < c->object_count; i++) {
    const struct catalog_object *o = c->objects[i];
    if (o->kind == CATALOG_COLUMN) {
      need_column(d, o);
      continue;
    }
    size_t node = main_of(d, o);
    need(d, place_of(d, o)->extra, node);
    for (size_t k = 0; k < o->depends_on_count; k++)
      need(d, node, main_of(d, o->depends_on[k]));
    if (o->kind == CATALOG_SEQUENCE && catalog_get(o, "owned_by")) {
      const struct catalog_object *column =
          catalog_find_name(c, CATALOG_COLUMN, catalog_get(o, "owned_by"));
      if (column)
        need(d, place_of(d, o)->extra, main_of(d, column));
    }
    if (o->kind == CATALOG_CONSTRAINT && catalog_is(o, "type", "c") && o->parent &&
        o->parent->kind == CATALOG_TABLE)
      need_check_order(d, o, o->parent);
    if (o->kind == CATALOG_MATVIEW)
      need_refreshes(d, o);
    if (o->kind == CATALOG_TABLE)
      need_states_above(d, o);
  }
}

static struct graph *graph_of(const struct ddl *d, const size_t *number)
{
  struct graph *g = graph_new(d->arena, d->nodes.len);
  for (size_t i = 0; i < d->edges.len; i++) {
    struct edge e = d->edges.at[i];
    graph_edge(g, number ? number[e.from] : e.from, number ? number[e.to] : e.to);
  }
  return g;
}

static size_t *circles(const struct ddl *d, size_t **ret_members)
{
  size_t *component = arena_alloc(d->arena, (d->nodes.len + 1) * sizeof(size_t));
  size_t *members = arena_alloc(d->arena, (d->nodes.len + 1) * sizeof(size_t));
  if (!graph_components(graph_of(d, NULL), component))
    return NULL;
  for (size_t i = 0; i < d->nodes.len; i++)
    members[component[i]]++;
  *ret_members = members;
  return component;
}

static bool is_type(const struct catalog_object *o)
{
  return o->kind == CATALOG_ENUM || o->kind == CATALOG_DOMAIN || o->kind == CATALOG_COMPOSITE ||
         o->kind == CATALOG_BASE_TYPE || o->kind == CATALOG_RANGE || o->kind == CATALOG_COLLATION ||
         o->kind == CATALOG_EXTENSION || o->kind == CATALOG_SCHEMA;
}

static bool can_be_stub(const struct catalog_object *o)
{
  return o->kind == CATALOG_VIEW || o->kind == CATALOG_RANGE || o->kind == CATALOG_BASE_TYPE;
}

/* A stub of the object of node i, which then replaces it. */
static size_t add_stub(struct ddl *d, size_t i)
{
  const struct catalog_object *o = d->nodes.at[i].object;
  size_t stub = add_node(d, o, PART_STUB, CATALOG_PRE_DATA, 0);
  d->nodes.at[stub].serial = d->nodes.at[i].serial;
  d->nodes.at[i].replace = true;
  need(d, i, stub);
  for (size_t k = 0; k < o->depends_on_count; k++)
    if (o->kind == CATALOG_VIEW ? is_type(o->depends_on[k])
                                : o->depends_on[k]->kind == CATALOG_SCHEMA)
      need(d, stub, main_of(d, o->depends_on[k]));
  return stub;
}

/* A view or type in a circle is made first as a stub, to which the others of the circle then
 * refer: a type is a shell until its functions exist. */
static void add_stubs(struct ddl *d, const size_t *component, const size_t *members)
{
  size_t count = d->nodes.len, edge_count = d->edges.len;
  for (size_t i = 0; i < count; i++) {
    if (!can_be_stub(d->nodes.at[i].object) || members[component[i]] < 2)
      continue;
    size_t stub = add_stub(d, i);
    for (size_t k = 0; k < edge_count; k++)
      if (d->edges.at[k].to == i && component[d->edges.at[k].from] == component[i])
        d->edges.at[k].to = stub;
  }
}

static int break_circles(struct ddl *d, struct err *err)
{
  size_t *members = NULL, *component = circles(d, &members);
  if (!component)
    return 0;
  add_stubs(d, component, members);
  component = circles(d, &members);
  if (!component)
    return 0;
  CLEANUP(text_clear) struct text names = TEXT_INIT;
  for (size_t i = 0; i < d->nodes.len; i++)
    if (members[component[i]] > 1)
      text_printf(&names, "%s%s", names.len ? ", " : "",
                  catalog_object_title(d->arena, d->nodes.at[i].object));
  return err_set(err, ERR_REFUSED, "objects need each other in a circle: %s", names.data);
}

static bool is_view(const struct catalog_object *o)
{
  return o->kind == CATALOG_VIEW || o->kind == CATALOG_MATVIEW;
}

/* A view that must wait for the data (it needs a primary key) would take along what uses it: a
 * function that takes its rows, the table with a column of its type. They get a stub of it. */
static void add_late_stubs(struct ddl *d)
{
  size_t count = d->nodes.len, edge_count = d->edges.len;
  size_t *order = arena_alloc(d->arena, (count + 1) * sizeof(size_t));
  bool *late = arena_alloc(d->arena, count + 1), *used = arena_alloc(d->arena, count + 1);
  VEC(size_t) *out = arena_alloc(d->arena, (count + 1) * sizeof(*out));
  size_t ordered = graph_order(graph_of(d, NULL), order);
  for (size_t k = 0; k < edge_count; k++)
    vec_push(d->arena, &out[d->edges.at[k].from], d->edges.at[k].to);
  for (size_t i = 0; i < ordered; i++) {
    size_t n = order[i];
    late[n] = d->nodes.at[n].section == CATALOG_POST_DATA;
    for (size_t k = 0; k < out[n].len; k++)
      late[n] = late[n] || late[out[n].at[k]];
  }
  for (size_t k = 0; k < edge_count; k++) {
    const struct node *from = &d->nodes.at[d->edges.at[k].from];
    used[d->edges.at[k].to] |= from->section == CATALOG_PRE_DATA && !is_view(from->object);
  }
  for (size_t i = 0; i < count; i++) {
    const struct node *n = &d->nodes.at[i];
    if (n->object->kind != CATALOG_VIEW || n->part != PART_MAIN || n->replace || !late[i] ||
        !used[i])
      continue;
    size_t stub = add_stub(d, i);
    for (size_t k = 0; k < edge_count; k++) {
      const struct node *from = &d->nodes.at[d->edges.at[k].from];
      if (d->edges.at[k].to == i && from->section == CATALOG_PRE_DATA && !is_view(from->object))
        d->edges.at[k].to = stub;
    }
  }
}

/* What needs something of the post-data section belongs there, too (a view that needs a primary
 * key). */
static int spread_sections(struct ddl *d, struct err *err)
{
  struct graph *g = graph_of(d, NULL);
  size_t count = d->nodes.len;
  size_t *order = arena_alloc(d->arena, (count + 1) * sizeof(size_t));
  graph_order(g, order);
  VEC(size_t) *out = arena_alloc(d->arena, (count + 1) * sizeof(*out));
  for (size_t i = 0; i < d->edges.len; i++)
    vec_push(d->arena, &out[d->edges.at[i].from], d->edges.at[i].to);
  for (size_t i = 0; i < count; i++) {
    struct node *n = &d->nodes.at[order[i]];
    for (size_t k = 0; k < out[order[i]].len; k++) {
      const struct node *needed = &d->nodes.at[out[order[i]].at[k]];
      if (needed->section <= n->section)
        continue;
      n->section = needed->section;
      if (n->object->kind == CATALOG_TABLE || n->object->kind == CATALOG_SEQUENCE)
        return err_set(err, ERR_REFUSED, "%s needs %s, which is made only after the data is in",
                       catalog_object_title(d->arena, n->object),
                       catalog_object_title(d->arena, needed->object));
    }
  }
  return 0;
}

static int compare_node(const void *a, const void *b)
{
  const struct node *x = *(const struct node *const *)a, *y = *(const struct node *const *)b;
  if (x->section != y->section)
    return x->section < y->section ? -1 : 1;
  if (x->rank != y->rank)
    return x->rank < y->rank ? -1 : 1;
  if (x->serial != y->serial)
    return x->serial < y->serial ? -1 : 1;
  if ((x->part == PART_STUB) != (y->part == PART_STUB))
    return x->part == PART_STUB ? -1 : 1;
  return (x > y) - (x < y); /* both are in one array, in the order of making */
}

/* Nodes in the order in which they are written. */
static const struct node **in_order(struct ddl *d)
{
  size_t count = d->nodes.len;
  const struct node **sorted = arena_alloc(d->arena, (count + 1) * sizeof(*sorted));
  const struct node **written = arena_alloc(d->arena, (count + 1) * sizeof(*written));
  size_t *number = arena_alloc(d->arena, (count + 1) * sizeof(size_t));
  size_t *order = arena_alloc(d->arena, (count + 1) * sizeof(size_t));
  for (size_t i = 0; i < count; i++)
    sorted[i] = &d->nodes.at[i];
  qsort(sorted, count, sizeof(*sorted), compare_node);
  for (size_t i = 0; i < count; i++)
    number[sorted[i] - d->nodes.at] = i;
  graph_order(graph_of(d, number), order);
  for (size_t i = 0; i < count; i++)
    written[i] = sorted[order[i]];
  return written;
}

/* What the template of a new database brings and this one does not have. */
static void write_drops(struct catalog_writer *w)
{
  if (!catalog_find_name(w->catalog, CATALOG_SCHEMA, "public"))
    catalog_write_for(w, CATALOG_FOR_DROP, "DROP SCHEMA IF EXISTS public");
  if (catalog_find_name(w->catalog, CATALOG_LANGUAGE, "plpgsql"))
    catalog_write_for(w, CATALOG_FOR_DROP, "DROP EXTENSION IF EXISTS plpgsql");
}

/* The language of DO goes after the last DO: with the properties of the database, whose end a
 * restore brings last. */
static void write_last_drop(struct catalog_writer *w)
{
  if (!w->object || catalog_find_name(w->catalog, CATALOG_EXTENSION, "plpgsql") ||
      catalog_find_name(w->catalog, CATALOG_LANGUAGE, "plpgsql"))
    return;
  w->section = CATALOG_PRE_DATA;
  catalog_write_for(w, CATALOG_FOR_CHANGE, "DROP EXTENSION IF EXISTS plpgsql");
}

static const struct catalog_object *database_of(const struct catalog *c)
{
  for (size_t i = 0; i < c->object_count; i++)
    if (c->objects[i]->kind == CATALOG_DATABASE)
      return c->objects[i];
  return NULL;
}

static int write_node(struct catalog_writer *w, const struct node *n, struct err *err)
{
  w->object = n->object;
  w->section = n->section;
  w->replace = n->replace;
  switch (n->part) {
  case PART_MAIN:
    if (n->object->kind == CATALOG_DATABASE)
      write_drops(w);
    return catalog_write_object(w, n->object, err);
  case PART_STUB:
    if (n->object->kind == CATALOG_VIEW)
      catalog_write_view_stub(w, n->object);
    else
      catalog_writef(w, "CREATE TYPE %s", n->object->identity);
    return 0;
  case PART_DEFAULT:
    catalog_write_default(w, n->object);
    return 0;
  case PART_OWNED_BY:
    catalog_write_owned_by(w, n->object);
    return 0;
  case PART_REST:
    catalog_write_table_rest(w, n->object);
    return 0;
  case PART_NOT_VALID:
    catalog_write_not_valid(w, n->object);
    return 0;
  case PART_REFRESH:
    catalog_write_refresh(w, n->object);
    return 0;
  }
  return 0;
}

int catalog_ddl(struct arena *arena, const struct catalog *c, int sections,
                struct catalog_script *ret, struct err *err)
{
  struct ddl d = {.arena = arena, .catalog = c};
  struct catalog_script all = {0}, script = {0};
  struct catalog_writer w = {.arena = arena, .catalog = c, .script = &all, .whole = true};
  if (!c->object_count) {
    *ret = script;
    return 0;
  }
  add_nodes(&d);
  add_edges(&d);
  if (break_circles(&d, err) < 0)
    return err_wrap(err, "writing the schema");
  add_late_stubs(&d);
  if (spread_sections(&d, err) < 0)
    return err_wrap(err, "writing the schema");
  const struct node **nodes = in_order(&d);
  for (size_t i = 0; i < d.nodes.len; i++)
    if (write_node(&w, nodes[i], err) < 0)
      return err_wrap(err, "writing the schema");
  w.object = database_of(c);
  write_last_drop(&w);
  for (size_t i = 0; i < all.len; i++)
    if (all.at[i].section & (enum catalog_section)sections)
      vec_push(arena, &script, all.at[i]);
  *ret = script;
  return 0;
}
