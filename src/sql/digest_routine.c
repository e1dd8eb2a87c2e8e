#include "sql/digest.h"

/* Functions and procedures, and what hangs on a table: triggers, policies, rules. */

/* ---- functions ---- */

static void digest_setting(struct digest *d, const PgQuery__Node *node, struct sql_routine *ret)
{
  if (NODE_IS(node, VARIABLE_SET_STMT) && *node->variable_set_stmt->name)
    vec_push(d->arena, &ret->settings, digest_string(d, node->variable_set_stmt->name));
}

static const char *body_string(struct digest *d, const PgQuery__Node *node)
{
  if (!NODE_IS(node, LIST))
    return digest_string_node(d, node);
  return node->list->n_items == 1 ? digest_string_node(d, node->list->items[0]) : NULL;
}

static void digest_routine_option(struct digest *d, const PgQuery__DefElem *option,
                                  struct sql_routine *ret)
{
  const char *name = option->defname;
  if (strcmp(name, "volatility") == 0) {
    ret->volatility = digest_value(d, option->arg);
  } else if (strcmp(name, "language") == 0) {
    ret->language = digest_value(d, option->arg);
  } else if (strcmp(name, "as") == 0) {
    ret->body = body_string(d, option->arg);
  } else if (strcmp(name, "set") == 0) {
    digest_setting(d, option->arg, ret);
  } else if (strcmp(name, "strict") == 0) {
    const char *value = digest_value(d, option->arg);
    ret->strict = value && (strcmp(value, "true") == 0 || strcmp(value, "1") == 0);
  } else if (strcmp(name, "security") == 0) {
    const char *value = digest_value(d, option->arg);
    ret->security_definer = value && (strcmp(value, "true") == 0 || strcmp(value, "1") == 0);
  }
}

static void digest_routine_options(struct digest *d, PgQuery__Node *const *options, size_t count,
                                   struct sql_routine *ret)
{
  for (size_t i = 0; i < count; i++)
    if (NODE_IS(options[i], DEF_ELEM))
      digest_routine_option(d, options[i]->def_elem, ret);
}

static void add_signature(struct digest *d, const PgQuery__TypeName *type, struct sql_routine *ret)
{
  ret->signature = arena_printf(d->arena, "%s%s%s", ret->signature, *ret->signature ? ", " : "",
                                digest_type(d, type).text);
}

static void digest_parameters(struct digest *d, PgQuery__Node *const *nodes, size_t count,
                              struct sql_routine *ret)
{
  ret->signature = "";
  for (size_t i = 0; i < count; i++) {
    if (!NODE_IS(nodes[i], FUNCTION_PARAMETER))
      continue;
    const PgQuery__FunctionParameter *parameter = nodes[i]->function_parameter;
    if (parameter->mode == PG_QUERY__FUNCTION_PARAMETER_MODE__FUNC_PARAM_TABLE) {
      ret->returns_set = true;
    } else if (parameter->mode != PG_QUERY__FUNCTION_PARAMETER_MODE__FUNC_PARAM_OUT) {
      ret->parameters++;
      add_signature(d, parameter->arg_type, ret);
    }
  }
}

/* RETURN expression, or a body that is one such SELECT. */
static const struct sql_expression *routine_result(struct digest *d,
                                                   const PgQuery__CreateFunctionStmt *stmt,
                                                   const struct sql_routine *routine)
{
  if (routine->procedure || routine->returns_set)
    return NULL;
  if (NODE_IS(stmt->sql_body, RETURN_STMT))
    return digest_new_expression(d, stmt->sql_body->return_stmt->returnval);
  bool is_sql = routine->language && strcmp(routine->language, "sql") == 0;
  return is_sql && routine->body ? digest_body(d, routine->body) : NULL;
}

static void digest_create_routine(struct digest *d, const PgQuery__CreateFunctionStmt *stmt)
{
  struct sql_tree *tree = d->tree;
  struct sql_routine *routine = ARENA_NEW(d->arena, struct sql_routine);
  tree->kind = SQL_CREATE_OTHER;
  tree->object = SQL_OBJECT_FUNCTION;
  tree->name = digest_name_list(d, stmt->funcname, stmt->n_funcname);
  tree->replace = stmt->replace;
  tree->routine = routine;
  routine->procedure = stmt->is_procedure;
  if (stmt->return_type) {
    struct sql_type *type = ARENA_NEW(d->arena, struct sql_type);
    *type = digest_type(d, stmt->return_type);
    routine->returns = type;
    routine->returns_set = stmt->return_type->setof;
  }
  digest_parameters(d, stmt->parameters, stmt->n_parameters, routine);
  digest_routine_options(d, stmt->options, stmt->n_options, routine);
  if (stmt->sql_body)
    d->tree->newest = (struct sql_newest){.major = 14, .clause = "a body without quotes"};
  if (!routine->language && stmt->sql_body)
    routine->language = "sql";
  routine->result = routine_result(d, stmt, routine);
}

static void digest_alter_routine(struct digest *d, const PgQuery__AlterFunctionStmt *stmt)
{
  struct sql_routine *routine = ARENA_NEW(d->arena, struct sql_routine);
  d->tree->kind = SQL_ALTER_ROUTINE;
  d->tree->object = SQL_OBJECT_FUNCTION;
  d->tree->name = digest_name_list(d, stmt->func->objname, stmt->func->n_objname);
  d->tree->routine = routine;
  routine->procedure = stmt->objtype == PG_QUERY__OBJECT_TYPE__OBJECT_PROCEDURE;
  routine->parameters = (int)stmt->func->n_objargs;
  routine->signature = "";
  for (size_t i = 0; i < stmt->func->n_objargs; i++)
    if (NODE_IS(stmt->func->objargs[i], TYPE_NAME))
      add_signature(d, stmt->func->objargs[i]->type_name, routine);
  digest_routine_options(d, stmt->actions, stmt->n_actions, routine);
}

/* ---- triggers ---- */

enum { /* the server's pg_trigger.h */
       TRIGGER_BEFORE = 1 << 1,
       TRIGGER_INSERT = 1 << 2,
       TRIGGER_DELETE = 1 << 3,
       TRIGGER_UPDATE = 1 << 4,
       TRIGGER_TRUNCATE = 1 << 5,
       TRIGGER_INSTEAD = 1 << 6,
};

static void digest_trigger(struct digest *d, const PgQuery__CreateTrigStmt *stmt)
{
  struct sql_trigger *trigger = ARENA_NEW(d->arena, struct sql_trigger);
  d->tree->kind = SQL_CREATE_OTHER;
  d->tree->object = SQL_OBJECT_TRIGGER;
  d->tree->name = digest_range_var(d, stmt->relation);
  d->tree->member = digest_string(d, stmt->trigname);
  d->tree->replace = stmt->replace;
  d->tree->trigger = trigger;
  trigger->function = digest_name_list(d, stmt->funcname, stmt->n_funcname);
  trigger->referenced = digest_range_var(d, stmt->constrrel);
  trigger->constraint = stmt->isconstraint;
  trigger->row = stmt->row;
  trigger->before = stmt->timing & TRIGGER_BEFORE;
  trigger->instead = stmt->timing & TRIGGER_INSTEAD;
  trigger->on_insert = stmt->events & TRIGGER_INSERT;
  trigger->on_update = stmt->events & TRIGGER_UPDATE;
  trigger->on_delete = stmt->events & TRIGGER_DELETE;
  trigger->on_truncate = stmt->events & TRIGGER_TRUNCATE;
  digest_strings(d, stmt->columns, stmt->n_columns, &trigger->columns);
  trigger->when = digest_new_expression(d, stmt->when_clause);
}

/* ---- policies and rules ---- */

static void digest_policy(struct digest *d, const PgQuery__CreatePolicyStmt *stmt)
{
  struct sql_policy *policy = ARENA_NEW(d->arena, struct sql_policy);
  d->tree->kind = SQL_CREATE_OTHER;
  d->tree->object = SQL_OBJECT_POLICY;
  d->tree->name = digest_range_var(d, stmt->table);
  d->tree->member = digest_string(d, stmt->policy_name);
  d->tree->policy = policy;
  policy->command = digest_string(d, stmt->cmd_name);
  policy->restrictive = !stmt->permissive;
  policy->roles = digest_roles(d, stmt->roles, stmt->n_roles);
  policy->using = digest_new_expression(d, stmt->qual);
  policy->check = digest_new_expression(d, stmt->with_check);
  if (stmt->qual)
    digest_walk_relations(d, &stmt->qual->base, &d->tree->reads, NULL);
  if (stmt->with_check)
    digest_walk_relations(d, &stmt->with_check->base, &d->tree->reads, NULL);
}

static void digest_alter_policy(struct digest *d, const PgQuery__AlterPolicyStmt *stmt)
{
  d->tree->object = SQL_OBJECT_POLICY;
  d->tree->name = digest_range_var(d, stmt->table);
  d->tree->member = digest_string(d, stmt->policy_name);
}

static enum sql_kind rule_event(PgQuery__CmdType event)
{
  switch (event) {
  case PG_QUERY__CMD_TYPE__CMD_INSERT:
    return SQL_INSERT;
  case PG_QUERY__CMD_TYPE__CMD_UPDATE:
    return SQL_UPDATE;
  case PG_QUERY__CMD_TYPE__CMD_DELETE:
    return SQL_DELETE;
  default:
    return SQL_SELECT;
  }
}

static void digest_rule(struct digest *d, const PgQuery__RuleStmt *stmt)
{
  d->tree->kind = SQL_CREATE_OTHER;
  d->tree->object = SQL_OBJECT_RULE;
  d->tree->name = digest_range_var(d, stmt->relation);
  d->tree->member = digest_string(d, stmt->rulename);
  d->tree->replace = stmt->replace;
  struct sql_rule *rule = ARENA_NEW(d->arena, struct sql_rule);
  rule->event = rule_event(stmt->event);
  rule->instead = stmt->instead;
  rule->conditional = stmt->where_clause != NULL;
  d->tree->rule = rule;
  for (size_t i = 0; i < stmt->n_actions; i++) {
    digest_walk_relations(d, &stmt->actions[i]->base, &d->tree->reads, &d->tree->read_columns);
    digest_inside(d, stmt->actions[i]);
  }
}

bool digest_routine_statement(struct digest *d, const PgQuery__Node *node)
{
  switch (node->node_case) {
  case PG_QUERY__NODE__NODE_CREATE_FUNCTION_STMT:
    digest_create_routine(d, node->create_function_stmt);
    return true;
  case PG_QUERY__NODE__NODE_ALTER_FUNCTION_STMT:
    digest_alter_routine(d, node->alter_function_stmt);
    return true;
  case PG_QUERY__NODE__NODE_CREATE_TRIG_STMT:
    digest_trigger(d, node->create_trig_stmt);
    return true;
  case PG_QUERY__NODE__NODE_CREATE_POLICY_STMT:
    digest_policy(d, node->create_policy_stmt);
    return true;
  case PG_QUERY__NODE__NODE_ALTER_POLICY_STMT:
    digest_alter_policy(d, node->alter_policy_stmt);
    return true;
  case PG_QUERY__NODE__NODE_RULE_STMT:
    digest_rule(d, node->rule_stmt);
    return true;
  default:
    return false;
  }
}
