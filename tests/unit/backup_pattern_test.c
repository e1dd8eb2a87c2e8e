/* psql's patterns: folding, quoting, wildcards, what is no pattern, which of them matched. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "backup/pattern.h"

static struct arena *arena;

static int set_up(void **state)
{
  UNUSED(state);
  arena = arena_new();
  return 0;
}

static int tear_down(void **state)
{
  UNUSED(state);
  arena_free(arena);
  return 0;
}

static int parse(struct patterns *ret, struct err *err, const char *text)
{
  struct strings texts = {0};
  vec_push(arena, &texts, text);
  return patterns_parse(arena, &texts, ret, err);
}

static void test_match(void **state)
{
  UNUSED(state);
  static const struct {
    const char *pattern, *identity;
    bool matches;
  } cases[] = {
      {"orders", "public.orders", true},
      {"orders", "sales.orders", true},
      {"orders", "public.order", false},
      {"orders", "public.orders2", false},
      {"ORDERS", "public.orders", true},
      {"Orders", "public.\"Orders\"", false},
      {"\"Orders\"", "public.\"Orders\"", true},
      {"\"Orders\"", "public.orders", false},
      {"Or\"D\"ers", "public.\"orDers\"", true},
      {"public.orders", "public.orders", true},
      {"public.orders", "sales.orders", false},
      {"p*.o*s", "public.orders", true},
      {"*", "a.b", true},
      {"*.*", "a.b", true},
      {"*.*", "\"a.b\".\"c.d\"", true},
      {"\"a.b\".\"c.d\"", "\"a.b\".\"c.d\"", true},
      {"a.b", "\"a.b\".c", false},
      {"b", "\"a.b\".c", false},
      {"order_??", "public.order_42", true},
      {"order_??", "public.order_4", false},
      {"order_??", "public.order_421", false},
      {"\"order_??\"", "public.order_42", false},
      {"\"order_??\"", "public.\"order_??\"", true},
      {"\"*\"", "public.\"*\"", true},
      {"\"*\"", "public.x", false},
      {"*a*b*c", "public.xxaxxbxxbxxc", true},
      {"*a*b*c", "public.xxaxxcxxbxx", false},
      {"o*", "public.o", true},
      {"?", "public.\"\xC3\xA4\"", true}, /* one character of two bytes */
      {"??", "public.\"\xC3\xA4\"", false},
      {"*?x", "public.\"\xC3\xA4x\"", true},
      {"\"a\"\"b\"", "public.\"a\"\"b\"", true},
      {"\"a\\b\"", "public.\"a\\b\"", true},
      {"\"a\\\\b\"", "public.\"a\\b\"", false},
      {"a$b", "public.\"a$b\"", true},
      {"\"[a]|(b)\"", "public.\"[a]|(b)\"", true},
      {"a b", "public.\"a b\"", true},
  };
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    CLEANUP(err_clear) struct err err = ERR_INIT;
    struct patterns patterns;
    assert_int_equal(parse(&patterns, &err, cases[i].pattern), 0);
    if (patterns_match(&patterns, cases[i].identity) != cases[i].matches)
      fail_msg("%s and %s: not %d", cases[i].pattern, cases[i].identity, cases[i].matches);
  }
}

static void test_refuse(void **state)
{
  UNUSED(state);
  static const struct {
    const char *pattern, *why;
  } cases[] = {
      {"", "empty"},         {".orders", "empty"}, {"public.", "empty"}, {"a.b.c", "database"},
      {"\"orders", "quote"}, {"\"\"", "empty"},    {"a|b", "regular"},   {"order[0-9]", "regular"},
      {"a\\b", "regular"},   {"(a)", "regular"},   {"a+", "regular"},
  };
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    CLEANUP(err_clear) struct err err = ERR_INIT;
    struct patterns patterns;
    assert_int_equal(parse(&patterns, &err, cases[i].pattern), -1);
    assert_int_equal(err.code, ERR_USAGE);
    assert_non_null(strstr(err.message, cases[i].why));
    assert_non_null(err.hint);
  }
}

static void test_used(void **state)
{
  UNUSED(state);
  CLEANUP(err_clear) struct err err = ERR_INIT;
  struct strings texts = {0};
  struct patterns patterns;
  vec_push(arena, &texts, "a*");
  vec_push(arena, &texts, "nosuch");
  vec_push(arena, &texts, "public.?b");
  vec_push(arena, &texts, "Other");
  assert_int_equal(patterns_parse(arena, &texts, &patterns, &err), 0);
  assert_true(patterns_match(&patterns, "public.ab")); /* by two of them */
  assert_false(patterns_match(&patterns, "public.c"));
  assert_int_equal(patterns_check_used(&patterns, "backup 1", &err), -1);
  assert_int_equal(err.code, ERR_USAGE);
  assert_string_equal(err.message, "no table of backup 1 matches nosuch, Other");
  err_clear(&err);
  patterns.len = 1;
  assert_int_equal(patterns_check_used(&patterns, "backup 1", &err), 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_match, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_refuse, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_used, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
