#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base.h"
#include "base/json.h"

#include <jansson.h>

/* What the writer writes, jansson reads back. */
static json_t *parsed(const struct text *t)
{
  json_error_t error;
  json_t *value = json_loadb(t->data, t->len, JSON_ALLOW_NUL | JSON_DECODE_ANY, &error);
  if (!value)
    fail_msg("%s at %d in %s", error.text, error.position, t->data);
  return value;
}

static void test_strings_come_back(void **state)
{
  UNUSED(state);
  static const struct {
    const char *bytes;
    size_t len;
    const char *back;
    size_t back_len;
  } cases[] = {
#define SAME(s) {s, sizeof(s) - 1, s, sizeof(s) - 1}
#define AS(s, b)                                                                                   \
  {                                                                                                \
    s, sizeof(s) - 1, b, sizeof(b) - 1                                                             \
  }
#define BAD "\xef\xbf\xbd"
      SAME(""),
      SAME("plain"),
      SAME("a\"b\\c/d"),
      SAME("\n\t\r\b\f\x01\x1f\x7f"),
      SAME("nul\0inside"),
      SAME("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\xa7\x97"),
      SAME(
          "\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf"), /* beside the surrogates, and the last one */
      AS("\xff", BAD),
      AS("a\x80z", "a" BAD "z"),
      AS("\xc3", BAD),                         /* cut off */
      AS("\xe2\x82", BAD BAD),                 /* cut off */
      AS("\xc0\xaf", BAD BAD),                 /* overlong / */
      AS("\xe0\x80\xaf", BAD BAD BAD),         /* overlong */
      AS("\xf0\x80\x80\xaf", BAD BAD BAD BAD), /* overlong */
      AS("\xed\xa0\x80", BAD BAD BAD),         /* a surrogate */
      AS("\xf4\x90\x80\x80", BAD BAD BAD BAD), /* above U+10FFFF */
      AS("\xc3(", BAD "("),
  };
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    CLEANUP(text_clear) struct text t = TEXT_INIT;
    struct jw w = jw_begin(&t);
    jw_string_len(&w, cases[i].bytes, cases[i].len);
    json_t *value = parsed(&t);
    assert_int_equal(json_string_length(value), cases[i].back_len);
    assert_memory_equal(json_string_value(value), cases[i].back, cases[i].back_len);
    json_decref(value);
  }
}

static void test_every_byte(void **state)
{
  UNUSED(state);
  for (int c = 0; c < 256; c++) {
    CLEANUP(text_clear) struct text t = TEXT_INIT;
    struct jw w = jw_begin(&t);
    char byte = (char)c;
    jw_string_len(&w, &byte, 1);
    json_t *value = parsed(&t);
    if (c < 128)
      assert_memory_equal(json_string_value(value), &byte, 1);
    else
      assert_string_equal(json_string_value(value), BAD);
    json_decref(value);
    for (size_t i = 0; i < t.len; i++) /* no control characters as they are */
      assert_true((unsigned char)t.data[i] >= 0x20 && t.data[i] != 0x7f);
  }
}

static void test_shape(void **state)
{
  UNUSED(state);
  CLEANUP(text_clear) struct text t = TEXT_INIT;
  struct jw w = jw_begin(&t);
  jw_object(&w);
  jw_key_int(&w, "schema", 1);
  jw_key(&w, "list");
  jw_array(&w);
  jw_int(&w, INT64_MIN);
  jw_int(&w, INT64_MAX);
  jw_bool(&w, false);
  jw_null(&w);
  jw_string(&w, NULL);
  jw_object(&w);
  jw_end(&w);
  jw_array(&w);
  jw_end(&w);
  jw_raw(&w, "{\"raw\":[1]}");
  jw_end(&w);
  jw_key_string(&w, "a\"b", NULL);
  jw_key_bool(&w, "yes", true);
  jw_end(&w);
  assert_string_equal(
      t.data,
      "{\"schema\":1,\"list\":[-9223372036854775808,9223372036854775807,false,null,null,{},[],"
      "{\"raw\":[1]}],\"a\\\"b\":null,\"yes\":true}");
  json_decref(parsed(&t));
}

static void test_deep(void **state)
{
  UNUSED(state);
  CLEANUP(text_clear) struct text t = TEXT_INIT;
  struct jw w = jw_begin(&t);
  for (int i = 0; i < JSON_DEPTH_MAX; i++)
    jw_array(&w);
  for (int i = 0; i < JSON_DEPTH_MAX; i++)
    jw_end(&w);
  json_decref(parsed(&t));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_strings_come_back),
      cmocka_unit_test(test_every_byte),
      cmocka_unit_test(test_shape),
      cmocka_unit_test(test_deep),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
