/* backup/pattern.h: psql's patterns for the names of tables, matched without a server.
 *
 *   orders  "Orders"  sales.*  *.order_??  "odd.schema"."*"
 *
 * Outside quotes letters fold to lower case, * is any run of characters, ? is one, a dot parts
 * schema and table; inside double quotes everything is itself and "" is a quote. A pattern without
 * a schema matches in every schema. What psql would read as a regular expression is refused.
 *
 *   struct patterns patterns;
 *   if (patterns_parse(arena, &options.tables, &patterns, err) < 0) ...
 *   for (...) if (patterns_match(&patterns, "public.orders")) ...   // remembers what has matched
 *   return patterns_check_used(&patterns, "the database", err);
 */
#pragma once

#include "base/base.h"

struct pattern {
  const char *text;          /* as it was typed */
  const char *schema, *name; /* \ stands before what is itself; schema NULL: any */
  bool used;                 /* has matched something */
};
VEC_TYPE(patterns, struct pattern);

/* ERR_USAGE: what is wrong with the first that is no pattern. */
int patterns_parse(struct arena *arena, const struct strings *texts, struct patterns *ret,
                   struct err *err);
/* Does any of them match? identity: schema.table, quoted as the server quotes it (%I.%I). */
bool patterns_match(struct patterns *patterns, const char *identity);
/* ERR_USAGE naming the patterns that matched no table of `where`. */
int patterns_check_used(const struct patterns *patterns, const char *where, struct err *err);
