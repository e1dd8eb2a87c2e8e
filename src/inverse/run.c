#include "inverse/shadow_private.h"

#include "base/interrupt.h"
#include "inverse/outside.h"
#include "inverse/watch.h"
#include "sql/quote.h"
#include "sql/tree.h"

struct passage {
  struct arena *arena;
  struct shadow *shadow;
  struct db_conn *conn;
  const struct sql_script *script;
  struct watch *watch;
  struct shadow_effects *effects;
  struct strings *outside;
  const char *missing; /* the large object that the last statement did not find */
};

/* Each costs another try of the transaction. */
enum { LARGE_OBJECTS_MAX = 200 };

static int at_place(struct passage *p, size_t i, struct err *err)
{
  static const char what[] = "large object ";
  const struct sql_statement *st = &p->script->statements.at[i];
  if (err_sqlstate_is(err, "42704") && strncmp(err->message, what, sizeof(what) - 1) == 0) {
    const char *oid = err->message + sizeof(what) - 1;
    p->missing = arena_strndup(p->arena, oid, strspn(oid, "0123456789"));
    err_hint(err,
             "The shadow makes up to %d large objects that a migration does not find. Split it.",
             LARGE_OBJECTS_MAX);
  }
  if (err->code == ERR_SQL)
    err_recode(err, ERR_REFUSED);
  return err_wrap(err, "%s:%d:%d", p->script->name, st->start.line, st->start.column);
}

static void report_outside(struct passage *p, size_t i, const char *why)
{
  enum { SHOWN_MAX = 80 };
  const struct sql_statement *st = &p->script->statements.at[i];
  char *first_line = arena_strndup(p->arena, st->text, st->len < SHOWN_MAX ? st->len : SHOWN_MAX);
  first_line[strcspn(first_line, "\r\n")] = '\0';
  vec_push(
      p->arena, p->outside,
      arena_printf(p->arena, "%s:%d: %s: %s", p->script->name, st->start.line, why, first_line));
}

/* A role statement on a server that is thrown away: tried, for later statements may name the role.
 */
static int try_role(struct passage *p, const char *sql, bool in_transaction, struct err *err)
{
  struct db_conn *conn = p->conn;
  CLEANUP(err_clear) struct err ignored = ERR_INIT;
  if (!in_transaction) {
    db_run_statement(conn, p->arena, sql, NULL, NULL, &ignored);
    return 0;
  }
  if (db_exec(conn, "SAVEPOINT belay_role", err) < 0)
    return -1;
  if (db_run_statement(conn, p->arena, sql, NULL, NULL, &ignored) == 0)
    return db_exec(conn, "RELEASE SAVEPOINT belay_role", err);
  return db_exec(conn, "ROLLBACK TO SAVEPOINT belay_role; RELEASE SAVEPOINT belay_role", err);
}

static bool is_row_change(const struct sql_statement *st)
{
  return st->tree && (st->tree->kind == SQL_INSERT || st->tree->kind == SQL_UPDATE ||
                      st->tree->kind == SQL_DELETE || st->tree->kind == SQL_MERGE);
}

/* A statement that only changes rows can fail here for want of the rows that the target has. It has
 * no part in the proof of the schema, so it is left out; what it would write is locked as it would
 * be, and seen by the watch. */
static int run_row_change(struct passage *p, const struct sql_statement *st,
                          const char **ret_skipped, struct err *err)
{
  struct db_conn *conn = p->conn;
  CLEANUP(err_clear) struct err failed = ERR_INIT;
  if (db_exec(conn, "SAVEPOINT belay_rows", err) < 0)
    return -1;
  if (db_run_statement(conn, p->arena, st->text, NULL, NULL, &failed) == 0)
    return db_exec(conn, "RELEASE SAVEPOINT belay_rows", err);
  if (!err_sqlstate_is(&failed, "23")) {
    err_move(err, &failed);
    return -1;
  }
  *ret_skipped = arena_strdup(p->arena, failed.message);
  if (db_exec(conn, "ROLLBACK TO SAVEPOINT belay_rows; RELEASE SAVEPOINT belay_rows", err) < 0)
    return -1;
  for (size_t i = 0; i < st->tree->changes.len; i++) {
    const struct sql_name *name = &st->tree->changes.at[i].relation;
    if (db_execf(conn, err, "LOCK TABLE %s IN ROW EXCLUSIVE MODE",
                 sql_qualified(p->arena, name->schema, name->name)) < 0)
      return -1;
  }
  return 0;
}

/* One statement in the open transaction, or bare. */
static int run_statement(struct passage *p, size_t i, bool in_transaction, struct err *err)
{
  const struct sql_statement *st = &p->script->statements.at[i];
  struct db_conn *conn = p->conn;
  const char *why = NULL;
  enum outside outside = outside_of(p->arena, st, p->shadow->database, &why);
  if (interrupt_check(err) < 0)
    return -1;
  if (outside != OUTSIDE_NO)
    report_outside(p, i, why);
  if (outside == OUTSIDE_NEVER || (outside == OUTSIDE_ROLE && !p->shadow->server))
    return 0;
  if (outside == OUTSIDE_ROLE)
    return try_role(p, st->text, in_transaction, err);
  const char *skipped = NULL;
  int rc = in_transaction && is_row_change(st)
               ? run_row_change(p, st, &skipped, err)
               : db_run_statement(conn, p->arena, st->text, NULL, NULL, err);
  if (rc < 0)
    return at_place(p, i, err);
  char status = db_transaction_status(conn);
  if (status != (in_transaction ? 'T' : 'I')) {
    err_set(err, ERR_REFUSED, "the statement left the transaction it was run in");
    return at_place(p, i, err);
  }
  if (watch_statement(p->watch, i, in_transaction, p->effects, err) < 0)
    return -1;
  struct shadow_effects *effects = p->effects;
  if (skipped && effects->len && effects->at[effects->len - 1].statement == i)
    effects->at[effects->len - 1].skipped = skipped;
  return 0;
}

static int roll_back(struct passage *p)
{
  CLEANUP(err_clear) struct err ignored = ERR_INIT;
  if (db_transaction_status(p->conn) != 'I')
    db_exec(p->conn, "ROLLBACK", &ignored);
  return -1;
}

/* What COMMIT would still check or fire. */
static int settle(struct passage *p, size_t i, struct err *err)
{
  struct db_conn *conn = p->conn;
  if (db_exec(conn, "SET CONSTRAINTS ALL IMMEDIATE", err) < 0)
    return at_place(p, i, err);
  if (watch_statement(p->watch, i, true, p->effects, err) < 0)
    return -1;
  if (db_exec(conn, "COMMIT", err) < 0)
    return at_place(p, i, err);
  watch_released(p->watch);
  return 0;
}

static int run_once(struct passage *p, size_t first, size_t last, struct err *err)
{
  p->missing = NULL;
  if (db_exec(p->conn, "BEGIN", err) < 0)
    return -1;
  for (size_t i = first; i < last; i++)
    if (run_statement(p, i, true, err) < 0)
      return roll_back(p);
  return settle(p, last - 1, err) < 0 ? roll_back(p) : 0;
}

/* The shadow has the structure of the target, but none of its large objects. */
static int run_range(struct passage *p, size_t first, size_t last, struct err *err)
{
  size_t effects = p->effects->len, outside = p->outside->len;
  if (first == last)
    return 0;
  for (int made = 0; run_once(p, first, last, err) < 0; made++) {
    if (!p->missing || !*p->missing || made == LARGE_OBJECTS_MAX)
      return -1;
    err_clear(err);
    p->effects->len = effects;
    p->outside->len = outside;
    if (db_execf(p->conn, err, "SELECT pg_catalog.lo_create(%s)", p->missing) < 0 ||
        watch_rolled_back(p->watch, err) < 0)
      return -1;
  }
  return 0;
}

/* Statements that cannot run in a transaction run alone; each other one gets a transaction of its
 * own. */
static int run_bare(struct passage *p, size_t first, size_t last, struct err *err)
{
  for (size_t i = first; i < last; i++) {
    bool bare = p->script->statements.at[i].bare != NULL;
    if ((bare ? run_statement(p, i, false, err) : run_range(p, i, i + 1, err)) < 0)
      return -1;
  }
  return 0;
}

/* A script may be run more than once, and would find those that it has made. */
static int unlink_large_objects(struct db_conn *conn, struct err *err)
{
  for (int64_t found = 1; found > 0;) {
    CLEANUP(db_result_clear) struct db_result *r = NULL;
    if (db_query(conn, &r, err,
                 "SELECT count(pg_catalog.lo_unlink(oid)) FROM (SELECT oid FROM"
                 " pg_catalog.pg_largeobject_metadata LIMIT 1000) o",
                 NULL) < 0)
      return err_wrap(err, "unlinking the large objects of the shadow");
    found = db_int(r, 0, 0);
  }
  return 0;
}

int shadow_run(struct arena *arena, struct shadow *shadow, const struct sql_script *script,
               struct shadow_effects *ret_effects, struct strings *ret_outside, struct err *err)
{
  struct passage p = {.arena = arena,
                      .shadow = shadow,
                      .conn = shadow->held ? shadow->held : shadow->conn,
                      .script = script,
                      .effects = ret_effects,
                      .outside = ret_outside};
  enum sql_shape shape;
  size_t first, last;
  if (sql_script_shape(script, &shape, &first, &last, err) < 0 ||
      unlink_large_objects(p.conn, err) < 0 || watch_begin(arena, p.conn, &p.watch, err) < 0)
    return -1;
  int failed =
      shape == SQL_SHAPE_BARE ? run_bare(&p, first, last, err) : run_range(&p, first, last, err);
  CLEANUP(err_clear) struct err second = ERR_INIT;
  if (!shadow->held && shadow_reconnect(shadow, failed ? &second : err) < 0)
    return -1;
  return failed;
}
