/* store/s3_settings.h: what "s3://bucket/prefix?setting=value&..." and the environment say of a
 * place. The settings are told in README.md, "Object storage"; a list of them is in
 * s3_settings.c.
 */
#pragma once

#include "base/base.h"

enum { S3_STALE_MIN_MS = 3600000 };

enum s3_lock { S3_LOCK_NONE, S3_LOCK_GOVERNANCE, S3_LOCK_COMPLIANCE };

struct s3_settings {    /* every string may be NULL unless it says */
  const char *bucket;   /* never NULL */
  const char *root;     /* "" or "a/b" */
  const char *name;     /* "s3://bucket/a/b", for messages */
  const char *endpoint; /* "https://host:port"; NULL: Amazon */
  const char *region;   /* "us-east-1" unless told */
  bool virtual_host;    /* bucket.host/key, not host/bucket/key */
  const char *ca_file, *profile;
  uint64_t part_bytes;
  int parallel; /* parts in flight, of all writers together */
  const char *storage_class, *sse, *kms_key;
  enum s3_lock lock;
  int lock_days;
  bool unsigned_payload;
  int64_t timeout_ms; /* how long one request is tried again */
  int64_t stale_ms;   /* an upload without a new part for so long is abandoned */
};

/* ERR_USAGE names the setting; strings live in the arena. */
int s3_settings_read(struct arena *arena, const char *where, struct s3_settings *ret,
                     struct err *err);
const char *s3_lock_name(enum s3_lock lock); /* "GOVERNANCE" */
