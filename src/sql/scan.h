/* sql/scan.h (private to sql/): PostgreSQL's lexical rules, one token at a time.
 *
 *   struct sql_scan scan = sql_scan_begin(bytes, len);
 *   struct sql_token token;
 *   while ((token = sql_scan_next(&scan)).kind != SQL_TOKEN_END) ...
 *
 * White space is skipped; comments are tokens. Tokens point into the bytes; nothing is allocated.
 * After SQL_TOKEN_BAD (token.problem says what, token.start where) the scan is over.
 */
#pragma once

#include "base/base.h"

enum sql_token_kind {
  SQL_TOKEN_END,
  SQL_TOKEN_WORD,    /* keyword or unquoted name */
  SQL_TOKEN_QUOTED,  /* "name", U&"name" */
  SQL_TOKEN_STRING,  /* '...', E'...', B'...', X'...', N'...', U&'...', $tag$...$tag$ */
  SQL_TOKEN_NUMBER,  /* also $1 */
  SQL_TOKEN_CHAR,    /* one byte of punctuation or operator */
  SQL_TOKEN_COMMENT, /* both kinds, with its marks */
  SQL_TOKEN_BAD,
};

struct sql_token {
  enum sql_token_kind kind;
  size_t start, end; /* offsets, [start, end) */
  const char *problem;
};

struct sql_scan {
  const char *bytes;
  size_t len, at;
  /* 'a' <newline> 'b' is one string, and E'...' goes on with its escapes in 'b'. */
  bool after_escape_string, newline_since;
};

struct sql_scan sql_scan_begin(const char *bytes, size_t len);
struct sql_token sql_scan_next(struct sql_scan *scan);
/* The next token that is not a comment. */
struct sql_token sql_scan_next_code(struct sql_scan *scan);
/* A word, whatever its case. */
bool sql_token_is(const struct sql_scan *scan, struct sql_token token, const char *word);
bool sql_token_is_char(const struct sql_scan *scan, struct sql_token token, char c);
