/* place_private.h: what a kind of place implements. place.c checks keys and prefixes before it
 * calls any of these. */
#pragma once

#include <stdatomic.h>

#include "store/place.h"

enum { PLACE_KEY_MAX = 1000 };

struct place_ops {
  /* exclusive: finish fails when the key exists. */
  int (*writer)(struct place *place, const char *key, bool exclusive, struct sink **ret_sink,
                struct err *err);
  /* A writer that will never finish: while it is there, a sweep sees that somebody is at work. */
  int (*hold)(struct place *place, const char *key, struct sink **ret_sink, struct err *err);
  int (*get)(struct place *place, struct arena *arena, const char *key, char **ret_bytes,
             size_t *ret_len, struct err *err);
  int (*get_range)(struct place *place, const char *key, uint64_t offset, size_t size, void *buf,
                   struct err *err);
  bool (*exists)(struct place *place, const char *key);
  int (*size)(struct place *place, const char *key, uint64_t *ret_size, struct err *err);
  /* Any order. */
  int (*list)(struct place *place, struct arena *arena, const char *prefix,
              struct place_entries *ret, struct err *err);
  int (*remove)(struct place *place, const char *key, struct err *err);
  /* What is no object: empty directories, temporary files. dir has no slash at its end. */
  int (*remove_dir)(struct place *place, const char *dir, struct err *err);
  int (*sweep)(struct place *place, const char *prefix, bool remove, struct place_leftovers *ret,
               struct err *err);
  /* Adds to *ret what doctor should say; may be NULL. */
  int (*advise)(struct place *place, struct arena *arena, struct place_advices *ret,
                struct err *err);
  int (*free_bytes)(struct place *place, uint64_t *ret_bytes, struct err *err);
  char *(*local_dir)(struct place *place, struct arena *arena, const char *prefix, struct err *err);
  /* NULL: what is appended to in local_dir is in the place already. */
  int (*publish)(struct place *place, const char *key, bool last, struct err *err);
  int (*get_appended)(struct place *place, struct arena *arena, const char *key, char **ret_bytes,
                      size_t *ret_len, bool *ret_lags, struct err *err);
  bool is_far;                        /* what is read of it comes over the network */
  void (*close)(struct place *place); /* all but what struct place holds; may be NULL */
};

/* What credentials turned out not to be allowed. */
enum { PLACE_DENIES_READ = 1, PLACE_DENIES_LIST = 2, PLACE_DENIES_DELETE = 4 };

struct place {
  const struct place_ops *ops;
  char *name;        /* "file:/var/backups/belay" */
  char *root;        /* "/var/backups/belay" */
  char *server;      /* that the bucket is of; NULL: this machine's own directory */
  struct keys *keys; /* owned; may be NULL */
  struct rate *rate; /* owned; NULL: writers are not held back */
  atomic_int denied;
};

extern const struct place_ops place_file_ops;
extern const struct place_ops place_s3_ops;
int place_s3_open(const char *where, struct place **ret_place, struct err *err);
int place_file_advise(struct place *place, struct arena *arena, struct place_advices *ret,
                      struct err *err);
int place_file_open(const char *path, struct place **ret_place, struct err *err);

/* May the key be one: components of [A-Za-z0-9._@=+-], none of them empty or beginning with a
 * dot. */
bool place_key_is_valid(const char *key);
/* Is it an object of place_probe? */
bool place_is_probe(const char *key);
