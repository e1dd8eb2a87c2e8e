#include "lint/check.h"

static const char *constraint_name(struct lint *lint, const struct sql_constraint *constraint)
{
  return constraint->name ? arena_printf(lint->arena, " %s", constraint->name) : "";
}

static void check_add(struct lint *lint, const struct sql_action *action, struct lint_at at)
{
  const struct sql_constraint *c = action->constraint;
  if (!c)
    return;
  const char *name = constraint_name(lint, c), *table = at.relation->name;
  at.eases = true;
  switch (c->kind) {
  case SQL_CHECK:
    if (!c->not_valid)
      lint_add(lint, "check-not-valid", at, "check%s on %s is added without NOT VALID", name,
               table);
    break;
  case SQL_FOREIGN_KEY:
    if (!c->not_valid)
      lint_add(lint, "foreign-key-not-valid", at,
               "foreign key%s from %s to %s is added without NOT VALID", name, table,
               lint_facts_relation(lint->facts, c->referenced)->name);
    break;
  case SQL_UNIQUE:
    if (!c->using_index)
      lint_add(lint, "unique-constraint-builds-index", at,
               "unique constraint%s on %s builds its index while the table is locked", name, table);
    break;
  case SQL_PRIMARY_KEY:
    if (!c->using_index)
      lint_add(lint, "primary-key-builds-index", at,
               "the primary key%s of %s builds its index while the table is locked", name, table);
    break;
  case SQL_EXCLUDE:
    lint_add(lint, "exclusion-constraint", at,
             "exclusion constraint%s on %s builds its index while the table is locked", name,
             table);
    break;
  default:
    break;
  }
}

/* NOT VALID and VALIDATE in one transaction. */
static void check_validate(struct lint *lint, const struct sql_action *action, struct lint_at at)
{
  const struct lint_constraint *known =
      lint_facts_constraint(lint->facts, at.relation, action->name);
  at.eases = true;
  if (known->added && !known->valid && known->added_at.script == lint->now.script &&
      lint->one_transaction)
    lint_add(lint, "constraint-validate-same-transaction", at,
             "constraint %s of %s is validated in the transaction that added it", action->name,
             at.relation->name);
}

static void check_set_not_null(struct lint *lint, const struct sql_action *action,
                               struct lint_at at)
{
  const struct lint_column *column = lint_facts_column(lint->facts, at.relation, action->name);
  if (column->not_null ||
      lint_facts_proves_not_null(lint->facts, at.relation, action->name, lint->tree))
    return;
  at.eases = true;
  lint_add(lint, "not-null-scan", at,
           "SET NOT NULL on column %s of %s reads every row while the table is locked",
           action->name, at.relation->name);
}

void lint_check_constraint(struct lint *lint)
{
  const struct sql_tree *tree = lint->tree;
  if (tree->kind != SQL_ALTER_TABLE)
    return;
  const struct lint_relation *table = lint_facts_relation(lint->facts, tree->name);
  if (lint_is_new(table))
    return;
  for (size_t i = 0; i < tree->actions.len; i++) {
    const struct sql_action *action = &tree->actions.at[i];
    struct lint_at at = {.range = action->range, .relation = table};
    if (action->kind == SQL_ADD_CONSTRAINT)
      check_add(lint, action, at);
    else if (action->kind == SQL_VALIDATE_CONSTRAINT)
      check_validate(lint, action, at);
    else if (action->kind == SQL_SET_NOT_NULL)
      check_set_not_null(lint, action, at);
    else if (action->kind == SQL_DROP_NOT_NULL)
      lint_add(lint, "drop-not-null", at, "column %s of %s may be NULL from now on", action->name,
               table->name);
  }
}
