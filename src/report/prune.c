#include "report/prune.h"

#include "base/clock.h"

static const char *kind_name(enum retention_kind kind)
{
  static const char *const names[RETENTION_KINDS] = {"whole", "template", "scoped", "run"};
  return names[kind];
}

static void rules_text(const struct prune_plan *plan, struct text *out)
{
  const struct retention_rules *r = &plan->rules;
  text_puts(out, plan->from_policy ? "rules of the policy:" : "rules:");
  const struct {
    const char *name;
    int count;
  } counts[] = {
      {"last", r->last}, {"daily", r->daily}, {"weekly", r->weekly}, {"monthly", r->monthly}};
  for (size_t i = 0; i < COUNT_OF(counts); i++)
    if (counts[i].count)
      text_printf(out, " keep-%s %d", counts[i].name, counts[i].count);
  if (r->within_ms)
    text_printf(out, " keep-within %" PRId64 "h", r->within_ms / 3600000);
  text_puts(out, r->damaged ? " damaged\n" : "\n");
}

static void items_text(const char *title, const struct prune_items *items, struct text *out)
{
  if (items->len)
    text_printf(out, "%s\n", title);
  for (size_t i = 0; i < items->len; i++) {
    const struct prune_item *item = &items->at[i];
    text_printf(out, "  %-6s  %s  %-8s  %8" PRIu64 " KiB  %s\n",
                item->decision.keep ? "keep" : "remove", item->decision.id,
                kind_name(item->decision.kind), item->bytes >> 10, item->decision.why);
  }
}

void report_prune_plan(struct arena *arena, const struct prune_plan *plan, struct text *out)
{
  rules_text(plan, out);
  items_text("backups", &plan->backups, out);
  items_text("records of runs", &plan->runs, out);
  if (plan->unfinished.len || plan->leftovers.abandoned)
    text_puts(out, "left behind by writers that were killed\n");
  for (size_t i = 0; i < plan->unfinished.len; i++) {
    const struct prune_unfinished *u = &plan->unfinished.at[i];
    text_printf(out, "  remove  %s  %8" PRIu64 " KiB  unfinished, untouched since %s\n", u->prefix,
                u->bytes >> 10, clock_iso8601(arena, u->touched_us));
  }
  if (plan->leftovers.abandoned)
    text_printf(out, "  remove  %d temporary file%s  %" PRIu64 " KiB\n", plan->leftovers.abandoned,
                plan->leftovers.abandoned == 1 ? "" : "s", plan->leftovers.bytes >> 10);
  for (size_t i = 0; i < plan->unreadable.len; i++)
    text_printf(out, "left alone: %s\n", plan->unreadable.at[i]);
  if (prune_is_empty(plan))
    text_puts(out, "nothing to remove\n");
}

void report_prune_end(const struct prune_report *r, struct text *out)
{
  uint64_t bytes = r->backups.bytes + r->runs.bytes + r->unfinished.bytes + r->temporary.bytes;
  text_printf(out,
              "removed: backups %" PRId64 ", records of runs %" PRId64 ", unfinished %" PRId64
              ", temporary files %" PRId64 "; %" PRIu64 " KiB\n",
              r->backups.count, r->runs.count, r->unfinished.count, r->temporary.count,
              bytes >> 10);
}

static void rules_json(struct jw *w, const struct prune_plan *plan)
{
  jw_key(w, "rules");
  jw_object(w);
  jw_key_string(w, "from", plan->from_policy ? "policy" : "options");
  jw_key_int(w, "keep_last", plan->rules.last);
  jw_key_int(w, "keep_daily", plan->rules.daily);
  jw_key_int(w, "keep_weekly", plan->rules.weekly);
  jw_key_int(w, "keep_monthly", plan->rules.monthly);
  jw_key_int(w, "keep_within_ms", plan->rules.within_ms);
  jw_key_bool(w, "damaged", plan->rules.damaged);
  jw_end(w);
}

static void items_json(struct jw *w, const char *key, const struct prune_items *items)
{
  jw_key(w, key);
  jw_array(w);
  for (size_t i = 0; i < items->len; i++) {
    const struct prune_item *item = &items->at[i];
    jw_object(w);
    jw_key_string(w, "id", item->decision.id);
    jw_key_string(w, "kind", kind_name(item->decision.kind));
    jw_key_bool(w, "keep", item->decision.keep);
    jw_key_string(w, "why", item->decision.why);
    jw_key_int(w, "bytes", (int64_t)item->bytes);
    jw_end(w);
  }
  jw_end(w);
}

static void rest_json(struct arena *arena, struct jw *w, const struct prune_plan *plan)
{
  jw_key(w, "unfinished");
  jw_array(w);
  for (size_t i = 0; i < plan->unfinished.len; i++) {
    jw_object(w);
    jw_key_string(w, "prefix", plan->unfinished.at[i].prefix);
    jw_key_string(w, "touched_at", clock_iso8601(arena, plan->unfinished.at[i].touched_us));
    jw_key_int(w, "bytes", (int64_t)plan->unfinished.at[i].bytes);
    jw_end(w);
  }
  jw_end(w);
  jw_key_int(w, "temporary_files", plan->leftovers.abandoned);
  jw_key(w, "unreadable");
  jw_array(w);
  for (size_t i = 0; i < plan->unreadable.len; i++)
    jw_string(w, plan->unreadable.at[i]);
  jw_end(w);
}

static void removed_json(struct jw *w, const char *key, const struct prune_removed *removed)
{
  jw_key(w, key);
  jw_object(w);
  jw_key_int(w, "count", removed->count);
  jw_key_int(w, "bytes", (int64_t)removed->bytes);
  jw_end(w);
}

void report_prune_json(struct arena *arena, const struct prune_plan *plan,
                       const struct prune_report *report, struct text *out)
{
  struct jw w = jw_begin(out);
  jw_object(&w);
  jw_key_int(&w, "schema", 1);
  rules_json(&w, plan);
  items_json(&w, "backups", &plan->backups);
  items_json(&w, "runs", &plan->runs);
  rest_json(arena, &w, plan);
  jw_key(&w, "removed");
  if (!report) {
    jw_null(&w);
  } else {
    jw_object(&w);
    removed_json(&w, "backups", &report->backups);
    removed_json(&w, "runs", &report->runs);
    removed_json(&w, "unfinished", &report->unfinished);
    removed_json(&w, "temporary_files", &report->temporary);
    jw_end(&w);
  }
  jw_end(&w);
  text_putc(out, '\n');
}
