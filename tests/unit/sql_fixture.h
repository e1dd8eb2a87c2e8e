/* What the tests of the digest share: one statement from a string. */
#pragma once

#include "sql/script.h"
#include "sql/tree.h"

static struct arena *arena;
static const struct sql_statement *statement; /* the one last digested */

static int set_up(void **state)
{
  UNUSED(state);
  arena = arena_new();
  return 0;
}

static int tear_down(void **state)
{
  UNUSED(state);
  arena_free(arena);
  return 0;
}

static const struct sql_tree *digest(const char *sql)
{
  CLEANUP(err_clear) struct err err = ERR_INIT;
  struct sql_script *script = NULL;
  if (sql_script_read(arena, "f.sql", sql, strlen(sql), &script, &err) < 0)
    fail_msg("%s", err.message);
  assert_int_equal(script->statements.len, 1);
  statement = &script->statements.at[0];
  if (!statement->tree)
    fail_msg("%s: %s", sql, statement->parse_error);
  return statement->tree;
}
