#define _GNU_SOURCE
#include "inverse/outside.h"

#include <ctype.h>

enum { WORDS_MAX = 4 };

struct words {
  const char *at[WORDS_MAX];
  size_t count;
};

static size_t skip_comment(const char *s)
{
  if (s[0] == '-' && s[1] == '-')
    return strcspn(s, "\n");
  if (s[0] != '/' || s[1] != '*')
    return 0;
  size_t i = 2;
  for (int depth = 1; s[i] && depth > 0;) {
    if (s[i] == '*' && s[i + 1] == '/') {
      depth--;
      i += 2;
    } else if (s[i] == '/' && s[i + 1] == '*') {
      depth++;
      i += 2;
    } else {
      i++;
    }
  }
  return i;
}

static size_t skip_blank(const char *s)
{
  size_t i = 0, comment;
  while (isspace((unsigned char)s[i]) || (comment = skip_comment(s + i)) > 0)
    i += isspace((unsigned char)s[i]) ? 1 : comment;
  return i;
}

/* The first words: keywords and names; a quoted name keeps its quotes off. */
static struct words first_words(struct arena *arena, const char *s)
{
  struct words w = {0};
  while (w.count < WORDS_MAX) {
    s += skip_blank(s);
    size_t len = 0;
    if (*s == '"') {
      len = strcspn(s + 1, "\"");
      w.at[w.count++] = arena_strndup(arena, s + 1, len);
      s += len + (s[len + 1] ? 2 : 1);
      continue;
    }
    while (isalnum((unsigned char)s[len]) || s[len] == '_' || (unsigned char)s[len] >= 0x80)
      len++;
    if (len == 0)
      break;
    w.at[w.count++] = arena_strndup(arena, s, len);
    s += len;
  }
  return w;
}

static bool is_word(const struct words *w, size_t i, const char *word)
{
  return i < w->count && strcasecmp(w->at[i], word) == 0;
}

static bool is_one_of(const struct words *w, size_t i, const char *const *list)
{
  for (; *list; list++)
    if (is_word(w, i, *list))
      return true;
  return false;
}

/* A word anywhere in the text, strings and bodies included: DO blocks hide what they run. */
static bool mentions(const char *text, const char *word, bool as_prefix)
{
  size_t len = strlen(word);
  for (const char *p = text; (p = strcasestr(p, word)); p += len) {
    bool starts = p == text || !(isalnum((unsigned char)p[-1]) || p[-1] == '_');
    bool ends = as_prefix || !(isalnum((unsigned char)p[len]) || p[len] == '_');
    if (starts && ends)
      return true;
  }
  return false;
}

static const char *never_by_words(const struct words *w, const char *database)
{
  static const char *const made[] = {"CREATE", "ALTER", "DROP", NULL};
  if (is_word(w, 0, "ALTER") && is_word(w, 1, "SYSTEM"))
    return "ALTER SYSTEM";
  if (is_one_of(w, 0, made) && is_word(w, 1, "TABLESPACE"))
    return "tablespace";
  if (is_one_of(w, 0, made) && is_word(w, 1, "SUBSCRIPTION"))
    return "subscription";
  if (is_word(w, 0, "ALTER") && is_word(w, 1, "DATABASE") && w->count > 2 &&
      strcmp(w->at[2], database) == 0)
    return NULL;
  if (is_one_of(w, 0, made) && is_word(w, 1, "DATABASE"))
    return "another database";
  if (is_word(w, 0, "LOAD"))
    return "LOAD of a library";
  return NULL;
}

static const char *never_by_text(const struct words *w, const char *text)
{
  static const char *const hides[] = {"DO", "SELECT", "CALL", "WITH", "PERFORM", NULL};
  bool runs_code = is_one_of(w, 0, hides);
  if (is_word(w, 0, "COPY") && mentions(text, "program", false))
    return "COPY with a program";
  if (runs_code && mentions(text, "copy", false) && mentions(text, "program", false))
    return "COPY with a program";
  if (is_word(w, 0, "COPY") && !mentions(text, "stdin", false) && !mentions(text, "stdout", false))
    return "COPY with a file of the server";
  if (runs_code && mentions(text, "dblink", true))
    return "dblink";
  if (runs_code && (mentions(text, "lo_export", false) || mentions(text, "lo_import", false)))
    return "file of the server";
  if (runs_code && mentions(text, "subscription", false))
    return "subscription";
  if (runs_code && strcasestr(text, "alter system"))
    return "ALTER SYSTEM";
  return NULL;
}

/* ALTER ROLE x IN DATABASE y SET: a setting that the catalog of y holds. */
static bool mentions_database_setting(const char *text)
{
  const char *in = strcasestr(text, " in ");
  return in && strncasecmp(in + 4 + skip_blank(in + 4), "database", 8) == 0;
}

static bool is_role(const struct words *w, const char *text)
{
  static const char *const made[] = {"CREATE", "ALTER", "DROP", NULL};
  static const char *const roles[] = {"ROLE", "USER", "GROUP", NULL};
  return is_one_of(w, 0, made) && is_one_of(w, 1, roles) && !is_word(w, 2, "MAPPING") &&
         !mentions_database_setting(text);
}

/* GRANT a TO b, REVOKE a FROM b: membership has no ON. */
static bool is_membership(const struct words *w, const char *text)
{
  return (is_word(w, 0, "GRANT") || is_word(w, 0, "REVOKE")) && !mentions(text, "on", false);
}

enum outside outside_of(struct arena *arena, const struct sql_statement *statement,
                        const char *database, const char **ret_why)
{
  struct words w = first_words(arena, statement->text);
  const char *why = never_by_words(&w, database);
  if (!why)
    why = never_by_text(&w, statement->text);
  if (why) {
    *ret_why = why;
    return OUTSIDE_NEVER;
  }
  if (is_role(&w, statement->text) || is_membership(&w, statement->text)) {
    *ret_why = "role";
    return OUTSIDE_ROLE;
  }
  if (is_word(&w, 0, "LISTEN") || is_word(&w, 0, "NOTIFY") || is_word(&w, 0, "UNLISTEN")) {
    *ret_why = "notification";
    return OUTSIDE_NOTHING;
  }
  return OUTSIDE_NO;
}
