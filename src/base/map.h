/* map.h: string -> pointer, open addressing, memory in an arena. Keys are copied. No removal. */
#pragma once

#include "base/arena.h"

struct map;

struct map *map_new(struct arena *arena) MUST_CHECK;
void *map_get(const struct map *map, const char *key); /* NULL when absent */
/* Returns the former value, or NULL; value must not be NULL. */
void *map_put(struct map *map, const char *key, void *value);
size_t map_len(const struct map *map);
/* Iteration in insertion order: for (size_t i = 0; i < map_len(m); i++) map_value_at(m, i) */
const char *map_key_at(const struct map *map, size_t i);
void *map_value_at(const struct map *map, size_t i);
