#include "base/base.h"

#include <stdalign.h>
#include <stdint.h>
#include <sys/mman.h>

/* Blocks double, so that an arena for a few things costs little. One of 64 KiB is followed by huge
 * ones: the kernel gives such a page at once, where 512 small ones take longer than what is done
 * with them. */
enum {
  FIRST_BLOCK_BYTES = 2 * 1024,
  BLOCK_BYTES_MAX = 64 * 1024,
  HUGE_BYTES = 2 * 1024 * 1024,
};

struct block {
  struct block *next;
  size_t used, size;
  bool mapped; /* HUGE_BYTES in all, not of malloc */
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
    if (b->mapped)
      munmap(b, HUGE_BYTES);
    else
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

/* Twice as much is asked for, and what lies around the page is given back. NULL: not to be had. */
static struct block *block_map(void)
{
  char *at = mmap(NULL, 2 * HUGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED)
    return NULL;
  size_t before = HUGE_BYTES - (uintptr_t)at % HUGE_BYTES, behind = HUGE_BYTES - before;
  munmap(at, before);
  if (behind > 0)
    munmap(at + before + HUGE_BYTES, behind);
  madvise(at + before, HUGE_BYTES, MADV_HUGEPAGE);
  struct block *b = (void *)(at + before);
  b->mapped = true;
  b->size = HUGE_BYTES - sizeof(*b);
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
    struct block *huge = b && (b->mapped || b->size == BLOCK_BYTES_MAX) ? block_map() : NULL;
    b = huge ? huge : block_new(next_block_size(b, size));
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
