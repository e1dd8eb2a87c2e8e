/* store/s3_http.h: one HTTP exchange over libcurl: no retries, no redirects, no judgement.
 *
 *   CLEANUP(s3_http_clear) struct s3_http_answer answer;
 *   s3_http_exchange(curl, arena, &request, &answer);
 *   if (answer.failure) ...        // no whole answer came: why, in words
 *   if (answer.status == 200) ...
 *
 * HTTP/1.1, the path sent as it is, no decompression, the environment's proxy unless told, the
 * system's certificates or ca_file. A handle is used by one thread at a time and keeps its
 * connection.
 */
#pragma once

#include "store/s3_sign.h"

enum { S3_HTTP_ERROR_MAX = 64 * 1024 };

struct s3_http_request {
  const char *method, *url;
  const struct s3_pairs *headers;
  const void *body; /* NULL: none */
  size_t body_len;
  void *into; /* NULL: all goes to the answer's body; else what a 2xx brings, at most into_size */
  size_t into_size;
  size_t body_max; /* of a 2xx; more is a failure. Of others S3_HTTP_ERROR_MAX are kept */
  const char *ca_file;
  bool direct; /* past any proxy */
  bool fresh;  /* on a connection of its own: on a kept one that has ended libcurl sends again
                * without telling, and then the server may have done it twice */
  int64_t connect_ms, stall_ms, total_ms; /* total_ms 0: as long as bytes move */
  bool (*stop)(const void *context);      /* asked a few times a second; may be NULL */
  const void *stop_context;
};

enum s3_http_failure {
  S3_HTTP_WHOLE,      /* an answer came */
  S3_HTTP_TRANSPORT,  /* it did not, or not all of it: try again */
  S3_HTTP_UNTRUSTED,  /* TLS: the server is not who it should be; again would be the same */
  S3_HTTP_IMPOSSIBLE, /* the request cannot be made: a URL, a header, a file of certificates */
  S3_HTTP_TOO_MUCH,   /* more came than was asked for */
  S3_HTTP_STOPPED,    /* stop() said so */
};

struct s3_http_answer {
  enum s3_http_failure failure;
  bool connected;          /* with a failure: the server may have got the request */
  const char *why;         /* with a failure */
  int64_t moved_ms;        /* from the begin to the last byte that moved */
  int status;              /* 0: none came */
  struct s3_pairs headers; /* names in lower case */
  struct text body;
  size_t into_len;
};

struct s3_http; /* a handle */
struct s3_http *s3_http_new(void) MUST_CHECK;
void s3_http_free(struct s3_http *http); /* NULL is fine */
void s3_http_freep(struct s3_http **http);

void s3_http_exchange(struct s3_http *http, struct arena *arena,
                      const struct s3_http_request *request, struct s3_http_answer *ret);
const char *s3_http_header(const struct s3_http_answer *answer, const char *name); /* or NULL */
void s3_http_clear(struct s3_http_answer *answer);
/* "Mon, 30 Nov 2026 07:06:29 GMT" in seconds since 1970; -1: not a date. */
int64_t s3_http_date(const char *text);
