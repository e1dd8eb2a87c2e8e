#include "lint/effects_private.h"

/* ALTER TABLE ADD COLUMN, DROP COLUMN, SET NOT NULL and SET EXPRESSION. */

/* ---- ADD COLUMN ---- */

static bool is_volatile(struct effecting *e, const struct sql_expression *expression)
{
  for (size_t i = 0; i < expression->functions.len; i++) {
    enum lint_volatility volatility = lint_facts_volatility(e->facts, expression->functions.at[i]);
    if (volatility == LINT_VOLATILE)
      return true;
    if (volatility == LINT_VOLATILITY_UNKNOWN)
      effect_unknown(e, "%s() may be volatile, which would rewrite the table",
                     expression->functions.at[i].name);
  }
  return false;
}

/* The rows get their value one by one. */
static bool column_rewrites(struct effecting *e, const struct sql_column *column)
{
  if (column->serial || column->generated == SQL_GENERATED_STORED ||
      column->generated == SQL_GENERATED_IDENTITY ||
      lint_facts_type_is_constrained(e->facts, &column->type))
    return true;
  return column->default_value && is_volatile(e, column->default_value);
}

static bool has_value(const struct sql_column *column)
{
  return column->serial || column->generated != SQL_NOT_GENERATED ||
         (column->default_value && !column->default_value->is_null);
}

static void check_new_not_null(struct effecting *e, struct lint_relation *table,
                               const struct sql_column *column)
{
  if (!column->not_null || has_value(column) || !effect_has_storage(table))
    return;
  effect_scan(e, table);
  if (table->rows > 0)
    effect_fail(e, "column \"%s\" of relation \"%s\" contains null values", column->name,
                table->at.name);
  else
    effect_unknown(e, "it fails if %s has a row", table->name);
}

/* The rows that are there get a NULL which the domain forbids. */
static bool refuses_null(struct effecting *e, const struct lint_relation *table,
                         const struct sql_column *column)
{
  const struct lint_domain *domain = lint_facts_domain(e->facts, column->type.name);
  return domain && domain->not_null && !domain->has_default && column->type.array_dimensions == 0 &&
         !has_value(column) && effect_has_storage(table) && table->rows > 0;
}

/* Subcommands that drop come first, wherever they stand. */
static bool drops_column(const struct effecting *e, const char *name)
{
  for (size_t i = 0; i < e->tree->actions.len; i++)
    if (e->tree->actions.at[i].kind == SQL_DROP_COLUMN &&
        strcmp(e->tree->actions.at[i].name, name) == 0)
      return true;
  return false;
}

void effects_add_reached(struct effecting *e, struct lint_relation *table, const char *column,
                         struct lint_relations *ret)
{
  for (size_t i = 0; i < ret->len; i++)
    if (ret->at[i] == table)
      return;
  bool stops = ret->len > 0 && effect_column(table, column);
  vec_push(e->arena, ret, table);
  for (size_t i = 0; i < table->children.len && !stops; i++)
    if (!table->children.at[i]->dropped)
      effects_add_reached(e, table->children.at[i], column, ret);
}

static void check_merged(struct effecting *e, const struct lint_relation *child,
                         const struct sql_column *column)
{
  const struct sql_type *own = lint_facts_column(e->facts, child, column->name)->type;
  if (own && !own->name.schema && !column->type.name.schema &&
      (strcmp(own->name.name, column->type.name.name) != 0 ||
       (own->array_dimensions > 0) != (column->type.array_dimensions > 0)))
    effect_fail(e, "child table \"%s\" has different type for column \"%s\"", child->at.name,
                column->name);
}

void effects_add_column(struct effecting *e, struct lint_relation *table,
                        const struct sql_action *action)
{
  const struct sql_column *column = action->column;
  if (!column)
    return;
  if (effect_column(table, column->name) && !drops_column(e, column->name)) {
    if (!action->if_exists)
      effect_fail_name(e, "column \"%s\" of relation \"%s\" already exists", column->name,
                       table->at.name);
    return;
  }
  bool rewrites = column_rewrites(e, column);
  struct lint_relations family = {0};
  effects_add_reached(e, table, column->name, &family);
  if (e->tree->only && family.len > 1)
    effect_fail(e, "column must be added to child tables too");
  if (table->parent && lint_is_partitioned(table->parent))
    effect_fail(e, "cannot add column to a partition");
  if (table->of_type)
    effect_fail(e, "cannot add column to typed table");
  for (size_t i = 0; i < family.len; i++) {
    if (i > 0 && effect_column(family.at[i], column->name))
      check_merged(e, family.at[i], column);
    else if (refuses_null(e, family.at[i], column))
      effect_fail(e, "domain %s does not allow null values", column->type.text);
    else if (rewrites)
      effect_rewrite_table(e, family.at[i]);
    else
      check_new_not_null(e, family.at[i], column);
  }
  if (rewrites)
    effect_lock_sequences(e, LINT_ROW_EXCLUSIVE);
  for (size_t i = 0; i < column->constraints.len; i++)
    effects_add_constraint(e, table, &column->constraints.at[i],
                           has_value(column) || column->default_value); /* DEFAULT NULL is one */
}

/* ---- DROP COLUMN ---- */

static void drop_column_keys(struct effecting *e, struct lint_relation *table, const char *name,
                             bool cascade)
{
  for (size_t i = 0; i < table->constraints.len; i++) {
    const struct lint_constraint *c = table->constraints.at[i];
    if (!c->dropped && c->kind == SQL_FOREIGN_KEY && effect_names(&c->columns, name))
      effect_drop_key(e, c);
  }
  struct strings column = {0};
  vec_push(e->arena, &column, name);
  struct lint_constraints keys = effect_keys_to(e, table, &column);
  for (size_t i = 0; i < keys.len; i++) {
    if (!cascade && keys.at[i]->relation != table)
      effect_fail(e, "cannot drop column %s of table %s because other objects depend on it", name,
                  table->at.name);
    effect_drop_key(e, keys.at[i]);
  }
}

/* What needs the column and is not dropped with it. */
static bool column_is_needed(const struct effecting *e, const struct lint_relation *table,
                             const char *column)
{
  for (size_t i = 0; i < table->readers.len; i++)
    if (!table->readers.at[i]->dropped && effect_view_uses(table->readers.at[i], column))
      return true;
  for (size_t i = 0; i < table->columns.len && e->major != 13; i++) /* there they go with it */
    if (!table->columns.at[i]->dropped &&
        effect_names(&table->columns.at[i]->generated_from, column))
      return true;
  for (size_t i = 0; i < table->triggers.len; i++)
    if (!table->triggers.at[i]->dropped && effect_names(&table->triggers.at[i]->columns, column))
      return true;
  return effect_names(&table->policy_columns, column);
}

/* Those that the column owns. */
void effect_drop_sequences(struct effecting *e, struct lint_relation *table, const char *column)
{
  for (size_t i = 0; i < table->sequences.len; i++)
    if (table->sequences.at[i]->owned_by_column &&
        strcmp(table->sequences.at[i]->owned_by_column, column) == 0)
      effect_drop_relation(e, table->sequences.at[i], true);
}

void effect_drop_column(struct effecting *e, struct lint_relation *table, const char *name,
                        bool cascade)
{
  if (!cascade && column_is_needed(e, table, name))
    effect_fail(e, "cannot drop column %s of table %s because other objects depend on it", name,
                table->at.name);
  for (size_t i = 0; i < table->indexes.len; i++) {
    struct lint_relation *index = table->indexes.at[i];
    if (index->dropped || !effect_index_uses(index, name))
      continue;
    effect_lock(e, index, LINT_ACCESS_EXCLUSIVE);
    effect_drop(e, index);
  }
  for (size_t i = 0; i < table->readers.len; i++)
    if (effect_view_uses(table->readers.at[i], name))
      effect_drop_relation(e, table->readers.at[i], true);
  effect_drop_sequences(e, table, name);
  drop_column_keys(e, table, name, cascade);
  effect_note_rules(e, table, name);
  if (!table->complete)
    effect_unknown(e, "what depends on column %s of %s is not known", name, table->name);
}

void effects_drop_column(struct effecting *e, struct lint_relation *table,
                         const struct sql_action *action)
{
  if (action->if_exists && table->complete && !effect_column(table, action->name))
    return;
  if (effect_names(&table->partition_key, action->name))
    effect_fail(e,
                "cannot drop column \"%s\" because it is part of the partition key of "
                "relation \"%s\"",
                action->name, table->at.name);
  for (size_t i = 0; i < table->columns.len; i++)
    if (table->columns.at[i]->inherited && strcmp(table->columns.at[i]->name, action->name) == 0)
      effect_fail(e, "cannot drop inherited column \"%s\"", action->name);
  if (table->of_type)
    effect_fail(e, "cannot drop column from typed table");
  effect_drop_object(e, "column", arena_printf(e->arena, "%s.%s", table->name, action->name));
  struct lint_relations family = effect_family(e, table);
  if (e->tree->only && lint_is_partitioned(table) && family.len > 1)
    effect_fail(e, "cannot drop column from only the partitioned table when partitions exist");
  if (e->tree->only) {
    effect_drop_column(e, table, action->name, action->cascade);
    effect_lock_children(e, table, LINT_ACCESS_EXCLUSIVE); /* the column is their own then */
    return;
  }
  for (size_t i = 0; i < family.len; i++)
    effect_drop_column(e, family.at[i], action->name, action->cascade);
}

/* ---- SET NOT NULL, SET EXPRESSION ---- */

void effects_set_not_null(struct effecting *e, struct lint_relation *table, const char *column)
{
  struct lint_relations family = effect_family(e, table);
  bool only = e->tree->only && lint_is_partitioned(table) && e->major && e->major < 18;
  for (size_t i = 1; i < family.len && only; i++)
    if (family.at[i]->complete && !effect_not_null(family.at[i], column))
      effect_fail(e, "constraint must be added to child tables too");
  for (size_t i = 0; i < family.len && !(e->tree->only && i > 0); i++)
    if (effect_has_storage(family.at[i]) && !effect_not_null(family.at[i], column) &&
        !lint_facts_proves_not_null(e->facts, family.at[i], column, e->tree))
      effect_scan(e, family.at[i]);
}

/* Stored values are computed anew. */
void effects_set_expression(struct effecting *e, struct lint_relation *table, const char *name)
{
  struct lint_relations family = effect_family(e, table);
  for (size_t i = 0; i < family.len; i++) {
    const struct lint_column *column = lint_facts_column(e->facts, family.at[i], name);
    if (column->generated == SQL_GENERATED_STORED)
      effect_rewrite_table(e, family.at[i]);
    else if (column->generated == SQL_NOT_GENERATED)
      effect_unknown(e, "%s is rewritten if column %s is stored", family.at[i]->name, name);
  }
}
