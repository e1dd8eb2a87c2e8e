#include "base/base.h"

/* The first allocation: most lists stay shorter than a few items, and some items are large. */
enum { FIRST_BYTES = 128, FIRST_ITEMS_MAX = 4 };

static size_t first_cap(size_t item_size)
{
  size_t fit = FIRST_BYTES / item_size;
  return fit < 1 ? 1 : fit > FIRST_ITEMS_MAX ? FIRST_ITEMS_MAX : fit;
}

void *vec_grow(struct arena *arena, void *at, size_t len, size_t *cap, size_t item_size)
{
  size_t new_cap = *cap ? *cap * 2 : first_cap(item_size);
  if (new_cap > SIZE_MAX / item_size)
    die_oom();
  void *grown = arena_alloc(arena, new_cap * item_size);
  if (len)
    memcpy(grown, at, len * item_size);
  *cap = new_cap;
  return grown;
}
