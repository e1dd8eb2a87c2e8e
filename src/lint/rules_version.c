#include "lint/check.h"

static const struct lint_rule rules[] = {
    {.id = "syntax-newer-than-target",
     .severity = LINT_ERROR,
     .summary = "a clause that the target server does not know yet",
     .hazard = "The server answers with a syntax error and the migration fails.",
     .safe = "Write it without the clause, or upgrade the server first."},
};

static void check(struct lint *lint)
{
  const struct sql_newest *newest = &lint->tree->newest;
  int major = lint->catalog ? lint_facts_major(lint->facts) : lint->input->target_major;
  if (major > 0 && newest->major > major)
    lint_add(lint, "syntax-newer-than-target", (struct lint_at){.range = newest->range},
             "%s needs PostgreSQL %d, the target is %d", newest->clause, newest->major, major);
}

const struct lint_family lint_family_version = {rules, COUNT_OF(rules), .statement = check};
