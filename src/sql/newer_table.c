#include "sql/newer_private.h"

/* Whether an element of a table, or what ADD adds, begins at i. */
static bool begins_element(const struct newer_rewriter *r, size_t i)
{
  return i > 0 && (newer_is_char(r, i - 1, '(') || newer_is_char(r, i - 1, ',') ||
                   newer_is(r, i - 1, "add"));
}

/* [CONSTRAINT name] NOT NULL column becomes UNIQUE( column), in the place of the words. */
static void find_not_null(struct newer_rewriter *r, size_t i)
{
  size_t begin = i >= 2 && newer_is(r, i - 2, "constraint") ? i - 2 : i;
  if (!newer_match(r, i, "not null ?") || !begins_element(r, begin))
    return;
  struct sql_token name = newer_token_at(r, i + 2);
  char *column = arena_strndup(r->arena, r->scan.bytes + name.start, name.end - name.start);
  if (!newer_put(r, i, i + 3, arena_printf(r->arena, "UNIQUE(%s)", column)))
    return;
  newer_mark(
      r, i, i + 3,
      (struct sql_mark){SQL_MARK_NOT_NULL, 18, "NOT NULL as a constraint of the table", {0}});
  for (i += 3;; i += 2) {
    if (newer_match(r, i, "not valid"))
      newer_mark(r, i, i + 2,
                 (struct sql_mark){SQL_MARK_NOT_VALID, 18, "NOT NULL ... NOT VALID", {0}});
    else if (newer_match(r, i, "no inherit"))
      newer_mark(r, i, i + 2,
                 (struct sql_mark){SQL_MARK_NO_INHERIT, 18, "NOT NULL ... NO INHERIT", {0}});
    else
      return;
    newer_put(r, i, i + 2, "");
  }
}

static void find_column_not_null(struct newer_rewriter *r, size_t i)
{
  if (newer_match(r, i, "not null no inherit")) {
    newer_put(r, i, i + 4, "NOT NULL");
    newer_mark(r, i, i + 4, (struct sql_mark){.major = 18, .clause = "NOT NULL ... NO INHERIT"});
  }
}

static void find_enforced(struct newer_rewriter *r, size_t i)
{
  static const char *const not_behind[] = {"not",    "add",  "column", "to",         "alter",
                                           "rename", "drop", "exists", "constraint", NULL};
  if (!newer_is(r, i, "enforced") || i == 0 || newer_is_char(r, i - 1, '(') ||
      newer_is_char(r, i - 1, ',') || newer_is_one_of(r, i - 1, not_behind))
    return;
  newer_put(r, i, i + 1, "");
  newer_mark(r, i, i + 1, (struct sql_mark){SQL_MARK_ENFORCED, 18, "ENFORCED", {0}});
}

/* What stands behind the name of ALTER CONSTRAINT is left out, the bare form is known. */
static void find_alter_constraint(struct newer_rewriter *r, size_t i)
{
  if (!newer_match(r, i, "alter constraint ?"))
    return;
  size_t at = i + 3, n = newer_is(r, at, "no") ? 2 : 1;
  if (newer_is(r, at + n - 1, "inherit"))
    newer_put(r, at, at + n, "");
}

/* GENERATED ALWAYS AS (e) [VIRTUAL] becomes DEFAULT (e): every older grammar wants STORED. */
static void find_virtual(struct newer_rewriter *r, size_t i)
{
  if (!newer_match(r, i, "generated always as") || !newer_is_char(r, i + 3, '('))
    return;
  size_t behind = newer_skip_parentheses(r, i + 3);
  if (newer_is(r, behind, "stored"))
    return;
  newer_put(r, i, i + 3, "DEFAULT");
  if (newer_is(r, behind, "virtual"))
    newer_put(r, behind, behind + 1, "");
  newer_mark(r, i, newer_is(r, behind, "virtual") ? behind + 1 : behind,
             (struct sql_mark){SQL_MARK_VIRTUAL, 18, "a virtual generated column", {0}});
}

static void find_storage(struct newer_rewriter *r, size_t i)
{
  static const char *const kinds[] = {"plain", "external", "extended", "main", "default", NULL};
  static const char *const not_behind[] = {"set",    "including", "excluding", "add", "column",
                                           "rename", "alter",     "drop",      "to",  NULL};
  if (newer_is(r, i, "compression") && i > 0 && newer_is_name(r, i - 1) &&
      newer_is_name(r, i + 1) && !newer_is_one_of(r, i - 1, not_behind)) {
    newer_note(r, i, i + 2, 14, "COMPRESSION");
    return;
  }
  if (!newer_is(r, i, "storage") || i == 0 || !newer_is_one_of(r, i + 1, kinds) ||
      newer_is_char(r, i - 1, '(') || newer_is_char(r, i - 1, ',') ||
      newer_is_one_of(r, i - 1, not_behind))
    return;
  newer_put(r, i, i + 2, "");
  newer_note(r, i, i + 2, 16, "STORAGE of a new column");
}

static void find_period(struct newer_rewriter *r, size_t i)
{
  if (!newer_is(r, i, "period") || i == 0 || !newer_is_char(r, i - 1, ',') ||
      !newer_is_name(r, i + 1) || !newer_is_char(r, i + 2, ')'))
    return;
  newer_put(r, i, i + 1, "");
  newer_mark(r, i, i + 2, (struct sql_mark){SQL_MARK_PERIOD, 18, "PERIOD", {0}});
}

void newer_find_in_table(struct newer_rewriter *r, size_t i)
{
  if (r->levels.len != r->element_level) {
    find_period(r, i);
    return;
  }
  find_not_null(r, i);
  find_column_not_null(r, i);
  find_enforced(r, i);
  find_alter_constraint(r, i);
  find_virtual(r, i);
  find_storage(r, i);
}
