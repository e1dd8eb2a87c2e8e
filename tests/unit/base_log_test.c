#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base.h"
#include "base/fs.h"
#include "base/log.h"

#include <unistd.h>

static void test_redact(void **state)
{
  UNUSED(state);
  static const struct {
    const char *text, *shown;
  } cases[] = {
      {"", ""},
      {"nothing here", "nothing here"},
      {"hunter2", "***"},
      {"user:hunter2@host hunter2", "user:***@host ***"},
      {"hunter22secret!", "***!"}, /* the longer of two with one beginning */
      {"hunter", "hunter"},
      {"ab is too short", "ab is too short"},
  };
  log_secret("hunter2");
  log_secret("hunter22secret");
  log_secret("hunter2");
  log_secret("ab");
  log_secret("");
  log_secret(NULL);
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    CLEANUP(free_ptr) char *shown = log_redact(cases[i].text);
    assert_string_equal(shown, cases[i].shown);
  }
}

/* Passwords that nobody registered: in the command that a person wraps. */
static void test_patterns(void **state)
{
  UNUSED(state);
  static const struct {
    const char *text, *shown;
  } cases[] = {
      {"psql postgresql://u:geheim@h/db -c x", "psql postgresql://u:***@h/db -c x"},
      {"psql 'postgres://u:geheim@h/db'", "psql 'postgres://u:***@h/db'"},
      {"postgresql://u:p@ss@h/db", "postgresql://u:***@h/db"},
      {"postgresql://u:p/s?s@h/db", "postgresql://u:***@h/db"},
      {"postgresql://u:geheim@h/db?application_name=a@b",
       "postgresql://u:***@h/db?application_name=a@b"},
      {"postgresql://:geheim@h/db", "postgresql://:***@h/db"},
      {"a postgresql://u:one@h b postgresql://u:two@h",
       "a postgresql://u:***@h b postgresql://u:***@h"},
      {"postgresql://u@h:5432/db", "postgresql://u@h:5432/db"},
      {"postgresql://h:5432/db", "postgresql://h:5432/db"},
      {"postgresql://h:5432/db a@b", "postgresql://h:5432/db a@b"},
      {"postgresql://[::1]:5432/db@x", "postgresql://[::1]:5432/db@x"},
      {"https://example.org/a:b", "https://example.org/a:b"},
      {"postgresql://u:@h/db", "postgresql://u:@h/db"},
      {"://", "://"},
      {"env PGPASSWORD=geheim psql", "env PGPASSWORD=*** psql"},
      {"PGPASSWORD=a&b;c psql", "PGPASSWORD=*** psql"},
      {"host=h password=geheim user=u", "host=h password=*** user=u"},
      {"host=h Password='ge\\'heim x' user=u", "host=h Password=*** user=u"},
      {"password=\"a b\" c", "password=*** c"},
      {"password='never ends", "password=***"},
      {"tool --password=geheim", "tool --password=***"},
      {"postgresql://u@h/db?password=geheim&sslmode=require",
       "postgresql://u@h/db?password=***&sslmode=require"},
      {"postgresql://u@h/db?sslmode=require&password=geheim",
       "postgresql://u@h/db?sslmode=require&password=***"},
      {"password= next", "password= next"},
      {"password=", "password="},
      {"a password is needed", "a password is needed"},
  };
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    CLEANUP(free_ptr) char *shown = log_redact(cases[i].text);
    assert_string_equal(shown, cases[i].shown);
  }
}

/* What was written to stderr by `write`. */
static char *said(struct arena *arena, void (*write_it)(void))
{
  CLEANUP(err_clear) struct err err = ERR_INIT;
  char path[] = "/tmp/belay-log-XXXXXX", *text = NULL;
  size_t len;
  int file = mkstemp(path), saved = dup(2);
  assert_true(file >= 0 && saved >= 0);
  fflush(stderr);
  dup2(file, 2);
  write_it();
  fflush(stderr);
  dup2(saved, 2);
  close(saved);
  close(file);
  int rc = fs_read(arena, path, &text, &len, &err);
  unlink(path);
  assert_int_equal(rc, 0);
  return text;
}

static void all_levels(void)
{
  log_error("an %s", "error");
  log_warning("a warning");
  log_info("info");
  log_debug("debug");
}

static void test_levels(void **state)
{
  UNUSED(state);
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  static const struct {
    enum log_level level;
    const char *text;
  } cases[] = {
      {LOG_ERROR, "error: an error\n"},
      {LOG_WARNING, "error: an error\nwarning: a warning\n"},
      {LOG_INFO, "error: an error\nwarning: a warning\ninfo\n"},
      {LOG_DEBUG, "error: an error\nwarning: a warning\ninfo\ndebug: debug\n"},
  };
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    log_set_level(cases[i].level);
    assert_int_equal(log_level(), cases[i].level);
    assert_string_equal(said(arena, all_levels), cases[i].text);
  }
  log_set_level(LOG_INFO);
}

static void an_error(void)
{
  CLEANUP(err_clear) struct err err = ERR_INIT;
  err_set(&err, ERR_CONNECT, "connecting as hunter2 failed");
  err_detail(&err, "password hunter2");
  err_hint(&err, "Check hunter2.");
  log_err(&err);
  CLEANUP(err_clear) struct err bare = {.code = ERR_LOCKED};
  log_err(&bare);
}

static void test_errors_are_redacted(void **state)
{
  UNUSED(state);
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  log_secret("hunter2");
  assert_string_equal(said(arena, an_error),
                      "error: connecting as *** failed\ndetail: password ***\nhint: Check ***.\n"
                      "error: another run holds the lock; the database is untouched\n");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_redact),
      cmocka_unit_test(test_patterns),
      cmocka_unit_test(test_levels),
      cmocka_unit_test(test_errors_are_redacted),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
