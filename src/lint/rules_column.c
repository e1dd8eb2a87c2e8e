#include "lint/check.h"

#define ADD_SLOWLY                                                                                 \
  "Add the column nullable and without the default, set the default, fill old rows in batches."

static const struct lint_rule rules[] = {
    {.id = "add-column-required",
     .severity = LINT_ERROR,
     .summary = "a NOT NULL column is added without a value for old rows",
     .hazard = "It fails as soon as the table holds one row.",
     .lock = LOCK_AX,
     .safe = "Give it a constant default, or add it nullable, fill it, and set NOT NULL later."},
    {.id = "add-column-volatile-default",
     .severity = LINT_ERROR,
     .summary = "a column is added with a default that differs row by row",
     .hazard = "The table and all its indexes are written anew while nobody can read or write it.",
     .lock = LOCK_AX,
     .safe = ADD_SLOWLY},
    {.id = "add-column-serial",
     .severity = LINT_ERROR,
     .summary = "a serial column is added",
     .hazard = "The table and all its indexes are written anew while nobody can read or write it.",
     .lock = LOCK_AX,
     .safe = ADD_SLOWLY},
    {.id = "add-column-identity",
     .severity = LINT_ERROR,
     .summary = "an identity column is added",
     .hazard = "The table and all its indexes are written anew while nobody can read or write it.",
     .lock = LOCK_AX,
     .safe = ADD_SLOWLY},
    {.id = "add-column-generated-stored",
     .severity = LINT_ERROR,
     .summary = "a stored generated column is added",
     .hazard = "The table and all its indexes are written anew while nobody can read or write it.",
     .lock = LOCK_AX,
     .safe = "Add a plain column, keep it filled with a trigger, and fill old rows in batches."},
    {.id = "add-column-unique",
     .severity = LINT_WARNING,
     .summary = "a UNIQUE or PRIMARY KEY column is added",
     .hazard = "Nobody can read or write the table while the index is built.",
     .lock = LOCK_AX,
     .safe =
         "Add the column, build a unique index CONCURRENTLY, then add the constraint USING INDEX."},
    {.id = "add-column-check",
     .severity = LINT_WARNING,
     .summary = "a column is added with a CHECK",
     .hazard = "Nobody can read or write the table while every row is checked, even if the new "
               "column is NULL everywhere.",
     .lock = LOCK_AX,
     .safe = "Add the column, then the CHECK NOT VALID, then VALIDATE CONSTRAINT in another "
             "transaction."},
    {.id = "add-column-foreign-key",
     .severity = LINT_WARNING,
     .summary = "a column is added with a foreign key",
     .hazard = "Both tables are locked, and with a default every row is looked up.",
     .lock = LOCK_AX ", and " LOCK_SRX " on the other table",
     .safe = "Add the column, then the foreign key NOT VALID, then VALIDATE CONSTRAINT in another "
             "transaction."},
};

/* The first function of a default that makes the server write every row: volatile, or not known
 * not to be. */
static const char *rewriting_function(struct lint *lint, const struct sql_expression *value,
                                      enum lint_volatility *ret)
{
  const char *unknown = NULL;
  for (size_t i = 0; i < value->functions.len; i++) {
    struct sql_name function = value->functions.at[i];
    *ret = lint_facts_volatility(lint->facts, function);
    if (*ret == LINT_VOLATILE)
      return function.name;
    if (*ret == LINT_VOLATILITY_UNKNOWN)
      unknown = function.name;
  }
  *ret = LINT_VOLATILITY_UNKNOWN;
  return unknown;
}

static void check_default(struct lint *lint, const struct sql_column *column, struct lint_at at)
{
  enum lint_volatility volatility;
  const char *function = rewriting_function(lint, column->default_value, &volatility);
  if (!function)
    return;
  if (strcmp(function, "nextval") == 0)
    lint_add(lint, "add-column-serial", at,
             "column %s of %s gets its default from a sequence: every row is written", column->name,
             at.relation->name);
  else if (volatility == LINT_VOLATILE)
    lint_add(lint, "add-column-volatile-default", at,
             "column %s of %s has a default that calls %s(): every row is written", column->name,
             at.relation->name, function);
  else
    lint_add(lint, "add-column-volatile-default", at,
             "column %s of %s has a default that calls %s(), which is not known to be stable: "
             "if it is volatile, every row is written",
             column->name, at.relation->name, function);
}

static void check_inline_constraint(struct lint *lint, const struct sql_column *column,
                                    const struct sql_constraint *constraint, struct lint_at at)
{
  const char *table = at.relation->name;
  bool has_value = column->default_value && !column->default_value->is_null;
  switch (constraint->kind) {
  case SQL_UNIQUE:
  case SQL_PRIMARY_KEY:
    lint_add(lint, "add-column-unique", at,
             "column %s of %s is added with a unique index, built while the table is locked",
             column->name, table);
    break;
  case SQL_CHECK:
    lint_add(lint, "add-column-check", at,
             "column %s of %s is added with a CHECK: every row is read while the table is locked",
             column->name, table);
    break;
  case SQL_FOREIGN_KEY:
    at.lower = has_value ? 0 : 1; /* NULL everywhere: nothing to look up, only the locks */
    lint_add(lint, "add-column-foreign-key", at,
             "column %s of %s is added with a foreign key to %s%s", column->name, table,
             lint_facts_relation(lint->facts, constraint->referenced)->name,
             has_value ? ": every row is looked up" : ": both tables are locked");
    break;
  default:
    break;
  }
}

static void check_value(struct lint *lint, const struct sql_column *column, struct lint_at at)
{
  const char *table = at.relation->name;
  bool has_default = column->default_value && !column->default_value->is_null;
  if (column->serial)
    lint_add(lint, "add-column-serial", at, "serial column %s is added to %s: every row is written",
             column->name, table);
  else if (column->generated == SQL_GENERATED_IDENTITY)
    lint_add(lint, "add-column-identity", at,
             "identity column %s is added to %s: every row is written", column->name, table);
  else if (column->generated == SQL_GENERATED_STORED)
    lint_add(lint, "add-column-generated-stored", at,
             "stored generated column %s is added to %s: every row is written", column->name,
             table);
  else if (has_default)
    check_default(lint, column, at);
  else if (column->not_null) {
    at.eases = false;
    lint_add(lint, "add-column-required", at,
             "column %s of %s is NOT NULL without a default: it fails if the table has a row",
             column->name, table);
  }
}

static bool exists_already(struct lint *lint, const struct lint_relation *table,
                           const struct sql_action *action)
{
  if (!action->if_exists || !lint->catalog)
    return false;
  return lint_facts_column(lint->facts, table, action->name)->type != NULL;
}

static void check(struct lint *lint)
{
  const struct sql_tree *tree = lint->tree;
  if (tree->kind != SQL_ALTER_TABLE)
    return;
  const struct lint_relation *table = lint_facts_relation(lint->facts, tree->name);
  for (size_t i = 0; !lint_is_new(table) && i < tree->actions.len; i++) {
    const struct sql_action *action = &tree->actions.at[i];
    struct lint_at at = {.range = action->range, .relation = table, .eases = true};
    if (action->kind != SQL_ADD_COLUMN || !action->column || exists_already(lint, table, action))
      continue;
    check_value(lint, action->column, at);
    for (size_t c = 0; c < action->column->constraints.len; c++)
      check_inline_constraint(lint, action->column, &action->column->constraints.at[c], at);
  }
}

const struct lint_family lint_family_column = {rules, COUNT_OF(rules), .statement = check};
