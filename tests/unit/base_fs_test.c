#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base.h"
#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct fixture {
  struct arena *arena;
  char *dir;
  struct err err;
};

static int setup(void **state)
{
  struct fixture *f = x_calloc(1, sizeof(*f));
  f->arena = arena_new();
  assert_int_equal(fs_temp_dir(f->arena, "belay-fs-", &f->dir, &f->err), 0);
  *state = f;
  return 0;
}

static int teardown(void **state)
{
  struct fixture *f = *state;
  err_clear(&f->err);
  assert_int_equal(fs_remove_tree(f->dir, &f->err), 0);
  assert_false(fs_exists(f->dir));
  arena_free(f->arena);
  free(f);
  return 0;
}

static const char *in(struct fixture *f, const char *name)
{
  return fs_join(f->arena, f->dir, name);
}

static void ok(struct fixture *f, int rc)
{
  if (rc < 0)
    fail_msg("%s", f->err.message);
}

static void put(struct fixture *f, const char *name, const char *text)
{
  ok(f, fs_write_atomic(in(f, name), text, strlen(text), 0600, &f->err));
}

/* The call failed, and its message holds all of that. */
static void fails(struct fixture *f, int rc, const char *place, int cause)
{
  assert_int_equal(rc, -1);
  assert_int_equal(f->err.code, ERR_UNEXPECTED);
  if (!strstr(f->err.message, place) || !strstr(f->err.message, strerror(cause)))
    fail_msg("\"%s\" does not hold \"%s\" and \"%s\"", f->err.message, place, strerror(cause));
  err_clear(&f->err);
}

static void holds_only(struct fixture *f, const char *dir, const char *name)
{
  struct strings names;
  ok(f, fs_list(f->arena, dir, &names, &f->err));
  assert_int_equal(names.len, name ? 1 : 0);
  if (name)
    assert_string_equal(names.at[0], name);
}

static void content_is(struct fixture *f, const char *path, const char *want)
{
  char *bytes;
  size_t len;
  ok(f, fs_read(f->arena, path, &bytes, &len, &f->err));
  assert_int_equal(len, strlen(want));
  assert_string_equal(bytes, want);
}

static void test_write_and_read(void **state)
{
  struct fixture *f = *state;
  const char *path = in(f, "file");
  char *bytes;
  size_t len;
  struct stat st;
  ok(f, fs_write_atomic(path, "a\0b", 3, 0640, &f->err));
  ok(f, fs_read(f->arena, path, &bytes, &len, &f->err));
  assert_int_equal(len, 3);
  assert_memory_equal(bytes, "a\0b", 4);
  assert_int_equal(stat(path, &st), 0);
  assert_int_equal(st.st_mode & 0777, 0640);
  put(f, "file", "new"); /* over the old one */
  content_is(f, path, "new");
  put(f, "file", "");
  content_is(f, path, "");
  holds_only(f, f->dir, "file");
}

static void test_relative_path(void **state)
{
  struct fixture *f = *state;
  char *before = getcwd(NULL, 0);
  assert_int_equal(chdir(f->dir), 0);
  ok(f, fs_write_atomic("here", "x", 1, 0600, &f->err));
  assert_int_equal(chdir(before), 0);
  free(before);
  holds_only(f, f->dir, "here");
}

static void test_longest_name(void **state)
{
  struct fixture *f = *state;
  const char *name = arena_printf(f->arena, "%0255d", 7);
  put(f, name, "x");
  holds_only(f, f->dir, name);
}

static void test_large_file(void **state)
{
  struct fixture *f = *state;
  enum { SIZE = 3 * 1024 * 1024 + 17 };
  char *bytes = arena_alloc(f->arena, SIZE), *back;
  size_t len;
  memset(bytes, 'x', SIZE);
  ok(f, fs_write_atomic(in(f, "large"), bytes, SIZE, 0600, &f->err));
  ok(f, fs_read(f->arena, in(f, "large"), &back, &len, &f->err));
  assert_int_equal(len, SIZE);
  assert_memory_equal(back, bytes, SIZE);
}

/* A full disk, as far as a test can make one: the file may not grow beyond 1000 bytes. */
static void test_a_failed_write_leaves_the_old_content(void **state)
{
  struct fixture *f = *state;
  static const char bytes[5000];
  struct rlimit old, small = {.rlim_cur = 1000};
  put(f, "file", "old");
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
  small.rlim_max = old.rlim_max;
  signal(SIGXFSZ, SIG_IGN);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
  int rc = fs_write_atomic(in(f, "file"), bytes, sizeof(bytes), 0600, &f->err);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
  signal(SIGXFSZ, SIG_DFL);
  fails(f, rc, in(f, "file"), EFBIG);
  content_is(f, in(f, "file"), "old");
  holds_only(f, f->dir, "file"); /* no temporary file */
}

static void test_a_failed_rename_leaves_nothing(void **state)
{
  struct fixture *f = *state;
  ok(f, fs_mkdirs(in(f, "taken/inside"), 0700, &f->err));
  fails(f, fs_write_atomic(in(f, "taken"), "x", 1, 0600, &f->err), in(f, "taken"), EISDIR);
  holds_only(f, f->dir, "taken");
  fails(f, fs_write_atomic(in(f, "no/dir/file"), "x", 1, 0600, &f->err), in(f, "no/dir/file"),
        ENOENT);
}

/* Killed while it writes: what stays is hidden, so that nobody takes it for a file of the
 * directory. */
static void test_a_kill_leaves_no_visible_file(void **state)
{
  struct fixture *f = *state;
  static const char bytes[5000];
  pid_t pid = fork();
  if (pid == 0) {
    struct rlimit small = {.rlim_cur = 1000, .rlim_max = 1000};
    setrlimit(RLIMIT_CORE, &(struct rlimit){0});
    setrlimit(RLIMIT_FSIZE, &small); /* SIGXFSZ ends the process in the middle */
    signal(SIGXFSZ, SIG_DFL);
    fs_write_atomic(in(f, "file"), bytes, sizeof(bytes), 0600, &f->err);
    _exit(0);
  }
  int status;
  assert_int_equal(waitpid(pid, &status, 0), pid);
  assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGXFSZ);
  struct strings names;
  ok(f, fs_list(f->arena, f->dir, &names, &f->err));
  assert_int_equal(names.len, 1);
  assert_int_equal(strncmp(names.at[0], ".file.tmp-", 10), 0);
}

static void test_read_errors(void **state)
{
  struct fixture *f = *state;
  char *bytes = NULL;
  size_t len = 42;
  fails(f, fs_read(f->arena, in(f, "none"), &bytes, &len, &f->err), in(f, "none"), ENOENT);
  assert_int_equal(fs_read(f->arena, f->dir, &bytes, &len, &f->err), -1);
  assert_non_null(strstr(f->err.message, "is a directory"));
  assert_null(bytes);
  assert_int_equal(len, 42);
}

static void test_mkdirs(void **state)
{
  struct fixture *f = *state;
  static const char *const names[] = {"a", "a/b/c", "a/b/c", "d//e///", "a/../g"};
  for (size_t i = 0; i < COUNT_OF(names); i++) {
    ok(f, fs_mkdirs(in(f, names[i]), 0700, &f->err));
    assert_true(fs_is_dir(in(f, names[i])));
  }
  ok(f, fs_mkdirs("/", 0700, &f->err));
  struct stat st;
  assert_int_equal(stat(in(f, "a/b"), &st), 0);
  assert_int_equal(st.st_mode & 0777, 0700);
}

static void test_mkdirs_below_a_file(void **state)
{
  struct fixture *f = *state;
  put(f, "file", "x");
  fails(f, fs_mkdirs(in(f, "file"), 0700, &f->err), in(f, "file"), EEXIST);
  fails(f, fs_mkdirs(in(f, "file/a/b"), 0700, &f->err), in(f, "file"), EEXIST);
  assert_int_equal(symlink("nowhere", in(f, "dangling")), 0);
  fails(f, fs_mkdirs(in(f, "dangling"), 0700, &f->err), in(f, "dangling"), EEXIST);
}

/* The cause is that of mkdir, not of the look whether it is there after all. */
static void test_mkdirs_says_the_cause(void **state)
{
  struct fixture *f = *state;
  const char *name = arena_printf(f->arena, "%0300d", 7);
  fails(f, fs_mkdirs(in(f, name), 0700, &f->err), name, ENAMETOOLONG);
  fails(f, fs_mkdirs("/proc/belay-test", 0700, &f->err), "/proc/belay-test", ENOENT);
  if (geteuid() == 0)
    return; /* root may write everywhere */
  assert_int_equal(mkdir(in(f, "closed"), 0500), 0);
  fails(f, fs_mkdirs(in(f, "closed/a"), 0700, &f->err), in(f, "closed/a"), EACCES);
}

static void test_list(void **state)
{
  struct fixture *f = *state;
  struct strings names = {0};
  static const char *const sorted[] = {".hidden", "B", "a", "a.b", "caf\xc3\xa9"};
  for (size_t i = COUNT_OF(sorted); i-- > 0;)
    put(f, sorted[i], "");
  ok(f, fs_list(f->arena, f->dir, &names, &f->err));
  assert_int_equal(names.len, COUNT_OF(sorted));
  for (size_t i = 0; i < names.len; i++)
    assert_string_equal(names.at[i], sorted[i]);
  fails(f, fs_list(f->arena, in(f, "none"), &names, &f->err), in(f, "none"), ENOENT);
  fails(f, fs_list(f->arena, in(f, "a"), &names, &f->err), in(f, "a"), ENOTDIR);
  assert_int_equal(names.len, COUNT_OF(sorted)); /* results only on success */
}

static void test_remove_tree_follows_no_links(void **state)
{
  struct fixture *f = *state;
  ok(f, fs_mkdirs(in(f, "precious"), 0700, &f->err));
  put(f, "precious/rows", "x");
  ok(f, fs_mkdirs(in(f, "tree/deep/er"), 0700, &f->err));
  put(f, "tree/deep/file", "x");
  assert_int_equal(symlink(in(f, "precious"), in(f, "tree/deep/link")), 0);
  assert_int_equal(symlink(in(f, "precious"), in(f, "link")), 0);
  ok(f, fs_remove_tree(in(f, "tree"), &f->err));
  assert_false(fs_exists(in(f, "tree")));
  ok(f, fs_remove_tree(in(f, "link/"), &f->err)); /* with a slash too, the link is meant */
  struct stat st;
  assert_int_equal(lstat(in(f, "link"), &st), -1);
  content_is(f, in(f, "precious/rows"), "x");
  ok(f, fs_remove_tree(in(f, "tree"), &f->err)); /* absent is fine */
  ok(f, fs_remove_tree(in(f, "precious/rows"), &f->err));
  assert_false(fs_exists(in(f, "precious/rows")));
}

static void test_paths(void **state)
{
  struct fixture *f = *state;
  struct arena *a = f->arena;
  static const struct {
    const char *dir, *name, *joined;
  } joins[] = {{"a", "b", "a/b"}, {"a/", "b", "a/b"}, {"a", "/b", "/b"},
               {"", "b", "b"},    {NULL, "b", "b"},   {"/", "b", "/b"}};
  for (size_t i = 0; i < COUNT_OF(joins); i++)
    assert_string_equal(fs_join(a, joins[i].dir, joins[i].name), joins[i].joined);
  static const struct {
    const char *path, *dir, *base;
  } parts[] = {{"a", ".", "a"}, {"a/b", "a", "b"}, {"/a", "/", "a"}, {"/a/b.c", "/a", "b.c"}};
  for (size_t i = 0; i < COUNT_OF(parts); i++) {
    assert_string_equal(fs_dirname(a, parts[i].path), parts[i].dir);
    assert_string_equal(fs_basename(parts[i].path), parts[i].base);
  }
  assert_string_equal(fs_absolute(a, "/x/y"), "/x/y");
  assert_int_equal(fs_absolute(a, "x")[0], '/');
  assert_string_equal(fs_clean(a, "/a/./b//c/../d/"), "/a/b/d");
  assert_string_equal(fs_clean(a, "/../.."), "/");
  assert_string_equal(fs_clean(a, "./x"), fs_absolute(a, "x"));
}

static void test_find_upward(void **state)
{
  struct fixture *f = *state;
  ok(f, fs_mkdirs(in(f, "a/b/c"), 0700, &f->err));
  put(f, "a/belay-test.yaml", "x");
  assert_string_equal(fs_find_upward(f->arena, in(f, "a/b/c"), "belay-test.yaml"),
                      in(f, "a/belay-test.yaml"));
  assert_string_equal(fs_find_upward(f->arena, in(f, "a"), "belay-test.yaml"),
                      in(f, "a/belay-test.yaml"));
  assert_string_equal(fs_find_upward(f->arena, in(f, "a/."), "belay-test.yaml"),
                      in(f, "a/belay-test.yaml"));
  assert_null(fs_find_upward(f->arena, f->dir, "belay-test.yaml"));
  assert_null(fs_find_upward(f->arena, in(f, "a/b/../.."), "belay-test.yaml")); /* not below */
  assert_null(fs_find_upward(f->arena, "/", "belay-test.yaml"));
}

static void test_temp_dir(void **state)
{
  struct fixture *f = *state;
  CLEANUP(free_ptr)
  char *old = getenv("TMPDIR") ? x_strdup(getenv("TMPDIR")) : NULL;
  struct stat st;
  char *made = NULL, *other = NULL;
  setenv("TMPDIR", f->dir, 1);
  ok(f, fs_temp_dir(f->arena, "t-", &made, &f->err));
  ok(f, fs_temp_dir(f->arena, "t-", &other, &f->err));
  assert_string_not_equal(made, other);
  assert_int_equal(strncmp(made, in(f, "t-"), strlen(in(f, "t-"))), 0);
  assert_int_equal(stat(made, &st), 0);
  assert_int_equal(st.st_mode & 07777, 0700);
  setenv("TMPDIR", in(f, "none"), 1);
  fails(f, fs_temp_dir(f->arena, "t-", &made, &f->err), in(f, "none"), ENOENT);
  if (old)
    setenv("TMPDIR", old, 1);
  else
    unsetenv("TMPDIR");
}

static void test_free_bytes(void **state)
{
  struct fixture *f = *state;
  uint64_t bytes = 0;
  ok(f, fs_free_bytes(f->dir, &bytes, &f->err));
  assert_true(bytes > 0);
  fails(f, fs_free_bytes(in(f, "none"), &bytes, &f->err), in(f, "none"), ENOENT);
}

static void test_sync_and_write_errors(void **state)
{
  struct fixture *f = *state;
  ok(f, fs_sync_dir(f->dir, &f->err));
  fails(f, fs_sync_dir(in(f, "none"), &f->err), in(f, "none"), ENOENT);
  CLEANUP(close_fd) int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
  fails(f, fs_write_all(full, "x", 1, &f->err), "writing", ENOSPC);
  fails(f, fs_write_all(-1, "x", 1, &f->err), "writing", EBADF);
  ok(f, fs_write_all(-1, "", 0, &f->err));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
  const struct CMUnitTest tests[] = {
      TEST(test_write_and_read),
      TEST(test_relative_path),
      TEST(test_longest_name),
      TEST(test_large_file),
      TEST(test_a_failed_write_leaves_the_old_content),
      TEST(test_a_failed_rename_leaves_nothing),
      TEST(test_a_kill_leaves_no_visible_file),
      TEST(test_read_errors),
      TEST(test_mkdirs),
      TEST(test_mkdirs_below_a_file),
      TEST(test_mkdirs_says_the_cause),
      TEST(test_list),
      TEST(test_remove_tree_follows_no_links),
      TEST(test_paths),
      TEST(test_find_upward),
      TEST(test_temp_dir),
      TEST(test_free_bytes),
      TEST(test_sync_and_write_errors),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
