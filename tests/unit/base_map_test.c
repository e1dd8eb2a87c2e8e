#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base.h"

static void test_put_and_get(void **state)
{
  UNUSED(state);
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  struct map *map = map_new(arena);
  int a = 1, b = 2;
  assert_int_equal(map_len(map), 0);
  assert_null(map_get(map, "a"));
  assert_null(map_put(map, "a", &a));
  assert_null(map_put(map, "", &b)); /* the empty key is a key */
  assert_ptr_equal(map_get(map, "a"), &a);
  assert_ptr_equal(map_get(map, ""), &b);
  assert_null(map_get(map, "A"));
  assert_ptr_equal(map_put(map, "a", &b), &a); /* the former value */
  assert_ptr_equal(map_get(map, "a"), &b);
  assert_int_equal(map_len(map), 2);
}

static void test_keys_are_copied(void **state)
{
  UNUSED(state);
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  struct map *map = map_new(arena);
  int value;
  char key[] = "orders";
  map_put(map, key, &value);
  key[0] = 'X';
  assert_ptr_equal(map_get(map, "orders"), &value);
  assert_null(map_get(map, "Xrders"));
  assert_string_equal(map_key_at(map, 0), "orders");
}

static void test_many(void **state)
{
  UNUSED(state);
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  struct map *map = map_new(arena);
  enum { MANY = 20000 };
  int *values = arena_alloc(arena, MANY * sizeof(*values));
  for (int i = 0; i < MANY; i++)
    assert_null(map_put(map, arena_printf(arena, "public.table_%d", i), &values[i]));
  assert_int_equal(map_len(map), MANY);
  for (int i = 0; i < MANY; i++) {
    const char *key = arena_printf(arena, "public.table_%d", i);
    assert_ptr_equal(map_get(map, key), &values[i]);
    assert_string_equal(map_key_at(map, (size_t)i),
                        key); /* order of insertion, also after growing */
    assert_ptr_equal(map_value_at(map, (size_t)i), &values[i]);
  }
  assert_null(map_get(map, "public.table_20000"));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_put_and_get),
      cmocka_unit_test(test_keys_are_copied),
      cmocka_unit_test(test_many),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
