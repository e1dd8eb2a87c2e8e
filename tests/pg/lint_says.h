/* Which statement of a migration fails, and with which message: what the server says, which runs
 * it and rolls back, and what lint says. */
#pragma once

#include "catalog_support.h"

#include "lint/effects.h"
#include "lint/names.h"

struct said {
  size_t statement;    /* of all scripts, counted from 0 */
  const char *message; /* NULL: nothing fails */
};

static inline struct sql_script *says_script(struct arena *arena, const char *name,
                                             const char *text)
{
  struct err err = ERR_INIT;
  struct sql_script *script;
  OK(sql_script_read(arena, name, text, strlen(text), &script, &err));
  return script;
}

static inline struct said says_server(struct arena *arena, struct db_conn *conn,
                                      struct sql_script *const *scripts, size_t count)
{
  struct err err = ERR_INIT;
  struct said said = {0};
  OK(db_exec(conn, "BEGIN", &err));
  for (size_t i = 0; i < count; i++)
    for (size_t k = 0; !said.message && k < scripts[i]->statements.len; k++) {
      CLEANUP(err_clear) struct err found = ERR_INIT;
      if (db_exec(conn, scripts[i]->statements.at[k].text, &found) < 0)
        said.message = arena_strdup(arena, found.message);
      else
        said.statement++;
    }
  OK(db_exec(conn, "ROLLBACK; RESET SESSION AUTHORIZATION; RESET search_path; DEALLOCATE ALL",
             &err));
  return said;
}

/* input: without scripts; those that it knows count for nothing. */
static inline struct said says_lint(struct arena *arena, struct lint_input input,
                                    struct sql_script *const *scripts, size_t count)
{
  struct err err = ERR_INIT;
  struct lint_report report;
  struct lint_settings settings = {0};
  struct said said = {0};
  input.scripts = scripts;
  input.count = count;
  OK(lint_scripts(arena, &settings, &input, &report, &err));
  for (; said.statement < report.listed.len && !said.message; said.statement++)
    said.message = report.listed.at[said.statement].effects->fails;
  said.statement -= said.message != NULL;
  return said;
}
