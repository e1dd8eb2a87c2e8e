#include "store/tar.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>

enum { READ_BYTES = 1024 * 1024 };

typedef struct archive_entry tar_entry;

static void entry_freep(tar_entry **entry)
{
  archive_entry_free(*entry);
}

/* ---- writing ---- */

struct tar_writer {
  struct archive *tar;
  struct sink *out;
  struct store_hash *hash;
  int64_t mtime_s;
  uint64_t size;
  struct err failure; /* of the sink, met inside a callback */
  bool failed;
};

/* libarchive is never told of a failure: once it has seen one, archive_write_free leaks what the
 * open file holds (3.6.2). What follows a failure is dropped, and check() reports it. */
static la_ssize_t write_block(struct archive *tar, void *arg, const void *bytes, size_t len)
{
  UNUSED(tar);
  struct tar_writer *w = arg;
  if (!w->failed && sink_write(w->out, bytes, len, &w->failure) < 0)
    w->failed = true;
  if (!w->failed) {
    store_hash_add(w->hash, bytes, len);
    w->size += len;
  }
  return (la_ssize_t)len;
}

/* Only ARCHIVE_OK will do: with a warning (a name that cannot be converted) the member may not be
 * what was asked for. */
static int check(struct tar_writer *w, int status, const char *doing, struct err *err)
{
  if (status == ARCHIVE_OK && !w->failed)
    return 0;
  w->failed = true;
  if (err_is_set(&w->failure)) {
    err_move(err, &w->failure);
    return -1;
  }
  const char *why = archive_error_string(w->tar);
  return err_set(err, ERR_UNEXPECTED, "%s: libarchive: %s", doing, why ? why : "unknown error");
}

static int set_up(struct tar_writer *w, struct err *err)
{
  /* Blocks of 0 bytes: nothing is held back, so `size` is the offset of the next byte at any
   * time. */
  if (check(w, archive_write_set_format_pax_restricted(w->tar), "tar format", err) < 0 ||
      check(w, archive_write_add_filter_none(w->tar), "tar filter", err) < 0 ||
      check(w, archive_write_set_bytes_per_block(w->tar, 0), "tar blocks", err) < 0)
    return -1;
  return check(w, archive_write_open(w->tar, w, NULL, write_block, NULL), "tar file", err);
}

int tar_writer_new(struct sink *out, int64_t mtime_s, struct tar_writer **ret, struct err *err)
{
  struct tar_writer *w = x_calloc(1, sizeof(*w));
  w->tar = archive_write_new();
  if (!w->tar)
    die_oom();
  w->out = out;
  w->mtime_s = mtime_s;
  w->hash = store_hash_new();
  w->failure = ERR_INIT;
  if (set_up(w, err) < 0) {
    tar_writer_free(w);
    return -1;
  }
  *ret = w;
  return 0;
}

int tar_add(struct tar_writer *w, const char *name, const void *bytes, size_t len,
            uint64_t *ret_offset, struct err *err)
{
  CLEANUP(entry_freep) tar_entry *entry = archive_entry_new();
  if (!entry)
    die_oom();
  archive_entry_set_pathname(entry, name);
  archive_entry_set_filetype(entry, AE_IFREG);
  archive_entry_set_perm(entry, 0600);
  archive_entry_set_uid(entry, 0);
  archive_entry_set_gid(entry, 0);
  archive_entry_set_mtime(entry, (time_t)w->mtime_s, 0);
  archive_entry_set_size(entry, (la_int64_t)len);
  if (check(w, archive_write_header(w->tar, entry), name, err) < 0)
    return -1;
  uint64_t offset = w->size;
  la_ssize_t n = len ? archive_write_data(w->tar, bytes, len) : 0;
  if (check(w, n < 0 || (size_t)n != len ? ARCHIVE_FATAL : ARCHIVE_OK, name, err) < 0)
    return -1;
  if (w->size != offset + len)
    return err_set(err, ERR_UNEXPECTED, "%s: %zu bytes became %" PRIu64 " in the segment", name,
                   len, w->size - offset);
  if (check(w, archive_write_finish_entry(w->tar), name, err) < 0)
    return -1;
  *ret_offset = offset;
  return 0;
}

uint64_t tar_size(const struct tar_writer *w)
{
  return w->size;
}

int tar_finish(struct tar_writer *w, char ret_sha256[STORE_SHA256_HEX], struct err *err)
{
  if (check(w, archive_write_close(w->tar), "ending the segment", err) < 0)
    return -1;
  if (sink_finish(w->out, err) < 0) {
    w->failed = true;
    return -1;
  }
  store_hash_end(TAKE(w->hash), ret_sha256);
  return 0;
}

void tar_writer_free(struct tar_writer *w)
{
  if (!w)
    return;
  w->failed = true; /* archive_write_free writes an end marker: it is dropped */
  archive_write_free(w->tar);
  sink_free(w->out);
  if (w->hash) {
    char unused[STORE_SHA256_HEX];
    store_hash_end(w->hash, unused);
  }
  err_clear(&w->failure);
  free(w);
}

/* ---- reading ---- */

struct reading {
  const struct tar_reader *reader;
  struct archive *tar;
  char *buf;
  struct err failure; /* of reader->read, met inside a callback */
};

static la_ssize_t read_block(struct archive *tar, void *arg, const void **ret_bytes)
{
  struct reading *r = arg;
  size_t len = 0;
  if (r->reader->read(r->reader->arg, r->buf, READ_BYTES, &len, &r->failure) < 0) {
    archive_set_error(tar, EIO, "reading failed");
    return -1;
  }
  *ret_bytes = r->buf;
  return (la_ssize_t)len;
}

static int damaged(struct reading *r, const char *where, struct err *err)
{
  if (err_is_set(&r->failure)) {
    err_move(err, &r->failure);
    return -1;
  }
  const char *why = archive_error_string(r->tar);
  return err_set(err, ERR_DAMAGED, "%s is not readable as tar: %s", where,
                 why ? why : "unknown error");
}

static int hash_content(struct reading *r, struct store_hash *hash, struct tar_member *m,
                        struct err *err)
{
  uint64_t size = 0;
  for (;;) {
    const void *bytes = NULL;
    size_t len = 0;
    la_int64_t offset = 0;
    int status = archive_read_data_block(r->tar, &bytes, &len, &offset);
    if (status == ARCHIVE_EOF)
      break;
    if (status != ARCHIVE_OK)
      return damaged(r, m->name, err);
    if ((uint64_t)offset != size)
      return err_set(err, ERR_DAMAGED, "%s is stored with holes", m->name);
    store_hash_add(hash, bytes, len);
    size += len;
  }
  if (size != m->size)
    return err_set(err, ERR_DAMAGED, "%s holds %" PRIu64 " bytes, its header says %" PRIu64,
                   m->name, size, m->size);
  return 0;
}

static int read_member(struct reading *r, tar_entry *entry, struct err *err)
{
  const char *name = archive_entry_pathname(entry);
  struct tar_member m = {.name = name ? name : "(a member without a name)"};
  m.header_offset = (uint64_t)archive_read_header_position(r->tar);
  m.size = (uint64_t)archive_entry_size(entry);
  if (archive_entry_filetype(entry) != AE_IFREG)
    return err_set(err, ERR_DAMAGED, "%s is not a regular file", m.name);
  struct store_hash *hash = store_hash_new();
  int status = hash_content(r, hash, &m, err);
  store_hash_end(hash, m.sha256);
  return status < 0 ? -1 : r->reader->member(r->reader->arg, &m, err);
}

static int read_members(struct reading *r, struct err *err)
{
  if (archive_read_support_format_tar(r->tar) != ARCHIVE_OK ||
      archive_read_open(r->tar, r, NULL, read_block, NULL) != ARCHIVE_OK)
    return damaged(r, "the segment", err);
  for (;;) {
    tar_entry *entry = NULL; /* belongs to the reader */
    int status = archive_read_next_header(r->tar, &entry);
    if (status == ARCHIVE_EOF)
      return 0;
    if (status != ARCHIVE_OK)
      return damaged(r, "the segment", err);
    if (read_member(r, entry, err) < 0)
      return -1;
  }
}

int tar_read(const struct tar_reader *reader, struct err *err)
{
  struct reading r = {.reader = reader, .failure = ERR_INIT};
  r.tar = archive_read_new();
  if (!r.tar)
    die_oom();
  r.buf = x_malloc(READ_BYTES);
  int status = read_members(&r, err);
  archive_read_free(r.tar);
  free(r.buf);
  err_clear(&r.failure);
  return status;
}
