/* What the format is made of: HMAC, HKDF, X25519, ChaCha20-Poly1305, over OpenSSL. */
#include "store/age_private.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

int age_crypto_failed(const char *doing, struct err *err)
{
  return err_set(err, ERR_UNEXPECTED, "OpenSSL: %s failed; see its configuration (openssl.cnf)",
                 doing);
}

int age_hmac(const void *key, size_t key_len, const void *bytes, size_t len,
             unsigned char ret[AGE_KEY_BYTES], struct err *err)
{
  unsigned n = 0;
  if (!HMAC(EVP_sha256(), key, (int)key_len, bytes, len, ret, &n) || n != AGE_KEY_BYTES)
    return age_crypto_failed("HMAC-SHA256", err);
  return 0;
}

int age_hkdf(struct age_bytes salt, struct age_bytes secret, const char *info,
             unsigned char ret[AGE_KEY_BYTES], struct err *err)
{
  unsigned char extracted[AGE_KEY_BYTES], block[64];
  size_t len = strlen(info);
  memcpy(block, info, len);
  block[len] = 1;
  int rc = age_hmac(salt.at, salt.len, secret.at, secret.len, extracted, err);
  if (rc == 0)
    rc = age_hmac(extracted, sizeof(extracted), block, len + 1, ret, err);
  OPENSSL_cleanse(extracted, sizeof(extracted));
  return rc;
}

static void pkey_freep(EVP_PKEY **key)
{
  EVP_PKEY_free(*key);
}

static void pkey_ctx_freep(EVP_PKEY_CTX **ctx)
{
  EVP_PKEY_CTX_free(*ctx);
}

static void cipher_freep(EVP_CIPHER_CTX **ctx)
{
  EVP_CIPHER_CTX_free(*ctx);
}

int age_x25519(const unsigned char secret[AGE_KEY_BYTES], const unsigned char point[AGE_KEY_BYTES],
               unsigned char ret[AGE_KEY_BYTES], bool *ret_ok, struct err *err)
{
  static const unsigned char zero[AGE_KEY_BYTES] = {0};
  CLEANUP(pkey_freep)
  EVP_PKEY *ours = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, secret, AGE_KEY_BYTES);
  CLEANUP(pkey_freep)
  EVP_PKEY *theirs = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, point, AGE_KEY_BYTES);
  CLEANUP(pkey_ctx_freep) EVP_PKEY_CTX *ctx = ours ? EVP_PKEY_CTX_new(ours, NULL) : NULL;
  size_t len = AGE_KEY_BYTES;
  if (!theirs || !ctx || EVP_PKEY_derive_init(ctx) != 1 ||
      EVP_PKEY_derive_set_peer(ctx, theirs) != 1)
    return age_crypto_failed("X25519", err);
  *ret_ok = EVP_PKEY_derive(ctx, ret, &len) == 1 && CRYPTO_memcmp(ret, zero, sizeof(zero)) != 0;
  return 0;
}

int age_public_key(struct age_identity *identity, struct err *err)
{
  CLEANUP(pkey_freep)
  EVP_PKEY *key =
      EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, identity->secret, AGE_KEY_BYTES);
  size_t len = AGE_KEY_BYTES;
  if (!key || EVP_PKEY_get_raw_public_key(key, identity->recipient.key, &len) != 1)
    return age_crypto_failed("X25519", err);
  return 0;
}

int age_sealer_init(struct age_sealer *s, bool encrypt, const unsigned char key[AGE_KEY_BYTES],
                    struct err *err)
{
  s->ctx = EVP_CIPHER_CTX_new();
  if (!s->ctx || EVP_CipherInit_ex(s->ctx, EVP_chacha20_poly1305(), NULL, key, NULL, encrypt) != 1)
    return age_crypto_failed("ChaCha20-Poly1305", err);
  return 0;
}

void age_sealer_clear(struct age_sealer *s)
{
  cipher_freep(&s->ctx);
}

int age_seal(struct age_sealer *s, const unsigned char nonce[AGE_NONCE], const void *plain,
             size_t len, unsigned char *ret, struct err *err)
{
  int n = 0, rest = 0;
  if (EVP_CipherInit_ex(s->ctx, NULL, NULL, NULL, nonce, 1) != 1 ||
      EVP_CipherUpdate(s->ctx, ret, &n, plain, (int)len) != 1 ||
      EVP_CipherFinal_ex(s->ctx, ret + n, &rest) != 1 || (size_t)(n + rest) != len ||
      EVP_CIPHER_CTX_ctrl(s->ctx, EVP_CTRL_AEAD_GET_TAG, AGE_TAG, ret + len) != 1)
    return age_crypto_failed("ChaCha20-Poly1305", err);
  return 0;
}

bool age_unseal(struct age_sealer *s, const unsigned char nonce[AGE_NONCE],
                const unsigned char *sealed, size_t len, unsigned char *ret)
{
  int n = 0, rest = 0;
  unsigned char tag[AGE_TAG];
  memcpy(tag, sealed + len, AGE_TAG);
  return EVP_CipherInit_ex(s->ctx, NULL, NULL, NULL, nonce, 0) == 1 &&
         EVP_CIPHER_CTX_ctrl(s->ctx, EVP_CTRL_AEAD_SET_TAG, AGE_TAG, tag) == 1 &&
         EVP_CipherUpdate(s->ctx, ret, &n, sealed, (int)len) == 1 &&
         EVP_CipherFinal_ex(s->ctx, ret + n, &rest) == 1 && (size_t)(n + rest) == len;
}
