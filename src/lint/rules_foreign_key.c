#include "lint/check.h"

static const struct lint_rule rules[] = {
    {.id = "foreign-key-not-valid",
     .severity = LINT_WARNING,
     .summary = "a foreign key is added and checked at once",
     .hazard = "Writes to both tables wait while every row is looked up.",
     .lock = LOCK_SRX " on both tables",
     .safe = "Add it NOT VALID, then VALIDATE CONSTRAINT in another transaction."},
    {.id = "foreign-key-partitioned-not-valid",
     .severity = LINT_ERROR,
     .summary = "a foreign key of a partitioned table is added NOT VALID",
     .hazard = "The server refuses: before 18 a partitioned table cannot have such a key.",
     .safe = "Add the key NOT VALID to each partition and validate it there, then add it to the "
             "partitioned table, which finds them valid.",
     .until = 17},
    {.id = "foreign-key-locks-parent",
     .severity = LINT_INFO,
     .summary = "a new table refers to a table that is in use",
     .hazard = "Writes to the table that is referred to wait until the transaction ends.",
     .lock = LOCK_SRX " on the table that is referred to",
     .safe = "Set a lock_timeout, and add the key in a transaction that does little else."},
    {.id = "foreign-key-multiple",
     .severity = LINT_INFO,
     .summary = "foreign keys to several tables are added in one transaction",
     .hazard = "All of these tables are locked until the end, and a deadlock with the application "
               "is near.",
     .lock = LOCK_SRX " on each table that is referred to",
     .safe = "Add one key a transaction."},
    {.id = "foreign-key-drop-locks-parent",
     .severity = LINT_WARNING,
     .summary = "dropping a foreign key locks the table that it refers to",
     .hazard = "Nobody can read or write that table either, until the transaction ends.",
     .lock = LOCK_AX " on both tables",
     .safe = "Drop the foreign keys first, one a transaction, with a lock_timeout."},
    {.id = "foreign-key-dropped",
     .severity = LINT_INFO,
     .summary = "a foreign key is dropped",
     .hazard = "From now on rows may refer to nothing.",
     .lock = LOCK_AX " on both tables",
     .safe = "Make sure that nothing relies on it; to bring it back, every row is read."},
};

static const char *name_of(struct lint *lint, const char *constraint)
{
  return constraint ? arena_printf(lint->arena, " %s", constraint) : "";
}

/* ---- added to a table in use ---- */

static void check_add(struct lint *lint, const struct sql_constraint *key, struct lint_at at)
{
  const char *name = name_of(lint, key->name), *table = at.relation->name;
  bool partitioned = lint_is_partitioned(at.relation);
  at.eases = true;
  if (!key->not_valid)
    lint_add(lint, "foreign-key-not-valid", at,
             "foreign key%s from %s to %s is added without NOT VALID%s", name, table,
             lint_facts_relation(lint->facts, key->referenced)->name,
             partitioned ? ", which a partitioned table can have from 18 on" : "");
  else if (partitioned)
    lint_add(lint, "foreign-key-partitioned-not-valid",
             (struct lint_at){.range = at.range, .relation = at.relation},
             "foreign key%s of the partitioned table %s cannot be NOT VALID before 18", name,
             table);
}

/* ---- tables that are locked because they are referred to ---- */

static void add_referenced(struct lint *lint, const struct sql_constraint *constraint,
                           struct lint_relations *ret)
{
  if (constraint->kind != SQL_FOREIGN_KEY)
    return;
  struct lint_relation *table = lint_facts_relation(lint->facts, constraint->referenced);
  bool known = lint_is_new(table);
  for (size_t k = 0; !known && k < ret->len; k++)
    known = ret->at[k] == table;
  if (!known)
    vec_push(lint->arena, ret, table);
}

static void add_column_referenced(struct lint *lint, const struct sql_column *column,
                                  struct lint_relations *ret)
{
  for (size_t i = 0; i < column->constraints.len; i++)
    add_referenced(lint, &column->constraints.at[i], ret);
}

/* The tables in use that the statement gives a foreign key to; each once. */
static struct lint_relations referenced_by(struct lint *lint, const struct sql_tree *tree)
{
  struct lint_relations all = {0};
  for (size_t i = 0; i < tree->constraints.len; i++)
    add_referenced(lint, &tree->constraints.at[i], &all);
  for (size_t i = 0; i < tree->columns.len; i++)
    add_column_referenced(lint, &tree->columns.at[i], &all);
  for (size_t i = 0; i < tree->actions.len; i++) {
    if (tree->actions.at[i].constraint)
      add_referenced(lint, tree->actions.at[i].constraint, &all);
    if (tree->actions.at[i].column)
      add_column_referenced(lint, tree->actions.at[i].column, &all);
  }
  return all;
}

static bool adds_keys(const struct sql_tree *tree)
{
  return tree && (tree->kind == SQL_CREATE_TABLE || tree->kind == SQL_ALTER_TABLE);
}

static void check_locks_parent(struct lint *lint)
{
  const struct sql_tree *tree = lint->tree;
  const struct lint_relation *table = lint_facts_relation(lint->facts, tree->name);
  bool skipped = tree->if_not_exists && table->kind != LINT_UNKNOWN_RELATION && !table->dropped;
  if (skipped || (tree->kind == SQL_ALTER_TABLE && !lint_is_new(table)))
    return;
  struct lint_relations referenced = referenced_by(lint, tree);
  for (size_t i = 0; i < referenced.len; i++)
    if (referenced.at[i] != table)
      lint_add(lint, "foreign-key-locks-parent", (struct lint_at){.relation = referenced.at[i]},
               "a foreign key of the new table %s locks %s: writes to it wait until the end",
               table->name, referenced.at[i]->name);
}

/* The second table of one transaction that is referred to. */
static void check_multiple(struct lint *lint)
{
  const struct lint_relation *first = NULL;
  for (size_t i = 0; lint->one_transaction && i < lint->script->statements.len; i++) {
    const struct sql_statement *statement = &lint->script->statements.at[i];
    if (!adds_keys(statement->tree))
      continue;
    struct lint_relations referenced = referenced_by(lint, statement->tree);
    for (size_t k = 0; k < referenced.len; k++) {
      first = first ? first : referenced.at[k];
      if (referenced.at[k] == first)
        continue;
      lint_turn_to(lint, i);
      lint_add(lint, "foreign-key-multiple", (struct lint_at){.relation = referenced.at[k]},
               "foreign keys to %s and %s are added in one transaction: both stay locked until "
               "the end",
               first->name, referenced.at[k]->name);
      return;
    }
  }
}

/* ---- dropped ---- */

static bool is_key(const struct lint_constraint *c)
{
  return c->relation && c->kind == SQL_FOREIGN_KEY && !c->dropped;
}

static bool has_column(const struct lint_constraint *c, const char *column)
{
  for (size_t i = 0; i < c->columns.len; i++)
    if (strcmp(c->columns.at[i], column) == 0)
      return true;
  return false;
}

static bool is_named(const struct lint *lint, const struct lint_relation *table)
{
  for (size_t i = 0; i < lint->tree->names.len; i++)
    if (lint_facts_relation(lint->facts, lint->tree->names.at[i]) == table)
      return true;
  return false;
}

static void report_drop(struct lint *lint, const char *what, const struct lint_constraint *key,
                        struct lint_at at)
{
  const struct lint_relation *other = key->referenced;
  if (!other || lint_is_new(other) || other->dropped || other == key->relation ||
      is_named(lint, other))
    return;
  at.relation = other;
  lint_add(lint, "foreign-key-drop-locks-parent", at,
           "%s locks %s too, to which its foreign key %s refers", what, other->name, key->name);
}

static bool ends_with(const char *s, const char *end)
{
  size_t len = strlen(s), end_len = strlen(end);
  return len > end_len && strcmp(s + len - end_len, end) == 0;
}

/* Only named by a statement so far. */
static bool is_unknown(const struct lint_constraint *c)
{
  return c->kind == SQL_CHECK && !c->definition && !c->added && !c->dropped;
}

static void check_drop_constraint(struct lint *lint, const struct sql_action *action,
                                  struct lint_at at)
{
  const char *table = at.relation->name;
  const struct lint_constraint *c = lint_facts_constraint(lint->facts, at.relation, action->name);
  if (is_key(c)) {
    lint_add(lint, "foreign-key-dropped", at, "foreign key %s of %s is dropped", action->name,
             table);
    report_drop(lint, arena_printf(lint->arena, "dropping constraint %s", action->name), c, at);
  } else if (is_unknown(c) && ends_with(action->name, "_fkey")) {
    lint_add(lint, "foreign-key-dropped", at,
             "constraint %s of %s is dropped, a foreign key by its name; the table that it refers "
             "to, not known here, is locked too",
             action->name, table);
  }
}

static void check_drop_column(struct lint *lint, const struct sql_action *action, struct lint_at at)
{
  const struct lint_constraints *all = &at.relation->constraints;
  for (size_t i = 0; i < all->len; i++)
    if (is_key(all->at[i]) && has_column(all->at[i], action->name))
      report_drop(lint, arena_printf(lint->arena, "dropping column %s", action->name), all->at[i],
                  at);
}

static void check_drop_tables(struct lint *lint)
{
  for (size_t i = 0; i < lint->tree->names.len; i++) {
    const struct lint_relation *table = lint_facts_relation(lint->facts, lint->tree->names.at[i]);
    for (size_t k = 0; k < table->constraints.len; k++)
      if (is_key(table->constraints.at[k]))
        report_drop(lint, arena_printf(lint->arena, "dropping table %s", table->name),
                    table->constraints.at[k], (struct lint_at){0});
  }
}

static void check_action(struct lint *lint, const struct sql_action *action, struct lint_at at)
{
  if (action->kind == SQL_ADD_CONSTRAINT && action->constraint &&
      action->constraint->kind == SQL_FOREIGN_KEY)
    check_add(lint, action->constraint, at);
  else if (action->kind == SQL_DROP_CONSTRAINT)
    check_drop_constraint(lint, action, at);
  else if (action->kind == SQL_DROP_COLUMN)
    check_drop_column(lint, action, at);
}

static void check(struct lint *lint)
{
  if (adds_keys(lint->tree))
    check_locks_parent(lint);
  else if (lint->tree->kind == SQL_DROP && lint->tree->object == SQL_OBJECT_TABLE)
    check_drop_tables(lint);
}

const struct lint_family lint_family_foreign_key = {rules, COUNT_OF(rules), .statement = check,
                                                    .action = check_action,
                                                    .script_end = check_multiple};
