/* lint/lint.h: dangerous operations in migration files, found before anything is touched.
 *
 *   struct lint_report report;
 *   struct lint_input input = {.scripts = scripts, .count = count, .catalog = catalog_or_NULL};
 *   lint_scripts(arena, &settings, &input, &report, err);
 *   if (lint_fails(&settings, &report)) ... exit 3
 *
 * One table a family (rules_<family>.c) holds id, default severity, summary, hazard, lock and safe
 * way of each rule beside the functions that find it; a rule's page is policies/rules/<id>.md,
 * shown by `belay explain`. Checks see statements through sql/tree.h, what a statement does to the
 * server through lint/effects.h and what is known of tables through lint/facts.h; they never see a
 * connection.
 *
 * Suppression: a comment `-- belay:ignore RULE[, RULE] reason` before or inside the statement, or
 * behind it on its last line; `-- belay:ignore-file RULE reason` for the file. Unknown rules,
 * unused (without a catalog) and, if required, reason-less ignores are findings themselves.
 * Suppressed findings stay in the report, marked.
 */
#pragma once

#include "catalog/catalog.h"
#include "lint/runner.h"
#include "sql/script.h"

enum lint_severity { LINT_OFF, LINT_INFO, LINT_WARNING, LINT_ERROR };
const char *lint_severity_name(enum lint_severity severity); /* "error" */
bool lint_severity_parse(const char *name,
                         enum lint_severity *ret); /* "off", "info", "warning", "error" */

enum lint_depth { LINT_STATIC, LINT_CATALOG, LINT_OBSERVED };
const char *lint_depth_name(enum lint_depth depth); /* "static" */

/* What a rule has to know to find anything at all. */
enum lint_needs { LINT_NEEDS_NOTHING, LINT_NEEDS_CATALOG, LINT_NEEDS_OBSERVATION };

struct lint_rule {
  const char *id;              /* "drop-column" */
  enum lint_severity severity; /* default */
  const char *summary;         /* one line */
  const char *hazard;          /* what happens on the server */
  const char *lock;            /* "ACCESS EXCLUSIVE", ... or NULL */
  const char *safe;            /* the safe way, one or two sentences */
  enum lint_needs needs;
  int since, until; /* majors of the server it is about; 0: all of 13 to 18 */
};
/* All rules, by family: of NULL the first; NULL after the last. */
const struct lint_rule *lint_rule_next(const struct lint_rule *rule);
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

/* For the files of some paths; what stands later wins. */
struct lint_path_settings {
  const char *pattern; /* base/glob.h; matches the file, or a directory above it */
  struct lint_settings_vec rules;
};
VEC_TYPE(lint_path_settings_vec, struct lint_path_settings);

#define LINT_EVERY_RULE "*" /* the rule of a setting: all; it may only switch them off */

struct lint_settings {
  struct lint_settings_vec rules; /* overrides of the default severities */
  struct lint_path_settings_vec paths;
  const char *root; /* fs_clean: what the patterns are relative to; NULL: file names as they are */
  enum lint_severity fail_on; /* findings of at least this severity fail; LINT_OFF: never */
  bool require_reason;        /* an ignore without a reason is an error */
  int64_t lock_timeout_ms;    /* that fixes write; 0: two seconds */
  int large_table_rows; /* with a catalog: findings whose harm grows with the table drop one level
                           below this many rows; 0: never */
  bool questions;       /* with a connection: rows are looked at */
  int64_t question_timeout_ms;                      /* for one question */
  int question_rows;                                /* rows that are counted at most */
  struct strings forbidden_types, required_columns; /* forbidden-type-or-column-policy */
};

struct lint_question; /* questions.h */

struct lint_finding {
  const struct lint_rule *rule;
  enum lint_severity severity;
  enum lint_depth depth;
  const char *file;
  size_t script, statement;    /* of the input's scripts, and in it; where it is about one */
  struct sql_place start, end; /* of the statement or the clause */
  const char *message;         /* "column \"fee\" of public.orders is dropped" */
  const char *detail;          /* size, rows, lock ... with a catalog; may be NULL */
  const char *relation;        /* "public.orders" or as written; may be NULL */
  const struct lint_question *question; /* that the rows can answer; NULL: none */
  bool suppressed;
  const char *reason; /* of the suppression */
  const char *fix;    /* what `lint --fix` writes instead; NULL: nothing */
  const char *no_fix; /* why nothing, where the rule has a fix; else NULL */
};
VEC_TYPE(lint_findings, struct lint_finding);

struct lint_effects; /* lint/effects.h */

/* A statement and what it does to the server. */
struct lint_statement {
  const char *file;
  const char *kind; /* "ALTER TABLE"; as it is written, upper case */
  struct sql_place start, end;
  const struct lint_effects *effects;
  /* Names of what the effects hold, in the same order, as they were before the statement:
   * "public.orders", without quotes */
  struct strings locks, rewrites, scans;
};
VEC_TYPE(lint_statements, struct lint_statement);

struct lint_fix; /* lint/fix.h */
VEC_TYPE(lint_fixes, struct lint_fix);

struct lint_report {
  struct lint_findings findings;           /* by file as given, then offset */
  struct lint_statements listed;           /* every statement, in the order in which they run */
  struct lint_fixes fixes;                 /* in the order in which they were found */
  int files, statements, not_analysed;     /* not_analysed statements also have a finding each */
  int errors, warnings, infos, suppressed; /* suppressed ones are not in the other three */
};

/* The session that will apply the files, as far as it is known. */
struct lint_session {
  const char *role; /* NULL: not known */
  bool superuser;
  struct strings member_of; /* whose rights it has: itself, and roles it belongs to */
  bool timeouts_known;
  int64_t lock_timeout_ms, statement_timeout_ms, idle_timeout_ms; /* 0: none */
  int64_t lock_hold_ms;    /* how long locks that block others may be held; 0: no limit */
  const char *timezone;    /* that it begins with; NULL: not known */
  const char *search_path; /* the same: "\"$user\", public" */
};

struct lint_observation;
struct lint_names;
struct db_conn;

/* What the ledger of the database says of a file. */
enum lint_applied {
  LINT_APPLIED_UNKNOWN, /* it was not asked */
  LINT_PENDING,
  LINT_APPLIED,
  LINT_EDITED,       /* applied, and the file is another now */
  LINT_OUT_OF_ORDER, /* pending, and a later one was applied */
};

struct lint_file {
  enum lint_applied applied; /* applied and edited ones get no findings about what is in them */
  bool has_down;             /* there is a file that takes it back */
};

struct lint_input {
  struct sql_script *const *scripts; /* in the order in which they run */
  size_t count;
  size_t known; /* the first so many have been applied already: only what they make is learnt, and
                   they get no findings. 0 with a catalog, which knows it already */
  const bool *history; /* NULL, or for each script: it counts as known, wherever it stands */
  const struct catalog *catalog;  /* the schema before the first script; NULL: static depth */
  const struct lint_names *names; /* that the catalog's server knows (names.h); NULL: not known */
  int target_major;               /* of the server they are for; 0: not known. A catalog's wins */
  struct db_conn *conn; /* to the catalog's database, idle, for questions; NULL: none are asked */
  const struct lint_session *session;         /* NULL: nothing is known of it */
  const struct lint_observation *observation; /* of these scripts (observe.h); NULL: none */
  const struct lint_tool *tool;               /* that applies the files; NULL: belay itself */
  size_t back_count; /* so many more scripts are behind those: down parts (lint_tool_part); nothing
                        in them weighs more than info */
  const struct lint_file *files; /* for each script, also down parts; NULL: nothing is known */
};

bool lint_is_known(const struct lint_input *input, size_t script);

/* A table made by the same script is new: nobody waits for a lock on it. One made by an earlier
 * script is new if a catalog says that the database does not have it yet; without a catalog it
 * counts as being in use. */
int lint_scripts(struct arena *arena, const struct lint_settings *settings,
                 const struct lint_input *input, struct lint_report *ret_report, struct err *err);
bool lint_fails(const struct lint_settings *settings, const struct lint_report *report);
