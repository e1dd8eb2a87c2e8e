/* store/stream.h: byte-stream chains. A sink has write, finish, free; each returns errors (the
 * idea is PostgreSQL's bbstreamer). A chain is built from its end: sink_zstd(place_sink).
 * Freeing the head frees the chain; finishing the head flushes and finishes the chain. After an
 * error only free is allowed.
 */
#pragma once

#include "base/base.h"

struct sink {
  int (*write)(struct sink *sink, const void *bytes, size_t len, struct err *err);
  int (*finish)(struct sink *sink, struct err *err);
  void (*free)(struct sink *sink);
};

int sink_write(struct sink *sink, const void *bytes, size_t len, struct err *err);
int sink_finish(struct sink *sink, struct err *err);
void sink_free(struct sink *sink); /* NULL is fine */
void sink_freep(struct sink **sink);

struct sink *sink_memory(struct text *out) MUST_CHECK; /* appends to *out, which must outlive it */
struct sink *sink_zstd(struct sink *next,
                       int level) MUST_CHECK; /* owns next; one frame with checksum */

enum { STORE_SHA256_HEX = 65 }; /* 64 digits and the NUL */

struct store_hash; /* SHA-256, incremental */
struct store_hash *store_hash_new(void) MUST_CHECK;
void store_hash_add(struct store_hash *hash, const void *bytes, size_t len);
void store_hash_end(struct store_hash *hash, char ret_hex[STORE_SHA256_HEX]); /* and frees it */
void store_sha256(const void *bytes, size_t len, char ret_hex[STORE_SHA256_HEX]);

uint64_t store_digest(const void *bytes, size_t len); /* XXH3_64: quick, against accidents only */

/* zstd frames made piece by piece, one after the other; level 1..19. What comes out is appended to
 * *out: not before a piece of about 128 KiB is full, the rest with compressor_end. */
struct compressor;
struct compressor *compressor_new(int level) MUST_CHECK;
void compressor_free(struct compressor *c); /* NULL is fine */
void compressor_freep(struct compressor **c);
void compressor_reset(struct compressor *c); /* forgets a frame that was begun */
int compressor_add(struct compressor *c, const void *bytes, size_t len, struct text *out,
                   struct err *err);
int compressor_end(struct compressor *c, const void *bytes, size_t len, struct text *out,
                   struct err *err);
/* One zstd frame; level 1..19. */
int store_compress(const void *bytes, size_t len, int level, struct text *ret, struct err *err);
/* Expands one or more frames; more than size_max bytes, or damage, is ERR_DAMAGED. */
int store_expand(const void *bytes, size_t len, size_t size_max, struct text *ret, struct err *err);
