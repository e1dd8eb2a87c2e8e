#include "sql/digest.h"

/* CREATE and ALTER of enums, domains, composite types and sequences. */

static void digest_create_enum(struct digest *d, const PgQuery__CreateEnumStmt *stmt)
{
  struct sql_tree *tree = d->tree;
  tree->kind = SQL_CREATE_ENUM;
  tree->object = SQL_OBJECT_TYPE;
  tree->name = digest_name_list(d, stmt->type_name, stmt->n_type_name);
  digest_strings(d, stmt->vals, stmt->n_vals, &tree->values);
}

static void digest_alter_enum(struct digest *d, const PgQuery__AlterEnumStmt *stmt)
{
  struct sql_tree *tree = d->tree;
  tree->name = digest_name_list(d, stmt->type_name, stmt->n_type_name);
  tree->object = SQL_OBJECT_TYPE;
  tree->if_not_exists = stmt->skip_if_new_val_exists;
  if (stmt->old_val && *stmt->old_val) { /* RENAME VALUE */
    tree->kind = SQL_RENAME;
    tree->member = digest_string(d, stmt->old_val);
    tree->new_name = arena_strdup(d->arena, stmt->new_val);
  } else {
    tree->kind = SQL_ALTER_ENUM;
    tree->member = arena_strdup(d->arena, stmt->new_val);
    tree->neighbor = digest_string(d, stmt->new_val_neighbor);
    tree->after = stmt->new_val_is_after;
  }
}

static void digest_composite(struct digest *d, const PgQuery__CompositeTypeStmt *stmt)
{
  struct sql_tree *tree = d->tree;
  tree->kind = SQL_CREATE_OTHER;
  tree->object = SQL_OBJECT_TYPE;
  tree->name = digest_range_var(d, stmt->typevar);
  for (size_t i = 0; i < stmt->n_coldeflist; i++)
    if (NODE_IS(stmt->coldeflist[i], COLUMN_DEF))
      vec_push(d->arena, &tree->columns, digest_column(d, stmt->coldeflist[i]->column_def));
}

/* ---- domains ---- */

static void digest_domain_constraint(struct digest *d, const PgQuery__Constraint *node,
                                     struct sql_domain *domain)
{
  struct sql_constraint constraint = {0};
  if (node->contype == PG_QUERY__CONSTR_TYPE__CONSTR_NOTNULL)
    domain->not_null = true;
  else if (node->contype == PG_QUERY__CONSTR_TYPE__CONSTR_DEFAULT)
    domain->default_value = digest_new_expression(d, node->raw_expr);
  else if (digest_constraint(d, node, &constraint))
    vec_push(d->arena, &domain->constraints, constraint);
}

static void digest_create_domain(struct digest *d, const PgQuery__CreateDomainStmt *stmt)
{
  struct sql_tree *tree = d->tree;
  struct sql_domain *domain = ARENA_NEW(d->arena, struct sql_domain);
  tree->kind = SQL_CREATE_OTHER;
  tree->object = SQL_OBJECT_DOMAIN;
  tree->name = digest_name_list(d, stmt->domainname, stmt->n_domainname);
  tree->domain = domain;
  domain->type = digest_type(d, stmt->type_name);
  domain->collation = digest_collation(d, stmt->coll_clause);
  for (size_t i = 0; i < stmt->n_constraints; i++)
    if (NODE_IS(stmt->constraints[i], CONSTRAINT))
      digest_domain_constraint(d, stmt->constraints[i]->constraint, domain);
}

static enum sql_action_kind domain_action(const PgQuery__AlterDomainStmt *stmt)
{
  switch (stmt->subtype[0]) {
  case 'T':
    return stmt->def ? SQL_SET_DEFAULT : SQL_DROP_DEFAULT;
  case 'N':
    return SQL_DROP_NOT_NULL;
  case 'O':
    return SQL_SET_NOT_NULL;
  case 'C':
    return SQL_ADD_CONSTRAINT;
  case 'X':
    return SQL_DROP_CONSTRAINT;
  case 'V':
    return SQL_VALIDATE_CONSTRAINT;
  default:
    return SQL_ACTION_OTHER;
  }
}

static void digest_alter_domain(struct digest *d, const PgQuery__AlterDomainStmt *stmt)
{
  struct sql_tree *tree = d->tree;
  tree->kind = SQL_ALTER_DOMAIN;
  tree->object = SQL_OBJECT_DOMAIN;
  tree->name = digest_name_list(d, stmt->type_name, stmt->n_type_name);
  struct sql_action *action = vec_add(d->arena, &tree->actions);
  action->kind = domain_action(stmt);
  action->name = digest_string(d, stmt->name);
  action->if_exists = stmt->missing_ok;
  action->cascade = stmt->behavior == PG_QUERY__DROP_BEHAVIOR__DROP_CASCADE;
  if (action->kind == SQL_SET_DEFAULT)
    action->value = digest_new_expression(d, stmt->def);
  if (action->kind == SQL_ADD_CONSTRAINT && NODE_IS(stmt->def, CONSTRAINT)) {
    struct sql_constraint *constraint = ARENA_NEW(d->arena, struct sql_constraint);
    if (digest_constraint(d, stmt->def->constraint, constraint))
      action->constraint = constraint;
    action->name = constraint->name;
  }
}

/* ---- sequences ---- */

static void digest_owned_by(struct digest *d, const PgQuery__Node *value, struct sql_sequence *ret)
{
  ret->owned = true;
  if (!NODE_IS(value, LIST) || value->list->n_items < 2) /* NONE */
    return;
  ret->owned_by = digest_name_list(d, value->list->items, value->list->n_items - 1);
  ret->owned_by_column = digest_last_name(d, value->list->items, value->list->n_items);
}

static void digest_sequence(struct digest *d, PgQuery__Node *const *options, size_t count)
{
  struct sql_sequence *sequence = ARENA_NEW(d->arena, struct sql_sequence);
  d->tree->object = SQL_OBJECT_SEQUENCE;
  d->tree->sequence = sequence;
  for (size_t i = 0; i < count; i++) {
    const PgQuery__DefElem *option = NODE_IS(options[i], DEF_ELEM) ? options[i]->def_elem : NULL;
    if (!option)
      continue;
    if (strcmp(option->defname, "as") == 0 && NODE_IS(option->arg, TYPE_NAME))
      sequence->type = digest_type(d, option->arg->type_name).name.name;
    else if (strcmp(option->defname, "owned_by") == 0)
      digest_owned_by(d, option->arg, sequence);
    else
      vec_push(d->arena, &sequence->options,
               ((struct sql_option){.name = arena_strdup(d->arena, option->defname),
                                    .value = digest_value(d, option->arg)}));
  }
}

static void digest_create_sequence(struct digest *d, const PgQuery__CreateSeqStmt *stmt)
{
  d->tree->kind = SQL_CREATE_OTHER;
  d->tree->name = digest_range_var(d, stmt->sequence);
  d->tree->if_not_exists = stmt->if_not_exists;
  d->tree->temporary = stmt->sequence && strcmp(stmt->sequence->relpersistence, "t") == 0;
  d->tree->unlogged = stmt->sequence && strcmp(stmt->sequence->relpersistence, "u") == 0;
  digest_sequence(d, stmt->options, stmt->n_options);
}

static void digest_alter_sequence(struct digest *d, const PgQuery__AlterSeqStmt *stmt)
{
  d->tree->kind = SQL_ALTER_SEQUENCE;
  d->tree->name = digest_range_var(d, stmt->sequence);
  d->tree->if_exists = stmt->missing_ok;
  digest_sequence(d, stmt->options, stmt->n_options);
}

bool digest_type_statement(struct digest *d, const PgQuery__Node *node)
{
  switch (node->node_case) {
  case PG_QUERY__NODE__NODE_CREATE_ENUM_STMT:
    digest_create_enum(d, node->create_enum_stmt);
    return true;
  case PG_QUERY__NODE__NODE_ALTER_ENUM_STMT:
    digest_alter_enum(d, node->alter_enum_stmt);
    return true;
  case PG_QUERY__NODE__NODE_COMPOSITE_TYPE_STMT:
    digest_composite(d, node->composite_type_stmt);
    return true;
  case PG_QUERY__NODE__NODE_CREATE_RANGE_STMT:
    d->tree->kind = SQL_CREATE_OTHER;
    d->tree->object = SQL_OBJECT_TYPE;
    d->tree->name = digest_name_list(d, node->create_range_stmt->type_name,
                                     node->create_range_stmt->n_type_name);
    return true;
  case PG_QUERY__NODE__NODE_CREATE_DOMAIN_STMT:
    digest_create_domain(d, node->create_domain_stmt);
    return true;
  case PG_QUERY__NODE__NODE_ALTER_DOMAIN_STMT:
    digest_alter_domain(d, node->alter_domain_stmt);
    return true;
  case PG_QUERY__NODE__NODE_CREATE_SEQ_STMT:
    digest_create_sequence(d, node->create_seq_stmt);
    return true;
  case PG_QUERY__NODE__NODE_ALTER_SEQ_STMT:
    digest_alter_sequence(d, node->alter_seq_stmt);
    return true;
  default:
    return false;
  }
}
