/* store/place_copy.h: everything under a prefix from one place to another, byte for byte, under the
 * same keys, whatever kinds of places they are.
 *
 * Objects that are there already and the same are left alone, so that a copy that was stopped goes
 * on when it is asked for again. Those that differ are never overwritten: ERR_STORE names them.
 * Each object is read back after it was written. What makes the whole count (manifest.json,
 * plan.json) comes last.
 */
#pragma once

#include "store/place.h"

struct place_copy {
  struct place *from, *to;
  const char *prefix;
  const char *leave_out; /* name of an object right under the prefix that is not copied; or NULL */
  /* key -> SHA-256 in hex that the object must have; may be NULL. ERR_DAMAGED. */
  const struct map *expected;
  void (*progress)(void *context, uint64_t done, uint64_t total); /* may be NULL */
  void *context;
};

struct place_copied {
  size_t objects, there; /* copied; there already */
  uint64_t bytes;        /* copied */
};

/* ERR_USAGE: both are one place. */
int place_copy(const struct place_copy *copy, struct place_copied *ret, struct err *err);
