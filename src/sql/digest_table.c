#include "sql/digest.h"
#include "sql/scan.h"

/* What follows a constraint of the column is about that constraint. */
static void digest_attribute(const PgQuery__Constraint *node, struct sql_column *column)
{
  struct sql_constraint *last =
      column->constraints.len > 0 ? &column->constraints.at[column->constraints.len - 1] : NULL;
  if (!last)
    return;
  if (node->contype == PG_QUERY__CONSTR_TYPE__CONSTR_ATTR_DEFERRABLE)
    last->deferrable = true;
  else if (node->contype == PG_QUERY__CONSTR_TYPE__CONSTR_ATTR_DEFERRED)
    last->deferrable = last->initially_deferred = true;
}

static void digest_column_constraint(struct digest *d, const PgQuery__Constraint *node,
                                     struct sql_column *column)
{
  struct sql_constraint constraint = {0};
  switch (node->contype) {
  case PG_QUERY__CONSTR_TYPE__CONSTR_DEFAULT:
    column->default_value = digest_new_expression(d, node->raw_expr);
    break;
  case PG_QUERY__CONSTR_TYPE__CONSTR_NOTNULL:
    column->not_null = true;
    column->not_null_name = digest_string(d, node->conname);
    break;
  case PG_QUERY__CONSTR_TYPE__CONSTR_IDENTITY:
    column->generated = SQL_GENERATED_IDENTITY;
    column->not_null = true;
    column->identity_always = strcmp(node->generated_when, "a") == 0;
    column->sequence = digest_options(d, node->options, node->n_options);
    break;
  case PG_QUERY__CONSTR_TYPE__CONSTR_GENERATED:
    column->generated = SQL_GENERATED_STORED;
    column->generated_as = digest_new_expression(d, node->raw_expr);
    break;
  default:
    if (!digest_constraint(d, node, &constraint)) {
      digest_attribute(node, column);
      break;
    }
    if (constraint.kind == SQL_PRIMARY_KEY)
      column->not_null = true;
    vec_push(d->arena, &column->constraints, constraint);
  }
}

static bool is_serial(const struct sql_type *type)
{
  static const char *const names[] = {"serial",  "bigserial", "smallserial",
                                      "serial4", "serial8",   "serial2"};
  for (size_t i = 0; i < COUNT_OF(names); i++)
    if (strcmp(type->name.name, names[i]) == 0 && !type->name.schema)
      return true;
  return false;
}

struct sql_column digest_column(struct digest *d, const PgQuery__ColumnDef *node)
{
  struct sql_column column = {.name = digest_string(d, node->colname),
                              .collation = digest_collation(d, node->coll_clause),
                              .storage = digest_string(d, node->storage),
                              .compression = digest_string(d, node->compression),
                              .at = (size_t)node->location};
  if (node->type_name)
    column.type = digest_type(d, node->type_name);
  else
    column.type = (struct sql_type){.name = {.name = ""}, .text = ""};
  column.serial = is_serial(&column.type);
  for (size_t i = 0; i < node->n_constraints; i++)
    if (NODE_IS(node->constraints[i], CONSTRAINT))
      digest_column_constraint(d, node->constraints[i]->constraint, &column);
  return column;
}

static struct sql_like digest_like(struct digest *d, const PgQuery__TableLikeClause *node)
{
  enum { /* the server's parsenodes.h */
         COMMENTS = 1 << 0,
         COMPRESSION = 1 << 1,
         CONSTRAINTS = 1 << 2,
         DEFAULTS = 1 << 3,
         GENERATED = 1 << 4,
         IDENTITY = 1 << 5,
         INDEXES = 1 << 6,
         STATISTICS = 1 << 7,
         STORAGE = 1 << 8,
  };
  return (struct sql_like){
      .table = digest_range_var(d, node->relation),
      .comments = node->options & COMMENTS,
      .compression = node->options & COMPRESSION,
      .constraints = node->options & CONSTRAINTS,
      .defaults = node->options & DEFAULTS,
      .generated = node->options & GENERATED,
      .identity = node->options & IDENTITY,
      .indexes = node->options & INDEXES,
      .statistics = node->options & STATISTICS,
      .storage = node->options & STORAGE,
  };
}

static void digest_element(struct digest *d, const PgQuery__Node *node)
{
  struct sql_tree *tree = d->tree;
  struct sql_constraint constraint = {0};
  if (NODE_IS(node, COLUMN_DEF))
    vec_push(d->arena, &tree->columns, digest_column(d, node->column_def));
  else if (NODE_IS(node, CONSTRAINT) && digest_constraint(d, node->constraint, &constraint))
    vec_push(d->arena, &tree->constraints, constraint);
  else if (NODE_IS(node, TABLE_LIKE_CLAUSE))
    vec_push(d->arena, &tree->likes, digest_like(d, node->table_like_clause));
}

static void digest_parents(struct digest *d, const PgQuery__CreateStmt *stmt)
{
  struct sql_tree *tree = d->tree;
  for (size_t i = 0; i < stmt->n_inh_relations; i++)
    if (NODE_IS(stmt->inh_relations[i], RANGE_VAR))
      vec_push(d->arena, &tree->inherits, digest_range_var(d, stmt->inh_relations[i]->range_var));
  if (stmt->partbound && tree->inherits.len > 0) {
    tree->partition_of = tree->inherits.at[0];
    tree->inherits = (struct sql_names){0};
  }
  if (stmt->of_typename) {
    struct sql_name *type = ARENA_NEW(d->arena, struct sql_name);
    *type = digest_type(d, stmt->of_typename).name;
    tree->of_type = type;
  }
}

void digest_create_table(struct digest *d, const PgQuery__CreateStmt *stmt)
{
  struct sql_tree *tree = d->tree;
  tree->kind = SQL_CREATE_TABLE;
  tree->object = SQL_OBJECT_TABLE;
  tree->name = digest_range_var(d, stmt->relation);
  tree->temporary = stmt->relation && strcmp(stmt->relation->relpersistence, "t") == 0;
  tree->unlogged = stmt->relation && strcmp(stmt->relation->relpersistence, "u") == 0;
  tree->if_not_exists = stmt->if_not_exists;
  digest_parents(d, stmt);
  tree->bound = digest_bound(d, stmt->partbound);
  tree->partition_key = digest_partition_key(d, stmt->partspec);
  tree->storage.tablespace = digest_string(d, stmt->tablespacename);
  tree->storage.access_method = digest_string(d, stmt->access_method);
  tree->storage.options = digest_options(d, stmt->options, stmt->n_options);
  for (size_t i = 0; i < stmt->n_table_elts; i++)
    digest_element(d, stmt->table_elts[i]);
}

static enum sql_action_kind action_kind(PgQuery__AlterTableType type)
{
#define KIND(theirs, ours)                                                                         \
  case PG_QUERY__ALTER_TABLE_TYPE__AT_##theirs:                                                    \
    return ours
  switch (type) {
    KIND(AddColumn, SQL_ADD_COLUMN);
    KIND(DropColumn, SQL_DROP_COLUMN);
    KIND(AlterColumnType, SQL_ALTER_TYPE);
    KIND(SetNotNull, SQL_SET_NOT_NULL);
    KIND(DropNotNull, SQL_DROP_NOT_NULL);
    KIND(ColumnDefault, SQL_SET_DEFAULT);
    KIND(AddConstraint, SQL_ADD_CONSTRAINT);
    KIND(DropConstraint, SQL_DROP_CONSTRAINT);
    KIND(ValidateConstraint, SQL_VALIDATE_CONSTRAINT);
    KIND(AttachPartition, SQL_ATTACH_PARTITION);
    KIND(DetachPartition, SQL_DETACH_PARTITION);
    KIND(DetachPartitionFinalize, SQL_DETACH_PARTITION);
    KIND(SetLogged, SQL_SET_LOGGED);
    KIND(SetUnLogged, SQL_SET_UNLOGGED);
    KIND(DisableTrig, SQL_DISABLE_TRIGGER);
    KIND(DisableTrigAll, SQL_DISABLE_TRIGGER);
    KIND(DisableTrigUser, SQL_DISABLE_TRIGGER);
    KIND(EnableTrig, SQL_ENABLE_TRIGGER);
    KIND(EnableTrigAll, SQL_ENABLE_TRIGGER);
    KIND(EnableTrigUser, SQL_ENABLE_TRIGGER);
    KIND(SetTableSpace, SQL_SET_TABLESPACE);
    KIND(SetAccessMethod, SQL_SET_ACCESS_METHOD);
    KIND(AddIdentity, SQL_ADD_IDENTITY);
    KIND(SetIdentity, SQL_SET_IDENTITY);
    KIND(DropIdentity, SQL_DROP_IDENTITY);
    KIND(DropExpression, SQL_DROP_EXPRESSION);
    KIND(SetStatistics, SQL_SET_STATISTICS);
    KIND(SetStorage, SQL_SET_STORAGE);
    KIND(SetCompression, SQL_SET_COMPRESSION);
    KIND(SetOptions, SQL_SET_ATTRIBUTES);
    KIND(ResetOptions, SQL_SET_ATTRIBUTES);
    KIND(AlterConstraint, SQL_ALTER_CONSTRAINT);
    KIND(ChangeOwner, SQL_CHANGE_OWNER);
    KIND(ClusterOn, SQL_CLUSTER_ON);
    KIND(DropCluster, SQL_SET_WITHOUT_CLUSTER);
    KIND(SetRelOptions, SQL_SET_OPTIONS);
    KIND(ResetRelOptions, SQL_RESET_OPTIONS);
    KIND(ReplaceRelOptions, SQL_SET_OPTIONS);
    KIND(EnableAlwaysTrig, SQL_ENABLE_TRIGGER);
    KIND(EnableReplicaTrig, SQL_ENABLE_TRIGGER);
    KIND(EnableRule, SQL_ENABLE_RULE);
    KIND(EnableAlwaysRule, SQL_ENABLE_RULE);
    KIND(EnableReplicaRule, SQL_ENABLE_RULE);
    KIND(DisableRule, SQL_DISABLE_RULE);
    KIND(AddInherit, SQL_ADD_INHERIT);
    KIND(DropInherit, SQL_DROP_INHERIT);
    KIND(AddOf, SQL_ADD_OF);
    KIND(DropOf, SQL_DROP_OF);
    KIND(ReplicaIdentity, SQL_REPLICA_IDENTITY);
    KIND(EnableRowSecurity, SQL_ENABLE_ROW_SECURITY);
    KIND(DisableRowSecurity, SQL_DISABLE_ROW_SECURITY);
    KIND(ForceRowSecurity, SQL_FORCE_ROW_SECURITY);
    KIND(NoForceRowSecurity, SQL_NO_FORCE_ROW_SECURITY);
    KIND(GenericOptions, SQL_SET_FOREIGN_OPTIONS);
    KIND(AlterColumnGenericOptions, SQL_SET_FOREIGN_OPTIONS);
  default:
    return SQL_ACTION_OTHER;
  }
#undef KIND
}

static void digest_new_type(struct digest *d, const PgQuery__ColumnDef *def,
                            struct sql_action *action)
{
  struct sql_type *type = ARENA_NEW(d->arena, struct sql_type);
  *type = digest_type(d, def->type_name);
  action->type = type;
  action->using = digest_new_expression(d, def->raw_default);
  action->collation = digest_collation(d, def->coll_clause);
}

static void digest_partition(struct digest *d, const PgQuery__AlterTableCmd *cmd,
                             struct sql_action *action)
{
  const PgQuery__PartitionCmd *partition = cmd->def->partition_cmd;
  action->partition = digest_range_var(d, partition->name);
  action->bound = digest_bound(d, partition->bound);
  action->partition_default = action->bound && action->bound->is_default;
  action->concurrently = partition->concurrent;
  action->finalize = cmd->subtype == PG_QUERY__ALTER_TABLE_TYPE__AT_DetachPartitionFinalize;
}

static void digest_identity_of_replicas(struct digest *d, const PgQuery__ReplicaIdentityStmt *node,
                                        struct sql_action *action)
{
  static const char *const words[][2] = {
      {"f", "FULL"}, {"n", "NOTHING"}, {"d", "DEFAULT"}, {"i", "INDEX"}};
  for (size_t i = 0; i < COUNT_OF(words); i++)
    if (strcmp(words[i][0], node->identity_type) == 0)
      action->text = words[i][1];
  action->name = digest_string(d, node->name);
}

/* What the other subcommands carry. */
static void digest_operand(struct digest *d, const PgQuery__AlterTableCmd *cmd,
                           struct sql_action *action)
{
  const PgQuery__Node *def = cmd->def;
  if (NODE_IS(def, LIST))
    action->options = digest_options(d, def->list->items, def->list->n_items);
  else if (NODE_IS(def, RANGE_VAR))
    action->partition = digest_range_var(d, def->range_var);
  else if (NODE_IS(def, REPLICA_IDENTITY_STMT))
    digest_identity_of_replicas(d, def->replica_identity_stmt, action);
  else if (NODE_IS(def, CONSTRAINT) && action->kind == SQL_ALTER_CONSTRAINT)
    action->name = digest_string(d, def->constraint->conname);
  else if (NODE_IS(def, CONSTRAINT) && action->kind == SQL_ADD_IDENTITY)
    action->options = digest_options(d, def->constraint->options, def->constraint->n_options);
  else if (NODE_IS(def, TYPE_NAME))
    action->of_type = digest_type(d, def->type_name).name;
  else if (NODE_IS(def, STRING))
    action->text = digest_string_node(d, def);
  if (cmd->newowner)
    action->text = digest_role(d, cmd->newowner);
  if (action->kind == SQL_SET_TABLESPACE || action->kind == SQL_SET_ACCESS_METHOD)
    action->text = action->name;
}

static struct sql_action digest_action(struct digest *d, const PgQuery__AlterTableCmd *cmd)
{
  struct sql_action action = {
      .kind = action_kind(cmd->subtype),
      .name = digest_string(d, cmd->name),
      .if_exists = cmd->missing_ok,
      .cascade = cmd->behavior == PG_QUERY__DROP_BEHAVIOR__DROP_CASCADE,
  };
  if (action.kind == SQL_SET_DEFAULT && !cmd->def)
    action.kind = SQL_DROP_DEFAULT;
  else if (action.kind == SQL_SET_DEFAULT)
    action.value = digest_new_expression(d, cmd->def);
  if (NODE_IS(cmd->def, PARTITION_CMD))
    digest_partition(d, cmd, &action);
  else
    digest_operand(d, cmd, &action);
  if (NODE_IS(cmd->def, COLUMN_DEF) && action.kind == SQL_ALTER_TYPE)
    digest_new_type(d, cmd->def->column_def, &action);
  if (NODE_IS(cmd->def, COLUMN_DEF) && action.kind == SQL_ADD_COLUMN) {
    struct sql_column *column = ARENA_NEW(d->arena, struct sql_column);
    *column = digest_column(d, cmd->def->column_def);
    action.column = column;
    action.name = column->name;
  }
  if (NODE_IS(cmd->def, CONSTRAINT) && action.kind == SQL_ADD_CONSTRAINT) {
    struct sql_constraint *constraint = ARENA_NEW(d->arena, struct sql_constraint);
    if (digest_constraint(d, cmd->def->constraint, constraint))
      action.constraint = constraint;
    action.name = constraint->name;
  }
  return action;
}

/* Skips ALTER TABLE [IF EXISTS] [ONLY] name [*]; returns the first token of the first subcommand.
 * */
static struct sql_token skip_to_actions(struct sql_scan *scan)
{
  static const char *const before_name[] = {"alter", "foreign", "materialized", "table",
                                            "view",  "index",   "sequence",     "type",
                                            "if",    "exists",  "only"};
  struct sql_token token = sql_scan_next_code(scan);
  for (size_t i = 0; i < COUNT_OF(before_name); i++)
    if (sql_token_is(scan, token, before_name[i]))
      token = sql_scan_next_code(scan);
  token = sql_scan_next_code(scan); /* behind the first part of the name */
  while (sql_token_is_char(scan, token, '.')) {
    sql_scan_next_code(scan);
    token = sql_scan_next_code(scan);
  }
  if (sql_token_is_char(scan, token, '*'))
    token = sql_scan_next_code(scan);
  return token;
}

/* Subcommands are what commas outside parentheses part. */
static void find_ranges(struct digest *d, struct sql_actions *actions)
{
  struct sql_scan scan = sql_scan_begin(d->text, d->len);
  struct sql_token token = skip_to_actions(&scan);
  int depth = 0;
  size_t n = 0;
  bool fresh = true;
  for (; token.kind != SQL_TOKEN_END && token.kind != SQL_TOKEN_BAD && n < actions->len;
       token = sql_scan_next_code(&scan)) {
    if (depth == 0 && sql_token_is_char(&scan, token, ',')) {
      n++;
      fresh = true;
      continue;
    }
    if (fresh)
      actions->at[n].range.start = token.start;
    fresh = false;
    actions->at[n].range.end = token.end;
    depth += sql_token_is_char(&scan, token, '(') || sql_token_is_char(&scan, token, '[');
    depth -= sql_token_is_char(&scan, token, ')') || sql_token_is_char(&scan, token, ']');
  }
  if (n + 1 !=
      actions->len) /* our reading and the parser's differ: point at nothing rather than wrong */
    for (size_t i = 0; i < actions->len; i++)
      actions->at[i].range = (struct sql_range){0};
}

void digest_alter_table(struct digest *d, const PgQuery__AlterTableStmt *stmt)
{
  struct sql_tree *tree = d->tree;
  tree->kind = SQL_ALTER_TABLE;
  tree->name = digest_range_var(d, stmt->relation);
  tree->only = stmt->relation && !stmt->relation->inh;
  tree->if_exists = stmt->missing_ok;
  tree->only = stmt->relation && !stmt->relation->inh;
  for (size_t i = 0; i < stmt->n_cmds; i++)
    if (NODE_IS(stmt->cmds[i], ALTER_TABLE_CMD))
      vec_push(d->arena, &tree->actions, digest_action(d, stmt->cmds[i]->alter_table_cmd));
  find_ranges(d, &tree->actions);
}
