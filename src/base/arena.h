/* arena.h: memory for many small things that live and die together (a command, a stage, a catalog).
 *
 * Nothing in an arena is freed singly. The arena is always an explicit parameter; there is no
 * current one:
 *   CLEANUP(arena_freep) struct arena *arena = arena_new();
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>

#include "base/mem.h"

struct arena;

struct arena *arena_new(void) MUST_CHECK;
void arena_free(struct arena *arena); /* NULL is fine */
void arena_freep(struct arena **arena);
/* What is in `other` lives on in arena; other is freed. */
void arena_adopt(struct arena *arena, struct arena *other);

void *arena_alloc(struct arena *arena, size_t size) MUST_CHECK; /* zeroed, aligned for any type */
char *arena_strdup(struct arena *arena, const char *s) MUST_CHECK; /* NULL stays NULL */
char *arena_strndup(struct arena *arena, const char *s, size_t len) MUST_CHECK;
char *arena_printf(struct arena *arena, const char *fmt, ...) PRINTF_LIKE(2, 3) MUST_CHECK;
char *arena_vprintf(struct arena *arena, const char *fmt, va_list args)
    PRINTF_LIKE(2, 0) MUST_CHECK;

#define ARENA_NEW(arena, type) ((type *)arena_alloc((arena), sizeof(type)))
