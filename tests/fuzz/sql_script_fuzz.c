/* The splitter: whatever the bytes are, places and texts agree, and both readers agree where the
 * strict one accepts. */
#include <stdint.h>

#include "fuzz.h"
#include "sql/script.h"

/* Text is what the file holds there, but for commands that were blanked out. */
static void check_statement(const struct sql_script *script, const struct sql_statement *statement)
{
  FUZZ_ASSERT(statement->len > 0 && strlen(statement->text) == statement->len);
  FUZZ_ASSERT(statement->start.offset + statement->len == statement->end.offset);
  FUZZ_ASSERT(statement->end.offset <= script->len);
  FUZZ_ASSERT(statement->start.line >= 1 && statement->start.column >= 1);
  FUZZ_ASSERT((statement->tree == NULL) == (statement->parse_error != NULL));
  FUZZ_ASSERT(statement->parse_error_at <= statement->len);
  if (script->psql_commands.len == 0)
    FUZZ_ASSERT(memcmp(statement->text, script->bytes + statement->start.offset, statement->len) ==
                0);
}

static void check_script(const struct sql_script *script)
{
  size_t last = 0;
  for (size_t i = 0; i < script->statements.len; i++) {
    check_statement(script, &script->statements.at[i]);
    FUZZ_ASSERT(script->statements.at[i].start.offset >= last);
    last = script->statements.at[i].end.offset;
  }
  for (size_t i = 0; i < script->comments.len; i++)
    FUZZ_ASSERT(script->comments.at[i].end.offset <= script->len);
  for (size_t i = 0; i < script->psql_commands.len; i++)
    FUZZ_ASSERT(script->psql_commands.at[i].end.offset <= script->len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  CLEANUP(err_clear) struct err err = ERR_INIT, strict_err = ERR_INIT, shape_err = ERR_INIT;
  struct sql_script *script = NULL, *strict = NULL;
  const char *bytes = (const char *)data;
  int rc = sql_script_read_psql(arena, "f.sql", bytes, size, &script, &err);
  int strict_rc = sql_script_read(arena, "f.sql", bytes, size, &strict, &strict_err);
  if (rc == 0)
    check_script(script);
  if (strict_rc < 0)
    return 0;
  FUZZ_ASSERT(rc == 0 && strict->statements.len == script->statements.len);
  check_script(strict);
  enum sql_shape shape;
  size_t first = 0, end = 0;
  if (sql_script_shape(strict, &shape, &first, &end, &shape_err) == 0)
    FUZZ_ASSERT(first <= end && end <= strict->statements.len);
  return 0;
}
