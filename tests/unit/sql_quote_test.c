#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "sql/quote.h"

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

static void test_ident(void **state)
{
  UNUSED(state);
  static const struct {
    const char *name, *quoted;
  } cases[] = {
      {"orders", "orders"},
      {"_x1", "_x1"},
      {"Orders", "\"Orders\""},
      {"1x", "\"1x\""},
      {"a b", "\"a b\""},
      {"a$b", "\"a$b\""},
      {"", "\"\""},
      {"a\"b", "\"a\"\"b\""},
      {"gr\xC3\xB6\xC3\x9F"
       "e",
       "\"gr\xC3\xB6\xC3\x9F"
       "e\""},
      {"table", "\"table\""},           /* reserved */
      {"between", "\"between\""},       /* not for columns' functions */
      {"left", "\"left\""},             /* type or function name */
      {"json_table", "\"json_table\""}, /* keyword since 17 */
      {"all", "\"all\""},               /* first of the list */
      {"xmltable", "\"xmltable\""},     /* last */
      {"begin", "begin"},               /* unreserved */
      {"tablet", "tablet"},
      {"x\\y", "\"x\\y\""},
  };
  for (size_t i = 0; i < COUNT_OF(cases); i++)
    assert_string_equal(sql_ident(arena, cases[i].name), cases[i].quoted);
}

static void test_qualified(void **state)
{
  UNUSED(state);
  assert_string_equal(sql_qualified(arena, "public", "orders"), "public.orders");
  assert_string_equal(sql_qualified(arena, "User", "order"), "\"User\".\"order\"");
  assert_string_equal(sql_qualified(arena, NULL, "orders"), "orders");
  assert_string_equal(sql_qualified(arena, "", "orders"), "orders");
}

static void test_literal(void **state)
{
  UNUSED(state);
  assert_string_equal(sql_literal(arena, "it's"), "'it''s'");
  assert_string_equal(sql_literal(arena, "a\\b'c"), "E'a\\\\b''c'");
  assert_string_equal(sql_literal(arena, ""), "''");
  assert_string_equal(sql_literal(arena, "a\nb"), "'a\nb'");
  assert_string_equal(sql_literal(arena, NULL), "NULL");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_ident),
      cmocka_unit_test(test_qualified),
      cmocka_unit_test(test_literal),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
