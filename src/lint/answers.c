#include "lint/questions.h"

#include "base/clock.h"
#include "db/db.h"
#include "sql/quote.h"

enum { DOMAIN_COLUMNS_MAX = 200 };

struct answer {
  int rows;          /* that violate, at most the limit */
  const char *first; /* key of one of them; NULL: none */
  const char *error; /* of a cast: why a value does not fit; else why there is no answer */
};

static const char *listed(struct arena *arena, const struct strings *columns, const char *prefix)
{
  const char *text = "";
  for (size_t i = 0; i < columns->len; i++)
    text = arena_printf(arena, "%s%s%s%s", text, i ? ", " : "", prefix,
                        sql_ident(arena, columns->at[i]));
  return text;
}

/* The columns of the primary key; none: there is no such key. */
static int primary_key(struct lint *lint, const char *table, struct strings *ret, struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (db_query(lint->input->conn, &r, err,
               "SELECT a.attname FROM pg_catalog.pg_index i, unnest(i.indkey::int2[]) WITH"
               " ORDINALITY k(attnum, n) JOIN pg_catalog.pg_attribute a USING (attnum)"
               " WHERE i.indrelid = $1::regclass AND a.attrelid = i.indrelid AND i.indisprimary"
               " AND k.n <= i.indnkeyatts ORDER BY k.n",
               table, NULL) < 0)
    return -1;
  for (int i = 0; i < db_rows(r); i++)
    vec_push(lint->arena, ret, arena_strdup(lint->arena, db_value(r, i, 0)));
  return 0;
}

static int ask_where(struct lint *lint, const char *table, const char *where, struct answer *ret,
                     struct err *err)
{
  struct strings key = {0};
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (primary_key(lint, table, &key, err) < 0)
    return -1;
  const char *shown =
      key.len ? arena_printf(lint->arena, "concat_ws(', ', %s)", listed(lint->arena, &key, "t."))
              : "'ctid ' || t.ctid::text";
  const char *sql = arena_printf(lint->arena, "SELECT %s FROM %s t WHERE %s LIMIT %d", shown, table,
                                 where, lint->settings->question_rows);
  if (db_query(lint->input->conn, &r, err, sql, NULL) < 0)
    return -1;
  ret->rows += db_rows(r);
  if (db_rows(r) > 0 && !ret->first)
    ret->first = arena_strdup(lint->arena, db_value(r, 0, 0) ? db_value(r, 0, 0) : "");
  return 0;
}

static int ask_unique(struct lint *lint, const struct lint_question *q, struct answer *ret,
                      struct err *err)
{
  struct arena *arena = lint->arena;
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  const char *columns = listed(arena, &q->unique, "t."), *where = "true";
  for (size_t i = 0; !q->nulls_equal && i < q->unique.len; i++)
    where =
        arena_printf(arena, "%s AND t.%s IS NOT NULL", where, sql_ident(arena, q->unique.at[i]));
  const char *sql = arena_printf(arena,
                                 "SELECT concat_ws(', ', %s) FROM %s t WHERE %s GROUP BY %s"
                                 " HAVING count(*) > 1 LIMIT %d",
                                 columns, q->table, where, columns, lint->settings->question_rows);
  if (db_query(lint->input->conn, &r, err, sql, NULL) < 0)
    return -1;
  ret->rows = db_rows(r);
  if (ret->rows > 0)
    ret->first = arena_strdup(arena, db_value(r, 0, 0));
  return 0;
}

static int ask_refers(struct lint *lint, const struct lint_question *q, struct answer *ret,
                      struct err *err)
{
  struct arena *arena = lint->arena;
  struct strings there = q->there;
  if (there.len == 0 && primary_key(lint, q->referenced, &there, err) < 0)
    return -1;
  if (there.len != q->refers.len)
    return err_set(err, ERR_SQL, "%s has no such key", q->referenced);
  const char *all = "true", *same = "true";
  for (size_t i = 0; i < there.len; i++) {
    const char *here = sql_ident(arena, q->refers.at[i]);
    all = arena_printf(arena, "%s AND t.%s IS NOT NULL", all, here);
    same = arena_printf(arena, "%s AND o.%s = t.%s", same, sql_ident(arena, there.at[i]), here);
  }
  const char *where = arena_printf(arena, "%s AND NOT EXISTS (SELECT FROM %s o WHERE %s)", all,
                                   q->referenced, same);
  return ask_where(lint, q->table, where, ret, err);
}

/* A constraint that the database holds NOT VALID. */
static int ask_constraint(struct lint *lint, const struct lint_question *q, struct answer *ret,
                          struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (db_query(lint->input->conn, &r, err,
               "SELECT contype, pg_get_expr(conbin, conrelid), quote_ident(nspname) || '.' ||"
               " quote_ident(relname), a.attname, b.attname FROM pg_catalog.pg_constraint c"
               " LEFT JOIN pg_catalog.pg_class o ON o.oid = confrelid"
               " LEFT JOIN pg_catalog.pg_namespace n ON n.oid = o.relnamespace"
               " LEFT JOIN LATERAL unnest(conkey, confkey) k(here, there) ON contype <> 'c'"
               " LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = conrelid AND a.attnum = here"
               " LEFT JOIN pg_catalog.pg_attribute b ON b.attrelid = confrelid AND b.attnum = there"
               " WHERE conrelid = $1::regclass AND conname = $2",
               q->table, q->constraint, NULL) < 0)
    return -1;
  const char *type = db_rows(r) ? db_value(r, 0, 0) : "";
  if (strcmp(type, "c") == 0)
    return ask_where(lint, q->table, arena_printf(lint->arena, "NOT (%s)", db_value(r, 0, 1)), ret,
                     err);
  if (strcmp(type, "n") == 0)
    return ask_where(
        lint, q->table,
        arena_printf(lint->arena, "t.%s IS NULL", sql_ident(lint->arena, db_value(r, 0, 3))), ret,
        err);
  if (strcmp(type, "f") != 0)
    return err_set(err, ERR_SQL, "constraint %s is not in the database", q->constraint);
  struct lint_question key = {.table = q->table,
                              .referenced = arena_strdup(lint->arena, db_value(r, 0, 2))};
  for (int i = 0; i < db_rows(r); i++) {
    vec_push(lint->arena, &key.refers, arena_strdup(lint->arena, db_value(r, i, 3)));
    vec_push(lint->arena, &key.there, arena_strdup(lint->arena, db_value(r, i, 4)));
  }
  return ask_refers(lint, &key, ret, err);
}

static int ask_cast(struct lint *lint, const struct lint_question *q, struct answer *ret,
                    struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  CLEANUP(err_clear) struct err failed = ERR_INIT;
  const char *sql = arena_printf(lint->arena, "SELECT count(%s) FROM %s t", q->cast, q->table);
  if (db_query(lint->input->conn, &r, &failed, sql, NULL) == 0)
    return 0;
  if (!err_sqlstate_is(&failed, "22")) {
    err_move(err, &failed);
    return -1;
  }
  ret->rows = 1;
  ret->error = arena_strdup(lint->arena, failed.message);
  return 0;
}

static int ask_domain(struct lint *lint, const struct lint_question *q, struct answer *ret,
                      struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  const char *domain = sql_qualified(lint->arena, q->domain.schema, q->domain.name);
  if (db_query(lint->input->conn, &r, err,
               "SELECT format('%I.%I', nspname, relname), attname FROM pg_catalog.pg_attribute a"
               " JOIN pg_catalog.pg_class c ON c.oid = attrelid JOIN pg_catalog.pg_namespace n"
               " ON n.oid = relnamespace WHERE atttypid = $1::regtype AND NOT attisdropped"
               " AND relkind IN ('r', 'm') ORDER BY 1, 2",
               domain, NULL) < 0)
    return -1;
  if (db_rows(r) > DOMAIN_COLUMNS_MAX)
    return err_set(err, ERR_SQL, "more than %d columns have it", DOMAIN_COLUMNS_MAX);
  for (int i = 0; i < db_rows(r); i++) {
    const char *where = arena_printf(lint->arena, "(SELECT %s FROM (SELECT t.%s AS value) AS v)",
                                     q->where, sql_ident(lint->arena, db_value(r, i, 1)));
    if (ask_where(lint, db_value(r, i, 0), where, ret, err) < 0)
      return -1;
  }
  return 0;
}

static int ask(struct lint *lint, const struct lint_question *q, struct answer *ret,
               struct err *err)
{
  if (!q->table)
    return ask_domain(lint, q, ret, err);
  if (q->constraint)
    return ask_constraint(lint, q, ret, err);
  if (q->cast)
    return ask_cast(lint, q, ret, err);
  if (q->unique.len)
    return ask_unique(lint, q, ret, err);
  return q->referenced ? ask_refers(lint, q, ret, err)
                       : ask_where(lint, q->table, q->where, ret, err);
}

/* ---- telling ---- */

static const char *told(struct lint *lint, const struct lint_question *q, const struct answer *a)
{
  bool many = a->rows >= lint->settings->question_rows && !q->cast;
  const char *what = q->unique.len ? "key" : "row";
  if (a->rows == 0)
    return arena_printf(lint->arena, "no %s %s", what, q->one);
  if (q->cast)
    return a->error;
  return arena_printf(lint->arena, "%s%d %s%s %s, first key %s", many ? "at least " : "", a->rows,
                      what, a->rows == 1 ? "" : "s", a->rows == 1 ? q->one : q->many, a->first);
}

static void tell(struct lint *lint, struct lint_finding *f, const struct answer *a)
{
  const struct lint_question *q = f->question;
  f->message = arena_printf(lint->arena, "%s: %s%s", f->message, told(lint, q, a),
                            q->doubtful ? " now, and the scripts change rows before" : "");
  f->depth = LINT_CATALOG;
  if (!q->doubtful)
    f->severity = a->rows > 0 ? LINT_ERROR : LINT_INFO;
}

static int answer(struct lint *lint, struct lint_finding *f, struct err *err)
{
  struct answer a = {0};
  CLEANUP(err_clear) struct err failed = ERR_INIT, ignored = ERR_INIT;
  struct db_conn *conn = lint->input->conn;
  int64_t ms = lint->settings->question_timeout_ms;
  if (db_execf(conn, err,
               "BEGIN READ ONLY; SET LOCAL statement_timeout = %" PRId64
               "; SET LOCAL lock_timeout = %" PRId64,
               ms, ms) < 0)
    return -1;
  int rc = ask(lint, f->question, &a, &failed);
  db_exec(conn, "ROLLBACK", &ignored);
  if (db_is_lost(conn)) {
    err_move(err, &failed);
    return -1;
  }
  if (rc == 0)
    tell(lint, f, &a);
  else if (err_sqlstate_is(&failed, "57014") || err_sqlstate_is(&failed, "55P03"))
    f->message = arena_printf(lint->arena, "%s: not answered within %s", f->message,
                              clock_duration(lint->arena, ms));
  else
    f->message = arena_printf(lint->arena, "%s: not answered: %s", f->message, failed.message);
  return 0;
}

int lint_answer(struct lint *lint, struct err *err)
{
  struct lint_findings *findings = &lint->report->findings;
  for (size_t i = 0; lint->input->conn && i < findings->len; i++)
    if (findings->at[i].question && !findings->at[i].suppressed &&
        answer(lint, &findings->at[i], err) < 0)
      return -1;
  return 0;
}
