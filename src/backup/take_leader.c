#include "backup/counters.h"
#include "backup/session.h"
#include "backup/take.h"
#include "base/interrupt.h"
#include "base/clock.h"

static const char application[] = "belay backup";
enum { LARGE_OBJECTS_OID = 2613 }; /* of pg_largeobject, for ever */

int take_connect(const struct take *take, struct db_conn **ret_conn, struct err *err)
{
  CLEANUP(db_closep) struct db_conn *conn = NULL;
  if (db_open(take->options->target, application, &conn, err) < 0)
    return -1;
  if (backup_session(conn, err) < 0)
    return err_wrap(err, "setting up a backup session");
  *ret_conn = TAKE(conn);
  return 0;
}

static int refuse_pooler(const struct take *take, const char *why, struct err *err)
{
  err_set(err, ERR_BACKUP, "%s goes through a transaction-mode pooler: %s",
          take->options->target->shown, why);
  err_detail(err, "a backup needs one server session for its snapshot and its locks");
  return err_hint(err, "Give the direct URL of the server with --database or DIRECT_URL.");
}

static int server_pid(struct db_conn *conn, int *ret_pid, struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (db_query(conn, &r, err, "SELECT pg_catalog.pg_backend_pid()", NULL) < 0)
    return -1;
  *ret_pid = (int)db_int(r, 0, 0);
  return 0;
}

/* A direct session is served by the process whose number it got when it connected. A pooler
 * gives a number of its own; then a second session occupies a server process, and the first must
 * still be served by the same one as before. */
static int refuse_transaction_pooler(const struct take *take, struct err *err)
{
  if (take->options->target->pooled)
    return refuse_pooler(take, "the URL says so (pgbouncer=true)", err);
  int before = 0, after = 0, other = 0;
  if (server_pid(take->leader, &before, err) < 0)
    return -1;
  if (before == db_backend_pid(take->leader))
    return 0;
  CLEANUP(db_closep) struct db_conn *second = NULL;
  if (db_open(take->options->target, application, &second, err) < 0 ||
      db_exec(second, "BEGIN", err) < 0 || server_pid(second, &other, err) < 0 ||
      server_pid(take->leader, &after, err) < 0 || db_exec(second, "ROLLBACK", err) < 0)
    return -1;
  if (before != after)
    return refuse_pooler(take, "one session was served by two server processes", err);
  if (before == other)
    return refuse_pooler(take, "two sessions were served by one server process", err);
  return 0;
}

/* Types whose binary form is the same on every server: built-in ones by their OIDs, arrays of
 * those, enums (a label), domains over any of them. Not arrays of enums, composites or domains:
 * they carry OIDs. Nor xml, reg*, types of extensions and users. In order: bool bytea "char" name
 * int8 int2 int2vector int4 text oid tid xid cid oidvector; json; point lseg path box polygon line;
 * float4 float8; circle money; macaddr inet cidr macaddr8; bpchar varchar; date time timestamp
 * timestamptz interval timetz; bit varbit numeric; refcursor uuid; txid_snapshot pg_lsn; tsvector
 * tsquery jsonb jsonpath; ranges; multiranges; pg_snapshot xid8. */
#define STABLE_TYPES                                                                               \
  "'{16,17,18,19,20,21,22,23,25,26,27,28,29,30,114,600,601,602,603,604,628,700,701,718,790,829,"   \
  "869,650,774,1042,1043,1082,1083,1114,1184,1186,1266,1560,1562,1700,1790,2950,2970,3220,3614,"   \
  "3615,3802,4072,3904,3906,3908,3910,3912,3926,4451,4532,4533,4534,4535,4536,5038,5069}'"         \
  "::pg_catalog.oid[]"

/* Roots of partitions are listed too: they are locked, so that nobody attaches or detaches. Hash
 * partitions are loaded through their root, because a hash may depend on OIDs (enums) and on the
 * machine; their columns are in its order, so that the content of the root can be compared. The
 * relfilenode column is what the snapshot sees, pg_relation_filenode what is there now. Of an
 * extension's tables only the configuration tables count, and of those the rows under its
 * condition: CREATE EXTENSION makes the rest. */
static const char tables_query[] =
    "WITH RECURSIVE stable (oid) AS ("
    "   SELECT t.oid FROM pg_catalog.pg_type t WHERE t.oid = ANY (" STABLE_TYPES ")"
    "     OR t.typtype = 'e' OR t.oid IN (SELECT b.typarray FROM pg_catalog.pg_type b"
    "       WHERE b.oid = ANY (" STABLE_TYPES ") AND b.typarray <> 0)"
    "   UNION SELECT d.oid FROM stable s JOIN pg_catalog.pg_type d"
    "     ON d.typbasetype = s.oid AND d.typtype = 'd')"
    "SELECT c.oid, pg_catalog.format('%I.%I', n.nspname, c.relname), c.relkind = 'r',"
    " c.relfilenode, c.relfilenode = coalesce(pg_catalog.pg_relation_filenode(c.oid), 0),"
    " a.columns, a.names, e.condition,"
    " (SELECT pg_catalog.format('%I.%I', rn.nspname, r.relname)"
    "   FROM pg_catalog.pg_class r JOIN pg_catalog.pg_namespace rn ON rn.oid = r.relnamespace"
    "   WHERE r.oid = target.oid),"
    " c.oid IN (SELECT l.relation FROM pg_catalog.pg_locks l"
    "   WHERE l.pid = pg_catalog.pg_backend_pid() AND l.locktype = 'relation'"
    "   AND l.mode = 'AccessShareLock' AND l.granted),"
    " a.stable AND pg_catalog.getdatabaseencoding() = 'UTF8',"
    " c.relam = (SELECT m.oid FROM pg_catalog.pg_am m WHERE m.amname = 'heap'), a.sendable"
    " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " LEFT JOIN (SELECT pg_catalog.unnest(extconfig) AS oid,"
    "   pg_catalog.unnest(extcondition) AS condition FROM pg_catalog.pg_extension) e"
    "   ON e.oid = c.oid"
    " CROSS JOIN LATERAL (SELECT CASE WHEN c.relispartition AND EXISTS (SELECT FROM"
    "     pg_catalog.pg_partition_ancestors(c.oid) AS p (relid)"
    "     JOIN pg_catalog.pg_partitioned_table t ON t.partrelid = p.relid AND t.partstrat = 'h')"
    "   THEN pg_catalog.pg_partition_root(c.oid)::pg_catalog.oid ELSE c.oid END AS oid) target"
    " CROSS JOIN LATERAL ("
    "   SELECT pg_catalog.string_agg(pg_catalog.quote_ident(a.attname), ', ' ORDER BY r.attnum)"
    "     AS columns, pg_catalog.json_agg(a.attname ORDER BY r.attnum) AS names,"
    "     pg_catalog.bool_and(a.atttypid IN (SELECT s.oid FROM stable s)) AS stable,"
    /* also enum arrays, whose OIDs array_recv leaves alone, and base types of extensions */
    "     pg_catalog.bool_and(a.atttypid IN (SELECT s.oid FROM stable s) OR EXISTS ("
    "       SELECT FROM pg_catalog.pg_type t LEFT JOIN pg_catalog.pg_type i"
    "         ON i.oid = t.typelem AND t.typcategory = 'A'"
    "       WHERE t.oid = a.atttypid AND coalesce(i.oid, t.oid) >= 16384"
    "       AND coalesce(i.typtype, t.typtype) IN ('b', 'e') AND (i.oid IS NULL"
    "       OR pg_catalog.current_setting('server_version_num')::int >= 140000))) AS sendable"
    "   FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_attribute r"
    "     ON r.attrelid = target.oid AND r.attname = a.attname"
    "   WHERE a.attrelid = c.oid AND a.attnum > 0"
    "   AND NOT a.attisdropped AND a.attgenerated = '') a"
    " WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't'"
    " AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
    " AND (e.oid IS NOT NULL OR NOT EXISTS (SELECT FROM pg_catalog.pg_depend d"
    "   WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid"
    "   AND d.objsubid = 0 AND d.deptype = 'e'))"
    " ORDER BY c.oid";

enum {
  COLUMN_OID,
  COLUMN_IDENTITY,
  COLUMN_HAS_ROWS,
  COLUMN_RELFILENODE,
  COLUMN_SAME_FILE,
  COLUMN_COLUMNS,
  COLUMN_NAMES,
  COLUMN_CONDITION,
  COLUMN_LOAD_INTO,
  COLUMN_LOCKED,
  COLUMN_BINARY,
  COLUMN_IS_HEAP,
  COLUMN_SENDABLE,
};

/* ret_stable: every table is locked by us and its file is still the one the snapshot knows. */
static int read_tables(struct take *take, struct take_tables *ret, bool *ret_stable,
                       struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (db_query(take->leader, &r, err, tables_query, NULL) < 0)
    return err_wrap(err, "reading the list of tables");
  struct take_tables tables = {0};
  bool stable = true;
  for (int i = 0; i < db_rows(r); i++) {
    struct take_table *t = vec_add(take->arena, &tables);
    t->oid = db_oid(r, i, COLUMN_OID);
    t->identity = arena_strdup(take->arena, db_value(r, i, COLUMN_IDENTITY));
    t->has_rows = db_bool(r, i, COLUMN_HAS_ROWS);
    t->relfilenode = db_oid(r, i, COLUMN_RELFILENODE);
    t->columns = arena_strdup(take->arena, db_value(r, i, COLUMN_COLUMNS));
    t->names = arena_strdup(take->arena, db_value(r, i, COLUMN_NAMES));
    const char *condition = db_value(r, i, COLUMN_CONDITION);
    t->condition = condition && condition[0] ? arena_strdup(take->arena, condition) : NULL;
    t->load_into = arena_strdup(take->arena, db_value(r, i, COLUMN_LOAD_INTO));
    t->format = db_bool(r, i, COLUMN_BINARY) ? CHUNKS_BINARY : CHUNKS_TEXT;
    t->is_heap = db_bool(r, i, COLUMN_IS_HEAP);
    t->sendable = db_bool(r, i, COLUMN_SENDABLE);
    stable = stable && db_bool(r, i, COLUMN_SAME_FILE) && db_bool(r, i, COLUMN_LOCKED);
  }
  *ret = tables;
  *ret_stable = stable;
  return 0;
}

static bool same_tables(const struct take_tables *a, const struct take_tables *b)
{
  if (a->len != b->len)
    return false;
  for (size_t i = 0; i < a->len; i++) {
    const struct take_table *x = &a->at[i], *y = &b->at[i];
    if (x->oid != y->oid || x->relfilenode != y->relfilenode || x->has_rows != y->has_rows ||
        strcmp(x->identity, y->identity) != 0)
      return false;
  }
  return true;
}

static int compare_oid(const void *a, const void *b)
{
  const struct take_table *x = a, *y = b;
  return (x->oid > y->oid) - (x->oid < y->oid);
}

static int compare_cost(const void *a, const void *b)
{
  const struct take_table *x = a, *y = b;
  return (x->cost < y->cost) - (x->cost > y->cost);
}

/* Measured: to convert and send a value takes the server as long as reading and compressing so many
 * bytes. */
enum { VALUE_COST = 24 };

/* Sizes only of what is locked: pg_table_size waits for locks. */
static int sort_by_size(struct take *take, struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (db_query(take->leader, &r, err,
               "SELECT l.relation, pg_catalog.pg_table_size(l.relation),"
               " pg_catalog.pg_relation_size(l.relation)"
               "   / pg_catalog.current_setting('block_size')::bigint,"
               " (greatest(c.reltuples, 0) * c.relnatts)::bigint"
               " FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_class c ON c.oid = l.relation"
               " WHERE l.pid = pg_catalog.pg_backend_pid() AND l.locktype = 'relation'"
               " AND l.mode = 'AccessShareLock'",
               NULL) < 0)
    return err_wrap(err, "reading the sizes of the tables");
  if (take->tables.len == 0)
    return 0;
  for (int i = 0; i < db_rows(r); i++) {
    const struct take_table key = {.oid = db_oid(r, i, 0)};
    struct take_table *t =
        bsearch(&key, take->tables.at, take->tables.len, sizeof(key), compare_oid);
    if (!t)
      continue;
    t->bytes = db_int(r, i, 1);
    t->blocks = db_int(r, i, 2);
    t->cost = t->bytes + db_int(r, i, 3) * VALUE_COST;
  }
  qsort(take->tables.at, take->tables.len, sizeof(take->tables.at[0]), compare_cost);
  return 0;
}

/* Who holds a lock that ACCESS SHARE waits for: asked after the fact, best effort. */
static void explain_lock_timeout(struct take *take, struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  CLEANUP(err_clear) struct err ignored = ERR_INIT;
  if (db_exec(take->leader, "ROLLBACK", &ignored) < 0 ||
      db_query(take->leader, &r, &ignored,
               "SELECT pg_catalog.string_agg(pg_catalog.format('%s is locked by process %s (%s)',"
               "   l.relation::pg_catalog.regclass, l.pid, coalesce(a.application_name, '')), ', ')"
               " FROM pg_catalog.pg_locks l"
               " LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid"
               " JOIN pg_catalog.pg_class c ON c.oid = l.relation AND c.relkind IN ('r', 'p')"
               " WHERE l.mode = 'AccessExclusiveLock' AND l.locktype = 'relation'",
               NULL) < 0 ||
      db_is_null(r, 0, 0))
    return;
  err_detail(err, "%s", db_value(r, 0, 0));
}

/* ret_changed: a table was dropped, renamed or replaced since it was learned. */
static int lock_tables(struct take *take, const struct take_tables *tables, bool *ret_changed,
                       struct err *err)
{
  CLEANUP(text_clear) struct text sql = TEXT_INIT;
  for (size_t i = 0; i < tables->len; i++) {
    text_printf(&sql, "%s ONLY %s", sql.len ? "," : "LOCK TABLE", tables->at[i].identity);
    if ((i + 1) % TAKE_LOCK_BATCH != 0 && i + 1 < tables->len)
      continue;
    text_puts(&sql, " IN ACCESS SHARE MODE");
    struct err failed = ERR_INIT;
    if (interrupt_check(err) < 0)
      return -1;
    if (db_exec(take->leader, sql.data, &failed) < 0) {
      if (err_sqlstate_is(&failed, "42P01") || err_sqlstate_is(&failed, "3F000") ||
          err_sqlstate_is(&failed, "42809")) {
        err_clear(&failed);
        *ret_changed = true;
        return 0;
      }
      if (err_sqlstate_is(&failed, "55P03")) {
        explain_lock_timeout(take, &failed);
        err_hint(&failed, "Run the backup when nobody holds exclusive locks on tables, or give it"
                          " more time with a larger lock_timeout.");
      }
      err_move(err, &failed);
      return err_wrap(err, "locking the tables for the backup");
    }
    text_reset(&sql);
  }
  *ret_changed = false;
  return 0;
}

static int read_snapshot(struct take *take, struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (db_query(take->leader, &r, err,
               "SELECT pg_catalog.pg_export_snapshot(), pg_catalog.pg_is_in_recovery(),"
               " CASE WHEN pg_catalog.pg_is_in_recovery()"
               "   THEN pg_catalog.pg_last_wal_replay_lsn()"
               "   ELSE pg_catalog.pg_current_wal_lsn() END,"
               " pg_catalog.pg_encoding_to_char(d.encoding)"
               " FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()",
               NULL) < 0)
    return err_wrap(err, "taking the snapshot");
  take->snapshot = arena_strdup(take->arena, db_value(r, 0, 0));
  take->standby = db_bool(r, 0, 1);
  take->lsn = arena_strdup(take->arena, db_is_null(r, 0, 2) ? "" : db_value(r, 0, 2));
  take->encoding = arena_strdup(take->arena, db_value(r, 0, 3));
  take->created_us = clock_wall_us();
  return counters_read(take->arena, take->leader, &take->counters, err);
}

/* One try: learn, lock, snapshot, look again. Before the snapshot only statements that need none
 * may run. */
static int try_begin(struct take *take, bool *ret_stable, struct err *err)
{
  struct take_tables learned;
  bool ignored, changed, stable;
  if (read_tables(take, &learned, &ignored, err) < 0 ||
      db_exec(take->leader, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", err) < 0 ||
      db_execf(take->leader, err, "SET LOCAL lock_timeout = %" PRId64,
               take->options->lock_timeout_ms) < 0 ||
      lock_tables(take, &learned, &changed, err) < 0)
    return -1;
  *ret_stable = false;
  if (changed)
    return 0;
  if (read_snapshot(take, err) < 0 || read_tables(take, &take->tables, &stable, err) < 0)
    return -1;
  *ret_stable = stable && same_tables(&learned, &take->tables);
  return 0;
}

/* The rows of an unlogged table are not on a standby, and nothing says how many there would be. */
int take_refuse_unlogged(struct take *take, struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  CLEANUP(text_clear) struct text names = TEXT_INIT;
  if (!take->standby)
    return 0;
  if (db_query(take->leader, &r, err,
               "SELECT c.oid FROM pg_catalog.pg_class c WHERE c.relpersistence = 'u'"
               " AND c.relkind = 'r'",
               NULL) < 0)
    return err_wrap(err, "looking for unlogged tables");
  for (size_t t = 0; t < take->tables.len; t++)
    for (int i = 0; i < db_rows(r); i++)
      if (take->tables.at[t].has_rows && db_oid(r, i, 0) == take->tables.at[t].oid)
        text_printf(&names, "%s%s", names.len ? ", " : "", take->tables.at[t].identity);
  if (!names.len)
    return 0;
  err_set(err, ERR_BACKUP, "a standby does not hold the rows of unlogged tables: %s", names.data);
  return err_hint(err, "Back the primary up, or make these tables logged there: ALTER TABLE ... SET"
                       " LOGGED.");
}

int take_explain_conflict(const struct take *take, struct err *err)
{
  const char *message = err->message ? err->message : "", *detail = err->detail ? err->detail : "";
  bool conflict = err_sqlstate_is(err, "40001") || err_sqlstate_is(err, "57014") ||
                  err_sqlstate_is(err, "40P01") || err_sqlstate_is(err, "57P01") ||
                  err->code == ERR_CONNECT;
  if (take->standby && conflict &&
      (strstr(message, "conflict with recovery") || strstr(detail, "conflict with recovery")))
    err_hint(err, "The standby cancelled the backup so that it could go on replaying the primary's"
                  " changes. Set hot_standby_feedback = on there, or raise"
                  " max_standby_streaming_delay (max_standby_archive_delay), or back the primary"
                  " up.");
  return -1;
}

/* Their pages are locked and measured like those of a table: VACUUM FULL would move rows from one
 * range to another. */
static int add_large_objects(struct take *take, struct err *err)
{
  struct large_objects_found found;
  bool changed;
  if (large_objects_find(take->leader, &found, err) < 0)
    return -1;
  if (!found.any)
    return 0;
  struct take_table table = {.oid = LARGE_OBJECTS_OID,
                             .identity = LARGE_OBJECTS_TABLE,
                             .load_into = LARGE_OBJECTS_TABLE,
                             .columns = "loid, at, data",
                             .names = "[\"loid\", \"at\", \"data\"]",
                             .has_rows = true,
                             .is_heap = found.by_pages,
                             .is_large_objects = true,
                             .format = CHUNKS_BINARY,
                             .sendable = true};
  const struct take_tables these = {.at = &table, .len = 1};
  if (found.by_pages && lock_tables(take, &these, &changed, err) < 0)
    return -1;
  vec_push(take->arena, &take->tables, table);
  qsort(take->tables.at, take->tables.len, sizeof(table), compare_oid);
  return 0;
}

int take_begin(struct take *take, struct err *err)
{
  if (refuse_transaction_pooler(take, err) < 0)
    return -1;
  for (take->attempts = 1; take->attempts <= TAKE_TRIES_MAX; take->attempts++) {
    bool stable;
    if (interrupt_check(err) < 0 || try_begin(take, &stable, err) < 0)
      return -1;
    if (stable)
      return add_large_objects(take, err) < 0 ? -1 : sort_by_size(take, err);
    if (db_exec(take->leader, "ROLLBACK", err) < 0)
      return -1;
  }
  err_set(err, ERR_BACKUP,
          "tables were created, dropped or rewritten during each of %d attempts"
          " to lock them",
          TAKE_TRIES_MAX);
  return err_hint(err, "Run the backup again when no migration or TRUNCATE job is running.");
}
