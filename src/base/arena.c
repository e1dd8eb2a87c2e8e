#include "base/base.h"

#include <stdalign.h>

/* Blocks double, so that an arena for a few things costs little. */
enum { FIRST_BLOCK_BYTES = 2 * 1024, BLOCK_BYTES_MAX = 64 * 1024 };

struct block {
  struct block *next;
  size_t used, size;
  max_align_t data[];
};

struct arena {
  struct block *blocks;
};

struct arena *arena_new(void)
{
  return x_calloc(1, sizeof(struct arena));
}

void arena_free(struct arena *arena)
{
  if (!arena)
    return;
  for (struct block *b = arena->blocks, *next; b; b = next) {
    next = b->next;
    free(b);
  }
  free(arena);
}

void arena_freep(struct arena **arena)
{
  arena_free(*arena);
  *arena = NULL;
}

void arena_adopt(struct arena *arena, struct arena *other)
{
  struct block **end = &arena->blocks; /* behind the block that is being filled */
  while (*end)
    end = &(*end)->next;
  *end = other->blocks;
  other->blocks = NULL;
  arena_free(other);
}

static struct block *block_new(size_t size)
{
  struct block *b = x_calloc(1, sizeof(*b) + size);
  b->size = size;
  return b;
}

static size_t next_block_size(const struct block *last, size_t need)
{
  size_t size = last ? last->size * 2 : FIRST_BLOCK_BYTES;
  while (size < need)
    size *= 2;
  return size < BLOCK_BYTES_MAX ? size : BLOCK_BYTES_MAX;
}

void *arena_alloc(struct arena *arena, size_t size)
{
  size_t align = alignof(max_align_t);
  if (size > SIZE_MAX / 2)
    die_oom();
  size = (size + align - 1) & ~(align - 1);
  if (size > BLOCK_BYTES_MAX / 4) { /* its own block, behind the current one */
    struct block *big = block_new(size);
    big->used = size;
    if (arena->blocks) {
      big->next = arena->blocks->next;
      arena->blocks->next = big;
    } else {
      arena->blocks = big;
    }
    return big->data;
  }
  struct block *b = arena->blocks;
  if (!b || b->size - b->used < size) {
    b = block_new(next_block_size(b, size));
    b->next = arena->blocks;
    arena->blocks = b;
  }
  void *p = (char *)b->data + b->used;
  b->used += size;
  return p;
}

char *arena_strndup(struct arena *arena, const char *s, size_t len)
{
  char *copy = arena_alloc(arena, len + 1);
  if (len)
    memcpy(copy, s, len);
  return copy;
}

char *arena_strdup(struct arena *arena, const char *s)
{
  return s ? arena_strndup(arena, s, strlen(s)) : NULL;
}

char *arena_vprintf(struct arena *arena, const char *fmt, va_list args)
{
  CLEANUP(text_clear) struct text t = TEXT_INIT;
  text_vprintf(&t, fmt, args);
  return arena_strndup(arena, t.data, t.len);
}

char *arena_printf(struct arena *arena, const char *fmt, ...)
{
  va_list args;
  va_start(args, fmt);
  char *s = arena_vprintf(arena, fmt, args);
  va_end(args);
  return s;
}
