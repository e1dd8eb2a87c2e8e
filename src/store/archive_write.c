#include "store/archive_private.h"
#include "store/keys.h"
#include "store/tar.h"

#include "base/clock.h"
#include "base/fs.h"

#include <pthread.h>
#include <stdatomic.h>

enum { PACKED_KEPT_BYTES = 2 * ARCHIVE_CHUNK_BYTES }; /* a huge row's memory is given back */

struct segment {
  int number;
  uint64_t size;
  char sha256[STORE_SHA256_HEX];
};
VEC_TYPE(segments, struct segment);

struct lane {
  struct tar_writer *tar; /* NULL until the first member, and between two segments */
  int number;
  struct compressor *compressor; /* made with the first member */
  struct text packed;            /* the compressed chunk; its memory is used again */
  struct text sealed;            /* the same, encrypted */
  uint64_t raw_size;             /* of the member that is being written */
};

struct archive_writer {
  struct place *place;
  char *prefix;
  const struct keys *keys; /* NULL: nothing is encrypted */
  int level;
  int64_t started_s;
  uint64_t segment_bytes;
  int lane_count;
  struct lane lanes[ARCHIVE_LANES_MAX];
  atomic_int next_id, next_segment;
  atomic_uint_fast64_t bytes;
  atomic_bool failed; /* some lane met an error: no commit */
  bool committed;
  pthread_mutex_t mutex; /* guards what follows */
  struct arena *arena;
  struct archive_entries entries;
  struct segments segments; /* finished ones: they have their names in the place */
};

/* ---- beginning ---- */

static int check_empty(struct place *place, const char *prefix, struct err *err)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  const char *manifest = archive_manifest_key(arena, prefix);
  const char *segments = arena_printf(arena, "%s/segment-", prefix);
  struct place_entries found = {0};
  if (place_list(place, arena, arena_printf(arena, "%s/", prefix), &found, err) < 0) {
    if (err->code != ERR_DENIED)
      return -1;
    err_clear(err); /* may write, but not look: each object is written only if it is new */
    return 0;
  }
  for (size_t i = 0; i < found.len; i++) {
    const char *key = found.at[i].key;
    if (strcmp(key, manifest) == 0)
      return err_set(err, ERR_STORE, "%s: %s holds an archive already", place_name(place), prefix);
    if (strncmp(key, segments, strlen(segments)) == 0)
      return err_set(err, ERR_STORE,
                     "%s: %s holds segments of an archive that was never finished (%s)",
                     place_name(place), prefix, key);
  }
  return 0;
}

int archive_create(struct place *place, const char *prefix, int level, int lanes,
                   struct archive_writer **ret, struct err *err)
{
  if (lanes < 1 || lanes > ARCHIVE_LANES_MAX)
    return err_set(err, ERR_UNEXPECTED, "an archive has 1 to %d lanes, not %d", ARCHIVE_LANES_MAX,
                   lanes);
  if (check_empty(place, prefix, err) < 0)
    return -1;
  struct archive_writer *w = x_calloc(1, sizeof(*w));
  w->place = place;
  w->prefix = x_strdup(prefix);
  w->keys = keys_encrypt(place_keys(place)) ? place_keys(place) : NULL;
  w->level = level;
  w->started_s = clock_wall_us() / 1000000;
  w->segment_bytes = ARCHIVE_SEGMENT_BYTES;
  w->lane_count = lanes;
  for (int i = 0; i < lanes; i++)
    w->lanes[i].packed = w->lanes[i].sealed = TEXT_INIT;
  atomic_init(&w->next_id, 1);
  atomic_init(&w->next_segment, 1);
  pthread_mutex_init(&w->mutex, NULL);
  w->arena = arena_new();
  *ret = w;
  return 0;
}

void archive_set_segment_bytes(struct archive_writer *w, uint64_t bytes)
{
  w->segment_bytes = bytes;
}

uint64_t archive_bytes_written(const struct archive_writer *w)
{
  return atomic_load(&w->bytes);
}

/* ---- segments ---- */

static int begin_segment(struct archive_writer *w, struct lane *lane, struct err *err)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  lane->number = atomic_fetch_add(&w->next_segment, 1);
  if (lane->number > ARCHIVE_SEGMENTS_MAX)
    return err_set(err, ERR_STORE, "%s: more than %d segments", w->prefix, ARCHIVE_SEGMENTS_MAX);
  CLEANUP(sink_freep) struct sink *sink = NULL;
  const char *key = archive_segment_key(arena, w->prefix, lane->number);
  if (place_writer(w->place, key, &sink, err) < 0)
    return -1;
  return tar_writer_new(TAKE(sink), w->started_s, &lane->tar, err);
}

static int end_segment(struct archive_writer *w, struct lane *lane, struct err *err)
{
  struct segment done = {.number = lane->number};
  if (tar_finish(lane->tar, done.sha256, err) < 0)
    return -1;
  done.size = tar_size(lane->tar);
  tar_writer_free(TAKE(lane->tar));
  pthread_mutex_lock(&w->mutex);
  vec_push(w->arena, &w->segments, done);
  pthread_mutex_unlock(&w->mutex);
  return 0;
}

/* A segment with room for a member of len bytes; one that is larger than a segment gets its own. */
static int have_segment(struct archive_writer *w, struct lane *lane, size_t len, struct err *err)
{
  if (lane->tar) {
    uint64_t padded = ((uint64_t)len + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
    if (tar_size(lane->tar) + TAR_BLOCK + padded + TAR_END_BYTES <= w->segment_bytes)
      return 0;
    if (end_segment(w, lane, err) < 0)
      return -1;
  }
  return begin_segment(w, lane, err);
}

/* ---- members ---- */

static bool name_is_taken(const struct archive_writer *w, const struct archive_entry *entry)
{
  if (strcmp(entry->kind, "text") != 0)
    return false; /* the id makes it unique */
  for (size_t i = 0; i < w->entries.len; i++)
    if (strcmp(w->entries.at[i].kind, "text") == 0 &&
        strcmp(w->entries.at[i].object, entry->object) == 0)
      return true;
  return false;
}

static int list_entry(struct archive_writer *w, const struct archive_entry *entry, struct err *err)
{
  pthread_mutex_lock(&w->mutex);
  bool taken = name_is_taken(w, entry);
  if (!taken) {
    struct archive_entry *e = vec_add(w->arena, &w->entries);
    *e = *entry;
    e->id = arena_strdup(w->arena, entry->id);
    e->kind = arena_strdup(w->arena, entry->kind);
    e->object = arena_strdup(w->arena, entry->object);
  }
  pthread_mutex_unlock(&w->mutex);
  if (taken)
    return err_set(err, ERR_UNEXPECTED, "%s: a second member %s", w->prefix, entry->object);
  return 0;
}

/* Appends the bytes of an entry to the lane's segment; fills what is known only then. */
static int append(struct archive_writer *w, struct lane *lane, struct archive_entry *entry,
                  const void *stored, struct err *err)
{
  if (w->keys && strcmp(entry->kind, "text") != 0) {
    if (keys_seal(w->keys, stored, entry->size, &lane->sealed, err) < 0)
      return -1;
    stored = lane->sealed.data;
    entry->size = lane->sealed.len;
  }
  char id[16], name[ARCHIVE_NAME_MAX];
  snprintf(id, sizeof(id), "%06d", atomic_fetch_add(&w->next_id, 1));
  entry->id = id;
  if (archive_member_name(entry, w->keys != NULL, name) < 0)
    return err_set(err, ERR_UNEXPECTED, "%s: \"%s\" of kind %s cannot be a member", w->prefix,
                   entry->object, entry->kind);
  store_sha256(stored, entry->size, entry->sha256);
  if (have_segment(w, lane, entry->size, err) < 0)
    return -1;
  if (tar_add(lane->tar, name, stored, entry->size, &entry->offset, err) < 0)
    return -1;
  entry->segment = lane->number;
  atomic_fetch_add(&w->bytes, entry->size);
  return list_entry(w, entry, err);
}

static int check_usable(struct archive_writer *w, int lane, size_t len, struct err *err)
{
  if (lane < 0 || lane >= w->lane_count)
    return err_set(err, ERR_UNEXPECTED, "%s: there is no lane %d", w->prefix, lane);
  if (w->committed || atomic_load(&w->failed))
    return err_set(err, ERR_STORE, "%s: %s", w->prefix,
                   w->committed ? "the archive is finished" : "an earlier write failed");
  if (len > ARCHIVE_MEMBER_BYTES_MAX)
    return err_set(err, ERR_UNEXPECTED, "%s: a member of %zu bytes; at most %llu are possible",
                   w->prefix, len, ARCHIVE_MEMBER_BYTES_MAX);
  return 0;
}

static int done(struct archive_writer *w, int status)
{
  if (status < 0)
    atomic_store(&w->failed, true);
  return status;
}

int archive_begin(struct archive_writer *w, int lane_number, struct err *err)
{
  if (check_usable(w, lane_number, 0, err) < 0)
    return done(w, -1);
  struct lane *lane = &w->lanes[lane_number];
  if (!lane->compressor)
    lane->compressor = compressor_new(w->level);
  compressor_reset(lane->compressor);
  if (lane->packed.cap > PACKED_KEPT_BYTES) {
    text_clear(&lane->packed);
    text_clear(&lane->sealed);
  }
  text_reset(&lane->packed);
  lane->raw_size = 0;
  return 0;
}

int archive_write(struct archive_writer *w, int lane_number, const void *raw, size_t len,
                  struct err *err)
{
  struct lane *lane = &w->lanes[lane_number];
  lane->raw_size += len;
  if (check_usable(w, lane_number, lane->raw_size, err) < 0 ||
      compressor_add(lane->compressor, raw, len, &lane->packed, err) < 0)
    return done(w, -1);
  return 0;
}

int archive_end(struct archive_writer *w, int lane_number, const char *kind, const char *object,
                int part, int64_t rows, struct err *err)
{
  struct lane *lane = &w->lanes[lane_number];
  if (check_usable(w, lane_number, lane->raw_size, err) < 0 ||
      compressor_end(lane->compressor, NULL, 0, &lane->packed, err) < 0)
    return done(w, -1);
  if (strcmp(kind, "text") == 0)
    return done(
        w, err_set(err, ERR_UNEXPECTED, "%s: %s is added by archive_add_plain", w->prefix, object));
  struct archive_entry entry = {.kind = kind,
                                .object = object,
                                .part = part,
                                .rows = rows,
                                .raw_size = lane->raw_size,
                                .size = lane->packed.len};
  return done(w, append(w, lane, &entry, lane->packed.data, err));
}

int archive_add(struct archive_writer *w, int lane, const char *kind, const char *object, int part,
                int64_t rows, const void *raw, size_t len, struct err *err)
{
  if (archive_begin(w, lane, err) < 0 || archive_write(w, lane, raw, len, err) < 0)
    return -1;
  return archive_end(w, lane, kind, object, part, rows, err);
}

void archive_withdraw(struct archive_writer *w, const char *kind, const char *object)
{
  pthread_mutex_lock(&w->mutex);
  for (size_t i = 0; i < w->entries.len; i++) {
    struct archive_entry *e = &w->entries.at[i];
    if (strcmp(e->kind, kind) == 0 && strcmp(e->object, object) == 0)
      e->kind = ARCHIVE_WITHDRAWN;
  }
  pthread_mutex_unlock(&w->mutex);
}

int archive_add_plain(struct archive_writer *w, int lane_number, const char *name,
                      const char *bytes, size_t len, struct err *err)
{
  if (check_usable(w, lane_number, len, err) < 0)
    return done(w, -1);
  struct archive_entry entry = {.kind = "text", .object = name, .raw_size = len, .size = len};
  return done(w, append(w, &w->lanes[lane_number], &entry, bytes, err));
}

/* ---- the manifest ---- */

static int by_id(const void *a, const void *b)
{
  const struct archive_entry *x = a, *y = b;
  size_t nx = strlen(x->id), ny = strlen(y->id);
  return nx != ny ? (nx > ny) - (nx < ny) : strcmp(x->id, y->id);
}

static int by_number(const void *a, const void *b)
{
  const struct segment *x = a, *y = b;
  return (x->number > y->number) - (x->number < y->number);
}

static json_t *entries_json(struct archive_writer *w, struct err *err)
{
  CLEANUP(json_decrefp) json_t *list = json_array();
  if (w->entries.len)
    qsort(w->entries.at, w->entries.len, sizeof(*w->entries.at), by_id);
  for (size_t i = 0; i < w->entries.len; i++) {
    const struct archive_entry *e = &w->entries.at[i];
    json_t *item =
        json_pack("{ss ss ss si sI sI si sI ss sI}", "id", e->id, "kind", e->kind, "object",
                  e->object, "part", e->part, "raw_size", (json_int_t)e->raw_size, "size",
                  (json_int_t)e->size, "segment", e->segment, "offset", (json_int_t)e->offset,
                  "sha256", e->sha256, "rows", (json_int_t)e->rows);
    if (!item || json_array_append_new(list, item) < 0) {
      err_set(err, ERR_STORE, "%s: the name \"%s\" is not UTF-8", w->prefix, e->object);
      return NULL;
    }
  }
  return TAKE(list);
}

static json_t *segments_json(struct archive_writer *w)
{
  json_t *list = json_array();
  if (w->segments.len)
    qsort(w->segments.at, w->segments.len, sizeof(*w->segments.at), by_number);
  for (size_t i = 0; i < w->segments.len; i++) {
    const struct segment *s = &w->segments.at[i];
    char name[32];
    snprintf(name, sizeof(name), "segment-%04d.tar", s->number);
    json_array_append_new(list, json_pack("{ss sI ss}", "name", name, "size", (json_int_t)s->size,
                                          "sha256", s->sha256));
  }
  return list;
}

static int check_extra(const struct archive_writer *w, const json_t *extra, struct err *err)
{
  static const char *const ours[] = {"entries", "segments",   "format",
                                     "self",    "encryption", "sealed"};
  if (extra && !json_is_object(extra))
    return err_set(err, ERR_UNEXPECTED, "%s: what joins the manifest is no object", w->prefix);
  for (size_t i = 0; i < COUNT_OF(ours); i++)
    if (json_object_get(extra, ours[i]))
      return err_set(err, ERR_UNEXPECTED, "%s: \"%s\" of the manifest is not the caller's",
                     w->prefix, ours[i]);
  return 0;
}

static json_t *encryption_json(struct archive_writer *w)
{
  const struct strings recipients = keys_recipients(w->arena, w->keys);
  json_t *list = json_array();
  for (size_t i = 0; i < recipients.len; i++)
    json_array_append_new(list, json_string(recipients.at[i]));
  return json_pack("{ss so}", "format", "age-encryption.org/v1", "recipients", list);
}

static json_t *manifest_json(struct archive_writer *w, const json_t *extra, struct err *err)
{
  CLEANUP(json_decrefp) json_t *manifest = extra ? json_deep_copy(extra) : json_object();
  if (check_extra(w, extra, err) < 0)
    return NULL;
  if (archive_check_parts(w->entries.at, w->entries.len, err) < 0) {
    err_recode(err, ERR_UNEXPECTED); /* nothing is damaged yet: the caller left something out */
    return NULL;
  }
  json_t *entries = entries_json(w, err);
  if (!entries)
    return NULL;
  json_object_set_new(manifest, "schema", json_integer(ARCHIVE_SCHEMA));
  json_object_set_new(manifest, "format",
                      json_integer(w->keys ? ARCHIVE_FORMAT_SEALED : ARCHIVE_FORMAT));
  if (w->keys)
    json_object_set_new(manifest, "encryption", encryption_json(w));
  json_object_set_new(manifest, "entries", entries);
  json_object_set_new(manifest, "segments", segments_json(w));
  return TAKE(manifest);
}

/* Whatever the extra holds: the text must read back as the same manifest, or the archive could
 * never be opened. */
static int check_text(const struct archive_writer *w, const char *text, size_t len, struct err *err)
{
  if (len > FS_READ_MAX)
    return err_set(err, ERR_STORE, "%s: the manifest has %zu bytes; at most %d are possible",
                   w->prefix, len, FS_READ_MAX);
  json_error_t why;
  CLEANUP(json_decrefp) json_t *again = json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);
  if (!again)
    return err_set(err, ERR_UNEXPECTED, "%s: the manifest does not read back: %s", w->prefix,
                   why.text);
  char self[STORE_SHA256_HEX];
  archive_self_hash(again, self);
  if (strcmp(self, json_string_value(json_object_get(again, "self"))) != 0)
    return err_set(err, ERR_UNEXPECTED, "%s: the manifest reads back differently", w->prefix);
  return 0;
}

/* The manifest with its own hash, as the text of a file. */
static int print_manifest(const struct archive_writer *w, json_t *manifest, struct text *ret,
                          struct err *err)
{
  char self[STORE_SHA256_HEX];
  archive_self_hash(manifest, self);
  json_object_set_new(manifest, "self", json_string(self));
  CLEANUP(free_ptr) char *text = json_dumps(manifest, JSON_INDENT(1) | JSON_SORT_KEYS);
  if (!text)
    return err_set(err, ERR_UNEXPECTED, "%s: the manifest cannot be written as JSON", w->prefix);
  text_reset(ret);
  text_printf(ret, "%s\n", text);
  return check_text(w, ret->data, ret->len, err);
}

/* manifest.json.age, and what of it is clear. */
static int put_sealed(struct archive_writer *w, json_t *manifest, json_t **ret_clear,
                      struct err *err)
{
  CLEANUP(text_clear) struct text text = TEXT_INIT, sealed = TEXT_INIT;
  char sha256[STORE_SHA256_HEX];
  if (print_manifest(w, manifest, &text, err) < 0 ||
      keys_seal(w->keys, text.data, text.len, &sealed, err) < 0 ||
      place_put_new(w->place, archive_sealed_key(w->arena, w->prefix), sealed.data, sealed.len,
                    err) < 0)
    return -1;
  store_sha256(sealed.data, sealed.len, sha256);
  *ret_clear = archive_clear_part(manifest);
  json_object_set_new(*ret_clear, "sealed",
                      json_pack("{sI ss}", "size", (json_int_t)sealed.len, "sha256", sha256));
  return 0;
}

static int put_manifest(struct archive_writer *w, const json_t *extra, struct err *err)
{
  CLEANUP(json_decrefp) json_t *manifest = manifest_json(w, extra, err);
  CLEANUP(json_decrefp) json_t *clear = NULL;
  CLEANUP(text_clear) struct text text = TEXT_INIT;
  if (!manifest || (w->keys && put_sealed(w, manifest, &clear, err) < 0) ||
      print_manifest(w, clear ? clear : manifest, &text, err) < 0)
    return -1;
  return place_put_new(w->place, archive_manifest_key(w->arena, w->prefix), text.data, text.len,
                       err);
}

int archive_commit(struct archive_writer *w, const json_t *extra, struct err *err)
{
  if (check_usable(w, 0, 0, err) < 0)
    return -1;
  for (int i = 0; i < w->lane_count; i++)
    if (w->lanes[i].tar && end_segment(w, &w->lanes[i], err) < 0)
      return done(w, -1);
  if (put_manifest(w, extra, err) < 0)
    return done(w, -1);
  w->committed = true;
  return 0;
}

/* ---- the end ---- */

/* What cannot be removed stays without a manifest: it is not listed as an archive. Should there be
 * a manifest (it has its name, but making that name last failed), then the archive is whole, and
 * taking the segments away would make it a broken one. */
static void remove_segments(struct archive_writer *w)
{
  if (place_exists(w->place, archive_manifest_key(w->arena, w->prefix)))
    return;
  for (size_t i = 0; i < w->segments.len; i++) {
    CLEANUP(err_clear) struct err ignored = ERR_INIT;
    place_delete(w->place, archive_segment_key(w->arena, w->prefix, w->segments.at[i].number),
                 &ignored);
  }
  CLEANUP(err_clear) struct err ignored = ERR_INIT;
  if (w->keys)
    place_delete(w->place, archive_sealed_key(w->arena, w->prefix), &ignored);
}

void archive_free(struct archive_writer *w)
{
  if (!w)
    return;
  for (int i = 0; i < w->lane_count; i++) {
    tar_writer_free(w->lanes[i].tar);
    compressor_free(w->lanes[i].compressor);
    text_clear(&w->lanes[i].packed);
    text_clear(&w->lanes[i].sealed);
  }
  if (!w->committed)
    remove_segments(w);
  pthread_mutex_destroy(&w->mutex);
  arena_free(w->arena);
  free(w->prefix);
  free(w);
}

void archive_freep(struct archive_writer **w)
{
  archive_free(*w);
  *w = NULL;
}
