/* sql/newer.h (private to sql/): syntax newer than the parser's grammar, said in older words.
 *
 *   struct sql_newer newer;
 *   sql_newer_find(scratch, text, len, &newer);
 *   ... parse newer.text (NULL: the text as it is), digest it ...
 *   sql_newer_apply(&newer, arena, tree);
 *
 * Clauses that PostgreSQL 16 to 18 added are overwritten by something that older grammars know, of
 * the same length, so that positions hold; what was meant is kept as marks, which name their place,
 * and put into the digest. (A word that has to be added, like the alias of a subquery, stands only
 * where no position is asked for.) Clauses of 14 and later that the grammar knows are noted too:
 * the digest tells the oldest server that takes the statement.
 */
#pragma once

#include "sql/tree.h"

enum sql_mark_kind {
  SQL_MARK_NOTE, /* tells nothing but the version */
  SQL_MARK_NOT_ENFORCED,
  SQL_MARK_ENFORCED,
  SQL_MARK_INHERIT,
  SQL_MARK_NO_INHERIT,
  SQL_MARK_NOT_NULL,  /* a table constraint, written as UNIQUE */
  SQL_MARK_NOT_VALID, /* of such a one */
  SQL_MARK_WITHOUT_OVERLAPS,
  SQL_MARK_PERIOD,
  SQL_MARK_VIRTUAL,        /* a generated column, written as a default */
  SQL_MARK_SET_EXPRESSION, /* written as SET DEFAULT */
  SQL_MARK_DEFAULT_METHOD,
  SQL_MARK_BY_SOURCE,
  SQL_MARK_ONLY,
  SQL_MARK_NO_NAME, /* a name was added that the statement does not have */
};

struct sql_mark {
  enum sql_mark_kind kind;
  int major;          /* of the first server that knows the clause */
  const char *clause; /* "NOT ENFORCED" */
  struct sql_range range;
};
VEC_TYPE(sql_marks, struct sql_mark);

struct sql_newer {
  struct sql_marks marks;
  const char *text; /* in older words; NULL: nothing had to be rewritten */
};

void sql_newer_find(struct arena *arena, const char *text, size_t len, struct sql_newer *ret);
/* The tree is in the arena. */
void sql_newer_apply(const struct sql_newer *newer, struct arena *arena, struct sql_tree *tree);
