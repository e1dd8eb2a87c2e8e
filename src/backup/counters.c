#include "backup/counters.h"

#include "backup/session.h"

/* Large objects count as well: a catalog holds them. */
#define COUNTED                                                                                    \
  "(SELECT * FROM pg_catalog.pg_stat_user_tables UNION ALL"                                        \
  " SELECT * FROM pg_catalog.pg_stat_sys_tables WHERE schemaname = 'pg_catalog'"                   \
  "   AND relname IN ('pg_largeobject', 'pg_largeobject_metadata'))"

static const char read_query[] =
    "SELECT pg_catalog.json_build_object("
    " 'server_id', $1::text, 'database_oid', d.oid::text,"
    " 'stats_reset', s.stats_reset, 'replica', pg_catalog.pg_is_in_recovery(),"
    " 'lsn', CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn()"
    "   ELSE pg_catalog.pg_current_wal_lsn() END,"
    " 'tables', (SELECT coalesce(pg_catalog.json_agg(pg_catalog.json_build_array(t.relid::text,"
    "   t.n_tup_ins, t.n_tup_upd, t.n_tup_del) ORDER BY t.relid), '[]')"
    "   FROM " COUNTED " t WHERE t.n_tup_ins + t.n_tup_upd + t.n_tup_del > 0))"
    " FROM pg_catalog.pg_database d LEFT JOIN pg_catalog.pg_stat_database s ON s.datid = d.oid"
    " WHERE d.datname = pg_catalog.current_database()";

/* A role that may not see the identifier gets "", which equals nothing. */
static int server_id(struct arena *arena, struct db_conn *conn, const char **ret, struct err *err)
{
  return db_query_value(conn, arena, ret, err,
                        "SELECT CASE WHEN pg_catalog.has_function_privilege("
                        "'pg_catalog.pg_control_system()', 'EXECUTE') THEN '1' ELSE '' END",
                        NULL) == 0 &&
                 (!(*ret)[0] || backup_server_id(arena, conn, ret, err) == 0)
             ? 0
             : -1;
}

int counters_read(struct arena *arena, struct db_conn *conn, const char **ret_json, struct err *err)
{
  const char *id;
  if (server_id(arena, conn, &id, err) < 0 ||
      db_query_value(conn, arena, ret_json, err, read_query, id, NULL) < 0)
    return err_wrap(err, "reading the counters of writes");
  return 0;
}

static const char compare_query[] =
    "SELECT pg_catalog.format('%I.%I', t.schemaname, t.relname),"
    " t.n_tup_ins - coalesce(o.ins, 0), t.n_tup_upd - coalesce(o.upd, 0),"
    " t.n_tup_del - coalesce(o.del, 0)"
    " FROM " COUNTED " t LEFT JOIN (SELECT (e ->> 0)::oid AS relid,"
    "   (e ->> 1)::bigint AS ins, (e ->> 2)::bigint AS upd, (e ->> 3)::bigint AS del"
    "   FROM pg_catalog.json_array_elements($1::json -> 'tables') e) o ON o.relid = t.relid"
    " WHERE t.n_tup_ins <> coalesce(o.ins, 0) OR t.n_tup_upd <> coalesce(o.upd, 0)"
    " OR t.n_tup_del <> coalesce(o.del, 0)"
    " ORDER BY t.n_tup_ins - coalesce(o.ins, 0) + t.n_tup_upd - coalesce(o.upd, 0)"
    " + t.n_tup_del - coalesce(o.del, 0) DESC, 1";

/* Are the two of the same source and counted through? And the WAL in between. */
static const char same_query[] =
    "SELECT $1::json ->> 'server_id' = $2::json ->> 'server_id',"
    " $1::json ->> 'database_oid' = $2::json ->> 'database_oid',"
    " $1::json ->> 'stats_reset' IS NOT DISTINCT FROM $2::json ->> 'stats_reset',"
    " CASE WHEN $1::json ->> 'server_id' = $2::json ->> 'server_id' THEN"
    "   pg_catalog.pg_wal_lsn_diff(($2::json ->> 'lsn')::pg_lsn,"
    "   ($1::json ->> 'lsn')::pg_lsn)::bigint END,"
    " ($1::json ->> 'replica')::bool OR ($2::json ->> 'replica')::bool";

static int read_tables(struct arena *arena, struct db_conn *conn, const char *then,
                       struct counters_change *change, struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (db_query(conn, &r, err, compare_query, then, NULL) < 0)
    return -1;
  change->known = true;
  for (int i = 0; i < db_rows(r); i++) {
    struct counters_table t = {arena_strdup(arena, db_value(r, i, 0)), db_int(r, i, 1),
                               db_int(r, i, 2), db_int(r, i, 3)};
    vec_push(arena, &change->tables, t);
    if (t.inserted < 0 || t.updated < 0 || t.deleted < 0) {
      change->known = false;
      change->why = "the counters of the server started anew since";
    }
  }
  return 0;
}

int counters_compare(struct arena *arena, struct db_conn *conn, const json_t *then,
                     struct counters_change *ret, struct err *err)
{
  const char *now;
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  struct counters_change change = {.wal_bytes = -1};
  if (!then) {
    *ret = change;
    ret->why = "the backup does not hold counters";
    return 0;
  }
  CLEANUP(free_ptr) char *before = json_dumps(then, JSON_COMPACT);
  if (counters_read(arena, conn, &now, err) < 0 ||
      db_query(conn, &r, err, same_query, before, now, NULL) < 0)
    return err_wrap(err, "comparing the counters of writes");
  change.wal_bytes = db_is_null(r, 0, 3) ? -1 : db_int(r, 0, 3);
  if (!db_bool(r, 0, 0))
    change.why = "the backup is of another server";
  else if (!db_bool(r, 0, 1))
    change.why = "the backup is of another database of this server";
  else if (db_bool(r, 0, 4))
    change.why = "the backup was read from a replica, which counts no writes";
  else if (!db_bool(r, 0, 2))
    change.why = "the counters of the server were reset since";
  else if (read_tables(arena, conn, before, &change, err) < 0)
    return err_wrap(err, "comparing the counters of writes");
  *ret = change;
  return 0;
}
