#include "migration/ledger.h"
#include "sql/quote.h"

/* Functions are named with their schema: the search_path is the project's. */
#define NOW "pg_catalog.clock_timestamp()"

static const char *table_of(const struct ledger *ledger, struct arena *arena)
{
  const struct ledger_layout *layout = ledger->layout;
  return sql_qualified(arena, ledger->schema, layout->table);
}

int ledger_look_up(const struct ledger *ledger, bool *ret, struct err *err)
{
  const struct ledger_layout *layout = ledger->layout;
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (db_query(ledger->conn, &r, err,
               "SELECT c.relkind IN ('r', 'p') FROM pg_catalog.pg_class c"
               " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
               " WHERE n.nspname = $1 AND c.relname = $2",
               ledger->schema, layout->table, NULL) < 0)
    return err_wrap(err, "looking for the ledger %s", layout->table);
  if (db_rows(r) && !db_bool(r, 0, 0))
    return err_set(err, ERR_PREFLIGHT, "%s.%s is not a table, so it is not the ledger",
                   ledger->schema, layout->table);
  *ret = db_rows(r) > 0;
  return 0;
}

int ledger_make(const struct ledger *ledger, struct err *err)
{
  const struct ledger_layout *layout = ledger->layout;
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  const char *table = table_of(ledger, arena);
  if (db_execf(ledger->conn, err, "CREATE TABLE %s (%s)", table, layout->columns) == 0)
    return 0;
  if (err_sqlstate_is(err, "3F000"))
    err_hint(err, "Create the schema with `CREATE SCHEMA %s`, or correct ?schema= in the URL.",
             sql_ident(arena, ledger->schema));
  return err_wrap(err, "creating the ledger %s", table);
}

/* ISO 8601 in UTC whatever the session's TimeZone; to_char has no answer for infinity */
static void select_time(struct text *sql, const char *column)
{
  text_printf(sql,
              ", coalesce(pg_catalog.to_char(%s AT TIME ZONE 'UTC',"
              " 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), %s::pg_catalog.text)",
              column, column);
}

int ledger_rows_read(const struct ledger *ledger, struct arena *arena, struct ledger_rows *ret,
                     struct err *err)
{
  const struct ledger_layout *layout = ledger->layout;
  CLEANUP(text_clear) struct text sql = TEXT_INIT;
  text_printf(&sql, "SELECT id, %s, checksum, logs, %s", layout->name,
              layout->steps ? layout->steps : "0");
  select_time(&sql, "started_at");
  select_time(&sql, layout->finished_at);
  select_time(&sql, "rolled_back_at");
  text_printf(&sql, " FROM %s ORDER BY started_at, id", table_of(ledger, arena));
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (db_query(ledger->conn, &r, err, sql.data, NULL) < 0)
    return err_wrap(err, "reading the ledger %s", layout->table);
  struct ledger_rows rows = {0};
  for (int i = 0; i < db_rows(r); i++) {
    struct ledger_row *row = vec_add(arena, &rows);
    row->id = arena_strdup(arena, db_value(r, i, 0));
    row->name = arena_strdup(arena, db_value(r, i, 1));
    row->checksum = arena_strdup(arena, db_value(r, i, 2));
    row->logs = arena_strdup(arena, db_value(r, i, 3));
    row->applied_steps = (int)db_int(r, i, 4);
    row->started_at = arena_strdup(arena, db_value(r, i, 5));
    row->finished_at = arena_strdup(arena, db_value(r, i, 6));
    row->rolled_back_at = arena_strdup(arena, db_value(r, i, 7));
  }
  *ret = rows;
  return 0;
}

int ledger_row_add(const struct ledger *ledger, const struct migration *m, const char *started_at,
                   struct err *err)
{
  const struct ledger_layout *layout = ledger->layout;
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  const char *sql = arena_printf(arena,
                                 "INSERT INTO %s (id, %s, checksum, started_at, %s%s%s)"
                                 " VALUES (%s, $1, $2, $3::pg_catalog.timestamptz, " NOW "%s)",
                                 table_of(ledger, arena), layout->name, layout->finished_at,
                                 layout->steps ? ", " : "", layout->steps ? layout->steps : "",
                                 layout->new_id, layout->steps ? ", 1" : "");
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (db_query(ledger->conn, &r, err, sql, m->name, m->checksum, started_at, NULL) < 0)
    return err_wrap(err, "writing %s into the ledger %s", m->name, layout->table);
  return 0;
}

int ledger_row_start(const struct ledger *ledger, struct arena *arena, const struct migration *m,
                     const char **ret_row_id, struct err *err)
{
  const struct ledger_layout *layout = ledger->layout;
  const char *sql = arena_printf(arena,
                                 "INSERT INTO %s (id, %s, checksum, started_at)"
                                 " VALUES (%s, $1, $2, " NOW ") RETURNING id",
                                 table_of(ledger, arena), layout->name, layout->new_id);
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (db_query(ledger->conn, &r, err, sql, m->name, m->checksum, NULL) < 0)
    return err_wrap(err, "writing %s into the ledger %s", m->name, layout->table);
  if (db_rows(r) != 1)
    return err_set(err, ERR_SQL, "the ledger %s did not take the row of %s", layout->table,
                   m->name);
  *ret_row_id = arena_strdup(arena, db_value(r, 0, 0));
  return 0;
}

/* Runs an UPDATE of one row by id; `extra` is $2, or NULL for none. */
static int update_row(const struct ledger *ledger, const char *sql, const char *row_id,
                      const char *extra, struct err *err)
{
  const struct ledger_layout *layout = ledger->layout;
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (db_query(ledger->conn, &r, err, sql, row_id, extra, NULL) < 0)
    return err_wrap(err, "updating row %s of the ledger %s", row_id, layout->table);
  if (db_rows(r) != 1)
    return err_set(err, ERR_SQL, "the ledger %s has no unfinished row with id %s", layout->table,
                   row_id);
  return 0;
}

int ledger_row_finish(const struct ledger *ledger, const char *row_id, struct err *err)
{
  const struct ledger_layout *layout = ledger->layout;
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  const char *sql = arena_printf(arena,
                                 "UPDATE %s SET %s = " NOW "%s%s%s"
                                 " WHERE id::pg_catalog.text = $1 AND %s IS NULL RETURNING id",
                                 table_of(ledger, arena), layout->finished_at,
                                 layout->steps ? ", " : "", layout->steps ? layout->steps : "",
                                 layout->steps ? " = 1" : "", layout->finished_at);
  return update_row(ledger, sql, row_id, NULL, err);
}

int ledger_row_fail(const struct ledger *ledger, const char *row_id, const char *log,
                    struct err *err)
{
  const struct ledger_layout *layout = ledger->layout;
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  const char *sql = arena_printf(
      arena, "UPDATE %s SET logs = $2 WHERE id::pg_catalog.text = $1 AND %s IS NULL RETURNING id",
      table_of(ledger, arena), layout->finished_at);
  return update_row(ledger, sql, row_id, log ? log : "", err);
}

/* It counts as begun, not as finished. */
static const char *reopen_sql(const struct ledger *ledger, struct arena *arena, const char *name)
{
  const struct ledger_layout *layout = ledger->layout;
  return arena_printf(arena,
                      "UPDATE %s SET %s = NULL, logs = 'belay is rolling it back'%s%s%s"
                      " WHERE %s = %s AND rolled_back_at IS NULL RETURNING id",
                      table_of(ledger, arena), layout->finished_at, layout->steps ? ", " : "",
                      layout->steps ? layout->steps : "", layout->steps ? " = 0" : "", layout->name,
                      name);
}

/* It no longer counts; a failed row only where no finished one is meant. */
static const char *undo_sql(const struct ledger *ledger, struct arena *arena, const char *name)
{
  const struct ledger_layout *layout = ledger->layout;
  const char *table = table_of(ledger, arena);
  return arena_printf(
      arena,
      "UPDATE %s SET rolled_back_at = " NOW " WHERE %s = %s AND rolled_back_at IS NULL AND (%s IS "
      "NOT NULL OR NOT EXISTS (SELECT FROM %s o"
      " WHERE o.%s = %s AND o.rolled_back_at IS NULL AND o.%s IS NOT NULL)) RETURNING id",
      table, layout->name, name, layout->finished_at, table, layout->name, name,
      layout->finished_at);
}

const char *ledger_rows_back_sql(const struct ledger *ledger, struct arena *arena, const char *name,
                                 bool whole)
{
  return (whole ? undo_sql : reopen_sql)(ledger, arena, sql_literal(arena, name));
}

int ledger_rows_back(const struct ledger *ledger, const char *name, bool whole, struct err *err)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  const char *table = ledger->layout->table;
  if (db_query(ledger->conn, &r, err, ledger_rows_back_sql(ledger, arena, name, whole), NULL) < 0)
    return err_wrap(err, "marking %s as rolled back in the ledger %s", name, table);
  if (db_rows(r) == 0)
    return err_set(err, ERR_REFUSED, "the ledger %s does not hold %s as applied or failed", table,
                   name);
  return 0;
}
