#include "lint/effects_private.h"

/* ALTER TABLE ADD, DROP, VALIDATE and ALTER CONSTRAINT. */

static struct lint_constraint *find_constraint(const struct lint_relation *table, const char *name)
{
  for (size_t i = 0; name && i < table->constraints.len; i++) {
    struct lint_constraint *constraint = table->constraints.at[i];
    if (!constraint->dropped && constraint->name && strcmp(constraint->name, name) == 0)
      return constraint;
  }
  return NULL;
}

/* The statement itself does. */
static bool drops_constraint(const struct effecting *e, const char *name)
{
  for (size_t i = 0; i < e->tree->actions.len; i++) {
    const struct sql_action *action = &e->tree->actions.at[i];
    if (action->kind == SQL_DROP_CONSTRAINT && action->name && strcmp(action->name, name) == 0)
      return true;
  }
  return false;
}

/* ---- adding ---- */

static void lock_family(struct effecting *e, struct lint_relation *table, enum lint_lock_mode mode)
{
  struct lint_relations family = effect_family(e, table);
  for (size_t i = 0; i < family.len; i++)
    effect_lock(e, family.at[i], mode);
}

static void scan_family(struct effecting *e, struct lint_relation *table)
{
  struct lint_relations family = effect_family(e, table);
  for (size_t i = 0; i < family.len; i++)
    if (effect_has_storage(family.at[i]))
      effect_scan(e, family.at[i]);
}

static void add_check(struct effecting *e, struct lint_relation *table,
                      const struct sql_constraint *constraint)
{
  bool checks = !constraint->not_valid && !constraint->not_enforced;
  if (constraint->no_inherit) {
    if (checks && effect_has_storage(table))
      effect_scan(e, table);
    return;
  }
  struct lint_relations family = effect_family(e, table);
  if (e->tree->only && family.len > 1)
    effect_fail(e, "constraint must be added to child tables too");
  lock_family(e, table, LINT_ACCESS_EXCLUSIVE);
  if (checks)
    scan_family(e, table);
}

static void use_index(struct effecting *e, struct lint_relation *table,
                      const struct sql_constraint *constraint)
{
  struct sql_name name = {.schema = table->at.schema, .name = constraint->using_index};
  if (lint_is_partitioned(table))
    effect_fail(e, "ALTER TABLE / ADD CONSTRAINT USING INDEX is not supported on partitioned "
                   "tables");
  struct lint_relation *index = lint_facts_relation(e->facts, name);
  if (effect_is_absent(e, name) || (table->complete && index->indexed != table)) {
    effect_fail_name(e, "index \"%s\" does not exist", name.name);
    return;
  }
  if (index->indexed && !index->unique)
    effect_fail(e, "\"%s\" is not a unique index", name.name);
  if (index->indexed && index->partial)
    effect_fail(e, "\"%s\" is a partial index", name.name);
  if (index->indexed && index->expression_columns.len > 0 && !index->partial)
    effect_fail(e, "index \"%s\" contains expressions", name.name);
  bool renames = constraint->name && strcmp(constraint->name, name.name) != 0;
  effect_lock(e, index, renames ? LINT_SHARE_UPDATE_EXCLUSIVE : LINT_ACCESS_SHARE);
  if (constraint->kind != SQL_PRIMARY_KEY)
    return;
  if (!index->indexed)
    effect_unknown(e, "the columns of %s are not known: each that may be null is checked",
                   index->name);
  for (size_t i = 0; i < index->index_columns.len; i++)
    effects_set_not_null(e, table, index->index_columns.at[i]);
}

static void check_partition_key(struct effecting *e, const struct lint_relation *table,
                                const struct sql_constraint *constraint)
{
  const struct strings *columns = &constraint->columns;
  for (size_t i = 0; columns->len > 0 && i < table->partition_key.len; i++)
    if (!effect_names(columns, table->partition_key.at[i]))
      effect_fail(e, "%s constraint on partitioned table must include all partitioning columns",
                  constraint->kind == SQL_PRIMARY_KEY ? "primary key" : "unique");
}

static void check_only_key(struct effecting *e, const struct lint_relation *table)
{
  for (size_t i = 0; i < table->constraints.len; i++)
    if (table->constraints.at[i]->kind == SQL_PRIMARY_KEY && !table->constraints.at[i]->dropped &&
        !drops_constraint(e, table->constraints.at[i]->name))
      effect_fail(e, "multiple primary keys for table \"%s\" are not allowed", table->at.name);
}

/* A new index on the table, and on each partition. */
static void build_index(struct effecting *e, struct lint_relation *table,
                        const struct sql_constraint *constraint)
{
  if (lint_is_partitioned(table)) {
    check_partition_key(e, table, constraint);
    lock_family(e, table, LINT_SHARE);
    scan_family(e, table);
  } else if (effect_has_storage(table)) {
    effect_scan(e, table);
  }
  if (constraint->kind != SQL_PRIMARY_KEY)
    return;
  lock_family(e, table, LINT_ACCESS_EXCLUSIVE);
  for (size_t i = 0; i < constraint->columns.len; i++)
    effects_set_not_null(e, table, constraint->columns.at[i]);
}

static void add_index_constraint(struct effecting *e, struct lint_relation *table,
                                 const struct sql_constraint *constraint)
{
  if (constraint->using_index)
    use_index(e, table, constraint);
  else
    build_index(e, table, constraint);
}

/* Of a new column the constraint has no list of columns. */
static struct strings key_columns(struct effecting *e, const struct sql_constraint *constraint)
{
  struct strings columns = constraint->columns;
  for (size_t i = 0; columns.len == 0 && i < e->tree->actions.len; i++) {
    const struct sql_column *column = e->tree->actions.at[i].column;
    for (size_t k = 0; column && k < column->constraints.len; k++)
      if (&column->constraints.at[k] == constraint)
        vec_push(e->arena, &columns, column->name);
  }
  return columns;
}

static void add_key(struct effecting *e, struct lint_relation *table,
                    const struct sql_constraint *constraint, bool has_values)
{
  struct lint_relation *referenced = effect_find(e, constraint->referenced, false);
  if (!referenced)
    return;
  bool partitioned = lint_is_partitioned(table);
  if (partitioned && constraint->not_valid && e->major && e->major < 18)
    effect_fail(e,
                "cannot add NOT VALID foreign key on partitioned table \"%s\" referencing relation "
                "\"%s\"",
                table->at.name, referenced->at.name);
  if (partitioned)
    lock_family(e, table, LINT_SHARE_ROW_EXCLUSIVE);
  effect_reference(e, referenced, &constraint->referenced_columns);
  effect_compare_persistence(e, table->persistence, referenced);
  struct strings columns = key_columns(e, constraint);
  effect_compare_key(e, table, &columns, referenced, &constraint->referenced_columns);
  if (has_values && !constraint->not_valid && !constraint->not_enforced)
    effect_validate_key(e, table, referenced);
}

static bool has_column(const struct lint_relation *table, const char *name)
{
  static const char *const system[] = {"tableoid", "ctid", "xmin", "xmax", "cmin", "cmax"};
  for (size_t i = 0; i < COUNT_OF(system); i++)
    if (strcmp(system[i], name) == 0)
      return true;
  for (size_t i = 0; i < table->columns.len; i++)
    if (!table->columns.at[i]->dropped && strcmp(table->columns.at[i]->name, name) == 0)
      return true;
  return strcmp(table->at.name, name) == 0; /* the whole row */
}

static bool adds_column(const struct effecting *e, const char *name)
{
  for (size_t i = 0; i < e->tree->actions.len; i++)
    if (e->tree->actions.at[i].kind == SQL_ADD_COLUMN &&
        strcmp(e->tree->actions.at[i].name, name) == 0)
      return true;
  return false;
}

static void check_columns(struct effecting *e, const struct lint_relation *table,
                          const struct sql_constraint *constraint)
{
  bool check = constraint->kind == SQL_CHECK;
  const struct strings *columns = check ? &constraint->check.columns : &constraint->columns;
  for (size_t i = 0; table->complete && i < columns->len; i++) {
    const char *name = columns->at[i];
    bool row = check && strcmp(name, table->at.name) == 0;
    if (strcmp(name, "*") == 0 || row || has_column(table, name) || adds_column(e, name))
      continue;
    if (constraint->kind == SQL_UNIQUE || constraint->kind == SQL_PRIMARY_KEY)
      effect_fail_name(e, "column \"%s\" named in key does not exist", name);
    else
      effect_fail_name(e, "column \"%s\" does not exist", name);
  }
}

void effects_add_constraint(struct effecting *e, struct lint_relation *table,
                            const struct sql_constraint *constraint, bool has_values)
{
  check_columns(e, table, constraint);
  if (find_constraint(table, constraint->name) && !drops_constraint(e, constraint->name))
    effect_fail_name(e, "constraint \"%s\" for relation \"%s\" already exists", constraint->name,
                     table->at.name);
  switch (constraint->kind) {
  case SQL_CHECK:
    add_check(e, table, constraint);
    break;
  case SQL_NOT_NULL:
    lock_family(e, table, LINT_ACCESS_EXCLUSIVE);
    for (size_t i = 0; i < constraint->columns.len && !constraint->not_valid; i++)
      effects_set_not_null(e, table, constraint->columns.at[i]);
    break;
  case SQL_FOREIGN_KEY:
    add_key(e, table, constraint, has_values);
    break;
  case SQL_PRIMARY_KEY:
    check_only_key(e, table);
    add_index_constraint(e, table, constraint);
    break;
  default:
    add_index_constraint(e, table, constraint);
  }
}

/* ---- dropping, validating ---- */

static bool same_columns(const struct strings *a, const struct strings *b)
{
  bool same = a->len == b->len;
  for (size_t i = 0; same && i < a->len; i++)
    same = effect_names(b, a->at[i]);
  return same;
}

/* The foreign key leads to that constraint. */
static bool stands_on(const struct lint_constraint *key, const struct lint_constraint *constraint)
{
  if (constraint->kind == SQL_EXCLUDE)
    return false;
  if (key->referenced_columns.len == 0)
    return constraint->kind == SQL_PRIMARY_KEY;
  return same_columns(&key->referenced_columns, &constraint->columns);
}

static void drop_index_constraint(struct effecting *e, struct lint_relation *table,
                                  const struct lint_constraint *constraint, bool cascade)
{
  struct lint_constraints keys = effect_keys_to(e, table, &constraint->columns);
  for (size_t i = 0; i < keys.len; i++) {
    if (!stands_on(keys.at[i], constraint))
      continue;
    if (!cascade)
      effect_fail(e, "cannot drop constraint %s on table %s because other objects depend on it",
                  constraint->name, table->at.name);
    effect_drop_key(e, keys.at[i]);
  }
  lock_family(e, table, LINT_ACCESS_EXCLUSIVE);
  if (constraint->index)
    effect_drop_index(e, constraint->index);
}

static void drop_check(struct effecting *e, struct lint_relation *table,
                       const struct lint_constraint *constraint)
{
  if (constraint->no_inherit)
    return;
  if (e->tree->only && lint_is_partitioned(table) && table->children.len > 0)
    effect_fail(e, "cannot remove constraint from only the partitioned table when partitions "
                   "exist");
  if (e->tree->only)
    effect_lock_children(e, table, LINT_ACCESS_EXCLUSIVE);
  else
    lock_family(e, table, LINT_ACCESS_EXCLUSIVE);
}

static void drop_constraint(struct effecting *e, struct lint_relation *table,
                            const struct sql_action *action)
{
  const struct lint_constraint *constraint = find_constraint(table, action->name);
  if (!constraint && !table->complete) {
    effect_unknown(e, "what constraint %s of %s is is not known", action->name, table->name);
  } else if (!constraint) {
    if (!action->if_exists)
      effect_fail_name(e, "constraint \"%s\" of relation \"%s\" does not exist", action->name,
                       table->at.name);
  } else if (constraint->inherited) {
    effect_fail(e, "cannot drop inherited constraint \"%s\" of relation \"%s\"", action->name,
                table->at.name);
  } else if (constraint->kind == SQL_FOREIGN_KEY) {
    effect_drop_key(e, constraint);
  } else if (constraint->kind == SQL_CHECK || constraint->kind == SQL_NOT_NULL) {
    drop_check(e, table, constraint);
  } else {
    drop_index_constraint(e, table, constraint, action->cascade);
  }
  if (constraint)
    effect_drop_object(e, "constraint",
                       arena_printf(e->arena, "%s on %s", action->name, table->name));
}

static void validate(struct effecting *e, struct lint_relation *table,
                     const struct sql_action *action)
{
  const struct lint_constraint *constraint = find_constraint(table, action->name);
  if (!constraint && table->complete)
    effect_fail_name(e, "constraint \"%s\" of relation \"%s\" does not exist", action->name,
                     table->at.name);
  if (!constraint) {
    effect_scan(e, table);
    effect_unknown(e, "what constraint %s of %s is is not known", action->name, table->name);
    return;
  }
  if (constraint->kind == SQL_UNIQUE || constraint->kind == SQL_PRIMARY_KEY ||
      constraint->kind == SQL_EXCLUDE)
    effect_fail(e, "constraint \"%s\" of relation \"%s\" is not a foreign key or check constraint",
                action->name, table->at.name);
  if (constraint->valid)
    return;
  if (constraint->kind == SQL_FOREIGN_KEY) {
    effect_lock(e, constraint->referenced, LINT_ROW_SHARE);
    effect_validate_key(e, table, constraint->referenced);
    return;
  }
  if (!constraint->no_inherit)
    lock_family(e, table, LINT_SHARE_UPDATE_EXCLUSIVE);
  scan_family(e, table);
}

static void alter_constraint(struct effecting *e, struct lint_relation *table,
                             const struct sql_action *action)
{
  const struct lint_constraint *constraint = find_constraint(table, action->name);
  if (!constraint && table->complete)
    effect_fail_name(e, "constraint \"%s\" of relation \"%s\" does not exist", action->name,
                     table->at.name);
  if (constraint && constraint->kind == SQL_FOREIGN_KEY && action->enforced != SQL_UNSAID)
    effect_drop_key(e, constraint); /* its triggers come or go */
  if (constraint && constraint->kind != SQL_FOREIGN_KEY && action->inherit == SQL_UNSAID)
    effect_fail(e, "constraint \"%s\" of relation \"%s\" is not a foreign key constraint",
                action->name, table->at.name);
}

void effects_alter_constraint(struct effecting *e, struct lint_relation *table,
                              const struct sql_action *action)
{
  switch (action->kind) {
  case SQL_ADD_CONSTRAINT:
    if (action->constraint)
      effects_add_constraint(e, table, action->constraint, true);
    else
      effect_unknown(e, "a constraint that is not known");
    break;
  case SQL_DROP_CONSTRAINT:
    drop_constraint(e, table, action);
    break;
  case SQL_VALIDATE_CONSTRAINT:
    validate(e, table, action);
    break;
  case SQL_ALTER_CONSTRAINT:
    alter_constraint(e, table, action);
    break;
  default:
    break;
  }
}
