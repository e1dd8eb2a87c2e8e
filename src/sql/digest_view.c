#include "sql/digest.h"

/* What is made of a query: views, materialized views, CREATE TABLE AS, SELECT INTO. */

static const char *target_name(struct digest *d, const PgQuery__ResTarget *target)
{
  if (*target->name)
    return arena_strdup(d->arena, target->name);
  if (NODE_IS(target->val, COLUMN_REF) && target->val->column_ref->n_fields > 0 &&
      NODE_IS(target->val->column_ref->fields[target->val->column_ref->n_fields - 1], A_STAR))
    return "*";
  const char *name = digest_figured_name(d, target->val);
  return name ? name : "?column?";
}

/* ---- the types of columns, as far as the text says them ---- */

static const struct sql_type *plain_type(struct digest *d, const char *name, const char *text)
{
  struct sql_type *type = ARENA_NEW(d->arena, struct sql_type);
  *type = (struct sql_type){.name = {.name = name}, .text = text};
  return type;
}

static const struct sql_type *constant_type(struct digest *d, const PgQuery__AConst *constant)
{
  switch (constant->val_case) {
  case PG_QUERY__A__CONST__VAL_IVAL:
    return plain_type(d, "int4", "integer");
  case PG_QUERY__A__CONST__VAL_BOOLVAL:
    return plain_type(d, "bool", "boolean");
  case PG_QUERY__A__CONST__VAL_SVAL:
    return plain_type(d, "text", "text");
  default:
    return constant->isnull ? plain_type(d, "text", "text") : NULL;
  }
}

/* Functions of the server that always give the same type. */
static const struct sql_type *call_type(struct digest *d, const PgQuery__FuncCall *call)
{
  static const struct {
    const char *function, *type, *text;
  } known[] = {
      {"count", "int8", "bigint"},
      {"row_number", "int8", "bigint"},
      {"rank", "int8", "bigint"},
      {"dense_rank", "int8", "bigint"},
      {"now", "timestamptz", "timestamp with time zone"},
  };
  const struct sql_name name = digest_name_list(d, call->funcname, call->n_funcname);
  for (size_t i = 0; i < COUNT_OF(known); i++)
    if (!name.schema && strcmp(known[i].function, name.name) == 0)
      return plain_type(d, known[i].type, known[i].text);
  return NULL;
}

static const struct sql_type *result_type(struct digest *d, const PgQuery__Node *node)
{
  if (NODE_IS(node, TYPE_CAST)) {
    struct sql_type *type = ARENA_NEW(d->arena, struct sql_type);
    *type = digest_type(d, node->type_cast->type_name);
    return type;
  }
  if (NODE_IS(node, A_CONST))
    return constant_type(d, node->a_const);
  return NODE_IS(node, FUNC_CALL) ? call_type(d, node->func_call) : NULL;
}

static void add_result(struct digest *d, const PgQuery__ResTarget *target)
{
  struct sql_target *result = vec_add(d->arena, &d->tree->results);
  *result =
      (struct sql_target){.name = target_name(d, target), .type = result_type(d, target->val)};
  const PgQuery__Node *value = target->val;
  if (NODE_IS(value, COLLATE_CLAUSE)) {
    result->collation = digest_collation(d, value->collate_clause);
    value = value->collate_clause->arg;
  }
  if (!NODE_IS(value, COLUMN_REF))
    return;
  const PgQuery__ColumnRef *ref = value->column_ref;
  if (ref->n_fields > 2) { /* with a schema: too rare to be followed */
    result->qualifier = "";
    return;
  }
  result->column = digest_last_name(d, ref->fields, ref->n_fields);
  if (ref->n_fields == 2)
    result->qualifier = digest_string_node(d, ref->fields[0]);
}

/* False: there is more than named relations. */
static bool add_source(struct digest *d, const PgQuery__Node *node)
{
  if (NODE_IS(node, JOIN_EXPR)) {
    const PgQuery__JoinExpr *join = node->join_expr;
    return join->n_using_clause == 0 && !join->is_natural && !join->alias &&
           add_source(d, join->larg) && add_source(d, join->rarg);
  }
  if (!NODE_IS(node, RANGE_VAR))
    return false;
  const PgQuery__RangeVar *relation = node->range_var;
  const PgQuery__Alias *alias = relation->alias;
  struct sql_source source = {
      .alias = arena_strdup(d->arena, alias ? alias->aliasname : relation->relname),
      .relation = digest_range_var(d, relation)};
  vec_push(d->arena, &d->tree->sources, source);
  return !alias || alias->n_colnames == 0;
}

static void digest_results(struct digest *d, const PgQuery__SelectStmt *select)
{
  if (select->larg || select->n_values_lists > 0)
    return;
  d->tree->plain_sources = !select->with_clause;
  for (size_t i = 0; i < select->n_from_clause; i++)
    d->tree->plain_sources = add_source(d, select->from_clause[i]) && d->tree->plain_sources;
  for (size_t i = 0; i < select->n_target_list; i++)
    if (NODE_IS(select->target_list[i], RES_TARGET))
      add_result(d, select->target_list[i]->res_target);
}

/* ---- their names ---- */

/* A set operation has the columns of its left side. Names given in the statement come first. */
static void digest_targets(struct digest *d, PgQuery__Node *const *aliases, size_t count,
                           const PgQuery__Node *query)
{
  digest_strings(d, aliases, count, &d->tree->targets);
  digest_strings(d, aliases, count, &d->tree->aliases);
  if (NODE_IS(query, SELECT_STMT))
    digest_results(d, query->select_stmt);
  if (!NODE_IS(query, SELECT_STMT)) {
    vec_push(d->arena, &d->tree->targets, "*");
    return;
  }
  const PgQuery__SelectStmt *select = query->select_stmt;
  while (select->larg)
    select = select->larg;
  if (select->n_values_lists > 0 && count == 0)
    vec_push(d->arena, &d->tree->targets, "*");
  for (size_t i = count; i < select->n_target_list; i++)
    if (NODE_IS(select->target_list[i], RES_TARGET))
      vec_push(d->arena, &d->tree->targets, target_name(d, select->target_list[i]->res_target));
}

static void digest_into(struct digest *d, const PgQuery__IntoClause *into)
{
  struct sql_tree *tree = d->tree;
  tree->name = digest_range_var(d, into->rel);
  tree->temporary = into->rel && strcmp(into->rel->relpersistence, "t") == 0;
  tree->unlogged = into->rel && strcmp(into->rel->relpersistence, "u") == 0;
  tree->with_data = !into->skip_data;
  tree->storage.access_method = digest_string(d, into->access_method);
  tree->storage.tablespace = digest_string(d, into->table_space_name);
  tree->storage.options = digest_options(d, into->options, into->n_options);
}

void digest_create_as(struct digest *d, const PgQuery__IntoClause *into, bool matview,
                      const PgQuery__Node *query)
{
  struct sql_tree *tree = d->tree;
  tree->kind = matview ? SQL_CREATE_MATVIEW : SQL_CREATE_TABLE_AS;
  digest_into(d, into);
  digest_targets(d, into->col_names, into->n_col_names, query);
  digest_walk_relations(d, &query->base, &tree->reads, &tree->read_columns);
  digest_walk_changes(d, &query->base);
  if (NODE_IS(query, EXECUTE_STMT))
    tree->member = digest_string(d, query->execute_stmt->name);
  if (NODE_IS(query, SELECT_STMT))
    tree->where = digest_new_expression(d, query->select_stmt->where_clause);
}

/* What it selects into is a relation of the query's own nodes, and is not read. */
void digest_select_into(struct digest *d, const PgQuery__SelectStmt *select)
{
  struct sql_tree *tree = d->tree;
  PgQuery__Node node = {.base = PROTOBUF_C_MESSAGE_INIT(&pg_query__node__descriptor),
                        .node_case = PG_QUERY__NODE__NODE_SELECT_STMT};
  PgQuery__SelectStmt query = *select;
  query.into_clause = NULL;
  node.select_stmt = &query;
  digest_create_as(d, select->into_clause, false, &node);
  tree->with_data = true;
}

void digest_create_view(struct digest *d, const PgQuery__ViewStmt *stmt)
{
  struct sql_tree *tree = d->tree;
  tree->kind = SQL_CREATE_VIEW;
  tree->object = SQL_OBJECT_VIEW;
  tree->name = digest_range_var(d, stmt->view);
  tree->temporary = stmt->view && strcmp(stmt->view->relpersistence, "t") == 0;
  tree->replace = stmt->replace;
  tree->options = digest_options(d, stmt->options, stmt->n_options);
  digest_targets(d, stmt->aliases, stmt->n_aliases, stmt->query);
  if (stmt->query)
    digest_walk_relations(d, &stmt->query->base, &tree->reads, &tree->read_columns);
}
