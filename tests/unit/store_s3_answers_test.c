/* A bucket whose answers are made up: what a real server seldom says. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "store/place_s3_private.h"
#include "store/s3_http.h"
#include "unit/http_server.h"

#define ETAG "ETag: \"e\"\r\n"
#define ERROR_OF(code) "<Error><Code>" code "</Code></Error>"

struct fixture {
  struct arena *arena;
  struct http_server server;
  struct place *place;
  struct err err;
};

/* Opens s3://bucket/a on a server of these rules. */
static void open_place(struct fixture *f, struct http_rule *rules, size_t count,
                       const char *settings)
{
  http_server_start(&f->server, rules, count);
  char *where = arena_printf(f->arena, "s3://bucket/a?endpoint=http://127.0.0.1:%d%s",
                             f->server.port, settings);
  if (place_open(where, &f->place, &f->err) < 0)
    fail_msg("%s", f->err.message);
}
#define OPEN(f, rules, settings) open_place(f, rules, COUNT_OF(rules), settings)

static int set_up(void **state)
{
  struct fixture *f = x_calloc(1, sizeof(*f));
  f->arena = arena_new();
  *state = f;
  setenv("AWS_ACCESS_KEY_ID", "id", 1);
  setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
  unsetenv("AWS_SESSION_TOKEN");
  unsetenv("http_proxy");
  return 0;
}

static int tear_down(void **state)
{
  struct fixture *f = *state;
  place_close(f->place);
  if (f->server.port)
    http_server_stop(&f->server);
  err_clear(&f->err);
  arena_free(f->arena);
  free(f);
  return 0;
}

static void ok(struct fixture *f, int status)
{
  if (status < 0)
    fail_msg("%s", f->err.message);
}

static void fails(struct fixture *f, int status, const char *part)
{
  assert_int_equal(status, -1);
  if (!strstr(f->err.message, part))
    fail_msg("\"%s\" does not say \"%s\"", f->err.message, part);
  err_clear(&f->err);
}

/* ---- ranges ---- */

static void test_another_range_that_breaks_off(void **state)
{
  struct fixture *f = *state;
  struct http_rule rules[] = {
      {.match = "GET",
       .status = "206 Partial Content",
       .headers = ETAG "Content-Range: bytes 0-9/10\r\n",
       .body = "XXXX",
       .times = 1,
       .promised = 10},
      {.match = "GET",
       .status = "206 Partial Content",
       .headers = ETAG "Content-Range: bytes 5-9/10\r\n",
       .body = "56789"},
  };
  char buf[6] = "";
  OPEN(f, rules, "");
  ok(f, place_get_range(f->place, "k", 5, 5, buf, &f->err));
  assert_string_equal(buf, "56789"); /* and nothing of the other range */
  assert_int_equal(http_server_saw(&f->server, "Range: bytes=5-9"), 2);
}

static void test_a_range_goes_on_where_it_broke_off(void **state)
{
  struct fixture *f = *state;
  struct http_rule rules[] = {
      {.match = "GET",
       .status = "206 Partial Content",
       .headers = ETAG "Content-Range: bytes 5-9/10\r\n",
       .body = "56",
       .times = 1,
       .promised = 5},
      {.match = "GET",
       .status = "206 Partial Content",
       .headers = ETAG "Content-Range: bytes 7-9/10\r\n",
       .body = "789"},
  };
  char buf[6] = "";
  OPEN(f, rules, "");
  ok(f, place_get_range(f->place, "k", 5, 5, buf, &f->err));
  assert_string_equal(buf, "56789");
  assert_int_equal(http_server_saw(&f->server, "If-Match: \"e\""), 1);
}

/* All has come, but not the end that the server promised: there is nothing to go on with. */
static void test_a_range_that_breaks_off_at_its_end(void **state)
{
  struct fixture *f = *state;
  struct http_rule rules[] = {
      {.match = "GET",
       .status = "206 Partial Content",
       .headers = ETAG "Content-Range: bytes 5-9/10\r\n",
       .body = "56789",
       .times = 1,
       .promised = 6},
      {.match = "GET",
       .status = "206 Partial Content",
       .headers = ETAG "Content-Range: bytes 5-9/10\r\n",
       .body = "56789"},
  };
  char buf[6] = "";
  OPEN(f, rules, "");
  ok(f, place_get_range(f->place, "k", 5, 5, buf, &f->err));
  assert_string_equal(buf, "56789");
  assert_int_equal(http_server_saw(&f->server, "Range: bytes=5-9"), 2);
}

/* A line that breaks after each 100 kB: more often than a request is tried that gets nowhere. */
static void test_a_range_that_goes_on_is_not_given_up(void **state)
{
  struct fixture *f = *state;
  enum { PIECES = 20, PIECE = 100000 };
  struct http_rule rules[PIECES];
  for (int i = 0; i < PIECES; i++)
    rules[i] = (struct http_rule){
        .match = "GET",
        .status = "206 Partial Content",
        .headers = arena_printf(f->arena, ETAG "Content-Range: bytes %d-%d/%d\r\n", i * PIECE,
                                PIECES * PIECE - 1, PIECES * PIECE),
        .body = "0123456789",
        .times = 1,
        .repeat = PIECE / 10,
        .promised = (size_t)(PIECES - i) * PIECE};
  open_place(f, rules, PIECES, "");
  char *buf = arena_alloc(f->arena, PIECES * PIECE);
  ok(f, place_get_range(f->place, "k", 0, PIECES * PIECE, buf, &f->err));
  assert_memory_equal(buf + PIECES * PIECE - 10, "0123456789", 10);
}

/* And one that never gets further ends. */
static void test_a_range_that_stands_is_given_up(void **state)
{
  struct fixture *f = *state;
  struct http_rule rules[] = {{.match = "GET",
                               .status = "206 Partial Content",
                               .headers = ETAG "Content-Range: bytes 0-9/10\r\n",
                               .body = "",
                               .promised = 10}};
  char buf[10];
  OPEN(f, rules, "&timeout=2s");
  fails(f, place_get_range(f->place, "k", 0, 10, buf, &f->err), "tried");
}

/* ---- how long ---- */

/* The body takes longer than the timeout, and then the server is busy: tried again all the same. */
static void test_time_in_which_bytes_move_does_not_count(void **state)
{
  struct fixture *f = *state;
  struct http_rule rules[] = {
      {.match = "PUT",
       .status = "500 Oh",
       .headers = "",
       .body = ERROR_OF("InternalError"),
       .times = 1,
       .take_ms = 2500},
      {.match = "PUT", .status = "200 OK", .headers = ETAG, .body = ""},
  };
  size_t len = 8 << 20;
  OPEN(f, rules, "&timeout=1s");
  ok(f, place_put(f->place, "k", arena_alloc(f->arena, len), len, &f->err));
  assert_int_equal(http_server_saw(&f->server, "PUT "), 2);
}

/* ---- answers without measure or end ---- */

static void test_an_endless_error_is_read_in_part(void **state)
{
  struct fixture *f = *state;
  struct http_rule rules[] = {{.match = "GET",
                               .status = "403 Forbidden",
                               .headers = "",
                               .body = ERROR_OF("NoSuchThing"),
                               .times = 1},
                              {.match = "GET",
                               .status = "403 Forbidden",
                               .headers = "",
                               .body = "0123456789abcdef",
                               .repeat = 1 << 18}};
  char *bytes;
  size_t len;
  OPEN(f, rules, "&timeout=2s");
  fails(f, place_get(f->place, f->arena, "k", &bytes, &len, &f->err), "NoSuchThing");
  CLEANUP(s3_http_freep) struct s3_http *http = s3_http_new();
  CLEANUP(s3_http_clear) struct s3_http_answer answer;
  struct s3_pairs headers = {0};
  struct s3_http_request request = {
      .method = "GET",
      .url = arena_printf(f->arena, "http://127.0.0.1:%d/", f->server.port),
      .headers = &headers,
      .body_max = 1 << 30,
      .connect_ms = 2000,
      .stall_ms = 2000};
  s3_http_exchange(http, f->arena, &request, &answer);
  assert_int_equal(answer.failure, S3_HTTP_WHOLE);
  assert_int_equal(answer.status, 403);
  assert_int_equal(answer.body.len, S3_HTTP_ERROR_MAX);
}

static void test_lists_of_several_pages(void **state)
{
  struct fixture *f = *state;
  struct http_rule rules[] = {
      {.match = "continuation-token=t%2B1",
       .status = "200 OK",
       .body = "<ListBucketResult><Contents><Key>a/b%2Bc</Key><Size>2</Size></Contents>"
               "<EncodingType>url</EncodingType></ListBucketResult>"},
      {.match = "list-type=2",
       .status = "200 OK",
       .body = "<ListBucketResult><Contents><Key>a/d</Key><Size>1</Size></Contents>"
               "<Contents><Key>other/x</Key><Size>1</Size></Contents>"
               "<IsTruncated>true</IsTruncated>"
               "<NextContinuationToken>t+1</NextContinuationToken></ListBucketResult>"},
  };
  struct place_entries found = {0};
  OPEN(f, rules, "");
  ok(f, place_list(f->place, f->arena, "", &found, &f->err));
  assert_int_equal(found.len, 2); /* and none of another root */
  assert_string_equal(found.at[0].key, "b+c");
  assert_int_equal(found.at[0].size, 2);
  assert_string_equal(found.at[1].key, "d");
}

static void test_lists_that_stand_still(void **state)
{
  struct fixture *f = *state;
  static const char objects[] =
      "<ListBucketResult><IsTruncated>true</IsTruncated>"
      "<NextContinuationToken>t</NextContinuationToken></ListBucketResult>";
  static const char uploads[] =
      "<ListMultipartUploadsResult><IsTruncated>true</IsTruncated><NextKeyMarker>a</NextKeyMarker>"
      "<NextUploadIdMarker>u</NextUploadIdMarker><Upload><Key>a/k</Key><UploadId>u</UploadId>"
      "<Initiated>2020-01-01T00:00:00Z</Initiated></Upload></ListMultipartUploadsResult>";
  struct http_rule rules[] = {
      {.match = "list-type=2", .status = "200 OK", .headers = "", .body = objects},
      {.match = "uploads=", .status = "200 OK", .headers = "", .body = uploads}};
  struct place_entries found = {0};
  int swept;
  OPEN(f, rules, "");
  fails(f, place_list(f->place, f->arena, "", &found, &f->err), "without an end");
  fails(f, place_sweep(f->place, "", &swept, &f->err), "without an end");
  assert_int_equal(http_server_saw(&f->server, "DELETE"), 0);
}

static void test_parts_that_stand_still(void **state)
{
  struct fixture *f = *state;
  static const char uploads[] =
      "<ListMultipartUploadsResult><Upload><Key>a/k</Key><UploadId>u</UploadId>"
      "<Initiated>2020-01-01T00:00:00Z</Initiated></Upload></ListMultipartUploadsResult>";
  static const char parts[] = "<ListPartsResult><IsTruncated>true</IsTruncated>"
                              "<NextPartNumberMarker>1</NextPartNumberMarker></ListPartsResult>";
  struct http_rule rules[] = {
      {.match = "uploads=", .status = "200 OK", .headers = "", .body = uploads},
      {.match = "uploadId=u", .status = "200 OK", .headers = "", .body = parts}};
  int swept;
  OPEN(f, rules, "");
  fails(f, place_sweep(f->place, "", &swept, &f->err), "without an end");
}

/* ---- uploads ---- */

/* libcurl sends again by itself when a kept connection ends: what begins an upload must not be. */
static void test_an_upload_is_begun_once(void **state)
{
  struct fixture *f = *state;
  struct http_rule rules[] = {
      {.match = "HEAD", .status = "404 Not Found", .keep = true},
      {.match = "uploads=", .status = NULL, .times = 1}, /* begun, and the connection ends */
      {.match = "uploads=",
       .status = "403 Forbidden",
       .headers = "",
       .body = ERROR_OF("AccessDenied")},
  };
  struct sink *hold = NULL;
  OPEN(f, rules, "&timeout=5s");
  assert_false(place_exists(f->place, "k")); /* a connection is kept from here on */
  fails(f, place_hold(f->place, "k", &hold, &f->err), "AccessDenied");
  /* the one that was lost is looked for: belay knows of it */
  assert_int_equal(http_server_saw(&f->server, "POST "), 2);
  assert_int_equal(http_server_saw(&f->server, "GET /bucket?max-uploads"), 1);
}

#define UPLOAD(key, id, when)                                                                      \
  "<Upload><Key>a/" key "</Key><UploadId>" id "</UploadId><Initiated>" when "</Initiated></"       \
  "Upload>"
#define PARTS(when)                                                                                \
  "<ListPartsResult><Part><PartNumber>1</PartNumber><LastModified>" when                           \
  "</LastModified><Size>5</Size></Part></ListPartsResult>"

/* A day ago each of them got its last part; but beside one of them there is a backup's hold. */
static void test_a_slow_backup_is_not_swept(void **state)
{
  struct fixture *f = *state;
  static const char old[] = PARTS("2020-01-02T00:00:00Z");
  char *fresh = arena_printf(f->arena, PARTS("%s"), clock_iso8601(f->arena, clock_wall_us()));
  struct http_rule rules[] = {
      {.match = "uploads=",
       .status = "200 OK",
       .headers = "",
       .body = "<ListMultipartUploadsResult>" UPLOAD("db/backups/1/segment-0001.tar", "slow",
                                                     "2020-01-01T00:00:00Z")
           UPLOAD("db/backups/1/writing", "hold", "2020-01-01T00:00:00Z")
               UPLOAD("db/backups/11/segment-0001.tar", "dead", "2020-01-01T00:00:00Z")
                   UPLOAD("db/backups/1/deep/x", "deep",
                          "2020-01-01T00:00:00Z") "</ListMultipartUploadsResult>"},
      {.match = "GET /bucket/a/db/backups/1/writing",
       .status = "200 OK",
       .headers = "",
       .body = fresh},
      {.match = "GET", .status = "200 OK", .headers = "", .body = old},
      {.match = "DELETE", .status = "204 No Content"},
  };
  struct place_leftovers found;
  int swept = 0;
  OPEN(f, rules, "");
  ok(f, place_look_for_leftovers(f->place, "db/", &found, &f->err));
  assert_int_equal(found.living, 2);
  assert_int_equal(found.abandoned, 2);
  assert_int_equal(found.bytes, 10);
  ok(f, place_sweep(f->place, "db/", &swept, &f->err));
  assert_int_equal(swept, 2);
  assert_int_equal(http_server_saw(&f->server, "DELETE"), 2);
  assert_int_equal(http_server_saw(&f->server, "DELETE /bucket/a/db/backups/11/"), 1);
}

static void test_a_hold_shows_that_it_lives(void **state)
{
  struct fixture *f = *state;
  struct http_rule rules[] = {
      {.match = "uploads=",
       .status = "200 OK",
       .headers = "",
       .body =
           "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>"},
      {.match = "PUT /bucket/a/d/writing?partNumber=1&uploadId=u", .status = "500 Oh", .times = 1},
      {.match = "PUT /bucket/a/d/writing?partNumber=1&uploadId=u",
       .status = "200 OK",
       .headers = ETAG},
      {.match = "DELETE /bucket/a/d/writing?uploadId=u", .status = "204 No Content"},
  };
  struct sink *hold = NULL;
  OPEN(f, rules, "");
  ((struct place_s3 *)f->place)->hold_ms = 20;
  ok(f, place_hold(f->place, "d/writing", &hold, &f->err));
  for (int i = 0; i < 500 && http_server_saw(&f->server, "PUT ") < 5; i++)
    clock_sleep_ms(10);
  assert_true(http_server_saw(&f->server, "PUT ") >= 5);
  assert_int_equal(http_server_saw(&f->server, "DELETE"), 0);
  sink_free(hold);
  assert_int_equal(http_server_saw(&f->server, "DELETE"), 1);
  int parts = http_server_saw(&f->server, "PUT ");
  clock_sleep_ms(100);
  assert_int_equal(http_server_saw(&f->server, "PUT "), parts);
}

/* ---- the time ---- */

/* A clock ten days behind: what is locked is locked until the server's time says. */
static void test_a_lock_goes_by_the_servers_clock(void **state)
{
  struct fixture *f = *state;
  int64_t day_us = INT64_C(86400000000), now_us = clock_wall_us();
  struct tm tm;
  time_t server_s = (now_us + 10 * day_us) / 1000000;
  char date[64];
  gmtime_r(&server_s, &tm);
  strftime(date, sizeof(date), "Date: %a, %d %b %Y %T GMT\r\n", &tm);
  char *until = clock_iso8601(f->arena, now_us + 12 * day_us); /* to the hour */
  struct http_rule rules[] = {
      {.match = "list-type=2",
       .status = "403 Forbidden",
       .headers = date,
       .body = ERROR_OF("RequestTimeTooSkewed"),
       .times = 1},
      {.match = "list-type=2",
       .status = "200 OK",
       .headers = "",
       .body = "<ListBucketResult></ListBucketResult>"},
      {.match = "PUT", .status = "403 Forbidden", .headers = "", .body = ERROR_OF("AccessDenied")},
  };
  struct place_entries found = {0};
  OPEN(f, rules, "&lock=GOVERNANCE&lock_days=2");
  ok(f, place_list(f->place, f->arena, "", &found, &f->err));
  fails(f, place_put_new(f->place, "k", "x", 1, &f->err), "AccessDenied");
  until[strlen("2026-12-12T")] = '\0';
  assert_int_equal(
      http_server_saw(&f->server,
                      arena_printf(f->arena, "x-amz-object-lock-retain-until-date: %s", until)),
      1);
}

/* ---- what doctor says ---- */

static const char *advice(struct fixture *f)
{
  CLEANUP(text_clear) struct text all = TEXT_INIT;
  struct place_advices found = {0};
  ok(f, place_advise(f->place, f->arena, &found, &f->err));
  for (size_t i = 0; i < found.len; i++)
    text_printf(&all, "%s%s\n", found.at[i].warning ? "! " : "", found.at[i].what);
  return arena_strdup(f->arena, all.data ? all.data : "");
}

#define ENABLED "<Status>Enabled</Status>"
#define VERSIONED "<VersioningConfiguration>" ENABLED "</VersioningConfiguration>"
#define LIFECYCLE(rules) "<LifecycleConfiguration>" rules "</LifecycleConfiguration>"

static void test_advice_on_rules_that_work_against_belay(void **state)
{
  struct fixture *f = *state;
  struct http_rule rules[] = {
      {.match = "versioning=", .status = "200 OK", .body = VERSIONED},
      {.match = "lifecycle=",
       .status = "200 OK",
       .body = LIFECYCLE(
           "<Rule>" ENABLED "<Prefix>b</Prefix><Expiration><Days>3</Days></Expiration></Rule>"
           "<Rule><Status>Disabled</Status><Expiration><Days>4</Days></Expiration></Rule>"
           "<Rule>" ENABLED "<Filter><Tag><Key>k</Key><Value>v</Value></Tag></Filter>"
           "<Expiration><Days>5</Days></Expiration></Rule>"
           "<Rule>" ENABLED "<Filter><Prefix>a/</Prefix></Filter>"
           "<Expiration><Days>30</Days></Expiration></Rule>"
           "<Rule>" ENABLED "<Prefix>a/db</Prefix><Transition><Days>9</Days>"
           "<StorageClass>GLACIER</StorageClass></Transition></Rule>"
           "<Rule>" ENABLED "<Filter/><AbortIncompleteMultipartUpload>"
           "<DaysAfterInitiation>1</DaysAfterInitiation></AbortIncompleteMultipartUpload></Rule>")},
  };
  OPEN(f, rules, "&lock=COMPLIANCE&lock_days=3");
  assert_string_equal(
      advice(f), "! lock=COMPLIANCE is wanted, and the bucket has no object lock\n"
                 "! a lifecycle rule deletes objects below a/ after 30 days, listed backups, too\n"
                 "! a lifecycle rule moves objects below a/db to GLACIER\n"
                 "! a lifecycle rule aborts uploads that take longer than a day\n"
                 "! the bucket keeps versions, and no lifecycle rule removes old ones\n");
}

static void test_advice_on_a_bucket_as_it_should_be(void **state)
{
  struct fixture *f = *state;
  struct http_rule rules[] = {
      {.match = "versioning=", .status = "200 OK", .body = VERSIONED},
      {.match = "object-lock=",
       .status = "200 OK",
       .body = "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled>"
               "</ObjectLockConfiguration>"},
      {.match = "lifecycle=",
       .status = "200 OK",
       .body = LIFECYCLE(
           "<Rule>" ENABLED "<Prefix></Prefix><NoncurrentVersionExpiration><NoncurrentDays>7"
           "</NoncurrentDays></NoncurrentVersionExpiration><AbortIncompleteMultipartUpload>"
           "<DaysAfterInitiation>7</DaysAfterInitiation></AbortIncompleteMultipartUpload></Rule>")},
  };
  OPEN(f, rules, "&lock=COMPLIANCE&lock_days=1");
  assert_string_equal(advice(f),
                      "object lock: what is written cannot be deleted for 1 day (COMPLIANCE)\n");
}

static void test_advice_where_little_is_told(void **state)
{
  struct fixture *f = *state;
  struct http_rule rules[] = {
      {.match = "lifecycle=",
       .status = "403 Forbidden",
       .headers = "Date: Fri, 24 May 2013 00:00:00 GMT\r\n",
       .body = ERROR_OF("AccessDenied"),
       .times = 1},
      {.match = "lifecycle=", .status = "501 No", .body = ERROR_OF("NotImplemented"), .times = 1},
      {.match = "versioning=", .status = "500 Oh", .body = ERROR_OF("InternalError"), .times = 40},
  };
  OPEN(f, rules, "&timeout=1s");
  f->server.rules[2].used = 40;
  const char *said = advice(f);
  assert_non_null(strstr(said, "! this machine's clock is "));
  assert_non_null(strstr(said, "may not be looked at with these keys"));
  assert_null(place_denied(f->place, f->arena)); /* belay works without */
  assert_string_equal(advice(f), "no lifecycle rule aborts uploads that were never finished\n");
  f->server.rules[2].used = 0;
  struct place_advices found = {0};
  fails(f, place_advise(f->place, f->arena, &found, &f->err), "looking at the versioning");
}

#define WITH_SERVER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_SERVER(test_another_range_that_breaks_off),
      WITH_SERVER(test_a_range_goes_on_where_it_broke_off),
      WITH_SERVER(test_a_range_that_breaks_off_at_its_end),
      WITH_SERVER(test_a_range_that_goes_on_is_not_given_up),
      WITH_SERVER(test_a_range_that_stands_is_given_up),
      WITH_SERVER(test_time_in_which_bytes_move_does_not_count),
      WITH_SERVER(test_an_endless_error_is_read_in_part),
      WITH_SERVER(test_lists_of_several_pages),
      WITH_SERVER(test_lists_that_stand_still),
      WITH_SERVER(test_parts_that_stand_still),
      WITH_SERVER(test_an_upload_is_begun_once),
      WITH_SERVER(test_a_slow_backup_is_not_swept),
      WITH_SERVER(test_a_hold_shows_that_it_lives),
      WITH_SERVER(test_a_lock_goes_by_the_servers_clock),
      WITH_SERVER(test_advice_on_rules_that_work_against_belay),
      WITH_SERVER(test_advice_on_a_bucket_as_it_should_be),
      WITH_SERVER(test_advice_where_little_is_told),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
