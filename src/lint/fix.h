/* lint/fix.h: what is mechanically safe to write instead.
 *
 *   struct lint_pieces pieces;
 *   const char *why;      // why there is nothing to be done
 *   if (lint_fix_script(arena, &input, &report, script, &pieces, &why))
 *     ...pieces.at[0] goes into the file, each other one into a migration of its own behind it
 *
 * Which statement can be fixed, and how, is found while it is linted (fix.c), because it depends on
 * what is known of the tables at that moment: only where it is certain that the result is the same
 * schema. Elsewhere a finding of such a rule says why not (no_fix). The order of statements never
 * changes, but that VALIDATE comes at the end; what must run alone gets a piece of its own.
 */
#pragma once

#include "lint/lint.h"

/* Bytes of a statement that are replaced. */
struct lint_edit {
  size_t offset, len; /* len 0: only put in */
  const char *text;
};
VEC_TYPE(lint_edits, struct lint_edit);

/* Of one finding. */
struct lint_fix {
  const struct lint_rule *rule;
  size_t script, statement, offset; /* of the finding */
  struct lint_edits edits;
  const char *first;    /* a SET that each piece begins with; or NULL */
  const char *before;   /* a statement that runs just before, with what stands there; or NULL */
  struct strings apart; /* then these, each in a piece of its own */
  bool fresh;           /* the statement begins a new piece */
  bool alone;           /* and nothing else may be in it */
  const char *behind;   /* a statement that runs just behind; or NULL */
  const char *later;    /* one in the last piece of all; or NULL */
};

struct lint_piece {
  const char *text;
  size_t statements;
};
VEC_TYPE(lint_pieces, struct lint_piece);

enum { LINT_PIECES_MAX = 99 };

bool lint_fix_script(struct arena *arena, const struct lint_input *input,
                     const struct lint_report *report, size_t script, struct lint_pieces *ret,
                     const char **ret_why);
/* True if one of the script's findings has a fix that is not suppressed. */
bool lint_fix_any(const struct lint_report *report, size_t script);
