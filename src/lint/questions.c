#include "lint/questions.h"

#include "sql/quote.h"

#include <ctype.h>
#include <strings.h>

/* ---- what changes rows ---- */

static bool runs_code(const struct sql_tree *tree)
{
  return !tree || tree->kind == SQL_DO || tree->kind == SQL_CALL || tree->kind == SQL_EXECUTE ||
         (tree->kind == SQL_SELECT && tree->functions.len > 0);
}

/* Columns that are called otherwise then, or hold other values. */
static bool changes_values(const struct sql_tree *tree)
{
  for (size_t i = 0; i < tree->actions.len; i++)
    if (tree->actions.at[i].kind == SQL_ALTER_TYPE || tree->actions.at[i].kind == SQL_DROP_COLUMN ||
        tree->actions.at[i].kind == SQL_ATTACH_PARTITION ||
        tree->actions.at[i].kind == SQL_DETACH_PARTITION)
      return true;
  return false;
}

void lint_questions_learn(struct lint *lint)
{
  const struct sql_tree *tree = lint->tree;
  if (lint->statement->transaction != SQL_NOT_TRANSACTION)
    return;
  if (runs_code(tree)) {
    lint->all_rows_changed = true;
    return;
  }
  for (size_t i = 0; i < tree->changes.len; i++) {
    struct lint_relation *table = lint_facts_relation(lint->facts, tree->changes.at[i].relation);
    vec_push(lint->arena, &lint->rows_changed, table);
    if (tree->changes.at[i].kind == SQL_DELETE || table->triggers.len > 0)
      lint->all_rows_changed = true; /* what refers to it, what its triggers do */
  }
  if (tree->kind == SQL_COPY || tree->kind == SQL_TRUNCATE)
    lint->all_rows_changed = true;
  if (tree->kind == SQL_RENAME || (tree->kind == SQL_ALTER_TABLE && changes_values(tree)))
    vec_push(lint->arena, &lint->rows_changed, lint_facts_relation(lint->facts, tree->name));
}

static bool is_changed(const struct lint *lint, const struct lint_relation *table)
{
  for (size_t i = 0; i < lint->rows_changed.len; i++)
    if (lint->rows_changed.at[i] == table)
      return true;
  return lint->all_rows_changed;
}

/* ---- questions ---- */

static struct lint_question *new_question(struct lint *lint, const struct lint_relation *table)
{
  if (!lint->input->conn || !lint->settings->questions || !table->table || table->created)
    return NULL;
  struct lint_question *q = ARENA_NEW(lint->arena, struct lint_question);
  *q = (struct lint_question){.table = table->table->identity,
                              .one = "violates it",
                              .many = "violate it",
                              .doubtful = is_changed(lint, table)};
  return q;
}

static bool is_harmless(const struct lint *lint, const struct sql_expression *expression)
{
  for (size_t i = 0; expression && i < expression->functions.len; i++)
    if (lint_facts_volatility(lint->facts, expression->functions.at[i]) != LINT_NOT_VOLATILE)
      return false;
  return expression != NULL;
}

const struct lint_question *lint_ask_null(struct lint *lint, const struct lint_relation *table,
                                          const char *column)
{
  struct lint_question *q = new_question(lint, table);
  if (q)
    q->where = arena_printf(lint->arena, "t.%s IS NULL", sql_ident(lint->arena, column));
  return q;
}

const struct lint_question *lint_ask_any_row(struct lint *lint, const struct lint_relation *table)
{
  struct lint_question *q = new_question(lint, table);
  if (!q)
    return NULL;
  q->where = "true";
  q->one = "is there";
  q->many = "are there";
  return q;
}

const struct lint_question *lint_ask_unique(struct lint *lint, const struct lint_relation *table,
                                            const struct strings *columns, bool nulls_equal)
{
  struct lint_question *q = new_question(lint, table);
  if (!q || columns->len == 0)
    return NULL;
  q->unique = *columns;
  q->one = "occurs more than once";
  q->many = "occur more than once";
  q->nulls_equal = nulls_equal;
  return q;
}

/* The parentheses and what is in them. */
static const char *expression_of(const char *check)
{
  while (isspace((unsigned char)*check))
    check++;
  return check && strncasecmp(check, "CHECK", 5) == 0 ? check + 5 : NULL;
}

const struct lint_question *lint_ask_check(struct lint *lint, const struct lint_relation *table,
                                           const char *text,
                                           const struct sql_expression *expression)
{
  struct lint_question *q = new_question(lint, table);
  const char *inside = text ? expression_of(text) : NULL;
  if (!q || !inside || !is_harmless(lint, expression))
    return NULL;
  q->where = arena_printf(lint->arena, "NOT (%s)", inside);
  return q;
}

const struct lint_question *lint_ask_foreign_key(struct lint *lint,
                                                 const struct lint_relation *table,
                                                 const struct sql_constraint *constraint)
{
  const struct lint_relation *other = lint_facts_relation(lint->facts, constraint->referenced);
  struct lint_question *q = new_question(lint, table);
  if (!q || !other->table || other->created || constraint->temporal || constraint->columns.len == 0)
    return NULL;
  q->refers = constraint->columns;
  q->referenced = other->table->identity;
  q->there = constraint->referenced_columns;
  q->doubtful = q->doubtful || is_changed(lint, other);
  return q;
}

const struct lint_question *lint_ask_valid(struct lint *lint, const struct lint_relation *table,
                                           const char *constraint)
{
  struct lint_question *q = new_question(lint, table);
  if (!q || lint_facts_constraint(lint->facts, table, constraint)->added)
    return NULL;
  q->constraint = constraint;
  return q;
}

/* Behind the last USING of the clause that stands outside of quotes and parentheses. */
static const char *using_text(struct lint *lint, struct sql_range range)
{
  const char *text = lint->statement->text, *found = NULL;
  size_t end = range.end ? range.end : lint->statement->len;
  int depth = 0;
  for (size_t i = range.start; i < end && text[i]; i++) {
    if (text[i] == '\'' || text[i] == '"') {
      const char *close = strchr(text + i + 1, text[i]);
      i = close ? (size_t)(close - text) : end;
    } else if (text[i] == '(' || text[i] == ')') {
      depth += text[i] == '(' ? 1 : -1;
    } else if (depth == 0 && i > range.start && isspace((unsigned char)text[i - 1]) &&
               strncasecmp(text + i, "USING", 5) == 0 && !isalnum((unsigned char)text[i + 5]) &&
               text[i + 5] != '_') {
      found = text + i + 5;
    }
  }
  return found ? arena_strndup(lint->arena, found, (size_t)(text + end - found)) : NULL;
}

/* Types whose explicit cast cuts what does not fit, where ALTER COLUMN refuses it. */
static bool is_cut(const struct sql_type *type)
{
  static const char *const names[] = {"varchar", "bpchar", "bit", "varbit"};
  for (size_t i = 0; i < COUNT_OF(names); i++)
    if (strcmp(type->name.name, names[i]) == 0)
      return type->modifier_count > 0 || strcmp(names[i], "bpchar") == 0;
  return false;
}

const struct lint_question *lint_ask_cast(struct lint *lint, const struct lint_relation *table,
                                          const struct sql_action *action)
{
  struct arena *arena = lint->arena;
  const struct sql_type *to = action->type;
  struct lint_question *q = new_question(lint, table);
  if (!q || to->name.schema || to->array_dimensions > 0)
    return NULL;
  const char *column = sql_ident(arena, action->name);
  if (action->using) {
    const char *text = using_text(lint, action->range);
    if (!text || is_cut(to) || !is_harmless(lint, action->using))
      return NULL;
    q->cast = arena_printf(arena, "(%s)::%s", text, to->text);
  } else if (!is_cut(to)) {
    q->cast = arena_printf(arena, "t.%s::%s", column, to->text);
  } else if (strcmp(to->name.name, "varchar") == 0 && to->modifier_count == 1) {
    q->where =
        arena_printf(arena, "char_length(rtrim(t.%s::text, ' ')) > %d", column, to->modifiers[0]);
  } else {
    return NULL;
  }
  return q;
}

const struct lint_question *lint_ask_domain(struct lint *lint, struct sql_name domain,
                                            const char *check,
                                            const struct sql_expression *expression)
{
  const char *inside = check ? expression_of(check) : NULL;
  if (!lint->input->conn || !lint->settings->questions ||
      (check && (!inside || !is_harmless(lint, expression))))
    return NULL;
  struct lint_question *q = ARENA_NEW(lint->arena, struct lint_question);
  *q = (struct lint_question){.domain = domain,
                              .one = "violates it",
                              .many = "violate it",
                              .doubtful = lint->all_rows_changed || lint->rows_changed.len > 0};
  q->where = check ? arena_printf(lint->arena, "NOT (%s)", inside) : "value IS NULL";
  return q;
}
