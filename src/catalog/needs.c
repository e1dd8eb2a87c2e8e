/* What a statement of a script needs, for those who run only some of the statements. */
#include "catalog/model.h"

struct needs {
  struct arena *arena;
  const struct catalog_object *object; /* whose needs they are: never one of them */
  struct map *seen;
  struct strings titles;
};

static void add(struct needs *n, const struct catalog_object *needed)
{
  if (needed->kind == CATALOG_COLUMN && needed->parent)
    needed = needed->parent;
  if (needed == n->object || needed->kind == CATALOG_DATABASE)
    return;
  char *title = catalog_object_title(n->arena, needed);
  if (!map_put(n->seen, title, title))
    vec_push(n->arena, &n->titles, title);
}

static void add_all(struct needs *n, const struct catalog_object *o)
{
  for (size_t i = 0; i < o->depends_on_count; i++)
    add(n, o->depends_on[i]);
}

/* What a default that is set apart calls, the table itself does not need. */
static void add_columns(struct needs *n, const struct catalog *c, const struct catalog_object *o)
{
  struct catalog_objects columns = catalog_children(n->arena, c, o, CATALOG_COLUMN);
  for (size_t i = 0; i < columns.len; i++) {
    const struct catalog_object *column = columns.at[i];
    bool apart = catalog_default_is_apart(column);
    for (size_t k = 0; k < column->depends_on_count; k++)
      if (!apart || column->depends_on[k]->kind != CATALOG_FUNCTION)
        add(n, column->depends_on[k]);
  }
}

struct strings catalog_statement_needs(struct arena *arena, const struct catalog *c,
                                       const struct catalog_statement *statement)
{
  const struct catalog_object *o = statement->object;
  struct needs n = {.arena = arena, .object = o, .seen = map_new(arena)};
  if (statement->purpose == CATALOG_FOR_DROP || o->kind == CATALOG_DATABASE)
    return n.titles;
  add_all(&n, o);
  if (o->kind == CATALOG_TABLE)
    add_columns(&n, c, o);
  const struct catalog_object *of =
      o->kind == CATALOG_SEQUENCE && catalog_get(o, "owned_by")
          ? catalog_find_name(c, CATALOG_COLUMN, catalog_get(o, "owned_by"))
          : NULL;
  if (of && statement->purpose == CATALOG_FOR_OWNED_BY)
    add(&n, of);
  return n.titles;
}
