#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "base/base.h"
#include "store/s3_settings.h"

static const char *const variables[] = {"AWS_REGION",          "AWS_DEFAULT_REGION",
                                        "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL",
                                        "AWS_CA_BUNDLE",       NULL};

struct fixture {
  struct arena *arena;
  struct err err;
  struct s3_settings s;
};

static int set_up(void **state)
{
  for (size_t i = 0; variables[i]; i++)
    unsetenv(variables[i]);
  struct fixture *f = x_calloc(1, sizeof(*f));
  f->arena = arena_new();
  *state = f;
  return 0;
}

static int tear_down(void **state)
{
  struct fixture *f = *state;
  err_clear(&f->err);
  arena_free(f->arena);
  free(f);
  return 0;
}

static void reads(struct fixture *f, const char *where)
{
  if (s3_settings_read(f->arena, where, &f->s, &f->err) < 0)
    fail_msg("%s: %s", where, f->err.message);
}

static void refuses(struct fixture *f, const char *where, const char *part)
{
  if (s3_settings_read(f->arena, where, &f->s, &f->err) == 0)
    fail_msg("accepted: %s", where);
  if (f->err.code != ERR_USAGE || !f->err.hint || !strstr(f->err.message, part))
    fail_msg("%s: \"%s\" does not say \"%s\"", where, f->err.message, part);
  err_clear(&f->err);
}

static void test_what_is_told(void **state)
{
  struct fixture *f = *state;
  reads(f, "s3://bucket");
  assert_string_equal(f->s.bucket, "bucket");
  assert_string_equal(f->s.root, "");
  assert_string_equal(f->s.name, "s3://bucket");
  assert_string_equal(f->s.region, "us-east-1");
  assert_null(f->s.endpoint);
  assert_true(f->s.virtual_host);
  assert_int_equal(f->s.part_bytes, 16 << 20);
  assert_int_equal(f->s.parallel, 4);
  reads(f, "s3://bucket.with.dots/a/b//?endpoint=https%3A%2F%2Fh%3A9000%2F&region=r&style=virtual"
           "&part_size=64MiB&parallel=2&lock=COMPLIANCE&lock_days=30&timeout=90s&stale=7d"
           "&storage_class=COLD&sse=aws:kms&kms_key=a%2Fb&payload=unsigned&profile=p&ca_file=/c");
  assert_string_equal(f->s.name, "s3://bucket.with.dots/a/b");
  assert_string_equal(f->s.root, "a/b");
  assert_string_equal(f->s.endpoint, "https://h:9000");
  assert_string_equal(f->s.kms_key, "a/b");
  assert_true(f->s.virtual_host && f->s.unsigned_payload);
  assert_int_equal(f->s.part_bytes, 64 << 20);
  assert_int_equal(f->s.lock, S3_LOCK_COMPLIANCE);
  assert_int_equal(f->s.lock_days, 30);
  assert_int_equal(f->s.timeout_ms, 90000);
  assert_int_equal(f->s.stale_ms, 7 * 86400000);
}

static void test_styles(void **state)
{
  struct fixture *f = *state;
  reads(f, "s3://with.dots/a"); /* Amazon's certificates do not cover those */
  assert_false(f->s.virtual_host);
  reads(f, "s3://bucket/a?endpoint=http://h");
  assert_false(f->s.virtual_host);
  reads(f, "s3://bucket/a?profile=style=path"); /* of another setting's value */
  assert_true(f->s.virtual_host);
  reads(f, "s3://bucket/a?style=path");
  assert_false(f->s.virtual_host);
}

static void test_the_environment(void **state)
{
  struct fixture *f = *state;
  setenv("AWS_DEFAULT_REGION", "second", 1);
  setenv("AWS_ENDPOINT_URL", "http://second", 1);
  reads(f, "s3://bucket/a");
  assert_string_equal(f->s.region, "second");
  assert_string_equal(f->s.endpoint, "http://second");
  setenv("AWS_REGION", "first", 1);
  setenv("AWS_ENDPOINT_URL_S3", "http://first", 1);
  setenv("AWS_CA_BUNDLE", "/bundle", 1);
  reads(f, "s3://bucket/a");
  assert_string_equal(f->s.region, "first");
  assert_string_equal(f->s.endpoint, "http://first");
  assert_string_equal(f->s.ca_file, "/bundle");
  reads(f, "s3://bucket/a?region=told&endpoint=http://told&ca_file=/told");
  assert_string_equal(f->s.region, "told");
  assert_string_equal(f->s.endpoint, "http://told");
  assert_string_equal(f->s.ca_file, "/told");
}

static void test_what_is_refused(void **state)
{
  struct fixture *f = *state;
  static const char *const bad[][2] = {{"s3:", "names no bucket"},
                                       {"s3:bucket", "names no bucket"},
                                       {"s3://", "names no bucket"},
                                       {"s3://ab", "bucket"},
                                       {"s3://a..b", "bucket"},
                                       {"s3://bucket/a//b", "prefix"},
                                       {"s3://bucket/../a", "prefix"},
                                       {"s3://bucket/a%20b", "prefix"},
                                       {"s3://bucket?regoin=x", "did you mean \"region\"?"},
                                       {"s3://bucket?region", "region="},
                                       {"s3://bucket?endpoint=h", "endpoint=h"},
                                       {"s3://bucket?endpoint=http://h/path", "endpoint="},
                                       {"s3://bucket?part_size=4MiB", "5MiB"},
                                       {"s3://bucket?part_size=16", "5MiB"},
                                       {"s3://bucket?parallel=33", "1 to 32"},
                                       {"s3://bucket?lock=GOVERNANCE", "belong together"},
                                       {"s3://bucket?kms_key=x", "aws:kms"},
                                       {"s3://bucket?timeout=0s", "1s at least"},
                                       {"s3://bucket?timeout=99999999999s", "timeout="},
                                       {"s3://bucket?stale=0s", "1h at least"},
                                       {"s3://bucket?stale=59min", "1h at least"},
                                       {"s3://bucket?lock_days=0", "1 to 36500"},
                                       {"s3://bucket?endpoint=http://h&payload=unsigned", "https"}};
  for (size_t i = 0; i < COUNT_OF(bad); i++)
    refuses(f, bad[i][0], bad[i][1]);
  assert_int_equal(
      s3_settings_read(f->arena, "s3://bucket?endpoint=https://u:hunter2@h", &f->s, &f->err), -1);
  assert_null(strstr(f->err.message, "hunter2"));
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_FIXTURE(test_what_is_told),
      WITH_FIXTURE(test_styles),
      WITH_FIXTURE(test_the_environment),
      WITH_FIXTURE(test_what_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
