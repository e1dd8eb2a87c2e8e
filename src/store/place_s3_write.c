/* Writing an object: one PUT when it fits a part, else an upload (place_s3_upload.c). A part is
 * hashed while it fills. */
#include "base/base.h"
#include "base/clock.h"
#include "base/log.h"
#include "store/place_s3_sink.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <sys/random.h>

enum { CACHED_BYTES = 64 * 1024 }; /* what is hashed is still near when it is copied */

/* ---- headers ---- */

static void add(struct arena *arena, struct s3_pairs *pairs, const char *name, const char *value)
{
  vec_push(arena, pairs, ((struct s3_pair){name, value}));
}

/* Journals and marks are written anew and removed: only what is written once is locked, and the
 * probe is not. */
bool s3_sink_is_locked(const struct s3_sink *s)
{
  return s->place->settings.lock && s->exclusive && !place_is_probe(s->key);
}

void s3_add_storage(struct arena *arena, const struct s3_settings *set, struct s3_pairs *headers)
{
  if (set->storage_class)
    add(arena, headers, "x-amz-storage-class", set->storage_class);
  if (set->sse)
    add(arena, headers, "x-amz-server-side-encryption", set->sse);
  if (set->kms_key)
    add(arena, headers, "x-amz-server-side-encryption-aws-kms-key-id", set->kms_key);
}

/* Servers want it with a lock, and some ignore every newer checksum. */
void s3_sink_add_md5(struct s3_sink *s, struct arena *arena, struct s3_pairs *headers,
                     const void *bytes, size_t len)
{
  unsigned char sum[EVP_MAX_MD_SIZE], text[32];
  unsigned sum_len = 0;
  if (!s3_sink_is_locked(s) || EVP_Digest(bytes, len, sum, &sum_len, EVP_md5(), NULL) != 1)
    return;
  EVP_EncodeBlock(text, sum, (int)sum_len);
  add(arena, headers, "content-md5", arena_strdup(arena, (char *)text));
}

/* What the object shall be: sent when it is begun. */
struct s3_pairs s3_sink_properties(struct s3_sink *s)
{
  const struct s3_settings *set = &s->place->settings;
  struct s3_pairs h = {0};
  add(s->arena, &h, "x-amz-meta-belay-write", s->nonce);
  s3_add_storage(s->arena, set, &h);
  if (s3_sink_is_locked(s)) {
    int64_t until_us = s3_now_us(s->place) + set->lock_days * INT64_C(86400000000);
    add(s->arena, &h, "x-amz-object-lock-mode", s3_lock_name(set->lock));
    add(s->arena, &h, "x-amz-object-lock-retain-until-date", clock_iso8601(s->arena, until_us));
  }
  return h;
}

/* ---- is it there, and is it what it should be ---- */

int s3_sink_fail(struct s3_sink *s, struct err *err, const char *why)
{
  return err_set(err, ERR_STORE, "%s: %s %s", s->place->place.name, s->key, why);
}

int s3_sink_exists_already(struct s3_sink *s, struct err *err)
{
  err_clear(err);
  return s3_sink_fail(s, err, "exists already and is not overwritten");
}

static bool is_ours(struct s3_sink *s, const struct s3_answer *head)
{
  uint64_t size;
  const char *nonce = s3_answer_header(head, "x-amz-meta-belay-write");
  return head->status == 200 && nonce && strcmp(nonce, s->nonce) == 0 &&
         s3_read_size(s3_answer_header(head, "content-length"), &size) == 0 && size == s->size;
}

/* After an answer was lost: is the object there all the same? */
bool s3_sink_came_through(struct s3_sink *s)
{
  CLEANUP(err_clear) struct err unknown = ERR_INIT;
  CLEANUP(s3_answer_clear) struct s3_answer head;
  return s3_head(s->place, s->arena, s->key, &head, &unknown) == 0 && is_ours(s, &head);
}

static const char *what_was_ignored(struct s3_sink *s, const struct s3_answer *head)
{
  const struct s3_settings *set = &s->place->settings;
  const char *class = s3_answer_header(head, "x-amz-storage-class");
  const char *sse = s3_answer_header(head, "x-amz-server-side-encryption");
  const char *mode = s3_answer_header(head, "x-amz-object-lock-mode");
  const char *until = s3_answer_header(head, "x-amz-object-lock-retain-until-date");
  int64_t until_us = 0;
  if (set->storage_class && strcmp(class ? class : "STANDARD", set->storage_class) != 0)
    return "storage_class";
  if (set->sse && (!sse || strcmp(sse, set->sse) != 0))
    return "sse";
  if (!s3_sink_is_locked(s))
    return NULL;
  if (!mode || strcmp(mode, s3_lock_name(set->lock)) != 0)
    return "lock";
  int64_t least_us = s3_now_us(s->place) + (set->lock_days * INT64_C(86400) - 3600) * 1000000;
  return !until || clock_parse(until, &until_us) < 0 || until_us < least_us ? "lock_days" : NULL;
}

static void remove_written(struct s3_sink *s)
{
  CLEANUP(err_clear) struct err ignored = ERR_INIT;
  (void)s->place->place.ops->remove(&s->place->place, s->key, &ignored);
}

/* Some servers (Ceph 16) take the headers of a lock with an upload and do nothing, but lock what is
 * there when they are asked. */
static void lock_afterwards(struct s3_sink *s)
{
  const struct s3_settings *set = &s->place->settings;
  CLEANUP(err_clear) struct err ignored = ERR_INIT;
  CLEANUP(s3_answer_clear) struct s3_answer answer = {.body = TEXT_INIT};
  int64_t until_us = s3_now_us(s->place) + set->lock_days * INT64_C(86400000000);
  const char *body =
      arena_printf(s->arena,
                   "<Retention xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Mode>%s</Mode>"
                   "<RetainUntilDate>%s</RetainUntilDate></Retention>",
                   s3_lock_name(set->lock), clock_iso8601(s->arena, until_us));
  struct s3_request request = {
      .method = "PUT", .doing = "locking", .key = s->key, .body = body, .len = strlen(body)};
  add(s->arena, &request.query, "retention", "");
  s3_sink_add_md5(s, s->arena, &request.headers, body, strlen(body));
  (void)s3_ask(s->place, s->arena, &request, &answer, &ignored); /* the next look tells */
}

/* What is wrong with what was written: "" for nothing, a setting, or NULL: it is not ours. */
static int look_at_written(struct s3_sink *s, const char **ret_wrong, struct err *err)
{
  CLEANUP(s3_answer_clear) struct s3_answer head;
  *ret_wrong = "";
  if (s3_head(s->place, s->arena, s->key, &head, err) < 0) {
    if (!s3_answer_is_denied(&head) || s3_sink_is_locked(s))
      return err_wrap(err, "written, but it cannot be checked");
    err_clear(err); /* noted in place->denied: said by who cares */
    return 0;
  }
  const char *ignored = what_was_ignored(s, &head);
  *ret_wrong = !is_ours(s, &head) ? NULL : ignored ? ignored : "";
  return 0;
}

/* The server took the headers; did it do what they say? */
int s3_sink_check(struct s3_sink *s, struct err *err)
{
  const char *wrong, *again;
  if (look_at_written(s, &wrong, err) < 0)
    return -1;
  if (wrong && strncmp(wrong, "lock", 4) == 0) {
    lock_afterwards(s);
    if (look_at_written(s, &again, err) < 0)
      return -1;
    wrong = again && !*again ? again : wrong;
  }
  if (wrong && !*wrong)
    return 0;
  if (!wrong) /* perhaps another's: left alone */
    return s3_sink_fail(s, err, "is not what was written: the server has another object or size");
  remove_written(s);
  err_set(err, ERR_STORE, "%s: the server took %s and ignored it", s->place->place.name, wrong);
  return err_hint(err,
                  "Use a bucket and server that do it (object lock must be on when a bucket "
                  "is made), or leave %s away.",
                  wrong);
}

/* 0: nothing has the key, as far as can be seen. */
int s3_sink_check_absent(struct s3_sink *s, struct err *err)
{
  CLEANUP(err_clear) struct err why = ERR_INIT;
  CLEANUP(s3_answer_clear) struct s3_answer head;
  if (s3_head(s->place, s->arena, s->key, &head, &why) == 0)
    return s3_sink_exists_already(s, err);
  if (head.status == 404 || s3_answer_is_denied(&head))
    return 0;
  err_move(err, &why);
  return -1;
}

static bool wants_check(const struct s3_sink *s)
{
  const struct s3_settings *set = &s->place->settings;
  return s->upload || set->storage_class || set->sse || s3_sink_is_locked(s);
}

/* ---- one PUT ---- */

static int put(struct s3_sink *s, bool conditional, const char *sha256, struct s3_answer *answer,
               struct err *err)
{
  struct s3_request request = {.method = "PUT",
                               .doing = "writing",
                               .key = s->key,
                               .headers = s3_sink_properties(s),
                               .body = s->buffer ? s->buffer : "",
                               .len = s->len,
                               .sha256 = sha256,
                               .cancelled = &s->cancelled};
  if (conditional)
    add(s->arena, &request.headers, "if-none-match", "*");
  s3_sink_add_md5(s, s->arena, &request.headers, request.body, s->len);
  return s3_ask(s->place, s->arena, &request, answer, err);
}

static void say_unconditional(struct s3_sink *s)
{
  if (!atomic_exchange(&s->place->unconditional, true))
    log_warning("%s: the server knows no conditional PUT; belay looks first instead, which does "
                "not help against another writer at the same moment",
                s->place->place.name);
}

static int put_whole(struct s3_sink *s, struct err *err)
{
  char sha256[STORE_SHA256_HEX];
  CLEANUP(err_clear) struct err why = ERR_INIT;
  CLEANUP(s3_answer_clear) struct s3_answer answer = {.body = TEXT_INIT};
  store_hash_end(TAKE(s->hash), sha256);
  s->size = s->len;
  bool conditional = s->exclusive && !atomic_load(&s->place->unconditional);
  if (s->exclusive && !conditional && s3_sink_check_absent(s, err) < 0)
    return -1;
  int status = put(s, conditional, sha256, &answer, &why);
  if (status < 0 && conditional && answer.status == 501) {
    say_unconditional(s);
    err_clear(&why);
    s3_answer_clear(&answer);
    if (s3_sink_check_absent(s, err) < 0)
      return -1;
    status = put(s, false, sha256, &answer, &why);
  }
  /* libcurl sends again by itself when a kept connection ends: then our own object is in the way */
  if (status < 0 && (answer.unsure || answer.status == 412) && s3_sink_came_through(s))
    status = 0;
  if (status == 0)
    return wants_check(s) ? s3_sink_check(s, err) : 0;
  if (answer.status == 412)
    return s3_sink_exists_already(s, err);
  err_move(err, &why);
  return -1;
}

/* ---- the sink ---- */

static int sink_write_s3(struct sink *sink, const void *bytes, size_t len, struct err *err)
{
  struct s3_sink *s = (struct s3_sink *)sink;
  const char *p = bytes;
  size_t part_bytes = s->place->settings.part_bytes;
  while (len) {
    if (s->len == part_bytes && s3_upload_part(s, err) < 0)
      return -1;
    if (!s->buffer)
      s->buffer = s3_take_buffer(s->place);
    if (!s->hash)
      s->hash = store_hash_new();
    size_t n = part_bytes - s->len < len ? part_bytes - s->len : len;
    n = n < CACHED_BYTES ? n : CACHED_BYTES;
    store_hash_add(s->hash, p, n);
    memcpy(s->buffer + s->len, p, n);
    s->len += n;
    p += n;
    len -= n;
  }
  return 0;
}

static int sink_finish_s3(struct sink *sink, struct err *err)
{
  struct s3_sink *s = (struct s3_sink *)sink;
  int status;
  if (!s->upload) {
    if (!s->hash)
      s->hash = store_hash_new();
    status = put_whole(s, err);
  } else {
    status = s->len ? s3_upload_part(s, err) : 0;
    s3_upload_wait(s);
    if (status == 0 && s3_upload_check_failure(s, err) == 0)
      status = s3_upload_complete(s, err);
    else
      status = -1;
  }
  if (status < 0)
    return -1;
  s->upload = NULL;
  s->upload_unsure = false;
  return 0;
}

static void sink_free_s3(struct sink *sink)
{
  struct s3_sink *s = (struct s3_sink *)sink;
  char unused[STORE_SHA256_HEX];
  atomic_store(&s->cancelled, true);
  s3_upload_wait(s);
  if (s->upload || s->upload_unsure)
    s3_upload_abort(s, true);
  if (s->buffer)
    s3_give_buffer(s->place, s->buffer);
  if (s->hash)
    store_hash_end(s->hash, unused);
  err_clear(&s->failure);
  arena_free(s->etag_arena);
  arena_free(s->arena);
  free(s);
}

static void make_nonce(char ret[S3_NONCE_SIZE])
{
  unsigned char bytes[(S3_NONCE_SIZE - 1) / 2];
  if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
    memset(bytes, 0, sizeof(bytes));
  for (size_t i = 0; i < sizeof(bytes); i++)
    snprintf(ret + 2 * i, 3, "%02x", bytes[i]);
}

int s3_writer(struct place *place, const char *key, bool exclusive, struct sink **ret_sink,
              struct err *err)
{
  UNUSED(err);
  struct s3_sink *s = x_calloc(1, sizeof(*s));
  s->sink = (struct sink){sink_write_s3, sink_finish_s3, sink_free_s3};
  s->place = (struct place_s3 *)place;
  s->arena = arena_new();
  s->etag_arena = arena_new();
  s->key = arena_strdup(s->arena, key);
  s->exclusive = exclusive;
  s->etags = arena_alloc(s->arena, S3_PARTS_MAX * sizeof(*s->etags));
  s->failure = ERR_INIT;
  make_nonce(s->nonce);
  *ret_sink = &s->sink;
  return 0;
}
