#include "store/archive_private.h"
#include "store/keys.h"
#include "store/tar.h"

#include "base/interrupt.h"

#include <limits.h>

/* ---- the manifest ---- */

static bool is_sha256(const char *s)
{
  return strlen(s) == STORE_SHA256_HEX - 1 && strspn(s, "0123456789abcdef") == STORE_SHA256_HEX - 1;
}

/* What is in the place under the prefix. One list instead of a question per object: it tells "not
 * there" from "cannot be looked at". */
static const struct place_entry *find_object(const struct place_entries *found, const char *key)
{
  for (size_t i = 0; i < found->len; i++)
    if (strcmp(found->at[i].key, key) == 0)
      return &found->at[i];
  return NULL;
}

static json_t *parse_manifest(const struct place *place, const char *key, const char *bytes,
                              size_t len, struct err *err)
{
  json_error_t why;
  json_t *manifest = json_loadb(bytes, len, JSON_REJECT_DUPLICATES, &why);
  if (!manifest)
    err_set(err, ERR_DAMAGED, "%s: %s, line %d: %s", place_name(place), key, why.line, why.text);
  return manifest;
}

static json_t *load_manifest(struct arena *arena, struct place *place, const char *key,
                             const struct place_entries *found, struct err *err)
{
  char *bytes = NULL;
  size_t len = 0;
  if (!find_object(found, key)) {
    err_set(err, ERR_DAMAGED,
            "%s: %s does not exist: the archive was never finished, or is damaged",
            place_name(place), key);
    return NULL;
  }
  if (place_get(place, arena, key, &bytes, &len, err) < 0)
    return NULL;
  return parse_manifest(place, key, bytes, len, err);
}

static int check_format(const json_t *manifest, struct err *err)
{
  const json_t *format = json_object_get(manifest, "format");
  if (!json_is_integer(format))
    return err_set(err, ERR_DAMAGED, "there is no format number");
  if (json_integer_value(format) > ARCHIVE_FORMAT_SEALED) {
    err_set(err, ERR_DAMAGED, "format %" JSON_INTEGER_FORMAT " is newer than this belay knows (%d)",
            json_integer_value(format), ARCHIVE_FORMAT_SEALED);
    return err_hint(err, "Use a newer belay; belay version shows which one this is.");
  }
  if (json_integer_value(format) < ARCHIVE_FORMAT)
    return err_set(err, ERR_DAMAGED, "format %" JSON_INTEGER_FORMAT " is unknown",
                   json_integer_value(format));
  return 0;
}

static int check_self(json_t *manifest, struct err *err)
{
  const char *self = json_string_value(json_object_get(manifest, "self"));
  if (!self)
    return err_set(err, ERR_DAMAGED, "there is no hash of itself");
  char actual[STORE_SHA256_HEX];
  archive_self_hash(manifest, actual);
  if (strcmp(actual, self) != 0)
    return err_set(err, ERR_DAMAGED, "its content is not what its own hash says: it was changed");
  return 0;
}

static int read_segment(struct arena *arena, struct archive *a, json_t *item,
                        const struct place_entries *found, struct err *err)
{
  json_int_t size = 0;
  struct archive_segment s = {0};
  if (json_unpack(item, "{ss sI ss}", "name", &s.name, "size", &size, "sha256", &s.sha256) < 0 ||
      size < 0 || !is_sha256(s.sha256))
    return err_set(err, ERR_DAMAGED, "segment %zu is not described properly", a->segments.len + 1);
  s.size = (uint64_t)size;
  const char *key = archive_segment_key(arena, a->prefix, (int)a->segments.len + 1);
  if (strcmp(strrchr(key, '/') + 1, s.name) != 0)
    return err_set(err, ERR_DAMAGED, "segment %zu has the name \"%s\"", a->segments.len + 1,
                   s.name);
  const struct place_entry *object = find_object(found, key);
  if (!object)
    return err_set(err, ERR_DAMAGED, "%s is missing", s.name);
  if (object->size != s.size)
    return err_set(err, ERR_DAMAGED, "%s has %" PRIu64 " bytes, the manifest says %" PRIu64, s.name,
                   object->size, s.size);
  s.name = arena_strdup(arena, s.name);
  s.sha256 = arena_strdup(arena, s.sha256);
  vec_push(arena, &a->segments, s);
  return 0;
}

static int read_segments(struct arena *arena, struct archive *a, const struct place_entries *found,
                         struct err *err)
{
  json_t *list = json_object_get(a->manifest, "segments");
  if (!json_is_array(list) || json_array_size(list) > ARCHIVE_SEGMENTS_MAX)
    return err_set(err, ERR_DAMAGED, "there is no list of segments");
  for (size_t i = 0; i < json_array_size(list); i++)
    if (read_segment(arena, a, json_array_get(list, i), found, err) < 0)
      return -1;
  return 0;
}

static bool id_is_valid(const char *id)
{
  size_t len = strlen(id);
  return len >= 6 && len <= 10 && strspn(id, "0123456789") == len;
}

/* Ids grow (that makes them unique); nothing lies outside of its segment. */
static const char *what_is_wrong(const struct archive *a, const struct archive_entry *e)
{
  char name[ARCHIVE_NAME_MAX];
  const char *before = a->entries.len ? a->entries.at[a->entries.len - 1].id : "";
  size_t len = strlen(e->id), before_len = strlen(before);
  if (!id_is_valid(e->id) || archive_member_name(e, a->sealed, name) < 0)
    return "an impossible name or kind";
  if (len < before_len || (len == before_len && strcmp(e->id, before) <= 0))
    return "an id that is out of order";
  if (e->segment < 1 || (size_t)e->segment > a->segments.len)
    return "a segment that is not there";
  uint64_t end = a->segments.at[e->segment - 1].size;
  if (e->offset < TAR_BLOCK || e->offset % TAR_BLOCK || e->offset > end ||
      e->size > end - e->offset)
    return "a range outside of its segment";
  if (e->raw_size > ARCHIVE_MEMBER_BYTES_MAX)
    return "an impossible size";
  if (strcmp(e->kind, "text") == 0 && e->raw_size != e->size)
    return "two sizes that differ";
  return NULL;
}

/* What the clear part of a manifest does not tell, so that one reader does for both. */
static void complete_locked(json_t *item)
{
  static const char *const numbers[] = {"part", "rows"};
  for (size_t i = 0; i < COUNT_OF(numbers); i++)
    json_object_set_new(item, numbers[i], json_integer(0));
  json_object_set(item, "raw_size", json_object_get(item, "size"));
  if (!json_object_get(item, "object"))
    json_object_set_new(item, "object", json_string(""));
}

static int read_entry(struct arena *arena, struct archive *a, json_t *item, struct err *err)
{
  if (a->locked)
    complete_locked(item);
  struct archive_entry e = {0};
  json_int_t raw_size = 0, size = 0, offset = 0, part = 0, segment = 0;
  const char *sha256 = "";
  json_error_t why;
  if (json_unpack_ex(item, &why, 0, "{ss ss ss sI sI sI sI sI ss sI}", "id", &e.id, "kind", &e.kind,
                     "object", &e.object, "part", &part, "raw_size", &raw_size, "size", &size,
                     "segment", &segment, "offset", &offset, "sha256", &sha256, "rows",
                     &e.rows) < 0)
    return err_set(err, ERR_DAMAGED, "entry %zu: %s", a->entries.len + 1, why.text);
  if (raw_size < 0 || size < 0 || offset < 0 || part < 0 || part > INT_MAX || segment < 0 ||
      segment > ARCHIVE_SEGMENTS_MAX || e.rows < 0 || !is_sha256(sha256))
    return err_set(err, ERR_DAMAGED, "entry %s has an impossible number or hash", e.id);
  e.raw_size = (uint64_t)raw_size;
  e.size = (uint64_t)size;
  e.offset = (uint64_t)offset;
  e.part = (int)part;
  e.segment = (int)segment;
  memcpy(e.sha256, sha256, sizeof(e.sha256));
  const char *wrong = what_is_wrong(a, &e);
  if (wrong)
    return err_set(err, ERR_DAMAGED, "entry %s has %s", e.id, wrong);
  e.id = arena_strdup(arena, e.id);
  e.kind = arena_strdup(arena, e.kind);
  e.object = arena_strdup(arena, e.object);
  vec_push(arena, &a->entries, e);
  return 0;
}

static int read_entries(struct arena *arena, struct archive *a, struct err *err)
{
  json_t *list = json_object_get(a->manifest, "entries");
  if (!json_is_array(list))
    return err_set(err, ERR_DAMAGED, "there is no list of entries");
  for (size_t i = 0; i < json_array_size(list); i++)
    if (read_entry(arena, a, json_array_get(list, i), err) < 0)
      return -1;
  return a->locked ? 0 : archive_check_parts(a->entries.at, a->entries.len, err);
}

/* ---- the encrypted manifest ---- */

int archive_say_locked(const struct archive *archive, struct err *err)
{
  err_set(err, ERR_SEALED, "%s: %s is encrypted for %s, and %s", place_name(archive->place),
          archive->prefix, archive->recipients, archive->locked_why);
  return err_hint(err, "Give an identity of one of them: --identity FILE, or BELAY_IDENTITY.");
}

/* What the clear part says of the other one. */
static int read_encryption(struct arena *arena, struct archive *a, struct err *err)
{
  CLEANUP(text_clear) struct text all = TEXT_INIT;
  const json_t *sealed = json_object_get(a->manifest, "sealed");
  a->sealed_sha256 = arena_strdup(arena, json_string_value(json_object_get(sealed, "sha256")));
  const json_t *list = json_object_get(json_object_get(a->manifest, "encryption"), "recipients");
  for (size_t i = 0; i < json_array_size(list); i++) {
    const char *one = json_string_value(json_array_get(list, i));
    if (one)
      text_printf(&all, "%s%s", all.len ? ", " : "", one);
  }
  a->recipients = arena_strdup(arena, all.data);
  if (!all.len || !a->sealed_sha256)
    return err_set(err, ERR_DAMAGED, "it does not describe its encrypted part");
  return 0;
}

/* The bytes of manifest.json.age, which are what the clear part says. */
static int get_sealed(struct arena *arena, const struct archive *a, char **ret_bytes,
                      size_t *ret_len, struct err *err)
{
  const char *key = archive_sealed_key(arena, a->prefix);
  char sha256[STORE_SHA256_HEX];
  if (!place_exists(a->place, key))
    return err_set(err, ERR_DAMAGED, "%s is missing", key);
  if (place_get(a->place, arena, key, ret_bytes, ret_len, err) < 0)
    return -1;
  store_sha256(*ret_bytes, *ret_len, sha256);
  if (strcmp(sha256, a->sealed_sha256) != 0)
    return err_set(err, ERR_DAMAGED, "the sha256 of %s is %s, the manifest says %s", key, sha256,
                   a->sealed_sha256);
  return 0;
}

/* The clear part says of the whole what the whole says. */
static int check_clear_part(const struct archive *a, json_t *whole, struct err *err)
{
  CLEANUP(json_decrefp) json_t *said = json_copy(a->manifest);
  CLEANUP(json_decrefp) json_t *expected = archive_clear_part(whole);
  json_object_del(said, "self");
  json_object_del(said, "sealed");
  if (json_equal(said, expected))
    return 0;
  return err_set(err, ERR_DAMAGED, "it is not the clear part of manifest.json.age");
}

/* Puts the whole manifest in the place of the clear part; a locked archive keeps that. */
static int unseal_manifest(struct arena *arena, struct archive *a, struct err *err)
{
  CLEANUP(text_clear) struct text plain = TEXT_INIT;
  CLEANUP(err_clear) struct err closed = ERR_INIT;
  char *bytes;
  size_t len;
  if (read_encryption(arena, a, err) < 0 || get_sealed(arena, a, &bytes, &len, err) < 0)
    return -1;
  if (keys_unseal(place_keys(a->place), bytes, len, &plain, &closed) < 0) {
    if (closed.code == ERR_DAMAGED) {
      err_move(err, &closed);
      return err_wrap(err, "manifest.json.age");
    }
    a->locked = true;
    const char *why = strstr(closed.message, ", and ");
    a->locked_why = arena_strdup(arena, closed.code == ERR_SEALED && why ? why + strlen(", and ")
                                                                         : closed.message);
    return 0;
  }
  CLEANUP(json_decrefp)
  json_t *whole = parse_manifest(a->place, "manifest.json.age", plain.data, plain.len, err);
  if (!whole || check_self(whole, err) < 0 || check_clear_part(a, whole, err) < 0)
    return -1;
  json_decref(a->manifest);
  a->manifest = TAKE(whole);
  return 0;
}

int archive_look(struct arena *arena, struct place *place, const char *prefix, struct archive **ret,
                 struct err *err)
{
  CLEANUP(archive_closep) struct archive *a = x_calloc(1, sizeof(*a));
  const char *key = archive_manifest_key(arena, prefix);
  a->place = place;
  a->prefix = arena_strdup(arena, prefix);
  struct place_entries found = {0};
  if (place_list(place, arena, arena_printf(arena, "%s/", prefix), &found, err) < 0)
    return -1;
  a->manifest = load_manifest(arena, place, key, &found, err);
  if (!a->manifest)
    return -1;
  if (check_format(a->manifest, err) < 0 || check_self(a->manifest, err) < 0)
    return err_wrap(err, "%s: %s", place_name(place), key);
  a->sealed = json_integer_value(json_object_get(a->manifest, "format")) == ARCHIVE_FORMAT_SEALED;
  if ((a->sealed && unseal_manifest(arena, a, err) < 0) ||
      read_segments(arena, a, &found, err) < 0 || read_entries(arena, a, err) < 0)
    return err_wrap(err, "%s: %s", place_name(place), key);
  *ret = TAKE(a);
  return 0;
}

int archive_open(struct arena *arena, struct place *place, const char *prefix, struct archive **ret,
                 struct err *err)
{
  CLEANUP(archive_closep) struct archive *a = NULL;
  if (archive_look(arena, place, prefix, &a, err) < 0)
    return -1;
  if (a->locked)
    return archive_say_locked(a, err);
  *ret = TAKE(a);
  return 0;
}

void archive_close(struct archive *archive)
{
  if (!archive)
    return;
  json_decref(archive->manifest);
  free(archive);
}

void archive_closep(struct archive **archive)
{
  archive_close(*archive);
  *archive = NULL;
}

/* ---- one member ---- */

static int wrap_member(const struct archive *a, const struct archive_entry *e, struct err *err)
{
  char name[ARCHIVE_NAME_MAX];
  if (archive_member_name(e, a->sealed, name) < 0)
    return -1;
  return err_wrap(err, "%s: %s, %s, member %s (%s part %d)", place_name(a->place), a->prefix,
                  a->segments.at[e->segment - 1].name, name, e->object, e->part);
}

static int expand(const struct archive *a, const struct archive_entry *e, const struct text *stored,
                  struct text *ret_raw, struct err *err)
{
  CLEANUP(text_clear) struct text packed = TEXT_INIT;
  if (!a->sealed)
    return store_expand(stored->data, e->size, e->raw_size, ret_raw, err);
  if (a->locked)
    return archive_say_locked(a, err);
  if (keys_unseal(place_keys(a->place), stored->data, e->size, &packed, err) < 0)
    return -1;
  return store_expand(packed.data, packed.len, e->raw_size, ret_raw, err);
}

static int read_member(const struct archive *a, const struct archive_entry *e, struct text *ret_raw,
                       struct err *err)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  CLEANUP(text_clear) struct text stored = TEXT_INIT;
  text_reserve(&stored, e->size);
  const char *key = archive_segment_key(arena, a->prefix, e->segment);
  if (place_get_range(a->place, key, e->offset, e->size, stored.data, err) < 0)
    return -1;
  char sha256[STORE_SHA256_HEX];
  store_sha256(stored.data, e->size, sha256);
  if (strcmp(sha256, e->sha256) != 0)
    return err_set(err, ERR_DAMAGED, "its sha256 is %s, the manifest says %s", sha256, e->sha256);
  if (strcmp(e->kind, "text") == 0) {
    text_reset(ret_raw);
    text_append(ret_raw, stored.data, e->size);
  } else if (expand(a, e, &stored, ret_raw, err) < 0) {
    return -1;
  }
  if (ret_raw->len != e->raw_size)
    return err_set(err, ERR_DAMAGED, "it expands to %zu bytes, the manifest says %" PRIu64,
                   ret_raw->len, e->raw_size);
  return 0;
}

int archive_read(const struct archive *archive, const struct archive_entry *entry,
                 struct text *ret_raw, struct err *err)
{
  if (read_member(archive, entry, ret_raw, err) < 0)
    return wrap_member(archive, entry, err);
  return 0;
}

/* ---- every byte ---- */

struct check {
  const struct archive *archive;
  const struct archive_segment *segment;
  const char *key;
  const struct archive_entry **expected; /* of this segment, by offset */
  size_t count, seen;
  uint64_t at;  /* bytes of the segment read so far */
  uint64_t end; /* where the member before this one ended, padded */
  struct store_hash *hash;
};

static int by_offset(const void *a, const void *b)
{
  const struct archive_entry *x = *(const struct archive_entry *const *)a;
  const struct archive_entry *y = *(const struct archive_entry *const *)b;
  return (x->offset > y->offset) - (x->offset < y->offset);
}

static int check_piece(void *arg, void *buf, size_t size, size_t *ret_len, struct err *err)
{
  struct check *c = arg;
  uint64_t left = c->segment->size - c->at;
  size_t len = left < size ? (size_t)left : size;
  if (interrupt_check(err) < 0)
    return -1;
  if (len && place_get_range(c->archive->place, c->key, c->at, len, buf, err) < 0)
    return -1;
  store_hash_add(c->hash, buf, len);
  c->at += len;
  *ret_len = len;
  return 0;
}

static int check_member(void *arg, const struct tar_member *m, struct err *err)
{
  struct check *c = arg;
  char name[ARCHIVE_NAME_MAX] = "";
  if (c->seen == c->count)
    return err_set(err, ERR_DAMAGED, "member %s is not in the manifest", m->name);
  const struct archive_entry *e = c->expected[c->seen];
  if (archive_member_name(e, c->archive->sealed, name) < 0 || strcmp(name, m->name) != 0)
    return err_set(err, ERR_DAMAGED, "member %s stands where %s should be", m->name, name);
  if (m->size != e->size)
    return err_set(err, ERR_DAMAGED, "member %s has %" PRIu64 " bytes, the manifest says %" PRIu64,
                   name, m->size, e->size);
  if (strcmp(m->sha256, e->sha256) != 0)
    return err_set(err, ERR_DAMAGED,
                   "member %s (%s part %d): its sha256 is %s, the manifest says %s", name,
                   e->object, e->part, m->sha256, e->sha256);
  /* Members follow each other without a gap, so where this one ends follows from where the next
   * begins. */
  if (m->header_offset != c->end || e->offset < c->end + TAR_BLOCK)
    return err_set(err, ERR_DAMAGED, "member %s is not where the manifest says (%" PRIu64 ")", name,
                   e->offset);
  c->end = e->offset + (e->size + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
  c->seen++;
  return 0;
}

/* After the end marker: nothing may follow it, and the whole must have the hash of the manifest. */
static int check_rest(struct check *c, struct err *err)
{
  char buf[4096], sha256[STORE_SHA256_HEX];
  char name[ARCHIVE_NAME_MAX];
  if (c->seen < c->count) {
    if (archive_member_name(c->expected[c->seen], c->archive->sealed, name) < 0)
      return -1;
    return err_set(err, ERR_DAMAGED, "member %s is missing", name);
  }
  if (c->end + TAR_END_BYTES != c->segment->size)
    return err_set(err, ERR_DAMAGED, "its members end at %" PRIu64 " of %" PRIu64 " bytes", c->end,
                   c->segment->size);
  for (size_t len = 1; len;)
    if (check_piece(c, buf, sizeof(buf), &len, err) < 0)
      return -1;
  store_hash_end(TAKE(c->hash), sha256);
  if (strcmp(sha256, c->segment->sha256) != 0)
    return err_set(err, ERR_DAMAGED, "its sha256 is %s, the manifest says %s", sha256,
                   c->segment->sha256);
  return 0;
}

static int check_segment(const struct archive *a, int number, struct arena *arena, struct err *err)
{
  struct check c = {.archive = a,
                    .segment = &a->segments.at[number - 1],
                    .key = archive_segment_key(arena, a->prefix, number),
                    .hash = store_hash_new()};
  c.expected = arena_alloc(arena, (a->entries.len + 1) * sizeof(*c.expected));
  for (size_t i = 0; i < a->entries.len; i++)
    if (a->entries.at[i].segment == number)
      c.expected[c.count++] = &a->entries.at[i];
  qsort(c.expected, c.count, sizeof(*c.expected), by_offset);
  struct tar_reader reader = {&c, check_piece, check_member};
  int status = tar_read(&reader, err);
  if (status == 0)
    status = check_rest(&c, err);
  if (c.hash)
    store_hash_end(c.hash, (char[STORE_SHA256_HEX]){0});
  if (status < 0)
    return err_wrap(err, "%s: %s, %s, after %zu of its %zu members", place_name(a->place),
                    a->prefix, c.segment->name, c.seen, c.count);
  return 0;
}

static int check_no_others(const struct archive *a, struct arena *arena, struct err *err)
{
  struct place_entries found = {0};
  if (place_list(a->place, arena, arena_printf(arena, "%s/segment-", a->prefix), &found, err) < 0)
    return -1;
  for (size_t i = 0; i < found.len; i++) {
    const char *name = strrchr(found.at[i].key, '/') + 1;
    bool known = false;
    for (size_t s = 0; s < a->segments.len; s++)
      known = known || strcmp(a->segments.at[s].name, name) == 0;
    if (!known)
      return err_set(err, ERR_DAMAGED, "%s: %s, %s is not in the manifest", place_name(a->place),
                     a->prefix, name);
  }
  return 0;
}

int archive_check_hashes(const struct archive *archive, struct err *err)
{
  for (size_t i = 1; i <= archive->segments.len; i++) {
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    if (check_segment(archive, (int)i, arena, err) < 0)
      return -1;
  }
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  char *bytes;
  size_t len;
  if (archive->sealed && get_sealed(arena, archive, &bytes, &len, err) < 0)
    return err_wrap(err, "%s", place_name(archive->place));
  return check_no_others(archive, arena, err);
}
