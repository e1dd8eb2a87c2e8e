#include "run/pipeline.h"

#include "lint/names.h"
#include "report/lint.h"
#include "run/lint_context.h"

/* The role is the one that applies; a wrapped command has timeouts of its own. */
static int read_session(struct run *run, struct lint_session *session, struct err *err)
{
  if (run_lint_role(run->arena, run->conn, session, err) < 0 ||
      run_lint_defaults(run->arena, run->conn, session, err) < 0)
    return -1;
  if (run->request->command)
    return run_lint_timeouts(run->conn, session, err);
  run_lint_policy_timeouts(&run->env->policy, session);
  return 0;
}

int run_stage_lint(struct run *run, const char **summary, struct err *err)
{
  struct sql_script **scripts = arena_alloc(run->arena, (run->files.len + 1) * sizeof(*scripts));
  size_t count = 0;
  for (size_t i = 0; i < run->files.len; i++)
    if (run_is_first_part(&run->files.at[i]))
      scripts[count++] = run->files.at[i].whole;
  run->result->scripts = scripts;
  run->result->script_count = count;
  struct lint_report *report = &run->result->lint;
  const struct lint_settings *settings = &run->env->policy.lint;
  struct lint_session session = {0};
  const struct lint_names *names;
  if (lint_names_read(run->arena, run->conn, &names, err) < 0)
    return -1;
  const struct lint_input input = {.scripts = scripts,
                                   .count = count,
                                   .catalog = run->catalog,
                                   .names = names,
                                   .conn = run->conn,
                                   .session = &session};
  if (read_session(run, &session, err) < 0 ||
      lint_scripts(run->arena, settings, &input, report, err) < 0)
    return -1;
  if (run->journal) {
    CLEANUP(text_clear) struct text json = TEXT_INIT;
    const struct report_lint shown = {.report = report, .scripts = scripts, .script_count = count};
    report_lint_json(&json, &shown);
    if (run_put(run, "findings.json", json.data, json.len, err) < 0)
      return -1;
  }
  CLEANUP(text_clear) struct text counts = TEXT_INIT;
  report_lint_summary(&counts, report);
  *summary = arena_strdup(run->arena, counts.data);
  if (!lint_fails(settings, report))
    return 0;
  err_set(err, ERR_REFUSED, "the pending migrations have %s", counts.data);
  return err_hint(err,
                  "Change them, or accept a finding in the file with: -- belay:ignore RULE reason");
}
