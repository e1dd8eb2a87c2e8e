#include "sql/scan.h"
#include "sql/script.h"
#include "sql/tree.h"

static size_t name_len(const char *bytes, struct sql_token token)
{
  size_t len = token.end - token.start;
  if (token.kind == SQL_TOKEN_WORD)
    return len;
  if (bytes[token.start] != '"')
    return 0; /* U&"...": its escapes are shorter than they look */
  size_t doubled = 0;
  for (size_t i = token.start + 1; i + 1 < token.end; i++)
    if (bytes[i] == '"' && bytes[i + 1] == '"' && i + 2 < token.end) {
      doubled++;
      i++;
    }
  return len - 2 - doubled;
}

bool sql_find_long_name(const struct sql_statement *st, struct sql_range *ret)
{
  if (st->len <= SQL_NAME_BYTES_MAX)
    return false;
  struct sql_scan scan = sql_scan_begin(st->text, st->len);
  for (;;) {
    struct sql_token token = sql_scan_next_code(&scan);
    if (token.kind == SQL_TOKEN_END || token.kind == SQL_TOKEN_BAD)
      return false;
    bool is_name = token.kind == SQL_TOKEN_WORD || token.kind == SQL_TOKEN_QUOTED;
    if (!is_name || name_len(st->text, token) <= SQL_NAME_BYTES_MAX)
      continue;
    *ret = (struct sql_range){token.start, token.end};
    return true;
  }
}
