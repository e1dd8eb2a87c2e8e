#include "store/place_copy.h"

#include "base/interrupt.h"

enum { PIECE_BYTES = 4 * 1024 * 1024 };

struct copying {
  const struct place_copy *copy;
  struct arena *arena;
  char *buf, *other; /* PIECE_BYTES each */
  uint64_t done, total;
  struct place_copied result;
};

static void advance(struct copying *c, uint64_t bytes)
{
  c->done += bytes;
  if (c->copy->progress)
    c->copy->progress(c->copy->context, c->done, c->total);
}

static size_t piece_of(uint64_t at, uint64_t size)
{
  return size - at < PIECE_BYTES ? (size_t)(size - at) : PIECE_BYTES;
}

/* ---- what is there already ---- */

static int is_same(struct copying *c, const struct place_entry *e, bool *ret, struct err *err)
{
  uint64_t size;
  if (place_size(c->copy->to, e->key, &size, err) < 0)
    return -1;
  *ret = size == e->size;
  for (uint64_t at = 0; *ret && at < size; at += PIECE_BYTES) {
    size_t n = piece_of(at, size);
    if (interrupt_check(err) < 0 ||
        place_get_range(c->copy->from, e->key, at, n, c->buf, err) < 0 ||
        place_get_range(c->copy->to, e->key, at, n, c->other, err) < 0)
      return -1;
    *ret = memcmp(c->buf, c->other, n) == 0;
  }
  return 0;
}

/* ---- one object ---- */

static int check_hash(const struct place *place, const char *key, const char *is,
                      const char *wanted, struct err *err)
{
  if (!wanted || strcmp(is, wanted) == 0)
    return 0;
  return err_set(err, ERR_DAMAGED, "%s: the sha256 of %s is %s, it should be %s", place_name(place),
                 key, is, wanted);
}

static int hash_object(struct copying *c, struct place *place, const struct place_entry *e,
                       char ret[STORE_SHA256_HEX], struct err *err)
{
  struct store_hash *hash = store_hash_new();
  int rc = 0;
  for (uint64_t at = 0; rc == 0 && at < e->size; at += PIECE_BYTES) {
    size_t n = piece_of(at, e->size);
    rc = interrupt_check(err) < 0 ? -1 : place_get_range(place, e->key, at, n, c->other, err);
    store_hash_add(hash, c->other, rc == 0 ? n : 0);
  }
  store_hash_end(hash, ret);
  return rc;
}

static int send(struct copying *c, const struct place_entry *e, char ret_sha256[STORE_SHA256_HEX],
                struct err *err)
{
  CLEANUP(sink_freep) struct sink *sink = NULL;
  if (place_writer(c->copy->to, e->key, &sink, err) < 0)
    return -1;
  struct store_hash *hash = store_hash_new();
  int rc = 0;
  for (uint64_t at = 0; rc == 0 && at < e->size; at += PIECE_BYTES) {
    size_t n = piece_of(at, e->size);
    rc = interrupt_check(err) < 0 ||
                 place_get_range(c->copy->from, e->key, at, n, c->buf, err) < 0 ||
                 sink_write(sink, c->buf, n, err) < 0
             ? -1
             : 0;
    if (rc == 0) {
      store_hash_add(hash, c->buf, n);
      advance(c, n);
    }
  }
  store_hash_end(hash, ret_sha256);
  const char *wanted = c->copy->expected ? map_get(c->copy->expected, e->key) : NULL;
  if (rc < 0 || check_hash(c->copy->from, e->key, ret_sha256, wanted, err) < 0)
    return -1;
  return sink_finish(sink, err);
}

static int copy_object(struct copying *c, const struct place_entry *e, struct err *err)
{
  char sent[STORE_SHA256_HEX], arrived[STORE_SHA256_HEX];
  bool same;
  if (place_exists(c->copy->to, e->key)) {
    if (is_same(c, e, &same, err) < 0)
      return -1;
    if (!same) {
      err_set(err, ERR_STORE, "%s: %s is there with other content, and is not overwritten",
              place_name(c->copy->to), e->key);
      return err_hint(err, "Choose another place, or find out what it is and remove it.");
    }
    c->result.there++;
    advance(c, e->size);
    return 0;
  }
  if (send(c, e, sent, err) < 0 || hash_object(c, c->copy->to, e, arrived, err) < 0 ||
      check_hash(c->copy->to, e->key, arrived, sent, err) < 0)
    return -1;
  c->result.objects++;
  c->result.bytes += e->size;
  return 0;
}

/* ---- all of them ---- */

/* 0: anything; 1: makes something under the prefix count; 2: makes the whole count. */
static int rank(const struct place_copy *copy, const char *key)
{
  const char *name = key + strlen(copy->prefix) + 1, *base = strrchr(key, '/') + 1;
  if (strcmp(name, "manifest.json") == 0 || strcmp(name, "plan.json") == 0)
    return 2;
  return strcmp(base, "manifest.json") == 0;
}

static bool is_left_out(const struct place_copy *copy, const char *key)
{
  return copy->leave_out && strcmp(key + strlen(copy->prefix) + 1, copy->leave_out) == 0;
}

static int copy_all(struct copying *c, const struct place_entries *entries, struct err *err)
{
  for (int now = 0; now <= 2; now++)
    for (size_t i = 0; i < entries->len; i++) {
      const struct place_entry *e = &entries->at[i];
      if (rank(c->copy, e->key) == now && !is_left_out(c->copy, e->key) &&
          copy_object(c, e, err) < 0)
        return -1;
    }
  return 0;
}

int place_copy(const struct place_copy *copy, struct place_copied *ret, struct err *err)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  struct place_entries entries = {0};
  struct copying c = {.copy = copy, .arena = arena};
  if (place_is_same(copy->from, copy->to))
    return err_set(err, ERR_USAGE, "%s is the place that it is in", place_name(copy->to));
  if (place_list(copy->from, arena, arena_printf(arena, "%s/", copy->prefix), &entries, err) < 0)
    return -1;
  for (size_t i = 0; i < entries.len; i++)
    c.total += is_left_out(copy, entries.at[i].key) ? 0 : entries.at[i].size;
  CLEANUP(free_ptr) char *buf = x_malloc(PIECE_BYTES);
  CLEANUP(free_ptr) char *other = x_malloc(PIECE_BYTES);
  c.buf = buf;
  c.other = other;
  CLEANUP(sink_freep) struct sink *hold = NULL; /* as a backup does: nobody sweeps it away */
  int rc = place_hold(copy->to, arena_printf(arena, "%s/writing", copy->prefix), &hold, err);
  if (rc == 0)
    rc = copy_all(&c, &entries, err);
  *ret = c.result;
  return rc;
}
