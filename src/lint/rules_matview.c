#include "lint/check.h"

static const struct lint_rule rules[] = {
    {.id = "matview-refresh-not-concurrent",
     .severity = LINT_WARNING,
     .summary = "a materialized view is refreshed without CONCURRENTLY",
     .hazard = "Readers of the view wait until its query is done.",
     .lock = LOCK_AX,
     .safe = "Make a unique index on the view and use REFRESH MATERIALIZED VIEW CONCURRENTLY."},
    {.id = "matview-refresh-concurrent",
     .severity = LINT_INFO,
     .summary = "a materialized view is refreshed inside a migration",
     .hazard = "Other refreshes, ALTERs and writes of the view wait; without a unique index over "
               "plain columns of all rows the server refuses.",
     .lock = "EXCLUSIVE",
     .safe = "Refresh outside of the migration, or with a lock_timeout."},
    {.id = "matview-create-with-data",
     .severity = LINT_INFO,
     .summary = "a materialized view is filled when it is made",
     .hazard = "Its query runs inside the migration, while all earlier locks are held.",
     .safe = "Make it WITH NO DATA and refresh it after the migration."},
};

static bool has_unique_index(const struct lint_relation *view)
{
  for (size_t i = 0; i < view->indexes.len; i++) {
    const struct lint_relation *index = view->indexes.at[i];
    if (index->unique && !index->partial && !index->dropped)
      return true;
  }
  return false;
}

static void check_refresh(struct lint *lint)
{
  const struct sql_tree *tree = lint->tree;
  const struct lint_relation *view = lint_facts_relation(lint->facts, tree->name);
  struct lint_at at = {.relation = view, .eases = true};
  if (lint_is_new(view))
    return;
  if (!tree->concurrently)
    lint_add(lint, "matview-refresh-not-concurrent", at,
             "materialized view %s is refreshed without CONCURRENTLY", view->name);
  else if (view->complete && !has_unique_index(view))
    lint_add(lint, "matview-refresh-concurrent", at,
             "%s has no unique index over all rows: the server refuses to refresh it concurrently",
             view->name);
  else
    lint_add(lint, "matview-refresh-concurrent", at,
             "writers and other refreshes of %s wait until its query is done", view->name);
}

static void check(struct lint *lint)
{
  const struct sql_tree *tree = lint->tree;
  if (tree->kind == SQL_REFRESH)
    check_refresh(lint);
  else if (tree->kind == SQL_CREATE_MATVIEW && tree->with_data && tree->reads.len > 0)
    lint_add(lint, "matview-create-with-data", (struct lint_at){0},
             "materialized view %s is filled while the migration runs", tree->name.name);
}

const struct lint_family lint_family_matview = {rules, COUNT_OF(rules), .statement = check};
