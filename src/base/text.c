#include "base/base.h"

char text_empty[1] = "";

void text_reserve(struct text *t, size_t more)
{
  if (more > SIZE_MAX / 2 - t->len)
    die_oom();
  size_t need = t->len + more + 1;
  if (need <= t->cap)
    return;
  size_t cap = t->cap ? t->cap : 64;
  while (cap < need)
    cap *= 2;
  t->data = x_realloc(t->cap ? t->data : NULL, cap);
  t->cap = cap;
}

void text_append(struct text *t, const void *bytes, size_t len)
{
  text_reserve(t, len);
  if (len)
    memcpy(t->data + t->len, bytes, len);
  t->len += len;
  t->data[t->len] = '\0';
}

void text_puts(struct text *t, const char *s)
{
  text_append(t, s, strlen(s));
}

void text_putc(struct text *t, char c)
{
  text_reserve(t, 1);
  t->data[t->len++] = c;
  t->data[t->len] = '\0';
}

void text_vprintf(struct text *t, const char *fmt, va_list args)
{
  va_list again;
  va_copy(again, args);
  int n = vsnprintf(NULL, 0, fmt, args);
  if (n < 0)
    die_oom();
  text_reserve(t, (size_t)n);
  vsnprintf(t->data + t->len, (size_t)n + 1, fmt, again);
  va_end(again);
  t->len += (size_t)n;
}

void text_printf(struct text *t, const char *fmt, ...)
{
  va_list args;
  va_start(args, fmt);
  text_vprintf(t, fmt, args);
  va_end(args);
}

void text_truncate(struct text *t, size_t len)
{
  if (len >= t->len)
    return;
  t->len = len;
  t->data[len] = '\0';
}

void text_reset(struct text *t)
{
  text_truncate(t, 0);
}

void text_clear(struct text *t)
{
  if (t->cap)
    free(t->data);
  *t = TEXT_INIT;
}

char *text_take(struct text *t)
{
  char *s = t->cap ? t->data : x_strdup("");
  *t = TEXT_INIT;
  return s;
}
