#include "lint/effects_private.h"

/* Names of columns in queries and data changes, and constants that are read as a type: what the
 * server looks for before it reads a row. */

static bool has_plain_columns(const struct lint_relation *relation)
{
  bool kind = relation->kind == LINT_TABLE || relation->kind == LINT_PARTITIONED_TABLE ||
              relation->kind == LINT_FOREIGN_TABLE || relation->kind == LINT_VIEW ||
              relation->kind == LINT_MATVIEW;
  return kind && relation->complete && !relation->dropped;
}

/* NULL: not all of its columns are known. */
static const struct lint_relation *known_relation(struct effecting *e, struct sql_name name)
{
  if (!name.name || lint_facts_may_be_temporary(e->facts, name))
    return NULL;
  const struct lint_relation *relation = lint_facts_relation(e->facts, name);
  return has_plain_columns(relation) ? relation : NULL;
}

/* ---- labels of enums ---- */

static void check_label(struct effecting *e, const struct sql_type *type, const char *text)
{
  const struct lint_enum *labels =
      type && type->array_dimensions == 0 ? effect_enum(e, type->name) : NULL;
  if (labels && !effect_names(&labels->values, text))
    effect_fail_name(e, "invalid input value for enum %s: \"%s\"", type->name.name, text);
}

/* ---- references ---- */

static bool is_system(const char *column)
{
  static const char *const names[] = {"tableoid", "ctid", "xmin", "xmax", "cmin", "cmax"};
  for (size_t i = 0; i < COUNT_OF(names); i++)
    if (strcmp(names[i], column) == 0)
      return true;
  return false;
}

/* t.f may be f(t), for a function or a cast. */
static bool may_be_call(struct effecting *e, const char *name)
{
  static const char *const casts[] = {"text", "name", "varchar", "bpchar", "char"};
  const struct sql_use use = {
      .kind = SQL_USE_FUNCTION, .name = {.name = name}, .least = 1, .most = 1};
  for (size_t i = 0; i < COUNT_OF(casts); i++)
    if (strcmp(casts[i], name) == 0)
      return true;
  return lint_facts_presence(e->facts, &use) == LINT_PRESENT;
}

enum finding { MISSING, FOUND, UNKNOWN };

static enum finding look_in(struct effecting *e, const struct sql_scope *scope,
                            const struct sql_reference *reference,
                            const struct lint_column **ret_column)
{
  enum finding finding = MISSING;
  for (size_t i = 0; i < scope->sources.len; i++) {
    const struct sql_source *source = &scope->sources.at[i];
    bool same = source->alias && strcmp(source->alias, reference->column) == 0;
    const struct lint_relation *relation = known_relation(e, source->relation);
    if (same || !relation)
      return UNKNOWN; /* the whole row, or there may be more columns */
    *ret_column = effect_column(relation, reference->column);
    if (*ret_column)
      return FOUND;
  }
  return finding;
}

/* NULL: not found for certain, or not known. */
static const struct lint_column *find_bare(struct effecting *e, const struct sql_scope *scope,
                                           const struct sql_reference *reference)
{
  const struct lint_column *column = NULL;
  if (is_system(reference->column))
    return NULL;
  for (; scope; scope = scope->outer) {
    enum finding finding = look_in(e, scope, reference, &column);
    if (finding != MISSING)
      return finding == FOUND ? column : NULL;
  }
  effect_fail_name(e, "column \"%s\" does not exist", reference->column);
  return NULL;
}

static const struct lint_column *find_qualified(struct effecting *e, const struct sql_scope *scope,
                                                const struct sql_reference *reference)
{
  for (; scope; scope = scope->outer)
    for (size_t i = 0; i < scope->sources.len; i++) {
      const struct sql_source *source = &scope->sources.at[i];
      if (!source->alias)
        return NULL; /* it may have the name */
      if (strcmp(source->alias, reference->qualifier) != 0)
        continue;
      const struct lint_relation *relation = known_relation(e, source->relation);
      const struct lint_column *column =
          relation ? effect_column(relation, reference->column) : NULL;
      if (relation && !column && !is_system(reference->column) &&
          !may_be_call(e, reference->column))
        effect_fail_name(e, "column %s.%s does not exist", reference->qualifier, reference->column);
      return column;
    }
  return NULL;
}

static void check_references(struct effecting *e, const struct sql_scope *scope)
{
  for (size_t i = 0; i < scope->references.len; i++) {
    const struct sql_reference *reference = &scope->references.at[i];
    const struct lint_column *column =
        reference->qualifier ? find_qualified(e, scope, reference) : find_bare(e, scope, reference);
    if (column && reference->compared)
      check_label(e, column->type, reference->compared);
  }
}

/* ---- what columns are given ---- */

static void check_value(struct effecting *e, const struct sql_scope *scope,
                        const struct lint_column *column, const struct sql_assignment *value)
{
  bool generated =
      column->generated == SQL_GENERATED_STORED || column->generated == SQL_GENERATED_VIRTUAL;
  if (generated && !value->is_default)
    effect_fail(e,
                scope->inserts ? "cannot insert a non-DEFAULT value into column \"%s\""
                               : "column \"%s\" can only be updated to DEFAULT",
                column->name);
  for (size_t i = 0; i < value->texts.len; i++)
    check_label(e, column->type, value->texts.at[i]);
}

static void check_named(struct effecting *e, const struct sql_scope *scope,
                        const struct lint_relation *table)
{
  for (size_t i = 0; i < scope->assignments.len; i++) {
    const struct sql_assignment *assignment = &scope->assignments.at[i];
    const struct lint_column *column = effect_column(table, assignment->column);
    const struct sql_assignment *value =
        !scope->inserts           ? assignment
        : i < scope->values.len   ? &scope->values.at[i]
        : scope->expressions >= 0 ? NULL
                                  : &(struct sql_assignment){.column = assignment->column};
    if (!column && !is_system(assignment->column))
      effect_fail_name(e, "column \"%s\" of relation \"%s\" does not exist", assignment->column,
                       table->at.name);
    for (size_t k = 0; k < i && assignment->whole; k++)
      if (scope->assignments.at[k].whole &&
          strcmp(scope->assignments.at[k].column, assignment->column) == 0)
        effect_fail(e,
                    scope->inserts ? "column \"%s\" specified more than once"
                                   : "multiple assignments to same column \"%s\"",
                    assignment->column);
    if (column && value && table->kind != LINT_VIEW)
      check_value(e, scope, column, value);
  }
}

/* INSERT without a list of columns. */
static void check_positions(struct effecting *e, const struct sql_scope *scope,
                            const struct lint_relation *table)
{
  size_t at = 0;
  for (size_t i = 0; i < table->columns.len; i++) {
    if (table->columns.at[i]->dropped)
      continue;
    if (at < scope->values.len && table->kind != LINT_VIEW)
      check_value(e, scope, table->columns.at[i], &scope->values.at[at]);
    at++;
  }
  if (scope->expressions > (int)at)
    effect_fail_name(e, "INSERT has more expressions than target columns");
}

static void check_target(struct effecting *e, const struct sql_scope *scope)
{
  const struct lint_relation *table = known_relation(e, scope->target);
  int named = (int)scope->assignments.len;
  if (!table)
    return;
  if (scope->inserts && named == 0) {
    check_positions(e, scope, table);
    return;
  }
  check_named(e, scope, table);
  if (!scope->inserts || scope->expressions < 0)
    return;
  if (scope->expressions > named)
    effect_fail(e, "INSERT has more expressions than target columns");
  else if (scope->expressions < named)
    effect_fail(e, "INSERT has more target columns than expressions");
}

/* ---- casts ---- */

/* The sequences of its columns are made with the table. */
static bool makes_sequences(const struct sql_tree *tree)
{
  for (size_t i = 0; i < tree->columns.len; i++)
    if (tree->columns.at[i].serial || tree->columns.at[i].generated == SQL_GENERATED_IDENTITY)
      return true;
  return false;
}

static void check_casts(struct effecting *e)
{
  for (size_t i = 0; i < e->tree->casts.len; i++) {
    const struct sql_cast *cast = &e->tree->casts.at[i];
    bool relation = strcmp(cast->type.name.name, "regclass") == 0 && !cast->type.name.schema &&
                    cast->type.array_dimensions == 0;
    bool numeric = cast->text[0] == '-' || (cast->text[0] >= '0' && cast->text[0] <= '9');
    if (relation && cast->name.name && !numeric && !makes_sequences(e->tree))
      effect_find(e, cast->name, false);
    else if (!relation)
      check_label(e, &cast->type, cast->text);
  }
}

/* Defaults of columns that have an enum. */
static void check_default(struct effecting *e, const struct sql_type *type,
                          const struct sql_expression *value)
{
  if (value && value->string)
    check_label(e, type, value->string);
}

static void check_defaults(struct effecting *e)
{
  const struct sql_tree *tree = e->tree;
  for (size_t i = 0; i < tree->columns.len; i++)
    check_default(e, &tree->columns.at[i].type, tree->columns.at[i].default_value);
  const struct lint_relation *table =
      tree->kind == SQL_ALTER_TABLE ? lint_facts_relation(e->facts, tree->name) : NULL;
  for (size_t i = 0; table && i < tree->actions.len; i++) {
    const struct sql_action *action = &tree->actions.at[i];
    const struct lint_column *column = action->name ? effect_column(table, action->name) : NULL;
    if (action->kind == SQL_ADD_COLUMN && action->column && !(action->if_exists && column))
      check_default(e, &action->column->type, action->column->default_value);
    else if (action->kind == SQL_SET_DEFAULT && column)
      check_default(e, column->type, action->value);
  }
}

void effects_columns(struct effecting *e)
{
  for (size_t i = 0; i < e->tree->scopes.len; i++) {
    check_target(e, e->tree->scopes.at[i]);
    check_references(e, e->tree->scopes.at[i]);
  }
  check_casts(e);
  check_defaults(e);
}
