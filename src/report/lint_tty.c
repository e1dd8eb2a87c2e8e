#include "report/lint.h"

#include "base/term.h"

enum { EXCERPT_WIDTH_MAX = 120 };

struct view {
  struct text *out;
  const struct report_lint *input;
  bool colour;
};

static void paint(struct view *v, const char *colour, const char *s)
{
  text_printf(v->out, "%s%s%s", v->colour ? colour : "", s, v->colour ? TERM_RESET : "");
}

static const char *severity_colour(enum lint_severity severity)
{
  return severity == LINT_ERROR     ? TERM_BOLD TERM_RED
         : severity == LINT_WARNING ? TERM_BOLD TERM_YELLOW
                                    : TERM_BOLD TERM_CYAN;
}

static const struct sql_script *find_script(const struct report_lint *input, const char *file)
{
  for (size_t i = 0; i < input->script_count; i++)
    if (strcmp(input->scripts[i]->name, file) == 0)
      return input->scripts[i];
  return NULL;
}

/* Nothing that a file holds may steer the terminal. */
static void put_printable(struct text *out, const char *bytes, size_t len)
{
  for (size_t i = 0; i < len; i++) {
    unsigned char c = (unsigned char)bytes[i];
    text_putc(out, c < 0x20 || c == 0x7F ? ' ' : (char)c);
  }
}

static bool is_utf8_tail(char c)
{
  return ((unsigned char)c & 0xC0) == 0x80;
}

/* One mark a character under bytes [0, from) spaces and [from, to) carets. */
static void put_marks(struct view *v, const char *line, size_t from, size_t to)
{
  for (size_t i = 0; i < from; i++)
    if (!is_utf8_tail(line[i]))
      text_putc(v->out, ' ');
  struct text marks = TEXT_INIT;
  text_putc(&marks, '^');
  for (size_t i = from + 1; i < to; i++)
    if (!is_utf8_tail(line[i]))
      text_putc(&marks, '~');
  paint(v, TERM_RED, marks.data);
  text_clear(&marks);
  text_putc(v->out, '\n');
}

static void put_excerpt(struct view *v, const struct lint_finding *f)
{
  const struct sql_script *script = find_script(v->input, f->file);
  if (!script || f->start.offset > script->len)
    return;
  size_t column = (size_t)(f->start.column - 1);
  const char *line = script->bytes + f->start.offset - column;
  size_t len = strcspn(line, "\r\n");
  size_t end = f->end.line == f->start.line ? (size_t)(f->end.column - 1) : len;
  size_t left = 0; /* long lines: only what is around the finding */
  if (len > EXCERPT_WIDTH_MAX && column > EXCERPT_WIDTH_MAX / 3)
    left = column - EXCERPT_WIDTH_MAX / 3;
  while (left > 0 && is_utf8_tail(line[left]))
    left--;
  if (len - left > EXCERPT_WIDTH_MAX)
    len = left + EXCERPT_WIDTH_MAX;
  while (len > left && is_utf8_tail(line[len]))
    len--;
  if (end > len)
    end = len;
  text_printf(v->out, "%5d | ", f->start.line);
  put_printable(v->out, line + left, len - left);
  text_puts(v->out, "\n      | ");
  put_marks(v, line + left, column - left, end > left ? end - left : 0);
}

static void put_line(struct view *v, const char *label, const char *s)
{
  if (!s)
    return;
  text_puts(v->out, "  ");
  paint(v, TERM_DIM, label);
  text_printf(v->out, " %s\n", s);
}

static void put_finding(struct view *v, const struct lint_finding *f)
{
  text_printf(v->out, "%s:%d:%d: ", f->file, f->start.line, f->start.column);
  paint(v, severity_colour(f->severity), lint_severity_name(f->severity));
  text_putc(v->out, ' ');
  paint(v, TERM_BOLD, f->rule->id);
  text_printf(v->out, ": %s\n", f->message);
  put_excerpt(v, f);
  put_line(v, "size:", f->detail);
  put_line(v, "lock:", f->rule->lock);
  put_line(v, "why: ", f->rule->hazard);
  put_line(v, "safe:", f->rule->safe);
  text_putc(v->out, '\n');
}

static void put_count(struct text *out, int count, const char *what)
{
  text_printf(out, "%s%d %s%s", out->len > 0 ? ", " : "", count, what, count == 1 ? "" : "s");
}

void report_lint_summary(struct text *out, const struct lint_report *r)
{
  struct text counts = TEXT_INIT;
  if (r->errors > 0)
    put_count(&counts, r->errors, "error");
  if (r->warnings > 0)
    put_count(&counts, r->warnings, "warning");
  if (r->infos > 0)
    put_count(&counts, r->infos, "note");
  if (counts.len == 0)
    text_puts(&counts, "nothing found");
  if (r->suppressed > 0)
    text_printf(&counts, " (%d ignored)", r->suppressed);
  text_printf(out, "%s in %d file%s, %d statement%s, ", counts.data, r->files,
              r->files == 1 ? "" : "s", r->statements, r->statements == 1 ? "" : "s");
  if (r->not_analysed > 0)
    text_printf(out, "%d not analysed", r->not_analysed);
  else
    text_puts(out, "all analysed");
  text_clear(&counts);
}

void report_lint_tty(struct text *out, const struct report_lint *input, bool colour)
{
  struct view v = {.out = out, .input = input, .colour = colour};
  for (size_t i = 0; i < input->report->findings.len; i++)
    if (!input->report->findings.at[i].suppressed)
      put_finding(&v, &input->report->findings.at[i]);
  report_lint_summary(out, input->report);
  text_putc(out, '\n');
}
