#include "report/run.h"

#include "base/clock.h"

static void list(struct text *out, const char *heading, const struct strings *strings)
{
  for (size_t i = 0; i < strings->len; i++)
    text_printf(out, "    %-12s %s\n", i ? "" : heading, strings->at[i]);
}

/* "table public.orders: column fee: position is ..." for each column that moved: one line a table
 * is enough. */
static void column_order(struct text *out, const struct strings *differences)
{
  const char *table = "";
  size_t len = 0;
  for (size_t i = 0; i < differences->len; i++) {
    const char *line = differences->at[i], *colon = strstr(line, ": column");
    if (!colon || ((size_t)(colon - line) == len && strncmp(line, table, len) == 0))
      continue;
    table = line;
    len = (size_t)(colon - line);
    text_printf(out, "    %-12s the order of columns in %.*s; re-added ones come last\n", "differs",
                (int)len, table);
  }
}

static const char *how_name(enum capture_how how)
{
  static const char *const names[] = {"columns", "all rows", "changed rows"};
  return names[how];
}

static void plan_file(struct text *out, size_t number, const struct run_file_report *file)
{
  text_printf(out, "\n%zu. %s\n", number, file->name);
  text_printf(out, "    %-12s %s\n", "runs",
              file->bare    ? "outside of a transaction, as it must"
              : file->alone ? "in a transaction of its own: another part must run outside of one"
                            : "in one transaction, together with its ledger row");
  if (!file->inverse_sql)
    return;
  text_printf(out, "    %-12s %s\n", "inverse", inverse_verdict_name(file->verdict));
  text_printf(out, "    %-12s %s\n", "proof covers", file->covered);
  if (file->rows)
    list(out, "rows fail", &file->rows->refusals);
  if (file->rows)
    list(out, "not covered", &file->rows->not_covered);
  if (file->verdict == INVERSE_COLUMN_ORDER)
    column_order(out, &file->differences);
  else
    list(out, "differs", &file->differences);
  list(out, "cannot", &file->refusals);
  list(out, "outside", &file->outside);
  list(out, "not tried", &file->skipped);
  list(out, "costs", &file->costs);
  bool first = true;
  for (size_t i = 0; i < file->capture.tables.len; i++) {
    const struct capture_table *t = &file->capture.tables.at[i];
    if (t->standby)
      continue;
    text_printf(out, "    %-12s %s of %s (%s)\n", first ? "captures" : "", how_name(t->how),
                t->before, t->why);
    first = false;
  }
  if (file->capture.large_objects)
    text_printf(out, "    %-12s large objects that it changes\n", first ? "captures" : "");
  for (size_t i = 0; i < file->steps.len; i++)
    text_printf(out, "    %-12s %s\n", i ? "" : "way back", file->steps.at[i].sql);
}

void report_plan_text(const struct run_result *result, struct text *out)
{
  text_printf(out, "Plan for %s (%s), policy %s\n", result->target,
              result->server ? result->server : "not reached", result->environment);
  if (result->files.len == 0)
    text_puts(out, "\nNothing is pending.\n");
  for (size_t i = 0; i < result->files.len; i++)
    plan_file(out, i + 1, &result->files.at[i]);
}

void report_run_end(struct arena *arena, const struct run_result *result, const struct err *err,
                    struct text *out)
{
  size_t applied = 0;
  for (size_t i = 0; i < result->files.len; i++)
    applied += result->files.at[i].last_part && strcmp(result->files.at[i].state, "applied") == 0;
  if (!err_is_set(err)) {
    if (result->files.len == 0)
      text_puts(out, "nothing is pending; nothing was done\n");
    else
      text_printf(out, "done: %zu migration%s applied and verified; run %s%s%s\n", applied,
                  applied == 1 ? "" : "s", result->id, result->backup_id ? ", backup " : "",
                  result->backup_id ? result->backup_id : "");
    return;
  }
  text_printf(out, "database: %s\n", run_database_words(arena, err->code));
  if (result->next)
    text_printf(out, "next: %s\n", result->next);
}

void report_status_text(struct arena *arena, const struct status_report *report, struct text *out)
{
  UNUSED(arena);
  text_printf(out, "%s (from %s), %s\n", report->target, report->source, report->server);
  for (size_t i = 0; i < report->migrations.len; i++)
    text_printf(out, "  %-12s %s\n", migration_state_name(report->migrations.at[i].state),
                report->migrations.at[i].name);
  if (report->has_last) {
    const struct record *last = &report->last;
    text_printf(out, "last %s: %s, %s%s%s\n", last->kind, last->id,
                report->last_running       ? "under way"
                : report->last_interrupted ? "interrupted"
                                           : "ended",
                report->last_outcome ? " with " : "",
                report->last_outcome ? report->last_outcome : "");
    for (size_t i = 0; report->last_troubled && i < last->files.len; i++)
      text_printf(out, "  %-12s %s\n", status_file_state_name(last, &last->files.at[i]),
                  last->files.at[i].name);
  }
  for (size_t i = 0; i < report->notes.len; i++)
    text_printf(out, "note: %s\n", report->notes.at[i]);
  text_printf(out, "%s\n", report->verdict);
  if (report->next)
    text_printf(out, "next: %s\n", report->next);
}

void report_backups_text(struct arena *arena, const struct backup_infos *backups, struct text *out)
{
  size_t shown = 0;
  for (size_t i = 0; i < backups->len; i++) {
    const struct backup_info *b = &backups->at[i];
    if (b->damaged)
      continue;
    shown++;
    const char *rows = "";
    if (b->rows >= 0)
      rows = arena_printf(arena, "  %" PRId64 " row%s", b->rows, b->rows == 1 ? "" : "s");
    text_printf(out, "%s  %s  %" PRId64 " table%s%s  %" PRIu64 " KiB  %s  %s%s%s%s\n", b->id,
                b->database, b->tables, b->tables == 1 ? "" : "s", rows, b->bytes >> 10,
                clock_duration(arena, b->duration_ms), b->reason ? b->reason : "",
                b->template ? "  template"
                : b->scope  ? "  scoped"
                            : "",
                b->sealed ? "  encrypted" : "", b->pinned ? "  pinned" : "");
  }
  if (shown == 0)
    text_puts(out, "no backups\n");
}

static const char *record_state(const struct record *record)
{
  return record->undone_by        ? "rolled back"
         : !record->ended         ? "interrupted"
         : record->exit_code == 0 ? "done"
                                  : "failed";
}

void report_records_text(const struct records *records, struct text *out)
{
  if (records->len == 0)
    text_puts(out, "no runs\n");
  for (size_t i = 0; i < records->len; i++) {
    const struct record *r = &records->at[i];
    const struct record_counts n = record_count(r);
    text_printf(out, "%s  %-8s  %-11s  %s  %zu of %zu files  %s\n", r->id, r->kind, record_state(r),
                r->environment, n.applied, n.all, r->rolls_back ? r->rolls_back : "");
  }
}

void report_record_text(const struct record *r, struct text *out)
{
  text_printf(out, "%s %s on %s\n  created      %s\n  environment  %s\n  state        %s", r->kind,
              r->id, r->target, r->created_at, r->environment, record_state(r));
  if (r->ended && r->exit_code)
    text_printf(out, " (exit code %d)", r->exit_code);
  text_printf(out, "\n  backup       %s\n", r->backup_id ? r->backup_id : "none");
  if (r->command)
    text_printf(out, "  command      %s\n", r->command);
  if (r->locked)
    text_printf(out, "  encrypted    for %s; the statements of its inverse need an identity\n",
                r->recipients);
  for (size_t i = 0; i < r->files.len; i++) {
    const struct record_file *file = &r->files.at[i];
    text_printf(out, "\n  %s: %s", file->name, status_file_state_name(r, file));
    if (!r->rolls_back)
      text_printf(out, ", inverse %s", inverse_verdict_name(file->verdict));
    text_putc(out, '\n');
    for (size_t k = 0; k < file->steps.len; k++)
      text_printf(out, "    %s\n", file->steps.at[k].sql);
  }
}
