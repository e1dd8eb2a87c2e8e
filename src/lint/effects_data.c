#include "lint/effects_private.h"

/* Queries and data changes. Which rows there are decides some of it: foreign keys are looked up for
 * rows that change, and a plan may use an index. */

/* ---- which rows are read ---- */

static bool finds_by(const struct lint_relation *index, const struct sql_expression *where)
{
  if (index->dropped || index->index_columns.len == 0 || index->partial)
    return false;
  for (size_t i = 0; i < where->conditions.len; i++) {
    const struct sql_condition *c = &where->conditions.at[i];
    if (c->column && c->op && (strcmp(c->op, "=") == 0 || strcmp(c->op, "in") == 0) &&
        strcmp(c->column, index->index_columns.at[0]) == 0)
      return true;
  }
  return false;
}

/* An index of one of the relations leads to the rows; joins may lead to those of the others. */
static bool finds_any(struct effecting *e, const struct sql_expression *where)
{
  for (size_t i = 0; i < e->tree->reads.len; i++) {
    const struct lint_relation *table = lint_facts_relation(e->facts, e->tree->reads.at[i]);
    for (size_t k = 0; k < table->indexes.len; k++)
      if (finds_by(table->indexes.at[k], where))
        return true;
  }
  return false;
}

/* No index leads to the rows that the statement asks for. */
static bool reads_whole(struct effecting *e, const struct lint_relation *table)
{
  const struct sql_expression *where = e->tree->where;
  if (!where || where->is_true)
    return true;
  for (size_t i = 0; i < table->indexes.len; i++)
    if (finds_by(table->indexes.at[i], where))
      return false;
  if (!finds_any(e, where))
    return true;
  effect_unknown(e, "how much of %s is read depends on the plan", table->name);
  return false;
}

static void scan(struct effecting *e, struct lint_relation *table)
{
  if (effect_has_storage(table) && !e->plans && reads_whole(e, table))
    effect_scan(e, table);
}

/* ---- foreign keys of changed rows ---- */

static bool touches(const struct sql_change *change, const struct strings *columns)
{
  if (change->columns.len == 0)
    return true;
  for (size_t i = 0; i < columns->len; i++)
    if (effect_names(&change->columns, columns->at[i]))
      return true;
  return false;
}

static void look_up(struct effecting *e, struct lint_relation *table, enum lint_lock_mode mode)
{
  struct lint_relations family = effect_family(e, table);
  for (size_t i = 0; i < family.len; i++) {
    effect_lock(e, family.at[i], mode);
    effect_plan_indexes(e, family.at[i], mode);
  }
}

/* The rows that the new values refer to. */
static void look_up_referenced(struct effecting *e, const struct lint_relation *table,
                               const struct sql_change *change)
{
  for (size_t i = 0; i < table->constraints.len; i++) {
    const struct lint_constraint *key = table->constraints.at[i];
    if (key->kind == SQL_FOREIGN_KEY && !key->dropped && touches(change, &key->columns))
      look_up(e, key->referenced, LINT_ROW_SHARE);
  }
}

static bool has_index_on(const struct lint_relation *table, const struct strings *columns)
{
  for (size_t i = 0; i < table->indexes.len; i++)
    if (!table->indexes.at[i]->dropped && table->indexes.at[i]->index_columns.len > 0 &&
        effect_names(columns, table->indexes.at[i]->index_columns.at[0]))
      return true;
  return false;
}

/* The rows that refer to what goes. */
static void look_up_referencing(struct effecting *e, struct lint_relation *table,
                                const struct sql_change *change)
{
  struct lint_constraints keys = effect_keys_to(e, table, NULL);
  for (size_t i = 0; i < keys.len; i++) {
    const struct lint_constraint *key = keys.at[i];
    bool deletes = change->kind == SQL_DELETE;
    char what = deletes ? key->on_delete : key->on_update;
    if (!deletes && !touches(change, &key->referenced_columns))
      continue;
    bool changes = what == 'c' || what == 'n' || what == 'd';
    look_up(e, key->relation, changes ? LINT_ROW_EXCLUSIVE : LINT_ROW_SHARE);
    struct lint_relations family = effect_family(e, key->relation);
    for (size_t k = 0; k < family.len; k++)
      if (effect_has_storage(family.at[k]) && !has_index_on(family.at[k], &key->columns))
        effect_scan(e, family.at[k]);
  }
}

/* ---- changes ---- */

static void note_triggers(struct effecting *e, const struct lint_relation *table)
{
  for (size_t i = 0; i < table->triggers.len; i++)
    if (!table->triggers.at[i]->dropped && !e->plans)
      effect_unknown(e, "what trigger %s does", table->triggers.at[i]->name);
}

enum { RULES_DEEP_MAX = 8, VIEWS_DEEP_MAX = 64 };

/* Rules of the table for the change; true: the change itself is not made. COPY fires none. */
static bool fire_rules(struct effecting *e, const struct lint_relation *table,
                       const struct sql_change *change)
{
  bool instead = false;
  for (size_t i = 0; i < table->rule_uses.len; i++) {
    const struct lint_rule_use *use = table->rule_uses.at[i];
    const struct sql_rule *rule = use->from ? use->from->rule : NULL;
    if (use->table != table || !lint_rule_is_there(use) || (rule && rule->event != change->kind))
      continue;
    if (!rule || e->deep >= RULES_DEEP_MAX) {
      effect_unknown(e, "what rule %s does", use->rule);
      continue;
    }
    instead = instead || (rule->instead && !rule->conditional);
    e->deep++;
    for (size_t k = 0; k < use->from->elements.len; k++) {
      effect_inside(e, use->from->elements.at[k]);
      effect_unknown(e, "how much rule %s reads and changes depends on the rows and the plan",
                     use->rule);
    }
    e->deep--;
  }
  return instead;
}

static bool is_insert(const struct sql_change *change)
{
  return change->kind == SQL_INSERT || change->kind == SQL_COPY;
}

static void insert(struct effecting *e, struct lint_relation *table,
                   const struct sql_change *change)
{
  if (lint_is_partitioned(table))
    effect_unknown(e, "the rows decide which partitions of %s are locked", table->name);
  if (change->updates)
    effect_lock_indexes(e, table, LINT_ROW_EXCLUSIVE);
  if (e->plans)
    return;
  look_up_referenced(e, table, change);
  for (size_t i = 0; i < table->columns.len; i++)
    if (!table->columns.at[i]->dropped && change->columns.len > 0 &&
        !effect_names(&change->columns, table->columns.at[i]->name))
      effect_lock(e, table->columns.at[i]->sequence, LINT_ROW_EXCLUSIVE);
}

static void update(struct effecting *e, struct lint_relation *table,
                   const struct sql_change *change)
{
  struct lint_relations family = {0};
  if (change->relation.only)
    vec_push(e->arena, &family, table);
  else
    family = effect_family(e, table);
  for (size_t i = 0; i < family.len; i++) {
    effect_lock(e, family.at[i], LINT_ROW_EXCLUSIVE);
    effect_plan_indexes(e, family.at[i], LINT_ROW_EXCLUSIVE);
    scan(e, family.at[i]);
    note_triggers(e, family.at[i]);
  }
  if (e->plans)
    return;
  if (change->kind == SQL_UPDATE)
    look_up_referenced(e, table, change);
  look_up_referencing(e, table, change);
}

/* INSTEAD NOTHING: no rule does anything, and the rows are not looked for. */
static bool does_nothing(const struct lint_relation *table, const struct sql_change *change)
{
  for (size_t i = 0; i < table->rule_uses.len; i++) {
    const struct lint_rule_use *use = table->rule_uses.at[i];
    const struct sql_rule *rule = use->from ? use->from->rule : NULL;
    if (use->table == table && lint_rule_is_there(use) &&
        (!rule || (rule->event == change->kind && use->from->elements.len > 0)))
      return false;
  }
  return true;
}

static void apply(struct effecting *e, struct lint_relation *table, const struct sql_change *change,
                  int deep)
{
  effect_lock(e, table, LINT_ROW_EXCLUSIVE);
  if (e->tree->kind == SQL_MERGE && table->kind == LINT_TABLE && table->rules.len > 0)
    effect_fail(e, "cannot execute MERGE on relation \"%s\"", table->at.name);
  if (fire_rules(e, table, change) &&
      (is_insert(change) || table->kind == LINT_VIEW || does_nothing(table, change)))
    return;
  if (table->kind == LINT_VIEW && deep < VIEWS_DEEP_MAX) {
    for (size_t i = 0; i < table->reads.len; i++)
      apply(e, table->reads.at[i], change, deep + 1);
    return;
  }
  if (table->kind == LINT_UNKNOWN_RELATION)
    effect_unknown(e, "%s is not known: it may have indexes, keys, triggers or partitions",
                   table->name);
  note_triggers(e, table);
  if (is_insert(change))
    insert(e, table, change);
  else
    update(e, table, change);
}

/* And not read besides. */
static bool is_only_changed(const struct sql_tree *tree, struct sql_name name)
{
  for (size_t i = 0; i < tree->changes.len; i++) {
    struct sql_name at = tree->changes.at[i].relation;
    bool same_schema =
        at.schema && name.schema ? strcmp(at.schema, name.schema) == 0 : at.schema == name.schema;
    if (same_schema && strcmp(at.name, name.name) == 0)
      return !tree->changes.at[i].from_itself;
  }
  return false;
}

/* ---- functions with effects ---- */

static void call_functions(struct effecting *e)
{
  for (size_t i = 0; !e->plans && i < e->tree->functions.len; i++) {
    struct sql_name function = e->tree->functions.at[i];
    if (strcmp(function.name, "nextval") == 0 || strcmp(function.name, "setval") == 0) {
      effect_lock_sequences(e, LINT_ROW_EXCLUSIVE);
      continue;
    }
    if (lint_facts_volatility(e->facts, function) != LINT_NOT_VOLATILE &&
        strncmp(function.name, "pg_", 3) != 0 && strcmp(function.name, "set_config") != 0)
      effect_unknown(e, "what %s() does", function.name);
  }
}

/* ---- COPY ---- */

static void copy(struct effecting *e)
{
  const struct sql_tree *tree = e->tree;
  struct lint_relation *table = effect_find(e, tree->name, false);
  if (!table)
    return;
  if (!tree->from) {
    effect_lock(e, table, LINT_ACCESS_SHARE);
    effect_scan(e, table);
    return;
  }
  const struct sql_change change = {.kind = SQL_COPY, .relation = tree->name};
  apply(e, table, &change, 0);
}

static bool same_place(struct sql_name a, struct sql_name b)
{
  return a.name && b.name && strcmp(a.name, b.name) == 0 &&
         (!a.schema || !b.schema || strcmp(a.schema, b.schema) == 0);
}

/* FOR UPDATE OF names what FROM calls the relation; where it is not found there, any may be. */
static bool locks_rows_of(const struct sql_tree *tree, struct sql_name relation)
{
  size_t found = 0;
  for (size_t i = 0; i < tree->scopes.len; i++)
    for (size_t k = 0; k < tree->scopes.at[i]->sources.len; k++) {
      const struct sql_source *source = &tree->scopes.at[i]->sources.at[k];
      if (!source->alias || !source->relation.name || !effect_names(&tree->locked, source->alias))
        continue;
      if (same_place(source->relation, relation))
        return true;
      found++;
    }
  return tree->locks_rows && found < (tree->locked.len > 0 ? tree->locked.len : 1);
}

void effects_data(struct effecting *e)
{
  const struct sql_tree *tree = e->tree;
  if (tree->kind == SQL_COPY && tree->name.name) {
    copy(e);
    return;
  }
  for (size_t i = 0; i < tree->reads.len; i++) {
    if (is_only_changed(tree, tree->reads.at[i]))
      continue;
    struct lint_relation *relation = effect_find(e, tree->reads.at[i], false);
    if (!relation)
      continue;
    bool locks = locks_rows_of(tree, tree->reads.at[i]);
    effect_read(e, relation, locks ? LINT_ROW_SHARE : LINT_ACCESS_SHARE, false);
    struct lint_relations tables = effect_tables(e, relation);
    for (size_t k = 0; k < tables.len; k++)
      scan(e, tables.at[k]);
  }
  for (size_t i = 0; i < tree->changes.len; i++) {
    struct lint_relation *table = effect_find(e, tree->changes.at[i].relation, false);
    if (table)
      apply(e, table, &tree->changes.at[i], 0);
  }
  call_functions(e);
}
