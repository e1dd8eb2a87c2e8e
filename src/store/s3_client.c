#include "store/s3_client_private.h"

#include "base/clock.h"
#include "base/interrupt.h"
#include "store/stream.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/random.h>

enum {
  CONNECT_MS = 10000,
  STALL_MS = 30000,
  ANSWER_MAX = 256 * 1024 * 1024,
  XML_MAX = 16 * 1024 * 1024,
  PROGRESS_MIN = 64 * 1024,
  BACKOFF_MS = 100,
  THROTTLED_MS = 1000,
  BACKOFF_MAX_MS = 20000,
  NAP_MS = 50,
  AFTER_SIGNAL_MS = 10000,
  SKEW_MIN_S = 60,
};

struct s3_client {
  const struct s3_settings *settings;
  struct s3_credentials *credentials;
  atomic_int_fast64_t clock_offset_s;
  pthread_mutex_t mutex; /* guards what follows */
  struct arena *arena;
  const char *region; /* as learned */
  VEC(struct s3_http *) idle;
};

struct tries { /* of one request */
  struct s3_client *client;
  const struct s3_request *request;
  struct arena *arena;
  int64_t begin_ms, deadline_ms;
  int count;         /* that failed */
  int signals;       /* that had come when it began */
  int64_t signal_ms; /* when the first was noticed; 0: none */
  bool skew_corrected, region_learned, keys_renewed;
  struct s3_keys keys;
  const char *region;
  char sha256[STORE_SHA256_HEX];
  size_t got;       /* of a range */
  const char *etag; /* of what was got of it */
};

struct s3_client *s3_client_new(const struct s3_settings *settings)
{
  struct s3_client *c = x_calloc(1, sizeof(*c));
  c->settings = settings;
  c->arena = arena_new();
  c->region = settings->region;
  c->credentials = s3_credentials_new(settings->profile, settings->region, settings->ca_file);
  pthread_mutex_init(&c->mutex, NULL);
  return c;
}

void s3_client_free(struct s3_client *c)
{
  if (!c)
    return;
  for (size_t i = 0; i < c->idle.len; i++)
    s3_http_free(c->idle.at[i]);
  s3_credentials_free(c->credentials);
  pthread_mutex_destroy(&c->mutex);
  arena_free(c->arena);
  free(c);
}

int64_t s3_client_clock_offset_s(const struct s3_client *client)
{
  return atomic_load(&client->clock_offset_s);
}

const char *s3_answer_header(const struct s3_answer *answer, const char *name)
{
  for (size_t i = 0; i < answer->headers.len; i++)
    if (strcmp(answer->headers.at[i].name, name) == 0)
      return answer->headers.at[i].value;
  return NULL;
}

void s3_answer_clear(struct s3_answer *answer)
{
  text_clear(&answer->body);
}

bool s3_answer_is_denied(const struct s3_answer *answer)
{
  return answer->status == 403 && strcmp(answer->code, "AccessDenied") == 0;
}

/* ---- handles ---- */

static struct s3_http *take_handle(struct s3_client *c)
{
  pthread_mutex_lock(&c->mutex);
  struct s3_http *http = c->idle.len ? c->idle.at[--c->idle.len] : NULL;
  pthread_mutex_unlock(&c->mutex);
  return http ? http : s3_http_new();
}

static void give_handle(struct s3_client *c, struct s3_http *http)
{
  pthread_mutex_lock(&c->mutex);
  vec_push(c->arena, &c->idle, http);
  pthread_mutex_unlock(&c->mutex);
}

static const char *current_region(struct s3_client *c, struct arena *arena)
{
  pthread_mutex_lock(&c->mutex);
  const char *region = arena_strdup(arena, c->region);
  pthread_mutex_unlock(&c->mutex);
  return region;
}

static void learn_region(struct s3_client *c, const char *region)
{
  pthread_mutex_lock(&c->mutex);
  if (strcmp(c->region, region) != 0)
    c->region = arena_strdup(c->arena, region);
  pthread_mutex_unlock(&c->mutex);
}

/* ---- stopping ---- */

/* A signal leaves a request a little time, a second one none; both unless it cleans up. */
static bool must_stop(const void *context)
{
  struct tries *t = (struct tries *)(uintptr_t)context;
  const struct s3_request *r = t->request;
  int64_t now_ms = clock_monotonic_ms();
  if (r->cancelled && atomic_load(r->cancelled))
    return true;
  if (!interrupt_pending())
    return false;
  if (!t->signal_ms)
    t->signal_ms = now_ms;
  if (!r->cleaning_up && interrupt_count() > (t->signals > 1 ? t->signals : 1))
    return true;
  return now_ms - t->signal_ms > AFTER_SIGNAL_MS;
}

static int64_t random_below(int64_t max)
{
  uint64_t r = 0;
  if (getrandom(&r, sizeof(r), 0) != sizeof(r))
    r = (uint64_t)clock_wall_us();
  return max > 0 ? (int64_t)(r % (uint64_t)max) : 0;
}

/* Full jitter: anything from nothing to the doubled time. false: no time is left. */
static bool wait_to_try_again(struct tries *t, enum s3_verdict verdict, int64_t at_least_ms)
{
  int64_t base = verdict == S3_THROTTLED ? THROTTLED_MS : BACKOFF_MS;
  int64_t most = base << (t->count < 10 ? t->count : 10);
  int64_t wait = random_below(most < BACKOFF_MAX_MS ? most : BACKOFF_MAX_MS);
  if (wait < at_least_ms)
    wait = at_least_ms;
  int64_t until = clock_monotonic_ms() + wait;
  if (t->count >= S3_TRIES_MAX || until > t->deadline_ms)
    return false;
  while (clock_monotonic_ms() < until) {
    if (must_stop(t))
      return false;
    clock_sleep_ms(NAP_MS);
  }
  return !must_stop(t);
}

/* ---- one try ---- */

static void put_host(struct tries *t, struct text *out)
{
  const struct s3_settings *s = t->client->settings;
  const char *host = s->endpoint ? strstr(s->endpoint, "://") + 3
                                 : arena_printf(t->arena, "s3.%s.amazonaws.com", t->region);
  size_t len = strlen(host);
  bool tls = !s->endpoint || strncmp(s->endpoint, "https:", 6) == 0;
  const char *standard = tls ? ":443" : ":80";
  size_t tail = strlen(standard);
  if (len > tail && strcmp(host + len - tail, standard) == 0)
    len -= tail;
  text_printf(out, "%s%s%.*s", s->virtual_host ? s->bucket : "", s->virtual_host ? "." : "",
              (int)len, host);
}

static void put_path(struct tries *t, struct text *out)
{
  const struct s3_settings *s = t->client->settings;
  text_putc(out, '/');
  if (!s->virtual_host) {
    s3_encode(out, s->bucket, false);
    if (t->request->key)
      text_putc(out, '/');
  }
  if (!t->request->key)
    return;
  if (s->root[0]) {
    s3_encode(out, s->root, true);
    text_putc(out, '/');
  }
  s3_encode(out, t->request->key, true);
}

static void add(struct tries *t, struct s3_pairs *pairs, const char *name, const char *value)
{
  vec_push(t->arena, pairs, ((struct s3_pair){name, value}));
}

static struct s3_pairs build_headers(struct tries *t, const char *host, const char *date)
{
  const struct s3_request *r = t->request;
  const struct s3_settings *s = t->client->settings;
  struct s3_pairs headers = {0};
  bool is_unsigned = s->unsigned_payload && r->body && r->len;
  for (size_t i = 0; i < r->headers.len; i++)
    vec_push(t->arena, &headers, r->headers.at[i]);
  if (r->range) {
    add(t, &headers, "range",
        arena_printf(t->arena, "bytes=%" PRIu64 "-%" PRIu64, r->range->offset + t->got,
                     r->range->offset + r->range->size - 1));
    if (t->etag)
      add(t, &headers, "if-match", t->etag);
  }
  if (t->keys.token)
    add(t, &headers, "x-amz-security-token", t->keys.token);
  add(t, &headers, "host", host);
  add(t, &headers, "x-amz-date", date);
  add(t, &headers, "x-amz-content-sha256", is_unsigned ? S3_UNSIGNED_PAYLOAD : t->sha256);
  return headers;
}

static void try_once(struct tries *t, struct s3_http_answer *ret)
{
  const struct s3_request *r = t->request;
  const struct s3_settings *s = t->client->settings;
  CLEANUP(text_clear) struct text host = TEXT_INIT;
  CLEANUP(text_clear) struct text path = TEXT_INIT;
  char date[S3_DATE_SIZE];
  t->region = current_region(t->client, t->arena);
  s3_date(clock_wall_us() / 1000000 + atomic_load(&t->client->clock_offset_s), date);
  put_host(t, &host);
  put_path(t, &path);
  const char *query = s3_canonical_query(t->arena, &r->query);
  struct s3_pairs headers = build_headers(t, host.data, date);
  struct s3_to_sign what = {
      .method = r->method,
      .path = path.data,
      .query = query,
      .headers = &headers,
      .payload_sha256 = s->unsigned_payload && r->body && r->len ? S3_UNSIGNED_PAYLOAD : t->sha256,
      .region = t->region,
      .service = "s3",
      .date = date};
  add(t, &headers, "authorization", s3_sign(t->arena, &what, &t->keys));
  bool tls = !s->endpoint || strncmp(s->endpoint, "https:", 6) == 0;
  int64_t stall_ms = s->timeout_ms < STALL_MS ? s->timeout_ms : STALL_MS;
  struct s3_http_request request = {
      .method = r->method,
      .url = arena_printf(t->arena, "%s://%s%s%s%s", tls ? "https" : "http", host.data, path.data,
                          query[0] ? "?" : "", query),
      .headers = &headers,
      .body = r->body,
      .body_len = r->len,
      .into = r->range ? (char *)r->range->buf + t->got : NULL,
      .into_size = r->range ? r->range->size - t->got : 0,
      .body_max = r->xml ? XML_MAX : ANSWER_MAX,
      .fresh = r->once,
      .ca_file = s->ca_file,
      .connect_ms = s->timeout_ms < CONNECT_MS ? s->timeout_ms : CONNECT_MS,
      .stall_ms = stall_ms,
      .stop = must_stop,
      .stop_context = t};
  struct s3_http *http = take_handle(t->client);
  s3_http_exchange(http, t->arena, &request, ret);
  give_handle(t->client, http);
}

/* ---- what came ---- */

static int fail(struct tries *t, enum err_code code, struct err *err, const char *why)
{
  const struct s3_request *r = t->request;
  err_set(err, code, "%s: %s%s%s: %s", t->client->settings->name, r->doing, r->key ? " " : "",
          r->key ? r->key : "", why);
  return -1;
}

static const char *how_often(struct tries *t)
{
  if (t->count < 2)
    return "";
  return arena_printf(t->arena, " (tried %d times in %s)", t->count,
                      clock_duration(t->arena, clock_monotonic_ms() - t->begin_ms));
}

static int fail_by_fault(struct tries *t, const struct s3_http_answer *answer,
                         const struct s3_fault *fault, struct err *err)
{
  fail(t, ERR_STORE, err,
       arena_printf(t->arena, "the server answered %d%s%s%s%s%s", answer->status,
                    fault->code[0] ? " " : "", fault->code, fault->message ? ": " : "",
                    fault->message ? fault->message : "", how_often(t)));
  if (fault->request_id)
    err_detail(err, "request id %s", fault->request_id);
  const char *hint = s3_hint(fault, answer->status);
  if (hint)
    err_hint(err, "%s", hint);
  return -1;
}

static int fail_by_transport(struct tries *t, const struct s3_http_answer *answer, struct err *err)
{
  if (answer->failure == S3_HTTP_STOPPED && interrupt_check(err) < 0)
    return -1;
  const char *why = answer->failure == S3_HTTP_STOPPED ? "it was given up" : answer->why;
  fail(t, ERR_STORE, err, arena_printf(t->arena, "%s%s", why, how_often(t)));
  if (answer->failure == S3_HTTP_UNTRUSTED)
    return err_hint(err, "Name the file of the authority that signed the server's certificate "
                         "with ca_file= or AWS_CA_BUNDLE.");
  return err_hint(err, "Look at endpoint=, the network and the proxy (HTTPS_PROXY, NO_PROXY).");
}

static bool begins_as_asked(struct tries *t, const struct s3_http_answer *answer)
{
  const char *told = s3_http_header(answer, "content-range");
  CLEANUP(free_ptr)
  char *wanted = x_printf("bytes %" PRIu64 "-", t->request->range->offset + t->got);
  return answer->status == 206 && told && strncmp(told, wanted, strlen(wanted)) == 0;
}

/* What a broken-off range has brought stays, if it was of the object's same state and there is more
 * to ask for. */
static void keep_progress(struct tries *t, const struct s3_http_answer *answer)
{
  const char *etag = s3_http_header(answer, "etag");
  t->deadline_ms += answer->moved_ms;
  if (!t->request->range || !etag || !begins_as_asked(t, answer) ||
      t->got + answer->into_len >= t->request->range->size)
    return;
  t->got += answer->into_len;
  t->etag = arena_strdup(t->arena, etag);
  if (answer->into_len < PROGRESS_MIN)
    return;
  t->count = 1;
  t->deadline_ms = clock_monotonic_ms() + t->client->settings->timeout_ms;
}

/* Is what a 2xx brought the range that was asked for? 1: yes, 0: not all of it yet. */
static int check_range(struct tries *t, const struct s3_http_answer *answer, struct err *err)
{
  const struct s3_range *range = t->request->range;
  const char *told = s3_http_header(answer, "content-range");
  bool whole = answer->status == 200 && range->offset + t->got == 0;
  if (!whole && !begins_as_asked(t, answer)) {
    fail(t, ERR_STORE, err, "the server sent another range than was asked for");
    return err_hint(err, "Is there a cache or proxy between here and the server?");
  }
  size_t before = t->got;
  t->got += answer->into_len;
  if (t->got == range->size)
    return 1;
  const char *slash = told ? strchr(told, '/') : NULL;
  uint64_t total = slash ? strtoull(slash + 1, NULL, 10) : 0;
  if (whole || (slash && total < range->offset + range->size) || t->got == before)
    return fail(t, ERR_DAMAGED, err,
                arena_printf(t->arena,
                             "it ends after %zu of the %zu bytes wanted at offset %" PRIu64, t->got,
                             range->size, range->offset));
  const char *etag = s3_http_header(answer, "etag");
  t->etag = etag ? arena_strdup(t->arena, etag) : t->etag;
  return 0;
}

static bool correct_clock(struct tries *t, const struct s3_http_answer *answer)
{
  const char *date = s3_http_header(answer, "date");
  int64_t server_s = date ? s3_http_date(date) : -1;
  int64_t offset = server_s - clock_wall_us() / 1000000;
  int64_t now = atomic_load(&t->client->clock_offset_s);
  if (server_s < 0 || t->skew_corrected || llabs(offset - now) < SKEW_MIN_S)
    return false;
  t->skew_corrected = true;
  atomic_store(&t->client->clock_offset_s, offset);
  return true;
}

static bool correct_region(struct tries *t, const struct s3_fault *fault)
{
  if (t->region_learned || !fault->region || strcmp(fault->region, t->region) == 0)
    return false;
  t->region_learned = true;
  learn_region(t->client, fault->region);
  return true;
}

static bool renew_keys(struct tries *t)
{
  if (t->keys_renewed || !s3_credentials_expire(t->client->credentials, &t->keys))
    return false;
  t->keys_renewed = true;
  return true;
}

/* A HEAD's 400 or 403 does not say why: each of the three may be it. */
static bool correct(struct tries *t, enum s3_verdict verdict, const struct s3_http_answer *answer,
                    const struct s3_fault *fault)
{
  bool blind =
      strcmp(t->request->method, "HEAD") == 0 && (answer->status == 403 || answer->status == 400);
  if ((verdict == S3_ELSEWHERE || blind) && correct_region(t, fault))
    return true;
  if ((verdict == S3_SKEWED || blind) && correct_clock(t, answer))
    return true;
  return (verdict == S3_EXPIRED || blind) && renew_keys(t);
}

static bool is_success(const struct s3_request *r, const struct s3_http_answer *answer)
{
  return answer->status >= 200 && answer->status < 300 &&
         !(r->xml && s3_body_is_error(&answer->body));
}

/* ---- all tries ---- */

static void fill(struct s3_answer *ret, struct s3_http_answer *answer, const struct s3_fault *f)
{
  text_clear(&ret->body);
  ret->status = answer->status;
  ret->headers = answer->headers;
  ret->body = answer->body;
  answer->body = TEXT_INIT;
  memcpy(ret->code, f->code, sizeof(ret->code));
}

/* 1: once more, 0: done, -1: failed. */
static int try_again(struct tries *t, struct s3_answer *ret, struct err *err)
{
  CLEANUP(s3_http_clear) struct s3_http_answer answer = {.body = TEXT_INIT};
  struct s3_fault fault = {0};
  if (s3_credentials_get(t->client->credentials, t->arena, &t->keys, err) < 0)
    return err_wrap(err, "%s", t->client->settings->name);
  try_once(t, &answer);
  if (answer.failure) {
    t->count++;
    keep_progress(t, &answer);
    ret->unsure = ret->unsure || answer.connected;
    if (answer.failure == S3_HTTP_TRANSPORT && wait_to_try_again(t, S3_AGAIN, 0))
      return 1;
    if (interrupt_pending() && must_stop(t))
      answer.failure = S3_HTTP_STOPPED;
    return fail_by_transport(t, &answer, err);
  }
  if (is_success(t->request, &answer)) {
    int whole = t->request->range ? check_range(t, &answer, err) : 1;
    fill(ret, &answer, &fault);
    return whole < 0 ? -1 : !whole;
  }
  s3_read_fault(t->arena, &answer, &fault);
  enum s3_verdict verdict = s3_judge(&answer, &fault);
  if (correct(t, verdict, &answer, &fault))
    return 1;
  t->count++;
  t->deadline_ms += answer.moved_ms;
  bool later = verdict == S3_AGAIN || verdict == S3_THROTTLED;
  ret->unsure = ret->unsure || answer.status >= 500 || answer.status < 300;
  if (later && wait_to_try_again(t, verdict, s3_retry_after_ms(&answer)))
    return 1;
  fill(ret, &answer, &fault);
  if (answer.status == 416 && t->request->range)
    return fail(t, ERR_DAMAGED, err, "it is shorter than it should be");
  return fail_by_fault(t, &answer, &fault, err);
}

int s3_send(struct s3_client *client, struct arena *arena, const struct s3_request *request,
            struct s3_answer *ret, struct err *err)
{
  *ret = (struct s3_answer){.body = TEXT_INIT};
  struct tries t = {.client = client,
                    .request = request,
                    .arena = arena,
                    .begin_ms = clock_monotonic_ms(),
                    .signals = interrupt_count()};
  t.deadline_ms = t.begin_ms + client->settings->timeout_ms;
  if (request->sha256)
    memcpy(t.sha256, request->sha256, sizeof(t.sha256));
  else
    store_sha256(request->body ? request->body : "", request->body ? request->len : 0, t.sha256);
  int status;
  do
    status = try_again(&t, ret, err);
  while (status > 0);
  return status;
}
