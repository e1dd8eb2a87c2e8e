/* Objects in a bucket: s3_client.h sends, this file says what. */
#include "base/base.h"
#include "base/clock.h"
#include "base/fs.h"
#include "store/place_s3_private.h"
#include "store/place_s3_sink.h"

#include <stdlib.h>
#include <pwd.h>
#include <unistd.h>

int s3_ask(struct place_s3 *p, struct arena *arena, const struct s3_request *request,
           struct s3_answer *ret, struct err *err)
{
  int status = s3_send(p->client, arena, request, ret, err);
  if (status == 0 || !s3_answer_is_denied(ret))
    return status;
  bool reads = strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0;
  int denied = reads && request->key                    ? PLACE_DENIES_READ
               : reads                                  ? PLACE_DENIES_LIST
               : strcmp(request->method, "DELETE") == 0 ? PLACE_DENIES_DELETE
                                                        : 0;
  if (!denied)
    return status;
  if (!reads || !request->cleaning_up) /* who may not list uploads may list objects */
    atomic_fetch_or(&p->place.denied, denied);
  return err_recode(err, ERR_DENIED);
}

int64_t s3_now_us(const struct place_s3 *p)
{
  return clock_wall_us() + s3_client_clock_offset_s(p->client) * 1000000;
}

int s3_read_size(const char *text, uint64_t *ret)
{
  if (!text || !*text || strspn(text, "0123456789") != strlen(text) || strlen(text) > 18)
    return -1;
  *ret = strtoull(text, NULL, 10);
  return 0;
}

int s3_head(struct place_s3 *p, struct arena *arena, const char *key, struct s3_answer *ret,
            struct err *err)
{
  return s3_ask(p, arena, &(struct s3_request){.method = "HEAD", .doing = "looking at", .key = key},
                ret, err);
}

static int absent(struct place *place, const char *key, const struct s3_answer *answer,
                  struct err *err)
{
  if (answer->status != 404 || strcmp(answer->code, "NoSuchBucket") == 0)
    return -1;
  err_clear(err);
  return err_set(err, ERR_STORE, "%s: %s does not exist", place->name, key);
}

static int get(struct place *place, struct arena *arena, const char *key, char **ret_bytes,
               size_t *ret_len, struct err *err)
{
  struct place_s3 *p = (struct place_s3 *)place;
  CLEANUP(s3_answer_clear) struct s3_answer answer;
  struct s3_request request = {.method = "GET", .doing = "reading", .key = key};
  if (s3_ask(p, arena, &request, &answer, err) < 0)
    return absent(place, key, &answer, err);
  char *bytes = arena_alloc(arena, answer.body.len + 1);
  memcpy(bytes, answer.body.data, answer.body.len);
  *ret_bytes = bytes;
  *ret_len = answer.body.len;
  return 0;
}

static int get_range(struct place *place, const char *key, uint64_t offset, size_t size, void *buf,
                     struct err *err)
{
  struct place_s3 *p = (struct place_s3 *)place;
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  CLEANUP(s3_answer_clear) struct s3_answer answer = {.body = TEXT_INIT};
  struct s3_range range = {offset, size, buf};
  struct s3_request request = {.method = "GET", .doing = "reading", .key = key, .range = &range};
  if (offset > INT64_MAX - size)
    return err_set(err, ERR_DAMAGED, "%s: %s has no byte %" PRIu64, place->name, key, offset);
  if (size == 0)
    return 0;
  if (s3_ask(p, arena, &request, &answer, err) < 0)
    return absent(place, key, &answer, err);
  return 0;
}

/* true when it cannot be known, too: nothing is removed or overwritten on a guess. */
static bool exists(struct place *place, const char *key)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  CLEANUP(err_clear) struct err unknown = ERR_INIT;
  CLEANUP(s3_answer_clear) struct s3_answer answer;
  return s3_head((struct place_s3 *)place, arena, key, &answer, &unknown) == 0 ||
         answer.status != 404;
}

static int size_of(struct place *place, const char *key, uint64_t *ret_size, struct err *err)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  CLEANUP(s3_answer_clear) struct s3_answer answer;
  if (s3_head((struct place_s3 *)place, arena, key, &answer, err) < 0)
    return absent(place, key, &answer, err);
  if (s3_read_size(s3_answer_header(&answer, "content-length"), ret_size) < 0)
    return err_set(err, ERR_STORE, "%s: %s: the server does not say its size", place->name, key);
  return 0;
}

static int remove_object(struct place *place, const char *key, struct err *err)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  CLEANUP(s3_answer_clear) struct s3_answer answer;
  struct s3_request request = {
      .method = "DELETE", .doing = "deleting", .key = key, .cleaning_up = true};
  if (s3_ask((struct place_s3 *)place, arena, &request, &answer, err) == 0)
    return 0;
  if (answer.status != 404 || strcmp(answer.code, "NoSuchBucket") == 0)
    return -1;
  err_clear(err);
  return 0;
}

static int free_bytes(struct place *place, uint64_t *ret_bytes, struct err *err)
{
  UNUSED(place);
  UNUSED(err);
  *ret_bytes = UINT64_MAX; /* a bucket does not say */
  return 0;
}

/* ---- what is appended to ---- */

static char *local_dir(struct place *place, struct arena *arena, const char *prefix,
                       struct err *err)
{
  struct place_s3 *p = (struct place_s3 *)place;
  char *dir = prefix[0] ? fs_join(arena, p->state_dir, prefix) : arena_strdup(arena, p->state_dir);
  if (fs_mkdirs(dir, 0700, err) < 0) {
    err_recode(err, ERR_STORE);
    err_wrap(err, "%s: a local directory for the journal", place->name);
    err_hint(err, "Set XDG_STATE_HOME to a directory that this user may write to.");
    return NULL;
  }
  return dir;
}

static int publish(struct place *place, const char *key, bool last, struct err *err)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  CLEANUP(s3_answer_clear) struct s3_answer answer = {.body = TEXT_INIT};
  struct place_s3 *p = (struct place_s3 *)place;
  char *bytes;
  size_t len;
  const char *path = fs_join(arena, p->state_dir, key);
  if (fs_read(arena, path, &bytes, &len, err) < 0)
    return err_recode(err, ERR_STORE);
  struct s3_request request = {.method = "PUT",
                               .doing = "writing",
                               .key = key,
                               .body = bytes,
                               .len = len,
                               .cleaning_up = true};
  s3_add_storage(arena, &p->settings, &request.headers);
  if (s3_ask(p, arena, &request, &answer, err) < 0)
    return -1;
  if (last && unlink(path) == 0)
    (void)rmdir(fs_dirname(arena, path)); /* unless there is more in it */
  return 0;
}

static int get_appended(struct place *place, struct arena *arena, const char *key, char **ret_bytes,
                        size_t *ret_len, bool *ret_lags, struct err *err)
{
  struct place_s3 *p = (struct place_s3 *)place;
  const char *path = fs_join(arena, p->state_dir, key);
  *ret_lags = !fs_exists(path);
  if (*ret_lags)
    return get(place, arena, key, ret_bytes, ret_len, err);
  return fs_read(arena, path, ret_bytes, ret_len, err) < 0 ? err_recode(err, ERR_STORE) : 0;
}

/* ---- the place ---- */

static void close_place(struct place *place)
{
  struct place_s3 *p = (struct place_s3 *)place;
  for (int i = 0; i < p->buffer_count; i++)
    free(p->buffers[i]);
  s3_client_free(p->client);
  pthread_cond_destroy(&p->part_done);
  pthread_mutex_destroy(&p->mutex);
  free(p->state_dir);
  arena_free(p->arena);
}

const struct place_ops place_s3_ops = {
    .writer = s3_writer,
    .hold = s3_hold,
    .get = get,
    .get_range = get_range,
    .exists = exists,
    .size = size_of,
    .list = s3_list,
    .remove = remove_object,
    .remove_dir = s3_remove_dir,
    .sweep = s3_sweep,
    .advise = s3_advise,
    .free_bytes = free_bytes,
    .local_dir = local_dir,
    .publish = publish,
    .get_appended = get_appended,
    .is_far = true,
    .close = close_place,
};

/* A directory that all may write to is none for journals: others could make them up. */
static const char *own_home(struct arena *arena)
{
  const struct passwd *user = getpwuid(geteuid());
  return fs_join(arena, user && user->pw_dir ? user->pw_dir : "/nonexistent", ".local/state");
}

static const char *server_of(const struct s3_settings *s)
{
  return s->endpoint ? s->endpoint : "amazonaws.com";
}

/* $XDG_STATE_HOME/belay/<bucket>-<endpoint's hash>/<root> */
static char *state_dir(struct arena *arena, const struct s3_settings *s)
{
  const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
  char hash[STORE_SHA256_HEX];
  store_sha256(server_of(s), strlen(server_of(s)), hash);
  const char *base = state && *state == '/' ? arena_strdup(arena, state)
                     : home && *home == '/' ? fs_join(arena, home, ".local/state")
                                            : own_home(arena);
  return x_printf("%s/belay/%s-%.8s%s%s", base, s->bucket, hash, s->root[0] ? "/" : "", s->root);
}

int place_s3_open(const char *where, struct place **ret_place, struct err *err)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  struct s3_settings settings;
  if (s3_settings_read(arena, where, &settings, err) < 0)
    return -1;
  struct place_s3 *p = x_calloc(1, sizeof(*p));
  p->settings = settings;
  p->state_dir = state_dir(arena, &settings);
  p->hold_ms = S3_HOLD_MS;
  p->arena = TAKE(arena);
  p->place.ops = &place_s3_ops;
  p->place.root = x_strdup(settings.root);
  p->place.name = x_strdup(settings.name);
  p->place.server = x_strdup(server_of(&settings));
  p->client = s3_client_new(&p->settings);
  pthread_mutex_init(&p->mutex, NULL);
  pthread_cond_init(&p->part_done, NULL);
  *ret_place = &p->place;
  return 0;
}
