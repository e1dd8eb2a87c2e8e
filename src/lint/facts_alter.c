#include "lint/facts_private.h"

/* ALTER TABLE, RENAME, SET SCHEMA. */

/* ---- columns ---- */

static void alter_type(struct lint_facts *f, struct lint_relation *table,
                       const struct sql_action *action)
{
  struct lint_column *column = lint_facts_column(f, table, action->name);
  column->type = facts_type_of(f, action->type);
  column->collation = action->collation;
  for (size_t i = 0; i < table->children.len; i++)
    alter_type(f, table->children.at[i], action);
}

static void set_not_null(struct lint_facts *f, struct lint_relation *table, const char *name,
                         bool not_null)
{
  lint_facts_column(f, table, name)->not_null = not_null;
  for (size_t i = 0; i < table->children.len; i++)
    set_not_null(f, table->children.at[i], name, not_null);
}

static void set_default(struct lint_facts *f, struct lint_relation *table,
                        const struct sql_action *action)
{
  struct lint_column *column = lint_facts_column(f, table, action->name);
  column->has_default = action->kind == SQL_SET_DEFAULT;
  column->sequence = NULL;
  facts_default_sequence(f, column, action->value);
  for (size_t i = 0; i < table->children.len; i++)
    set_default(f, table->children.at[i], action);
}

static void drop_sequence_of(struct lint_facts *f, struct lint_relation *table, const char *column)
{
  struct lint_lost lost = {0};
  for (size_t i = 0; i < table->sequences.len; i++)
    if (strcmp(table->sequences.at[i]->owned_by_column, column) == 0)
      vec_push(f->arena, &lost.relations, table->sequences.at[i]);
  facts_lose(f, &lost);
}

static void alter_identity(struct lint_facts *f, struct lint_relation *table,
                           const struct sql_action *action)
{
  struct lint_column *column = lint_facts_column(f, table, action->name);
  if (action->kind == SQL_ADD_IDENTITY) {
    column->generated = SQL_GENERATED_IDENTITY;
    facts_make_sequence(f, table, column->name, column->type ? column->type->text : NULL);
  } else if (action->kind == SQL_DROP_IDENTITY) {
    column->generated = SQL_NOT_GENERATED;
    column->sequence = NULL;
    drop_sequence_of(f, table, column->name);
  } else { /* DROP EXPRESSION */
    column->generated = SQL_NOT_GENERATED;
    column->generated_from = (struct strings){0};
  }
}

static void alter_column(struct lint_facts *f, struct lint_relation *table,
                         const struct sql_action *action)
{
  const struct lint_column *known = facts_find_column(table, action->name);
  switch (action->kind) {
  case SQL_ADD_COLUMN:
    if (!action->if_exists || !known || known->dropped)
      facts_add_column(f, table, action->column, false);
    break;
  case SQL_ALTER_TYPE:
    alter_type(f, table, action);
    break;
  case SQL_SET_NOT_NULL:
  case SQL_DROP_NOT_NULL:
    set_not_null(f, table, action->name, action->kind == SQL_SET_NOT_NULL);
    break;
  case SQL_SET_DEFAULT:
  case SQL_DROP_DEFAULT:
    set_default(f, table, action);
    break;
  default:
    alter_identity(f, table, action);
  }
}

/* ---- constraints ---- */

static void validate(struct lint_facts *f, struct lint_relation *table, const char *name)
{
  struct lint_constraint *constraint = lint_facts_constraint(f, table, name);
  constraint->valid = true;
  if (constraint->kind == SQL_NOT_NULL && constraint->not_null_column)
    lint_facts_column(f, table, constraint->not_null_column)->not_null = true;
  for (size_t i = 0; i < table->children.len; i++)
    if (facts_find_constraint(table->children.at[i], name))
      validate(f, table->children.at[i], name);
}

/* Of a table, or of an index to that of the partitioned table. */
static void attach(struct lint_facts *f, struct lint_relation *parent,
                   const struct sql_action *action)
{
  struct lint_relation *part = lint_facts_relation(f, action->partition);
  if (parent->kind == LINT_INDEX)
    facts_attach_index(parent, part, f);
  else
    facts_become_partition(f, part, parent, action->bound);
}

/* ---- the table itself ---- */

void facts_cluster_on(struct lint_relation *table, const char *index)
{
  for (size_t i = 0; i < table->indexes.len; i++)
    table->indexes.at[i]->clustered = index && strcmp(table->indexes.at[i]->at.name, index) == 0;
}

static void set_persistence(struct lint_relation *table, char persistence)
{
  table->persistence = persistence;
  for (size_t i = 0; i < table->indexes.len; i++)
    table->indexes.at[i]->persistence = persistence;
  for (size_t i = 0; i < table->sequences.len; i++)
    table->sequences.at[i]->persistence = facts_sequence_persistence(table);
}

static void set_properties(struct lint_relation *table, const struct sql_action *action)
{
  const char *text = action->text;
  switch (action->kind) {
  case SQL_SET_TABLESPACE:
    table->tablespace = text && strcmp(text, "pg_default") != 0 ? text : NULL;
    break;
  case SQL_SET_ACCESS_METHOD:
    table->access_method = text && strcmp(text, "heap") != 0 ? text : NULL;
    break;
  case SQL_CHANGE_OWNER:
    table->owner = text;
    break;
  case SQL_REPLICA_IDENTITY:
    table->replica_identity = text && strcmp(text, "DEFAULT") != 0 ? text : NULL;
    break;
  case SQL_SET_LOGGED:
  case SQL_SET_UNLOGGED:
    set_persistence(table, action->kind == SQL_SET_LOGGED ? 'p' : 'u');
    break;
  case SQL_ENABLE_ROW_SECURITY:
  case SQL_DISABLE_ROW_SECURITY:
    table->row_security = action->kind == SQL_ENABLE_ROW_SECURITY;
    break;
  case SQL_FORCE_ROW_SECURITY:
  case SQL_NO_FORCE_ROW_SECURITY:
    table->force_row_security = action->kind == SQL_FORCE_ROW_SECURITY;
    break;
  default:
    break;
  }
}

static void alter_parents(struct lint_facts *f, struct lint_relation *table,
                          const struct sql_action *action)
{
  struct lint_relation *other = lint_facts_relation(f, action->partition);
  switch (action->kind) {
  case SQL_ATTACH_PARTITION:
    attach(f, table, action);
    break;
  case SQL_DETACH_PARTITION:
    if (other->parent == table)
      facts_leave_parent(other);
    break;
  case SQL_ADD_INHERIT:
    facts_inherit(f, table, other);
    break;
  default:
    facts_disinherit(table, other);
  }
}

static void learn_action(struct lint_facts *f, struct lint_relation *table,
                         const struct sql_action *action)
{
  switch (action->kind) {
  case SQL_ADD_COLUMN:
  case SQL_ALTER_TYPE:
  case SQL_SET_NOT_NULL:
  case SQL_DROP_NOT_NULL:
  case SQL_SET_DEFAULT:
  case SQL_DROP_DEFAULT:
  case SQL_ADD_IDENTITY:
  case SQL_DROP_IDENTITY:
  case SQL_DROP_EXPRESSION:
    alter_column(f, table, action);
    break;
  case SQL_ADD_CONSTRAINT:
    if (action->constraint)
      facts_add_constraint(f, table, action->constraint, NULL, false);
    break;
  case SQL_VALIDATE_CONSTRAINT:
    validate(f, table, action->name);
    break;
  case SQL_ATTACH_PARTITION:
  case SQL_DETACH_PARTITION:
  case SQL_ADD_INHERIT:
  case SQL_DROP_INHERIT:
    alter_parents(f, table, action);
    break;
  case SQL_ADD_OF:
  case SQL_DROP_OF:
    table->of_type = action->kind == SQL_ADD_OF && action->of_type.name
                         ? lint_facts_relation(f, action->of_type)
                         : NULL;
    break;
  case SQL_CLUSTER_ON:
  case SQL_SET_WITHOUT_CLUSTER:
    facts_cluster_on(table, action->kind == SQL_CLUSTER_ON ? action->name : NULL);
    break;
  default:
    set_properties(table, action);
  }
}

/* What is dropped goes first, as on the server. */
void facts_learn_alter(struct lint_facts *f, const struct sql_tree *tree)
{
  struct lint_relation *table = lint_facts_relation(f, tree->name);
  struct lint_lost lost;
  table->altered = true;
  table->altered_at = f->now;
  lint_facts_lost(f, tree, &lost);
  facts_lose(f, &lost);
  for (size_t i = 0; i < tree->actions.len; i++)
    if (tree->actions.at[i].kind != SQL_DROP_COLUMN &&
        tree->actions.at[i].kind != SQL_DROP_CONSTRAINT)
      learn_action(f, table, &tree->actions.at[i]);
}

/* ---- RENAME ---- */

static void rename_in_constraint(struct lint_constraint *constraint, const char *from,
                                 const char *to)
{
  facts_strings_rename(&constraint->columns, from, to);
  facts_strings_rename(&constraint->proves_not_null, from, to);
  if (constraint->not_null_column && strcmp(constraint->not_null_column, from) == 0)
    constraint->not_null_column = to;
}

static void rename_in_index(struct lint_facts *f, struct lint_relation *index, const char *from,
                            const char *to)
{
  facts_strings_rename(&index->index_columns, from, to);
  facts_strings_rename(&index->index_uses, from, to);
  facts_strings_rename(&index->expression_columns, from, to);
  facts_strings_rename(&index->index_include, from, to);
  struct sql_keys keys = {0};
  for (size_t i = 0; i < index->index_keys.len; i++) {
    struct sql_key *key = vec_add(f->arena, &keys);
    *key = index->index_keys.at[i];
    if (key->column && strcmp(key->column, from) == 0)
      key->column = to;
  }
  index->index_keys = keys;
}

static void rename_column(struct lint_facts *f, struct lint_relation *table, const char *from,
                          const char *to)
{
  struct lint_column *column = lint_facts_column(f, table, from);
  column->name = to;
  for (size_t i = 0; i < table->columns.len; i++)
    facts_strings_rename(&table->columns.at[i]->generated_from, from, to);
  for (size_t i = 0; i < table->constraints.len; i++)
    rename_in_constraint(table->constraints.at[i], from, to);
  for (size_t i = 0; i < table->referencing.len; i++)
    facts_strings_rename(&table->referencing.at[i]->referenced_columns, from, to);
  for (size_t i = 0; i < table->indexes.len; i++)
    rename_in_index(f, table->indexes.at[i], from, to);
  for (size_t i = 0; i < table->triggers.len; i++)
    facts_strings_rename(&table->triggers.at[i]->columns, from, to);
  for (size_t i = 0; i < table->sequences.len; i++)
    if (strcmp(table->sequences.at[i]->owned_by_column, from) == 0)
      table->sequences.at[i]->owned_by_column = to;
  for (size_t i = 0; i < table->readers.len; i++)
    if (facts_strings_hold(&table->readers.at[i]->read_columns, from))
      facts_strings_add(f, &table->readers.at[i]->read_columns, to);
  facts_strings_rename(&table->partition_key, from, to);
  for (size_t i = 0; i < table->children.len; i++)
    rename_column(f, table->children.at[i], from, to);
}

static void rename_constraint(struct lint_facts *f, struct lint_relation *table, const char *from,
                              const char *to)
{
  struct lint_constraint *constraint = lint_facts_constraint(f, table, from);
  facts_count_constraint(f, table->at.schema, from, -1);
  facts_count_constraint(f, table->at.schema, to, 1);
  constraint->name = to;
  if (constraint->index)
    facts_move(f, constraint->index, constraint->index->at.schema, to);
  for (size_t i = 0; i < table->children.len; i++) {
    const struct lint_constraint *own = facts_find_constraint(table->children.at[i], from);
    if (own && own->inherited && !own->index)
      rename_constraint(f, table->children.at[i], from, to);
  }
}

static void rename_relation(struct lint_facts *f, struct lint_relation *relation, const char *to)
{
  struct lint_constraint *constraint = relation->constraint;
  facts_move(f, relation, relation->at.schema, to);
  if (!constraint)
    return;
  facts_count_constraint(f, relation->at.schema, constraint->name, -1);
  facts_count_constraint(f, relation->at.schema, to, 1);
  constraint->name = to;
}

static void set_schema(struct lint_facts *f, struct lint_relation *relation, const char *schema)
{
  facts_move(f, relation, schema, relation->at.name);
  for (size_t i = 0; i < relation->indexes.len; i++)
    facts_move(f, relation->indexes.at[i], schema, relation->indexes.at[i]->at.name);
  for (size_t i = 0; i < relation->sequences.len; i++)
    facts_move(f, relation->sequences.at[i], schema, relation->sequences.at[i]->at.name);
}

static void rename_space(struct lint_facts *f, struct facts_space *space, const char *from,
                         const char *to)
{
  size_t count = map_len(space->by_key); /* those that are added are at their place */
  for (size_t i = 0; i < count; i++) {
    struct facts_slot *slot = map_value_at(space->by_key, i);
    if (!slot->item || strcmp(slot->schema, from) != 0)
      continue;
    const char *name = strchr(map_key_at(space->by_key, i), '\n') + 1;
    struct facts_slot *moved =
        facts_slot_at(f, space, (struct sql_name){.schema = to, .name = name});
    moved->item = slot->item;
    moved->firm = slot->firm;
    slot->item = NULL;
    slot->firm = false;
  }
}

static void rename_schema(struct lint_facts *f, const char *from, const char *to)
{
  for (size_t i = 0; i < f->all.len; i++)
    if (strcmp(f->all.at[i]->at.schema, from) == 0 && facts_is_there(f->all.at[i]))
      facts_move(f, f->all.at[i], to, f->all.at[i]->at.name);
  for (size_t i = 0; i < map_len(f->types.by_key); i++) {
    const struct facts_slot *slot = map_value_at(f->types.by_key, i);
    const struct facts_type *type = slot->item;
    if (!type || strcmp(type->at.schema, from) != 0)
      continue;
    const struct sql_tree move = {.kind = SQL_SET_SCHEMA, .name = type->at, .new_name = to};
    facts_rename_type(f, &move);
  }
  rename_space(f, &f->routines, from, to);
  struct facts_schema *schema = map_get(f->schemas, from);
  if (!schema)
    return;
  struct facts_schema *renamed = ARENA_NEW(f->arena, struct facts_schema);
  *renamed = *schema;
  map_put(f->schemas, to, renamed);
  schema->dropped = true;
}

static void rename_trigger(struct lint_relation *table, const char *from, const char *to)
{
  for (size_t i = 0; i < table->triggers.len; i++)
    if (strcmp(table->triggers.at[i]->name, from) == 0)
      table->triggers.at[i]->name = to;
}

void facts_learn_rename(struct lint_facts *f, const struct sql_tree *tree)
{
  bool moves = tree->kind == SQL_SET_SCHEMA;
  struct lint_relation *relation = NULL;
  switch (tree->object) {
  case SQL_OBJECT_SCHEMA:
    rename_schema(f, tree->name.name, tree->new_name);
    return;
  case SQL_OBJECT_TYPE:
    if (tree->member)
      facts_rename_label(f, tree);
    else
      facts_rename_type(f, tree);
    return;
  case SQL_OBJECT_DOMAIN:
  case SQL_OBJECT_DOMAIN_CONSTRAINT:
    facts_rename_type(f, tree);
    return;
  case SQL_OBJECT_FUNCTION:
    facts_rename_function(f, tree);
    return;
  case SQL_OBJECT_TABLE:
  case SQL_OBJECT_FOREIGN_TABLE:
  case SQL_OBJECT_VIEW:
  case SQL_OBJECT_MATVIEW:
  case SQL_OBJECT_INDEX:
  case SQL_OBJECT_SEQUENCE:
    relation = lint_facts_relation(f, tree->name);
    if (moves)
      set_schema(f, relation, tree->new_name);
    else
      rename_relation(f, relation, tree->new_name);
    return;
  case SQL_OBJECT_COLUMN:
  case SQL_OBJECT_ATTRIBUTE:
    rename_column(f, lint_facts_relation(f, tree->name), tree->member, tree->new_name);
    return;
  case SQL_OBJECT_CONSTRAINT:
    rename_constraint(f, lint_facts_relation(f, tree->name), tree->member, tree->new_name);
    return;
  case SQL_OBJECT_TRIGGER:
    rename_trigger(lint_facts_relation(f, tree->name), tree->member, tree->new_name);
    return;
  case SQL_OBJECT_RULE:
    facts_rename_rule(lint_facts_relation(f, tree->name), tree->member, tree->new_name);
    return;
  case SQL_OBJECT_POLICY:
    relation = lint_facts_relation(f, tree->name);
    facts_strings_rename(&relation->policy_names, tree->member, tree->new_name);
    return;
  default:
    return;
  }
}
