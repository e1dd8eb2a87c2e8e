/* report/lint.h: a lint report as text. Pure functions: bytes are appended to `out`, nothing else
 * happens.
 *
 *   report_lint_render *render = report_lint_format("sarif");   // NULL: there is no such format
 *   render(&out, &input);
 *
 * `scripts` are those that were linted, for excerpts and names; a finding whose file is not among
 * them has no excerpt.
 */
#pragma once

#include "lint/lint.h"

/* A file as the fix of one finding leaves it. */
struct report_lint_file {
  const char *path, *text;
};
/* A fix that is more than a few bytes of its file: the first file is that of the finding, the
 * others are new. */
struct report_lint_fix {
  size_t finding; /* of the report */
  VEC(struct report_lint_file) files;
};
VEC_TYPE(report_lint_fixes, struct report_lint_fix);

struct report_lint {
  const struct lint_report *report;
  struct sql_script *const *scripts;
  size_t script_count;
  bool colour;                    /* tty */
  enum lint_severity fail_on;     /* junit: findings of at least this severity are failures */
  struct report_lint_fixes fixes; /* sarif */
};

typedef void report_lint_render(struct text *out, const struct report_lint *input);

/* The formats by name: tty, json, sarif, github, gitlab, junit, markdown. */
report_lint_render *report_lint_format(const char *name);
#define REPORT_LINT_FORMAT_WORDS "tty|json|sarif|github|gitlab|junit|markdown"
#define REPORT_LINT_FORMATS "tty, json, sarif, github, gitlab, junit or markdown"

/* For people: file:line:column, excerpt with a caret, lock, why, the safe way; a summary line at
 * the end. What a file holds cannot steer the terminal. */
report_lint_render report_lint_tty;
/* {"schema":1,"findings":[...],"summary":{...}} and a newline; stable. */
report_lint_render report_lint_json;
/* SARIF 2.1.0 with the pages of the rules, fingerprints that outlive moved lines, and what is
 * suppressed. */
report_lint_render report_lint_sarif;
/* GitHub workflow commands, one a finding that is not suppressed. */
report_lint_render report_lint_github;
/* GitLab Code Quality: what is not suppressed. */
report_lint_render report_lint_gitlab;
/* JUnit XML: a suite a file, a case a rule that found something in it. */
report_lint_render report_lint_junit;
/* A table for a comment or a step summary. */
report_lint_render report_lint_markdown;
/* "2 errors, 1 warning in 3 files, 14 statements, all analysed" without a newline. */
void report_lint_summary(struct text *out, const struct lint_report *report);
