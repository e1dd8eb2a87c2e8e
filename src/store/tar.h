/* tar.h: one segment: a pax tar file whose members have known sizes. The only user of libarchive
 * (and a header of its own, for libarchive too has a `struct archive` and a `struct
 * archive_entry`).
 */
#pragma once

#include "store/stream.h"

enum { TAR_NAME_MAX = 99, TAR_BLOCK = 512, TAR_END_BYTES = 2 * TAR_BLOCK };

/* ---- writing ---- */

struct tar_writer;

/* Owns out, also when it fails. mtime_s: of all members. */
int tar_writer_new(struct sink *out, int64_t mtime_s, struct tar_writer **ret, struct err *err);
/* ret_offset: of the content, from the start of the file. */
int tar_add(struct tar_writer *tar, const char *name, const void *bytes, size_t len,
            uint64_t *ret_offset, struct err *err);
uint64_t tar_size(const struct tar_writer *tar); /* bytes written so far */
/* Ends the file, finishes the sink; ret_sha256 is of the whole file. */
int tar_finish(struct tar_writer *tar, char ret_sha256[STORE_SHA256_HEX], struct err *err);
void tar_writer_free(struct tar_writer *tar); /* NULL is fine */

/* ---- reading ---- */

struct tar_member {
  const char *name;       /* valid during the call */
  uint64_t header_offset; /* where its header starts */
  uint64_t size;
  char sha256[STORE_SHA256_HEX];
};

struct tar_reader {
  void *arg;
  /* Up to size bytes; *ret_len 0 at the end of the file. */
  int (*read)(void *arg, void *buf, size_t size, size_t *ret_len, struct err *err);
  int (*member)(void *arg, const struct tar_member *member, struct err *err);
};

/* Reads members until the end marker, or ERR_DAMAGED. The caller reads on for what follows the
 * marker. */
int tar_read(const struct tar_reader *reader, struct err *err);
