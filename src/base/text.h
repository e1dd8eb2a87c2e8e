/* text.h: a growing byte string with one owner. data is never NULL and always NUL-terminated.
 *
 *   CLEANUP(text_clear) struct text t = TEXT_INIT;
 *   text_printf(&t, "%d rows", n);
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>

#include "base/mem.h"

struct text {
  char *data; /* points to a static "" until something is appended */
  size_t len, cap;
};

extern char text_empty[1];
#define TEXT_INIT ((struct text){.data = text_empty})

void text_append(struct text *t, const void *bytes, size_t len);
void text_puts(struct text *t, const char *s);
void text_putc(struct text *t, char c);
void text_printf(struct text *t, const char *fmt, ...) PRINTF_LIKE(2, 3);
void text_vprintf(struct text *t, const char *fmt, va_list args) PRINTF_LIKE(2, 0);
void text_reserve(struct text *t, size_t more); /* room for `more` further bytes */
void text_truncate(struct text *t, size_t len); /* len <= t->len; keeps the memory */
void text_reset(struct text *t);                /* empty, keeps the memory */
void text_clear(struct text *t);                /* frees; for CLEANUP */
char *text_take(struct text *t) MUST_CHECK; /* malloc'ed string, caller frees; t is empty after */
