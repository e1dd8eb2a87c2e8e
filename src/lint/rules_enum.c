#include "lint/check.h"

static const struct lint_rule rules[] = {
    {.id = "enum-create",
     .severity = LINT_OFF,
     .summary = "an enum type is made",
     .hazard = "Its values can never be removed, and a new one cannot be used in the transaction "
               "that adds it.",
     .safe = "Use a lookup table with a foreign key, or text with a CHECK constraint."},
    {.id = "enum-value-unordered",
     .severity = LINT_OFF,
     .summary = "an enum value is added without saying where",
     .hazard = "It sorts behind all others, and that cannot be changed later.",
     .safe = "Write BEFORE or AFTER another value."},
};

static void check(struct lint *lint)
{
  const struct sql_tree *tree = lint->tree;
  if (tree->kind == SQL_CREATE_ENUM)
    lint_add(lint, "enum-create", (struct lint_at){0}, "type %s is an enum", tree->name.name);
  else if (tree->kind == SQL_ALTER_ENUM && !tree->neighbor)
    lint_add(lint, "enum-value-unordered", (struct lint_at){0},
             "value '%s' of enum %s sorts behind all others", tree->member, tree->name.name);
}

const struct lint_family lint_family_enum = {rules, COUNT_OF(rules), .statement = check};
