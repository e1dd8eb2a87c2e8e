/* sql/classify.h (private to sql/): what a statement is by its keywords alone, so also for syntax
 * that the parser does not know. `text` holds one statement. */
#pragma once

#include "sql/script.h"

enum sql_transaction sql_classify_transaction(const char *text, size_t len);
/* Why the statement cannot run in a transaction block, NULL if it can. */
const char *sql_classify_bare(const char *text, size_t len);
/* A BEGIN or COMMIT that means more than the start or end of an ordinary transaction: isolation
 * level, READ ONLY, DEFERRABLE, AND CHAIN. */
bool sql_classify_has_modes(const char *text, size_t len);
/* Rows follow it that are no SQL. */
bool sql_classify_copy_from_stdin(const char *text, size_t len);
/* Why a script that holds the statement cannot be read, NULL if it can: SET
 * standard_conforming_strings = off (every string after it reads otherwise). */
const char *sql_classify_unreadable(const char *text, size_t len);
