#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <unistd.h>

#include "backup_support.h"

static struct backup_info backup_of_two_tables(struct fixture *f)
{
  run_sql(f, "source",
          "CREATE TABLE a AS SELECT i, md5(i::text) AS t FROM generate_series(1, 5000) i;"
          "CREATE TABLE b AS SELECT i FROM generate_series(1, 3) i;"
          "CREATE TABLE c AS SELECT i FROM generate_series(1, 0) i");
  return take(f, 1);
}

static const char *path_of(struct fixture *f, const struct backup_info *info, const char *name)
{
  return arena_printf(f->arena, "%s/store/%s/%s", f->dir, info->prefix, name);
}

static int verify(struct fixture *f, const struct backup_info *info, enum backup_level level)
{
  struct verify_report report;
  return verify_to(f, info, level, &report);
}

/* Flips one bit in the middle of the first data member. */
static void flip(struct fixture *f, const struct backup_info *info)
{
  CLEANUP(archive_closep) struct archive *archive = NULL;
  ok(f, archive_open(f->arena, f->place, info->prefix, &archive, &f->err));
  for (size_t i = 0; i < archive->entries.len; i++) {
    const struct archive_entry *e = &archive->entries.at[i];
    if (strcmp(e->kind, "data") != 0)
      continue;
    CLEANUP(close_fd)
    int fd = open(path_of(f, info, arena_printf(f->arena, "segment-%04d.tar", e->segment)), O_RDWR);
    off_t at = (off_t)(e->offset + e->size / 2);
    unsigned char byte;
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= 4;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    return;
  }
  fail();
}

/* Rewrites the manifest as somebody would who knows how: with a new hash over itself. */
static void rewrite(struct fixture *f, const struct backup_info *info,
                    void (*change)(json_t *manifest))
{
  char *bytes, hex[STORE_SHA256_HEX];
  size_t len;
  const char *path = path_of(f, info, "manifest.json");
  ok(f, fs_read(f->arena, path, &bytes, &len, &f->err));
  json_t *manifest = json_loadb(bytes, len, 0, NULL);
  change(manifest);
  json_object_del(manifest, "self");
  char *text = json_dumps(manifest, JSON_COMPACT | JSON_SORT_KEYS);
  store_sha256(text, strlen(text), hex);
  free(text);
  json_object_set_new(manifest, "self", json_string(hex));
  text = json_dumps(manifest, JSON_INDENT(1));
  ok(f, fs_write_atomic(path, text, strlen(text), 0600, &f->err));
  free(text);
  json_decref(manifest);
}

static void fails_to_restore(struct fixture *f, const struct backup_info *info, const char *says)
{
  struct restore_options options = {.target = &f->server,
                                    .place = f->place,
                                    .prefix = info->prefix,
                                    .into = named(f, "copy"),
                                    .jobs = 2};
  struct restore_report report;
  fails(f, backup_restore(f->arena, &options, &report, &f->err), ERR_DAMAGED, says);
  assert_string_equal(
      value_of(f, "postgres", "SELECT count(*) FROM pg_database WHERE datname = 'copy'"), "0");
}

static void a_flipped_bit_is_named(void **state)
{
  struct fixture *f = *state;
  struct backup_info info = backup_of_two_tables(f);
  ok(f, verify(f, &info, BACKUP_RESTORE));
  flip(f, &info);
  for (enum backup_level level = BACKUP_HASH; level <= BACKUP_RESTORE; level++)
    fails(f, verify(f, &info, level), ERR_DAMAGED, "segment-");
  fails_to_restore(f, &info, "segment-");
}

static void a_truncated_segment_is_damage(void **state)
{
  struct fixture *f = *state;
  struct backup_info info = backup_of_two_tables(f);
  assert_int_equal(truncate(path_of(f, &info, "segment-0001.tar"), 3000), 0);
  fails(f, verify(f, &info, BACKUP_HASH), ERR_DAMAGED, "segment-0001.tar");
}

static json_t *entry_of(json_t *manifest, const char *object)
{
  size_t i;
  json_t *entry;
  json_array_foreach(json_object_get(manifest, "entries"), i, entry)
  {
    if (strcmp(json_string_value(json_object_get(entry, "object")), object) == 0)
      return entry;
  }
  return NULL;
}

static json_t *table_of(json_t *manifest, const char *identity)
{
  size_t i;
  json_t *table;
  json_array_foreach(json_object_get(manifest, "tables"), i, table)
  {
    if (strcmp(json_string_value(json_object_get(table, "identity")), identity) == 0)
      return table;
  }
  return NULL;
}

static void set_int(json_t *object, const char *key, json_int_t value)
{
  json_object_set_new(object, key, json_integer(value));
}

static void change_table_rows(json_t *manifest)
{
  set_int(table_of(manifest, "public.a"), "rows", 4999);
}

static void change_all_rows(json_t *manifest)
{
  set_int(table_of(manifest, "public.a"), "rows", 4999);
  set_int(entry_of(manifest, "public.a"), "rows", 4999);
  set_int(json_object_get(manifest, "totals"), "rows", 5002);
}

static void move_to_other_table(json_t *manifest)
{
  json_object_set_new(entry_of(manifest, "public.b"), "object", json_string("public.d"));
}

static void forget_table(json_t *manifest)
{
  json_t *entries = json_object_get(manifest, "entries");
  size_t i;
  json_t *entry;
  json_array_foreach(entries, i, entry)
  {
    if (entry == entry_of(manifest, "public.b"))
      break;
  }
  json_array_remove(entries, i);
}

static void change_fingerprint(json_t *manifest)
{
  char hex[STORE_SHA256_HEX];
  store_sha256("x", 1, hex);
  json_object_set_new(manifest, "fingerprint", json_string(hex));
}

static void change_content(json_t *manifest)
{
  json_object_set_new(table_of(manifest, "public.a"), "content", json_string("0123456789abcdef"));
}

static void change_format(json_t *manifest)
{
  json_object_set_new(table_of(manifest, "public.a"), "format", json_string("text"));
}

static void change_id(json_t *manifest)
{
  json_object_set_new(manifest, "id", json_string("20200101T000000Z-0000"));
}

static void list_twice(json_t *manifest)
{
  json_array_append(json_object_get(manifest, "tables"), table_of(manifest, "public.a"));
}

static void forget_in_list(json_t *manifest)
{
  json_array_remove(json_object_get(manifest, "tables"), 0);
}

/* Two members of one table and size would do as well: here both tables' entries. */
static void swap_objects(json_t *manifest)
{
  json_t *a = entry_of(manifest, "public.a"), *b = entry_of(manifest, "public.b");
  json_object_set_new(a, "object", json_string("public.b"));
  json_object_set_new(b, "object", json_string("public.a"));
}

static void load_half(json_t *manifest)
{
  json_object_set_new(table_of(manifest, "public.b"), "copy",
                      json_string("COPY public.b (i) FROM STDIN WITH (FORMAT binary) WHERE i > 1"));
}

static void load_other(json_t *manifest)
{
  json_object_set_new(table_of(manifest, "public.b"), "copy",
                      json_string("COPY public.c (i) FROM STDIN WITH (FORMAT binary)"));
}

/* Of a whole backup, as if the table had been empty: its member is there, but does not count. */
static void withdraw_table(json_t *manifest)
{
  json_object_set_new(entry_of(manifest, "public.b"), "kind", json_string(ARCHIVE_WITHDRAWN));
  json_t *tables = json_object_get(manifest, "tables"), *totals;
  for (size_t i = 0; i < json_array_size(tables); i++)
    if (json_array_get(tables, i) == table_of(manifest, "public.b"))
      json_array_remove(tables, i);
  totals = json_object_get(manifest, "totals");
  set_int(totals, "tables", 2);
  set_int(totals, "rows", 5000);
}

struct change_case {
  void (*change)(json_t *manifest);
  enum backup_level level; /* the lowest that can know it */
  const char *says;
};

static void assert_caught(struct fixture *f, const struct backup_info *info,
                          const struct change_case *cases, size_t count)
{
  char *manifest;
  size_t len;
  const char *path = path_of(f, info, "manifest.json");
  ok(f, fs_read(f->arena, path, &manifest, &len, &f->err));
  for (size_t i = 0; i < count; i++) {
    rewrite(f, info, cases[i].change);
    if (cases[i].level > BACKUP_HASH)
      ok(f, verify(f, info, cases[i].level - 1));
    fails(f, verify(f, info, cases[i].level), ERR_DAMAGED, cases[i].says);
    ok(f, fs_write_atomic(path, manifest, len, 0600, &f->err));
    ok(f, verify(f, info, BACKUP_EXPAND));
  }
  assert_string_equal(
      value_of(f, "postgres", "SELECT count(*) FROM pg_database WHERE datname ~ 'belay_verify'"),
      "0");
}

static void a_changed_manifest_is_caught(void **state)
{
  struct fixture *f = *state;
  struct backup_info info = backup_of_two_tables(f);
  static const struct change_case cases[] = {
      {change_table_rows, BACKUP_EXPAND, "the members of public.a hold 5000 rows"},
      {change_all_rows, BACKUP_EXPAND, "holds 5000 rows, the manifest says 4999"},
      {move_to_other_table, BACKUP_EXPAND, "belongs to no table (public.d)"},
      {forget_table, BACKUP_HASH, ".copy.zst"},
      {withdraw_table, BACKUP_EXPAND, "the rows of public.b are not in it"},
      {change_id, BACKUP_HASH, "20200101T000000Z-0000"},
      {list_twice, BACKUP_EXPAND, "public.a is listed twice"},
      {forget_in_list, BACKUP_EXPAND, "belongs to no table"},
      {swap_objects, BACKUP_EXPAND, "the members of public.a hold 3 rows"},
      {change_content, BACKUP_EXPAND, "the members of public.a hold other rows"},
      {change_format, BACKUP_EXPAND, "public.a"},
      {load_half, BACKUP_RESTORE, "the parts of public.b held 2 rows, the manifest says 3"},
      {load_other, BACKUP_RESTORE, "the restored public."},
      {change_fingerprint, BACKUP_RESTORE, "not the one that was backed up"},
  };
  assert_caught(f, &info, cases, COUNT_OF(cases));
}

/* Two backups of one database: the rows are others, and as many. */
static void two_backups(struct fixture *f, struct backup_info *ret_first,
                        struct backup_info *ret_second)
{
  run_sql(f, "source",
          "CREATE TABLE a AS SELECT i, md5(i::text) AS t FROM generate_series(1, 5000) i;"
          "SELECT lo_from_bytea(4711, decode(repeat('0123456789abcdef', 4000), 'hex'))");
  *ret_first = take(f, 1);
  run_sql(f, "source",
          "UPDATE a SET t = md5(t);"
          "SELECT lo_put(4711, 0, decode(repeat('fedcba9876543210', 4000), 'hex'))");
  *ret_second = take(f, 1);
}

static struct archive *open_archive(struct fixture *f, const struct backup_info *info)
{
  struct archive *archive = NULL;
  ok(f, archive_open(f->arena, f->place, info->prefix, &archive, &f->err));
  return archive;
}

static const struct archive_entry *member_of(const struct archive *archive, const char *object)
{
  for (size_t i = 0; i < archive->entries.len; i++)
    if (strcmp(archive->entries.at[i].object, object) == 0)
      return &archive->entries.at[i];
  fail();
  return NULL;
}

/* The bytes of the member of one backup stand in the other at the place of its own. */
static void mix_member(struct fixture *f, const struct backup_info *from,
                       const struct backup_info *to, const char *object)
{
  CLEANUP(archive_closep) struct archive *a = open_archive(f, from), *b = open_archive(f, to);
  const struct archive_entry *x = member_of(a, object), *y = member_of(b, object);
  const char *segment = path_of(f, to, b->segments.at[y->segment - 1].name);
  char *theirs, *mine;
  size_t theirs_len, len;
  ok(f, fs_read(f->arena, path_of(f, from, a->segments.at[x->segment - 1].name), &theirs,
                &theirs_len, &f->err));
  ok(f, fs_read(f->arena, segment, &mine, &len, &f->err));
  CLEANUP(close_fd) int fd = open(segment, O_WRONLY);
  size_t count = x->size < y->size ? x->size : y->size;
  assert_int_equal(pwrite(fd, theirs + x->offset, count, (off_t)y->offset), (ssize_t)count);
  fails(f, verify(f, to, BACKUP_HASH), ERR_DAMAGED,
        arena_printf(f->arena, "member %s.copy.zst (%s part 0): its sha256 is", y->id, object));
  fails_to_restore(f, to, arena_printf(f->arena, "(%s part 0)", object));
  assert_int_equal(pwrite(fd, mine, len, 0), (ssize_t)len);
  ok(f, verify(f, to, BACKUP_HASH));
}

static void copy_file(struct fixture *f, const struct backup_info *from,
                      const struct backup_info *to, const char *name)
{
  char *bytes;
  size_t len;
  ok(f, fs_read(f->arena, path_of(f, from, name), &bytes, &len, &f->err));
  ok(f, fs_write_atomic(path_of(f, to, name), bytes, len, 0600, &f->err));
}

static json_t *mixed_in; /* the manifest of the other backup */

static void take_its_members(json_t *manifest)
{
  json_object_set(manifest, "entries", json_object_get(mixed_in, "entries"));
  json_object_set(manifest, "segments", json_object_get(mixed_in, "segments"));
}

static void a_mix_of_two_backups_is_caught(void **state)
{
  struct fixture *f = *state;
  struct backup_info first, second;
  two_backups(f, &first, &second);
  mix_member(f, &first, &second, "public.a");
  mix_member(f, &first, &second, "pg_catalog.pg_largeobject");
  CLEANUP(archive_closep) struct archive *other = open_archive(f, &first);
  mixed_in = other->manifest;
  for (size_t i = 0; i < other->segments.len; i++)
    copy_file(f, &first, &second, other->segments.at[i].name);
  fails(f, verify(f, &second, BACKUP_HASH), ERR_DAMAGED, "segment-");
  fails_to_restore(f, &second, "segment-");
  /* with their description: each member is whole, but not of this backup */
  rewrite(f, &second, take_its_members);
  fails(f, verify(f, &second, BACKUP_HASH), ERR_DAMAGED, "RECOVER.txt was changed");
  copy_file(f, &first, &second, "RECOVER.txt");
  ok(f, verify(f, &second, BACKUP_HASH));
  fails(f, verify(f, &second, BACKUP_EXPAND), ERR_DAMAGED, "hold other rows than were backed up");
  copy_file(f, &first, &second, "manifest.json");
  fails(f, verify(f, &second, BACKUP_HASH), ERR_DAMAGED,
        arena_printf(f->arena, "it is the manifest of backup %s", first.id));
  fails_to_restore(f, &second, first.id);
}

static void a_manifest_cut_short_is_named(void **state)
{
  struct fixture *f = *state;
  struct backup_info info = backup_of_two_tables(f);
  char *bytes;
  size_t len;
  const char *path = path_of(f, &info, "manifest.json");
  ok(f, fs_read(f->arena, path, &bytes, &len, &f->err));
  const size_t lengths[] = {0, 1, len / 2, len - 2};
  for (size_t i = 0; i < COUNT_OF(lengths); i++) {
    ok(f, fs_write_atomic(path, bytes, lengths[i], 0600, &f->err));
    fails(f, verify(f, &info, BACKUP_HASH), ERR_DAMAGED, "manifest.json, line ");
    fails_to_restore(f, &info, "manifest.json, line ");
  }
}

static json_t *scope_of(json_t *manifest)
{
  return json_object_get(manifest, "scope");
}

static void empty_what_is_left_out(json_t *manifest)
{
  json_array_clear(json_object_get(scope_of(manifest), "left_out"));
}

static void forget_what_is_left_out(json_t *manifest)
{
  json_object_del(scope_of(manifest), "left_out");
}

static void leave_less_out(json_t *manifest)
{
  json_array_remove(json_object_get(scope_of(manifest), "left_out"), 0);
}

static void call_it_whole(json_t *manifest)
{
  json_object_set_new(manifest, "scope", json_null());
}

static void forget_scope(json_t *manifest)
{
  json_object_del(manifest, "scope");
}

static void a_scoped_backup_cannot_pass_for_whole(void **state)
{
  struct fixture *f = *state;
  run_sql(f, "source",
          "CREATE TABLE held (i int); CREATE TABLE \"Left\" (t text DEFAULT 'PARTITION BY ');"
          "CREATE UNLOGGED TABLE left_too (); CREATE TABLE root (i int) PARTITION BY LIST (i)");
  struct backup_options options = options_of(f, 1);
  struct backup_scope scope = {.kind = "tables"};
  vec_push(f->arena, &scope.patterns, "held");
  options.scope = &scope;
  struct backup_info info = {0};
  ok(f, backup_take(f->arena, &options, &info, &f->err));
  static const struct change_case cases[] = {
      {empty_what_is_left_out, BACKUP_HASH, "a scope that leaves nothing out"},
      {forget_what_is_left_out, BACKUP_HASH, "a scope that leaves nothing out"},
      {leave_less_out, BACKUP_EXPAND, "are not in it, nor is the table said to be left out"},
      {call_it_whole, BACKUP_EXPAND, "the rows of public.\"Left\" are not in it"},
      {forget_scope, BACKUP_EXPAND, "the rows of public.\"Left\" are not in it"},
  };
  assert_caught(f, &info, cases, COUNT_OF(cases));
  rewrite(f, &info, call_it_whole);
  fails_to_restore(f, &info, "the rows of public.\"Left\" are not in it");
}

static const char large_objects[] = "pg_catalog.pg_largeobject";

static void change_large_content(json_t *manifest)
{
  json_object_set_new(table_of(manifest, large_objects), "content",
                      json_string("0123456789abcdef"));
}

static void forget_what_makes_them(json_t *manifest)
{
  json_object_set_new(entry_of(manifest, "large objects"), "object", json_string("other"));
}

/* Does something else after each part. */
static void do_after(json_t *manifest, const char *sql)
{
  json_t *table = table_of(manifest, large_objects);
  char *after = x_printf("%s; %s", json_string_value(json_object_get(table, "after")), sql);
  json_object_set_new(table, "after", json_string(after));
  free(after);
}

static void write_another_byte(json_t *manifest)
{
  do_after(manifest, "SELECT pg_catalog.lo_put(4711, 1, 'x')");
}

static void make_longer(json_t *manifest)
{
  do_after(manifest, "SELECT pg_catalog.lo_put(4711, 100, '\\x00')");
}

static void forget_comment(json_t *manifest)
{
  do_after(manifest, "COMMENT ON LARGE OBJECT 4711 IS NULL");
}

static void grant_more(json_t *manifest)
{
  do_after(manifest, "GRANT SELECT ON LARGE OBJECT 4711 TO PUBLIC");
}

static void changed_large_objects_are_caught(void **state)
{
  struct fixture *f = *state;
  run_sql(f, "source",
          "SELECT lo_from_bytea(4711, 'abc'), lo_create(4712);"
          "COMMENT ON LARGE OBJECT 4711 IS 'mine'");
  struct backup_info info = take(f, 1);
  ok(f, verify(f, &info, BACKUP_RESTORE));
  static const struct change_case cases[] = {
      {change_large_content, BACKUP_EXPAND,
       "the members of pg_catalog.pg_largeobject hold other rows"},
      {forget_what_makes_them, BACKUP_EXPAND, "there is no member \"large objects\""},
      {write_another_byte, BACKUP_RESTORE,
       "the restored pg_catalog.pg_largeobject holds other rows"},
      {make_longer, BACKUP_RESTORE, "the restored pg_catalog.pg_largeobject holds other rows"},
      {forget_comment, BACKUP_RESTORE, "the restored large objects lack something"},
      {grant_more, BACKUP_RESTORE, "the restored large objects are not those"},
  };
  assert_caught(f, &info, cases, COUNT_OF(cases));
}

static void a_damaged_manifest_does_not_hide_the_others(void **state)
{
  struct fixture *f = *state;
  struct backup_info first = backup_of_two_tables(f), second, found;
  second = take(f, 2);
  ok(f,
     fs_write_atomic(path_of(f, &second, "manifest.json"), "{\"format\": 1}", 13, 0600, &f->err));
  struct backup_infos infos = {0};
  ok(f, backup_list(f->arena, f->place, NULL, &infos, &f->err));
  assert_true(infos.len >= 2);
  assert_false(infos.at[0].damaged);
  assert_true(infos.at[infos.len - 1].damaged);
  assert_non_null(infos.at[infos.len - 1].damage);
  fails(f, backup_find(f->arena, f->place, NULL, "latest", INT64_MAX, &found, &f->err), ERR_DAMAGED,
        second.id);
  ok(f, backup_find(f->arena, f->place, NULL, first.id, INT64_MAX, &found, &f->err));
  assert_string_equal(found.prefix, first.prefix);
}

static void make_it_older(json_t *manifest)
{
  size_t i;
  json_t *table;
  json_array_foreach(json_object_get(manifest, "tables"), i, table)
  {
    json_object_del(table, "format");
    json_object_del(table, "content");
  }
}

static void call_it_binary(json_t *manifest)
{
  json_t *table = json_array_get(json_object_get(manifest, "tables"), 0);
  json_object_set_new(table, "format", json_string("binary"));
}

/* The first belay wrote text only, and neither format nor content. */
static void a_text_backup_without_formats_restores(void **state)
{
  struct fixture *f = *state;
  run_sql(f, "source",
          "CREATE TYPE pair AS (a int, b text);"
          "CREATE TABLE pairs AS SELECT (i, 'x\t' || i)::pair AS p FROM generate_series(1, 500) i");
  struct backup_info info = take(f, 1);
  rewrite(f, &info, make_it_older);
  ok(f, verify(f, &info, BACKUP_EXPAND));
  restore_into(f, &info, "again");
  assert_string_equal(value_of(f, "again", "SELECT count(DISTINCT (p).b) FROM pairs"), "500");
  rewrite(f, &info, call_it_binary);
  fails(f, verify(f, &info, BACKUP_EXPAND), ERR_DAMAGED, "ends in the middle of a row");
}

/* The copy beside the manifest is what people type. */
static void a_changed_recover_text_is_named(void **state)
{
  struct fixture *f = *state;
  struct backup_info info = backup_of_two_tables(f);
  const char *path = path_of(f, &info, "RECOVER.txt");
  ok(f, verify(f, &info, BACKUP_HASH));
  int fd = open(path, O_WRONLY | O_APPEND);
  assert_int_equal(write(fd, "#", 1), 1);
  close(fd);
  fails(f, verify(f, &info, BACKUP_HASH), ERR_DAMAGED, "RECOVER.txt was changed");
  assert_int_equal(unlink(path), 0);
  fails(f, verify(f, &info, BACKUP_HASH), ERR_DAMAGED, "RECOVER.txt is missing");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_SERVER(a_flipped_bit_is_named),
      WITH_SERVER(a_truncated_segment_is_damage),
      WITH_SERVER(a_changed_manifest_is_caught),
      WITH_SERVER(a_mix_of_two_backups_is_caught),
      WITH_SERVER(a_manifest_cut_short_is_named),
      WITH_SERVER(a_scoped_backup_cannot_pass_for_whole),
      WITH_SERVER(changed_large_objects_are_caught),
      WITH_SERVER(a_damaged_manifest_does_not_hide_the_others),
      WITH_SERVER(a_text_backup_without_formats_restores),
      WITH_SERVER(a_changed_recover_text_is_named),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
