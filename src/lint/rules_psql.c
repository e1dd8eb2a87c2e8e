#include "lint/check.h"

static const struct lint_rule rules[] = {
    {.id = "psql-only",
     .severity = LINT_ERROR,
     .summary = "something in the file that only psql understands",
     .hazard =
         "Commands with a backslash and the rows behind COPY ... FROM STDIN are read by psql; "
         "sent to the server they are a syntax error.",
     .safe = "Write SQL: INSERT instead of COPY ... FROM STDIN, DO or plain statements instead of "
             "commands; or run the file with psql and say so (--runner psql)."},
};

/* Commands that bring in SQL which is not in the file. */
static bool is_opaque(const char *command)
{
  static const char *const names[] = {"\\gexec", "\\include_relative", "\\include", "\\ir",
                                      "\\i",     "\\connect",          "\\copy",    "\\c",
                                      "\\!"};
  for (size_t i = 0; i < COUNT_OF(names); i++) {
    size_t len = strlen(names[i]);
    if (strncmp(command, names[i], len) == 0 && (command[len] == '\0' || command[len] == ' '))
      return true;
  }
  return false;
}

static void check_commands(struct lint *lint)
{
  bool psql = lint->input->tool && lint->input->tool->psql;
  const struct sql_psql_commands *all = &lint->script->psql_commands;
  for (size_t i = 0; i < all->len; i++) {
    const struct sql_psql_command *command = &all->at[i];
    lint->now.statement = (size_t)-1;
    if (!psql)
      lint_add_at(lint, "psql-only", command->start, command->end,
                  arena_printf(lint->arena, "only psql understands %s", command->text));
    else if (is_opaque(command->text))
      lint_add_at(lint, "execute-opaque", command->start, command->end,
                  arena_printf(lint->arena, "what %s does is not looked into", command->text));
  }
}

static void check_rows(struct lint *lint)
{
  if (lint->statement->copy_data && !(lint->input->tool && lint->input->tool->psql))
    lint_add(lint, "psql-only", (struct lint_at){0},
             "only psql sends the rows behind COPY ... FROM STDIN");
}

const struct lint_family lint_family_psql = {rules, COUNT_OF(rules), .every = check_rows,
                                             .script = check_commands};
