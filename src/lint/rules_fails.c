#include "lint/check.h"

/* What the server will refuse, whatever the rows are. */

static const struct lint_rule rules[] = {
    {.id = "statement-fails",
     .severity = LINT_ERROR,
     .summary = "the server refuses the statement",
     .hazard = "The migration stops there; without a transaction what ran before it stays.",
     .safe = "Correct the statement; if it is only sometimes needed, say IF EXISTS or IF NOT "
             "EXISTS."},
};

/* Rules of their own tell of transactions and of syntax, and the server of what was observed. */
static bool is_told(const struct lint *lint)
{
  const char *bare = lint->statement->bare;
  int major = lint_facts_major(lint->facts);
  return (bare && strstr(lint->effects->fails, "cannot run inside")) ||
         (lint->sight && lint->sight->fails) || (major > 0 && lint->tree->newest.major > major);
}

/* Files alone may be of several databases; and in a file that the database may have run already,
 * what is there is no surprise. */
static int lowered(const struct lint *lint)
{
  const struct lint_file *files = lint->input->files;
  if (!lint->catalog && strstr(lint->effects->fails, " exist"))
    return 1;
  bool known = !files || files[lint->now.script].applied != LINT_APPLIED_UNKNOWN;
  return !known && strstr(lint->effects->fails, "already exists") ? 1 : 0;
}

static void check(struct lint *lint)
{
  if (!lint->effects->fails || lint->is_back || is_told(lint))
    return;
  lint_add(lint, "statement-fails", (struct lint_at){.lower = lowered(lint)},
           "the server refuses it: %s", lint->effects->fails);
}

const struct lint_family lint_family_fails = {rules, COUNT_OF(rules), .statement = check};
