#include "backup/workers.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "base/interrupt.h"

enum { WAIT_MS = 200 };

struct worker {
  struct workers *all;
  int number;
  pthread_t thread;
  bool started;
  struct db_conn *conn; /* set and cleared under the lock: the leader cancels it */
};

struct workers {
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  const struct workers_job *job;
  struct worker workers[BACKUP_JOBS_MAX];
  int running;
  atomic_bool stopped;
  struct err err; /* the first one */
};

struct workers *workers_new(void)
{
  struct workers *w = x_calloc(1, sizeof(*w));
  pthread_mutex_init(&w->mutex, NULL);
  pthread_condattr_t clock;
  pthread_condattr_init(&clock);
  pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
  pthread_cond_init(&w->changed, &clock);
  pthread_condattr_destroy(&clock);
  w->err = ERR_INIT;
  return w;
}

void workers_free(struct workers *w)
{
  if (!w)
    return;
  pthread_cond_destroy(&w->changed);
  pthread_mutex_destroy(&w->mutex);
  err_clear(&w->err);
  free(w);
}

void workers_freep(struct workers **w)
{
  workers_free(*w);
  *w = NULL;
}

void workers_lock(struct workers *w)
{
  pthread_mutex_lock(&w->mutex);
}

void workers_unlock(struct workers *w)
{
  pthread_mutex_unlock(&w->mutex);
}

void workers_wake(struct workers *w)
{
  pthread_cond_broadcast(&w->changed);
}

bool workers_stopped(struct workers *w)
{
  return atomic_load(&w->stopped);
}

/* With the lock held. */
static void stop(struct workers *w, struct err *err)
{
  atomic_store(&w->stopped, true);
  if (!err_is_set(&w->err))
    err_move(&w->err, err);
}

static void *worker_main(void *arg)
{
  struct worker *worker = arg;
  struct workers *w = worker->all;
  CLEANUP(err_clear) struct err err = ERR_INIT;
  struct db_conn *conn = NULL;
  int rc = w->job->connect ? w->job->connect(w->job->context, &conn, &err) : 0;
  workers_lock(w);
  worker->conn = conn;
  workers_unlock(w);
  if (rc == 0)
    rc = w->job->work(w->job->context, conn, worker->number, &err);
  workers_lock(w);
  worker->conn = NULL;
  if (rc < 0)
    stop(w, &err);
  w->running--;
  workers_wake(w);
  workers_unlock(w);
  db_close(conn);
  return NULL;
}

static void start(struct workers *w)
{
  workers_lock(w);
  for (int i = 0; i < w->job->count; i++) {
    struct worker *worker = &w->workers[i];
    *worker = (struct worker){.all = w, .number = i + 1};
    int failed = pthread_create(&worker->thread, NULL, worker_main, worker);
    worker->started = failed == 0;
    if (failed) {
      CLEANUP(err_clear) struct err err = ERR_INIT;
      err_set(&err, ERR_UNEXPECTED, "starting worker %d: %s", i + 1, strerror(failed));
      stop(w, &err);
      break;
    }
    w->running++;
  }
  workers_unlock(w);
}

/* With the lock held. Repeated until all have ended: a cancel that comes between two statements
 * is lost. */
static void cancel(struct workers *w)
{
  for (int i = 0; i < w->job->count; i++) {
    CLEANUP(err_clear) struct err ignored = ERR_INIT;
    if (w->workers[i].conn)
      (void)db_cancel(w->workers[i].conn, &ignored);
  }
}

static void wait_for_change(struct workers *w)
{
  struct timespec until;
  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_nsec += WAIT_MS * 1000000L;
  until.tv_sec += until.tv_nsec / 1000000000L;
  until.tv_nsec %= 1000000000L;
  pthread_cond_timedwait(&w->changed, &w->mutex, &until);
}

static void call(struct workers *w, int (*function)(void *context, struct err *err))
{
  CLEANUP(err_clear) struct err err = ERR_INIT;
  if (interrupt_check(&err) == 0 && (!function || function(w->job->context, &err) == 0))
    return;
  workers_lock(w);
  stop(w, &err);
  workers_unlock(w);
}

static void lead(struct workers *w)
{
  bool ended;
  if (!workers_stopped(w))
    call(w, w->job->lead);
  do {
    workers_lock(w);
    if (w->running > 0)
      wait_for_change(w);
    ended = w->running == 0;
    if (workers_stopped(w))
      cancel(w);
    workers_unlock(w);
    if (!workers_stopped(w))
      call(w, w->job->tick);
  } while (!ended);
}

int workers_run(struct workers *w, const struct workers_job *job, struct err *err)
{
  w->job = job;
  start(w);
  lead(w);
  for (int i = 0; i < job->count; i++)
    if (w->workers[i].started)
      pthread_join(w->workers[i].thread, NULL);
  if (!err_is_set(&w->err))
    return 0;
  /* the server's "canceling statement" is the echo of a signal */
  if (interrupt_check(err) == 0)
    err_move(err, &w->err);
  return -1;
}
