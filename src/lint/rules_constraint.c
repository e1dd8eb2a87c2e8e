#include "lint/check.h"

static const struct lint_rule rules[] = {
    {.id = "not-null-scan",
     .severity = LINT_WARNING,
     .summary = "SET NOT NULL reads the whole table",
     .hazard = "Nobody can read or write the table while every row is checked.",
     .lock = LOCK_AX,
     .safe = "Add CHECK (column IS NOT NULL) NOT VALID, VALIDATE it in another transaction, then "
             "SET NOT NULL and drop the check."},
    {.id = "drop-not-null",
     .severity = LINT_INFO,
     .summary = "a column may be NULL from now on",
     .hazard = "Code that reads the column may meet NULL where it never did.",
     .lock = LOCK_AX,
     .safe = "Make sure that every reader copes with NULL before this is deployed."},
    {.id = "check-not-valid",
     .severity = LINT_WARNING,
     .summary = "a CHECK constraint is added and checked at once",
     .hazard = "Nobody can read or write the table while every row is checked.",
     .lock = LOCK_AX,
     .safe = "Add it NOT VALID, then VALIDATE CONSTRAINT in another transaction."},
    {.id = "foreign-key-not-valid",
     .severity = LINT_WARNING,
     .summary = "a foreign key is added and checked at once",
     .hazard = "Writes to both tables wait while every row is looked up.",
     .lock = LOCK_SRX " on both tables",
     .safe = "Add it NOT VALID, then VALIDATE CONSTRAINT in another transaction."},
    {.id = "unique-constraint-builds-index",
     .severity = LINT_WARNING,
     .summary = "a UNIQUE constraint builds its index under the lock",
     .hazard = "Nobody can read or write the table while the index is built.",
     .lock = LOCK_AX,
     .safe = "Build a unique index CONCURRENTLY, then ADD CONSTRAINT ... UNIQUE USING INDEX."},
    {.id = "primary-key-builds-index",
     .severity = LINT_WARNING,
     .summary = "a primary key builds its index under the lock",
     .hazard = "Nobody can read or write the table while the index is built and the columns are "
               "checked for NULL.",
     .lock = LOCK_AX,
     .safe = "Build a unique index CONCURRENTLY on NOT NULL columns, then ADD PRIMARY KEY USING "
             "INDEX."},
    {.id = "exclusion-constraint",
     .severity = LINT_WARNING,
     .summary = "an exclusion constraint builds its index under the lock",
     .hazard =
         "Nobody can read or write the table while the index is built and every row is compared.",
     .lock = LOCK_AX,
     .safe =
         "There is no online way: do it in a quiet hour with a lock_timeout, or on a new table."},
    {.id = "constraint-validate-same-transaction",
     .severity = LINT_WARNING,
     .summary = "a constraint is validated in the transaction that added it",
     .hazard =
         "The strong lock of the ADD is held through the whole check: NOT VALID gains nothing.",
     .lock = LOCK_AX,
     .safe = "VALIDATE CONSTRAINT in a later file."},
};

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

static void check(struct lint *lint)
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

const struct lint_family lint_family_constraint = {rules, COUNT_OF(rules), .statement = check};
