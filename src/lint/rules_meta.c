#include "lint/check.h"

static const struct lint_rule rules[] = {
    {.id = "execute-opaque",
     .severity = LINT_WARNING,
     .summary = "code runs that cannot be read here",
     .hazard = "What a DO block, CALL, EXECUTE or function does is decided on the server; no other "
               "rule has looked at it.",
     .safe = "Write plain statements; or let belay prove the migration on a shadow database."},
    {.id = "not-analysed",
     .severity = LINT_WARNING,
     .summary = "a statement was not understood",
     .hazard = "No rule has looked at it: it may be wrong, or newer than the parser.",
     .safe = "Check the statement by hand; let belay prove it on a shadow database."},
    {.id = "syntax-error",
     .severity = LINT_ERROR,
     .summary = "the server cannot parse a statement",
     .hazard = "The file stops there: what comes before it in other transactions stays applied.",
     .safe = "Correct the statement."},
    {.id = "suppression-unknown",
     .severity = LINT_ERROR,
     .summary = "an ignore names a rule that does not exist",
     .hazard = "The finding that it should silence is not silenced, or another one is.",
     .safe = "Correct the name; belay explain lists the rules."},
    {.id = "suppression-unused",
     .severity = LINT_WARNING,
     .summary = "an ignore silences nothing",
     .hazard = "It would silence the next real finding without anybody noticing.",
     .safe = "Remove it."},
    {.id = "suppression-no-reason",
     .severity = LINT_ERROR,
     .summary = "an ignore gives no reason",
     .hazard = "Nobody can tell later whether it still holds.",
     .safe = "Write the reason behind the rule: -- belay:ignore drop-table replaced by orders_v2 "
             "in March."},
};

/* What was watched on a shadow is worth a note only. */
static int seen_lower(const struct lint *lint)
{
  return lint->effects->source == LINT_OBSERVED ? 2 : 0;
}

/* The server's own parser said so, or ours, which is not older. psql puts values in place of :name
 * before the server sees the statement. */
static bool is_syntax_error(const struct lint *lint)
{
  const struct sql_statement *st = lint->statement;
  int major = lint_facts_major(lint->facts);
  bool variables = lint->input->tool && lint->input->tool->psql && memchr(st->text, ':', st->len);
  return !variables && (st->refused || (major > 0 && major <= sql_parser_major() &&
                                        strncmp(st->parse_error, "syntax error", 12) == 0));
}

static void check_parsed(struct lint *lint)
{
  const struct sql_statement *st = lint->statement;
  if (st->tree || st->transaction != SQL_NOT_TRANSACTION)
    return;
  lint->report->not_analysed++;
  struct sql_range range = {0};
  if (st->parse_error_at < st->len)
    range = (struct sql_range){.start = st->parse_error_at, .end = st->len};
  if (is_syntax_error(lint)) {
    lint_add(lint, "syntax-error", (struct lint_at){.range = range}, "%s", st->parse_error);
    return;
  }
  lint_add(lint, "not-analysed", (struct lint_at){.range = range, .lower = seen_lower(lint)},
           "not understood: %s", st->parse_error);
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
  struct lint_at at = {.lower = seen_lower(lint)};
  switch (tree->kind) {
  case SQL_DO:
    at.lower += tree->body_verb ? 0 : 1;
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
    if (!lint_facts_prepared(lint->facts, tree->name.name))
      lint_add(lint, "execute-opaque", at, "the prepared statement %s is not looked into",
               tree->name.name);
    break;
  case SQL_SELECT:
    at.lower += 1;
    for (size_t i = 0; i < tree->functions.len; i++)
      if (!is_harmless(lint, tree->functions.at[i]))
        lint_add(lint, "execute-opaque", at, "function %s() is not looked into",
                 tree->functions.at[i].name);
    break;
  default:
    break;
  }
}

static void check(struct lint *lint)
{
  check_parsed(lint);
  if (lint->tree)
    check_opaque(lint);
}

const struct lint_family lint_family_meta = {rules, COUNT_OF(rules), .every = check};
