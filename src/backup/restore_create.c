/* The new database: made unfinished, and finished in one transaction at the end. Until then its
 * comment says what it is and its connection limit keeps others out. */
#include "backup/restore.h"

#include "backup/session.h"
#include "base/clock.h"
#include "sql/quote.h"

static const char mark_begin[] = "belay: restore of ", mark_end[] = " unfinished";
enum { NAME_BYTES_MAX = 63, SPARE_CONNECTIONS = 2 };

/* Only as long as it is made, or once its dropping has begun: a finished copy of an unfinished
 * database has its comment. */
static bool is_limited(int64_t connection_limit)
{
  return connection_limit >= 0 || connection_limit == CATALOG_DROP_INTERRUPTED;
}

static bool is_unfinished(const char *comment, int64_t connection_limit)
{
  size_t len = comment ? strlen(comment) : 0, end = strlen(mark_end);
  return is_limited(connection_limit) && len > end &&
         strncmp(comment, mark_begin, strlen(mark_begin)) == 0 &&
         strcmp(comment + len - end, mark_end) == 0;
}

static int refuse_unfinished(const struct restore *restore, const char *comment,
                             int64_t connections, struct err *err)
{
  const char *into = restore->options->into, *name = sql_ident(restore->arena, into);
  if (connections > 0) {
    err_set(err, ERR_REFUSED, "database %s is being restored, or its restore was killed: %s", into,
            comment);
    err_detail(err, "%" PRId64 " connections are open to it", connections);
    return err_hint(err, "Wait, or end them, then restore again with --yes to replace it.");
  }
  err_set(err, ERR_REFUSED, "database %s is what an unfinished restore left (%s)", into, comment);
  return err_hint(err, "Restore again with --yes to replace it, or type: DROP DATABASE %s;", name);
}

int restore_check_name(const struct restore *restore, struct db_conn *conn, struct err *err)
{
  const char *into = restore->options->into;
  if (!into[0] || strlen(into) > NAME_BYTES_MAX)
    return err_set(err, ERR_USAGE, "\"%s\" cannot be the name of a database (1 to %d bytes)", into,
                   NAME_BYTES_MAX);
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (db_query(conn, &r, err,
               "SELECT pg_catalog.shobj_description(d.oid, 'pg_database'), (SELECT"
               " pg_catalog.count(*) FROM pg_catalog.pg_stat_activity a WHERE a.datid = d.oid),"
               " d.datconnlimit"
               " FROM pg_catalog.pg_database d WHERE d.datname = $1",
               into, NULL) < 0)
    return -1;
  if (db_rows(r) == 0)
    return 0;
  const char *comment = db_value(r, 0, 0);
  int64_t connections = db_int(r, 0, 1), limit = db_int(r, 0, 2);
  if (is_unfinished(comment, limit)) {
    if (!restore->options->replace_unfinished || connections > 0)
      return refuse_unfinished(restore, comment, connections, err);
    restore_forget_subscriptions(restore->options->target, into);
    /* without FORCE: should somebody have come in just now, he stays */
    if (db_execf(conn, err, "DROP DATABASE %s", sql_ident(restore->arena, into)) < 0)
      return err_wrap(err, "dropping what an unfinished restore left");
    return 0;
  }
  err_set(err, ERR_REFUSED, "database %s exists; a restore never touches an existing database",
          into);
  if (limit == CATALOG_DROP_INTERRUPTED)
    return err_hint(err,
                    "Choose another name with --into. An interrupted DROP DATABASE left it, and"
                    " nobody can connect to it; to finish that, type: DROP DATABASE %s;",
                    sql_ident(restore->arena, into));
  if (!comment && limit == 0)
    return err_hint(err,
                    "Choose another name with --into. If this is what a restore left that was"
                    " killed as soon as it had made it (it is closed and has no comment), type:"
                    " DROP DATABASE %s;",
                    sql_ident(restore->arena, into));
  return err_hint(err, "Choose another name with --into.");
}

static json_t *locale_of(const struct archive *archive)
{
  static const char *const keys[] = {"encoding",        "collate", "ctype",
                                     "locale_provider", "locale",  "icu_rules"};
  json_t *locale = json_object();
  for (size_t i = 0; i < COUNT_OF(keys); i++)
    json_object_set(locale, keys[i], json_object_get(archive->manifest, keys[i]));
  return locale;
}

int restore_explain_create(const struct restore *restore, struct db_conn *conn, struct err *err)
{
  /* the second: somebody was making it when the server looked */
  if (err_sqlstate_is(err, "42P04") || err_sqlstate_is(err, "23505")) {
    err_clear(err);
    err_set(err, ERR_REFUSED, "it exists: somebody else has just made it");
    err_hint(err, "Choose another name with --into.");
  }
  if (err_sqlstate_is(err, "42501")) {
    err_recode(err, ERR_PREFLIGHT);
    err_hint(err,
             "A restore makes a database. Use a role that may, or let a superuser type: "
             "ALTER ROLE %s CREATEDB;",
             sql_ident(restore->arena, db_user(conn)));
  }
  return err_wrap(err, "creating database %s", restore->options->into);
}

/* A limit of 0 does not bind superusers; another role needs room for its own connections. */
int restore_mark_unfinished(struct restore *restore, struct db_conn *conn, struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (db_query(conn, &r, err,
               "SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user", NULL) < 0)
    return -1;
  const char *name = sql_ident(restore->arena, restore->options->into);
  const char *mark = arena_printf(restore->arena, "%s%s%s", mark_begin,
                                  backup_string(restore->archive, "id"), mark_end);
  int limit = db_bool(r, 0, 0) ? 0 : restore->options->jobs + SPARE_CONNECTIONS;
  return db_execf(conn, err,
                  "BEGIN; COMMENT ON DATABASE %s IS %s;"
                  " ALTER DATABASE %s CONNECTION LIMIT %d; COMMIT",
                  name, sql_literal(restore->arena, mark), name, limit);
}

int restore_create(struct restore *restore, struct db_conn *conn, struct err *err)
{
  json_t *locale = locale_of(restore->archive);
  CLEANUP(free_ptr) char *json = json_dumps(locale, JSON_COMPACT);
  json_decref(locale);
  const char *sql;
  if (db_query_value(conn, restore->arena, &sql, err,
                     "SELECT " BACKUP_CREATE_DATABASE("$1::json", "$2::text"), json,
                     restore->options->into, NULL) < 0)
    return -1;
  sql = arena_printf(restore->arena, "%s CONNECTION LIMIT 0%s%s", sql,
                     restore->tablespace ? " TABLESPACE " : "",
                     restore->tablespace ? restore->tablespace : "");
  if (db_exec(conn, sql, err) < 0)
    return restore_explain_create(restore, conn, err);
  restore->created = true;
  if (restore_mark_unfinished(restore, conn, err) < 0)
    return err_wrap(err, "marking database %s as unfinished", restore->options->into);
  return 0;
}

/* Also one whose verify was killed before it marked it: as it was made, under a name of ours. */
static bool is_scratch_left(const char *name, const char *comment, int64_t connection_limit)
{
  if (comment)
    return is_unfinished(comment, connection_limit);
  bool untouched = connection_limit == 0 || connection_limit == CATALOG_DROP_INTERRUPTED;
  return untouched && clock_id_is_valid(name + strlen(RESTORE_SCRATCH_PREFIX));
}

void restore_sweep_scratch(const struct db_target *target, struct db_conn *conn)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  CLEANUP(err_clear) struct err ignored = ERR_INIT;
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (db_query(conn, &r, &ignored,
               "SELECT d.datname, pg_catalog.shobj_description(d.oid, 'pg_database'),"
               " d.datconnlimit FROM pg_catalog.pg_database d"
               " WHERE pg_catalog.starts_with(d.datname::text, $1)"
               " AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_activity a WHERE"
               " a.datid = d.oid OR (a.application_name = $2 AND"
               " a.pid <> pg_catalog.pg_backend_pid()))",
               RESTORE_SCRATCH_PREFIX, RESTORE_SCRATCH_OWNER, NULL) < 0)
    return;
  for (int i = 0; i < db_rows(r); i++) {
    if (!is_scratch_left(db_value(r, i, 0), db_value(r, i, 1), db_int(r, i, 2)))
      continue;
    err_clear(&ignored);
    restore_forget_subscriptions(target, db_value(r, i, 0));
    /* without FORCE: whoever came in just now stays */
    (void)db_execf(conn, &ignored, "DROP DATABASE %s", sql_ident(arena, db_value(r, i, 0)));
  }
}

/* Comment, privileges and settings of the database: they come last, with the end of the mark. */
bool restore_is_of_database(const struct restore_item *item)
{
  static const char block[] = "DO ";
  if (item->mark.kind)
    return mark_is_kind(&item->mark, CATALOG_DATABASE) &&
           !mark_is_for(&item->mark, CATALOG_FOR_DROP);
  return strncmp(item->sql, block, strlen(block)) == 0 &&
         strstr(item->sql, "BEGIN EXECUTE format(") && strstr(item->sql, ", current_database(), ");
}

/* Everything before ran without synchronous_commit; one flush covers the WAL of all the workers.
 * Where there is none (wal_level = minimal) their COMMITs flushed the files. */
static int finish(struct restore *restore, struct err *err)
{
  const struct restore_options *options = restore->options;
  const char *name = sql_ident(restore->arena, options->into);
  const json_t *properties = json_object_get(restore->archive->manifest, "properties");
  const json_t *limit = json_object_get(properties, "connection_limit");
  bool is_template = json_is_true(json_object_get(properties, "is_template"));
  if (db_execf(restore->conn, err,
               "BEGIN; SET LOCAL synchronous_commit = on; COMMENT ON DATABASE %s IS NULL;"
               " ALTER DATABASE %s CONNECTION LIMIT %" JSON_INTEGER_FORMAT " IS_TEMPLATE %s",
               name, name, limit ? json_integer_value(limit) : -1,
               is_template ? "true" : "false") < 0 ||
      restore_run_within(restore, &restore->of_database, "the properties of the database", err) < 0)
    return -1;
  if (options->check &&
      options->check(options->check_context, restore->conn, &restore->missing_roles, err) < 0)
    return -1;
  return db_exec(restore->conn, options->scratch ? "ROLLBACK" : "COMMIT", err);
}

int restore_finish(struct restore *restore, struct err *err)
{
  if (finish(restore, err) < 0)
    return err_wrap(err, "finishing database %s", restore->options->into);
  return 0;
}
