/* sql/depth.h (private to sql/): how deep a statement's parse tree can be at most, from its tokens
 * alone.
 *
 * libpg_query's answer is read and walked by recursion, so the stack must be known to suffice
 * before it is asked.
 */
#pragma once

#include "base/base.h"

/* In nodes; SIZE_MAX: too deep to be worth counting. */
size_t sql_depth_bound(const char *text, size_t len);
