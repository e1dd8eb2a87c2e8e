/* .env files as dotenv and dotenv-expand read them, except that where tools disagree about a value
 * that is asked for (a # inside an unquoted value, a variable that is not set), it is refused: the
 * wrong database is the price of a guess. */
#include "db/target.h"
#include "base/fs.h"

#include <ctype.h>

struct entry {
  const char *name, *value; /* value: without quotes, escapes resolved except \$ */
  int line;
  char quote;       /* '"' expands with escapes, '\'' and '`' are literal, 0 expands */
  bool hash_inside; /* unquoted and holds a # that is not after a blank */
};

struct env_file {
  struct arena *arena;
  const char *path;
  const char *at;
  int line;
  VEC(struct entry) entries;
};

static int malformed(const struct env_file *f, const char *what, struct err *err)
{
  return err_set(err, ERR_USAGE, "%s:%d: %s", f->path, f->line, what);
}

static bool is_name_start(char c)
{
  return isalpha((unsigned char)c) || c == '_';
}

static bool is_name(char c)
{
  return isalnum((unsigned char)c) || c == '_';
}

static void skip_blanks(struct env_file *f)
{
  while (*f->at == ' ' || *f->at == '\t')
    f->at++;
}

static bool at_line_end(const struct env_file *f)
{
  return *f->at == '\0' || *f->at == '\n' || (f->at[0] == '\r' && f->at[1] == '\n') ||
         (f->at[0] == '\r' && f->at[1] == '\0');
}

static void next_line(struct env_file *f)
{
  while (*f->at && *f->at != '\n')
    f->at++;
  if (*f->at == '\n')
    f->at++;
  f->line++;
}

/* The character after a backslash in double quotes; \$ stays for the expansion. */
static void append_escape(struct text *value, char c)
{
  switch (c) {
  case 'n':
    text_putc(value, '\n');
    break;
  case 'r':
    text_putc(value, '\r');
    break;
  case 't':
    text_putc(value, '\t');
    break;
  case '"':
    text_putc(value, c);
    break;
  case '\\': /* one backslash, kept apart from a following $ by the expansion's own escape */
    text_puts(value, "\\\\");
    break;
  default:
    text_putc(value, '\\');
    text_putc(value, c);
  }
}

static int read_quoted(struct env_file *f, struct entry *entry, struct err *err)
{
  char quote = *f->at++;
  CLEANUP(text_clear) struct text value = TEXT_INIT;
  int lines = 0;
  while (*f->at && *f->at != quote) {
    if (*f->at == '\n')
      lines++;
    if (quote == '"' && *f->at == '\\' && f->at[1]) {
      append_escape(&value, f->at[1]);
      lines += f->at[1] == '\n';
      f->at += 2;
      continue;
    }
    if (f->at[0] != '\r' || f->at[1] != '\n')
      text_putc(&value, *f->at);
    f->at++;
  }
  if (!*f->at)
    return malformed(f, "the quote is not closed", err);
  f->at++;
  f->line += lines;
  skip_blanks(f);
  if (!at_line_end(f) && *f->at != '#')
    return malformed(f, "text after the closing quote", err);
  entry->quote = quote;
  entry->value = arena_strndup(f->arena, value.data, value.len);
  return 0;
}

static void read_unquoted(struct env_file *f, struct entry *entry)
{
  const char *start = f->at;
  while (!at_line_end(f) &&
         !(*f->at == '#' && (f->at == start || isblank((unsigned char)f->at[-1])))) {
    entry->hash_inside = entry->hash_inside || *f->at == '#';
    f->at++;
  }
  const char *end = f->at;
  while (end > start && isblank((unsigned char)end[-1]))
    end--;
  entry->value = arena_strndup(f->arena, start, (size_t)(end - start));
}

static int read_line(struct env_file *f, struct err *err)
{
  skip_blanks(f);
  if (at_line_end(f) || *f->at == '#')
    return 0;
  if (strncmp(f->at, "export", 6) == 0 && isblank((unsigned char)f->at[6])) {
    f->at += 6;
    skip_blanks(f);
  }
  const char *start = f->at;
  while (is_name(*f->at) || (f->at > start && (*f->at == '.' || *f->at == '-')))
    f->at++;
  struct entry entry = {.line = f->line};
  entry.name = arena_strndup(f->arena, start, (size_t)(f->at - start));
  skip_blanks(f);
  if (!entry.name[0] || *f->at != '=')
    return malformed(f, "not a line of the form NAME=value", err);
  f->at++;
  skip_blanks(f);
  if (*f->at == '"' || *f->at == '\'' || *f->at == '`') {
    if (read_quoted(f, &entry, err) < 0)
      return -1;
  } else {
    read_unquoted(f, &entry);
  }
  vec_push(f->arena, &f->entries, entry);
  return 0;
}

static int read_file(struct env_file *f, struct err *err)
{
  char *bytes;
  size_t len;
  if (fs_read(f->arena, f->path, &bytes, &len, err) < 0)
    return err_recode(err, ERR_USAGE);
  f->at = bytes;
  f->line = 1;
  if (strlen(bytes) != len)
    return err_set(err, ERR_USAGE, "%s: holds a NUL byte, so it is not a text file", f->path);
  if (strncmp(f->at, "\xef\xbb\xbf", 3) == 0) /* byte order mark */
    f->at += 3;
  for (; *f->at; next_line(f))
    if (read_line(f, err) < 0)
      return -1;
  return 0;
}

static int evaluate(const struct env_file *f, size_t index, struct text *out, struct err *err);

/* The environment wins over the file, and only keys above the line count, so this ends. */
static int lookup(const struct env_file *f, size_t below, const char *name, struct text *out,
                  bool *ret_found, struct err *err)
{
  const char *value = getenv(name);
  *ret_found = true;
  if (value) {
    text_puts(out, value);
    return 0;
  }
  for (size_t i = below; i-- > 0;)
    if (strcmp(f->entries.at[i].name, name) == 0)
      return evaluate(f, i, out, err);
  *ret_found = false;
  return 0;
}

/* *at stands behind the $. Takes NAME, {NAME} or {NAME:-default}; leaves *at behind it. */
static int expand_one(const struct env_file *f, size_t index, const char **at, struct text *out,
                      struct err *err)
{
  const struct entry *entry = &f->entries.at[index];
  bool braces = **at == '{';
  const char *start = *at + braces, *end = start;
  while (is_name(*end))
    end++;
  CLEANUP(free_ptr) char *name = x_strndup(start, (size_t)(end - start));
  const char *fallback = NULL;
  size_t fallback_len = 0;
  if (braces) {
    if (strncmp(end, ":-", 2) == 0) {
      fallback = end + 2;
      fallback_len = strcspn(fallback, "}");
      end = fallback + fallback_len;
    }
    if (*end != '}' || !name[0])
      return err_set(err, ERR_USAGE, "%s:%d: ${ without a name and a closing }", f->path,
                     entry->line);
    end++;
  }
  *at = end;
  bool found;
  size_t before = out->len;
  if (lookup(f, index, name, out, &found, err) < 0)
    return -1;
  if (fallback && (!found || out->len == before)) {
    text_append(out, fallback, fallback_len);
    return 0;
  }
  if (found)
    return 0;
  err_set(err, ERR_USAGE, "%s:%d: the value of %s uses $%s, which is not set", f->path, entry->line,
          entry->name, name);
  return err_hint(err, "Set %s, or write \\$ where a dollar sign is meant.", name);
}

static int evaluate(const struct env_file *f, size_t index, struct text *out, struct err *err)
{
  const struct entry *entry = &f->entries.at[index];
  if (entry->hash_inside) {
    err_set(err, ERR_USAGE, "%s:%d: the value of %s holds a # and is not quoted", f->path,
            entry->line, entry->name);
    return err_hint(err,
                    "Put the value in quotes if the # belongs to it, or a blank before a comment.");
  }
  if (entry->quote && entry->quote != '"') {
    text_puts(out, entry->value);
    return 0;
  }
  for (const char *at = entry->value; *at;) {
    if (at[0] == '\\' && (at[1] == '$' || (at[1] == '\\' && entry->quote))) {
      text_putc(out, at[1]);
      at += 2;
    } else if (at[0] == '$' && (at[1] == '{' || is_name_start(at[1]))) {
      at++;
      if (expand_one(f, index, &at, out, err) < 0)
        return -1;
    } else {
      text_putc(out, *at++);
    }
  }
  return 0;
}

int db_env_file_get(struct arena *arena, const char *path, const char *name, const char **ret_value,
                    struct err *err)
{
  struct env_file f = {.arena = arena, .path = path};
  if (read_file(&f, err) < 0)
    return -1;
  for (size_t i = f.entries.len; i-- > 0;) { /* the last one of a name wins */
    if (strcmp(f.entries.at[i].name, name) != 0)
      continue;
    CLEANUP(text_clear) struct text value = TEXT_INIT;
    if (evaluate(&f, i, &value, err) < 0)
      return -1;
    *ret_value = arena_strndup(arena, value.data, value.len);
    return 0;
  }
  *ret_value = NULL;
  return 0;
}
