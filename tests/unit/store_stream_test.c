#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "store/stream.h"

/* Bytes that compress a little and differ from seed to seed. */
static void fill(struct text *t, size_t len, unsigned seed)
{
  text_reset(t);
  while (t->len < len) {
    seed = seed * 1103515245u + 12345u;
    text_printf(t, "%u\tsome text\t%u\n", seed >> 8, (unsigned)t->len);
  }
  text_truncate(t, len);
}

static void test_hash_known_answers(void **state)
{
  UNUSED(state);
  char hex[STORE_SHA256_HEX];
  store_sha256("", 0, hex);
  assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  store_sha256("abc", 3, hex);
  assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  struct store_hash *hash = store_hash_new();
  store_hash_add(hash, "a", 1);
  store_hash_add(hash, "", 0);
  store_hash_add(hash, "bc", 2);
  store_hash_end(hash, hex);
  assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void test_compress_round_trip(void **state)
{
  UNUSED(state);
  static const size_t sizes[] = {0, 1, 4095, 1024 * 1024 - 1, 1024 * 1024, 3 * 1024 * 1024 + 7};
  CLEANUP(text_clear)
  struct text raw = TEXT_INIT;
  CLEANUP(text_clear)
  struct text packed = TEXT_INIT;
  CLEANUP(text_clear)
  struct text back = TEXT_INIT;
  for (size_t i = 0; i < COUNT_OF(sizes); i++) {
    CLEANUP(err_clear)
    struct err err = ERR_INIT;
    fill(&raw, sizes[i], (unsigned)i);
    assert_int_equal(store_compress(raw.data, raw.len, 1, &packed, &err), 0);
    assert_int_equal(store_expand(packed.data, packed.len, raw.len, &back, &err), 0);
    assert_int_equal(back.len, raw.len);
    assert_memory_equal(back.data, raw.data, raw.len);
  }
}

/* Whether Huffman codes are worth their time is chosen for each frame: letters are smaller for
 * them, also after a frame of bytes that no code makes smaller. */
static void test_each_frame_has_its_codes(void **state)
{
  UNUSED(state);
  static const char alphabets[][5] = {"acgt", "", "acgt"};
  CLEANUP(text_clear) struct text raw = TEXT_INIT, packed = TEXT_INIT, back = TEXT_INIT;
  CLEANUP(err_clear) struct err err = ERR_INIT;
  CLEANUP(compressor_freep) struct compressor *c = compressor_new(1);
  uint64_t seed = 1;
  for (size_t i = 0; i < COUNT_OF(alphabets); i++) {
    text_reset(&raw);
    text_reset(&packed);
    while (raw.len < 300000) {
      seed = seed * 6364136223846793005u + 1442695040888963407u;
      unsigned byte = (unsigned)(seed >> 56);
      text_putc(&raw, alphabets[i][0] ? alphabets[i][byte % 4] : (char)byte);
    }
    compressor_reset(c);
    assert_int_equal(compressor_add(c, raw.data, 200000, &packed, &err), 0);
    assert_int_equal(compressor_end(c, raw.data + 200000, raw.len - 200000, &packed, &err), 0);
    assert_true(packed.len < (alphabets[i][0] ? raw.len / 3 : raw.len + raw.len / 1000));
    assert_int_equal(store_expand(packed.data, packed.len, raw.len, &back, &err), 0);
    assert_int_equal(back.len, raw.len);
    assert_memory_equal(back.data, raw.data, raw.len);
  }
}

static void expect_damaged(const void *bytes, size_t len, size_t size_max, const char *part)
{
  CLEANUP(text_clear)
  struct text back = TEXT_INIT;
  CLEANUP(err_clear)
  struct err err = ERR_INIT;
  assert_int_equal(store_expand(bytes, len, size_max, &back, &err), -1);
  assert_int_equal(err.code, ERR_DAMAGED);
  if (!strstr(err.message, part))
    fail_msg("\"%s\" does not say \"%s\"", err.message, part);
}

static void test_expand_refuses_damage(void **state)
{
  UNUSED(state);
  CLEANUP(text_clear)
  struct text raw = TEXT_INIT;
  CLEANUP(text_clear)
  struct text packed = TEXT_INIT;
  CLEANUP(err_clear)
  struct err err = ERR_INIT;
  fill(&raw, 100000, 7);
  assert_int_equal(store_compress(raw.data, raw.len, 3, &packed, &err), 0);
  expect_damaged("", 0, 10, "no compressed data");
  expect_damaged("hello, this is no frame", 23, 100, "expanding");
  for (size_t cut = 1; cut < packed.len; cut += packed.len / 37)
    expect_damaged(packed.data, packed.len - cut, raw.len, "expanding");
  packed.data[packed.len / 2] ^= 4;
  expect_damaged(packed.data, packed.len, raw.len, "expanding");
  packed.data[packed.len / 2] ^= 4;
  packed.data[packed.len - 1] ^= 1; /* the checksum */
  expect_damaged(packed.data, packed.len, raw.len, "checksum");
  packed.data[packed.len - 1] ^= 1;
  text_puts(&packed, "garbage");
  expect_damaged(packed.data, packed.len, raw.len, "expanding");
}

/* A hundred bytes that claim to be a gigabyte must not take a gigabyte. */
static void test_expand_refuses_bombs(void **state)
{
  UNUSED(state);
  CLEANUP(text_clear)
  struct text raw = TEXT_INIT;
  CLEANUP(text_clear)
  struct text packed = TEXT_INIT;
  CLEANUP(text_clear)
  struct text back = TEXT_INIT;
  CLEANUP(err_clear)
  struct err err = ERR_INIT;
  text_reserve(&raw, 64 * 1024 * 1024);
  memset(raw.data, 0, 64 * 1024 * 1024);
  assert_int_equal(store_compress(raw.data, 64 * 1024 * 1024, 1, &packed, &err), 0);
  expect_damaged(packed.data, packed.len, 64 * 1024 * 1024 - 1, "expands to more than 67108863");
  expect_damaged(packed.data, packed.len, 0, "expands to more than 0");
  assert_int_equal(store_expand(packed.data, packed.len, 1000, &back, &err), -1);
  assert_true(back.cap < 4 * 1024 * 1024);
}

static void test_expand_several_frames(void **state)
{
  UNUSED(state);
  CLEANUP(text_clear)
  struct text one = TEXT_INIT;
  CLEANUP(text_clear)
  struct text both = TEXT_INIT;
  CLEANUP(text_clear)
  struct text back = TEXT_INIT;
  CLEANUP(err_clear)
  struct err err = ERR_INIT;
  assert_int_equal(store_compress("first\n", 6, 1, &one, &err), 0);
  text_append(&both, one.data, one.len);
  assert_int_equal(store_compress("second\n", 7, 1, &one, &err), 0);
  text_append(&both, one.data, one.len);
  assert_int_equal(store_expand(both.data, both.len, 100, &back, &err), 0);
  assert_string_equal(back.data, "first\nsecond\n");
}

static void test_zstd_sink(void **state)
{
  UNUSED(state);
  CLEANUP(text_clear)
  struct text raw = TEXT_INIT;
  CLEANUP(text_clear)
  struct text packed = TEXT_INIT;
  CLEANUP(text_clear)
  struct text back = TEXT_INIT;
  CLEANUP(err_clear)
  struct err err = ERR_INIT;
  fill(&raw, 2000000, 3);
  CLEANUP(sink_freep)
  struct sink *sink = sink_zstd(sink_memory(&packed), 1);
  for (size_t at = 0, n = 1; at < raw.len; at += n, n = n * 3 % 70001) {
    n = n < raw.len - at ? n : raw.len - at;
    assert_int_equal(sink_write(sink, raw.data + at, n, &err), 0);
  }
  assert_int_equal(sink_finish(sink, &err), 0);
  assert_true(packed.len < raw.len);
  assert_int_equal(store_expand(packed.data, packed.len, raw.len, &back, &err), 0);
  assert_int_equal(back.len, raw.len);
  assert_memory_equal(back.data, raw.data, raw.len);
}

struct failing_sink {
  struct sink sink;
  size_t room;
  bool finish_fails;
};

static int failing_write(struct sink *sink, const void *bytes, size_t len, struct err *err)
{
  struct failing_sink *s = (struct failing_sink *)sink;
  UNUSED(bytes);
  if (len > s->room)
    return err_set(err, ERR_STORE, "the disk is full");
  s->room -= len;
  return 0;
}

static int failing_finish(struct sink *sink, struct err *err)
{
  struct failing_sink *s = (struct failing_sink *)sink;
  return s->finish_fails ? err_set(err, ERR_STORE, "cannot be synced") : 0;
}

static void failing_free(struct sink *sink)
{
  free(sink);
}

static struct sink *sink_failing(size_t room, bool finish_fails)
{
  struct failing_sink *s = x_calloc(1, sizeof(*s));
  s->sink = (struct sink){failing_write, failing_finish, failing_free};
  s->room = room;
  s->finish_fails = finish_fails;
  return &s->sink;
}

static void test_chain_passes_errors_on(void **state)
{
  UNUSED(state);
  CLEANUP(text_clear)
  struct text raw = TEXT_INIT;
  fill(&raw, 4000000, 9);
  for (size_t room = 0; room < 300000; room += 100000) {
    CLEANUP(err_clear)
    struct err err = ERR_INIT;
    CLEANUP(sink_freep)
    struct sink *sink = sink_zstd(sink_failing(room, false), 1);
    int status = 0;
    for (size_t at = 0; status == 0 && at < raw.len; at += 50000)
      status = sink_write(sink, raw.data + at, 50000, &err);
    assert_int_equal(status, -1);
    assert_string_equal(err.message, "the disk is full");
  }
  CLEANUP(err_clear)
  struct err err = ERR_INIT;
  CLEANUP(sink_freep)
  struct sink *sink = sink_zstd(sink_failing(100, true), 1);
  assert_int_equal(sink_write(sink, "x", 1, &err), 0);
  assert_int_equal(sink_finish(sink, &err), -1);
  assert_string_equal(err.message, "cannot be synced");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_hash_known_answers),
      cmocka_unit_test(test_compress_round_trip),
      cmocka_unit_test(test_each_frame_has_its_codes),
      cmocka_unit_test(test_expand_refuses_damage),
      cmocka_unit_test(test_expand_refuses_bombs),
      cmocka_unit_test(test_expand_several_frames),
      cmocka_unit_test(test_zstd_sink),
      cmocka_unit_test(test_chain_passes_errors_on),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
