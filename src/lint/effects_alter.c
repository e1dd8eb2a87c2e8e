#include "lint/effects_private.h"

/* ALTER TABLE: the lock is that of its strongest subcommand, on the table and on all that the
 * subcommands reach below it. */

/* ---- the lock ---- */

static enum lint_lock_mode options_mode(const struct sql_action *action)
{
  static const char *const readers_care[] = {
      "user_catalog_table",     "security_barrier", "security_invoker",
      "check_option",           "fastupdate",       "buffering",
      "gin_pending_list_limit", "pages_per_range",  "autosummarize"};
  for (size_t i = 0; i < action->options.len; i++)
    for (size_t k = 0; k < COUNT_OF(readers_care); k++)
      if (strcmp(action->options.at[i].name, readers_care[k]) == 0)
        return LINT_ACCESS_EXCLUSIVE;
  return LINT_SHARE_UPDATE_EXCLUSIVE;
}

static enum lint_lock_mode constraint_mode(const struct sql_action *action)
{
  if (action->constraint && action->constraint->kind == SQL_FOREIGN_KEY)
    return LINT_SHARE_ROW_EXCLUSIVE;
  return LINT_ACCESS_EXCLUSIVE;
}

static enum lint_lock_mode action_mode(const struct sql_action *action)
{
  switch (action->kind) {
  case SQL_ADD_CONSTRAINT:
    return constraint_mode(action);
  case SQL_DISABLE_TRIGGER:
  case SQL_ENABLE_TRIGGER:
    return LINT_SHARE_ROW_EXCLUSIVE;
  case SQL_SET_OPTIONS:
  case SQL_RESET_OPTIONS:
    return options_mode(action);
  case SQL_DETACH_PARTITION:
    return action->concurrently || action->finalize ? LINT_SHARE_UPDATE_EXCLUSIVE
                                                    : LINT_ACCESS_EXCLUSIVE;
  case SQL_ATTACH_PARTITION:
  case SQL_VALIDATE_CONSTRAINT:
  case SQL_SET_STATISTICS:
  case SQL_SET_ATTRIBUTES:
  case SQL_CLUSTER_ON:
  case SQL_SET_WITHOUT_CLUSTER:
    return LINT_SHARE_UPDATE_EXCLUSIVE;
  default:
    return LINT_ACCESS_EXCLUSIVE;
  }
}

/* Subcommands that do to each partition and child what they do to the table. */
static bool reaches_children(const struct effecting *e, const struct lint_relation *table,
                             const struct sql_action *action)
{
  switch (action->kind) {
  case SQL_SET_NOT_NULL:
    return e->major < 18 || !effect_not_null(table, action->name);
  case SQL_ADD_CONSTRAINT: /* before 18 it depends on the constraint */
    return e->major >= 18;
  case SQL_ADD_COLUMN:
  case SQL_DROP_COLUMN:
  case SQL_ALTER_TYPE:
  case SQL_DROP_NOT_NULL:
  case SQL_SET_DEFAULT:
  case SQL_DROP_DEFAULT:
  case SQL_SET_STATISTICS:
  case SQL_SET_STORAGE:
  case SQL_SET_COMPRESSION:
  case SQL_DROP_EXPRESSION:
  case SQL_SET_EXPRESSION:
    return true;
  case SQL_ADD_IDENTITY:
  case SQL_SET_IDENTITY:
  case SQL_DROP_IDENTITY:
    return e->major >= 17;
  default:
    return false;
  }
}

/* ---- the others ---- */

static void drop_identity(struct effecting *e, struct lint_relation *table, const char *name)
{
  if (lint_facts_column(e->facts, table, name)->generated == SQL_GENERATED_IDENTITY)
    effect_drop_sequences(e, table, name);
}

static void set_identity(struct effecting *e, struct lint_relation *table,
                         const struct sql_action *action)
{
  const struct lint_column *column = lint_facts_column(e->facts, table, action->name);
  if (column->generated != SQL_GENERATED_IDENTITY)
    return;
  effect_lock(e, column->sequence, LINT_SHARE_ROW_EXCLUSIVE);
  for (size_t i = 0; i < action->options.len; i++)
    if (strcmp(action->options.at[i].name, "generated") != 0)
      effect_rewrite(e, column->sequence);
}

static struct lint_relation *find_index(struct effecting *e, struct lint_relation *table,
                                        const char *name)
{
  for (size_t i = 0; i < table->indexes.len; i++)
    if (!table->indexes.at[i]->dropped && strcmp(table->indexes.at[i]->at.name, name) == 0)
      return table->indexes.at[i];
  if (table->complete)
    effect_fail_name(e, "index \"%s\" for table \"%s\" does not exist", name, table->at.name);
  return lint_facts_relation(e->facts, (struct sql_name){.schema = table->at.schema, .name = name});
}

static void set_persistence(struct effecting *e, struct lint_relation *table, char persistence)
{
  if (table->persistence == persistence)
    return;
  if (!table->persistence)
    effect_unknown(e, "%s is rewritten unless it is so already", table->name);
  for (const struct lint_relation *at = table; at && persistence == 'u'; at = at->parent) {
    struct lint_constraints keys = effect_keys_to(e, at, NULL);
    for (size_t i = 0; i < keys.len; i++)
      if (keys.at[i]->relation != table && keys.at[i]->relation->persistence == 'p')
        effect_fail(e,
                    "could not change table \"%s\" to unlogged because it references logged table "
                    "\"%s\"",
                    table->at.name, keys.at[i]->relation->at.name);
  }
  effect_rewrite_table(e, table);
}

static void set_tablespace(struct effecting *e, struct lint_relation *table, const char *tablespace)
{
  static const char default_name[] = "pg_default";
  const char *old = table->tablespace ? table->tablespace : default_name;
  if (!tablespace || strcmp(old, tablespace) == 0)
    return;
  if (effect_has_storage(table))
    effect_rewrite(e, table);
}

static void set_access_method(struct effecting *e, struct lint_relation *table, const char *method)
{
  const char *old = table->access_method ? table->access_method : "heap";
  if (lint_is_partitioned(table) && e->major >= 15 && e->major < 17)
    effect_fail(e, "cannot change access method of a partitioned table");
  if (method && strcmp(old, method) != 0)
    effect_rewrite_table(e, table);
}

/* To its present owner it does nothing. */
static void change_owner(struct effecting *e, struct lint_relation *table, const char *owner)
{
  if (!table->owner || !owner) {
    effect_unknown(e, "its indexes and sequences are locked too unless %s is theirs already",
                   table->name);
    return;
  }
  if (strcmp(table->owner, owner) == 0)
    return;
  if (table->kind == LINT_SEQUENCE && table->owned_by)
    effect_fail(e, "cannot change owner of sequence \"%s\"", table->at.name);
  effect_lock_indexes(e, table, LINT_ACCESS_EXCLUSIVE);
  for (size_t i = 0; i < table->sequences.len; i++)
    effect_lock(e, table->sequences.at[i], LINT_ACCESS_EXCLUSIVE);
}

static bool has_child(const struct lint_relation *parent, const struct lint_relation *child)
{
  for (size_t i = 0; i < parent->children.len; i++)
    if (parent->children.at[i] == child)
      return true;
  return false;
}

static void change_parent(struct effecting *e, struct lint_relation *table,
                          const struct sql_action *action)
{
  struct lint_relation *parent = effect_find(e, action->partition, false);
  bool drops = action->kind == SQL_DROP_INHERIT;
  effect_lock(e, parent, drops ? LINT_ACCESS_SHARE : LINT_SHARE_UPDATE_EXCLUSIVE);
  if (!parent || !parent->complete || !table->complete)
    return;
  if (table->parent && !table->parent->dropped)
    effect_fail(e, "cannot change inheritance of a partition");
  if (table->of_type)
    effect_fail(e, "cannot change inheritance of typed table");
  if (!drops && lint_is_partitioned(parent))
    effect_fail(e, "cannot inherit from partitioned table \"%s\"", parent->at.name);
  if (!drops)
    effects_check_child(e, parent, table);
  if (drops && !has_child(parent, table))
    effect_fail(e, "relation \"%s\" is not a parent of relation \"%s\"", parent->at.name,
                table->at.name);
}

/* Its own, or a row trigger of the partitioned table, which partitions have too. */
static bool has_trigger(const struct lint_relation *table, const char *name)
{
  for (const struct lint_relation *at = table; at; at = at->parent)
    for (size_t i = 0; i < at->triggers.len; i++)
      if (!at->triggers.at[i]->dropped && strcmp(at->triggers.at[i]->name, name) == 0 &&
          (at == table || at->triggers.at[i]->row))
        return true;
  return false;
}

static void switch_trigger(struct effecting *e, struct lint_relation *table,
                           const struct sql_action *action)
{
  struct lint_relations family = effect_family(e, table);
  for (size_t i = 0; i < table->triggers.len; i++) {
    const struct lint_trigger *trigger = table->triggers.at[i];
    if (trigger->dropped || !trigger->row ||
        (action->name && strcmp(action->name, trigger->name) != 0))
      continue;
    for (size_t k = 0; k < family.len; k++)
      effect_lock(e, family.at[k], LINT_SHARE_ROW_EXCLUSIVE);
  }
  if (action->name && table->complete && !has_trigger(table, action->name))
    effect_fail_name(e, "trigger \"%s\" for table \"%s\" does not exist", action->name,
                     table->at.name);
}

static void cluster_on(struct effecting *e, struct lint_relation *index)
{
  effect_lock(e, index, LINT_SHARE_UPDATE_EXCLUSIVE);
  if (index && index->indexed && index->partial)
    effect_fail(e, "cannot cluster on partial index \"%s\"", index->at.name);
}

static void replica_identity(struct effecting *e, struct lint_relation *table,
                             const struct sql_action *action)
{
  if (!action->text || strcmp(action->text, "INDEX") != 0 || !action->name)
    return;
  struct lint_relation *index = find_index(e, table, action->name);
  effect_lock(e, index, LINT_SHARE);
  if (!index || !index->indexed)
    return;
  if (!index->unique)
    effect_fail(e, "cannot use non-unique index \"%s\" as replica identity", action->name);
  if (index->partial)
    effect_fail(e, "cannot use partial index \"%s\" as replica identity", action->name);
  for (size_t i = 0; table->complete && i < index->index_columns.len; i++)
    if (index->index_columns.at[i][0] && !effect_not_null(table, index->index_columns.at[i]))
      effect_fail(e,
                  "index \"%s\" cannot be used as replica identity because column \"%s\" is "
                  "nullable",
                  action->name, index->index_columns.at[i]);
}

static void apply_table(struct effecting *e, struct lint_relation *table,
                        const struct sql_action *action)
{
  switch (action->kind) {
  case SQL_SET_LOGGED:
    set_persistence(e, table, 'p');
    break;
  case SQL_SET_UNLOGGED:
    set_persistence(e, table, 'u');
    break;
  case SQL_SET_TABLESPACE:
    set_tablespace(e, table, action->text);
    break;
  case SQL_SET_ACCESS_METHOD:
    set_access_method(e, table, action->text);
    break;
  case SQL_CHANGE_OWNER:
    change_owner(e, table, action->text);
    break;
  case SQL_CLUSTER_ON:
    cluster_on(e, find_index(e, table, action->name));
    break;
  case SQL_REPLICA_IDENTITY:
    replica_identity(e, table, action);
    break;
  case SQL_ADD_INHERIT:
  case SQL_DROP_INHERIT:
    change_parent(e, table, action);
    break;
  case SQL_DISABLE_TRIGGER:
  case SQL_ENABLE_TRIGGER:
    switch_trigger(e, table, action);
    break;
  case SQL_ATTACH_PARTITION:
  case SQL_DETACH_PARTITION:
    effects_alter_partition(e, table, action);
    break;
  case SQL_ADD_OF:
    effect_lock(e, effect_find(e, action->of_type, false), LINT_ACCESS_SHARE);
    effects_check_of_type(e, table, action);
    break;
  case SQL_ACTION_OTHER:
    effect_unknown(e, "a subcommand that is not known");
    break;
  default:
    effects_alter_constraint(e, table, action);
  }
}

static void apply(struct effecting *e, struct lint_relation *table, const struct sql_action *action)
{
  switch (action->kind) {
  case SQL_ADD_COLUMN:
    effects_add_column(e, table, action);
    break;
  case SQL_DROP_COLUMN:
    effects_drop_column(e, table, action);
    break;
  case SQL_ALTER_TYPE:
    effects_alter_type(e, table, action);
    break;
  case SQL_SET_NOT_NULL:
    effects_set_not_null(e, table, action->name);
    break;
  case SQL_SET_EXPRESSION:
    effects_set_expression(e, table, action->name);
    break;
  case SQL_SET_IDENTITY:
    set_identity(e, table, action);
    break;
  case SQL_DROP_IDENTITY:
    drop_identity(e, table, action->name);
    break;
  default:
    apply_table(e, table, action);
  }
}

/* Partitions and children that the statement reaches: each gets the table's own lock. */
static void lock_below(struct effecting *e, struct lint_relation *table, enum lint_lock_mode mode,
                       const struct sql_action *action)
{
  if (e->tree->only || !reaches_children(e, table, action))
    return;
  if (!table->complete && table->kind == LINT_UNKNOWN_RELATION)
    effect_unknown(e, "%s is not known: it may have partitions, children or indexes", table->name);
  struct lint_relations family = {0};
  if (action->kind == SQL_ADD_COLUMN)
    effects_add_reached(e, table, action->name, &family);
  else
    family = effect_family(e, table);
  for (size_t i = 0; i < family.len; i++)
    effect_lock(e, family.at[i], mode);
}

/* Indexes that the type change of a column makes anew have no old file to be written again. */
static void forget_gone(struct effecting *e)
{
  struct lint_relations *rewrites = &e->ret->rewrites;
  size_t kept = 0;
  for (size_t i = 0; i < rewrites->len; i++)
    if (!effect_is_gone(e, rewrites->at[i]))
      rewrites->at[kept++] = rewrites->at[i];
  rewrites->len = kept;
}

void effects_alter(struct effecting *e)
{
  const struct sql_tree *tree = e->tree;
  struct lint_relation *table = effect_find(e, tree->name, tree->if_exists);
  if (!table)
    return;
  enum lint_lock_mode mode = LINT_NO_LOCK;
  for (size_t i = 0; i < tree->actions.len; i++) {
    enum lint_lock_mode wanted = action_mode(&tree->actions.at[i]);
    mode = wanted > mode ? wanted : mode;
  }
  effect_lock(e, table, mode);
  if (table->kind == LINT_COMPOSITE) {
    effects_alter_composite(e, table);
    return;
  }
  for (size_t i = 0; i < tree->actions.len; i++) {
    const struct sql_action *action = &tree->actions.at[i];
    effects_alter_check(e, table, action);
    if (e->ret->fails)
      return;
    lock_below(e, table, mode, action);
    apply(e, table, action);
  }
  forget_gone(e);
}
