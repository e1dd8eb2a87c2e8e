#include "sql/digest.h"

/* What a statement names that is no relation: types, functions, roles and so on, wherever they
 * stand in it. */

struct finder {
  struct digest *digest;
  const char *method; /* of the operator classes below */
  const char *word;   /* of the function below: "procedure"; NULL: "function" */
  size_t action;
};

static void find(struct finder *f, const ProtobufCMessage *message);

struct sql_use *digest_add_use(struct digest *d, enum sql_use_kind kind, enum sql_use_way way,
                               struct sql_name name)
{
  struct sql_use *use = vec_add(d->arena, &d->tree->uses);
  *use = (struct sql_use){.kind = kind, .way = way, .name = name, .least = -1, .most = -1};
  return use;
}

void digest_use_named(struct digest *d, enum sql_use_kind kind, enum sql_use_way way,
                      const char *name)
{
  if (name && *name)
    digest_add_use(d, kind, way, (struct sql_name){.name = arena_strdup(d->arena, name)});
}

/* ---- below a node ---- */

static void find_child(void *finder, const ProtobufCMessage *message)
{
  find(finder, message);
}

static void find_below(struct finder *f, const ProtobufCMessage *message)
{
  digest_children(message, find_child, f);
}

static void find_nodes(struct finder *f, PgQuery__Node *const *nodes, size_t count)
{
  for (size_t i = 0; i < count; i++)
    find(f, &nodes[i]->base);
}

static void use(struct finder *f, enum sql_use_kind kind, const char *name)
{
  size_t before = f->digest->tree->uses.len;
  digest_use_named(f->digest, kind, SQL_NEEDS, name);
  if (f->digest->tree->uses.len > before)
    f->digest->tree->uses.at[before].action = f->action;
}

static struct sql_use *use_listed(struct finder *f, enum sql_use_kind kind,
                                  PgQuery__Node *const *names, size_t count)
{
  if (count == 0)
    return NULL;
  struct sql_use *used =
      digest_add_use(f->digest, kind, SQL_NEEDS, digest_name_list(f->digest, names, count));
  used->action = f->action;
  return used;
}

/* ---- names in expressions and definitions ---- */

static void find_type(struct finder *f, const PgQuery__TypeName *type)
{
  static const char *const serials[] = {"serial",  "bigserial", "smallserial",
                                        "serial4", "serial8",   "serial2"};
  if (type->pct_type || type->n_names == 0)
    return;
  for (size_t i = 0; i < COUNT_OF(serials) && type->n_names == 1; i++)
    if (NODE_IS(type->names[0], STRING) && strcmp(type->names[0]->string->sval, serials[i]) == 0)
      return;
  use_listed(f, SQL_USE_TYPE, type->names, type->n_names)->dimensions = (int)type->n_array_bounds;
}

/* NULL: its type is not seen from the text. */
static const char *argument_type(struct finder *f, const PgQuery__Node *node)
{
  if (NODE_IS(node, TYPE_CAST))
    return digest_type(f->digest, node->type_cast->type_name).text;
  if (!NODE_IS(node, A_CONST))
    return NULL;
  switch (node->a_const->val_case) {
  case PG_QUERY__A__CONST__VAL_IVAL:
    return "integer";
  case PG_QUERY__A__CONST__VAL_BOOLVAL:
    return "boolean";
  case PG_QUERY__A__CONST__VAL_FVAL:
    return strpbrk(node->a_const->fval->fval, ".eE") ? "numeric" : "bigint";
  default:
    return "unknown";
  }
}

static const char *argument_types(struct finder *f, PgQuery__Node *const *nodes, size_t count)
{
  const char *text = "";
  for (size_t i = 0; i < count; i++) {
    const char *type = argument_type(f, nodes[i]);
    if (!type)
      return NULL;
    text = arena_printf(f->digest->arena, "%s%s%s", text, i > 0 ? ", " : "", type);
  }
  return text;
}

/* Syntax of SQL/JSON, which older parsers take for calls. */
static bool is_syntax(struct sql_name name)
{
  static const char *const names[] = {
      "json",           "json_array",   "json_arrayagg", "json_exists",    "json_object",
      "json_objectagg", "json_query",   "json_scalar",   "json_serialize", "json_table",
      "json_value",     "merge_action", "xmlserialize",  "grouping"};
  for (size_t i = 0; i < COUNT_OF(names); i++)
    if (!name.schema && strcmp(names[i], name.name) == 0)
      return true;
  return false;
}

static void find_call(struct finder *f, const PgQuery__FuncCall *call)
{
  struct digest *d = f->digest;
  struct sql_name name = digest_name_list(d, call->funcname, call->n_funcname);
  const char *word = f->word ? f->word : "function";
  bool rows = call->n_args > 1 && strcmp(name.name, "unnest") == 0; /* FROM unnest(a, b) */
  bool plain =
      !(name.schema && strcmp(name.schema, "pg_catalog") == 0) && !is_syntax(name) && !rows;
  f->word = NULL;
  if (plain) {
    struct sql_use *used = digest_add_use(d, SQL_USE_FUNCTION, SQL_NEEDS, name);
    size_t count = call->n_args + (call->agg_within_group ? call->n_agg_order : 0);
    used->action = f->action;
    used->word = word;
    used->least = used->most = call->func_variadic ? -1 : (int)count;
    used->arguments = call->agg_within_group ? NULL : argument_types(f, call->args, call->n_args);
    used->row = call->n_args == 1 && !NODE_IS(call->args[0], A_CONST);
  }
  find_below(f, &call->base);
}

static void find_opclass(struct finder *f, PgQuery__Node *const *names, size_t count)
{
  struct sql_use *used = use_listed(f, SQL_USE_OPCLASS, names, count);
  if (used)
    used->method = f->method;
}

static void find_role(struct finder *f, const PgQuery__RoleSpec *role)
{
  if (role->roletype == PG_QUERY__ROLE_SPEC_TYPE__ROLESPEC_CSTRING)
    use(f, SQL_USE_ROLE, role->rolename);
}

/* With the access method of the operator classes in it. */
static void find_with_method(struct finder *f, const ProtobufCMessage *message, const char *method)
{
  const char *before = f->method;
  f->method = arena_strdup(f->digest->arena, method);
  find_below(f, message);
  f->method = before;
}

static void find_partition_key(struct finder *f, const PgQuery__PartitionSpec *spec)
{
  const struct sql_partition_key *key = digest_partition_key(f->digest, spec);
  find_with_method(f, &spec->base, strcmp(key->strategy, "hash") == 0 ? "hash" : "btree");
}

static void find_constraint(struct finder *f, const PgQuery__Constraint *constraint)
{
  bool excludes = constraint->contype == PG_QUERY__CONSTR_TYPE__CONSTR_EXCLUSION;
  const char *method =
      constraint->access_method && *constraint->access_method ? constraint->access_method : "btree";
  if (excludes)
    use(f, SQL_USE_ACCESS_METHOD, method);
  use(f, SQL_USE_TABLESPACE, constraint->indexspace);
  find_with_method(f, &constraint->base, method);
}

static void find_index(struct finder *f, const PgQuery__IndexStmt *index)
{
  const char *method = *index->access_method ? index->access_method : "btree";
  use(f, SQL_USE_TABLESPACE, index->table_space);
  use(f, SQL_USE_ACCESS_METHOD, method);
  find_with_method(f, &index->base, method);
}

/* ---- statements ---- */

/* The schema that something is made in. */
static void use_schema(struct finder *f, const PgQuery__RangeVar *made)
{
  if (made && strcmp(made->schemaname, "pg_temp") != 0)
    use(f, SQL_USE_SCHEMA, made->schemaname);
}

static void make_relation(struct finder *f, const PgQuery__RangeVar *made)
{
  use_schema(f, made);
  if (made)
    digest_add_use(f->digest, SQL_USE_TYPE, SQL_MAKES, digest_range_var(f->digest, made))
        ->optional = true; /* whether it is there is asked of relations */
}

static void find_table(struct finder *f, const PgQuery__CreateStmt *table)
{
  make_relation(f, table->relation);
  use(f, SQL_USE_TABLESPACE, table->tablespacename);
  use(f, SQL_USE_ACCESS_METHOD, table->access_method);
  find_nodes(f, table->table_elts, table->n_table_elts);
  if (table->partspec)
    find(f, &table->partspec->base);
  if (table->of_typename)
    find(f, &table->of_typename->base);
}

static void find_into(struct finder *f, const PgQuery__IntoClause *into)
{
  make_relation(f, into->rel);
  use(f, SQL_USE_TABLESPACE, into->table_space_name);
  use(f, SQL_USE_ACCESS_METHOD, into->access_method);
}

static void find_alter(struct finder *f, const PgQuery__AlterTableStmt *alter)
{
  for (size_t i = 0; i < alter->n_cmds; i++) {
    const PgQuery__AlterTableCmd *cmd = alter->cmds[i]->alter_table_cmd;
    f->action = i + 1;
    if (cmd->subtype == PG_QUERY__ALTER_TABLE_TYPE__AT_SetTableSpace)
      use(f, SQL_USE_TABLESPACE, cmd->name);
    else if (cmd->subtype == PG_QUERY__ALTER_TABLE_TYPE__AT_SetAccessMethod)
      use(f, SQL_USE_ACCESS_METHOD, cmd->name);
    find_below(f, &cmd->base);
  }
  f->action = 0;
}

/* False: it is none of these. */
static bool find_in_statement(struct finder *f, const ProtobufCMessage *message)
{
  const ProtobufCMessageDescriptor *kind = message->descriptor;
  if (kind == &pg_query__create_stmt__descriptor)
    find_table(f, (const void *)message);
  else if (kind == &pg_query__alter_table_stmt__descriptor)
    find_alter(f, (const void *)message);
  else if (kind == &pg_query__index_stmt__descriptor)
    find_index(f, (const void *)message);
  else if (kind == &pg_query__into_clause__descriptor)
    find_into(f, (const void *)message);
  else
    return false;
  return true;
}

static void find_view(struct finder *f, const PgQuery__ViewStmt *view)
{
  make_relation(f, view->view);
  find_below(f, &view->base);
}

static void find_routine_call(struct finder *f, const PgQuery__CallStmt *call)
{
  f->word = "procedure";
  find(f, &call->funccall->base);
  f->word = NULL;
}

static void find(struct finder *f, const ProtobufCMessage *message)
{
  if (!message)
    return;
  const ProtobufCMessageDescriptor *kind = message->descriptor;
  if (kind == &pg_query__node__descriptor) {
    find_below(f, message);
  } else if (kind == &pg_query__func_call__descriptor) {
    find_call(f, (const void *)message);
  } else if (kind == &pg_query__type_name__descriptor) {
    find_type(f, (const void *)message);
  } else if (kind == &pg_query__role_spec__descriptor) {
    find_role(f, (const void *)message);
  } else if (kind == &pg_query__collate_clause__descriptor) {
    const PgQuery__CollateClause *clause = (const void *)message;
    use_listed(f, SQL_USE_COLLATION, clause->collname, clause->n_collname);
    find_below(f, message);
  } else if (kind == &pg_query__index_elem__descriptor) {
    const PgQuery__IndexElem *element = (const void *)message;
    use_listed(f, SQL_USE_COLLATION, element->collation, element->n_collation);
    find_opclass(f, element->opclass, element->n_opclass);
    find(f, element->expr ? &element->expr->base : NULL);
  } else if (kind == &pg_query__partition_elem__descriptor) {
    const PgQuery__PartitionElem *element = (const void *)message;
    use_listed(f, SQL_USE_COLLATION, element->collation, element->n_collation);
    find_opclass(f, element->opclass, element->n_opclass);
    find(f, element->expr ? &element->expr->base : NULL);
  } else if (kind == &pg_query__constraint__descriptor) {
    find_constraint(f, (const void *)message);
  } else if (kind == &pg_query__partition_spec__descriptor) {
    find_partition_key(f, (const void *)message);
  } else if (kind == &pg_query__view_stmt__descriptor) {
    find_view(f, (const void *)message);
  } else if (kind == &pg_query__call_stmt__descriptor) {
    find_routine_call(f, (const void *)message);
  } else if (kind != &pg_query__def_elem__descriptor && !find_in_statement(f, message)) {
    find_below(f, message);
  }
}

/* Values of options are types to the grammar: what they name is looked at one by one. */
static bool has_definition(const PgQuery__Node *statement)
{
  switch (statement->node_case) {
  case PG_QUERY__NODE__NODE_DEFINE_STMT:
  case PG_QUERY__NODE__NODE_CREATE_RANGE_STMT:
  case PG_QUERY__NODE__NODE_CREATE_OP_CLASS_STMT:
  case PG_QUERY__NODE__NODE_CREATE_OP_FAMILY_STMT:
  case PG_QUERY__NODE__NODE_ALTER_OP_FAMILY_STMT:
  case PG_QUERY__NODE__NODE_ALTER_OPERATOR_STMT:
  case PG_QUERY__NODE__NODE_ALTER_TYPE_STMT:
  case PG_QUERY__NODE__NODE_CREATE_PLANG_STMT:
  case PG_QUERY__NODE__NODE_CREATE_FDW_STMT:
  case PG_QUERY__NODE__NODE_CREATE_TRANSFORM_STMT:
  case PG_QUERY__NODE__NODE_DROP_STMT:
  case PG_QUERY__NODE__NODE_DROP_ROLE_STMT:
  case PG_QUERY__NODE__NODE_ALTER_EXTENSION_CONTENTS_STMT:
    return true;
  default:
    return false;
  }
}

void digest_walk_uses(struct digest *d, const PgQuery__Node *statement)
{
  struct finder f = {.digest = d};
  /* The message inside a Node's union: every case is a pointer to one. */
  const ProtobufCMessage *message = &statement->select_stmt->base;
  digest_use_objects(d, message);
  if (has_definition(statement))
    return;
  if (NODE_IS(statement, CREATE_FUNCTION_STMT)) {
    const PgQuery__CreateFunctionStmt *stmt = statement->create_function_stmt;
    find_nodes(&f, stmt->parameters, stmt->n_parameters);
    if (stmt->sql_body)
      find(&f, &stmt->sql_body->base);
  } else {
    find(&f, message);
  }
}
