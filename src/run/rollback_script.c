/* A rollback as a file for psql. What rollback_one runs is run on a shadow of the database instead,
 * and written down; so names, types, triggers and sequences are those of the database, and every
 * statement was accepted by a server. */
#include <errno.h>

#include "base/clock.h"
#include "inverse/shadow.h"
#include "run/pipeline.h"
#include "run/rollback.h"
#include "sql/quote.h"

struct scripting {
  struct run *run;
  const struct rollback_options *options;
  struct db_conn *conn; /* of the shadow */
  FILE *out;
};

static void comment(FILE *out, const char *text)
{
  (void)fputs("-- ", out);
  for (const char *c = text; *c; c++)
    (void)fputc(*c == '\n' || *c == '\r' ? ' ' : *c, out);
  (void)fputc('\n', out);
}

static void header(const struct scripting *s, const struct record *record)
{
  struct arena *arena = s->run->arena;
  static const char *const conflict[] = {"stay as they are and are listed",
                                         "are brought back all the same and are listed",
                                         "end the script"};
  comment(s->out, arena_printf(arena, "Rollback of %s %s on %s, written by belay %s at %s.",
                               record->kind, record->id, record->target, BELAY_VERSION,
                               clock_iso8601(arena, clock_wall_us())));
  comment(s->out, "Run it with: psql -X -f FILE. Each transaction is one migration, newest first;");
  comment(s->out, "at the first error psql stops, and that transaction has changed nothing.");
  comment(s->out, arena_printf(arena, "Rows that were changed since the run %s.",
                               conflict[s->options->on_conflict]));
  comment(s->out,
          "Rows that are destroyed by it are NOT captured, and nobody checks that the schema");
  comment(s->out, "is still the one at that time: where belay can run, use belay rollback.");
  (void)fputs("\\set ON_ERROR_STOP on\n\\encoding UTF8\n", s->out);
}

static int check_schema(const struct scripting *s, const struct record_file *file, struct err *err)
{
  char now[65];
  catalog_fingerprint(s->run->catalog, CATALOG_IGNORE_COLUMN_ORDER, now);
  if (file->shape_after && strcmp(file->shape_after, now) == 0)
    return 0;
  return err_set(err, ERR_REFUSED, "the schema is no longer as %s left it", file->name);
}

static int steps(const struct scripting *s, const struct record_file *file,
                 enum inverse_phase phase, struct err *err)
{
  for (size_t i = 0; i < file->steps.len; i++) {
    const struct inverse_step *step = &file->steps.at[i];
    if (step->phase != phase)
      continue;
    if (step->note)
      comment(s->out, step->note);
    (void)fprintf(s->out, "%s;\n", step->sql);
    if (db_run_statement(s->conn, s->run->arena, step->sql, NULL, NULL, err) < 0)
      return err_wrap(err, "inverse of %s: %s", file->name, step->sql);
  }
  return 0;
}

static void ledger(const struct scripting *s, const struct record_file *file)
{
  const struct run_env *env = s->run->env;
  const char *sql = env->format->ledger_back_sql(s->run->arena, env->target.schema, file->migration,
                                                 file->part == 1);
  const char *missing =
      arena_printf(s->run->arena, "the ledger does not hold %s as applied", file->migration);
  const char *block = arena_printf(
      s->run->arena,
      "DECLARE n bigint; BEGIN %.*s; GET DIAGNOSTICS n = ROW_COUNT; IF n = 0 THEN"
      " RAISE EXCEPTION USING MESSAGE = %s; END IF; END",
      (int)(strlen(sql) - strlen(" RETURNING id")), sql, sql_literal(s->run->arena, missing));
  (void)fprintf(s->out, "DO %s;\n", sql_literal(s->run->arena, block));
}

static int rows_and_steps(const struct scripting *s, const struct record_file *file,
                          struct err *err)
{
  CLEANUP(undo_closep) struct undo *undo = NULL;
  struct undo_report unused = {0};
  if (file->undo_prefix) {
    if (undo_open(s->run->arena, s->run->env->place, file->undo_prefix, &undo, err) < 0)
      return err_wrap(err, "opening the rows captured by %s", file->name);
    undo_script(undo, s->out);
    if (undo_compare(undo, s->conn, err) < 0)
      return -1;
  }
  if (steps(s, file, INVERSE_BEFORE_DATA, err) < 0)
    return -1;
  if (undo) {
    (void)fputs("SET CONSTRAINTS ALL DEFERRED;\n", s->out);
    if (undo_write(undo, s->conn, s->options->on_conflict, &unused, err) < 0)
      return -1;
  }
  return steps(s, file, INVERSE_AFTER_DATA, err);
}

static int write_file(const struct scripting *s, const struct record_file *file, struct err *err)
{
  const struct policy *policy = &s->run->env->policy;
  (void)fputc('\n', s->out);
  comment(s->out, arena_printf(s->run->arena, "%s: inverse %s", file->name,
                               inverse_verdict_name(file->verdict)));
  (void)fprintf(
      s->out,
      "BEGIN;\nSET LOCAL client_min_messages = warning;\nSET LOCAL lock_timeout = '%" PRId64
      "ms';\n",
      policy->apply.lock_timeout_ms);
  if (db_exec(s->conn, "BEGIN", err) < 0 || rows_and_steps(s, file, err) < 0 ||
      db_exec(s->conn, "COMMIT", err) < 0)
    return -1;
  ledger(s, file);
  (void)fputs("COMMIT;\n", s->out);
  return 0;
}

static int write_files(struct scripting *s, const struct record *record, struct err *err)
{
  bool first = true;
  for (size_t i = record->files.len; i-- > 0;) {
    const struct record_file *file = &record->files.at[i];
    if (file->state == RECORD_NOT_APPLIED)
      continue;
    if (file->state == RECORD_PARTIAL)
      return err_set(err, ERR_REFUSED,
                     "%s was begun outside of a transaction; what of it is there a script cannot"
                     " tell",
                     file->name);
    if (first && check_schema(s, file, err) < 0)
      return -1;
    first = false;
    if (write_file(s, file, err) < 0)
      return err_wrap(err, "writing the script");
  }
  if (fflush(s->out) != 0 || ferror(s->out))
    return err_set(err, ERR_UNEXPECTED, "the script could not be written: %s", strerror(errno));
  return 0;
}

int rollback_script(struct arena *arena, const struct rollback_options *options, FILE *out,
                    struct err *err)
{
  struct run_result unused = {0};
  struct record record;
  struct run run = {.arena = arena,
                    .env = options->env,
                    .result = &unused,
                    .id = clock_new_id(arena),
                    .rolling_back = true};
  int rc = rollback_prepare(&run, options, &record, err);
  if (rc == 0 && record.rolls_back)
    rc = err_set(err, ERR_REFUSED, "the rollback of a rollback cannot be written as a script");
  if (rc == 0)
    rc = catalog_read(arena, run.conn, &run.catalog_options, &run.catalog, err) < 0
             ? -1
             : run_open_shadow(&run, run.catalog, &run.shadow, err);
  if (rc == 0) {
    struct scripting s = {&run, options, shadow_conn(run.shadow), out};
    header(&s, &record);
    rc = write_files(&s, &record, err);
  }
  shadow_closep(&run.shadow);
  db_closep(&run.conn);
  db_closep(&run.lock);
  return rc;
}
