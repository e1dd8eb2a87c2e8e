#include "report/lint_common.h"

#include "base/json.h"

static const char *severity(enum lint_severity severity)
{
  return severity == LINT_ERROR ? "critical" : severity == LINT_WARNING ? "major" : "info";
}

static void put_finding(struct jw *w, const struct report_lint *input, size_t index)
{
  const struct lint_finding *f = &input->report->findings.at[index];
  CLEANUP(free_ptr) char *description = x_printf("%s. %s", f->message, f->rule->safe);
  char fingerprint[STORE_SHA256_HEX];
  report_lint_fingerprint(input, index, fingerprint);
  jw_object(w);
  jw_key_string(w, "type", "issue");
  jw_key_string(w, "check_name", f->rule->id);
  jw_key_string(w, "description", description);
  jw_key_string(w, "fingerprint", fingerprint);
  jw_key_string(w, "severity", severity(f->severity));
  jw_key(w, "location");
  jw_object(w);
  jw_key_string(w, "path", report_lint_path(f->file));
  jw_key(w, "lines");
  jw_object(w);
  jw_key_int(w, "begin", f->start.line);
  jw_key_int(w, "end", f->end.line);
  jw_end(w);
  jw_end(w);
  jw_end(w);
}

void report_lint_gitlab(struct text *out, const struct report_lint *input)
{
  struct jw w = jw_begin(out);
  jw_array(&w);
  for (size_t i = 0; i < input->report->findings.len; i++)
    if (!input->report->findings.at[i].suppressed)
      put_finding(&w, input, i);
  jw_end(&w);
  text_putc(out, '\n');
}
