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

static bool digest_constraint(struct digest *d, const PgQuery__Constraint *node,
                              struct sql_constraint *ret)
{
  if (!constraint_kind(node->contype, &ret->kind))
    return false;
  ret->name = digest_string(d, node->conname);
  ret->using_index = digest_string(d, node->indexname);
  ret->referenced = digest_range_var(d, node->pktable);
  ret->not_valid = node->skip_validation;
  if (ret->kind == SQL_CHECK)
    ret->check = digest_expression(d, node->raw_expr);
  if (ret->kind == SQL_FOREIGN_KEY)
    digest_strings(d, node->fk_attrs, node->n_fk_attrs, &ret->columns);
  else
    digest_strings(d, node->keys, node->n_keys, &ret->columns);
  return true;
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
    break;
  case PG_QUERY__CONSTR_TYPE__CONSTR_IDENTITY:
    column->generated = SQL_GENERATED_IDENTITY;
    column->not_null = true;
    break;
  case PG_QUERY__CONSTR_TYPE__CONSTR_GENERATED:
    column->generated = SQL_GENERATED_STORED;
    break;
  default:
    if (!digest_constraint(d, node, &constraint))
      break;
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

static struct sql_column digest_column(struct digest *d, const PgQuery__ColumnDef *node)
{
  struct sql_column column = {.name = digest_string(d, node->colname)};
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

void digest_create_table(struct digest *d, const PgQuery__CreateStmt *stmt)
{
  struct sql_tree *tree = d->tree;
  tree->kind = SQL_CREATE_TABLE;
  tree->name = digest_range_var(d, stmt->relation);
  tree->temporary = stmt->relation && strcmp(stmt->relation->relpersistence, "t") == 0;
  tree->if_not_exists = stmt->if_not_exists;
  if (stmt->partbound && stmt->n_inh_relations > 0 && NODE_IS(stmt->inh_relations[0], RANGE_VAR))
    tree->partition_of = digest_range_var(d, stmt->inh_relations[0]->range_var);
  for (size_t i = 0; i < stmt->n_table_elts; i++) {
    const PgQuery__Node *node = stmt->table_elts[i];
    struct sql_constraint constraint = {0};
    if (NODE_IS(node, COLUMN_DEF))
      vec_push(d->arena, &tree->columns, digest_column(d, node->column_def));
    else if (NODE_IS(node, CONSTRAINT) && digest_constraint(d, node->constraint, &constraint))
      vec_push(d->arena, &tree->constraints, constraint);
  }
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
  if (def->coll_clause) {
    struct sql_name collation =
        digest_name_list(d, def->coll_clause->collname, def->coll_clause->n_collname);
    action->collation = collation.name;
  }
}

static void digest_partition(struct digest *d, const PgQuery__AlterTableCmd *cmd,
                             struct sql_action *action)
{
  const PgQuery__PartitionCmd *partition = cmd->def->partition_cmd;
  action->partition = digest_range_var(d, partition->name);
  action->partition_default = partition->bound && partition->bound->is_default;
  action->concurrently = partition->concurrent;
  action->finalize = cmd->subtype == PG_QUERY__ALTER_TABLE_TYPE__AT_DetachPartitionFinalize;
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
  tree->if_exists = stmt->missing_ok;
  for (size_t i = 0; i < stmt->n_cmds; i++)
    if (NODE_IS(stmt->cmds[i], ALTER_TABLE_CMD))
      vec_push(d->arena, &tree->actions, digest_action(d, stmt->cmds[i]->alter_table_cmd));
  find_ranges(d, &tree->actions);
}
