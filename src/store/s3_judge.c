/* What the answers of S3 servers mean: the table of codes, and hints. */
#include "store/s3_client_private.h"
#include "store/s3_xml.h"

#include <stdlib.h>

enum { MESSAGE_MAX = 300, RETRY_AFTER_MAX_S = 120 };

static const struct {
  const char *code;
  enum s3_verdict verdict;
  const char *hint;
} table[] = {
    {"SlowDown", S3_THROTTLED, NULL},
    {"Throttling", S3_THROTTLED, NULL},
    {"ThrottlingException", S3_THROTTLED, NULL},
    {"RequestLimitExceeded", S3_THROTTLED, NULL},
    {"TooManyRequests", S3_THROTTLED, NULL},
    {"BandwidthLimitExceeded", S3_THROTTLED, NULL},
    {"InternalError", S3_AGAIN, NULL},
    {"ServiceUnavailable", S3_AGAIN, NULL},
    {"RequestTimeout", S3_AGAIN, NULL},
    {"OperationAborted", S3_AGAIN, NULL},
    {"ConditionalRequestConflict", S3_AGAIN, NULL},
    {"BadDigest", S3_AGAIN, "Bytes were changed on the way to the server: look at the network."},
    {"XAmzContentSHA256Mismatch", S3_AGAIN,
     "Bytes were changed on the way to the server: look at the network."},
    {"IncompleteBody", S3_AGAIN, NULL},
    {"RequestTimeTooSkewed", S3_SKEWED, "Set the clock of this machine."},
    {"AuthorizationHeaderMalformed", S3_ELSEWHERE, "Give the bucket's region: region=..."},
    {"PermanentRedirect", S3_ELSEWHERE, "Give the bucket's region (region=...) or endpoint."},
    {"TemporaryRedirect", S3_ELSEWHERE, "Give the bucket's region (region=...) or endpoint."},
    {"IllegalLocationConstraintException", S3_ELSEWHERE, "Give the bucket's region: region=..."},
    {"ExpiredToken", S3_EXPIRED, "The session has expired: get new credentials."},
    {"ExpiredTokenException", S3_EXPIRED, "The session has expired: get new credentials."},
    {"TokenRefreshRequired", S3_EXPIRED, "The session has expired: get new credentials."},
    {"RequestExpired", S3_EXPIRED, "Set the clock of this machine."},
    {"InvalidToken", S3_FINAL, "AWS_SESSION_TOKEN does not belong to these keys, or has expired."},
    {"InvalidAccessKeyId", S3_FINAL,
     "The server does not know this key id: look at AWS_ACCESS_KEY_ID and endpoint=."},
    {"SignatureDoesNotMatch", S3_FINAL,
     "The secret key is wrong, or something between here and the server changes requests."},
    {"AccessDenied", S3_FINAL,
     "Let these credentials do this in the bucket's policy (s3:PutObject, s3:GetObject, "
     "s3:ListBucket, s3:DeleteObject, s3:AbortMultipartUpload). Some servers say the same of a "
     "wrong secret key."},
    {"NoSuchBucket", S3_FINAL, "Make the bucket first, or correct its name or endpoint=."},
    {"QuotaExceeded", S3_FINAL, "Raise the quota, or make room: belay prune."},
    {"InsufficientCapacity", S3_FINAL, "The server is full: make room, or use another."},
    {"XMinioStorageFull", S3_FINAL, "The server is full: make room, or use another."},
    {"InvalidStorageClass", S3_FINAL, "The server does not have this storage_class."},
    {"KMS.NotFoundException", S3_FINAL, "Correct kms_key."},
    {"KMS.DisabledException", S3_FINAL, "Enable the key that kms_key names."},
    {"InvalidBucketName", S3_FINAL, "Correct the bucket's name."},
    {"InvalidPart", S3_FINAL, "The server lost or changed a part of the upload: try again."},
    {"InvalidObjectState", S3_FINAL,
     "The object is in a storage class that must be thawed first (restore-object)."},
    {"MethodNotAllowed", S3_FINAL, "Is endpoint= really an S3 server, and style= right?"},
};

/* ---- reading ---- */

struct error_body {
  struct arena *arena;
  struct s3_fault *fault;
  bool is_error;
};

/* One line of printable characters, not too long: it goes to a terminal. */
static const char *printable(struct arena *arena, const char *text)
{
  char *s = arena_strndup(arena, text, strnlen(text, MESSAGE_MAX));
  for (char *p = s; *p; p++)
    if ((unsigned char)*p < ' ' || *p == 0x7f)
      *p = ' ';
  return s;
}

static void set_code(struct s3_fault *fault, const char *code)
{
  size_t len = strspn(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");
  snprintf(fault->code, sizeof(fault->code), "%.*s", (int)len, code);
}

static void visit_error(void *context, const char *path, const char *text)
{
  struct error_body *e = context;
  if (strcmp(path, "Error") == 0 || strcmp(path, "ErrorResponse") == 0)
    e->is_error = true;
  if (!text || !e->fault || strncmp(path, "Error", 5) != 0)
    return;
  if (s3_xml_is(path, "Code"))
    set_code(e->fault, text);
  else if (s3_xml_is(path, "Message") && *text)
    e->fault->message = printable(e->arena, text);
  else if (s3_xml_is(path, "RequestId") && *text)
    e->fault->request_id = printable(e->arena, text);
  else if (s3_xml_is(path, "Region") && *text)
    e->fault->region = printable(e->arena, text);
}

bool s3_body_is_error(const struct text *body)
{
  struct error_body e = {0};
  return s3_xml_read(body->data, body->len, visit_error, &e) == 0 && e.is_error;
}

/* A HEAD has no body: only its status speaks. */
static const char *code_of_status(int status)
{
  static const struct {
    int status;
    const char *code;
  } known[] = {{301, "PermanentRedirect"}, {307, "TemporaryRedirect"},  {400, "BadRequest"},
               {401, "AccessDenied"},      {403, "AccessDenied"},       {404, "NotFound"},
               {405, "MethodNotAllowed"},  {412, "PreconditionFailed"}, {416, "InvalidRange"},
               {501, "NotImplemented"}};
  for (size_t i = 0; i < COUNT_OF(known); i++)
    if (known[i].status == status)
      return known[i].code;
  return "";
}

void s3_read_fault(struct arena *arena, const struct s3_http_answer *answer, struct s3_fault *ret)
{
  struct error_body e = {.arena = arena, .fault = ret};
  *ret = (struct s3_fault){0};
  (void)s3_xml_read(answer->body.data, answer->body.len, visit_error, &e);
  if (!ret->code[0])
    set_code(ret, code_of_status(answer->status));
  const char *id = s3_http_header(answer, "x-amz-request-id");
  const char *region = s3_http_header(answer, "x-amz-bucket-region");
  if (id && *id)
    ret->request_id = printable(arena, id);
  if (region && *region)
    ret->region = printable(arena, region);
}

/* ---- judging ---- */

enum s3_verdict s3_judge(const struct s3_http_answer *answer, const struct s3_fault *fault)
{
  for (size_t i = 0; i < COUNT_OF(table); i++)
    if (strcmp(fault->code, table[i].code) == 0)
      return table[i].verdict;
  int status = answer->status;
  if (status == 429 || status == 503)
    return S3_THROTTLED;
  bool again = status == 408 || status == 499 || (status >= 500 && status != 501) ||
               (status >= 200 && status < 300); /* an error in spite of its status */
  return again ? S3_AGAIN : S3_FINAL;
}

int64_t s3_retry_after_ms(const struct s3_http_answer *answer)
{
  const char *ms = s3_http_header(answer, "x-amz-retry-after");
  const char *s = s3_http_header(answer, "retry-after");
  long value = ms ? strtol(ms, NULL, 10) : s ? strtol(s, NULL, 10) : 0;
  if (value <= 0)
    return 0;
  if (!ms)
    value = value > RETRY_AFTER_MAX_S ? RETRY_AFTER_MAX_S * 1000 : value * 1000;
  return value > RETRY_AFTER_MAX_S * 1000 ? RETRY_AFTER_MAX_S * 1000 : value;
}

const char *s3_hint(const struct s3_fault *fault, int status)
{
  for (size_t i = 0; i < COUNT_OF(table); i++)
    if (strcmp(fault->code, table[i].code) == 0 && table[i].hint)
      return table[i].hint;
  return status >= 500 || status == 429
             ? "The server is overloaded or broken: try again later, or look at its logs."
             : NULL;
}
