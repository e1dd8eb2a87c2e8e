#include "report/diff.h"

enum {
  CONTEXT = 3,
  TABLE_MAX = 16 * 1024 * 1024, /* cells; beyond it all that differs is one block */
};

struct line {
  const char *text;
  size_t len; /* with its newline */
};
VEC_TYPE(lines, struct line);

/* ' ' in both, '-' only before, '+' only after */
struct step {
  char kind;
  struct line line;
};
VEC_TYPE(steps, struct step);

static struct lines split(struct arena *arena, const char *text)
{
  struct lines lines = {0};
  for (const char *at = text; *at;) {
    size_t len = strcspn(at, "\n");
    len += at[len] == '\n';
    vec_push(arena, &lines, ((struct line){at, len}));
    at += len;
  }
  return lines;
}

static bool same(struct line a, struct line b)
{
  return a.len == b.len && memcmp(a.text, b.text, a.len) == 0;
}

static void add(struct arena *arena, struct steps *steps, char kind, struct line line)
{
  vec_push(arena, steps, ((struct step){kind, line}));
}

/* The middle, where both differ at their ends: by the longest common subsequence. */
static void compare(struct arena *arena, struct lines a, struct lines b, struct steps *steps)
{
  size_t width = b.len + 1, i = 0, k = 0;
  bool small = a.len < TABLE_MAX / (width + 1);
  CLEANUP(free_ptr) uint32_t *common = x_calloc(small ? (a.len + 1) * width : 1, sizeof(*common));
  for (size_t x = small ? a.len : 0; x-- > 0;)
    for (size_t y = b.len; y-- > 0;) {
      uint32_t down = common[(x + 1) * width + y], right = common[x * width + y + 1];
      common[x * width + y] = same(a.at[x], b.at[y]) ? common[(x + 1) * width + y + 1] + 1
                              : down > right         ? down
                                                     : right;
    }
  while (i < a.len || k < b.len) {
    bool both = small && i < a.len && k < b.len;
    if (both && same(a.at[i], b.at[k])) {
      add(arena, steps, ' ', a.at[i++]);
      k++;
    } else if (i < a.len && (!both || common[(i + 1) * width + k] >= common[i * width + k + 1])) {
      add(arena, steps, '-', a.at[i++]);
    } else {
      add(arena, steps, '+', b.at[k++]);
    }
  }
}

static struct steps steps_of(struct arena *arena, struct lines a, struct lines b)
{
  struct steps steps = {0};
  size_t head = 0, tail = 0;
  while (head < a.len && head < b.len && same(a.at[head], b.at[head]))
    add(arena, &steps, ' ', a.at[head++]);
  while (tail < a.len - head && tail < b.len - head &&
         same(a.at[a.len - 1 - tail], b.at[b.len - 1 - tail]))
    tail++;
  compare(arena, (struct lines){a.at + head, a.len - head - tail, 0},
          (struct lines){b.at + head, b.len - head - tail, 0}, &steps);
  for (size_t i = a.len - tail; i < a.len; i++)
    add(arena, &steps, ' ', a.at[i]);
  return steps;
}

/* The end of the hunk that begins at `first`: behind the context of its last change. */
static size_t hunk_end(const struct steps *steps, size_t first)
{
  size_t last = first; /* behind the last change */
  for (size_t i = first; i < steps->len && i < last + 2 * CONTEXT + 1; i++)
    if (steps->at[i].kind != ' ')
      last = i + 1;
  return last + CONTEXT < steps->len ? last + CONTEXT : steps->len;
}

static void put_range(struct text *out, char sign, size_t start, size_t count)
{
  text_printf(out, " %c%zu", sign, count > 0 ? start + 1 : start);
  if (count != 1)
    text_printf(out, ",%zu", count);
}

static void put_hunk(struct text *out, const struct steps *steps, size_t first, size_t end)
{
  size_t before = 0, after = 0, before_count = 0, after_count = 0;
  for (size_t i = 0; i < end; i++) {
    size_t *b = i < first ? &before : &before_count, *a = i < first ? &after : &after_count;
    *b += steps->at[i].kind != '+';
    *a += steps->at[i].kind != '-';
  }
  text_puts(out, "@@");
  put_range(out, '-', before, before_count);
  put_range(out, '+', after, after_count);
  text_puts(out, " @@\n");
  for (size_t i = first; i < end; i++) {
    const struct line *line = &steps->at[i].line;
    text_putc(out, steps->at[i].kind);
    text_append(out, line->text, line->len);
    if (line->text[line->len - 1] != '\n')
      text_puts(out, "\n\\ No newline at end of file\n");
  }
}

void report_diff(struct text *out, const char *path, const char *before, const char *after)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  struct steps steps = steps_of(arena, split(arena, before ? before : ""), split(arena, after));
  bool any = false;
  for (size_t i = 0; i < steps.len;) {
    if (steps.at[i].kind == ' ') {
      i++;
      continue;
    }
    size_t first = i > CONTEXT ? i - CONTEXT : 0, end = hunk_end(&steps, i);
    if (!any && before)
      text_printf(out, "--- a/%s\n+++ b/%s\n", path, path);
    else if (!any)
      text_printf(out, "--- /dev/null\n+++ b/%s\n", path);
    any = true;
    put_hunk(out, &steps, first, end);
    i = end;
  }
}
