#include "run/rollback_plan.h"

#include "base/clock.h"
#include "base/interrupt.h"
#include "lint/lint.h"
#include "run/pipeline.h"
#include "run/rollback.h"
#include "sql/quote.h"

enum {
  UNDO_BYTES_PER_MS = 12 * 1024, /* captured bytes compared, written back and checked (measured) */
};

struct planning {
  struct run *run;
  const struct rollback_options *options;
  struct rollback_plan *plan;
  struct db_conn *conn; /* for looking at rows; NULL: could not be opened */
  const char *no_conn;  /* why */
  int64_t until_ms;
  struct strings moved;   /* tables that files rolled back before change, as they are called now */
  struct strings dropped; /* "table public.x", "constraint ..." by the steps of all files so far */
  size_t lost;            /* how many of them were counted */
};

/* ---- steps and their locks ---- */

static const char *steps_text(struct arena *arena, const struct record_file *file)
{
  CLEANUP(text_clear) struct text sql = TEXT_INIT;
  for (size_t i = 0; i < file->steps.len; i++)
    text_printf(&sql, "%s;\n", file->steps.at[i].sql);
  return arena_strdup(arena, sql.data ? sql.data : "");
}

static int read_steps(struct planning *p, struct sql_script **scripts, struct err *err)
{
  for (size_t i = 0; i < p->plan->files.len; i++) {
    const struct record_file *file = p->plan->files.at[i].file;
    const char *text = steps_text(p->run->arena, file);
    if (sql_script_read(p->run->arena, file->name, text, strlen(text), &scripts[i], err) < 0)
      return err_wrap(err, "the inverse of %s", file->name);
  }
  return 0;
}

static void add_lock(struct arena *arena, struct rollback_locks *locks, const char *relation,
                     enum lint_lock_mode mode)
{
  for (size_t i = 0; i < locks->len; i++) {
    struct rollback_lock *l = &locks->at[i];
    if (strcmp(l->relation, relation) != 0)
      continue;
    l->mode = l->mode < mode ? mode : l->mode;
    return;
  }
  vec_push(arena, locks, ((struct rollback_lock){relation, mode}));
}

/* Rows may have moved, or other columns hold them. */
static bool moves_rows(const char *sql)
{
  static const char *const words[] = {" RENAME ",   " TYPE ",       " SET SCHEMA ", " ATTACH ",
                                      "DROP TABLE", "CREATE TABLE", " DETACH "};
  for (size_t i = 0; i < COUNT_OF(words); i++)
    if (strstr(sql, words[i]))
      return true;
  return false;
}

static int64_t cost_of(const struct lint_effects *effects)
{
  int64_t bytes = 0;
  for (size_t i = 0; i < effects->rewrites.len; i++)
    bytes += effects->rewrites.at[i]->bytes > 0 ? effects->rewrites.at[i]->bytes : 0;
  for (size_t i = 0; i < effects->scans.len; i++)
    bytes += effects->scans.at[i]->bytes > 0 ? effects->scans.at[i]->bytes : 0;
  return bytes / INVERSE_MOVED_BYTES_PER_MS;
}

static void add_step(struct planning *p, struct rollback_file_plan *file, size_t i,
                     const struct lint_statement *found)
{
  struct arena *arena = p->run->arena;
  const struct inverse_step *from = &file->file->steps.at[i];
  struct rollback_step step = {.sql = from->sql,
                               .after_rows = from->phase == INVERSE_AFTER_DATA,
                               .unknown =
                                   found ? found->effects->unknown : "its locks were not found"};
  for (size_t k = 0; found && k < found->locks.len; k++)
    add_lock(arena, &step.locks, found->locks.at[k], found->effects->locks.at[k].mode);
  for (size_t k = 0; found && k < found->effects->drops.len; k++)
    vec_push(arena, &p->dropped, found->effects->drops.at[k]);
  if (found && found->effects->fails)
    step.unknown = found->effects->fails;
  file->estimated_ms += found ? cost_of(found->effects) : 0;
  vec_push(arena, &file->steps, step);
}

static int find_effects(struct planning *p, struct sql_script **scripts, struct lint_report *ret,
                        struct err *err)
{
  const struct lint_settings settings = {.fail_on = LINT_OFF};
  const struct lint_input input = {.scripts = scripts,
                                   .count = p->plan->files.len,
                                   .catalog = p->run->catalog,
                                   .target_major = db_server_major(p->run->conn)};
  if (lint_scripts(p->run->arena, &settings, &input, ret, err) < 0)
    return err_wrap(err, "the locks of the inverse");
  return 0;
}

/* ---- what is copied first ---- */

static int plan_capture(struct planning *p, struct rollback_file_plan *file, struct err *err)
{
  struct capture_plan capture;
  struct arena *arena = p->run->arena;
  if (file->file->state == RECORD_PARTIAL) {
    file->uncaptured = "what a killed statement left behind is taken away as it is";
    return 0;
  }
  if (rollback_capture_plan(arena, file->file, &capture, err) < 0)
    return -1;
  if (capture.refusals.len) {
    file->uncaptured = capture.refusals.at[0];
    return 0;
  }
  for (size_t i = 0; i < capture.tables.len; i++)
    if (capture.tables.at[i].how != CAPTURE_CHANGED)
      add_lock(arena, &file->first, capture.tables.at[i].before, LINT_ACCESS_EXCLUSIVE);
  file->estimated_ms += capture_estimate_bytes(&capture, p->run->catalog) / CAPTURE_BYTES_PER_MS;
  return 0;
}

/* ---- what is lost ---- */

static int64_t remaining_ms(const struct planning *p)
{
  int64_t ms = p->until_ms - clock_monotonic_ms();
  return ms > 0 ? ms : 1;
}

static int count_loss(struct planning *p, const struct record_file *file, const char *sql,
                      struct rollback_loss *loss, struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (db_execf(p->conn, err, "SET statement_timeout = '%" PRId64 "ms'", remaining_ms(p)) < 0 ||
      db_query(p->conn, &r, err, sql,
               file->snapshot ? file->snapshot : "1:1:", file->xid ? file->xid : "0", NULL) < 0)
    return -1;
  loss->rows = db_int(r, 0, 0);
  loss->since = file->snapshot && file->xid ? db_int(r, 0, 1) : -1;
  return 0;
}

static int add_loss(struct planning *p, struct rollback_file_plan *file, const char *what,
                    const char *from, struct err *err)
{
  CLEANUP(err_clear) struct err why = ERR_INIT;
  struct rollback_loss loss = {.what = what, .rows = -1, .since = -1, .unknown = p->no_conn};
  if (p->conn &&
      count_loss(p, file->file, rollback_since_sql(p->run->arena, from), &loss, &why) < 0) {
    if (interrupt_check(err) < 0)
      return -1;
    loss.unknown = arena_strdup(p->run->arena, why.message);
  }
  if (loss.rows != 0)
    vec_push(p->run->arena, &file->losses, loss);
  return 0;
}

static int lose_columns(struct planning *p, struct rollback_file_plan *file,
                        const struct sql_tree *tree, struct err *err)
{
  struct arena *arena = p->run->arena;
  for (size_t i = 0; tree && i < tree->actions.len; i++) {
    const struct sql_action *action = &tree->actions.at[i];
    if (tree->kind != SQL_ALTER_TABLE || action->kind != SQL_DROP_COLUMN || !tree->name.schema)
      continue;
    const char *column = sql_ident(arena, action->name);
    const char *table = arena_printf(arena, "%s.%s", sql_ident(arena, tree->name.schema),
                                     sql_ident(arena, tree->name.name));
    if (add_loss(p, file, arena_printf(arena, "column %s.%s", table, column),
                 arena_printf(arena, "%s WHERE %s IS NOT NULL", table, column), err) < 0)
      return -1;
  }
  return 0;
}

/* Tables that the steps drop, by themselves or with others, and columns. */
static int plan_losses(struct planning *p, struct rollback_file_plan *file,
                       const struct sql_script *script, struct err *err)
{
  static const char table[] = "table ";
  for (; p->lost < p->dropped.len; p->lost++) {
    const char *what = p->dropped.at[p->lost];
    if (strncmp(what, table, sizeof(table) - 1) == 0 &&
        add_loss(p, file, what, arena_printf(p->run->arena, "ONLY %s", what + sizeof(table) - 1),
                 err) < 0)
      return -1;
  }
  for (size_t i = 0; i < script->statements.len; i++)
    if (lose_columns(p, file, script->statements.at[i].tree, err) < 0)
      return -1;
  return 0;
}

/* ---- rows ---- */

static int lock_rows(struct planning *p, struct rollback_file_plan *file, struct undo *undo,
                     const char *table, struct err *err)
{
  bool exclusive;
  if (undo_locks_exclusively(undo, p->run->conn, table, &exclusive, err) < 0)
    return -1;
  add_lock(p->run->arena, &file->rows, table,
           exclusive ? LINT_ACCESS_EXCLUSIVE : LINT_SHARE_ROW_EXCLUSIVE);
  return 0;
}

static int preview(struct planning *p, struct rollback_file_plan *file, struct undo *undo,
                   struct err *err)
{
  const struct policy *policy = &p->run->env->policy;
  const struct undo_preview_options options = {
      .on_conflict = p->options->on_conflict,
      .timeout_ms = remaining_ms(p),
      .lock_timeout_ms = policy->apply.lock_timeout_ms,
      .moved = p->moved,
      .dropped = p->dropped,
  };
  CLEANUP(err_clear) struct err why = ERR_INIT;
  const char *not_compared = p->options->newer_first ? "newer runs are rolled back before it"
                             : !policy->inverse.preview_timeout_ms ? "inverse.preview_timeout is 0"
                                                                   : p->no_conn;
  if (not_compared) {
    file->preview = undo_preview_none(undo, not_compared);
    return 0;
  }
  if (undo_preview(undo, p->conn, &options, &file->preview, &why) == 0)
    return 0;
  if (interrupt_check(err) < 0)
    return -1;
  if (why.code == ERR_REFUSED) {
    err_move(err, &why);
    return -1;
  }
  file->preview = undo_preview_none(undo, arena_strdup(p->run->arena, why.message));
  return 0;
}

static int plan_rows(struct planning *p, struct rollback_file_plan *file, struct err *err)
{
  CLEANUP(undo_closep) struct undo *undo = NULL;
  if (!file->file->undo_prefix || file->file->state == RECORD_PARTIAL)
    return 0;
  if (undo_open(p->run->arena, p->run->env->place, file->file->undo_prefix, &undo, err) < 0)
    return err_wrap(err, "opening the rows captured by %s", file->file->name);
  if (preview(p, file, undo, err) < 0)
    return -1;
  for (size_t i = 0; i < file->preview.tables.len; i++) {
    const struct undo_preview_table *t = &file->preview.tables.at[i];
    if (t->table_now && lock_rows(p, file, undo, t->table_now, err) < 0)
      return -1;
  }
  /* what is written back is captured in turn */
  file->estimated_ms += (int64_t)(file->preview.bytes / UNDO_BYTES_PER_MS +
                                  file->preview.bytes / CAPTURE_BYTES_PER_MS);
  return 0;
}

/* For the older files: a table of theirs that this one writes or reshapes. */
static void note_moves(struct planning *p, const struct rollback_file_plan *file)
{
  struct arena *arena = p->run->arena;
  for (size_t i = 0; i < file->preview.tables.len; i++)
    vec_push(arena, &p->moved, file->preview.tables.at[i].table);
  for (size_t i = 0; i < file->steps.len; i++)
    for (size_t k = 0; moves_rows(file->steps.at[i].sql) && k < file->steps.at[i].locks.len; k++)
      vec_push(arena, &p->moved, file->steps.at[i].locks.at[k].relation);
}

/* ---- all of it ---- */

/* Of the newest file. What a killed statement left behind has no such state. */
static int check_schema(struct planning *p, struct err *err)
{
  const struct record_file *newest = p->plan->files.len ? p->plan->files.at[0].file : NULL;
  char now[65];
  if (!newest || newest->state == RECORD_PARTIAL || p->options->newer_first)
    return 0;
  catalog_fingerprint(p->run->catalog, CATALOG_IGNORE_COLUMN_ORDER, now);
  if (newest->shape_after && strcmp(newest->shape_after, now) == 0)
    return 0;
  return rollback_say_altered(newest, err);
}

static void open_conn(struct planning *p)
{
  CLEANUP(err_clear) struct err why = ERR_INIT;
  if (db_open(&p->run->env->target, "belay rollback plan", &p->conn, &why) < 0) {
    p->no_conn = arena_strdup(p->run->arena, why.message);
    return;
  }
  db_cancel_on_signal(p->conn, true);
  p->until_ms = clock_monotonic_ms() + p->run->env->policy.inverse.preview_timeout_ms;
}

static int plan_files(struct planning *p, struct err *err)
{
  struct arena *arena = p->run->arena;
  struct sql_script **scripts =
      arena_alloc(arena, (p->plan->files.len + 1) * sizeof(struct sql_script *));
  struct lint_report found = {0};
  if (read_steps(p, scripts, err) < 0 || find_effects(p, scripts, &found, err) < 0)
    return -1;
  size_t next = 0;
  for (size_t i = 0; i < p->plan->files.len; i++) {
    struct rollback_file_plan *file = &p->plan->files.at[i];
    size_t count = scripts[i]->statements.len;
    bool matched = count == file->file->steps.len && next + count <= found.listed.len;
    for (size_t k = 0; k < file->file->steps.len; k++)
      add_step(p, file, k, matched ? &found.listed.at[next + k] : NULL);
    next += count;
    if (plan_capture(p, file, err) < 0 || plan_rows(p, file, err) < 0 ||
        plan_losses(p, file, scripts[i], err) < 0)
      return -1;
    note_moves(p, file);
    p->plan->estimated_ms += file->estimated_ms;
  }
  return 0;
}

int rollback_plan(struct run *run, const struct rollback_options *options,
                  const struct record *record, struct rollback_plan *ret, struct err *err)
{
  struct planning p = {.run = run, .options = options, .plan = ret};
  if (!run->catalog &&
      catalog_read(run->arena, run->conn, &run->catalog_options, &run->catalog, err) < 0)
    return -1;
  for (size_t i = record->files.len; i-- > 0;)
    if (record->files.at[i].state != RECORD_NOT_APPLIED)
      vec_push(run->arena, &ret->files,
               ((struct rollback_file_plan){.file = &record->files.at[i]}));
  if (check_schema(&p, err) < 0)
    return -1;
  open_conn(&p);
  int rc = plan_files(&p, err);
  db_closep(&p.conn);
  return rc;
}
