#include "lint/check.h"

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

void lint_check_index(struct lint *lint)
{
  const struct sql_tree *tree = lint->tree;
  if (tree->kind == SQL_CREATE_INDEX)
    check_create(lint);
  else if (tree->kind == SQL_DROP && tree->object == SQL_OBJECT_INDEX)
    check_drop(lint);
  else if (tree->kind == SQL_REINDEX)
    check_reindex(lint);
}
