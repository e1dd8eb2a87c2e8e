/* age files against published values (BIP 173, the test files of the format's authors), against the
 * program age in both directions, and mutilated. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/spawn.h"
#include "store/age_private.h"
#include "unit/store_fixture.h"

/* A published file: header, MAC and payload for one identity; its content is "age" hashed below. */
static const char vector_identity[] =
    "AGE-SECRET-KEY-1XMWWC06LY3EE5RYTXM9MFLAZ2U56JJJ36S0MYPDRWSVLUL66MV4QX3S7F6";
static const char vector_header[] = "age-encryption.org/v1\n"
                                    "-> X25519 TEiF0ypqr+bpvcqXNyCVJpL7OuwPdVwPL7KQEbFDOCc\n"
                                    "EmECAEcKN+n/Vs9SbWiV+Hu0r+E8R77DdWYyd83nw7U\n"
                                    "--- Vn+54jqiiUCE+WZcEVY3f1sqHjlu/z1LCQ/T7Xm7qI0\n";
static const char vector_payload[] = "7s9ix86RtDMnTmjU8vkTTLdMW/73vqpSyPC8DpksHoMx+2Y";
static const char vector_sha256[] =
    "013f54400c82da08037759ada907a8b864e97de81c088a182062c4b5622fd2ab";
/* The same header, another payload: 48 bytes of text. */
static const char vector_payload2[] =
    "7s9ix86RtDMnTmjU8vkTTLdMW3bj4iHSYS3WWUtZB5wJqKgEe8kpsp0iOnD2CNG4DVKBC0Z7SAcCFb8xdwV9CRavSEE7"
    "OU1c";
static const char vector_sha256_2[] =
    "724a112a2cac139a4fca3ea0f799f2e5ccd1d0db46af654dee40567bff16ee33";
/* A share of low order: the secret would be zero. */
static const char low_order_identity[] =
    "AGE-SECRET-KEY-1EGTZVFFV20835NWYV6270LXYVK2VKNX2MMDKWYKLMGR48UAWX40Q2P2LM0";
static const char low_order_header[] = "age-encryption.org/v1\n"
                                       "-> X25519 X5yVvKNQjCSx0LFVnIPvWwREXMRYHI6G2CJO3dCfEdc\n"
                                       "3E0NpFans/m0WLWF7+54ZBdNj3iqQqpraGDFiaRkvBA\n"
                                       "--- sXw327YMT1/ULXe+ZyRMbMY0Z2jnWHGgI9j1we6yQ8A\n";

static void build(struct text *file, const char *header, const char *payload)
{
  unsigned char bytes[200];
  ssize_t n = age_base64_decode(payload, strlen(payload), bytes);
  assert_true(n > 0);
  text_reset(file);
  text_puts(file, header);
  text_append(file, bytes, (size_t)n);
}

static struct age_identities identities_of(struct fixture *f, const char *text)
{
  struct age_identities with = {0};
  ok(f, age_identities_read("test", text, &with, &f->err));
  return with;
}

static void test_published_files(void **state)
{
  struct fixture *f = *state;
  const struct {
    const char *payload, *sha256;
  } vectors[] = {{vector_payload, vector_sha256}, {vector_payload2, vector_sha256_2}};
  struct age_identities with = identities_of(f, vector_identity);
  CLEANUP(text_clear) struct text file = TEXT_INIT, plain = TEXT_INIT;
  for (size_t i = 0; i < COUNT_OF(vectors); i++) {
    char hex[STORE_SHA256_HEX];
    build(&file, vector_header, vectors[i].payload);
    ok(f, age_decrypt(&with, file.data, file.len, &plain, &f->err));
    store_sha256(plain.data, plain.len, hex);
    assert_string_equal(hex, vectors[i].sha256);
  }
  with = identities_of(f, low_order_identity);
  build(&file, low_order_header, vector_payload);
  fails(f, age_decrypt(&with, file.data, file.len, &plain, &f->err), ERR_DAMAGED, "low order");
}

/* Each is wrong in one place; the identity is the right one. */
static void test_malformed_headers(void **state)
{
  struct fixture *f = *state;
  static const struct {
    const char *from, *to, *says;
  } changes[] = {
      {"age-encryption.org/v1", "age-encryption.org/v2", "not an encrypted file"},
      {"v1\n", "v1\r\n", "not an encrypted file"},
      {"-> X25519 ", "-> X25519  ", "malformed"},
      {"-> X25519 ", "->X25519 ", "malformed"},
      {"OCc\n", "OCc extra\n", "malformed"},
      {"OCc\n", "OCd\n", "malformed"}, /* bits behind the last byte */
      {"OCc\n", "OCc=\n", "malformed"},
      {"OCc\n", "\n", "malformed"},
      {"w7U\n", "w7V\n", "malformed"},
      {"w7U\n", "w7U\n\n", "malformed"},
      {"w7U\n", "\n", "malformed"},
      {"EmEC", "EmED", "no identity given here opens it"},
      {"TEiF", "TEiG", "no identity given here opens it"},
      {"X25519 ", "x25519 ", "no identity given here opens it"},
      {"--- ", "---", "malformed"},
      {"qI0\n", "qI1\n", "malformed"},
      {"qI0\n", "qI0 \n", "malformed"},
      {"--- Vn", "--- Vm", "header of the encrypted file was changed"},
      {"-> X25519", "-> grease a b\n\n-> X25519", "header of the encrypted file was changed"},
  };
  struct age_identities with = identities_of(f, vector_identity);
  CLEANUP(text_clear) struct text file = TEXT_INIT, plain = TEXT_INIT;
  for (size_t i = 0; i < COUNT_OF(changes); i++) {
    const char *at = strstr(vector_header, changes[i].from);
    assert_non_null(at);
    build(&file,
          arena_printf(f->arena, "%.*s%s%s", (int)(at - vector_header), vector_header,
                       changes[i].to, at + strlen(changes[i].from)),
          vector_payload);
    bool sealed = strstr(changes[i].says, "identity") != NULL;
    fails(f, age_decrypt(&with, file.data, file.len, &plain, &f->err),
          sealed ? ERR_SEALED : ERR_DAMAGED, changes[i].says);
    assert_int_equal(plain.len, 0);
  }
  build(&file, "age-encryption.org/v1\n--- Vn+54jqiiUCE+WZcEVY3f1sqHjlu/z1LCQ/T7Xm7qI0\n",
        vector_payload);
  fails(f, age_decrypt(&with, file.data, file.len, &plain, &f->err), ERR_DAMAGED, "malformed");
}

/* BIP 173, and the key that the format's own tests use. */
static void test_bech32(void **state)
{
  struct fixture *f = *state;
  struct age_identity identity;
  struct age_recipient recipient;
  char text[AGE_RECIPIENT_TEXT], secret[AGE_BECH32_MAX + 1];
  static const char published_secret[] =
      "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX";
  static const char published[] = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj";
  ok(f, age_identity_parse(published_secret, &identity, &f->err));
  for (size_t i = 0; i < AGE_KEY_BYTES; i++)
    assert_int_equal(identity.secret[i], 0x42);
  age_recipient_text(&identity.recipient, text);
  assert_string_equal(text, published);
  age_bech32_encode("AGE-SECRET-KEY-", identity.secret, secret);
  assert_string_equal(secret, published_secret);
  ok(f, age_recipient_parse(published, &recipient, &f->err));
  assert_memory_equal(&recipient, &identity.recipient, sizeof(recipient));
  for (size_t i = 0; published[i]; i++) { /* no single character may differ */
    char changed[AGE_RECIPIENT_TEXT];
    memcpy(changed, published, sizeof(changed));
    changed[i] = changed[i] == 'q' ? 'p' : 'q';
    assert_false(age_bech32_decode("age", changed, recipient.key));
  }
  static const char *const no_keys[] = {
      "",
      "age1",
      "AGE1ZVKYG2LQZRAA2LNJVQEJ32NKUU0UES2S82HZRYE869XEEXVN73EQUNUJWJ",
      "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwJ",
      "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj ",
      "ssh-ed25519 AAAA"};
  for (size_t i = 0; i < COUNT_OF(no_keys); i++)
    fails(f, age_recipient_parse(no_keys[i], &recipient, &f->err), ERR_USAGE, "not a recipient");
  fails(f, age_recipient_parse(published_secret, &recipient, &f->err), ERR_USAGE, "secret key");
  fails(f, age_recipient_parse("age-secret-key-1qq", &recipient, &f->err), ERR_USAGE, "secret key");
}

static void test_key_files(void **state)
{
  struct fixture *f = *state;
  struct age_identities with = {0};
  struct age_recipients to = {0};
  const char *two = arena_printf(f->arena, "# created: now\n\n  %s\r\n#%s\n%s", vector_identity,
                                 "comment", low_order_identity);
  ok(f, age_identities_read("keys", two, &with, &f->err));
  assert_int_equal(with.len, 2);
  fails(f, age_identities_read("keys", "# nothing\n", &with, &f->err), ERR_USAGE, "holds no key");
  fails(f, age_identities_read("keys", "\n\nAGE-SECRET-KEY-1NO\n", &with, &f->err), ERR_USAGE,
        "keys:3: not an identity");
  fails(f, age_recipients_read("r", vector_identity, &to, &f->err), ERR_USAGE,
        "r:1: a secret key stands where");
  char text[AGE_RECIPIENT_TEXT];
  age_recipient_text(&with.at[0].recipient, text);
  ok(f, age_recipients_read("r", arena_printf(f->arena, "%s\n%s\n", text, text), &to, &f->err));
  assert_int_equal(to.len, 1);
  age_identities_clear(&with);
  assert_int_equal(with.len, 0);
}

/* ---- ours ---- */

static void make_identity(struct fixture *f, struct age_identities *with, struct age_recipients *to)
{
  struct age_identity identity;
  ok(f, age_identity_new(&identity, &f->err));
  with->at[with->len++] = identity;
  ok(f, age_recipients_add(to, &identity.recipient, &f->err));
}

static char *pattern(struct fixture *f, size_t len)
{
  char *bytes = arena_alloc(f->arena, len + 1);
  for (size_t i = 0; i < len; i++)
    bytes[i] = (char)(i * 31 + i / 256);
  return bytes;
}

static const size_t sizes[] = {0, 1, 65535, 65536, 65537, 2 * 65536, 200000};

static void test_round_trip(void **state)
{
  struct fixture *f = *state;
  struct age_identities with = {0}, other = {0}, none = {0};
  struct age_recipients to = {0}, unused = {0};
  make_identity(f, &with, &to);
  make_identity(f, &with, &to);
  make_identity(f, &other, &unused);
  CLEANUP(text_clear) struct text file = TEXT_INIT, plain = TEXT_INIT;
  for (size_t i = 0; i < COUNT_OF(sizes); i++) {
    char *bytes = pattern(f, sizes[i]);
    ok(f, age_encrypt(&to, bytes, sizes[i], &file, &f->err));
    assert_true(age_is_encrypted(file.data, file.len));
    for (size_t k = 0; k < with.len; k++) {
      struct age_identities one = {.at = {with.at[k]}, .len = 1};
      ok(f, age_decrypt(&one, file.data, file.len, &plain, &f->err));
      assert_int_equal(plain.len, sizes[i]);
      assert_memory_equal(plain.data, bytes, sizes[i]);
    }
    fails(f, age_decrypt(&other, file.data, file.len, &plain, &f->err), ERR_SEALED,
          "no identity given here opens it");
    fails(f, age_decrypt(&none, file.data, file.len, &plain, &f->err), ERR_SEALED,
          "no identity is given");
  }
}

/* Every length, every byte of the header, and bytes all over the payload. */
static void test_mutilated(void **state)
{
  struct fixture *f = *state;
  struct age_identities with = {0};
  struct age_recipients to = {0};
  make_identity(f, &with, &to);
  CLEANUP(text_clear) struct text file = TEXT_INIT, plain = TEXT_INIT;
  size_t len = (size_t)2 * AGE_CHUNK_BYTES;
  ok(f, age_encrypt(&to, pattern(f, len), len, &file, &f->err));
  for (size_t n = 0; n < file.len; n += n < 300 ? 1 : 8191) {
    assert_int_equal(age_decrypt(&with, file.data, n, &plain, &f->err), -1);
    assert_int_equal(plain.len, 0);
    err_clear(&f->err);
  }
  for (size_t at = 0; at < file.len; at += at < 300 ? 1 : 1021) {
    file.data[at] ^= 1;
    assert_int_equal(age_decrypt(&with, file.data, file.len, &plain, &f->err), -1);
    assert_int_equal(plain.len, 0);
    file.data[at] ^= 1;
    err_clear(&f->err);
  }
  /* whole chunks taken away, exchanged, and something behind the end */
  size_t header = file.len - 16 - 2 * (AGE_CHUNK_BYTES + AGE_TAG);
  fails(f, age_decrypt(&with, file.data, file.len - AGE_CHUNK_BYTES - AGE_TAG, &plain, &f->err),
        ERR_DAMAGED, "changed or ends early");
  text_putc(&file, 'x');
  fails(f, age_decrypt(&with, file.data, file.len, &plain, &f->err), ERR_DAMAGED, "changed");
  text_truncate(&file, file.len - 1);
  char *first = file.data + header + 16, *second = first + AGE_CHUNK_BYTES + AGE_TAG;
  for (size_t i = 0; i < AGE_CHUNK_BYTES + AGE_TAG; i++) {
    char c = first[i];
    first[i] = second[i];
    second[i] = c;
  }
  fails(f, age_decrypt(&with, file.data, file.len, &plain, &f->err), ERR_DAMAGED, "chunk 1");
}

/* ---- the program age ---- */

static void run(struct fixture *f, const char *script)
{
  const char *argv[] = {"/bin/sh", "-ec", script, NULL};
  struct spawn_result done;
  ok(f, spawn_run(f->arena, &(struct spawn){.argv = argv, .dir = f->dir, .capture = true}, &done,
                  &f->err));
  if (done.exit_code)
    fail_msg("%s: %s", script, done.output);
}

static void write_file(struct fixture *f, const char *name, const void *bytes, size_t len)
{
  ok(f, fs_write_atomic(fs_join(f->arena, f->dir, name), bytes, len, 0600, &f->err));
}

static void test_program_age(void **state)
{
  struct fixture *f = *state;
  struct age_identities with = {0};
  struct age_recipients to = {0};
  char *text, *sealed;
  size_t len, sealed_len;
  run(f, "umask 077; age-keygen -o a.key; age-keygen -o b.key; age-keygen -y a.key >to;"
         " age-keygen -y b.key >>to");
  ok(f, fs_read(f->arena, fs_join(f->arena, f->dir, "a.key"), &text, &len, &f->err));
  ok(f, age_identities_read("a.key", text, &with, &f->err));
  ok(f, fs_read(f->arena, fs_join(f->arena, f->dir, "to"), &text, &len, &f->err));
  ok(f, age_recipients_read("to", text, &to, &f->err));
  assert_int_equal(to.len, 2);
  CLEANUP(text_clear) struct text out = TEXT_INIT;
  for (size_t i = 0; i < COUNT_OF(sizes); i++) {
    char *bytes = pattern(f, sizes[i]);
    write_file(f, "plain", bytes, sizes[i]);
    run(f, "age -R to -o theirs plain");
    ok(f, fs_read(f->arena, fs_join(f->arena, f->dir, "theirs"), &sealed, &sealed_len, &f->err));
    ok(f, age_decrypt(&with, sealed, sealed_len, &out, &f->err));
    assert_int_equal(out.len, sizes[i]);
    assert_memory_equal(out.data, bytes, sizes[i]);
    ok(f, age_encrypt(&to, bytes, sizes[i], &out, &f->err));
    write_file(f, "ours", out.data, out.len);
    run(f, "for key in a b; do age -d -i $key.key ours >back; cmp back plain; rm back; done;"
           " rm theirs");
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_PLACE(test_published_files), WITH_PLACE(test_malformed_headers),
      WITH_PLACE(test_bech32),          WITH_PLACE(test_key_files),
      WITH_PLACE(test_round_trip),      WITH_PLACE(test_mutilated),
      WITH_PLACE(test_program_age),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
