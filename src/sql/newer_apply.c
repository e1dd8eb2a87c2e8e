#include "sql/newer.h"

/* Whom a mark is about: what begins last before it. */
struct owner {
  struct sql_column *column;
  struct sql_constraint *constraint; /* of that column, or of the table */
  struct sql_action *action;
};

static void consider_constraints(struct owner *owner, struct sql_constraints *all, size_t at)
{
  for (size_t i = 0; i < all->len; i++) {
    struct sql_constraint *constraint = &all->at[i];
    if (constraint->at <= at && (!owner->constraint || owner->constraint->at <= constraint->at))
      owner->constraint = constraint;
  }
}

static void consider_column(struct owner *owner, struct sql_column *column, size_t at)
{
  if (column->at > at || (owner->column && owner->column->at > column->at))
    return;
  owner->column = column;
  owner->constraint = NULL;
  consider_constraints(owner, &column->constraints, at);
}

static void consider_action(struct owner *owner, struct sql_action *action, size_t at)
{
  if (action->range.start > at || action->range.end <= at)
    return;
  owner->action = action;
  if (action->column)
    consider_column(owner, action->column, at);
  if (action->constraint)
    owner->constraint = action->constraint;
}

static struct owner find_owner(struct sql_tree *tree, size_t at)
{
  struct owner owner = {0};
  for (size_t i = 0; i < tree->columns.len; i++)
    consider_column(&owner, &tree->columns.at[i], at);
  consider_constraints(&owner, &tree->constraints, at);
  for (size_t i = 0; i < tree->actions.len; i++)
    consider_action(&owner, &tree->actions.at[i], at);
  return owner;
}

static void apply_to_constraint(struct sql_constraint *constraint, enum sql_mark_kind kind)
{
  switch (kind) {
  case SQL_MARK_NOT_ENFORCED:
    constraint->not_enforced = constraint->not_valid = true;
    break;
  case SQL_MARK_NOT_NULL:
    constraint->kind = SQL_NOT_NULL;
    break;
  case SQL_MARK_NOT_VALID:
    constraint->not_valid = true;
    break;
  case SQL_MARK_NO_INHERIT:
    constraint->no_inherit = true;
    break;
  case SQL_MARK_WITHOUT_OVERLAPS:
  case SQL_MARK_PERIOD:
    constraint->temporal = true;
    break;
  default:
    break;
  }
}

static void apply_to_action(struct sql_action *action, enum sql_mark_kind kind)
{
  switch (kind) {
  case SQL_MARK_SET_EXPRESSION:
    action->kind = SQL_SET_EXPRESSION;
    break;
  case SQL_MARK_DEFAULT_METHOD:
    action->name = action->text = NULL;
    break;
  case SQL_MARK_NOT_ENFORCED:
    action->enforced = SQL_SAID_NOT;
    break;
  case SQL_MARK_ENFORCED:
    action->enforced = SQL_SAID;
    break;
  case SQL_MARK_NO_INHERIT:
    action->inherit = SQL_SAID_NOT;
    break;
  case SQL_MARK_INHERIT:
    action->inherit = SQL_SAID;
    break;
  default:
    break;
  }
}

static void apply(const struct sql_mark *mark, struct sql_tree *tree)
{
  struct owner owner = find_owner(tree, mark->range.start);
  if (mark->kind == SQL_MARK_VIRTUAL && owner.column) {
    owner.column->generated = SQL_GENERATED_VIRTUAL;
    owner.column->generated_as = owner.column->default_value;
    owner.column->default_value = NULL;
  } else if (mark->kind == SQL_MARK_BY_SOURCE) {
    /* rows that nothing joins are changed too: the condition restricts nothing */
    for (size_t i = 0; i < tree->changes.len; i++)
      if (tree->changes.at[i].kind == SQL_MERGE)
        tree->changes.at[i].where = false;
  } else if (mark->kind == SQL_MARK_ONLY) {
    tree->only = true;
  } else if (mark->kind == SQL_MARK_NO_NAME) {
    tree->name = (struct sql_name){0};
  } else if (owner.constraint) {
    apply_to_constraint(owner.constraint, mark->kind);
  } else if (owner.action) {
    apply_to_action(owner.action, mark->kind);
  }
}

void sql_newer_apply(const struct sql_newer *newer, struct arena *arena, struct sql_tree *tree)
{
  for (size_t i = 0; i < newer->marks.len; i++) {
    const struct sql_mark *mark = &newer->marks.at[i];
    apply(mark, tree);
    if (mark->major > tree->newest.major)
      tree->newest =
          (struct sql_newest){mark->major, arena_strdup(arena, mark->clause), mark->range};
  }
}
