#include "inverse/round.h"

#include "sql/quote.h"

static bool belongs_to(const struct catalog_object *o, const struct catalog_object *owner)
{
  if (o->parent == owner)
    return true;
  const char *owned_by = o->kind == CATALOG_SEQUENCE ? catalog_get(o, "owned_by") : NULL;
  if (!owned_by)
    return false;
  if (owner->kind == CATALOG_COLUMN)
    return strcmp(owned_by, owner->identity) == 0;
  size_t len = strlen(owner->identity);
  return owner->kind == CATALOG_TABLE && strncmp(owned_by, owner->identity, len) == 0 &&
         owned_by[len] == '.';
}

/* A column that needs `needed` only for its default lets go of it. */
static bool only_default_needs(const struct catalog_object *column,
                               const struct catalog_object *needed)
{
  return column->kind == CATALOG_COLUMN && !round_is_view_column(column) &&
         catalog_get(column, "default") && !catalog_get(column, "generated") &&
         (needed->kind == CATALOG_FUNCTION || needed->kind == CATALOG_SEQUENCE);
}

bool round_can_go(struct round *r, const struct catalog_object *o)
{
  struct round_node *node = round_node_of(r, o);
  if (node->can_drop != DROP_UNKNOWN)
    return node->can_drop != DROP_NO;
  node->can_drop = DROP_VISITING;
  bool ok = true;
  size_t i, last;
  round_dependents(r, o, &i, &last);
  for (; ok && i < last; i++) {
    const struct catalog_object *d = r->edges[i].dependent;
    if (round_is_view_column(d) && d->parent != o)
      d = d->parent;
    if (belongs_to(d, o) || round_node_of(r, d)->doomed || round_can_be_made_again(d))
      ok = round_can_go(r, d);
    else
      ok = only_default_needs(d, o);
  }
  node->can_drop = ok ? DROP_YES : DROP_NO;
  return ok;
}

static bool goes(struct round *r, const struct catalog_object *o)
{
  struct round_node *node = round_node_of(r, o);
  return node->doomed && round_can_go(r, o);
}

/* The outermost doomed object that takes it along, else itself. */
static const struct catalog_object *unit_of(struct round *r, const struct catalog_object *o)
{
  if (o->parent && goes(r, o->parent))
    return unit_of(r, o->parent);
  if (round_is_view_column(o))
    return o->parent;
  return o;
}

static void emit_drop(struct round *r, struct round_node *node)
{
  struct arena *a = r->arena;
  const struct catalog_object *o = node->object;
  const char *why = node->why ? node->why : "depends on what is dropped and is made again";
  node->dropped = true;
  /* the parent's column, index or constraint takes those of partitions and children along */
  const struct catalog_object *above = round_parent_column(r, r->from, o);
  if (o->kind == CATALOG_COLUMN && above && goes(r, above))
    return;
  const char *partition_parent = catalog_get(o, "partition_parent");
  const struct catalog_object *whole = NULL;
  if (partition_parent)
    whole = catalog_find_name(r->from, CATALOG_INDEX, partition_parent);
  if (partition_parent && !whole)
    whole = catalog_find_name(r->from, CATALOG_CONSTRAINT, partition_parent);
  if ((whole && goes(r, whole)) ||
      (o->kind == CATALOG_CONSTRAINT && catalog_is(o, "inherited", "t")))
    return;
  const char *sql = catalog_drop_object(a, o);
  if (!sql) {
    vec_push(a, &r->refusals, round_note(r, o, "cannot be dropped by belay"));
    return;
  }
  round_emit_script(r, INVERSE_BEFORE_DATA, round_note(r, o, why), sql);
}

static void visit(struct round *r, const struct catalog_object *o);

/* What depends on `o` or on one of its own goes first. `unit` is what will be dropped. */
static void visit_dependents(struct round *r, const struct catalog_object *unit,
                             const struct catalog_object *o)
{
  size_t i, last;
  round_dependents(r, o, &i, &last);
  for (; i < last; i++) {
    const struct catalog_object *d = r->edges[i].dependent;
    if (belongs_to(d, o)) {
      visit_dependents(r, unit, d);
      continue;
    }
    const struct catalog_object *above = unit_of(r, d);
    if (above == unit || unit_of(r, o) == above)
      continue;
    struct round_node *node = round_node_of(r, above);
    if (only_default_needs(d, o) && !node->doomed) {
      round_emit(r, INVERSE_BEFORE_DATA,
                 round_note(r, d, "has a default that uses what is dropped"),
                 "ALTER TABLE %s ALTER COLUMN %s DROP DEFAULT", round_table_of(d),
                 sql_ident(r->arena, d->name));
    } else if (node->visiting && above != d) {
      struct round_node *child =
          round_node_of(r, d); /* a cycle of tables is cut at the constraint */
      if (!child->dropped && round_can_be_made_again(d))
        emit_drop(r, child);
    } else {
      visit(r, above);
    }
  }
}

static void visit(struct round *r, const struct catalog_object *o)
{
  struct round_node *node = round_node_of(r, o);
  if (node->dropped || node->visiting)
    return;
  node->visiting = true;
  visit_dependents(r, o, o);
  node->visiting = false;
  emit_drop(r, node);
}

void round_drop_now(struct round *r, const struct catalog_object *o, const char *why)
{
  struct round_node *node = round_node_of(r, o);
  node->doomed = true;
  if (!node->why)
    node->why = why;
  visit(r, unit_of(r, o));
}

/* Sequences owned by what goes are taken along by the server. */
static bool owner_goes(struct round *r, const struct catalog_object *o)
{
  const char *owned_by = o->kind == CATALOG_SEQUENCE ? catalog_get(o, "owned_by") : NULL;
  if (!owned_by)
    return false;
  const struct catalog_object *column = catalog_find_name(r->from, CATALOG_COLUMN, owned_by);
  return column && goes(r, unit_of(r, column));
}

void round_drops(struct round *r)
{
  for (size_t i = 0; i < r->from->object_count; i++) {
    const struct catalog_object *o = r->from->objects[r->from->object_count - 1 - i];
    if (!goes(r, o) || unit_of(r, o) != o || owner_goes(r, o))
      continue;
    visit(r, o);
  }
}

/* ---- partitions and inheritance ---- */

static bool lists(const struct strings *list, const char *s)
{
  for (size_t i = 0; i < list->len; i++)
    if (strcmp(list->at[i], s) == 0)
      return true;
  return false;
}

static bool attachment_changed(const struct catalog_change *c)
{
  return c->type == CATALOG_CHANGED && c->after->kind == CATALOG_TABLE &&
         (round_changed(c, "partition_of") || round_changed(c, "partition_bound"));
}

/* Else it would go with what owns it now. */
static void disown(struct round *r, const struct catalog_change *c)
{
  if (c->type == CATALOG_CHANGED && c->after->kind == CATALOG_SEQUENCE &&
      round_changed(c, "owned_by") && catalog_get(c->after, "owned_by") &&
      !catalog_get(c->after, "identity"))
    round_emit(r, INVERSE_BEFORE_DATA, round_note(r, c->after, "belonged to another column"),
               "ALTER SEQUENCE %s OWNED BY NONE", c->after->identity);
}

void round_detach(struct round *r)
{
  for (size_t i = 0; i < r->changes.len; i++) {
    const struct catalog_change *c = &r->changes.at[i];
    disown(r, c);
    if (attachment_changed(c) && catalog_get(c->after, "partition_of"))
      round_emit(r, INVERSE_BEFORE_DATA, round_note(r, c->after, "was attached"),
                 "ALTER TABLE %s DETACH PARTITION %s", catalog_get(c->after, "partition_of"),
                 c->after->identity);
    if (c->type != CATALOG_CHANGED || c->after->kind != CATALOG_TABLE ||
        !round_changed(c, "inherits"))
      continue;
    struct strings now = round_json_strings(r->arena, catalog_get(c->after, "inherits"));
    struct strings goal = round_json_strings(r->arena, catalog_get(c->before, "inherits"));
    for (size_t k = 0; k < now.len; k++)
      if (!lists(&goal, now.at[k]))
        round_emit(r, INVERSE_BEFORE_DATA, round_note(r, c->after, "was made to inherit"),
                   "ALTER TABLE %s NO INHERIT %s", c->after->identity, now.at[k]);
  }
}

void round_attach(struct round *r)
{
  for (size_t i = 0; i < r->changes.len; i++) {
    const struct catalog_change *c = &r->changes.at[i];
    if (attachment_changed(c) && catalog_get(c->before, "partition_of"))
      round_emit(r, INVERSE_BEFORE_DATA, round_note(r, c->after, "was detached"),
                 "ALTER TABLE %s ATTACH PARTITION %s %s", catalog_get(c->before, "partition_of"),
                 c->after->identity, catalog_get(c->before, "partition_bound"));
    if (c->type != CATALOG_CHANGED || c->after->kind != CATALOG_TABLE ||
        !round_changed(c, "inherits"))
      continue;
    struct strings now = round_json_strings(r->arena, catalog_get(c->after, "inherits"));
    struct strings goal = round_json_strings(r->arena, catalog_get(c->before, "inherits"));
    for (size_t k = 0; k < goal.len; k++)
      if (!lists(&now, goal.at[k]))
        round_emit(r, INVERSE_BEFORE_DATA, round_note(r, c->after, "inherited before"),
                   "ALTER TABLE %s INHERIT %s", c->after->identity, goal.at[k]);
  }
}
