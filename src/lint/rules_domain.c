#include "lint/check.h"

static const struct lint_rule rules[] = {
    {.id = "domain-constraint-scan",
     .severity = LINT_WARNING,
     .summary = "a constraint of a domain is added and checked at once",
     .hazard = "Writes to every table that uses the domain wait while all their rows are checked.",
     .lock = "SHARE on every table with a column of the domain",
     .safe = "Add it NOT VALID, then ALTER DOMAIN ... VALIDATE CONSTRAINT in another transaction."},
    {.id = "domain-set-not-null",
     .severity = LINT_WARNING,
     .summary = "a domain becomes NOT NULL",
     .hazard = "Writes to every table that uses the domain wait while all their rows are checked; "
               "there is no NOT VALID for it.",
     .lock = "SHARE on every table with a column of the domain",
     .safe = "Make the columns NOT NULL instead, each by way of a validated CHECK."},
    {.id = "domain-create-constraint",
     .severity = LINT_INFO,
     .summary = "a domain is created with a constraint",
     .hazard = "Adding a column of it later writes the table anew, and changing the constraint "
               "reads every table that uses it.",
     .safe = "Use the base type and a CHECK on the table."},
};

/* ---- a constraint for values that are there ---- */

static bool is_checked_at_once(const struct sql_action *action, const char **ret_rule)
{
  const struct sql_constraint *c = action->constraint;
  bool not_null = action->kind == SQL_SET_NOT_NULL ||
                  (action->kind == SQL_ADD_CONSTRAINT && c && c->kind == SQL_NOT_NULL);
  *ret_rule = not_null ? "domain-set-not-null" : "domain-constraint-scan";
  return not_null || (action->kind == SQL_ADD_CONSTRAINT && c && !c->not_valid);
}

/* A finding for each table whose rows are read. */
static void check_users(struct lint *lint, const struct sql_action *action, const char *rule)
{
  const struct sql_name name = lint->tree->name;
  struct lint_at at = {.range = action->range, .eases = true};
  struct lint_relations users = lint_facts_domain_users(lint->facts, name);
  if (!lint_facts_domain(lint->facts, name))
    lint_add(lint, rule, at,
             "every row of each table that uses the domain %s is read, and writes to it wait; the "
             "tables are not known here",
             name.name);
  for (size_t i = 0; i < users.len; i++) {
    at.relation = users.at[i];
    if (!lint_is_new(users.at[i]))
      lint_add(lint, rule, at, "%s uses the domain %s: every row is read, and writes wait",
               users.at[i]->name, name.name);
  }
}

static void check_alter(struct lint *lint)
{
  for (size_t i = 0; i < lint->tree->actions.len; i++) {
    const char *rule;
    if (is_checked_at_once(&lint->tree->actions.at[i], &rule))
      check_users(lint, &lint->tree->actions.at[i], rule);
  }
}

static void check(struct lint *lint)
{
  const struct sql_tree *tree = lint->tree;
  if (tree->kind == SQL_ALTER_DOMAIN)
    check_alter(lint);
  else if (tree->domain && (tree->domain->not_null || tree->domain->constraints.len > 0))
    lint_add(lint, "domain-create-constraint", (struct lint_at){0},
             "domain %s has a constraint: to add a column of it writes the table anew",
             tree->name.name);
}

const struct lint_family lint_family_domain = {rules, COUNT_OF(rules), .statement = check};
