#include "lint/check.h"

static void check_drop_tables(struct lint *lint)
{
  const struct sql_tree *tree = lint->tree;
  for (size_t i = 0; i < tree->names.len; i++) {
    const struct lint_relation *table = lint_facts_relation(lint->facts, tree->names.at[i]);
    if (lint_is_new(table) || (lint->catalog && tree->if_exists && !table->object))
      continue;
    lint_add(lint, "drop-table", (struct lint_at){.relation = table}, "table %s is dropped",
             table->name);
  }
}

static void check_drop(struct lint *lint)
{
  const struct sql_tree *tree = lint->tree;
  bool is_type = tree->object == SQL_OBJECT_TYPE || tree->object == SQL_OBJECT_DOMAIN;
  if (tree->object == SQL_OBJECT_TABLE)
    check_drop_tables(lint);
  for (size_t i = 0; tree->object == SQL_OBJECT_SCHEMA && i < tree->names.len; i++)
    if (!lint_facts_schema_is_new(lint->facts, tree->names.at[i].name))
      lint_add(lint, "drop-schema", (struct lint_at){0}, "schema %s is dropped",
               tree->names.at[i].name);
  if (tree->cascade && is_type)
    lint_add(lint, "drop-type-cascade", (struct lint_at){0},
             "type %s is dropped with CASCADE: columns of that type are dropped too",
             tree->name.name ? tree->name.name : "");
  else if (tree->cascade)
    lint_add(lint, "drop-cascade", (struct lint_at){0},
             "DROP ... CASCADE also drops what depends on %s",
             tree->name.name ? tree->name.name : "it");
}

static void check_alter(struct lint *lint)
{
  const struct sql_tree *tree = lint->tree;
  const struct lint_relation *table = lint_facts_relation(lint->facts, tree->name);
  for (size_t i = 0; i < tree->actions.len; i++) {
    const struct sql_action *action = &tree->actions.at[i];
    struct lint_at at = {.range = action->range, .relation = table};
    bool drops_column = action->kind == SQL_DROP_COLUMN && tree->object == SQL_OBJECT_TABLE;
    if (drops_column && !lint_is_new(table) &&
        !lint_facts_column(lint->facts, table, action->name)->created)
      lint_add(lint, "drop-column", at, "column %s of %s is dropped", action->name, table->name);
    if (action->cascade)
      lint_add(lint, "drop-cascade", at, "DROP ... CASCADE also drops what depends on %s of %s",
               action->name ? action->name : "it", table->name);
  }
}

static void check_truncate(struct lint *lint)
{
  const struct sql_tree *tree = lint->tree;
  for (size_t i = 0; i < tree->names.len; i++) {
    const struct lint_relation *table = lint_facts_relation(lint->facts, tree->names.at[i]);
    if (lint_is_new(table))
      continue;
    lint_add(lint, "truncate", (struct lint_at){.relation = table}, "table %s is emptied",
             table->name);
    if (tree->cascade)
      lint_add(lint, "truncate-cascade", (struct lint_at){.relation = table},
               "TRUNCATE ... CASCADE also empties every table that refers to %s", table->name);
  }
}

void lint_check_destructive(struct lint *lint)
{
  const struct sql_tree *tree = lint->tree;
  switch (tree->kind) {
  case SQL_DROP:
    check_drop(lint);
    break;
  case SQL_ALTER_TABLE:
    check_alter(lint);
    break;
  case SQL_TRUNCATE:
    check_truncate(lint);
    break;
  case SQL_DROP_DATABASE:
    lint_add(lint, "drop-database", (struct lint_at){0}, "database %s is dropped",
             tree->name.name ? tree->name.name : "");
    break;
  case SQL_DROP_OWNED:
    lint_add(lint, "drop-owned", (struct lint_at){0}, "everything that the role owns is dropped");
    break;
  default:
    break;
  }
}
