/* lint/runner.h: the tools that apply migration files, and how each sends one.
 *
 *   const struct lint_tool *tool = lint_tool_find("dbmate");
 *   struct sql_script *back = lint_tool_part(arena, tool, script);  // NULL: it has no down part
 *   enum lint_runner runs = lint_tool_runs(tool, script);
 *
 * Where no tool is named, belay itself runs the file.
 */
#pragma once

#include "sql/script.h"

enum lint_runner {
  LINT_RUNS_TRANSACTION, /* in one transaction, unless a statement in it cannot: belay itself */
  LINT_RUNS_STRICTLY,    /* in one transaction of the tool, whatever is in it */
  LINT_RUNS_DETECTED,    /* the same, but alone what cannot run in one; a mixture is refused */
  LINT_RUNS_QUERY,       /* as one multi-statement query, an implicit transaction */
  LINT_RUNS_STATEMENTS,  /* statement by statement, each its own transaction */
};

struct lint_tool {
  const char *name; /* "golang-migrate" */
  enum lint_runner runs;
  const char *no_transaction; /* the comment that asks for no transaction holds this; NULL: none */
  enum lint_runner runs_without; /* how a file is sent that asks for it */
  const char *up, *down;         /* how comments begin that part the file; NULL: nothing does */
  bool may_split;                /* newer versions send a query statement by statement */
  bool psql;                     /* understands psql's commands */
};

const struct lint_tool *lint_tool_find(const char *name); /* NULL: not known */
/* By the marks in the script ("-- migrate:up"); NULL: it has none. */
const struct lint_tool *lint_tool_guess(const struct sql_script *script);
/* "belay, prisma, ...", for messages. */
const char *lint_tool_names(struct arena *arena);
/* Takes the down part out of the script and returns it; NULL: there is none. */
struct sql_script *lint_tool_part(struct arena *arena, const struct lint_tool *tool,
                                  struct sql_script *script);
enum lint_runner lint_tool_runs(const struct lint_tool *tool, const struct sql_script *script);
