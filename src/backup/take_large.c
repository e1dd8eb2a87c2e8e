#include "backup/take.h"

#include "sql/quote.h"

bool take_row_is_too_large(const struct err *err)
{
  /* a string buffer that cannot grow, or a value of more than 1 GB as text */
  return err_sqlstate_is(err, "54000") || err_sqlstate_is(err, "53200") ||
         (err_sqlstate_is(err, "XX000") && strstr(err->message, "invalid memory alloc request"));
}

/* "id=7, kind=x", as an SQL expression; "" without a key. */
static const char *key_expression(struct arena *arena, const struct take *take,
                                  const struct take_table *table)
{
  const struct catalog_object *object = catalog_find(take->catalog, CATALOG_TABLE, table->oid, 0);
  struct strings key = {0};
  const char *parts = "";
  if (object)
    key = catalog_row_key(arena, take->catalog, object);
  for (size_t i = 0; i < key.len; i++)
    parts = arena_printf(arena, "%s, %s || '=' || pg_catalog.left(%s::pg_catalog.text, 100)", parts,
                         sql_literal(arena, key.at[i]), sql_ident(arena, key.at[i]));
  return key.len ? arena_printf(arena, "pg_catalog.concat_ws(', '%s)", parts) : "''";
}

/* The server sends the rows of a unit in the order of their places, so the one it failed at comes
 * after those that arrived. Copied alone it must fail again, or it is not the one. */
static int find_row(const struct take *take, struct db_conn *conn, const struct take_unit *unit,
                    int64_t arrived, const char **ret_name, struct arena *arena, struct err *err)
{
  const struct take_table *table = unit->table;
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  CLEANUP(err_clear) struct err again = ERR_INIT;
  struct chunks_content ignored;
  const char *sql = arena_printf(
      arena, "SELECT ctid, %s FROM ONLY %s %s OFFSET %" PRId64 " LIMIT 1",
      key_expression(arena, take, table), table->identity, take_where(arena, unit), arrived);
  if (db_exec(conn, "SAVEPOINT belay_row", err) < 0 || db_query(conn, &r, err, sql, NULL) < 0)
    return -1;
  if (db_rows(r) == 0)
    return 0;
  const char *place = arena_strdup(arena, db_value(r, 0, 0));
  const char *copy =
      arena_printf(arena, "COPY (SELECT %s FROM ONLY %s WHERE ctid = %s) TO STDOUT%s",
                   table->columns, table->identity, sql_literal(arena, place),
                   table->format == CHUNKS_BINARY ? " (FORMAT binary)" : "");
  if (chunks_read_content(conn, copy, table->format, &ignored, &again) == 0)
    return 0;
  if (!take_row_is_too_large(&again)) {
    err_move(err, &again);
    return -1;
  }
  const char *key = db_value(r, 0, 1);
  *ret_name = key[0] ? arena_strdup(arena, key) : arena_printf(arena, "ctid %s, no key", place);
  return 0;
}

int take_refuse_large(const struct take *take, struct db_conn *conn, const struct take_unit *unit,
                      int64_t arrived, struct err *err)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  CLEANUP(err_clear) struct err ignored = ERR_INIT;
  const struct take_table *table = unit->table;
  const char *name = NULL, *why = arena_strdup(arena, err->message);
  if (find_row(take, conn, unit, arrived, &name, arena, &ignored) < 0 || !name)
    name = "which one could not be found";
  err_clear(err);
  err_set(err, ERR_BACKUP, "%s holds a row that the server cannot send (%s)", table->identity,
          name);
  err_detail(err, "%s%s", why,
             table->format == CHUNKS_TEXT
                 ? "; the table's types cannot travel in binary form, which takes less room"
                 : "");
  return err_hint(err, "A row can be sent when it takes less than 1 GB. Split its values over"
                       " several rows, or back this table up another way.");
}
