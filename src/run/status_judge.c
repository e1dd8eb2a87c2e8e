/* What the facts mean, in one sentence, and the one command to type next. */
#include "run/status_private.h"

static bool is_rollback(const struct record *record)
{
  return strcmp(record->kind, "rollback") == 0;
}

const char *status_file_state_name(const struct record *record, const struct record_file *file)
{
  static const char *const names[] = {
      [RECORD_NOT_APPLIED] = "still applied",
      [RECORD_COMMITTED] = "rolled back",
      [RECORD_UNKNOWN] = "unknown",
      [RECORD_PARTIAL] = "partly rolled back",
  };
  if (record->again) /* a rollback of a rollback applies: then COMMITTED is applied */
    return record_file_state_name(file->state);
  return is_rollback(record) ? names[file->state] : record_file_state_name(file->state);
}

static const char *restore_command(struct status *s)
{
  const struct record *last = &s->report.last;
  return last->backup_id
             ? arena_printf(s->run.arena, "belay restore %s --into NAME", last->backup_id)
             : arena_printf(s->run.arena, "belay show %s", last->id);
}

/* What belay could not capture or prove it does not roll back. */
static const char *way_back(struct status *s)
{
  const struct record *last = &s->report.last;
  for (size_t i = 0; i < last->files.len; i++) {
    const struct record_file *file = &last->files.at[i];
    if (file->state == RECORD_NOT_APPLIED)
      continue;
    if (file->verdict == INVERSE_NONE || file->unheld ||
        (last->command && file->state == RECORD_PARTIAL))
      return restore_command(s);
  }
  return arena_printf(s->run.arena, "belay rollback %s", last->id);
}

static const char *again(struct status *s)
{
  const struct record *last = &s->report.last;
  return last->command ? arena_printf(s->run.arena, "belay run -- %s", last->command) : "belay run";
}

/* "run X was interrupted in stage apply", "the rollback X of run Y ended with exit code 8 (...)" */
static const char *what_happened(struct status *s)
{
  struct arena *arena = s->run.arena;
  const struct record *last = &s->report.last;
  const char *subject = is_rollback(last)
                            ? arena_printf(arena, "the rollback %s of %s %s", last->id,
                                           last->again ? "rollback" : "run", last->rolls_back)
                            : arena_printf(arena, "run %s", last->id);
  if (last->ended)
    return arena_printf(arena, "%s ended with %s", subject, s->report.last_outcome);
  if (is_rollback(last))
    return arena_printf(arena, "%s was interrupted", subject);
  return arena_printf(arena, "%s was interrupted in stage %s%s", subject,
                      last->last_stage ? last->last_stage : "preflight",
                      s->command_begun ? ", after its command had begun" : "");
}

static void judge_rollback(struct status *s, const char *what)
{
  const struct record_counts n = record_count(&s->report.last);
  s->report.verdict = arena_printf(s->run.arena, "%s; %zu of %zu file%s %s %s", what, n.applied,
                                   n.all, n.all == 1 ? "" : "s", n.applied == 1 ? "is" : "are",
                                   s->report.last.again ? "applied again" : "rolled back");
  s->report.next = n.all && n.applied == n.all
                       ? "belay plan"
                       : arena_printf(s->run.arena, "belay rollback %s", s->report.last.rolls_back);
}

static void judge_command(struct status *s, const char *what)
{
  struct arena *arena = s->run.arena;
  struct status_report *report = &s->report;
  const struct record_counts n = record_count(&report->last);
  if (n.applied == 0 && !n.partial) {
    report->verdict = arena_printf(
        arena, "%s; the ledger has nothing of it%s", what,
        s->schema_as_before
            ? " and the schema is as before, but rows may have been written by the command"
            : ", but the schema is changed");
    report->next = s->schema_as_before ? again(s) : restore_command(s);
    return;
  }
  const char *schema = s->schema_as_applied ? "the schema is as predicted for that"
                                            : "the schema is not as predicted for that";
  report->verdict = arena_printf(
      arena, "%s; the ledger has %zu of its %zu files as applied%s%s, and %s", what, n.applied,
      n.all, n.partial ? " and begun, but not finished, " : "", n.partial ? n.partial : "", schema);
  bool between = n.applied < n.all && !n.partial && s->schema_as_applied;
  report->next = between ? again(s) : way_back(s);
}

/* Only with all its files committed a run comes to verify: what is not there any more, the undo of
 * a failed verify took back. */
static bool was_undoing(const struct record *last, const struct record_counts *n)
{
  return !last->ended && !n->partial && n->applied < n->all && last->last_stage &&
         strcmp(last->last_stage, "verify") == 0;
}

static void judge_native(struct status *s, const char *what)
{
  struct arena *arena = s->run.arena;
  struct status_report *report = &s->report;
  const struct record *last = &report->last;
  const struct record_counts n = record_count(last);
  bool failed = last->exit_code == err_exit_code(ERR_CHANGED) ||
                last->exit_code == err_exit_code(ERR_POSTVERIFY);
  const char *files = arena_printf(arena, "%zu of its %zu files %s committed", n.applied, n.all,
                                   n.applied == 1 ? "is" : "are");
  if (was_undoing(last, &n)) {
    report->verdict =
        arena_printf(arena, "%s, which had failed: %s", what,
                     n.applied ? arena_printf(arena, "it was being rolled back; %s still", files)
                               : "all of it was rolled back, the database is as before");
    report->next = n.applied ? way_back(s) : "belay plan";
  } else if (n.partial) {
    report->verdict =
        arena_printf(arena, "%s; %s runs statement by statement and stopped part-way%s%s", what,
                     n.partial, n.applied ? ", " : "", n.applied ? files : "");
    report->next = way_back(s);
  } else if (n.applied == 0 && failed) {
    report->verdict = arena_printf(arena, "%s; none of its files is committed", what);
    report->next = restore_command(s);
  } else if (n.applied == 0) {
    report->verdict =
        arena_printf(arena, "%s; nothing was committed, the database is as before", what);
    report->next = "belay run";
  } else {
    report->verdict = arena_printf(arena, "%s; %s", what, files);
    report->next = failed || n.applied == n.all ? way_back(s) : "belay run";
  }
}

static void judge_last(struct status *s)
{
  const char *what = what_happened(s);
  if (s->in_progress) {
    s->report.verdict = arena_printf(s->run.arena, "%s; its commit is still under way", what);
    s->report.next = "belay status";
  } else if (s->undetermined) {
    s->report.verdict = arena_printf(s->run.arena, "%s; whether %s is in could not be found out",
                                     what, s->undetermined);
    s->report.next = arena_printf(s->run.arena, "belay show %s", s->report.last.id);
  } else if (is_rollback(&s->report.last)) {
    judge_rollback(s, what);
  } else if (s->command_begun) {
    judge_command(s, what);
  } else {
    judge_native(s, what);
  }
}

static void judge_running(struct status *s)
{
  const char *what = s->lock_held
                         ? (s->rollback_running ? "a rollback is under way" : "a run is under way")
                         : "no belay is running here any more, but somebody is at work";
  s->report.verdict = arena_printf(s->run.arena, "%s: %s", what, s->report.running);
  s->report.next = "belay status";
}

static void judge_migrations(struct status *s)
{
  struct status_report *report = &s->report;
  if (report->troubled) {
    report->verdict = arena_printf(
        s->run.arena, "%zu migration%s in the ledger do%s not agree with the directory",
        report->troubled, report->troubled == 1 ? "" : "s", report->troubled == 1 ? "es" : "");
    report->next = "belay plan";
  } else if (report->pending) {
    report->verdict = arena_printf(s->run.arena, "%zu migration%s pending", report->pending,
                                   report->pending == 1 ? " is" : "s are");
    report->next = "belay plan";
  } else {
    report->verdict = "nothing is pending";
  }
}

void status_judge(struct status *s)
{
  if (s->report.running)
    judge_running(s);
  else if (s->report.last_troubled)
    judge_last(s);
  else
    judge_migrations(s);
}
