/* backup/restore_jobs.h: what of a restore several connections can do at once, and in which order.
 * Private to backup/.
 *
 *   struct restore_jobs *jobs;
 *   if (restore_jobs_plan(restore, &jobs, &tail, err) < 0) ...   // tail: what remains, in order
 *   while ((step = restore_jobs_next(jobs)).job) { run step; restore_jobs_done(jobs, &step); }
 *
 * Rows first; the indexes of a table when all of its rows are in, several at once; a foreign key
 * when both of its tables have all their indexes. A step is handed out only when no running step
 * holds a table that it would wait for, so that no connection idles in the server's lock queue and
 * no two of them wait for each other. Largest chain of work first; a second connection joins a COPY
 * into a table only where nothing else is to be done, since both would wait to extend its file.
 * Not thread-safe: the caller locks.
 */
#pragma once

#include "backup/restore.h"

struct restore_jobs;
struct restore_job;

struct restore_step {
  struct restore_job *job;          /* NULL: nothing to do now */
  const struct archive_entry *part; /* rows to load, see restore_jobs_more; else NULL */
  const struct strings *sql;        /* statements to run one by one; else NULL */
  bool builds;                      /* sql makes an index */
  uint64_t sorted;                  /* bytes that it sorts, about; 0: it is no B-tree */
  int helpers;      /* connections that have nothing to do meanwhile: parallel workers may help */
  const char *what; /* for messages: "index public.orders.orders_at" */
};

/* ret_tail: the items of post-data that no job runs, to be run in order after all jobs. */
int restore_jobs_plan(struct restore *restore, struct restore_jobs **ret_jobs,
                      struct restore_items *ret_tail, struct err *err);
struct restore_step restore_jobs_next(struct restore_jobs *jobs);
/* After step->part was sent: the next part for the same COPY, which step->part is then; NULL: there
 * is none. */
const struct archive_entry *restore_jobs_more(struct restore_jobs *jobs, struct restore_step *step);
void restore_jobs_done(struct restore_jobs *jobs, const struct restore_step *step);
/* Nothing is left, and nothing is running. */
bool restore_jobs_finished(const struct restore_jobs *jobs);

struct restore_progress {
  uint64_t bytes, bytes_total; /* of rows, expanded */
  size_t built, built_total;   /* indexes and constraints */
};
struct restore_progress restore_jobs_progress(const struct restore_jobs *jobs);
