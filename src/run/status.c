#include "run/status.h"

#include "run/status_private.h"
#include "run/swap.h"

/* ---- who is at work ---- */

/* The lock may live in the maintenance database: only its two numbers tell. */
static int find_lock(struct status *s, struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  const char *class_id = arena_printf(s->run.arena, "%d", RUN_LOCK_CLASS);
  if (db_query(
          s->run.conn, &r, err,
          "SELECT l.pid, extract(epoch FROM now() - a.backend_start)::int FROM pg_locks l LEFT "
          "JOIN pg_stat_activity a USING (pid) WHERE l.locktype = 'advisory' AND l.granted AND "
          "l.classid = $1::oid AND l.objsubid = 2 AND l.objid = (SELECT oid FROM pg_database "
          "WHERE datname = current_database()) LIMIT 1",
          class_id, NULL) < 0)
    return -1;
  if (db_rows(r) == 0)
    return 0;
  s->lock_held = true;
  s->report.running = arena_printf(
      s->run.arena, "backend %s holds the run lock%s", db_value(r, 0, 0),
      db_is_null(r, 0, 1) ? "" : arena_printf(s->run.arena, ", for %s s", db_value(r, 0, 1)));
  return 0;
}

/* Their names say which run; more precise than the lock. */
static int find_backend(struct status *s, const char **ret_id, struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (db_query(s->run.conn, &r, err,
               "SELECT pid, application_name, coalesce(state, '?'), coalesce(extract(epoch FROM "
               "now() - coalesce(xact_start, state_change))::int, 0), split_part(application_name, "
               "' ', 2), split_part(application_name, ' ', 3) FROM pg_stat_activity WHERE "
               "application_name ~ '^belay (run|rollback|command) ' AND datname = "
               "current_database() AND pid <> pg_backend_pid() ORDER BY backend_start LIMIT 1",
               NULL) < 0)
    return -1;
  if (db_rows(r) == 0)
    return 0;
  s->report.running = arena_printf(s->run.arena, "backend %s of %s, %s for %s s", db_value(r, 0, 0),
                                   db_value(r, 0, 1), db_value(r, 0, 2), db_value(r, 0, 3));
  s->rollback_running = strcmp(db_value(r, 0, 4), "rollback") == 0;
  *ret_id = arena_strdup(s->run.arena, db_value(r, 0, 5));
  return 0;
}

/* A wrapped command need not take over the name that belay gave, but it takes its tool's lock. */
static int find_tool(struct status *s, struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  const struct migration_format *format = s->run.env->format;
  if (!format || !format->lock_key)
    return 0;
  const char *key = arena_printf(s->run.arena, "%" PRId64, format->lock_key);
  if (db_query(
          s->run.conn, &r, err,
          "SELECT l.pid, a.application_name FROM pg_locks l JOIN pg_stat_activity a USING (pid) "
          "WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND "
          "(l.classid::bigint << 32 | l.objid::bigint) = $1::bigint AND l.database = a.datid "
          "AND a.datname = current_database() LIMIT 1",
          key, NULL) < 0)
    return -1;
  if (db_rows(r))
    s->report.running = arena_printf(s->run.arena, "backend %s (%s) holds the lock of %s",
                                     db_value(r, 0, 0), db_value(r, 0, 1), format->name);
  return 0;
}

static int find_running(struct status *s, const char **ret_id, struct err *err)
{
  *ret_id = NULL;
  if (find_lock(s, err) < 0 || find_backend(s, ret_id, err) < 0)
    return -1;
  return s->report.running ? 0 : find_tool(s, err);
}

/* ---- migrations ---- */

static void count_migrations(struct status_report *report)
{
  for (size_t i = 0; i < report->migrations.len; i++) {
    enum migration_state state = report->migrations.at[i].state;
    report->pending += state == MIGRATION_PENDING || state == MIGRATION_ROLLED_BACK ||
                       state == MIGRATION_OUT_OF_ORDER;
    report->troubled += state == MIGRATION_FAILED || state == MIGRATION_EDITED ||
                        state == MIGRATION_MISSING || state == MIGRATION_OUT_OF_ORDER;
  }
}

/* As a state of a file in the record of a run. */
static enum record_file_state ledger_state(const struct status *s, const char *name)
{
  for (size_t i = 0; i < s->report.migrations.len; i++) {
    const struct migration_status *m = &s->report.migrations.at[i];
    if (strcmp(m->name, name) != 0)
      continue;
    if (m->state == MIGRATION_FAILED)
      return RECORD_PARTIAL;
    return m->state == MIGRATION_APPLIED || m->state == MIGRATION_EDITED ||
                   m->state == MIGRATION_MISSING
               ? RECORD_COMMITTED
               : RECORD_NOT_APPLIED;
  }
  return RECORD_NOT_APPLIED;
}

/* ---- the last run ---- */

int run_xact_status(struct arena *arena, struct db_conn *conn, const char *xid,
                    enum run_xact_state *ret, struct err *err)
{
  const char *status = NULL;
  CLEANUP(err_clear) struct err refused = ERR_INIT;
  if (xid && db_query_value(conn, arena, &status, &refused, "SELECT pg_xact_status($1::xid8)", xid,
                            NULL) < 0) {
    bool in_the_future = err_sqlstate_is(&refused, "22023");
    if (!in_the_future) {
      err_move(err, &refused);
      return -1;
    }
    status = NULL;
  }
  *ret = !status                              ? RUN_XACT_TOO_OLD
         : strcmp(status, "committed") == 0   ? RUN_XACT_COMMITTED
         : strcmp(status, "in progress") == 0 ? RUN_XACT_IN_PROGRESS
                                              : RUN_XACT_ABORTED;
  return 0;
}

/* The server has forgotten: a file and its ledger row were committed together, so the row tells. */
static void resolve_by_ledger(struct status *s, struct record_file *file)
{
  const struct record *last = &s->report.last;
  const char *cause =
      file->xid
          ? arena_printf(s->run.arena, "the server no longer knows transaction %s of %s", file->xid,
                         file->name)
          : arena_printf(s->run.arena, "the record does not tell what became of %s", file->name);
  if (!s->run.env->format) {
    s->undetermined = file->name;
    vec_push(s->run.arena, &s->report.notes,
             arena_printf(s->run.arena,
                          "%s, and without a migrations directory its ledger cannot be read",
                          cause));
    return;
  }
  enum record_file_state now = ledger_state(s, file->migration);
  if (file->parts > 1 && now != RECORD_COMMITTED) {
    s->undetermined = file->name;
    vec_push(s->run.arena, &s->report.notes,
             arena_printf(s->run.arena, "%s, and the ledger does not tell of parts", cause));
    return;
  }
  if (now == RECORD_NOT_APPLIED && !file->xid && file->bare && strcmp(last->kind, "run") == 0)
    now = RECORD_PARTIAL; /* statement by statement: some may be in */
  const char *says = now == RECORD_COMMITTED ? "applied"
                     : now == RECORD_PARTIAL ? "begun and not finished"
                                             : "not applied";
  if (!last->command)
    vec_push(s->run.arena, &s->report.notes,
             arena_printf(s->run.arena, "%s; its ledger row decides: %s", cause, says));
  if (strcmp(last->kind, "rollback") == 0 && !last->again)
    now = now == RECORD_NOT_APPLIED ? RECORD_COMMITTED : RECORD_NOT_APPLIED;
  file->state = now;
}

/* The journal says what was sent; the server says what became of it. */
static int resolve(struct status *s, struct err *err)
{
  struct record *record = &s->report.last;
  for (size_t i = 0; i < record->files.len; i++) {
    struct record_file *file = &record->files.at[i];
    enum run_xact_state xact;
    if (file->state != RECORD_UNKNOWN)
      continue;
    if (run_xact_status(s->run.arena, s->run.conn, file->xid, &xact, err) < 0)
      return -1;
    if (xact == RUN_XACT_IN_PROGRESS)
      s->in_progress = true;
    else if (xact == RUN_XACT_TOO_OLD)
      resolve_by_ledger(s, file);
    else
      file->state =
          (xact == RUN_XACT_COMMITTED) != file->undoing ? RECORD_COMMITTED : RECORD_NOT_APPLIED;
  }
  return 0;
}

/* Did the journal get as far as the start of the command? */
static int read_command_begun(struct status *s, struct err *err)
{
  char *bytes;
  size_t len;
  const char *key = arena_printf(s->run.arena, "%s/journal.jsonl", s->report.last.prefix);
  bool lags;
  if (place_get_appended(s->run.env->place, s->run.arena, key, &bytes, &len, &lags, err) < 0)
    return -1;
  s->command_begun = lags && !s->report.last.ended && s->report.last.last_stage &&
                     strcmp(s->report.last.last_stage, "apply") == 0;
  while (*bytes && !s->command_begun) {
    size_t n = strcspn(bytes, "\n");
    json_t *line = json_loadb(bytes, n, 0, NULL); /* NULL: a torn last line */
    const char *event = json_string_value(json_object_get(line, "event"));
    s->command_begun = event && strcmp(event, "command-begin") == 0;
    json_decref(line);
    bytes += n + (bytes[n] ? 1 : 0);
  }
  return 0;
}

static bool same(const json_t *object, const char *key, const char *fingerprint)
{
  const char *then = json_string_value(json_object_get(object, key));
  return then && strcmp(then, fingerprint) == 0;
}

/* The schema now, against that before the command and that predicted after the files applied. */
static int compare_schema(struct status *s, struct err *err)
{
  char now[65], *bytes;
  size_t len, applied = 0;
  const struct record *last = &s->report.last;
  const char *key = arena_printf(s->run.arena, "%s/plan.json", last->prefix);
  s->run.catalog_options = run_catalog_options(s->run.env);
  if (run_fingerprint(&s->run, s->run.conn, now, err) < 0 ||
      place_get(s->run.env->place, s->run.arena, key, &bytes, &len, err) < 0)
    return -1;
  json_error_t why;
  json_t *plan = json_loadb(bytes, len, 0, &why);
  if (!plan)
    return err_set(err, ERR_DAMAGED, "%s is not valid JSON: line %d: %s", key, why.line, why.text);
  for (size_t i = 0; i < last->files.len; i++)
    if (last->files.at[i].state == RECORD_COMMITTED)
      applied = i + 1;
  s->schema_as_before = same(plan, "fingerprint_before", now);
  const json_t *file = json_array_get(json_object_get(plan, "files"), applied ? applied - 1 : 0);
  s->schema_as_applied = applied ? same(file, "fingerprint_after", now) : s->schema_as_before;
  json_decref(plan);
  return 0;
}

/* A command that was cut off, or ended badly: ledger and schema as they are now tell more than the
 * journal. */
static int look_at_command(struct status *s, struct err *err)
{
  struct record *last = &s->report.last;
  if (read_command_begun(s, err) < 0)
    return -1;
  if (!s->command_begun)
    return 0;
  for (size_t i = 0; s->run.env->format && i < last->files.len; i++)
    last->files.at[i].state = ledger_state(s, last->files.at[i].migration);
  return compare_schema(s, err);
}

/* The exit codes after which something is left to do. */
static bool is_troubled(const struct record *record)
{
  static const enum err_code codes[] = {ERR_CHANGED, ERR_POSTVERIFY, ERR_INTERRUPTED,
                                        ERR_TERMINATED};
  for (size_t i = 0; i < COUNT_OF(codes); i++)
    if (record->exit_code == err_exit_code(codes[i]))
      return true;
  return !record->ended;
}

static const char *outcome(struct arena *arena, const struct record *record)
{
  if (!record->ended || record->exit_code == 0)
    return NULL;
  for (enum err_code code = ERR_UNEXPECTED; code <= ERR_CONNECT; code++)
    if (err_exit_code(code) == record->exit_code)
      return arena_printf(arena, "exit code %d (%s)", record->exit_code, err_code_text(code));
  return arena_printf(arena, "exit code %d", record->exit_code);
}

/* A record that does not say where it ran is taken by the run that it rolls back; if that does not
 * say either, it counts: better one too many than a rollback that is not seen. */
static bool is_here(const struct records *records, const struct record *record,
                    const struct record_place *here)
{
  for (size_t i = 0; !record->database_oid && record->rolls_back && i < records->len; i++)
    if (strcmp(records->at[i].id, record->rolls_back) == 0)
      record = &records->at[i];
  return !record->database_oid || record_is_of(record, here);
}

static int read_last(struct status *s, const char *running_id, struct err *err)
{
  struct records records = {0};
  struct record_place here;
  struct status_report *report = &s->report;
  if (!s->run.env->place)
    return 0;
  if (record_list(s->run.arena, s->run.env->place, s->run.env->database_prefix, &records, NULL,
                  err) < 0 ||
      record_place_read(s->run.arena, s->run.conn, &here, err) < 0)
    return -1;
  for (size_t i = 0; i < records.len; i++) {
    /* one that was refused before it touched anything says nothing of the database */
    int code = records.at[i].exit_code;
    bool untouched =
        records.at[i].ended && ((code >= 2 && code <= 5) || (code >= 10 && code <= 12));
    if (untouched || !is_here(&records, &records.at[i], &here))
      continue;
    report->has_last = true;
    report->last = records.at[i];
  }
  if (!report->has_last)
    return 0;
  report->last_running =
      !report->last.ended && (running_id ? strcmp(running_id, report->last.id) == 0 : s->lock_held);
  report->last_interrupted = !report->last.ended && !report->last_running;
  report->last_troubled = !report->last_running && is_troubled(&report->last);
  report->last_outcome = outcome(s->run.arena, &report->last);
  if (report->last_running)
    s->rollback_running = strcmp(report->last.kind, "rollback") == 0;
  if (resolve(s, err) < 0)
    return -1;
  return report->last.command && report->last_troubled ? look_at_command(s, err) : 0;
}

/* What was interrupted and is no run; it goes before what the last run says. */
static int look_beside(struct status *s, struct err *err)
{
  const struct run_env *env = s->run.env;
  const char *verdict, *next;
  if (run_swap_unfinished(env, &verdict, &next, err) < 0)
    return -1;
  if (!verdict && env->place) {
    enum template_left left;
    if (backup_template_unfinished(env->arena, env->place, &env->target, &left, &verdict, err) < 0)
      return -1;
    next = left == TEMPLATE_KILLED ? "belay backup" : "belay status";
  }
  if (verdict) {
    s->report.verdict = verdict;
    s->report.next = next;
  }
  return 0;
}

static int fill(struct status *s, struct err *err)
{
  const char *running_id;
  if (run_open_target(&s->run, err) < 0 || find_running(s, &running_id, err) < 0)
    return -1;
  s->report.server = arena_printf(s->run.arena, "PostgreSQL %d.%d", db_server_major(s->run.conn),
                                  db_server_version(s->run.conn) % 10000);
  if (s->run.env->format) {
    if (run_read_ledger(&s->run, err) < 0)
      return -1;
    s->report.migrations = s->run.statuses;
    count_migrations(&s->report);
  }
  if (read_last(s, running_id, err) < 0)
    return -1;
  status_judge(s);
  if (s->report.running || s->report.last_troubled)
    return 0;
  return look_beside(s, err);
}

/* Nobody can connect: a restore into its place, or a template backup, may have closed it. */
static int fill_closed(struct status *s, struct err *err)
{
  CLEANUP(err_clear) struct err failed = ERR_INIT;
  if (look_beside(s, &failed) < 0 || !s->report.verdict)
    return -1;
  err_clear(err);
  s->report.server = "no connection";
  return 0;
}

int status_read(const struct run_env *env, struct status_report *ret_report, struct err *err)
{
  struct run_result unused = {0};
  struct status s = {
      .run = {.arena = env->arena, .env = env, .result = &unused},
      .report = {.target = env->target.shown, .source = env->target.source},
  };
  int rc = fill(&s, err);
  if (rc < 0 && err->code == ERR_CONNECT)
    rc = fill_closed(&s, err);
  db_closep(&s.run.conn);
  if (rc == 0)
    *ret_report = s.report;
  return rc;
}
