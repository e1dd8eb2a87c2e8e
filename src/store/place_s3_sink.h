/* place_s3_sink.h: an object that is being written, shared by place_s3_write.c (the sink, and one
 * PUT) and place_s3_upload.c (many parts). */
#pragma once

#include "store/place_s3_private.h"

struct s3_sink {
  struct sink sink;
  struct place_s3 *place;
  struct arena *arena; /* of the thread that writes */
  const char *key;
  bool exclusive;
  char nonce[S3_NONCE_SIZE]; /* in the object's metadata: tells ours from another's */
  char *buffer;              /* part_bytes; NULL until something is written */
  size_t len;
  struct store_hash *hash; /* of what is in the buffer */
  uint64_t size;           /* of all parts so far */
  const char *upload;      /* NULL: none begun */
  bool upload_unsure;      /* a lost answer may have begun a second one */
  atomic_bool cancelled;
  /* guarded by the place's mutex */
  int sending;
  const char **etags; /* of S3_PARTS_MAX */
  int parts;
  struct err failure;
  struct arena *etag_arena;
};

bool s3_sink_is_locked(const struct s3_sink *s);
void s3_sink_add_md5(struct s3_sink *s, struct arena *arena, struct s3_pairs *headers,
                     const void *bytes, size_t len);
/* Storage class and encryption at rest, as the settings want them. */
void s3_add_storage(struct arena *arena, const struct s3_settings *set, struct s3_pairs *headers);
struct s3_pairs s3_sink_properties(struct s3_sink *s);
int s3_sink_fail(struct s3_sink *s, struct err *err, const char *why);
int s3_sink_exists_already(struct s3_sink *s, struct err *err);
/* 0: nothing has the key, as far as can be seen. */
int s3_sink_check_absent(struct s3_sink *s, struct err *err);
/* After an answer was lost: is the object there all the same? */
bool s3_sink_came_through(struct s3_sink *s);
/* The server took the headers; did it do what they say? */
int s3_sink_check(struct s3_sink *s, struct err *err);

int s3_upload_begin(struct s3_sink *s, struct err *err);
/* A byte as its first part, only so that the upload has got one now. */
int s3_upload_touch(struct s3_sink *s, struct err *err);
/* With all signals blocked: they are for the program's other threads. Not 0: there is none. */
int s3_start_thread(pthread_t *ret, void *(*run)(void *), void *context);
/* Hands the buffer to a thread, once one is free; begins the upload when none is. */
int s3_upload_part(struct s3_sink *s, struct err *err);
void s3_upload_wait(struct s3_sink *s);
/* The first failure of a part, if there was one. */
int s3_upload_check_failure(struct s3_sink *s, struct err *err);
int s3_upload_complete(struct s3_sink *s, struct err *err);
/* `ours`: the one that is under way, too, not only what a lost answer may have begun. */
void s3_upload_abort(struct s3_sink *s, bool ours);
char *s3_take_buffer(struct place_s3 *p);
void s3_give_buffer(struct place_s3 *p, char *buffer);
