#include "store/stream.h"

#include <openssl/evp.h>
#include <zstd.h>

enum { LEVEL_MIN = 1, LEVEL_MAX = 19, EXPAND_STEP = 1024 * 1024 };

/* ---- chains ---- */

int sink_write(struct sink *sink, const void *bytes, size_t len, struct err *err)
{
  return sink->write(sink, bytes, len, err);
}

int sink_finish(struct sink *sink, struct err *err)
{
  return sink->finish(sink, err);
}

void sink_free(struct sink *sink)
{
  if (sink)
    sink->free(sink);
}

void sink_freep(struct sink **sink)
{
  sink_free(*sink);
  *sink = NULL;
}

struct memory_sink {
  struct sink sink;
  struct text *out;
};

static int memory_write(struct sink *sink, const void *bytes, size_t len, struct err *err)
{
  UNUSED(err);
  text_append(((struct memory_sink *)sink)->out, bytes, len);
  return 0;
}

static int memory_finish(struct sink *sink, struct err *err)
{
  UNUSED(sink);
  UNUSED(err);
  return 0;
}

static void memory_free(struct sink *sink)
{
  free(sink);
}

struct sink *sink_memory(struct text *out)
{
  struct memory_sink *s = x_calloc(1, sizeof(*s));
  s->sink = (struct sink){memory_write, memory_finish, memory_free};
  s->out = out;
  return &s->sink;
}

/* ---- compression ---- */

struct zstd_sink {
  struct sink sink;
  struct sink *next;
  ZSTD_CCtx *zstd;
  void *buffer;
  size_t buffer_size;
};

static ZSTD_CCtx *compressor_new(int level)
{
  ZSTD_CCtx *zstd = ZSTD_createCCtx();
  if (!zstd)
    die_oom();
  level = level < LEVEL_MIN ? LEVEL_MIN : level > LEVEL_MAX ? LEVEL_MAX : level;
  ZSTD_CCtx_setParameter(zstd, ZSTD_c_compressionLevel, level);
  ZSTD_CCtx_setParameter(zstd, ZSTD_c_checksumFlag, 1);
  return zstd;
}

static void compressor_freep(ZSTD_CCtx **zstd)
{
  ZSTD_freeCCtx(*zstd);
}

static int zstd_push(struct zstd_sink *s, ZSTD_inBuffer *in, ZSTD_EndDirective end, struct err *err)
{
  size_t left;
  do {
    ZSTD_outBuffer out = {s->buffer, s->buffer_size, 0};
    left = ZSTD_compressStream2(s->zstd, &out, in, end);
    if (ZSTD_isError(left))
      return err_set(err, ERR_UNEXPECTED, "compressing: %s", ZSTD_getErrorName(left));
    if (out.pos && sink_write(s->next, s->buffer, out.pos, err) < 0)
      return -1;
  } while (end == ZSTD_e_end ? left > 0 : in->pos < in->size);
  return 0;
}

static int zstd_write(struct sink *sink, const void *bytes, size_t len, struct err *err)
{
  ZSTD_inBuffer in = {bytes, len, 0};
  return zstd_push((struct zstd_sink *)sink, &in, ZSTD_e_continue, err);
}

static int zstd_finish(struct sink *sink, struct err *err)
{
  struct zstd_sink *s = (struct zstd_sink *)sink;
  ZSTD_inBuffer in = {"", 0, 0};
  if (zstd_push(s, &in, ZSTD_e_end, err) < 0)
    return -1;
  return sink_finish(s->next, err);
}

static void zstd_free(struct sink *sink)
{
  struct zstd_sink *s = (struct zstd_sink *)sink;
  ZSTD_freeCCtx(s->zstd);
  sink_free(s->next);
  free(s->buffer);
  free(s);
}

struct sink *sink_zstd(struct sink *next, int level)
{
  struct zstd_sink *s = x_calloc(1, sizeof(*s));
  s->sink = (struct sink){zstd_write, zstd_finish, zstd_free};
  s->next = next;
  s->zstd = compressor_new(level);
  s->buffer_size = ZSTD_CStreamOutSize();
  s->buffer = x_malloc(s->buffer_size);
  return &s->sink;
}

int store_compress(const void *bytes, size_t len, int level, struct text *ret, struct err *err)
{
  CLEANUP(compressor_freep) ZSTD_CCtx *zstd = compressor_new(level);
  size_t bound = ZSTD_compressBound(len);
  text_reset(ret);
  text_reserve(ret, bound);
  size_t n = ZSTD_compress2(zstd, ret->data, bound, bytes, len);
  if (ZSTD_isError(n))
    return err_set(err, ERR_UNEXPECTED, "compressing %zu bytes: %s", len, ZSTD_getErrorName(n));
  ret->len = n;
  ret->data[n] = '\0';
  return 0;
}

static void expander_freep(ZSTD_DCtx **zstd)
{
  ZSTD_freeDCtx(*zstd);
}

/* The memory taken grows with what really comes out, never with what a frame header claims. */
static int expand_all(ZSTD_DCtx *zstd, ZSTD_inBuffer *in, size_t size_max, struct text *ret,
                      struct err *err)
{
  size_t state = 1; /* 0 = at the end of a frame */
  while (state != 0 || in->pos < in->size) {
    size_t room = size_max - ret->len;
    size_t step = room < EXPAND_STEP ? room + 1 : EXPAND_STEP; /* one more: to see an excess */
    text_reserve(ret, step);
    ZSTD_outBuffer out = {ret->data + ret->len, step, 0};
    size_t before = in->pos;
    state = ZSTD_decompressStream(zstd, &out, in);
    if (ZSTD_isError(state))
      return err_set(err, ERR_DAMAGED, "expanding: %s", ZSTD_getErrorName(state));
    if (out.pos > room)
      return err_set(err, ERR_DAMAGED, "expands to more than %zu bytes", size_max);
    ret->len += out.pos;
    ret->data[ret->len] = '\0';
    if (state != 0 && in->pos == before && out.pos == 0)
      return err_set(err, ERR_DAMAGED, "expanding: the compressed data ends early");
  }
  return 0;
}

int store_expand(const void *bytes, size_t len, size_t size_max, struct text *ret, struct err *err)
{
  CLEANUP(expander_freep) ZSTD_DCtx *zstd = ZSTD_createDCtx();
  if (!zstd)
    die_oom();
  text_reset(ret);
  if (len == 0)
    return err_set(err, ERR_DAMAGED, "expanding: there is no compressed data");
  ZSTD_inBuffer in = {bytes, len, 0};
  return expand_all(zstd, &in, size_max, ret, err);
}

/* ---- hashing ---- */

struct store_hash {
  EVP_MD_CTX *evp;
};

/* Only a broken OpenSSL set-up (no default provider) or no memory comes here; nothing can be
 * trusted then. */
NORETURN static void die_hash(void)
{
  fputs("belay: OpenSSL cannot compute SHA-256; check its configuration (openssl.cnf)\n", stderr);
  exit(1);
}

struct store_hash *store_hash_new(void)
{
  struct store_hash *hash = x_calloc(1, sizeof(*hash));
  hash->evp = EVP_MD_CTX_new();
  if (!hash->evp || EVP_DigestInit_ex(hash->evp, EVP_sha256(), NULL) != 1)
    die_hash();
  return hash;
}

void store_hash_add(struct store_hash *hash, const void *bytes, size_t len)
{
  if (EVP_DigestUpdate(hash->evp, bytes, len) != 1)
    die_hash();
}

void store_hash_end(struct store_hash *hash, char ret_hex[STORE_SHA256_HEX])
{
  static const char digits[] = "0123456789abcdef";
  unsigned char sum[EVP_MAX_MD_SIZE];
  unsigned len = 0;
  if (EVP_DigestFinal_ex(hash->evp, sum, &len) != 1 || len != (STORE_SHA256_HEX - 1) / 2)
    die_hash();
  for (size_t i = 0; i < len; i++) {
    ret_hex[2 * i] = digits[sum[i] >> 4];
    ret_hex[2 * i + 1] = digits[sum[i] & 15];
  }
  ret_hex[STORE_SHA256_HEX - 1] = '\0';
  EVP_MD_CTX_free(hash->evp);
  free(hash);
}

void store_sha256(const void *bytes, size_t len, char ret_hex[STORE_SHA256_HEX])
{
  struct store_hash *hash = store_hash_new();
  store_hash_add(hash, bytes, len);
  store_hash_end(hash, ret_hex);
}
