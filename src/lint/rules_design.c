/* How new tables are built. Off unless a policy switches it on, but for what the server does not
 * say. */
#include "lint/check.h"

static const struct lint_rule rules[] = {
    {.id = "foreign-key-without-index",
     .severity = LINT_OFF,
     .summary = "the columns of a foreign key have no index",
     .hazard = "Each DELETE and key change in the other table reads this one as a whole.",
     .safe = "Make the index first, CONCURRENTLY."},
    {.id = "foreign-key-type-mismatch",
     .severity = LINT_OFF,
     .summary = "a foreign key joins columns of different types",
     .hazard = "Each check converts values, and an index may be of no use.",
     .safe = "Give both columns the same type."},
    {.id = "if-not-exists-noop",
     .severity = LINT_WARNING,
     .summary = "CREATE TABLE IF NOT EXISTS of a table that is there and looks otherwise",
     .hazard = "The server says nothing and does nothing: the columns are not there afterwards.",
     .safe = "Write ALTER TABLE ... ADD COLUMN for what is missing."},
    {.id = "prefer-robust",
     .severity = LINT_OFF,
     .summary = "a statement outside of a transaction cannot be run a second time",
     .hazard = "When a later statement fails, the file fails at this one when it is tried again.",
     .safe = "Write IF EXISTS or IF NOT EXISTS; for indexes built CONCURRENTLY drop the invalid "
             "one first."},
    {.id = "column-order",
     .severity = LINT_OFF,
     .summary = "columns in another order would need less space",
     .hazard = "Each row carries bytes that only fill gaps.",
     .safe = "Put wide columns of fixed size first, then narrow ones, then text."},
    {.id = "forbidden-type-or-column-policy",
     .severity = LINT_OFF,
     .summary = "a type that the policy forbids, or a column it requires is missing",
     .hazard = "None but the policy's.",
     .safe = "See lint.forbidden_types and lint.required_columns in the policy."},
};

/* ---- foreign keys ---- */

static bool leads(const struct strings *key, const struct strings *columns)
{
  if (key->len < columns->len)
    return false;
  for (size_t i = 0; i < columns->len; i++) { /* in any order, but first */
    bool found = false;
    for (size_t k = 0; k < columns->len; k++)
      found = found || strcmp(columns->at[i], key->at[k]) == 0;
    if (!found)
      return false;
  }
  return true;
}

static bool has_index(const struct lint_relation *table, const struct strings *columns)
{
  for (size_t i = 0; i < table->indexes.len; i++) {
    const struct lint_relation *index = table->indexes.at[i];
    if (!index->dropped && !index->partial && leads(&index->index_columns, columns))
      return true;
  }
  return false;
}

/* The column of a foreign key's other side: written, or the primary key's. */
static const char *other_column(const struct lint_relation *other, const struct sql_constraint *key,
                                size_t i)
{
  if (i < key->referenced_columns.len)
    return key->referenced_columns.at[i];
  for (size_t k = 0; k < other->constraints.len; k++) {
    const struct lint_constraint *constraint = other->constraints.at[k];
    if (constraint->kind == SQL_PRIMARY_KEY && i < constraint->columns.len)
      return constraint->columns.at[i];
  }
  return NULL;
}

/* The name of a type without what serial hides. */
static const char *plain_type(const struct sql_type *type)
{
  static const char *const serials[][2] = {{"serial", "int4"},  {"bigserial", "int8"},
                                           {"serial4", "int4"}, {"serial8", "int8"},
                                           {"serial2", "int2"}, {"smallserial", "int2"}};
  for (size_t i = 0; i < COUNT_OF(serials); i++)
    if (!type->name.schema && strcmp(type->name.name, serials[i][0]) == 0)
      return serials[i][1];
  return type->name.name;
}

static void check_types(struct lint *lint, const struct sql_constraint *key,
                        const struct strings *columns, struct lint_at at)
{
  const struct lint_relation *other = lint_facts_relation(lint->facts, key->referenced);
  for (size_t i = 0; i < columns->len; i++) {
    const char *name = other_column(other, key, i);
    const struct sql_type *mine = lint_facts_column(lint->facts, at.relation, columns->at[i])->type;
    const struct sql_type *theirs = name ? lint_facts_column(lint->facts, other, name)->type : NULL;
    if (mine && theirs && strcmp(plain_type(mine), plain_type(theirs)) != 0)
      lint_add(lint, "foreign-key-type-mismatch", at, "%s is %s, but %s of %s is %s",
               columns->at[i], mine->text, name, other->name, theirs->text);
  }
}

/* At the end of the script, when its table and indexes are known. */
static void check_key(struct lint *lint, const struct sql_constraint *key,
                      const struct strings *columns, struct lint_at at)
{
  if (key->kind != SQL_FOREIGN_KEY)
    return;
  check_types(lint, key, columns, at);
  if (at.relation->complete && !has_index(at.relation, columns))
    lint_add(lint, "foreign-key-without-index", at, "no index of %s begins with %s",
             at.relation->name, columns->at[0]);
}

static void check_column_keys(struct lint *lint, const struct sql_column *column, struct lint_at at)
{
  const struct strings columns = {.at = (const char *[]){column->name}, .len = 1};
  for (size_t i = 0; i < column->constraints.len; i++)
    check_key(lint, &column->constraints.at[i], &columns, at);
}

static void check_keys(struct lint *lint)
{
  const struct sql_tree *tree = lint->tree;
  if (tree->kind != SQL_CREATE_TABLE && tree->kind != SQL_ALTER_TABLE)
    return;
  struct lint_at at = {.relation = lint_facts_relation(lint->facts, tree->name)};
  for (size_t i = 0; i < tree->constraints.len; i++)
    check_key(lint, &tree->constraints.at[i], &tree->constraints.at[i].columns, at);
  for (size_t i = 0; i < tree->columns.len; i++)
    check_column_keys(lint, &tree->columns.at[i], at);
  for (size_t i = 0; i < tree->actions.len; i++) {
    const struct sql_action *action = &tree->actions.at[i];
    at.range = action->range;
    if (action->constraint)
      check_key(lint, action->constraint, &action->constraint->columns, at);
    if (action->column)
      check_column_keys(lint, action->column, at);
  }
}

static void check_script(struct lint *lint)
{
  if (!lint_is_on(lint, "foreign-key-without-index") &&
      !lint_is_on(lint, "foreign-key-type-mismatch"))
    return;
  for (size_t i = 0; i < lint->script->statements.len; i++) {
    lint_turn_to(lint, i);
    if (lint->tree)
      check_keys(lint);
  }
}

/* ---- IF NOT EXISTS ---- */

static bool has_column(const struct lint_relation *table, const char *name)
{
  for (size_t i = 0; i < table->columns.len; i++)
    if (!table->columns.at[i]->dropped && strcmp(table->columns.at[i]->name, name) == 0)
      return true;
  return false;
}

static void check_noop(struct lint *lint)
{
  const struct sql_tree *tree = lint->tree;
  if (tree->kind != SQL_CREATE_TABLE || !tree->if_not_exists)
    return;
  const struct lint_relation *table = lint_facts_relation(lint->facts, tree->name);
  if (!table->complete || table->dropped || table->kind == LINT_UNKNOWN_RELATION)
    return;
  for (size_t i = 0; i < tree->columns.len; i++)
    if (!has_column(table, tree->columns.at[i].name)) {
      lint_add(lint, "if-not-exists-noop", (struct lint_at){.relation = table},
               "%s is there already, without column %s: nothing is done", table->name,
               tree->columns.at[i].name);
      return;
    }
}

/* ---- to be run again ---- */

static bool is_robust(const struct sql_tree *tree)
{
  switch (tree->kind) {
  case SQL_CREATE_TABLE:
  case SQL_CREATE_TABLE_AS:
  case SQL_CREATE_MATVIEW:
  case SQL_CREATE_SCHEMA:
  case SQL_CREATE_INDEX:
    return tree->if_not_exists || tree->concurrently; /* an invalid index would be left */
  case SQL_DROP:
    return tree->if_exists;
  case SQL_ALTER_TABLE:
    for (size_t i = 0; i < tree->actions.len; i++) {
      enum sql_action_kind kind = tree->actions.at[i].kind;
      if (!tree->actions.at[i].if_exists &&
          (kind == SQL_ADD_COLUMN || kind == SQL_DROP_COLUMN || kind == SQL_DROP_CONSTRAINT ||
           kind == SQL_ADD_CONSTRAINT))
        return false;
    }
    return true;
  default:
    return true;
  }
}

static void check_robust(struct lint *lint)
{
  if (!lint_in_transaction(lint) && lint->script->statements.len > 1 && !is_robust(lint->tree))
    lint_add(lint, "prefer-robust", (struct lint_at){0},
             "this fails when the file is run again after a later statement failed");
}

/* ---- space ---- */

/* Bytes that a value of fixed size takes, which is its alignment, too; 0: anything else. */
static int fixed_bytes(const struct sql_type *type)
{
  static const struct {
    const char *name;
    int bytes;
  } types[] = {{"int8", 8},        {"float8", 8}, {"timestamp", 8}, {"timestamptz", 8},
               {"bigserial", 8},   {"time", 8},   {"money", 8},     {"int4", 4},
               {"float4", 4},      {"date", 4},   {"serial", 4},    {"oid", 4},
               {"smallserial", 2}, {"int2", 2},   {"bool", 1}};
  for (size_t i = 0; i < COUNT_OF(types); i++)
    if (type->array_dimensions == 0 && !type->name.schema &&
        strcmp(type->name.name, types[i].name) == 0)
      return types[i].bytes;
  return 0;
}

static int padded(int offset, int bytes)
{
  return (offset + bytes - 1) / bytes * bytes;
}

enum { WIDEST = 8 };

static void check_order(struct lint *lint)
{
  const struct sql_columns *columns = &lint->tree->columns;
  int as_written = 0, data = 0;
  for (size_t i = 0; i < columns->len; i++) {
    int bytes = fixed_bytes(&columns->at[i].type);
    if (bytes == 0)
      break; /* from here on it depends on the values */
    as_written = padded(as_written, bytes) + bytes;
    data += bytes;
  }
  int wasted = padded(as_written, WIDEST) - padded(data, WIDEST);
  if (wasted > 0 && lint->tree->kind == SQL_CREATE_TABLE)
    lint_add(lint, "column-order", (struct lint_at){0},
             "each row of %s could be %d bytes shorter with its widest columns first",
             lint->tree->name.name, wasted);
}

/* ---- the policy's lists ---- */

static bool is_forbidden(const struct lint *lint, const struct sql_type *type)
{
  static const char *const by_default[] = {"timetz", "money"};
  const struct strings *forbidden = &lint->settings->forbidden_types;
  for (size_t i = 0; i < forbidden->len; i++)
    if (strcmp(forbidden->at[i], type->name.name) == 0 || strcmp(forbidden->at[i], type->text) == 0)
      return true;
  for (size_t i = 0; forbidden->len == 0 && i < COUNT_OF(by_default); i++)
    if (!type->name.schema && strcmp(by_default[i], type->name.name) == 0)
      return true;
  return false;
}

static void check_forbidden(struct lint *lint, const struct sql_column *column, struct lint_at at)
{
  if (is_forbidden(lint, &column->type))
    lint_add(lint, "forbidden-type-or-column-policy", at, "column %s has the forbidden type %s",
             column->name, column->type.text);
}

static void check_required(struct lint *lint)
{
  const struct sql_tree *tree = lint->tree;
  const struct strings *required = &lint->settings->required_columns;
  bool plain = tree->kind == SQL_CREATE_TABLE && !tree->temporary && !tree->partition_of.name &&
               tree->likes.len == 0 && tree->inherits.len == 0;
  for (size_t i = 0; plain && i < required->len; i++) {
    bool found = false;
    for (size_t k = 0; k < tree->columns.len; k++)
      found = found || strcmp(tree->columns.at[k].name, required->at[i]) == 0;
    if (!found)
      lint_add(lint, "forbidden-type-or-column-policy", (struct lint_at){0},
               "table %s has no column %s", tree->name.name, required->at[i]);
  }
}

static void check(struct lint *lint)
{
  const struct sql_tree *tree = lint->tree;
  check_noop(lint);
  check_robust(lint);
  check_order(lint);
  for (size_t i = 0; i < tree->columns.len; i++)
    check_forbidden(lint, &tree->columns.at[i], (struct lint_at){0});
  for (size_t i = 0; i < tree->actions.len; i++)
    if (tree->actions.at[i].column)
      check_forbidden(lint, tree->actions.at[i].column,
                      (struct lint_at){.range = tree->actions.at[i].range});
  check_required(lint);
}

const struct lint_family lint_family_design = {rules, COUNT_OF(rules), .statement = check,
                                               .script_end = check_script};
