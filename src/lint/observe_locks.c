#include "lint/observe_private.h"

#include "sql/quote.h"

static bool lock_mode(const char *name, enum lint_lock_mode *ret)
{
  for (int mode = LINT_ACCESS_SHARE; mode <= LINT_ACCESS_EXCLUSIVE; mode++) {
    if (strcmp(lint_lock_name((enum lint_lock_mode)mode), name) == 0) {
      *ret = (enum lint_lock_mode)mode;
      return true;
    }
  }
  return false;
}

static struct sql_name copy_name(struct arena *arena, struct sql_name name)
{
  return (struct sql_name){.schema = arena_strdup(arena, name.schema),
                           .name = arena_strdup(arena, name.name)};
}

static bool is_same(struct sql_name a, struct sql_name b)
{
  return strcmp(a.schema, b.schema) == 0 && strcmp(a.name, b.name) == 0;
}

/* Its name before the statement; NULL if it was not there before the script. */
static const struct world_object *old_relation(const struct observer *o, uint32_t oid)
{
  return world_relation(o->start, oid) ? world_relation(o->now, oid) : NULL;
}

void observe_lock(struct observer *o, struct lint_sight *sight, uint32_t oid,
                  enum lint_lock_mode mode)
{
  const struct world_object *relation = old_relation(o, oid);
  if (!relation)
    return;
  for (size_t i = 0; i < sight->locks.len; i++) {
    struct lint_seen_lock *lock = &sight->locks.at[i];
    if (!is_same(lock->relation, relation->name))
      continue;
    if (lock->mode < mode)
      lock->mode = mode;
    return;
  }
  vec_push(o->arena, &sight->locks,
           ((struct lint_seen_lock){copy_name(o->arena, relation->name), mode}));
}

void observe_scan(struct observer *o, struct lint_sight *sight, uint32_t oid)
{
  const struct world_object *relation = old_relation(o, oid);
  if (!relation)
    return;
  for (size_t i = 0; i < sight->scans.len; i++)
    if (is_same(sight->scans.at[i].at, relation->name))
      return;
  vec_push(o->arena, &sight->scans, world_seen(o->arena, relation));
}

int observe_locks(struct observer *o, struct db_conn *conn, int pid, struct lint_sight *sight,
                  struct err *err)
{
  static const char query[] =
      "SELECT relation, mode FROM pg_catalog.pg_locks WHERE locktype = 'relation' AND pid = $1"
      " AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname ="
      " pg_catalog.current_database())";
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (db_query(conn, &r, err, query, arena_printf(o->arena, "%d", pid), NULL) < 0)
    return err_wrap(err, "reading the locks of a statement");
  for (int i = 0; i < db_rows(r); i++) {
    enum lint_lock_mode mode;
    if (lock_mode(db_value(r, i, 1), &mode))
      observe_lock(o, sight, db_oid(r, i, 0), mode);
  }
  return 0;
}

int observe_scan_counts(struct observer *o, struct scan_counts *ret, struct err *err)
{
  static const char query[] =
      "SELECT oid, pg_catalog.pg_stat_get_xact_numscans(oid) FROM pg_catalog.pg_class"
      " WHERE relkind IN ('r', 'm') AND pg_catalog.pg_stat_get_xact_numscans(oid) > 0";
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (db_query(o->conn, &r, err, query, NULL) < 0)
    return err_wrap(err, "counting the scans of a statement");
  for (int i = 0; i < db_rows(r); i++)
    vec_push(o->arena, ret, ((struct scan_count){db_oid(r, i, 0), db_int(r, i, 1)}));
  return 0;
}

void observe_scans(struct observer *o, const struct scan_counts *before,
                   const struct scan_counts *after, struct lint_sight *sight)
{
  for (size_t i = 0; i < after->len; i++) {
    int64_t count = after->at[i].count;
    for (size_t k = 0; k < before->len; k++)
      if (before->at[k].oid == after->at[i].oid)
        count -= before->at[k].count;
    if (count > 0)
      observe_scan(o, sight, after->at[i].oid);
  }
}

/* "validating foreign key constraint "a"": the name between the outer quotes */
static const char *quoted_in(struct arena *arena, const char *text, const char *prefix)
{
  size_t len = strlen(prefix);
  const char *end = strrchr(text, '"');
  if (strncmp(text, prefix, len) != 0 || !end || end < text + len)
    return NULL;
  return arena_strndup(arena, text + len, (size_t)(end - text) - len);
}

static int other_sides(struct observer *o, const char *constraint, struct lint_sight *sight,
                       struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (db_query(o->conn, &r, err,
               "SELECT c.confrelid FROM pg_catalog.pg_constraint c WHERE c.contype = 'f'"
               " AND c.convalidated AND c.conname = $1 AND EXISTS (SELECT FROM pg_catalog.pg_locks"
               " l WHERE l.pid = pg_catalog.pg_backend_pid() AND l.relation = c.conrelid"
               " AND l.mode NOT IN ('AccessShareLock', 'RowShareLock'))",
               constraint, NULL) < 0)
    return err_wrap(err, "reading foreign keys");
  for (int i = 0; i < db_rows(r); i++)
    observe_scan(o, sight, db_oid(r, i, 0));
  return 0;
}

/* Sequences in the defaults of columns that the statement added to a table it wrote anew. */
static int numbering(struct observer *o, struct sql_name table, struct lint_sight *sight,
                     struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (db_query(o->conn, &r, err,
               "SELECT s.oid, c.oid::bigint * 65536 + d.adnum FROM pg_catalog.pg_class c"
               " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
               " JOIN pg_catalog.pg_attrdef d ON d.adrelid = c.oid JOIN pg_catalog.pg_depend p"
               " ON p.classid = 'pg_catalog.pg_attrdef'::regclass AND p.objid = d.oid"
               " AND p.refclassid = 'pg_catalog.pg_class'::regclass JOIN pg_catalog.pg_class s"
               " ON s.oid = p.refobjid AND s.relkind = 'S' WHERE nspname = $1 AND c.relname = $2",
               table.schema, table.name, NULL) < 0)
    return err_wrap(err, "reading defaults");
  for (int i = 0; i < db_rows(r); i++) {
    bool is_old = false;
    for (size_t k = 0; !is_old && k < o->now->objects.len; k++)
      is_old = o->now->objects.at[k].key == db_int(r, i, 1) &&
               strcmp(o->now->objects.at[k].noun, "column") == 0;
    if (!is_old)
      observe_lock(o, sight, db_oid(r, i, 0), LINT_ROW_EXCLUSIVE);
  }
  return 0;
}

int observe_for_rows(struct observer *o, struct lint_sight *sight, struct err *err)
{
  for (size_t i = 0; i < o->said.len; i++) {
    const char *constraint =
        quoted_in(o->arena, o->said.at[i], "validating foreign key constraint \"");
    if (constraint && other_sides(o, constraint, sight, err) < 0)
      return -1;
  }
  for (size_t i = 0; i < sight->rewrites.len; i++)
    if (numbering(o, sight->rewrites.at[i].at, sight, err) < 0)
      return -1;
  return 0;
}
