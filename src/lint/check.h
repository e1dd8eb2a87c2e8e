/* lint/check.h (private to lint/): what a check gets and how it reports.
 *
 * A family of rules is one file, rules_<family>.c: the table of its rules and the functions that
 * find them. A function looks at lint->tree and lint->effects and calls lint_add for what it finds.
 * Families share nothing but the facts.
 */
#pragma once

#include "lint/effects.h"
#include "lint/facts.h"
#include "lint/lint.h"
#include "lint/observe.h"

/* A lock that the transaction holds since an earlier statement, on a table that is not new. */
struct lint_held {
  const struct lint_relation *relation;
  enum lint_lock_mode mode;
  size_t statement;
};

enum lint_timeout {
  LINT_TIMEOUT_LOCK,
  LINT_TIMEOUT_STATEMENT,
  LINT_TIMEOUT_IDLE,
  LINT_TIMEOUT_COUNT
};

/* How long the files block a table, by its size. */
struct lint_blocked {
  const struct lint_relation *table;
  double ms;
  bool told;
};

/* What the script did about timeouts so far: rules_timeout.c. */
struct lint_timeouts {
  bool set[LINT_TIMEOUT_COUNT];
  bool lacks[LINT_TIMEOUT_COUNT]; /* a statement would have needed it, the first: */
  size_t first[LINT_TIMEOUT_COUNT];
  bool late;
};

/* The statement before, if it was an ALTER TABLE. */
struct lint_last_alter {
  const struct lint_relation *table; /* NULL: it was something else */
  const struct sql_tree *tree;
  bool works; /* it read or wrote all rows */
};

struct lint {
  struct arena *arena;
  const struct lint_settings *settings;
  const struct lint_input *input;
  const struct catalog *catalog; /* the input's; NULL: static depth */
  struct lint_facts *facts;
  struct lint_report *report;
  /* the statement being looked at */
  const struct sql_script *script;
  const struct sql_statement *statement;
  const struct sql_tree *tree;
  const struct lint_effects *effects; /* of the statement; never NULL */
  const struct lint_sight *sight;     /* what was seen of it; NULL: not observed */
  struct lint_moment now;
  enum lint_runner runs;              /* how the script is sent */
  bool is_back;                       /* it is a down part */
  bool one_transaction;               /* the file runs as one transaction */
  bool in_block;                      /* between BEGIN and COMMIT */
  struct lint_relations rows_changed; /* tables whose rows statements before this one change */
  bool all_rows_changed;              /* any table's */
  /* what families remember from one statement to the next */
  VEC(struct lint_held) held; /* rules_window.c */
  bool held_several;
  struct lint_last_alter last_alter;
  struct lint_timeouts timeouts;    /* rules_timeout.c */
  VEC(struct lint_blocked) blocked; /* rules_history.c */
  struct map *made;                 /* name -> where it is made */
  bool names_depend;                /* on search_path: what a name means is not known */
};

/* Where and how a finding is reported; all may be left out. */
struct lint_at {
  struct sql_range range; /* the clause; else the whole statement */
  const struct lint_relation *relation;
  bool eases; /* harm grows with the table: one level lower on a small one */
  int lower;  /* levels below the rule's severity, never below info */
  const struct lint_question *question; /* questions.h; NULL: none */
};

void lint_add(struct lint *lint, const char *rule, struct lint_at at, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
/* For findings that are about the script and no statement: statement is (size_t)-1. */
void lint_add_at(struct lint *lint, const char *rule, struct sql_place start, struct sql_place end,
                 const char *message);

/* Whether the settings want the rule at all: for checks that cost more than a look. */
bool lint_is_on(const struct lint *lint, const char *rule);
/* The statement runs in a transaction with others of its file. */
bool lint_in_transaction(const struct lint *lint);
/* Makes a statement of the current script the one that is looked at. */
void lint_turn_to(struct lint *lint, size_t statement);

#define LOCK_AX "ACCESS EXCLUSIVE"
#define LOCK_SRX "SHARE ROW EXCLUSIVE"
#define LOCK_SUX "SHARE UPDATE EXCLUSIVE"

/* rules_<family>.c holds one of these; rules.c lists them. */
struct lint_family {
  const struct lint_rule *rules;
  size_t rule_count;
  /* Each may be NULL. */
  void (*script)(struct lint *lint);    /* once a script, before its first statement */
  void (*every)(struct lint *lint);     /* each statement; lint->tree is NULL if not understood */
  void (*statement)(struct lint *lint); /* each statement that was understood */
  /* each subcommand of ALTER TABLE on a table with rows of somebody: not new, not foreign. `at`
   * says its range and the table; of a new parent the child that is not new */
  void (*action)(struct lint *lint, const struct sql_action *action, struct lint_at at);
  void (*seen)(struct lint *lint); /* each statement that was observed, when the others are done */
  void (*script_end)(struct lint *lint); /* once a script, behind its last statement */
  void (*end)(struct lint *lint);        /* once, behind the last script */
};
extern const struct lint_family *const lint_families[];
extern const size_t lint_family_count;

/* suppress.c: marks findings of the current script, [first, last) of the report's, and reports
 * useless or wrong ignores. */
void lint_suppress(struct lint *lint, size_t first, size_t last);
/* fix.c: how those of the findings [first, last) that are about the current statement are fixed. */
void lint_find_fixes(struct lint *lint, size_t first, size_t last);
/* settings.c: what the settings make of a rule in the current script. */
enum lint_severity lint_severity_of(const struct lint *lint, const struct lint_rule *rule);
/* ERR_USAGE for a setting of a rule that does not exist. */
int lint_check_settings(const struct lint_settings *settings, struct err *err);
