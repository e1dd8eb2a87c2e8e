#include "backup/pattern.h"

static bool is_special(char c)
{
  return c == '*' || c == '?' || c == '\\';
}

static int refuse(const char *text, const char *what, struct err *err)
{
  err_set(err, ERR_USAGE, "\"%s\" is not the pattern of a table: %s", text, what);
  return err_hint(err,
                  "Write NAME, SCHEMA.NAME, * and ? for any characters, and odd names in double"
                  " quotes inside single ones: '\"Odd.Name\"'.");
}

static char fold(char c)
{
  return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* One more part of the name has been read: NAME, or what stands before the dot. */
static int end_part(struct arena *arena, struct pattern *pattern, const struct text *part,
                    struct err *err)
{
  if (part->len == 0)
    return refuse(pattern->text, "a part of it is empty", err);
  if (pattern->schema)
    return refuse(pattern->text,
                  "it has more than two parts; the database is chosen with"
                  " --database",
                  err);
  pattern->schema = pattern->name;
  pattern->name = arena_strdup(arena, part->data);
  return 0;
}

static int parse(struct arena *arena, struct pattern *pattern, struct err *err)
{
  CLEANUP(text_clear) struct text part = TEXT_INIT;
  bool quoted = false;
  for (const char *p = pattern->text; *p; p++) {
    if (*p == '"' && quoted && p[1] == '"') {
      text_putc(&part, *p++);
    } else if (*p == '"') {
      quoted = !quoted;
    } else if (*p == '.' && !quoted) {
      if (end_part(arena, pattern, &part, err) < 0)
        return -1;
      text_reset(&part);
    } else if (!quoted && strchr("|+()[]{}^\\", *p)) {
      return refuse(pattern->text, "regular expressions are not understood", err);
    } else {
      if (quoted && is_special(*p))
        text_putc(&part, '\\');
      text_putc(&part, quoted ? *p : fold(*p));
    }
  }
  if (quoted)
    return refuse(pattern->text, "a double quote is missing", err);
  return end_part(arena, pattern, &part, err);
}

int patterns_parse(struct arena *arena, const struct strings *texts, struct patterns *ret,
                   struct err *err)
{
  struct patterns patterns = {0};
  for (size_t i = 0; i < texts->len; i++) {
    struct pattern pattern = {.text = texts->at[i]};
    if (parse(arena, &pattern, err) < 0)
      return -1;
    vec_push(arena, &patterns, pattern);
  }
  *ret = patterns;
  return 0;
}

/* Bytes of the character at p; a broken one counts as one byte. */
static size_t char_len(const char *p, const char *end)
{
  size_t len = 1;
  while ((*p & 0x80) && p + len < end && ((unsigned char)p[len] & 0xc0) == 0x80)
    len++;
  return len;
}

/* Only the last * is ever tried again: an earlier one that took more could not help. */
static bool glob_matches(const char *glob, const char *name, size_t len)
{
  const char *p = name, *end = name + len, *star = NULL, *star_at = NULL;
  while (p < end) {
    const char *literal = *glob == '\\' ? glob + 1 : glob;
    if (*glob == '*') {
      star = ++glob;
      star_at = p;
    } else if (*glob == '?') {
      glob++;
      p += char_len(p, end);
    } else if (*glob && *literal == *p) {
      glob = literal + 1;
      p++;
    } else if (star) {
      star_at += char_len(star_at, end);
      glob = star;
      p = star_at;
    } else {
      return false;
    }
  }
  while (*glob == '*')
    glob++;
  return *glob == '\0';
}

/* Takes one quoted or plain identifier off *identity, up to the dot or the end. */
static void next_name(const char **identity, struct text *ret_name)
{
  const char *p = *identity;
  bool quoted = *p == '"';
  text_reset(ret_name);
  for (p += quoted; *p && (quoted || *p != '.'); p++) {
    if (quoted && *p == '"' && *++p != '"')
      break;
    text_putc(ret_name, *p);
  }
  *identity = *p == '.' ? p + 1 : p;
}

bool patterns_match(struct patterns *patterns, const char *identity)
{
  CLEANUP(text_clear) struct text schema = TEXT_INIT, name = TEXT_INIT;
  bool found = false;
  next_name(&identity, &schema);
  next_name(&identity, &name);
  for (size_t i = 0; i < patterns->len; i++) {
    struct pattern *p = &patterns->at[i];
    if ((p->schema && !glob_matches(p->schema, schema.data, schema.len)) ||
        !glob_matches(p->name, name.data, name.len))
      continue;
    p->used = true;
    found = true;
  }
  return found;
}

int patterns_check_used(const struct patterns *patterns, const char *where, struct err *err)
{
  CLEANUP(text_clear) struct text unused = TEXT_INIT;
  for (size_t i = 0; i < patterns->len; i++)
    if (!patterns->at[i].used)
      text_printf(&unused, "%s%s", unused.len ? ", " : "", patterns->at[i].text);
  if (unused.len == 0)
    return 0;
  err_set(err, ERR_USAGE, "no table of %s matches %s", where, unused.data);
  return err_hint(err, "Outside double quotes capital letters count as small ones; SCHEMA.NAME"
                       " looks in one schema, * stands for anything.");
}
