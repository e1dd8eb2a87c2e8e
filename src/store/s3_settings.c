#include "store/s3_settings.h"

#include "base/suggest.h"
#include "store/place_private.h"
#include "store/s3_sign.h"

#include <stdlib.h>

static const char usage_hint[] = "Write s3://BUCKET/PREFIX?endpoint=https://HOST&region=REGION; "
                                 "see `man belay`, OBJECT STORAGE.";

/* ---- kinds of values ---- */

static int wrong_value(const struct s3_settings *s, const char *name, const char *value,
                       const char *wanted, struct err *err)
{
  err_set(err, ERR_USAGE, "%s: %s=%s: wanted %s", s->name, name, value, wanted);
  return err_hint(err, "%s", usage_hint);
}

static int read_number(const char *value, int64_t min, int64_t max, int64_t *ret,
                       const char **ret_rest)
{
  char *end;
  if (value[0] < '0' || value[0] > '9')
    return -1;
  long long n = strtoll(value, &end, 10);
  if (n < min || n > max)
    return -1;
  *ret = n;
  *ret_rest = end;
  return 0;
}

struct unit {
  const char *name;
  int64_t factor;
};

/* A whole number and a unit. */
static int read_amount(const char *value, const struct unit *units, size_t count, int64_t *ret)
{
  int64_t n;
  const char *unit;
  if (read_number(value, 0, INT32_MAX, &n, &unit) < 0)
    return -1;
  for (size_t i = 0; i < count; i++)
    if (strcmp(unit, units[i].name) == 0) {
      *ret = n * units[i].factor;
      return 0;
    }
  return -1;
}

static const struct unit durations[] = {
    {"s", 1000}, {"min", 60000}, {"h", 3600000}, {"d", 86400000}};
static const struct unit sizes[] = {
    {"KiB", INT64_C(1) << 10}, {"MiB", INT64_C(1) << 20}, {"GiB", INT64_C(1) << 30}};

/* ---- the settings ---- */

static int set_endpoint(struct arena *arena, struct s3_settings *s, const char *value,
                        struct err *err)
{
  size_t scheme = strncmp(value, "https://", 8) == 0  ? 8
                  : strncmp(value, "http://", 7) == 0 ? 7
                                                      : 0;
  size_t len = strlen(value);
  while (len > scheme && value[len - 1] == '/')
    len--;
  if (strchr(value, '@')) { /* and do not repeat it */
    err_set(err, ERR_USAGE, "%s: an endpoint holds no user name and no password", s->name);
    return err_hint(err, "Give credentials in the environment or in ~/.aws/credentials.");
  }
  if (!scheme || len == scheme || strcspn(value + scheme, "/?# ") < len - scheme)
    return wrong_value(s, "endpoint", value, "https://HOST or https://HOST:PORT", err);
  s->endpoint = arena_strndup(arena, value, len);
  return 0;
}

static int set_style(struct arena *arena, struct s3_settings *s, const char *value, struct err *err)
{
  UNUSED(arena);
  s->virtual_host = strcmp(value, "virtual") == 0;
  if (!s->virtual_host && strcmp(value, "path") != 0)
    return wrong_value(s, "style", value, "path or virtual", err);
  return 0;
}

static int set_part_size(struct arena *arena, struct s3_settings *s, const char *value,
                         struct err *err)
{
  int64_t bytes;
  UNUSED(arena);
  if (read_amount(value, sizes, COUNT_OF(sizes), &bytes) < 0 || bytes < 5 << 20 ||
      bytes > INT64_C(1) << 30)
    return wrong_value(s, "part_size", value, "5MiB to 1GiB", err);
  s->part_bytes = (uint64_t)bytes;
  return 0;
}

static int set_count(const struct s3_settings *s, const char *name, const char *value, int max,
                     int *ret, struct err *err)
{
  int64_t n;
  const char *rest;
  char wanted[32];
  snprintf(wanted, sizeof(wanted), "1 to %d", max);
  if (read_number(value, 1, max, &n, &rest) < 0 || *rest)
    return wrong_value(s, name, value, wanted, err);
  *ret = (int)n;
  return 0;
}

static int set_parallel(struct arena *arena, struct s3_settings *s, const char *value,
                        struct err *err)
{
  UNUSED(arena);
  return set_count(s, "parallel", value, 32, &s->parallel, err);
}

static int set_sse(struct arena *arena, struct s3_settings *s, const char *value, struct err *err)
{
  if (strcmp(value, "AES256") != 0 && strcmp(value, "aws:kms") != 0)
    return wrong_value(s, "sse", value, "AES256 or aws:kms", err);
  s->sse = arena_strdup(arena, value);
  return 0;
}

const char *s3_lock_name(enum s3_lock lock)
{
  static const char *const names[] = {"", "GOVERNANCE", "COMPLIANCE"};
  return names[lock];
}

static int set_lock(struct arena *arena, struct s3_settings *s, const char *value, struct err *err)
{
  UNUSED(arena);
  for (enum s3_lock l = S3_LOCK_GOVERNANCE; l <= S3_LOCK_COMPLIANCE; l++)
    if (strcmp(value, s3_lock_name(l)) == 0)
      s->lock = l;
  return s->lock ? 0 : wrong_value(s, "lock", value, "GOVERNANCE or COMPLIANCE", err);
}

static int set_lock_days(struct arena *arena, struct s3_settings *s, const char *value,
                         struct err *err)
{
  UNUSED(arena);
  return set_count(s, "lock_days", value, 36500, &s->lock_days, err);
}

static int set_payload(struct arena *arena, struct s3_settings *s, const char *value,
                       struct err *err)
{
  UNUSED(arena);
  s->unsigned_payload = strcmp(value, "unsigned") == 0;
  if (!s->unsigned_payload && strcmp(value, "signed") != 0)
    return wrong_value(s, "payload", value, "signed or unsigned", err);
  return 0;
}

static int set_duration(const struct s3_settings *s, const char *name, const char *value,
                        int64_t *ret_ms, struct err *err)
{
  if (read_amount(value, durations, COUNT_OF(durations), ret_ms) < 0)
    return wrong_value(s, name, value, "a time like 30s, 5min, 24h or 7d", err);
  return 0;
}

static int set_timeout(struct arena *arena, struct s3_settings *s, const char *value,
                       struct err *err)
{
  UNUSED(arena);
  return set_duration(s, "timeout", value, &s->timeout_ms, err);
}

static int set_stale(struct arena *arena, struct s3_settings *s, const char *value, struct err *err)
{
  UNUSED(arena);
  return set_duration(s, "stale", value, &s->stale_ms, err);
}

#define WORD_SETTER(field)                                                                         \
  static int set_##field(struct arena *arena, struct s3_settings *s, const char *value,            \
                         struct err *err)                                                          \
  {                                                                                                \
    UNUSED(err);                                                                                   \
    s->field = arena_strdup(arena, value);                                                         \
    return 0;                                                                                      \
  }
WORD_SETTER(region)
WORD_SETTER(ca_file)
WORD_SETTER(profile)
WORD_SETTER(storage_class)
WORD_SETTER(kms_key)

static const struct {
  const char *name;
  int (*set)(struct arena *arena, struct s3_settings *s, const char *value, struct err *err);
} settings[] = {
    {"endpoint", set_endpoint}, {"region", set_region},
    {"style", set_style},       {"ca_file", set_ca_file},
    {"profile", set_profile},   {"part_size", set_part_size},
    {"parallel", set_parallel}, {"storage_class", set_storage_class},
    {"sse", set_sse},           {"kms_key", set_kms_key},
    {"lock", set_lock},         {"lock_days", set_lock_days},
    {"payload", set_payload},   {"timeout", set_timeout},
    {"stale", set_stale},
};

static int read_setting(struct arena *arena, struct s3_settings *s, char *pair, struct err *err)
{
  const char *names[COUNT_OF(settings)];
  char *value = strchr(pair, '=');
  if (value)
    *value++ = '\0';
  for (size_t i = 0; i < COUNT_OF(settings); i++) {
    names[i] = settings[i].name;
    if (strcmp(pair, names[i]) != 0)
      continue;
    if (!value || !*value)
      return wrong_value(s, pair, "", "a value", err);
    s3_decode(value);
    return settings[i].set(arena, s, value, err);
  }
  const char *near = suggest_word(pair, names, COUNT_OF(names));
  err_set(err, ERR_USAGE, "%s: there is no setting \"%s\"%s%s%s", s->name, pair,
          near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
  return err_hint(err, "%s", usage_hint);
}

/* ---- the rest ---- */

static const char *from_environment(const char *const *names)
{
  for (; *names; names++) {
    const char *value = getenv(*names);
    if (value && *value)
      return value;
  }
  return NULL;
}

static bool bucket_is_valid(const char *bucket)
{
  size_t len = strlen(bucket);
  return len >= 3 && len <= 63 &&
         strspn(bucket, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") ==
             len &&
         bucket[0] != '.' && bucket[0] != '-' && !strstr(bucket, "..");
}

static int read_name(struct arena *arena, const char *where, struct s3_settings *s, struct err *err)
{
  const char *p = where + strlen("s3:");
  size_t len = strcspn(p, "?");
  while (len && p[len - 1] == '/')
    len--;
  s->name = arena_printf(arena, "s3:%.*s", (int)len, p);
  if (strncmp(p, "//", 2) != 0 || len < 2) {
    err_set(err, ERR_USAGE, "%s names no bucket", s->name);
    return err_hint(err, "%s", usage_hint);
  }
  char *path = arena_strndup(arena, p + 2, len - 2);
  char *slash = strchr(path, '/');
  if (slash)
    *slash++ = '\0';
  s->bucket = path;
  s->root = slash ? slash : "";
  if (!bucket_is_valid(path) || (*s->root && !place_key_is_valid(s->root))) {
    err_set(err, ERR_USAGE, "%s: %s", s->name,
            bucket_is_valid(path) ? "the prefix has a character that keys of belay have not"
                                  : "that cannot be the name of a bucket");
    return err_hint(err, "%s", usage_hint);
  }
  return 0;
}

static int read_environment(struct arena *arena, struct s3_settings *s, struct err *err)
{
  static const char *const regions[] = {"AWS_REGION", "AWS_DEFAULT_REGION", NULL};
  static const char *const endpoints[] = {"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", NULL};
  static const char *const bundles[] = {"AWS_CA_BUNDLE", NULL};
  const char *endpoint = from_environment(endpoints);
  s->region = arena_strdup(arena, from_environment(regions));
  s->ca_file = arena_strdup(arena, from_environment(bundles));
  return endpoint ? set_endpoint(arena, s, endpoint, err) : 0;
}

static int check_together(struct s3_settings *s, struct err *err)
{
  const char *wrong = NULL;
  bool plain = s->endpoint && strncmp(s->endpoint, "http:", 5) == 0;
  if (!s->lock != !s->lock_days)
    wrong = "lock and lock_days belong together";
  else if (s->kms_key && (!s->sse || strcmp(s->sse, "aws:kms") != 0))
    wrong = "kms_key wants sse=aws:kms";
  else if (s->unsigned_payload && plain)
    wrong = "payload=unsigned wants https: else nothing would notice a changed byte";
  else if (s->timeout_ms < 1000)
    wrong = "timeout wants 1s at least";
  else if (s->stale_ms < S3_STALE_MIN_MS)
    wrong = "stale wants 1h at least: else uploads under way would be taken for abandoned";
  if (!wrong)
    return 0;
  err_set(err, ERR_USAGE, "%s: %s", s->name, wrong);
  return err_hint(err, "%s", usage_hint);
}

int s3_settings_read(struct arena *arena, const char *where, struct s3_settings *ret,
                     struct err *err)
{
  struct s3_settings s = {.part_bytes = 16 << 20,
                          .parallel = 4,
                          .timeout_ms = 5 * 60000,
                          .stale_ms = 24 * INT64_C(3600000)};
  if (read_name(arena, where, &s, err) < 0 || read_environment(arena, &s, err) < 0)
    return -1;
  /* Amazon's certificates are for one level of names: no dots in a bucket's name there */
  bool style_told = false;
  const char *query = strchr(where, '?');
  char *rest = arena_strdup(arena, query ? query + 1 : "");
  for (char *pair; (pair = strsep(&rest, "&"));) {
    style_told = style_told || strncmp(pair, "style=", 6) == 0;
    if (*pair && read_setting(arena, &s, pair, err) < 0)
      return -1;
  }
  if (!style_told)
    s.virtual_host = !s.endpoint && !strchr(s.bucket, '.');
  if (!s.region)
    s.region = "us-east-1";
  if (check_together(&s, err) < 0)
    return -1;
  *ret = s;
  return 0;
}
