/* Small objects, encrypted where the place has recipients. */
#include "store/keys.h"
#include "store/place.h"

static char *sealed_key(struct arena *arena, const char *key)
{
  return arena_printf(arena, "%s.age", key);
}

int place_put_sealed(struct place *place, const char *key, const void *bytes, size_t len,
                     struct err *err)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  CLEANUP(text_clear) struct text sealed = TEXT_INIT;
  if (!keys_encrypt(place_keys(place)))
    return place_put(place, key, bytes, len, err);
  if (keys_seal(place_keys(place), bytes, len, &sealed, err) < 0)
    return err_wrap(err, "%s: %s", place_name(place), key);
  return place_put(place, sealed_key(arena, key), sealed.data, sealed.len, err);
}

int place_get_sealed(struct place *place, struct arena *arena, const char *key, char **ret_bytes,
                     size_t *ret_len, struct err *err)
{
  CLEANUP(text_clear) struct text plain = TEXT_INIT;
  const char *stored = sealed_key(arena, key);
  char *bytes;
  size_t len;
  if (!place_exists(place, stored))
    return place_get(place, arena, key, ret_bytes, ret_len, err);
  if (place_get(place, arena, stored, &bytes, &len, err) < 0)
    return -1;
  if (keys_unseal(place_keys(place), bytes, len, &plain, err) < 0)
    return err_wrap(err, "%s: %s", place_name(place), stored);
  *ret_bytes = arena_alloc(arena, plain.len + 1);
  memcpy(*ret_bytes, plain.data, plain.len);
  (*ret_bytes)[plain.len] = '\0';
  *ret_len = plain.len;
  return 0;
}
