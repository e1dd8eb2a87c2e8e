#include "lint/facts_private.h"

/* Partitions, inheritance and LIKE: what one table gets from another. */

static const char *label_of(const struct lint_constraint *constraint)
{
  return !constraint                           ? "idx"
         : constraint->kind == SQL_PRIMARY_KEY ? "pkey"
         : constraint->kind == SQL_UNIQUE      ? "key"
                                               : "excl";
}

static bool is_partition_of(const struct lint_relation *child, const struct lint_relation *parent)
{
  return child->parent == parent;
}

/* ---- constraints ---- */

static struct lint_constraint *copy_constraint(struct lint_facts *f, struct lint_relation *to,
                                               const struct lint_constraint *from)
{
  struct lint_constraint *copy = ARENA_NEW(f->arena, struct lint_constraint);
  *copy = *from;
  copy->relation = to;
  copy->index = NULL;
  copy->columns = facts_strings_copy(f, &from->columns);
  copy->referenced_columns = facts_strings_copy(f, &from->referenced_columns);
  copy->proves_not_null = facts_strings_copy(f, &from->proves_not_null);
  copy->added = facts_is_news(f);
  copy->added_at = f->now;
  return copy;
}

static void keep_constraint(struct lint_facts *f, struct lint_relation *table,
                            struct lint_constraint *constraint)
{
  vec_push(f->arena, &table->constraints, constraint);
  facts_count_constraint(f, table->at.schema, constraint->name, 1);
  for (size_t i = 0; i < table->children.len; i++)
    facts_pass_on_constraint(f, table->children.at[i], constraint);
}

/* UNIQUE, PRIMARY KEY, EXCLUDE come with an index, which may be there already. */
static void pass_on_key(struct lint_facts *f, struct lint_relation *child,
                        const struct lint_constraint *from)
{
  struct lint_relation *own = facts_matching_index(child, from->index);
  if (!own) {
    struct lint_constraint *copy = copy_constraint(f, child, from);
    struct facts_index again = facts_index_again(from->index, label_of(from));
    again.constraint = copy;
    own = facts_add_index(f, child, &again);
    copy->index = own;
    copy->name = own->at.name;
    copy->inherited = true;
    keep_constraint(f, child, copy);
    for (size_t i = 0; from->kind == SQL_PRIMARY_KEY && i < copy->columns.len; i++) {
      struct lint_column *column = facts_find_column(child, copy->columns.at[i]);
      if (column)
        column->not_null = true;
    }
  }
  own->constraint->inherited = true;
  facts_attach_index(from->index, own, f);
}

static struct lint_constraint *own_key(const struct lint_relation *child,
                                       const struct lint_constraint *from)
{
  for (size_t i = 0; i < child->constraints.len; i++) {
    struct lint_constraint *own = child->constraints.at[i];
    if (own->kind == SQL_FOREIGN_KEY && !own->dropped && !own->inherited &&
        own->referenced == from->referenced && facts_strings_equal(&own->columns, &from->columns))
      return own;
  }
  return NULL;
}

static void pass_on_foreign_key(struct lint_facts *f, struct lint_relation *child,
                                const struct lint_constraint *from)
{
  struct lint_constraint *own = own_key(child, from);
  if (own) {
    own->inherited = true;
    return;
  }
  struct lint_constraint *copy = copy_constraint(f, child, from);
  copy->inherited = true;
  const struct lint_constraint *taken = facts_find_constraint(child, copy->name);
  if (taken && !taken->dropped)
    copy->name = facts_choose_name(f, child, &copy->columns, "fkey", FACTS_CONSTRAINTS);
  vec_push(f->arena, &copy->referenced->referencing, copy);
  keep_constraint(f, child, copy);
}

void facts_pass_on_constraint(struct lint_facts *f, struct lint_relation *child,
                              const struct lint_constraint *from)
{
  bool partition = is_partition_of(child, from->relation);
  if (from->dropped || (f->reading && from->kind != SQL_FOREIGN_KEY))
    return; /* the catalog has the others */
  switch (from->kind) {
  case SQL_CHECK:
  case SQL_NOT_NULL: {
    struct lint_constraint *own = facts_find_constraint(child, from->name);
    if (from->no_inherit)
      return;
    if (own && !own->dropped) {
      own->inherited = true;
      return;
    }
    own = copy_constraint(f, child, from);
    own->inherited = true;
    keep_constraint(f, child, own);
    break;
  }
  case SQL_FOREIGN_KEY:
    if (partition)
      pass_on_foreign_key(f, child, from);
    break;
  default:
    if (partition && from->index)
      pass_on_key(f, child, from);
  }
}

/* ---- inheritance ---- */

static void inherit_columns(struct lint_facts *f, struct lint_relation *table,
                            const struct lint_relation *parent)
{
  for (size_t i = 0; i < parent->columns.len; i++) {
    const struct lint_column *theirs = parent->columns.at[i];
    struct lint_column *own = facts_find_column(table, theirs->name);
    if (theirs->dropped)
      continue;
    if (!own) {
      own = facts_copy_column(f, table, theirs);
      own->has_default = theirs->has_default;
      own->generated =
          theirs->generated == SQL_GENERATED_IDENTITY ? SQL_NOT_GENERATED : theirs->generated;
      own->generated_from = facts_strings_copy(f, &theirs->generated_from);
    }
    own->inherited = true;
    own->not_null = own->not_null || theirs->not_null;
  }
  table->complete = table->complete && parent->complete;
}

static void inherit_constraints(struct lint_facts *f, struct lint_relation *table,
                                const struct lint_relation *parent)
{
  for (size_t i = 0; i < parent->constraints.len; i++)
    facts_pass_on_constraint(f, table, parent->constraints.at[i]);
}

void facts_inherit(struct lint_facts *f, struct lint_relation *table, struct lint_relation *parent)
{
  vec_push(f->arena, &table->parents, parent);
  vec_push(f->arena, &parent->children, table);
  if (f->reading)
    return;
  inherit_columns(f, table, parent);
  inherit_constraints(f, table, parent);
}

/* ---- partitions ---- */

void facts_become_partition(struct lint_facts *f, struct lint_relation *table,
                            struct lint_relation *parent, const struct sql_bound *bound)
{
  table->parent = parent;
  vec_push(f->arena, &parent->children, table);
  if (parent->kind == LINT_UNKNOWN_RELATION)
    parent->kind = LINT_PARTITIONED_TABLE;
  if (bound)
    table->bound = bound->text;
  table->bounds = f->reading ? NULL : bound;
  if (bound && bound->is_default)
    parent->default_partition = table;
  if (f->reading)
    return;
  inherit_columns(f, table, parent);
  for (size_t i = 0; i < parent->indexes.len; i++) {
    struct lint_relation *index = parent->indexes.at[i];
    if (index->constraint)
      continue; /* comes with it */
    struct lint_relation *own = facts_matching_index(table, index);
    if (!own) {
      struct facts_index again = facts_index_again(index, "idx");
      own = facts_add_index(f, table, &again);
    }
    facts_attach_index(index, own, f);
  }
  inherit_constraints(f, table, parent);
}

static void become_local(struct lint_relation *table)
{
  for (size_t i = 0; i < table->columns.len; i++)
    table->columns.at[i]->inherited = false;
  for (size_t i = 0; i < table->constraints.len; i++)
    table->constraints.at[i]->inherited = false;
}

void facts_leave_parent(struct lint_relation *table)
{
  struct lint_relation *parent = table->parent;
  if (!parent)
    return;
  facts_unlink(&parent->children, table);
  if (parent->default_partition == table)
    parent->default_partition = NULL;
  table->parent = NULL;
  table->bound = NULL;
  table->bounds = NULL;
  for (size_t i = 0; i < table->indexes.len; i++) {
    struct lint_relation *index = table->indexes.at[i];
    if (index->parent)
      facts_unlink(&index->parent->children, index);
    index->parent = NULL;
  }
  become_local(table);
}

void facts_disinherit(struct lint_relation *table, struct lint_relation *parent)
{
  facts_unlink(&table->parents, parent);
  facts_unlink(&parent->children, table);
  if (table->parents.len == 0)
    become_local(table);
}

/* ---- LIKE ---- */

static void like_column(struct lint_facts *f, struct lint_relation *table,
                        const struct lint_column *theirs, const struct sql_like *like)
{
  struct lint_column *own = facts_copy_column(f, table, theirs);
  bool generated = theirs->generated == SQL_GENERATED_STORED;
  own->has_default = like->defaults && theirs->has_default;
  if (generated && like->generated) {
    own->generated = theirs->generated;
    own->generated_from = facts_strings_copy(f, &theirs->generated_from);
  }
  if (theirs->generated == SQL_GENERATED_IDENTITY && like->identity) {
    own->generated = theirs->generated;
    facts_make_sequence(f, table, own->name, own->type ? own->type->text : NULL);
  }
}

static void like_index(struct lint_facts *f, struct lint_relation *table,
                       const struct lint_relation *theirs)
{
  const struct lint_constraint *from = theirs->constraint;
  struct facts_index again = facts_index_again(theirs, label_of(from));
  struct lint_constraint *copy = from ? copy_constraint(f, table, from) : NULL;
  again.constraint = copy;
  struct lint_relation *own = facts_add_index(f, table, &again);
  if (!copy)
    return;
  copy->index = own;
  copy->name = own->at.name;
  copy->inherited = false;
  keep_constraint(f, table, copy);
}

void facts_copy_like(struct lint_facts *f, struct lint_relation *table, const struct sql_like *like)
{
  const struct lint_relation *theirs = lint_facts_relation(f, like->table);
  table->complete = table->complete && theirs->complete;
  for (size_t i = 0; i < theirs->columns.len; i++)
    if (!theirs->columns.at[i]->dropped)
      like_column(f, table, theirs->columns.at[i], like);
  for (size_t i = 0; like->constraints && i < theirs->constraints.len; i++) {
    const struct lint_constraint *from = theirs->constraints.at[i];
    if (from->kind == SQL_CHECK && !from->dropped) {
      struct lint_constraint *copy = copy_constraint(f, table, from);
      copy->valid = copy->enforced;
      copy->inherited = false;
      keep_constraint(f, table, copy);
    }
  }
  for (size_t i = 0; like->indexes && i < theirs->indexes.len; i++)
    like_index(f, table, theirs->indexes.at[i]);
}
