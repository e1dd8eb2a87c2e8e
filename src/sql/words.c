#include <ctype.h>

#include "sql/scan.h"
#include "sql/script.h"

static bool is_any(const struct sql_scan *scan, struct sql_token token, const char *const *words,
                   size_t count)
{
  for (size_t i = 0; i < count; i++)
    if (sql_token_is(scan, token, words[i]))
      return true;
  return false;
}

/* Between CREATE and what is made. */
static bool is_modifier(const struct sql_scan *scan, struct sql_token token)
{
  static const char *const words[] = {"or",        "replace",    "temp",    "temporary",
                                      "unlogged",  "unique",     "global",  "local",
                                      "recursive", "constraint", "trusted", "procedural"};
  return is_any(scan, token, words, COUNT_OF(words));
}

/* The name of an object kind goes on. */
static bool is_first_half(const struct sql_scan *scan, struct sql_token token)
{
  static const char *const words[] = {"materialized", "foreign", "event",
                                      "text",         "access",  "default"};
  return is_any(scan, token, words, COUNT_OF(words));
}

static const char *add_word(struct arena *arena, const char *so_far, const struct sql_scan *scan,
                            struct sql_token token)
{
  char *words = arena_printf(arena, "%s%s%.*s", so_far, *so_far ? " " : "",
                             (int)(token.end - token.start), scan->bytes + token.start);
  for (char *c = words; *c; c++)
    *c = (char)toupper((unsigned char)*c);
  return words;
}

const char *sql_statement_words(struct arena *arena, const struct sql_statement *statement)
{
  static const char *const two[] = {"create", "alter", "drop",    "refresh",
                                    "import", "start", "security"};
  struct sql_scan scan = sql_scan_begin(statement->text, statement->len);
  struct sql_token token = sql_scan_next_code(&scan);
  if (token.kind != SQL_TOKEN_WORD)
    return token.kind == SQL_TOKEN_CHAR ? "SELECT" : "";
  const char *words = add_word(arena, "", &scan, token);
  if (!is_any(&scan, token, two, COUNT_OF(two)))
    return words;
  do
    token = sql_scan_next_code(&scan);
  while (is_modifier(&scan, token));
  bool more = token.kind == SQL_TOKEN_WORD;
  while (more) {
    words = add_word(arena, words, &scan, token);
    more = is_first_half(&scan, token);
    token = sql_scan_next_code(&scan);
    more = more && token.kind == SQL_TOKEN_WORD;
  }
  return words;
}
