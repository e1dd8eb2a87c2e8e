/* report/lint.h: a lint report as text. Pure functions: bytes are appended to `out`, nothing else
 * happens.
 *
 *   report_lint_tty(&out, &input, term_colour(STDOUT_FILENO));
 *
 * `scripts` are those that were linted, for excerpts and names; a finding whose file is not among
 * them has no excerpt.
 */
#pragma once

#include "lint/lint.h"

struct report_lint {
  const struct lint_report *report;
  struct sql_script *const *scripts;
  size_t script_count;
};

/* For people: file:line:column, excerpt with a caret, lock, why, the safe way; a summary line at
 * the end. */
void report_lint_tty(struct text *out, const struct report_lint *input, bool colour);
/* {"schema":1,"findings":[...],"summary":{...}} and a newline; stable. */
void report_lint_json(struct text *out, const struct report_lint *input);
/* GitHub workflow commands, one a finding that is not suppressed. */
void report_lint_github(struct text *out, const struct report_lint *input);
/* "2 errors, 1 warning in 3 files, 14 statements, all analysed" without a newline. */
void report_lint_summary(struct text *out, const struct lint_report *report);
