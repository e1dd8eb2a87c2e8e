#include "lint/effects_private.h"

/* CREATE INDEX, REINDEX. */

static void check_keys(struct effecting *e, const struct lint_relation *table)
{
  for (size_t i = 0; table->complete && i < e->tree->keys.len; i++) {
    const char *column = e->tree->keys.at[i].column;
    if (column && !effect_column(table, column))
      effect_fail_name(e, "column \"%s\" does not exist", column);
  }
}

/* True if the index is there already, and IF NOT EXISTS leaves it. */
static bool exists(struct effecting *e, const struct lint_relation *table)
{
  if (!e->tree->index_name)
    return false;
  struct sql_name name = {.schema = table->at.schema, .name = e->tree->index_name};
  const struct lint_relation *index = lint_facts_relation(e->facts, name);
  if (index->kind == LINT_UNKNOWN_RELATION || index->dropped)
    return false;
  if (!e->tree->if_not_exists)
    effect_fail_name(e, "relation \"%s\" already exists", name.name);
  return true;
}

static void create_index(struct effecting *e)
{
  const struct sql_tree *tree = e->tree;
  struct lint_relation *table = effect_find(e, tree->name, false);
  if (!table)
    return;
  bool partitioned = lint_is_partitioned(table);
  enum lint_lock_mode mode = tree->concurrently ? LINT_SHARE_UPDATE_EXCLUSIVE : LINT_SHARE;
  if (table->kind == LINT_VIEW || table->kind == LINT_SEQUENCE || table->kind == LINT_INDEX)
    effect_fail(e, "cannot create index on relation \"%s\"", table->at.name);
  if (partitioned && tree->concurrently)
    effect_fail(e, "cannot create index on partitioned table \"%s\" concurrently", table->at.name);
  effect_lock(e, table, mode);
  if (exists(e, table))
    return;
  check_keys(e, table);
  if (table->kind == LINT_UNKNOWN_RELATION)
    effect_unknown(e, "%s is not known: it may have partitions", table->name);
  if (!partitioned) {
    effect_scan(e, table);
    return;
  }
  struct lint_relations family = effect_family(e, table);
  for (size_t i = 0; i < family.len && !tree->only && !tree->name.only; i++) {
    effect_lock(e, family.at[i], mode);
    if (effect_has_storage(family.at[i]))
      effect_scan(e, family.at[i]);
  }
}

/* ---- REINDEX ---- */

static void rebuild(struct effecting *e, struct lint_relation *index)
{
  bool concurrently = e->tree->concurrently;
  effect_lock(e, index->indexed, concurrently ? LINT_SHARE_UPDATE_EXCLUSIVE : LINT_SHARE);
  if (index->indexed && lint_is_partitioned(index->indexed))
    return;
  effect_lock(e, index, concurrently ? LINT_SHARE_UPDATE_EXCLUSIVE : LINT_ACCESS_EXCLUSIVE);
  effect_rewrite(e, index);
  effect_scan(e, index->indexed);
}

static void reindex_family(struct effecting *e, struct lint_relation *relation, const char *what)
{
  bool partitioned = lint_is_partitioned(relation) ||
                     (relation->indexed && lint_is_partitioned(relation->indexed));
  if (partitioned && e->input->in_transaction)
    effect_fail(e, "REINDEX %s cannot run inside a transaction block", what);
  struct lint_relations family = {0};
  vec_push(e->arena, &family, relation);
  if (partitioned)
    family = effect_family(e, relation);
  for (size_t i = 0; i < family.len; i++) {
    struct lint_relation *at = family.at[i];
    if (at->kind == LINT_INDEX) {
      rebuild(e, at);
      continue;
    }
    effect_lock(e, at, e->tree->concurrently ? LINT_SHARE_UPDATE_EXCLUSIVE : LINT_SHARE);
    for (size_t k = 0; k < at->indexes.len; k++)
      rebuild(e, at->indexes.at[k]);
    if (!at->complete)
      effect_unknown(e, "the indexes of %s are not known", at->name);
  }
}

static void reindex(struct effecting *e)
{
  bool index = e->tree->object == SQL_OBJECT_INDEX;
  if (!index && e->tree->object != SQL_OBJECT_TABLE) {
    effect_unknown(e, "every index of a schema or database");
    return;
  }
  struct lint_relation *relation = effect_find(e, e->tree->name, false);
  if (!relation)
    return;
  if (index && relation->kind != LINT_INDEX) {
    effect_lock(e, relation, LINT_ACCESS_EXCLUSIVE);
    effect_unknown(e, "the table of %s is not known", relation->name);
    if (relation->kind != LINT_UNKNOWN_RELATION)
      effect_fail(e, "\"%s\" is not an index", relation->at.name);
    return;
  }
  reindex_family(e, relation, index ? "INDEX" : "TABLE");
}

void effects_index(struct effecting *e)
{
  if (e->tree->kind == SQL_CREATE_INDEX)
    create_index(e);
  else
    reindex(e);
}
