#include "store/s3_http.h"

#include "base/clock.h"

#include <ctype.h>
#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>

enum { HEADERS_MAX = 200, SEND_BUFFER = 512 * 1024, RECEIVE_BUFFER = 256 * 1024, SLOW_BYTES = 512 };

struct s3_http {
  CURL *curl;
  char error[CURL_ERROR_SIZE];
};

struct exchange {
  struct arena *arena;
  const struct s3_http_request *request;
  struct s3_http_answer *answer;
  bool too_much, enough, stopped;
  int64_t begin_ms;
  curl_off_t moved; /* bytes, both ways */
};

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void begin_curl(void)
{
  curl_global_init(CURL_GLOBAL_DEFAULT);
}

struct s3_http *s3_http_new(void)
{
  pthread_once(&once, begin_curl);
  struct s3_http *http = x_calloc(1, sizeof(*http));
  http->curl = curl_easy_init();
  if (!http->curl)
    die_oom();
  return http;
}

void s3_http_free(struct s3_http *http)
{
  if (!http)
    return;
  curl_easy_cleanup(http->curl);
  free(http);
}

void s3_http_freep(struct s3_http **http)
{
  s3_http_free(*http);
  *http = NULL;
}

void s3_http_clear(struct s3_http_answer *answer)
{
  text_clear(&answer->body);
}

const char *s3_http_header(const struct s3_http_answer *answer, const char *name)
{
  for (size_t i = 0; i < answer->headers.len; i++)
    if (strcmp(answer->headers.at[i].name, name) == 0)
      return answer->headers.at[i].value;
  return NULL;
}

int64_t s3_http_date(const char *text)
{
  return (int64_t)curl_getdate(text, NULL);
}

/* ---- what libcurl calls ---- */

/* A status line begins the headers anew: there may be an interim answer (100) before the real. */
static void begin_answer(struct exchange *x, const char *line, size_t len)
{
  CLEANUP(free_ptr) char *s = x_strndup(line, len);
  const char *blank = strchr(s, ' ');
  x->answer->status = blank ? (int)strtol(blank + 1, NULL, 10) : 0;
  x->answer->headers.len = 0;
}

static size_t on_header(char *line, size_t size, size_t count, void *context)
{
  struct exchange *x = context;
  size_t len = size * count;
  if (len > 5 && strncmp(line, "HTTP/", 5) == 0) {
    begin_answer(x, line, len);
    return len;
  }
  const char *colon = memchr(line, ':', len);
  if (!colon || x->answer->headers.len == HEADERS_MAX)
    return len;
  char *name = arena_strndup(x->arena, line, (size_t)(colon - line));
  for (char *p = name; *p; p++)
    *p = (char)tolower((unsigned char)*p);
  const char *value = colon + 1, *end = line + len;
  while (value < end && (*value == ' ' || *value == '\t'))
    value++;
  while (end > value && isspace((unsigned char)end[-1]))
    end--;
  vec_push(x->arena, &x->answer->headers,
           ((struct s3_pair){name, arena_strndup(x->arena, value, (size_t)(end - value))}));
  return len;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *context)
{
  struct exchange *x = context;
  struct s3_http_answer *a = x->answer;
  size_t len = size * count;
  bool into = x->request->into && a->status >= 200 && a->status < 300;
  if (a->status >= 300 && len > S3_HTTP_ERROR_MAX - a->body.len) {
    text_append(&a->body, bytes, S3_HTTP_ERROR_MAX - a->body.len);
    x->enough = true;
    return 0;
  }
  size_t room = into ? x->request->into_size - a->into_len : x->request->body_max - a->body.len;
  if (a->status < 300 && len > room) {
    x->too_much = true;
    return 0;
  }
  if (into) {
    memcpy((char *)x->request->into + a->into_len, bytes, len);
    a->into_len += len;
  } else {
    text_append(&a->body, bytes, len);
  }
  return len;
}

static int on_progress(void *context, curl_off_t to_get, curl_off_t got, curl_off_t to_send,
                       curl_off_t sent)
{
  struct exchange *x = context;
  UNUSED(to_get);
  UNUSED(to_send);
  if (got + sent != x->moved) {
    x->moved = got + sent;
    x->answer->moved_ms = clock_monotonic_ms() - x->begin_ms;
  }
  x->stopped = x->request->stop && x->request->stop(x->request->stop_context);
  return x->stopped;
}

/* ---- the exchange ---- */

static bool header_is_possible(const struct s3_pair *h)
{
  for (const char *p = h->value; *p; p++)
    if ((unsigned char)*p < ' ' && *p != '\t')
      return false;
  return h->value[0] != '\0';
}

static void list_freep(struct curl_slist **list)
{
  curl_slist_free_all(*list);
}

static bool has_header(const struct s3_pairs *headers, const char *name)
{
  for (size_t i = 0; i < headers->len; i++)
    if (strcmp(headers->at[i].name, name) == 0)
      return true;
  return false;
}

static int put_headers(struct exchange *x, struct curl_slist **list)
{
  for (size_t i = 0; i < x->request->headers->len; i++) {
    const struct s3_pair *h = &x->request->headers->at[i];
    if (!header_is_possible(h)) {
      x->answer->failure = S3_HTTP_IMPOSSIBLE;
      x->answer->why = arena_printf(x->arena, "the value of header %s cannot be sent", h->name);
      return -1;
    }
    *list = curl_slist_append(*list, arena_printf(x->arena, "%s: %s", h->name, h->value));
  }
  *list = curl_slist_append(*list, "Expect:");
  *list = curl_slist_append(*list, "Accept:");
  if (!has_header(x->request->headers, "content-type"))
    *list = curl_slist_append(*list, "Content-Type:");
  return *list ? 0 : (die_oom(), -1);
}

static void set_protocols(CURL *curl)
{
#if LIBCURL_VERSION_NUM >= 0x075500
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
#else
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
}

static void set_limits(CURL *curl, const struct s3_http_request *r)
{
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)r->connect_ms);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, (long)SLOW_BYTES);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)((r->stall_ms + 999) / 1000));
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)r->total_ms);
  curl_easy_setopt(curl, CURLOPT_UPLOAD_BUFFERSIZE, (long)SEND_BUFFER);
  curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, (long)RECEIVE_BUFFER);
}

static void set_request(CURL *curl, const struct s3_http_request *r)
{
  set_protocols(curl);
  curl_easy_setopt(curl, CURLOPT_URL, r->url);
  curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
  if (r->ca_file)
    curl_easy_setopt(curl, CURLOPT_CAINFO, r->ca_file);
  if (r->fresh)
    curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, 1L);
  if (r->direct)
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
  if (strcmp(r->method, "HEAD") == 0) {
    curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    return;
  }
  if (r->body) {
    curl_easy_setopt(curl, CURLOPT_POST, 1L);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, r->body);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body_len);
  }
  curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, r->method);
}

static void set_callbacks(struct s3_http *http, struct exchange *x)
{
  CURL *curl = http->curl;
  http->error[0] = '\0';
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, http->error);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, x);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, x);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, x);
}

static enum s3_http_failure failure_of(CURLcode code, const struct exchange *x)
{
  if (x->stopped)
    return S3_HTTP_STOPPED;
  if (x->too_much)
    return S3_HTTP_TOO_MUCH;
  if (x->enough)
    return S3_HTTP_WHOLE;
  switch (code) {
  case CURLE_OK:
    return S3_HTTP_WHOLE;
  case CURLE_PEER_FAILED_VERIFICATION:
    return S3_HTTP_UNTRUSTED;
  case CURLE_SSL_CACERT_BADFILE:
  case CURLE_URL_MALFORMAT:
  case CURLE_UNSUPPORTED_PROTOCOL:
  case CURLE_BAD_FUNCTION_ARGUMENT:
    return S3_HTTP_IMPOSSIBLE;
  default:
    return S3_HTTP_TRANSPORT;
  }
}

static bool never_connected(CURLcode code)
{
  return code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST ||
         code == CURLE_COULDNT_RESOLVE_PROXY || code == CURLE_SSL_CONNECT_ERROR;
}

void s3_http_exchange(struct s3_http *http, struct arena *arena,
                      const struct s3_http_request *request, struct s3_http_answer *ret)
{
  struct exchange x = {
      .arena = arena, .request = request, .answer = ret, .begin_ms = clock_monotonic_ms()};
  CLEANUP(list_freep) struct curl_slist *headers = NULL;
  *ret = (struct s3_http_answer){.body = TEXT_INIT};
  if (put_headers(&x, &headers) < 0)
    return;
  curl_easy_reset(http->curl); /* keeps the connections */
  set_limits(http->curl, request);
  set_request(http->curl, request);
  set_callbacks(http, &x);
  curl_easy_setopt(http->curl, CURLOPT_HTTPHEADER, headers);
  CURLcode code = curl_easy_perform(http->curl);
  ret->failure = failure_of(code, &x);
  if (ret->failure == S3_HTTP_WHOLE && ret->status < 100)
    ret->failure = S3_HTTP_TRANSPORT;
  if (ret->failure == S3_HTTP_WHOLE)
    return;
  ret->connected = !never_connected(code);
  ret->why = arena_strdup(arena, http->error[0] ? http->error : curl_easy_strerror(code));
  if (ret->failure == S3_HTTP_TOO_MUCH)
    ret->why = "the answer is larger than what was asked for";
  curl_easy_setopt(http->curl, CURLOPT_ERRORBUFFER, NULL);
}
