#include "store/s3_credentials_private.h"

#include "base/clock.h"
#include "base/log.h"

#include <jansson.h>
#include <pthread.h>
#include <stdlib.h>

#define RENEW_BEFORE_US (5 * INT64_C(60000000))

struct s3_credentials {
  const char *profile, *region, *ca_file;
  pthread_mutex_t mutex;
  struct arena *arena; /* of what was found; replaced with it */
  struct s3_found found;
  bool known, expired;
};

const char *s3_environment(const char *name)
{
  const char *value = getenv(name);
  return value && *value ? value : NULL;
}

struct s3_credentials *s3_credentials_new(const char *profile, const char *region,
                                          const char *ca_file)
{
  struct s3_credentials *c = x_calloc(1, sizeof(*c));
  c->profile = profile;
  c->region = region;
  c->ca_file = ca_file;
  pthread_mutex_init(&c->mutex, NULL);
  c->arena = arena_new();
  return c;
}

void s3_credentials_free(struct s3_credentials *c)
{
  if (!c)
    return;
  arena_free(c->arena);
  pthread_mutex_destroy(&c->mutex);
  free(c);
}

int s3_find_in_environment(struct s3_search *s, struct s3_found *ret, struct err *err)
{
  const char *id = s3_environment("AWS_ACCESS_KEY_ID");
  const char *secret = s3_environment("AWS_SECRET_ACCESS_KEY");
  if (!id && !secret) {
    text_puts(&s->looked, "AWS_ACCESS_KEY_ID is not set");
    return 0;
  }
  if (!id || !secret)
    return err_set(err, ERR_STORE, "%s is set, but %s is not",
                   id ? "AWS_ACCESS_KEY_ID" : "AWS_SECRET_ACCESS_KEY",
                   id ? "AWS_SECRET_ACCESS_KEY" : "AWS_ACCESS_KEY_ID");
  ret->keys = (struct s3_keys){arena_strdup(s->arena, id), arena_strdup(s->arena, secret),
                               arena_strdup(s->arena, s3_environment("AWS_SESSION_TOKEN"))};
  return 1;
}

static const char *string_at(struct s3_search *s, json_t *json, const char *key)
{
  return arena_strdup(s->arena, json_string_value(json_object_get(json, key)));
}

int s3_read_keys_json(struct s3_search *s, const char *from, const char *text, size_t len,
                      struct s3_found *ret, struct err *err)
{
  json_t *json = json_loadb(text, len, 0, NULL);
  struct s3_found found = {.keys = {string_at(s, json, "AccessKeyId"),
                                    string_at(s, json, "SecretAccessKey"),
                                    string_at(s, json, "Token")}};
  if (!found.keys.token)
    found.keys.token = string_at(s, json, "SessionToken");
  const char *expires = string_at(s, json, "Expiration");
  json_decref(json);
  log_secret(found.keys.secret);
  log_secret(found.keys.token);
  if (!found.keys.id || !found.keys.secret)
    return err_set(err, ERR_STORE, "%s did not answer with AccessKeyId and SecretAccessKey", from);
  if (expires && clock_parse(expires, &found.expires_us) < 0)
    return err_set(err, ERR_STORE, "%s: an Expiration that is no time", from);
  *ret = found;
  return 1;
}

static int search(struct s3_search *s, struct s3_found *ret, struct err *err)
{
  static int (*const sources[])(struct s3_search *, struct s3_found *, struct err *) = {
      s3_find_in_environment, s3_find_by_web_identity, s3_find_in_files, s3_find_in_container,
      s3_find_on_machine};
  if (s->profile)
    return s3_find_in_files(s, ret, err);
  for (size_t i = 0; i < COUNT_OF(sources); i++) {
    int found = sources[i](s, ret, err);
    if (found != 0)
      return found;
    text_puts(&s->looked, i + 1 < COUNT_OF(sources) ? "; " : "");
  }
  return 0;
}

static int fetch(struct s3_credentials *c, struct err *err)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  struct s3_search s = {.arena = arena,
                        .profile = c->profile,
                        .region = c->region,
                        .ca_file = c->ca_file,
                        .looked = TEXT_INIT};
  struct s3_found found = {0};
  int status = search(&s, &found, err);
  if (status == 0) {
    err_set(err, ERR_STORE, "no credentials for S3 were found: %s", s.looked.data);
    err_hint(err, "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a profile of "
                  "~/.aws/credentials with AWS_PROFILE.");
  }
  text_clear(&s.looked);
  if (status <= 0)
    return -1;
  log_secret(found.keys.secret);
  log_secret(found.keys.token);
  arena_free(c->arena);
  c->arena = TAKE(arena);
  c->found = found;
  c->known = true;
  c->expired = false;
  return 0;
}

static bool near_the_end(const struct s3_credentials *c)
{
  return c->found.expires_us && c->found.expires_us - clock_wall_us() < RENEW_BEFORE_US;
}

int s3_credentials_get(struct s3_credentials *c, struct arena *arena, struct s3_keys *ret,
                       struct err *err)
{
  CLEANUP(err_clear) struct err why = ERR_INIT;
  pthread_mutex_lock(&c->mutex);
  int status = 0;
  if (!c->known || c->expired || near_the_end(c))
    status = fetch(c, &why);
  /* not renewed, but good for some minutes yet: the next request tries again */
  if (status < 0 && c->known && !c->expired && c->found.expires_us > clock_wall_us())
    status = 0;
  if (status == 0)
    *ret = (struct s3_keys){arena_strdup(arena, c->found.keys.id),
                            arena_strdup(arena, c->found.keys.secret),
                            arena_strdup(arena, c->found.keys.token)};
  pthread_mutex_unlock(&c->mutex);
  if (status < 0)
    err_move(err, &why);
  return status;
}

bool s3_credentials_expire(struct s3_credentials *c, const struct s3_keys *keys)
{
  pthread_mutex_lock(&c->mutex);
  bool can = c->found.expires_us != 0 || c->found.keys.token; /* a file may have newer ones */
  if (can && c->known && strcmp(c->found.keys.secret, keys->secret) == 0)
    c->expired = true; /* else another thread has new ones already */
  pthread_mutex_unlock(&c->mutex);
  return can;
}
