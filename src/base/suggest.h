/* "Did you mean": the nearest of some words by edit distance. */
#pragma once

#include "base/base.h"

/* NULL when none is near enough to be meant. Upper and lower case, - and _ count as the same
 * letter. */
const char *suggest_word(const char *word, const char *const *known, size_t count);
