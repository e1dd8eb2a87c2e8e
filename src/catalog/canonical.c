/* Some expressions get another text when the server reads its own text of them back: the cast of
 * an array constructor is
 * pushed into its elements. `x IN ('a', 'b')` on a varchar is first printed
 *   x = ANY ((ARRAY['a'::character varying, 'b'::character varying])::text[])
 * and, after a dump and restore, for good
 *   x = ANY (ARRAY[('a'::character varying)::text, ('b'::character varying)::text])
 * Both mean the same; the model holds the second, so that a restored copy equals its original. */
#include "catalog/model.h"

static const char opening[] = "(ARRAY[";

/* End of a quoted run that begins at s ('...' or "..."), one past the closing quote. */
static const char *skip_quoted(const char *s)
{
  char quote = *s++;
  while (*s && !(*s == quote && s[1] != quote))
    s += *s == quote ? 2 : 1;
  return *s ? s + 1 : s;
}

/* From behind an opening bracket to its closing one; NULL if there is none. */
static const char *closing_bracket(const char *s)
{
  for (int depth = 1; *s;) {
    if (*s == '\'' || *s == '"') {
      s = skip_quoted(s);
      continue;
    }
    depth += (*s == '[' || *s == '(') - (*s == ']' || *s == ')');
    if (depth == 0)
      return s;
    s++;
  }
  return NULL;
}

/* Length of the type's name in "text[]..."; 0 if that is not what stands there. */
static size_t array_type_len(const char *s)
{
  size_t len = 0;
  while (s[len] && strncmp(s + len, "[]", 2) != 0) {
    if (strchr("(),;'", s[len]))
      return 0;
    len = s[len] == '"' ? (size_t)(skip_quoted(s + len) - s) : len + 1;
  }
  return s[len] ? len : 0;
}

static void put_elements(struct text *out, const char *s, const char *end, const char *type,
                         size_t type_len)
{
  text_puts(out, "ARRAY[");
  for (const char *from = s; s <= end; s++) {
    if (s < end && (*s == '\'' || *s == '"')) {
      s = skip_quoted(s) - 1;
    } else if (s < end && (*s == '(' || *s == '[')) {
      s = closing_bracket(s + 1);
    } else if (s == end || *s == ',') {
      text_putc(out, '(');
      text_append(out, from, (size_t)(s - from));
      text_puts(out, ")::");
      text_append(out, type, type_len);
      text_puts(out, s == end ? "]" : ", ");
      from = s + 1 + (s < end && s[1] == ' ');
    }
  }
}

char *catalog_canonical(struct arena *arena, const char *value)
{
  if (!strstr(value, opening))
    return arena_strdup(arena, value);
  CLEANUP(text_clear) struct text out = TEXT_INIT;
  for (const char *s = value; *s;) {
    if (*s == '\'' || *s == '"') {
      const char *end = skip_quoted(s);
      text_append(&out, s, (size_t)(end - s));
      s = end;
      continue;
    }
    const char *elements = s + sizeof(opening) - 1;
    const char *end =
        strncmp(s, opening, sizeof(opening) - 1) == 0 ? closing_bracket(elements) : NULL;
    const char *type = end && *end == ']' && strncmp(end, "])::", 4) == 0 ? end + 4 : NULL;
    size_t type_len = type && end > elements ? array_type_len(type) : 0;
    if (type_len) {
      put_elements(&out, elements, end, type, type_len);
      s = type + type_len + 2;
    } else {
      text_putc(&out, *s++);
    }
  }
  return arena_strndup(arena, out.data, out.len);
}
