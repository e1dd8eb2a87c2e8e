#include "report/lint_common.h"

#include "base/utf8.h"

/* Nothing that a file holds may become markup, a mention or a link. */
static void put_plain(struct text *out, const char *s)
{
  static const char special[] = "\\`*_[]<>|~&@:#$";
  for (size_t left = strlen(s), n; left > 0; s += n, left -= n) {
    n = utf8_read(s, left, NULL);
    if (n == 0)
      text_puts(out, UTF8_REPLACEMENT);
    else if ((unsigned char)*s < 0x20 || *s == 0x7F)
      text_putc(out, ' ');
    else if (strchr(special, *s))
      text_printf(out, "&#%d;", *s);
    else
      text_append(out, s, n);
    n = n ? n : 1;
  }
}

static void put_code(struct text *out, const char *s)
{
  text_puts(out, "<code>");
  put_plain(out, s);
  text_puts(out, "</code>");
}

static void put_place(struct text *out, const struct lint_finding *f)
{
  CLEANUP(free_ptr) char *place = x_printf("%s:%d", report_lint_path(f->file), f->start.line);
  put_code(out, place);
}

static void put_finding(struct text *out, const struct lint_finding *f)
{
  text_printf(out, "| %s | ", lint_severity_name(f->severity));
  put_place(out, f);
  text_puts(out, " | ");
  put_code(out, f->rule->id);
  text_puts(out, " | ");
  put_plain(out, f->message);
  if (f->detail) {
    text_puts(out, " (");
    put_plain(out, f->detail);
    text_putc(out, ')');
  }
  text_puts(out, " | ");
  put_plain(out, f->rule->safe);
  text_puts(out, " |\n");
}

static void put_suppressed(struct text *out, const struct lint_finding *f)
{
  text_puts(out, "| ");
  put_place(out, f);
  text_puts(out, " | ");
  put_code(out, f->rule->id);
  text_puts(out, " | ");
  put_plain(out, f->message);
  text_puts(out, " | ");
  put_plain(out, f->reason ? f->reason : "");
  text_puts(out, " |\n");
}

static void put_table(struct text *out, const struct lint_findings *findings, bool suppressed)
{
  text_puts(out, suppressed
                     ? "\n| Where | Rule | What | Why ignored |\n|---|---|---|---|\n"
                     : "\n| | Where | Rule | What | The safe way |\n|---|---|---|---|---|\n");
  for (size_t i = 0; i < findings->len; i++)
    if (findings->at[i].suppressed == suppressed)
      (suppressed ? put_suppressed : put_finding)(out, &findings->at[i]);
}

void report_lint_markdown(struct text *out, const struct report_lint *input)
{
  const struct lint_report *report = input->report;
  CLEANUP(text_clear) struct text summary = TEXT_INIT;
  report_lint_summary(&summary, report);
  text_printf(out, "**belay lint**: %s\n", summary.data);
  if (report->errors + report->warnings + report->infos > 0)
    put_table(out, &report->findings, false);
  if (report->suppressed > 0) {
    text_printf(out, "\n<details><summary>%d ignored</summary>\n", report->suppressed);
    put_table(out, &report->findings, true);
    text_puts(out, "\n</details>\n");
  }
}
