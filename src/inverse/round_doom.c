#include "inverse/round.h"

/* ---- who depends on whom ---- */

static int compare_nodes(const void *a, const void *b)
{
  const struct round_node *x = a, *y = b;
  return (x->object > y->object) - (x->object < y->object);
}

static int compare_edges(const void *a, const void *b)
{
  const struct round_edge *x = a, *y = b;
  return (x->needed > y->needed) - (x->needed < y->needed);
}

struct round_node *round_node_of(const struct round *r, const struct catalog_object *object)
{
  struct round_node key = {.object = object};
  return bsearch(&key, r->nodes, r->from->object_count, sizeof(*r->nodes), compare_nodes);
}

void round_dependents(const struct round *r, const struct catalog_object *object, size_t *ret_first,
                      size_t *ret_last)
{
  size_t low = 0, high = r->edge_count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (r->edges[middle].needed < object)
      low = middle + 1;
    else
      high = middle;
  }
  *ret_first = low;
  while (low < r->edge_count && r->edges[low].needed == object)
    low++;
  *ret_last = low;
}

static void build_graph(struct round *r)
{
  size_t n = r->from->object_count, edges = 0;
  r->nodes = arena_alloc(r->arena, (n + 1) * sizeof(*r->nodes));
  for (size_t i = 0; i < n; i++) {
    r->nodes[i].object = r->from->objects[i];
    edges += r->from->objects[i]->depends_on_count + 1;
  }
  qsort(r->nodes, n, sizeof(*r->nodes), compare_nodes);
  r->edges = arena_alloc(r->arena, (edges + 1) * sizeof(*r->edges));
  for (size_t i = 0; i < n; i++) {
    const struct catalog_object *o = r->from->objects[i];
    bool parent_seen = false;
    for (size_t k = 0; k < o->depends_on_count; k++) {
      r->edges[r->edge_count++] = (struct round_edge){o->depends_on[k], o};
      parent_seen = parent_seen || o->depends_on[k] == o->parent;
    }
    if (o->parent && !parent_seen)
      r->edges[r->edge_count++] = (struct round_edge){o->parent, o};
  }
  qsort(r->edges, r->edge_count, sizeof(*r->edges), compare_edges);
}

/* ---- what cannot be altered in place ---- */

bool round_type_changes(const struct catalog_change *c)
{
  return c->after->kind == CATALOG_COLUMN && !round_is_view_column(c->after) &&
         (round_changed(c, "type") || round_changed(c, "collation"));
}

/* The column must be dropped and added: an expression cannot be set or taken away in place on all
 * majors. */
static bool generated_changes(const struct catalog_change *c)
{
  const char *now = catalog_get(c->after, "generated"), *goal = catalog_get(c->before, "generated");
  if (round_is_view_column(c->after) || (!now && !goal))
    return false;
  if (!round_text_equal(now, goal))
    return goal != NULL || !now || strcmp(now, "s") != 0; /* s -> none is DROP EXPRESSION */
  return round_changed(c, "default");
}

static bool was_not_valid(const struct catalog_change *c)
{
  static const char suffix[] = " NOT VALID";
  const char *now = catalog_get(c->after, "definition"),
             *goal = catalog_get(c->before, "definition");
  size_t len = goal ? strlen(goal) : 0;
  return now && goal && strncmp(now, goal, len) == 0 && strcmp(now + len, suffix) == 0;
}

bool round_enum_renamed(struct round *r, const struct catalog_change *c)
{
  struct strings now = round_json_strings(r->arena, catalog_get(c->after, "labels"));
  struct strings goal = round_json_strings(r->arena, catalog_get(c->before, "labels"));
  return c->after->oid == c->before->oid && now.len == goal.len;
}

bool round_must_rebuild(struct round *r, const struct catalog_change *c)
{
  if (c->type != CATALOG_CHANGED)
    return false;
  if (c->after->kind == CATALOG_ENUM)
    return round_changed(c, "labels") && !round_enum_renamed(r, c);
  return c->after->kind == CATALOG_DOMAIN &&
         (round_changed(c, "type") || round_changed(c, "collation"));
}

/* An index that is invalid now. That of a partitioned table becomes valid when those of all
 * partitions are attached. */
static bool must_be_valid(const struct catalog_change *c)
{
  const char *property = c->after->kind == CATALOG_INDEX ? "valid" : "index_valid";
  return catalog_is(c->after, property, "f") && c->after->parent &&
         !catalog_get(c->after->parent, "partition_key");
}

/* "... WITH (fillfactor='70') ..." without that part, which goes to *ret_options (else NULL). */
static char *without_options(struct arena *arena, const char *text, const char **ret_options)
{
  static const char with[] = "WITH (";
  int depth = 0;
  *ret_options = NULL;
  for (const char *p = text; p && *p; p++) {
    if (*p == '\'' || *p == '"') {
      const char *end = strchr(p + 1, *p);
      p = end ? end : p + strlen(p) - 1;
    } else if (depth == 0 && strncmp(p, with, sizeof(with) - 1) == 0) {
      const char *first = p + sizeof(with) - 1, *end = first;
      for (bool quoted = false; *end && (quoted || *end != ')'); end++)
        quoted = quoted != (*end == '\'');
      *ret_options = arena_strndup(arena, first, (size_t)(end - first));
      int head = (int)(p - text) - (p > text && p[-1] == ' ');
      return arena_printf(arena, "%.*s%s", head, text, *end ? end + 1 : end);
    } else {
      depth += (*p == '(') - (*p == ')');
    }
  }
  return arena_strdup(arena, text ? text : "");
}

bool round_index_options(const struct round *r, const struct catalog_change *c,
                         const char **ret_now, const char **ret_goal)
{
  const char *property = c->after->kind == CATALOG_INDEX ? "definition" : "index_options";
  if (!round_changed(c, property) || !c->after->parent ||
      catalog_get(c->after->parent, "partition_key") || catalog_is(c->after, "type", "x"))
    return false;
  const char *now = without_options(r->arena, catalog_get(c->after, property), ret_now);
  const char *goal = without_options(r->arena, catalog_get(c->before, property), ret_goal);
  return strcmp(now + strspn(now, " "), goal + strspn(goal, " ")) == 0;
}

/* The definition, by more than storage options. */
static bool index_differs(const struct round *r, const struct catalog_change *c,
                          const char *property)
{
  const char *now, *goal;
  return round_changed(c, property) && !round_index_options(r, c, &now, &goal);
}

bool round_must_replace(const struct round *r, const struct catalog_change *c)
{
  if (c->type != CATALOG_CHANGED)
    return false;
  if (r->state && r->state->replace && map_get(r->state->replace, round_key(r->arena, c->after)))
    return true;
  switch (c->after->kind) {
  case CATALOG_COLUMN:
    return generated_changes(c);
  case CATALOG_CONSTRAINT:
    return (round_changed(c, "definition") && !was_not_valid(c)) || round_changed(c, "type") ||
           index_differs(r, c, "index_options") ||
           (round_changed(c, "index_valid") && must_be_valid(c));
  case CATALOG_INDEX:
    return index_differs(r, c, "definition") || (round_changed(c, "valid") && must_be_valid(c));
  case CATALOG_FOREIGN_SERVER: /* neither can be altered */
    return round_changed(c, "type") || round_changed(c, "wrapper") ||
           (round_changed(c, "version") && !catalog_get(c->before, "version"));
  case CATALOG_FUNCTION:
    return round_changed(c, "result") || round_changed(c, "arguments") ||
           round_changed(c, "routine");
  case CATALOG_VIEW:
    return false; /* CREATE OR REPLACE first */
  default:
    return round_changed(c, "definition") || round_changed(c, "members");
  }
}

/* ---- what must go ---- */

bool round_can_be_made_again(const struct catalog_object *o)
{
  switch (o->kind) {
  case CATALOG_TABLE:
    return catalog_is_foreign(o);
  case CATALOG_FOREIGN_WRAPPER:
  case CATALOG_FOREIGN_SERVER:
  case CATALOG_LANGUAGE:
  case CATALOG_ACCESS_METHOD:
  case CATALOG_FUNCTION:
  case CATALOG_AGGREGATE:
  case CATALOG_CAST:
  case CATALOG_TRANSFORM:
  case CATALOG_OPERATOR:
  case CATALOG_OPERATOR_FAMILY:
  case CATALOG_OPERATOR_CLASS:
  case CATALOG_CONVERSION:
  case CATALOG_TS_PARSER:
  case CATALOG_TS_TEMPLATE:
  case CATALOG_TS_DICTIONARY:
  case CATALOG_TS_CONFIGURATION:
  case CATALOG_VIEW:
  case CATALOG_MATVIEW:
  case CATALOG_CONSTRAINT:
  case CATALOG_INDEX:
  case CATALOG_STATISTICS:
  case CATALOG_RULE:
  case CATALOG_TRIGGER:
  case CATALOG_POLICY:
  case CATALOG_EVENT_TRIGGER:
  case CATALOG_PUBLICATION:
    return true;
  default:
    return false;
  }
}

/* The server takes it away or makes it together with something else. */
static bool comes_with_another(const struct catalog_object *o)
{
  if (o->kind == CATALOG_DATABASE || round_is_view_column(o))
    return true;
  if (o->kind == CATALOG_CONSTRAINT && catalog_is(o, "type", "t"))
    return true;
  return o->kind == CATALOG_SEQUENCE && catalog_get(o, "identity");
}

static void doom(struct round *r, const struct catalog_object *o, const char *why)
{
  struct round_node *node = round_node_of(r, o);
  if (!node || node->doomed || comes_with_another(o))
    return;
  node->doomed = true;
  node->why = why;
}

/* Does ALTER COLUMN TYPE refuse to touch a column that this one uses? */
static bool hinders_type_change(const struct catalog_object *o)
{
  switch (o->kind) {
  case CATALOG_VIEW:
  case CATALOG_MATVIEW:
  case CATALOG_RULE:
  case CATALOG_POLICY:
  case CATALOG_TRIGGER:
  case CATALOG_FUNCTION:
  case CATALOG_PUBLICATION:
    return true;
  case CATALOG_CONSTRAINT:
    return catalog_is(o, "type", "f"); /* both sides may change: not possible one after the other */
  case CATALOG_COLUMN:
    return catalog_get(o, "generated") != NULL;
  default:
    return false;
  }
}

static void free_column(struct round *r, const struct catalog_object *column)
{
  size_t i, last;
  round_dependents(r, column, &i, &last);
  for (; i < last; i++) {
    const struct catalog_object *o = r->edges[i].dependent;
    if (round_is_view_column(o))
      o = o->parent;
    if (hinders_type_change(o))
      doom(r, o,
           arena_printf(r->arena, "is in the way of the type of column %s and is made again",
                        column->identity));
  }
}

/* Columns of a type that is built anew move to it; everything else that names the type is made
 * again. */
static void free_type(struct round *r, const struct catalog_object *type)
{
  size_t i, last;
  round_dependents(r, type, &i, &last);
  for (; i < last; i++) {
    const struct catalog_object *o = r->edges[i].dependent;
    if (round_is_view_column(o))
      o = o->parent;
    if (o->kind == CATALOG_COLUMN)
      free_column(r, o);
    else if (round_can_be_made_again(o))
      doom(r, o,
           arena_printf(r->arena, "is in the way of type %s and is made again", type->identity));
  }
}

void round_doom(struct round *r)
{
  build_graph(r);
  for (size_t i = 0; i < r->changes.len; i++) {
    const struct catalog_change *c = &r->changes.at[i];
    if (c->type == CATALOG_CREATED)
      doom(r, c->after, "is not in the state before");
    if (c->type != CATALOG_CHANGED)
      continue;
    if (round_must_replace(r, c))
      doom(r, c->after, "was changed and is made again");
    if (round_type_changes(c))
      free_column(r, c->after);
    if (round_must_rebuild(r, c))
      free_type(r, c->after);
  }
}
