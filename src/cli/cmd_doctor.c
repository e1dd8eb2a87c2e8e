/* belay doctor: everything that a run will need, asked now. */
#include "run/doctor.h"

#include "base/json.h"
#include "cli/cli.h"

static void print_json(const struct doctor_report *report, struct text *out)
{
  struct jw w = jw_begin(out);
  jw_object(&w);
  jw_key_int(&w, "schema", 1);
  jw_key_bool(&w, "ok", report->failed == 0);
  jw_key(&w, "checks");
  jw_array(&w);
  for (size_t i = 0; i < report->checks.len; i++) {
    const struct doctor_check *c = &report->checks.at[i];
    jw_object(&w);
    jw_key_string(&w, "name", c->name);
    jw_key_string(&w, "state", doctor_state_name(c->state));
    jw_key_string(&w, "what", c->what);
    jw_key_string(&w, "fix", c->fix);
    jw_end(&w);
  }
  jw_end(&w);
  jw_end(&w);
  text_putc(out, '\n');
}

static void print_text(const struct doctor_report *report, struct text *out)
{
  for (size_t i = 0; i < report->checks.len; i++) {
    const struct doctor_check *c = &report->checks.at[i];
    text_printf(out, "%-8s %-14s %s\n", doctor_state_name(c->state), c->name, c->what);
    if (c->fix)
      text_printf(out, "%23s %s\n", "", c->fix);
  }
}

int cmd_doctor(struct cli *cli, struct err *err)
{
  CLEANUP(text_clear) struct text out = TEXT_INIT;
  const struct run_options options = cli_run_options(cli);
  struct doctor_report report;
  doctor_look(cli->arena, &options, &report);
  if (cli->options.json)
    print_json(&report, &out);
  else
    print_text(&report, &out);
  cli_print(&out);
  for (size_t i = 0; i < report.checks.len; i++) {
    const struct doctor_check *c = &report.checks.at[i];
    if (c->state != DOCTOR_FAILED)
      continue;
    err_set(err, c->code, "%zu of %zu checks failed, first: %s", report.failed, report.checks.len,
            c->name);
    return err_hint(err, "%s", c->fix ? c->fix : "See what is said of it above.");
  }
  return 0;
}
