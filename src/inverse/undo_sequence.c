/* Sequences that the migration moved are set to where they were. One that gave out numbers since
 * is never moved backwards: numbers that were given out stay given out. */
#include "inverse/undo_private.h"

#include "sql/quote.h"

struct live {
  int64_t increment, cache;
  bool owned; /* by this role, so that it may be altered */
  struct undo_position position;
};

/* *ret 0: there is none of that name. */
static int find(struct db_conn *conn, const char *identity, uint32_t *ret, struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (db_query(conn, &r, err, "SELECT coalesce(pg_catalog.to_regclass($1::text)::oid, 0)", identity,
               NULL) < 0)
    return -1;
  *ret = db_oid(r, 0, 0);
  return 0;
}

static int read_live(struct db_conn *conn, const char *identity, struct live *ret, struct err *err)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (db_query(conn, &r, err,
               arena_printf(arena,
                            "SELECT s.last_value, s.is_called, q.seqincrement, q.seqcache,"
                            " pg_catalog.pg_has_role(c.relowner, 'USAGE') FROM %s s,"
                            " pg_catalog.pg_sequence q JOIN pg_catalog.pg_class c"
                            " ON c.oid = q.seqrelid WHERE q.seqrelid = $1::text::regclass",
                            identity),
               identity, NULL) < 0)
    return -1;
  ret->position.last_value = db_int(r, 0, 0);
  ret->position.is_called = db_bool(r, 0, 1);
  ret->increment = db_int(r, 0, 2);
  ret->cache = db_int(r, 0, 3);
  ret->owned = db_bool(r, 0, 4);
  return 0;
}

/* a would give a smaller next number than b (larger, in a descending sequence) */
static bool is_behind(struct undo_position a, struct undo_position b, bool descending)
{
  if (a.last_value == b.last_value)
    return !a.is_called && b.is_called;
  return descending ? a.last_value > b.last_value : a.last_value < b.last_value;
}

static bool same_position(struct undo_position a, struct undo_position b)
{
  return a.last_value == b.last_value && a.is_called == b.is_called;
}

static int set_position(struct undo *u, struct db_conn *conn, const struct undo_sequence *s,
                        struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  const char *value = arena_printf(u->arena, "%" PRId64, s->before.last_value);
  return db_query(conn, &r, err, "SELECT pg_catalog.setval($1::text::regclass, $2::int8, $3::bool)",
                  s->identity, value, s->before.is_called ? "t" : "f", NULL);
}

/* setval is not undone when the transaction is, and others could take numbers meanwhile. An ALTER
 * SEQUENCE that changes nothing keeps them out until the end, and RESTART gives the sequence a new
 * file, which goes when the transaction does. */
static int set_back(struct undo *u, struct db_conn *conn, const struct undo_sequence *s,
                    struct live *live, struct err *err)
{
  if (db_execf(conn, err, "ALTER SEQUENCE %s CACHE %" PRId64, s->identity, live->cache) < 0 ||
      read_live(conn, s->identity, live, err) < 0)
    return -1;
  if (!same_position(live->position, s->after))
    return 0;
  if (db_execf(conn, err, "ALTER SEQUENCE %s RESTART WITH %" PRId64, s->identity,
               s->before.last_value) < 0)
    return -1;
  return set_position(u, conn, s, err);
}

/* a comes before b, in SQL */
static const char *behind_sql(struct undo *u, const char *a, const char *a_called, const char *b,
                              const char *b_called)
{
  return arena_printf(u->arena,
                      "(CASE WHEN %s = %s THEN NOT %s AND %s WHEN increment < 0 THEN %s > %s ELSE"
                      " %s < %s END)",
                      a, b, a_called, b_called, a, b, a, b);
}

/* What set_one does, for the script: the position is that of the day on which it is run. */
static void emit_set(struct undo *u, const struct undo_sequence *s)
{
  const char *name = sql_literal(u->arena, s->identity);
  const char *before = arena_printf(u->arena, "'%" PRId64 "'::int8", s->before.last_value);
  const char *after = arena_printf(u->arena, "'%" PRId64 "'::int8", s->after.last_value);
  const char *called = s->before.is_called ? "true" : "false";
  const char *after_called = s->after.is_called ? "true" : "false";
  const char *set =
      arena_printf(u->arena, "PERFORM pg_catalog.setval(%s, %s, %s);", name, before, called);
  if (!s->has_after) {
    undo_emit_block(u, "BEGIN %s END", set);
    return;
  }
  const char *read =
      arena_printf(u->arena, "SELECT last_value, is_called INTO v, c FROM %s;", s->identity);
  const char *moved = arena_printf(
      u->arena,
      "ELSIF owned AND v = %s AND c = %s THEN\n"
      "EXECUTE pg_catalog.format('ALTER SEQUENCE %%s CACHE %%s', %s, cache);\n%s\n"
      "IF v = %s AND c = %s THEN ALTER SEQUENCE %s RESTART WITH %" PRId64 "; %s END IF;\n"
      "ELSIF %s AND %s THEN %s\n",
      after, after_called, name, read, after, after_called, s->identity, s->before.last_value, set,
      behind_sql(u, after, after_called, before, called), behind_sql(u, "v", "c", before, called),
      set);
  undo_emit_block(
      u,
      "DECLARE v bigint; c boolean; increment bigint; cache bigint; owned boolean; BEGIN\n"
      "IF pg_catalog.to_regclass(%s) IS NULL THEN RETURN; END IF;\n%s\n"
      "SELECT q.seqincrement, q.seqcache, pg_catalog.pg_has_role(r.relowner, 'USAGE') INTO"
      " increment, cache, owned FROM pg_catalog.pg_sequence q JOIN pg_catalog.pg_class r ON r.oid ="
      " q.seqrelid WHERE q.seqrelid = %s::regclass;\n"
      "IF %" PRIu32 " NOT IN (0, %s::regclass::oid) AND NOT (v = %s AND c = %s) THEN\n"
      "IF NOT (%s) THEN %s END IF;\n%sEND IF; END",
      name, read, name, s->oid, name, after, after_called, behind_sql(u, before, called, "v", "c"),
      set, same_position(s->before, s->after) ? "" : moved);
}

static int set_one(struct undo *u, struct db_conn *conn, const struct undo_sequence *s,
                   struct err *err)
{
  struct live live = {0};
  uint32_t oid;
  if (find(conn, s->identity, &oid, err) < 0)
    return -1;
  if (!oid && s->has_after)
    return 0; /* dropped by others since */
  if (u->script) {
    emit_set(u, s);
    return 0;
  }
  /* dropped by the migration, or by the inverse with the column that it had come to belong to */
  bool made_anew = !s->has_after || (s->oid && oid != s->oid);
  if (!made_anew && same_position(s->before, s->after))
    return 0;
  if (read_live(conn, s->identity, &live, err) < 0)
    return -1;
  bool descending = live.increment < 0;
  bool as_left = same_position(live.position, s->after);
  if (made_anew && !(s->has_after && as_left)) /* else the undo of a later migration made it */
    return is_behind(s->before, live.position, descending) && s->has_after
               ? 0
               : set_position(u, conn, s, err);
  if (live.owned && as_left)
    return set_back(u, conn, s, &live, err);
  if (is_behind(s->after, s->before, descending) && is_behind(live.position, s->before, descending))
    return set_position(u, conn, s, err);
  return 0;
}

int undo_sequences_set(struct undo *u, struct db_conn *conn, struct err *err)
{
  for (size_t i = 0; i < u->sequences.len; i++)
    if (set_one(u, conn, &u->sequences.at[i], err) < 0)
      return err_wrap(err, "position of sequence %s", u->sequences.at[i].identity);
  return 0;
}
