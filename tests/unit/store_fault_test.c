/* Every system call that the store makes is made to fail, one after the other. The functions below
 * stand before those of the C library in this program. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "store/archive.h"
#include "unit/store_fixture.h"

/* ---- injection ---- */

enum { FAULTS_MAX = 2000 };

static struct {
  int countdown; /* 0 = off; 1 = the next call fails */
  int cause;
  bool for_ever; /* and all that follow */
  bool fired;
  const char *call;
} fault;

static bool fails_now(const char *call)
{
  if (fault.countdown == 0 || (fault.countdown > 1 && fault.countdown--))
    return false;
  if (!fault.for_ever)
    fault.countdown = 0;
  if (!fault.fired)
    fault.call = call;
  fault.fired = true;
  errno = fault.cause;
  return true;
}

int fsync(int fd)
{
  return fails_now("fsync") ? -1 : (int)syscall(SYS_fsync, fd);
}

ssize_t write(int fd, const void *bytes, size_t len)
{
  return fd > 2 && fails_now("write") ? -1 : syscall(SYS_write, fd, bytes, len);
}

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
  return fails_now("renameat2") ? -1
                                : (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
}

int mkdir(const char *path, mode_t mode)
{
  return fails_now("mkdir") ? -1 : (int)syscall(SYS_mkdir, path, mode);
}

int mkostemp(char *path, int flags)
{
  static int (*real)(char *, int);
  if (!real)
    *(void **)&real = dlsym(RTLD_NEXT, "mkostemp");
  return fails_now("mkostemp") ? -1 : real(path, flags);
}

ssize_t pread(int fd, void *buf, size_t len, off_t offset)
{
  return fails_now("pread") ? -1 : syscall(SYS_pread64, fd, buf, len, offset);
}

int fstat(int fd, struct stat *st)
{
  static int (*real)(int, struct stat *);
  if (!real)
    *(void **)&real = dlsym(RTLD_NEXT, "fstat");
  return fails_now("fstat") ? -1 : real(fd, st);
}

int stat(const char *path, struct stat *st)
{
  static int (*real)(const char *, struct stat *);
  if (!real)
    *(void **)&real = dlsym(RTLD_NEXT, "stat");
  return fails_now("stat") ? -1 : real(path, st);
}

int unlink(const char *path)
{
  return fails_now("unlink") ? -1 : (int)syscall(SYS_unlink, path);
}

static void arm(int nth, int cause, bool for_ever)
{
  fault.countdown = nth;
  fault.cause = cause;
  fault.for_ever = for_ever;
  fault.fired = false;
}

static void disarm(void)
{
  fault.countdown = 0;
}

/* ---- what is tried ---- */

static int write_archive(struct fixture *f, struct err *err)
{
  CLEANUP(archive_freep)
  struct archive_writer *w = NULL;
  char raw[600];
  if (archive_create(f->place, "b", 1, 2, &w, err) < 0)
    return -1;
  archive_set_segment_bytes(w, 3000);
  for (int part = 0; part < 6; part++) {
    for (size_t i = 0; i < sizeof(raw); i++)
      raw[i] = (char)((i * 7919 + (size_t)part * 104729) >> 5);
    if (archive_add(w, part % 2, "data", "x", part, 1, raw, sizeof(raw), err) < 0)
      return -1;
  }
  return archive_commit(w, NULL, err);
}

static int read_archive(struct fixture *f, struct err *err)
{
  CLEANUP(archive_closep)
  struct archive *a = NULL;
  CLEANUP(text_clear)
  struct text raw = TEXT_INIT;
  if (archive_open(f->arena, f->place, "b", &a, err) < 0)
    return -1;
  for (size_t i = 0; i < a->entries.len; i++)
    if (archive_read(a, &a->entries.at[i], &raw, err) < 0)
      return -1;
  return archive_check_hashes(a, err);
}

/* True when all calls have had their turn. */
static bool try_write(struct fixture *f, int nth, int cause, bool for_ever)
{
  CLEANUP(err_clear)
  struct err err = ERR_INIT;
  arm(nth, cause, for_ever);
  int status = write_archive(f, &err);
  disarm();
  bool fired = fault.fired;
  if (status == 0) { /* then it is whole, whatever failed (an unlink that does not matter) */
    ok(f, read_archive(f, &f->err));
  } else {
    if (err.code != ERR_STORE || !strstr(err.message, f->dir) ||
        !strstr(err.message, strerror(cause)))
      fail_msg("%s, call %d: %s: \"%s\"", fault.call, nth, err_code_name(err.code), err.message);
    struct place_entries found = {0};
    ok(f, place_list(f->place, f->arena, "b/", &found, &f->err));
    if (found.len && !for_ever)
      fail_msg("%s, call %d: %s stays", fault.call, nth, found.at[0].key);
    if (place_exists(f->place, "b/manifest.json")) /* could not be taken back: then it is whole */
      ok(f, read_archive(f, &f->err));
  }
  ok(f, place_delete_prefix(f->place, "b", &f->err));
  return !fired;
}

static void try_all_writes(struct fixture *f, int cause, bool for_ever)
{
  int nth = 1;
  while (nth < FAULTS_MAX && !try_write(f, nth, cause, for_ever))
    nth++;
  assert_in_range(nth, 40, FAULTS_MAX - 1); /* it did count the calls */
}

static void test_one_call_fails_while_writing(void **state)
{
  try_all_writes(*state, EIO, false);
  try_all_writes(*state, ENOSPC, false);
}

/* The disk is gone: nothing can be cleaned up either. */
static void test_all_calls_fail_while_writing(void **state)
{
  try_all_writes(*state, EIO, true);
}

/* A disk that cannot be read is not a damaged backup. */
static void test_calls_fail_while_reading(void **state)
{
  struct fixture *f = *state;
  ok(f, write_archive(f, &f->err));
  int nth = 1;
  for (bool more = true; more; nth++) {
    CLEANUP(err_clear)
    struct err err = ERR_INIT;
    arm(nth, EIO, false);
    int status = read_archive(f, &err);
    disarm();
    more = fault.fired;
    if (status == 0 ? more : err.code != ERR_STORE)
      fail_msg("%s, call %d: %s: \"%s\"", fault.call, nth,
               status == 0 ? "not seen" : err_code_name(err.code), status == 0 ? "" : err.message);
    assert_true(nth < FAULTS_MAX);
  }
  assert_true(nth > 20);
}

static void test_calls_fail_while_probing_and_deleting(void **state)
{
  struct fixture *f = *state;
  bool more = true;
  for (int nth = 1; more; nth++) {
    CLEANUP(err_clear)
    struct err err = ERR_INIT;
    uint64_t free_bytes = 0;
    ok(f, write_archive(f, &f->err));
    arm(nth, EIO, false);
    int status = place_probe(f->place, &free_bytes, &err);
    if (status == 0)
      status = place_delete_prefix(f->place, "b", &err);
    disarm();
    more = fault.fired;
    if (status < 0)
      assert_int_equal(err.code, ERR_STORE);
    ok(f, place_delete_prefix(f->place, "b", &f->err));
    assert_true(nth < FAULTS_MAX);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_PLACE(test_one_call_fails_while_writing),
      WITH_PLACE(test_all_calls_fail_while_writing),
      WITH_PLACE(test_calls_fail_while_reading),
      WITH_PLACE(test_calls_fail_while_probing_and_deleting),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
