/* store/s3_credentials.h: where the keys come from, in the order of Amazon's own programs:
 *
 *   profile= of the place         that profile of the shared files, and nothing else
 *   the environment               AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN
 *   a web identity                AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN
 *   the shared files              AWS_PROFILE or "default": keys, web identity, credential_process
 *   a container (ECS, EKS)        AWS_CONTAINER_CREDENTIALS_{RELATIVE,FULL}_URI
 *   the machine (EC2, IMDSv2)     unless AWS_EC2_METADATA_DISABLED
 *
 * Keys that expire are fetched again five minutes before. Nothing here is ever printed: each
 * secret is told to log_secret as soon as it is known.
 */
#pragma once

#include "store/s3_sign.h"

struct s3_credentials;

/* profile and ca_file may be NULL; all are borrowed. */
struct s3_credentials *s3_credentials_new(const char *profile, const char *region,
                                          const char *ca_file) MUST_CHECK;
void s3_credentials_free(struct s3_credentials *credentials); /* NULL is fine */

/* Thread-safe. ERR_STORE: none were found, and where was looked; or a source that is set up does
 * not give any. */
int s3_credentials_get(struct s3_credentials *credentials, struct arena *arena, struct s3_keys *ret,
                       struct err *err);
/* The server says that these have expired: the next get fetches anew. false: they cannot be
 * (fixed keys). */
bool s3_credentials_expire(struct s3_credentials *credentials, const struct s3_keys *keys);
