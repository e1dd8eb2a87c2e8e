#include "sql/digest.h"

/* Where names of columns stand, and among which relations they are looked for. */

struct scoper {
  struct digest *digest;
  struct sql_scope *scope; /* around; NULL: none */
  struct strings hidden;   /* names of WITH queries */
  bool blind;              /* names may mean more than columns of queries */
};

static void walk(struct scoper *s, const ProtobufCMessage *message);

static void walk_node(struct scoper *s, const PgQuery__Node *node)
{
  if (node)
    walk(s, &node->base);
}

static void walk_nodes(struct scoper *s, PgQuery__Node *const *nodes, size_t count)
{
  for (size_t i = 0; i < count; i++)
    walk_node(s, nodes[i]);
}

static void walk_child(void *scoper, const ProtobufCMessage *message)
{
  walk(scoper, message);
}

static void walk_below(struct scoper *s, const ProtobufCMessage *message)
{
  digest_children(message, walk_child, s);
}

/* ---- scopes ---- */

/* What is around before; leave() gives it back. */
static struct sql_scope *enter(struct scoper *s)
{
  struct sql_scope *outer = s->scope;
  s->scope = ARENA_NEW(s->digest->arena, struct sql_scope);
  s->scope->outer = outer;
  s->scope->expressions = -1;
  vec_push(s->digest->arena, &s->digest->tree->scopes, s->scope);
  return outer;
}

static void hide(struct scoper *s, const PgQuery__WithClause *with)
{
  for (size_t i = 0; with && i < with->n_ctes; i++)
    if (NODE_IS(with->ctes[i], COMMON_TABLE_EXPR))
      vec_push(s->digest->arena, &s->hidden,
               arena_strdup(s->digest->arena, with->ctes[i]->common_table_expr->ctename));
  for (size_t i = 0; with && i < with->n_ctes; i++)
    if (NODE_IS(with->ctes[i], COMMON_TABLE_EXPR))
      walk_node(s, with->ctes[i]->common_table_expr->ctequery);
}

static bool is_hidden(const struct scoper *s, const PgQuery__RangeVar *relation)
{
  for (size_t i = 0; i < s->hidden.len && !*relation->schemaname; i++)
    if (strcmp(s->hidden.at[i], relation->relname) == 0)
      return true;
  return false;
}

/* relation NULL: something else than a relation. */
static void add_source(struct scoper *s, const PgQuery__RangeVar *relation,
                       const PgQuery__Alias *alias)
{
  struct sql_source source = {0};
  if (relation && !is_hidden(s, relation) && !(alias && alias->n_colnames > 0))
    source.relation = digest_range_var(s->digest, relation);
  const char *name = alias ? alias->aliasname : relation ? relation->relname : NULL;
  source.alias = name ? arena_strdup(s->digest->arena, name) : NULL;
  vec_push(s->digest->arena, &s->scope->sources, source);
}

static void add_from(struct scoper *s, const PgQuery__Node *node)
{
  if (NODE_IS(node, RANGE_VAR)) {
    add_source(s, node->range_var, node->range_var->alias);
  } else if (NODE_IS(node, JOIN_EXPR)) {
    const PgQuery__JoinExpr *join = node->join_expr;
    if (join->alias || join->join_using_alias)
      add_source(s, NULL, join->alias ? join->alias : join->join_using_alias);
    add_from(s, join->larg);
    add_from(s, join->rarg);
    walk_node(s, join->quals);
  } else if (NODE_IS(node, RANGE_SUBSELECT)) {
    struct sql_scope *scope = s->scope;
    add_source(s, NULL, node->range_subselect->alias);
    if (!node->range_subselect->lateral)
      s->scope = scope->outer;
    walk_node(s, node->range_subselect->subquery);
    s->scope = scope;
  } else if (node) {
    add_source(s, NULL, NODE_IS(node, RANGE_FUNCTION) ? node->range_function->alias : NULL);
    walk_node(s, node);
  }
}

static void add_from_list(struct scoper *s, PgQuery__Node *const *nodes, size_t count)
{
  for (size_t i = 0; i < count; i++)
    add_from(s, nodes[i]);
}

/* ---- references ---- */

/* One more, of the scope; NULL: it is no name that is looked for. */
static struct sql_reference *add_reference(struct scoper *s, const PgQuery__ColumnRef *ref)
{
  if (!s->scope || s->blind || ref->n_fields == 0 || ref->n_fields > 2)
    return NULL;
  const PgQuery__Node *last = ref->fields[ref->n_fields - 1];
  if (!NODE_IS(last, STRING))
    return NULL;
  struct sql_reference *reference = vec_add(s->digest->arena, &s->scope->references);
  *reference = (struct sql_reference){.column = digest_string_node(s->digest, last)};
  if (ref->n_fields == 2)
    reference->qualifier = digest_string_node(s->digest, ref->fields[0]);
  return reference;
}

/* NULL: it is no string constant. */
static const char *string_of(struct scoper *s, const PgQuery__Node *node)
{
  bool string = NODE_IS(node, A_CONST) && node->a_const->val_case == PG_QUERY__A__CONST__VAL_SVAL;
  return string ? arena_strdup(s->digest->arena, node->a_const->sval->sval) : NULL;
}

static void add_compared(struct scoper *s, const PgQuery__Node *column, const PgQuery__Node *with)
{
  const char *text = string_of(s, with);
  struct sql_reference *reference =
      NODE_IS(column, COLUMN_REF) && text ? add_reference(s, column->column_ref) : NULL;
  if (reference)
    reference->compared = text;
}

static void walk_comparison(struct scoper *s, const PgQuery__AExpr *expr)
{
  static const char *const operators[] = {"=", "<>", "<", ">", "<=", ">="};
  bool known = false;
  for (size_t i = 0; i < COUNT_OF(operators) && expr->n_name == 1; i++)
    known = known || strcmp(expr->name[0]->string->sval, operators[i]) == 0;
  if (known && expr->kind == PG_QUERY__A__EXPR__KIND__AEXPR_OP) {
    add_compared(s, expr->lexpr, expr->rexpr);
    add_compared(s, expr->rexpr, expr->lexpr);
  } else if (known && expr->kind == PG_QUERY__A__EXPR__KIND__AEXPR_IN &&
             NODE_IS(expr->rexpr, LIST)) {
    for (size_t i = 0; i < expr->rexpr->list->n_items; i++)
      add_compared(s, expr->lexpr, expr->rexpr->list->items[i]);
  }
  walk_below(s, &expr->base);
}

/* What is named there may be a column of the result. */
static void walk_sorted(struct scoper *s, PgQuery__Node *const *nodes, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    const PgQuery__Node *node = NODE_IS(nodes[i], SORT_BY) ? nodes[i]->sort_by->node : nodes[i];
    if (!NODE_IS(node, COLUMN_REF) || node->column_ref->n_fields > 1)
      walk_node(s, node);
  }
}

/* ---- statements ---- */

static void walk_select(struct scoper *s, const PgQuery__SelectStmt *select)
{
  size_t hidden = s->hidden.len;
  hide(s, select->with_clause);
  struct sql_scope *outer = enter(s);
  add_from_list(s, select->from_clause, select->n_from_clause);
  walk_nodes(s, select->target_list, select->n_target_list);
  walk_node(s, select->where_clause);
  walk_node(s, select->having_clause);
  walk_nodes(s, select->window_clause, select->n_window_clause);
  walk_nodes(s, select->values_lists, select->n_values_lists);
  walk_node(s, select->limit_offset);
  walk_node(s, select->limit_count);
  if (select->larg && select->rarg) {
    walk_select(s, select->larg);
    walk_select(s, select->rarg);
  } else {
    walk_sorted(s, select->sort_clause, select->n_sort_clause);
    walk_sorted(s, select->group_clause, select->n_group_clause);
    walk_sorted(s, select->distinct_clause, select->n_distinct_clause);
  }
  s->scope = outer;
  s->hidden.len = hidden;
}

/* Elements of arrays and fields, a[1] = 1, are part of a value. */
static void add_assignments(struct scoper *s, PgQuery__Node *const *targets, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    const PgQuery__ResTarget *target =
        NODE_IS(targets[i], RES_TARGET) ? targets[i]->res_target : NULL;
    if (!target)
      continue;
    bool whole = target->n_indirection == 0;
    struct sql_assignment assignment = {.column = arena_strdup(s->digest->arena, target->name),
                                        .is_default =
                                            !target->val || NODE_IS(target->val, SET_TO_DEFAULT),
                                        .whole = whole};
    const char *text = whole ? string_of(s, target->val) : NULL;
    if (text)
      vec_push(s->digest->arena, &assignment.texts, text);
    vec_push(s->digest->arena, &s->scope->assignments, assignment);
    walk_node(s, target->val);
  }
}

static void set_target(struct scoper *s, const PgQuery__RangeVar *relation)
{
  s->scope->target = digest_range_var(s->digest, relation);
  add_source(s, relation, relation->alias);
}

static void walk_update(struct scoper *s, const PgQuery__UpdateStmt *update)
{
  size_t hidden = s->hidden.len;
  hide(s, update->with_clause);
  struct sql_scope *outer = enter(s);
  set_target(s, update->relation);
  add_from_list(s, update->from_clause, update->n_from_clause);
  add_assignments(s, update->target_list, update->n_target_list);
  walk_node(s, update->where_clause);
  walk_nodes(s, update->returning_list, update->n_returning_list);
  s->scope = outer;
  s->hidden.len = hidden;
}

static void walk_delete(struct scoper *s, const PgQuery__DeleteStmt *delete)
{
  size_t hidden = s->hidden.len;
  hide(s, delete->with_clause);
  struct sql_scope *outer = enter(s);
  set_target(s, delete->relation);
  add_from_list(s, delete->using_clause, delete->n_using_clause);
  walk_node(s, delete->where_clause);
  walk_nodes(s, delete->returning_list, delete->n_returning_list);
  s->scope = outer;
  s->hidden.len = hidden;
}

static void walk_conflict(struct scoper *s, const PgQuery__InsertStmt *insert)
{
  static const PgQuery__Alias excluded = {.aliasname = (char *)(uintptr_t) "excluded"};
  const PgQuery__OnConflictClause *conflict = insert->on_conflict_clause;
  struct sql_scope *outer = enter(s);
  set_target(s, insert->relation);
  add_source(s, insert->relation, &excluded);
  if (conflict->infer) {
    for (size_t i = 0; i < conflict->infer->n_index_elems; i++) {
      const PgQuery__IndexElem *key = conflict->infer->index_elems[i]->index_elem;
      const struct sql_reference reference = {.column = digest_string(s->digest, key->name)};
      if (reference.column)
        vec_push(s->digest->arena, &s->scope->references, reference);
      walk_node(s, key->expr);
    }
    walk_node(s, conflict->infer->where_clause);
  }
  add_assignments(s, conflict->target_list, conflict->n_target_list);
  walk_node(s, conflict->where_clause);
  s->scope = outer;
}

static void add_values(struct scoper *s, const PgQuery__SelectStmt *values)
{
  struct sql_scope *scope = s->scope;
  const PgQuery__List *first =
      NODE_IS(values->values_lists[0], LIST) ? values->values_lists[0]->list : NULL;
  if (!first)
    return;
  scope->expressions = (int)first->n_items;
  for (size_t row = 0; row < values->n_values_lists; row++) {
    const PgQuery__List *list =
        NODE_IS(values->values_lists[row], LIST) ? values->values_lists[row]->list : first;
    for (size_t i = 0; i < list->n_items && i < first->n_items; i++) {
      if (row == 0)
        vec_push(s->digest->arena, &scope->values,
                 ((struct sql_assignment){.is_default = true, .whole = true}));
      struct sql_assignment *value = &scope->values.at[i];
      const char *text = string_of(s, list->items[i]);
      value->is_default = value->is_default && NODE_IS(list->items[i], SET_TO_DEFAULT);
      if (text)
        vec_push(s->digest->arena, &value->texts, text);
    }
  }
}

static void walk_insert(struct scoper *s, const PgQuery__InsertStmt *insert)
{
  size_t hidden = s->hidden.len;
  hide(s, insert->with_clause);
  walk_node(s, insert->select_stmt); /* it does not see the columns of the target */
  struct sql_scope *outer = enter(s);
  set_target(s, insert->relation);
  s->scope->inserts = true;
  s->scope->overrides = insert->override == PG_QUERY__OVERRIDING_KIND__OVERRIDING_SYSTEM_VALUE;
  add_assignments(s, insert->cols, insert->n_cols);
  const PgQuery__SelectStmt *select =
      NODE_IS(insert->select_stmt, SELECT_STMT) ? insert->select_stmt->select_stmt : NULL;
  if (select && select->n_values_lists > 0)
    add_values(s, select);
  walk_nodes(s, insert->returning_list, insert->n_returning_list);
  s->scope = outer;
  if (insert->on_conflict_clause)
    walk_conflict(s, insert);
  s->hidden.len = hidden;
}

static void walk_cast(struct scoper *s, const PgQuery__TypeCast *cast)
{
  const char *text = string_of(s, cast->arg);
  if (text && cast->type_name) {
    struct sql_cast made = {.text = text,
                            .type = digest_type(s->digest, cast->type_name),
                            .name = digest_written_name(s->digest, text)};
    vec_push(s->digest->arena, &s->digest->tree->casts, made);
  }
  walk_below(s, &cast->base);
}

/* nextval('name') and the like read it as a regclass. */
static void walk_call(struct scoper *s, const PgQuery__FuncCall *call)
{
  static const char *const readers[] = {"nextval", "setval", "currval"};
  struct sql_name name = digest_name_list(s->digest, call->funcname, call->n_funcname);
  const char *text = call->n_args > 0 ? string_of(s, call->args[0]) : NULL;
  bool reads = false;
  for (size_t i = 0; i < COUNT_OF(readers); i++)
    reads = reads || strcmp(readers[i], name.name) == 0;
  if (reads && text && (!name.schema || strcmp(name.schema, "pg_catalog") == 0)) {
    struct sql_cast made = {.text = text,
                            .type = {.name = {.name = "regclass"}},
                            .name = digest_written_name(s->digest, text)};
    vec_push(s->digest->arena, &s->digest->tree->casts, made);
  }
  walk_below(s, &call->base);
}

static void walk(struct scoper *s, const ProtobufCMessage *message)
{
  if (!message)
    return;
  const ProtobufCMessageDescriptor *kind = message->descriptor;
  if (kind == &pg_query__select_stmt__descriptor)
    walk_select(s, (const void *)message);
  else if (kind == &pg_query__insert_stmt__descriptor)
    walk_insert(s, (const void *)message);
  else if (kind == &pg_query__update_stmt__descriptor)
    walk_update(s, (const void *)message);
  else if (kind == &pg_query__delete_stmt__descriptor)
    walk_delete(s, (const void *)message);
  else if (kind == &pg_query__column_ref__descriptor)
    add_reference(s, (const void *)message);
  else if (kind == &pg_query__a__expr__descriptor)
    walk_comparison(s, (const void *)message);
  else if (kind == &pg_query__type_cast__descriptor)
    walk_cast(s, (const void *)message);
  else if (kind == &pg_query__func_call__descriptor)
    walk_call(s, (const void *)message);
  else if (kind != &pg_query__merge_stmt__descriptor)
    walk_below(s, message);
}

/* Elsewhere they mean parameters, NEW and OLD, or columns of a table that is not in FROM. */
static bool has_queries_only(const PgQuery__Node *statement)
{
  switch (statement->node_case) {
  case PG_QUERY__NODE__NODE_SELECT_STMT:
  case PG_QUERY__NODE__NODE_INSERT_STMT:
  case PG_QUERY__NODE__NODE_UPDATE_STMT:
  case PG_QUERY__NODE__NODE_DELETE_STMT:
  case PG_QUERY__NODE__NODE_VIEW_STMT:
  case PG_QUERY__NODE__NODE_CREATE_TABLE_AS_STMT:
  case PG_QUERY__NODE__NODE_EXPLAIN_STMT:
  case PG_QUERY__NODE__NODE_PREPARE_STMT:
  case PG_QUERY__NODE__NODE_DECLARE_CURSOR_STMT:
  case PG_QUERY__NODE__NODE_COPY_STMT:
    return true;
  default:
    return false;
  }
}

void digest_walk_scopes(struct digest *d, const PgQuery__Node *statement)
{
  struct scoper s = {.digest = d, .blind = !has_queries_only(statement)};
  if (!NODE_IS(statement, CREATE_FUNCTION_STMT) && !NODE_IS(statement, CREATE_SCHEMA_STMT))
    walk(&s, &statement->base);
}
