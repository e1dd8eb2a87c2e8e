/* Keys from services: the token service for a web identity, a container's, a machine's. */
#include "store/s3_credentials_private.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "store/s3_http.h"
#include "store/s3_xml.h"

#include <unistd.h>

enum { LOCAL_LIMIT_MS = 1000, STS_LIMIT_MS = 10000, TRIES = 3, ANSWER_MAX = 1024 * 1024 };

/* One small exchange. -1: no answer, or no 200; `from` is who should have answered. */
static int ask(struct s3_search *s, const struct s3_http_request *request, int tries,
               const char *from, struct text *ret_body, struct err *err)
{
  CLEANUP(s3_http_freep) struct s3_http *http = s3_http_new();
  for (int i = 1;; i++) {
    CLEANUP(s3_http_clear) struct s3_http_answer answer;
    s3_http_exchange(http, s->arena, request, &answer);
    if (!answer.failure && answer.status == 200) {
      text_reset(ret_body);
      text_append(ret_body, answer.body.data, answer.body.len);
      return 0;
    }
    bool again = answer.failure == S3_HTTP_TRANSPORT || answer.status >= 500;
    if (again && i < tries) {
      clock_sleep_ms(100 << i);
      continue;
    }
    if (answer.failure)
      return err_set(err, ERR_STORE, "%s: %s", from, answer.why);
    return err_set(err, ERR_STORE, "%s answered with status %d", from, answer.status);
  }
}

static int read_token_file(struct s3_search *s, const char *path, const char **ret_token,
                           struct err *err)
{
  char *bytes;
  size_t len;
  if (fs_read(s->arena, path, &bytes, &len, err) < 0)
    return err_recode(err, ERR_STORE);
  while (len && strchr(" \r\n\t", bytes[len - 1]))
    bytes[--len] = '\0';
  log_secret(bytes);
  *ret_token = bytes;
  return 0;
}

/* ---- web identity ---- */

struct sts_answer {
  struct arena *arena;
  struct s3_found found;
  const char *expires;
};

static void visit_sts(void *context, const char *path, const char *text)
{
  struct sts_answer *a = context;
  if (!text)
    return;
  const struct {
    const char *name;
    const char **where;
  } known[] = {{"Credentials/AccessKeyId", &a->found.keys.id},
               {"Credentials/SecretAccessKey", &a->found.keys.secret},
               {"Credentials/SessionToken", &a->found.keys.token},
               {"Credentials/Expiration", &a->expires}};
  for (size_t i = 0; i < COUNT_OF(known); i++)
    if (s3_xml_is(path, known[i].name))
      *known[i].where = arena_strdup(a->arena, text);
}

int s3_assume_by_token(struct s3_search *s, const char *role, const char *token_file,
                       const char *session, struct s3_found *ret, struct err *err)
{
  const char *token, *endpoint = s3_environment("AWS_ENDPOINT_URL_STS");
  if (read_token_file(s, token_file, &token, err) < 0)
    return -1;
  struct s3_pairs form = {0}, headers = {0};
  vec_push(s->arena, &form, ((struct s3_pair){"Action", "AssumeRoleWithWebIdentity"}));
  vec_push(s->arena, &form, ((struct s3_pair){"Version", "2011-06-15"}));
  vec_push(s->arena, &form, ((struct s3_pair){"RoleArn", role}));
  vec_push(s->arena, &form,
           ((struct s3_pair){"RoleSessionName",
                             session ? session : arena_printf(s->arena, "belay-%d", getpid())}));
  vec_push(s->arena, &form, ((struct s3_pair){"WebIdentityToken", token}));
  char *body = s3_canonical_query(s->arena, &form);
  vec_push(s->arena, &headers,
           ((struct s3_pair){"content-type", "application/x-www-form-urlencoded"}));
  struct s3_http_request request = {
      .method = "POST",
      .url = endpoint ? arena_printf(s->arena, "%s/", endpoint)
                      : arena_printf(s->arena, "https://sts.%s.amazonaws.com/", s->region),
      .headers = &headers,
      .body = body,
      .body_len = strlen(body),
      .body_max = ANSWER_MAX,
      .ca_file = s->ca_file,
      .connect_ms = STS_LIMIT_MS,
      .stall_ms = STS_LIMIT_MS,
      .total_ms = 3 * STS_LIMIT_MS};
  CLEANUP(text_clear) struct text answer = TEXT_INIT;
  struct sts_answer a = {.arena = s->arena};
  if (ask(s, &request, TRIES, "the token service", &answer, err) < 0)
    return err_hint(err, "Look at AWS_ROLE_ARN (%s), and whether the token in %s is still good.",
                    role, token_file);
  if (s3_xml_read(answer.data, answer.len, visit_sts, &a) < 0 || !a.found.keys.id ||
      !a.found.keys.secret || !a.expires || clock_parse(a.expires, &a.found.expires_us) < 0)
    return err_set(err, ERR_STORE, "the token service did not answer with credentials");
  *ret = a.found;
  return 1;
}

int s3_find_by_web_identity(struct s3_search *s, struct s3_found *ret, struct err *err)
{
  const char *file = s3_environment("AWS_WEB_IDENTITY_TOKEN_FILE");
  const char *role = s3_environment("AWS_ROLE_ARN");
  if (!file || !role) {
    text_puts(&s->looked, "AWS_WEB_IDENTITY_TOKEN_FILE is not set");
    return 0;
  }
  return s3_assume_by_token(s, role, file, s3_environment("AWS_ROLE_SESSION_NAME"), ret, err);
}

/* ---- containers ---- */

/* Without TLS only to this machine, and to the two addresses that ECS and EKS have. */
static bool host_is_allowed(const char *url)
{
  static const char *const hosts[] = {"127.0.0.1",     "localhost",      "[::1]",
                                      "169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"};
  if (strncmp(url, "https://", 8) == 0)
    return true;
  if (strncmp(url, "http://", 7) != 0 || memchr(url + 7, '@', strcspn(url + 7, "/?#")))
    return false; /* what stands before an "@" is no host */
  for (size_t i = 0; i < COUNT_OF(hosts); i++) {
    size_t len = strlen(hosts[i]);
    if (strncmp(url + 7, hosts[i], len) == 0 && (!url[7 + len] || strchr(":/", url[7 + len])))
      return true;
  }
  return false;
}

int s3_find_in_container(struct s3_search *s, struct s3_found *ret, struct err *err)
{
  const char *relative = s3_environment("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
  const char *url = s3_environment("AWS_CONTAINER_CREDENTIALS_FULL_URI");
  if (!relative && !url) {
    text_puts(&s->looked, "no container offers any");
    return 0;
  }
  if (relative)
    url = arena_printf(s->arena, "http://169.254.170.2%s", relative);
  if (!host_is_allowed(url))
    return err_set(err, ERR_STORE,
                   "AWS_CONTAINER_CREDENTIALS_FULL_URI is neither https: nor of this machine");
  const char *token = s3_environment("AWS_CONTAINER_AUTHORIZATION_TOKEN");
  const char *file = s3_environment("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
  if (file && read_token_file(s, file, &token, err) < 0)
    return -1;
  struct s3_pairs headers = {0};
  if (token)
    vec_push(s->arena, &headers, ((struct s3_pair){"authorization", token}));
  struct s3_http_request request = {.method = "GET",
                                    .url = url,
                                    .headers = &headers,
                                    .body_max = ANSWER_MAX,
                                    .ca_file = s->ca_file,
                                    .direct = strncmp(url, "http:", 5) == 0,
                                    .connect_ms = LOCAL_LIMIT_MS,
                                    .stall_ms = 2 * LOCAL_LIMIT_MS,
                                    .total_ms = 5 * LOCAL_LIMIT_MS};
  CLEANUP(text_clear) struct text answer = TEXT_INIT;
  if (ask(s, &request, TRIES, "the container's credentials", &answer, err) < 0)
    return -1;
  return s3_read_keys_json(s, "the container's credentials", answer.data, answer.len, ret, err);
}

/* ---- machines ---- */

static int ask_machine(struct s3_search *s, const char *method, const char *path, const char *token,
                       struct text *ret, struct err *err)
{
  const char *endpoint = s3_environment("AWS_EC2_METADATA_SERVICE_ENDPOINT");
  struct s3_pairs headers = {0};
  if (token)
    vec_push(s->arena, &headers, ((struct s3_pair){"x-aws-ec2-metadata-token", token}));
  else
    vec_push(s->arena, &headers,
             ((struct s3_pair){"x-aws-ec2-metadata-token-ttl-seconds", "21600"}));
  struct s3_http_request request = {
      .method = method,
      .url = arena_printf(s->arena, "%s%s", endpoint ? endpoint : "http://169.254.169.254", path),
      .headers = &headers,
      .body = strcmp(method, "PUT") == 0 ? "" : NULL,
      .body_max = ANSWER_MAX,
      .direct = true,
      .connect_ms = LOCAL_LIMIT_MS,
      .stall_ms = LOCAL_LIMIT_MS,
      .total_ms = LOCAL_LIMIT_MS};
  return ask(s, &request, 1, "the machine's metadata service", ret, err);
}

/* No answer to the first question: this is no such machine. */
int s3_find_on_machine(struct s3_search *s, struct s3_found *ret, struct err *err)
{
  static const char roles[] = "/latest/meta-data/iam/security-credentials/";
  CLEANUP(text_clear) struct text token = TEXT_INIT;
  CLEANUP(text_clear) struct text role = TEXT_INIT;
  CLEANUP(text_clear) struct text keys = TEXT_INIT;
  CLEANUP(err_clear) struct err absent = ERR_INIT;
  const char *disabled = s3_environment("AWS_EC2_METADATA_DISABLED");
  if (disabled && strcasecmp(disabled, "true") == 0) {
    text_puts(&s->looked, "the machine is not asked (AWS_EC2_METADATA_DISABLED)");
    return 0;
  }
  if (ask_machine(s, "PUT", "/latest/api/token", NULL, &token, &absent) < 0) {
    text_puts(&s->looked, "the machine offers none");
    return 0;
  }
  log_secret(token.data);
  if (ask_machine(s, "GET", roles, token.data, &role, &absent) < 0) {
    text_puts(&s->looked, "the machine has no role");
    return 0;
  }
  role.data[strcspn(role.data, "\r\n")] = '\0';
  CLEANUP(text_clear) struct text path = TEXT_INIT;
  text_puts(&path, roles);
  s3_encode(&path, role.data, false);
  if (ask_machine(s, "GET", path.data, token.data, &keys, err) < 0)
    return -1;
  return s3_read_keys_json(s, "the machine's metadata service", keys.data, keys.len, ret, err);
}
