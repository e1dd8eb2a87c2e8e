/* What a rollback would do and what it did, as text and as JSON. */
#include "base/clock.h"
#include "report/run.h"

/* ---- text ---- */

static void locks_text(struct text *out, const struct rollback_locks *locks)
{
  for (size_t i = 0; i < locks->len; i++)
    text_printf(out, "%s%s %s", i ? ", " : "", lint_lock_words(locks->at[i].mode),
                locks->at[i].relation);
}

static void step_text(struct text *out, const struct rollback_step *step)
{
  text_printf(out, "    %s\n", step->sql);
  if (step->locks.len) {
    text_puts(out, "      locks ");
    locks_text(out, &step->locks);
    text_putc(out, '\n');
  }
  if (step->unknown)
    text_printf(out, "      locks, perhaps: more than that (%s)\n", step->unknown);
}

static void steps_text(struct text *out, const struct rollback_file_plan *file, bool after_rows)
{
  for (size_t i = 0; i < file->steps.len; i++)
    if (file->steps.at[i].after_rows == after_rows)
      step_text(out, &file->steps.at[i]);
}

static void count_text(struct text *out, const char **comma, int64_t rows, const char *what)
{
  if (rows <= 0)
    return;
  text_printf(out, "%s%" PRId64 " %s", *comma, rows, what);
  *comma = ", ";
}

static void table_text(struct text *out, const struct undo_preview_table *t)
{
  const char *comma = "";
  text_printf(out, "      %s: ", t->table);
  if (t->not_compared) {
    text_printf(out, "%" PRId64 " rows captured; conflicts were not looked for: %s\n", t->captured,
                t->not_compared);
    return;
  }
  count_text(out, &comma, t->written_back, "written back");
  count_text(out, &comma, t->inserted, "inserted again");
  count_text(out, &comma, t->removed, "removed");
  count_text(out, &comma, t->filled, "get their dropped values");
  text_puts(out, *comma ? "" : "no row to write");
  text_printf(out, ", %" PRId64 " conflict%s\n", t->conflicts, t->conflicts == 1 ? "" : "s");
}

static void conflicts_text(struct text *out, const struct undo_preview *preview,
                           enum undo_on_conflict on_conflict)
{
  static const char *const fate[] = {"left as it is", "brought back all the same",
                                     "so nothing would be rolled back"};
  for (size_t i = 0; i < preview->conflicts.len; i++) {
    text_puts(out, "    conflict: ");
    undo_conflict_text(&preview->conflicts.at[i], out);
    text_printf(out, "; %s\n", fate[on_conflict]);
  }
  int64_t more = preview->conflict_count - (int64_t)preview->conflicts.len;
  if (more > 0)
    text_printf(out, "    conflict: and %" PRId64 " more\n", more);
  if (preview->not_referenced)
    text_printf(out, "    rows that refer to inserted ones were not looked for: %s\n",
                preview->not_referenced);
}

static void rows_text(struct text *out, const struct rollback_file_plan *file,
                      enum undo_on_conflict on_conflict)
{
  if (file->preview.tables.len == 0)
    return;
  text_puts(out, "    rows are compared and written");
  if (file->rows.len) {
    text_puts(out, "; locks, from the compare on: ");
    locks_text(out, &file->rows);
  }
  text_putc(out, '\n');
  for (size_t i = 0; i < file->preview.tables.len; i++)
    table_text(out, &file->preview.tables.at[i]);
  conflicts_text(out, &file->preview, on_conflict);
}

static void losses_text(struct text *out, const struct rollback_file_plan *file)
{
  for (size_t i = 0; i < file->losses.len; i++) {
    const struct rollback_loss *loss = &file->losses.at[i];
    text_printf(out, "    destroys: %s, ", loss->what);
    if (loss->rows < 0)
      text_printf(out, "rows not counted: %s", loss->unknown);
    else
      text_printf(out, "%" PRId64 " row%s", loss->rows, loss->rows == 1 ? "" : "s");
    if (loss->rows > 0 && loss->since >= 0)
      text_printf(out, ", %" PRId64 " written since", loss->since);
    text_puts(out, file->uncaptured ? "; not captured\n" : "; captured first\n");
  }
}

static const char *estimate(struct arena *arena, int64_t ms)
{
  return ms < 1000 ? "under 1 s" : arena_printf(arena, "about %s", clock_duration(arena, ms));
}

static void file_text(struct arena *arena, struct text *out, const struct rollback_file_plan *plan,
                      enum undo_on_conflict on_conflict)
{
  const struct record_file *file = plan->file;
  text_printf(out, "\n  %s: inverse %s%s; %s (estimated)\n", file->name,
              inverse_verdict_name(file->verdict),
              file->undo_prefix ? ", captured rows are written back" : "",
              estimate(arena, plan->estimated_ms));
  for (size_t k = 0; k < file->costs.len; k++)
    text_printf(out, "    costs: %s\n", file->costs.at[k]);
  if (plan->uncaptured)
    text_printf(out, "    what it destroys is not captured: %s\n", plan->uncaptured);
  if (plan->first.len) {
    text_puts(out, "    what it destroys is copied first; locks ");
    locks_text(out, &plan->first);
    text_putc(out, '\n');
  }
  steps_text(out, plan, false);
  rows_text(out, plan, on_conflict);
  steps_text(out, plan, true);
  losses_text(out, plan);
}

void report_rollback_plan(struct arena *arena, const struct rollback_report *report,
                          struct text *out)
{
  const struct record *record = &report->record;
  bool again = strcmp(record->kind, "rollback") == 0;
  text_printf(out, "Rollback of %s %s (%s) on %s, %s:\n", record->kind, record->id,
              record->created_at, record->target,
              again ? "its migrations are applied again, oldest file first, to the rows that "
                      "they had changed (rows written since stay as they are)"
                    : "newest file first");
  for (size_t i = 0; i < report->plan.files.len; i++)
    file_text(arena, out, &report->plan.files.at[i], report->on_conflict);
}

void report_rollback_end(struct arena *arena, const struct rollback_report *report,
                         struct text *out)
{
  UNUSED(arena);
  for (size_t i = 0; i < report->files.len; i++) {
    const struct rollback_file_report *file = &report->files.at[i];
    for (size_t k = 0; k < file->undo.conflicts.len; k++) {
      text_puts(out, "conflict: ");
      undo_conflict_text(&file->undo.conflicts.at[k], out);
      text_printf(out, "; %s\n",
                  report->on_conflict == UNDO_RESTORE ? "brought back all the same"
                                                      : "left as it is");
    }
    int64_t more = file->undo.conflict_count - (int64_t)file->undo.conflicts.len;
    if (more > 0)
      text_printf(out, "conflict: and %" PRId64 " more in %s\n", more, file->name);
  }
  if (report->id)
    text_printf(out, "done: %s %s is rolled back and checked; rollback %s\n", report->record.kind,
                report->record.id, report->id);
}

/* ---- JSON ---- */

static void version_json(struct jw *w, const struct undo_conflict *c, bool now)
{
  if (now && undo_conflict_is_gone(c)) {
    jw_null(w);
    return;
  }
  jw_object(w);
  for (size_t i = 0; i < c->values.len; i++)
    jw_key_string(w, c->values.at[i].column, now ? c->values.at[i].now : c->values.at[i].captured);
  jw_end(w);
}

static void conflicts_json(struct jw *w, const struct undo_conflicts *list)
{
  jw_key(w, "first_conflicts");
  jw_array(w);
  for (size_t i = 0; i < list->len; i++) {
    jw_object(w);
    jw_key_string(w, "table", list->at[i].table);
    jw_key_string(w, "key", list->at[i].key);
    jw_key_string(w, "reason", list->at[i].reason);
    jw_key(w, "captured");
    version_json(w, &list->at[i], false);
    jw_key(w, "now");
    version_json(w, &list->at[i], true);
    jw_end(w);
  }
  jw_end(w);
}

static void locks_json(struct jw *w, const char *key, const struct rollback_locks *locks)
{
  jw_key(w, key);
  jw_array(w);
  for (size_t i = 0; i < locks->len; i++) {
    jw_object(w);
    jw_key_string(w, "relation", locks->at[i].relation);
    jw_key_string(w, "mode", lint_lock_name(locks->at[i].mode));
    jw_end(w);
  }
  jw_end(w);
}

static void steps_json(struct jw *w, const struct rollback_steps *steps)
{
  jw_key(w, "steps");
  jw_array(w);
  for (size_t i = 0; i < steps->len; i++) {
    jw_object(w);
    jw_key_string(w, "sql", steps->at[i].sql);
    jw_key_bool(w, "after_rows", steps->at[i].after_rows);
    locks_json(w, "locks", &steps->at[i].locks);
    jw_key_string(w, "locks_unknown", steps->at[i].unknown);
    jw_end(w);
  }
  jw_end(w);
}

static void tables_json(struct jw *w, const struct undo_preview_tables *tables)
{
  jw_key(w, "rows");
  jw_array(w);
  for (size_t i = 0; i < tables->len; i++) {
    const struct undo_preview_table *t = &tables->at[i];
    jw_object(w);
    jw_key_string(w, "table", t->table);
    jw_key_int(w, "captured", t->captured);
    jw_key_count(w, "written_back", t->written_back);
    jw_key_count(w, "inserted_again", t->inserted);
    jw_key_count(w, "removed", t->removed);
    jw_key_count(w, "filled", t->filled);
    jw_key_count(w, "conflicts", t->conflicts);
    jw_key_string(w, "not_compared", t->not_compared);
    jw_end(w);
  }
  jw_end(w);
}

static void losses_json(struct jw *w, const struct rollback_losses *losses)
{
  jw_key(w, "destroys");
  jw_array(w);
  for (size_t i = 0; i < losses->len; i++) {
    jw_object(w);
    jw_key_string(w, "what", losses->at[i].what);
    jw_key_count(w, "rows", losses->at[i].rows);
    jw_key_count(w, "written_since", losses->at[i].since);
    jw_key_string(w, "not_counted", losses->at[i].unknown);
    jw_end(w);
  }
  jw_end(w);
}

static void plan_json(struct jw *w, const struct rollback_plan *plan)
{
  jw_key(w, "plan");
  jw_object(w);
  jw_key_int(w, "estimated_ms", plan->estimated_ms);
  jw_key(w, "files");
  jw_array(w);
  for (size_t i = 0; i < plan->files.len; i++) {
    const struct rollback_file_plan *f = &plan->files.at[i];
    jw_object(w);
    jw_key_string(w, "name", f->file->name);
    jw_key_string(w, "verdict", inverse_verdict_name(f->file->verdict));
    jw_key_int(w, "estimated_ms", f->estimated_ms);
    locks_json(w, "locks_first", &f->first);
    jw_key_string(w, "uncaptured", f->uncaptured);
    steps_json(w, &f->steps);
    locks_json(w, "locks_rows", &f->rows);
    tables_json(w, &f->preview.tables);
    jw_key_count(w, "conflicts", f->preview.conflict_count);
    conflicts_json(w, &f->preview.conflicts);
    jw_key_string(w, "references_not_looked_for", f->preview.not_referenced);
    losses_json(w, &f->losses);
    jw_end(w);
  }
  jw_end(w);
  jw_end(w);
}

static void file_json(struct jw *w, const struct rollback_file_report *f)
{
  jw_object(w);
  jw_key_string(w, "name", f->name);
  jw_key_bool(w, "rolled_back", f->done);
  jw_key_int(w, "rows_written_back", f->undo.restored);
  jw_key_int(w, "rows_inserted_again", f->undo.reinserted);
  jw_key_int(w, "rows_removed", f->undo.deleted);
  jw_key_int(w, "conflicts", f->undo.conflict_count);
  conflicts_json(w, &f->undo.conflicts);
  jw_end(w);
}

void report_rollback_json(const struct rollback_report *r, const struct err *err, struct text *out)
{
  struct jw w = jw_begin(out);
  jw_object(&w);
  jw_key_int(&w, "schema", 1);
  jw_key_string(&w, "rollback", r->id);
  jw_key_string(&w, "run", r->record.id);
  if (r->planned)
    plan_json(&w, &r->plan);
  jw_key(&w, "files");
  jw_array(&w);
  for (size_t i = 0; i < r->files.len; i++)
    file_json(&w, &r->files.at[i]);
  jw_end(&w);
  report_error(&w, err);
  jw_end(&w);
  text_putc(out, '\n');
}
