/* store/place.h: where artifacts live: objects with slash-separated ASCII keys under one root.
 * `file:/var/backups/belay` and plain paths are directories (place_file.c),
 * `s3://bucket/prefix?setting=value` a bucket (place_s3.c; s3_settings.h).
 *
 * An object appears whole or not at all: in a directory writers write to a temporary name, sync
 * it, and rename at finish; in a bucket they complete an upload. Errors are ERR_STORE with
 * the place and key. Directories are 0700, files 0600.
 */
#pragma once

#include "base/base.h"
#include "store/stream.h"

struct place;

struct place_entry {
  const char *key; /* full key */
  uint64_t size;
  int64_t modified_us;
};
VEC_TYPE(place_entries, struct place_entry);

/* Opens (and makes, with a .gitignore inside when it lies in a git work tree) the place. */
int place_open(const char *where, struct place **ret_place, struct err *err);
void place_close(struct place *place);
void place_closep(struct place **place);
/* What archives and sealed objects are encrypted for and opened with; the place owns it from here
 * on. Without keys (NULL) nothing is encrypted, and nothing that is can be read. */
struct keys;
void place_set_keys(struct place *place, struct keys *keys);
struct keys *place_keys(const struct place *place);
const char *place_name(const struct place *place); /* "file:/var/backups/belay" */
/* One place under one name; a bucket of that name on another server is another place. */
bool place_is_same(const struct place *a, const struct place *b);
/* What the credentials turned out not to be allowed here: "read, list"; NULL: nothing so far. */
const char *place_denied(const struct place *place, struct arena *arena);

int place_put(struct place *place, const char *key, const void *bytes, size_t len, struct err *err);
/* Fails with ERR_STORE when the key exists. */
int place_put_new(struct place *place, const char *key, const void *bytes, size_t len,
                  struct err *err);
int place_get(struct place *place, struct arena *arena, const char *key, char **ret_bytes,
              size_t *ret_len, struct err *err);
/* Exactly size bytes from offset into buf; fewer there is ERR_DAMAGED. */
int place_get_range(struct place *place, const char *key, uint64_t offset, size_t size, void *buf,
                    struct err *err);
/* A sink whose finish makes the object appear; freeing it unfinished leaves nothing behind.
 * Nothing is overwritten: finish fails with ERR_STORE when the key exists. */
int place_writer(struct place *place, const char *key, struct sink **ret_sink, struct err *err);
/* A writer that never finishes, only to be seen: place_look_for_leftovers counts it as living. */
int place_hold(struct place *place, const char *key, struct sink **ret_sink, struct err *err);
/* Bounds what goes to the place through place_writer, and what comes by place_get_range from one
 * that is not on this machine, in bytes a second, all together; 0: no bound. Before the first
 * writer. */
void place_limit(struct place *place, uint64_t bytes_per_s);
/* place_sealed.c: small objects that may hold rows or names: encrypted as "<key>.age" where the
 * place has recipients, else put as they are. Reading takes whichever is there. */
int place_put_sealed(struct place *place, const char *key, const void *bytes, size_t len,
                     struct err *err);
int place_get_sealed(struct place *place, struct arena *arena, const char *key, char **ret_bytes,
                     size_t *ret_len, struct err *err);
/* true, too, where it cannot be known (a bucket that does not answer). */
bool place_exists(struct place *place, const char *key);
int place_size(struct place *place, const char *key, uint64_t *ret_size, struct err *err);
/* All objects whose key starts with prefix, sorted by key. An absent prefix is an empty list. */
int place_list(struct place *place, struct arena *arena, const char *prefix,
               struct place_entries *ret, struct err *err);
int place_delete(struct place *place, const char *key, struct err *err); /* fine if absent */
/* Deletes everything under a prefix, which is a whole key here ("app/backups/x" does not touch
 * "app/backups/x2"); "manifest.json" objects go first, so that a half-deleted backup is not
 * listed. */
int place_delete_prefix(struct place *place, const char *prefix, struct err *err);
/* Removes the temporary files under a prefix that no living process is writing: what a killed
 * backup left behind. */
int place_sweep(struct place *place, const char *prefix, int *ret_count, struct err *err);
/* What place_sweep would remove, and how many temporary files it would not, because they are being
 * written or were a moment ago. */
struct place_leftovers {
  int abandoned, living;
  uint64_t bytes; /* of the abandoned ones */
};
int place_look_for_leftovers(struct place *place, const char *prefix, struct place_leftovers *ret,
                             struct err *err);

/* Writes, reads back, lists and deletes a probe object, as far as the credentials may
 * (place_denied tells afterwards); ret_free_bytes is UINT64_MAX where it
 * cannot be known. */
int place_probe(struct place *place, uint64_t *ret_free_bytes, struct err *err);
/* What doctor should say of the place beyond that: permissions, versioning, lifecycle, lock. */
struct place_advice {
  const char *name;       /* "store", "lifecycle" */
  bool warning;           /* else it is good to know */
  const char *what, *fix; /* fix may be NULL */
};
VEC_TYPE(place_advices, struct place_advice);
int place_advise(struct place *place, struct arena *arena, struct place_advices *ret,
                 struct err *err);
/* A local directory for things appended to line by line (the journal of a run): for file: places
 * the place itself, for s3: a directory under $XDG_STATE_HOME (~/.local/state). */
char *place_local_dir(struct place *place, struct arena *arena, const char *prefix,
                      struct err *err);
/* Makes what was appended there to `key` so far an object of the place. `last`: nothing more will
 * be appended, so what is not the place itself is removed. */
int place_publish(struct place *place, const char *key, bool last, struct err *err);
/* As place_get, but what this machine has appended and not yet published counts. *ret_lags: it was
 * another machine that appended, and it may have appended more than is seen here. */
int place_get_appended(struct place *place, struct arena *arena, const char *key, char **ret_bytes,
                       size_t *ret_len, bool *ret_lags, struct err *err);
/* A name of any bytes (a database) as one component of a key: bytes that a key cannot hold
 * become "=" and two hex digits. */
char *place_key_escape(struct arena *arena, const char *name) MUST_CHECK;
