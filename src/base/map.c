#include "base/base.h"

struct entry {
  const char *key;
  void *value;
};

struct map {
  struct arena *arena;
  VEC(struct entry) entries; /* insertion order */
  size_t *slots;             /* index + 1 into entries; 0 = free */
  size_t slot_count;         /* power of two */
};

static uint64_t hash_key(const char *key) /* FNV-1a */
{
  uint64_t h = 14695981039346656037ULL;
  for (; *key; key++)
    h = (h ^ (unsigned char)*key) * 1099511628211ULL;
  return h;
}

struct map *map_new(struct arena *arena)
{
  struct map *map = ARENA_NEW(arena, struct map);
  map->arena = arena;
  map->slot_count = 16;
  map->slots = arena_alloc(arena, map->slot_count * sizeof(*map->slots));
  return map;
}

static size_t *find_slot(const struct map *map, const char *key)
{
  size_t mask = map->slot_count - 1;
  for (size_t i = (size_t)hash_key(key) & mask;; i = (i + 1) & mask) {
    size_t *slot = &map->slots[i];
    if (*slot == 0 || strcmp(map->entries.at[*slot - 1].key, key) == 0)
      return slot;
  }
}

static void rehash(struct map *map)
{
  map->slot_count *= 2;
  map->slots = arena_alloc(map->arena, map->slot_count * sizeof(*map->slots));
  for (size_t i = 0; i < map->entries.len; i++)
    *find_slot(map, map->entries.at[i].key) = i + 1;
}

void *map_get(const struct map *map, const char *key)
{
  size_t slot = *find_slot(map, key);
  return slot ? map->entries.at[slot - 1].value : NULL;
}

void *map_put(struct map *map, const char *key, void *value)
{
  size_t *slot = find_slot(map, key);
  if (*slot) {
    void *old = map->entries.at[*slot - 1].value;
    map->entries.at[*slot - 1].value = value;
    return old;
  }
  vec_push(map->arena, &map->entries, ((struct entry){arena_strdup(map->arena, key), value}));
  *slot = map->entries.len;
  if (map->entries.len * 4 > map->slot_count * 3)
    rehash(map);
  return NULL;
}

size_t map_len(const struct map *map)
{
  return map->entries.len;
}

const char *map_key_at(const struct map *map, size_t i)
{
  return map->entries.at[i].key;
}

void *map_value_at(const struct map *map, size_t i)
{
  return map->entries.at[i].value;
}
