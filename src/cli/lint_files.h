/* cli/lint_files.h: what belay lint looks at: the files that were asked for and, where they lie in
 * a migrations directory, those before them, which are only learnt from.
 *
 *   struct lint_files files = {0};
 *   if (lint_files_collect(cli, &env, ledger_or_NULL, &files, err) < 0) ...
 */
#pragma once

#include "cli/cli.h"
#include "lint/fix.h"
#include "report/lint.h"
#include "sql/script.h"

/* Migrations of one directory in the order in which their tool applies them. */
struct lint_home {
  const char *dir;
  const struct migration_format *format; /* NULL: the directory could not be read */
  const char *tool; /* that its files are of, if their names say so; else NULL */
  struct migrations migrations;
  size_t cutoff; /* those before it are history (--since) */
  bool has_cutoff;
};

struct lint_source {
  struct sql_script *script;
  const char *path;             /* as it is shown; "-" */
  const struct lint_home *home; /* NULL: it is in none */
  const char *name;             /* of the migration; NULL without a home */
  bool history;                 /* gets no findings */
  bool unasked;                 /* read only because it stands before one that was asked for */
  bool applied;                 /* says the ledger of the database */
  bool from_stdin;
};
VEC_TYPE(lint_files, struct lint_source *);

/* ERR_USAGE for files that cannot be read, ERR_REFUSED for what cannot be taken apart. A pattern
 * that matches no file is no error. ledger: of the database at hand, which holds what is applied;
 * NULL: none is known. */
int lint_files_collect(struct cli *cli, const struct run_env *env,
                       const struct migration_statuses *ledger, struct lint_files *ret,
                       struct err *err);

VEC_TYPE(lint_script_vec, struct sql_script *);

/* One belay lint from its files to its report. */
struct lint_run {
  struct lint_settings settings;
  struct lint_files files;
  struct migration_statuses *ledger; /* NULL: none is known */
  struct db_target target;           /* of --against */
  struct db_conn *conn;              /* NULL: no database; the caller closes it */
  struct catalog *catalog;           /* NULL: no database */
  const struct lint_names *names;    /* of its server; NULL: no database */
  struct lint_session session;       /* that will apply the files, as far as known */
  struct lint_input input;           /* the scripts of all files */
  struct lint_script_vec judged;     /* those that get findings */
  struct lint_report report;
  struct strings written; /* files that --fix wrote */
};

/* lint_fix.c: --fix and --diff. What cannot be fixed safely is left alone, with a warning. */
int lint_fix_files(struct cli *cli, struct lint_run *run, struct text *diff, struct err *err);
/* What each fix alone would make of its file, and beside it. */
void lint_fix_list(struct cli *cli, const struct lint_run *run, struct report_lint_fixes *ret);
