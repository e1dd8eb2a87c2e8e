#include "base/base.h"
#include "base/log.h"
#include "base/term.h"

#include <pthread.h>
#include <stdarg.h>
#include <strings.h>

static enum log_level current = LOG_INFO;
static char *secrets[LOG_SECRETS_MAX];
static size_t secret_count;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void log_set_level(enum log_level level)
{
  current = level;
}

enum log_level log_level(void)
{
  return current;
}

void log_secret(const char *secret)
{
  if (!secret || strlen(secret) < 3) /* shorter ones would blank out ordinary text */
    return;
  pthread_mutex_lock(&lock);
  bool known = false;
  for (size_t i = 0; i < secret_count; i++)
    known = known || strcmp(secrets[i], secret) == 0;
  if (!known && secret_count == LOG_SECRETS_MAX) { /* of those that are renewed the oldest goes */
    free(secrets[0]);
    memmove(secrets, secrets + 1, --secret_count * sizeof(*secrets));
  }
  if (!known)
    secrets[secret_count++] = x_strdup(secret);
  pthread_mutex_unlock(&lock);
}

/* Length of the longest secret at s: one may begin with another. */
static size_t secret_at(const char *s)
{
  size_t longest = 0;
  for (size_t i = 0; i < secret_count; i++) {
    size_t len = strlen(secrets[i]);
    if (len > longest && strncmp(s, secrets[i], len) == 0)
      longest = len;
  }
  return longest;
}

static bool ends_word(char c)
{
  return c == '\0' || strchr(" \t\r\n'\"", c);
}

/* The password of "://user:password@" in what follows "://": its length, 0 if there is none. One
 * that holds an unescaped "@" or "/" is hidden whole; too much is better than too little. */
static size_t url_password(const char *authority, const char **ret_begin)
{
  const char *p = authority + strcspn(authority, ":@/?#[ \t\r\n'\""), *at = NULL;
  if (*p != ':')
    return 0;
  *ret_begin = ++p;
  bool query = false;
  for (; !ends_word(*p); p++) {
    query = query || *p == '?';
    if (*p == '@' && !(query && at))
      at = p;
  }
  return at ? (size_t)(at - *ret_begin) : 0;
}

/* The value after "password=": quoted, or up to the end of the word; in a URL's query up to "&". */
static size_t password_value(const char *value, bool in_query)
{
  const char *p = value;
  if (*p == '\'' || *p == '"') {
    for (p++; *p && *p != *value; p++)
      p += *p == '\\' && p[1];
    return (size_t)(p - value) + (*p != '\0');
  }
  while (!ends_word(*p) && !(in_query && *p == '&'))
    p++;
  return (size_t)(p - value);
}

/* What s begins with and a secret's length behind it: the secrets of commands that others typed,
 * which nobody registered. Returns the length up to the secret. */
static size_t pattern_at(const char *s, char before, size_t *ret_secret)
{
  static const char url[] = "://", word[] = "password=";
  const char *begin = s;
  *ret_secret = 0;
  if (strncmp(s, url, sizeof(url) - 1) == 0) {
    *ret_secret = url_password(s + sizeof(url) - 1, &begin);
  } else if (strncasecmp(s, word, sizeof(word) - 1) == 0) {
    begin = s + sizeof(word) - 1;
    *ret_secret = password_value(begin, before == '?' || before == '&');
  }
  return *ret_secret ? (size_t)(begin - s) : 0;
}

char *log_redact(const char *s)
{
  struct text out = TEXT_INIT;
  char before = '\0';
  pthread_mutex_lock(&lock);
  while (*s) {
    size_t hit = secret_at(s), hidden, shown = hit ? 0 : pattern_at(s, before, &hidden);
    if (hit || shown) {
      text_append(&out, s, shown);
      text_puts(&out, "***");
      s += hit ? hit : shown + hidden;
    } else {
      text_putc(&out, *s++);
    }
    before = s[-1];
  }
  pthread_mutex_unlock(&lock);
  return text_take(&out);
}

static void print_line(const char *prefix, const char *style, const char *body)
{
  CLEANUP(free_ptr) char *clean = log_redact(body);
  bool colour = term_colour(2) && prefix[0];
  pthread_mutex_lock(&lock);
  term_progress_clear();
  fprintf(stderr, "%s%s%s%s\n", colour ? style : "", prefix, colour ? TERM_RESET : "", clean);
  pthread_mutex_unlock(&lock);
}

void log_print(enum log_level level, const char *fmt, ...)
{
  if (level > current)
    return;
  static const char *const prefixes[] = {"error: ", "warning: ", "", "debug: "};
  static const char *const styles[] = {TERM_RED, TERM_YELLOW, "", TERM_DIM};
  CLEANUP(text_clear) struct text t = TEXT_INIT;
  va_list args;
  va_start(args, fmt);
  text_vprintf(&t, fmt, args);
  va_end(args);
  print_line(prefixes[level], styles[level], t.data);
}

void log_err(const struct err *err)
{
  print_line("error: ", TERM_RED, err->message ? err->message : err_code_text(err->code));
  if (err->detail)
    print_line("detail: ", TERM_DIM, err->detail);
  if (err->hint)
    print_line("hint: ", TERM_CYAN, err->hint);
}
