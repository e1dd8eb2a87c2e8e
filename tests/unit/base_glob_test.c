#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/base.h"
#include "base/fs.h"
#include "base/glob.h"

static void test_match(void **state)
{
  static const struct {
    const char *pattern, *path;
    bool matches;
  } cases[] = {
      {"", "", true},
      {"a", "a", true},
      {"a", "b", false},
      {"a", "ab", false},
      {"ab", "a", false},
      {"*", "abc", true},
      {"*", "", true},
      {"*", "a/b", false},
      {"a*c", "abcbc", true},
      {"a*c", "abcb", false},
      {"*.sql", "1.sql", true},
      {"*.sql", "d/1.sql", false},
      {"a*b/c*d", "aXb/cYd", true},
      {"a*b/c*d", "aXb/Yd", false},
      {"?", "a", true},
      {"?", "/", false},
      {"?", "", false},
      {"[a-c]x", "bx", true},
      {"[a-c]x", "dx", false},
      {"[!a-c]x", "dx", true},
      {"[!a-c]x", "bx", false},
      {"[]]x", "]x", true},
      {"[!x]", "/", false},
      {"[a", "[a", true},
      {"[a", "a", false},
      {"\\*", "*", true},
      {"\\*", "a", false},
      {"**", "a/b/c", true},
      {"**", "", true},
      {"a/**", "a/b/c", true},
      {"a/**", "b/c", false},
      {"**/m/*.sql", "m/1.sql", true},
      {"**/m/*.sql", "a/b/m/1.sql", true},
      {"**/m/*.sql", "a/bm/1.sql", false},
      {"**/m/*.sql", "a/m/b/1.sql", false},
      {"a/**/b", "a/b", true},
      {"a/**/b", "a/x/y/b", true},
      {"a/**/b", "a/xb", false},
      {"**/a*/**/*b", "x/a1/a2/c/1b", true},
      {"**/a/b/**/c", "a/a/b/c", true},
      {"**/a/b/**/c", "a/a/c/b", false},
  };
  UNUSED(state);
  for (size_t i = 0; i < COUNT_OF(cases); i++)
    if (glob_match(cases[i].pattern, cases[i].path) != cases[i].matches)
      fail_msg("%s and %s", cases[i].pattern, cases[i].path);
}

static void test_match_below(void **state)
{
  UNUSED(state);
  assert_true(glob_match_below("db/2023*", "db/2023_x/migration.sql"));
  assert_true(glob_match_below("db/2023_x/", "db/2023_x/migration.sql"));
  assert_true(glob_match_below("/abs", "/abs/x"));
  assert_true(glob_match_below("*.sql", "1.sql"));
  assert_false(glob_match_below("db/2023", "db/2023_x/migration.sql"));
  assert_false(glob_match_below("migration.sql", "db/migration.sql"));
  assert_false(glob_match_below("/", "/abs/x"));
}

static void test_files(void **state)
{
  UNUSED(state);
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  CLEANUP(err_clear) struct err err = ERR_INIT;
  char *dir;
  assert_int_equal(fs_temp_dir(arena, "glob-", &dir, &err), 0);
  static const char *const names[] = {"a/1.sql", "a/b/2.sql", "a/b/.h/3.sql", "c.sql", "a/x.txt"};
  for (size_t i = 0; i < COUNT_OF(names); i++) {
    const char *path = fs_join(arena, dir, names[i]);
    assert_int_equal(fs_mkdirs(fs_dirname(arena, path), 0755, &err), 0);
    assert_int_equal(fs_write_atomic(path, "", 0, 0644, &err), 0);
  }
  assert_int_equal(symlink("..", fs_join(arena, dir, "a/b/round")), 0);
  struct strings found = {0};
  assert_int_equal(glob_files(arena, fs_join(arena, dir, "**/*.sql"), &found, &err), 0);
  assert_int_equal(found.len, 3);
  assert_string_equal(found.at[0], fs_join(arena, dir, "a/1.sql"));
  assert_string_equal(found.at[1], fs_join(arena, dir, "a/b/2.sql"));
  assert_string_equal(found.at[2], fs_join(arena, dir, "c.sql"));
  assert_int_equal(glob_files(arena, fs_join(arena, dir, "a/[0-9].sql"), &found, &err), 0);
  assert_int_equal(found.len, 1);
  assert_int_equal(glob_files(arena, fs_join(arena, dir, "nowhere/*.sql"), &found, &err), 0);
  assert_int_equal(found.len, 0);
  assert_int_equal(fs_remove_tree(dir, &err), 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_match),
                                     cmocka_unit_test(test_match_below),
                                     cmocka_unit_test(test_files)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
