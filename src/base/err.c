#include "base/base.h"

#include <errno.h>
#include <stdarg.h>

static const struct {
  const char *name;
  int exit_code;
  const char *text;
} codes[] = {
#define X(name, exit_code, text) {#name, exit_code, text},
    ERR_CODES(X)
#undef X
};

static char *format(const char *fmt, va_list args)
{
  struct text t = TEXT_INIT;
  text_vprintf(&t, fmt, args);
  return text_take(&t);
}

int err_set(struct err *err, enum err_code code, const char *fmt, ...)
{
  if (err_is_set(err))
    return -1;
  va_list args;
  va_start(args, fmt);
  err->message = format(fmt, args);
  va_end(args);
  err->code = code;
  return -1;
}

int err_errno(struct err *err, enum err_code code, const char *fmt, ...)
{
  int saved = errno;
  if (err_is_set(err))
    return -1;
  va_list args;
  va_start(args, fmt);
  CLEANUP(free_ptr) char *what = format(fmt, args);
  va_end(args);
  err->message = x_printf("%s: %s", what, strerror(saved));
  err->code = code;
  errno = saved;
  return -1;
}

int err_wrap(struct err *err, const char *fmt, ...)
{
  va_list args;
  va_start(args, fmt);
  CLEANUP(free_ptr) char *what = format(fmt, args);
  va_end(args);
  char *old = err->message;
  err->message = old ? x_printf("%s: %s", what, old) : x_strdup(what);
  free(old);
  if (err->code == ERR_NONE)
    err->code = ERR_UNEXPECTED;
  return -1;
}

int err_detail(struct err *err, const char *fmt, ...)
{
  va_list args;
  va_start(args, fmt);
  char *text = format(fmt, args);
  va_end(args);
  free(err->detail);
  err->detail = text;
  return -1;
}

int err_hint(struct err *err, const char *fmt, ...)
{
  va_list args;
  va_start(args, fmt);
  char *text = format(fmt, args);
  va_end(args);
  free(err->hint);
  err->hint = text;
  return -1;
}

int err_recode(struct err *err, enum err_code code)
{
  err->code = code;
  return -1;
}

bool err_is_set(const struct err *err)
{
  return err->code != ERR_NONE;
}

bool err_sqlstate_is(const struct err *err, const char *sqlstate)
{
  size_t len = strlen(sqlstate);
  return err->sqlstate[0] && strncmp(err->sqlstate, sqlstate, len) == 0 && (len == 2 || len == 5);
}

int err_exit_code(enum err_code code)
{
  return (size_t)code < COUNT_OF(codes) ? codes[code].exit_code : 1;
}

const char *err_code_name(enum err_code code)
{
  return (size_t)code < COUNT_OF(codes) ? codes[code].name : "ERR_UNEXPECTED";
}

const char *err_code_text(enum err_code code)
{
  return (size_t)code < COUNT_OF(codes) ? codes[code].text : "unexpected failure";
}

void err_clear(struct err *err)
{
  free(err->message);
  free(err->detail);
  free(err->hint);
  *err = ERR_INIT;
}

void err_move(struct err *to, struct err *from)
{
  *to = *from;
  *from = ERR_INIT;
}
