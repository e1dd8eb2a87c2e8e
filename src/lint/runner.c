#include "lint/runner.h"

#include <strings.h>

/* Measured with Prisma, dbmate, sqitch, drizzle and psql; read in the sources of the others. */
static const struct lint_tool tools[] = {
    {.name = "belay", .runs = LINT_RUNS_TRANSACTION},
    {.name = "prisma", .runs = LINT_RUNS_QUERY, .may_split = true},
    {.name = "golang-migrate", .runs = LINT_RUNS_QUERY},
    {.name = "golang-migrate-multi", .runs = LINT_RUNS_STATEMENTS},
    {.name = "dbmate",
     .runs = LINT_RUNS_STRICTLY,
     .no_transaction = "transaction:false",
     .runs_without = LINT_RUNS_QUERY,
     .up = "migrate:up",
     .down = "migrate:down"},
    {.name = "goose",
     .runs = LINT_RUNS_STRICTLY,
     .no_transaction = "+goose NO TRANSACTION",
     .runs_without = LINT_RUNS_STATEMENTS,
     .up = "+goose Up",
     .down = "+goose Down"},
    {.name = "sql-migrate",
     .runs = LINT_RUNS_STRICTLY,
     .no_transaction = "notransaction",
     .runs_without = LINT_RUNS_STATEMENTS,
     .up = "+migrate Up",
     .down = "+migrate Down"},
    {.name = "node-pg-migrate",
     .runs = LINT_RUNS_STRICTLY,
     .up = "Up Migration",
     .down = "Down Migration"},
    {.name = "flyway", .runs = LINT_RUNS_DETECTED, .runs_without = LINT_RUNS_STATEMENTS},
    {.name = "drizzle", .runs = LINT_RUNS_STRICTLY},
    {.name = "sqitch", .runs = LINT_RUNS_STATEMENTS},
    {.name = "psql", .runs = LINT_RUNS_STATEMENTS, .psql = true},
    {.name = "psql-1", .runs = LINT_RUNS_STRICTLY, .psql = true},
};

const struct lint_tool *lint_tool_find(const char *name)
{
  for (size_t i = 0; i < COUNT_OF(tools); i++)
    if (strcmp(tools[i].name, name) == 0)
      return &tools[i];
  return NULL;
}

const char *lint_tool_names(struct arena *arena)
{
  const char *names = tools[0].name;
  for (size_t i = 1; i < COUNT_OF(tools); i++)
    names = arena_printf(arena, "%s, %s", names, tools[i].name);
  return names;
}

static bool begins(const struct sql_comment *comment, const char *mark)
{
  return mark && strncasecmp(comment->text, mark, strlen(mark)) == 0;
}

const struct lint_tool *lint_tool_guess(const struct sql_script *script)
{
  for (size_t i = 0; i < script->comments.len; i++)
    for (size_t t = 0; t < COUNT_OF(tools); t++)
      if (begins(&script->comments.at[i], tools[t].up))
        return &tools[t];
  return NULL;
}

struct sql_script *lint_tool_part(struct arena *arena, const struct lint_tool *tool,
                                  struct sql_script *script)
{
  size_t comment = 0, statement = 0;
  while (comment < script->comments.len &&
         !(tool && begins(&script->comments.at[comment], tool->down)))
    comment++;
  if (comment == script->comments.len)
    return NULL;
  size_t offset = script->comments.at[comment].start.offset;
  while (statement < script->statements.len &&
         script->statements.at[statement].start.offset < offset)
    statement++;
  struct sql_script *back = ARENA_NEW(arena, struct sql_script);
  *back = *script;
  back->psql_commands.len = 0; /* told once, with the script */
  if (statement > 0)
    back->statements.at += statement;
  back->statements.len -= statement;
  back->comments.at += comment;
  back->comments.len -= comment;
  script->statements.len = statement;
  script->comments.len = comment;
  return back;
}

enum lint_runner lint_tool_runs(const struct lint_tool *tool, const struct sql_script *script)
{
  if (!tool)
    return LINT_RUNS_TRANSACTION;
  bool asked = script->no_transaction;
  for (size_t i = 0; tool->no_transaction && i < script->comments.len; i++) {
    const char *text = script->comments.at[i].text;
    bool marked = begins(&script->comments.at[i], tool->no_transaction) ||
                  (begins(&script->comments.at[i], tool->up) && strstr(text, tool->no_transaction));
    asked = asked || marked;
  }
  return asked ? tool->runs_without : tool->runs;
}
