#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base.h"

#include <errno.h>

static void test_set_keeps_the_first(void **state)
{
  UNUSED(state);
  CLEANUP(err_clear) struct err err = ERR_INIT;
  assert_false(err_is_set(&err));
  assert_int_equal(err_set(&err, ERR_REFUSED, "table %s", "orders"), -1);
  assert_int_equal(err_set(&err, ERR_STORE, "second"), -1);
  errno = ENOSPC;
  assert_int_equal(err_errno(&err, ERR_STORE, "third"), -1);
  assert_true(err_is_set(&err));
  assert_int_equal(err.code, ERR_REFUSED);
  assert_string_equal(err.message, "table orders");
}

static void test_errno(void **state)
{
  UNUSED(state);
  CLEANUP(err_clear) struct err err = ERR_INIT;
  errno = ENOENT;
  assert_int_equal(err_errno(&err, ERR_STORE, "reading %s", "a"), -1);
  assert_string_equal(err.message, "reading a: No such file or directory");
  assert_int_equal(errno, ENOENT);
}

static void test_wrap(void **state)
{
  UNUSED(state);
  CLEANUP(err_clear) struct err err = ERR_INIT;
  err_set(&err, ERR_SQL, "syntax error");
  assert_int_equal(err_wrap(&err, "file %d", 3), -1);
  err_wrap(&err, "run");
  assert_string_equal(err.message, "run: file 3: syntax error");
  assert_int_equal(err.code, ERR_SQL);
  err_wrap(&err, "%s again", err.message); /* its own text as an argument */
  assert_string_equal(err.message, "run: file 3: syntax error again: run: file 3: syntax error");
}

static void test_wrap_of_nothing_is_an_error_too(void **state)
{
  UNUSED(state);
  CLEANUP(err_clear) struct err err = ERR_INIT;
  err_wrap(&err, "lost");
  assert_true(err_is_set(&err));
  assert_int_equal(err.code, ERR_UNEXPECTED);
  assert_string_equal(err.message, "lost");
}

static void test_detail_and_hint_replace(void **state)
{
  UNUSED(state);
  CLEANUP(err_clear) struct err err = ERR_INIT;
  err_set(&err, ERR_USAGE, "no");
  assert_int_equal(err_hint(&err, "Type %s", "a"), -1);
  assert_int_equal(err_hint(&err, "%s, then b", err.hint), -1);
  assert_string_equal(err.hint, "Type a, then b");
  assert_int_equal(err_detail(&err, "one"), -1);
  assert_int_equal(err_detail(&err, "two"), -1);
  assert_string_equal(err.detail, "two");
  assert_int_equal(err_recode(&err, ERR_BACKUP), -1);
  assert_int_equal(err.code, ERR_BACKUP);
  assert_string_equal(err.message, "no");
}

static void test_move_and_clear(void **state)
{
  UNUSED(state);
  CLEANUP(err_clear) struct err a = ERR_INIT, b = ERR_INIT;
  err_set(&a, ERR_LOCKED, "held");
  err_hint(&a, "Wait.");
  err_move(&b, &a);
  assert_false(err_is_set(&a));
  assert_null(a.message);
  assert_string_equal(b.message, "held");
  assert_string_equal(b.hint, "Wait.");
  err_clear(&b);
  assert_false(err_is_set(&b));
  assert_null(b.hint);
  err_clear(&b); /* twice is fine */
}

static void test_sqlstate(void **state)
{
  UNUSED(state);
  static const struct {
    const char *has, *asked;
    bool is;
  } cases[] = {
      {"55P03", "55P03", true}, {"55P03", "55", true},   {"55P03", "55P02", false},
      {"55P03", "42", false},   {"55P03", "55P", false}, /* neither a state nor a class */
      {"55P03", "", false},     {"", "55P03", false},    {"", "", false},
  };
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    CLEANUP(err_clear) struct err err = ERR_INIT;
    err_set(&err, ERR_SQL, "x");
    snprintf(err.sqlstate, sizeof(err.sqlstate), "%s", cases[i].has);
    assert_int_equal(err_sqlstate_is(&err, cases[i].asked), cases[i].is);
  }
}

static void test_codes(void **state)
{
  UNUSED(state);
  static const struct {
    enum err_code code;
    const char *name;
    int exit_code;
  } cases[] = {
      {ERR_NONE, "ERR_NONE", 0},
      {ERR_UNEXPECTED, "ERR_UNEXPECTED", 1},
      {ERR_USAGE, "ERR_USAGE", 2},
      {ERR_REFUSED, "ERR_REFUSED", 3},
      {ERR_PREFLIGHT, "ERR_PREFLIGHT", 4},
      {ERR_BACKUP, "ERR_BACKUP", 5},
      {ERR_UNCHANGED, "ERR_UNCHANGED", 6},
      {ERR_RESTORED, "ERR_RESTORED", 7},
      {ERR_CHANGED, "ERR_CHANGED", 8},
      {ERR_POSTVERIFY, "ERR_POSTVERIFY", 9},
      {ERR_LOCKED, "ERR_LOCKED", 10},
      {ERR_STORE, "ERR_STORE", 11},
      {ERR_DAMAGED, "ERR_DAMAGED", 12},
      {ERR_INTERRUPTED, "ERR_INTERRUPTED", 130},
      {ERR_TERMINATED, "ERR_TERMINATED", 143},
      {ERR_SQL, "ERR_SQL", 1},
      {ERR_CONNECT, "ERR_CONNECT", 4},
  };
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    assert_int_equal(err_exit_code(cases[i].code), cases[i].exit_code);
    assert_string_equal(err_code_name(cases[i].code), cases[i].name);
    assert_true(err_code_text(cases[i].code)[0]);
  }
  assert_int_equal(err_exit_code((enum err_code)99), 1);
  assert_string_equal(err_code_name((enum err_code)99), "ERR_UNEXPECTED");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_set_keeps_the_first),
      cmocka_unit_test(test_errno),
      cmocka_unit_test(test_wrap),
      cmocka_unit_test(test_wrap_of_nothing_is_an_error_too),
      cmocka_unit_test(test_detail_and_hint_replace),
      cmocka_unit_test(test_move_and_clear),
      cmocka_unit_test(test_sqlstate),
      cmocka_unit_test(test_codes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
