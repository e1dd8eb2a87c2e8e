#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/suggest.h"

static void test_suggestions(void **state)
{
  UNUSED(state);
  static const char *const words[] = {"run",         "status", "restore",     "rollback",
                                      "environment", "json",   "lock_timeout"};
  static const struct {
    const char *word, *meant;
  } cases[] = {
      {"run", "run"},
      {"rnu", "run"},
      {"stauts", "status"},
      {"stat", "status"},
      {"restor", "restore"},
      {"rolback", "rollback"},
      {"enviroment", "environment"},
      {"JSON", "json"},
      {"Lock-Timeout", "lock_timeout"},
      {"deploy", NULL},
      {"", NULL},
      {"x", NULL},
      {"migrations", NULL},
  };
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    const char *got = suggest_word(cases[i].word, words, COUNT_OF(words));
    if (!got != !cases[i].meant || (got && strcmp(got, cases[i].meant) != 0))
      fail_msg("\"%s\" suggests %s", cases[i].word, got ? got : "nothing");
  }
}

static void test_edges(void **state)
{
  UNUSED(state);
  char word[200];
  const char *const same[] = {word};
  memset(word, 'a', sizeof(word) - 1);
  word[sizeof(word) - 1] = '\0';
  assert_null(suggest_word(word, same, 1)); /* too long to be compared */
  word[64] = '\0';
  assert_ptr_equal(suggest_word(word, same, 1), word);
  assert_null(suggest_word("run", NULL, 0));
  const char *const twice[] = {"cat", "bat"};
  assert_string_equal(suggest_word("hat", twice, 2), "cat"); /* the first of equals */
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_suggestions),
      cmocka_unit_test(test_edges),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
