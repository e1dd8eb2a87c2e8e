#include "lint/effects_private.h"

/* What the server refuses in the definitions of columns, constraints, indexes and views before it
 * does anything. Only what is certain from the text and from what is known of the tables. */

/* ---- expressions ---- */

struct place {
  const char *name;      /* "check constraint" */
  const char *plural;    /* "check constraints" */
  bool columns;          /* may be used */
  const char *immutable; /* what is said of functions that are not; NULL: they may be called */
};

static const struct place default_place = {"DEFAULT expression", "DEFAULT expressions", false,
                                           NULL};
static const struct place check_place = {"check constraint", "check constraints", true, NULL};
static const struct place generated_place = {"column generation expression",
                                             "column generation expressions", true,
                                             "generation expression is not immutable"};
static const struct place index_place = {"index expression", "index expressions", true,
                                         "functions in index expression must be marked IMMUTABLE"};
static const struct place predicate_place = {
    "index predicate", "index predicates", true,
    "functions in index predicate must be marked IMMUTABLE"};

/* Built-in ones; no other function can take the name from them. */
static bool is_listed(const char *const *names, size_t count, struct sql_name function)
{
  for (size_t i = 0; i < count; i++)
    if (strcmp(names[i], function.name) == 0)
      return !function.schema || strcmp(function.schema, "pg_catalog") == 0;
  return false;
}

static bool is_aggregate(struct sql_name function)
{
  static const char *const names[] = {
      "count",     "sum",      "avg",     "array_agg", "string_agg",      "json_agg",
      "jsonb_agg", "bool_and", "bool_or", "every",     "json_object_agg", "jsonb_object_agg"};
  return is_listed(names, COUNT_OF(names), function);
}

static bool is_mutable(struct sql_name function)
{
  static const char *const names[] = {
      "random",  "clock_timestamp",       "gen_random_uuid",     "timeofday",
      "now",     "transaction_timestamp", "statement_timestamp", "nextval",
      "currval", "current_setting"};
  return is_listed(names, COUNT_OF(names), function);
}

static void check_functions(struct effecting *e, const struct sql_names *functions,
                            const struct place *place)
{
  static const char *const sets[] = {"generate_series", "unnest", "regexp_split_to_table",
                                     "jsonb_array_elements", "json_array_elements"};
  for (size_t i = 0; i < functions->len; i++) {
    if (is_aggregate(functions->at[i]))
      effect_fail(e, "aggregate functions are not allowed in %s", place->plural);
    if (is_listed(sets, COUNT_OF(sets), functions->at[i]))
      effect_fail(e, "set-returning functions are not allowed in %s", place->plural);
    if (place->immutable && is_mutable(functions->at[i]))
      effect_fail(e, "%s", place->immutable);
  }
}

static void check_expression(struct effecting *e, const struct sql_expression *expression,
                             const struct place *place)
{
  if (!expression)
    return;
  if (expression->subquery)
    effect_fail(e, "cannot use subquery in %s", place->name);
  if (expression->window)
    effect_fail(e, "window functions are not allowed in %s", place->plural);
  if (expression->subquery || expression->window)
    return; /* what it calls and names is not the expression's own */
  if (!place->columns && expression->columns.len > 0)
    effect_fail(e, "cannot use column reference in %s", place->name);
  check_functions(e, &expression->functions, place);
}

/* ---- columns ---- */

static bool is_system(const char *column)
{
  static const char *const names[] = {"tableoid", "ctid", "xmin", "xmax", "cmin", "cmax"};
  for (size_t i = 0; i < COUNT_OF(names); i++)
    if (strcmp(names[i], column) == 0)
      return true;
  return false;
}

static void check_definition(struct effecting *e, const struct sql_column *column)
{
  if (is_system(column->name))
    effect_fail(e, "column name \"%s\" conflicts with a system column name", column->name);
  check_expression(e, column->default_value, &default_place);
  check_expression(e, column->generated_as, &generated_place);
  if (column->default_value && (column->serial || column->generated != SQL_NOT_GENERATED))
    effect_fail(e, "multiple default values specified for column \"%s\"", column->name);
  for (size_t i = 0; i < column->constraints.len; i++)
    if (column->constraints.at[i].kind == SQL_CHECK)
      check_expression(e, &column->constraints.at[i].check, &check_place);
}

static const struct lint_column *find_column(const struct lint_relation *table, const char *name)
{
  for (size_t i = 0; i < table->columns.len; i++)
    if (!table->columns.at[i]->dropped && strcmp(table->columns.at[i]->name, name) == 0)
      return table->columns.at[i];
  return NULL;
}

static bool adds_column(const struct effecting *e, const char *name, size_t before)
{
  for (size_t i = 0; i < e->tree->actions.len && i < before; i++)
    if (e->tree->actions.at[i].kind == SQL_ADD_COLUMN &&
        strcmp(e->tree->actions.at[i].name, name) == 0)
      return true;
  return false;
}

/* Columns that an expression of the table may use. */
static void check_columns(struct effecting *e, const struct lint_relation *table,
                          const struct sql_expression *expression)
{
  bool known = expression && !expression->subquery && table->complete;
  for (size_t i = 0; known && i < expression->columns.len; i++) {
    const char *name = expression->columns.at[i];
    if (strcmp(name, "*") != 0 && !is_system(name) && strcmp(name, table->at.name) != 0 &&
        !find_column(table, name) && !adds_column(e, name, e->tree->actions.len))
      effect_fail_name(e, "column \"%s\" does not exist", name);
  }
}

/* ---- ALTER TABLE ---- */

static void refuse_new_column(struct effecting *e, const struct lint_relation *table, size_t at)
{
  const struct sql_column *column = e->tree->actions.at[at].column;
  if (!column)
    return;
  check_definition(e, column);
  if (adds_column(e, column->name, at) && !e->tree->actions.at[at].if_exists)
    effect_fail_name(e, "column \"%s\" of relation \"%s\" already exists", column->name,
                     table->at.name);
  check_columns(e, table, column->generated_as);
  for (size_t i = 0; column->generated_as && i < column->generated_as->columns.len; i++) {
    const struct lint_column *used = find_column(table, column->generated_as->columns.at[i]);
    if (used &&
        (used->generated == SQL_GENERATED_STORED || used->generated == SQL_GENERATED_VIRTUAL))
      effect_fail(e, "cannot use generated column \"%s\" in column generation expression",
                  used->name);
  }
}

static void refuse_default(struct effecting *e, const struct lint_relation *table,
                           const struct sql_action *action)
{
  const struct lint_column *column = action->name ? find_column(table, action->name) : NULL;
  check_expression(e, action->value, &default_place);
  if (!column)
    return;
  if (column->generated == SQL_GENERATED_STORED || column->generated == SQL_GENERATED_VIRTUAL)
    effect_fail(e, "column \"%s\" of relation \"%s\" is a generated column", action->name,
                table->at.name);
  if (column->generated == SQL_GENERATED_IDENTITY)
    effect_fail(e, "column \"%s\" of relation \"%s\" is an identity column", action->name,
                table->at.name);
}

static void refuse_alter(struct effecting *e)
{
  const struct lint_relation *table = lint_facts_relation(e->facts, e->tree->name);
  for (size_t i = 0; i < e->tree->actions.len; i++) {
    const struct sql_action *action = &e->tree->actions.at[i];
    if (action->kind == SQL_ADD_COLUMN)
      refuse_new_column(e, table, i);
    else if (action->kind == SQL_SET_DEFAULT)
      refuse_default(e, table, action);
    else if (action->kind == SQL_SET_EXPRESSION)
      check_expression(e, action->value, &generated_place);
    else if (action->kind == SQL_ADD_CONSTRAINT && action->constraint &&
             action->constraint->kind == SQL_CHECK)
      check_expression(e, &action->constraint->check, &check_place);
  }
}

/* ---- CREATE TABLE ---- */

static const struct sql_column *column_of(const struct sql_tree *tree, const char *name)
{
  for (size_t i = 0; i < tree->columns.len; i++)
    if (strcmp(tree->columns.at[i].name, name) == 0)
      return &tree->columns.at[i];
  return NULL;
}

/* All columns stand in the statement. */
static bool is_whole(const struct sql_tree *tree)
{
  return tree->likes.len == 0 && tree->inherits.len == 0 && !tree->of_type &&
         !tree->partition_of.name && tree->kind == SQL_CREATE_TABLE;
}

static void refuse_names(struct effecting *e, const struct strings *columns, const char *what)
{
  for (size_t i = 0; i < columns->len; i++) {
    const char *name = columns->at[i];
    if (name && *name && strcmp(name, "*") != 0 && !is_system(name) &&
        strcmp(name, e->tree->name.name) != 0 && !column_of(e->tree, name))
      effect_fail(e, "column \"%s\" %s", name, what);
  }
}

static void refuse_repeated(struct effecting *e)
{
  for (size_t i = 0; i < e->tree->columns.len; i++)
    if (column_of(e->tree, e->tree->columns.at[i].name) != &e->tree->columns.at[i])
      effect_fail(e, "column \"%s\" specified more than once", e->tree->columns.at[i].name);
}

/* A key of a partitioned table holds the columns of the partition key. */
static void refuse_partitioned_key(struct effecting *e, const struct strings *columns,
                                   enum sql_constraint_kind kind)
{
  const struct sql_partition_key *key = e->tree->partition_key;
  bool unique = kind == SQL_UNIQUE || kind == SQL_PRIMARY_KEY;
  for (size_t i = 0; key && unique && i < key->keys.len; i++)
    if (key->keys.at[i].column && !effect_names(columns, key->keys.at[i].column))
      effect_fail(e, "%s constraint on partitioned table must include all partitioning columns",
                  kind == SQL_PRIMARY_KEY ? "primary key" : "unique");
}

static int refuse_column_keys(struct effecting *e, const struct sql_column *column)
{
  int primary = 0;
  struct strings own = {0};
  vec_push(e->arena, &own, column->name);
  for (size_t i = 0; i < column->constraints.len; i++) {
    primary += column->constraints.at[i].kind == SQL_PRIMARY_KEY;
    refuse_partitioned_key(e, &own, column->constraints.at[i].kind);
  }
  return primary;
}

static void refuse_table_constraint(struct effecting *e, const struct sql_constraint *constraint)
{
  if (constraint->kind == SQL_CHECK)
    check_expression(e, &constraint->check, &check_place);
  refuse_partitioned_key(e, &constraint->columns, constraint->kind);
  if (!is_whole(e->tree))
    return;
  if (constraint->kind == SQL_CHECK && !constraint->check.subquery)
    refuse_names(e, &constraint->check.columns, "does not exist");
  else if (constraint->kind == SQL_UNIQUE || constraint->kind == SQL_PRIMARY_KEY)
    refuse_names(e, &constraint->columns, "named in key does not exist");
  else if (constraint->kind == SQL_FOREIGN_KEY)
    refuse_names(e, &constraint->columns, "referenced in foreign key constraint does not exist");
}

static void refuse_table(struct effecting *e)
{
  const struct sql_tree *tree = e->tree;
  int primary = 0;
  for (size_t i = 0; i < tree->columns.len; i++) {
    check_definition(e, &tree->columns.at[i]);
    primary += refuse_column_keys(e, &tree->columns.at[i]);
  }
  if (!tree->partition_of.name && !tree->of_type)
    refuse_repeated(e);
  for (size_t i = 0; i < tree->constraints.len; i++) {
    primary += tree->constraints.at[i].kind == SQL_PRIMARY_KEY;
    refuse_table_constraint(e, &tree->constraints.at[i]);
  }
  if (primary > 1)
    effect_fail(e, "multiple primary keys for table \"%s\" are not allowed", tree->name.name);
  struct strings keys = {0};
  for (size_t i = 0; tree->partition_key && i < tree->partition_key->keys.len; i++)
    vec_push(e->arena, &keys, tree->partition_key->keys.at[i].column);
  if (is_whole(tree))
    refuse_names(e, &keys, "named in partition key does not exist");
}

/* ---- CREATE INDEX ---- */

static void refuse_index(struct effecting *e)
{
  const struct sql_tree *tree = e->tree;
  const struct lint_relation *table = lint_facts_relation(e->facts, tree->name);
  const char *method = tree->storage.access_method;
  struct strings columns = {0};
  for (size_t i = 0; i < tree->keys.len; i++) {
    if (tree->keys.at[i].column)
      vec_push(e->arena, &columns, tree->keys.at[i].column);
    else
      check_expression(e, &tree->keys.at[i].expression, &index_place);
    if (!tree->keys.at[i].column)
      check_columns(e, table, &tree->keys.at[i].expression);
  }
  check_expression(e, tree->where, &predicate_place);
  check_columns(e, table, tree->where);
  if (method && strcmp(method, "hash") == 0 && tree->unique)
    effect_fail(e, "access method \"hash\" does not support unique indexes");
  if (method && strcmp(method, "hash") == 0 && tree->keys.len > 1)
    effect_fail(e, "access method \"hash\" does not support multicolumn indexes");
  if (table->kind == LINT_FOREIGN_TABLE)
    effect_fail(e, "cannot create index on foreign table \"%s\"", table->at.name);
  for (size_t i = 0; tree->unique && i < table->partition_key.len; i++)
    if (table->partition_key.at[i][0] && !effect_names(&columns, table->partition_key.at[i]))
      effect_fail(e, "unique constraint on partitioned table must include all partitioning "
                     "columns");
}

/* ---- CREATE VIEW ---- */

static const char unnamed[] = "?column?"; /* or what the server finds for it */

/* What the query gives, where each name is written. */
static bool targets_are_known(const struct sql_tree *tree)
{
  return tree->targets.len > 0 && !effect_names(&tree->targets, "*");
}

static void refuse_targets(struct effecting *e)
{
  const struct strings *targets = &e->tree->targets;
  for (size_t i = 0; targets_are_known(e->tree) && i < targets->len; i++)
    for (size_t k = 0; k < i; k++)
      if (strcmp(targets->at[i], targets->at[k]) == 0 && strcmp(targets->at[i], unnamed) != 0)
        effect_fail(e, "column \"%s\" specified more than once", targets->at[i]);
}

enum { VIEW_COLLATIONS_STAY_SINCE = 15 };

static bool is_text(const struct sql_type *type)
{
  return type && type->array_dimensions == 0 && !type->name.schema &&
         (strcmp(type->name.name, "text") == 0 || strcmp(type->name.name, "varchar") == 0 ||
          strcmp(type->name.name, "bpchar") == 0);
}

static void compare_collation(struct effecting *e, const struct lint_column *old,
                              const struct lint_column *new)
{
  const char *before = old->collation ? old->collation : "default";
  const char *now = new->collation ? new->collation : "default";
  if (e->major >= VIEW_COLLATIONS_STAY_SINCE && old->collation_known &&
      new->collation_known &&is_text(old->type) && is_text(new->type) && strcmp(before, now) != 0)
    effect_fail(e, "cannot change collation of view column \"%s\" from \"%s\" to \"%s\"", old->name,
                before, now);
}

static void compare_column(struct effecting *e, const struct lint_column *old,
                           const struct lint_column *new)
{
  if (strcmp(new->name, unnamed) != 0 && strcmp(new->name, old->name) != 0)
    effect_fail(e, "cannot change name of view column \"%s\" to \"%s\"", old->name, new->name);
  if (old->type && new->type && lint_facts_types_differ(e->facts, old->type, new->type))
    effect_fail(e, "cannot change data type of view column \"%s\" from %s to %s", old->name,
                old->type->text, new->type->text);
  compare_collation(e, old, new);
}

/* By name alone, where it is not known what the query reads. */
static bool find_results(struct effecting *e, struct lint_columns *ret)
{
  const struct sql_tree *tree = e->tree;
  if (lint_facts_results(e->facts, tree, ret))
    return true;
  *ret = (struct lint_columns){0};
  for (size_t i = 0; targets_are_known(tree) && i < tree->targets.len; i++) {
    struct lint_column *column = ARENA_NEW(e->arena, struct lint_column);
    column->name = tree->targets.at[i];
    vec_push(e->arena, ret, column);
  }
  return ret->len > 0;
}

/* CREATE OR REPLACE keeps the columns that are there. */
static void refuse_view(struct effecting *e)
{
  const struct sql_tree *tree = e->tree;
  const struct lint_relation *view = lint_facts_relation(e->facts, tree->name);
  struct lint_columns results;
  refuse_targets(e);
  if (!tree->replace || view->dropped || view->kind == LINT_UNKNOWN_RELATION || tree->temporary)
    return;
  if (view->kind != LINT_VIEW)
    effect_fail(e, "\"%s\" is not a view", view->at.name);
  if (!view->complete || lint_facts_may_hide(e->facts) || !find_results(e, &results))
    return;
  struct lint_columns old = {0};
  for (size_t i = 0; i < view->columns.len; i++)
    if (!view->columns.at[i]->dropped)
      vec_push(e->arena, &old, view->columns.at[i]);
  if (old.len > results.len)
    effect_fail(e, "cannot drop columns from view");
  for (size_t i = 0; i < old.len && i < results.len; i++)
    compare_column(e, old.at[i], results.at[i]);
}

/* ---- what is there already ---- */

static void refuse_existing(struct effecting *e)
{
  const struct sql_tree *tree = e->tree;
  const struct lint_relation *table = lint_facts_relation(e->facts, tree->name);
  bool trigger = false;
  for (size_t i = 0; tree->member && i < table->triggers.len; i++)
    trigger = trigger || (!table->triggers.at[i]->dropped &&
                          strcmp(table->triggers.at[i]->name, tree->member) == 0);
  switch (tree->object) {
  case SQL_OBJECT_TRIGGER:
    if (trigger && !tree->replace)
      effect_fail_name(e, "trigger \"%s\" for relation \"%s\" already exists", tree->member,
                       table->at.name);
    break;
  case SQL_OBJECT_POLICY:
    if (tree->member && effect_names(&table->policy_names, tree->member))
      effect_fail_name(e, "policy \"%s\" for table \"%s\" already exists", tree->member,
                       table->at.name);
    break;
  case SQL_OBJECT_RULE:
    if (tree->member && !tree->replace && effect_names(&table->rules, tree->member))
      effect_fail_name(e, "rule \"%s\" for relation \"%s\" already exists", tree->member,
                       table->at.name);
    break;
  case SQL_OBJECT_TYPE:
  case SQL_OBJECT_DOMAIN:
    if (lint_facts_has_type(e->facts, tree->name))
      effect_fail_name(e, "type \"%s\" already exists", tree->name.name);
    break;
  default:
    break;
  }
}

/* ---- all ---- */

void effects_refuse(struct effecting *e)
{
  const struct sql_tree *tree = e->tree;
  switch (tree->kind) {
  case SQL_ALTER_TABLE:
    refuse_alter(e);
    break;
  case SQL_CREATE_TABLE:
    refuse_table(e);
    break;
  case SQL_CREATE_INDEX:
    refuse_index(e);
    break;
  case SQL_CREATE_VIEW:
    refuse_view(e);
    break;
  case SQL_CREATE_TABLE_AS:
  case SQL_CREATE_MATVIEW:
    refuse_targets(e);
    break;
  case SQL_CREATE_ENUM:
    if (lint_facts_has_type(e->facts, tree->name))
      effect_fail_name(e, "type \"%s\" already exists", tree->name.name);
    break;
  case SQL_CREATE_SCHEMA:
    if (!tree->if_not_exists && lint_facts_has_schema(e->facts, tree->name.name))
      effect_fail_name(e, "schema \"%s\" already exists", tree->name.name);
    break;
  case SQL_CREATE_OTHER:
    refuse_existing(e);
    break;
  default:
    break;
  }
}
