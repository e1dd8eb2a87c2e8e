#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/base.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/spawn.h"
#include "store/s3_sign.h"
#include "store/stream.h"

static const char no_payload[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/* ---- what AWS published: the SigV4 test suite, and the examples of the S3 documentation ---- */

struct vector {
  const char *name, *method, *path, *query; /* query as given, name=value&... */
  const char *headers;                      /* name:value lines besides host and x-amz-date */
  const char *payload_sha256, *signature;
};

static const struct vector suite[] = {
    {"get-vanilla", "GET", "/", "", "", no_payload,
     "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
    {"get-vanilla-query-order-key-case", "GET", "/", "Param2=value2&Param1=value1", "", no_payload,
     "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
    {"get-unreserved", "GET", "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
     "", "", no_payload, "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"},
    {"post-vanilla", "POST", "/", "", "", no_payload,
     "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
    {"post-header-key-sort", "POST", "/", "", "my-header1:value1\n", no_payload,
     "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c"},
    {"get-header-value-trim", "GET", "/", "", "my-header1: value1\nmy-header2: \"a   b   c\"\n",
     no_payload, "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
};

static const struct vector documented[] = {
    {"get object", "GET", "/test.txt", "", "range:bytes=0-9\n", no_payload,
     "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
    {"put object", "PUT", "/test%24file.text", "",
     "date:Fri, 24 May 2013 00:00:00 GMT\nx-amz-storage-class:REDUCED_REDUNDANCY\n",
     "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
     "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"},
    {"get lifecycle", "GET", "/", "lifecycle=", "", no_payload,
     "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
    {"list", "GET", "/", "max-keys=2&prefix=J", "", no_payload,
     "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"},
};

static struct s3_pairs pairs(struct arena *arena, const char *text, char between, char after)
{
  struct s3_pairs out = {0};
  while (*text) {
    size_t name = strcspn(text, (char[]){between, '\0'});
    size_t value = strcspn(text + name + 1, (char[]){after, '\0'});
    vec_push(arena, &out,
             ((struct s3_pair){arena_strndup(arena, text, name),
                               arena_strndup(arena, text + name + 1, value)}));
    text += name + 1 + value;
    text += *text != '\0';
  }
  return out;
}

static void check_vector(const struct vector *v, struct s3_to_sign what, const char *host,
                         const struct s3_keys *keys)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  struct s3_pairs query = pairs(arena, v->query, '=', '&');
  struct s3_pairs headers = pairs(arena, v->headers, ':', '\n');
  vec_push(arena, &headers, ((struct s3_pair){"x-amz-date", what.date}));
  vec_push(arena, &headers, ((struct s3_pair){"host", host}));
  if (strcmp(what.service, "s3") == 0)
    vec_push(arena, &headers, ((struct s3_pair){"x-amz-content-sha256", v->payload_sha256}));
  what.method = v->method;
  what.path = v->path;
  what.query = s3_canonical_query(arena, &query);
  what.headers = &headers;
  what.payload_sha256 = v->payload_sha256;
  const char *answer = s3_sign(arena, &what, keys);
  if (!strstr(answer, arena_printf(arena, ",Signature=%s", v->signature)))
    fail_msg("%s: %s", v->name, answer);
}

static void test_published_vectors(void **state)
{
  UNUSED(state);
  const struct s3_keys suite_keys = {"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
                                     NULL};
  const struct s3_keys keys = {"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
                               NULL};
  for (size_t i = 0; i < COUNT_OF(suite); i++)
    check_vector(&suite[i],
                 (struct s3_to_sign){
                     .region = "us-east-1", .service = "service", .date = "20150830T123600Z"},
                 "example.amazonaws.com", &suite_keys);
  for (size_t i = 0; i < COUNT_OF(documented); i++)
    check_vector(
        &documented[i],
        (struct s3_to_sign){.region = "us-east-1", .service = "s3", .date = "20130524T000000Z"},
        "examplebucket.s3.amazonaws.com", &keys);
}

/* ---- encoding ---- */

static void test_encoding(void **state)
{
  UNUSED(state);
  CLEANUP(text_clear) struct text t = TEXT_INIT;
  s3_encode(&t, "a b/c+d%~é=", true);
  assert_string_equal(t.data, "a%20b/c%2Bd%25~%C3%A9%3D");
  text_reset(&t);
  s3_encode(&t, "a/b", false);
  assert_string_equal(t.data, "a%2Fb");
  char back[] = "a%20b/c%2Bd%25~%C3%A9%3D%zz%4";
  s3_decode(back);
  assert_string_equal(back, "a b/c+d%~é=%zz%4");
}

static void test_query(void **state)
{
  UNUSED(state);
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  struct s3_pairs query = {0};
  vec_push(arena, &query, ((struct s3_pair){"uploads", ""}));
  vec_push(arena, &query, ((struct s3_pair){"prefix", "a/b+c"}));
  vec_push(arena, &query, ((struct s3_pair){"part", "2"}));
  vec_push(arena, &query, ((struct s3_pair){"part", "10"}));
  assert_string_equal(s3_canonical_query(arena, &query),
                      "part=10&part=2&prefix=a%2Fb%2Bc&uploads=");
}

/* ---- the same requests signed by botocore ---- */

enum { BOTOCORE_REQUESTS = 400 };

static unsigned below(unsigned n)
{
  return (unsigned)rand() % n;
}

static char *random_text(struct arena *arena, const char *letters, unsigned max)
{
  char *s = arena_alloc(arena, max + 1);
  unsigned len = below(max + 1);
  for (unsigned i = 0; i < len; i++)
    s[i] = letters[below((unsigned)strlen(letters))];
  return s;
}

static void add_random_pairs(struct arena *arena, struct s3_pairs *out, const char *stem,
                             const char *letters)
{
  unsigned count = below(5);
  for (unsigned i = 0; i < count; i++)
    vec_push(arena, out,
             ((struct s3_pair){arena_printf(arena, "%s%s%u", stem, below(2) ? "" : "-x", i),
                               random_text(arena, letters, 12)}));
}

static void write_request(struct arena *arena, struct text *out)
{
  static const char *const methods[] = {"GET", "PUT", "POST", "DELETE", "HEAD"};
  static const char bytes[] = "abcXYZ019-._~ +=&%/?:@!*'()";
  struct s3_pairs query = {0}, headers = {0};
  char date[S3_DATE_SIZE], hash[STORE_SHA256_HEX];
  s3_date(1000000000 + (int64_t)below(1000000000), date);
  store_sha256(date, below(16), hash);
  const struct s3_keys keys = {"AKID", random_text(arena, bytes, 40),
                               below(2) ? "the/to+ken==" : NULL};
  CLEANUP(text_clear) struct text path = TEXT_INIT;
  s3_encode(
      &path,
      arena_printf(arena, "/k%s%s", below(2) ? "" : "\xC3\xA9", random_text(arena, bytes, 20)),
      true);
  add_random_pairs(arena, &query, "q", bytes);
  add_random_pairs(arena, &headers, "x-amz-meta-a", "abc  XYZ=/+\"");
  vec_push(arena, &headers, ((struct s3_pair){"host", "127.0.0.1:7480"}));
  vec_push(arena, &headers, ((struct s3_pair){"x-amz-date", date}));
  vec_push(arena, &headers, ((struct s3_pair){"x-amz-content-sha256", hash}));
  if (keys.token)
    vec_push(arena, &headers, ((struct s3_pair){"x-amz-security-token", keys.token}));
  struct s3_to_sign what = {.method = methods[below(COUNT_OF(methods))],
                            .path = path.data,
                            .query = s3_canonical_query(arena, &query),
                            .headers = &headers,
                            .payload_sha256 = hash,
                            .region = "eu-west-3",
                            .service = "s3",
                            .date = date};
  struct jw w = jw_begin(out);
  jw_object(&w);
  jw_key_string(&w, "method", what.method);
  jw_key_string(&w, "path", what.path);
  jw_key_string(&w, "query", what.query);
  jw_key_string(&w, "id", keys.id);
  jw_key_string(&w, "secret", keys.secret);
  jw_key_string(&w, "region", what.region);
  jw_key_string(&w, "authorization", s3_sign(arena, &what, &keys));
  jw_key(&w, "headers");
  jw_object(&w);
  for (size_t i = 0; i < headers.len; i++)
    jw_key_string(&w, headers.at[i].name, headers.at[i].value);
  jw_end(&w);
  jw_end(&w);
  text_putc(out, '\n');
}

static void test_agrees_with_botocore(void **state)
{
  UNUSED(state);
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  CLEANUP(err_clear) struct err err = ERR_INIT;
  CLEANUP(text_clear) struct text lines = TEXT_INIT;
  srand(20261130);
  for (int i = 0; i < BOTOCORE_REQUESTS; i++)
    write_request(arena, &lines);
  const char *tests = getenv("BELAY_TESTS");
  assert_non_null(tests);
  const char *const argv[] = {"/usr/bin/python3",
                              arena_printf(arena, "%s/s3/botocore_sign.py", tests), NULL};
  struct spawn s = {.argv = argv, .input = lines.data, .capture = true};
  struct spawn_result result;
  if (spawn_run(arena, &s, &result, &err) < 0)
    fail_msg("%s", err.message);
  if (result.exit_code != 0 || !strstr(result.output, "400 requests agree"))
    fail_msg("%s", result.output);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_published_vectors),
      cmocka_unit_test(test_encoding),
      cmocka_unit_test(test_query),
      cmocka_unit_test(test_agrees_with_botocore),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
