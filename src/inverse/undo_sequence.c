/* Sequences that the migration moved back (RESTART, TRUNCATE ... RESTART IDENTITY, dropped with
 * their table) are set forward to where they were. Never backwards: numbers that were given out
 * since stay given out. */
#include "inverse/undo_private.h"

struct live {
  int64_t increment;
  struct undo_position position;
};

static int exists(struct db_conn *conn, const char *identity, bool *ret, struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (db_query(conn, &r, err, "SELECT pg_catalog.to_regclass($1::text) IS NOT NULL", identity,
               NULL) < 0)
    return -1;
  *ret = db_bool(r, 0, 0);
  return 0;
}

static int read_live(struct db_conn *conn, const char *identity, struct live *ret, struct err *err)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (db_query(conn, &r, err,
               arena_printf(arena,
                            "SELECT s.last_value, s.is_called, q.seqincrement FROM %s s,"
                            " pg_catalog.pg_sequence q WHERE q.seqrelid = $1::text::regclass",
                            identity),
               identity, NULL) < 0)
    return -1;
  ret->position.last_value = db_int(r, 0, 0);
  ret->position.is_called = db_bool(r, 0, 1);
  ret->increment = db_int(r, 0, 2);
  return 0;
}

/* a would give a smaller next number than b (larger, in a descending sequence) */
static bool is_behind(struct undo_position a, struct undo_position b, bool descending)
{
  if (a.last_value == b.last_value)
    return !a.is_called && b.is_called;
  return descending ? a.last_value > b.last_value : a.last_value < b.last_value;
}

static int set_one(struct undo *u, struct db_conn *conn, const struct undo_sequence *s,
                   struct err *err)
{
  struct live live = {0};
  /* the increment is not known without asking, so only what cannot matter is left out here */
  if (s->has_after && s->before.last_value == s->after.last_value &&
      s->before.is_called == s->after.is_called)
    return 0;
  bool there = false;
  if (exists(conn, s->identity, &there, err) < 0)
    return -1;
  if (!there && s->has_after)
    return 0; /* dropped by others since */
  if (read_live(conn, s->identity, &live, err) < 0)
    return -1;
  bool descending = live.increment < 0;
  bool moved_back = !s->has_after || is_behind(s->after, s->before, descending);
  if (!moved_back || !is_behind(live.position, s->before, descending))
    return 0;
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  const char *value = arena_printf(u->arena, "%" PRId64, s->before.last_value);
  return db_query(conn, &r, err, "SELECT pg_catalog.setval($1::text::regclass, $2::int8, $3::bool)",
                  s->identity, value, s->before.is_called ? "t" : "f", NULL);
}

int undo_sequences_set(struct undo *u, struct db_conn *conn, struct err *err)
{
  for (size_t i = 0; i < u->sequences.len; i++)
    if (set_one(u, conn, &u->sequences.at[i], err) < 0)
      return err_wrap(err, "position of sequence %s", u->sequences.at[i].identity);
  return 0;
}
