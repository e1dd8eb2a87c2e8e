/* report/prune.h: what prune would remove, as text for people and JSON for scripts. Pure
 * functions. */
#pragma once

#include "base/json.h"
#include "run/prune.h"

void report_prune_plan(struct arena *arena, const struct prune_plan *plan, struct text *out);
void report_prune_end(const struct prune_report *report, struct text *out);
/* report NULL: nothing was removed. */
void report_prune_json(struct arena *arena, const struct prune_plan *plan,
                       const struct prune_report *report, struct text *out);
