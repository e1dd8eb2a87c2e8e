#include "store/rate.h"

#include <pthread.h>
#include <time.h>

#include "base/clock.h"
#include "base/interrupt.h"

enum { PIECE_BYTES = 64 * 1024, NAP_MS = 100 };

struct rate {
  uint64_t bytes_per_s;
  int64_t next_us; /* when the next piece may go */
  pthread_mutex_t mutex;
};

struct rate *rate_new(uint64_t bytes_per_s)
{
  struct rate *rate = x_calloc(1, sizeof(*rate));
  rate->bytes_per_s = bytes_per_s ? bytes_per_s : 1;
  pthread_mutex_init(&rate->mutex, NULL);
  return rate;
}

void rate_free(struct rate *rate)
{
  if (!rate)
    return;
  pthread_mutex_destroy(&rate->mutex);
  free(rate);
}

static void nap(int64_t ms)
{
  struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
  nanosleep(&time, NULL);
}

/* Each piece books the time that it takes; what was not used before is not caught up. */
int rate_wait(struct rate *rate, size_t len, struct err *err)
{
  pthread_mutex_lock(&rate->mutex);
  int64_t now_us = clock_monotonic_ms() * 1000;
  int64_t turn_us = rate->next_us > now_us ? rate->next_us : now_us;
  rate->next_us = turn_us + (int64_t)(len * UINT64_C(1000000) / rate->bytes_per_s);
  pthread_mutex_unlock(&rate->mutex);
  for (int64_t left_ms; (left_ms = turn_us / 1000 - clock_monotonic_ms()) > 0;) {
    if (interrupt_check(err) < 0)
      return -1;
    nap(left_ms < NAP_MS ? left_ms : NAP_MS);
  }
  return 0;
}

struct limited_sink {
  struct sink sink;
  struct sink *next;
  struct rate *rate;
};

static int limited_write(struct sink *sink, const void *bytes, size_t len, struct err *err)
{
  struct limited_sink *s = (struct limited_sink *)sink;
  for (const char *p = bytes; len;) {
    size_t n = len < PIECE_BYTES ? len : PIECE_BYTES;
    if (rate_wait(s->rate, n, err) < 0 || sink_write(s->next, p, n, err) < 0)
      return -1;
    p += n;
    len -= n;
  }
  return 0;
}

static int limited_finish(struct sink *sink, struct err *err)
{
  return sink_finish(((struct limited_sink *)sink)->next, err);
}

static void limited_free(struct sink *sink)
{
  sink_free(((struct limited_sink *)sink)->next);
  free(sink);
}

struct sink *sink_limited(struct sink *next, struct rate *rate)
{
  struct limited_sink *s = x_calloc(1, sizeof(*s));
  s->sink = (struct sink){limited_write, limited_finish, limited_free};
  s->next = next;
  s->rate = rate;
  return &s->sink;
}
