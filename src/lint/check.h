/* lint/check.h (private to lint/): what a check gets and how it reports.
 *
 * A check is one function a family (rules_<family>.c). It is called for every statement that was
 * understood, looks at lint->tree and calls lint_add for what it finds. Checks share nothing but
 * the facts.
 */
#pragma once

#include "lint/facts.h"
#include "lint/lint.h"

struct lint {
  struct arena *arena;
  const struct lint_settings *settings;
  const struct catalog *catalog; /* NULL: static depth */
  struct lint_facts *facts;
  struct lint_report *report;
  VEC(size_t) owners; /* for each finding its statement, for suppression */
  /* the statement being looked at */
  const struct sql_script *script;
  const struct sql_statement *statement;
  const struct sql_tree *tree;
  struct lint_moment now;
  bool one_transaction; /* the file runs as one transaction */
  bool in_block;        /* between BEGIN and COMMIT */
};

/* Where and how a finding is reported; all may be left out. */
struct lint_at {
  struct sql_range range; /* the clause; else the whole statement */
  const struct lint_relation *relation;
  bool eases; /* harm grows with the table: one level lower on a small one */
  int lower;  /* levels below the rule's severity, never below info */
};

void lint_add(struct lint *lint, const char *rule, struct lint_at at, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
/* For findings that are about the script and no statement: statement is (size_t)-1. */
void lint_add_at(struct lint *lint, const char *rule, struct sql_place start, struct sql_place end,
                 const char *message);

void lint_check_index(struct lint *lint);
void lint_check_constraint(struct lint *lint);
void lint_check_column(struct lint *lint);
void lint_check_type(struct lint *lint);
void lint_check_destructive(struct lint *lint);
void lint_check_rename(struct lint *lint);
void lint_check_maintenance(struct lint *lint);
void lint_check_data(struct lint *lint);
/* These two also see statements that were not understood (lint->tree is NULL). */
void lint_check_transaction(struct lint *lint);
void lint_check_meta(struct lint *lint);
/* Once a script: transaction control that the file may not hold. */
void lint_check_script(struct lint *lint);

/* suppress.c: marks findings of the current script, from index `first` on, and reports useless or
 * wrong ignores. */
void lint_suppress(struct lint *lint, size_t first);
