#define _GNU_SOURCE /* strcasestr */
#include "lint/check.h"

#include <string.h>

static const struct lint_rule rules[] = {
    {.id = "delete-without-where",
     .severity = LINT_ERROR,
     .summary = "all rows of a table are deleted",
     .hazard =
         "Every row is gone at commit; the table is locked for writing row by row and bloats.",
     .lock = "ROW EXCLUSIVE",
     .safe = "Say which rows with WHERE, and delete in batches."},
    {.id = "update-without-where",
     .severity = LINT_WARNING,
     .summary = "all rows of a table are updated",
     .hazard = "Old values are overwritten, every row is locked until commit, the table doubles in "
               "size and replicas lag.",
     .lock = "ROW EXCLUSIVE",
     .safe = "Update in batches outside of the migration, with a WHERE that can be repeated."},
    {.id = "ddl-and-backfill-together",
     .severity = LINT_WARNING,
     .summary = "a table is changed and filled in one transaction",
     .hazard = "The strong lock of the ALTER is held until the last row is written.",
     .lock = LOCK_AX,
     .safe = "Fill the table in a later migration, in batches."},
    {.id = "dml-row-limit",
     .severity = LINT_INFO,
     .summary = "rows of a large table are changed without a key that limits them",
     .hazard = "Every row that fits is locked until commit, and nobody knows beforehand how many "
               "those are.",
     .lock = "ROW EXCLUSIVE",
     .safe = "Change them in batches by key.",
     .needs = LINT_NEEDS_CATALOG},
    {.id = "dml-in-migration",
     .severity = LINT_OFF,
     .summary = "rows and the schema are changed in one file",
     .hazard = "They are reviewed, timed and taken back in different ways.",
     .safe = "Write a file for each."},
    {.id = "dml-not-backed-up",
     .severity = LINT_OFF,
     .summary = "rows are changed or removed without a copy",
     .hazard = "There is no way back but a restore of the whole database.",
     .safe = "Apply the file with belay run, or copy the rows into a table first."},
    {.id = "insert-without-columns",
     .severity = LINT_INFO,
     .summary = "INSERT does not name its columns",
     .hazard = "After a change of the table values go into the wrong columns, or it fails.",
     .safe = "Name the columns."},
    {.id = "insert-explicit-serial",
     .severity = LINT_WARNING,
     .summary = "numbers are inserted into a column that a sequence fills",
     .hazard = "The sequence hands out the same numbers later: duplicate keys.",
     .safe = "Leave the column out, or setval() the sequence in the same file."},
    {.id = "duplicate-assignment",
     .severity = LINT_ERROR,
     .summary = "a column is set twice",
     .hazard = "The server refuses the statement.",
     .safe = "Name each column once."},
    {.id = "backfill-no-analyze",
     .severity = LINT_INFO,
     .summary = "many rows are written, or an expression is indexed, and no ANALYZE follows",
     .hazard = "Plans go by old statistics, or none, until autovacuum comes around.",
     .safe = "ANALYZE the table at the end."},
};

static void check_where(struct lint *lint, const struct sql_change *change)
{
  const struct lint_relation *table = lint_facts_relation(lint->facts, change->relation);
  struct lint_at at = {.relation = table};
  if (change->where || lint_is_new(table))
    return;
  if (change->kind == SQL_DELETE)
    lint_add(lint, "delete-without-where", at, "all rows of %s are deleted", table->name);
  at.eases = true;
  if (change->kind == SQL_UPDATE)
    lint_add(lint, "update-without-where", at, "all rows of %s are updated", table->name);
}

/* Rows are written while the lock of an ALTER TABLE of the same transaction is held. */
static void check_backfill(struct lint *lint, const struct sql_change *change)
{
  const struct lint_relation *table = lint_facts_relation(lint->facts, change->relation);
  bool many = change->kind != SQL_INSERT || change->from_select;
  if (!many || lint_is_new(table) || !lint_in_transaction(lint) || !table->altered ||
      table->altered_at.script != lint->now.script)
    return;
  lint_add(lint, "ddl-and-backfill-together", (struct lint_at){.relation = table, .eases = true},
           "rows of %s are written while the lock of the ALTER TABLE before is held", table->name);
}

/* ---- how many rows ---- */

enum { ROW_LIMIT = 10000 }; /* unless the policy says how large a large table is */

static double row_limit(const struct lint *lint)
{
  int large = lint->settings->large_table_rows;
  return large > 0 ? large : ROW_LIMIT;
}

static bool is_unique_alone(const struct lint_relation *table, const char *column)
{
  for (size_t i = 0; i < table->indexes.len; i++) {
    const struct lint_relation *index = table->indexes.at[i];
    if (index->unique && !index->partial && index->index_columns.len == 1 &&
        strcmp(index->index_columns.at[0], column) == 0)
      return true;
  }
  return false;
}

/* WHERE id = 7, WHERE id IN (7, 8), with a unique id. */
static bool names_rows(const struct lint_relation *table, const struct sql_expression *condition)
{
  for (size_t i = 0; condition && i < condition->conditions.len; i++) {
    const struct sql_condition *part = &condition->conditions.at[i];
    if (part->op && (strcmp(part->op, "=") == 0 || strcmp(part->op, "in") == 0) &&
        is_unique_alone(table, part->column))
      return true;
  }
  return false;
}

static void check_rows(struct lint *lint, const struct sql_change *change)
{
  const struct lint_relation *table = lint_facts_relation(lint->facts, change->relation);
  bool some = change->where && (change->kind == SQL_UPDATE || change->kind == SQL_DELETE);
  if (some && !lint_is_new(table) && table->rows > row_limit(lint) &&
      !names_rows(table, change->condition))
    lint_add(lint, "dml-row-limit", (struct lint_at){.relation = table},
             "no key limits how many rows of %s are %s", table->name,
             change->kind == SQL_UPDATE ? "updated" : "deleted");
}

/* ---- columns ---- */

static void check_columns(struct lint *lint, const struct sql_change *change)
{
  const struct lint_relation *table = lint_facts_relation(lint->facts, change->relation);
  if (change->by_position && !lint_is_new(table))
    lint_add(lint, "insert-without-columns", (struct lint_at){.relation = table},
             "values go into %s by the order of its columns", table->name);
  for (size_t i = 0; i < change->columns.len; i++)
    for (size_t k = 0; k < i; k++)
      if (strcmp(change->columns.at[i], change->columns.at[k]) == 0)
        lint_add(lint, "duplicate-assignment", (struct lint_at){.relation = table},
                 "column %s of %s is set twice", change->columns.at[i], table->name);
}

static bool moves_sequence(const struct sql_statement *statement)
{
  const struct sql_tree *tree = statement->tree;
  if (!tree)
    return false;
  for (size_t i = 0; i < tree->actions.len; i++)
    if (tree->actions.at[i].kind == SQL_SET_IDENTITY)
      return true;
  return tree->kind == SQL_ALTER_SEQUENCE || strcasestr(statement->text, "setval");
}

static void check_numbers(struct lint *lint, const struct sql_change *change)
{
  const struct lint_relation *table = lint_facts_relation(lint->facts, change->relation);
  for (size_t i = lint->now.statement; i < lint->script->statements.len; i++)
    if (moves_sequence(&lint->script->statements.at[i]))
      return;
  for (size_t i = 0; change->kind == SQL_INSERT && i < change->columns.len; i++) {
    const char *name = change->columns.at[i];
    if (lint_facts_column(lint->facts, table, name)->sequence)
      lint_add(lint, "insert-explicit-serial", (struct lint_at){.relation = table},
               "%s of %s gets numbers that its sequence will hand out again", name, table->name);
  }
}

/* ---- copies ---- */

static bool is_read_by(struct lint *lint, const struct sql_tree *tree,
                       const struct lint_relation *table)
{
  for (size_t i = 0; tree && tree->kind == SQL_CREATE_TABLE_AS && i < tree->reads.len; i++)
    if (lint_facts_relation(lint->facts, tree->reads.at[i]) == table)
      return true;
  return false;
}

static void check_copy(struct lint *lint, const struct sql_change *change)
{
  const struct lint_relation *table = lint_facts_relation(lint->facts, change->relation);
  if (change->kind == SQL_INSERT || lint_is_new(table) || !lint_is_on(lint, "dml-not-backed-up"))
    return;
  for (size_t i = 0; i < lint->now.statement; i++)
    if (is_read_by(lint, lint->script->statements.at[i].tree, table))
      return;
  lint_add(lint, "dml-not-backed-up", (struct lint_at){.relation = table},
           "rows of %s are changed and no copy of them is taken", table->name);
}

/* ---- the whole file ---- */

static bool is_ddl(const struct sql_tree *tree)
{
  return (tree->kind >= SQL_CREATE_TABLE && tree->kind <= SQL_DROP) ||
         tree->kind == SQL_CREATE_TABLE_AS;
}

static bool changes_old_rows(struct lint *lint, const struct sql_tree *tree)
{
  for (size_t i = 0; i < tree->changes.len; i++)
    if (!lint_is_new(lint_facts_relation(lint->facts, tree->changes.at[i].relation)))
      return true;
  return false;
}

static void check_mixture(struct lint *lint)
{
  const struct sql_statements *all = &lint->script->statements;
  size_t ddl = all->len, dml = all->len;
  for (size_t i = 0; i < all->len; i++) {
    const struct sql_tree *tree = all->at[i].tree;
    if (tree && ddl == all->len && is_ddl(tree))
      ddl = i;
    if (tree && dml == all->len && changes_old_rows(lint, tree))
      dml = i;
  }
  if (ddl == all->len || dml == all->len)
    return;
  lint_turn_to(lint, dml);
  lint_add(lint, "dml-in-migration", (struct lint_at){0},
           "rows are changed in a file that also changes the schema");
}

static bool has_expression(const struct sql_tree *tree)
{
  for (size_t i = 0; tree->kind == SQL_CREATE_INDEX && i < tree->keys.len; i++)
    if (!tree->keys.at[i].column)
      return true;
  return false;
}

/* The table whose statistics the statement makes old, or that gets an index without any. */
static const struct lint_relation *outdated_table(struct lint *lint, const struct sql_tree *tree)
{
  const struct lint_relation *table = NULL;
  if (has_expression(tree))
    table = lint_facts_relation(lint->facts, tree->name);
  for (size_t i = 0; i < tree->changes.len; i++) {
    const struct sql_change *change = &tree->changes.at[i];
    if ((change->kind == SQL_UPDATE && !change->where) || change->from_select)
      table = lint_facts_relation(lint->facts, change->relation);
  }
  bool small = table && table->rows >= 0 && table->rows < lint->settings->large_table_rows;
  return table && !small && !lint_is_new(table) ? table : NULL;
}

static bool is_analyzed_later(struct lint *lint, const struct lint_relation *table)
{
  const struct sql_statements *all = &lint->script->statements;
  for (size_t i = lint->now.statement + 1; i < all->len; i++) {
    const struct sql_tree *tree = all->at[i].tree;
    if (!tree || tree->kind != SQL_VACUUM || !strcasestr(all->at[i].text, "analy"))
      continue;
    for (size_t k = 0; k < tree->names.len; k++)
      if (lint_facts_relation(lint->facts, tree->names.at[k]) == table)
        return true;
    if (tree->names.len == 0)
      return true;
  }
  return false;
}

static void check_analyzed(struct lint *lint)
{
  for (size_t i = 0; i < lint->script->statements.len; i++) {
    lint_turn_to(lint, i);
    const struct lint_relation *table = lint->tree ? outdated_table(lint, lint->tree) : NULL;
    if (table && !is_analyzed_later(lint, table))
      lint_add(lint, "backfill-no-analyze", (struct lint_at){.relation = table},
               "statistics of %s are %s and no ANALYZE follows", table->name,
               has_expression(lint->tree) ? "missing for the expression" : "out of date");
  }
}

static void check_script(struct lint *lint)
{
  check_mixture(lint);
  check_analyzed(lint);
}

static void check(struct lint *lint)
{
  const struct sql_changes *changes = &lint->tree->changes;
  for (size_t i = 0; i < changes->len; i++) {
    check_where(lint, &changes->at[i]);
    check_backfill(lint, &changes->at[i]);
    check_rows(lint, &changes->at[i]);
    check_columns(lint, &changes->at[i]);
    check_numbers(lint, &changes->at[i]);
    check_copy(lint, &changes->at[i]);
  }
}

const struct lint_family lint_family_data = {rules, COUNT_OF(rules), .statement = check,
                                             .script_end = check_script};
