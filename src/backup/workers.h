/* backup/workers.h: threads with a connection each, led by the calling thread. Private to
 * backup/.
 *
 *   struct workers *w = workers_new();
 *   struct workers_job job = {.count = jobs, .connect = ..., .work = ..., .context = &mine};
 *   rc = workers_run(w, &job, err);     // when all threads have ended; the first error wins
 *   workers_free(w);
 *
 * After the first error (a worker's, the tick's, a signal) workers_stopped says so and the
 * statements of the workers are cancelled. What the threads share is guarded by workers_lock.
 */
#pragma once

#include "backup/backup.h"

struct workers;

struct workers_job {
  int count; /* 1..BACKUP_JOBS_MAX */
  /* NULL: work without a connection. */
  int (*connect)(void *context, struct db_conn **ret_conn, struct err *err);
  /* In a worker's thread; number is 1..count. Must look at workers_stopped between its steps. */
  int (*work)(void *context, struct db_conn *conn, int number, struct err *err);
  /* In the calling thread, once, while the workers are at it already. NULL: nothing to do. */
  int (*lead)(void *context, struct err *err);
  /* In the calling thread without the lock: five times a second, at each workers_wake, and once
   * after the workers ended. NULL: nothing to do there. */
  int (*tick)(void *context, struct err *err);
  void *context;
};

struct workers *workers_new(void) MUST_CHECK;
void workers_free(struct workers *w);
void workers_freep(struct workers **w);
int workers_run(struct workers *w, const struct workers_job *job, struct err *err);

void workers_lock(struct workers *w);
void workers_unlock(struct workers *w);
void workers_wake(struct workers *w);    /* with the lock held */
bool workers_stopped(struct workers *w); /* without the lock */
