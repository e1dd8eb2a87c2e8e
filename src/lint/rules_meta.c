#include "lint/check.h"

static void check_parsed(struct lint *lint)
{
  const struct sql_statement *st = lint->statement;
  if (st->tree || st->transaction != SQL_NOT_TRANSACTION)
    return;
  lint->report->not_analysed++;
  struct sql_range range = {0};
  if (st->parse_error_at < st->len)
    range = (struct sql_range){.start = st->parse_error_at, .end = st->len};
  lint_add(lint, "not-analysed", (struct lint_at){.range = range}, "not understood: %s",
           st->parse_error);
}

/* Built-in functions that change nothing that a rule would look at. */
static bool is_harmless(struct lint *lint, struct sql_name function)
{
  static const char *const names[] = {"set_config",
                                      "setval",
                                      "nextval",
                                      "currval",
                                      "pg_advisory_lock",
                                      "pg_advisory_xact_lock",
                                      "pg_advisory_unlock",
                                      "pg_notify",
                                      "pg_sleep",
                                      "count"};
  for (size_t i = 0; i < COUNT_OF(names); i++)
    if (strcmp(function.name, names[i]) == 0)
      return true;
  return lint_facts_volatility(lint->facts, function) == LINT_NOT_VOLATILE;
}

static void check_opaque(struct lint *lint)
{
  const struct sql_tree *tree = lint->tree;
  struct lint_at at = {0};
  switch (tree->kind) {
  case SQL_DO:
    at.lower = tree->body_verb ? 0 : 1;
    if (tree->body_verb)
      lint_add(lint, "execute-opaque", at, "a DO block (it says %s) is not looked into",
               tree->body_verb);
    else
      lint_add(lint, "execute-opaque", at, "a DO block is not looked into");
    break;
  case SQL_CALL:
    lint_add(lint, "execute-opaque", at, "procedure %s is not looked into", tree->name.name);
    break;
  case SQL_EXECUTE:
    lint_add(lint, "execute-opaque", at, "the prepared statement %s is not looked into",
             tree->name.name);
    break;
  case SQL_SELECT:
    at.lower = 1;
    for (size_t i = 0; i < tree->functions.len; i++)
      if (!is_harmless(lint, tree->functions.at[i]))
        lint_add(lint, "execute-opaque", at, "function %s() is not looked into",
                 tree->functions.at[i].name);
    break;
  default:
    break;
  }
}

void lint_check_meta(struct lint *lint)
{
  check_parsed(lint);
  if (lint->tree)
    check_opaque(lint);
}
