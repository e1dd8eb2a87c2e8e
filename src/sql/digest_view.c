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

/* A set operation has the columns of its left side. Names given in the statement come first. */
static void digest_targets(struct digest *d, PgQuery__Node *const *aliases, size_t count,
                           const PgQuery__Node *query)
{
  digest_strings(d, aliases, count, &d->tree->targets);
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
