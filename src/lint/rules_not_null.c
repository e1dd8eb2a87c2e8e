#include "lint/check.h"

static const struct lint_rule rules[] = {
    {.id = "not-null-scan",
     .severity = LINT_WARNING,
     .summary = "SET NOT NULL reads the whole table",
     .hazard = "Nobody can read or write the table while every row is checked.",
     .lock = LOCK_AX,
     .safe = "Add CHECK (column IS NOT NULL) NOT VALID, VALIDATE it in another transaction, then "
             "SET NOT NULL and drop the check."},
    {.id = "not-null-drops-its-proof",
     .severity = LINT_WARNING,
     .summary = "SET NOT NULL stands beside the DROP of the check that proves it",
     .hazard = "The check is dropped first: the whole table is read, and nobody can use it.",
     .lock = LOCK_AX,
     .safe = "Drop the check in a statement of its own, behind SET NOT NULL."},
    {.id = "not-null-promote-unvalidated",
     .severity = LINT_WARNING,
     .summary = "SET NOT NULL where a NOT NULL constraint only has to be validated",
     .hazard = "Nobody can read or write the table while every row is checked; VALIDATE CONSTRAINT "
               "checks the same and lets reads and writes go on.",
     .lock = LOCK_AX,
     .safe = "Use VALIDATE CONSTRAINT with the name of the NOT NULL constraint.",
     .needs = LINT_NEEDS_CATALOG,
     .since = 18},
    {.id = "not-null-native-not-valid",
     .severity = LINT_INFO,
     .summary = "a CHECK prepares a NOT NULL that the server can add NOT VALID itself",
     .hazard = "None: it takes two migrations more than needed.",
     .safe = "ADD CONSTRAINT name NOT NULL column NOT VALID, then VALIDATE CONSTRAINT in another "
             "transaction.",
     .since = 18},
    {.id = "drop-not-null",
     .severity = LINT_INFO,
     .summary = "a column may be NULL from now on",
     .hazard = "Code that reads the column may meet NULL where it never did.",
     .lock = LOCK_AX,
     .safe = "Make sure that every reader copes with NULL before this is deployed."},
};

/* A NOT NULL constraint of 18 that was added NOT VALID. */
static const char *unvalidated(const struct lint_relation *table, const char *column)
{
  for (size_t i = 0; i < table->constraints.len; i++) {
    const struct lint_constraint *c = table->constraints.at[i];
    if (c->kind == SQL_NOT_NULL && !c->valid && !c->dropped && c->not_null_column &&
        strcmp(c->not_null_column, column) == 0)
      return c->name ? c->name : "";
  }
  return NULL;
}

static void check_set(struct lint *lint, const char *column, struct lint_at at)
{
  static const struct sql_tree nothing = {0};
  const char *table = at.relation->name;
  const char *waiting = unvalidated(at.relation, column);
  at.eases = true;
  if (lint_facts_column(lint->facts, at.relation, column)->not_null ||
      lint_facts_proves_not_null(lint->facts, at.relation, column, lint->tree))
    return;
  if (lint_facts_proves_not_null(lint->facts, at.relation, column, &nothing))
    lint_add(lint, "not-null-drops-its-proof", at,
             "SET NOT NULL on column %s of %s reads every row, because the check that proves it is "
             "dropped in the same statement",
             column, table);
  else if (waiting)
    lint_add(lint, "not-null-promote-unvalidated", at,
             "SET NOT NULL on column %s of %s reads every row while the table is locked; "
             "VALIDATE CONSTRAINT %s would not lock it",
             column, table, waiting);
  else
    lint_add(lint, "not-null-scan", at,
             "NOT NULL on column %s of %s reads every row while the table is locked", column,
             table);
}

static void check_add(struct lint *lint, const struct sql_constraint *c, struct lint_at at)
{
  bool checks_rows = c->kind == SQL_NOT_NULL && !c->not_valid && !c->not_enforced;
  if (checks_rows && c->columns.len > 0)
    check_set(lint, c->columns.at[0], at);
  if (c->kind == SQL_CHECK && c->not_valid && c->check.not_null_column &&
      lint_facts_major(lint->facts) >= 18)
    lint_add(lint, "not-null-native-not-valid", at,
             "column %s of %s can be made NOT NULL without a check: ADD CONSTRAINT ... NOT NULL %s "
             "NOT VALID",
             c->check.not_null_column, at.relation->name, c->check.not_null_column);
}

static void check_action(struct lint *lint, const struct sql_action *action, struct lint_at at)
{
  if (action->kind == SQL_SET_NOT_NULL)
    check_set(lint, action->name, at);
  else if (action->kind == SQL_ADD_CONSTRAINT && action->constraint)
    check_add(lint, action->constraint, at);
  else if (action->kind == SQL_DROP_NOT_NULL)
    lint_add(lint, "drop-not-null", at, "column %s of %s may be NULL from now on", action->name,
             at.relation->name);
}

const struct lint_family lint_family_not_null = {rules, COUNT_OF(rules), .action = check_action};
