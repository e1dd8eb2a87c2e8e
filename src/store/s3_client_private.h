/* s3_client_private.h: one try of a request, and what its answer means (s3_judge.c). */
#pragma once

#include "store/s3_client.h"
#include "store/s3_http.h"

enum s3_verdict {
  S3_DONE,
  S3_FINAL,     /* the same would come again */
  S3_AGAIN,     /* later */
  S3_THROTTLED, /* much later */
  S3_SKEWED,    /* our clock is wrong */
  S3_ELSEWHERE, /* in another region */
  S3_EXPIRED,   /* the keys */
};

struct s3_fault { /* what an answer that is no success says */
  char code[S3_CODE_SIZE];
  const char *message, *request_id, *region; /* may be NULL */
};

/* Reads an error's headers and body. */
void s3_read_fault(struct arena *arena, const struct s3_http_answer *answer, struct s3_fault *ret);
/* The body is an <Error>, whatever the status. */
bool s3_body_is_error(const struct text *body);
enum s3_verdict s3_judge(const struct s3_http_answer *answer, const struct s3_fault *fault);
/* In ms, as the server wishes; 0: it says nothing. */
int64_t s3_retry_after_ms(const struct s3_http_answer *answer);
/* What to do about it; NULL: nobody knows. */
const char *s3_hint(const struct s3_fault *fault, int status);
