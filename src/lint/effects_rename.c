#include "lint/effects_private.h"

/* RENAME, SET SCHEMA. */

static void check_column(struct effecting *e, const struct lint_relation *table)
{
  const char *old = e->tree->member, *new = e->tree->new_name;
  bool found = !table->complete;
  for (size_t i = 0; i < table->columns.len; i++) {
    const struct lint_column *column = table->columns.at[i];
    if (column->dropped)
      continue;
    found = found || strcmp(column->name, old) == 0;
    if (strcmp(column->name, new) == 0)
      effect_fail_name(e, "column \"%s\" of relation \"%s\" already exists", new, table->at.name);
    if (column->inherited && strcmp(column->name, old) == 0)
      effect_fail(e, "cannot rename inherited column \"%s\"", old);
  }
  if (!found)
    effect_fail_name(e, "column \"%s\" does not exist", old);
}

static void rename_column(struct effecting *e, struct lint_relation *table)
{
  check_column(e, table);
  struct lint_relations family = effect_family(e, table);
  if (e->tree->name.only && family.len > 1)
    effect_fail(e, "inherited column \"%s\" must be renamed in child tables too", e->tree->member);
  if (table->of_type)
    effect_fail(e, "cannot rename column of typed table");
  for (size_t i = 0; i < family.len; i++)
    effect_lock(e, family.at[i], LINT_ACCESS_EXCLUSIVE);
  if (table->kind == LINT_UNKNOWN_RELATION)
    effect_unknown(e, "%s is not known: it may have partitions or children", table->name);
}

static void rename_constraint(struct effecting *e, struct lint_relation *table)
{
  const struct lint_constraint *found = NULL;
  for (size_t i = 0; i < table->constraints.len; i++)
    if (!table->constraints.at[i]->dropped && table->constraints.at[i]->name &&
        strcmp(table->constraints.at[i]->name, e->tree->member) == 0)
      found = table->constraints.at[i];
  effect_lock(e, table, LINT_ACCESS_EXCLUSIVE);
  effect_need_part(e, table, SQL_OBJECT_CONSTRAINT, e->tree->member);
  if (!found)
    return;
  for (size_t i = 0; i < table->constraints.len; i++)
    if (!table->constraints.at[i]->dropped && table->constraints.at[i]->name &&
        strcmp(table->constraints.at[i]->name, e->tree->new_name) == 0)
      effect_fail_name(e, "constraint \"%s\" for relation \"%s\" already exists", e->tree->new_name,
                       table->at.name);
  effect_lock(e, found->index, LINT_SHARE_UPDATE_EXCLUSIVE);
  if (found->kind != SQL_CHECK || found->no_inherit)
    return;
  struct lint_relations family = effect_family(e, table);
  for (size_t i = 0; i < family.len; i++)
    effect_lock(e, family.at[i], LINT_ACCESS_EXCLUSIVE);
}

static void check_free(struct effecting *e, struct sql_name name)
{
  const struct lint_relation *other = lint_facts_relation(e->facts, name);
  if (other->kind != LINT_UNKNOWN_RELATION && !other->dropped)
    effect_fail_name(e, "relation \"%s\" already exists", name.name);
}

static void rename_relation(struct effecting *e, struct lint_relation *relation)
{
  bool index = e->tree->object == SQL_OBJECT_INDEX;
  effect_lock(e, relation, index ? LINT_SHARE_UPDATE_EXCLUSIVE : LINT_ACCESS_EXCLUSIVE);
  if (e->tree->new_name)
    check_free(e, (struct sql_name){.schema = relation->at.schema, .name = e->tree->new_name});
}

static bool is_relation(enum sql_object object)
{
  switch (object) {
  case SQL_OBJECT_TABLE:
  case SQL_OBJECT_FOREIGN_TABLE:
  case SQL_OBJECT_INDEX:
  case SQL_OBJECT_VIEW:
  case SQL_OBJECT_MATVIEW:
  case SQL_OBJECT_SEQUENCE:
  case SQL_OBJECT_COLUMN:
  case SQL_OBJECT_CONSTRAINT:
  case SQL_OBJECT_TRIGGER:
  case SQL_OBJECT_POLICY:
  case SQL_OBJECT_RULE:
    return true;
  default:
    return false;
  }
}

/* A composite type is a relation of its own; typed tables go along. */
static void change_type(struct effecting *e)
{
  struct lint_relation *type = lint_facts_relation(e->facts, e->tree->name);
  bool attribute = e->tree->object == SQL_OBJECT_ATTRIBUTE;
  if (e->tree->object != SQL_OBJECT_TYPE && !attribute)
    return;
  if (e->tree->kind == SQL_RENAME && (type->kind == LINT_COMPOSITE || attribute))
    effect_lock(e, type, LINT_ACCESS_EXCLUSIVE);
  if (attribute)
    effects_alter_composite(e, type);
}

static void rename_part(struct effecting *e, struct lint_relation *table)
{
  effect_lock(e, table, LINT_ACCESS_EXCLUSIVE);
  effect_need_part(e, table, e->tree->object, e->tree->member);
  if (table->complete && !effect_lacks_part(e, table, e->tree->object, e->tree->new_name))
    effect_fail_name(e, "%s \"%s\" for %s \"%s\" already exists",
                     e->tree->object == SQL_OBJECT_TRIGGER  ? "trigger"
                     : e->tree->object == SQL_OBJECT_POLICY ? "policy"
                                                            : "rule",
                     e->tree->new_name, e->tree->object == SQL_OBJECT_POLICY ? "table" : "relation",
                     table->at.name);
}

static void set_schema(struct effecting *e, struct lint_relation *relation)
{
  effect_lock(e, relation, LINT_ACCESS_EXCLUSIVE);
  for (size_t i = 0; i < relation->sequences.len; i++)
    effect_lock(e, relation->sequences.at[i], LINT_ACCESS_EXCLUSIVE);
  check_free(e, (struct sql_name){.schema = e->tree->new_name, .name = relation->at.name});
}

void effects_rename(struct effecting *e)
{
  const struct sql_tree *tree = e->tree;
  if (!is_relation(tree->object)) {
    change_type(e);
    return;
  }
  struct lint_relation *relation = effect_find(e, tree->name, tree->if_exists);
  if (!relation)
    return;
  if (tree->kind == SQL_SET_SCHEMA)
    set_schema(e, relation);
  else if (tree->object == SQL_OBJECT_COLUMN)
    rename_column(e, relation);
  else if (tree->object == SQL_OBJECT_CONSTRAINT)
    rename_constraint(e, relation);
  else if (tree->object == SQL_OBJECT_TRIGGER || tree->object == SQL_OBJECT_POLICY ||
           tree->object == SQL_OBJECT_RULE)
    rename_part(e, relation);
  else
    rename_relation(e, relation);
}
