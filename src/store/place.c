#include "base/base.h"
#include "base/clock.h"
#include "store/keys.h"
#include "store/rate.h"
#include "store/place_private.h"

static bool key_char(char c)
{
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         (c != '\0' && strchr("._@=+-", c));
}

bool place_key_is_valid(const char *key)
{
  if (key[0] == '\0' || strlen(key) > PLACE_KEY_MAX)
    return false;
  bool at_start = true; /* of a component */
  for (const char *p = key; *p; p++) {
    if (*p == '/' ? at_start : !key_char(*p) || (at_start && *p == '.'))
      return false;
    at_start = *p == '/';
  }
  return !at_start;
}

static int check_key(const struct place *place, const char *key, struct err *err)
{
  if (place_key_is_valid(key))
    return 0;
  return err_set(err, ERR_STORE, "%s: \"%s\" cannot be the key of an object", place->name, key);
}

/* "a/b", "a/b/" and "" pass. */
static int check_prefix(const struct place *place, const char *prefix, struct err *err)
{
  size_t len = strlen(prefix);
  CLEANUP(free_ptr) char *key = x_strndup(prefix, len && prefix[len - 1] == '/' ? len - 1 : len);
  if (len == 0 || place_key_is_valid(key))
    return 0;
  return err_set(err, ERR_STORE, "%s: \"%s\" cannot begin the keys of objects", place->name,
                 prefix);
}

char *place_key_escape(struct arena *arena, const char *name)
{
  CLEANUP(text_clear) struct text t = TEXT_INIT;
  for (const char *p = name; *p; p++) {
    if (key_char(*p) && *p != '=' && !(*p == '.' && p == name))
      text_putc(&t, *p);
    else
      text_printf(&t, "=%02x", (unsigned char)*p);
  }
  return arena_strdup(arena, t.len ? t.data : "=");
}

/* ---- opening ---- */

/* Length of "scheme" in "scheme:rest", 0 if there is none. */
static size_t scheme_len(const char *where)
{
  size_t n = strspn(where, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.-");
  return n > 0 && where[n] == ':' && !strchr("0123456789+.-", where[0]) ? n : 0;
}

static int refuse_scheme(const char *where, size_t len, struct err *err)
{
  err_set(err, ERR_USAGE, "%s: a place of an unknown kind \"%.*s\"", where, (int)len, where);
  return err_hint(err, "Use a directory, --store file:/path/to/backups, or a bucket: --store "
                       "s3://bucket/prefix.");
}

static int check_path(const char *where, const char *path, struct err *err)
{
  if (path[0] == '\0') {
    err_set(err, ERR_USAGE, "the place \"%s\" names no directory", where);
    return err_hint(err, "Use a directory: --store file:/path/to/backups.");
  }
  if (path[0] == '~') {
    err_set(err, ERR_USAGE, "%s: \"~\" is not expanded in a place", where);
    return err_hint(err, "Write the whole path: --store file:/home/....");
  }
  if (strncmp(path, "//", 2) == 0 && path[2] != '/') {
    err_set(err, ERR_USAGE, "%s: a file place has no host name", where);
    return err_hint(err, "Write file:/path, file:///path, or file:path for a relative path.");
  }
  return 0;
}

int place_open(const char *where, struct place **ret_place, struct err *err)
{
  size_t scheme = scheme_len(where);
  bool is_file = scheme == 4 && strncmp(where, "file", 4) == 0;
  if (scheme == 2 && strncmp(where, "s3", 2) == 0)
    return place_s3_open(where, ret_place, err);
  if (scheme && !is_file)
    return refuse_scheme(where, scheme, err);
  const char *path = is_file ? where + 5 : where;
  if (check_path(where, path, err) < 0)
    return -1;
  return place_file_open(path, ret_place, err);
}

void place_close(struct place *place)
{
  if (!place)
    return;
  if (place->ops->close)
    place->ops->close(place);
  free(place->name);
  free(place->root);
  free(place->server);
  keys_free(place->keys);
  rate_free(place->rate);
  free(place);
}

void place_closep(struct place **place)
{
  place_close(*place);
  *place = NULL;
}

void place_set_keys(struct place *place, struct keys *keys)
{
  keys_free(place->keys);
  place->keys = keys;
}

struct keys *place_keys(const struct place *place)
{
  return place->keys;
}

const char *place_name(const struct place *place)
{
  return place->name;
}

bool place_is_same(const struct place *a, const struct place *b)
{
  return strcmp(a->name, b->name) == 0 &&
         (a->server && b->server ? strcmp(a->server, b->server) == 0 : a->server == b->server);
}

const char *place_denied(const struct place *place, struct arena *arena)
{
  int denied = atomic_load(&place->denied);
  if (!denied)
    return NULL;
  const char *words = arena_printf(arena, "%s%s%s", denied & PLACE_DENIES_READ ? ", read" : "",
                                   denied & PLACE_DENIES_LIST ? ", list" : "",
                                   denied & PLACE_DENIES_DELETE ? ", delete" : "");
  return words + 2;
}

/* ---- objects ---- */

static int put(struct place *place, const char *key, bool exclusive, const void *bytes, size_t len,
               struct err *err)
{
  CLEANUP(sink_freep) struct sink *sink = NULL;
  if (check_key(place, key, err) < 0 || place->ops->writer(place, key, exclusive, &sink, err) < 0)
    return -1;
  if (sink_write(sink, bytes, len, err) < 0)
    return -1;
  return sink_finish(sink, err);
}

int place_put(struct place *place, const char *key, const void *bytes, size_t len, struct err *err)
{
  return put(place, key, false, bytes, len, err);
}

int place_put_new(struct place *place, const char *key, const void *bytes, size_t len,
                  struct err *err)
{
  return put(place, key, true, bytes, len, err);
}

int place_writer(struct place *place, const char *key, struct sink **ret_sink, struct err *err)
{
  if (check_key(place, key, err) < 0)
    return -1;
  struct sink *sink = NULL;
  if (place->ops->writer(place, key, true, &sink, err) < 0)
    return -1;
  *ret_sink = place->rate ? sink_limited(sink, place->rate) : sink;
  return 0;
}

void place_limit(struct place *place, uint64_t bytes_per_s)
{
  rate_free(place->rate);
  place->rate = bytes_per_s ? rate_new(bytes_per_s) : NULL;
}

int place_hold(struct place *place, const char *key, struct sink **ret_sink, struct err *err)
{
  if (check_key(place, key, err) < 0)
    return -1;
  return place->ops->hold(place, key, ret_sink, err);
}

int place_get(struct place *place, struct arena *arena, const char *key, char **ret_bytes,
              size_t *ret_len, struct err *err)
{
  if (check_key(place, key, err) < 0)
    return -1;
  return place->ops->get(place, arena, key, ret_bytes, ret_len, err);
}

int place_get_range(struct place *place, const char *key, uint64_t offset, size_t size, void *buf,
                    struct err *err)
{
  if (check_key(place, key, err) < 0)
    return -1;
  if (place->rate && place->ops->is_far && rate_wait(place->rate, size, err) < 0)
    return -1;
  return place->ops->get_range(place, key, offset, size, buf, err);
}

bool place_exists(struct place *place, const char *key)
{
  return place_key_is_valid(key) && place->ops->exists(place, key);
}

int place_size(struct place *place, const char *key, uint64_t *ret_size, struct err *err)
{
  if (check_key(place, key, err) < 0)
    return -1;
  return place->ops->size(place, key, ret_size, err);
}

static int by_key(const void *a, const void *b)
{
  return strcmp(((const struct place_entry *)a)->key, ((const struct place_entry *)b)->key);
}

int place_list(struct place *place, struct arena *arena, const char *prefix,
               struct place_entries *ret, struct err *err)
{
  struct place_entries found = {0};
  if (check_prefix(place, prefix, err) < 0 ||
      place->ops->list(place, arena, prefix, &found, err) < 0)
    return -1;
  if (found.len)
    qsort(found.at, found.len, sizeof(*found.at), by_key);
  *ret = found;
  return 0;
}

int place_delete(struct place *place, const char *key, struct err *err)
{
  if (check_key(place, key, err) < 0)
    return -1;
  return place->ops->remove(place, key, err);
}

static bool is_manifest(const char *key)
{
  const char *slash = strrchr(key, '/');
  return strcmp(slash ? slash + 1 : key, "manifest.json") == 0;
}

int place_delete_prefix(struct place *place, const char *prefix, struct err *err)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  size_t len = strlen(prefix);
  char *dir = arena_strndup(arena, prefix, len && prefix[len - 1] == '/' ? len - 1 : len);
  struct place_entries entries = {0};
  if (check_key(place, dir, err) < 0 ||
      place_list(place, arena, arena_printf(arena, "%s/", dir), &entries, err) < 0)
    return -1;
  for (int manifests = 1; manifests >= 0; manifests--)
    for (size_t i = 0; i < entries.len; i++)
      if (is_manifest(entries.at[i].key) == (manifests == 1) &&
          place_delete(place, entries.at[i].key, err) < 0)
        return -1;
  return place->ops->remove_dir(place, dir, err);
}

int place_sweep(struct place *place, const char *prefix, int *ret_count, struct err *err)
{
  struct place_leftovers found;
  if (check_prefix(place, prefix, err) < 0 ||
      place->ops->sweep(place, prefix, true, &found, err) < 0)
    return -1;
  *ret_count = found.abandoned;
  return 0;
}

int place_look_for_leftovers(struct place *place, const char *prefix, struct place_leftovers *ret,
                             struct err *err)
{
  if (check_prefix(place, prefix, err) < 0)
    return -1;
  return place->ops->sweep(place, prefix, false, ret, err);
}

int place_advise(struct place *place, struct arena *arena, struct place_advices *ret,
                 struct err *err)
{
  return place->ops->advise ? place->ops->advise(place, arena, ret, err) : 0;
}

char *place_local_dir(struct place *place, struct arena *arena, const char *prefix, struct err *err)
{
  if (prefix[0] && check_key(place, prefix, err) < 0)
    return NULL;
  return place->ops->local_dir(place, arena, prefix, err);
}

int place_publish(struct place *place, const char *key, bool last, struct err *err)
{
  if (check_key(place, key, err) < 0)
    return -1;
  return place->ops->publish ? place->ops->publish(place, key, last, err) : 0;
}

int place_get_appended(struct place *place, struct arena *arena, const char *key, char **ret_bytes,
                       size_t *ret_len, bool *ret_lags, struct err *err)
{
  *ret_lags = false;
  if (check_key(place, key, err) < 0)
    return -1;
  if (!place->ops->get_appended)
    return place->ops->get(place, arena, key, ret_bytes, ret_len, err);
  return place->ops->get_appended(place, arena, key, ret_bytes, ret_len, ret_lags, err);
}

/* ---- probing ---- */

#define PROBE_OLD_US INT64_C(86400000000)
static const char probe_text[] = "belay tries whether this place can be written and read back\n";

/* A failure that is only a refusal: the rest is tried all the same. */
static bool is_refused(struct err *why)
{
  if (why->code != ERR_DENIED)
    return false;
  err_clear(why);
  return true;
}

static int probe_object(struct place *place, struct arena *arena, const char *key, struct err *err)
{
  char *bytes = NULL;
  size_t len = 0;
  struct place_entries entries = {0};
  if (place_put_new(place, key, probe_text, sizeof(probe_text), err) < 0)
    return -1;
  if (place_get(place, arena, key, &bytes, &len, err) < 0) {
    if (!is_refused(err))
      return -1;
  } else if (len != sizeof(probe_text) || memcmp(bytes, probe_text, len) != 0) {
    return err_set(err, ERR_STORE, "%s: %s read back is not what was written", place->name, key);
  }
  if (place_list(place, arena, key, &entries, err) < 0)
    return is_refused(err) ? 0 : -1;
  if (entries.len != 1 || entries.at[0].size != sizeof(probe_text))
    return err_set(err, ERR_STORE, "%s: %s was written but is not listed", place->name, key);
  return 0;
}

/* Probes that could not be removed when they were written, or whose writer was killed. */
/* A database may be called so, too: its keys have slashes. */
bool place_is_probe(const char *key)
{
  return strncmp(key, "probe-", 6) == 0 && !strchr(key, '/');
}

static void remove_old_probes(struct place *place, struct arena *arena)
{
  CLEANUP(err_clear) struct err ignored = ERR_INIT;
  struct place_entries found = {0};
  if (place_list(place, arena, "probe-", &found, &ignored) < 0)
    return;
  for (size_t i = 0; i < found.len; i++) {
    CLEANUP(err_clear) struct err kept = ERR_INIT;
    if (place_is_probe(found.at[i].key) && found.at[i].modified_us < clock_wall_us() - PROBE_OLD_US)
      (void)place_delete(place, found.at[i].key, &kept);
  }
}

int place_probe(struct place *place, uint64_t *ret_free_bytes, struct err *err)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  CLEANUP(err_clear) struct err kept = ERR_INIT;
  char *key = arena_printf(arena, "probe-%s", clock_new_id(arena));
  int status = probe_object(place, arena, key, err);
  bool deleted = place_delete(place, key, &kept) == 0;
  if (!deleted && !is_refused(&kept) && status == 0) {
    err_move(err, &kept);
    return -1;
  }
  if (status < 0)
    return -1;
  if (deleted && !atomic_load(&place->denied) && place_exists(place, key))
    return err_set(err, ERR_STORE, "%s: %s was deleted but is still there", place->name, key);
  if (!atomic_load(&place->denied))
    remove_old_probes(place, arena);
  return place->ops->free_bytes(place, ret_free_bytes, err);
}
