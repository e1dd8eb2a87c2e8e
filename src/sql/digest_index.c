#include "sql/digest.h"

static void digest_included(struct digest *d, PgQuery__Node *const *nodes, size_t count)
{
  for (size_t i = 0; i < count; i++)
    if (NODE_IS(nodes[i], INDEX_ELEM) && *nodes[i]->index_elem->name)
      vec_push(d->arena, &d->tree->include, digest_string(d, nodes[i]->index_elem->name));
}

void digest_create_index(struct digest *d, const PgQuery__IndexStmt *stmt)
{
  struct sql_tree *tree = d->tree;
  tree->kind = SQL_CREATE_INDEX;
  tree->name = digest_range_var(d, stmt->relation);
  tree->index_name = digest_string(d, stmt->idxname);
  tree->concurrently = stmt->concurrent;
  tree->unique = stmt->unique;
  tree->only = stmt->relation && !stmt->relation->inh;
  tree->if_not_exists = stmt->if_not_exists;
  tree->nulls_not_distinct = stmt->nulls_not_distinct;
  tree->keys = digest_keys(d, stmt->index_params, stmt->n_index_params);
  digest_included(d, stmt->index_including_params, stmt->n_index_including_params);
  tree->where = digest_new_expression(d, stmt->where_clause);
  const char *method = digest_string(d, stmt->access_method);
  tree->storage.access_method = method && strcmp(method, "btree") != 0 ? method : NULL;
  tree->storage.tablespace = digest_string(d, stmt->table_space);
  tree->storage.options = digest_options(d, stmt->options, stmt->n_options);
}
