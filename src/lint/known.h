/* lint/known.h (private to lint/): what is the same on every server: which built-in functions are
 * volatile, which type changes leave the stored rows as they are. */
#pragma once

#include "lint/facts.h"

enum lint_volatility lint_known_volatility(struct sql_name function);
/* Both without domains. A change that keeps every stored value valid and byte for byte the same.
 * utc: TimeZone is known to be UTC. */
bool lint_known_type_widens(const struct sql_type *from, const struct sql_type *to, bool utc);
