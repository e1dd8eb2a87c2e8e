#include "catalog/model.h"

static bool is_in_every_database(const struct catalog_object *o)
{
  return o->kind == CATALOG_DATABASE ||
         (o->kind == CATALOG_SCHEMA && strcmp(o->name, "public") == 0) ||
         (o->kind == CATALOG_EXTENSION && strcmp(o->name, "plpgsql") == 0);
}

struct catalog *catalog_blank(struct arena *arena, const struct catalog *like)
{
  struct catalog *blank = ARENA_NEW(arena, struct catalog);
  VEC(struct catalog_object *) kept = {0};
  blank->server_version = like->server_version;
  for (size_t i = 0; i < like->object_count; i++)
    if (is_in_every_database(like->objects[i]))
      vec_push(arena, &kept, like->objects[i]);
  blank->objects = kept.at;
  blank->object_count = kept.len;
  catalog_build_index(arena, blank);
  return blank;
}
