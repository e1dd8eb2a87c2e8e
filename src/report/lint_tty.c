#define _GNU_SOURCE /* wcwidth */
#include "report/lint_common.h"

#include <wchar.h>

#include "base/term.h"
#include "base/utf8.h"

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

/* What a terminal obeys or hides instead of showing it: controls, and what turns the direction of
 * text around. */
static bool steers(uint32_t c)
{
  return c < 0x20 || (c >= 0x7F && c < 0xA0) || (c >= 0x200B && c <= 0x200F) ||
         (c >= 0x2028 && c <= 0x202E) || (c >= 0x2060 && c <= 0x206F) || c == 0xFEFF;
}

/* One character as a terminal may get it; *ret_width is how many columns it takes there. */
static size_t put_character(struct text *out, const char *s, size_t left, int *ret_width)
{
  uint32_t c;
  size_t n = utf8_read(s, left, &c);
  *ret_width = 1;
  if (n == 0 || (steers(c) && c >= 0x20)) {
    text_puts(out, UTF8_REPLACEMENT);
  } else if (c < 0x20) {
    text_putc(out, ' ');
  } else {
    text_append(out, s, n);
    int width = c < 0x80 ? 1 : wcwidth((wchar_t)c);
    *ret_width = width < 0 ? 1 : width;
  }
  return n ? n : 1;
}

static void put_printable(struct text *out, const char *s)
{
  int width;
  for (size_t left = strlen(s); left > 0;) {
    size_t n = put_character(out, s, left, &width);
    s += n;
    left -= n;
  }
}

/* The part of a line that is shown, and in it what the finding is about; in bytes. */
struct excerpt {
  const char *line;
  size_t left, right; /* of the line */
  size_t from, to;    /* of the finding; to >= from */
};

static bool is_utf8_tail(char c)
{
  return ((unsigned char)c & 0xC0) == 0x80;
}

/* Of a long line only what is around the finding. */
static struct excerpt excerpt_of(const struct sql_script *script, const struct lint_finding *f)
{
  size_t column = (size_t)(f->start.column - 1);
  struct excerpt e = {.line = script->bytes + f->start.offset - column, .from = column};
  e.right = strcspn(e.line, "\r\n");
  e.to = f->end.line == f->start.line ? (size_t)(f->end.column - 1) : e.right;
  if (e.right > EXCERPT_WIDTH_MAX && column > EXCERPT_WIDTH_MAX / 3)
    e.left = column - EXCERPT_WIDTH_MAX / 3;
  while (e.left > 0 && is_utf8_tail(e.line[e.left]))
    e.left--;
  if (e.right - e.left > EXCERPT_WIDTH_MAX)
    e.right = e.left + EXCERPT_WIDTH_MAX;
  while (e.right > e.left && is_utf8_tail(e.line[e.right]))
    e.right--;
  if (e.to > e.right)
    e.to = e.right;
  if (e.to < e.from)
    e.to = e.from;
  return e;
}

static void put_excerpt(struct view *v, const struct lint_finding *f)
{
  const struct sql_script *script = report_lint_script(v->input, f);
  if (!script || f->start.offset > script->len)
    return;
  struct excerpt e = excerpt_of(script, f);
  CLEANUP(text_clear) struct text blanks = TEXT_INIT;
  CLEANUP(text_clear) struct text marks = TEXT_INIT;
  text_printf(v->out, "%5d | ", f->start.line);
  for (size_t i = e.left; i < e.right;) {
    bool marked = i >= e.from && i < e.to;
    int width;
    i += put_character(v->out, e.line + i, e.right - i, &width);
    for (; width > 0 && i <= e.from; width--)
      text_putc(&blanks, ' ');
    for (; width > 0 && marked; width--)
      text_putc(&marks, marks.len == 0 ? '^' : '~');
  }
  if (marks.len == 0)
    text_putc(&marks, '^');
  if (f->end.line > f->start.line)
    text_printf(&marks, " to line %d", f->end.line);
  text_printf(v->out, "\n      | %s", blanks.data);
  paint(v, TERM_RED, marks.data);
  text_putc(v->out, '\n');
}

static void put_line(struct view *v, const char *label, const char *s)
{
  if (!s)
    return;
  text_puts(v->out, "  ");
  paint(v, TERM_DIM, label);
  text_putc(v->out, ' ');
  put_printable(v->out, s);
  text_putc(v->out, '\n');
}

static void put_finding(struct view *v, const struct lint_finding *f)
{
  put_printable(v->out, f->file);
  text_printf(v->out, ":%d:%d: ", f->start.line, f->start.column);
  paint(v, severity_colour(f->severity), lint_severity_name(f->severity));
  text_putc(v->out, ' ');
  paint(v, TERM_BOLD, f->rule->id);
  text_puts(v->out, ": ");
  put_printable(v->out, f->message);
  text_putc(v->out, '\n');
  put_excerpt(v, f);
  put_line(v, "size:", f->detail);
  put_line(v, "lock:", f->rule->lock);
  put_line(v, "why: ", f->rule->hazard);
  put_line(v, "safe:", f->rule->safe);
  put_line(v, "fix: ", f->fix);
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

void report_lint_tty(struct text *out, const struct report_lint *input)
{
  struct view v = {.out = out, .input = input, .colour = input->colour};
  for (size_t i = 0; i < input->report->findings.len; i++)
    if (!input->report->findings.at[i].suppressed)
      put_finding(&v, &input->report->findings.at[i]);
  report_lint_summary(out, input->report);
  text_putc(out, '\n');
}
