/* The file: a text header with the file key wrapped for each recipient and a MAC, then the payload
 * in chunks, each with its tag; the last one is marked, so that a shortened file is seen. */
#include "store/age_private.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

enum {
  FILE_KEY = 16,
  WRAPPED = FILE_KEY + AGE_TAG,
  NONCE = 16,        /* at the begin of the payload */
  LINE_COLUMNS = 64, /* of a stanza's body */
  BODY_MAX = 32 * 1024
};

static const char version_line[] = "age-encryption.org/v1\n";
static const char stanza_mark[] = "-> ", mac_mark[] = "--- ";
static const char wrap_info[] = "age-encryption.org/v1/X25519";

/* ---- the header, written ---- */

/* The key that wraps the file key: what only the two sides can compute, bound to both their public
 * keys. */
static int wrap_key(const unsigned char shared[AGE_KEY_BYTES],
                    const struct age_recipient *ephemeral, const struct age_recipient *recipient,
                    unsigned char ret[AGE_KEY_BYTES], struct err *err)
{
  unsigned char salt[2 * AGE_KEY_BYTES];
  memcpy(salt, ephemeral->key, AGE_KEY_BYTES);
  memcpy(salt + AGE_KEY_BYTES, recipient->key, AGE_KEY_BYTES);
  return age_hkdf((struct age_bytes){salt, sizeof(salt)}, (struct age_bytes){shared, AGE_KEY_BYTES},
                  wrap_info, ret, err);
}

static int add_stanza(const struct age_recipient *recipient, const unsigned char file_key[FILE_KEY],
                      struct text *out, struct err *err)
{
  static const unsigned char nonce[AGE_NONCE] = {0};
  struct age_identity ephemeral;
  struct age_sealer sealer = {0};
  unsigned char shared[AGE_KEY_BYTES], key[AGE_KEY_BYTES], wrapped[WRAPPED];
  bool ok = false;
  if (age_identity_new(&ephemeral, err) < 0 ||
      age_x25519(ephemeral.secret, recipient->key, shared, &ok, err) < 0)
    return -1;
  if (!ok)
    return err_set(err, ERR_USAGE, "a recipient whose key is no key (a point of low order)");
  text_printf(out, "%sX25519 ", stanza_mark);
  age_base64_encode(ephemeral.recipient.key, AGE_KEY_BYTES, out);
  text_putc(out, '\n');
  int rc = wrap_key(shared, &ephemeral.recipient, recipient, key, err);
  if (rc == 0)
    rc = age_sealer_init(&sealer, true, key, err);
  if (rc == 0)
    rc = age_seal(&sealer, nonce, file_key, FILE_KEY, wrapped, err);
  age_sealer_clear(&sealer);
  OPENSSL_cleanse(&ephemeral, sizeof(ephemeral));
  OPENSSL_cleanse(shared, sizeof(shared));
  OPENSSL_cleanse(key, sizeof(key));
  age_base64_encode(wrapped, WRAPPED, out);
  text_putc(out, '\n');
  return rc;
}

static int header_mac(const unsigned char file_key[FILE_KEY], const char *header, size_t len,
                      unsigned char ret[AGE_KEY_BYTES], struct err *err)
{
  unsigned char key[AGE_KEY_BYTES];
  int rc = age_hkdf((struct age_bytes){"", 0}, (struct age_bytes){file_key, FILE_KEY}, "header",
                    key, err);
  if (rc == 0)
    rc = age_hmac(key, sizeof(key), header, len, ret, err);
  OPENSSL_cleanse(key, sizeof(key));
  return rc;
}

static int write_header(const struct age_recipients *recipients,
                        const unsigned char file_key[FILE_KEY], struct text *out, struct err *err)
{
  unsigned char mac[AGE_KEY_BYTES];
  text_puts(out, version_line);
  for (size_t i = 0; i < recipients->len; i++)
    if (add_stanza(&recipients->at[i], file_key, out, err) < 0)
      return -1;
  text_puts(out, "---");
  if (header_mac(file_key, out->data, out->len, mac, err) < 0)
    return -1;
  text_putc(out, ' ');
  age_base64_encode(mac, sizeof(mac), out);
  text_putc(out, '\n');
  return 0;
}

/* ---- the payload ---- */

static int payload_sealer(const unsigned char file_key[FILE_KEY], const unsigned char nonce[NONCE],
                          bool encrypt, struct age_sealer *ret, struct err *err)
{
  unsigned char key[AGE_KEY_BYTES];
  int rc = age_hkdf((struct age_bytes){nonce, NONCE}, (struct age_bytes){file_key, FILE_KEY},
                    "payload", key, err);
  if (rc == 0)
    rc = age_sealer_init(ret, encrypt, key, err);
  OPENSSL_cleanse(key, sizeof(key));
  return rc;
}

/* A counter of 11 bytes, then 1 in the last chunk. */
static void chunk_nonce(uint64_t number, bool last, unsigned char ret[AGE_NONCE])
{
  memset(ret, 0, AGE_NONCE);
  for (int i = 0; i < 8; i++)
    ret[AGE_NONCE - 2 - i] = (unsigned char)(number >> 8 * i);
  ret[AGE_NONCE - 1] = last;
}

static int write_payload(const unsigned char file_key[FILE_KEY], const unsigned char *bytes,
                         size_t len, struct text *out, struct err *err)
{
  unsigned char nonce[NONCE], number[AGE_NONCE];
  struct age_sealer sealer = {0};
  if (RAND_bytes(nonce, NONCE) != 1)
    return age_crypto_failed("the random generator", err);
  text_reserve(out, NONCE + len + (len / AGE_CHUNK_BYTES + 1) * AGE_TAG);
  text_append(out, nonce, NONCE);
  int rc = payload_sealer(file_key, nonce, true, &sealer, err);
  bool last = false;
  for (uint64_t i = 0; rc == 0 && !last; i++) {
    size_t n = len < AGE_CHUNK_BYTES ? len : AGE_CHUNK_BYTES;
    last = n == len;
    chunk_nonce(i, last, number);
    rc = age_seal(&sealer, number, bytes, n, (unsigned char *)out->data + out->len, err);
    out->len += n + AGE_TAG;
    bytes += n;
    len -= n;
  }
  out->data[out->len] = '\0';
  age_sealer_clear(&sealer);
  return rc;
}

static int read_payload(const unsigned char file_key[FILE_KEY], const unsigned char *bytes,
                        size_t len, struct text *out, struct err *err)
{
  unsigned char number[AGE_NONCE];
  struct age_sealer sealer = {0};
  if (len < NONCE + AGE_TAG)
    return err_set(err, ERR_DAMAGED, "the encrypted file ends before its content");
  text_reserve(out, len);
  int rc = payload_sealer(file_key, bytes, false, &sealer, err);
  const unsigned char *p = bytes + NONCE, *end = bytes + len;
  for (uint64_t i = 0; rc == 0 && p < end; i++) {
    size_t left = (size_t)(end - p);
    bool last = left <= AGE_CHUNK_BYTES + AGE_TAG;
    size_t n = last ? left : AGE_CHUNK_BYTES + AGE_TAG;
    chunk_nonce(i, last, number);
    if (n < AGE_TAG || (n == AGE_TAG && i > 0) ||
        !age_unseal(&sealer, number, p, n - AGE_TAG, (unsigned char *)out->data + out->len))
      rc = err_set(err, ERR_DAMAGED,
                   "the encrypted content was changed or ends early (chunk %" PRIu64 ")", i + 1);
    else
      out->len += n - AGE_TAG;
    p += n;
  }
  out->data[out->len] = '\0';
  age_sealer_clear(&sealer);
  return rc;
}

/* ---- the header, read ---- */

struct header {
  struct age_recipient shares[AGE_STANZAS_MAX]; /* of X25519 stanzas */
  unsigned char wrapped[AGE_STANZAS_MAX][WRAPPED];
  size_t count;
  size_t signed_len, len; /* what the MAC is over; the whole */
  unsigned char mac[AGE_KEY_BYTES];
};

/* A line of it, without its end; NULL: there is none. */
static const char *next_line(const char **at, const char *end, size_t *ret_len)
{
  const char *line = *at, *stop = memchr(line, '\n', (size_t)(end - line));
  if (!stop)
    return NULL;
  *ret_len = (size_t)(stop - line);
  *at = stop + 1;
  return line;
}

/* The words after "-> ": printable, one blank between two. ret_second may be NULL. */
static bool read_arguments(const char *line, size_t len, const char **ret_second, size_t *ret_words)
{
  size_t words = 0, start = sizeof(stanza_mark) - 1;
  *ret_second = NULL;
  for (size_t i = start; i <= len; i++) {
    if (i < len && line[i] != ' ') {
      if (line[i] < 33 || line[i] > 126)
        return false;
      continue;
    }
    if (i == start)
      return false; /* an empty word */
    if (++words == 2)
      *ret_second = line + start;
    start = i + 1;
  }
  *ret_words = words;
  return true;
}

/* Lines of 64 digits, then a shorter one, which may be empty. Returns its bytes, -1 when malformed.
 */
static ssize_t read_body(const char **at, const char *end, unsigned char *ret)
{
  ssize_t total = 0;
  for (;;) {
    size_t len = 0;
    const char *line = next_line(at, end, &len);
    if (!line || len > LINE_COLUMNS || total > BODY_MAX)
      return -1;
    ssize_t n = age_base64_decode(line, len, ret + total);
    if (n < 0)
      return -1;
    total += n;
    if (len < LINE_COLUMNS)
      return total;
  }
}

static bool read_stanza(struct header *h, const char *line, size_t len, const char **at,
                        const char *end)
{
  unsigned char body[BODY_MAX + LINE_COLUMNS];
  const char *share;
  size_t words;
  if (!read_arguments(line, len, &share, &words))
    return false;
  ssize_t n = read_body(at, end, body);
  if (n < 0 || strncmp(line, "-> X25519", 9) != 0 || (len > 9 && line[9] != ' '))
    return n >= 0; /* a kind of recipient that is not ours */
  if (words != 2 || n != WRAPPED || (size_t)(line + len - share) != AGE_BASE64_KEY ||
      age_base64_decode(share, AGE_BASE64_KEY, h->shares[h->count].key) != AGE_KEY_BYTES)
    return false;
  memcpy(h->wrapped[h->count++], body, WRAPPED);
  return true;
}

static bool read_mac(struct header *h, const char *line, size_t len)
{
  size_t mark = sizeof(mac_mark) - 1;
  return len == mark + AGE_BASE64_KEY &&
         age_base64_decode(line + mark, AGE_BASE64_KEY, h->mac) == AGE_KEY_BYTES;
}

/* NULL, or what is wrong with it. */
static const char *read_header(const char *bytes, size_t len, struct header *h)
{
  const char *at = bytes, *end = bytes + (len < AGE_HEADER_MAX ? len : AGE_HEADER_MAX), *line;
  size_t n = 0, stanzas = 0;
  h->count = 0;
  if (!age_is_encrypted(bytes, len))
    return "it is not an encrypted file (age v1)";
  at += sizeof(version_line) - 1;
  while ((line = next_line(&at, end, &n))) {
    if (n >= 4 && memcmp(line, mac_mark, 4) == 0) {
      h->signed_len = (size_t)(line - bytes) + 3;
      h->len = (size_t)(at - bytes);
      return !stanzas || !read_mac(h, line, n) ? "the end of its header is malformed" : NULL;
    }
    if (n < 4 || memcmp(line, stanza_mark, 3) != 0 || ++stanzas > AGE_STANZAS_MAX ||
        !read_stanza(h, line, n, &at, end))
      return "its header is malformed";
  }
  return "its header does not end";
}

/* Does the identity open a stanza? The file key goes to ret. */
static int try_identity(const struct age_identity *identity, const struct header *h,
                        unsigned char ret[FILE_KEY], bool *ret_opened, struct err *err)
{
  static const unsigned char nonce[AGE_NONCE] = {0};
  unsigned char shared[AGE_KEY_BYTES], key[AGE_KEY_BYTES];
  int rc = 0;
  *ret_opened = false;
  for (size_t i = 0; rc == 0 && i < h->count && !*ret_opened; i++) {
    struct age_sealer sealer = {0};
    bool ok = false;
    rc = age_x25519(identity->secret, h->shares[i].key, shared, &ok, err);
    if (rc == 0 && !ok)
      rc = err_set(err, ERR_DAMAGED, "its header holds a key of low order");
    if (rc == 0)
      rc = wrap_key(shared, &h->shares[i], &identity->recipient, key, err);
    if (rc == 0)
      rc = age_sealer_init(&sealer, false, key, err);
    *ret_opened = rc == 0 && age_unseal(&sealer, nonce, h->wrapped[i], FILE_KEY, ret);
    age_sealer_clear(&sealer);
  }
  OPENSSL_cleanse(shared, sizeof(shared));
  OPENSSL_cleanse(key, sizeof(key));
  return rc;
}

static int open_header(const struct age_identities *identities, const char *bytes,
                       const struct header *h, unsigned char ret[FILE_KEY], struct err *err)
{
  unsigned char mac[AGE_KEY_BYTES];
  bool opened = false;
  for (size_t i = 0; i < identities->len && !opened; i++)
    if (try_identity(&identities->at[i], h, ret, &opened, err) < 0)
      return -1;
  if (!opened)
    return err_set(err, ERR_SEALED, "it is encrypted, and %s",
                   identities->len ? "no identity given here opens it" : "no identity is given");
  if (header_mac(ret, bytes, h->signed_len, mac, err) < 0)
    return -1;
  if (CRYPTO_memcmp(mac, h->mac, sizeof(mac)) != 0)
    return err_set(err, ERR_DAMAGED, "the header of the encrypted file was changed");
  return 0;
}

/* ---- the whole ---- */

bool age_is_encrypted(const void *bytes, size_t len)
{
  size_t n = sizeof(version_line) - 1;
  return len >= n && memcmp(bytes, version_line, n) == 0;
}

int age_encrypt(const struct age_recipients *recipients, const void *bytes, size_t len,
                struct text *ret, struct err *err)
{
  unsigned char file_key[FILE_KEY];
  if (recipients->len == 0)
    return err_set(err, ERR_UNEXPECTED, "encrypting for nobody");
  if (RAND_priv_bytes(file_key, FILE_KEY) != 1)
    return age_crypto_failed("the random generator", err);
  text_reset(ret);
  int rc = write_header(recipients, file_key, ret, err);
  if (rc == 0)
    rc = write_payload(file_key, bytes, len, ret, err);
  OPENSSL_cleanse(file_key, sizeof(file_key));
  return rc;
}

int age_decrypt(const struct age_identities *identities, const void *bytes, size_t len,
                struct text *ret, struct err *err)
{
  CLEANUP(free_ptr) struct header *h = x_calloc(1, sizeof(*h));
  unsigned char file_key[FILE_KEY];
  const char *wrong = read_header(bytes, len, h);
  text_reset(ret);
  if (wrong)
    return err_set(err, ERR_DAMAGED, "%s", wrong);
  int rc = open_header(identities, bytes, h, file_key, err);
  if (rc == 0)
    rc = read_payload(file_key, (const unsigned char *)bytes + h->len, len - h->len, ret, err);
  OPENSSL_cleanse(file_key, sizeof(file_key));
  if (rc < 0 && ret->len)
    OPENSSL_cleanse(ret->data, ret->len);
  if (rc < 0)
    text_reset(ret);
  return rc;
}
