#include "lint/effects_private.h"

/* ALTER COLUMN TYPE: what has to be made anew with the column. */

struct change {
  struct lint_relation *table;
  struct lint_column *column;
  const struct sql_action *action;
  bool rewrites; /* the table */
};

static bool is_type(const struct sql_type *type, const char *name)
{
  return !type->name.schema && type->array_dimensions == 0 && strcmp(type->name.name, name) == 0;
}

/* ---- casts that the server does not make by itself ---- */

/* 't' text, 'n' number, 'b' boolean, 'd' date and time, 'u' uuid, 'j' json, 'y' bytea, 'i' network;
 * 0: another type. */
static char category(const struct sql_type *type)
{
  static const struct {
    const char *name;
    char category;
  } known[] = {{"text", 't'},   {"varchar", 't'}, {"bpchar", 't'},      {"int2", 'n'},
               {"int4", 'n'},   {"int8", 'n'},    {"numeric", 'n'},     {"float4", 'n'},
               {"float8", 'n'}, {"bool", 'b'},    {"date", 'd'},        {"timestamp", 'd'},
               {"uuid", 'u'},   {"timetz", 'd'},  {"timestamptz", 'd'}, {"time", 'd'},
               {"json", 'j'},   {"jsonb", 'j'},   {"bytea", 'y'},       {"inet", 'i'},
               {"cidr", 'i'},   {"interval", 'd'}};
  for (size_t i = 0; i < COUNT_OF(known); i++)
    if (is_type(type, known[i].name))
      return known[i].category;
  return 0;
}

static bool has_no_cast(const struct sql_type *from, const struct sql_type *to)
{
  char before = category(from), after = category(to);
  return before && after && before != after && after != 't';
}

/* ---- what refuses ---- */

static bool triggers_use(const struct lint_relation *table, const char *column)
{
  for (size_t i = 0; i < table->triggers.len; i++)
    if (!table->triggers.at[i]->dropped && effect_names(&table->triggers.at[i]->columns, column))
      return true;
  return false;
}

static bool generated_use(const struct lint_relation *table, const char *column)
{
  for (size_t i = 0; i < table->columns.len; i++)
    if (!table->columns.at[i]->dropped &&
        effect_names(&table->columns.at[i]->generated_from, column))
      return true;
  return false;
}

static bool views_use(const struct lint_relation *table, const char *column)
{
  for (size_t i = 0; i < table->readers.len; i++)
    if (!table->readers.at[i]->dropped && effect_view_uses(table->readers.at[i], column))
      return true;
  return false;
}

static void check_users(struct effecting *e, const struct change *c)
{
  const char *column = c->action->name;
  if (views_use(c->table, column))
    effect_fail(e, "cannot alter type of a column used by a view or rule");
  if (generated_use(c->table, column))
    effect_fail(e, "cannot alter type of a column used by a generated column");
  if (triggers_use(c->table, column))
    effect_fail(e, "cannot alter type of a column used in a trigger definition");
  if (effect_names(&c->table->policy_columns, column))
    effect_fail(e, "cannot alter type of a column used in a policy definition");
}

static void check_place(struct effecting *e, const struct lint_relation *table, const char *column)
{
  if (effect_names(&table->partition_key, column))
    effect_fail(e,
                "cannot alter column \"%s\" because it is part of the partition key of relation "
                "\"%s\"",
                column, table->at.name);
  for (size_t i = 0; i < table->columns.len; i++)
    if (table->columns.at[i]->inherited && strcmp(table->columns.at[i]->name, column) == 0)
      effect_fail(e, "cannot alter inherited column \"%s\"", column);
}

/* A child that has the column from another parent, too, or is itself partitioned by it. */
static void check_below(struct effecting *e, const struct lint_relations *family,
                        const struct lint_relation *child, const char *column)
{
  if (effect_names(&child->partition_key, column))
    effect_fail(e,
                "cannot alter column \"%s\" because it is part of the partition key of relation "
                "\"%s\"",
                column, child->at.name);
  for (size_t i = 0; i < child->parents.len; i++) {
    bool altered = child->parents.at[i]->dropped;
    for (size_t k = 0; k < family->len && !altered; k++)
      altered = family->at[k] == child->parents.at[i];
    for (size_t k = 0; k < child->parents.at[i]->columns.len && !altered; k++)
      if (!child->parents.at[i]->columns.at[k]->dropped &&
          strcmp(child->parents.at[i]->columns.at[k]->name, column) == 0)
        effect_fail(e, "cannot alter inherited column \"%s\" of relation \"%s\"", column,
                    child->at.name);
  }
}

/* ---- what is made anew ---- */

/* USING the column itself, or its cast to the new type, is what happens without. */
static bool computes(const struct sql_action *action)
{
  const struct sql_expression *using = action->using;
  if (!using || (using->bare_column && strcmp(using->bare_column, action->name) == 0))
    return false;
  return !using->cast_column || strcmp(using->cast_column, action->name) != 0 ||
         !using->cast_type || strcmp(using->cast_type, action->type->text) != 0;
}

static void decide(struct effecting *e, struct change *c)
{
  const struct sql_action *action = c->action;
  const struct sql_type *from = c->column->type, *to = action->type;
  if (computes(action)) {
    c->rewrites = true;
  } else if (!from) {
    effect_unknown(e, "the present type of %s.%s is not known", c->table->name, action->name);
  } else {
    if (!action->using && has_no_cast(from, to))
      effect_fail(e, "column \"%s\" cannot be cast automatically to type %s", action->name,
                  to->text);
    c->rewrites = !lint_facts_type_change_is_free(e->facts, from, to);
  }
}

static void remake_indexes(struct effecting *e, const struct change *c)
{
  for (size_t i = 0; i < c->table->indexes.len; i++) {
    struct lint_relation *index = c->table->indexes.at[i];
    if (index->dropped || !effect_index_uses(index, c->action->name))
      continue;
    effect_lock(e, index, LINT_ACCESS_EXCLUSIVE);
    effect_gone(e, index);
    if (!lint_facts_index_is_kept(e->facts, index, c->column, c->action) &&
        effect_has_storage(c->table))
      effect_scan(e, c->table);
  }
}

static void remake_key(struct effecting *e, const struct change *c,
                       const struct lint_constraint *key)
{
  effect_drop_key(e, key);
  if (c->rewrites && key->valid)
    effect_validate_key(e, key->relation, key->referenced);
}

static void remake_constraints(struct effecting *e, const struct change *c)
{
  const struct lint_constraints *all = &c->table->constraints;
  for (size_t i = 0; i < all->len; i++) {
    struct lint_constraint *constraint = all->at[i];
    if (constraint->dropped || !effect_names(&constraint->columns, c->action->name))
      continue;
    if (constraint->kind == SQL_FOREIGN_KEY) {
      remake_key(e, c, constraint);
      effect_compare_key(e, c->table, &constraint->columns, constraint->referenced,
                         &constraint->referenced_columns);
      effect_depend_on_key(e, constraint);
    } else if (constraint->kind == SQL_CHECK && constraint->valid && effect_has_storage(c->table)) {
      effect_scan(e, c->table);
    }
  }
  struct strings column = {0};
  vec_push(e->arena, &column, c->action->name);
  struct lint_constraints keys = effect_keys_to(e, c->table, &column);
  for (size_t i = 0; i < keys.len; i++)
    if (keys.at[i]->relation != c->table)
      remake_key(e, c, keys.at[i]);
}

void effects_alter_type(struct effecting *e, struct lint_relation *table,
                        const struct sql_action *action)
{
  check_place(e, table, action->name);
  struct lint_relations family = effect_family(e, table);
  if (e->tree->only && family.len > 1)
    effect_fail(e, "type of inherited column \"%s\" must be changed in child tables too",
                action->name);
  if (table->of_type)
    effect_fail(e, "cannot alter column type of typed table");
  for (size_t i = 1; i < family.len; i++)
    check_below(e, &family, family.at[i], action->name);
  for (size_t i = 0; i < family.len; i++) {
    struct change c = {.table = family.at[i],
                       .column = lint_facts_column(e->facts, family.at[i], action->name),
                       .action = action};
    check_users(e, &c);
    decide(e, &c);
    remake_indexes(e, &c);
    remake_constraints(e, &c);
    if (c.rewrites)
      effect_rewrite_table(e, c.table);
    for (size_t k = 0; k < c.table->sequences.len; k++)
      if (c.table->sequences.at[k]->owned_by_column &&
          strcmp(c.table->sequences.at[k]->owned_by_column, action->name) == 0)
        effect_depend(e, c.table->sequences.at[k]);
    effect_note_rules(e, c.table, action->name);
    if (!c.table->complete)
      effect_unknown(e, "what uses column %s of %s is not known", action->name, c.table->name);
  }
}
