#include "lint/check.h"

static const struct lint_rule rules[] = {
    {.id = "index-create-not-concurrent",
     .severity = LINT_WARNING,
     .summary = "an index is built without CONCURRENTLY",
     .hazard = "Writes to the table wait until the whole table is read.",
     .lock = "SHARE",
     .safe = "Use CREATE INDEX CONCURRENTLY in a file of its own, and check afterwards that the "
             "index is valid."},
    {.id = "index-drop-not-concurrent",
     .severity = LINT_WARNING,
     .summary = "an index is dropped without CONCURRENTLY",
     .hazard = "Reads and writes of the table wait for the lock, which itself waits for every "
               "running query.",
     .lock = LOCK_AX,
     .safe = "Use DROP INDEX CONCURRENTLY in a file of its own."},
    {.id = "reindex-not-concurrent",
     .severity = LINT_WARNING,
     .summary = "REINDEX without CONCURRENTLY",
     .hazard =
         "Writes wait until the index is built again, and queries that would use it wait too.",
     .lock = "SHARE, and " LOCK_AX " on the index",
     .safe = "Use REINDEX ... CONCURRENTLY in a file of its own."},
};

static void check_create(struct lint *lint)
{
  const struct sql_tree *tree = lint->tree;
  const struct lint_relation *table = lint_facts_relation(lint->facts, tree->name);
  if (tree->concurrently || lint_is_new(table))
    return;
  if (tree->only && (!table->table || lint_is_partitioned(table)))
    return; /* ON ONLY a partitioned table: nothing is built */
  const char *name = tree->index_name ? tree->index_name : "an index";
  struct lint_at at = {.relation = table, .eases = true};
  if (lint_is_partitioned(table))
    lint_add(lint, "index-create-not-concurrent", at,
             "%s is built on the partitioned table %s and on every partition in one transaction; "
             "CONCURRENTLY is not possible there: use ON ONLY, build on each partition, ATTACH",
             name, table->name);
  else
    lint_add(lint, "index-create-not-concurrent", at,
             "%s is built on %s without CONCURRENTLY: writes to the table wait", name, table->name);
}

static void check_drop(struct lint *lint)
{
  const struct sql_tree *tree = lint->tree;
  for (size_t i = 0; !tree->concurrently && i < tree->names.len; i++) {
    const struct lint_relation *index = lint_facts_relation(lint->facts, tree->names.at[i]);
    if (lint_is_new(index))
      continue;
    struct lint_at at = {.relation = index, .eases = true};
    if (lint_is_partitioned(index))
      lint_add(lint, "index-drop-not-concurrent", at,
               "index %s of a partitioned table is dropped; CONCURRENTLY is not possible there",
               index->name);
    else
      lint_add(lint, "index-drop-not-concurrent", at, "index %s is dropped without CONCURRENTLY",
               index->name);
  }
}

static void check_reindex(struct lint *lint)
{
  const struct sql_tree *tree = lint->tree;
  if (tree->concurrently)
    return;
  struct lint_at at = {.eases = true};
  const char *what = tree->name.name ? tree->name.name : "the database";
  if (tree->object == SQL_OBJECT_TABLE || tree->object == SQL_OBJECT_INDEX) {
    at.relation = lint_facts_relation(lint->facts, tree->name);
    if (lint_is_new(at.relation))
      return;
    what = at.relation->name;
  }
  lint_add(lint, "reindex-not-concurrent", at, "REINDEX of %s without CONCURRENTLY", what);
}

static void check(struct lint *lint)
{
  const struct sql_tree *tree = lint->tree;
  if (tree->kind == SQL_CREATE_INDEX)
    check_create(lint);
  else if (tree->kind == SQL_DROP && tree->object == SQL_OBJECT_INDEX)
    check_drop(lint);
  else if (tree->kind == SQL_REINDEX)
    check_reindex(lint);
}

const struct lint_family lint_family_index = {rules, COUNT_OF(rules), .statement = check};
