#include "lint/facts_private.h"

/* The columns that a query gives: their names and types, as far as the model knows the tables. */

struct querying {
  struct lint_facts *f;
  const struct sql_tree *tree;
  struct lint_columns *ret;
};

static const struct lint_relation *source_of(struct querying *q, const char *alias)
{
  for (size_t i = 0; i < q->tree->sources.len; i++)
    if (strcmp(q->tree->sources.at[i].alias, alias) == 0)
      return lint_facts_relation(q->f, q->tree->sources.at[i].relation);
  return NULL;
}

static struct lint_column *add(struct querying *q, const char *name, const struct lint_column *from,
                               const struct sql_type *type)
{
  struct lint_column *column = ARENA_NEW(q->f->arena, struct lint_column);
  size_t at = q->ret->len;
  column->name = at < q->tree->aliases.len ? q->tree->aliases.at[at] : name;
  column->type = from ? from->type : type ? facts_type_of(q->f, type) : NULL;
  column->collation = from ? from->collation : NULL;
  column->collation_known = from;
  vec_push(q->f->arena, q->ret, column);
  return column;
}

static bool add_all(struct querying *q, const struct lint_relation *relation)
{
  if (!relation || !relation->complete || relation->dropped)
    return false;
  for (size_t i = 0; i < relation->columns.len; i++)
    if (!relation->columns.at[i]->dropped)
      add(q, relation->columns.at[i]->name, relation->columns.at[i], NULL);
  return true;
}

/* t.*, or * of every relation. */
static bool add_star(struct querying *q, const struct sql_target *target)
{
  bool known = q->tree->plain_sources && q->tree->sources.len > 0;
  if (known && target->qualifier)
    return add_all(q, source_of(q, target->qualifier));
  for (size_t i = 0; known && i < q->tree->sources.len; i++)
    known = add_all(q, lint_facts_relation(q->f, q->tree->sources.at[i].relation));
  return known;
}

/* Of the only relation that has it; NULL: not known. */
static const struct lint_column *find_column(struct querying *q, const struct sql_target *target)
{
  const struct lint_column *found = NULL;
  for (size_t i = 0; q->tree->plain_sources && i < q->tree->sources.len; i++) {
    const struct sql_source *source = &q->tree->sources.at[i];
    const struct lint_relation *relation = lint_facts_relation(q->f, source->relation);
    if (target->qualifier && strcmp(target->qualifier, source->alias) != 0)
      continue;
    const struct lint_column *column = facts_find_column(relation, target->column);
    if (!relation->complete || relation->dropped || (column && found))
      return NULL;
    found = column ? column : found;
  }
  return found;
}

bool lint_facts_results(struct lint_facts *f, const struct sql_tree *tree, struct lint_columns *ret)
{
  struct querying q = {f, tree, ret};
  *ret = (struct lint_columns){0};
  for (size_t i = 0; i < tree->results.len; i++) {
    const struct sql_target *target = &tree->results.at[i];
    if (strcmp(target->name, "*") == 0 && !add_star(&q, target))
      return false;
    if (strcmp(target->name, "*") == 0)
      continue;
    struct lint_column *column =
        add(&q, target->name, target->column ? find_column(&q, target) : NULL, target->type);
    column->collation_known = column->collation_known || target->collation;
    column->collation = target->collation ? target->collation : column->collation;
  }
  return tree->results.len > 0;
}

bool lint_facts_types_differ(const struct lint_facts *f, const struct sql_type *a,
                             const struct sql_type *b)
{
  const struct facts_type *own = facts_type_find(f, a), *other = facts_type_find(f, b);
  if (a->odd_modifiers || b->odd_modifiers)
    return false;
  if ((a->array_dimensions > 0) != (b->array_dimensions > 0))
    return true;
  if (own || other)
    return own && other && own != other;
  if (a->name.schema || b->name.schema)
    return false;
  return strcmp(a->name.name, b->name.name) != 0 || a->modifier_count != b->modifier_count ||
         memcmp(a->modifiers, b->modifiers, sizeof(a->modifiers)) != 0;
}
