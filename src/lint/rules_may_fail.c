/* What fails late, if the rows are not as hoped. Said of tables that hold rows already; a look at
 * the rows answers it. */
#include "lint/questions.h"

static const struct lint_rule rules[] = {
    {.id = "may-fail-unique",
     .severity = LINT_INFO,
     .summary = "rows that are equal make the statement fail",
     .hazard = "The server refuses a unique index or an exclusion constraint if two rows collide, "
               "after it has read the table.",
     .safe = "Look for such rows first: SELECT columns, count(*) ... GROUP BY columns HAVING "
             "count(*) > 1."},
    {.id = "may-fail-not-null",
     .severity = LINT_INFO,
     .summary = "a NULL in the column makes the statement fail",
     .hazard = "The server refuses NOT NULL if one row holds NULL, after it has read the table.",
     .safe = "Look for such rows first: SELECT count(*) ... WHERE column IS NULL."},
    {.id = "may-fail-check-fk",
     .severity = LINT_INFO,
     .summary = "a row that violates the constraint makes the statement fail",
     .hazard = "The server refuses the constraint if one row violates it, after it has read the "
               "table.",
     .safe = "Look for such rows first, and mend them in a migration of their own."},
    {.id = "may-fail-cast",
     .severity = LINT_INFO,
     .summary = "a value that does not fit the new type makes the statement fail",
     .hazard = "The server refuses the change of type if one value cannot be converted, after it "
               "has written part of the table anew.",
     .safe = "Look for such values first, with the same expression in a SELECT."},
};

static const char *columns_text(struct lint *lint, const struct strings *columns)
{
  const char *text = "";
  for (size_t i = 0; i < columns->len; i++)
    text = arena_printf(lint->arena, "%s%s%s", text, i > 0 ? ", " : "", columns->at[i]);
  return text;
}

static bool may_be_null(struct lint *lint, const struct lint_relation *table, const char *column)
{
  return !lint_facts_column(lint->facts, table, column)->not_null &&
         !lint_facts_proves_not_null(lint->facts, table, column, lint->tree);
}

static void report_null(struct lint *lint, const char *column, struct lint_at at)
{
  at.question = lint_ask_null(lint, at.relation, column);
  if (may_be_null(lint, at.relation, column))
    lint_add(lint, "may-fail-not-null", at,
             "NOT NULL on column %s of %s fails if one row holds NULL there", column,
             at.relation->name);
}

static void check_key(struct lint *lint, const struct sql_constraint *c, struct lint_at at)
{
  const struct strings *columns = &c->columns;
  if (c->using_index) {
    struct sql_name name = {.schema = at.relation->at.schema, .name = c->using_index};
    columns = &lint_facts_relation(lint->facts, name)->index_columns;
  } else {
    at.question = lint_ask_unique(lint, at.relation, columns, c->nulls_not_distinct);
    lint_add(lint, "may-fail-unique", at, "it fails if two rows of %s have equal values in %s",
             at.relation->name, columns_text(lint, columns));
  }
  for (size_t i = 0; c->kind == SQL_PRIMARY_KEY && i < columns->len; i++)
    report_null(lint, columns->at[i], at);
}

static void check_constraint(struct lint *lint, const struct sql_constraint *c, struct lint_at at)
{
  const char *table = at.relation->name;
  switch (c->kind) {
  case SQL_UNIQUE:
  case SQL_PRIMARY_KEY:
    check_key(lint, c, at);
    break;
  case SQL_EXCLUDE:
    lint_add(lint, "may-fail-unique", at, "it fails if two rows of %s exclude each other", table);
    break;
  case SQL_CHECK:
    at.question = lint_ask_check(lint, at.relation, c->text, &c->check);
    if (!c->not_valid)
      lint_add(lint, "may-fail-check-fk", at, "it fails if one row of %s violates the check",
               table);
    break;
  case SQL_FOREIGN_KEY:
    at.question = lint_ask_foreign_key(lint, at.relation, c);
    if (!c->not_valid)
      lint_add(lint, "may-fail-check-fk", at, "it fails if one row of %s refers to no row of %s",
               table, lint_facts_relation(lint->facts, c->referenced)->name);
    break;
  case SQL_NOT_NULL:
    if (!c->not_valid && c->columns.len > 0)
      report_null(lint, c->columns.at[0], at);
    break;
  }
}

/* What is valid already is not checked again. */
static void check_validate(struct lint *lint, const struct sql_action *action, struct lint_at at)
{
  const struct lint_constraint *c = lint_facts_constraint(lint->facts, at.relation, action->name);
  at.question = lint_ask_valid(lint, at.relation, action->name);
  if (!c->valid)
    lint_add(lint, "may-fail-check-fk", at, "it fails if one row of %s violates constraint %s",
             at.relation->name, action->name);
}

/* Types that take any value of the ones before them. */
static bool always_fits(const struct sql_type *from, const struct sql_type *to)
{
  static const char *const growing[] = {"int2", "int4", "int8", "numeric"};
  if (to->modifier_count > 0 || to->name.schema || from->name.schema || to->odd_modifiers ||
      to->array_dimensions != from->array_dimensions)
    return false;
  if (strcmp(to->name.name, "text") == 0 || strcmp(to->name.name, "varchar") == 0)
    return true;
  bool seen = false;
  for (size_t i = 0; i < COUNT_OF(growing); i++) {
    seen = seen || strcmp(growing[i], from->name.name) == 0;
    if (seen && strcmp(growing[i], to->name.name) == 0)
      return true;
  }
  return strcmp(from->name.name, "float4") == 0 && strcmp(to->name.name, "float8") == 0;
}

static void check_cast(struct lint *lint, const struct sql_action *action, struct lint_at at)
{
  const struct lint_column *column = lint_facts_column(lint->facts, at.relation, action->name);
  const struct sql_type *from = column->type, *to = action->type;
  if (from && !action->using &&
      (lint_facts_type_change_is_free(lint->facts, from, to) || always_fits(from, to)))
    return;
  at.question = lint_ask_cast(lint, at.relation, action);
  lint_add(lint, "may-fail-cast", at, "it fails if one value of column %s of %s cannot become %s%s",
           action->name, at.relation->name, to->text,
           from ? "" : "; the old type is not known here");
}

/* A new column is NULL in every row, or holds one constant. */
static void check_added(struct lint *lint, const struct sql_column *column, struct lint_at at)
{
  bool has_value = column->default_value && !column->default_value->is_null;
  for (size_t i = 0; i < column->constraints.len; i++) {
    const struct sql_constraint *c = &column->constraints.at[i];
    if (c->kind == SQL_CHECK || (c->kind == SQL_FOREIGN_KEY && has_value))
      check_constraint(lint, c, at);
    else if ((c->kind == SQL_UNIQUE || c->kind == SQL_PRIMARY_KEY) && has_value)
      lint_add(lint, "may-fail-unique", at,
               "it fails if %s has two rows and the default of column %s is the same for both",
               at.relation->name, column->name);
  }
}

static void check_attach(struct lint *lint, const struct sql_action *action, struct lint_at at)
{
  const struct lint_relation *parent = at.relation, *rest = parent->default_partition;
  const struct lint_relation *partition = lint_facts_relation(lint->facts, action->partition);
  at.relation = partition;
  if (!lint_is_new(partition) && !action->partition_default)
    lint_add(lint, "may-fail-check-fk", at,
             "it fails if one row of %s does not belong between the bounds", partition->name);
  at.relation = rest;
  if (rest && rest != partition && !lint_is_new(rest))
    lint_add(lint, "may-fail-check-fk", at,
             "it fails if one row of the default partition %s belongs into %s", rest->name,
             partition->name);
}

static void check_action(struct lint *lint, const struct sql_action *action, struct lint_at at)
{
  switch (action->kind) {
  case SQL_ADD_CONSTRAINT:
    if (action->constraint)
      check_constraint(lint, action->constraint, at);
    break;
  case SQL_VALIDATE_CONSTRAINT:
    check_validate(lint, action, at);
    break;
  case SQL_SET_NOT_NULL:
    report_null(lint, action->name, at);
    break;
  case SQL_ALTER_TYPE:
    check_cast(lint, action, at);
    break;
  case SQL_ADD_COLUMN:
    if (action->column)
      check_added(lint, action->column, at);
    break;
  case SQL_ATTACH_PARTITION:
    check_attach(lint, action, at);
    break;
  default:
    break;
  }
}

static void check_unique_index(struct lint *lint)
{
  const struct sql_tree *tree = lint->tree;
  const struct lint_relation *table = lint_facts_relation(lint->facts, tree->name);
  struct lint_at at = {.relation = table};
  struct strings columns = {0};
  bool plain = !tree->where;
  for (size_t i = 0; i < tree->keys.len; i++) {
    const struct sql_key *key = &tree->keys.at[i];
    plain = plain && key->column && !key->collation && !key->opclass;
    vec_push(lint->arena, &columns, key->column);
  }
  if (lint_is_new(table))
    return;
  if (plain)
    at.question = lint_ask_unique(lint, table, &columns, tree->nulls_not_distinct);
  lint_add(lint, "may-fail-unique", at, "it fails if two rows of %s are equal in what %s covers",
           table->name, tree->index_name ? tree->index_name : "the index");
}

static void check_domain(struct lint *lint)
{
  const struct sql_tree *tree = lint->tree;
  for (size_t i = 0; i < tree->actions.len; i++) {
    const struct sql_action *action = &tree->actions.at[i];
    const struct sql_constraint *c = action->constraint;
    struct lint_at at = {.range = action->range};
    if (action->kind == SQL_SET_NOT_NULL) {
      at.question = lint_ask_domain(lint, tree->name, NULL, NULL);
      lint_add(lint, "may-fail-not-null", at, "it fails if one value of domain %s is NULL",
               tree->name.name);
    } else if (action->kind == SQL_ADD_CONSTRAINT && c && c->kind == SQL_CHECK && !c->not_valid) {
      at.question = lint_ask_domain(lint, tree->name, c->text, &c->check);
      lint_add(lint, "may-fail-check-fk", at, "it fails if one value of domain %s violates it",
               tree->name.name);
    } else if (action->kind == SQL_VALIDATE_CONSTRAINT) {
      lint_add(lint, "may-fail-check-fk", at, "it fails if one value of domain %s violates it",
               tree->name.name);
    }
  }
}

/* Whether rows may use the domain: where it is not known, they may. */
static bool has_users(struct lint *lint, struct sql_name domain)
{
  struct lint_relations users = lint_facts_domain_users(lint->facts, domain);
  for (size_t i = 0; i < users.len; i++)
    if (!lint_is_new(users.at[i]))
      return true;
  return !lint_facts_domain(lint->facts, domain);
}

static void check(struct lint *lint)
{
  if (lint->tree->kind == SQL_CREATE_INDEX && lint->tree->unique)
    check_unique_index(lint);
  else if (lint->tree->kind == SQL_ALTER_DOMAIN && has_users(lint, lint->tree->name))
    check_domain(lint);
}

const struct lint_family lint_family_may_fail = {rules, COUNT_OF(rules), .statement = check,
                                                 .action = check_action};
