#include "store/stream.h"

#include <openssl/evp.h>
#include <xxhash.h>
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

enum { SAMPLE_BYTES = 128 * 1024, SAMPLE_BYTES_MIN = 32 * 1024, WORTH_ONE_IN = 32 };

struct compressor {
  ZSTD_CCtx *zstd;
  bool fastest;
  bool begun; /* the frame */
};

struct compressor *compressor_new(int level)
{
  struct compressor *c = x_calloc(1, sizeof(*c));
  c->zstd = ZSTD_createCCtx();
  if (!c->zstd)
    die_oom();
  level = level < LEVEL_MIN ? LEVEL_MIN : level > LEVEL_MAX ? LEVEL_MAX : level;
  c->fastest = level == LEVEL_MIN;
  ZSTD_CCtx_setParameter(c->zstd, ZSTD_c_compressionLevel, level);
  ZSTD_CCtx_setParameter(c->zstd, ZSTD_c_checksumFlag, 1);
  return c;
}

void compressor_free(struct compressor *c)
{
  if (!c)
    return;
  ZSTD_freeCCtx(c->zstd);
  free(c);
}

void compressor_freep(struct compressor **c)
{
  compressor_free(*c);
  *c = NULL;
}

void compressor_reset(struct compressor *c)
{
  ZSTD_CCtx_reset(c->zstd, ZSTD_reset_session_only);
  c->begun = false;
}

/* With a target length the fastest level leaves what it found no match for as it is: no Huffman
 * codes. */
static void leave_literals(struct compressor *c, bool leave)
{
  ZSTD_CCtx_setParameter(c->zstd, ZSTD_c_targetLength, leave ? 1 : 0);
}

static size_t try_sample(struct compressor *c, bool leave, const void *bytes, size_t len,
                         struct text *room)
{
  size_t bound = ZSTD_compressBound(len);
  leave_literals(c, leave);
  text_reserve(room, bound);
  size_t size = ZSTD_compress2(c->zstd, room->data + room->len, bound, bytes, len);
  return ZSTD_isError(size) ? bound : size;
}

/* Numbers, times and identifiers in binary give a Huffman code hardly anything to save (2 % of the
 * size) and cost it a quarter of the compressor's time, where text has a seventh of its size from
 * it. So the first bytes of a frame tell what is done with all of it. */
static void choose_literals(struct compressor *c, const void *bytes, size_t len, struct text *room)
{
  len = len < SAMPLE_BYTES ? len : SAMPLE_BYTES;
  if (len < SAMPLE_BYTES_MIN) {
    leave_literals(c, false);
    return;
  }
  size_t coded = try_sample(c, false, bytes, len, room);
  size_t left = try_sample(c, true, bytes, len, room);
  leave_literals(c, left <= coded + coded / WORTH_ONE_IN);
}

static int compress(struct compressor *c, const void *bytes, size_t len, ZSTD_EndDirective end,
                    struct text *out, struct err *err)
{
  ZSTD_inBuffer in = {bytes, len, 0};
  size_t left = 0;
  if (c->fastest && !c->begun)
    choose_literals(c, bytes, len, out);
  c->begun = end != ZSTD_e_end;
  do {
    text_reserve(out, ZSTD_CStreamOutSize());
    ZSTD_outBuffer room = {out->data + out->len, ZSTD_CStreamOutSize(), 0};
    left = ZSTD_compressStream2(c->zstd, &room, &in, end);
    if (ZSTD_isError(left))
      return err_set(err, ERR_UNEXPECTED, "compressing %zu bytes: %s", len,
                     ZSTD_getErrorName(left));
    out->len += room.pos;
    out->data[out->len] = '\0';
  } while (end == ZSTD_e_end ? left > 0 : in.pos < in.size);
  return 0;
}

int compressor_add(struct compressor *c, const void *bytes, size_t len, struct text *out,
                   struct err *err)
{
  return compress(c, bytes, len, ZSTD_e_continue, out, err);
}

int compressor_end(struct compressor *c, const void *bytes, size_t len, struct text *out,
                   struct err *err)
{
  return compress(c, bytes, len, ZSTD_e_end, out, err);
}

int store_compress(const void *bytes, size_t len, int level, struct text *ret, struct err *err)
{
  CLEANUP(compressor_freep) struct compressor *c = compressor_new(level);
  text_reset(ret);
  return compressor_end(c, bytes, len, ret, err);
}

struct zstd_sink {
  struct sink sink;
  struct sink *next;
  struct compressor *compressor;
  struct text packed; /* on its way to next */
};

static int zstd_pass(struct zstd_sink *s, int rc, struct err *err)
{
  if (rc == 0 && s->packed.len)
    rc = sink_write(s->next, s->packed.data, s->packed.len, err);
  text_reset(&s->packed);
  return rc;
}

static int zstd_write(struct sink *sink, const void *bytes, size_t len, struct err *err)
{
  struct zstd_sink *s = (struct zstd_sink *)sink;
  return zstd_pass(s, compressor_add(s->compressor, bytes, len, &s->packed, err), err);
}

static int zstd_finish(struct sink *sink, struct err *err)
{
  struct zstd_sink *s = (struct zstd_sink *)sink;
  if (zstd_pass(s, compressor_end(s->compressor, NULL, 0, &s->packed, err), err) < 0)
    return -1;
  return sink_finish(s->next, err);
}

static void zstd_free(struct sink *sink)
{
  struct zstd_sink *s = (struct zstd_sink *)sink;
  compressor_free(s->compressor);
  text_clear(&s->packed);
  sink_free(s->next);
  free(s);
}

struct sink *sink_zstd(struct sink *next, int level)
{
  struct zstd_sink *s = x_calloc(1, sizeof(*s));
  s->sink = (struct sink){zstd_write, zstd_finish, zstd_free};
  s->next = next;
  s->compressor = compressor_new(level);
  s->packed = TEXT_INIT;
  return &s->sink;
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

uint64_t store_digest(const void *bytes, size_t len)
{
  return XXH3_64bits(bytes, len);
}
