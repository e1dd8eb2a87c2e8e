/* What killed backups of a database left in the store. A backup holds the object "writing" open
 * under its prefix for as long as it is made or copied; of a killed one nobody does, and its
 * temporary file is left: without that nothing is removed, for it may be what somebody put there,
 * or the rest of a backup that can still be read. */
#include "backup/take.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"

static const char writing[] = "writing";
#define SWEEP_AGE_US (60 * INT64_C(1000000)) /* what is younger was perhaps begun just now */

int take_hold(struct take *take, struct err *err)
{
  const char *key = arena_printf(take->arena, "%s/%s", take->prefix, writing);
  return place_hold(take->options->place, key, &take->hold, err);
}

struct unfinished {
  const char *prefix;
  bool keep; /* whole, a template's, young, or not of belay's making */
};

/* <database>/backups/<id>/<name> */
static void look_at(struct arena *arena, const char *under, const struct place_entry *entry,
                    struct map *found)
{
  size_t id_at = strlen(under);
  const char *name = strchr(entry->key + id_at, '/');
  if (!name)
    return;
  const char *prefix = arena_strndup(arena, entry->key, (size_t)(name - entry->key));
  struct unfinished *u = map_get(found, prefix);
  if (!u) {
    u = ARENA_NEW(arena, struct unfinished);
    u->prefix = prefix;
    map_put(found, prefix, u);
  }
  u->keep = u->keep || !clock_id_is_valid(prefix + id_at) || strchr(name + 1, '/') ||
            strcmp(name, "/manifest.json") == 0 || strcmp(name, "/template.json") == 0 ||
            entry->modified_us > clock_wall_us() - SWEEP_AGE_US;
}

/* The manifest is looked for again after nobody was found writing: it may just have been. */
static int remove_unfinished(struct arena *arena, struct place *place, const char *prefix,
                             struct err *err)
{
  struct place_leftovers left;
  if (place_look_for_leftovers(place, arena_printf(arena, "%s/", prefix), &left, err) < 0)
    return -1;
  if (left.living || !left.abandoned ||
      place_exists(place, arena_printf(arena, "%s/manifest.json", prefix)))
    return 0;
  log_info("removing %s, which a killed backup left", prefix);
  return place_delete_prefix(place, prefix, err);
}

int take_sweep(struct arena *arena, struct place *place, const char *database_prefix,
               struct err *err)
{
  struct place_entries entries = {0};
  const char *under = arena_printf(arena, "%s/backups/", database_prefix);
  struct map *found = map_new(arena);
  int swept;
  if (place_list(place, arena, under, &entries, err) < 0)
    return -1;
  for (size_t i = 0; i < entries.len; i++)
    look_at(arena, under, &entries.at[i], found);
  for (size_t i = 0; i < map_len(found); i++) {
    const struct unfinished *u = map_value_at(found, i);
    if (!u->keep && remove_unfinished(arena, place, u->prefix, err) < 0)
      return -1;
  }
  return place_sweep(place, under, &swept, err);
}
