#include "lint/facts_private.h"

#include "sql/quote.h"

/* Indexes, and what they are on the partitions of a partitioned table. */

struct facts_index facts_index_of(const struct sql_tree *tree)
{
  return (struct facts_index){.name = tree->index_name,
                              .label = "idx",
                              .keys = tree->keys,
                              .include = tree->include,
                              .where = tree->where,
                              .method = tree->storage.access_method,
                              .unique = tree->unique,
                              .valid = true,
                              .only = tree->only};
}

static struct sql_keys keys_of(struct lint_facts *f, const struct strings *columns)
{
  struct sql_keys keys = {0};
  for (size_t i = 0; i < columns->len; i++)
    ((struct sql_key *)vec_add(f->arena, &keys))->column = columns->at[i];
  return keys;
}

struct facts_index facts_index_of_constraint(struct lint_facts *f, const char *name,
                                             const struct sql_constraint *constraint,
                                             const char *column)
{
  const struct strings one = {.at = &column, .len = column ? 1 : 0};
  const struct strings *columns = constraint->columns.len > 0 ? &constraint->columns : &one;
  struct facts_index index = {.name = name,
                              .label = constraint->kind == SQL_PRIMARY_KEY ? "pkey"
                                       : constraint->kind == SQL_UNIQUE    ? "key"
                                                                           : "excl",
                              .include = constraint->include,
                              .where = constraint->where,
                              .method = constraint->method,
                              .unique = constraint->kind != SQL_EXCLUDE,
                              .primary = constraint->kind == SQL_PRIMARY_KEY,
                              .valid = true};
  index.keys = constraint->kind == SQL_EXCLUDE ? constraint->keys : keys_of(f, columns);
  return index;
}

/* The definition of an index for another table. */
struct facts_index facts_index_again(const struct lint_relation *index, const char *label)
{
  return (struct facts_index){.label = label,
                              .keys = index->index_keys,
                              .include = index->index_include,
                              .where = index->index_where,
                              .method = index->index_method,
                              .unique = index->unique,
                              .primary = index->primary,
                              .valid = true};
}

/* Columns by their names, expressions by what they call; numbered where a name comes twice. */
static struct strings naming_columns(struct lint_facts *f, const struct facts_index *index)
{
  struct strings names = {0};
  if (index->primary)
    return names;
  for (size_t i = 0; i < index->keys.len + index->include.len; i++) {
    const struct sql_key *key = i < index->keys.len ? &index->keys.at[i] : NULL;
    const char *plain = !key          ? index->include.at[i - index->keys.len]
                        : key->column ? key->column
                        : key->name   ? key->name
                                      : "expr";
    const char *name = plain;
    for (int n = 1; facts_strings_hold(&names, name); n++)
      name = arena_printf(f->arena, "%s%d", plain, n);
    vec_push(f->arena, &names, name);
  }
  return names;
}

static void add_expression(struct lint_facts *f, struct lint_relation *index,
                           const struct sql_expression *expression)
{
  for (size_t i = 0; i < expression->columns.len; i++) {
    facts_strings_add(f, &index->index_uses, expression->columns.at[i]);
    facts_strings_add(f, &index->expression_columns, expression->columns.at[i]);
  }
}

static void fill(struct lint_facts *f, const struct facts_index *from, struct lint_relation *index)
{
  index->index_keys = from->keys;
  index->index_where = from->where;
  index->index_include = facts_strings_copy(f, &from->include);
  for (size_t i = 0; i < from->keys.len; i++) {
    const struct sql_key *key = &from->keys.at[i];
    vec_push(f->arena, &index->index_columns, key->column ? key->column : "");
    if (key->column)
      facts_strings_add(f, &index->index_uses, key->column);
    if (!key->column)
      add_expression(f, index, &key->expression);
  }
  for (size_t i = 0; i < from->include.len; i++)
    facts_strings_add(f, &index->index_uses, from->include.at[i]);
  if (from->where)
    add_expression(f, index, from->where);
  index->unique = from->unique;
  index->primary = from->primary;
  index->partial = from->where;
  index->index_valid = from->valid;
  index->index_method = from->method ? from->method : "btree";
  index->constraint = from->constraint;
}

void facts_attach_index(struct lint_relation *parent, struct lint_relation *index,
                        struct lint_facts *f)
{
  if (index->parent)
    facts_unlink(&index->parent->children, index);
  index->parent = parent;
  vec_push(f->arena, &parent->children, index);
  bool valid = index->index_valid && parent->children.len == parent->indexed->children.len;
  for (size_t i = 0; valid && i < parent->children.len; i++)
    valid = parent->children.at[i]->index_valid;
  parent->index_valid = parent->index_valid || valid;
}

static bool same_key(const struct sql_key *a, const struct sql_key *b)
{
  if (!a->column || !b->column) /* expressions are not compared; the same text made both */
    return !a->column && !b->column &&
           facts_strings_equal(&a->expression.columns, &b->expression.columns);
  bool same_class =
      a->opclass && b->opclass ? strcmp(a->opclass, b->opclass) == 0 : a->opclass == b->opclass;
  return strcmp(a->column, b->column) == 0 && same_class;
}

struct lint_relation *facts_matching_index(const struct lint_relation *child,
                                           const struct lint_relation *index)
{
  for (size_t i = 0; i < child->indexes.len; i++) {
    struct lint_relation *own = child->indexes.at[i];
    bool fits = !own->parent && own->unique == index->unique && own->partial == index->partial &&
                own->index_keys.len == index->index_keys.len && own->index_valid &&
                strcmp(own->index_method, index->index_method) == 0 &&
                facts_strings_equal(&own->index_include, &index->index_include) &&
                (!index->constraint ||
                 (own->constraint && own->constraint->kind == index->constraint->kind));
    for (size_t j = 0; fits && j < own->index_keys.len; j++)
      fits = same_key(&own->index_keys.at[j], &index->index_keys.at[j]);
    if (fits)
      return own;
  }
  return NULL;
}

/* An index of a constraint comes to the partitions with the constraint. */
static void add_to_partitions(struct lint_facts *f, struct lint_relation *table,
                              struct lint_relation *index, const struct facts_index *definition)
{
  for (size_t i = 0; i < table->children.len; i++) {
    struct lint_relation *child = table->children.at[i];
    struct lint_relation *own = facts_matching_index(child, index);
    if (!own) {
      struct facts_index again = *definition;
      again.name = NULL;
      own = facts_add_index(f, child, &again);
    }
    facts_attach_index(index, own, f);
  }
}

struct lint_relation *facts_add_index(struct lint_facts *f, struct lint_relation *table,
                                      const struct facts_index *definition)
{
  bool constraint = definition->constraint != NULL;
  const char *name = definition->name;
  if (!name) {
    struct strings columns = naming_columns(f, definition);
    name = facts_choose_name(f, table, &columns, definition->label,
                             FACTS_RELATIONS | (constraint ? FACTS_CONSTRAINTS : 0));
  }
  bool qualified = strcmp(table->name, sql_ident(f->arena, table->at.name)) != 0;
  struct lint_relation *index = facts_relation_new(
      f, (struct sql_name){.schema = table->at.schema, .name = name}, LINT_INDEX, qualified);
  index->indexed = table;
  index->table = table->object;
  index->persistence = table->persistence;
  index->complete = table->complete;
  fill(f, definition, index);
  vec_push(f->arena, &table->indexes, index);
  if (table->kind == LINT_PARTITIONED_TABLE && definition->only && table->children.len > 0)
    index->index_valid = false;
  else if (table->kind == LINT_PARTITIONED_TABLE && !constraint && !f->reading)
    add_to_partitions(f, table, index, definition);
  return index;
}
