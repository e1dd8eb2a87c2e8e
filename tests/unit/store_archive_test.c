#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/spawn.h"
#include "store/archive.h"
#include "unit/store_fixture.h"

/* The text of one chunk; different for every table and part. */
static void chunk_text(struct text *t, const char *table, int part)
{
  text_reset(t);
  int rows = 50 + (part * 37) % 400;
  for (int i = 0; i < rows; i++)
    text_printf(t, "%d\t%s\t%d\tfiller\n", i, table, part * i);
}

static size_t count_segments(struct fixture *f, const char *prefix)
{
  struct place_entries found = {0};
  ok(f, place_list(f->place, f->arena, arena_printf(f->arena, "%s/segment-", prefix), &found,
                   &f->err));
  return found.len;
}

/* ---- several threads ---- */

enum { THREADS = 4, TABLES = 3, PARTS = 25 };

struct worker {
  struct archive_writer *w;
  int lane;
  struct err err;
  int status;
};

static void *work(void *arg)
{
  struct worker *me = arg;
  CLEANUP(text_clear)
  struct text t = TEXT_INIT;
  for (int table = 0; table < TABLES && me->status == 0; table++)
    for (int part = 0; part < PARTS && me->status == 0; part++) {
      char name[64];
      snprintf(name, sizeof(name), "public.t%d_%d", me->lane, table);
      chunk_text(&t, name, part);
      me->status =
          archive_add(me->w, me->lane, "data", name, part, 50 + part, t.data, t.len, &me->err);
    }
  return NULL;
}

static void write_with_threads(struct fixture *f, const char *prefix, uint64_t segment_bytes)
{
  CLEANUP(archive_freep)
  struct archive_writer *w = NULL;
  ok(f, archive_create(f->place, prefix, 1, THREADS, &w, &f->err));
  archive_set_segment_bytes(w, segment_bytes);
  pthread_t threads[THREADS];
  struct worker workers[THREADS] = {0};
  for (int i = 0; i < THREADS; i++) {
    workers[i] = (struct worker){.w = w, .lane = i};
    assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
  }
  for (int i = 0; i < THREADS; i++) {
    pthread_join(threads[i], NULL);
    if (workers[i].status < 0)
      fail_msg("%s", workers[i].err.message);
  }
  ok(f, archive_add_plain(w, 0, "RECOVER.txt", "read me\n", 8, &f->err));
  ok(f, archive_add(w, 1, "sql", "pre-data", 0, 0, "create table t ();\n", 19, &f->err));
  CLEANUP(json_decrefp)
  json_t *extra =
      json_pack("{ss sI}", "database", "shop \xc3\xa9", "rows", (json_int_t)9007199254740993);
  ok(f, archive_commit(w, extra, &f->err));
}

static void test_round_trip_of_threads(void **state)
{
  struct fixture *f = *state;
  write_with_threads(f, "shop/backups/one", 20000);
  assert_true(count_segments(f, "shop/backups/one") > THREADS); /* rolled */
  CLEANUP(archive_closep)
  struct archive *a = NULL;
  ok(f, archive_open(f->arena, f->place, "shop/backups/one", &a, &f->err));
  assert_int_equal(a->entries.len, THREADS * TABLES * PARTS + 2);
  assert_true(json_integer_value(json_object_get(a->manifest, "rows")) == 9007199254740993);
  CLEANUP(text_clear)
  struct text raw = TEXT_INIT;
  CLEANUP(text_clear)
  struct text expected = TEXT_INIT;
  for (size_t i = 0; i < a->entries.len; i++) {
    const struct archive_entry *e = &a->entries.at[i];
    ok(f, archive_read(a, e, &raw, &f->err));
    if (strcmp(e->kind, "data") == 0)
      chunk_text(&expected, e->object, e->part);
    else {
      text_reset(&expected);
      text_puts(&expected, strcmp(e->kind, "sql") == 0 ? "create table t ();\n" : "read me\n");
    }
    assert_int_equal(raw.len, expected.len);
    assert_memory_equal(raw.data, expected.data, raw.len);
  }
  ok(f, archive_check_hashes(a, &f->err));
}

/* The offset of the manifest is where the stored bytes are in the file, seen without libarchive. */
static void test_offsets_are_exact(void **state)
{
  struct fixture *f = *state;
  write_with_threads(f, "shop/backups/one", 50000);
  CLEANUP(archive_closep)
  struct archive *a = NULL;
  ok(f, archive_open(f->arena, f->place, "shop/backups/one", &a, &f->err));
  for (size_t i = 0; i < a->entries.len; i++) {
    const struct archive_entry *e = &a->entries.at[i];
    char *bytes = NULL, hex[STORE_SHA256_HEX];
    size_t len = 0;
    ok(f, fs_read(f->arena,
                  arena_printf(f->arena, "%s/store/shop/backups/one/segment-%04d.tar", f->dir,
                               e->segment),
                  &bytes, &len, &f->err));
    assert_true(e->offset + e->size <= len);
    store_sha256(bytes + e->offset, e->size, hex);
    assert_string_equal(hex, e->sha256);
    const char *header = bytes + e->offset - 512;
    char *name = strcmp(e->kind, "text") == 0
                     ? arena_strdup(f->arena, e->object)
                     : arena_printf(f->arena, "%s.%s.zst", e->id,
                                    strcmp(e->kind, "sql") == 0 ? "sql" : "copy");
    assert_string_equal(header, name);
    assert_int_equal(strtoull(header + 124, NULL, 8), e->size);
  }
}

/* ---- other readers ---- */

static char *run(struct fixture *f, const char *const *argv)
{
  struct spawn s = {.argv = argv, .capture = true, .timeout_ms = 20000};
  struct spawn_result result = {0};
  ok(f, spawn_run(f->arena, &s, &result, &f->err));
  if (result.exit_code != 0)
    fail_msg("%s: exit code %d: %s", argv[0], result.exit_code, result.output);
  return result.output;
}

static void test_tar_and_zstd_read_it(void **state)
{
  struct fixture *f = *state;
  if (!spawn_find(f->arena, "tar") || !spawn_find(f->arena, "zstd")) {
    print_message("skipped: there is no tar or no zstd here\n");
    skip();
  }
  CLEANUP(archive_freep)
  struct archive_writer *w = NULL;
  CLEANUP(text_clear)
  struct text all = TEXT_INIT;
  CLEANUP(text_clear)
  struct text t = TEXT_INIT;
  ok(f, archive_create(f->place, "b", 3, 1, &w, &f->err));
  for (int part = 0; part < 12; part++) {
    chunk_text(&t, "public.orders", part);
    text_append(&all, t.data, t.len);
    ok(f, archive_add(w, 0, "data", "public.orders", part, 1, t.data, t.len, &f->err));
  }
  ok(f, archive_commit(w, NULL, &f->err));
  const char *segment = arena_printf(f->arena, "%s/store/b/segment-0001.tar", f->dir);
  const char *one[] = {"sh", "-c", "tar xOf \"$1\" | zstd -dcq", "sh", segment, NULL};
  assert_string_equal(run(f, one), all.data);
  const char *list[] = {"tar", "tvf", segment, NULL};
  char *listing = run(f, list);
  assert_non_null(strstr(listing, "-rw------- 0/0"));
  assert_non_null(strstr(listing, "000012.copy.zst"));
}

/* ---- what is there when ---- */

static void test_manifest_is_the_commit(void **state)
{
  struct fixture *f = *state;
  CLEANUP(archive_freep)
  struct archive_writer *w = NULL;
  ok(f, archive_create(f->place, "b", 1, 2, &w, &f->err));
  archive_set_segment_bytes(w, 3000);
  CLEANUP(text_clear)
  struct text t = TEXT_INIT;
  for (int part = 0; part < 10; part++) {
    chunk_text(&t, "x", part);
    ok(f, archive_add(w, part % 2, "data", "x", part, 1, t.data, t.len, &f->err));
  }
  assert_true(archive_bytes_written(w) > 1000);
  assert_true(count_segments(f, "b") >= 2); /* rolled ones have their names */
  assert_false(place_exists(f->place, "b/manifest.json"));
  archive_free(TAKE(w)); /* no commit */
  assert_int_equal(count_segments(f, "b"), 0);
  struct strings names = {0};
  ok(f, fs_list(f->arena, arena_printf(f->arena, "%s/store/b", f->dir), &names, &f->err));
  assert_int_equal(names.len, 0); /* no temporary files either */
}

static void test_full_disk_leaves_nothing(void **state)
{
  struct fixture *f = *state;
  struct rlimit old, small;
  CLEANUP(archive_freep)
  struct archive_writer *w = NULL;
  CLEANUP(text_clear)
  struct text t = TEXT_INIT;
  ok(f, archive_create(f->place, "b", 1, 2, &w, &f->err));
  archive_set_segment_bytes(w, 5000);
  void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
  small = old;
  small.rlim_cur = 4000;
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
  int status = 0;
  for (int part = 0; status == 0 && part < 20; part++) {
    chunk_text(&t, "x", part);
    status = archive_add(w, part % 2, "data", "x", part, 1, t.data, t.len, &f->err);
  }
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
  signal(SIGXFSZ, handler);
  fails(f, status, ERR_STORE, "writing b/segment-");
  fails(f, archive_add(w, 0, "data", "x", 0, 1, "", 0, &f->err), ERR_STORE, "an earlier write");
  fails(f, archive_commit(w, NULL, &f->err), ERR_STORE, "an earlier write failed");
  archive_free(TAKE(w));
  struct strings names = {0};
  ok(f, fs_list(f->arena, arena_printf(f->arena, "%s/store/b", f->dir), &names, &f->err));
  assert_int_equal(names.len, 0);
}

static void test_nothing_is_overwritten(void **state)
{
  struct fixture *f = *state;
  write_with_threads(f, "b", 1000000);
  struct archive_writer *w = NULL;
  fails(f, archive_create(f->place, "b", 1, 1, &w, &f->err), ERR_STORE, "holds an archive already");
  ok(f, place_delete(f->place, "b/manifest.json", &f->err));
  fails(f, archive_create(f->place, "b", 1, 1, &w, &f->err), ERR_STORE, "never finished");
  assert_null(w);
  /* Two writers at once: the second to finish is refused, and takes only its own away. */
  struct archive_writer *first = NULL, *second = NULL;
  ok(f, archive_create(f->place, "c", 1, 1, &first, &f->err));
  ok(f, archive_create(f->place, "c", 1, 1, &second, &f->err));
  ok(f, archive_add(first, 0, "data", "x", 0, 1, "1\n", 2, &f->err));
  ok(f, archive_add(second, 0, "data", "x", 0, 1, "2\n", 2, &f->err));
  ok(f, archive_commit(first, NULL, &f->err));
  fails(f, archive_commit(second, NULL, &f->err), ERR_STORE, "segment-0001.tar exists already");
  archive_free(second);
  archive_free(first);
  CLEANUP(archive_closep)
  struct archive *a = NULL;
  ok(f, archive_open(f->arena, f->place, "c", &a, &f->err));
  ok(f, archive_check_hashes(a, &f->err));
}

static void test_empty_archive(void **state)
{
  struct fixture *f = *state;
  CLEANUP(archive_freep)
  struct archive_writer *w = NULL;
  ok(f, archive_create(f->place, "e", 1, 3, &w, &f->err));
  ok(f, archive_commit(w, NULL, &f->err));
  CLEANUP(archive_closep)
  struct archive *a = NULL;
  ok(f, archive_open(f->arena, f->place, "e", &a, &f->err));
  assert_int_equal(a->entries.len, 0);
  ok(f, archive_check_hashes(a, &f->err));
}

static void test_members_larger_than_a_segment_and_empty_ones(void **state)
{
  struct fixture *f = *state;
  CLEANUP(archive_freep)
  struct archive_writer *w = NULL;
  CLEANUP(text_clear)
  struct text t = TEXT_INIT;
  unsigned seed = 1;
  while (t.len < 40000) {
    seed = seed * 1103515245u + 12345u;
    text_putc(&t, (char)(seed >> 16));
  }
  ok(f, archive_create(f->place, "b", 1, 1, &w, &f->err));
  archive_set_segment_bytes(w, 10000);
  ok(f, archive_add(w, 0, "data", "big", 0, 1, t.data, t.len, &f->err));
  ok(f, archive_add(w, 0, "data", "big", 1, 1, t.data, t.len, &f->err));
  ok(f, archive_add(w, 0, "data", "empty", 0, 0, "", 0, &f->err));
  ok(f, archive_add_plain(w, 0, "nothing.txt", "", 0, &f->err));
  ok(f, archive_commit(w, NULL, &f->err));
  assert_int_equal(count_segments(f, "b"), 3);
  CLEANUP(archive_closep)
  struct archive *a = NULL;
  ok(f, archive_open(f->arena, f->place, "b", &a, &f->err));
  ok(f, archive_check_hashes(a, &f->err));
  CLEANUP(text_clear)
  struct text raw = TEXT_INIT;
  static const size_t sizes[] = {40000, 40000, 0, 0};
  for (size_t i = 0; i < a->entries.len; i++) {
    ok(f, archive_read(a, &a->entries.at[i], &raw, &f->err));
    assert_int_equal(raw.len, sizes[i]);
  }
}

/* A child that is killed while it writes leaves no archive, and what it leaves can be told and
 * removed. */
static void test_killed_writer(void **state)
{
  struct fixture *f = *state;
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    struct archive_writer *w = NULL;
    if (archive_create(f->place, "b", 1, 2, &w, &f->err) < 0)
      _exit(1);
    archive_set_segment_bytes(w, 3000);
    CLEANUP(text_clear)
    struct text t = TEXT_INIT;
    for (int part = 0; part < 10; part++) {
      chunk_text(&t, "x", part);
      if (archive_add(w, part % 2, "data", "x", part, 1, t.data, t.len, &f->err) < 0)
        _exit(1);
    }
    kill(getpid(), SIGKILL);
  }
  int status = 0;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFSIGNALED(status));
  assert_true(count_segments(f, "b") >= 2);
  struct archive *a = NULL;
  fails(f, archive_open(f->arena, f->place, "b", &a, &f->err), ERR_DAMAGED, "never finished");
  struct archive_writer *w = NULL;
  fails(f, archive_create(f->place, "b", 1, 2, &w, &f->err), ERR_STORE, "never finished");
  ok(f, place_delete_prefix(f->place, "b", &f->err));
  assert_false(fs_exists(path_of(f, "store/b")));
}

/* ---- what a caller can do wrong ---- */

static struct archive_writer *begin(struct fixture *f, const char *prefix)
{
  struct archive_writer *w = NULL;
  ok(f, archive_create(f->place, prefix, 1, 2, &w, &f->err));
  return w;
}

static void test_incomplete_parts_do_not_commit(void **state)
{
  struct fixture *f = *state;
  CLEANUP(archive_freep)
  struct archive_writer *gap = begin(f, "gap");
  ok(f, archive_add(gap, 0, "data", "x", 0, 1, "1\n", 2, &f->err));
  ok(f, archive_add(gap, 1, "data", "x", 2, 1, "3\n", 2, &f->err));
  fails(f, archive_commit(gap, NULL, &f->err), ERR_UNEXPECTED, "data x: part 1 is missing");
  CLEANUP(archive_freep)
  struct archive_writer *twice = begin(f, "twice");
  ok(f, archive_add(twice, 0, "data", "x", 0, 1, "1\n", 2, &f->err));
  ok(f, archive_add(twice, 1, "data", "x", 0, 1, "1\n", 2, &f->err));
  fails(f, archive_commit(twice, NULL, &f->err), ERR_UNEXPECTED, "data x: part 0 is there twice");
  assert_false(place_exists(f->place, "twice/manifest.json"));
}

static void test_misuse_is_refused(void **state)
{
  struct fixture *f = *state;
  struct archive_writer *none = NULL;
  fails(f, archive_create(f->place, "b", 1, 0, &none, &f->err), ERR_UNEXPECTED, "1 to 32 lanes");
  fails(f, archive_create(f->place, "../b", 1, 1, &none, &f->err), ERR_STORE, "../b");
  CLEANUP(archive_freep)
  struct archive_writer *w = begin(f, "b");
  ok(f, archive_add_plain(w, 0, "RECOVER.txt", "x", 1, &f->err));
  fails(f, archive_add_plain(w, 1, "RECOVER.txt", "y", 1, &f->err), ERR_UNEXPECTED, "a second");
  fails(f, archive_commit(w, NULL, &f->err), ERR_STORE, "an earlier write failed");
  static const struct {
    int lane;
    const char *kind, *part;
  } adds[] = {{2, "data", "no lane 2"},
              {-1, "data", "no lane -1"},
              {0, "rows", "of kind rows"},
              {0, "text", "archive_add_plain"}};
  for (size_t i = 0; i < COUNT_OF(adds); i++) {
    CLEANUP(archive_freep)
    struct archive_writer *v = begin(f, "v");
    fails(f, archive_add(v, adds[i].lane, adds[i].kind, "x", 0, 0, "", 0, &f->err), ERR_UNEXPECTED,
          adds[i].part);
  }
  static const char *const names[] = {"", "../x", "a/b", "000001.copy.zst", "h\xc3\xa9.txt"};
  for (size_t i = 0; i < COUNT_OF(names); i++) {
    CLEANUP(archive_freep)
    struct archive_writer *v = begin(f, "v");
    fails(f, archive_add_plain(v, 0, names[i], "", 0, &f->err), ERR_UNEXPECTED, "cannot be");
  }
}

static void test_manifest_content_is_checked(void **state)
{
  struct fixture *f = *state;
  CLEANUP(archive_freep)
  struct archive_writer *w = begin(f, "b");
  CLEANUP(json_decrefp)
  json_t *extra = json_pack("{s[]}", "entries");
  fails(f, archive_commit(w, extra, &f->err), ERR_UNEXPECTED, "\"entries\"");
  CLEANUP(archive_freep)
  struct archive_writer *v = begin(f, "v");
  CLEANUP(json_decrefp)
  json_t *with_nul = json_pack("{ss%}", "reason", "a\0b", (size_t)3);
  fails(f, archive_commit(v, with_nul, &f->err), ERR_UNEXPECTED, "does not read back");
  CLEANUP(archive_freep)
  struct archive_writer *u = begin(f, "u");
  ok(f, archive_add(u, 0, "data", "public.h\xe9", 0, 0, "", 0, &f->err));
  fails(f, archive_commit(u, NULL, &f->err), ERR_STORE, "is not UTF-8");
  CLEANUP(archive_freep)
  struct archive_writer *good = begin(f, "good");
  ok(f, archive_add(good, 0, "data", "public.h\xc3\xa9 \"q\"\n", 0, 0, "", 0, &f->err));
  ok(f, archive_commit(good, NULL, &f->err));
  fails(f, archive_add(good, 0, "data", "x", 0, 0, "", 0, &f->err), ERR_STORE, "is finished");
  CLEANUP(archive_closep)
  struct archive *a = NULL;
  ok(f, archive_open(f->arena, f->place, "good", &a, &f->err));
  assert_string_equal(a->entries.at[0].object, "public.h\xc3\xa9 \"q\"\n");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_PLACE(test_round_trip_of_threads),
      WITH_PLACE(test_offsets_are_exact),
      WITH_PLACE(test_tar_and_zstd_read_it),
      WITH_PLACE(test_manifest_is_the_commit),
      WITH_PLACE(test_full_disk_leaves_nothing),
      WITH_PLACE(test_killed_writer),
      WITH_PLACE(test_nothing_is_overwritten),
      WITH_PLACE(test_empty_archive),
      WITH_PLACE(test_members_larger_than_a_segment_and_empty_ones),
      WITH_PLACE(test_incomplete_parts_do_not_commit),
      WITH_PLACE(test_misuse_is_refused),
      WITH_PLACE(test_manifest_content_is_checked),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
