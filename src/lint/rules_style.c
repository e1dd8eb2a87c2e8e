/* How new tables look: types of columns and names. Off unless a policy switches them on. */
#include "lint/check.h"

#include "sql/quote.h"

static const struct lint_rule rules[] = {
    {.id = "prefer-text",
     .severity = LINT_OFF,
     .summary = "a column of type varchar(n)",
     .hazard = "Another length is a change of type.",
     .safe = "Use text, with a CHECK constraint where there is a real limit."},
    {.id = "prefer-timestamptz",
     .severity = LINT_OFF,
     .summary = "a column of type timestamp without time zone",
     .hazard = "Sessions with different time zones mean different moments by the same value.",
     .safe = "Use timestamptz."},
    {.id = "no-char",
     .severity = LINT_OFF,
     .summary = "a column of type char(n)",
     .hazard = "Values are padded with blanks that most comparisons ignore and some do not.",
     .safe = "Use text, with a CHECK for an exact length."},
    {.id = "no-money-float",
     .severity = LINT_OFF,
     .summary = "a column of type money or of a floating point type",
     .hazard = "money depends on a setting of the session; floating point is not exact.",
     .safe = "Use numeric, or bigint counting the smallest unit."},
    {.id = "prefer-identity",
     .severity = LINT_OFF,
     .summary = "a serial column",
     .hazard = "Its sequence has privileges of its own, and hand-written numbers collide later.",
     .safe = "Use GENERATED ALWAYS AS IDENTITY."},
    {.id = "primary-key-missing",
     .severity = LINT_OFF,
     .summary = "a table is made without a primary key",
     .hazard = "Equal rows cannot be told apart, and logical replication refuses UPDATE and "
               "DELETE.",
     .safe = "Give every table a primary key when it is made."},
    {.id = "primary-key-short",
     .severity = LINT_OFF,
     .summary = "a primary key of type integer or smallint",
     .hazard = "INSERT fails when the numbers are used up, and bigint then means a rewrite.",
     .safe = "Use bigint."},
    {.id = "naming-convention",
     .severity = LINT_OFF,
     .summary = "a new name that is not in snake_case",
     .hazard = "None: it is a matter of taste.",
     .safe = "Use lower case letters, digits and underscores."},
    {.id = "identifier-quoted",
     .severity = LINT_OFF,
     .summary = "a new name that needs quotes",
     .hazard = "Every query has to quote it, or does not find it.",
     .safe = "Choose a name of lower case letters that is no reserved word."},
    {.id = "schema-qualified",
     .severity = LINT_OFF,
     .summary = "a relation is named without its schema",
     .hazard = "Which one is meant depends on the search_path of whoever runs the migration.",
     .safe = "Write the schema, or set search_path at the top of the file."},
    {.id = "identifier-too-long",
     .severity = LINT_WARNING,
     .summary = "a name is longer than 63 bytes",
     .hazard = "The server cuts it: the object has another name than the file says, and two names "
               "can become one.",
     .safe = "Choose a name of at most 63 bytes."},
};

/* ---- types ---- */

static bool is_one_of(const struct sql_type *type, const char *const *names, size_t count)
{
  for (size_t i = 0; !type->name.schema && i < count; i++)
    if (strcmp(type->name.name, names[i]) == 0)
      return true;
  return false;
}

static bool is_type(const struct sql_type *type, const char *name)
{
  return is_one_of(type, &name, 1);
}

static void check_type(struct lint *lint, const char *column, const struct sql_type *type,
                       struct lint_at at)
{
  static const char *const inexact[] = {"money", "float4", "float8"};
  const char *rule = NULL;
  if (is_type(type, "varchar") && (type->modifier_count > 0 || type->odd_modifiers))
    rule = "prefer-text";
  else if (is_type(type, "timestamp"))
    rule = "prefer-timestamptz";
  else if (is_type(type, "bpchar"))
    rule = "no-char";
  else if (is_one_of(type, inexact, COUNT_OF(inexact)))
    rule = "no-money-float";
  if (rule)
    lint_add(lint, rule, at, "column %s has the type %s", column, type->text);
}

static bool is_short(const struct sql_type *type)
{
  static const char *const names[] = {"int2",   "int4",    "smallserial",
                                      "serial", "serial2", "serial4"};
  return type->array_dimensions == 0 && is_one_of(type, names, COUNT_OF(names));
}

static void check_key_column(struct lint *lint, const struct sql_column *column, struct lint_at at)
{
  if (is_short(&column->type))
    lint_add(lint, "primary-key-short", at, "column %s of the primary key has the type %s",
             column->name, column->type.text);
}

static bool is_primary_key(const struct sql_constraints *constraints)
{
  for (size_t i = 0; i < constraints->len; i++)
    if (constraints->at[i].kind == SQL_PRIMARY_KEY)
      return true;
  return false;
}

static void check_column(struct lint *lint, const struct sql_column *column, struct lint_at at)
{
  check_type(lint, column->name, &column->type, at);
  if (column->serial)
    lint_add(lint, "prefer-identity", at, "column %s is a %s", column->name, column->type.text);
  if (is_primary_key(&column->constraints))
    check_key_column(lint, column, at);
}

/* PRIMARY KEY (a, b): a key of several columns is as long as all of them together. */
static void check_table_key(struct lint *lint, const struct sql_constraint *constraint)
{
  const struct sql_columns *columns = &lint->tree->columns;
  if (constraint->kind != SQL_PRIMARY_KEY || constraint->columns.len != 1)
    return;
  for (size_t i = 0; i < columns->len; i++)
    if (strcmp(columns->at[i].name, constraint->columns.at[0]) == 0)
      check_key_column(lint, &columns->at[i], (struct lint_at){0});
}

/* ---- a table without a key ---- */

static bool gives_key(const struct sql_tree *tree)
{
  if (tree->kind != SQL_ALTER_TABLE)
    return false;
  for (size_t i = 0; i < tree->actions.len; i++) {
    const struct sql_action *action = &tree->actions.at[i];
    bool with_column = action->column && is_primary_key(&action->column->constraints);
    bool alone = action->constraint && action->constraint->kind == SQL_PRIMARY_KEY;
    if (with_column || alone)
      return true;
  }
  return false;
}

static bool has_own_key(const struct sql_tree *tree)
{
  for (size_t i = 0; i < tree->columns.len; i++)
    if (is_primary_key(&tree->columns.at[i].constraints))
      return true;
  return is_primary_key(&tree->constraints);
}

static bool same_name(struct sql_name a, struct sql_name b)
{
  return strcmp(a.schema ? a.schema : "", b.schema ? b.schema : "") == 0 &&
         strcmp(a.name, b.name) == 0;
}

static bool gets_key_later(const struct lint *lint, size_t from)
{
  const struct sql_statements *all = &lint->script->statements;
  struct sql_name name = all->at[from].tree->name;
  for (size_t i = from + 1; i < all->len; i++)
    if (all->at[i].tree && gives_key(all->at[i].tree) && same_name(all->at[i].tree->name, name))
      return true;
  return false;
}

static void check_key_missing(struct lint *lint)
{
  const struct sql_tree *tree = lint->tree;
  bool rows_of_its_own = tree->kind == SQL_CREATE_TABLE && !tree->temporary &&
                         !tree->partition_of.name &&
                         strcmp(tree->node, "CreateForeignTableStmt") != 0;
  if (rows_of_its_own && tree->columns.len > 0 && !has_own_key(tree) &&
      !gets_key_later(lint, lint->now.statement))
    lint_add(lint, "primary-key-missing", (struct lint_at){0}, "table %s has no primary key",
             tree->name.name);
}

/* ---- names ---- */

static bool is_snake_case(const char *name)
{
  return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(name) &&
         strchr("0123456789", name[0]) == NULL;
}

static void check_name(struct lint *lint, const char *what, const char *name, struct lint_at at)
{
  if (!name || !*name)
    return;
  if (!is_snake_case(name))
    lint_add(lint, "naming-convention", at, "%s \"%s\" is not in snake_case", what, name);
  if (strcmp(sql_ident(lint->arena, name), name) != 0)
    lint_add(lint, "identifier-quoted", at, "%s \"%s\" needs quotes wherever it is used", what,
             name);
}

static void check_new_names(struct lint *lint)
{
  const struct sql_tree *tree = lint->tree;
  struct lint_at at = {0};
  switch (tree->kind) {
  case SQL_CREATE_TABLE:
  case SQL_CREATE_TABLE_AS:
  case SQL_CREATE_MATVIEW:
  case SQL_CREATE_VIEW:
    check_name(lint, "relation", tree->name.name, at);
    break;
  case SQL_CREATE_INDEX:
    check_name(lint, "index", tree->index_name, at);
    break;
  case SQL_CREATE_SCHEMA:
    check_name(lint, "schema", tree->name.name, at);
    break;
  case SQL_CREATE_ENUM:
    check_name(lint, "type", tree->name.name, at);
    break;
  case SQL_RENAME:
    check_name(lint, "the new name", tree->new_name, at);
    break;
  default:
    break;
  }
  for (size_t i = 0; i < tree->columns.len; i++)
    check_name(lint, "column", tree->columns.at[i].name, at);
  for (size_t i = 0; i < tree->constraints.len; i++)
    check_name(lint, "constraint", tree->constraints.at[i].name, at);
}

static bool is_temporary(const struct lint *lint, struct sql_name name)
{
  return lint->tree->temporary || lint_facts_relation(lint->facts, name)->persistence == 't';
}

static void check_qualified(struct lint *lint)
{
  const struct sql_tree *tree = lint->tree;
  bool relation = false;
  switch (tree->kind) {
  case SQL_CREATE_TABLE:
  case SQL_CREATE_TABLE_AS:
  case SQL_CREATE_MATVIEW:
  case SQL_CREATE_VIEW:
  case SQL_CREATE_INDEX:
  case SQL_ALTER_TABLE:
  case SQL_TRUNCATE:
    relation = true;
    break;
  case SQL_DROP:
    relation = tree->object == SQL_OBJECT_TABLE || tree->object == SQL_OBJECT_VIEW ||
               tree->object == SQL_OBJECT_MATVIEW || tree->object == SQL_OBJECT_INDEX;
    break;
  default:
    break;
  }
  if (!relation || !tree->name.name || tree->name.schema || is_temporary(lint, tree->name))
    return;
  lint_add(lint, "schema-qualified", (struct lint_at){0}, "%s is named without its schema",
           tree->name.name);
}

static bool sets_search_path(const struct sql_script *script)
{
  for (size_t i = 0; i < script->statements.len; i++) {
    const struct sql_tree *tree = script->statements.at[i].tree;
    if (tree && tree->kind == SQL_SET && tree->setting && strcmp(tree->setting, "search_path") == 0)
      return true;
  }
  return false;
}

static void check(struct lint *lint)
{
  const struct sql_tree *tree = lint->tree;
  for (size_t i = 0; i < tree->columns.len; i++)
    check_column(lint, &tree->columns.at[i], (struct lint_at){0});
  for (size_t i = 0; i < tree->constraints.len; i++)
    check_table_key(lint, &tree->constraints.at[i]);
  for (size_t i = 0; i < tree->actions.len; i++) {
    const struct sql_action *action = &tree->actions.at[i];
    struct lint_at at = {.range = action->range};
    if (action->column) {
      check_column(lint, action->column, at);
      check_name(lint, "column", action->column->name, at);
    }
    if (action->kind == SQL_ALTER_TYPE && action->name)
      check_type(lint, action->name, action->type, at);
  }
  check_key_missing(lint);
  check_new_names(lint);
  if (lint_is_on(lint, "schema-qualified") && !sets_search_path(lint->script))
    check_qualified(lint);
}

static void check_length(struct lint *lint)
{
  struct sql_range range;
  if (sql_find_long_name(lint->statement, &range))
    lint_add(lint, "identifier-too-long", (struct lint_at){.range = range},
             "a name of more than %d bytes is cut", SQL_NAME_BYTES_MAX);
}

const struct lint_family lint_family_style = {rules, COUNT_OF(rules), .statement = check,
                                              .every = check_length};
