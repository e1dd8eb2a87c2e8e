#include "base/base.h"

void *vec_grow(struct arena *arena, void *at, size_t len, size_t *cap, size_t item_size)
{
  size_t new_cap = *cap ? *cap * 2 : 8;
  if (new_cap > SIZE_MAX / item_size)
    die_oom();
  void *grown = arena_alloc(arena, new_cap * item_size);
  if (len)
    memcpy(grown, at, len * item_size);
  *cap = new_cap;
  return grown;
}
