/* sql/newer_private.h (private to sql/newer*.c): the statement while it is being rewritten. */
#pragma once

#include "sql/newer.h"
#include "sql/scan.h"

VEC_TYPE(newer_tokens, struct sql_token);

struct newer_addition {
  size_t offset;
  const char *text;
};

/* An open parenthesis. */
struct newer_level {
  bool from;     /* a FROM list goes on */
  bool subquery; /* it is a query in a FROM list */
  bool inner;    /* the same, behind another parenthesis */
  bool merge;    /* it is a MERGE */
};

struct newer_rewriter {
  struct arena *arena;
  struct sql_scan scan;
  struct newer_tokens tokens; /* without comments; the last is SQL_TOKEN_END */
  char *text;                 /* the source, overwritten here and there */
  bool changed;
  VEC(struct newer_addition) additions; /* by offset */
  VEC(struct newer_level) levels;
  unsigned in;
  size_t element_level; /* how many levels are open where columns and constraints stand */
  struct sql_newer *newer;
};

/* Tokens; behind the last there are only ends. */
struct sql_token newer_token_at(const struct newer_rewriter *r, size_t i);
bool newer_is(const struct newer_rewriter *r, size_t i, const char *word);
bool newer_is_char(const struct newer_rewriter *r, size_t i, char c);
bool newer_is_end(const struct newer_rewriter *r, size_t i);
bool newer_is_name(const struct newer_rewriter *r, size_t i);
bool newer_is_one_of(const struct newer_rewriter *r, size_t i, const char *const *words);
/* How many tokens from i on are the words, parted by blanks; "?" is any name. 0: they are not. */
size_t newer_match(const struct newer_rewriter *r, size_t i, const char *words);
/* Behind the parenthesis that is opened at i. */
size_t newer_skip_parentheses(const struct newer_rewriter *r, size_t i);

/* Tokens [from, to) become the words, padded with blanks. False: they do not fit. */
bool newer_put(struct newer_rewriter *r, size_t from, size_t to, const char *words);
void newer_mark(struct newer_rewriter *r, size_t from, size_t to, struct sql_mark what);
void newer_note(struct newer_rewriter *r, size_t from, size_t to, int major, const char *clause);
void newer_add_behind(struct newer_rewriter *r, size_t i, const char *text);

/* newer_table.c, newer_query.c: what may begin at token i. */
void newer_find_in_table(struct newer_rewriter *r, size_t i);
void newer_find_in_query(struct newer_rewriter *r, size_t i);
