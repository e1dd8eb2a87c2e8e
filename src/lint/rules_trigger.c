#include "lint/check.h"

static const struct lint_rule rules[] = {
    {.id = "create-trigger",
     .severity = LINT_INFO,
     .summary = "a trigger is put on a table that is in use",
     .hazard = "Writers wait until commit; from then on each of their rows pays for the trigger.",
     .lock = LOCK_SRX,
     .safe = "Set lock_timeout, and make it the only statement of its transaction."},
    {.id = "drop-trigger",
     .severity = LINT_INFO,
     .summary = "a trigger is taken off a table that is in use",
     .hazard = "Readers and writers wait until commit; what the trigger did stops without notice.",
     .lock = LOCK_AX,
     .safe = "Set lock_timeout, and make it the only statement of its transaction."},
    {.id = "disable-trigger",
     .severity = LINT_WARNING,
     .summary = "triggers are switched off",
     .hazard = "Rows written meanwhile escape checks, audit and foreign keys (ALL), and nothing "
               "checks them later.",
     .lock = LOCK_SRX,
     .safe = "Leave triggers on, or switch off one user trigger by name and on again in the same "
             "transaction."},
};

static void check_drop(struct lint *lint)
{
  const struct sql_tree *tree = lint->tree;
  const struct lint_relation *table = lint_facts_relation(lint->facts, tree->name);
  if (!lint_is_new(table))
    lint_add(lint, "drop-trigger", (struct lint_at){.relation = table},
             "trigger %s is taken off %s", tree->member, table->name);
}

static void check_create(struct lint *lint)
{
  const struct sql_tree *tree = lint->tree;
  const struct lint_relation *table = lint_facts_relation(lint->facts, tree->name);
  if (!lint_is_new(table) && table->kind != LINT_VIEW)
    lint_add(lint, "create-trigger", (struct lint_at){.relation = table}, "trigger %s is put on %s",
             tree->member, table->name);
}

static void check_alter(struct lint *lint)
{
  const struct sql_tree *tree = lint->tree;
  const struct lint_relation *table = lint_facts_relation(lint->facts, tree->name);
  for (size_t i = 0; !lint_is_new(table) && i < tree->actions.len; i++) {
    const struct sql_action *action = &tree->actions.at[i];
    if (action->kind == SQL_DISABLE_TRIGGER)
      lint_add(lint, "disable-trigger", (struct lint_at){.range = action->range, .relation = table},
               "trigger %s of %s is switched off", action->name ? action->name : "ALL",
               table->name);
  }
}

static void check(struct lint *lint)
{
  const struct sql_tree *tree = lint->tree;
  bool is_trigger = tree->object == SQL_OBJECT_TRIGGER;
  if (tree->kind == SQL_CREATE_OTHER && is_trigger)
    check_create(lint);
  else if (tree->kind == SQL_DROP && is_trigger)
    check_drop(lint);
  else if (tree->kind == SQL_ALTER_TABLE)
    check_alter(lint);
  else if (tree->kind == SQL_SET && tree->setting &&
           strcmp(tree->setting, "session_replication_role") == 0)
    lint_add(lint, "disable-trigger", (struct lint_at){0},
             "session_replication_role decides whether triggers and foreign keys work");
}

const struct lint_family lint_family_trigger = {rules, COUNT_OF(rules), .statement = check};
