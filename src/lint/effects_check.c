#include "lint/effects_private.h"

/* What ALTER TABLE refuses before it does anything, and ALTER TYPE of composite types. */

/* ---- the kind of relation ---- */

/* As the server calls it; NULL: any kind of relation can have it done, or it is not said here. */
static const char *action_words(enum sql_action_kind kind)
{
  switch (kind) {
  case SQL_ADD_COLUMN:
    return "ADD COLUMN";
  case SQL_DROP_COLUMN:
    return "DROP COLUMN";
  case SQL_ALTER_TYPE:
    return "ALTER COLUMN ... SET DATA TYPE";
  case SQL_SET_NOT_NULL:
    return "ALTER COLUMN ... SET NOT NULL";
  case SQL_DROP_NOT_NULL:
    return "ALTER COLUMN ... DROP NOT NULL";
  case SQL_ADD_CONSTRAINT:
    return "ADD CONSTRAINT";
  case SQL_DROP_CONSTRAINT:
    return "DROP CONSTRAINT";
  default:
    return NULL;
  }
}

static void check_kind(struct effecting *e, const struct lint_relation *table,
                       const struct sql_action *action)
{
  const char *words = action_words(action->kind);
  bool table_like = table->kind == LINT_TABLE || table->kind == LINT_PARTITIONED_TABLE ||
                    table->kind == LINT_FOREIGN_TABLE || table->kind == LINT_UNKNOWN_RELATION;
  if (words && !table_like)
    effect_fail(e, "ALTER action %s cannot be performed on relation \"%s\"", words, table->at.name);
  bool plain = table->kind == LINT_TABLE || table->kind == LINT_PARTITIONED_TABLE;
  if (e->tree->object == SQL_OBJECT_FOREIGN_TABLE && plain)
    effect_fail(e, "\"%s\" is not a foreign table", table->at.name);
  if (e->tree->object == SQL_OBJECT_INDEX && plain)
    effect_fail(e, "\"%s\" is not an index", table->at.name);
  if (e->tree->object == SQL_OBJECT_VIEW && plain)
    effect_fail(e, "\"%s\" is not a view", table->at.name);
  if (action->kind == SQL_SET_OPTIONS && lint_is_partitioned(table) && table->kind != LINT_INDEX &&
      action->options.len > 0)
    effect_fail(e, "unrecognized parameter \"%s\" of a partitioned table",
                action->options.at[0].name);
}

/* ---- the column ---- */

static bool needs_column(const struct sql_action *action)
{
  switch (action->kind) {
  case SQL_ALTER_TYPE:
  case SQL_SET_NOT_NULL:
  case SQL_DROP_NOT_NULL:
  case SQL_SET_DEFAULT:
  case SQL_DROP_DEFAULT:
  case SQL_ADD_IDENTITY:
  case SQL_SET_IDENTITY:
  case SQL_DROP_IDENTITY:
  case SQL_SET_STORAGE:
  case SQL_SET_COMPRESSION:
    return action->name != NULL;
  case SQL_DROP_COLUMN:
    return !action->if_exists;
  default:
    return false;
  }
}

/* Subcommands before it have made it. */
static bool is_added(const struct effecting *e, const char *name)
{
  for (size_t i = 0; i < e->tree->actions.len; i++)
    if (e->tree->actions.at[i].kind == SQL_ADD_COLUMN &&
        strcmp(e->tree->actions.at[i].name, name) == 0)
      return true;
  return false;
}

static void check_nullable(struct effecting *e, const struct lint_relation *table,
                           const char *column)
{
  for (size_t i = 0; i < table->constraints.len; i++)
    if (table->constraints.at[i]->kind == SQL_PRIMARY_KEY && !table->constraints.at[i]->dropped &&
        effect_names(&table->constraints.at[i]->columns, column))
      effect_fail(e, "column \"%s\" is in a primary key", column);
}

static void check_column(struct effecting *e, const struct lint_relation *table,
                         const struct sql_action *action)
{
  const struct lint_column *column = effect_column(table, action->name);
  if (!column) {
    if (!is_added(e, action->name))
      effect_fail_name(e, "column \"%s\" of relation \"%s\" does not exist", action->name,
                       table->at.name);
    return;
  }
  bool identity = column->generated == SQL_GENERATED_IDENTITY;
  if (action->kind == SQL_DROP_NOT_NULL)
    check_nullable(e, table, action->name);
  if (action->kind == SQL_DROP_NOT_NULL && identity)
    effect_fail(e, "column \"%s\" of relation \"%s\" is an identity column", action->name,
                table->at.name);
  if (action->kind == SQL_ADD_IDENTITY && !column->not_null)
    effect_fail(e,
                "column \"%s\" of relation \"%s\" must be declared NOT NULL before identity can "
                "be added",
                action->name, table->at.name);
  if (action->kind == SQL_ADD_IDENTITY && identity)
    effect_fail(e, "column \"%s\" of relation \"%s\" is already an identity column", action->name,
                table->at.name);
  else if (action->kind == SQL_ADD_IDENTITY && column->has_default)
    effect_fail(e, "column \"%s\" of relation \"%s\" already has a default value", action->name,
                table->at.name);
  if ((action->kind == SQL_DROP_IDENTITY || action->kind == SQL_SET_IDENTITY) && !identity &&
      !action->if_exists)
    effect_fail(e, "column \"%s\" of relation \"%s\" is not an identity column", action->name,
                table->at.name);
}

void effects_alter_check(struct effecting *e, struct lint_relation *table,
                         const struct sql_action *action)
{
  check_kind(e, table, action);
  if (table->complete && needs_column(action))
    check_column(e, table, action);
  if ((action->kind == SQL_ENABLE_RULE || action->kind == SQL_DISABLE_RULE) && table->complete &&
      action->name && !effect_names(&table->rules, action->name))
    effect_fail_name(e, "rule \"%s\" for relation \"%s\" does not exist", action->name,
                     table->at.name);
}

/* ---- composite types ---- */

static bool same_type(const struct sql_type *a, const struct sql_type *b)
{
  return !a || !b || strcmp(a->text, b->text) == 0;
}

/* ---- children and partitions ---- */

static void check_child_column(struct effecting *e, const struct lint_column *wanted,
                               const struct lint_relation *child)
{
  const struct lint_column *column = effect_column(child, wanted->name);
  if (!column) {
    effect_fail(e, "child table is missing column \"%s\"", wanted->name);
    return;
  }
  const struct sql_type *a = wanted->type, *b = column->type;
  if (a && b && !a->name.schema && !b->name.schema &&
      (strcmp(a->name.name, b->name.name) != 0 ||
       (a->array_dimensions > 0) != (b->array_dimensions > 0)))
    effect_fail(e, "child table \"%s\" has different type for column \"%s\"", child->at.name,
                wanted->name);
  if (wanted->not_null && !column->not_null)
    effect_fail(e, "column \"%s\" in child table must be marked NOT NULL", wanted->name);
}

void effects_check_child(struct effecting *e, const struct lint_relation *parent,
                         const struct lint_relation *child)
{
  if (!parent->complete || !child->complete)
    return;
  for (size_t i = 0; i < parent->columns.len; i++)
    if (!parent->columns.at[i]->dropped)
      check_child_column(e, parent->columns.at[i], child);
  for (size_t i = 0; i < parent->constraints.len; i++) {
    const struct lint_constraint *wanted = parent->constraints.at[i];
    bool found =
        wanted->dropped || wanted->kind != SQL_CHECK || wanted->no_inherit || !wanted->name;
    for (size_t k = 0; k < child->constraints.len && !found; k++)
      found = !child->constraints.at[k]->dropped && child->constraints.at[k]->name &&
              strcmp(child->constraints.at[k]->name, wanted->name) == 0;
    if (!found)
      effect_fail_name(e, "child table is missing constraint \"%s\"", wanted->name);
  }
}

/* OF: the columns of the table are those of the type, in its order. */
void effects_check_of_type(struct effecting *e, const struct lint_relation *table,
                           const struct sql_action *action)
{
  const struct lint_relation *type = lint_facts_relation(e->facts, action->of_type);
  size_t at = 0;
  if (type->kind != LINT_COMPOSITE || !type->complete || !table->complete)
    return;
  for (size_t i = 0; i < table->columns.len; i++) {
    const struct lint_column *column = table->columns.at[i];
    if (column->dropped)
      continue;
    while (at < type->columns.len && type->columns.at[at]->dropped)
      at++;
    const struct lint_column *wanted = at < type->columns.len ? type->columns.at[at++] : NULL;
    if (!wanted)
      effect_fail(e, "table has extra column \"%s\"", column->name);
    else if (strcmp(wanted->name, column->name) != 0)
      effect_fail(e, "table has column \"%s\" where type requires \"%s\"", column->name,
                  wanted->name);
    else if (!same_type(wanted->type, column->type))
      effect_fail(e, "table \"%s\" has different type for column \"%s\"", table->at.name,
                  column->name);
  }
  for (; at < type->columns.len; at++)
    if (!type->columns.at[at]->dropped)
      effect_fail(e, "table is missing column \"%s\"", type->columns.at[at]->name);
}

/* Typed tables change with the type, by CASCADE only; a stored value of the type cannot. */
void effects_alter_composite(struct effecting *e, struct lint_relation *type)
{
  bool cascade = e->tree->cascade, changes = false;
  for (size_t i = 0; i < e->tree->actions.len; i++) {
    cascade = cascade || e->tree->actions.at[i].cascade;
    changes = changes || e->tree->actions.at[i].kind == SQL_ALTER_TYPE;
  }
  struct lint_relations all = lint_facts_relations(e->facts);
  for (size_t i = 0; i < all.len; i++) {
    struct lint_relation *table = all.at[i];
    if (table->dropped)
      continue;
    if (table->of_type == type) {
      if (!cascade)
        effect_fail(e, "cannot alter type \"%s\" because it is the type of a typed table",
                    type->at.name);
      effect_lock(e, table, LINT_ACCESS_EXCLUSIVE);
      if (changes)
        effect_rewrite_table(e, table);
    }
    for (size_t k = 0; k < table->columns.len && changes; k++) {
      const struct sql_type *of = table->columns.at[k]->type;
      if (!table->columns.at[k]->dropped && of && strcmp(of->name.name, type->at.name) == 0)
        effect_fail(e, "cannot alter type \"%s\" because column \"%s.%s\" uses it", type->at.name,
                    table->at.name, table->columns.at[k]->name);
    }
  }
}
