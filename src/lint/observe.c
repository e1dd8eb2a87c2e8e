#include "lint/observe_private.h"

#include "base/interrupt.h"

/* ---- what is said meanwhile ---- */

static void hear(void *context, const char *severity, const char *sqlstate, const char *message)
{
  static const char *const telling[] = {"validating foreign key constraint ", "building index "};
  struct observer *o = context;
  UNUSED(severity);
  UNUSED(sqlstate);
  for (size_t i = 0; i < COUNT_OF(telling); i++)
    if (strncmp(message, telling[i], strlen(telling[i])) == 0)
      vec_push(o->said_arena, &o->said, arena_strdup(o->said_arena, message));
}

static int new_session(struct observer *o, struct err *err)
{
  db_close(o->conn);
  o->conn = NULL;
  if (o->shadow->open(o->shadow->context, &o->conn, err) < 0)
    return -1;
  db_set_notice(o->conn, hear, o);
  return 0;
}

/* ---- failures ---- */

static bool is_data_definition(const struct sql_statement *statement)
{
  static const enum sql_kind kinds[] = {
      SQL_CREATE_TABLE, SQL_CREATE_VIEW, SQL_CREATE_INDEX, SQL_CREATE_ENUM, SQL_CREATE_SCHEMA,
      SQL_CREATE_OTHER, SQL_ALTER_TABLE, SQL_ALTER_ENUM,   SQL_RENAME,      SQL_SET_SCHEMA,
      SQL_DROP,         SQL_REINDEX,     SQL_VACUUM,       SQL_CLUSTER,     SQL_LOCK,
      SQL_COMMENT,      SQL_GRANT,       SQL_TRUNCATE};
  for (size_t i = 0; statement->tree && i < COUNT_OF(kinds); i++)
    if (statement->tree->kind == kinds[i])
      return true;
  return false;
}

static bool wants_rows(const struct sql_statement *statement, const struct err *failed)
{
  static const char *const states[] = {"21", "22", "23", "P0"};
  for (size_t i = 0; !is_data_definition(statement) && i < COUNT_OF(states); i++)
    if (err_sqlstate_is(failed, states[i]))
      return true;
  return false;
}

/* Something that the shadow lacks and the database may have. */
static bool is_of_shadow(const struct err *failed)
{
  return err_sqlstate_is(failed, "42501") || err_sqlstate_is(failed, "58") ||
         err_sqlstate_is(failed, "53") ||
         (err_sqlstate_is(failed, "42704") && strncmp(failed->message, "role \"", 6) == 0) ||
         (err_sqlstate_is(failed, "0A000") && strncmp(failed->message, "extension \"", 11) == 0);
}

static bool is_missing(const struct err *failed)
{
  static const char *const states[] = {"42P01", "42703", "42704", "42883", "3F000"};
  for (size_t i = 0; i < COUNT_OF(states); i++)
    if (err_sqlstate_is(failed, states[i]))
      return true;
  return false;
}

static const char *why_unseen(struct observer *o, const struct sql_statement *statement,
                              const struct err *failed)
{
  if (failed->sqlstate[0] == '\0')
    return arena_strdup(o->arena, failed->message);
  if (statement < o->fine)
    return arena_printf(o->arena, "it needs the transaction of its file: %s", failed->message);
  if (err_sqlstate_is(failed, "57014"))
    return arena_printf(o->arena, "it ran for longer than %d s", LINT_OBSERVE_TIMEOUT_MS / 1000);
  if (wants_rows(statement, failed))
    return arena_printf(o->arena, "it fails without rows: %s", failed->message);
  if (is_of_shadow(failed))
    return arena_printf(o->arena, "the shadow cannot run it: %s", failed->message);
  if (!o->complete && is_missing(failed))
    return arena_printf(o->arena, "the shadow is made of these files alone: %s", failed->message);
  if (o->doubt)
    return arena_printf(o->arena, "%s; then: %s", o->doubt, failed->message);
  return NULL;
}

void observe_failure(struct observer *o, const struct sql_statement *statement,
                     struct lint_sight *sight, const struct err *failed)
{
  sight->unseen = why_unseen(o, statement, failed);
  if (!sight->unseen)
    sight->fails = arena_strdup(o->arena, failed->message);
  if (!o->doubt && statement >= o->fine)
    o->doubt =
        arena_printf(o->arena, "the statement of line %d did not run", statement->start.line);
}

/* ---- one statement ---- */

int observe_world(struct observer *o, struct lint_sight *sight, struct err *err)
{
  struct world *after;
  if (world_read(o->conn, &after, err) < 0)
    return -1;
  world_compare(o->arena, o->start, o->now, after, sight);
  int rc = observe_for_rows(o, sight, err);
  world_freep(&o->now);
  o->now = after;
  return rc;
}

/* -1 with err: the session is lost. Else *failed says whether the statement failed. */
static int run(struct observer *o, const struct sql_statement *statement, struct err *failed,
               struct err *err)
{
  if (interrupt_check(err) < 0)
    return -1;
  o->said = (struct strings){0};
  if (db_run_statement(o->conn, o->arena, statement->text, NULL, NULL, failed) < 0 &&
      failed->code != ERR_SQL) {
    err_move(err, failed);
    return -1;
  }
  return 0;
}

/* Without those that were held already. */
static void forget_held(struct lint_sight *sight, const struct lint_sight *held)
{
  size_t kept = 0;
  for (size_t i = 0; i < sight->locks.len; i++) {
    bool is_old = false;
    for (size_t k = 0; k < held->locks.len; k++)
      is_old = is_old ||
               (held->locks.at[k].mode >= sight->locks.at[i].mode &&
                strcmp(held->locks.at[k].relation.name, sight->locks.at[i].relation.name) == 0 &&
                strcmp(held->locks.at[k].relation.schema, sight->locks.at[i].relation.schema) == 0);
    if (!is_old)
      sight->locks.at[kept++] = sight->locks.at[i];
  }
  sight->locks.len = kept;
}

/* In the open transaction. */
static int watch(struct observer *o, const struct sql_statement *statement,
                 struct lint_sight *sight, struct err *failed, struct err *err)
{
  struct lint_sight held = {0};
  struct scan_counts before = {0}, after = {0};
  int pid = db_backend_pid(o->conn);
  if (db_execf(o->conn, err,
               "SET LOCAL client_min_messages = debug1; SET LOCAL statement_timeout"
               " = %d",
               LINT_OBSERVE_TIMEOUT_MS) < 0 ||
      observe_locks(o, o->conn, pid, &held, err) < 0 || observe_scan_counts(o, &before, err) < 0 ||
      run(o, statement, failed, err) < 0)
    return -1;
  if (err_is_set(failed))
    return 0;
  sight->by_rows = !is_data_definition(statement);
  sight->all_locks = held.locks.len == 0;
  if (observe_locks(o, o->conn, pid, sight, err) < 0 || observe_scan_counts(o, &after, err) < 0)
    return -1;
  forget_held(sight, &held);
  observe_scans(o, &before, &after, sight);
  return observe_world(o, sight, err);
}

/* ---- settings that last as long as the transaction of the file ---- */

static int read_settings(struct observer *o, struct db_result **ret, struct err *err)
{
  return db_query(o->conn, ret, err,
                  "SELECT name, setting FROM pg_catalog.pg_settings WHERE source = 'session'"
                  " AND name !~ '^transaction_' AND name NOT IN ('client_min_messages',"
                  " 'statement_timeout') UNION ALL SELECT 'role', current_setting('role')",
                  NULL);
}

static bool may_set(const struct sql_statement *statement)
{
  return !is_data_definition(statement);
}

/* COMMIT; what SET LOCAL said stays. */
static int commit(struct observer *o, const struct sql_statement *statement, struct err *failed,
                  struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *before = NULL;
  CLEANUP(db_result_clear) struct db_result *after = NULL;
  bool sets = may_set(statement);
  if (sets && read_settings(o, &before, err) < 0)
    return -1;
  if (db_exec(o->conn, "COMMIT", failed) < 0 || !sets)
    return 0;
  if (read_settings(o, &after, err) < 0)
    return -1;
  for (int i = 0; i < db_rows(before); i++) {
    bool is_same = false;
    for (int k = 0; k < db_rows(after); k++)
      is_same = is_same || (strcmp(db_value(before, i, 0), db_value(after, k, 0)) == 0 &&
                            strcmp(db_value(before, i, 1), db_value(after, k, 1)) == 0);
    CLEANUP(db_result_clear) struct db_result *r = NULL;
    CLEANUP(err_clear) struct err ignored = ERR_INIT; /* it may be of an extension that is gone */
    if (!is_same)
      db_query(o->conn, &r, &ignored, "SELECT pg_catalog.set_config($1, $2, false)",
               db_value(before, i, 0), db_value(before, i, 1), NULL);
  }
  return 0;
}

/* The world of before the script is kept; that of now is read again. */
static int refresh(struct observer *o, struct err *err)
{
  world_freep(&o->now);
  return world_read(o->conn, &o->now, err);
}

static int give_up(struct observer *o, const struct sql_statement *statement,
                   struct lint_sight *sight, const struct err *failed, struct err *err)
{
  *sight = (struct lint_sight){0};
  observe_failure(o, statement, sight, failed);
  CLEANUP(err_clear) struct err ignored = ERR_INIT;
  if (db_transaction_status(o->conn) != 'I')
    db_exec(o->conn, "ROLLBACK", &ignored);
  return refresh(o, err);
}

static int run_alone(struct observer *o, const struct sql_statement *statement,
                     struct lint_sight *sight, struct err *err)
{
  CLEANUP(err_clear) struct err failed = ERR_INIT;
  if (statement->bare)
    return observe_bare(o, statement, sight, err);
  if (db_exec(o->conn, "BEGIN", err) < 0 || watch(o, statement, sight, &failed, err) < 0)
    return -1;
  if (err_sqlstate_is(&failed, "25001") || err_sqlstate_is(&failed, "2D000"))
    return db_exec(o->conn, "ROLLBACK", err) < 0 ? -1 : observe_bare(o, statement, sight, err);
  if (!err_is_set(&failed) && commit(o, statement, &failed, err) < 0)
    return -1;
  return err_is_set(&failed) ? give_up(o, statement, sight, &failed, err) : 0;
}

/* ---- one script ---- */

static const char *why_not_run(struct observer *o, const struct sql_statement *statement)
{
  if (statement->transaction == SQL_PREPARED)
    return "prepared transactions are not observed";
  const char *outside = o->shadow->outside(o->shadow->context, o->arena, statement);
  return outside ? arena_printf(o->arena, "it is not run on a shadow: %s", outside) : NULL;
}

/* As one transaction, left open. *ret_fine: how many statements ran; less than all: *failed says
 * why the next did not. What fails for want of rows or by the shadow is passed over. */
static int run_together(struct observer *o, const struct sql_script *script, size_t *ret_fine,
                        struct err *failed, struct err *err)
{
  if (db_exec(o->conn, "BEGIN", err) < 0)
    return -1;
  for (size_t i = 0; i < script->statements.len; i++) {
    const struct sql_statement *statement = &script->statements.at[i];
    *ret_fine = i;
    if (statement->transaction != SQL_NOT_TRANSACTION || why_not_run(o, statement))
      continue;
    if (db_exec(o->conn, "SAVEPOINT belay_statement", err) < 0 ||
        run(o, statement, failed, err) < 0)
      return -1;
    const char *end = err_is_set(failed) ? "ROLLBACK TO SAVEPOINT belay_statement"
                                         : "RELEASE SAVEPOINT belay_statement";
    if (err_is_set(failed) && !wants_rows(statement, failed) && !is_of_shadow(failed))
      return 0;
    err_clear(failed);
    if (db_exec(o->conn, end, err) < 0)
      return -1;
  }
  if (db_exec(o->conn, "SET CONSTRAINTS ALL IMMEDIATE", failed) == 0)
    *ret_fine = script->statements.len;
  return 0;
}

/* Whether the file runs as its runner runs it. */
static int rehearse(struct observer *o, const struct sql_script *script, struct lint_sights *sights,
                    struct err *err)
{
  size_t fine;
  CLEANUP(err_clear) struct err failed = ERR_INIT;
  if (run_together(o, script, &fine, &failed, err) < 0 || db_exec(o->conn, "ROLLBACK", err) < 0 ||
      new_session(o, err) < 0)
    return -1;
  o->fine = script->statements.at + fine;
  bool told = err_is_set(&failed) && fine < script->statements.len;
  if (told && !o->doubt && (o->complete || !is_missing(&failed)))
    sights->at[fine].fails = arena_strdup(o->arena, failed.message);
  return 0;
}

/* Transaction control inside a script is done as it says. */
static int run_literally(struct observer *o, const struct sql_statement *statement,
                         struct lint_sight *sight, struct err *err)
{
  CLEANUP(err_clear) struct err failed = ERR_INIT;
  if (statement->transaction == SQL_NOT_TRANSACTION && db_transaction_status(o->conn) == 'I')
    return run_alone(o, statement, sight, err);
  if (statement->transaction == SQL_NOT_TRANSACTION) {
    if (db_transaction_status(o->conn) == 'E')
      sight->unseen = o->doubt;
    else if (watch(o, statement, sight, &failed, err) < 0)
      return -1;
  } else if (run(o, statement, &failed, err) < 0) {
    return -1;
  }
  if (err_is_set(&failed)) {
    *sight = (struct lint_sight){0};
    observe_failure(o, statement, sight, &failed);
  }
  bool undone = statement->transaction == SQL_ROLLBACK || statement->transaction == SQL_SAVEPOINT;
  return undone && db_transaction_status(o->conn) != 'E' ? refresh(o, err) : 0;
}

static int observe_statement(struct observer *o, const struct sql_statement *statement,
                             bool literally, struct lint_sight *sight, struct err *err)
{
  const char *fails = sight->fails; /* in the transaction of the file */
  sight->unseen = why_not_run(o, statement);
  if (sight->unseen)
    return 0;
  sight->fails = NULL;
  if (literally && run_literally(o, statement, sight, err) < 0)
    return -1;
  if (!literally && statement->transaction == SQL_NOT_TRANSACTION &&
      run_alone(o, statement, sight, err) < 0)
    return -1;
  if (!fails)
    return 0;
  sight->fails = fails;
  sight->unseen = NULL;
  o->doubt = arena_printf(o->arena, "the statement of line %d fails", statement->start.line);
  return 0;
}

static int observe_script(struct observer *o, const struct sql_script *script,
                          enum lint_runner runner, struct lint_sights *sights, struct err *err)
{
  enum sql_shape shape = SQL_SHAPE_TRANSACTION;
  size_t first, last, count = script->statements.len;
  CLEANUP(err_clear) struct err ignored = ERR_INIT;
  bool literally = sql_script_shape(script, &shape, &first, &last, &ignored) < 0;
  *sights = (struct lint_sights){arena_alloc(o->arena, (count + 1) * sizeof(*sights->at)), count};
  memset(sights->at, 0, (count + 1) * sizeof(*sights->at));
  o->fine = script->statements.at;
  if (new_session(o, err) < 0)
    return -1;
  if (!literally && shape == SQL_SHAPE_TRANSACTION && runner != LINT_RUNS_STATEMENTS &&
      rehearse(o, script, sights, err) < 0)
    return -1;
  world_freep(&o->start);
  if (world_read(o->conn, &o->start, err) < 0 || refresh(o, err) < 0)
    return -1;
  for (size_t i = 0; i < count; i++)
    if (observe_statement(o, &script->statements.at[i], literally, &sights->at[i], err) < 0)
      return -1;
  return 0;
}

/* ---- scripts that were applied already ---- */

static int replay_one_by_one(struct observer *o, const struct sql_script *script, size_t *ret_fine,
                             struct err *failed, struct err *err)
{
  for (size_t i = 0; i < script->statements.len; i++) {
    const struct sql_statement *statement = &script->statements.at[i];
    *ret_fine = i;
    if (why_not_run(o, statement))
      continue;
    if (run(o, statement, failed, err) < 0)
      return -1;
    if (err_is_set(failed) && !wants_rows(statement, failed) && !is_of_shadow(failed))
      return 0;
    err_clear(failed);
  }
  *ret_fine = script->statements.len;
  return 0;
}

static int replay(struct observer *o, const struct sql_script *script, struct err *err)
{
  enum sql_shape shape = SQL_SHAPE_BARE;
  size_t first, last, fine;
  CLEANUP(err_clear) struct err failed = ERR_INIT;
  if (new_session(o, err) < 0)
    return -1;
  bool together = sql_script_shape(script, &shape, &first, &last, &failed) == 0 &&
                  shape == SQL_SHAPE_TRANSACTION;
  err_clear(&failed);
  if ((together ? run_together : replay_one_by_one)(o, script, &fine, &failed, err) < 0)
    return -1;
  if (fine == script->statements.len)
    return together ? db_exec(o->conn, "COMMIT", err) : 0;
  const struct sql_statement *statement = &script->statements.at[fine];
  err_set(err, ERR_REFUSED, "%s:%d:%d: %s", script->name, statement->start.line,
          statement->start.column, failed.message);
  return err_wrap(err, "the shadow cannot be made of the files");
}

/* ---- all ---- */

static int observe_all(struct observer *o, const struct lint_input *input,
                       struct lint_observation *seen, struct err *err)
{
  for (size_t i = 0; i < input->count; i++) {
    const struct sql_script *script = input->scripts[i];
    bool known = lint_is_known(input, i);
    if (known && input->catalog)
      continue; /* the database has what it made */
    int rc = known ? replay(o, script, err)
                   : observe_script(o, script, lint_tool_runs(input->tool, script),
                                    &seen->scripts[i], err);
    if (rc < 0)
      return -1;
  }
  return 0;
}

int lint_observe(struct arena *arena, const struct lint_shadow *shadow,
                 const struct lint_input *input, struct lint_observation **ret, struct err *err)
{
  CLEANUP(arena_freep) struct arena *said = arena_new();
  struct observer o = {.arena = arena,
                       .shadow = shadow,
                       .said_arena = said,
                       .complete = input->catalog || (input->count > 0 && lint_is_known(input, 0))};
  struct lint_observation *seen = ARENA_NEW(arena, struct lint_observation);
  seen->count = input->count;
  seen->scripts = arena_alloc(arena, (input->count + 1) * sizeof(*seen->scripts));
  memset(seen->scripts, 0, (input->count + 1) * sizeof(*seen->scripts));
  int rc = observe_all(&o, input, seen, err);
  db_close(o.conn);
  world_freep(&o.start);
  world_freep(&o.now);
  if (rc < 0)
    return -1;
  *ret = seen;
  return 0;
}
