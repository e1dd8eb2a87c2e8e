#define _GNU_SOURCE
/* Archives and objects of a place that has recipients: what is stored, who can read it, and what a
 * reader without identity is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <unistd.h>

#include "base/spawn.h"
#include "store/archive.h"
#include "store/keys.h"
#include "unit/store_fixture.h"

static const char secret_table[] = "public.salaries", secret_row[] = "17\tmr x\t1000000\n";

/* Two key pairs in files: one.key, two.key; what their recipients are. */
static const char *new_key(struct fixture *f, const char *name)
{
  struct age_identity identity;
  char *recipient = arena_alloc(f->arena, AGE_RECIPIENT_TEXT);
  const char *path = path_of(f, name);
  const char *script = arena_printf(f->arena, "umask 077; age-keygen -o '%s' 2>/dev/null", path);
  const char *argv[] = {"/bin/sh", "-ec", script, NULL};
  struct spawn_result done;
  char *text;
  size_t len;
  ok(f, spawn_run(f->arena, &(struct spawn){.argv = argv, .capture = true}, &done, &f->err));
  assert_int_equal(done.exit_code, 0);
  ok(f, fs_read(f->arena, path, &text, &len, &f->err));
  struct age_identities read = {0};
  ok(f, age_identities_read(path, text, &read, &f->err));
  identity = read.at[0];
  age_recipient_text(&identity.recipient, recipient);
  return recipient;
}

/* A reader or writer of the same place in another process would have. */
static struct place *reopen(struct fixture *f, const struct keys_source *source)
{
  struct keys *keys = NULL;
  place_closep(&f->place);
  ok(f, place_open(path_of(f, "store"), &f->place, &f->err));
  if (source) {
    ok(f, keys_open(source, &keys, &f->err));
    place_set_keys(f->place, keys);
  }
  return f->place;
}

static struct keys_source for_recipients(struct fixture *f, const char *a, const char *b)
{
  struct keys_source source = {0};
  vec_push(f->arena, &source.recipients, a);
  if (b)
    vec_push(f->arena, &source.recipients, b);
  return source;
}

static json_t *extra_of(void)
{
  return json_pack("{ss ss ss s[s] s{ss s[s]} s{si}}", "kind", "backup", "id", "one", "reason",
                   "before 1_salaries", "tables", secret_table, "scope", "kind", "pending",
                   "left_out", secret_table, "totals", "tables", 1);
}

static void write_sealed(struct fixture *f, const char *prefix)
{
  CLEANUP(archive_freep) struct archive_writer *w = NULL;
  CLEANUP(json_decrefp) json_t *extra = extra_of();
  ok(f, archive_create(f->place, prefix, 1, 2, &w, &f->err));
  ok(f, archive_add_plain(w, 0, "RECOVER.txt", "read me\n", 8, &f->err));
  ok(f, archive_add(w, 1, "data", secret_table, 0, 1, secret_row, strlen(secret_row), &f->err));
  ok(f, archive_add(w, 0, "sql", "pre-data", 0, 0, "SELECT 1;\n", 10, &f->err));
  ok(f, archive_commit(w, extra, &f->err));
}

static void check_content(struct fixture *f, const char *prefix)
{
  CLEANUP(archive_closep) struct archive *a = NULL;
  CLEANUP(text_clear) struct text raw = TEXT_INIT;
  ok(f, archive_open(f->arena, f->place, prefix, &a, &f->err));
  assert_int_equal(a->entries.len, 3);
  assert_false(a->locked);
  ok(f, archive_read(a, &a->entries.at[1], &raw, &f->err));
  assert_string_equal(raw.data, secret_row);
  assert_string_equal(a->entries.at[1].object, secret_table);
  assert_non_null(json_object_get(a->manifest, "tables"));
  ok(f, archive_check_hashes(a, &f->err));
}

/* No byte of any file of the store is one of the words. */
static void leaks_nothing(struct fixture *f)
{
  static const char *const words[] = {"salaries", "mr x", "1000000", "pre-data"};
  struct place_entries found = {0};
  ok(f, place_list(f->place, f->arena, "", &found, &f->err));
  assert_true(found.len >= 4);
  for (size_t i = 0; i < found.len; i++) {
    char *bytes;
    size_t len;
    ok(f, place_get(f->place, f->arena, found.at[i].key, &bytes, &len, &f->err));
    for (size_t k = 0; k < COUNT_OF(words); k++)
      if (memmem(bytes, len, words[k], strlen(words[k])))
        fail_msg("%s holds \"%s\"", found.at[i].key, words[k]);
  }
}

static void test_each_identity_opens(void **state)
{
  struct fixture *f = *state;
  const char *one = new_key(f, "one.key"), *two = new_key(f, "two.key");
  struct keys_source writer = for_recipients(f, one, two);
  reopen(f, &writer);
  write_sealed(f, "a");
  check_content(f, "a"); /* the process that wrote it needs no identity */
  leaks_nothing(f);
  static const char *const names[] = {"one.key", "two.key"};
  for (size_t i = 0; i < COUNT_OF(names); i++) {
    reopen(f, &(struct keys_source){.identity_file = path_of(f, names[i])});
    check_content(f, "a");
    reopen(f, &(struct keys_source){.identity_command = arena_printf(
                                        f->arena, "echo noise; cat '%s'", path_of(f, names[i]))});
    check_content(f, "a");
  }
}

static void test_without_identity(void **state)
{
  struct fixture *f = *state;
  const char *one = new_key(f, "one.key"), *two = new_key(f, "two.key");
  new_key(f, "other.key");
  struct keys_source writer = for_recipients(f, one, two);
  reopen(f, &writer);
  write_sealed(f, "a");
  const struct {
    struct keys_source source;
    const char *says;
  } readers[] = {
      {{.identity_file = NULL}, "no identity is given"},
      {writer, "no identity is given"}, /* the same recipients, another process */
      {{.identity_file = path_of(f, "other.key")}, "no identity given here opens it"},
      {{.identity_file = path_of(f, "none.key")}, "none.key"},
      {{.identity_command = "printf %s-KEY-1 AGE-SECRET; exit 3"}, "ended with 3"},
      {{.identity_command = "true"}, "holds no key"},
  };
  for (size_t i = 0; i <= COUNT_OF(readers); i++) {
    CLEANUP(archive_closep) struct archive *a = NULL;
    CLEANUP(text_clear) struct text raw = TEXT_INIT;
    reopen(f, i < COUNT_OF(readers) ? &readers[i].source : NULL);
    const char *says = i < COUNT_OF(readers) ? readers[i].says : "no identity is given";
    assert_int_equal(archive_open(f->arena, f->place, "a", &a, &f->err), -1);
    assert_non_null(strstr(f->err.message, one)); /* the recipients are named */
    assert_non_null(strstr(f->err.message, two));
    fails_with_hint(f, -1, ERR_SEALED, says, "--identity");
    ok(f, archive_look(f->arena, f->place, "a", &a, &f->err));
    assert_true(a->locked && a->sealed);
    assert_int_equal(a->entries.len, 3);
    assert_string_equal(a->entries.at[0].object, "RECOVER.txt");
    assert_string_equal(a->entries.at[1].object, "");
    assert_string_equal(json_string_value(json_object_get(a->manifest, "id")), "one");
    assert_null(json_object_get(a->manifest, "reason"));
    ok(f, archive_check_hashes(a, &f->err));
    ok(f, archive_read(a, &a->entries.at[0], &raw, &f->err));
    assert_string_equal(raw.data, "read me\n");
    fails(f, archive_read(a, &a->entries.at[1], &raw, &f->err), ERR_SEALED, "encrypted for");
  }
}

static char *change(struct fixture *f, const char *name, size_t at, char with)
{
  char *bytes, *old;
  size_t len;
  const char *path = path_of(f, name);
  ok(f, fs_read(f->arena, path, &bytes, &len, &f->err));
  old = arena_strndup(f->arena, bytes, len);
  bytes[at] = (char)(bytes[at] ^ with);
  ok(f, fs_write_atomic(path, bytes, len, 0600, &f->err));
  return old;
}

/* The encrypted manifest and the members are covered by hashes that anybody can check. */
static void test_damage_is_seen_without_identity(void **state)
{
  struct fixture *f = *state;
  struct keys_source writer = for_recipients(f, new_key(f, "one.key"), NULL);
  reopen(f, &writer);
  write_sealed(f, "a");
  write_sealed(f, "b");
  reopen(f, NULL);
  CLEANUP(archive_closep) struct archive *a = NULL, *b = NULL;
  ok(f, archive_look(f->arena, f->place, "a", &a, &f->err));
  change(f, "store/a/manifest.json.age", 300, 1);
  fails(f, archive_check_hashes(a, &f->err), ERR_DAMAGED, "manifest.json.age is");
  archive_closep(&a);
  fails(f, archive_look(f->arena, f->place, "a", &a, &f->err), ERR_DAMAGED, "manifest.json.age is");
  unlink(path_of(f, "store/a/manifest.json.age"));
  fails(f, archive_look(f->arena, f->place, "a", &a, &f->err), ERR_DAMAGED, "is missing");
  ok(f, archive_look(f->arena, f->place, "b", &b, &f->err));
  change(f, "store/b/segment-0002.tar", 700, 1);
  fails(f, archive_check_hashes(b, &f->err), ERR_DAMAGED, "000002.copy.zst.age");
}

/* A clear part that was changed together with its own hash is not what the encrypted one says. */
static void test_clear_part_must_agree(void **state)
{
  struct fixture *f = *state;
  struct keys_source writer = for_recipients(f, new_key(f, "one.key"), NULL);
  reopen(f, &writer);
  write_sealed(f, "a");
  const char *path = path_of(f, "store/a/manifest.json");
  json_t *manifest = json_load_file(path, 0, NULL), *rest;
  json_object_set_new(manifest, "database", json_string("other"));
  json_object_del(manifest, "self");
  rest = manifest;
  char *text = json_dumps(rest, JSON_COMPACT | JSON_SORT_KEYS), self[STORE_SHA256_HEX];
  store_sha256(text, strlen(text), self);
  free(text);
  json_object_set_new(manifest, "self", json_string(self));
  assert_int_equal(json_dump_file(manifest, path, 0), 0);
  json_decref(manifest);
  CLEANUP(archive_closep) struct archive *a = NULL;
  fails(f, archive_open(f->arena, f->place, "a", &a, &f->err), ERR_DAMAGED, "not the clear part");
}

static void test_unfinished_leaves_nothing(void **state)
{
  struct fixture *f = *state;
  struct keys_source writer = for_recipients(f, new_key(f, "one.key"), NULL);
  reopen(f, &writer);
  ok(f, place_put(f->place, "a/manifest.json.age", "x", 1, &f->err));
  CLEANUP(archive_freep) struct archive_writer *w = NULL;
  ok(f, archive_create(f->place, "a", 1, 1, &w, &f->err));
  ok(f, archive_add(w, 0, "sql", "pre-data", 0, 0, "x", 1, &f->err));
  fails(f, archive_commit(w, NULL, &f->err), ERR_STORE, "exists already");
  archive_freep(&w);
  struct place_entries found = {0};
  ok(f, place_list(f->place, f->arena, "a/", &found, &f->err));
  assert_int_equal(found.len, 0);
}

static void test_sealed_objects(void **state)
{
  struct fixture *f = *state;
  struct keys_source writer = for_recipients(f, new_key(f, "one.key"), NULL);
  char *bytes;
  size_t len;
  ok(f, place_put_sealed(f->place, "x/clear.sql", "clear", 5, &f->err));
  reopen(f, &writer);
  ok(f, place_put_sealed(f->place, "x/inverse.sql", "mr x", 4, &f->err));
  assert_false(place_exists(f->place, "x/inverse.sql"));
  reopen(f, &(struct keys_source){.identity_file = path_of(f, "one.key")});
  ok(f, place_get_sealed(f->place, f->arena, "x/inverse.sql", &bytes, &len, &f->err));
  assert_string_equal(bytes, "mr x");
  ok(f, place_get_sealed(f->place, f->arena, "x/clear.sql", &bytes, &len, &f->err));
  assert_string_equal(bytes, "clear");
  reopen(f, NULL);
  fails(f, place_get_sealed(f->place, f->arena, "x/inverse.sql", &bytes, &len, &f->err), ERR_SEALED,
        "inverse.sql.age");
}

static void test_bad_sources(void **state)
{
  struct fixture *f = *state;
  struct keys *keys = NULL;
  struct keys_source source = for_recipients(f, "no-such-file", NULL);
  fails(f, keys_open(&source, &keys, &f->err), ERR_USAGE, "neither a key");
  source = for_recipients(f, "age1abc", NULL);
  fails(f, keys_open(&source, &keys, &f->err), ERR_USAGE, "not a recipient");
  source = (struct keys_source){.identity_file = "AGE-SECRET-KEY-1QQQQ"};
  assert_int_equal(keys_open(&source, &keys, &f->err), -1);
  assert_null(strstr(f->err.message, "QQQQ"));
  err_clear(&f->err);
  new_key(f, "one.key"); /* an identity where recipients should be */
  source = for_recipients(f, path_of(f, "one.key"), NULL);
  fails(f, keys_open(&source, &keys, &f->err), ERR_USAGE, "one.key:3: a secret key stands");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_PLACE(test_each_identity_opens),
      WITH_PLACE(test_without_identity),
      WITH_PLACE(test_damage_is_seen_without_identity),
      WITH_PLACE(test_clear_part_must_agree),
      WITH_PLACE(test_unfinished_leaves_nothing),
      WITH_PLACE(test_sealed_objects),
      WITH_PLACE(test_bad_sources),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
