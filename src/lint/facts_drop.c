#include "lint/facts_private.h"

/* What goes with what is dropped. */

static void lose_relation(struct lint_facts *f, struct lint_lost *lost,
                          struct lint_relation *relation, bool cascade);

static bool holds(const struct lint_relations *all, const struct lint_relation *relation)
{
  for (size_t i = 0; i < all->len; i++)
    if (all->at[i] == relation)
      return true;
  return false;
}

/* ---- constraints ---- */

static bool is_lost(const struct lint_lost *lost, const struct lint_constraint *constraint)
{
  for (size_t i = 0; i < lost->constraints.len; i++)
    if (lost->constraints.at[i] == constraint)
      return true;
  return false;
}

/* Whether the foreign key needs that key of the table it refers to. */
static bool needs_key(const struct lint_constraint *foreign, const struct lint_relation *index)
{
  if (foreign->referenced_columns.len == 0)
    return index->primary;
  bool same = foreign->referenced_columns.len == index->index_columns.len;
  for (size_t i = 0; same && i < index->index_columns.len; i++)
    same = facts_strings_hold(&foreign->referenced_columns, index->index_columns.at[i]);
  return same;
}

static void lose_constraint(struct lint_facts *f, struct lint_lost *lost,
                            struct lint_constraint *constraint, bool cascade);

static void lose_foreign_keys(struct lint_facts *f, struct lint_lost *lost,
                              const struct lint_relation *index, bool cascade)
{
  const struct lint_relation *table = index->indexed;
  for (size_t i = 0; cascade && table && i < table->referencing.len; i++)
    if (needs_key(table->referencing.at[i], index))
      lose_constraint(f, lost, table->referencing.at[i], true);
}

static void lose_constraint(struct lint_facts *f, struct lint_lost *lost,
                            struct lint_constraint *constraint, bool cascade)
{
  struct lint_relation *table = constraint->relation;
  if (constraint->dropped || is_lost(lost, constraint))
    return;
  vec_push(f->arena, &lost->constraints, constraint);
  if (constraint->index) {
    lose_foreign_keys(f, lost, constraint->index, cascade);
    lose_relation(f, lost, constraint->index, cascade);
  }
  for (size_t i = 0; table && i < table->children.len; i++) {
    struct lint_constraint *own = facts_find_constraint(table->children.at[i], constraint->name);
    if (own && own->inherited && own->kind == constraint->kind && !own->index)
      lose_constraint(f, lost, own, cascade);
  }
}

/* ---- columns ---- */

static void lose_column(struct lint_facts *f, struct lint_lost *lost, struct lint_relation *table,
                        const char *name, bool cascade)
{
  struct lint_column *column = facts_find_column(table, name);
  if (!column)
    column = lint_facts_column(f, table, name);
  vec_push(f->arena, &lost->columns, ((struct lint_lost_column){.table = table, .column = column}));
  for (size_t i = 0; i < table->constraints.len; i++)
    if (facts_strings_hold(&table->constraints.at[i]->columns, name))
      lose_constraint(f, lost, table->constraints.at[i], cascade);
  for (size_t i = 0; i < table->indexes.len; i++)
    if (facts_strings_hold(&table->indexes.at[i]->index_uses, name)) {
      lose_foreign_keys(f, lost, table->indexes.at[i], cascade);
      if (table->indexes.at[i]->constraint)
        lose_constraint(f, lost, table->indexes.at[i]->constraint, cascade);
      lose_relation(f, lost, table->indexes.at[i], cascade);
    }
  for (size_t i = 0; i < table->sequences.len; i++)
    if (strcmp(table->sequences.at[i]->owned_by_column, name) == 0)
      lose_relation(f, lost, table->sequences.at[i], cascade);
  for (size_t i = 0; cascade && i < table->columns.len; i++)
    if (!table->columns.at[i]->dropped &&
        facts_strings_hold(&table->columns.at[i]->generated_from, name))
      lose_column(f, lost, table, table->columns.at[i]->name, true);
  for (size_t i = 0; cascade && i < table->readers.len; i++) {
    struct lint_relation *reader = table->readers.at[i];
    if (facts_strings_hold(&reader->read_columns, name) ||
        facts_strings_hold(&reader->read_columns, "*"))
      lose_relation(f, lost, reader, true);
  }
  for (size_t i = 0; i < table->children.len; i++) {
    const struct lint_column *own = facts_find_column(table->children.at[i], name);
    if (own && own->inherited)
      lose_column(f, lost, table->children.at[i], name, cascade);
  }
}

/* ---- relations ---- */

static void lose_relation(struct lint_facts *f, struct lint_lost *lost,
                          struct lint_relation *relation, bool cascade)
{
  if (relation->dropped || holds(&lost->relations, relation))
    return;
  vec_push(f->arena, &lost->relations, relation);
  for (size_t i = 0; i < relation->indexes.len; i++)
    lose_relation(f, lost, relation->indexes.at[i], cascade);
  for (size_t i = 0; i < relation->sequences.len; i++)
    lose_relation(f, lost, relation->sequences.at[i], cascade);
  for (size_t i = 0; i < relation->children.len; i++)
    if (cascade || relation->children.at[i]->parent == relation)
      lose_relation(f, lost, relation->children.at[i], cascade);
  for (size_t i = 0; cascade && i < relation->referencing.len; i++)
    if (!holds(&lost->relations, relation->referencing.at[i]->relation))
      lose_constraint(f, lost, relation->referencing.at[i], true);
  for (size_t i = 0; cascade && i < relation->readers.len; i++)
    lose_relation(f, lost, relation->readers.at[i], true);
}

static void lose_schema(struct lint_facts *f, struct lint_lost *lost, const char *schema)
{
  for (size_t i = 0; i < f->all.len; i++)
    if (strcmp(f->all.at[i]->at.schema, schema) == 0 && facts_is_there(f->all.at[i]))
      lose_relation(f, lost, f->all.at[i], true);
}

static bool same_place(struct sql_name a, struct sql_name b)
{
  return strcmp(a.name, b.name) == 0 && a.schema && b.schema && strcmp(a.schema, b.schema) == 0;
}

static void lose_type(struct lint_facts *f, struct lint_lost *lost, struct sql_name name)
{
  const struct sql_type type = {.name = name};
  const struct facts_type *dropped = facts_type_find(f, &type);
  for (size_t i = 0; dropped && i < f->all.len; i++) {
    struct lint_relation *relation = f->all.at[i];
    if (relation->of_type && same_place(relation->of_type->at, dropped->at))
      lose_relation(f, lost, relation, true);
    for (size_t j = 0; !relation->dropped && j < relation->columns.len; j++) {
      const struct lint_column *column = relation->columns.at[j];
      if (column->type && !column->dropped && column->type->name.schema &&
          facts_type_find(f, column->type) == dropped)
        lose_column(f, lost, relation, column->name, true);
    }
  }
}

static void lose_named(struct lint_facts *f, struct lint_lost *lost, const struct sql_tree *tree,
                       struct sql_name name)
{
  struct facts_slot *slot = NULL;
  switch (tree->object) {
  case SQL_OBJECT_SCHEMA:
    lose_schema(f, lost, name.name);
    break;
  case SQL_OBJECT_TYPE:
  case SQL_OBJECT_DOMAIN:
    if (tree->cascade)
      lose_type(f, lost, name);
    slot = facts_find(f, &f->relations, name); /* a composite type */
    if (slot && ((struct lint_relation *)slot->item)->kind == LINT_COMPOSITE)
      lose_relation(f, lost, slot->item, tree->cascade);
    break;
  case SQL_OBJECT_TABLE:
  case SQL_OBJECT_FOREIGN_TABLE:
  case SQL_OBJECT_VIEW:
  case SQL_OBJECT_MATVIEW:
  case SQL_OBJECT_INDEX:
  case SQL_OBJECT_SEQUENCE:
    lose_relation(f, lost, lint_facts_relation(f, name), tree->cascade);
    break;
  default:
    break;
  }
}

void lint_facts_lost(struct lint_facts *f, const struct sql_tree *tree, struct lint_lost *ret)
{
  *ret = (struct lint_lost){0};
  for (size_t i = 0; tree->kind == SQL_DROP && i < tree->names.len; i++)
    lose_named(f, ret, tree, tree->names.at[i]);
  if (tree->kind != SQL_ALTER_TABLE)
    return;
  struct lint_relation *table = lint_facts_relation(f, tree->name);
  for (size_t i = 0; i < tree->actions.len; i++) {
    const struct sql_action *action = &tree->actions.at[i];
    if (action->kind == SQL_DROP_COLUMN &&
        !(action->if_exists && table->complete && !facts_find_column(table, action->name)))
      lose_column(f, ret, table, action->name, action->cascade);
    if (action->kind == SQL_DROP_CONSTRAINT &&
        !(action->if_exists && !facts_find_constraint(table, action->name)))
      lose_constraint(f, ret, lint_facts_constraint(f, table, action->name), action->cascade);
  }
}

/* ---- taking it out of the model ---- */

static void forget_name(struct strings *names, const char *name)
{
  size_t kept = 0;
  for (size_t i = 0; i < names->len; i++)
    if (strcmp(names->at[i], name) != 0)
      names->at[kept++] = names->at[i];
  names->len = kept;
}

static void take_out(struct lint_facts *f, struct lint_relation *relation)
{
  relation->dropped = true;
  facts_slot_at(f, &f->relations, relation->at)->firm = false;
  if (relation->indexed)
    facts_unlink(&relation->indexed->indexes, relation);
  if (relation->owned_by)
    facts_unlink(&relation->owned_by->sequences, relation);
  if (relation->parent) {
    facts_unlink(&relation->parent->children, relation);
    if (relation->parent->default_partition == relation)
      relation->parent->default_partition = NULL;
  }
  for (size_t i = 0; i < relation->parents.len; i++)
    facts_unlink(&relation->parents.at[i]->children, relation);
  for (size_t i = 0; i < relation->reads.len; i++)
    facts_unlink(&relation->reads.at[i]->readers, relation);
  for (size_t i = 0; i < relation->rule_uses.len; i++)
    facts_drop_rule(relation->rule_uses.at[i]->table, relation->rule_uses.at[i]->rule);
  for (size_t i = 0; i < relation->constraints.len; i++) {
    struct lint_constraint *constraint = relation->constraints.at[i];
    if (!constraint->dropped)
      facts_count_constraint(f, relation->at.schema, constraint->name, -1);
    constraint->dropped = true;
  }
}

void facts_lose(struct lint_facts *f, const struct lint_lost *lost)
{
  for (size_t i = 0; i < lost->constraints.len; i++) {
    struct lint_constraint *constraint = lost->constraints.at[i];
    if (!constraint->dropped && constraint->relation)
      facts_count_constraint(f, constraint->relation->at.schema, constraint->name, -1);
    constraint->dropped = true;
  }
  for (size_t i = 0; i < lost->columns.len; i++)
    lost->columns.at[i].column->dropped = true;
  for (size_t i = 0; i < lost->relations.len; i++)
    take_out(f, lost->relations.at[i]);
}

void facts_replace(struct lint_facts *f, struct lint_relation *relation)
{
  struct lint_lost lost = {0};
  lose_relation(f, &lost, relation, false);
  facts_lose(f, &lost);
}

static void drop_child(struct lint_facts *f, const struct sql_tree *tree)
{
  struct lint_relation *table = lint_facts_relation(f, tree->name);
  if (tree->object == SQL_OBJECT_POLICY)
    forget_name(&table->policy_names, tree->member);
  else if (tree->object == SQL_OBJECT_RULE)
    facts_drop_rule(table, tree->member);
  table->policies = (int)table->policy_names.len;
  for (size_t i = 0; tree->object == SQL_OBJECT_TRIGGER && i < table->triggers.len; i++)
    if (strcmp(table->triggers.at[i]->name, tree->member) == 0)
      table->triggers.at[i]->dropped = true;
}

/* By CASCADE triggers go with their function. */
static void drop_triggers(const struct lint_facts *f, const char *function)
{
  for (size_t i = 0; i < f->all.len; i++)
    for (size_t j = 0; j < f->all.at[i]->triggers.len; j++) {
      struct lint_trigger *trigger = f->all.at[i]->triggers.at[j];
      if (trigger->function && strcmp(trigger->function, function) == 0)
        trigger->dropped = true;
    }
}

static void forget_schema(struct facts_space *space, const char *schema)
{
  for (size_t i = 0; i < map_len(space->by_key); i++) {
    struct facts_slot *slot = map_value_at(space->by_key, i);
    if (strcmp(slot->schema, schema) != 0)
      continue;
    slot->item = NULL;
    slot->firm = false;
  }
}

void facts_learn_drop(struct lint_facts *f, const struct sql_tree *tree)
{
  struct lint_lost lost;
  lint_facts_lost(f, tree, &lost);
  facts_lose(f, &lost);
  switch (tree->object) {
  case SQL_OBJECT_TYPE:
  case SQL_OBJECT_DOMAIN:
    facts_drop_types(f, tree);
    break;
  case SQL_OBJECT_FUNCTION:
    for (size_t i = 0; tree->cascade && i < tree->names.len; i++)
      drop_triggers(f, tree->names.at[i].name);
    facts_drop_functions(f, tree);
    break;
  case SQL_OBJECT_SCHEMA:
    for (size_t i = 0; i < tree->names.len; i++) {
      forget_schema(&f->types, tree->names.at[i].name);
      forget_schema(&f->routines, tree->names.at[i].name);
      struct facts_schema *schema = map_get(f->schemas, tree->names.at[i].name);
      if (schema)
        schema->dropped = true;
    }
    break;
  case SQL_OBJECT_TRIGGER:
  case SQL_OBJECT_POLICY:
  case SQL_OBJECT_RULE:
    drop_child(f, tree);
    break;
  default:
    break;
  }
}
