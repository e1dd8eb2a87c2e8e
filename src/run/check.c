#include "run/check.h"

#include "base/fs.h"
#include "base/interrupt.h"

static int read_check(struct run *run, const char *path, struct checks *checks, struct err *err)
{
  char *bytes;
  size_t len;
  struct sql_script *script;
  if (fs_read(run->arena, path, &bytes, &len, err) < 0 ||
      sql_script_read(run->arena, path, bytes, len, &script, err) < 0) {
    err_recode(err, ERR_USAGE);
    return err_wrap(err, "check %s", path);
  }
  for (size_t i = 0; i < script->statements.len; i++) {
    const struct sql_statement *s = &script->statements.at[i];
    if (s->transaction == SQL_NOT_TRANSACTION)
      continue;
    err_set(err, ERR_REFUSED, "%s:%d:%d: a check may not hold %.*s", path, s->start.line,
            s->start.column, (int)strcspn(s->text, " \t\r\n"), s->text);
    return err_hint(err, "Take it out: a check runs in a read-only transaction that belay begins "
                         "and ends.");
  }
  vec_push(run->arena, checks, ((struct check){path, script}));
  return 0;
}

int checks_read(struct run *run, struct checks *ret, struct err *err)
{
  const struct config *config = &run->env->config;
  struct checks checks = {0};
  for (size_t i = 0; i < config->checks.len; i++)
    if (read_check(run, fs_join(run->arena, config->dir, config->checks.at[i]), &checks, err) < 0)
      return -1;
  for (size_t i = 0; i < run->files.len; i++) {
    if (!run_is_first_part(&run->files.at[i]))
      continue;
    const char *dir = fs_dirname(run->arena, run->files.at[i].migration->path);
    const char *path = fs_join(run->arena, dir, "verify.sql");
    if (fs_exists(path) && read_check(run, path, &checks, err) < 0)
      return -1;
  }
  *ret = checks;
  return 0;
}

static int check_rows(const struct check *check, const struct sql_statement *s,
                      const struct db_result *r, struct err *err)
{
  for (int row = 0; row < db_rows(r); row++) {
    const char *value = db_columns(r) == 1 ? db_value(r, row, 0) : NULL;
    if (value && (strcmp(value, "t") == 0 || strcmp(value, "true") == 0))
      continue;
    err_set(err, ERR_POSTVERIFY,
            "check %s:%d failed: the query returned %d row%s, the first starts with %s",
            check->path, s->start.line, db_rows(r), db_rows(r) == 1 ? "" : "s",
            db_value(r, 0, 0) ? db_value(r, 0, 0) : "NULL");
    return err_hint(err, "A check passes when it returns no row, or a single column that is true.");
  }
  return 0;
}

static int run_statements(struct db_conn *conn, const struct check *check, struct err *err)
{
  for (size_t i = 0; i < check->script->statements.len; i++) {
    const struct sql_statement *s = &check->script->statements.at[i];
    CLEANUP(db_result_clear) struct db_result *r = NULL;
    if (interrupt_check(err) < 0)
      return -1;
    if (db_query(conn, &r, err, s->text, NULL) < 0)
      return err_wrap(err, "check %s:%d", check->path, s->start.line);
    if (check_rows(check, s, r, err) < 0)
      return -1;
    if (db_transaction_status(conn) != 'T')
      return err_set(err, ERR_POSTVERIFY, "check %s:%d ended its transaction", check->path,
                     s->start.line);
  }
  return 0;
}

int check_run(struct run *run, const struct check *check, struct err *err)
{
  CLEANUP(db_closep) struct db_conn *conn = NULL;
  if (db_open(&run->env->target, "belay check", &conn, err) < 0)
    return err_wrap(err, "check %s", check->path);
  db_cancel_on_signal(conn, true);
  /* after the first query of a transaction it cannot be made READ WRITE any more */
  if (db_execf(conn, err,
               "SET default_transaction_read_only = on; SET statement_timeout = '%" PRId64 "ms'",
               run->env->policy.apply.statement_timeout_ms) < 0 ||
      db_exec(conn, "BEGIN READ ONLY", err) < 0 || db_exec(conn, "SELECT 1", err) < 0)
    return err_wrap(err, "check %s", check->path);
  if (run_statements(conn, check, err) < 0)
    return -1; /* the session ends, and its transaction with it */
  return db_exec(conn, "ROLLBACK", err);
}
