#include "backup/restore_jobs.h"

enum { LOCKS_MAX = 2 };

VEC_TYPE(job_pointers, struct restore_job *);
VEC_TYPE(parts, const struct archive_entry *);

struct lock { /* of a table while a job runs, as this plan counts them */
  int shared, exclusive;
};

struct restore_job {
  const char *what;
  struct parts parts; /* rows: one step each */
  size_t next_part, running;
  struct strings sql; /* else: one step */
  struct job_pointers then;
  size_t waits;
  struct lock *locks[LOCKS_MAX]; /* NULL: none */
  bool exclusive;
  bool builds;
  uint64_t sorted;
  bool taken; /* the only step was handed out */
  uint64_t cost, rank;
};

struct table_jobs { /* of a table, or of a whole tree of partitions */
  struct job_pointers jobs;
  uint64_t bytes, rows;
};

struct restore_jobs {
  struct arena *arena;
  struct job_pointers all;   /* in dependency order */
  struct job_pointers ready; /* nothing to wait for but locks; not finished */
  size_t left;
  int connections;
  struct map *locks;   /* table -> struct lock */
  struct map *parents; /* partition -> partitioned table */
  struct map *loads;   /* table -> struct table_jobs: rows that go into it */
  struct map *trees;   /* root -> struct table_jobs: all but foreign keys */
  struct map *made;    /* title of an object of post-data -> its last job */
  struct restore_progress progress;
};

static struct restore_job *add_job(struct restore_jobs *j, const char *what, uint64_t cost)
{
  struct restore_job *job = ARENA_NEW(j->arena, struct restore_job);
  job->what = what;
  job->cost = cost;
  vec_push(j->arena, &j->all, job);
  return job;
}

static void after(struct restore_jobs *j, struct restore_job *first, struct restore_job *then)
{
  if (!first || first == then)
    return;
  vec_push(j->arena, &first->then, then);
  then->waits++;
}

static void after_all(struct restore_jobs *j, const struct table_jobs *first,
                      struct restore_job *then)
{
  for (size_t i = 0; first && i < first->jobs.len; i++)
    after(j, first->jobs.at[i], then);
}

static struct table_jobs *jobs_of(struct restore_jobs *j, struct map *map, const char *table)
{
  struct table_jobs *found = map_get(map, table);
  if (!found) {
    found = ARENA_NEW(j->arena, struct table_jobs);
    map_put(map, table, found);
  }
  return found;
}

static struct lock *lock_of(struct restore_jobs *j, const char *table)
{
  struct lock *lock = map_get(j->locks, table);
  if (!lock) {
    lock = ARENA_NEW(j->arena, struct lock);
    map_put(j->locks, table, lock);
  }
  return lock;
}

static const char *root_of(const struct restore_jobs *j, const char *table)
{
  const char *parent;
  while ((parent = map_get(j->parents, table)))
    table = parent;
  return table;
}

/* ---- planning ---- */

static void learn_partitions(struct restore_jobs *j, const struct restore_items *items)
{
  for (size_t i = 0; i < items->len; i++) {
    const struct mark *m = &items->at[i].mark;
    if (mark_is_kind(m, CATALOG_TABLE) && mark_is_for(m, CATALOG_FOR_ATTACH) && m->table &&
        !map_get(j->parents, m->object))
      map_put(j->parents, m->object, arena_strdup(j->arena, m->table));
  }
}

/* One job for all rows that go into one table: the parts of a table, or of all partitions that are
 * loaded through their root. */
static void plan_rows(struct restore_jobs *j, const struct restore *restore)
{
  struct map *into = map_new(j->arena);
  for (size_t i = 0; i < restore->tables.len; i++)
    map_put(into, restore->tables.at[i].identity, &restore->tables.at[i]);
  for (size_t i = 0; i < restore->archive->entries.len; i++) {
    const struct archive_entry *e = &restore->archive->entries.at[i];
    const struct backup_table *t = strcmp(e->kind, "data") == 0 ? map_get(into, e->object) : NULL;
    if (!t)
      continue;
    struct table_jobs *load = jobs_of(j, j->loads, t->load_into);
    if (!load->jobs.len)
      vec_push(j->arena, &load->jobs, add_job(j, t->load_into, 0));
    struct restore_job *job = load->jobs.at[0];
    vec_push(j->arena, &job->parts, e);
    job->cost += e->raw_size;
    load->bytes += e->raw_size;
    load->rows += (uint64_t)e->rows;
    j->progress.bytes_total += e->raw_size;
  }
}

static uint64_t bytes_of(const struct restore_jobs *j, const char *table)
{
  const struct table_jobs *load = map_get(j->loads, table);
  return load ? load->bytes : 0;
}

/* In bytes of rows that are loaded in the same time, about: measured on B-trees of one and two
 * columns and on a GIN index, which has many keys a row. */
static void estimate_index(const struct restore_jobs *j, const char *table, struct restore_job *job)
{
  enum { ROW = 32, KEY = 32 };
  const struct table_jobs *load = map_get(j->loads, table);
  const char *columns = strstr(job->sql.at[0], " USING ");
  uint64_t keys = 1;
  job->builds = true;
  if (!load)
    return;
  for (const char *p = columns; p && *p; p++)
    keys += *p == ',';
  job->cost = load->rows * (ROW + KEY * keys);
  if (columns && strncmp(columns, " USING btree", 12) == 0)
    job->sorted = job->cost;
  else
    job->cost += load->bytes;
}

struct group { /* the statements of one object: items[first] to items[end - 1] */
  const struct restore_item *items;
  size_t count;
  const struct mark *mark; /* of the first */
};

/* Can it run beside others: an index, a key or a foreign key that needs nothing which is made only
 * afterwards? */
static bool is_parallel(const struct restore_jobs *j, const struct group *g, struct map *later)
{
  const struct mark *m = g->mark;
  bool index = mark_is_kind(m, CATALOG_INDEX), key = mark_is_kind(m, CATALOG_CONSTRAINT);
  if (!(index || key) || !m->table || !mark_is_for(m, CATALOG_FOR_CREATE))
    return false;
  if (key && !m->references && !strstr(g->items[0].sql, " ADD CONSTRAINT "))
    return false;
  for (size_t i = 0; i < g->count; i++)
    if (g->items[i].bare || g->items[i].names_role)
      return false;
  for (size_t i = 0; i < m->needs.len; i++)
    if (map_get(later, m->needs.at[i]))
      return false;
  UNUSED(j);
  return true;
}

static bool is_check(const struct group *g)
{
  return mark_is_kind(g->mark, CATALOG_CONSTRAINT) && !g->mark->references &&
         strstr(g->items[0].sql, " CHECK ") && !g->mark->split_index;
}

static void wait_for_needs(struct restore_jobs *j, const struct mark *m, struct restore_job *job)
{
  for (size_t i = 0; i < m->needs.len; i++)
    after(j, map_get(j->made, m->needs.at[i]), job);
}

static bool attaches(const struct group *g)
{
  for (size_t i = 0; i < g->count; i++)
    if (mark_is_for(&g->items[i].mark, CATALOG_FOR_ATTACH))
      return true;
  return false;
}

/* An index is built under a lock that lets others be built; what follows (the constraint, ATTACH,
 * CLUSTER ON ...) takes the table for itself, for a moment. Attaching may reach up to the root of
 * the partitions, so it is one at a time in a tree. */
static void plan_index(struct restore_jobs *j, const struct group *g, const char *title)
{
  const struct mark *m = g->mark;
  const char *root = root_of(j, m->table);
  struct table_jobs *tree = jobs_of(j, j->trees, root);
  bool shared = m->split_index || mark_is_kind(m, CATALOG_INDEX);
  const char *sql = m->split_index ? m->split_index : g->items[0].sql;
  struct restore_job *build = add_job(j, title, 1);
  vec_push(j->arena, &build->sql, sql);
  if (shared)
    estimate_index(j, m->table, build);
  build->locks[0] = lock_of(j, m->table);
  build->exclusive = !shared;
  /* also rows that come through a partitioned table above it */
  for (const char *table = m->table; table; table = map_get(j->parents, table))
    after_all(j, map_get(j->loads, table), build);
  wait_for_needs(j, m, build);
  vec_push(j->arena, &tree->jobs, build);
  map_put(j->made, title, build);
  if (g->count == 1 && !m->split_constraint)
    return;
  struct restore_job *rest = add_job(j, title, 1);
  if (m->split_constraint)
    vec_push(j->arena, &rest->sql, m->split_constraint);
  for (size_t i = 1; i < g->count; i++)
    vec_push(j->arena, &rest->sql, g->items[i].sql);
  rest->locks[0] = build->locks[0];
  if (attaches(g))
    rest->locks[1] = lock_of(j, arena_printf(j->arena, "partitions of %s", root));
  rest->exclusive = true;
  after(j, build, rest);
  vec_push(j->arena, &tree->jobs, rest);
  map_put(j->made, title, rest);
}

/* Waits for all keys and indexes of both tables: then nobody wants their tables but others of its
 * kind. */
static void plan_foreign_key(struct restore_jobs *j, const struct group *g, const char *title)
{
  const struct mark *m = g->mark;
  const char *tables[LOCKS_MAX] = {root_of(j, m->table), root_of(j, m->references)};
  struct restore_job *job = add_job(j, title, bytes_of(j, m->table) / 8 + 1);
  for (size_t i = 0; i < g->count; i++)
    vec_push(j->arena, &job->sql, g->items[i].sql);
  for (size_t i = 0; i < LOCKS_MAX; i++) {
    if (i == 0 || strcmp(tables[0], tables[1]) != 0)
      job->locks[i] = lock_of(j, tables[i]);
    after_all(j, map_get(j->trees, tables[i]), job);
  }
  job->exclusive = true;
  wait_for_needs(j, m, job);
  map_put(j->made, title, job);
}

static bool same_object(const struct mark *a, const struct mark *b)
{
  return strcmp(a->kind, b->kind) == 0 && strcmp(a->object, b->object) == 0;
}

static struct group group_at(const struct restore_items *items, size_t first)
{
  struct group g = {.items = &items->at[first], .count = 1, .mark = &items->at[first].mark};
  while (g.mark->kind && first + g.count < items->len && items->at[first + g.count].mark.kind &&
         !items->at[first + g.count].left_out &&
         same_object(g.mark, &items->at[first + g.count].mark))
    g.count++;
  return g;
}

/* Indexes and keys in the first pass, foreign keys in the second: they wait for all of the
 * first. */
static void plan_post_data(struct restore_jobs *j, const struct restore_items *items,
                           struct restore_items *ret_tail)
{
  struct map *later = map_new(j->arena);
  VEC(struct group) foreign = {0};
  for (size_t i = 0; i < items->len;) {
    struct group g = group_at(items, i);
    i += g.count;
    if (g.items[0].left_out)
      continue;
    const char *title = g.mark->kind ? mark_title(j->arena, g.mark) : NULL;
    if (title && is_parallel(j, &g, later) && !is_check(&g)) {
      j->progress.built_total++;
      if (g.mark->references)
        vec_push(j->arena, &foreign, g);
      else
        plan_index(j, &g, title);
      continue;
    }
    if (title)
      map_put(later, title, &later);
    for (size_t k = 0; k < g.count; k++)
      vec_push(j->arena, ret_tail, g.items[k]);
  }
  /* rows that come into a tree, too: a foreign key of a table without any index */
  for (size_t i = 0; i < map_len(j->loads); i++) {
    struct table_jobs *load = map_value_at(j->loads, i);
    vec_push(j->arena, &jobs_of(j, j->trees, root_of(j, map_key_at(j->loads, i)))->jobs,
             load->jobs.at[0]);
  }
  for (size_t i = 0; i < foreign.len; i++)
    plan_foreign_key(j, &foreign.at[i], mark_title(j->arena, foreign.at[i].mark));
}

/* A job's rank: the work of the longest chain that begins with it. Jobs stand in dependency order.
 */
static void rank(struct restore_jobs *j)
{
  for (size_t i = j->all.len; i-- > 0;) {
    struct restore_job *job = j->all.at[i];
    uint64_t longest = 0;
    for (size_t k = 0; k < job->then.len; k++)
      if (job->then.at[k]->rank > longest)
        longest = job->then.at[k]->rank;
    job->rank = job->cost + longest;
    if (job->waits == 0)
      vec_push(j->arena, &j->ready, job);
  }
  j->left = j->all.len;
}

int restore_jobs_plan(struct restore *restore, struct restore_jobs **ret_jobs,
                      struct restore_items *ret_tail, struct err *err)
{
  struct restore_jobs *j = ARENA_NEW(restore->arena, struct restore_jobs);
  struct arena *arena = j->arena = restore->arena;
  j->locks = map_new(arena);
  j->parents = map_new(arena);
  j->loads = map_new(arena);
  j->trees = map_new(arena);
  j->made = map_new(arena);
  j->connections = restore->options->jobs;
  UNUSED(err);
  learn_partitions(j, &restore->pre_data);
  if (!restore->options->schema_only)
    plan_rows(j, restore);
  plan_post_data(j, &restore->post_data, ret_tail);
  rank(j);
  *ret_jobs = j;
  return 0;
}

/* ---- running ---- */

static bool is_free(const struct restore_job *job)
{
  if (job->running || job->parts.len) /* more parts of the same rows */
    return true;
  for (size_t i = 0; i < LOCKS_MAX; i++)
    if (job->locks[i] && (job->locks[i]->exclusive || (job->exclusive && job->locks[i]->shared)))
      return false;
  return true;
}

static bool has_step(const struct restore_job *job)
{
  return job->parts.len ? job->next_part < job->parts.len : !job->taken;
}

static void hold(const struct restore_job *job, int change)
{
  for (size_t i = 0; i < LOCKS_MAX; i++)
    if (job->locks[i] && job->exclusive)
      job->locks[i]->exclusive += change;
    else if (job->locks[i])
      job->locks[i]->shared += change;
}

/* Of two jobs the one that nobody works at, then the one with more behind it. */
static bool is_better(const struct restore_job *job, const struct restore_job *best)
{
  if (!best || !job->running != !best->running)
    return !best || !job->running;
  return job->rank > best->rank;
}

/* Connections that find nothing to do once the step is handed out. */
static int idle_connections(const struct restore_jobs *j)
{
  int busy = 0;
  for (size_t i = 0; i < j->ready.len; i++) {
    const struct restore_job *job = j->ready.at[i];
    bool more = has_step(job) && is_free(job);
    if (job->parts.len && more)
      return 0;
    busy += (int)job->running + more;
  }
  return busy < j->connections ? j->connections - busy : 0;
}

struct restore_step restore_jobs_next(struct restore_jobs *j)
{
  struct restore_job *best = NULL;
  for (size_t i = 0; i < j->ready.len; i++) {
    struct restore_job *job = j->ready.at[i];
    if (has_step(job) && is_free(job) && is_better(job, best))
      best = job;
  }
  struct restore_step step = {.job = best};
  if (!best)
    return step;
  step.what = best->what;
  best->running++;
  if (best->parts.len) {
    step.part = best->parts.at[best->next_part++];
    return step;
  }
  step.sql = &best->sql;
  best->taken = true;
  hold(best, 1);
  step.builds = best->builds;
  step.sorted = best->sorted;
  step.helpers = idle_connections(j);
  return step;
}

const struct archive_entry *restore_jobs_more(struct restore_jobs *j, struct restore_step *step)
{
  struct restore_job *job = step->job;
  if (!has_step(job) || strcmp(job->parts.at[job->next_part]->object, step->part->object) != 0)
    return NULL;
  j->progress.bytes += step->part->raw_size;
  step->part = job->parts.at[job->next_part++];
  return step->part;
}

static void finish(struct restore_jobs *j, struct restore_job *job)
{
  for (size_t i = 0; i < j->ready.len; i++)
    if (j->ready.at[i] == job) {
      j->ready.at[i] = j->ready.at[--j->ready.len];
      break;
    }
  for (size_t i = 0; i < job->then.len; i++)
    if (--job->then.at[i]->waits == 0)
      vec_push(j->arena, &j->ready, job->then.at[i]);
  j->left--;
}

void restore_jobs_done(struct restore_jobs *j, const struct restore_step *step)
{
  struct restore_job *job = step->job;
  job->running--;
  if (step->part) {
    j->progress.bytes += step->part->raw_size;
  } else {
    hold(job, -1);
    j->progress.built += map_get(j->made, job->what) == job;
  }
  if (!has_step(job) && !job->running)
    finish(j, job);
}

bool restore_jobs_finished(const struct restore_jobs *j)
{
  return j->left == 0;
}

struct restore_progress restore_jobs_progress(const struct restore_jobs *j)
{
  return j->progress;
}
