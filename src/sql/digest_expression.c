#include "sql/digest.h"
#include "sql/quote.h"

static const char *bare_column(struct digest *d, const PgQuery__Node *node)
{
  if (!NODE_IS(node, COLUMN_REF))
    return NULL;
  const PgQuery__ColumnRef *ref = node->column_ref;
  return ref->n_fields == 1 ? digest_string_node(d, ref->fields[0]) : NULL;
}

static const PgQuery__Node *strip_casts(const PgQuery__Node *node)
{
  while (NODE_IS(node, TYPE_CAST))
    node = node->type_cast->arg;
  return node;
}

static bool is_true(const PgQuery__Node *node)
{
  node = strip_casts(node);
  if (!NODE_IS(node, A_CONST))
    return false;
  const PgQuery__AConst *constant = node->a_const;
  if (constant->val_case == PG_QUERY__A__CONST__VAL_BOOLVAL)
    return constant->boolval->boolval;
  return constant->val_case == PG_QUERY__A__CONST__VAL_SVAL &&
         strchr("tTyY1", constant->sval->sval[0]) && constant->sval->sval[0];
}

/* ---- constants ---- */

const char *digest_constant(struct digest *d, const PgQuery__Node *node)
{
  node = strip_casts(node);
  if (!NODE_IS(node, A_CONST))
    return NULL;
  const PgQuery__AConst *constant = node->a_const;
  if (constant->isnull)
    return "NULL";
  switch (constant->val_case) {
  case PG_QUERY__A__CONST__VAL_IVAL:
    return arena_printf(d->arena, "%d", constant->ival->ival);
  case PG_QUERY__A__CONST__VAL_FVAL:
    return arena_strdup(d->arena, constant->fval->fval);
  case PG_QUERY__A__CONST__VAL_BOOLVAL:
    return constant->boolval->boolval ? "true" : "false";
  case PG_QUERY__A__CONST__VAL_SVAL:
    return sql_literal(d->arena, constant->sval->sval);
  default:
    return NULL;
  }
}

/* What a DefElem or SET has as its value, as it is without quotes. */
const char *digest_value(struct digest *d, const PgQuery__Node *node)
{
  if (!node)
    return NULL;
  node = strip_casts(node);
  switch (node->node_case) {
  case PG_QUERY__NODE__NODE_STRING:
    return arena_strdup(d->arena, node->string->sval);
  case PG_QUERY__NODE__NODE_INTEGER:
    return arena_printf(d->arena, "%d", node->integer->ival);
  case PG_QUERY__NODE__NODE_FLOAT:
    return arena_strdup(d->arena, node->float_->fval);
  case PG_QUERY__NODE__NODE_BOOLEAN:
    return node->boolean->boolval ? "true" : "false";
  case PG_QUERY__NODE__NODE_TYPE_NAME:
    return digest_type(d, node->type_name).name.name;
  case PG_QUERY__NODE__NODE_A_CONST:
    if (node->a_const->val_case == PG_QUERY__A__CONST__VAL_SVAL)
      return arena_strdup(d->arena, node->a_const->sval->sval);
    return digest_constant(d, node);
  default:
    return NULL;
  }
}

/* ---- conditions ---- */

static const char *known_operator(PgQuery__Node *const *names, size_t count)
{
  static const char *const operators[] = {"=", "<", "<=", ">", ">=", "<>"};
  if (count != 1 || !NODE_IS(names[0], STRING))
    return NULL;
  for (size_t i = 0; i < COUNT_OF(operators); i++)
    if (strcmp(operators[i], names[0]->string->sval) == 0)
      return operators[i];
  return NULL;
}

/* 5 < n is n > 5. */
static const char *mirrored(const char *op)
{
  static const char *const pairs[][2] = {{"<", ">"}, {"<=", ">="}, {">", "<"}, {">=", "<="}};
  for (size_t i = 0; i < COUNT_OF(pairs); i++)
    if (strcmp(pairs[i][0], op) == 0)
      return pairs[i][1];
  return op;
}

static void add_list(struct digest *d, const PgQuery__Node *list, struct sql_condition *ret)
{
  PgQuery__Node *const *items = NULL;
  size_t count = 0;
  if (NODE_IS(list, LIST)) {
    items = list->list->items;
    count = list->list->n_items;
  } else if (NODE_IS(list, A_ARRAY_EXPR)) {
    items = list->a_array_expr->elements;
    count = list->a_array_expr->n_elements;
  }
  bool known = count > 0;
  for (size_t i = 0; i < count; i++) {
    const char *value = digest_constant(d, items[i]);
    known = known && value;
    vec_push(d->arena, &ret->values, value);
  }
  ret->op = known ? "in" : NULL;
}

/* A cast around the column does not change what is compared as long as the server puts it there
 * itself; text is where it does: (name)::text = 'a'. */
const char *digest_compared_column(struct digest *d, const PgQuery__Node *node)
{
  if (NODE_IS(node, TYPE_CAST) &&
      strcmp(digest_type(d, node->type_cast->type_name).text, "text") == 0)
    node = node->type_cast->arg;
  return bare_column(d, node);
}

struct sql_condition digest_comparison(struct digest *d, const PgQuery__AExpr *expr)
{
  struct sql_condition condition = {0};
  const char *op = known_operator(expr->name, expr->n_name);
  bool equal = op && strcmp(op, "=") == 0;
  if (!op)
    return condition;
  condition.column = digest_compared_column(d, expr->lexpr);
  if (condition.column && equal &&
      (expr->kind == PG_QUERY__A__EXPR__KIND__AEXPR_IN ||
       expr->kind == PG_QUERY__A__EXPR__KIND__AEXPR_OP_ANY)) {
    add_list(d, strip_casts(expr->rexpr), &condition);
  } else if (expr->kind == PG_QUERY__A__EXPR__KIND__AEXPR_OP) {
    const PgQuery__Node *value = expr->rexpr;
    if (!condition.column && (condition.column = digest_compared_column(d, expr->rexpr))) {
      value = expr->lexpr;
      op = mirrored(op);
    }
    const char *constant = condition.column ? digest_constant(d, value) : NULL;
    if (constant) {
      vec_push(d->arena, &condition.values, constant);
      condition.op = op;
    }
  }
  return condition;
}

static void add_between(struct digest *d, const PgQuery__AExpr *expr, struct sql_conditions *ret)
{
  const char *column = digest_compared_column(d, expr->lexpr);
  const PgQuery__Node *list = expr->rexpr;
  for (size_t i = 0; i < 2; i++) {
    const char *value = NODE_IS(list, LIST) && list->list->n_items == 2
                            ? digest_constant(d, list->list->items[i])
                            : NULL;
    struct sql_condition *condition = vec_add(d->arena, ret);
    if (!column || !value)
      continue;
    condition->column = column;
    condition->op = i == 0 ? ">=" : "<=";
    vec_push(d->arena, &condition->values, value);
  }
}

static void add_conditions(struct digest *d, const PgQuery__Node *node, struct sql_conditions *ret)
{
  if (NODE_IS(node, A_EXPR) && node->a_expr->kind == PG_QUERY__A__EXPR__KIND__AEXPR_BETWEEN) {
    add_between(d, node->a_expr, ret);
    return;
  }
  if (NODE_IS(node, BOOL_EXPR) && node->bool_expr->boolop == PG_QUERY__BOOL_EXPR_TYPE__AND_EXPR) {
    for (size_t i = 0; i < node->bool_expr->n_args; i++)
      add_conditions(d, node->bool_expr->args[i], ret);
    return;
  }
  struct sql_condition condition = {0};
  if (NODE_IS(node, NULL_TEST)) {
    condition.column = bare_column(d, node->null_test->arg);
    condition.op = node->null_test->nulltesttype == PG_QUERY__NULL_TEST_TYPE__IS_NOT_NULL
                       ? "is not null"
                       : "is null";
  } else if (NODE_IS(node, A_EXPR)) {
    condition = digest_comparison(d, node->a_expr);
  }
  if (!condition.column || !condition.op)
    condition = (struct sql_condition){0};
  vec_push(d->arena, ret, condition);
}

/* ---- the whole ---- */

struct sql_expression digest_expression(struct digest *d, const PgQuery__Node *node)
{
  struct sql_expression e = {0};
  if (!node)
    return e;
  const PgQuery__Node *inner = strip_casts(node);
  e.is_null = NODE_IS(inner, A_CONST) && inner->a_const->isnull;
  e.is_true = is_true(node);
  e.bare_column = bare_column(d, node);
  if (NODE_IS(node, A_CONST) && node->a_const->val_case == PG_QUERY__A__CONST__VAL_SVAL)
    e.string = arena_strdup(d->arena, node->a_const->sval->sval);
  if (NODE_IS(node, TYPE_CAST) && (e.cast_column = bare_column(d, node->type_cast->arg)))
    e.cast_type = digest_type(d, node->type_cast->type_name).text;
  add_conditions(d, node, &e.conditions);
  if (e.conditions.len == 1 && e.conditions.at[0].op &&
      strcmp(e.conditions.at[0].op, "is not null") == 0)
    e.not_null_column = e.conditions.at[0].column;
  digest_walk_expression(d, node, &e);
  return e;
}

const struct sql_expression *digest_new_expression(struct digest *d, const PgQuery__Node *node)
{
  if (!node)
    return NULL;
  struct sql_expression *e = ARENA_NEW(d->arena, struct sql_expression);
  *e = digest_expression(d, node);
  return e;
}

/* As FigureColname does; a cast gives its type's name only where nothing inside gives one. */
const char *digest_figured_name(struct digest *d, const PgQuery__Node *node)
{
  if (!node)
    return NULL;
  const char *inner = NULL;
  switch (node->node_case) {
  case PG_QUERY__NODE__NODE_COLUMN_REF:
    return digest_last_name(d, node->column_ref->fields, node->column_ref->n_fields);
  case PG_QUERY__NODE__NODE_FUNC_CALL:
    return digest_last_name(d, node->func_call->funcname, node->func_call->n_funcname);
  case PG_QUERY__NODE__NODE_TYPE_CAST:
    inner = digest_figured_name(d, node->type_cast->arg);
    return inner ? inner : digest_type(d, node->type_cast->type_name).name.name;
  case PG_QUERY__NODE__NODE_COLLATE_CLAUSE:
    return digest_figured_name(d, node->collate_clause->arg);
  case PG_QUERY__NODE__NODE_CASE_EXPR:
    inner = digest_figured_name(d, node->case_expr->defresult);
    return inner ? inner : "case";
  case PG_QUERY__NODE__NODE_COALESCE_EXPR:
    return "coalesce";
  case PG_QUERY__NODE__NODE_MIN_MAX_EXPR:
    return node->min_max_expr->op == PG_QUERY__MIN_MAX_OP__IS_LEAST ? "least" : "greatest";
  case PG_QUERY__NODE__NODE_A_ARRAY_EXPR:
    return "array";
  case PG_QUERY__NODE__NODE_ROW_EXPR:
    return "row";
  default:
    return NULL;
  }
}

static void fill_key(struct digest *d, struct sql_key *key, const char *column,
                     const PgQuery__Node *expression)
{
  key->column = digest_string(d, column);
  key->expression = digest_expression(d, expression);
  key->name = digest_figured_name(d, expression);
}

struct sql_keys digest_keys(struct digest *d, PgQuery__Node *const *nodes, size_t count)
{
  struct sql_keys keys = {0};
  for (size_t i = 0; i < count; i++) {
    const PgQuery__Node *node = nodes[i];
    if (NODE_IS(node, LIST) && node->list->n_items > 0) /* EXCLUDE: with its operator */
      node = node->list->items[0];
    struct sql_key *key = vec_add(d->arena, &keys);
    if (NODE_IS(node, INDEX_ELEM)) {
      const PgQuery__IndexElem *element = node->index_elem;
      fill_key(d, key, element->name, element->expr);
      key->collation = digest_last_name(d, element->collation, element->n_collation);
      key->opclass = digest_last_name(d, element->opclass, element->n_opclass);
    } else if (NODE_IS(node, PARTITION_ELEM)) {
      const PgQuery__PartitionElem *element = node->partition_elem;
      fill_key(d, key, element->name, element->expr);
      key->collation = digest_last_name(d, element->collation, element->n_collation);
      key->opclass = digest_last_name(d, element->opclass, element->n_opclass);
    }
  }
  return keys;
}
