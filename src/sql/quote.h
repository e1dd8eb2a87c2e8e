/* sql/quote.h: the only way names and strings get into SQL text. Results live in the arena. */
#pragma once

#include "base/base.h"

/* An identifier, quoted when needed (upper case, odd bytes, any keyword that is not unreserved). */
char *sql_ident(struct arena *arena, const char *name) MUST_CHECK;
/* schema.name; schema NULL or "" = name alone */
char *sql_qualified(struct arena *arena, const char *schema, const char *name) MUST_CHECK;
/* A string literal: '...' or E'...' when it holds a backslash. NULL gives NULL (the keyword). */
char *sql_literal(struct arena *arena, const char *value) MUST_CHECK;
