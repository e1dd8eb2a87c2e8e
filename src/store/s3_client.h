/* store/s3_client.h: a request to an S3 server, signed, and tried again as long as that makes
 * sense.
 *
 *   CLEANUP(s3_answer_clear) struct s3_answer answer;
 *   if (s3_send(client, arena, &(struct s3_request){.method = "HEAD", .key = key,
 *                                                   .doing = "looking at"}, &answer, err) < 0)
 *     ... answer.status and answer.code say what the server said, err is complete
 *
 * Tried again: transport errors but for TLS ones, 408, 429, 499, 5xx but 501, and the codes of
 * s3_judge.c's table; at most S3_TRIES_MAX times and the place's timeout long, with full jitter,
 * and not before a Retry-After. Time in which bytes move does not count, and a range that got a
 * good deal further is as good as a new one. A wrong clock, a wrong region and an expired token are
 * each corrected once. After a signal a request has ten seconds left; after a second signal it
 * ends.
 * Every method is thread-safe.
 */
#pragma once

#include <stdatomic.h>

#include "store/s3_credentials.h"
#include "store/s3_settings.h"
#include "store/s3_sign.h"

enum { S3_TRIES_MAX = 8, S3_CODE_SIZE = 48 };

struct s3_client;
/* settings are borrowed. */
struct s3_client *s3_client_new(const struct s3_settings *settings) MUST_CHECK;
void s3_client_free(struct s3_client *client); /* NULL is fine */

struct s3_range { /* of an object, straight into buf; an answer that breaks off is resumed */
  uint64_t offset;
  size_t size;
  void *buf;
};

struct s3_request {
  const char *method, *doing; /* "writing": for messages */
  const char *key;            /* under the place's root; NULL: the bucket itself */
  struct s3_pairs query, headers;
  const void *body; /* NULL: none */
  size_t len;
  const char *sha256; /* of body, in hex; NULL: computed here */
  bool xml;           /* a 2xx may hold an <Error> instead: then it is none */
  bool once;          /* libcurl may not send it again by itself */
  struct s3_range *range;
  const atomic_bool *cancelled; /* ends it at once; may be NULL */
  bool cleaning_up;             /* goes on for a few seconds whatever signals came */
};

struct s3_answer {
  int status;              /* 0: none came */
  char code[S3_CODE_SIZE]; /* "NoSuchKey"; "" with a 2xx */
  struct s3_pairs headers;
  struct text body;
  bool unsure; /* an earlier try may have done its work: its answer was lost */
};

/* -1 unless a 2xx came; *ret is filled all the same. ERR_STORE, or ERR_DAMAGED when a range is
 * not there. */
int s3_send(struct s3_client *client, struct arena *arena, const struct s3_request *request,
            struct s3_answer *ret, struct err *err);
const char *s3_answer_header(const struct s3_answer *answer, const char *name); /* or NULL */
void s3_answer_clear(struct s3_answer *answer);
/* Why a 403 or its like: the credentials may not. */
bool s3_answer_is_denied(const struct s3_answer *answer);

/* Seconds by which the server's clock is ahead of ours, as far as an answer told. */
int64_t s3_client_clock_offset_s(const struct s3_client *client);
