/* s3_credentials_private.h: what the sources of keys share. */
#pragma once

#include "store/s3_credentials.h"

struct s3_found { /* lives in the arena of the call */
  struct s3_keys keys;
  int64_t expires_us; /* 0: never */
};

struct s3_search {
  struct arena *arena;
  const char *profile, *region, *ca_file; /* as given; may be NULL but region */
  struct text looked;                     /* what had nothing, for the message */
};

/* Each: 1 found, 0 not set up here, -1 set up and failing (ERR_STORE). */
int s3_find_in_environment(struct s3_search *s, struct s3_found *ret, struct err *err);
int s3_find_in_files(struct s3_search *s, struct s3_found *ret, struct err *err);
int s3_find_by_web_identity(struct s3_search *s, struct s3_found *ret, struct err *err);
int s3_find_in_container(struct s3_search *s, struct s3_found *ret, struct err *err);
int s3_find_on_machine(struct s3_search *s, struct s3_found *ret, struct err *err);

/* The role of a token in a file, at the token service. */
int s3_assume_by_token(struct s3_search *s, const char *role, const char *token_file,
                       const char *session, struct s3_found *ret, struct err *err);
/* {"AccessKeyId", "SecretAccessKey", "Token" or "SessionToken", "Expiration"} */
int s3_read_keys_json(struct s3_search *s, const char *from, const char *text, size_t len,
                      struct s3_found *ret, struct err *err);
const char *s3_environment(const char *name); /* NULL when empty, too */
