#include "sql/digest.h"

/* Calls visit for each message in the tree, parents first; visit returns false to leave out what
 * is below. */
struct walker {
  struct digest *digest;
  bool (*visit)(struct walker *walker, const ProtobufCMessage *message);
  struct sql_names *names;
  struct strings *columns;           /* NULL: not wanted */
  struct sql_name *sequence;         /* NULL: not wanted */
  struct sql_expression *expression; /* NULL: not wanted */
  struct strings hidden;             /* names of WITH queries */
};

static void see_field(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field,
                      digest_see *see, void *context)
{
  const char *base = (const char *)message;
  if (field->label == PROTOBUF_C_LABEL_REPEATED) {
    size_t count = *(const size_t *)(const void *)(base + field->quantifier_offset);
    ProtobufCMessage *const *items =
        *(ProtobufCMessage *const *const *)(const void *)(base + field->offset);
    for (size_t i = 0; i < count; i++)
      if (items[i])
        see(context, items[i]);
    return;
  }
  if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) &&
      *(const uint32_t *)(const void *)(base + field->quantifier_offset) != field->id)
    return;
  const ProtobufCMessage *child = *(ProtobufCMessage *const *)(const void *)(base + field->offset);
  if (child)
    see(context, child);
}

void digest_children(const ProtobufCMessage *message, digest_see *see, void *context)
{
  const ProtobufCMessageDescriptor *descriptor = message->descriptor;
  for (unsigned i = 0; i < descriptor->n_fields; i++)
    if (descriptor->fields[i].type == PROTOBUF_C_TYPE_MESSAGE)
      see_field(message, &descriptor->fields[i], see, context);
}

static void walk(struct walker *w, const ProtobufCMessage *message);

static void walk_child(void *walker, const ProtobufCMessage *message)
{
  walk(walker, message);
}

static void walk(struct walker *w, const ProtobufCMessage *message)
{
  if (message && w->visit(w, message))
    digest_children(message, walk_child, w);
}

static void add_name(struct digest *d, struct sql_names *names, struct sql_name name)
{
  for (size_t i = 0; i < names->len; i++) {
    const char *schema = names->at[i].schema;
    bool same_schema =
        schema && name.schema ? strcmp(schema, name.schema) == 0 : schema == name.schema;
    if (same_schema && strcmp(names->at[i].name, name.name) == 0)
      return;
  }
  vec_push(d->arena, names, name);
}

static void add_string(struct digest *d, struct strings *all, const char *s)
{
  for (size_t i = 0; i < all->len; i++)
    if (strcmp(all->at[i], s) == 0)
      return;
  vec_push(d->arena, all, arena_strdup(d->arena, s));
}

static void add_column(struct digest *d, struct strings *columns, const PgQuery__ColumnRef *ref)
{
  const PgQuery__Node *last = ref->n_fields > 0 ? ref->fields[ref->n_fields - 1] : NULL;
  if (NODE_IS(last, STRING))
    add_string(d, columns, last->string->sval);
  else if (NODE_IS(last, A_STAR))
    add_string(d, columns, "*");
}

static bool visit_expression(struct walker *w, const ProtobufCMessage *message)
{
  if (message->descriptor == &pg_query__func_call__descriptor) {
    const PgQuery__FuncCall *call = (const void *)message;
    const struct sql_name name = digest_name_list(w->digest, call->funcname, call->n_funcname);
    add_name(w->digest, w->names, name);
    if (w->expression && call->over)
      w->expression->window = true;
    if (w->sequence && strcmp(name.name, "nextval") == 0 && call->n_args == 1)
      *w->sequence = digest_written_name(w->digest, digest_value(w->digest, call->args[0]));
  } else if (message->descriptor == &pg_query__column_ref__descriptor && w->columns) {
    add_column(w->digest, w->columns, (const void *)message);
  } else if (message->descriptor == &pg_query__sub_link__descriptor && w->expression) {
    w->expression->subquery = true;
  }
  return true;
}

void digest_walk_functions(struct digest *d, const PgQuery__Node *node, struct sql_names *ret)
{
  struct walker w = {.digest = d, .visit = visit_expression, .names = ret};
  if (node)
    walk(&w, &node->base);
}

void digest_walk_expression(struct digest *d, const PgQuery__Node *node, struct sql_expression *ret)
{
  struct walker w = {.digest = d,
                     .visit = visit_expression,
                     .names = &ret->functions,
                     .columns = &ret->columns,
                     .expression = ret,
                     .sequence = &ret->sequence};
  walk(&w, &node->base);
}

/* ---- relations: names of WITH queries are none, where they can be seen ---- */

static const PgQuery__WithClause *with_clause(const ProtobufCMessage *message)
{
  const ProtobufCMessageDescriptor *kind = message->descriptor;
  if (kind == &pg_query__select_stmt__descriptor)
    return ((const PgQuery__SelectStmt *)(const void *)message)->with_clause;
  if (kind == &pg_query__insert_stmt__descriptor)
    return ((const PgQuery__InsertStmt *)(const void *)message)->with_clause;
  if (kind == &pg_query__update_stmt__descriptor)
    return ((const PgQuery__UpdateStmt *)(const void *)message)->with_clause;
  if (kind == &pg_query__delete_stmt__descriptor)
    return ((const PgQuery__DeleteStmt *)(const void *)message)->with_clause;
  if (kind == &pg_query__merge_stmt__descriptor)
    return ((const PgQuery__MergeStmt *)(const void *)message)->with_clause;
  return NULL;
}

/* Without RECURSIVE a WITH query sees those before it only: in
 * WITH t AS (SELECT * FROM t) the second t is a table. */
static void walk_with(struct walker *w, const PgQuery__WithClause *with)
{
  for (size_t i = 0; with->recursive && i < with->n_ctes; i++)
    vec_push(w->digest->arena, &w->hidden, with->ctes[i]->common_table_expr->ctename);
  for (size_t i = 0; i < with->n_ctes; i++) {
    walk(w, &with->ctes[i]->common_table_expr->ctequery->base);
    if (!with->recursive)
      vec_push(w->digest->arena, &w->hidden, with->ctes[i]->common_table_expr->ctename);
  }
}

static bool is_hidden(const struct walker *w, const PgQuery__RangeVar *relation)
{
  for (size_t i = 0; i < w->hidden.len && !*relation->schemaname; i++)
    if (strcmp(w->hidden.at[i], relation->relname) == 0)
      return true;
  return false;
}

static bool visit_relation(struct walker *w, const ProtobufCMessage *message)
{
  const PgQuery__WithClause *with = with_clause(message);
  if (message->descriptor == &pg_query__with_clause__descriptor ||
      message->descriptor == &pg_query__locking_clause__descriptor)
    return false; /* seen by walk_with; FOR UPDATE OF: names of what FROM has */
  if (with) {
    size_t before = w->hidden.len;
    walk_with(w, with);
    digest_children(message, walk_child, w);
    w->hidden.len = before;
    return false;
  }
  if (message->descriptor == &pg_query__range_var__descriptor &&
      !is_hidden(w, (const void *)message))
    add_name(w->digest, w->names, digest_range_var(w->digest, (const void *)message));
  if (message->descriptor == &pg_query__column_ref__descriptor && w->columns)
    add_column(w->digest, w->columns, (const void *)message);
  return true;
}

void digest_walk_relations(struct digest *d, const ProtobufCMessage *message, struct sql_names *ret,
                           struct strings *ret_columns)
{
  struct walker w = {.digest = d, .visit = visit_relation, .names = ret, .columns = ret_columns};
  walk(&w, message);
}

static bool visit_string(struct walker *w, const ProtobufCMessage *message)
{
  struct digest *d = w->digest;
  if (message->descriptor == &pg_query__do_stmt__descriptor)
    return false;
  if (message->descriptor != &pg_query__a__const__descriptor)
    return d->tree->strings.len < SQL_STRINGS_MAX;
  const PgQuery__AConst *constant = (const void *)message;
  if (constant->val_case == PG_QUERY__A__CONST__VAL_SVAL)
    vec_push(d->arena, &d->tree->strings, arena_strdup(d->arena, constant->sval->sval));
  return false;
}

void digest_walk_strings(struct digest *d, const ProtobufCMessage *message)
{
  struct walker w = {.digest = d, .visit = visit_string};
  walk(&w, message);
}

static void add_change(struct digest *d, enum sql_kind kind, const PgQuery__RangeVar *relation,
                       const PgQuery__Node *where)
{
  struct sql_change *change = vec_add(d->arena, &d->tree->changes);
  change->kind = kind;
  change->relation = digest_range_var(d, relation);
  change->condition = digest_new_expression(d, where);
  change->where = where && !change->condition->is_true;
}

/* Elements of arrays and fields, a[1] = 1, may be set one by one: they are left out. */
static void add_columns(struct digest *d, PgQuery__Node *const *targets, size_t count)
{
  struct sql_change *change = &d->tree->changes.at[d->tree->changes.len - 1];
  for (size_t i = 0; i < count; i++)
    if (NODE_IS(targets[i], RES_TARGET) && targets[i]->res_target->n_indirection == 0)
      vec_push(d->arena, &change->columns, digest_string(d, targets[i]->res_target->name));
}

static void add_insert(struct digest *d, const PgQuery__InsertStmt *stmt)
{
  add_change(d, SQL_INSERT, stmt->relation, NULL);
  add_columns(d, stmt->cols, stmt->n_cols);
  struct sql_change *change = &d->tree->changes.at[d->tree->changes.len - 1];
  const PgQuery__Node *source = stmt->select_stmt;
  change->from_select = NODE_IS(source, SELECT_STMT) && source->select_stmt->n_values_lists == 0;
  change->by_position = source && stmt->n_cols == 0;
  struct sql_names from = {0};
  if (source)
    digest_walk_relations(d, &source->base, &from, NULL);
  size_t others = from.len;
  add_name(d, &from, change->relation);
  change->from_itself = from.len == others;
  change->updates = stmt->on_conflict_clause && stmt->on_conflict_clause->action ==
                                                    PG_QUERY__ON_CONFLICT_ACTION__ONCONFLICT_UPDATE;
}

static bool visit_change(struct walker *w, const ProtobufCMessage *message)
{
  struct digest *d = w->digest;
  if (message->descriptor == &pg_query__update_stmt__descriptor) {
    const PgQuery__UpdateStmt *stmt = (const void *)message;
    add_change(d, SQL_UPDATE, stmt->relation, stmt->where_clause);
    add_columns(d, stmt->target_list, stmt->n_target_list);
  } else if (message->descriptor == &pg_query__delete_stmt__descriptor) {
    const PgQuery__DeleteStmt *stmt = (const void *)message;
    add_change(d, SQL_DELETE, stmt->relation, stmt->where_clause);
  } else if (message->descriptor == &pg_query__merge_stmt__descriptor) {
    const PgQuery__MergeStmt *stmt = (const void *)message;
    add_change(d, SQL_MERGE, stmt->relation, stmt->join_condition);
  } else if (message->descriptor == &pg_query__insert_stmt__descriptor) {
    add_insert(d, (const void *)message);
  }
  return true;
}

void digest_walk_changes(struct digest *d, const ProtobufCMessage *message)
{
  struct walker w = {.digest = d, .visit = visit_change};
  walk(&w, message);
}
