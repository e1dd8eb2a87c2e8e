#include "lint/questions.h"

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
    {.id = "add-column-constrained-domain",
     .severity = LINT_ERROR,
     .summary = "a column of a domain with constraints is added",
     .hazard = "The table and all its indexes are written anew while nobody can read or write it, "
               "even if the new column is NULL everywhere.",
     .lock = LOCK_AX,
     .safe =
         "Add the column with the domain's base type, then its constraints as a CHECK NOT VALID, "
         "then VALIDATE CONSTRAINT in another transaction."},
    {.id = "default-change-app-cache",
     .severity = LINT_INFO,
     .summary = "the default of a column is changed",
     .hazard = "A running application may have read the old default and go on writing it.",
     .lock = LOCK_AX,
     .safe = "Let the application write the value itself before the default changes."},
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

enum { DOMAIN_DEPTH_MAX = 32 };

/* The default of a column that names none: that of its domain, or of the one below. */
static const struct sql_expression *domain_default(struct lint *lint, const struct sql_type *type)
{
  for (int depth = 0; depth < DOMAIN_DEPTH_MAX && type->array_dimensions == 0; depth++) {
    const struct lint_domain *domain = lint_facts_domain(lint->facts, type->name);
    if (!domain || domain->default_value)
      return domain ? domain->default_value : NULL;
    type = &domain->base;
  }
  return NULL;
}

static void check_default(struct lint *lint, const struct sql_column *column,
                          const struct sql_expression *value, struct lint_at at)
{
  enum lint_volatility volatility;
  const char *function = rewriting_function(lint, value, &volatility);
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
  const struct sql_expression *value =
      column->default_value ? column->default_value : domain_default(lint, &column->type);
  bool has_default = value && !value->is_null;
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
    check_default(lint, column, value, at);
  else if (column->not_null) {
    at.eases = false;
    at.question = lint_ask_any_row(lint, at.relation);
    lint_add(lint, "add-column-required", at,
             "column %s of %s is NOT NULL without a default: it fails if the table has a row",
             column->name, table);
  }
}

/* ADD COLUMN IF NOT EXISTS of one that is there. */
static bool exists_already(struct lint *lint, const struct lint_relation *table,
                           const struct sql_action *action)
{
  const struct lint_column *column = lint_facts_column(lint->facts, table, action->name);
  return action->if_exists && column->type && !column->dropped;
}

static void check_added(struct lint *lint, const struct sql_action *action, struct lint_at at)
{
  const struct sql_column *column = action->column;
  at.eases = true;
  if (!column || exists_already(lint, at.relation, action))
    return;
  if (lint_facts_type_is_constrained(lint->facts, &column->type))
    lint_add(lint, "add-column-constrained-domain", at,
             "column %s is added to %s with the domain %s, which has constraints: every row is "
             "written",
             column->name, at.relation->name, column->type.text);
  else
    check_value(lint, column, at);
  for (size_t c = 0; c < column->constraints.len; c++)
    check_inline_constraint(lint, column, &column->constraints.at[c], at);
}

static void check_new_default(struct lint *lint, const struct sql_action *action, struct lint_at at)
{
  const struct lint_column *column = lint_facts_column(lint->facts, at.relation, action->name);
  bool fresh = column->created && (lint->catalog || column->created_at.script == lint->now.script);
  if (!fresh)
    lint_add(lint, "default-change-app-cache", at, "the default of column %s of %s is %s",
             action->name, at.relation->name,
             action->kind == SQL_DROP_DEFAULT ? "dropped" : "changed");
}

static void check_action(struct lint *lint, const struct sql_action *action, struct lint_at at)
{
  if (action->kind == SQL_ADD_COLUMN)
    check_added(lint, action, at);
  else if (action->kind == SQL_SET_DEFAULT || action->kind == SQL_DROP_DEFAULT)
    check_new_default(lint, action, at);
}

const struct lint_family lint_family_column = {rules, COUNT_OF(rules), .action = check_action};
