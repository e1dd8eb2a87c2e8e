/* The two spellings of a connection string, taken apart and put together. Private to db/. Error
 * messages never hold any part of the text, which may be a piece of a password. */
#pragma once

#include "base/base.h"

struct target_param {
  const char *key, *value; /* decoded; keys are libpq's or Prisma's */
};
VEC_TYPE(target_params, struct target_param);

const char *target_param_get(const struct target_params *params,
                             const char *key); /* NULL: absent */
void target_param_set(struct arena *arena, struct target_params *params, const char *key,
                      const char *value);

/* "postgresql://", "postgres://" */
bool target_is_url(const char *text);
int target_split_url(struct arena *arena, const char *url, struct target_params *ret,
                     struct err *err);
int target_split_conninfo(struct arena *arena, const char *text, struct target_params *ret,
                          struct err *err);
/* keyword='value' ... */
char *target_join_conninfo(struct arena *arena, const struct target_params *params);
/* user, password, host, port and dbname in their places, all others as parameters */
char *target_join_url(struct arena *arena, const struct target_params *params);
/* The same URL, character by character, but for the database. */
char *target_url_with_database(struct arena *arena, const char *url, const char *database);
