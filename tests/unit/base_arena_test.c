#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base.h"

#include <stdalign.h>

static void test_aligned_and_zeroed(void **state)
{
  UNUSED(state);
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  static const size_t sizes[] = {1, 3, 8, 17, 4096, 16384, 16385, 65536, 200000};
  for (int round = 0; round < 50; round++)
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
      unsigned char *p = arena_alloc(arena, sizes[i]);
      assert_int_equal((uintptr_t)p % alignof(max_align_t), 0);
      for (size_t b = 0; b < sizes[i]; b += 97)
        assert_int_equal(p[b], 0);
      assert_int_equal(p[sizes[i] - 1], 0);
      memset(p, 0xaa, sizes[i]); /* a neighbour that overlaps would be seen in the next round */
    }
}

static void test_pieces_do_not_overlap(void **state)
{
  UNUSED(state);
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  enum { PIECES = 2000 };
  struct piece {
    unsigned char *at;
    size_t size;
  } *pieces = arena_alloc(arena, PIECES * sizeof(*pieces)); /* a big block first */
  for (size_t i = 0; i < PIECES; i++) {
    size_t size = i % 100 == 99 ? 20000 : i % 37 + 1;
    pieces[i] = (struct piece){arena_alloc(arena, size), size};
    memset(pieces[i].at, (int)(i % 251), size);
  }
  for (size_t i = 0; i < PIECES; i++)
    for (size_t b = 0; b < pieces[i].size; b++)
      assert_int_equal(pieces[i].at[b], i % 251);
}

static void test_strings(void **state)
{
  UNUSED(state);
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  assert_null(arena_strdup(arena, NULL));
  assert_string_equal(arena_strdup(arena, ""), "");
  assert_string_equal(arena_strndup(arena, "hello", 3), "hel");
  assert_memory_equal(arena_strndup(arena, "a\0b", 3), "a\0b", 4);
  assert_string_equal(arena_strndup(arena, NULL, 0), "");
  assert_string_equal(arena_printf(arena, "%s-%d", "a", 7), "a-7");
  char *long_one = arena_printf(arena, "%0100000d", 1);
  assert_int_equal(strlen(long_one), 100000);
}

static void test_adopted_things_live_on(void **state)
{
  UNUSED(state);
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  struct arena *others[] = {arena_new(), arena_new(), arena_new()}; /* the last one stays empty */
  char *own = arena_strdup(arena, "own");
  char *small = arena_strdup(others[0], "small"), *big = arena_alloc(others[1], 100000);
  memset(big, 'b', 100000);
  for (size_t i = 0; i < COUNT_OF(others); i++)
    arena_adopt(arena, others[i]);
  for (int i = 0; i < 1000; i++) /* new things must not lie on adopted ones */
    memset(arena_alloc(arena, 100), 0xaa, 100);
  assert_string_equal(own, "own");
  assert_string_equal(small, "small");
  assert_int_equal(big[99999], 'b');
  CLEANUP(arena_freep) struct arena *empty = arena_new();
  arena_adopt(empty, arena_new());
  struct arena *last = arena_new();
  char *kept = arena_strdup(last, "kept");
  arena_adopt(empty, last);
  assert_string_equal(arena_printf(empty, "%s more", kept), "kept more");
}

static void test_free_of_nothing(void **state)
{
  UNUSED(state);
  struct arena *arena = NULL;
  arena_free(NULL);
  arena_freep(&arena);
  arena = arena_new();
  arena_freep(&arena);
  assert_null(arena);
}

static void test_vec(void **state)
{
  UNUSED(state);
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  VEC(int) numbers = {0};
  for (int i = 0; i < 10000; i++) {
    int *n = vec_add(arena, &numbers);
    assert_int_equal(*n, 0);
    *n = i;
  }
  assert_int_equal(numbers.len, 10000);
  for (int i = 0; i < 10000; i++)
    assert_int_equal(numbers.at[i], i);
  struct strings words = {0};
  vec_push(arena, &words, "a");
  assert_string_equal(words.at[0], "a");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_aligned_and_zeroed),
      cmocka_unit_test(test_pieces_do_not_overlap),
      cmocka_unit_test(test_strings),
      cmocka_unit_test(test_adopted_things_live_on),
      cmocka_unit_test(test_free_of_nothing),
      cmocka_unit_test(test_vec),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
