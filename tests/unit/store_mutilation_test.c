/* What is done to an archive on disk, and what belay must then say of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <unistd.h>

#include "store/archive.h"
#include "unit/store_fixture.h"

/* Two archives in the place, with the same shape and different content. */
static const char dir_a[] = "store/a", dir_b[] = "store/b";

enum { MEMBER_BYTES = 3000, BLOCK = 512, MEMBERS = 6 };

/* Segment 1: 000001, 000003, 000005, RECOVER.txt; 2: the even ones. Random, so of one size. */
static void write_archive(struct fixture *f, const char *prefix, unsigned seed)
{
  CLEANUP(archive_freep)
  struct archive_writer *w = NULL;
  char raw[MEMBER_BYTES];
  ok(f, archive_create(f->place, prefix, 1, 2, &w, &f->err));
  for (int part = 0; part < MEMBERS; part++) {
    for (size_t i = 0; i < sizeof(raw); i++) {
      seed = seed * 1103515245u + 12345u;
      raw[i] = (char)(seed >> 16);
    }
    ok(f, archive_add(w, part % 2, "data", "public.orders", part, 7, raw, sizeof(raw), &f->err));
  }
  ok(f, archive_add_plain(w, 0, "RECOVER.txt", "how to restore\n", 15, &f->err));
  ok(f, archive_commit(w, NULL, &f->err));
}

/* ---- files ---- */

struct file {
  char *path, *bytes;
  size_t len;
};

static char *path_in(struct fixture *f, const char *dir, const char *name)
{
  return fs_join(f->arena, path_of(f, dir), name);
}

static struct file load(struct fixture *f, const char *dir, const char *name)
{
  struct file file = {.path = path_in(f, dir, name)};
  ok(f, fs_read(f->arena, file.path, &file.bytes, &file.len, &f->err));
  return file;
}

static void save(struct fixture *f, const struct file *file)
{
  ok(f, fs_write_atomic(file->path, file->bytes, file->len, 0600, &f->err));
}

/* A header and the padded content; the first header is at 0, and all members are of one size. */
static size_t member_bytes(const struct file *segment)
{
  size_t size = strtoul(segment->bytes + 124, NULL, 8);
  return BLOCK + (size + BLOCK - 1) / BLOCK * BLOCK;
}

static void fix_tar_checksum(char *header)
{
  unsigned sum = 0;
  memset(header + 148, ' ', 8);
  for (int i = 0; i < BLOCK; i++)
    sum += (unsigned char)header[i];
  char digits[9];
  snprintf(digits, sizeof(digits), "%06o", sum);
  memcpy(header + 148, digits, 7);
}

static void swap(char *x, char *y, size_t len)
{
  for (size_t i = 0; i < len; i++) {
    char c = x[i];
    x[i] = y[i];
    y[i] = c;
  }
}

/* ---- mutilations of segments ---- */

static void truncate_segment(struct fixture *f)
{
  struct file s = load(f, dir_a, "segment-0001.tar");
  s.len--;
  save(f, &s);
}

static void append_garbage(struct fixture *f)
{
  struct file s = load(f, dir_a, "segment-0002.tar");
  s.bytes = arena_printf(f->arena, "%*s", (int)s.len + 1000, "");
  memset(s.bytes, 'x', s.len + 1000);
  struct file old = load(f, dir_a, "segment-0002.tar");
  memcpy(s.bytes, old.bytes, old.len);
  s.len += 1000;
  save(f, &s);
}

static void flip_in_member(struct fixture *f)
{
  struct file s = load(f, dir_a, "segment-0001.tar");
  s.bytes[member_bytes(&s) + BLOCK + 1000] ^= 16; /* the second one */
  save(f, &s);
}

static void flip_in_header(struct fixture *f)
{
  struct file s = load(f, dir_a, "segment-0001.tar");
  s.bytes[member_bytes(&s) + 104] ^= 1;
  save(f, &s);
}

static void rename_member(struct fixture *f)
{
  struct file s = load(f, dir_a, "segment-0001.tar");
  s.bytes[5] = '9';
  fix_tar_checksum(s.bytes);
  save(f, &s);
}

static void change_header_time(struct fixture *f)
{
  struct file s = load(f, dir_a, "segment-0001.tar");
  s.bytes[136 + 10] ^= 1;
  fix_tar_checksum(s.bytes);
  save(f, &s);
}

static void make_symlink(struct fixture *f)
{
  struct file s = load(f, dir_a, "segment-0001.tar");
  s.bytes[156] = '2';
  fix_tar_checksum(s.bytes);
  save(f, &s);
}

static void change_padding(struct fixture *f)
{
  struct file s = load(f, dir_a, "segment-0001.tar");
  s.bytes[member_bytes(&s) - 1] = 'x';
  save(f, &s);
}

static void change_end_marker(struct fixture *f)
{
  struct file s = load(f, dir_a, "segment-0001.tar");
  s.bytes[s.len - 1] = 'x';
  save(f, &s);
}

static void swap_members(struct fixture *f)
{
  struct file s = load(f, dir_a, "segment-0001.tar");
  size_t len = member_bytes(&s);
  swap(s.bytes, s.bytes + len, len);
  save(f, &s);
}

static void swap_contents(struct fixture *f)
{
  struct file s = load(f, dir_a, "segment-0002.tar");
  size_t len = member_bytes(&s);
  swap(s.bytes + BLOCK, s.bytes + len + BLOCK, len - BLOCK);
  save(f, &s);
}

static void zero_segment(struct fixture *f)
{
  struct file s = load(f, dir_a, "segment-0001.tar");
  memset(s.bytes, 0, s.len);
  save(f, &s);
}

static void no_tar_at_all(struct fixture *f)
{
  struct file s = load(f, dir_a, "segment-0001.tar");
  memset(s.bytes, 'x', s.len);
  save(f, &s);
}

static void cut_last_member(struct fixture *f)
{
  struct file s = load(f, dir_a, "segment-0002.tar");
  size_t len = member_bytes(&s);
  memset(s.bytes + 2 * len, 0, len);
  save(f, &s);
}

static void remove_segment(struct fixture *f)
{
  assert_int_equal(unlink(path_in(f, dir_a, "segment-0002.tar")), 0);
}

static void segment_is_directory(struct fixture *f)
{
  remove_segment(f);
  ok(f, fs_mkdirs(path_in(f, dir_a, "segment-0002.tar"), 0700, &f->err));
}

static void exchange_segments(struct fixture *f)
{
  struct file mine = load(f, dir_a, "segment-0002.tar"), other = load(f, dir_b, "segment-0002.tar");
  swap((char *)&mine.bytes, (char *)&other.bytes, sizeof(char *));
  save(f, &mine);
  save(f, &other);
}

static void exchange_own_segments(struct fixture *f)
{
  struct file one = load(f, dir_a, "segment-0001.tar"), two = load(f, dir_a, "segment-0002.tar");
  swap((char *)&one.bytes, (char *)&two.bytes, sizeof(char *));
  swap((char *)&one.len, (char *)&two.len, sizeof(size_t));
  save(f, &one);
  save(f, &two);
}

static void extra_segment(struct fixture *f)
{
  struct file s = load(f, dir_b, "segment-0001.tar");
  s.path = path_in(f, dir_a, "segment-0003.tar");
  save(f, &s);
}

/* ---- mutilations of the manifest ---- */

static void edit_rows(struct fixture *f)
{
  struct file m = load(f, dir_a, "manifest.json");
  char *at = strstr(m.bytes, "\"rows\": 7");
  assert_non_null(at);
  at[8] = '8';
  save(f, &m);
}

static void remove_manifest(struct fixture *f)
{
  assert_int_equal(unlink(path_in(f, dir_a, "manifest.json")), 0);
}

static void write_manifest(struct fixture *f, const char *text)
{
  ok(f, fs_write_atomic(path_in(f, dir_a, "manifest.json"), text, strlen(text), 0600, &f->err));
}

#define MANIFEST(name, text)                                                                       \
  static void name(struct fixture *f)                                                              \
  {                                                                                                \
    write_manifest(f, text);                                                                       \
  }

MANIFEST(empty_manifest, "")
MANIFEST(array_manifest, "[]")
MANIFEST(bare_manifest, "{\"format\": 1}")
MANIFEST(newer_manifest, "{\"format\": 3, \"parts\": []}")
MANIFEST(format_zero, "{\"format\": 0}")
MANIFEST(format_as_text, "{\"format\": \"1\"}")
MANIFEST(doubled_key, "{\"format\": 1, \"format\": 1}")

static void cut_manifest(struct fixture *f)
{
  struct file m = load(f, dir_a, "manifest.json");
  m.len /= 2;
  save(f, &m);
}

static void manifest_of_other(struct fixture *f)
{
  struct file m = load(f, dir_b, "manifest.json");
  m.path = path_in(f, dir_a, "manifest.json");
  save(f, &m);
}

/* A manifest that agrees with itself and not with the segments: entry 1 (000002) has one value
 * changed. */
static json_t *load_json(struct fixture *f)
{
  struct file m = load(f, dir_a, "manifest.json");
  json_t *manifest = json_loadb(m.bytes, m.len, 0, NULL);
  assert_non_null(manifest);
  return manifest;
}

static void save_json(struct fixture *f, json_t *manifest)
{
  char self[STORE_SHA256_HEX];
  json_object_del(manifest, "self");
  CLEANUP(free_ptr)
  char *canonical = json_dumps(manifest, JSON_COMPACT | JSON_SORT_KEYS);
  store_sha256(canonical, strlen(canonical), self);
  json_object_set_new(manifest, "self", json_string(self));
  CLEANUP(free_ptr)
  char *text = json_dumps(manifest, JSON_INDENT(1));
  write_manifest(f, text);
  json_decref(manifest);
}

static void edit(struct fixture *f, const char *list, size_t index, const char *key, json_t *value)
{
  json_t *manifest = load_json(f);
  json_object_set_new(json_array_get(json_object_get(manifest, list), index), key, value);
  save_json(f, manifest);
}

#define EDIT(name, list, index, key, value)                                                        \
  static void name(struct fixture *f)                                                              \
  {                                                                                                \
    edit(f, list, index, key, value);                                                              \
  }

EDIT(no_such_segment, "entries", 1, "segment", json_integer(9))
EDIT(segment_zero, "entries", 1, "segment", json_integer(0))
EDIT(segment_beyond_int, "entries", 1, "segment", json_integer(4294967297))
EDIT(wrong_segment, "entries", 1, "segment", json_integer(1))
EDIT(offset_odd, "entries", 1, "offset", json_integer(513))
EDIT(offset_of_next, "entries", 1, "offset", json_integer(1024))
EDIT(offset_far, "entries", 1, "offset", json_integer(512ll << 40))
EDIT(offset_negative, "entries", 1, "offset", json_integer(-512))
EDIT(size_far, "entries", 1, "size", json_integer(INT64_MAX))
EDIT(size_negative, "entries", 1, "size", json_integer(-1))
EDIT(size_one_more, "entries", 1, "size", json_integer(3100))
EDIT(raw_size_huge, "entries", 1, "raw_size", json_integer(1ll << 40))
EDIT(rows_negative, "entries", 1, "rows", json_integer(-1))
EDIT(rows_as_text, "entries", 1, "rows", json_string("7"))
EDIT(part_missing, "entries", 1, "part", json_integer(9))
EDIT(part_beyond_int, "entries", 1, "part", json_integer(4294967297))
EDIT(part_twice, "entries", 1, "part", json_integer(2))
EDIT(id_twice, "entries", 1, "id", json_string("000001"))
EDIT(id_out_of_order, "entries", 1, "id", json_string("000009"))
EDIT(id_with_path, "entries", 1, "id", json_string("../../00"))
EDIT(kind_unknown, "entries", 1, "kind", json_string("binary"))
EDIT(text_name, "entries", 6, "object", json_string("../RECOVER.txt"))
EDIT(hash_short, "entries", 1, "sha256", json_string("abc"))
EDIT(segment_name, "segments", 1, "name", json_string("../b/segment-0002.tar"))
EDIT(segment_size, "segments", 1, "size", json_integer(1))
EDIT(segment_hash, "segments", 1, "sha256",
     json_string("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"))

static void drop_entry(struct fixture *f)
{
  json_t *manifest = load_json(f);
  json_array_remove(json_object_get(manifest, "entries"), 6); /* RECOVER.txt */
  save_json(f, manifest);
}

static void drop_last_part(struct fixture *f)
{
  json_t *manifest = load_json(f);
  json_array_remove(json_object_get(manifest, "entries"), MEMBERS - 1);
  save_json(f, manifest);
}

static void drop_first_part(struct fixture *f)
{
  json_t *manifest = load_json(f);
  json_array_remove(json_object_get(manifest, "entries"), 0);
  save_json(f, manifest);
}

static void no_segments(struct fixture *f)
{
  json_t *manifest = load_json(f);
  json_object_del(manifest, "segments");
  save_json(f, manifest);
}

static void no_entries(struct fixture *f)
{
  json_t *manifest = load_json(f);
  json_object_set_new(manifest, "entries", json_object());
  save_json(f, manifest);
}

/* ---- the table ---- */

static const struct mutilation {
  const char *name;
  void (*mutilate)(struct fixture *f);
  const char *part; /* of the message */
} mutilations[] = {
    {"truncate a segment", truncate_segment, "segment-0001.tar has "},
    {"append garbage", append_garbage, "segment-0002.tar has "},
    {"flip a bit in a member", flip_in_member,
     "member 000003.copy.zst (public.orders part 2): its"},
    {"flip a bit in a header", flip_in_header, "segment-0001.tar, after 1 of its 4 members"},
    {"rename a member", rename_member, "member 000009.copy.zst stands where 000001.copy.zst"},
    {"change a header's time", change_header_time,
     "segment-0001.tar, after 4 of its 4 members: its"},
    {"make a symlink", make_symlink, "000001.copy.zst"},
    {"change padding", change_padding, "segment-0001.tar"},
    {"change the end marker", change_end_marker, "segment-0001.tar"},
    {"swap members", swap_members, "member 000003.copy.zst stands where 000001.copy.zst"},
    {"swap contents", swap_contents, "member 000002.copy.zst (public.orders part 1): its sha256"},
    {"zero a segment", zero_segment, "member 000001.copy.zst is missing"},
    {"no tar", no_tar_at_all, "segment-0001.tar, after 0 of its 4 members"},
    {"cut the last member", cut_last_member, "member 000006.copy.zst is missing"},
    {"remove a segment", remove_segment, "segment-0002.tar is missing"},
    {"segment is a directory", segment_is_directory, "segment-0002.tar is missing"},
    {"exchange segments of two", exchange_segments, "segment-0002.tar, after 0 of its 3 members"},
    {"exchange own segments", exchange_own_segments, "segment-0001.tar has "},
    {"extra segment", extra_segment, "segment-0003.tar is not in the manifest"},
    {"edit the rows", edit_rows, "its content is not what its own hash says"},
    {"remove the manifest", remove_manifest, "a/manifest.json does not exist"},
    {"empty manifest", empty_manifest, "manifest.json, line 1"},
    {"manifest is an array", array_manifest, "no format number"},
    {"bare manifest", bare_manifest, "no hash of itself"},
    {"newer manifest", newer_manifest, "format 3 is newer"},
    {"format 0", format_zero, "format 0 is unknown"},
    {"format as text", format_as_text, "no format number"},
    {"half a manifest", cut_manifest, "manifest.json, line "},
    {"manifest of another", manifest_of_other, "000001.copy.zst"},
    {"doubled key", doubled_key, "duplicate"},
    {"no such segment", no_such_segment, "entry 000002 has a segment that is not there"},
    {"segment 0", segment_zero, "entry 000002 has a segment that is not there"},
    {"segment beyond int", segment_beyond_int, "entry 000002 has an impossible number"},
    {"wrong segment", wrong_segment, "000002.copy.zst"},
    {"odd offset", offset_odd, "a range outside of its segment"},
    {"offset inside", offset_of_next, "not where the manifest says"},
    {"offset far", offset_far, "a range outside of its segment"},
    {"offset negative", offset_negative, "an impossible number or hash"},
    {"size far", size_far, "a range outside of its segment"},
    {"size negative", size_negative, "an impossible number or hash"},
    {"size more", size_one_more, "the manifest says 3100"},
    {"raw size huge", raw_size_huge, "an impossible size"},
    {"rows negative", rows_negative, "an impossible number or hash"},
    {"rows as text", rows_as_text, "entry 2: "},
    {"part missing", part_missing, "data public.orders: part 1 is missing"},
    {"part beyond int", part_beyond_int, "an impossible number or hash"},
    {"part twice", part_twice, "part 1 is missing"},
    {"id twice", id_twice, "an id that is out of order"},
    {"id out of order", id_out_of_order, "an id that is out of order"},
    {"id with a path", id_with_path, "an impossible name or kind"},
    {"kind unknown", kind_unknown, "an impossible name or kind"},
    {"name of a text", text_name, "an impossible name or kind"},
    {"short hash", hash_short, "an impossible number or hash"},
    {"name of a segment", segment_name, "segment 2 has the name \"../b/segment-0002.tar\""},
    {"size of a segment", segment_size, "the manifest says 1"},
    {"hash of a segment", segment_hash, "segment-0002.tar, after 3 of its 3 members: its sha256"},
    {"drop an entry", drop_entry, "member RECOVER.txt is not in the manifest"},
    {"drop the last part", drop_last_part, "member 000006.copy.zst is not in the manifest"},
    {"drop the first part", drop_first_part, "part 0 is missing"},
    {"no segments", no_segments, "no list of segments"},
    {"no entries", no_entries, "no list of entries"},
};

/* Opens the archive and reads every byte. */
static int examine(struct fixture *f, struct err *err)
{
  CLEANUP(archive_closep)
  struct archive *a = NULL;
  if (archive_open(f->arena, f->place, "a", &a, err) < 0)
    return -1;
  return archive_check_hashes(a, err);
}

static void test_every_mutilation_is_named(void **state)
{
  struct fixture *f = *state;
  int wrong = 0;
  for (size_t i = 0; i < COUNT_OF(mutilations); i++) {
    const struct mutilation *m = &mutilations[i];
    CLEANUP(err_clear)
    struct err err = ERR_INIT;
    ok(f, fs_remove_tree(path_of(f, dir_a), &f->err));
    ok(f, fs_remove_tree(path_of(f, dir_b), &f->err));
    write_archive(f, "a", 1);
    write_archive(f, "b", 2);
    ok(f, examine(f, &f->err));
    m->mutilate(f);
    if (examine(f, &err) == 0) {
      print_error("%s: not found\n", m->name);
      wrong++;
    } else if (err.code != ERR_DAMAGED || !strstr(err.message, m->part)) {
      print_error("%s: %s: \"%s\" does not say \"%s\"\n", m->name, err_code_name(err.code),
                  err.message, m->part);
      wrong++;
    }
  }
  assert_int_equal(wrong, 0);
}

static void test_newer_format_has_a_hint(void **state)
{
  struct fixture *f = *state;
  write_archive(f, "a", 1);
  newer_manifest(f);
  CLEANUP(err_clear)
  struct err err = ERR_INIT;
  assert_int_equal(examine(f, &err), -1);
  assert_non_null(err.hint);
  assert_non_null(strstr(err.hint, "newer belay"));
}

/* Spaces and line ends are not what the hash is about: an editor may have touched them. */
static void test_layout_of_the_manifest_is_free(void **state)
{
  struct fixture *f = *state;
  write_archive(f, "a", 1);
  json_t *manifest = load_json(f);
  CLEANUP(free_ptr)
  char *text = json_dumps(manifest, JSON_COMPACT);
  json_decref(manifest);
  write_manifest(f, text);
  ok(f, examine(f, &f->err));
}

/* One bit anywhere in any file. */
static void test_every_flipped_bit_is_found(void **state)
{
  struct fixture *f = *state;
  static const char *const names[] = {"manifest.json", "segment-0001.tar"};
  write_archive(f, "a", 1);
  for (size_t n = 0; n < COUNT_OF(names); n++) {
    struct file file = load(f, dir_a, names[n]);
    for (size_t i = 0; i < file.len; i += 23) {
      CLEANUP(err_clear)
      struct err err = ERR_INIT;
      char bit = (char)(1 << (i % 8));
      file.bytes[i] ^= bit;
      save(f, &file);
      if (examine(f, &err) == 0)
        fail_msg("%s: bit %zu of byte %zu", names[n], i % 8, i);
      assert_int_equal(err.code, ERR_DAMAGED);
      file.bytes[i] ^= bit;
    }
    save(f, &file);
    ok(f, examine(f, &f->err));
  }
}

/* A reader of one chunk checks it too, and names it. */
static void test_reading_a_damaged_member(void **state)
{
  struct fixture *f = *state;
  write_archive(f, "a", 1);
  CLEANUP(archive_closep)
  struct archive *a = NULL;
  CLEANUP(text_clear)
  struct text raw = TEXT_INIT;
  ok(f, archive_open(f->arena, f->place, "a", &a, &f->err));
  flip_in_member(f);
  for (size_t i = 0; i < a->entries.len; i++) {
    CLEANUP(err_clear)
    struct err err = ERR_INIT;
    int status = archive_read(a, &a->entries.at[i], &raw, &err);
    assert_int_equal(status, i == 2 ? -1 : 0);
    if (i != 2)
      continue;
    assert_int_equal(err.code, ERR_DAMAGED);
    assert_non_null(strstr(err.message, "a, segment-0001.tar, member 000003.copy.zst "
                                        "(public.orders part 2): its sha256 is"));
  }
}

/* The hash is right and the content is not what the manifest says it expands to. */
static void test_reading_a_wrong_raw_size(void **state)
{
  struct fixture *f = *state;
  static const struct {
    json_int_t raw_size;
    const char *part;
  } cases[] = {{MEMBER_BYTES - 1, "expands to more than 2999 bytes"},
               {MEMBER_BYTES + 1, "expands to 3000 bytes, the manifest says 3001"}};
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    ok(f, fs_remove_tree(path_of(f, dir_a), &f->err));
    write_archive(f, "a", 1);
    edit(f, "entries", 1, "raw_size", json_integer(cases[i].raw_size));
    CLEANUP(archive_closep)
    struct archive *a = NULL;
    CLEANUP(text_clear)
    struct text raw = TEXT_INIT;
    CLEANUP(err_clear)
    struct err err = ERR_INIT;
    ok(f, archive_open(f->arena, f->place, "a", &a, &f->err));
    assert_int_equal(archive_read(a, &a->entries.at[1], &raw, &err), -1);
    assert_int_equal(err.code, ERR_DAMAGED);
    assert_non_null(strstr(err.message, cases[i].part));
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_PLACE(test_every_mutilation_is_named),      WITH_PLACE(test_newer_format_has_a_hint),
      WITH_PLACE(test_layout_of_the_manifest_is_free), WITH_PLACE(test_every_flipped_bit_is_found),
      WITH_PLACE(test_reading_a_damaged_member),       WITH_PLACE(test_reading_a_wrong_raw_size),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
