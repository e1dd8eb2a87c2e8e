/* place_s3_private.h: the S3 place, shared by place_s3.c (objects), place_s3_write.c (writing
 * them), place_s3_hold.c (being seen), place_s3_list.c (lists), place_s3_sweep.c (uploads that were
 * left) and place_s3_advise.c (doctor). */
#pragma once

#include <pthread.h>

#include "store/place_private.h"
#include "store/s3_client.h"
#include "store/stream.h"

enum { S3_PARTS_MAX = 10000, S3_PAGES_MAX = 100000, S3_NONCE_SIZE = 33 };
enum { S3_HOLD_MS = S3_STALE_MIN_MS / 4 };

struct place_s3 {
  struct place place;
  struct arena *arena;
  struct s3_settings settings;
  struct s3_client *client;
  char *state_dir;           /* local, of what is appended to; may not exist yet */
  int64_t hold_ms;           /* how often s3_hold shows that it lives */
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
/* A writer whose upload has begun, never ends, and gets a part every now and then: others see that
 * it lives. */
int s3_hold(struct place *place, const char *key, struct sink **ret_sink, struct err *err);

int s3_list(struct place *place, struct arena *arena, const char *prefix, struct place_entries *ret,
            struct err *err);
/* Of one key (exact) or below a prefix. */
int s3_list_uploads(struct place_s3 *p, struct arena *arena, const char *prefix, bool exact,
                    struct s3_uploads *ret, struct s3_answer *answer, struct err *err);
/* An upload that is gone already counts as aborted. Goes on in spite of signals. */
int s3_abort_upload(struct place_s3 *p, const char *key, const char *id, struct err *err);
/* When the newest part came (the begin of the upload counts as one; now if it has ended meanwhile),
 * and how much there is. */
int s3_look_at_parts(struct place_s3 *p, struct arena *arena, const struct s3_upload *upload,
                     int64_t *ret_newest_us, uint64_t *ret_bytes, struct err *err);
int s3_sweep(struct place *place, const char *prefix, bool remove, struct place_leftovers *ret,
             struct err *err);
int s3_advise(struct place *place, struct arena *arena, struct place_advices *ret, struct err *err);
int s3_remove_dir(struct place *place, const char *dir, struct err *err);

/* Sends; a refusal is noted in place->denied. */
int s3_ask(struct place_s3 *p, struct arena *arena, const struct s3_request *request,
           struct s3_answer *ret, struct err *err);
/* The time, as the server's clock has it. */
int64_t s3_now_us(const struct place_s3 *p);
int s3_head(struct place_s3 *p, struct arena *arena, const char *key, struct s3_answer *ret,
            struct err *err);
/* Decimal digits only; -1 else. */
int s3_read_size(const char *text, uint64_t *ret);
