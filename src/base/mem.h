/* mem.h: allocation that cannot fail, and scope-bound owners.
 *
 * An external process can be killed at any moment, and belay must survive that; running out of
 * memory is treated the same way: one line on stderr, exit code 1. So none of these return NULL.
 *
 *   CLEANUP(free_ptr) char *name = x_strdup(s);     // freed when the scope ends
 *   return TAKE(name);                              // ownership leaves the scope
 */
#pragma once

#include <stddef.h>

#define CLEANUP(fn) __attribute__((cleanup(fn)))
#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, first) __attribute__((format(printf, fmt, first)))
#define NORETURN __attribute__((noreturn))
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define UNUSED(x) ((void)(x))

/* Gives the pointer away and forgets it. */
#define TAKE(pointer)                                                                              \
  ({                                                                                               \
    __typeof__(pointer) taken = (pointer);                                                         \
    (pointer) = NULL;                                                                              \
    taken;                                                                                         \
  })

void *x_malloc(size_t size) MUST_CHECK;
void *x_calloc(size_t count, size_t size) MUST_CHECK; /* zeroed; checks the product */
void *x_realloc(void *ptr, size_t size) MUST_CHECK;
char *x_strdup(const char *s) MUST_CHECK;
char *x_strndup(const char *s, size_t len) MUST_CHECK;
char *x_printf(const char *fmt, ...) PRINTF_LIKE(1, 2) MUST_CHECK;

/* For CLEANUP on any malloc'ed pointer. */
void free_ptr(void *address_of_pointer);
/* For CLEANUP on an int file descriptor (-1 = none). */
void close_fd(int *fd);

NORETURN void die_oom(void);
