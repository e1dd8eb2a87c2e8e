#include "report/lint_common.h"

/* Workflow commands end at a line end, and a property also at : and , */
static void put_escaped(struct text *out, const char *s, bool property)
{
  for (; *s; s++) {
    bool special = *s == '%' || *s == '\r' || *s == '\n' || (property && (*s == ':' || *s == ','));
    if (special)
      text_printf(out, "%%%02X", (unsigned)*s);
    else
      text_putc(out, *s);
  }
}

static void put_finding(struct text *out, const struct report_lint *input,
                        const struct lint_finding *f)
{
  const struct sql_script *script = report_lint_script(input, f);
  int column = report_lint_column(script, f->start);
  const char *level = f->severity == LINT_ERROR     ? "error"
                      : f->severity == LINT_WARNING ? "warning"
                                                    : "notice";
  text_printf(out, "::%s file=", level);
  put_escaped(out, report_lint_path(f->file), true);
  text_printf(out, ",line=%d", f->start.line);
  if (f->end.line == f->start.line) /* columns are only understood within one line */
    text_printf(out, ",col=%d,endColumn=%d", column, report_lint_column(script, f->end));
  else
    text_printf(out, ",endLine=%d", f->end.line);
  text_puts(out, ",title=");
  put_escaped(out, f->rule->id, true);
  text_puts(out, "::");
  put_escaped(out, f->message, false);
  text_puts(out, "%0A");
  put_escaped(out, f->rule->safe, false);
  text_putc(out, '\n');
}

void report_lint_github(struct text *out, const struct report_lint *input)
{
  for (size_t i = 0; i < input->report->findings.len; i++)
    if (!input->report->findings.at[i].suppressed)
      put_finding(out, input, &input->report->findings.at[i]);
}
