/* lint/questions.h (private to lint/): what the rows of the database could tell of a finding.
 *
 *   at.question = lint_ask_null(lint, table, column);
 *   lint_add(lint, "may-fail-not-null", at, ...);
 *
 * A rule only writes the question down. lint_answer asks the database when all scripts have been
 * read: in a READ ONLY transaction with a statement_timeout, at most settings->question_rows rows.
 * Rows that violate make the finding an error that names how many and the first; none make it a
 * note. Where statements of the scripts change the rows before, the answer is told and changes
 * nothing. No question (NULL) without a connection, of tables that the database does not have, and
 * where functions would run that are not known to be harmless.
 */
#pragma once

#include "lint/check.h"

struct lint_question {
  const char *table;      /* as the database calls it, quoted; NULL: the columns of a domain */
  const char *where;      /* rows for which it is true violate; of a domain: "value" is the value */
  struct strings unique;  /* or: rows that are equal in these */
  bool nulls_equal;       /* NULLs are equal there */
  struct strings refers;  /* or: rows whose values in these are not in: */
  const char *referenced; /* this table */
  struct strings there;   /* in these columns of it; none: its primary key */
  const char *constraint; /* or: rows that violate this constraint of the table */
  const char *cast;       /* or: rows for which the expression fails */
  struct sql_name domain; /* of a domain: its name; schema may be NULL */
  const char *one, *many; /* what violating rows do: "violates it", "violate it" */
  bool doubtful;          /* the scripts change the rows before the statement */
};

const struct lint_question *lint_ask_null(struct lint *lint, const struct lint_relation *table,
                                          const char *column);
const struct lint_question *lint_ask_any_row(struct lint *lint, const struct lint_relation *table);
const struct lint_question *lint_ask_unique(struct lint *lint, const struct lint_relation *table,
                                            const struct strings *columns, bool nulls_equal);
/* text: "CHECK (n > 0)" */
const struct lint_question *lint_ask_check(struct lint *lint, const struct lint_relation *table,
                                           const char *text,
                                           const struct sql_expression *expression);
const struct lint_question *lint_ask_foreign_key(struct lint *lint,
                                                 const struct lint_relation *table,
                                                 const struct sql_constraint *constraint);
/* VALIDATE of a constraint that the database has. */
const struct lint_question *lint_ask_valid(struct lint *lint, const struct lint_relation *table,
                                           const char *constraint);
const struct lint_question *lint_ask_cast(struct lint *lint, const struct lint_relation *table,
                                          const struct sql_action *action);
/* check: "CHECK (VALUE > 0)"; NULL: NOT NULL. */
const struct lint_question *lint_ask_domain(struct lint *lint, struct sql_name domain,
                                            const char *check,
                                            const struct sql_expression *expression);

/* What the statement does to rows makes later answers doubtful. */
void lint_questions_learn(struct lint *lint);
/* ERR_CONNECT if the connection is lost; a question without an answer is no error. */
int lint_answer(struct lint *lint, struct err *err);
