#include "lint/effects_private.h"

/* TRUNCATE, VACUUM, ANALYZE, CLUSTER, REFRESH, LOCK. */

/* ---- TRUNCATE ---- */

static bool is_listed(const struct lint_relations *list, const struct lint_relation *relation)
{
  for (size_t i = 0; i < list->len; i++)
    if (list->at[i] == relation)
      return true;
  return false;
}

static void add_tables(struct effecting *e, struct lint_relation *table, bool only,
                       struct lint_relations *list)
{
  struct lint_relations family = {0};
  if (only)
    vec_push(e->arena, &family, table);
  else
    family = effect_family(e, table);
  for (size_t i = 0; i < family.len; i++)
    if (!is_listed(list, family.at[i]))
      vec_push(e->arena, list, family.at[i]);
}

/* Also those to the partitioned tables that it is a part of. */
static struct lint_constraints keys_to_tree(struct effecting *e, const struct lint_relation *table)
{
  struct lint_constraints all = {0};
  for (; table; table = table->parent) {
    struct lint_constraints keys = effect_keys_to(e, table, NULL);
    for (size_t i = 0; i < keys.len; i++)
      vec_push(e->arena, &all, keys.at[i]);
  }
  return all;
}

/* Grows the list by who refers to its tables; without CASCADE they must be in it. */
static void follow_keys(struct effecting *e, struct lint_relations *list)
{
  for (size_t i = 0; i < list->len; i++) {
    struct lint_constraints keys = keys_to_tree(e, list->at[i]);
    for (size_t k = 0; k < keys.len; k++) {
      if (is_listed(list, keys.at[k]->relation))
        continue;
      if (!e->tree->cascade)
        effect_fail(e, "cannot truncate a table referenced in a foreign key constraint");
      add_tables(e, keys.at[k]->relation, false, list);
    }
    if (!list->at[i]->complete)
      effect_unknown(e, "the indexes of %s, and who refers to it, are not known",
                     list->at[i]->name);
  }
}

static void empty(struct effecting *e, struct lint_relation *table)
{
  effect_lock(e, table, LINT_ACCESS_EXCLUSIVE);
  if (!effect_has_storage(table))
    return;
  effect_rewrite(e, table);
  effect_lock_indexes(e, table, LINT_ACCESS_EXCLUSIVE);
  for (size_t i = 0; i < table->indexes.len; i++) {
    effect_rewrite(e, table->indexes.at[i]);
    effect_scan(e, table);
  }
  for (size_t i = 0; i < table->sequences.len && e->tree->restart; i++) {
    effect_lock(e, table->sequences.at[i], LINT_ACCESS_EXCLUSIVE);
    effect_rewrite(e, table->sequences.at[i]);
  }
}

static void truncate_tables(struct effecting *e)
{
  struct lint_relations list = {0};
  for (size_t i = 0; i < e->tree->names.len; i++) {
    struct lint_relation *table = effect_find(e, e->tree->names.at[i], false);
    if (!table)
      continue;
    if (table->kind == LINT_VIEW || table->kind == LINT_MATVIEW || table->kind == LINT_INDEX ||
        table->kind == LINT_SEQUENCE)
      effect_fail(e, "\"%s\" is not a table", table->at.name);
    if (lint_is_partitioned(table) && e->tree->names.at[i].only)
      effect_fail(e, "cannot truncate only a partitioned table");
    add_tables(e, table, e->tree->names.at[i].only, &list);
  }
  follow_keys(e, &list);
  for (size_t i = 0; i < list.len; i++)
    empty(e, list.at[i]);
}

/* ---- VACUUM, ANALYZE ---- */

static void vacuum_table(struct effecting *e, struct lint_relation *table)
{
  if (e->tree->full) {
    effect_rewrite_table(e, table);
    return;
  }
  effect_lock(e, table, LINT_SHARE_UPDATE_EXCLUSIVE);
  if (!effect_has_storage(table))
    return;
  if (!e->tree->vacuum)
    effect_lock_indexes(e, table, LINT_ACCESS_SHARE);
  else
    effect_lock_indexes(e, table, LINT_ROW_EXCLUSIVE);
}

enum { CHILDREN_ANALYZED_SINCE = 18 };

static void vacuum(struct effecting *e)
{
  if (e->tree->names.len == 0)
    effect_unknown(e, "every table of the database");
  for (size_t i = 0; i < e->tree->names.len; i++) {
    struct lint_relation *table = effect_find(e, e->tree->names.at[i], false);
    if (!table)
      continue;
    vacuum_table(e, table);
    struct lint_relations family = effect_family(e, table);
    for (size_t k = 1; k < family.len && !e->tree->names.at[i].only; k++) {
      if (lint_is_partitioned(table) || e->major >= CHILDREN_ANALYZED_SINCE)
        vacuum_table(e, family.at[k]);
      else if (!e->tree->vacuum)
        effect_lock(e, family.at[k], LINT_ACCESS_SHARE);
    }
  }
}

/* ---- CLUSTER, REFRESH, LOCK ---- */

static void cluster(struct effecting *e)
{
  if (!e->tree->name.name) {
    effect_unknown(e, "every table that was clustered");
    return;
  }
  struct lint_relation *table = effect_find(e, e->tree->name, false);
  if (!table)
    return;
  if (lint_is_partitioned(table) && e->input->in_transaction)
    effect_fail(e, "CLUSTER cannot run inside a transaction block");
  bool clustered = e->tree->index_name != NULL || !table->complete;
  for (size_t i = 0; i < table->indexes.len; i++)
    clustered = clustered || table->indexes.at[i]->clustered;
  const char *named = e->tree->index_name;
  bool found = !named || !table->complete;
  for (size_t i = 0; i < table->indexes.len && !found; i++)
    found = !table->indexes.at[i]->dropped && strcmp(table->indexes.at[i]->at.name, named) == 0;
  if (!found)
    effect_fail_name(e, "index \"%s\" for table \"%s\" does not exist", named, table->at.name);
  if (!clustered)
    effect_fail(e, "there is no previously clustered index for table \"%s\"", table->at.name);
  struct lint_relations family = effect_family(e, table);
  for (size_t i = 0; i < family.len; i++) {
    effect_lock(e, family.at[i], LINT_ACCESS_EXCLUSIVE);
    effect_rewrite_table(e, family.at[i]);
  }
}

static bool has_unique_index(const struct lint_relation *matview)
{
  for (size_t i = 0; i < matview->indexes.len; i++) {
    const struct lint_relation *index = matview->indexes.at[i];
    if (!index->dropped && index->unique && !index->partial &&
        !effect_names(&index->index_columns, ""))
      return true;
  }
  return false;
}

static void refresh(struct effecting *e)
{
  struct lint_relation *matview = effect_find(e, e->tree->name, false);
  if (!matview)
    return;
  bool concurrently = e->tree->concurrently;
  if (matview->kind != LINT_MATVIEW && matview->kind != LINT_UNKNOWN_RELATION)
    effect_fail(e,
                matview->kind == LINT_TABLE || matview->kind == LINT_PARTITIONED_TABLE
                    ? "\"%s\" is not a materialized view"
                    : "\"%s\" is not a table or materialized view",
                matview->at.name);
  if (concurrently && matview->complete && !has_unique_index(matview))
    effect_fail(e, "cannot refresh materialized view \"%s.%s\" concurrently",
                matview->at.schema ? matview->at.schema : "public", matview->at.name);
  effect_lock(e, matview, concurrently ? LINT_EXCLUSIVE : LINT_ACCESS_EXCLUSIVE);
  effect_lock_indexes(e, matview, concurrently ? LINT_ROW_EXCLUSIVE : LINT_ACCESS_EXCLUSIVE);
  if (concurrently)
    effect_scan(e, matview);
  else
    effect_rewrite(e, matview);
  for (size_t i = 0; i < matview->indexes.len && !concurrently; i++) {
    effect_rewrite(e, matview->indexes.at[i]);
    effect_scan(e, matview);
  }
  if (matview->kind == LINT_UNKNOWN_RELATION)
    effect_unknown(e, "what %s reads is not known", matview->name);
  for (size_t i = 0; i < matview->reads.len && e->tree->with_data; i++)
    effect_read(e, matview->reads.at[i], LINT_ACCESS_SHARE, true);
}

static enum lint_lock_mode mode_of(const char *words)
{
  for (int mode = LINT_ACCESS_SHARE; words && mode <= LINT_ACCESS_EXCLUSIVE; mode++)
    if (strcmp(lint_lock_words((enum lint_lock_mode)mode), words) == 0)
      return (enum lint_lock_mode)mode;
  return LINT_ACCESS_EXCLUSIVE;
}

enum { VIEWS_DEEP_MAX = 64 };

static void lock_deep(struct effecting *e, struct lint_relation *relation, enum lint_lock_mode mode,
                      int deep)
{
  struct lint_relations family = effect_family(e, relation);
  for (size_t i = 0; i < family.len; i++)
    effect_lock(e, family.at[i], mode);
  for (size_t i = 0;
       relation->kind == LINT_VIEW && i < relation->reads.len && deep < VIEWS_DEEP_MAX; i++)
    lock_deep(e, relation->reads.at[i], mode, deep + 1);
  if (relation->kind == LINT_UNKNOWN_RELATION)
    effect_unknown(e, "%s is not known: it may have partitions or be a view", relation->name);
}

static void lock_tables(struct effecting *e)
{
  enum lint_lock_mode mode = mode_of(e->tree->member);
  for (size_t i = 0; i < e->tree->names.len; i++) {
    struct lint_relation *relation = effect_find(e, e->tree->names.at[i], false);
    if (relation && (relation->kind == LINT_MATVIEW || relation->kind == LINT_SEQUENCE ||
                     relation->kind == LINT_INDEX))
      effect_fail(e, "cannot lock relation \"%s\"", relation->at.name);
    effect_lock(e, relation, mode);
    if (relation && !e->tree->names.at[i].only)
      lock_deep(e, relation, mode, 0);
  }
}

void effects_maintenance(struct effecting *e)
{
  switch (e->tree->kind) {
  case SQL_TRUNCATE:
    truncate_tables(e);
    break;
  case SQL_VACUUM:
    vacuum(e);
    break;
  case SQL_CLUSTER:
    cluster(e);
    break;
  case SQL_REFRESH:
    refresh(e);
    break;
  default:
    lock_tables(e);
  }
}
