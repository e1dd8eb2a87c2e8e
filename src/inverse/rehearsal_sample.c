/* Rows of the target: some of each table, and what they refer to. All reading is done in one
 * read-only transaction, each table's in a savepoint: what cannot be read is named. */
#include "inverse/rehearsal_private.h"

#include "base/interrupt.h"
#include "inverse/capture_private.h"
#include "sql/quote.h"

enum {
  ROUNDS_MAX = 100,      /* of references followed */
  REFERRED_FACTOR = 20,  /* so many times per_table, of a table that others refer to, per key */
  SAMPLE_FACTOR = 10,    /* so many times per_table are in the blocks that are read */
  SAMPLE_PAGES_MIN = 20, /* a table of fewer is read from its beginning */
  LOCK_TIMEOUT_MS = 2000,
};

/* ---- the schema of the clone ---- */

void rehearsal_list(struct arena *arena, const char *json, struct strings *ret)
{
  json_t *array = json ? json_loads(json, 0, NULL) : NULL;
  for (size_t i = 0; i < json_array_size(array); i++)
    vec_push(arena, ret, arena_strdup(arena, json_string_value(json_array_get(array, i))));
  json_decref(array);
}

int rehearsal_read_tables(struct arena *arena, struct db_conn *conn, struct rehearsal_tables *ret,
                          struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  static const char sql[] =
      "SELECT format('%I.%I', n.nspname, c.relname),"
      " (SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute"
      "  WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = ''),"
      " (SELECT string_agg(quote_ident(attname) || '::pg_catalog.text', ', ' ORDER BY attname)"
      "  FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped)"
      " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
      " WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname !~ '^pg_'"
      " AND n.nspname <> 'information_schema'"
      " AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass"
      "  AND d.objid = c.oid AND d.deptype = 'e') ORDER BY 1";
  if (db_query(conn, &r, err, sql, NULL) < 0)
    return err_wrap(err, "listing the tables of the shadow");
  for (int i = 0; i < db_rows(r); i++) {
    struct rehearsal_table *t = vec_add(arena, ret);
    t->name = arena_strdup(arena, db_value(r, i, 0));
    t->columns = arena_strdup(arena, db_value(r, i, 1));
    t->texts = arena_strdup(arena, db_value(r, i, 2));
  }
  return 0;
}

int rehearsal_read_keys(struct arena *arena, struct db_conn *conn, struct rehearsal_keys *ret,
                        struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  static const char sql[] =
      "SELECT c.name, p.name, c.kind, p.kind,"
      " (SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute"
      "  WHERE attrelid = k.confrelid AND attnum > 0 AND NOT attisdropped AND attgenerated = ''),"
      " (SELECT json_agg(quote_ident(attname) ORDER BY o) FROM unnest(k.conkey)"
      "  WITH ORDINALITY u(n, o) JOIN pg_attribute ON attrelid = k.conrelid AND attnum = n),"
      " (SELECT json_agg(quote_ident(attname) ORDER BY o) FROM unnest(k.confkey)"
      "  WITH ORDINALITY u(n, o) JOIN pg_attribute ON attrelid = k.confrelid AND attnum = n),"
      " (SELECT json_agg(format_type(atttypid, atttypmod) ORDER BY o)"
      "  FROM unnest(k.confkey) WITH ORDINALITY u(n, o)"
      "  JOIN pg_attribute ON attrelid = k.confrelid AND attnum = n), k.convalidated"
      " FROM pg_constraint k"
      " JOIN LATERAL (SELECT format('%I.%I', nspname, relname) AS name, relkind AS kind"
      "  FROM pg_class x JOIN pg_namespace n ON n.oid = relnamespace WHERE x.oid = k.conrelid) c"
      "  ON true"
      " JOIN LATERAL (SELECT format('%I.%I', nspname, relname) AS name, relkind AS kind"
      "  FROM pg_class x JOIN pg_namespace n ON n.oid = relnamespace WHERE x.oid = k.confrelid) p"
      "  ON true"
      " WHERE k.contype = 'f' AND k.conparentid = 0 ORDER BY 1, k.conname";
  if (db_query(conn, &r, err, sql, NULL) < 0)
    return err_wrap(err, "listing the foreign keys of the shadow");
  for (int i = 0; i < db_rows(r); i++) {
    struct rehearsal_key *k = vec_add(arena, ret);
    k->child = arena_strdup(arena, db_value(r, i, 0));
    k->parent = arena_strdup(arena, db_value(r, i, 1));
    k->from_child = capture_from(arena, k->child, db_value(r, i, 2)[0] == 'p');
    k->from_parent = capture_from(arena, k->parent, db_value(r, i, 3)[0] == 'p');
    k->parent_columns = arena_strdup(arena, db_value(r, i, 4));
    rehearsal_list(arena, db_value(r, i, 5), &k->columns);
    rehearsal_list(arena, db_value(r, i, 6), &k->parent_key);
    rehearsal_list(arena, db_value(r, i, 7), &k->types);
    k->validated = db_bool(r, i, 8);
  }
  return 0;
}

char *rehearsal_missing_sql(struct arena *arena, const struct rehearsal_key *key)
{
  CLEANUP(text_clear) struct text sql = TEXT_INIT;
  for (size_t i = 0; i < key->columns.len; i++)
    text_printf(&sql, "%sc.%s IS NOT NULL", i ? " AND " : "", key->columns.at[i]);
  text_printf(&sql, " AND NOT EXISTS (SELECT FROM %s p WHERE ", key->from_parent);
  for (size_t i = 0; i < key->columns.len; i++)
    text_printf(&sql, "%sp.%s = c.%s", i ? " AND " : "", key->parent_key.at[i], key->columns.at[i]);
  text_putc(&sql, ')');
  return arena_strdup(arena, sql.data);
}

/* 0: done; 1: refused (a publication wants a replica identity), and said. */
static int remove_orphans_of(struct rehearsal *r, struct db_conn *conn,
                             const struct rehearsal_key *key, int64_t *ret_rows, struct err *err)
{
  CLEANUP(err_clear) struct err why = ERR_INIT;
  const char *sql = arena_printf(r->arena, "DELETE FROM %s c WHERE %s", key->from_child,
                                 rehearsal_missing_sql(r->arena, key));
  if (db_exec(conn, "SAVEPOINT belay_rows", err) < 0)
    return -1;
  if (db_run_statement(conn, r->arena, sql, NULL, ret_rows, &why) == 0)
    return db_exec(conn, "RELEASE SAVEPOINT belay_rows", err);
  if (db_is_lost(conn)) {
    err_move(err, &why);
    return -1;
  }
  vec_push(r->arena, &r->not_covered,
           arena_printf(r->arena, "%s: rows that refer to none of %s stay: %s", key->child,
                        key->parent, why.message));
  static const char back[] = "ROLLBACK TO SAVEPOINT belay_rows; RELEASE SAVEPOINT belay_rows";
  return db_exec(conn, back, err) < 0 ? -1 : 1;
}

int rehearsal_remove_orphans(struct rehearsal *r, struct db_conn *conn, struct err *err)
{
  struct rehearsal_keys keys = {0};
  if (rehearsal_read_keys(r->arena, conn, &keys, err) < 0)
    return -1;
  bool removed = true;
  for (int round = 0; removed && round < ROUNDS_MAX; round++) {
    removed = false;
    for (size_t i = 0; i < keys.len; i++) {
      int64_t rows = 0;
      int rc = keys.at[i].validated ? remove_orphans_of(r, conn, &keys.at[i], &rows, err) : 0;
      if (rc < 0)
        return err_wrap(err, "removing rows of %s that refer to nothing", keys.at[i].child);
      keys.at[i].validated = keys.at[i].validated && rc == 0;
      removed = removed || rows > 0;
    }
  }
  return 0;
}

/* ---- from there to here ---- */

static int put_row(void *context, const char *bytes, size_t len, struct err *err)
{
  return db_copy_in_put(context, bytes, len, err);
}

/* A COPY of a query there into a table here. */
static int pass_rows(struct db_conn *from, struct db_conn *to, const char *query, const char *table,
                     const char *columns, struct err *err)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  int64_t rows;
  if (db_copy_in_begin(to, arena_printf(arena, "COPY %s (%s) FROM STDIN", table, columns), err) < 0)
    return -1;
  if (db_copy_out(from, arena_printf(arena, "COPY (%s) TO STDOUT", query), put_row, to, &rows,
                  err) < 0) {
    db_copy_in_abort(to, "the rows could not be read");
    return -1;
  }
  return db_copy_in_end(to, &rows, err);
}

/* The same in savepoints on both sides. 0: passed; 1: not, and said; -1: err. */
static int try_pass(struct rehearsal *r, struct db_conn *from, struct db_conn *to,
                    const char *query, const char *table, const char *columns, struct err *err)
{
  static const char begin[] = "SAVEPOINT belay_rows", keep[] = "RELEASE SAVEPOINT belay_rows",
                    back[] = "ROLLBACK TO SAVEPOINT belay_rows; RELEASE SAVEPOINT belay_rows";
  CLEANUP(err_clear) struct err why = ERR_INIT;
  if (interrupt_check(err) < 0 || db_exec(from, begin, err) < 0 || db_exec(to, begin, err) < 0)
    return -1;
  int rc = pass_rows(from, to, query, table, columns, &why);
  if (rc < 0 && (db_is_lost(from) || db_is_lost(to))) {
    err_move(err, &why);
    return -1;
  }
  if (rc < 0)
    vec_push(r->arena, &r->not_covered, arena_printf(r->arena, "%s: %s", table, why.message));
  const char *end = rc < 0 ? back : keep;
  if (db_exec(from, end, err) < 0 || db_exec(to, end, err) < 0)
    return -1;
  return rc < 0;
}

static int sample_table(struct rehearsal *r, struct db_conn *from, struct db_conn *to,
                        const struct rehearsal_table *t, struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *found = NULL;
  if (!t->columns)
    return 0;
  if (db_query(from, &found, err,
               "SELECT greatest(reltuples, 1)::bigint, greatest(relpages, 1) FROM pg_class"
               " WHERE oid = $1::regclass",
               t->name, NULL) < 0)
    return -1;
  double pages = (double)db_int(found, 0, 1), wanted = r->options.per_table;
  double part = SAMPLE_FACTOR * wanted / (double)db_int(found, 0, 0);
  part = part * pages < SAMPLE_PAGES_MIN ? SAMPLE_PAGES_MIN / pages : part;
  const char *sample = "";
  if (part < 1)
    sample = arena_printf(r->arena, " TABLESAMPLE SYSTEM (%.6f) REPEATABLE (1)", 100 * part);
  const char *query = arena_printf(r->arena, "SELECT %s FROM ONLY %s%s LIMIT %d", t->columns,
                                   t->name, sample, r->options.per_table);
  return try_pass(r, from, to, query, t->name, t->columns, err) < 0 ? -1 : 0;
}

/* The keys that rows of the child have and no row of the parent, as "('1'::integer, ...), ..." */
static int missing_keys(struct rehearsal *r, struct db_conn *to, const struct rehearsal_key *key,
                        struct text *ret, struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *found = NULL;
  CLEANUP(text_clear) struct text sql = TEXT_INIT;
  text_puts(&sql, "SELECT DISTINCT ");
  for (size_t i = 0; i < key->columns.len; i++)
    text_printf(&sql, "%sc.%s::text", i ? ", " : "", key->columns.at[i]);
  text_printf(&sql, " FROM %s c WHERE %s LIMIT %d", key->from_child,
              rehearsal_missing_sql(r->arena, key), r->options.per_table * REFERRED_FACTOR);
  if (db_query(to, &found, err, sql.data, NULL) < 0)
    return err_wrap(err, "looking for the rows that %s refers to", key->child);
  for (int i = 0; i < db_rows(found); i++) {
    text_puts(ret, i ? ", (" : "(");
    for (size_t k = 0; k < key->columns.len; k++)
      text_printf(ret, "%s%s::%s", k ? ", " : "", sql_literal(r->arena, db_value(found, i, (int)k)),
                  key->types.at[k]);
    text_putc(ret, ')');
  }
  return 0;
}

static void list_names(struct text *out, const struct strings *names)
{
  for (size_t i = 0; i < names->len; i++)
    text_printf(out, "%s%s", i ? ", " : "", names->at[i]);
}

/* Fetches what is missing of one key. */
static int follow(struct rehearsal *r, struct db_conn *from, struct db_conn *to,
                  struct rehearsal_key *key, bool *ret_fetched, struct err *err)
{
  CLEANUP(text_clear) struct text values = TEXT_INIT;
  CLEANUP(text_clear) struct text again = TEXT_INIT;
  CLEANUP(text_clear) struct text names = TEXT_INIT;
  if (key->exhausted || missing_keys(r, to, key, &values, err) < 0)
    return key->exhausted ? 0 : -1;
  if (!values.len)
    return 0;
  list_names(&names, &key->parent_key);
  const char *query = arena_printf(r->arena, "SELECT %s FROM %s WHERE (%s) IN (VALUES %s)",
                                   key->parent_columns, key->from_parent, names.data, values.data);
  int rc = try_pass(r, from, to, query, key->parent, key->parent_columns, err);
  if (rc < 0 || missing_keys(r, to, key, &again, err) < 0)
    return -1;
  key->exhausted = rc > 0 || (again.len && strcmp(again.data, values.data) == 0);
  *ret_fetched = *ret_fetched || rc == 0;
  return 0;
}

static int follow_all(struct rehearsal *r, struct db_conn *from, struct db_conn *to,
                      struct err *err)
{
  struct rehearsal_keys keys = {0};
  if (rehearsal_read_keys(r->arena, to, &keys, err) < 0)
    return -1;
  bool fetched = true;
  for (int round = 0; fetched && round < ROUNDS_MAX && !rehearsal_is_late(r); round++) {
    fetched = false;
    for (size_t i = 0; i < keys.len; i++)
      if (follow(r, from, to, &keys.at[i], &fetched, err) < 0)
        return -1;
  }
  return rehearsal_remove_orphans(r, to, err);
}

/* ---- the whole ---- */

static int set_positions(struct rehearsal *r, struct db_conn *from, struct db_conn *to,
                         struct err *err)
{
  struct capture_sequence *at;
  size_t count;
  if (capture_sequences_read(r->arena, from, &at, &count, err) < 0)
    return -1;
  for (size_t i = 0; i < count; i++)
    if (db_execf(to, err,
                 "SELECT setval(to_regclass(%s), %s, %s) WHERE to_regclass(%s) IS NOT NULL",
                 sql_literal(r->arena, at[i].identity), at[i].last_value,
                 at[i].is_called[0] == 't' ? "true" : "false",
                 sql_literal(r->arena, at[i].identity)) < 0)
      return err_wrap(err, "setting sequence %s in the shadow", at[i].identity);
  return 0;
}

int rehearsal_sample(struct rehearsal *r, struct db_conn *to, struct err *err)
{
  CLEANUP(db_closep) struct db_conn *from = NULL;
  struct rehearsal_tables tables = {0};
  if (db_open(r->options.source, "belay shadow", &from, err) < 0 ||
      db_execf(from, err,
               "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL row_security = off;"
               " SET LOCAL lock_timeout = %d; SET LOCAL statement_timeout = %d",
               LOCK_TIMEOUT_MS, REHEARSAL_FILL_MS) < 0 ||
      rehearsal_read_tables(r->arena, to, &tables, err) < 0)
    return -1;
  size_t done = 0;
  for (; done < tables.len && !rehearsal_is_late(r); done++)
    if (sample_table(r, from, to, &tables.at[done], err) < 0)
      return -1;
  if (done < tables.len)
    rehearsal_note_late(r, tables.len - done);
  return follow_all(r, from, to, err) < 0 ? -1 : set_positions(r, from, to, err);
}
