#include "sql/digest.h"

const char *digest_string(struct digest *d, const char *s)
{
  return s && *s ? arena_strdup(d->arena, s) : NULL;
}

struct sql_name digest_range_var(struct digest *d, const PgQuery__RangeVar *relation)
{
  if (!relation)
    return (struct sql_name){0};
  return (struct sql_name){.schema = digest_string(d, relation->schemaname),
                           .name = digest_string(d, relation->relname)};
}

const char *digest_string_node(struct digest *d, const PgQuery__Node *node)
{
  return NODE_IS(node, STRING) ? arena_strdup(d->arena, node->string->sval) : NULL;
}

struct sql_name digest_name_list(struct digest *d, PgQuery__Node *const *nodes, size_t count)
{
  struct sql_name name = {0};
  if (count > 0)
    name.name = digest_string_node(d, nodes[count - 1]);
  if (count > 1)
    name.schema = digest_string_node(d, nodes[count - 2]);
  if (!name.name)
    name.name = "?";
  return name;
}

void digest_strings(struct digest *d, PgQuery__Node *const *nodes, size_t count,
                    struct strings *ret)
{
  for (size_t i = 0; i < count; i++) {
    const char *s = digest_string_node(d, nodes[i]);
    if (s)
      vec_push(d->arena, ret, s);
  }
}

static const struct {
  const char *internal, *spoken;
} type_names[] = {
    {"int2", "smallint"},
    {"int4", "integer"},
    {"int8", "bigint"},
    {"float4", "real"},
    {"float8", "double precision"},
    {"bool", "boolean"},
    {"varchar", "character varying"},
    {"bpchar", "character"},
    {"varbit", "bit varying"},
    {"timestamptz", "timestamp with time zone"},
    {"timetz", "time with time zone"},
    {"timestamp", "timestamp without time zone"},
    {"time", "time without time zone"},
};

static const char *type_text(struct digest *d, const struct sql_type *type)
{
  struct text t = TEXT_INIT;
  const char *name = type->name.name;
  for (size_t i = 0; i < COUNT_OF(type_names) && !type->name.schema; i++)
    if (strcmp(type_names[i].internal, name) == 0)
      name = type_names[i].spoken;
  if (type->name.schema)
    text_printf(&t, "%s.", type->name.schema);
  text_puts(&t, name);
  for (int i = 0; i < type->modifier_count; i++)
    text_printf(&t, "%s%d", i == 0 ? "(" : ",", type->modifiers[i]);
  if (type->modifier_count > 0)
    text_puts(&t, ")");
  for (int i = 0; i < type->array_dimensions; i++)
    text_puts(&t, "[]");
  char *result = arena_strdup(d->arena, t.data);
  text_clear(&t);
  return result;
}

struct sql_type digest_type(struct digest *d, const PgQuery__TypeName *type)
{
  struct sql_type result = {.name = digest_name_list(d, type->names, type->n_names)};
  if (result.name.schema && strcmp(result.name.schema, "pg_catalog") == 0)
    result.name.schema = NULL;
  for (size_t i = 0; i < type->n_typmods; i++) {
    const PgQuery__Node *node = type->typmods[i];
    bool plain = NODE_IS(node, A_CONST) && i < SQL_TYPE_MODIFIERS_MAX &&
                 node->a_const->val_case == PG_QUERY__A__CONST__VAL_IVAL &&
                 strcmp(result.name.name, "interval") != 0;
    if (plain)
      result.modifiers[result.modifier_count++] = node->a_const->ival->ival;
    else
      result.odd_modifiers = true;
  }
  result.array_dimensions = (int)type->n_array_bounds;
  result.text = type_text(d, &result);
  return result;
}

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

struct sql_expression digest_expression(struct digest *d, const PgQuery__Node *node)
{
  struct sql_expression e = {0};
  if (!node)
    return e;
  const PgQuery__Node *inner = strip_casts(node);
  e.is_null = NODE_IS(inner, A_CONST) && inner->a_const->isnull;
  e.is_true = is_true(node);
  e.bare_column = bare_column(d, node);
  if (NODE_IS(node, TYPE_CAST) && (e.cast_column = bare_column(d, node->type_cast->arg)))
    e.cast_type = digest_type(d, node->type_cast->type_name).text;
  if (NODE_IS(node, NULL_TEST) &&
      node->null_test->nulltesttype == PG_QUERY__NULL_TEST_TYPE__IS_NOT_NULL)
    e.not_null_column = bare_column(d, node->null_test->arg);
  digest_walk_functions(d, node, &e.functions);
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
