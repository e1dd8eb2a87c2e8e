/* sql/parse.h (private to sql/): one statement through libpg_query into its digest. */
#pragma once

#include "sql/script.h"
#include "sql/tree.h"

/* Sets tree, or parse_error and parse_error_at, from text. */
void sql_parse(struct arena *arena, struct sql_statement *statement);
