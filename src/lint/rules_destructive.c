#include "lint/check.h"

static const struct lint_rule rules[] = {
    {.id = "drop-table",
     .severity = LINT_ERROR,
     .summary = "a table is dropped",
     .hazard = "Its rows, indexes, triggers and privileges are gone at commit.",
     .lock = LOCK_AX,
     .safe = "Stop using the table first, rename it aside for a while, and drop it once a backup "
             "is proven."},
    {.id = "drop-column",
     .severity = LINT_ERROR,
     .summary = "a column is dropped",
     .hazard = "The column's values are gone at commit, with its indexes and constraints; a "
               "running application that reads it fails.",
     .lock = LOCK_AX,
     .safe = "Deploy an application that no longer uses the column, then drop it with a backup of "
             "its values."},
    {.id = "drop-schema",
     .severity = LINT_ERROR,
     .summary = "a schema is dropped",
     .hazard = "With CASCADE everything in it is gone at commit.",
     .lock = LOCK_AX,
     .safe = "Drop or move the objects one by one, then the empty schema without CASCADE."},
    {.id = "drop-database",
     .severity = LINT_ERROR,
     .summary = "a database is dropped",
     .hazard = "Every table in it is gone; this cannot be rolled back.",
     .safe = "Never drop a database from a migration."},
    {.id = "drop-cascade",
     .severity = LINT_ERROR,
     .summary = "CASCADE drops objects that the file does not name",
     .hazard =
         "Views, constraints, functions and defaults that depend on the object vanish with it.",
     .lock = LOCK_AX,
     .safe = "Drop each dependent object by name, without CASCADE."},
    {.id = "drop-type-cascade",
     .severity = LINT_ERROR,
     .summary = "a type or domain is dropped with CASCADE",
     .hazard = "Every column of that type is dropped, with its values.",
     .lock = LOCK_AX,
     .safe = "Convert the columns to another type first, then drop the type without CASCADE."},
    {.id = "drop-sequence",
     .severity = LINT_WARNING,
     .summary = "a sequence is dropped",
     .hazard = "Its value is gone: one made again hands out numbers that exist already.",
     .lock = LOCK_AX,
     .safe = "Replace it first: make the new one, setval() it, switch the default; drop the old "
             "one a release later."},
    {.id = "drop-column-takes-objects",
     .severity = LINT_WARNING,
     .summary = "a dropped column takes indexes or constraints along",
     .hazard = "They vanish without a notice: uniqueness over other columns, and speed.",
     .lock = LOCK_AX,
     .safe = "Drop each of them first, by name, and decide what replaces it."},
    {.id = "drop-primary-key",
     .severity = LINT_WARNING,
     .summary = "a primary key is dropped",
     .hazard = "Logical replication refuses UPDATE and DELETE, and rows can be doubled.",
     .lock = LOCK_AX,
     .safe = "Build the new unique index CONCURRENTLY and swap both in one ALTER TABLE."},
    {.id = "drop-owned",
     .severity = LINT_ERROR,
     .summary = "everything that a role owns is dropped",
     .hazard = "All tables, schemas and functions of the role in this database are gone.",
     .lock = LOCK_AX,
     .safe = "Use REASSIGN OWNED to hand the objects to another role."},
    {.id = "truncate",
     .severity = LINT_ERROR,
     .summary = "a table is emptied",
     .hazard = "All rows are gone at commit; TRUNCATE fires no row triggers and readers wait.",
     .lock = LOCK_AX,
     .safe = "Delete in batches, or take a backup of the table first."},
    {.id = "truncate-cascade",
     .severity = LINT_ERROR,
     .summary = "TRUNCATE reaches tables that the file does not name",
     .hazard = "Every table with a foreign key to it is emptied too.",
     .lock = LOCK_AX,
     .safe = "Name every table that is to be emptied, without CASCADE."},
};

/* ---- what goes along ---- */

enum { TAKEN_MAX = 8 }; /* more are only counted */

struct taken {
  struct text text;
  int count;
};

static void take(struct taken *taken, const char *kind, const char *name)
{
  if (taken->count++ < TAKEN_MAX)
    text_printf(&taken->text, "%s%s %s", taken->text.len > 0 ? ", " : "", kind, name);
}

static bool holds(const struct strings *names, const char *name)
{
  for (size_t i = 0; i < names->len; i++)
    if (strcmp(names->at[i], name) == 0)
      return true;
  return false;
}

/* Views that read the table, foreign keys that refer to it. */
static void take_dependants(struct lint *lint, const struct lint_relation *table,
                            struct taken *taken)
{
  for (size_t i = 0; i < table->readers.len; i++)
    if (!table->readers.at[i]->dropped)
      take(taken, "view", table->readers.at[i]->name);
  struct lint_constraints keys = lint_facts_referencing(lint->facts, table);
  for (size_t i = 0; i < keys.len; i++)
    if (keys.at[i]->relation && keys.at[i]->relation != table && keys.at[i]->name)
      take(taken, "foreign key",
           arena_printf(lint->arena, "%s of %s", keys.at[i]->name, keys.at[i]->relation->name));
}

/* "drop-cascade" of a table: by name what is known to go. */
static void add_cascade(struct lint *lint, const struct lint_relation *table)
{
  struct taken taken = {.text = TEXT_INIT};
  take_dependants(lint, table, &taken);
  if (taken.count > 0)
    lint_add(lint, "drop-cascade", (struct lint_at){.relation = table},
             "DROP ... CASCADE of %s also drops %s%s", table->name, taken.text.data,
             taken.count > TAKEN_MAX ? " and more" : "");
  else
    lint_add(lint, "drop-cascade", (struct lint_at){0},
             "DROP ... CASCADE also drops what depends on %s", table->name);
  text_clear(&taken.text);
}

static void check_column_takes(struct lint *lint, const char *column, struct lint_at at)
{
  const struct lint_relation *table = at.relation;
  struct taken taken = {.text = TEXT_INIT};
  for (size_t i = 0; i < table->indexes.len; i++) {
    const struct lint_relation *index = table->indexes.at[i];
    bool uses = holds(&index->index_columns, column) || holds(&index->expression_columns, column);
    if (uses && !index->dropped && !index->constraint)
      take(&taken, "index", index->name);
  }
  for (size_t i = 0; i < table->constraints.len; i++) {
    const struct lint_constraint *constraint = table->constraints.at[i];
    if (!constraint->dropped && constraint->kind != SQL_NOT_NULL && constraint->name &&
        holds(&constraint->columns, column))
      take(&taken, "constraint", constraint->name);
  }
  if (taken.count > 0)
    lint_add(lint, "drop-column-takes-objects", at, "with column %s of %s go %s%s", column,
             table->name, taken.text.data, taken.count > TAKEN_MAX ? " and more" : "");
  text_clear(&taken.text);
}

static void check_key(struct lint *lint, const char *name, struct lint_at at)
{
  for (size_t i = 0; name && i < at.relation->constraints.len; i++) {
    const struct lint_constraint *constraint = at.relation->constraints.at[i];
    if (constraint->kind == SQL_PRIMARY_KEY && constraint->name && !constraint->dropped &&
        strcmp(constraint->name, name) == 0)
      lint_add(lint, "drop-primary-key", at, "the primary key of %s is dropped", at.relation->name);
  }
}

static void check_drop_tables(struct lint *lint)
{
  const struct sql_tree *tree = lint->tree;
  for (size_t i = 0; i < tree->names.len; i++) {
    const struct lint_relation *table = lint_facts_relation(lint->facts, tree->names.at[i]);
    if (lint_is_new(table) || (lint->catalog && tree->if_exists && !table->object))
      continue;
    lint_add(lint, "drop-table", (struct lint_at){.relation = table}, "table %s is dropped",
             table->name);
  }
}

static void check_drop_sequences(struct lint *lint)
{
  const struct sql_tree *tree = lint->tree;
  for (size_t i = 0; i < tree->names.len; i++) {
    const struct lint_relation *sequence = lint_facts_relation(lint->facts, tree->names.at[i]);
    if (!lint_is_new(sequence))
      lint_add(lint, "drop-sequence", (struct lint_at){.relation = sequence},
               "sequence %s is dropped, with its value", sequence->name);
  }
}

static void check_drop(struct lint *lint)
{
  const struct sql_tree *tree = lint->tree;
  bool is_type = tree->object == SQL_OBJECT_TYPE || tree->object == SQL_OBJECT_DOMAIN;
  if (tree->object == SQL_OBJECT_TABLE)
    check_drop_tables(lint);
  else if (tree->object == SQL_OBJECT_SEQUENCE)
    check_drop_sequences(lint);
  for (size_t i = 0; tree->object == SQL_OBJECT_SCHEMA && i < tree->names.len; i++)
    if (!lint_facts_schema_is_new(lint->facts, tree->names.at[i].name))
      lint_add(lint, "drop-schema", (struct lint_at){0}, "schema %s is dropped",
               tree->names.at[i].name);
  if (tree->cascade && is_type)
    lint_add(lint, "drop-type-cascade", (struct lint_at){0},
             "type %s is dropped with CASCADE: columns of that type are dropped too",
             tree->name.name ? tree->name.name : "");
  else if (tree->cascade && tree->object == SQL_OBJECT_TABLE)
    for (size_t i = 0; i < tree->names.len; i++)
      add_cascade(lint, lint_facts_relation(lint->facts, tree->names.at[i]));
  else if (tree->cascade)
    lint_add(lint, "drop-cascade", (struct lint_at){0},
             "DROP ... CASCADE also drops what depends on %s",
             tree->name.name ? tree->name.name : "it");
}

static void check_alter(struct lint *lint)
{
  const struct sql_tree *tree = lint->tree;
  const struct lint_relation *table = lint_facts_relation(lint->facts, tree->name);
  for (size_t i = 0; i < tree->actions.len; i++) {
    const struct sql_action *action = &tree->actions.at[i];
    struct lint_at at = {.range = action->range, .relation = table};
    bool drops_column = action->kind == SQL_DROP_COLUMN && tree->object == SQL_OBJECT_TABLE;
    if (drops_column && !lint_is_new(table) &&
        !lint_facts_column(lint->facts, table, action->name)->created) {
      lint_add(lint, "drop-column", at, "column %s of %s is dropped", action->name, table->name);
      check_column_takes(lint, action->name, at);
    }
    if (action->kind == SQL_DROP_CONSTRAINT && !lint_is_new(table))
      check_key(lint, action->name, at);
    if (action->cascade)
      lint_add(lint, "drop-cascade", at, "DROP ... CASCADE also drops what depends on %s of %s",
               action->name ? action->name : "it", table->name);
  }
}

static void add_truncated(struct lint *lint, const struct lint_relation *table)
{
  struct taken taken = {.text = TEXT_INIT};
  struct lint_constraints keys = lint_facts_referencing(lint->facts, table);
  for (size_t i = 0; i < keys.len; i++)
    if (keys.at[i]->relation && keys.at[i]->relation != table)
      take(&taken, "table", keys.at[i]->relation->name);
  const char *rest = taken.count > 0 ? " and whatever refers to them" : "";
  lint_add(lint, "truncate-cascade", (struct lint_at){.relation = table},
           "TRUNCATE ... CASCADE of %s also empties %s%s", table->name,
           taken.count > 0 ? taken.text.data : "every table that refers to it", rest);
  text_clear(&taken.text);
}

static void check_truncate(struct lint *lint)
{
  const struct sql_tree *tree = lint->tree;
  for (size_t i = 0; i < tree->names.len; i++) {
    const struct lint_relation *table = lint_facts_relation(lint->facts, tree->names.at[i]);
    if (lint_is_new(table))
      continue;
    lint_add(lint, "truncate", (struct lint_at){.relation = table}, "table %s is emptied",
             table->name);
    if (tree->cascade)
      add_truncated(lint, table);
  }
}

static void check(struct lint *lint)
{
  const struct sql_tree *tree = lint->tree;
  switch (tree->kind) {
  case SQL_DROP:
    check_drop(lint);
    break;
  case SQL_ALTER_TABLE:
    check_alter(lint);
    break;
  case SQL_TRUNCATE:
    check_truncate(lint);
    break;
  case SQL_DROP_DATABASE:
    lint_add(lint, "drop-database", (struct lint_at){0}, "database %s is dropped",
             tree->name.name ? tree->name.name : "");
    break;
  case SQL_DROP_OWNED:
    lint_add(lint, "drop-owned", (struct lint_at){0}, "everything that the role owns is dropped");
    break;
  default:
    break;
  }
}

const struct lint_family lint_family_destructive = {rules, COUNT_OF(rules), .statement = check};
