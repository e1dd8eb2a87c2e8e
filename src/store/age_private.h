/* age_private.h: the texts that keys and headers are written in, and the cryptography.
 * Shared by age*.c. */
#pragma once

#include "store/age.h"

enum {
  AGE_BECH32_MAX = 90, /* BIP 173's limit; keys are shorter */
  AGE_BASE64_KEY = 43  /* 32 bytes in base64 without padding */
};

/* 32 bytes after a human-readable part: "age" gives "age1...". Lower case, or upper where the part
 * is. ret takes AGE_BECH32_MAX + 1 bytes. */
void age_bech32_encode(const char *part, const unsigned char key[AGE_KEY_BYTES], char *ret);
bool age_bech32_decode(const char *part, const char *text, unsigned char ret[AGE_KEY_BYTES]);

/* Standard alphabet, no padding. Decoding takes canonical text only and returns the number of
 * bytes, or -1; ret has room for len * 3 / 4. */
void age_base64_encode(const unsigned char *bytes, size_t len, struct text *out);
ssize_t age_base64_decode(const char *text, size_t len, unsigned char *ret);

enum { AGE_TAG = 16, AGE_NONCE = 12 };

/* ---- age_crypto.c ---- */

int age_crypto_failed(const char *doing, struct err *err); /* returns -1 */
int age_hmac(const void *key, size_t key_len, const void *bytes, size_t len,
             unsigned char ret[AGE_KEY_BYTES], struct err *err);
struct age_bytes {
  const void *at;
  size_t len;
};
/* HKDF-SHA256 (RFC 5869) with an output of one block. info: at most 63 characters. */
int age_hkdf(struct age_bytes salt, struct age_bytes secret, const char *info,
             unsigned char ret[AGE_KEY_BYTES], struct err *err);
/* *ret_ok false: the point is of low order, the secret would be zero. */
int age_x25519(const unsigned char secret[AGE_KEY_BYTES], const unsigned char point[AGE_KEY_BYTES],
               unsigned char ret[AGE_KEY_BYTES], bool *ret_ok, struct err *err);
/* Fills in the recipient of a secret. */
int age_public_key(struct age_identity *identity, struct err *err);

/* ChaCha20-Poly1305 with one key and many nonces. */
struct age_sealer {
  struct evp_cipher_ctx_st *ctx;
};
int age_sealer_init(struct age_sealer *s, bool encrypt, const unsigned char key[AGE_KEY_BYTES],
                    struct err *err);
void age_sealer_clear(struct age_sealer *s);
/* len bytes and a tag behind them. */
int age_seal(struct age_sealer *s, const unsigned char nonce[AGE_NONCE], const void *plain,
             size_t len, unsigned char *ret, struct err *err);
/* False: it is not what was sealed. len: without the tag. */
bool age_unseal(struct age_sealer *s, const unsigned char nonce[AGE_NONCE],
                const unsigned char *sealed, size_t len, unsigned char *ret);
