#include "lint/effects_private.h"

/* Statements about objects that are no relations: domains, enums, sequences, publications,
 * comments, privileges, code. */

/* ---- domains ---- */

static bool checks_rows(const struct sql_action *action, const struct lint_domain *domain)
{
  switch (action->kind) {
  case SQL_SET_NOT_NULL:
    return !domain || !domain->not_null;
  case SQL_ADD_CONSTRAINT:
    return !action->constraint || !action->constraint->not_valid;
  case SQL_VALIDATE_CONSTRAINT:
    return true;
  default:
    return false;
  }
}

/* Values inside of arrays cannot be checked. */
static void check_arrays(struct effecting *e, const struct lint_relation *table)
{
  const char *domain = e->tree->name.name;
  for (size_t i = 0; i < table->columns.len; i++) {
    const struct lint_column *column = table->columns.at[i];
    if (!column->dropped && column->type && column->type->array_dimensions > 0 &&
        strcmp(column->type->name.name, domain) == 0)
      effect_fail(e, "cannot alter type \"%s\" because column \"%s.%s\" uses it", domain,
                  table->at.name, column->name);
  }
}

static void alter_domain(struct effecting *e)
{
  if (e->tree->actions.len == 0)
    return;
  const struct lint_domain *domain = lint_facts_domain(e->facts, e->tree->name);
  if (!checks_rows(&e->tree->actions.at[0], domain))
    return;
  struct lint_relations users = lint_facts_domain_users(e->facts, e->tree->name);
  for (size_t i = 0; i < users.len; i++) {
    if (users.at[i]->dropped)
      continue;
    check_arrays(e, users.at[i]);
    effect_lock(e, users.at[i], LINT_SHARE);
    if (effect_has_storage(users.at[i]))
      effect_scan(e, users.at[i]);
  }
  if (!e->input->catalog)
    effect_unknown(e, "every table that uses %s is read; more may than are known",
                   e->tree->name.name);
}

/* ---- sequences ---- */

static void alter_sequence(struct effecting *e)
{
  const struct sql_sequence *change = e->tree->sequence;
  struct lint_relation *sequence = effect_find(e, e->tree->name, e->tree->if_exists);
  if (!sequence)
    return;
  effect_lock(e, sequence, LINT_SHARE_ROW_EXCLUSIVE);
  if (!change)
    return;
  if (change->type || change->options.len > 0)
    effect_rewrite(e, sequence);
  if (!change->owned_by.name)
    return;
  struct lint_relation *owner = effect_find(e, change->owned_by, false);
  effect_lock(e, owner, LINT_ACCESS_SHARE);
  effect_need_part(e, owner, SQL_OBJECT_COLUMN, change->owned_by_column);
}

/* ---- comments, publications ---- */

static void comment(struct effecting *e)
{
  const struct sql_tree *tree = e->tree;
  struct lint_relation *relation = NULL;
  switch (tree->object) {
  case SQL_OBJECT_TABLE:
  case SQL_OBJECT_FOREIGN_TABLE:
  case SQL_OBJECT_COLUMN:
  case SQL_OBJECT_INDEX:
  case SQL_OBJECT_VIEW:
  case SQL_OBJECT_MATVIEW:
  case SQL_OBJECT_SEQUENCE:
    relation = effect_find(e, tree->name, false);
    effect_lock(e, relation, LINT_SHARE_UPDATE_EXCLUSIVE);
    break;
  case SQL_OBJECT_CONSTRAINT:
  case SQL_OBJECT_TRIGGER:
  case SQL_OBJECT_POLICY:
  case SQL_OBJECT_RULE:
    relation = effect_find(e, tree->name, false);
    effect_lock(e, relation, LINT_ACCESS_SHARE);
    break;
  default:
    return;
  }
  effect_need_part(e, relation, tree->object, tree->member);
}

static void alter_publication(struct effecting *e)
{
  for (size_t i = 0; i < e->tree->names.len; i++)
    effect_lock(e, effect_find(e, e->tree->names.at[i], false), LINT_SHARE_UPDATE_EXCLUSIVE);
  effect_unknown(e, "the tables that are published now may be locked too");
}

static void alter_policy(struct effecting *e)
{
  struct lint_relation *table = effect_find(e, e->tree->name, false);
  effect_lock(e, table, LINT_ACCESS_EXCLUSIVE);
  effect_need_part(e, table, SQL_OBJECT_POLICY, e->tree->member);
}

/* GRANT on tables locks them since 18. */
static void grant(struct effecting *e)
{
  bool relations = e->tree->object == SQL_OBJECT_TABLE || e->tree->object == SQL_OBJECT_SEQUENCE;
  for (size_t i = 0; i < e->tree->names.len && !e->tree->all_in_schema; i++) {
    if (relations && !effect_find(e, e->tree->names.at[i], false))
      continue;
    struct lint_relation *relation = lint_facts_relation(e->facts, e->tree->names.at[i]);
    if (e->major >= 18 && relation->kind != LINT_UNKNOWN_RELATION)
      effect_lock(e, relation, LINT_ACCESS_SHARE);
  }
}

/* EXPLAIN and DECLARE plan their statement, EXPLAIN ANALYZE runs it. */
static void plan(struct effecting *e)
{
  bool before = e->plans;
  e->plans = before || !e->tree->analyze;
  for (size_t i = 0; i < e->tree->elements.len; i++)
    effect_inside(e, e->tree->elements.at[i]);
  e->plans = before;
}

static void execute(struct effecting *e)
{
  const struct sql_tree *prepared = lint_facts_prepared(e->facts, e->tree->name.name);
  if (prepared)
    effect_inside(e, prepared);
  else
    effect_unknown(e, "what %s does", e->tree->name.name ? e->tree->name.name : "it");
}

static void by_node(struct effecting *e)
{
  static const char *const harmless[] = {"NotifyStmt",
                                         "ListenStmt",
                                         "UnlistenStmt",
                                         "DiscardStmt",
                                         "CheckPointStmt",
                                         "VariableShowStmt",
                                         "ConstraintsSetStmt",
                                         "DeallocateStmt",
                                         "CreateRoleStmt",
                                         "AlterRoleStmt",
                                         "AlterRoleSetStmt",
                                         "DropRoleStmt",
                                         "GrantRoleStmt",
                                         "AlterDatabaseStmt",
                                         "AlterDatabaseSetStmt",
                                         "CreatedbStmt",
                                         "AlterSystemStmt",
                                         "AlterDefaultPrivilegesStmt",
                                         "LoadStmt",
                                         "SecLabelStmt",
                                         "AlterOwnerStmt",
                                         "AlterFunctionStmt",
                                         "FetchStmt",
                                         "ClosePortalStmt",
                                         "AlterOperatorStmt",
                                         "AlterTSDictionaryStmt"};
  for (size_t i = 0; i < COUNT_OF(harmless); i++)
    if (strcmp(e->tree->node, harmless[i]) == 0)
      return;
  if (strcmp(e->tree->node, "AlterPublicationStmt") == 0)
    alter_publication(e);
  else if (strcmp(e->tree->node, "ExplainStmt") == 0 ||
           strcmp(e->tree->node, "DeclareCursorStmt") == 0)
    plan(e);
  else if (strcmp(e->tree->node, "PrepareStmt") == 0 && e->tree->elements.len == 1)
    effect_analyze(e, e->tree->elements.at[0]);
  else if (strcmp(e->tree->node, "AlterPolicyStmt") == 0)
    alter_policy(e);
  else
    effect_unknown(e, "%s is not looked into", e->tree->node);
}

void effects_other(struct effecting *e)
{
  switch (e->tree->kind) {
  case SQL_ALTER_DOMAIN:
    alter_domain(e);
    break;
  case SQL_ALTER_SEQUENCE:
    alter_sequence(e);
    break;
  case SQL_COMMENT:
    comment(e);
    break;
  case SQL_GRANT:
    grant(e);
    break;
  case SQL_DO:
    effect_unknown(e, "what the DO block does");
    break;
  case SQL_EXECUTE:
    execute(e);
    break;
  case SQL_CALL:
    effect_unknown(e, "what %s does", e->tree->name.name ? e->tree->name.name : "it");
    break;
  case SQL_ALTER_EXTENSION:
    effect_unknown(e, "what the extension's script does is not known");
    break;
  case SQL_DROP_DATABASE:
  case SQL_CREATE_ENUM:
  case SQL_ALTER_ENUM:
  case SQL_ALTER_ROUTINE:
  case SQL_ALTER_OWNER:
  case SQL_SET:
  case SQL_TRANSACTION:
    break;
  default:
    by_node(e);
  }
}
