/* place_s3_private.h: the S3 place, shared by place_s3.c (objects), place_s3_write.c (writing
 * them) and place_s3_list.c (lists, and uploads that were left). */
#pragma once

#include <pthread.h>

#include "store/place_private.h"
#include "store/s3_client.h"
#include "store/stream.h"

enum { S3_PARTS_MAX = 10000, S3_PAGES_MAX = 100000, S3_NONCE_SIZE = 33 };

struct place_s3 {
  struct place place;
  struct arena *arena;
  struct s3_settings settings;
  struct s3_client *client;
  char *state_dir;           /* local, of what is appended to; may not exist yet */
  atomic_bool unconditional; /* the server knows no If-None-Match: said once */
  pthread_mutex_t mutex;     /* guards what follows */
  pthread_cond_t part_done;
  int in_flight;     /* parts, of all writers */
  void *buffers[32]; /* of part_bytes, free */
  int buffer_count;
};

/* Of an upload that was begun and not ended. */
struct s3_upload {
  const char *key, *id;
  int64_t initiated_us;
};
VEC_TYPE(s3_uploads, struct s3_upload);

int s3_writer(struct place *place, const char *key, bool exclusive, struct sink **ret_sink,
              struct err *err);
/* A writer whose upload has begun: others see it. */
int s3_hold(struct place *place, const char *key, struct sink **ret_sink, struct err *err);

int s3_list(struct place *place, struct arena *arena, const char *prefix, struct place_entries *ret,
            struct err *err);
/* Of one key (exact) or below a prefix. */
int s3_list_uploads(struct place_s3 *p, struct arena *arena, const char *prefix, bool exact,
                    struct s3_uploads *ret, struct s3_answer *answer, struct err *err);
/* An upload that is gone already counts as aborted. Goes on in spite of signals. */
int s3_abort_upload(struct place_s3 *p, const char *key, const char *id, struct err *err);
int s3_sweep(struct place *place, const char *prefix, bool remove, struct place_leftovers *ret,
             struct err *err);
int s3_remove_dir(struct place *place, const char *dir, struct err *err);

/* Sends; a refusal is noted in place->denied. */
int s3_ask(struct place_s3 *p, struct arena *arena, const struct s3_request *request,
           struct s3_answer *ret, struct err *err);
int s3_head(struct place_s3 *p, struct arena *arena, const char *key, struct s3_answer *ret,
            struct err *err);
/* Decimal digits only; -1 else. */
int s3_read_size(const char *text, uint64_t *ret);
