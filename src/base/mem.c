#include "base/base.h"

#include <stdarg.h>
#include <unistd.h>

void die_oom(void)
{
  static const char message[] = "belay: out of memory\n";
  ssize_t ignored = write(2, message, sizeof(message) - 1);
  UNUSED(ignored);
  _exit(1);
}

void *x_malloc(size_t size)
{
  void *p = malloc(size ? size : 1);
  if (!p)
    die_oom();
  return p;
}

void *x_calloc(size_t count, size_t size)
{
  void *p = calloc(count ? count : 1, size ? size : 1);
  if (!p)
    die_oom();
  return p;
}

void *x_realloc(void *ptr, size_t size)
{
  void *p = realloc(ptr, size ? size : 1);
  if (!p)
    die_oom();
  return p;
}

char *x_strndup(const char *s, size_t len)
{
  char *copy = x_malloc(len + 1);
  if (len)
    memcpy(copy, s, len);
  copy[len] = '\0';
  return copy;
}

char *x_strdup(const char *s)
{
  return x_strndup(s, strlen(s));
}

char *x_printf(const char *fmt, ...)
{
  struct text t = TEXT_INIT;
  va_list args;
  va_start(args, fmt);
  text_vprintf(&t, fmt, args);
  va_end(args);
  return text_take(&t);
}

void free_ptr(void *address_of_pointer)
{
  void **p = address_of_pointer;
  free(*p);
  *p = NULL;
}

void close_fd(int *fd)
{
  if (*fd >= 0)
    close(*fd);
  *fd = -1;
}
