#include "lint/check.h"

static const struct lint_rule rules[] = {
    {.id = "type-change-rewrite",
     .severity = LINT_ERROR,
     .summary = "a type change writes the table anew",
     .hazard = "The table and all its indexes are written anew while nobody can read or write it.",
     .lock = LOCK_AX,
     .safe = "Add a column of the new type, keep it filled with a trigger, fill old rows in "
             "batches, then swap the names."},
    {.id = "enum-value-same-transaction",
     .severity = LINT_ERROR,
     .summary = "a new enum value is used in the transaction that adds it",
     .hazard = "The server refuses: the value is unsafe to use before it is committed.",
     .safe = "Add the value in a file of its own."},
    {.id = "rename-enum-value",
     .severity = LINT_WARNING,
     .summary = "an enum value is renamed",
     .hazard = "A running application that writes the old value fails.",
     .safe = "Add the new value, let all code use it, and leave the old one."},
};

static bool same(const char *a, const char *b)
{
  return a && b && strcmp(a, b) == 0;
}

/* USING that says no more than the change itself: the column, bare or cast to the new type. */
static bool using_is_plain(const struct sql_action *action)
{
  const struct sql_expression *using = action->using;
  if (!using || same(using->bare_column, action->name))
    return true;
  return same(using->cast_column, action->name) && same(using->cast_type, action->type->text);
}

static void check_type(struct lint *lint, const struct sql_action *action, struct lint_at at)
{
  const struct lint_column *column = lint_facts_column(lint->facts, at.relation, action->name);
  const struct sql_type *from = column->type, *to = action->type;
  bool plain = using_is_plain(action);
  if (from && plain && lint_facts_type_change_is_free(lint->facts, from, to))
    return;
  const char *table = at.relation->name;
  if (!from)
    lint_add(lint, "type-change-rewrite", at,
             "column %s of %s becomes %s; its old type is not known here, so every row may be "
             "written",
             action->name, table, to->text);
  else if (!plain)
    lint_add(lint, "type-change-rewrite", at,
             "column %s of %s changes from %s to %s by an expression: every row is written",
             action->name, table, from->text, to->text);
  else if (same(from->name.name, "timestamp") && same(to->name.name, "timestamptz"))
    lint_add(lint, "type-change-rewrite", at,
             "column %s of %s changes from %s to %s: every row is written, unless the session's "
             "TimeZone is UTC",
             action->name, table, from->text, to->text);
  else
    lint_add(lint, "type-change-rewrite", at,
             "column %s of %s changes from %s to %s: every row is written", action->name, table,
             from->text, to->text);
}

static bool quotes(const char *body, const char *value, struct arena *arena)
{
  return body && strstr(body, arena_printf(arena, "'%s'", value));
}

static bool uses_value(struct lint *lint, const char *value)
{
  const struct sql_tree *tree = lint->tree;
  for (size_t i = 0; i < tree->strings.len; i++)
    if (strcmp(tree->strings.at[i], value) == 0)
      return true;
  return quotes(tree->body, value, lint->arena);
}

/* A value added earlier in this transaction. A type made in the same transaction may be used at
 * once from 17 on. */
static void check_enum_values(struct lint *lint)
{
  struct lint_enums enums = lint_facts_enums(lint->facts);
  bool new_types_are_free = lint->catalog && lint->catalog->server_version >= 170000;
  for (size_t i = 0; lint->one_transaction && i < enums.len; i++) {
    const struct lint_enum *type = enums.at[i];
    bool made_here = type->created && type->created_at.script == lint->now.script;
    if (type->added_at.script != lint->now.script || (made_here && new_types_are_free))
      continue;
    for (size_t v = 0; v < type->added_values.len; v++)
      if (uses_value(lint, type->added_values.at[v]))
        lint_add(lint, "enum-value-same-transaction", (struct lint_at){0},
                 "the enum value '%s' is used in the transaction that adds it",
                 type->added_values.at[v]);
  }
}

static void check(struct lint *lint)
{
  const struct sql_tree *tree = lint->tree;
  check_enum_values(lint);
  if (tree->kind != SQL_ALTER_TABLE)
    return;
  const struct lint_relation *table = lint_facts_relation(lint->facts, tree->name);
  for (size_t i = 0; !lint_is_new(table) && i < tree->actions.len; i++)
    if (tree->actions.at[i].kind == SQL_ALTER_TYPE && tree->object != SQL_OBJECT_TYPE)
      check_type(
          lint, &tree->actions.at[i],
          (struct lint_at){.range = tree->actions.at[i].range, .relation = table, .eases = true});
}

const struct lint_family lint_family_type = {rules, COUNT_OF(rules), .statement = check};
