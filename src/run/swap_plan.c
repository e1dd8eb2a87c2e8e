/* What a restore into place would lose, cut off and leave behind. Reads only. */
#include "run/swap.h"

#include "backup/session.h"
#include "backup/sessions.h"
#include "base/clock.h"
#include "run/record.h"

struct planning {
  struct arena *arena;
  const struct run_env *env;
  const struct backup_info *backup;
  struct swap_plan plan;
};

/* A query with the name of the database as $1; each row a line of `list`. */
static int add_lines(struct planning *p, struct db_conn *conn, const char *sql,
                     struct strings *list, struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (db_query(conn, &r, err, sql, p->env->target.database, NULL) < 0)
    return -1;
  for (int i = 0; i < db_rows(r); i++)
    vec_push(p->arena, list, arena_strdup(p->arena, db_value(r, i, 0)));
  return 0;
}

static int refuse_prepared(struct planning *p, struct db_conn *conn, struct err *err)
{
  struct strings gids = {0};
  if (add_lines(p, conn, "SELECT gid FROM pg_catalog.pg_prepared_xacts WHERE database = $1", &gids,
                err) < 0)
    return -1;
  if (gids.len == 0)
    return 0;
  err_set(err, ERR_PREFLIGHT, "database %s holds %zu prepared transaction%s, the first is \"%s\"",
          p->env->target.database, gids.len, gids.len == 1 ? "" : "s", gids.at[0]);
  return err_hint(err, "Commit or roll back what is prepared, then type the command again.");
}

/* Bound to the database itself, not to its name. */
static const char bound_query[] =
    "SELECT pg_catalog.format('subscription %s stays with the old database and stands still; the"
    " restored one is disabled: enable it by hand', s.subname)"
    " FROM pg_catalog.pg_subscription s JOIN pg_catalog.pg_database d ON d.oid = s.subdbid"
    " WHERE d.datname = $1"
    " UNION ALL SELECT pg_catalog.format('replication slot %s stays with the old database and keeps"
    " WAL; its reader must be set up anew', s.slot_name)"
    " FROM pg_catalog.pg_replication_slots s WHERE s.database = $1";

static const char jobs_query[] =
    "SELECT 'pg_cron is installed here: its jobs come from the backup, check them with SELECT * "
    "FROM"
    " cron.job' FROM pg_catalog.pg_extension WHERE extname = 'pg_cron'"
    " AND pg_catalog.current_database() = $1"
    " UNION ALL SELECT pg_catalog.format('publication %s: subscribers must be set up anew', "
    "pubname)"
    " FROM pg_catalog.pg_publication WHERE pg_catalog.current_database() = $1";

static int look_from_outside(struct planning *p, struct err *err)
{
  CLEANUP(db_closep) struct db_conn *conn = NULL;
  struct strings size = {0};
  if (backup_open_maintenance(&p->env->target, "belay restore", &conn, err) < 0 ||
      refuse_prepared(p, conn, err) < 0 ||
      sessions_list(p->arena, conn, p->env->target.database, &p->plan.sessions, err) < 0 ||
      add_lines(p, conn, bound_query, &p->plan.notes, err) < 0 ||
      add_lines(p, conn, "SELECT pg_catalog.pg_database_size($1::name)::text", &size, err) < 0) {
    if (!err_sqlstate_is(err, "3D000"))
      return -1;
    err_recode(err, ERR_USAGE);
    return err_hint(err, "Nothing is in its place. Restore it with: belay restore ID --into '%s'",
                    p->env->target.database);
  }
  p->plan.bytes = size.len ? strtoll(size.at[0], NULL, 10) : 0;
  return 0;
}

static int refuse_absent_roles(struct planning *p, struct db_conn *conn, const json_t *manifest,
                               struct err *err)
{
  CLEANUP(free_ptr) char *roles = json_dumps(json_object_get(manifest, "roles"), JSON_COMPACT);
  const char *absent = NULL;
  if (roles && db_query_value(conn, p->arena, &absent, err,
                              "SELECT pg_catalog.string_agg(pg_catalog.quote_ident(name), ', ')"
                              " FROM pg_catalog.json_array_elements_text($1::json) AS name"
                              " WHERE name NOT IN (SELECT rolname FROM pg_catalog.pg_roles)",
                              roles, NULL) < 0)
    return -1;
  if (!absent)
    return 0;
  err_set(err, ERR_REFUSED, "roles of the backup do not exist here: %s", absent);
  return err_hint(err, "Create them first, or leave owners and privileges out with --no-owner.");
}

/* In the database; one that is closed by an interrupted restore is not counted. */
static int look_inside(struct planning *p, const struct archive *archive, bool no_owner,
                       struct err *err)
{
  CLEANUP(db_closep) struct db_conn *conn = NULL;
  CLEANUP(err_clear) struct err closed = ERR_INIT;
  if (db_open(&p->env->target, "belay restore", &conn, &closed) < 0) {
    p->plan.written =
        (struct counters_change){.why = "the database accepts no connections now", .wal_bytes = -1};
    return 0;
  }
  if ((!no_owner && refuse_absent_roles(p, conn, archive->manifest, err) < 0) ||
      counters_compare(p->arena, conn, json_object_get(archive->manifest, "counters"),
                       &p->plan.written, err) < 0)
    return -1;
  return add_lines(p, conn, jobs_query, &p->plan.notes, err);
}

static int find_runs(struct planning *p, struct err *err)
{
  struct records records = {0};
  if (record_list(p->arena, p->env->place, p->env->database_prefix, &records, NULL, err) < 0)
    return -1;
  for (size_t i = 0; i < records.len; i++) {
    const struct record *r = &records.at[i];
    if (strcmp(r->id, p->backup->id) > 0 && record_applied_something(r))
      vec_push(p->arena, &p->plan.runs,
               arena_printf(p->arena, "%s %s of %s (%zu file%s)", r->kind, r->id, r->created_at,
                            r->files.len, r->files.len == 1 ? "" : "s"));
  }
  return 0;
}

static const char *summary(struct planning *p)
{
  int64_t taken_us;
  const char *age = "";
  if (clock_parse(p->backup->created_at, &taken_us) == 0)
    age = arena_printf(p->arena, ", %s ago",
                       clock_duration(p->arena, (clock_wall_us() - taken_us) / 1000));
  return arena_printf(p->arena, "backup %s of %s (taken %s%s) in the place of database %s on %s",
                      p->backup->id, p->backup->database, p->backup->created_at, age,
                      p->env->target.database, p->env->target.shown);
}

int run_swap_plan(const struct run_env *env, const struct backup_info *backup, bool no_owner,
                  struct swap_plan *ret, struct err *err)
{
  struct planning p = {.arena = env->arena, .env = env, .backup = backup};
  CLEANUP(archive_closep) struct archive *archive = NULL;
  p.plan.summary = summary(&p);
  const char *database = env->target.database;
  if (strcmp(database, "postgres") == 0 || strcmp(database, "template1") == 0)
    return err_set(err, ERR_REFUSED, "database %s cannot be swapped: belay works from it",
                   database);
  if (backup->scope) {
    err_set(err, ERR_REFUSED, "backup %s is scoped: it does not hold the rows of all tables",
            backup->id);
    return err_hint(err, "Choose a whole backup, or bring tables back with --into or --table.");
  }
  if (archive_open(env->arena, env->place, backup->prefix, &archive, err) < 0 ||
      look_from_outside(&p, err) < 0 || look_inside(&p, archive, no_owner, err) < 0 ||
      find_runs(&p, err) < 0)
    return -1;
  vec_push(p.arena, &p.plan.notes,
           "connection poolers hold server connections of the old database: they are cut off with"
           " the sessions and must reconnect");
  *ret = p.plan;
  return 0;
}
