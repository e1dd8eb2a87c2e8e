#include "inverse/rehearsal_private.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/interrupt.h"
#include "inverse/capture_private.h"

/* ---- open and close ---- */

static int load_rows(struct rehearsal *r, struct db_conn *conn, struct err *err)
{
  CLEANUP(err_clear) struct err refused = ERR_INIT;
  if (db_exec(conn, "BEGIN", err) < 0)
    return -1;
  if (db_exec(conn, "SET LOCAL session_replication_role = replica", &refused) < 0) {
    if (db_is_lost(conn)) {
      err_move(err, &refused);
      return -1;
    }
    r->ended =
        arena_printf(r->arena, "to load them takes a superuser on the %s", shadow_where(r->clone));
    return db_exec(conn, "ROLLBACK", err);
  }
  int rc = r->options.rows == REHEARSAL_SAMPLED ? rehearsal_sample(r, conn, err)
                                                : rehearsal_make_rows(r, conn, err);
  return rc < 0 ? -1 : db_exec(conn, "COMMIT", err);
}

bool rehearsal_is_late(const struct rehearsal *r)
{
  return clock_monotonic_ms() >= r->fill_until_ms;
}

void rehearsal_note_late(struct rehearsal *r, size_t left)
{
  vec_push(r->arena, &r->not_covered,
           arena_printf(r->arena, "%zu tables: they were not reached within %d s", left,
                        REHEARSAL_FILL_MS / 1000));
}

/* In the directory of a throw-away server: there nothing stays behind a kill. */
static int make_directory(struct rehearsal *r, struct err *err)
{
  const char *server = shadow_directory(r->clone);
  char *dir = server ? fs_join(r->arena, server, "rows") : NULL;
  if (!dir && fs_temp_dir(r->arena, "belay-rows-", &dir, err) < 0)
    return -1;
  r->dir = dir;
  return place_open(dir, &r->place, err);
}

static int fill(struct rehearsal *r, struct err *err)
{
  CLEANUP(db_closep) struct db_conn *conn = NULL;
  r->fill_until_ms = clock_monotonic_ms() + REHEARSAL_FILL_MS;
  if (make_directory(r, err) < 0 || shadow_session(r->clone, &conn, err) < 0)
    return -1;
  return load_rows(r, conn, err);
}

int rehearsal_open(struct arena *arena, struct shadow *shadow,
                   const struct rehearsal_options *options, struct rehearsal **ret, struct err *err)
{
  struct rehearsal *r = ARENA_NEW(arena, struct rehearsal);
  CLEANUP(err_clear) struct err why = ERR_INIT;
  r->arena = arena;
  r->options = *options;
  if (shadow_clone(shadow, &r->clone, &why) < 0 || fill(r, &why) < 0) {
    r->ended = arena_strdup(arena, why.message);
    if (interrupt_check(err) < 0 || !shadow_conn(shadow)) {
      if (!err_is_set(err))
        err_move(err, &why);
      rehearsal_closep(&r);
      return err_wrap(err, "putting rows into the shadow");
    }
  }
  *ret = r;
  return 0;
}

void rehearsal_closep(struct rehearsal **r)
{
  if (*r) {
    CLEANUP(err_clear) struct err ignored = ERR_INIT;
    db_closep(&(*r)->conn);
    place_closep(&(*r)->place);
    shadow_closep(&(*r)->clone);
    if ((*r)->dir)
      (void)fs_remove_tree((*r)->dir, &ignored);
  }
  *r = NULL;
}

void rehearsal_end_session(struct rehearsal *r)
{
  db_closep(&r->conn);
}

/* ---- what tables hold ---- */

/* One query for a table: count, and a digest that does not depend on the order of rows or columns.
 */
struct content {
  const char *table, *sql;
  int64_t rows;
  const char *digest;
};
VEC_TYPE(contents, struct content);

static int read_content(struct rehearsal *r, struct db_conn *conn, struct content *c,
                        int64_t *ret_rows, const char **ret_digest, struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *found = NULL;
  if (db_query(conn, &found, err, c->sql, NULL) < 0)
    return err_wrap(err, "reading the rows of %s in the shadow", c->table);
  *ret_rows = db_int(found, 0, 0);
  *ret_digest = arena_strdup(r->arena, db_value(found, 0, 1));
  return 0;
}

static const char *content_sql(struct rehearsal *r, const struct rehearsal_table *t)
{
  return arena_printf(
      r->arena,
      "SELECT pg_catalog.count(*), pg_catalog.md5(coalesce(pg_catalog.string_agg(h, ''"
      " ORDER BY h COLLATE \"C\"), '')) FROM (SELECT pg_catalog.md5(ROW(%s)::pg_catalog.text) AS h"
      " FROM ONLY %s) x",
      t->texts ? t->texts : "", t->name);
}

static int read_contents(struct rehearsal *r, struct db_conn *conn, struct contents *ret,
                         struct err *err)
{
  struct rehearsal_tables tables = {0};
  struct capture_settings saved = {0};
  if (capture_settings_enter(r->arena, conn, &saved, err) < 0 ||
      rehearsal_read_tables(r->arena, conn, &tables, err) < 0)
    return -1;
  for (size_t i = 0; i < tables.len; i++) {
    struct content c = {.table = tables.at[i].name, .sql = content_sql(r, &tables.at[i])};
    if (read_content(r, conn, &c, &c.rows, &c.digest, err) < 0)
      return -1;
    vec_push(r->arena, ret, c);
  }
  return capture_settings_leave(conn, &saved, err);
}

static int compare_contents(struct rehearsal *r, struct db_conn *conn, struct contents *before,
                            struct inverse_rows *result, struct err *err)
{
  struct capture_settings saved = {0};
  if (capture_settings_enter(r->arena, conn, &saved, err) < 0)
    return -1;
  for (size_t i = 0; i < before->len; i++) {
    struct content *c = &before->at[i];
    int64_t rows;
    const char *digest;
    if (read_content(r, conn, c, &rows, &digest, err) < 0)
      return -1;
    if (rows != c->rows)
      vec_push(r->arena, &result->refusals,
               arena_printf(r->arena,
                            "%s had %" PRId64 " rows before, and has %" PRId64
                            " after the rollback",
                            c->table, c->rows, rows));
    else if (strcmp(digest, c->digest) != 0)
      vec_push(r->arena, &result->refusals,
               arena_printf(r->arena, "the rows of %s are not those of before after the rollback",
                            c->table));
  }
  return capture_settings_leave(conn, &saved, err);
}

struct positions {
  struct capture_sequence *at;
  size_t count;
};

static const struct capture_sequence *position_of(const struct positions *p, const char *identity)
{
  for (size_t i = 0; i < p->count; i++)
    if (strcmp(p->at[i].identity, identity) == 0)
      return &p->at[i];
  return NULL;
}

static int compare_positions(struct rehearsal *r, struct db_conn *conn,
                             const struct positions *before, struct inverse_rows *result,
                             struct err *err)
{
  struct positions now;
  if (capture_sequences_read(r->arena, conn, &now.at, &now.count, err) < 0)
    return -1;
  for (size_t i = 0; i < before->count; i++) {
    const struct capture_sequence *was = &before->at[i];
    const struct capture_sequence *is = position_of(&now, was->identity);
    if (!is || strcmp(is->last_value, was->last_value) != 0 ||
        strcmp(is->is_called, was->is_called) != 0)
      vec_push(r->arena, &result->refusals,
               arena_printf(r->arena,
                            "sequence %s stood at %s before, and stands at %s after the "
                            "rollback",
                            was->identity, was->last_value, is ? is->last_value : "nothing"));
  }
  return 0;
}

/* ---- one migration and its rollback ---- */

struct passage {
  struct rehearsal *r;
  const struct sql_script *script;
  const struct inverse *inverse;
  const struct capture_plan *plan;
  struct inverse_rows *result;
  struct contents contents;
  struct positions positions;
  bool captures; /* in a transaction */
};

static int roll_back(struct db_conn *conn, struct err *err)
{
  return db_transaction_status(conn) == 'I' ? 0 : db_exec(conn, "ROLLBACK", err);
}

/* Is it the connection that failed, or we that were interrupted, not the migration? */
static bool is_ours(const struct db_conn *conn, struct err *why, struct err *err)
{
  if (interrupt_check(err) < 0)
    return true;
  if (!db_is_lost(conn))
    return false;
  err_move(err, why);
  return true;
}

static int run_statement(struct passage *p, size_t i, struct capture *capture, struct err *err)
{
  const struct sql_statement *st = &p->script->statements.at[i];
  struct rehearsal *r = p->r;
  const char *out = shadow_keeps_out(r->clone, r->arena, st);
  if (interrupt_check(err) < 0)
    return -1;
  if (out) {
    vec_push(r->arena, &p->result->not_covered,
             arena_printf(r->arena, "%s:%d: %s", p->script->name, st->start.line, out));
    return 0;
  }
  if (db_run_statement(r->conn, r->arena, st->text, NULL, NULL, err) < 0)
    return err_wrap(err, "%s:%d:%d", p->script->name, st->start.line, st->start.column);
  return capture ? capture_after_statement(capture, err) : 0;
}

static struct capture_options capture_of(const struct rehearsal *r, struct db_conn *conn,
                                         struct db_conn *observer, const char *prefix,
                                         const struct capture_plan *plan)
{
  return (struct capture_options){
      .conn = conn, .observer = observer, .place = r->place, .prefix = prefix, .plan = plan};
}

static int run_captured(struct passage *p, size_t first, size_t last, struct err *err)
{
  struct rehearsal *r = p->r;
  CLEANUP(db_closep) struct db_conn *observer = NULL;
  CLEANUP(capture_freep) struct capture *capture = NULL;
  if (shadow_session(r->clone, &observer, err) < 0 || db_exec(r->conn, "BEGIN", err) < 0)
    return -1;
  struct capture_options options = capture_of(r, r->conn, observer, "rows/forth", p->plan);
  if (capture_begin(r->arena, &options, &capture, err) < 0)
    return -1;
  for (size_t i = first; i < last; i++)
    if (run_statement(p, i, capture, err) < 0)
      return -1;
  if (db_exec(r->conn, "SET CONSTRAINTS ALL IMMEDIATE; RESET SESSION AUTHORIZATION; RESET ROLE",
              err) < 0 ||
      capture_finish(capture, err) < 0)
    return -1;
  return db_exec(r->conn, "COMMIT", err);
}

static int run_forth(struct passage *p, struct err *err)
{
  enum sql_shape shape;
  size_t first, last;
  if (sql_script_shape(p->script, &shape, &first, &last, err) < 0)
    return -1;
  p->captures = shape == SQL_SHAPE_TRANSACTION;
  if (p->captures)
    return run_captured(p, first, last, err);
  for (size_t i = first; i < last; i++)
    if (run_statement(p, i, NULL, err) < 0)
      return -1;
  return 0;
}

static int run_steps(struct passage *p, struct db_conn *conn, enum inverse_phase phase,
                     struct capture *capture, struct err *err)
{
  const struct inverse_steps *steps = &p->inverse->steps;
  for (size_t i = 0; i < steps->len; i++)
    if (steps->at[i].phase == phase &&
        (db_run_statement(conn, p->r->arena, steps->at[i].sql, NULL, NULL, err) < 0 ||
         capture_after_statement(capture, err) < 0))
      return err_wrap(err, "%s", steps->at[i].sql);
  return 0;
}

static int write_back(struct undo *undo, struct db_conn *conn, struct capture *capture,
                      struct err *err)
{
  struct undo_report report = {0};
  if (!undo)
    return 0;
  if (db_exec(conn, "SET CONSTRAINTS ALL DEFERRED", err) < 0 ||
      undo_write(undo, conn, UNDO_KEEP, &report, err) < 0)
    return -1;
  undo_expect(undo, capture);
  return capture_after_statement(capture, err);
}

/* As run/rollback_file.c does it. */
static int run_back(struct passage *p, struct db_conn *conn, struct db_conn *observer,
                    struct err *err)
{
  struct rehearsal *r = p->r;
  struct capture_plan plan;
  CLEANUP(undo_closep) struct undo *undo = NULL;
  CLEANUP(capture_freep) struct capture *capture = NULL;
  capture_plan_reverse(r->arena, p->inverse, p->plan, &plan);
  if (plan.refusals.len) /* told by itself (a rollback will be refused unless it is allowed) */
    capture_plan_copies(r->arena, p->inverse, &plan);
  if (db_exec(conn, "BEGIN", err) < 0 ||
      (p->captures && undo_open(r->arena, r->place, "rows/forth", &undo, err) < 0) ||
      (undo && undo_extend_plan(undo, conn, p->inverse->steps.len > 0, &plan, err) < 0))
    return -1;
  struct capture_options options = capture_of(r, conn, observer, "rows/back", &plan);
  if (capture_begin(r->arena, &options, &capture, err) < 0 ||
      (undo && undo_compare(undo, conn, err) < 0) ||
      run_steps(p, conn, INVERSE_BEFORE_DATA, capture, err) < 0 ||
      write_back(undo, conn, capture, err) < 0 ||
      run_steps(p, conn, INVERSE_AFTER_DATA, capture, err) < 0 ||
      db_exec(conn, "SET CONSTRAINTS ALL IMMEDIATE", err) < 0)
    return -1;
  return capture_finish(capture, err);
}

static int check_back(struct passage *p, struct db_conn *conn, struct err *err)
{
  return compare_contents(p->r, conn, &p->contents, p->result, err) < 0
             ? -1
             : compare_positions(p->r, conn, &p->positions, p->result, err);
}

/* A value that was made up may not fit the type that it goes back to; so may a true one, but then
 * apply tries it on all of them (run/way_back.c). */
static bool is_about_values(const struct err *why)
{
  return err_sqlstate_is(why, "22") || err_sqlstate_is(why, "23") || err_sqlstate_is(why, "42846");
}

/* "message: detail" */
static const char *words_of(struct rehearsal *r, const struct err *why)
{
  return arena_printf(r->arena, "%s%s%s", why->message, why->detail ? ": " : "",
                      why->detail ? why->detail : "");
}

static int try_back(struct passage *p, struct err *err)
{
  struct rehearsal *r = p->r;
  CLEANUP(err_clear) struct err why = ERR_INIT;
  CLEANUP(db_closep) struct db_conn *conn = NULL;
  CLEANUP(db_closep) struct db_conn *observer = NULL;
  if (shadow_session(r->clone, &conn, err) < 0 || shadow_session(r->clone, &observer, err) < 0)
    return -1;
  if (run_back(p, conn, observer, &why) == 0 && check_back(p, conn, &why) == 0)
    return roll_back(conn, err);
  if (is_ours(conn, &why, err))
    return -1;
  const char *said = arena_printf(r->arena, "the rollback fails: %s", words_of(r, &why));
  if (r->options.rows == REHEARSAL_SYNTHETIC && is_about_values(&why))
    p->result->not_tried = said;
  else
    vec_push(r->arena, &p->result->refusals, said);
  return roll_back(conn, err);
}

static int count_rows(struct passage *p, struct err *err)
{
  struct rehearsal *r = p->r;
  CLEANUP(db_closep) struct db_conn *conn = NULL;
  if (shadow_session(r->clone, &conn, err) < 0 || read_contents(r, conn, &p->contents, err) < 0 ||
      capture_sequences_read(r->arena, conn, &p->positions.at, &p->positions.count, err) < 0)
    return -1;
  for (size_t i = 0; i < p->contents.len; i++) {
    p->result->rows += p->contents.at[i].rows;
    p->result->tables += p->contents.at[i].rows > 0;
  }
  return 0;
}

/* The migration could not run, or its rows could not be captured. */
static int fail_forth(struct passage *p, struct err *why, struct err *err)
{
  struct rehearsal *r = p->r;
  if (is_ours(r->conn, why, err))
    return -1;
  r->ended = arena_printf(r->arena, "%s does not run on %s rows: %s", p->inverse->name,
                          p->result->kind, words_of(r, why));
  if (why->code == ERR_REFUSED) /* by capture: so apply would */
    vec_push(r->arena, &p->result->refusals, words_of(r, why));
  else
    p->result->not_tried = r->ended;
  return roll_back(r->conn, err);
}

static struct inverse_rows *new_result(struct rehearsal *r, struct inverse *inverse)
{
  struct inverse_rows *result = ARENA_NEW(r->arena, struct inverse_rows);
  result->kind = r->options.rows == REHEARSAL_SAMPLED ? "sampled" : "synthetic";
  for (size_t i = 0; i < r->not_covered.len; i++)
    vec_push(r->arena, &result->not_covered, r->not_covered.at[i]);
  inverse->rows = result;
  return result;
}

void rehearsal_skip(struct rehearsal *r, struct inverse *inverse, const char *why)
{
  struct inverse_rows *result = new_result(r, inverse);
  if (!r->ended)
    r->ended = why;
  result->not_tried = r->ended;
}

int rehearsal_try(struct rehearsal *r, const struct sql_script *script, struct inverse *inverse,
                  const struct capture_plan *plan, struct err *err)
{
  if (r->ended || plan->refusals.len || inverse->verdict == INVERSE_NONE) {
    rehearsal_skip(r, inverse, plan->refusals.len ? plan->refusals.at[0] : "there is no way back");
    return 0;
  }
  CLEANUP(err_clear) struct err why = ERR_INIT;
  struct passage p = {
      .r = r, .script = script, .inverse = inverse, .plan = plan, .result = new_result(r, inverse)};
  if (!r->conn && shadow_session(r->clone, &r->conn, err) < 0)
    return -1;
  if (count_rows(&p, &why) < 0 || run_forth(&p, &why) < 0)
    return fail_forth(&p, &why, err);
  if (try_back(&p, err) < 0 || place_delete_prefix(r->place, "rows", err) < 0)
    return err_wrap(err, "trying the rollback of %s with rows", inverse->name);
  return 0;
}
