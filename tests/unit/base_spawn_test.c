#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/interrupt.h"
#include "base/spawn.h"

#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <unistd.h>

struct fixture {
  struct arena *arena;
  char *dir;
  struct err err;
  struct spawn_result result;
};

static int setup(void **state)
{
  struct fixture *f = x_calloc(1, sizeof(*f));
  f->arena = arena_new();
  assert_int_equal(fs_temp_dir(f->arena, "belay-spawn-", &f->dir, &f->err), 0);
  *state = f;
  return 0;
}

static int teardown(void **state)
{
  struct fixture *f = *state;
  err_clear(&f->err);
  fs_remove_tree(f->dir, &f->err);
  err_clear(&f->err);
  arena_free(f->arena);
  free(f);
  return 0;
}

/* `sh -c script` with the rest of spec */
static int run_sh(struct fixture *f, struct spawn spec, const char *script)
{
  const char *argv[] = {"sh", "-c", script, NULL};
  spec.argv = argv;
  return spawn_run(f->arena, &spec, &f->result, &f->err);
}

static void sh(struct fixture *f, struct spawn spec, const char *script)
{
  if (run_sh(f, spec, script) < 0)
    fail_msg("%s", f->err.message);
}

/* the pid that a script wrote into a file of the fixture */
static pid_t pid_in(struct fixture *f, const char *name)
{
  char *text;
  size_t len;
  assert_int_equal(fs_read(f->arena, fs_join(f->arena, f->dir, name), &text, &len, &f->err), 0);
  return (pid_t)strtol(text, NULL, 10);
}

/* That pid is of nobody (or of a zombie) soon. */
static void is_gone(struct fixture *f, const char *name)
{
  int pid = (int)pid_in(f, name);
  for (int i = 0; i < 1000; i++) {
    CLEANUP(err_clear) struct err gone = ERR_INIT;
    char *status;
    size_t len;
    if (fs_read(f->arena, arena_printf(f->arena, "/proc/%d/stat", pid), &status, &len, &gone) < 0 ||
        strstr(status, ") Z "))
      return;
    clock_sleep_ms(20);
  }
  fail_msg("process %d still runs", pid);
}

static void test_exit_codes(void **state)
{
  struct fixture *f = *state;
  static const struct {
    const char *script;
    int exit_code, signal;
  } cases[] = {
      {"exit 0", 0, 0},           {"exit 3", 3, 0},          {"exit 127", 127, 0},
      {"kill -TERM $$", 143, 15}, {"kill -KILL $$", 137, 9}, {"kill -INT $$", 130, 2},
      {"kill -PIPE $$", 141, 13}, {"exit 143", 143, 0},
  };
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    sh(f, (struct spawn){0}, cases[i].script);
    assert_int_equal(f->result.exit_code, cases[i].exit_code);
    assert_int_equal(f->result.signal, cases[i].signal);
    assert_false(f->result.timed_out);
  }
}

/* What cannot be started is an error: exit code 127 would look as if it had run. */
static void test_exec_failures(void **state)
{
  struct fixture *f = *state;
  const char *text = fs_join(f->arena, f->dir, "text"), *bad = fs_join(f->arena, f->dir, "bad");
  assert_int_equal(fs_write_atomic(text, "#!/bin/sh\n", 10, 0600, &f->err), 0);
  assert_int_equal(fs_write_atomic(bad, "#!/no/such/shell\n", 17, 0700, &f->err), 0);
  const struct {
    const char *program, *says;
  } cases[] = {
      {"no-such-program-at-all", "no such program"},
      {"/no/such/program", "no such program"},
      {text, "no such program"}, /* not executable */
      {f->dir, "no such program"},
      {bad, strerror(ENOENT)}, /* found, but its interpreter is not */
  };
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    const char *argv[] = {cases[i].program, NULL};
    struct spawn spec = {.argv = argv, .capture = true};
    assert_int_equal(spawn_run(f->arena, &spec, &f->result, &f->err), -1);
    assert_int_equal(f->err.code, ERR_USAGE);
    assert_non_null(strstr(f->err.message, cases[i].program));
    assert_non_null(strstr(f->err.message, cases[i].says));
    err_clear(&f->err);
  }
  assert_int_equal(run_sh(f, (struct spawn){.dir = "/no/such/dir"}, "exit 0"), -1);
  assert_non_null(strstr(f->err.message, strerror(ENOENT)));
}

static void test_capture(void **state)
{
  struct fixture *f = *state;
  sh(f, (struct spawn){.capture = true}, "printf 'a\\000b'; printf c >&2");
  assert_int_equal(f->result.output_len, 4);
  assert_memory_equal(f->result.output, "a\0bc", 5);
  sh(f, (struct spawn){.capture = true}, "exit 4");
  assert_int_equal(f->result.exit_code, 4);
  assert_string_equal(f->result.output, "");
}

static void test_capture_limit(void **state)
{
  struct fixture *f = *state;
  sh(f, (struct spawn){.capture = true},
     "head -c 10000000 /dev/zero | tr '\\0' a; head -c 10000000 /dev/zero | tr '\\0' b; printf c");
  assert_int_equal(f->result.exit_code, 0);
  assert_int_equal(f->result.output_len, SPAWN_OUTPUT_MAX);
  assert_int_equal(f->result.output[9999999], 'a');
  assert_int_equal(f->result.output[10000000], 'b');
  assert_int_equal(f->result.output[SPAWN_OUTPUT_MAX - 1],
                   'b'); /* the end is dropped, not a middle */
}

static void test_environment(void **state)
{
  struct fixture *f = *state;
  setenv("BELAY_TEST_KEPT", "kept", 1);
  setenv("BELAY_TEST_CHANGED", "old", 1);
  setenv("BELAY_TEST_REMOVED", "x", 1);
  const char *const env[] = {"BELAY_TEST_CHANGED=new", "BELAY_TEST_REMOVED", "BELAY_TEST_ADDED=a=b",
                             "BELAY_TEST_EMPTY=", NULL};
  sh(f, (struct spawn){.env = env, .capture = true},
     "echo $BELAY_TEST_KEPT $BELAY_TEST_CHANGED ${BELAY_TEST_REMOVED-gone} $BELAY_TEST_ADDED "
     "${BELAY_TEST_EMPTY-unset}; env | grep -c ^BELAY_TEST_CHANGED=");
  assert_string_equal(f->result.output, "kept new gone a=b\n1\n");
  assert_string_equal(getenv("BELAY_TEST_CHANGED"), "old"); /* ours is as it was */
  unsetenv("BELAY_TEST_KEPT");
  unsetenv("BELAY_TEST_CHANGED");
  unsetenv("BELAY_TEST_REMOVED");
}

static void test_working_directory(void **state)
{
  struct fixture *f = *state;
  CLEANUP(free_ptr) char *real = realpath(f->dir, NULL);
  sh(f, (struct spawn){.dir = f->dir, .capture = true}, "pwd -P");
  assert_string_equal(f->result.output, arena_printf(f->arena, "%s\n", real));
}

static void test_stdin(void **state)
{
  struct fixture *f = *state;
  sh(f, (struct spawn){.capture = true}, "cat; echo end"); /* nothing, not ours */
  assert_string_equal(f->result.output, "end\n");
  sh(f, (struct spawn){.capture = true, .input = "{\"a\":1}"}, "cat");
  assert_string_equal(f->result.output, "{\"a\":1}");
  char *large = arena_alloc(f->arena, SPAWN_INPUT_MAX + 2);
  memset(large, 'x', SPAWN_INPUT_MAX + 1);
  large[SPAWN_INPUT_MAX] = '\0';
  sh(f, (struct spawn){.capture = true, .input = large}, "sleep 0.1; wc -c");
  assert_int_equal(strtol(f->result.output, NULL, 10), SPAWN_INPUT_MAX);
  sh(f, (struct spawn){.input = large}, "exit 0"); /* nobody reads it */
  large[SPAWN_INPUT_MAX] = 'x';
  assert_int_equal(run_sh(f, (struct spawn){.input = large}, "exit 0"), -1);
  assert_non_null(strstr(f->err.message, "stdin"));
}

static void test_timeout(void **state)
{
  struct fixture *f = *state;
  sh(f, (struct spawn){.timeout_ms = 200, .capture = true}, "exec sleep 60");
  assert_true(f->result.timed_out);
  assert_int_equal(f->result.exit_code, 143); /* it did not come to its end */
}

/* The limit also holds for a program that never stops to write. */
static void test_timeout_of_a_talker(void **state)
{
  struct fixture *f = *state;
  sh(f, (struct spawn){.timeout_ms = 300, .capture = true}, "exec yes");
  assert_true(f->result.timed_out);
  assert_true(f->result.output_len > 0);
}

static void test_timeout_ends_the_group(void **state)
{
  struct fixture *f = *state;
  sh(f, (struct spawn){.timeout_ms = 2000, .own_group = true, .dir = f->dir},
     "sh -c 'echo $$ >child; exec sleep 600' & echo $$ >leader; wait");
  assert_true(f->result.timed_out);
  is_gone(f, "leader");
  is_gone(f, "child");
}

/* TERM is ignored by one of the group, and its leader has long ended: KILL comes all the same. */
static void test_timeout_kills_the_stubborn(void **state)
{
  struct fixture *f = *state;
  sh(f, (struct spawn){.timeout_ms = 2000, .own_group = true, .capture = true, .dir = f->dir},
     "sh -c 'trap \"\" TERM; echo $$ >child; while :; do sleep 1; done' & wait");
  assert_true(f->result.timed_out);
  is_gone(f, "child");
}

/* Nobody has to be ended: what the program left in the background is its own business. */
static void test_background_is_left_alone(void **state)
{
  struct fixture *f = *state;
  sh(f, (struct spawn){.own_group = true, .capture = true, .dir = f->dir},
     "sleep 600 & echo $! >child; echo told");
  assert_string_equal(f->result.output, "told\n");
  assert_int_equal(f->result.exit_code, 0);
  assert_int_equal(kill(pid_in(f, "child"), SIGKILL), 0); /* it lives on and holds our pipe */
  is_gone(f, "child");
}

/* Blocked or ignored signals of ours are not handed down. */
static void test_signals_of_the_child_are_usual(void **state)
{
  struct fixture *f = *state;
  sigset_t term, old;
  sigemptyset(&term);
  sigaddset(&term, SIGTERM);
  sigprocmask(SIG_BLOCK, &term, &old);
  signal(SIGPIPE, SIG_IGN);
  sh(f, (struct spawn){.capture = true}, "grep -E '^Sig(Blk|Ign)' /proc/self/status");
  sigprocmask(SIG_SETMASK, &old, NULL);
  signal(SIGPIPE, SIG_DFL);
  unsigned long long blocked = 1, ignored = 1;
  assert_int_equal(sscanf(f->result.output, "SigBlk: %llx SigIgn: %llx", &blocked, &ignored), 2);
  assert_int_equal(blocked, 0);
  assert_int_equal(ignored & (1ULL << (SIGPIPE - 1)), 0);
}

static void test_as_user(void **state)
{
  struct fixture *f = *state;
  if (geteuid() != 0) {
    sh(f, (struct spawn){.as_user = "root"}, "exit 0"); /* not root: no change */
    assert_int_equal(f->result.exit_code, 0);
    return;
  }
  if (getpwnam("nobody")) {
    sh(f, (struct spawn){.as_user = "nobody", .capture = true, .dir = "/"}, "id -un; id -G");
    assert_non_null(strstr(f->result.output, "nobody\n"));
    assert_null(strstr(f->result.output, "\n0"));
  }
  assert_int_equal(run_sh(f, (struct spawn){.as_user = "no-such-user"}, "exit 0"), -1);
  assert_non_null(strstr(f->err.message, "no-such-user"));
}

static void test_find(void **state)
{
  struct fixture *f = *state;
  CLEANUP(free_ptr) char *path = x_strdup(getenv("PATH"));
  const char *tool = fs_join(f->arena, f->dir, "tool");
  assert_int_equal(fs_write_atomic(tool, "#!/bin/sh\necho found\n", 21, 0700, &f->err), 0);
  assert_int_equal(fs_mkdirs(fs_join(f->arena, f->dir, "sub/tool"), 0700, &f->err), 0);
  setenv("PATH", arena_printf(f->arena, "/no/such::%s/sub:%s", f->dir, f->dir), 1);
  const char *found = spawn_find(f->arena, "tool"); /* sub/tool is a directory */
  const char *none = spawn_find(f->arena, "no-such-tool");
  setenv("PATH", path, 1);
  assert_string_equal(found, tool);
  assert_null(none);
  assert_string_equal(spawn_find(f->arena, tool), tool);
  assert_null(spawn_find(f->arena, "/no/such/tool"));
}

static void test_relative_program_and_directory(void **state)
{
  struct fixture *f = *state;
  const char *argv[] = {"./tool", NULL};
  struct spawn spec = {.argv = argv, .dir = "/", .capture = true};
  char *before = getcwd(NULL, 0);
  assert_int_equal(
      fs_write_atomic(fs_join(f->arena, f->dir, "tool"), "#!/bin/sh\npwd\n", 14, 0700, &f->err), 0);
  assert_int_equal(chdir(f->dir), 0);
  int rc = spawn_run(f->arena, &spec, &f->result, &f->err);
  assert_int_equal(chdir(before), 0);
  free(before);
  if (rc < 0)
    fail_msg("%s", f->err.message);
  assert_string_equal(f->result.output, "/\n");
}

static void test_start_and_wait(void **state)
{
  struct fixture *f = *state;
  const char *argv[] = {"sh", "-c", "echo started; exec sleep 60", NULL};
  struct spawn spec = {.argv = argv, .own_group = true};
  const char *log = fs_join(f->arena, f->dir, "log");
  pid_t pid;
  int exit_code = -1;
  assert_int_equal(spawn_start(&spec, log, &pid, &f->err), 0);
  assert_int_equal(spawn_wait(pid, 100, &exit_code, &f->err), -1);
  assert_non_null(strstr(f->err.message, "did not end"));
  assert_int_equal(exit_code, -1);
  err_clear(&f->err);
  assert_int_equal(getpgid(pid), pid);
  kill(pid, SIGKILL);
  assert_int_equal(spawn_wait(pid, -1, &exit_code, &f->err), 0);
  assert_int_equal(exit_code, 137);
  char *text;
  size_t len;
  assert_int_equal(fs_read(f->arena, log, &text, &len, &f->err), 0);
  assert_string_equal(text, "started\n");
  assert_int_equal(spawn_wait(pid, 0, &exit_code, &f->err), -1); /* nobody's child now */
  err_clear(&f->err);
  assert_int_equal(spawn_start(&spec, "/no/such/dir/log", &pid, &f->err), -1);
  assert_non_null(strstr(f->err.message, "/no/such/dir/log"));
}

/* The tests below leave a signal pending in this process, so they come last and in this order. */

static void test_a_signal_is_passed_on(void **state)
{
  struct fixture *f = *state;
  interrupt_install();
  assert_int_equal(interrupt_check(&f->err), 0);
  sh(f, (struct spawn){.own_group = true, .capture = true},
     arena_printf(f->arena, "trap 'echo got it; exit 9' TERM; kill -TERM %d; while :; do :; done",
                  (int)getpid()));
  assert_int_equal(f->result.exit_code, 9);
  assert_string_equal(f->result.output, "got it\n");
  assert_false(f->result.timed_out);
  assert_int_equal(interrupt_pending(), SIGTERM);
  assert_int_equal(interrupt_count(), 1);
  assert_int_equal(interrupt_check(&f->err), -1);
  assert_int_equal(f->err.code, ERR_TERMINATED);
}

static void test_an_earlier_signal(void **state)
{
  struct fixture *f = *state;
  assert_int_equal(interrupt_pending(), SIGTERM);
  sh(f, (struct spawn){.own_group = true}, "exec sleep 60"); /* the work that was to stop */
  assert_int_equal(f->result.exit_code, 143);
  sh(f, (struct spawn){.own_group = true, .after_interrupt = true}, "sleep 0.2; exit 5");
  assert_int_equal(f->result.exit_code, 5);
}

static volatile sig_atomic_t hook_calls;

static void count_call(void)
{
  hook_calls = hook_calls + 1;
}

static void test_interrupt(void **state)
{
  struct fixture *f = *state;
  int before = interrupt_count();
  interrupt_set_hook(count_call);
  raise(SIGINT);
  assert_int_equal(hook_calls, 1);
  assert_int_equal(interrupt_pending(), SIGINT);
  assert_int_equal(interrupt_count(), before + 1);
  assert_int_equal(interrupt_check(&f->err), -1);
  assert_int_equal(f->err.code, ERR_INTERRUPTED);
  interrupt_set_hook(NULL);
  raise(SIGTERM);
  assert_int_equal(hook_calls, 1);
  assert_int_equal(interrupt_pending(), SIGTERM);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
  const struct CMUnitTest tests[] = {
      TEST(test_exit_codes),
      TEST(test_exec_failures),
      TEST(test_capture),
      TEST(test_capture_limit),
      TEST(test_environment),
      TEST(test_working_directory),
      TEST(test_stdin),
      TEST(test_timeout),
      TEST(test_timeout_of_a_talker),
      TEST(test_timeout_ends_the_group),
      TEST(test_timeout_kills_the_stubborn),
      TEST(test_background_is_left_alone),
      TEST(test_signals_of_the_child_are_usual),
      TEST(test_as_user),
      TEST(test_find),
      TEST(test_relative_program_and_directory),
      TEST(test_start_and_wait),
      TEST(test_a_signal_is_passed_on),
      TEST(test_an_earlier_signal),
      TEST(test_interrupt),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
