#include "lint/check.h"

static const struct lint_rule rules[] = {
    {.id = "check-not-valid",
     .severity = LINT_WARNING,
     .summary = "a CHECK constraint is added and checked at once",
     .hazard = "Nobody can read or write the table while every row is checked.",
     .lock = LOCK_AX,
     .safe = "Add it NOT VALID, then VALIDATE CONSTRAINT in another transaction."},
    {.id = "check-volatile",
     .severity = LINT_WARNING,
     .summary = "a CHECK calls a function that answers differently each time",
     .hazard = "Rows that were right when they were written are refused when a backup is restored, "
               "or when the row is updated.",
     .safe = "Check with immutable expressions only; put what depends on the time into a trigger."},
    {.id = "unique-constraint-builds-index",
     .severity = LINT_WARNING,
     .summary = "a UNIQUE constraint builds its index under the lock",
     .hazard = "Nobody can read or write the table while the index is built.",
     .lock = LOCK_AX,
     .safe = "Build a unique index CONCURRENTLY, then ADD CONSTRAINT ... UNIQUE USING INDEX."},
    {.id = "primary-key-builds-index",
     .severity = LINT_WARNING,
     .summary = "a primary key builds its index under the lock",
     .hazard = "Nobody can read or write the table while the index is built and the columns are "
               "checked for NULL.",
     .lock = LOCK_AX,
     .safe = "Build a unique index CONCURRENTLY on NOT NULL columns, then ADD PRIMARY KEY USING "
             "INDEX."},
    {.id = "primary-key-using-index-nullable",
     .severity = LINT_WARNING,
     .summary = "a primary key takes an index over columns that may be NULL",
     .hazard = "The server sets them NOT NULL along the way: nobody can read or write the table "
               "while every row is checked.",
     .lock = LOCK_AX,
     .safe = "Make the columns NOT NULL first, with a CHECK that was validated before."},
    {.id = "exclusion-constraint",
     .severity = LINT_WARNING,
     .summary = "an exclusion constraint builds its index under the lock",
     .hazard =
         "Nobody can read or write the table while the index is built and every row is compared.",
     .lock = LOCK_AX,
     .safe =
         "There is no online way: do it in a quiet hour with a lock_timeout, or on a new table."},
    {.id = "constraint-validate-same-transaction",
     .severity = LINT_WARNING,
     .summary = "a constraint is validated in the transaction that added it",
     .hazard =
         "The strong lock of the ADD is held through the whole check: NOT VALID gains nothing.",
     .lock = LOCK_AX,
     .safe = "VALIDATE CONSTRAINT in a later file."},
    {.id = "constraint-left-not-valid",
     .severity = LINT_INFO,
     .summary = "a constraint is added NOT VALID and no file validates it",
     .hazard = "Old rows are never checked, and the planner does not use the constraint.",
     .safe = "Add a later migration with VALIDATE CONSTRAINT."},
    {.id = "constraint-not-enforced",
     .severity = LINT_WARNING,
     .summary = "a constraint is not enforced",
     .hazard = "Nothing is checked, neither old rows nor new ones. Where a foreign key becomes so, "
               "both tables are locked and its triggers are dropped.",
     .lock = LOCK_AX,
     .safe = "Say NOT VALID where only the old rows should not be checked.",
     .since = 18},
};

static const char *name_of(struct lint *lint, const struct sql_constraint *c)
{
  return c->name ? arena_printf(lint->arena, " %s", c->name) : "";
}

/* ---- a primary key over an index that is there ---- */

/* A column that may be NULL, as far as known; *ret_sure if it is known. */
static const char *nullable_column(struct lint *lint, const struct lint_relation *table,
                                   const struct strings *columns, bool *ret_sure)
{
  const char *found = NULL;
  for (size_t i = 0; i < columns->len; i++) {
    const struct lint_column *column = lint_facts_column(lint->facts, table, columns->at[i]);
    if (column->not_null ||
        lint_facts_proves_not_null(lint->facts, table, columns->at[i], lint->tree))
      continue;
    found = columns->at[i];
    *ret_sure = table->complete || column->type;
    if (*ret_sure)
      break;
  }
  return found;
}

static void check_using_index(struct lint *lint, const struct sql_constraint *c, struct lint_at at)
{
  struct sql_name name = {.schema = at.relation->at.schema, .name = c->using_index};
  const struct lint_relation *index = lint_facts_relation(lint->facts, name);
  const char *table = at.relation->name;
  bool sure = false;
  const char *column = nullable_column(lint, at.relation, &index->index_columns, &sure);
  at.eases = true;
  if (column && sure) {
    lint_add(lint, "primary-key-using-index-nullable", at,
             "column %s of index %s may be NULL: the primary key of %s reads every row while the "
             "table is locked",
             column, c->using_index, table);
  } else if (column || index->index_columns.len == 0) {
    at.lower = 1;
    lint_add(lint, "primary-key-using-index-nullable", at,
             "the columns of index %s are not known here: if one may be NULL, the primary key of "
             "%s reads every row while the table is locked",
             c->using_index, table);
  }
}

/* ---- ADD CONSTRAINT ---- */

static void check_add(struct lint *lint, const struct sql_constraint *c, struct lint_at at)
{
  const char *name = name_of(lint, c), *table = at.relation->name;
  at.eases = true;
  if (c->kind == SQL_CHECK && !c->not_valid)
    lint_add(lint, "check-not-valid", at, "check%s on %s is added without NOT VALID", name, table);
  else if (c->kind == SQL_UNIQUE && !c->using_index)
    lint_add(lint, "unique-constraint-builds-index", at,
             "unique constraint%s on %s builds its index while the table is locked", name, table);
  else if (c->kind == SQL_PRIMARY_KEY && !c->using_index)
    lint_add(lint, "primary-key-builds-index", at,
             "the primary key%s of %s builds its index while the table is locked", name, table);
  else if (c->kind == SQL_PRIMARY_KEY)
    check_using_index(lint, c, at);
  else if (c->kind == SQL_EXCLUDE)
    lint_add(lint, "exclusion-constraint", at,
             "exclusion constraint%s on %s builds its index while the table is locked", name,
             table);
}

/* NOT VALID and VALIDATE in one transaction. */
static void check_validate(struct lint *lint, const struct sql_action *action, struct lint_at at)
{
  const struct lint_constraint *known =
      lint_facts_constraint(lint->facts, at.relation, action->name);
  at.eases = true;
  if (known->added && !known->valid && known->added_at.script == lint->now.script &&
      lint->one_transaction)
    lint_add(lint, "constraint-validate-same-transaction", at,
             "constraint %s of %s is validated in the transaction that added it", action->name,
             at.relation->name);
}

static void check_action(struct lint *lint, const struct sql_action *action, struct lint_at at)
{
  if (action->kind == SQL_ADD_CONSTRAINT && action->constraint)
    check_add(lint, action->constraint, at);
  else if (action->kind == SQL_VALIDATE_CONSTRAINT)
    check_validate(lint, action, at);
}

/* ---- constraints that mean less than they say, on new tables too ---- */

static void check_volatile(struct lint *lint, const struct sql_constraint *c,
                           struct sql_range range)
{
  for (size_t i = 0; c->kind == SQL_CHECK && i < c->check.functions.len; i++) {
    if (lint_facts_volatility(lint->facts, c->check.functions.at[i]) != LINT_VOLATILE)
      continue;
    lint_add(lint, "check-volatile", (struct lint_at){.range = range},
             "check%s of %s calls %s(), which is volatile", name_of(lint, c),
             lint_facts_relation(lint->facts, lint->tree->name)->name,
             c->check.functions.at[i].name);
    return;
  }
}

static void say_not_enforced(struct lint *lint, struct sql_range range)
{
  lint_add(lint, "constraint-not-enforced", (struct lint_at){.range = range},
           "a constraint is not enforced: no row is checked, old or new");
}

static void check_meaning(struct lint *lint, const struct sql_constraint *c, struct sql_range range)
{
  check_volatile(lint, c, range);
  if (c->not_enforced)
    say_not_enforced(lint, range);
}

static void check_checks(struct lint *lint)
{
  const struct sql_tree *tree = lint->tree;
  const struct sql_range whole = {0};
  for (size_t i = 0; i < tree->constraints.len; i++)
    check_meaning(lint, &tree->constraints.at[i], whole);
  for (size_t i = 0; i < tree->columns.len; i++)
    for (size_t k = 0; k < tree->columns.at[i].constraints.len; k++)
      check_meaning(lint, &tree->columns.at[i].constraints.at[k], whole);
  for (size_t i = 0; i < tree->actions.len; i++) {
    const struct sql_action *action = &tree->actions.at[i];
    if (action->kind == SQL_ALTER_CONSTRAINT && action->enforced == SQL_SAID_NOT)
      say_not_enforced(lint, action->range);
    if (action->constraint)
      check_meaning(lint, action->constraint, action->range);
    for (size_t k = 0; action->column && k < action->column->constraints.len; k++)
      check_meaning(lint, &action->column->constraints.at[k], action->range);
  }
}

/* ---- NOT VALID for ever ---- */

/* Whether the statement validates the constraint or does away with it. Without a name it may be
 * any of the table. */
static bool settles(const struct sql_tree *tree, const char *table, const char *constraint)
{
  for (size_t i = 0; tree->kind == SQL_DROP && i < tree->names.len; i++)
    if (strcmp(tree->names.at[i].name, table) == 0)
      return true;
  if (tree->kind != SQL_ALTER_TABLE || strcmp(tree->name.name, table) != 0)
    return false;
  for (size_t i = 0; i < tree->actions.len; i++) {
    const struct sql_action *action = &tree->actions.at[i];
    if ((action->kind == SQL_VALIDATE_CONSTRAINT || action->kind == SQL_DROP_CONSTRAINT) &&
        (!constraint || !action->name || strcmp(action->name, constraint) == 0))
      return true;
  }
  return false;
}

static bool is_settled_later(const struct lint *lint, size_t statement, const char *constraint)
{
  const char *table = lint->script->statements.at[statement].tree->name.name;
  size_t first = statement + 1;
  for (size_t s = lint->now.script; s < lint->input->count; s++, first = 0) {
    const struct sql_statements *all = &lint->input->scripts[s]->statements;
    for (size_t i = first; i < all->len; i++)
      if (all->at[i].tree && settles(all->at[i].tree, table, constraint))
        return true;
  }
  return false;
}

static void check_left(struct lint *lint, size_t statement)
{
  const struct sql_tree *tree = lint->script->statements.at[statement].tree;
  const struct lint_relation *table = lint_facts_relation(lint->facts, tree->name);
  for (size_t i = 0; !lint_is_new(table) && i < tree->actions.len; i++) {
    const struct sql_constraint *c = tree->actions.at[i].constraint;
    if (!c || !c->not_valid || c->not_enforced || is_settled_later(lint, statement, c->name))
      continue;
    lint_turn_to(lint, statement);
    lint_add(lint, "constraint-left-not-valid",
             (struct lint_at){.range = tree->actions.at[i].range, .relation = table},
             "constraint%s of %s is not validated by any of these files", name_of(lint, c),
             table->name);
  }
}

static void check_script_end(struct lint *lint)
{
  for (size_t i = 0; i < lint->script->statements.len; i++) {
    const struct sql_tree *tree = lint->script->statements.at[i].tree;
    if (tree && tree->kind == SQL_ALTER_TABLE)
      check_left(lint, i);
  }
}

const struct lint_family lint_family_constraint = {
    rules, COUNT_OF(rules), .statement = check_checks, .action = check_action,
    .script_end = check_script_end};
