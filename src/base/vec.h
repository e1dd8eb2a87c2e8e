/* vec.h: growing arrays whose memory lives in an arena.
 *
 *   VEC(struct finding) findings = {0};
 *   struct finding *f = vec_add(arena, &findings);     // zeroed; earlier pointers become invalid
 *   for (size_t i = 0; i < findings.len; i++) use(&findings.at[i]);
 *
 * A named vec type for headers: VEC_TYPE(finding_vec, struct finding);
 */
#pragma once

#include "base/arena.h"

#define VEC(type)                                                                                  \
  struct {                                                                                         \
    type *at;                                                                                      \
    size_t len, cap;                                                                               \
  }
#define VEC_TYPE(name, type)                                                                       \
  struct name {                                                                                    \
    type *at;                                                                                      \
    size_t len, cap;                                                                               \
  }

void *vec_grow(struct arena *arena, void *at, size_t len, size_t *cap, size_t item_size);

#define vec_add(arena, vec)                                                                        \
  ({                                                                                               \
    if ((vec)->len == (vec)->cap)                                                                  \
      (vec)->at = vec_grow((arena), (vec)->at, (vec)->len, &(vec)->cap, sizeof(*(vec)->at));       \
    &(vec)->at[(vec)->len++];                                                                      \
  })

#define vec_push(arena, vec, value) (*vec_add((arena), (vec)) = (value))

VEC_TYPE(strings, const char *); /* a list of strings; the strings belong to whoever made them */
