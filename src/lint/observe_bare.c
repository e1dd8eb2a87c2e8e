/* A statement that cannot run in a transaction leaves no locks behind. So other sessions hold locks
 * that conflict with its, it is started in a thread, and while it waits its locks are read; then
 * the next lock is let go.
 *
 * A table is held in three modes by three sessions, let go in this order: SHARE UPDATE EXCLUSIVE
 * stops what takes that or more, ROW EXCLUSIVE what waits for writers, ACCESS SHARE what waits for
 * readers. */
#define _GNU_SOURCE
#include "lint/observe_private.h"

#include <ctype.h>
#include <pthread.h>
#include <stdatomic.h>
#include <strings.h>

#include "base/clock.h"
#include "sql/quote.h"

enum { TABLES_MAX = 4, LEVELS = 3, SETTLE_MS = 10000, POLL_MS = 3 };

struct held_table {
  const struct world_object *table; /* until the world is read again */
  uint32_t oid;
  size_t named_at; /* in the statement */
};

struct bare {
  struct observer *o;
  const struct sql_statement *statement;
  struct held_table tables[TABLES_MAX];
  size_t table_count;
  struct db_conn *blockers[TABLES_MAX * LEVELS]; /* in the order in which they let go */
  struct db_conn *watcher;
  struct err failed;
  atomic_bool done;
};

/* ---- the tables that it names ---- */

static bool is_word_byte(char c)
{
  return isalnum((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

static bool find_word(const char *text, const char *word, size_t *ret_at)
{
  size_t len = strlen(word);
  for (const char *p = text; (p = strcasestr(p, word)); p++) {
    if ((p > text && is_word_byte(p[-1])) || is_word_byte(p[len]))
      continue;
    *ret_at = (size_t)(p - text);
    return true;
  }
  return false;
}

static void add_table(struct bare *b, const struct world_object *table, size_t named_at)
{
  size_t i = 0;
  for (; i < b->table_count && b->tables[i].table != table; i++)
    ;
  if (i == TABLES_MAX)
    return;
  if (i == b->table_count)
    b->tables[b->table_count++] = (struct held_table){table, table->oid, named_at};
  else if (named_at < b->tables[i].named_at)
    b->tables[i].named_at = named_at;
  for (; i > 0 && b->tables[i].named_at < b->tables[i - 1].named_at; i--) {
    struct held_table moved = b->tables[i];
    b->tables[i] = b->tables[i - 1];
    b->tables[i - 1] = moved;
  }
}

static bool is_rows(const struct world_object *o)
{
  return strcmp(o->noun, "table") == 0 || strcmp(o->noun, "materialized view") == 0;
}

/* By what the text says, so that it need not be understood; one too many does no harm. */
static void find_tables(struct bare *b)
{
  const struct world *world = b->o->now;
  for (size_t i = 0; i < world->objects.len; i++) {
    const struct world_object *o = &world->objects.at[i];
    const struct world_object *table = is_rows(o) ? o
                                       : strcmp(o->noun, "index") == 0
                                           ? world_relation(world, o->part_of)
                                           : NULL;
    size_t at;
    if (table && find_word(b->statement->text, o->name.name, &at))
      add_table(b, table, at);
  }
}

/* ---- holding and letting go ---- */

/* A materialized view cannot be locked by name, but commented on. */
static int hold(struct db_conn *conn, const struct world_object *table, size_t level,
                struct err *err)
{
  static const char *const modes[LEVELS] = {"SHARE UPDATE EXCLUSIVE", "ROW EXCLUSIVE",
                                            "ACCESS SHARE"};
  if (db_exec(conn, "BEGIN", err) < 0)
    return -1;
  if (strcmp(table->noun, "table") == 0)
    return db_execf(conn, err, "LOCK TABLE ONLY %s IN %s MODE", table->identity, modes[level]);
  return level == 0
             ? db_execf(conn, err, "COMMENT ON MATERIALIZED VIEW %s IS NULL", table->identity)
             : 0;
}

static int hold_all(struct bare *b, struct err *err)
{
  const struct lint_shadow *shadow = b->o->shadow;
  for (size_t i = 0; i < b->table_count * LEVELS; i++)
    if (shadow->open(shadow->context, &b->blockers[i], err) < 0 ||
        hold(b->blockers[i], b->tables[i / LEVELS].table, i % LEVELS, err) < 0)
      return -1;
  return shadow->open(shadow->context, &b->watcher, err);
}

static void let_go(struct bare *b, size_t i)
{
  CLEANUP(err_clear) struct err ignored = ERR_INIT;
  if (b->blockers[i])
    db_exec(b->blockers[i], "ROLLBACK", &ignored);
  db_close(b->blockers[i]);
  b->blockers[i] = NULL;
}

/* ---- the statement ---- */

static void *run(void *arg)
{
  struct bare *b = arg;
  db_run_statement(b->o->conn, b->o->said_arena, b->statement->text, NULL, NULL, &b->failed);
  atomic_store(&b->done, true);
  return NULL;
}

static int is_waiting(struct bare *b, const char *pid, bool *ret, struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (db_query(b->watcher, &r, err,
               "SELECT FROM pg_catalog.pg_locks WHERE pid = $1 AND NOT granted LIMIT 1", pid,
               NULL) < 0)
    return err_wrap(err, "watching a statement wait");
  *ret = db_rows(r) > 0;
  return 0;
}

/* Until it waits, or has ended. */
static int look(struct bare *b, const char *pid, struct lint_sight *sight, struct err *err)
{
  int64_t until = clock_monotonic_ms() + SETTLE_MS;
  bool waiting = false;
  while (!waiting && !atomic_load(&b->done) && clock_monotonic_ms() < until) {
    if (is_waiting(b, pid, &waiting, err) < 0)
      return -1;
    if (!waiting)
      clock_sleep_ms(POLL_MS);
  }
  return waiting ? observe_locks(b->o, b->watcher, db_backend_pid(b->o->conn), sight, err) : 0;
}

static int run_and_look(struct bare *b, struct lint_sight *sight, struct err *err)
{
  pthread_t thread;
  int rc = 0;
  const char *pid = arena_printf(b->o->arena, "%d", db_backend_pid(b->o->conn));
  if (pthread_create(&thread, NULL, run, b) != 0)
    return err_set(err, ERR_UNEXPECTED, "no thread can be started");
  for (size_t i = 0; i < b->table_count * LEVELS; i++) {
    if (rc == 0)
      rc = look(b, pid, sight, err);
    let_go(b, i);
  }
  pthread_join(thread, NULL);
  return rc;
}

/* ---- what it did ---- */

/* "building index "a" on table "b" serially" */
static void see_builds(struct bare *b, struct lint_sight *sight)
{
  for (size_t i = 0; i < b->o->said.len; i++) {
    const char *on = strstr(b->o->said.at[i], "\" on table \"");
    for (size_t k = 0; on && k < b->table_count; k++) {
      const char *name = b->tables[k].table->name.name, *at = on + strlen("\" on table \"");
      if (strncmp(at, name, strlen(name)) == 0 && at[strlen(name)] == '"')
        observe_scan(b->o, sight, b->tables[k].table->oid);
    }
  }
}

/* What is written anew was read whole. */
static void see_rewritten(struct bare *b, struct lint_sight *sight)
{
  for (size_t i = 0; i < sight->rewrites.len; i++) {
    for (size_t k = 0; k < b->table_count; k++) {
      const struct world_object *table = world_relation(b->o->now, b->tables[k].oid);
      if (table && strcmp(table->name.schema, sight->rewrites.at[i].at.schema) == 0 &&
          strcmp(table->name.name, sight->rewrites.at[i].at.name) == 0)
        observe_scan(b->o, sight, table->oid);
    }
  }
}

static int see(struct bare *b, struct lint_sight *sight, struct err *err)
{
  if (err_is_set(&b->failed) && b->failed.code != ERR_SQL) {
    err_move(err, &b->failed);
    return -1;
  }
  see_builds(b, sight);
  if (err_is_set(&b->failed)) {
    *sight = (struct lint_sight){0};
    observe_failure(b->o, b->statement, sight, &b->failed);
  }
  if (observe_world(b->o, sight, err) < 0)
    return -1;
  see_rewritten(b, sight);
  return 0;
}

static int with_debug(struct bare *b, struct lint_sight *sight, struct err *err)
{
  struct observer *o = b->o;
  const char *level;
  if (db_query_value(o->conn, o->arena, &level, err,
                     "SELECT current_setting('client_min_messages')", NULL) < 0 ||
      db_execf(o->conn, err, "SET client_min_messages = debug1; SET statement_timeout = %d",
               LINT_OBSERVE_TIMEOUT_MS) < 0)
    return -1;
  o->said = (struct strings){0};
  if (run_and_look(b, sight, err) < 0)
    return -1;
  CLEANUP(err_clear) struct err ignored = ERR_INIT; /* the session may be lost: b->failed */
  db_execf(o->conn, &ignored, "SET client_min_messages = %s; SET statement_timeout = 0", level);
  return see(b, sight, err);
}

int observe_bare(struct observer *o, const struct sql_statement *statement,
                 struct lint_sight *sight, struct err *err)
{
  struct bare b = {.o = o, .statement = statement, .failed = ERR_INIT};
  *sight = (struct lint_sight){.by_rows = !statement->bare};
  find_tables(&b);
  int rc = hold_all(&b, err);
  if (rc == 0)
    rc = with_debug(&b, sight, err);
  for (size_t i = 0; i < COUNT_OF(b.blockers); i++)
    let_go(&b, i);
  db_close(b.watcher);
  err_clear(&b.failed);
  return rc;
}
