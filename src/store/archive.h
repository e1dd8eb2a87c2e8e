/* store/archive.h: the container of a backup and of captured data (DESIGN section 5).
 *
 *   <prefix>/segment-0001.tar ...   pax tar, one open segment per writer lane, rolled when full
 *   <prefix>/manifest.json          written last: its presence is the commit
 *
 * A member is a chunk: whole COPY rows, at most about ARCHIVE_CHUNK_BYTES raw, compressed to one
 * zstd frame, so its size is known before the tar header is written. Members have ASCII names:
 * "000017.copy.zst" (data), "000018.sql.zst" (sql), or their own name (text, stored plain); what
 * they hold is in the manifest.
 *
 * Where the place has recipients (store/keys.h) each member but text is compressed, then encrypted
 * to an age file of its own, "000017.copy.zst.age", and the manifest becomes two: manifest.json.age
 * is the whole one, encrypted; manifest.json, still written last, is a part of it that anybody may
 * read: ids, sizes, hashes, recipients, and what ARCHIVE_CLEAR_KEYS names. No name of a table, no
 * number of its rows is in it.
 *
 * Writing: archive_create -> archive_add (from any thread, each with its lane) -> archive_commit;
 *          archive_free without commit removes what was written.
 * Reading: archive_open -> entries -> archive_read. archive_look opens an encrypted one without
 * identity, too: for what can be said or checked of it from outside.
 * Errors: ERR_STORE for the place, ERR_DAMAGED for content that is not what the manifest says;
 * the message names the member, its segment and what differs. ERR_SEALED: no identity opens it; the
 * message names the recipients.
 */
#pragma once

#include <jansson.h>

#include "store/place.h"

enum {
  ARCHIVE_CHUNK_BYTES = 16 * 1024 * 1024,
  ARCHIVE_LANES_MAX = 32,
  ARCHIVE_SEGMENTS_MAX = 99999
};
#define ARCHIVE_SEGMENT_BYTES (8ull * 1024 * 1024 * 1024)
#define ARCHIVE_MEMBER_BYTES_MAX (2ull * 1024 * 1024 * 1024) /* raw; a chunk is one row at least */

struct archive_entry {
  const char *id;          /* "000017" */
  const char *kind;        /* "data", "sql", "text", ARCHIVE_WITHDRAWN */
  const char *object;      /* what it belongs to: "public.orders", "pre-data"; text: its name */
  int part;                /* 0, 1, ... within the object */
  uint64_t raw_size, size; /* bytes before and after compression and encryption */
  int segment;             /* number in segment-%04d.tar; 1-based */
  uint64_t offset;         /* of the stored bytes inside the segment */
  char sha256[STORE_SHA256_HEX]; /* of the stored bytes */
  int64_t rows;                  /* data: COPY rows; else 0 */
};
VEC_TYPE(archive_entries, struct archive_entry);

/* Of an encrypted archive's `extra` these stay clear, and of "scope" its "kind". */
#define ARCHIVE_CLEAR_KEYS                                                                         \
  "schema", "kind", "belay", "id", "database", "created_at", "finished_at", "duration_ms",         \
      "server_version", "server_version_num", "totals", "run_id", "template"

struct archive_writer;

/* libarchive exports this very name; whichever of the two the linker met first would be called. */
#define archive_free belay_archive_free

/* level: zstd level. The prefix must hold neither a manifest nor segments: nothing is
 * overwritten (ERR_STORE). */
int archive_create(struct place *place, const char *prefix, int level, int lanes,
                   struct archive_writer **ret, struct err *err);
/* When a lane's segment would grow beyond this, the next one is begun (ARCHIVE_SEGMENT_BYTES
 * unless told); before the first archive_add. */
void archive_set_segment_bytes(struct archive_writer *w, uint64_t bytes);
/* A member made piece by piece: begin, write any number of times, end. Compresses in the calling
 * thread, hashes, appends to the lane's segment. Thread-safe across lanes; a begin forgets a member
 * that was not ended. kind: "data", "sql". The parts of a (kind, object) must in the end be
 * 0, 1, ... without a gap, in any order. After an error only free is allowed. */
int archive_begin(struct archive_writer *w, int lane, struct err *err);
int archive_write(struct archive_writer *w, int lane, const void *raw, size_t len, struct err *err);
int archive_end(struct archive_writer *w, int lane, const char *kind, const char *object, int part,
                int64_t rows, struct err *err);
/* The three in one. */
int archive_add(struct archive_writer *w, int lane, const char *kind, const char *object, int part,
                int64_t rows, const void *raw, size_t len, struct err *err);
/* What was added of a data object does not count: its bytes stay in the segments, listed as
 * ARCHIVE_WITHDRAWN, and its parts may be added again from 0. Once per object. */
#define ARCHIVE_WITHDRAWN "withdrawn"
void archive_withdraw(struct archive_writer *w, const char *kind, const char *object);
/* Adds a member stored as it is (not compressed) under its own name: RECOVER.txt. A name of
 * [A-Za-z0-9._-] that begins with a letter. */
int archive_add_plain(struct archive_writer *w, int lane, const char *name, const char *bytes,
                      size_t len, struct err *err);
uint64_t
archive_bytes_written(const struct archive_writer *w); /* compressed bytes so far, for progress */
/* Closes the segments, then writes the manifest: `extra` (borrowed; an object) merged with
 * "entries" and "segments" {name, size, sha256}, "format": 1, and last "self" = SHA-256 of the
 * canonical text without it. */
int archive_commit(struct archive_writer *w, const json_t *extra, struct err *err);
void archive_free(struct archive_writer *w);
void archive_freep(struct archive_writer **w);

struct archive_segment { /* number i is at[i - 1] */
  const char *name;      /* "segment-0001.tar" */
  uint64_t size;
  const char *sha256;
};
VEC_TYPE(archive_segments, struct archive_segment);

struct archive {
  struct place *place; /* borrowed */
  const char *prefix;
  json_t *manifest; /* owned; locked: only its clear part */
  bool sealed;      /* encrypted */
  bool locked; /* and no identity opens it: entries have no object (but texts), part, raw size and
                  rows */
  const char *sealed_sha256;      /* sealed: of manifest.json.age */
  const char *recipients;         /* sealed: "age1..., age1..." */
  const char *locked_why;         /* locked: what is said of it */
  struct archive_entries entries; /* in the order of their ids */
  struct archive_segments segments;
};

/* Reads and checks the manifest (self hash, format, ranges, sizes of the segments); entries live
 * in arena. No manifest, or one that is not as it was written, is ERR_DAMAGED. */
int archive_open(struct arena *arena, struct place *place, const char *prefix, struct archive **ret,
                 struct err *err);
int archive_look(struct arena *arena, struct place *place, const char *prefix, struct archive **ret,
                 struct err *err);
/* Fills err with ERR_SEALED of a locked archive. Returns -1. */
int archive_say_locked(const struct archive *archive, struct err *err);
void archive_close(struct archive *archive);
void archive_closep(struct archive **archive);
/* One member by range, hash checked, expanded, raw size checked. Replaces what ret_raw held.
 * Thread-safe. */
int archive_read(const struct archive *archive, const struct archive_entry *entry,
                 struct text *ret_raw, struct err *err);
/* Reads every byte of every segment: tar structure, names, order, hashes of members and segments
 * (verify level "hash"), and of manifest.json.age. Works for a locked archive as well. */
int archive_check_hashes(const struct archive *archive, struct err *err);
