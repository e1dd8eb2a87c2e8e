#define _GNU_SOURCE
#include "inverse/shadow_private.h"

#include "base/clock.h"
#include "inverse/outside.h"
#include "sql/quote.h"

#include <sys/random.h>

enum { STALE_AGE_S = 24 * 3600, MAJOR_OLDEST = 13, MAJOR_NEWEST = 18 };
static const char name_prefix[] = "belay_shadow_";

/* belay_shadow_<seconds>_<random>: its age is in its name. */
static char *new_name(struct arena *arena)
{
  uint64_t random = 0;
  if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
    random = (uint64_t)clock_monotonic_ms() * 2654435761u;
  return arena_printf(arena, "%s%" PRId64 "_%08" PRIx64, name_prefix, clock_wall_us() / 1000000,
                      random & 0xffffffffu);
}

static const struct catalog_object *database_object(const struct catalog *c)
{
  for (size_t i = 0; c && i < c->object_count; i++)
    if (c->objects[i]->kind == CATALOG_DATABASE)
      return c->objects[i];
  return NULL;
}

static int create_database(struct shadow *s, const struct catalog *schema, const char *name,
                           struct err *err)
{
  struct arena *a = s->arena;
  CLEANUP(text_clear) struct text sql = TEXT_INIT;
  text_printf(&sql, "CREATE DATABASE %s TEMPLATE template0", sql_ident(a, name));
  const struct catalog_object *d = database_object(schema);
  static const char *const options[][2] = {
      {"encoding", "ENCODING"}, {"collate", "LC_COLLATE"}, {"ctype", "LC_CTYPE"}};
  for (size_t i = 0; d && i < COUNT_OF(options); i++)
    if (catalog_get(d, options[i][0]))
      text_printf(&sql, " %s %s", options[i][1], sql_literal(a, catalog_get(d, options[i][0])));
  if (db_exec(s->admin, sql.data, err) < 0) {
    err_recode(err, ERR_REFUSED);
    err_wrap(err, "making the shadow database on the %s", s->where);
    return err_hint(err, "Use --shadow URL with a server that has this encoding and collation and "
                         "where the role may create databases.");
  }
  s->database = arena_strdup(a, name);
  return 0;
}

static void find_stale(struct shadow *s)
{
  CLEANUP(err_clear) struct err ignored = ERR_INIT;
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (db_query(s->admin, &r, &ignored,
               "SELECT datname FROM pg_database WHERE datname ~ '^belay_shadow_[0-9]+_' ORDER BY 1",
               NULL) < 0)
    return;
  for (int i = 0; i < db_rows(r); i++) {
    const char *name = db_value(r, i, 0);
    int64_t made = strtoll(name + strlen(name_prefix), NULL, 10);
    if (clock_wall_us() / 1000000 - made > STALE_AGE_S)
      vec_push(s->arena, &s->stale, arena_strdup(s->arena, name));
  }
}

/* The migration's statements run with the rights of the role: on a server that matters it must
 * have few. */
static int check_role(struct db_conn *conn, const char *shown, struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (db_query(conn, &r, err,
               "SELECT rolsuper OR rolcreaterole OR rolreplication"
               " OR pg_has_role(current_user, 'pg_execute_server_program', 'usage')"
               " OR pg_has_role(current_user, 'pg_write_server_files', 'usage')"
               " FROM pg_roles WHERE rolname = current_user",
               NULL) < 0)
    return err_wrap(err, "reading the rights of the role on %s", shown);
  if (db_rows(r) == 1 && !db_bool(r, 0, 0))
    return 0;
  err_set(err, ERR_REFUSED,
          "no shadow on %s: the role %s may change more than its own database there", shown,
          db_user(conn));
  err_detail(err,
             "on the target's server a shadow runs only as a role that is neither superuser nor "
             "CREATEROLE and may not run programs or write files");
  return err_hint(err,
                  "Install postgresql-%d on this machine, or give --shadow URL with another "
                  "server.",
                  db_server_major(conn));
}

static int64_t system_identifier(struct db_conn *conn)
{
  CLEANUP(err_clear) struct err ignored = ERR_INIT;
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (db_query(conn, &r, &ignored, "SELECT system_identifier FROM pg_control_system()", NULL) < 0)
    return 0;
  return db_rows(r) ? db_int(r, 0, 0) : 0;
}

/* True unless it is certain that the shadow's server is not the target's. */
static bool may_be_target(const struct db_target *target, struct db_conn *shadow)
{
  CLEANUP(err_clear) struct err ignored = ERR_INIT;
  CLEANUP(db_closep) struct db_conn *conn = NULL;
  if (!target)
    return false;
  if (db_open(target, "belay shadow", &conn, &ignored) < 0)
    return true;
  int64_t there = system_identifier(conn), here = system_identifier(shadow);
  return !there || !here || there == here;
}

static int open_foreign(struct shadow *s, const struct shadow_options *options,
                        const struct db_target *server, const struct catalog *schema,
                        struct err *err)
{
  if (db_open(server, "belay shadow", &s->admin, err) < 0)
    return err_wrap(err, "opening the server for the shadow");
  int major = db_server_major(s->admin);
  s->where = arena_printf(s->arena, "server %s", server->shown);
  if (options->server_major && major != options->server_major) {
    err_set(err, ERR_REFUSED, "the shadow's server is PostgreSQL %d, the target is %d", major,
            options->server_major);
    return err_hint(err, "Give --shadow URL with a server of PostgreSQL %d.",
                    options->server_major);
  }
  if ((server == options->target || may_be_target(options->target, s->admin)) &&
      check_role(s->admin, server->shown, err) < 0)
    return -1;
  find_stale(s);
  if (create_database(s, schema, new_name(s->arena), err) < 0)
    return -1;
  return db_target_with_database(s->arena, server, s->database, &s->target, err);
}

/* Objects that the migration makes shall belong to the same role as on the target. */
static const char *target_user(struct arena *arena, const struct db_target *target)
{
  CLEANUP(err_clear) struct err ignored = ERR_INIT;
  CLEANUP(db_closep) struct db_conn *conn = NULL;
  if (!target || db_open(target, "belay shadow", &conn, &ignored) < 0)
    return "postgres";
  const char *user = db_user(conn);
  return user && strncmp(user, "pg_", 3) != 0 ? arena_strdup(arena, user) : "postgres";
}

/* The database has the target's name, so that ALTER DATABASE of that name works. */
static const char *local_name(struct arena *arena, const struct db_target *target)
{
  static const char *const taken[] = {"postgres", "template0", "template1"};
  const char *name = target ? target->database : NULL;
  for (size_t i = 0; name && i < COUNT_OF(taken); i++)
    if (strcmp(name, taken[i]) == 0)
      name = NULL;
  return name && name[0] ? name : new_name(arena);
}

static int open_local(struct shadow *s, const struct shadow_options *options,
                      const struct catalog *schema, struct err *err)
{
  struct db_target admin;
  if (local_server_start(s->arena, options->server_major, target_user(s->arena, options->target),
                         &s->server, err) < 0)
    return -1;
  s->where = arena_printf(s->arena, "throw-away PostgreSQL %d", options->server_major);
  if (db_target_parse(s->arena, local_server_conninfo(s->arena, s->server, "postgres"), s->where,
                      &admin, err) < 0 ||
      db_open(&admin, "belay shadow", &s->admin, err) < 0 ||
      create_database(s, schema, local_name(s->arena, options->target), err) < 0)
    return -1;
  return db_target_parse(s->arena, local_server_conninfo(s->arena, s->server, s->database),
                         s->where, &s->target, err);
}

/* The wanted major, or the newest; 0: its programs are not here. */
static int local_major(struct arena *arena, int wanted)
{
  for (int major = MAJOR_NEWEST; major >= MAJOR_OLDEST; major--)
    if ((wanted == 0 || wanted == major) && local_server_programs(arena, major))
      return major;
  return 0;
}

static int no_place(int major, struct err *err)
{
  if (major == 0) {
    err_set(err, ERR_REFUSED, "no place for a shadow database: no PostgreSQL is installed here");
    return err_hint(err, "Install the server's package on this machine, or give --shadow URL.");
  }
  err_set(err, ERR_REFUSED, "no place for a shadow database: PostgreSQL %d is not installed here",
          major);
  return err_hint(err,
                  "Install postgresql-%d on this machine, give --shadow URL, or allow a shadow "
                  "on the target in the policy.",
                  major);
}

static int open_somewhere(struct shadow *s, const struct shadow_options *options,
                          const struct catalog *schema, struct err *err)
{
  if (options->url) {
    struct db_target *server = ARENA_NEW(s->arena, struct db_target);
    if (db_target_parse(s->arena, options->url, "--shadow", server, err) < 0)
      return -1;
    return open_foreign(s, options, server, schema, err);
  }
  struct shadow_options local = *options;
  local.server_major = local_major(s->arena, options->server_major);
  if (local.server_major)
    return open_local(s, &local, schema, err);
  if (options->allow_on_target && options->target)
    return open_foreign(s, options, options->target, schema, err);
  return no_place(options->server_major, err);
}

int shadow_session(struct shadow *s, struct db_conn **ret_conn, struct err *err)
{
  struct db_conn *conn;
  if (db_open(&s->target, "belay shadow", &conn, err) < 0)
    return -1;
  if (s->search_path &&
      db_execf(conn, err, "SET search_path = %s", sql_ident(s->arena, s->search_path)) < 0) {
    db_close(conn);
    return -1;
  }
  *ret_conn = conn;
  return 0;
}

const char *shadow_keeps_out(const struct shadow *s, struct arena *arena,
                             const struct sql_statement *statement)
{
  const char *why = NULL;
  enum outside outside = outside_of(arena, statement, s->database, &why);
  return outside == OUTSIDE_NEVER || (outside == OUTSIDE_ROLE && !s->server) ? why : NULL;
}

int shadow_reconnect(struct shadow *s, struct err *err)
{
  db_close(s->conn);
  s->conn = NULL;
  return shadow_session(s, &s->conn, err);
}

int shadow_hold_session(struct shadow *s, bool hold, struct err *err)
{
  db_closep(&s->held);
  return hold ? shadow_session(s, &s->held, err) : 0;
}

int shadow_open(struct arena *arena, const struct shadow_options *options,
                const struct catalog *schema, const struct catalog_options *catalog_options,
                struct shadow **ret_shadow, struct err *err)
{
  UNUSED(arena);
  if (schema && shadow_check_known(schema, err) < 0)
    return -1;
  struct shadow *s = x_calloc(1, sizeof(*s));
  s->arena = arena_new();
  if (open_somewhere(s, options, schema, err) < 0 || shadow_reconnect(s, err) < 0 ||
      (schema && shadow_load(s, options, schema, catalog_options, err) < 0)) {
    shadow_close(s);
    return -1;
  }
  /* settings of the database hold for new sessions only */
  const char *path = options->target ? options->target->schema : NULL;
  s->search_path = path && strcmp(path, "public") != 0 ? arena_strdup(s->arena, path) : NULL;
  if (shadow_reconnect(s, err) < 0) {
    shadow_close(s);
    return -1;
  }
  *ret_shadow = s;
  return 0;
}

int shadow_clone(struct shadow *s, struct shadow **ret_clone, struct err *err)
{
  struct shadow *clone = x_calloc(1, sizeof(*clone));
  *clone = (struct shadow){.arena = arena_new(),
                           .server = s->server,
                           .admin = s->admin,
                           .is_clone = true,
                           .where = s->where,
                           .search_path = s->search_path};
  const char *name = new_name(clone->arena);
  db_closep(&s->held);
  db_closep(&s->conn);
  if (db_execf(s->admin, err, "CREATE DATABASE %s TEMPLATE %s", sql_ident(s->arena, name),
               sql_ident(s->arena, s->database)) == 0)
    clone->database = name;
  CLEANUP(err_clear) struct err second = ERR_INIT;
  if (shadow_reconnect(s, clone->database ? err : &second) < 0 || !clone->database ||
      db_target_with_database(clone->arena, &s->target, name, &clone->target, err) < 0 ||
      shadow_reconnect(clone, err) < 0) {
    shadow_close(clone);
    return err_wrap(err, "copying the shadow database on the %s", s->where);
  }
  *ret_clone = clone;
  return 0;
}

const char *shadow_programs(struct arena *arena, int major)
{
  return local_server_programs(arena, major);
}

void shadow_close(struct shadow *s)
{
  if (!s)
    return;
  CLEANUP(err_clear) struct err ignored = ERR_INIT;
  if (!s->server && s->conn)
    catalog_forget_subscriptions(s->conn, &ignored);
  db_close(s->held);
  db_close(s->conn);
  if ((!s->server || s->is_clone) && s->database && s->admin)
    catalog_drop_database(s->admin, s->database, &ignored);
  if (!s->is_clone) {
    db_close(s->admin);
    local_server_stop(s->server);
  }
  arena_free(s->arena);
  free(s);
}

void shadow_closep(struct shadow **shadow)
{
  shadow_close(*shadow);
  *shadow = NULL;
}

struct db_conn *shadow_conn(struct shadow *shadow)
{
  return shadow->conn;
}

const char *shadow_directory(const struct shadow *shadow)
{
  return shadow->server ? local_server_dir(shadow->server) : NULL;
}

const char *shadow_where(const struct shadow *shadow)
{
  return shadow->where;
}

struct strings shadow_stale(const struct shadow *shadow)
{
  return shadow->stale;
}
