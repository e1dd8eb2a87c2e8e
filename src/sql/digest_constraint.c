#include "sql/digest.h"
#include "sql/scan.h"

static bool constraint_kind(PgQuery__ConstrType type, enum sql_constraint_kind *ret)
{
  switch (type) {
  case PG_QUERY__CONSTR_TYPE__CONSTR_CHECK:
    *ret = SQL_CHECK;
    return true;
  case PG_QUERY__CONSTR_TYPE__CONSTR_NOTNULL:
    *ret = SQL_NOT_NULL;
    return true;
  case PG_QUERY__CONSTR_TYPE__CONSTR_UNIQUE:
    *ret = SQL_UNIQUE;
    return true;
  case PG_QUERY__CONSTR_TYPE__CONSTR_PRIMARY:
    *ret = SQL_PRIMARY_KEY;
    return true;
  case PG_QUERY__CONSTR_TYPE__CONSTR_FOREIGN:
    *ret = SQL_FOREIGN_KEY;
    return true;
  case PG_QUERY__CONSTR_TYPE__CONSTR_EXCLUSION:
    *ret = SQL_EXCLUDE;
    return true;
  default:
    return false;
  }
}

/* From the word CHECK to the parenthesis that closes its expression. */
static const char *check_text(struct digest *d, size_t at)
{
  if (at >= d->len)
    return NULL;
  struct sql_scan scan = sql_scan_begin(d->text + at, d->len - at);
  struct sql_token token = sql_scan_next_code(&scan);
  while (token.kind != SQL_TOKEN_END && !sql_token_is(&scan, token, "check"))
    token = sql_scan_next_code(&scan);
  size_t start = token.start;
  int depth = 0;
  do {
    token = sql_scan_next_code(&scan);
    depth += sql_token_is_char(&scan, token, '(');
    depth -= sql_token_is_char(&scan, token, ')');
  } while (depth > 0 && token.kind != SQL_TOKEN_END && token.kind != SQL_TOKEN_BAD);
  return depth == 0 ? arena_strndup(d->arena, d->text + at + start, token.end - start) : NULL;
}

static void digest_foreign_key(struct digest *d, const PgQuery__Constraint *node,
                               struct sql_constraint *ret)
{
  ret->referenced = digest_range_var(d, node->pktable);
  ret->on_delete = node->fk_del_action ? node->fk_del_action[0] : '\0';
  ret->on_update = node->fk_upd_action ? node->fk_upd_action[0] : '\0';
  digest_strings(d, node->fk_attrs, node->n_fk_attrs, &ret->columns);
  digest_strings(d, node->pk_attrs, node->n_pk_attrs, &ret->referenced_columns);
}

bool digest_constraint(struct digest *d, const PgQuery__Constraint *node,
                       struct sql_constraint *ret)
{
  if (!constraint_kind(node->contype, &ret->kind))
    return false;
  ret->at = (size_t)node->location;
  ret->name = digest_string(d, node->conname);
  ret->not_valid = node->skip_validation;
  ret->no_inherit = node->is_no_inherit;
  ret->deferrable = node->deferrable;
  ret->initially_deferred = node->initdeferred;
  if (ret->kind == SQL_FOREIGN_KEY) {
    digest_foreign_key(d, node, ret);
    return true;
  }
  digest_strings(d, node->keys, node->n_keys, &ret->columns);
  if (ret->kind == SQL_CHECK) {
    ret->check = digest_expression(d, node->raw_expr);
    ret->check.logic = node->raw_expr ? digest_logic(d, node->raw_expr) : NULL;
    ret->text = check_text(d, ret->at);
    return true;
  }
  ret->using_index = digest_string(d, node->indexname);
  ret->tablespace = digest_string(d, node->indexspace);
  ret->nulls_not_distinct = node->nulls_not_distinct;
  digest_strings(d, node->including, node->n_including, &ret->include);
  if (ret->kind == SQL_EXCLUDE) {
    ret->keys = digest_keys(d, node->exclusions, node->n_exclusions);
    ret->method = digest_string(d, node->access_method);
    ret->where = digest_new_expression(d, node->where_clause);
  }
  return true;
}
