/* Many scripts at once: parsing is most of what linting a directory costs. */
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "sql/script.h"

enum {
  THREADS_MAX = 8,
  BATCH = 16,         /* jobs a thread takes at once */
  JOBS_A_THREAD = 64, /* fewer are not worth one */
  STACK_BYTES = 8 * 1024 * 1024,
};

struct reading {
  struct sql_script_job *jobs;
  size_t count;
  atomic_size_t next;
};

struct reader {
  struct reading *reading;
  struct arena *arena;
  pthread_t thread;
};

static void *read_some(void *arg)
{
  struct reader *reader = arg;
  struct reading *all = reader->reading;
  for (size_t first; (first = atomic_fetch_add(&all->next, BATCH)) < all->count;)
    for (size_t i = first; i < first + BATCH && i < all->count; i++) {
      struct sql_script_job *job = &all->jobs[i];
      if (sql_script_read_psql(reader->arena, job->name, job->bytes, job->len, &job->script,
                               &job->err) < 0)
        job->script = NULL;
    }
  return NULL;
}

static size_t threads_for(size_t count)
{
  long processors = sysconf(_SC_NPROCESSORS_ONLN);
  size_t wanted = processors < 1 ? 1 : (size_t)processors;
  if (wanted > count / JOBS_A_THREAD)
    wanted = count / JOBS_A_THREAD;
  return wanted < THREADS_MAX ? wanted : THREADS_MAX;
}

/* The caller reads, too; a thread that cannot be had is done without. */
void sql_scripts_read_psql(struct arena *arena, struct sql_script_job *jobs, size_t count)
{
  struct reading reading = {.jobs = jobs, .count = count};
  struct reader own = {.reading = &reading, .arena = arena}, others[THREADS_MAX];
  size_t threads = threads_for(count), started = 0;
  pthread_attr_t attributes;
  bool can_start = threads > 1 && pthread_attr_init(&attributes) == 0;
  if (can_start) {
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    for (; started + 1 < threads; started++) {
      others[started] = (struct reader){.reading = &reading, .arena = arena_new()};
      if (pthread_create(&others[started].thread, &attributes, read_some, &others[started]) != 0) {
        arena_free(others[started].arena);
        break;
      }
    }
    pthread_attr_destroy(&attributes);
  }
  read_some(&own);
  for (size_t i = 0; i < started; i++) {
    pthread_join(others[i].thread, NULL);
    arena_adopt(arena, others[i].arena);
  }
}
