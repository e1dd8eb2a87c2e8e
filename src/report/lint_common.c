#include "report/lint_common.h"

#include "base/utf8.h"

report_lint_render *report_lint_format(const char *name)
{
  static const struct {
    const char *name;
    report_lint_render *render;
  } formats[] = {{"tty", report_lint_tty},          {"json", report_lint_json},
                 {"sarif", report_lint_sarif},      {"github", report_lint_github},
                 {"gitlab", report_lint_gitlab},    {"junit", report_lint_junit},
                 {"markdown", report_lint_markdown}};
  for (size_t i = 0; i < COUNT_OF(formats); i++)
    if (strcmp(formats[i].name, name) == 0)
      return formats[i].render;
  return NULL;
}

const struct sql_script *report_lint_script(const struct report_lint *input,
                                            const struct lint_finding *finding)
{
  for (size_t i = 0; i < input->script_count; i++)
    if (input->scripts[i]->name == finding->file)
      return input->scripts[i];
  for (size_t i = 0; i < input->script_count; i++)
    if (strcmp(input->scripts[i]->name, finding->file) == 0)
      return input->scripts[i];
  return NULL;
}

int report_lint_column(const struct sql_script *script, struct sql_place place)
{
  size_t before = (size_t)(place.column - 1);
  if (!script || place.offset > script->len || before > place.offset)
    return place.column;
  return (int)utf8_count(script->bytes + place.offset - before, before) + 1;
}

const char *report_lint_source(const struct sql_script *script, const struct lint_finding *finding,
                               size_t *ret_len)
{
  size_t start = finding->start.offset, end = finding->end.offset;
  bool known = script && start <= end && end <= script->len;
  *ret_len = known ? end - start : 0;
  return known ? script->bytes + start : "";
}

const char *report_lint_path(const char *file)
{
  while (strncmp(file, "./", 2) == 0)
    file += 2 + strspn(file + 2, "/");
  return file;
}

static bool is_space(char c)
{
  return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f' || c == '\v';
}

static void put_without_space(struct text *out, const char *s, size_t len)
{
  for (size_t i = 0; i < len; i++)
    if (!is_space(s[i]))
      text_putc(out, s[i]);
    else if (i > 0 && !is_space(s[i - 1]))
      text_putc(out, ' ');
}

static void put_identity(struct text *out, const struct report_lint *input, size_t index)
{
  const struct lint_finding *finding = &input->report->findings.at[index];
  size_t len;
  const char *source = report_lint_source(report_lint_script(input, finding), finding, &len);
  text_printf(out, "%s%c%s%c", finding->rule->id, 0, report_lint_path(finding->file), 0);
  put_without_space(out, source, len);
  if (len == 0)
    text_puts(out, finding->message);
}

void report_lint_fingerprint(const struct report_lint *input, size_t index,
                             char ret_hex[STORE_SHA256_HEX])
{
  const struct lint_finding *all = input->report->findings.at;
  CLEANUP(text_clear) struct text own = TEXT_INIT, other = TEXT_INIT;
  int alike = 0;
  put_identity(&own, input, index);
  for (size_t i = index; i-- > 0 && all[i].file == all[index].file;) {
    if (all[i].rule != all[index].rule)
      continue;
    text_reset(&other);
    put_identity(&other, input, i);
    alike += other.len == own.len && memcmp(other.data, own.data, own.len) == 0;
  }
  text_printf(&own, "%c%d", 0, alike);
  store_sha256(own.data, own.len, ret_hex);
}
