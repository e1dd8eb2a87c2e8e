#include "lint/check.h"

static const struct lint_rule rules[] = {
    {.id = "type-change-rewrite",
     .severity = LINT_ERROR,
     .summary = "a type change writes the table anew",
     .hazard = "The table and all its indexes are written anew while nobody can read or write it.",
     .lock = LOCK_AX,
     .safe = "Add a column of the new type, keep it filled with a trigger, fill old rows in "
             "batches, then swap the names."},
    {.id = "type-change-index-rebuild",
     .severity = LINT_WARNING,
     .summary = "a type or collation change builds indexes anew",
     .hazard = "The rows stay as they are, but each index of the column is built anew while nobody "
               "can read or write the table.",
     .lock = LOCK_AX,
     .safe = "Add a column of the new type or collation, fill it in batches, build its indexes "
             "CONCURRENTLY, then swap the names."},
    {.id = "type-change-rechecks",
     .severity = LINT_WARNING,
     .summary = "a type change checks the constraints of the column again",
     .hazard = "Every row is read while nobody can use the table; the other table of a foreign key "
               "is locked as well.",
     .lock = LOCK_AX,
     .safe =
         "Drop the constraint, change the type, add the constraint NOT VALID and VALIDATE it in "
         "another transaction."},
    {.id = "type-change-blocked-by-view",
     .severity = LINT_ERROR,
     .summary = "the type of a column that a view reads is changed",
     .hazard = "The server refuses to change the type of a column that a view, a rule, a generated "
               "column, a trigger or a policy names.",
     .safe = "Drop the view and make it again in the same transaction."},
    {.id = "type-change-narrows",
     .severity = LINT_WARNING,
     .summary = "a type is changed to one that holds less",
     .hazard = "It fails if one row does not fit, or it rounds or cuts what the rows hold.",
     .lock = LOCK_AX,
     .safe = "Look first whether every row fits, and keep a copy of the old values."},
    {.id = "type-change-leaves-sequence",
     .severity = LINT_WARNING,
     .summary = "a serial column grows and its sequence does not",
     .hazard = "The sequence still ends at the largest value of the old type: inserts fail when it "
               "is reached.",
     .safe = "ALTER SEQUENCE ... AS bigint as well."},
    {.id = "type-unsupported-ops",
     .severity = LINT_INFO,
     .summary = "a column of type json",
     .hazard = "json has no equality: DISTINCT, GROUP BY and UNION over the column fail.",
     .safe = "Use jsonb."},
    {.id = "enum-value-same-transaction",
     .severity = LINT_ERROR,
     .summary = "a new enum value is used in the transaction that adds it",
     .hazard = "The server refuses: the value is unsafe to use before it is committed.",
     .safe = "Add the value in a file of its own."},
    {.id = "rename-enum-value",
     .severity = LINT_WARNING,
     .summary = "an enum value is renamed",
     .hazard = "A running application that writes the old value fails.",
     .safe = "Add the new value, let all code use it, and leave the old one."},
};

static bool same(const char *a, const char *b)
{
  return a && b && strcmp(a, b) == 0;
}

/* USING that says no more than the change itself: the column, bare or cast to the new type. */
static bool using_is_plain(const struct sql_action *action)
{
  const struct sql_expression *using = action->using;
  if (!using || same(using->bare_column, action->name))
    return true;
  return same(using->cast_column, action->name) && same(using->cast_type, action->type->text);
}

/* ---- the rows are written anew ---- */

static void report_rewrite(struct lint *lint, const struct sql_action *action,
                           const struct sql_type *from, struct lint_at at)
{
  const char *table = at.relation->name;
  const struct sql_type *to = action->type;
  at.eases = true;
  if (!from)
    lint_add(lint, "type-change-rewrite", at,
             "column %s of %s becomes %s; its old type is not known here, so every row may be "
             "written",
             action->name, table, to->text);
  else if (!using_is_plain(action))
    lint_add(lint, "type-change-rewrite", at,
             "column %s of %s changes from %s to %s by an expression: every row is written",
             action->name, table, from->text, to->text);
  else if (same(from->name.name, "timestamp") && same(to->name.name, "timestamptz"))
    lint_add(lint, "type-change-rewrite", at,
             "column %s of %s changes from %s to %s: every row is written, unless the session's "
             "TimeZone is UTC",
             action->name, table, from->text, to->text);
  else
    lint_add(lint, "type-change-rewrite", at,
             "column %s of %s changes from %s to %s: every row is written", action->name, table,
             from->text, to->text);
}

/* ---- the rows stay, what stands on the column does not ---- */

static bool is_in(const struct strings *names, const char *name)
{
  for (size_t i = 0; i < names->len; i++)
    if (strcmp(names->at[i], name) == 0)
      return true;
  return false;
}

static void check_indexes(struct lint *lint, const struct sql_action *action,
                          const struct lint_relation *table, struct lint_at at)
{
  const struct lint_column *column = lint_facts_column(lint->facts, table, action->name);
  at.eases = true;
  for (size_t i = 0; i < table->indexes.len; i++) {
    const struct lint_relation *index = table->indexes.at[i];
    bool of_parent = index->parent; /* told with the parent's */
    bool empty = lint_is_partitioned(table) && index->children.len == 0;
    if (!of_parent && !empty && !lint_facts_index_is_kept(lint->facts, index, column, action))
      lint_add(lint, "type-change-index-rebuild", at,
               "index %s of %s is built anew while the table is locked", index->name, table->name);
  }
  if (action->collation && !table->complete && table->indexes.len == 0)
    lint_add(lint, "type-change-index-rebuild", at,
             "the collation of column %s of %s changes: its indexes, not known here, are built "
             "anew while the table is locked",
             action->name, table->name);
}

static void report_key(struct lint *lint, const struct lint_constraint *key,
                       const struct lint_relation *other, struct lint_at at)
{
  lint_add(lint, "type-change-rechecks", at,
           "foreign key %s of %s is made anew: %s is locked too, and every row is looked up if the "
           "comparison changes",
           key->name, key->relation->name, other->name);
}

static void check_constraints(struct lint *lint, const struct sql_action *action, bool rewrites,
                              struct lint_at at)
{
  const struct lint_relation *table = at.relation;
  at.eases = true;
  for (size_t i = 0; i < table->constraints.len; i++) {
    const struct lint_constraint *c = table->constraints.at[i];
    if (c->dropped || !c->valid || !is_in(&c->columns, action->name))
      continue;
    if (c->kind == SQL_CHECK && !rewrites)
      lint_add(lint, "type-change-rechecks", at,
               "constraint %s of %s is checked again: every row is read while the table is locked",
               c->name, table->name);
    else if (c->kind == SQL_FOREIGN_KEY && c->referenced)
      report_key(lint, c, c->referenced, at);
  }
  for (size_t i = 0; i < table->referencing.len; i++) {
    const struct lint_constraint *c = table->referencing.at[i];
    bool uses = c->referenced_columns.len == 0 || is_in(&c->referenced_columns, action->name);
    if (!c->dropped && uses && c->relation != table)
      report_key(lint, c, c->relation, at);
  }
}

/* ---- what the new type cannot hold ---- */

static int rank_in(const char *const *names, size_t count, const char *name)
{
  for (size_t i = 0; i < count; i++)
    if (strcmp(names[i], name) == 0)
      return (int)i;
  return -1;
}

/* Of one kind of number, by what they hold. */
static bool is_smaller_number(const char *from, const char *to)
{
  static const char *const numbers[] = {"int2", "int4", "int8", "numeric"};
  static const char *const floats[] = {"float4", "float8", "numeric"};
  int a = rank_in(numbers, COUNT_OF(numbers), from), b = rank_in(numbers, COUNT_OF(numbers), to);
  if (a >= 0 && b >= 0)
    return b < a;
  a = rank_in(floats, COUNT_OF(floats), from);
  b = rank_in(floats, COUNT_OF(floats), to);
  if (a >= 0 && b >= 0)
    return b < a;
  return a >= 0 && rank_in(numbers, COUNT_OF(numbers), to) >= 0;
}

/* Digits before and behind the point; fewer of either cut or round. */
static bool has_fewer_digits(const struct sql_type *from, const struct sql_type *to)
{
  int to_scale = to->modifier_count > 1 ? to->modifiers[1] : 0;
  int from_scale = from->modifier_count > 1 ? from->modifiers[1] : 0;
  if (to->modifier_count == 0)
    return false;
  return from->modifier_count == 0 || to_scale < from_scale ||
         to->modifiers[0] - to_scale < from->modifiers[0] - from_scale;
}

static bool has_limit(const char *name)
{
  static const char *const limited[] = {"varchar", "bpchar", "varbit", "bit"};
  return rank_in(limited, COUNT_OF(limited), name) >= 0;
}

static bool is_time(const char *name)
{
  static const char *const times[] = {"timestamp", "timestamptz", "time", "timetz"};
  return rank_in(times, COUNT_OF(times), name) >= 0;
}

static bool narrows(const struct sql_type *from, const struct sql_type *to)
{
  const char *a = from->name.name, *b = to->name.name;
  if (from->name.schema || to->name.schema || from->array_dimensions != to->array_dimensions)
    return false;
  if (is_smaller_number(a, b))
    return true;
  if (strcmp(a, "numeric") == 0 && strcmp(b, "numeric") == 0)
    return has_fewer_digits(from, to);
  bool text = has_limit(a) || strcmp(a, "text") == 0;
  if (text && has_limit(b) && to->modifier_count > 0)
    return from->modifier_count == 0 || to->modifiers[0] < from->modifiers[0];
  enum { FULL_PRECISION = 6 };
  if (is_time(a) && strcmp(a, b) == 0 && to->modifier_count > 0)
    return to->modifiers[0] < (from->modifier_count > 0 ? from->modifiers[0] : FULL_PRECISION);
  return is_time(a) && (strcmp(b, "date") == 0 ||
                        (strncmp(a, "timestamp", 9) == 0 && strncmp(b, "time", 4) == 0 &&
                         strncmp(b, "timestamp", 9) != 0));
}

/* ---- a change of type ---- */

static void report_blocked(struct lint *lint, const char *what, const char *name,
                           const char *column, struct lint_at at)
{
  lint_add(lint, "type-change-blocked-by-view", at,
           "the server refuses to change the type of column %s of %s: %s %s uses it", column,
           at.relation->name, what, name);
}

static void check_views(struct lint *lint, const struct sql_action *action, struct lint_at at)
{
  for (size_t i = 0; i < at.relation->readers.len; i++) {
    const struct lint_relation *view = at.relation->readers.at[i];
    const struct strings *columns = &view->read_columns;
    bool certain = is_in(columns, action->name) && view->reads.len == 1;
    if (view->dropped || !(is_in(columns, action->name) || is_in(columns, "*")))
      continue;
    if (certain) {
      report_blocked(lint, "the view", view->name, action->name, at);
      continue;
    }
    at.lower = 1;
    lint_add(lint, "type-change-blocked-by-view", at,
             "%s reads %s: the server refuses to change the type of column %s if it is among what "
             "is read",
             view->name, at.relation->name, action->name);
    at.lower = 0;
  }
}

/* Of the columns that a rule writes the server asks, too, and they may be named nowhere. */
static void check_rules(struct lint *lint, const struct sql_action *action, struct lint_at at)
{
  for (size_t i = 0; i < at.relation->rule_uses.len; i++) {
    const struct lint_rule_use *use = at.relation->rule_uses.at[i];
    if (!lint_rule_is_there(use))
      continue;
    lint_add(
        lint, "type-change-blocked-by-view", at,
        "the server refuses to change the type of column %s of %s if the rule %s of %s uses it",
        action->name, at.relation->name, use->rule, use->table->name);
    return;
  }
}

/* What the server knows to use the column and does not make anew. */
static void check_users(struct lint *lint, const struct sql_action *action, struct lint_at at)
{
  const struct lint_relation *table = at.relation;
  check_views(lint, action, at);
  check_rules(lint, action, at);
  for (size_t i = 0; i < table->columns.len; i++)
    if (!table->columns.at[i]->dropped &&
        is_in(&table->columns.at[i]->generated_from, action->name))
      report_blocked(lint, "the generated column", table->columns.at[i]->name, action->name, at);
  for (size_t i = 0; i < table->triggers.len; i++)
    if (!table->triggers.at[i]->dropped && is_in(&table->triggers.at[i]->columns, action->name))
      report_blocked(lint, "the trigger", table->triggers.at[i]->name, action->name, at);
  if (is_in(&table->policy_columns, action->name))
    report_blocked(lint, "a policy of", table->name, action->name, at);
}

static bool is_same_type(const struct sql_type *from, const struct sql_type *to)
{
  return strcmp(from->text, to->text) == 0 && !from->odd_modifiers && !to->odd_modifiers;
}

static void check_type(struct lint *lint, const struct sql_action *action, struct lint_at at)
{
  const struct lint_column *column = lint_facts_column(lint->facts, at.relation, action->name);
  const struct sql_type *from = column->type, *to = action->type;
  bool free =
      from && using_is_plain(action) && lint_facts_type_change_is_free(lint->facts, from, to);
  if (!free)
    report_rewrite(lint, action, from, at);
  else
    check_indexes(lint, action, at.relation, at);
  check_constraints(lint, action, !free, at);
  if (from && !is_same_type(from, to) && narrows(from, to))
    lint_add(lint, "type-change-narrows", at,
             "column %s of %s changes from %s to %s: what does not fit fails or is cut",
             action->name, at.relation->name, from->text, to->text);
  check_users(lint, action, at);
}

/* ---- json ---- */

static void check_json(struct lint *lint, const struct sql_type *type, const char *column,
                       struct sql_range range)
{
  if (!type->name.schema && strcmp(type->name.name, "json") == 0)
    lint_add(lint, "type-unsupported-ops", (struct lint_at){.range = range},
             "column %s of %s is json, which cannot be compared", column,
             lint_facts_relation(lint->facts, lint->tree->name)->name);
}

static void check_new_types(struct lint *lint)
{
  const struct sql_tree *tree = lint->tree;
  for (size_t i = 0; i < tree->columns.len; i++)
    check_json(lint, &tree->columns.at[i].type, tree->columns.at[i].name, (struct sql_range){0});
  for (size_t i = 0; i < tree->actions.len; i++) {
    const struct sql_action *action = &tree->actions.at[i];
    if (action->kind == SQL_ADD_COLUMN && action->column)
      check_json(lint, &action->column->type, action->name, action->range);
    else if (action->kind == SQL_ALTER_TYPE && action->type)
      check_json(lint, action->type, action->name, action->range);
  }
}

/* ---- enums ---- */

static bool quotes(const char *body, const char *value, struct arena *arena)
{
  return body && strstr(body, arena_printf(arena, "'%s'", value));
}

static bool uses_value(struct lint *lint, const char *value)
{
  const struct sql_tree *tree = lint->tree;
  for (size_t i = 0; i < tree->strings.len; i++)
    if (strcmp(tree->strings.at[i], value) == 0)
      return true;
  return quotes(tree->body, value, lint->arena);
}

/* A value added earlier in this transaction. A type made in the same transaction may be used at
 * once from 17 on. */
static void check_enum_values(struct lint *lint)
{
  struct lint_enums enums = lint_facts_enums(lint->facts);
  bool new_types_are_free = lint->catalog && lint->catalog->server_version >= 170000;
  for (size_t i = 0; lint->one_transaction && i < enums.len; i++) {
    const struct lint_enum *type = enums.at[i];
    bool made_here = type->created && type->created_at.script == lint->now.script;
    if (type->added_at.script != lint->now.script || (made_here && new_types_are_free))
      continue;
    for (size_t v = 0; v < type->added_values.len; v++)
      if (uses_value(lint, type->added_values.at[v]))
        lint_add(lint, "enum-value-same-transaction", (struct lint_at){0},
                 "the enum value '%s' is used in the transaction that adds it",
                 type->added_values.at[v]);
  }
}

/* ---- sequences ---- */

/* At the end of the script: ALTER SEQUENCE may come behind the change. */
static void check_sequence(struct lint *lint, size_t statement, const struct sql_action *action)
{
  const struct sql_tree *tree = lint->script->statements.at[statement].tree;
  const struct lint_relation *table = lint_facts_relation(lint->facts, tree->name);
  if (lint_facts_column(lint->facts, table, action->name)->generated == SQL_GENERATED_IDENTITY)
    return; /* its sequence is changed along */
  for (size_t i = 0; i < table->sequences.len; i++) {
    const struct lint_relation *sequence = table->sequences.at[i];
    if (sequence->dropped || !same(sequence->owned_by_column, action->name) ||
        !sequence->sequence_type || strcmp(sequence->sequence_type, "bigint") == 0)
      continue;
    lint_turn_to(lint, statement);
    lint_add(lint, "type-change-leaves-sequence",
             (struct lint_at){.range = action->range, .relation = table},
             "column %s of %s becomes bigint, its sequence %s stays %s", action->name, table->name,
             sequence->name, sequence->sequence_type);
  }
}

static void check_sequences(struct lint *lint)
{
  for (size_t i = 0; i < lint->script->statements.len; i++) {
    const struct sql_tree *tree = lint->script->statements.at[i].tree;
    for (size_t k = 0; tree && tree->kind == SQL_ALTER_TABLE && k < tree->actions.len; k++) {
      const struct sql_action *action = &tree->actions.at[k];
      if (action->kind == SQL_ALTER_TYPE && action->type &&
          strcmp(action->type->name.name, "int8") == 0)
        check_sequence(lint, i, action);
    }
  }
}

static void check_action(struct lint *lint, const struct sql_action *action, struct lint_at at)
{
  if (action->kind == SQL_ALTER_TYPE)
    check_type(lint, action, at);
}

static void check(struct lint *lint)
{
  check_enum_values(lint);
  check_new_types(lint);
}

const struct lint_family lint_family_type = {rules, COUNT_OF(rules), .statement = check,
                                             .action = check_action, .script_end = check_sequences};
