#include "sql/digest.h"

/* AND, OR and NOT of an expression, as the server's prover sees them. */

enum { LIST_MAX = 100 }; /* longer ones are no OR to the server */

static struct sql_logic *add(struct digest *d, char kind)
{
  struct sql_logic *logic = ARENA_NEW(d->arena, struct sql_logic);
  logic->kind = kind;
  return logic;
}

static const char *negated_op(const char *op)
{
  static const char *const pairs[][2] = {{"=", "<>"}, {"<>", "="}, {"<", ">="},
                                         {">=", "<"}, {">", "<="}, {"<=", ">"}};
  for (size_t i = 0; i < COUNT_OF(pairs); i++)
    if (strcmp(pairs[i][0], op) == 0)
      return pairs[i][1];
  return NULL;
}

static const struct sql_logic *leaf(struct digest *d, const char *column, const char *op,
                                    const char *value)
{
  struct sql_logic *logic = add(d, 'c');
  if (!column || !op)
    return logic;
  logic->condition.column = column;
  logic->condition.op = op;
  if (value)
    vec_push(d->arena, &logic->condition.values, value);
  return logic;
}

/* column = ANY (list), or with <> for ALL. */
static const struct sql_logic *of_list(struct digest *d, const PgQuery__AExpr *expr, bool equal,
                                       bool negated)
{
  const char *column = digest_compared_column(d, expr->lexpr);
  const PgQuery__Node *list = expr->rexpr;
  PgQuery__Node *const *items = NULL;
  size_t count = 0;
  while (NODE_IS(list, TYPE_CAST))
    list = list->type_cast->arg;
  if (NODE_IS(list, LIST)) {
    items = list->list->items;
    count = list->list->n_items;
  } else if (NODE_IS(list, A_ARRAY_EXPR)) {
    items = list->a_array_expr->elements;
    count = list->a_array_expr->n_elements;
  }
  if (!column || count == 0 || count > LIST_MAX)
    return add(d, 'c');
  struct sql_logic *logic = add(d, equal != negated ? 'o' : 'a');
  for (size_t i = 0; i < count; i++) {
    const char *value = digest_constant(d, items[i]);
    vec_push(d->arena, &logic->parts,
             leaf(d, column,
                  !value             ? NULL
                  : equal != negated ? "="
                                     : "<>",
                  value));
  }
  return logic;
}

static const struct sql_logic *between(struct digest *d, const PgQuery__AExpr *expr, bool negated)
{
  const char *column = digest_compared_column(d, expr->lexpr);
  const PgQuery__Node *list = expr->rexpr;
  if (!column || !NODE_IS(list, LIST) || list->list->n_items != 2)
    return add(d, 'c');
  struct sql_logic *logic = add(d, negated ? 'o' : 'a');
  const char *low = digest_constant(d, list->list->items[0]);
  const char *high = digest_constant(d, list->list->items[1]);
  vec_push(d->arena, &logic->parts, leaf(d, column, !low ? NULL : negated ? "<" : ">=", low));
  vec_push(d->arena, &logic->parts, leaf(d, column, !high ? NULL : negated ? ">" : "<=", high));
  return logic;
}

static const struct sql_logic *of_operator(struct digest *d, const PgQuery__AExpr *expr,
                                           bool negated)
{
  const char *name = expr->n_name == 1 ? digest_string_node(d, expr->name[0]) : NULL;
  bool equal = name && strcmp(name, "=") == 0, unequal = name && strcmp(name, "<>") == 0;
  switch (expr->kind) {
  case PG_QUERY__A__EXPR__KIND__AEXPR_BETWEEN:
    return between(d, expr, negated);
  case PG_QUERY__A__EXPR__KIND__AEXPR_NOT_BETWEEN:
    return between(d, expr, !negated);
  case PG_QUERY__A__EXPR__KIND__AEXPR_IN:
    return equal || unequal ? of_list(d, expr, equal, negated) : add(d, 'c');
  case PG_QUERY__A__EXPR__KIND__AEXPR_OP_ANY:
    return equal ? of_list(d, expr, true, negated) : add(d, 'c');
  case PG_QUERY__A__EXPR__KIND__AEXPR_OP_ALL:
    return unequal ? of_list(d, expr, false, negated) : add(d, 'c');
  default:
    break;
  }
  struct sql_condition condition = digest_comparison(d, expr);
  if (!condition.op || condition.values.len != 1)
    return add(d, 'c');
  return leaf(d, condition.column, negated ? negated_op(condition.op) : condition.op,
              condition.values.at[0]);
}

static const struct sql_logic *build(struct digest *d, const PgQuery__Node *node, bool negated)
{
  if (NODE_IS(node, A_EXPR))
    return of_operator(d, node->a_expr, negated);
  if (NODE_IS(node, NULL_TEST)) {
    bool is = node->null_test->nulltesttype == PG_QUERY__NULL_TEST_TYPE__IS_NULL;
    return leaf(d, digest_compared_column(d, node->null_test->arg),
                is != negated ? "is null" : "is not null", NULL);
  }
  if (!NODE_IS(node, BOOL_EXPR))
    return add(d, 'c');
  const PgQuery__BoolExpr *expr = node->bool_expr;
  if (expr->boolop == PG_QUERY__BOOL_EXPR_TYPE__NOT_EXPR)
    return build(d, expr->args[0], !negated);
  bool both = expr->boolop == PG_QUERY__BOOL_EXPR_TYPE__AND_EXPR;
  struct sql_logic *logic = add(d, both != negated ? 'a' : 'o');
  for (size_t i = 0; i < expr->n_args; i++) {
    const struct sql_logic *part = build(d, expr->args[i], negated);
    vec_push(d->arena, &logic->parts, part);
  }
  return logic;
}

const struct sql_logic *digest_logic(struct digest *d, const PgQuery__Node *node)
{
  return build(d, node, false);
}
