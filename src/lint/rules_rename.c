#include "lint/check.h"

static const struct lint_rule rules[] = {
    {.id = "rename-column",
     .severity = LINT_WARNING,
     .summary = "a column is renamed",
     .hazard = "A running application that uses the old name fails at once.",
     .lock = LOCK_AX,
     .safe = "Add a column with the new name, write both for one release, then drop the old one."},
    {.id = "rename-table",
     .severity = LINT_WARNING,
     .summary = "a table or view is renamed",
     .hazard = "A running application that uses the old name fails at once.",
     .lock = LOCK_AX,
     .safe = "Leave a view with the old name in the same transaction until nobody uses it."},
    {.id = "rename-schema",
     .severity = LINT_WARNING,
     .summary = "a schema is renamed",
     .hazard = "Every qualified name and search_path that mentions it fails at once.",
     .lock = LOCK_AX,
     .safe = "Make the new schema and move one object after another behind views."},
    {.id = "set-schema",
     .severity = LINT_WARNING,
     .summary = "an object moves to another schema",
     .hazard = "Qualified names of it fail at once, unqualified ones depend on search_path.",
     .lock = LOCK_AX,
     .safe = "Leave a view with the old name in the same transaction until nobody uses it."},
};

static bool is_relation(enum sql_object object)
{
  return object == SQL_OBJECT_TABLE || object == SQL_OBJECT_VIEW || object == SQL_OBJECT_MATVIEW ||
         object == SQL_OBJECT_FOREIGN_TABLE;
}

static void check_rename(struct lint *lint)
{
  const struct sql_tree *tree = lint->tree;
  if (tree->object == SQL_OBJECT_SCHEMA) {
    if (!lint_facts_schema_is_new(lint->facts, tree->name.name))
      lint_add(lint, "rename-schema", (struct lint_at){0}, "schema %s is renamed to %s",
               tree->name.name, tree->new_name);
    return;
  }
  if (tree->object == SQL_OBJECT_TYPE && tree->member) {
    if (!lint_facts_enum(lint->facts, tree->name)->created)
      lint_add(lint, "rename-enum-value", (struct lint_at){0},
               "value '%s' of enum %s is renamed to '%s'", tree->member, tree->name.name,
               tree->new_name);
    return;
  }
  if (tree->object != SQL_OBJECT_COLUMN && !is_relation(tree->object))
    return;
  const struct lint_relation *table = lint_facts_relation(lint->facts, tree->name);
  struct lint_at at = {.relation = table};
  if (lint_is_new(table))
    return;
  if (is_relation(tree->object))
    lint_add(lint, "rename-table", at, "%s is renamed to %s", table->name, tree->new_name);
  else if (!lint_facts_column(lint->facts, table, tree->member)->created)
    lint_add(lint, "rename-column", at, "column %s of %s is renamed to %s", tree->member,
             table->name, tree->new_name);
}

static void check_set_schema(struct lint *lint)
{
  const struct sql_tree *tree = lint->tree;
  struct lint_at at = {0};
  if (is_relation(tree->object)) {
    at.relation = lint_facts_relation(lint->facts, tree->name);
    if (lint_is_new(at.relation))
      return;
  }
  lint_add(lint, "set-schema", at, "%s moves to schema %s",
           at.relation ? at.relation->name : tree->name.name, tree->new_name);
}

static void check(struct lint *lint)
{
  if (lint->tree->kind == SQL_RENAME)
    check_rename(lint);
  else if (lint->tree->kind == SQL_SET_SCHEMA)
    check_set_schema(lint);
}

const struct lint_family lint_family_rename = {rules, COUNT_OF(rules), .statement = check};
