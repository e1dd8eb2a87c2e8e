/* A suite a file; in it a case a rule that found something, or one case that passed. Names hold no
 * lines, so that a case is the same one in the next run. */
#include "report/lint_common.h"

#include "base/utf8.h"

enum outcome { PASSED, SKIPPED, FAILED };

struct suite {
  const char *file;
  const struct report_lint *input;
  size_t first, last; /* its findings */
};

/* XML 1.0 has no way to write most control characters. */
static bool is_xml(uint32_t c)
{
  return c >= 0x20 ? c != 0x7F && c != 0xFFFE && c != 0xFFFF : c == '\t' || c == '\n' || c == '\r';
}

static void put_xml(struct text *out, const char *s)
{
  for (size_t left = strlen(s); left > 0;) {
    uint32_t c;
    size_t n = utf8_read(s, left, &c);
    if (n == 0 || !is_xml(c))
      text_puts(out, UTF8_REPLACEMENT);
    else if (c < 0x20 || c == '"' || c == '&' || c == '<' || c == '>')
      text_printf(out, "&#%u;", (unsigned)c);
    else
      text_append(out, s, n);
    n = n ? n : 1;
    s += n;
    left -= n;
  }
}

static void put_attribute(struct text *out, const char *name, const char *value)
{
  text_printf(out, " %s=\"", name);
  put_xml(out, value);
  text_putc(out, '"');
}

static const struct lint_finding *finding_at(const struct suite *suite, size_t i)
{
  return &suite->input->report->findings.at[i];
}

static bool is_first_of_rule(const struct suite *suite, size_t index)
{
  for (size_t i = suite->first; i < index; i++)
    if (finding_at(suite, i)->rule == finding_at(suite, index)->rule)
      return false;
  return true;
}

/* Of all that one rule found in the file. */
static enum outcome outcome_of(const struct suite *suite, const struct lint_rule *rule)
{
  enum lint_severity fail_on = suite->input->fail_on;
  bool all_suppressed = true, failed = false;
  for (size_t i = suite->first; i < suite->last; i++) {
    const struct lint_finding *f = finding_at(suite, i);
    if (f->rule != rule || f->suppressed)
      continue;
    all_suppressed = false;
    failed = failed || (fail_on != LINT_OFF && f->severity >= fail_on);
  }
  return failed ? FAILED : all_suppressed ? SKIPPED : PASSED;
}

static void put_findings(struct text *out, const struct suite *suite, const struct lint_rule *rule)
{
  for (size_t i = suite->first; i < suite->last; i++) {
    const struct lint_finding *f = finding_at(suite, i);
    if (f->rule != rule)
      continue;
    put_xml(out, f->file);
    text_printf(out, ":%d:%d: %s: ", f->start.line, f->start.column,
                f->suppressed ? "ignored" : lint_severity_name(f->severity));
    put_xml(out, f->message);
    if (f->suppressed && f->reason) {
      text_puts(out, " (");
      put_xml(out, f->reason);
      text_putc(out, ')');
    }
    text_putc(out, '\n');
  }
  put_xml(out, rule->safe);
  text_putc(out, '\n');
}

static void put_case(struct text *out, const struct suite *suite, size_t index)
{
  const struct lint_finding *f = finding_at(suite, index);
  static const char *const tags[] = {
      [PASSED] = "system-out", [SKIPPED] = "skipped", [FAILED] = "failure"};
  enum outcome outcome = outcome_of(suite, f->rule);
  text_puts(out, "    <testcase");
  put_attribute(out, "classname", report_lint_path(suite->file));
  put_attribute(out, "name", f->rule->id);
  text_printf(out, ">\n      <%s", tags[outcome]);
  if (outcome == SKIPPED)
    put_attribute(out, "message", f->reason ? f->reason : "ignored in the file");
  if (outcome == FAILED) {
    put_attribute(out, "message", f->rule->summary);
    put_attribute(out, "type", lint_severity_name(f->severity));
  }
  if (outcome == SKIPPED) {
    text_puts(out, "/>\n    </testcase>\n");
    return;
  }
  text_putc(out, '>');
  put_findings(out, suite, f->rule);
  text_printf(out, "</%s>\n    </testcase>\n", tags[outcome]);
}

static void count(const struct suite *suite, int counts[3])
{
  for (size_t i = suite->first; i < suite->last; i++)
    if (is_first_of_rule(suite, i))
      counts[outcome_of(suite, finding_at(suite, i)->rule)]++;
  if (suite->first == suite->last)
    counts[PASSED]++;
}

static void put_counts(struct text *out, const int counts[3])
{
  text_printf(out, " tests=\"%d\" failures=\"%d\" errors=\"0\" skipped=\"%d\">\n",
              counts[PASSED] + counts[SKIPPED] + counts[FAILED], counts[FAILED], counts[SKIPPED]);
}

static void put_suite(struct text *out, const struct suite *suite)
{
  int counts[3] = {0};
  count(suite, counts);
  text_puts(out, "  <testsuite");
  put_attribute(out, "name", report_lint_path(suite->file));
  put_counts(out, counts);
  for (size_t i = suite->first; i < suite->last; i++)
    if (is_first_of_rule(suite, i))
      put_case(out, suite, i);
  if (suite->first == suite->last) {
    text_puts(out, "    <testcase");
    put_attribute(out, "classname", report_lint_path(suite->file));
    text_puts(out, " name=\"nothing found\"/>\n");
  }
  text_puts(out, "  </testsuite>\n");
}

/* The findings of a script stand together; *at is behind those of the scripts before it. */
static struct suite suite_of(const struct report_lint *input, size_t script, size_t *at)
{
  const struct lint_findings *findings = &input->report->findings;
  struct suite suite = {input->scripts[script]->name, input, *at, *at};
  while (suite.last < findings->len && strcmp(findings->at[suite.last].file, suite.file) == 0)
    suite.last++;
  *at = suite.last;
  return suite;
}

void report_lint_junit(struct text *out, const struct report_lint *input)
{
  int counts[3] = {0};
  size_t at = 0;
  for (size_t i = 0; i < input->script_count; i++) {
    struct suite suite = suite_of(input, i, &at);
    count(&suite, counts);
  }
  text_puts(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"belay lint\"");
  put_counts(out, counts);
  at = 0;
  for (size_t i = 0; i < input->script_count; i++) {
    struct suite suite = suite_of(input, i, &at);
    put_suite(out, &suite);
  }
  text_puts(out, "</testsuites>\n");
}
