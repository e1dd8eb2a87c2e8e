#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit/store_fixture.h"
#include "base/clock.h"
#include "base/spawn.h"

static void put(struct fixture *f, const char *key, const char *content)
{
  ok(f, place_put(f->place, key, content, strlen(content), &f->err));
}

/* Keys under a prefix, each followed by a blank. */
static char *keys(struct fixture *f, const char *prefix)
{
  struct place_entries found = {0};
  ok(f, place_list(f->place, f->arena, prefix, &found, &f->err));
  CLEANUP(text_clear)
  struct text t = TEXT_INIT;
  for (size_t i = 0; i < found.len; i++)
    text_printf(&t, "%s ", found.at[i].key);
  return arena_strdup(f->arena, t.data);
}

static size_t count_files(struct fixture *f, const char *dir)
{
  struct strings names = {0};
  ok(f, fs_list(f->arena, path_of(f, dir), &names, &f->err));
  return names.len;
}

/* ---- opening ---- */

static void test_names_of_places(void **state)
{
  struct fixture *f = *state;
  char cwd[4096];
  assert_non_null(getcwd(cwd, sizeof(cwd)));
  assert_int_equal(chdir(f->dir), 0);
  static const char *const names[] = {"file:%s/p", "%s/p", "file://%s/p", "file:%s//p/./", "%s/p/"};
  for (size_t i = 0; i < COUNT_OF(names); i++) {
    CLEANUP(place_closep)
    struct place *p = NULL;
    CLEANUP(text_clear)
    struct text where = TEXT_INIT;
    const char *at = strstr(names[i], "%s");
    text_append(&where, names[i], (size_t)(at - names[i]));
    text_printf(&where, "%s%s", f->dir, at + 2);
    ok(f, place_open(where.data, &p, &f->err));
    assert_string_equal(place_name(p), arena_printf(f->arena, "file:%s/p", f->dir));
  }
  static const char *const relative[] = {"p", "./p", "file:p", "file:./p"};
  for (size_t i = 0; i < COUNT_OF(relative); i++) {
    CLEANUP(place_closep)
    struct place *p = NULL;
    ok(f, place_open(relative[i], &p, &f->err));
    assert_int_equal(strcmp(place_name(p) + strlen(place_name(p)) - 2, "/p"), 0);
  }
  assert_int_equal(chdir(cwd), 0);
}

static void test_places_that_are_the_same(void **state)
{
  struct fixture *f = *state;
  static const struct {
    const char *a, *b;
    bool same;
  } pairs[] = {
      {"s3://bucket/x?endpoint=http://one", "s3://bucket/x?endpoint=http://one/", true},
      {"s3://bucket/x?endpoint=http://one", "s3://bucket/x?endpoint=http://two", false},
      {"s3://bucket/x", "s3://bucket/x?endpoint=http://two", false},
      {"s3://bucket/x", "s3://bucket/x?region=eu-central-1", true},
      {"s3://bucket/x", "s3://bucket/y", false},
      {"p", "./p/", true},
      {"p", "q", false},
  };
  char cwd[4096];
  assert_non_null(getcwd(cwd, sizeof(cwd)));
  assert_int_equal(chdir(f->dir), 0);
  for (size_t i = 0; i < COUNT_OF(pairs); i++) {
    CLEANUP(place_closep) struct place *a = NULL;
    CLEANUP(place_closep) struct place *b = NULL;
    ok(f, place_open(pairs[i].a, &a, &f->err));
    ok(f, place_open(pairs[i].b, &b, &f->err));
    assert_int_equal(place_is_same(a, b), pairs[i].same);
  }
  assert_int_equal(chdir(cwd), 0);
}

/* What nobody can look at may be there: who removes or overwrites on "no" must not. */
static void test_what_cannot_be_known_exists(void **state)
{
  struct fixture *f = *state;
  ok(f, place_put(f->place, "a/k", "x", 1, &f->err));
  assert_int_equal(symlink("loop", path_of(f, "store/a/loop")), 0);
  assert_true(place_exists(f->place, "a/k"));
  assert_true(place_exists(f->place, "a/loop"));
  assert_false(place_exists(f->place, "a/none"));
  assert_false(place_exists(f->place, "a/k/below"));
  assert_false(place_exists(f->place, "a"));
}

static void test_places_that_are_refused(void **state)
{
  struct fixture *f = *state;
  struct place *p = NULL;
  fails_with_hint(f, place_open("s3://b?endpoint=x", &p, &f->err), ERR_USAGE, "bucket", "s3://");
  fails_with_hint(f, place_open("gs://bucket", &p, &f->err), ERR_USAGE, "unknown kind \"gs\"",
                  "--store file:");
  fails_with_hint(f, place_open("", &p, &f->err), ERR_USAGE, "names no directory", "--store file:");
  fails_with_hint(f, place_open("file:", &p, &f->err), ERR_USAGE, "names no directory", "--store");
  fails_with_hint(f, place_open("~/backups", &p, &f->err), ERR_USAGE, "not expanded", "--store");
  fails_with_hint(f, place_open("file://host/x", &p, &f->err), ERR_USAGE, "host name", "file:");
  assert_null(p);
}

static void test_modes(void **state)
{
  struct fixture *f = *state;
  put(f, "app/backups/x/manifest.json", "{}");
  struct stat st;
  static const char *const dirs[] = {"store", "store/app", "store/app/backups/x"};
  for (size_t i = 0; i < COUNT_OF(dirs); i++) {
    assert_int_equal(stat(path_of(f, dirs[i]), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
  }
  assert_int_equal(stat(path_of(f, "store/app/backups/x/manifest.json"), &st), 0);
  assert_int_equal(st.st_mode & 07777, 0600);
}

static void test_git_does_not_see_it(void **state)
{
  struct fixture *f = *state;
  if (!spawn_find(f->arena, "git")) {
    print_message("skipped: there is no git here\n");
    skip();
  }
  char *tree = path_of(f, "tree");
  const char *init[] = {"git", "init", "-q", tree, NULL};
  struct spawn s = {.argv = init, .capture = true, .timeout_ms = 20000};
  struct spawn_result result = {0};
  ok(f, spawn_run(f->arena, &s, &result, &f->err));
  assert_int_equal(result.exit_code, 0);
  struct place *p = NULL;
  fails_with_hint(f, place_open(tree, &p, &f->err), ERR_USAGE, "top directory of a git work tree",
                  "/backups");
  ok(f, place_open(path_of(f, "tree/ops/backups"), &p, &f->err));
  CLEANUP(place_closep)
  struct place *owned = p;
  ok(f, place_put(owned, "app/secret", "x", 1, &f->err));
  const char *status[] = {"git", "-C", tree, "status", "--porcelain", "-uall", NULL};
  s.argv = status;
  ok(f, spawn_run(f->arena, &s, &result, &f->err));
  assert_string_equal(result.output, "");
  struct place_entries found = {0};
  ok(f, place_list(owned, f->arena, "", &found, &f->err));
  assert_int_equal(found.len, 1);
  /* One that is there is left alone. */
  ok(f, fs_write_atomic(path_of(f, "tree/ops/backups/.gitignore"), "app\n", 4, 0600, &f->err));
  CLEANUP(place_closep)
  struct place *again = NULL;
  ok(f, place_open(path_of(f, "tree/ops/backups"), &again, &f->err));
  char *bytes = NULL;
  size_t len = 0;
  ok(f, fs_read(f->arena, path_of(f, "tree/ops/backups/.gitignore"), &bytes, &len, &f->err));
  assert_string_equal(bytes, "app\n");
  assert_false(fs_exists(path_of(f, "store/.gitignore"))); /* not in a work tree */
}

/* ---- keys ---- */

static void test_keys(void **state)
{
  struct fixture *f = *state;
  static const char *const bad[] = {"",        "/a",       "a/",  "a//b",        "..", "a/../b",
                                    ".hidden", "a/.tmp-x", "a b", "caf\xc3\xa9", ".",  "a/.",
                                    "a\nb",    "a:b",      "a*",  "a\\b"};
  for (size_t i = 0; i < COUNT_OF(bad); i++) {
    char *bytes = NULL;
    size_t len = 0;
    fails(f, place_put(f->place, bad[i], "x", 1, &f->err), ERR_STORE, "cannot be the key");
    fails(f, place_get(f->place, f->arena, bad[i], &bytes, &len, &f->err), ERR_STORE, "the key");
    fails(f, place_delete(f->place, bad[i], &f->err), ERR_STORE, "cannot be the key");
    assert_false(place_exists(f->place, bad[i]));
  }
  put(f, "a-b_c.d/e@f=g+h/0", "x");
  CLEANUP(text_clear)
  struct text longest = TEXT_INIT;
  while (longest.len < 1000)
    text_puts(&longest, "12345678/1");
  put(f, longest.data, "x");
  text_putc(&longest, 'x');
  fails(f, place_put(f->place, longest.data, "x", 1, &f->err), ERR_STORE, "cannot be the key");
}

static void test_escape(void **state)
{
  struct fixture *f = *state;
  static const struct {
    const char *name, *key;
  } cases[] = {{"shop", "shop"},
               {"My Shop", "My=20Shop"},
               {"a/b", "a=2fb"},
               {"..", "=2e."},
               {".tmp-x", "=2etmp-x"},
               {"a=b", "a=3db"},
               {"", "="},
               {"caf\xc3\xa9", "caf=c3=a9"},
               {"v1.2-x_y@z+w", "v1.2-x_y@z+w"},
               {"a\nb\"", "a=0ab=22"},
               {"a=20b", "a=3d20b"}};
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    char *key = place_key_escape(f->arena, cases[i].name);
    assert_string_equal(key, cases[i].key);
    put(f, key, "x"); /* it is a key */
  }
}

/* ---- objects ---- */

static void test_put_get_range_delete(void **state)
{
  struct fixture *f = *state;
  char *bytes = NULL, buf[16] = {0};
  size_t len = 0;
  uint64_t size = 0;
  ok(f, place_put(f->place, "a/b",
                  "0123\0"
                  "56789",
                  10, &f->err));
  ok(f, place_get(f->place, f->arena, "a/b", &bytes, &len, &f->err));
  assert_int_equal(len, 10);
  assert_memory_equal(bytes,
                      "0123\0"
                      "56789",
                      11); /* and a NUL behind */
  ok(f, place_get_range(f->place, "a/b", 7, 3, buf, &f->err));
  assert_string_equal(buf, "789");
  ok(f, place_get_range(f->place, "a/b", 10, 0, buf, &f->err));
  fails(f, place_get_range(f->place, "a/b", 8, 3, buf, &f->err), ERR_DAMAGED, "2 of the 3 bytes");
  fails(f, place_get_range(f->place, "a/b", UINT64_MAX - 1, 3, buf, &f->err), ERR_DAMAGED, "a/b");
  ok(f, place_size(f->place, "a/b", &size, &f->err));
  assert_int_equal(size, 10);
  put(f, "a/b", "new");
  ok(f, place_get(f->place, f->arena, "a/b", &bytes, &len, &f->err));
  assert_string_equal(bytes, "new");
  ok(f, place_delete(f->place, "a/b", &f->err));
  ok(f, place_delete(f->place, "a/b", &f->err));
  assert_false(place_exists(f->place, "a/b"));
  fails(f, place_get(f->place, f->arena, "a/b", &bytes, &len, &f->err), ERR_STORE,
        "a/b does not exist");
  fails(f, place_size(f->place, "a/b", &size, &f->err), ERR_STORE, "does not exist");
  fails(f, place_get(f->place, f->arena, "a", &bytes, &len, &f->err), ERR_STORE, "not a regular");
  assert_false(place_exists(f->place, "a"));
}

static void test_writer_appears_whole_or_not(void **state)
{
  struct fixture *f = *state;
  struct sink *sink = NULL;
  ok(f, place_writer(f->place, "d/x", &sink, &f->err));
  ok(f, sink_write(sink, "half", 4, &f->err));
  assert_false(place_exists(f->place, "d/x"));
  assert_string_equal(keys(f, ""), "");
  assert_int_equal(count_files(f, "store/d"), 1);
  sink_free(sink);
  assert_int_equal(count_files(f, "store/d"), 0);
  ok(f, place_writer(f->place, "d/x", &sink, &f->err));
  ok(f, sink_write(sink, "whole", 5, &f->err));
  ok(f, sink_finish(sink, &f->err));
  sink_free(sink);
  assert_string_equal(keys(f, ""), "d/x ");
  ok(f, place_writer(f->place, "d/x", &sink, &f->err));
  fails(f, sink_finish(sink, &f->err), ERR_STORE, "d/x exists already");
  sink_free(sink);
  assert_int_equal(count_files(f, "store/d"), 1);
}

static void test_list(void **state)
{
  struct fixture *f = *state;
  static const char *const all[] = {"app/b",  "app/backups/2/m", "app/backups/1/m",
                                    "app2/x", "app-x",           "app/backups/1/a"};
  for (size_t i = 0; i < COUNT_OF(all); i++)
    put(f, all[i], "12345");
  ok(f, fs_write_atomic(path_of(f, "store/app/.tmp-old"), "x", 1, 0600, &f->err));
  ok(f, fs_write_atomic(path_of(f, "store/app/not a key"), "x", 1, 0600, &f->err));
  assert_int_equal(mkfifo(path_of(f, "store/app/pipe"), 0600), 0);
  assert_string_equal(keys(f, ""),
                      "app-x app/b app/backups/1/a app/backups/1/m app/backups/2/m app2/x ");
  assert_string_equal(keys(f, "app/backups"), "app/backups/1/a app/backups/1/m app/backups/2/m ");
  assert_string_equal(keys(f, "app/backups/1/"), "app/backups/1/a app/backups/1/m ");
  assert_string_equal(keys(f, "app/backups/1/m"), "app/backups/1/m ");
  assert_string_equal(keys(f, "app/b"), "app/b app/backups/1/a app/backups/1/m app/backups/2/m ");
  assert_string_equal(keys(f, "nothing/here/"), "");
  struct place_entries found = {0};
  ok(f, place_list(f->place, f->arena, "app2/", &found, &f->err));
  assert_int_equal(found.at[0].size, 5);
  assert_true(llabs(found.at[0].modified_us - clock_wall_us()) < 60ll * 1000000);
  fails(f, place_list(f->place, f->arena, "../x", &found, &f->err), ERR_STORE, "../x");
}

static void test_delete_prefix(void **state)
{
  struct fixture *f = *state;
  static const char *const all[] = {"app/backups/x/manifest.json", "app/backups/x/segment-0001.tar",
                                    "app/backups/x/deep/y", "app/backups/x2/manifest.json"};
  for (size_t i = 0; i < COUNT_OF(all); i++)
    put(f, all[i], "1");
  ok(f, fs_write_atomic(path_of(f, "store/app/backups/x/.tmp-old"), "x", 1, 0600, &f->err));
  fails(f, place_delete_prefix(f->place, "", &f->err), ERR_STORE, "cannot be the key");
  fails(f, place_delete_prefix(f->place, "/", &f->err), ERR_STORE, "cannot be the key");
  ok(f, place_delete_prefix(f->place, "app/backups/x", &f->err));
  assert_string_equal(keys(f, ""), "app/backups/x2/manifest.json ");
  assert_false(fs_exists(path_of(f, "store/app/backups/x")));
  ok(f, place_delete_prefix(f->place, "app/backups/x", &f->err)); /* fine if absent */
  ok(f, place_delete_prefix(f->place, "app/", &f->err));
  assert_string_equal(keys(f, ""), "");
}

static void age(const char *path)
{
  struct timespec old[2] = {{.tv_sec = 1000000}, {.tv_sec = 1000000}};
  assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
}

static void test_sweep_leaves_living_writers(void **state)
{
  struct fixture *f = *state;
  int count = 0;
  struct sink *sink = NULL;
  ok(f, place_writer(f->place, "d/x", &sink, &f->err));
  struct strings names = {0};
  ok(f, fs_list(f->arena, path_of(f, "store/d"), &names, &f->err));
  age(fs_join(f->arena, path_of(f, "store/d"), names.at[0]));
  put(f, "d/object", "1");
  age(path_of(f, "store/d/object"));
  ok(f, fs_write_atomic(path_of(f, "store/d/.tmp-dead"), "x", 1, 0600, &f->err));
  ok(f, place_sweep(f->place, "d", &count, &f->err));
  assert_int_equal(count, 0); /* too young */
  age(path_of(f, "store/d/.tmp-dead"));
  struct place_leftovers seen;
  ok(f, place_look_for_leftovers(f->place, "d/", &seen, &f->err));
  assert_int_equal(seen.abandoned, 1);
  assert_int_equal(seen.bytes, 1);
  assert_int_equal(seen.living, 1);
  assert_true(fs_exists(path_of(f, "store/d/.tmp-dead")));
  ok(f, place_sweep(f->place, "other", &count, &f->err));
  assert_int_equal(count, 0);
  ok(f, place_sweep(f->place, "", &count, &f->err));
  assert_int_equal(count, 1);
  assert_false(fs_exists(path_of(f, "store/d/.tmp-dead")));
  ok(f, sink_finish(sink, &f->err));
  sink_free(sink);
  assert_string_equal(keys(f, ""), "d/object d/x ");
}

/* ---- two at once ---- */

enum { RACERS = 4, RACE_KEYS = 60 };

struct racer {
  struct place *place;
  int number;
  int won[RACE_KEYS];
  atomic_int *ready;
};

static void *race(void *arg)
{
  struct racer *r = arg;
  char mine[2] = {(char)('A' + r->number), '\0'};
  for (int i = 0; i < RACE_KEYS; i++) {
    CLEANUP(err_clear)
    struct err err = ERR_INIT;
    char key[32];
    snprintf(key, sizeof(key), "race/%d", i);
    atomic_fetch_add(r->ready, 1);
    while (atomic_load(r->ready) < RACERS * (i + 1))
      sched_yield();
    r->won[i] = place_put_new(r->place, key, mine, 1, &err) == 0;
    if (!r->won[i] && !strstr(err.message, "exists already"))
      r->won[i] = 1000; /* makes the sum wrong */
  }
  return NULL;
}

static void test_put_new_has_one_winner(void **state)
{
  struct fixture *f = *state;
  atomic_int ready = 0;
  struct racer racers[RACERS] = {0};
  pthread_t threads[RACERS];
  for (int i = 0; i < RACERS; i++) {
    racers[i] = (struct racer){.place = f->place, .number = i, .ready = &ready};
    assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
  }
  for (int i = 0; i < RACERS; i++)
    pthread_join(threads[i], NULL);
  for (int k = 0; k < RACE_KEYS; k++) {
    int winners = 0, winner = -1;
    for (int i = 0; i < RACERS; i++) {
      winners += racers[i].won[k];
      winner = racers[i].won[k] ? i : winner;
    }
    assert_int_equal(winners, 1);
    char *bytes = NULL;
    size_t len = 0;
    ok(f,
       place_get(f->place, f->arena, arena_printf(f->arena, "race/%d", k), &bytes, &len, &f->err));
    assert_int_equal(bytes[0], 'A' + winner);
  }
  assert_int_equal(count_files(f, "store/race"), RACE_KEYS);
}

/* ---- places that cannot take it ---- */

static int write_much(struct place *place, size_t len, struct err *err)
{
  CLEANUP(sink_freep)
  struct sink *sink = NULL;
  char block[4096] = {0};
  if (place_writer(place, "d/big", &sink, err) < 0)
    return -1;
  for (size_t at = 0; at < len; at += sizeof(block))
    if (sink_write(sink, block, sizeof(block), err) < 0)
      return -1;
  return sink_finish(sink, err);
}

static void test_file_size_limit(void **state)
{
  struct fixture *f = *state;
  struct rlimit old, small;
  void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
  small = old;
  small.rlim_cur = 100000;
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
  int status = write_much(f->place, 200000, &f->err);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
  signal(SIGXFSZ, handler);
  fails_with_hint(f, status, ERR_STORE, "writing d/big: File too large", "Make room in");
  assert_string_equal(keys(f, ""), "");
  assert_int_equal(count_files(f, "store/d"), 0);
}

static bool mount_small(const char *dir)
{
  return unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
         mount("tmpfs", dir, "tmpfs", 0, "size=256k") == 0;
}

static void test_full_and_read_only_file_systems(void **state)
{
  struct fixture *f = *state;
  char *small = path_of(f, "small");
  ok(f, fs_mkdirs(small, 0700, &f->err));
  if (!mount_small(small)) {
    print_message("skipped: a file system cannot be mounted here\n");
    skip();
  }
  struct place *place = NULL;
  ok(f, place_open(small, &place, &f->err));
  ok(f, place_put(place, "kept", "x", 1, &f->err));
  int full = write_much(place, 1000000, &f->err);
  fails_with_hint(f, full, ERR_STORE, "writing d/big: No space left on device", "Make room in");
  assert_int_equal(count_files(f, "small/d"), 0);
  ok(f, place_put(place, "later", "x", 1, &f->err)); /* there is room again */
  assert_int_equal(mount(NULL, small, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
  uint64_t free_bytes = 0;
  fails_with_hint(f, place_put(place, "b", "x", 1, &f->err), ERR_STORE, "Read-only file system",
                  "choose another place with --store");
  fails(f, place_delete(place, "kept", &f->err), ERR_STORE, "removing kept: Read-only");
  fails(f, place_probe(place, &free_bytes, &f->err), ERR_STORE, "Read-only");
  struct place *again = NULL;
  ok(f, place_open(small, &again, &f->err)); /* reading is possible */
  assert_true(place_exists(again, "kept"));
  place_close(again);
  fails_with_hint(f, place_open(arena_printf(f->arena, "%s/below", small), &again, &f->err),
                  ERR_STORE, "Read-only", "--store");
  place_close(place);
  assert_int_equal(umount2(small, MNT_DETACH), 0);
}

static void test_places_that_cannot_be(void **state)
{
  struct fixture *f = *state;
  struct place *p = NULL;
  ok(f, fs_write_atomic(path_of(f, "file"), "x", 1, 0600, &f->err));
  fails_with_hint(f, place_open(path_of(f, "file"), &p, &f->err), ERR_STORE, "Not a directory",
                  "--store");
  fails_with_hint(f, place_open(path_of(f, "file/below"), &p, &f->err), ERR_STORE,
                  "Not a directory", "--store");
  fails(f, place_open("/proc/belay/store", &p, &f->err), ERR_STORE, "/proc/belay/store");
  put(f, "object", "x");
  fails(f, place_put(f->place, "object/below", "x", 1, &f->err), ERR_STORE, "Not a directory");
  put(f, "dir/object", "x");
  fails(f, place_put(f->place, "dir", "x", 1, &f->err), ERR_STORE, "naming dir");
  assert_string_equal(keys(f, ""), "dir/object object ");
}

static void test_probe_and_local_dir(void **state)
{
  struct fixture *f = *state;
  uint64_t free_bytes = 0;
  ok(f, place_probe(f->place, &free_bytes, &f->err));
  assert_true(free_bytes > 0);
  assert_int_equal(count_files(f, "store"), 0);
  /* a probe that could not be removed goes, a database that is called so stays */
  static const char *const probes[] = {"probe-shop/backups/1/manifest.json", "probe-20200101"};
  for (size_t i = 0; i < COUNT_OF(probes); i++) {
    ok(f, place_put(f->place, probes[i], "x", 1, &f->err));
    age(path_of(f, arena_printf(f->arena, "store/%s", probes[i])));
  }
  ok(f, place_probe(f->place, &free_bytes, &f->err));
  assert_true(place_exists(f->place, probes[0]));
  assert_false(place_exists(f->place, probes[1]));
  char *dir = place_local_dir(f->place, f->arena, "app/runs/1", &f->err);
  assert_string_equal(dir, path_of(f, "store/app/runs/1"));
  assert_true(fs_is_dir(dir));
  assert_null(place_local_dir(f->place, f->arena, "../x", &f->err));
  fails(f, -1, ERR_STORE, "../x");
  ok(f, fs_remove_tree(path_of(f, "store"), &f->err));
  ok(f, fs_write_atomic(path_of(f, "store"), "x", 1, 0600, &f->err));
  fails(f, place_probe(f->place, &free_bytes, &f->err), ERR_STORE, "Not a directory");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_PLACE(test_names_of_places),
      WITH_PLACE(test_places_that_are_the_same),
      WITH_PLACE(test_what_cannot_be_known_exists),
      WITH_PLACE(test_places_that_are_refused),
      WITH_PLACE(test_modes),
      WITH_PLACE(test_git_does_not_see_it),
      WITH_PLACE(test_keys),
      WITH_PLACE(test_escape),
      WITH_PLACE(test_put_get_range_delete),
      WITH_PLACE(test_writer_appears_whole_or_not),
      WITH_PLACE(test_list),
      WITH_PLACE(test_delete_prefix),
      WITH_PLACE(test_sweep_leaves_living_writers),
      WITH_PLACE(test_put_new_has_one_winner),
      WITH_PLACE(test_file_size_limit),
      WITH_PLACE(test_places_that_cannot_be),
      WITH_PLACE(test_probe_and_local_dir),
      WITH_PLACE(test_full_and_read_only_file_systems), /* last: it leaves the mount namespace */
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
