/* lint/lint.h: dangerous operations in migration files, found before anything is touched.
 *
 *   struct lint_report report;
 *   lint_scripts(arena, &settings, scripts, count, catalog_or_NULL, &report, err);
 *   if (lint_fails(&settings, &report)) ... exit 3
 *
 * One table (lint_rules) holds id, default severity, summary, hazard, lock and safe way of each
 * rule; the checks are in rules_<family>.c; a rule's page is policies/rules/<id>.md, shown by
 * `belay explain`. Checks see statements through sql/tree.h and what is known of tables through
 * lint/facts.h; they never see a connection.
 *
 * Suppression: a comment `-- belay:ignore RULE[, RULE] reason` before or inside the statement, or
 * behind it on its last line; `-- belay:ignore-file RULE reason` for the file. Unknown rules,
 * unused (without a catalog) and, if required, reason-less ignores are findings themselves.
 * Suppressed findings stay in the report, marked.
 */
#pragma once

#include "catalog/catalog.h"
#include "sql/script.h"

enum lint_severity { LINT_OFF, LINT_INFO, LINT_WARNING, LINT_ERROR };
const char *lint_severity_name(enum lint_severity severity); /* "error" */
bool lint_severity_parse(const char *name,
                         enum lint_severity *ret); /* "off", "info", "warning", "error" */

enum lint_depth { LINT_STATIC, LINT_CATALOG };

struct lint_rule {
  const char *id;              /* "drop-column" */
  enum lint_severity severity; /* default */
  const char *summary;         /* one line */
  const char *hazard;          /* what happens on the server */
  const char *lock;            /* "ACCESS EXCLUSIVE", ... or NULL */
  const char *safe;            /* the safe way, one or two sentences */
};
extern const struct lint_rule lint_rules[];
extern const size_t lint_rule_count;
const struct lint_rule *lint_rule_find(const char *id);
/* Nearest rule id for "did you mean", NULL if nothing is near. */
const char *lint_rule_suggest(const char *id);
/* Text of policies/rules/<id>.md, built into the program; NULL if there is none. */
const char *lint_rule_page(const char *id);

struct lint_setting {
  const char *rule;
  enum lint_severity severity;
};
VEC_TYPE(lint_settings_vec, struct lint_setting);

struct lint_settings {
  struct lint_settings_vec rules; /* overrides of the default severities */
  enum lint_severity fail_on;     /* findings of at least this severity fail; LINT_OFF: never */
  bool require_reason;            /* an ignore without a reason is an error */
  int large_table_rows; /* with a catalog: findings whose harm grows with the table drop one level
                           below this many rows; 0: never */
};

struct lint_finding {
  const struct lint_rule *rule;
  enum lint_severity severity;
  enum lint_depth depth;
  const char *file;
  struct sql_place start, end; /* of the statement or the clause */
  const char *message;         /* "column \"fee\" of public.orders is dropped" */
  const char *detail;          /* size, rows, lock ... with a catalog; may be NULL */
  const char *relation;        /* "public.orders" or as written; may be NULL */
  bool suppressed;
  const char *reason; /* of the suppression */
};
VEC_TYPE(lint_findings, struct lint_finding);

struct lint_report {
  struct lint_findings findings;           /* by file as given, then offset */
  int files, statements, not_analysed;     /* not_analysed statements also have a finding each */
  int errors, warnings, infos, suppressed; /* suppressed ones are not in the other three */
};

/* Scripts in the order in which they will run; tables created by an earlier one (or earlier in the
 * same) are new, and nobody waits for locks on them. catalog: the database's schema before the
 * first script, or NULL (static depth). */
int lint_scripts(struct arena *arena, const struct lint_settings *settings,
                 struct sql_script *const *scripts, size_t count, const struct catalog *catalog,
                 struct lint_report *ret_report, struct err *err);
bool lint_fails(const struct lint_settings *settings, const struct lint_report *report);
