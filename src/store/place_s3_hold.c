/* An upload that is there only to be seen. A bucket does not tell whether the writer of an upload
 * lives, so this one gets a part every now and then: what lies beside it is being worked on,
 * however long that takes (place_s3_sweep.c). */
#include "base/base.h"
#include "base/clock.h"
#include "store/place_s3_sink.h"

#include <stdlib.h>
#include <time.h>

struct hold {
  struct sink sink;
  struct s3_sink *upload;
  pthread_t thread;
  bool has_thread;
  pthread_mutex_t mutex; /* guards what follows */
  pthread_cond_t ended;
  bool end;
};

static struct timespec in_ms(int64_t ms)
{
  int64_t at_ms = clock_monotonic_ms() + ms;
  return (struct timespec){.tv_sec = at_ms / 1000, .tv_nsec = at_ms % 1000 * 1000000};
}

/* false: it ended. */
static bool wait_for_turn(struct hold *h)
{
  const struct timespec turn = in_ms(h->upload->place->hold_ms);
  int status = 0;
  pthread_mutex_lock(&h->mutex);
  while (!h->end && status == 0)
    status = pthread_cond_timedwait(&h->ended, &h->mutex, &turn);
  bool goes_on = !h->end;
  pthread_mutex_unlock(&h->mutex);
  return goes_on;
}

static void *show(void *context)
{
  struct hold *h = context;
  while (wait_for_turn(h)) {
    CLEANUP(err_clear) struct err unseen = ERR_INIT; /* the next one may come through */
    (void)s3_upload_touch(h->upload, &unseen);
  }
  return NULL;
}

static int hold_write(struct sink *sink, const void *bytes, size_t len, struct err *err)
{
  struct hold *h = (struct hold *)sink;
  UNUSED(bytes);
  UNUSED(len);
  return s3_sink_fail(h->upload, err, "is only to be seen, and takes no bytes");
}

static int hold_finish(struct sink *sink, struct err *err)
{
  return hold_write(sink, NULL, 0, err);
}

static void hold_free(struct sink *sink)
{
  struct hold *h = (struct hold *)sink;
  pthread_mutex_lock(&h->mutex);
  h->end = true;
  pthread_cond_signal(&h->ended);
  pthread_mutex_unlock(&h->mutex);
  atomic_store(&h->upload->cancelled, true); /* a part that is on its way */
  if (h->has_thread)
    pthread_join(h->thread, NULL);
  sink_free(&h->upload->sink);
  pthread_cond_destroy(&h->ended);
  pthread_mutex_destroy(&h->mutex);
  free(h);
}

int s3_hold(struct place *place, const char *key, struct sink **ret_sink, struct err *err)
{
  CLEANUP(sink_freep) struct sink *upload = NULL;
  if (s3_writer(place, key, true, &upload, err) < 0 ||
      s3_upload_begin((struct s3_sink *)upload, err) < 0)
    return -1;
  struct hold *h = x_calloc(1, sizeof(*h));
  pthread_condattr_t monotonic;
  pthread_condattr_init(&monotonic);
  pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  pthread_cond_init(&h->ended, &monotonic);
  pthread_condattr_destroy(&monotonic);
  pthread_mutex_init(&h->mutex, NULL);
  h->sink = (struct sink){hold_write, hold_finish, hold_free};
  h->upload = (struct s3_sink *)TAKE(upload);
  h->has_thread = s3_start_thread(&h->thread, show, h) == 0;
  *ret_sink = &h->sink;
  return 0;
}
