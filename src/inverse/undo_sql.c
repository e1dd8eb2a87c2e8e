#include <stdarg.h>

#include "inverse/undo_private.h"

#include "base/clock.h"
#include "sql/quote.h"

const char *undo_temp(struct undo *u, const char *what, const struct undo_table *t)
{
  return arena_printf(u->arena, "pg_temp.belay_%s_%zu", what, t->number);
}

const char *undo_from(struct undo *u, const struct undo_table *t, enum undo_state state)
{
  return capture_from(u->arena, state == UNDO_BEFORE ? t->before : t->after, t->partitioned);
}

const char *undo_not_in(struct undo *u, const struct undo_table *t, enum undo_state state,
                        const char *alias)
{
  return capture_not_in(u->arena, alias, state == UNDO_BEFORE ? &t->apart : &t->apart_after);
}

const char *undo_keys(struct undo *u, const struct undo_table *t, const char *alias)
{
  CLEANUP(text_clear) struct text s = TEXT_INIT;
  for (size_t i = 0; i < t->columns.len; i++)
    if (t->columns.at[i].key)
      text_printf(&s, "%s%s%sc%zu", s.len ? ", " : "", alias ? alias : "", alias ? "." : "", i);
  return arena_strdup(u->arena, s.data);
}

const char *undo_values(struct undo *u, const struct undo_table *t, const char *alias)
{
  CLEANUP(text_clear) struct text s = TEXT_INIT;
  for (size_t i = 0; i < t->columns.len; i++)
    text_printf(&s, "%s%s%sc%zu", i ? ", " : "", alias ? alias : "", alias ? "." : "", i);
  return arena_strdup(u->arena, s.data);
}

const char *undo_join(struct undo *u, const struct undo_table *t, const char *x, const char *y)
{
  CLEANUP(text_clear) struct text s = TEXT_INIT;
  for (size_t i = 0; i < t->columns.len; i++)
    if (t->columns.at[i].key)
      text_printf(&s, "%s%s.c%zu = %s.c%zu", s.len ? " AND " : "", x, i, y, i);
  return arena_strdup(u->arena, s.data);
}

const char *undo_text_of(struct undo *u, const char *alias, const char *column)
{
  const char *name = sql_ident(u->arena, column);
  return arena_printf(u->arena,
                      "(CASE WHEN %s.%s IS NOT DISTINCT FROM NULL THEN NULL"
                      " ELSE pg_catalog.format('%%s', %s.%s) END COLLATE \"C\")",
                      alias, name, alias, name);
}

/* Output functions, called directly; "" where the value is text already. */
static const struct {
  const char *type, *function;
} outputs[] = {
    {"text", ""},
    {"character varying", ""},
    {"smallint", "int2out"},
    {"integer", "int4out"},
    {"bigint", "int8out"},
    {"numeric", "numeric_out"},
    {"real", "float4out"},
    {"double precision", "float8out"},
    {"boolean", "boolout"},
    {"uuid", "uuid_out"},
    {"date", "date_out"},
    {"timestamp with time zone", "timestamptz_out"},
    {"timestamp without time zone", "timestamp_out"},
    {"jsonb", "jsonb_out"},
    {"bytea", "byteaout"},
};

/* "numeric(12,2)", "timestamp(3) with time zone": without what is in parentheses */
static bool is_type(const char *type, const char *name)
{
  size_t head = strcspn(type, "("), rest = head + strcspn(type + head, ")");
  const char *tail = type[rest] ? type + rest + 1 : "";
  return strncmp(type, name, head) == 0 && strcmp(name + head, tail) == 0;
}

const char *undo_value_of(struct undo *u, const char *alias, const char *column, const char *type)
{
  const char *name = sql_ident(u->arena, column);
  for (size_t i = 0; i < COUNT_OF(outputs); i++) {
    const char *function = outputs[i].function;
    if (!is_type(type, outputs[i].type))
      continue;
    return *function
               ? arena_printf(u->arena, "(pg_catalog.textin(pg_catalog.%s(%s.%s)) COLLATE \"C\")",
                              function, alias, name)
               : arena_printf(u->arena, "(%s.%s COLLATE \"C\")", alias, name);
  }
  return undo_text_of(u, alias, column);
}

static bool is_integer(const char *type)
{
  return strcmp(type, "integer") == 0 || strcmp(type, "bigint") == 0 ||
         strcmp(type, "smallint") == 0;
}

bool undo_has_integer_key(const struct undo_table *t)
{
  for (size_t i = 0; i < t->columns.len; i++) {
    const struct undo_column *c = &t->columns.at[i];
    if (c->key && (!is_integer(c->type) || (c->type_after && !is_integer(c->type_after))))
      return false;
  }
  return t->key_count > 0;
}

int undo_merge(struct undo *u, struct db_conn *conn, bool merge, struct err *err)
{
  return undo_run(u, conn, NULL,
                  merge ? "SET LOCAL enable_hashjoin = off" : "SET LOCAL enable_hashjoin = on",
                  err);
}

const char *undo_match(struct undo *u, const struct undo_table *t, enum undo_state state,
                       const char *alias, const char *x)
{
  CLEANUP(text_clear) struct text s = TEXT_INIT;
  for (size_t i = 0; i < t->columns.len; i++) {
    const struct undo_column *c = &t->columns.at[i];
    if (!c->key)
      continue;
    const char *name = sql_ident(u->arena, state == UNDO_BEFORE ? c->name : c->name_after);
    const char *type = state == UNDO_BEFORE ? c->type : c->type_after;
    bool integer = is_integer(type);
    text_puts(&s, s.len ? " AND " : "");
    if (integer || strcmp(type, "uuid") == 0) /* can use the index */
      text_printf(&s, "%s.%s = %s.c%zu::%s", alias, name, x, i, integer ? "int8" : "uuid");
    else
      text_printf(&s, "pg_catalog.format('%%s', %s.%s) COLLATE \"C\" = %s.c%zu", alias, name, x, i);
  }
  text_puts(&s, undo_not_in(u, t, state, alias));
  return arena_strdup(u->arena, s.data);
}

bool undo_has_after(const struct undo_table *t)
{
  return t->after && !t->doomed_only && t->key_count > 0;
}

void undo_script(struct undo *u, FILE *out)
{
  u->script = out;
}

void undo_emit(struct undo *u, const char *fmt, ...)
{
  if (!u->script)
    return;
  va_list ap;
  va_start(ap, fmt);
  (void)vfprintf(u->script, fmt, ap);
  va_end(ap);
  (void)fputs(";\n", u->script);
}

void undo_emit_block(struct undo *u, const char *fmt, ...)
{
  CLEANUP(text_clear) struct text block = TEXT_INIT;
  if (!u->script)
    return;
  va_list ap;
  va_start(ap, fmt);
  text_vprintf(&block, fmt, ap);
  va_end(ap);
  undo_emit(u, "DO %s", sql_literal(u->arena, block.data));
}

static int set_timeout(const struct undo *u, struct db_conn *conn, struct err *err)
{
  int64_t left_ms = u->until_ms - clock_monotonic_ms();
  return db_execf(conn, err, "SET LOCAL statement_timeout = '%" PRId64 "ms'",
                  left_ms > 0 ? left_ms : 1);
}

int undo_run(struct undo *u, struct db_conn *conn, const struct undo_table *t, const char *sql,
             struct err *err)
{
  undo_emit(u, "%s", sql);
  if (u->until_ms && set_timeout(u, conn, err) < 0)
    return -1;
  if (db_exec(conn, sql, err) == 0)
    return 0;
  return t ? err_wrap(err, "undo of %s", t->before) : -1;
}

int undo_query(struct undo *u, struct db_conn *conn, const struct undo_table *t,
               struct db_result **ret, const char *sql, struct err *err)
{
  if (u->until_ms && set_timeout(u, conn, err) < 0)
    return -1;
  if (db_query(conn, ret, err, sql, NULL) == 0)
    return 0;
  return t ? err_wrap(err, "undo of %s", t->before) : -1;
}

int undo_require_zero(struct undo *u, struct db_conn *conn, const struct undo_table *t,
                      const char *sql, const char *message, struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  CLEANUP(text_clear) struct text said = TEXT_INIT;
  const char *place = strstr(message, "%s");
  text_printf(&said, "%.*s%s%s", (int)(place - message), message, t->before, place + 2);
  undo_emit_block(u,
                  "DECLARE n bigint; BEGIN EXECUTE %s INTO n; IF n <> 0 THEN RAISE EXCEPTION"
                  " USING MESSAGE = %s; END IF; END",
                  sql_literal(u->arena, sql), sql_literal(u->arena, said.data));
  if (undo_query(u, conn, t, &r, sql, err) < 0)
    return -1;
  if (db_int(r, 0, 0) != 0)
    return err_set(err, ERR_REFUSED, "%s (%s)", said.data, db_value(r, 0, 0));
  return 0;
}

/* psql keeps what was set before in variables */
int undo_settings_enter(struct undo *u, struct db_conn *conn, struct capture_settings *ret,
                        struct err *err)
{
  if (u->script)
    (void)fprintf(u->script, "%s \\gset\n%s \\gset belay_\n",
                  capture_settings_sql(u->arena, SETTINGS_READ),
                  capture_settings_sql(u->arena, SETTINGS_SET));
  return capture_settings_enter(u->arena, conn, ret, err);
}

int undo_settings_leave(struct undo *u, struct db_conn *conn, const struct capture_settings *saved,
                        struct err *err)
{
  if (u->script)
    (void)fprintf(u->script, "%s \\gset belay_\n", capture_settings_sql(u->arena, SETTINGS_BACK));
  return capture_settings_leave(conn, saved, err);
}
