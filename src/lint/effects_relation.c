#include "lint/effects_private.h"

#include "sql/quote.h"

/* Relations and what hangs on them: indexes, partitions and children, readers, what they own. */

/* ---- names ---- */

static bool is_system(struct sql_name name)
{
  const char *schema = name.schema ? name.schema : "";
  return strncmp(schema, "pg_", 3) == 0 || strcmp(schema, "information_schema") == 0 ||
         (!name.schema && strncmp(name.name, "pg_", 3) == 0);
}

/* What extensions make is in no catalog, nor are tables that were left out of it. */
static bool may_be_hidden(struct effecting *e, struct sql_name name)
{
  const struct catalog *catalog = e->input->catalog;
  for (size_t i = 0; i < catalog->object_count; i++)
    if (catalog->objects[i]->kind == CATALOG_EXTENSION &&
        strcmp(catalog->objects[i]->name, "plpgsql") != 0)
      return true;
  for (size_t i = 0; catalog->ignored && i < catalog->ignored->len; i++) {
    const char *identity = catalog->ignored->at[i], *own = sql_ident(e->arena, name.name);
    size_t len = strlen(identity), end = strlen(own);
    if (len > end && identity[len - end - 1] == '.' && strcmp(identity + len - end, own) == 0)
      return true;
  }
  return lint_facts_may_hide(e->facts);
}

/* A name without a schema may lead anywhere in the search path. */
static bool catalog_may_have(const struct catalog *catalog, struct sql_name name)
{
  for (size_t i = 0; i < catalog->object_count; i++) {
    const struct catalog_object *object = catalog->objects[i];
    if (object->schema && strcmp(object->name, name.name) == 0 &&
        (!name.schema || strcmp(object->schema, name.schema) == 0))
      return true;
  }
  return false;
}

bool effect_is_absent(struct effecting *e, struct sql_name name)
{
  if (!name.name || lint_facts_may_be_temporary(e->facts, name))
    return false;
  const struct lint_relation *relation = lint_facts_relation(e->facts, name);
  if (relation->dropped)
    return true;
  if (!name.schema && relation->kind != LINT_UNKNOWN_RELATION &&
      !lint_facts_is_visible(e->facts, relation->at.schema))
    return !lint_facts_may_hide(e->facts);
  return e->input->catalog && relation->kind == LINT_UNKNOWN_RELATION && !relation->created &&
         !relation->object && !is_system(name) && !catalog_may_have(e->input->catalog, name) &&
         !may_be_hidden(e, name);
}

struct lint_relation *effect_find(struct effecting *e, struct sql_name name, bool missing_ok)
{
  if (!name.name)
    return NULL;
  if (!effect_is_absent(e, name))
    return lint_facts_relation(e->facts, name);
  if (!missing_ok && e->tree->kind == SQL_ALTER_TABLE &&
      lint_facts_lacks_schema(e->facts, name.schema))
    effect_fail_name(e, "schema \"%s\" does not exist", name.schema);
  if (!missing_ok)
    effect_fail_name(e, "relation \"%s%s%s\" does not exist", name.schema ? name.schema : "",
                     name.schema ? "." : "", name.name);
  return NULL;
}

bool effect_names(const struct strings *names, const char *name)
{
  for (size_t i = 0; i < names->len; i++)
    if (names->at[i] && strcmp(names->at[i], name) == 0)
      return true;
  return false;
}

const struct lint_column *effect_column(const struct lint_relation *table, const char *name)
{
  for (size_t i = 0; name && i < table->columns.len; i++)
    if (!table->columns.at[i]->dropped && strcmp(table->columns.at[i]->name, name) == 0)
      return table->columns.at[i];
  return NULL;
}

bool effect_not_null(const struct lint_relation *table, const char *column)
{
  const struct lint_column *found = effect_column(table, column);
  return found && found->not_null;
}

/* ---- the family ---- */

bool effect_has_storage(const struct lint_relation *relation)
{
  return relation->kind != LINT_PARTITIONED_TABLE && relation->kind != LINT_VIEW &&
         relation->kind != LINT_FOREIGN_TABLE && !lint_is_partitioned(relation);
}

static void add_family(struct effecting *e, struct lint_relation *relation,
                       struct lint_relations *family)
{
  for (size_t i = 0; i < family->len; i++)
    if (family->at[i] == relation)
      return;
  if (relation->dropped)
    return;
  vec_push(e->arena, family, relation);
  for (size_t i = 0; i < relation->children.len; i++)
    add_family(e, relation->children.at[i], family);
}

struct lint_relations effect_family(struct effecting *e, struct lint_relation *table)
{
  struct lint_relations family = {0};
  if (table)
    add_family(e, table, &family);
  return family;
}

void effect_lock_children(struct effecting *e, struct lint_relation *table,
                          enum lint_lock_mode mode)
{
  for (size_t i = 0; i < table->children.len; i++)
    if (!table->children.at[i]->dropped)
      effect_lock(e, table->children.at[i], mode);
}

/* ---- indexes ---- */

static bool has_indexes(const struct lint_relation *table)
{
  return table->kind != LINT_VIEW && table->kind != LINT_SEQUENCE && table->kind != LINT_INDEX &&
         table->kind != LINT_FOREIGN_TABLE && table->kind != LINT_COMPOSITE;
}

void effect_lock_indexes(struct effecting *e, struct lint_relation *table, enum lint_lock_mode mode)
{
  if (!table || !has_indexes(table))
    return;
  for (size_t i = 0; i < table->indexes.len; i++)
    if (!effect_is_gone(e, table->indexes.at[i]))
      effect_lock(e, table->indexes.at[i], mode);
  if (!table->complete)
    effect_unknown(e, "the indexes of %s are not known", table->name);
}

/* Servers since 16 also look at the indexes of partitioned tables. */
enum { PLANS_PARTITIONED_SINCE = 16 };

void effect_plan_indexes(struct effecting *e, struct lint_relation *table, enum lint_lock_mode mode)
{
  if (effect_has_storage(table) || e->major >= PLANS_PARTITIONED_SINCE)
    effect_lock_indexes(e, table, mode);
}

void effect_rewrite_table(struct effecting *e, struct lint_relation *table)
{
  if (!effect_has_storage(table))
    return;
  effect_lock(e, table, LINT_ACCESS_EXCLUSIVE);
  effect_rewrite(e, table);
  effect_scan(e, table);
  effect_lock_indexes(e, table, LINT_ACCESS_EXCLUSIVE);
  for (size_t i = 0; i < table->indexes.len; i++)
    if (!effect_is_gone(e, table->indexes.at[i]))
      effect_rewrite(e, table->indexes.at[i]);
}

bool effect_index_uses(const struct lint_relation *index, const char *column)
{
  return effect_names(&index->index_uses, column);
}

bool effect_view_uses(const struct lint_relation *view, const char *column)
{
  return effect_names(&view->read_columns, column) || effect_names(&view->read_columns, "*");
}

/* ---- reading ---- */

enum { VIEWS_DEEP_MAX = 64 };

static void read_below(struct effecting *e, struct lint_relation *relation,
                       enum lint_lock_mode mode, bool whole, int deep)
{
  effect_lock(e, relation, mode);
  if (relation->kind == LINT_UNKNOWN_RELATION && !relation->complete)
    effect_unknown(e, "%s is not known: it may have indexes, partitions or be a view",
                   relation->name);
  if (relation->kind == LINT_VIEW) {
    for (size_t i = 0; i < relation->reads.len && deep < VIEWS_DEEP_MAX; i++)
      read_below(e, relation->reads.at[i], mode, whole, deep + 1);
    return;
  }
  struct lint_relations family = effect_family(e, relation);
  for (size_t i = 0; i < family.len; i++) {
    effect_lock(e, family.at[i], mode);
    effect_plan_indexes(e, family.at[i], mode);
    if (whole && effect_has_storage(family.at[i]))
      effect_scan(e, family.at[i]);
  }
}

static void add_tables(struct effecting *e, struct lint_relation *relation,
                       struct lint_relations *tables, int deep)
{
  for (size_t i = 0;
       relation->kind == LINT_VIEW && i < relation->reads.len && deep < VIEWS_DEEP_MAX; i++)
    add_tables(e, relation->reads.at[i], tables, deep + 1);
  if (relation->kind != LINT_VIEW && relation->kind != LINT_SEQUENCE)
    add_family(e, relation, tables);
}

struct lint_relations effect_tables(struct effecting *e, struct lint_relation *relation)
{
  struct lint_relations tables = {0};
  add_tables(e, relation, &tables, 0);
  return tables;
}

void effect_read(struct effecting *e, struct lint_relation *relation, enum lint_lock_mode mode,
                 bool whole)
{
  if (relation && relation->kind != LINT_SEQUENCE)
    read_below(e, relation, mode, whole, 0);
}

static void lock_named(struct effecting *e, struct lint_relation *relation,
                       enum lint_lock_mode mode, int deep)
{
  effect_lock(e, relation, mode);
  bool view = relation && relation->kind == LINT_VIEW && deep < VIEWS_DEEP_MAX;
  for (size_t i = 0; view && i < relation->reads.len; i++)
    lock_named(e, relation->reads.at[i], mode, deep + 1);
}

void effect_analyze(struct effecting *e, const struct sql_tree *query)
{
  enum lint_lock_mode mode = query->locks_rows ? LINT_ROW_SHARE : LINT_ACCESS_SHARE;
  for (size_t i = 0; i < query->reads.len; i++)
    lock_named(e, effect_find(e, query->reads.at[i], false), mode, 0);
  for (size_t i = 0; i < query->changes.len; i++)
    lock_named(e, effect_find(e, query->changes.at[i].relation, false), LINT_ROW_EXCLUSIVE, 0);
}

/* 'sq' or 'app.sq' */
static bool is_named(const struct strings *strings, const struct lint_relation *sequence)
{
  size_t len = strlen(sequence->at.schema);
  for (size_t i = 0; i < strings->len; i++)
    if (strncmp(strings->at[i], sequence->at.schema, len) == 0 && strings->at[i][len] == '.' &&
        strcmp(strings->at[i] + len + 1, sequence->at.name) == 0)
      return true;
  return effect_names(strings, sequence->at.name);
}

void effect_lock_sequences(struct effecting *e, enum lint_lock_mode mode)
{
  struct lint_relations all = lint_facts_relations(e->facts);
  for (size_t i = 0; i < all.len; i++)
    if (all.at[i]->kind == LINT_SEQUENCE && is_named(&e->tree->strings, all.at[i]))
      effect_lock(e, all.at[i], mode);
}

/* ---- dropping ---- */

static bool goes(const struct effecting *e, const struct lint_relation *relation)
{
  for (size_t i = 0; i < e->doomed.len; i++)
    if (e->doomed.at[i] == relation)
      return true;
  return relation->dropped || effect_is_gone(e, relation);
}

void effect_drop_readers(struct effecting *e, const struct lint_relation *relation)
{
  for (size_t i = 0; i < relation->readers.len; i++)
    if (!effect_is_gone(e, relation->readers.at[i]))
      effect_drop_relation(e, relation->readers.at[i], true);
}

/* Rules of other tables that use the relation. */
static bool rules_need(struct effecting *e, const struct lint_relation *relation)
{
  for (size_t i = 0; i < relation->rule_uses.len; i++) {
    const struct lint_rule_use *use = relation->rule_uses.at[i];
    if (use->table != relation && lint_rule_is_there(use) && !goes(e, use->table))
      return true;
  }
  return false;
}

static void drop_rules(struct effecting *e, const struct lint_relation *relation)
{
  for (size_t i = 0; i < relation->rule_uses.len; i++) {
    const struct lint_rule_use *use = relation->rule_uses.at[i];
    if (use->table == relation || !lint_rule_is_there(use) || goes(e, use->table))
      continue;
    effect_lock(e, use->table, LINT_ACCESS_EXCLUSIVE);
    effect_drop_object(e, "rule", arena_printf(e->arena, "%s on %s", use->rule, use->table->name));
  }
}

/* What needs the relation and stays. */
static bool is_needed(struct effecting *e, const struct lint_relation *relation)
{
  if (rules_need(e, relation))
    return true;
  for (size_t i = 0; i < relation->readers.len; i++)
    if (!goes(e, relation->readers.at[i]))
      return true;
  bool partitions = lint_is_partitioned(relation) || relation->kind == LINT_PARTITIONED_TABLE;
  for (size_t i = 0; i < relation->children.len && !partitions; i++)
    if (!goes(e, relation->children.at[i]))
      return true;
  for (const struct lint_relation *at = relation; at; at = at->parent) {
    struct lint_constraints keys = effect_keys_to(e, at, NULL);
    for (size_t i = 0; i < keys.len; i++)
      if (keys.at[i]->relation != relation && !goes(e, keys.at[i]->relation))
        return true;
  }
  return false;
}

static void drop_keys(struct effecting *e, struct lint_relation *relation)
{
  for (size_t i = 0; i < relation->constraints.len; i++)
    if (relation->constraints.at[i]->kind == SQL_FOREIGN_KEY &&
        !relation->constraints.at[i]->dropped)
      effect_drop_key(e, relation->constraints.at[i]);
  struct lint_constraints keys = effect_keys_to(e, relation, NULL);
  for (size_t i = 0; i < keys.len; i++)
    effect_drop_key(e, keys.at[i]);
}

/* A sequence that columns take their default from. */
static void drop_sequence_users(struct effecting *e, const struct lint_relation *sequence,
                                bool cascade)
{
  struct lint_relations all = lint_facts_relations(e->facts);
  for (size_t i = 0; i < all.len; i++) {
    for (size_t k = 0; k < all.at[i]->columns.len; k++) {
      if (all.at[i]->columns.at[k]->sequence != sequence || goes(e, all.at[i]))
        continue;
      if (!cascade)
        effect_fail(e, "cannot drop sequence %s because other objects depend on it",
                    sequence->at.name);
      effect_lock(e, all.at[i], LINT_ACCESS_EXCLUSIVE);
    }
  }
}

void effect_drop_relation(struct effecting *e, struct lint_relation *relation, bool cascade)
{
  if (!relation || effect_is_gone(e, relation))
    return;
  if (relation->kind == LINT_INDEX) {
    effect_drop_index(e, relation);
    return;
  }
  if (!cascade && is_needed(e, relation)) {
    effect_fail(e, "cannot drop %s %s because other objects depend on it",
                effect_kind_word(relation->kind), relation->at.name);
    return;
  }
  effect_lock(e, relation, LINT_ACCESS_EXCLUSIVE);
  effect_drop(e, relation);
  if (relation->kind == LINT_SEQUENCE) {
    drop_sequence_users(e, relation, cascade);
    return;
  }
  effect_lock_indexes(e, relation, LINT_ACCESS_EXCLUSIVE);
  if (relation->parent && !goes(e, relation->parent)) {
    effect_lock(e, relation->parent, LINT_ACCESS_EXCLUSIVE);
    effect_lock(e, relation->parent->default_partition, LINT_ACCESS_EXCLUSIVE);
  }
  drop_keys(e, relation);
  for (size_t i = 0; i < relation->sequences.len; i++)
    effect_drop_relation(e, relation->sequences.at[i], true);
  for (size_t i = 0; i < relation->children.len; i++)
    effect_drop_relation(e, relation->children.at[i], true);
  effect_drop_readers(e, relation);
  drop_rules(e, relation);
}

void effect_note_rules(struct effecting *e, const struct lint_relation *table, const char *column)
{
  for (size_t i = 0; i < table->rule_uses.len; i++)
    if (lint_rule_is_there(table->rule_uses.at[i]))
      effect_unknown(e, "rule %s may use column %s of %s", table->rule_uses.at[i]->rule, column,
                     table->name);
}

void effect_drop_index(struct effecting *e, struct lint_relation *index)
{
  struct lint_relations indexes = effect_family(e, index);
  for (size_t i = 0; i < indexes.len; i++) {
    effect_lock(e, indexes.at[i]->indexed, LINT_ACCESS_EXCLUSIVE);
    effect_lock(e, indexes.at[i], LINT_ACCESS_EXCLUSIVE);
    effect_drop(e, indexes.at[i]);
  }
  if (!index->indexed)
    effect_unknown(e, "the table of %s is not known", index->name);
}
