#include "inverse/watch.h"

struct watched {
  uint32_t oid;
  const char *identity; /* as of the state before the current statement */
  uint32_t filenode;
  bool row_exclusive, exclusive; /* locks held already */
  int64_t writes;                /* of this transaction, pg_stat_xact */
};
VEC_TYPE(watched_vec, struct watched);

struct watch {
  struct arena *arena;
  struct db_conn *conn;
  struct watched_vec tables; /* sorted by oid; of before the migration, dropped ones included */
  const char *large_objects; /* a digest of which there are */
};

static const char tables_query[] =
    "SELECT c.oid, pg_catalog.format('%I.%I', n.nspname, c.relname), c.relfilenode,"
    " pg_stat_get_xact_tuples_inserted(c.oid) + pg_stat_get_xact_tuples_updated(c.oid)"
    " + pg_stat_get_xact_tuples_deleted(c.oid)"
    " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " WHERE c.relkind IN ('r', 'p', 'm', 'f') AND c.relpersistence <> 't'"
    " AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' ORDER BY c.oid";

static const char locks_query[] =
    "SELECT l.relation, bool_or(l.mode = 'RowExclusiveLock'),"
    " bool_or(l.mode = 'AccessExclusiveLock') FROM pg_catalog.pg_locks l"
    " WHERE l.locktype = 'relation' AND l.pid = pg_backend_pid() AND l.granted AND l.database ="
    " (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = current_database())"
    " AND l.mode IN ('RowExclusiveLock', 'AccessExclusiveLock') GROUP BY 1";

/* Making one, or changing its owner or privileges, leaves no lock; the rest does. */
static const char large_objects_query[] =
    "SELECT pg_catalog.md5(coalesce(string_agg(t.ctid::text || t.xmin::text, ',' ORDER BY t.oid),"
    " '')), EXISTS (SELECT FROM pg_catalog.pg_locks l WHERE l.pid = pg_backend_pid() AND l.granted"
    " AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname ="
    " current_database()) AND CASE l.locktype WHEN 'relation' THEN l.relation ="
    " 'pg_catalog.pg_largeobject'::regclass AND l.mode <> 'AccessShareLock' WHEN 'object' THEN"
    " l.classid = 'pg_catalog.pg_largeobject'::regclass END)"
    " FROM pg_catalog.pg_largeobject_metadata t";

static struct watched *find(struct watch *w, uint32_t oid)
{
  size_t low = 0, high = w->tables.len;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (w->tables.at[middle].oid == oid)
      return &w->tables.at[middle];
    if (w->tables.at[middle].oid < oid)
      low = middle + 1;
    else
      high = middle;
  }
  return NULL;
}

static int see_large_objects(struct watch *w, bool *ret_changed, struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (db_query(w->conn, &r, err, large_objects_query, NULL) < 0)
    return err_wrap(err, "listing the large objects of the shadow");
  const char *now = db_value(r, 0, 0);
  *ret_changed = db_bool(r, 0, 1) || !w->large_objects || strcmp(now, w->large_objects) != 0;
  w->large_objects = arena_strdup(w->arena, now);
  return 0;
}

int watch_begin(struct arena *arena, struct db_conn *conn, struct watch **ret_watch,
                struct err *err)
{
  struct watch *w = ARENA_NEW(arena, struct watch);
  w->arena = arena;
  w->conn = conn;
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (db_query(conn, &r, err, tables_query, NULL) < 0)
    return err_wrap(err, "listing the tables of the shadow");
  for (int i = 0; i < db_rows(r); i++)
    vec_push(arena, &w->tables,
             ((struct watched){.oid = db_oid(r, i, 0),
                               .identity = arena_strdup(arena, db_value(r, i, 1)),
                               .filenode = db_oid(r, i, 2)}));
  bool unused;
  *ret_watch = w;
  return see_large_objects(w, &unused, err);
}

void watch_released(struct watch *w)
{
  for (size_t i = 0; i < w->tables.len; i++) {
    w->tables.at[i].row_exclusive = w->tables.at[i].exclusive = false;
    w->tables.at[i].writes = 0;
  }
}

static int see_locks(struct watch *w, struct shadow_effect *effect, struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (db_query(w->conn, &r, err, locks_query, NULL) < 0)
    return err_wrap(err, "reading the locks of a statement");
  for (int i = 0; i < db_rows(r); i++) {
    struct watched *t = find(w, db_oid(r, i, 0));
    if (!t)
      continue;
    if (db_bool(r, i, 1) && !t->row_exclusive) {
      t->row_exclusive = true;
      vec_push(w->arena, &effect->written, t->identity);
    }
    if (db_bool(r, i, 2) && !t->exclusive) {
      t->exclusive = true;
      vec_push(w->arena, &effect->exclusive, t->identity);
    }
  }
  return 0;
}

static bool has(const struct strings *list, const char *s)
{
  for (size_t i = 0; i < list->len; i++)
    if (strcmp(list->at[i], s) == 0)
      return true;
  return false;
}

/* Files, write counters and names; names last, for effects carry those of before the statement. */
static int see_tables(struct watch *w, struct shadow_effect *effect, bool locks, struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (db_query(w->conn, &r, err, tables_query, NULL) < 0)
    return err_wrap(err, "listing the tables of the shadow");
  for (int i = 0; i < db_rows(r); i++) {
    struct watched *t = find(w, db_oid(r, i, 0));
    if (!t)
      continue;
    if (t->filenode != db_oid(r, i, 2))
      vec_push(w->arena, &effect->rewritten, t->identity);
    if (locks && db_int(r, i, 3) > t->writes && !has(&effect->written, t->identity))
      vec_push(w->arena, &effect->written, t->identity);
    t->filenode = db_oid(r, i, 2);
    t->writes = db_int(r, i, 3);
    if (strcmp(t->identity, db_value(r, i, 1)) != 0)
      t->identity = arena_strdup(w->arena, db_value(r, i, 1));
  }
  return 0;
}

int watch_statement(struct watch *w, size_t statement, bool locks, struct shadow_effects *effects,
                    struct err *err)
{
  struct shadow_effect effect = {.statement = statement};
  if ((locks && see_locks(w, &effect, err) < 0) || see_tables(w, &effect, locks, err) < 0 ||
      see_large_objects(w, &effect.large_objects, err) < 0)
    return -1;
  if (effect.written.len || effect.exclusive.len || effect.rewritten.len || effect.large_objects)
    vec_push(w->arena, effects, effect);
  return 0;
}

int watch_rolled_back(struct watch *w, struct err *err)
{
  struct shadow_effect unused = {0};
  watch_released(w);
  return see_tables(w, &unused, false, err) < 0 ? -1
                                                : see_large_objects(w, &unused.large_objects, err);
}
