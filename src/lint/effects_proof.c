#include "lint/effects_private.h"

/* Whether valid CHECKs prove the bound of a partition, as the server proves it
 * (predicate_implied_by): by the form of AND and OR, and by comparing constants; never by more than
 * that. For one key column. */

/* ---- constants ---- */

/* 2024-01-31, which sorts as it is read. */
static bool is_date(const char *text)
{
  static const char form[] = "'dddd-dd-dd'";
  for (size_t i = 0; i < sizeof(form) - 1; i++)
    if (form[i] == 'd' ? !(text[i] >= '0' && text[i] <= '9') : text[i] != form[i])
      return false;
  return text[sizeof(form) - 1] == '\0';
}

/* Constants as the digest writes them. False: which is greater is not known. */
static bool compare(const char *a, const char *b, int *ret)
{
  char *end_a, *end_b;
  double x = strtod(a, &end_a), y = strtod(b, &end_b);
  if (end_a != a && !*end_a && end_b != b && !*end_b) {
    *ret = (x > y) - (x < y);
    return true;
  }
  *ret = strcmp(a, b);
  return *ret == 0 || (is_date(a) && is_date(b));
}

/* ---- one condition by another: column OP x implies column WANTED y ---- */

static bool op_implies(const char *op, const char *wanted, int order /* x to y */)
{
  bool equal = strcmp(op, "=") == 0;
  if (strcmp(wanted, "=") == 0)
    return equal && order == 0;
  if (strcmp(op, "<>") == 0 && strcmp(wanted, "<>") != 0)
    return false;
  if (strcmp(wanted, "<>") == 0)
    return (equal && order != 0) || (strcmp(op, "<>") == 0 && order == 0) ||
           (strcmp(op, "<") == 0 && order <= 0) || (strcmp(op, "<=") == 0 && order < 0) ||
           (strcmp(op, ">") == 0 && order >= 0) || (strcmp(op, ">=") == 0 && order > 0);
  if (op[0] != wanted[0] && !equal)
    return false;
  int side = wanted[0] == '<' ? -order : order; /* not negative: x is as far out as y */
  bool strict = wanted[1] == '\0', open = !equal && op[1] == '\0';
  return side > 0 || (side == 0 && (!strict || open));
}

static bool condition_implies(const struct sql_condition *c, const struct sql_condition *wanted)
{
  int order;
  if (!c->op || !wanted->op || strcmp(c->column, wanted->column) != 0)
    return false;
  if (c->values.len != 1 || wanted->values.len != 1)
    return c->values.len == wanted->values.len && strcmp(c->op, wanted->op) == 0;
  return compare(c->values.at[0], wanted->values.at[0], &order) &&
         op_implies(c->op, wanted->op, order);
}

/* ---- AND and OR ---- */

static bool implies(const struct sql_logic *known, const struct sql_logic *wanted)
{
  if (wanted->kind == 'a') {
    for (size_t i = 0; i < wanted->parts.len; i++)
      if (!implies(known, wanted->parts.at[i]))
        return false;
    return true;
  }
  if (known->kind == 'o') {
    for (size_t i = 0; i < known->parts.len; i++)
      if (!implies(known->parts.at[i], wanted))
        return false;
    return known->parts.len > 0;
  }
  if (wanted->kind == 'o')
    for (size_t i = 0; i < wanted->parts.len; i++)
      if (implies(known, wanted->parts.at[i]))
        return true;
  if (known->kind == 'a')
    for (size_t i = 0; i < known->parts.len; i++)
      if (implies(known->parts.at[i], wanted))
        return true;
  return known->kind == 'c' && wanted->kind == 'c' &&
         condition_implies(&known->condition, &wanted->condition);
}

/* ---- what is known, and what is wanted ---- */

static struct sql_logic *new_logic(struct effecting *e, char kind)
{
  struct sql_logic *logic = ARENA_NEW(e->arena, struct sql_logic);
  logic->kind = kind;
  return logic;
}

static const struct sql_logic *condition(struct effecting *e, const char *column, const char *op,
                                         const char *value)
{
  struct sql_logic *logic = new_logic(e, 'c');
  logic->condition.column = column;
  logic->condition.op = op;
  if (value)
    vec_push(e->arena, &logic->condition.values, value);
  return logic;
}

static const struct sql_logic *known_of(struct effecting *e, const struct lint_relation *table)
{
  struct sql_logic *known = new_logic(e, 'a');
  for (size_t i = 0; i < table->columns.len; i++)
    if (table->columns.at[i]->not_null && !table->columns.at[i]->dropped)
      vec_push(e->arena, &known->parts,
               condition(e, table->columns.at[i]->name, "is not null", NULL));
  for (size_t i = 0; i < table->constraints.len; i++) {
    const struct lint_constraint *constraint = table->constraints.at[i];
    if (!constraint->dropped && constraint->valid && constraint->check && constraint->check->logic)
      vec_push(e->arena, &known->parts, constraint->check->logic);
  }
  return known;
}

static bool is_end(const char *value)
{
  return strcmp(value, "MINVALUE") == 0 || strcmp(value, "MAXVALUE") == 0;
}

/* The bound as conditions, or their contrary. NULL: it has a form that is not followed. */
static const struct sql_logic *bound_logic(struct effecting *e, const char *column,
                                           const struct sql_bound *bound, bool outside)
{
  struct sql_logic *wanted = new_logic(e, outside ? 'o' : 'a');
  struct sql_logic *list = new_logic(e, outside ? 'a' : 'o');
  vec_push(e->arena, &wanted->parts,
           condition(e, column, outside ? "is null" : "is not null", NULL));
  for (size_t i = 0; i < bound->values.len; i++) {
    if (!bound->values.at[i] || strcmp(bound->values.at[i], "NULL") == 0)
      return NULL;
    vec_push(e->arena, &list->parts,
             condition(e, column, outside ? "<>" : "=", bound->values.at[i]));
  }
  if (bound->values.len > 0)
    vec_push(e->arena, &wanted->parts, list);
  else if (bound->lower.len != 1 || bound->upper.len != 1 || !bound->lower.at[0] ||
           !bound->upper.at[0])
    return NULL;
  if (bound->lower.len == 1 && !is_end(bound->lower.at[0]))
    vec_push(e->arena, &wanted->parts,
             condition(e, column, outside ? "<" : ">=", bound->lower.at[0]));
  if (bound->upper.len == 1 && !is_end(bound->upper.at[0]))
    vec_push(e->arena, &wanted->parts,
             condition(e, column, outside ? ">=" : "<", bound->upper.at[0]));
  return wanted;
}

static bool proves(struct effecting *e, const struct lint_relation *parent,
                   const struct lint_relation *table, const struct sql_bound *bound, bool outside)
{
  if (parent->partition_key.len != 1 || !*parent->partition_key.at[0] || bound->hash ||
      bound->is_default)
    return false;
  const struct sql_logic *wanted = bound_logic(e, parent->partition_key.at[0], bound, outside);
  return wanted && implies(known_of(e, table), wanted);
}

bool effect_fits_in(struct effecting *e, const struct lint_relation *parent,
                    const struct lint_relation *table, const struct sql_bound *bound)
{
  return proves(e, parent, table, bound, false);
}

bool effect_keeps_out(struct effecting *e, const struct lint_relation *parent,
                      const struct lint_relation *rest, const struct sql_bound *bound)
{
  return proves(e, parent, rest, bound, true);
}
