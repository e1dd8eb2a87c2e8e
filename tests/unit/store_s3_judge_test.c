#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base.h"
#include "store/s3_client_private.h"

static enum s3_verdict judge(int status, const char *code)
{
  struct s3_http_answer answer = {.status = status, .body = TEXT_INIT};
  struct s3_fault fault = {0};
  snprintf(fault.code, sizeof(fault.code), "%s", code);
  return s3_judge(&answer, &fault);
}

static void test_what_is_tried_again(void **state)
{
  UNUSED(state);
  static const int again[] = {408, 499, 500, 502, 504, 520};
  for (size_t i = 0; i < COUNT_OF(again); i++)
    assert_int_equal(judge(again[i], "Whatever"), S3_AGAIN);
  assert_int_equal(judge(429, ""), S3_THROTTLED);
  assert_int_equal(judge(503, ""), S3_THROTTLED);
  assert_int_equal(judge(503, "SlowDown"), S3_THROTTLED);
  assert_int_equal(judge(400, "RequestTimeout"), S3_AGAIN);
  assert_int_equal(judge(200, "InternalError"), S3_AGAIN);
  assert_int_equal(judge(409, "ConditionalRequestConflict"), S3_AGAIN);
}

static void test_what_is_final(void **state)
{
  UNUSED(state);
  static const int final[] = {400, 401, 403, 404, 405, 411, 412, 416, 501};
  for (size_t i = 0; i < COUNT_OF(final); i++)
    assert_int_equal(judge(final[i], "Whatever"), S3_FINAL);
  assert_int_equal(judge(403, "QuotaExceeded"), S3_FINAL);
  assert_int_equal(judge(403, "SignatureDoesNotMatch"), S3_FINAL);
}

static void test_what_is_corrected(void **state)
{
  UNUSED(state);
  assert_int_equal(judge(403, "RequestTimeTooSkewed"), S3_SKEWED);
  assert_int_equal(judge(400, "ExpiredToken"), S3_EXPIRED);
  assert_int_equal(judge(400, "AuthorizationHeaderMalformed"), S3_ELSEWHERE);
  assert_int_equal(judge(301, "PermanentRedirect"), S3_ELSEWHERE);
}

static void test_reading_an_error(void **state)
{
  UNUSED(state);
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  struct s3_http_answer answer = {.status = 403, .body = TEXT_INIT};
  struct s3_fault fault;
  text_puts(&answer.body, "<Error><Code>Access\x01"
                          "Denied</Code><Message>a\x1b[31mb\n</Message>"
                          "<RequestId>id</RequestId><Region>r</Region></Error>");
  s3_read_fault(arena, &answer, &fault);
  assert_string_equal(fault.code, "Access");
  assert_string_equal(fault.message, "a [31mb "); /* nothing of it moves a terminal's cursor */
  assert_string_equal(fault.request_id, "id");
  assert_string_equal(fault.region, "r");
  text_reset(&answer.body); /* a HEAD */
  s3_read_fault(arena, &answer, &fault);
  assert_string_equal(fault.code, "AccessDenied");
  text_clear(&answer.body);
}

static int64_t retry_after(const char *name, const char *value)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  struct s3_http_answer answer = {.status = 503, .body = TEXT_INIT};
  vec_push(arena, &answer.headers, ((struct s3_pair){name, value}));
  return s3_retry_after_ms(&answer);
}

static void test_retry_after(void **state)
{
  UNUSED(state);
  assert_int_equal(retry_after("retry-after", "3"), 3000);
  assert_int_equal(retry_after("retry-after", "99999999999999"), 120000);
  assert_int_equal(retry_after("retry-after", "-1"), 0);
  assert_int_equal(retry_after("retry-after", "soon"), 0);
  assert_int_equal(retry_after("x-amz-retry-after", "250"), 250);
  assert_int_equal(retry_after("date", "1"), 0);
}

static void test_dates(void **state)
{
  UNUSED(state);
  assert_int_equal(s3_http_date("Fri, 24 May 2013 00:00:00 GMT"), 1369353600);
  assert_int_equal(s3_http_date("never"), -1);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_what_is_tried_again), cmocka_unit_test(test_what_is_final),
      cmocka_unit_test(test_what_is_corrected),   cmocka_unit_test(test_reading_an_error),
      cmocka_unit_test(test_retry_after),         cmocka_unit_test(test_dates),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
