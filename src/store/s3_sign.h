/* store/s3_sign.h: Signature Version 4, and the encoding of what is signed. Pure functions.
 *
 * What is signed must be what is sent, byte for byte: paths and queries are encoded here once and
 * both used in the URL. Nothing is normalised on the way (libcurl: CURLOPT_PATH_AS_IS).
 */
#pragma once

#include "base/base.h"

struct s3_keys {
  const char *id, *secret;
  const char *token; /* of a session; NULL: none */
};

struct s3_pair {
  const char *name, *value;
};
VEC_TYPE(s3_pairs, struct s3_pair);

enum { S3_DATE_SIZE = 17 }; /* "20130524T000000Z" and the NUL */
#define S3_UNSIGNED_PAYLOAD "UNSIGNED-PAYLOAD"

/* Everything but A-Za-z0-9-._~ becomes %XX; "/" too unless it separates (paths). */
void s3_encode(struct text *out, const char *bytes, bool keep_slashes);
/* %XX back to bytes, in place; a "+" stays. What is no escape stays as it is. */
void s3_decode(char *s);
/* Encoded and sorted, always "name=value". */
char *s3_canonical_query(struct arena *arena, const struct s3_pairs *query) MUST_CHECK;
void s3_date(int64_t at_s, char ret_date[S3_DATE_SIZE]);

struct s3_to_sign {
  const char *method;
  const char *path;               /* encoded, begins with "/" */
  const char *query;              /* canonical; "" = none */
  const struct s3_pairs *headers; /* lower-case names, "host" and "x-amz-date" among them */
  const char *payload_sha256;     /* hex, or S3_UNSIGNED_PAYLOAD */
  const char *region, *service;
  const char *date; /* as in x-amz-date */
};

/* The value of the Authorization header. */
char *s3_sign(struct arena *arena, const struct s3_to_sign *what,
              const struct s3_keys *keys) MUST_CHECK;
