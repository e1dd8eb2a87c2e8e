/* Preflight: everything that can be known to go wrong before anything is touched. */
#include "run/check.h"
#include "run/doctor.h"
#include "run/drift.h"

#include "backup/sessions.h"
#include "base/clock.h"
#include "base/interrupt.h"
#include "base/log.h"

enum { LISTED_MAX = 5 };

/* Failed, edited, missing and out-of-order migrations: what Prisma's own deploy and status pass
 * over in silence. */
static int check_history(struct run *run, struct err *err)
{
  CLEANUP(text_clear) struct text bad = TEXT_INIT;
  int count = 0;
  bool failed = false;
  for (size_t i = 0; i < run->statuses.len; i++) {
    const struct migration_status *s = &run->statuses.at[i];
    bool is_bad = s->state == MIGRATION_FAILED ||
                  (!run->env->policy.preflight.allow_drift &&
                   (s->state == MIGRATION_EDITED || s->state == MIGRATION_MISSING ||
                    s->state == MIGRATION_OUT_OF_ORDER));
    failed = failed || s->state == MIGRATION_FAILED;
    if (is_bad && count++ < LISTED_MAX)
      text_printf(&bad, "%s%s: %s", bad.len ? "; " : "", s->name, migration_state_name(s->state));
  }
  if (count == 0)
    return 0;
  err_set(err, ERR_PREFLIGHT, "%d migration%s in the ledger do%s not agree with the directory: %s",
          count, count == 1 ? "" : "s", count == 1 ? "es" : "", bad.data);
  if (failed && strcmp(run->env->format->name, "prisma") == 0)
    return err_hint(
        err, "Find out what the failed migration left behind, then: npx prisma migrate resolve "
             "--rolled-back NAME");
  if (failed)
    return err_hint(err,
                    "Find out what the failed migration left behind, then set its row in %s "
                    "right.",
                    run_ledger_identity(run->env));
  return err_hint(err, "Bring directory and ledger together (git log the file; restore or rename "
                       "it), or allow it with "
                       "preflight.allow_drift in the policy.");
}

/* Records are JSON, and JSON is UTF-8: what it cannot hold could not be brought back from it. */
static bool is_utf8(const char *bytes, size_t len)
{
  json_t *json = json_stringn(bytes, len);
  json_decref(json);
  return json != NULL;
}

static int check_command_text(const struct run *run, struct err *err)
{
  const char *const *args = run->request->command;
  for (int i = 0; args && args[i]; i++)
    if (!is_utf8(args[i], strlen(args[i])))
      return err_set(err, ERR_USAGE, "argument %d of the command is not valid UTF-8", i);
  return 0;
}

static int check_migration_text(const struct migration *m, struct err *err)
{
  if (!is_utf8(m->path, strlen(m->path)) || !is_utf8(m->name, strlen(m->name)))
    return err_set(err, ERR_USAGE, "the path %s is not valid UTF-8", m->path);
  const char *p = m->bytes, *end = p + m->len;
  for (int line = 1; p < end; line++) {
    const char *stop = memchr(p, '\n', (size_t)(end - p));
    size_t len = (size_t)((stop ? stop : end) - p);
    if (!is_utf8(p, len)) {
      err_set(err, ERR_REFUSED, "%s:%d: the line is not valid UTF-8", m->path, line);
      return err_hint(err, "Save the file as UTF-8.");
    }
    p += len + 1;
  }
  return 0;
}

int run_add_pending(struct run *run, const struct migration *migration, struct err *err)
{
  struct run_file file = {.migration = migration, .name = migration->name, .part = 1, .parts = 1};
  if (check_migration_text(migration, err) < 0)
    return -1;
  if (sql_script_read(run->arena, migration->path, migration->bytes, migration->len, &file.whole,
                      err) < 0)
    return err_recode(err, ERR_REFUSED);
  file.script = file.whole;
  if (sql_script_shape(file.whole, &file.shape, &file.first, &file.last, err) < 0)
    return -1;
  if (file.shape == SQL_SHAPE_BARE)
    return run_add_parts(run, &file, err);
  vec_push(run->arena, &run->files, file);
  return 0;
}

static int collect_pending(struct run *run, struct err *err)
{
  for (size_t i = 0; i < run->statuses.len; i++) {
    const struct migration_status *s = &run->statuses.at[i];
    bool pending = s->state == MIGRATION_PENDING || s->state == MIGRATION_OUT_OF_ORDER ||
                   s->state == MIGRATION_ROLLED_BACK;
    if (pending && run_add_pending(run, s->migration, err) < 0)
      return -1;
  }
  for (size_t i = 0; run->prefix && i < run->files.len; i++)
    run->files.at[i].undo_prefix = arena_printf(run->arena, "%s/undo/%04zu", run->prefix, i + 1);
  return 0;
}

/* Syntax by the server's own grammar; utility statements are parsed, not run, and need not find
 * their tables. */
static int check_syntax(struct run *run, struct err *err)
{
  for (size_t i = 0; i < run->files.len; i++) {
    const struct sql_script *script = run->files.at[i].script;
    for (size_t k = 0; k < script->statements.len; k++) {
      const struct sql_statement *s = &script->statements.at[k];
      CLEANUP(err_clear) struct err found = ERR_INIT;
      if (interrupt_check(err) < 0)
        return -1;
      if (db_check_syntax(run->conn, s->text, NULL, &found) == 0)
        continue;
      if (found.code != ERR_SQL || strcmp(found.sqlstate, "57014") == 0) {
        err_move(err, &found);
        return -1;
      }
      err_set(err, ERR_REFUSED, "%s:%d:%d: %s", script->name, s->start.line, s->start.column,
              found.message);
      return err_hint(err, "Correct the statement; the server cannot parse it.");
    }
  }
  return 0;
}

static int check_sessions(struct run *run, struct err *err)
{
  int64_t limit_ms = run->env->policy.preflight.max_transaction_age_ms;
  if (limit_ms == 0)
    return 0;
  const char *seconds = arena_printf(run->arena, "%.3f", (double)limit_ms / 1000.0);
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (db_query(
          run->conn, &r, err,
          "SELECT 'backend ' || pid || ' (' || coalesce(nullif(application_name, ''), usename, "
          "'unknown') || ', ' || "
          "coalesce(state, '?') || ')', extract(epoch FROM now() - xact_start)::bigint FROM "
          "pg_stat_activity "
          "WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = "
          "'client backend' "
          "AND xact_start < now() - make_interval(secs => $1::float8) UNION ALL "
          "SELECT 'prepared transaction ' || gid, extract(epoch FROM now() - prepared)::bigint "
          "FROM pg_prepared_xacts WHERE database = current_database() ORDER BY 2 DESC",
          seconds, NULL) < 0)
    return -1;
  if (db_rows(r) == 0)
    return 0;
  err_set(err, ERR_PREFLIGHT, "%d transaction%s open for longer than %s: %s for %s", db_rows(r),
          db_rows(r) == 1 ? " is" : "s are", clock_duration(run->arena, limit_ms),
          db_value(r, 0, 0), clock_duration(run->arena, db_int(r, 0, 1) * 1000));
  return err_hint(err,
                  "A migration would queue behind it, and every query behind the migration. End it "
                  "(pg_terminate_backend) or wait.");
}

/* A template is made by the server on its own disk: the loss of that disk takes both. */
static int check_policy(const struct run *run, struct err *err)
{
  const struct policy *policy = &run->env->policy;
  if (run->env->place && run_require_encryption(run->env, err) < 0)
    return -1;
  if (!policy->backup.required || policy->backup.kind != BACKUP_TEMPLATE ||
      policy->backup.template_alone)
    return 0;
  err_set(err, ERR_REFUSED,
          "policy %s (%s) says backup.kind: template, and a template alone, which lies on the disk"
          " of the database, is no backup for a run",
          policy->name, policy->source);
  return err_hint(err, "Take an archive as well, with kind: both; or say template_alone: true.");
}

/* Better now than when the proof is made; the backup looks again. */
static int check_alone(struct run *run, struct err *err)
{
  struct strings sessions = {0};
  const struct policy *policy = &run->env->policy;
  if (!policy->backup.required || policy->backup.kind == BACKUP_ARCHIVE)
    return 0;
  if (sessions_list(run->arena, run->conn, run->env->target.database, &sessions, err) < 0)
    return -1;
  if (sessions.len == 0)
    return 0;
  err_set(err, ERR_PREFLIGHT,
          "policy %s wants a template backup, for which nobody may be connected to %s; there %s"
          " %zu: %s%s",
          policy->name, run->env->target.database, sessions.len == 1 ? "is" : "are", sessions.len,
          sessions.at[0], sessions.len > 1 ? ", ..." : "");
  return err_hint(err, "Stop the application first, or run with backup.kind: archive.");
}

static int check_store(struct run *run, struct err *err)
{
  uint64_t free_bytes;
  int swept; /* what killed runs left there unfinished; planning removes nothing */
  if (doctor_store(run->env, run->conn, &free_bytes, err) < 0)
    return -1;
  return run->journal ? place_sweep(run->env->place, run->env->database_prefix, &swept, err) : 0;
}

static int read_catalog(struct run *run, struct err *err)
{
  if (catalog_read(run->arena, run->conn, &run->catalog_options, &run->catalog, err) < 0)
    return err_wrap(err, "reading the catalog");
  catalog_fingerprint(run->catalog, CATALOG_IGNORE_CHILD_ORDER, run->fingerprint);
  return 0;
}

/* The run itself reads what it captured back with a key of its own; who comes later cannot. */
static const char *say_encrypted(struct run *run)
{
  const struct keys *keys = run->env->place ? place_keys(run->env->place) : NULL;
  if (!keys_encrypt(keys))
    return "";
  const struct strings to = keys_recipients(run->arena, keys);
  log_info("what is stored is encrypted for %s%s: a later restore or rollback needs an identity",
           to.at[0], to.len > 1 ? arena_printf(run->arena, " and %zu more", to.len - 1) : "");
  return ", encrypted";
}

int run_stage_preflight(struct run *run, const char **summary, struct err *err)
{
  struct checks checks;
  run->catalog_options = run_catalog_options(run->env);
  if (check_command_text(run, err) < 0 || check_policy(run, err) < 0)
    return -1;
  if (run->journal)
    backup_template_sweep(run->arena, run->env->place, &run->env->target);
  if (run_open_target(run, err) < 0 ||
      doctor_server(run->arena, &run->env->target, run->conn, &run->result->server, err) < 0)
    return -1;
  if (run->journal &&
      run_lock(run, err) < 0) /* before the ledger is read: nobody else changes it then */
    return -1;
  bool blind = run->request->command && !run->env->format; /* migrations that belay cannot read */
  if (!blind && (run_read_ledger(run, err) < 0 || check_history(run, err) < 0 ||
                 collect_pending(run, err) < 0 || check_syntax(run, err) < 0))
    return -1;
  if (checks_read(run, &checks, err) < 0)
    return -1;
  if (run->files.len == 0 && run->request->plan_file) {
    err_set(err, ERR_REFUSED, "the plan is out of date: nothing is pending now");
    return err_hint(err, "See what was applied with: belay status");
  }
  if (run->files.len == 0 && !run->request->command) {
    *summary = "no pending migrations: nothing to do";
    return 0;
  }
  const char *drift = "";
  if (check_sessions(run, err) < 0 || check_alone(run, err) < 0 ||
      (run->env->place && check_store(run, err) < 0) || read_catalog(run, err) < 0 ||
      run_check_drift(run, &drift, err) < 0)
    return -1;
  size_t pending = run_count_migrations(run);
  *summary =
      arena_printf(run->arena, "%s, %zu pending migration%s, %s, no transaction in the way%s%s",
                   run->result->server, pending, pending == 1 ? "" : "s", drift,
                   !run->env->place                            ? ""
                   : place_denied(run->env->place, run->arena) ? ", store writable (that only)"
                                                               : ", store writable",
                   say_encrypted(run));
  return 0;
}
