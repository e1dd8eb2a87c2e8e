#define _GNU_SOURCE /* memmem */
#include "sql/scan.h"

#include <strings.h>

static bool is_space(char c)
{
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

static bool is_digit(char c)
{
  return c >= '0' && c <= '9';
}

static bool starts_name(char c)
{
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c & 0x80);
}

static bool continues_name(char c)
{
  return starts_name(c) || is_digit(c) || c == '$';
}

struct sql_scan sql_scan_begin(const char *bytes, size_t len)
{
  return (struct sql_scan){.bytes = bytes, .len = len};
}

static char peek(const struct sql_scan *s, size_t ahead)
{
  return s->at + ahead < s->len ? s->bytes[s->at + ahead] : '\0';
}

static struct sql_token finish(const struct sql_scan *s, enum sql_token_kind kind, size_t start)
{
  return (struct sql_token){.kind = kind, .start = start, .end = s->at};
}

static struct sql_token bad(struct sql_scan *s, size_t start, const char *problem)
{
  s->at = s->len;
  return (struct sql_token){
      .kind = SQL_TOKEN_BAD, .start = start, .end = s->len, .problem = problem};
}

static struct sql_token scan_line_comment(struct sql_scan *s)
{
  size_t start = s->at;
  while (s->at < s->len && s->bytes[s->at] != '\n' && s->bytes[s->at] != '\r')
    s->at++;
  return finish(s, SQL_TOKEN_COMMENT, start);
}

static struct sql_token scan_block_comment(struct sql_scan *s)
{
  size_t start = s->at, depth = 0;
  while (s->at < s->len) {
    if (peek(s, 0) == '/' && peek(s, 1) == '*') {
      depth++;
      s->at += 2;
    } else if (peek(s, 0) == '*' && peek(s, 1) == '/') {
      s->at += 2;
      if (--depth == 0)
        return finish(s, SQL_TOKEN_COMMENT, start);
    } else {
      s->at++;
    }
  }
  return bad(s, start, "comment that is never closed");
}

/* s->at is on the opening quote; a doubled quote is one quote. */
static struct sql_token scan_quoted(struct sql_scan *s, size_t start, char quote, bool escapes)
{
  s->at++;
  while (s->at < s->len) {
    char c = s->bytes[s->at];
    if (c == '\\' && escapes && s->at + 1 < s->len) {
      s->at += 2;
    } else if (c != quote) {
      s->at++;
    } else if (peek(s, 1) == quote) {
      s->at += 2;
    } else {
      s->at++;
      s->after_escape_string = escapes;
      s->newline_since = false;
      return finish(s, quote == '"' ? SQL_TOKEN_QUOTED : SQL_TOKEN_STRING, start);
    }
  }
  return bad(s, start,
             quote == '"' ? "quoted name that is never closed" : "string that is never closed");
}

/* The length of "$tag$" at s->at, 0 if there is none. */
static size_t dollar_tag(const struct sql_scan *s)
{
  size_t n = 1;
  if (starts_name(peek(s, n)))
    while (starts_name(peek(s, n)) || is_digit(peek(s, n)))
      n++;
  return peek(s, n) == '$' ? n + 1 : 0;
}

static struct sql_token scan_dollar(struct sql_scan *s)
{
  size_t start = s->at, tag = dollar_tag(s);
  if (tag == 0) {
    s->at++;
    if (!is_digit(peek(s, 0)))
      return finish(s, SQL_TOKEN_CHAR, start);
    while (is_digit(peek(s, 0)))
      s->at++;
    return finish(s, SQL_TOKEN_NUMBER, start);
  }
  s->at += tag;
  const char *close = memmem(s->bytes + s->at, s->len - s->at, s->bytes + start, tag);
  if (!close)
    return bad(s, start, "dollar-quoted string that is never closed");
  s->at = (size_t)(close - s->bytes) + tag;
  return finish(s, SQL_TOKEN_STRING, start);
}

static struct sql_token scan_word(struct sql_scan *s)
{
  size_t start = s->at;
  char first = (char)(s->bytes[start] | 0x20), next = peek(s, 1);
  if (next == '\'' && strchr("ebxn", first)) {
    s->at++;
    return scan_quoted(s, start, '\'', first == 'e');
  }
  if (first == 'u' && next == '&' && (peek(s, 2) == '\'' || peek(s, 2) == '"')) {
    s->at += 2;
    return scan_quoted(s, start, s->bytes[s->at], false);
  }
  while (s->at < s->len && continues_name(s->bytes[s->at]))
    s->at++;
  return finish(s, SQL_TOKEN_WORD, start);
}

/* Digits, underscores, hexadecimal, exponents: where a number ends matters only in that no quote
 * hides in it. */
static struct sql_token scan_number(struct sql_scan *s)
{
  size_t start = s->at;
  while (s->at < s->len &&
         (starts_name(s->bytes[s->at]) || is_digit(s->bytes[s->at]) || s->bytes[s->at] == '.'))
    s->at++;
  return finish(s, SQL_TOKEN_NUMBER, start);
}

static void skip_space(struct sql_scan *s)
{
  for (; s->at < s->len && is_space(s->bytes[s->at]); s->at++)
    if (s->bytes[s->at] == '\n' || s->bytes[s->at] == '\r')
      s->newline_since = true;
}

struct sql_token sql_scan_next(struct sql_scan *s)
{
  skip_space(s);
  if (s->at >= s->len)
    return finish(s, SQL_TOKEN_END, s->at);
  char c = s->bytes[s->at];
  if (c == '-' && peek(s, 1) == '-')
    return scan_line_comment(s);
  bool goes_on = s->after_escape_string && s->newline_since;
  s->after_escape_string = false;
  if (c == '/' && peek(s, 1) == '*')
    return scan_block_comment(s);
  if (c == '\'' || c == '"')
    return scan_quoted(s, s->at, c, c == '\'' && goes_on);
  if (c == '$')
    return scan_dollar(s);
  if (starts_name(c))
    return scan_word(s);
  if (is_digit(c) || (c == '.' && is_digit(peek(s, 1))))
    return scan_number(s);
  s->at++;
  return finish(s, SQL_TOKEN_CHAR, s->at - 1);
}

struct sql_token sql_scan_next_code(struct sql_scan *s)
{
  struct sql_token token;
  do
    token = sql_scan_next(s);
  while (token.kind == SQL_TOKEN_COMMENT);
  return token;
}

bool sql_token_is(const struct sql_scan *s, struct sql_token token, const char *word)
{
  size_t len = strlen(word);
  return token.kind == SQL_TOKEN_WORD && token.end - token.start == len &&
         strncasecmp(s->bytes + token.start, word, len) == 0;
}

bool sql_token_is_char(const struct sql_scan *s, struct sql_token token, char c)
{
  return token.kind == SQL_TOKEN_CHAR && s->bytes[token.start] == c;
}
