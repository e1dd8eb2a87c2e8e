/* What an undo would do, without doing it. The compare of undo_compare.c in a transaction of its
 * own that is rolled back: it locks nothing against writers, and what it finds holds for now. A
 * table that cannot be compared says why; nothing is passed over in silence. */
#include "inverse/undo_private.h"

#include "base/clock.h"
#include "base/interrupt.h"

static uint64_t bytes_of(const struct undo *u, const struct undo_table *t)
{
  uint64_t bytes = 0;
  for (size_t i = 0; i < u->archive->entries.len; i++) {
    const struct archive_entry *e = &u->archive->entries.at[i];
    const char *colon = e->object ? strchr(e->object, ':') : NULL;
    if (colon && strcmp(e->kind, "data") == 0 && strcmp(colon + 1, t->before) == 0)
      bytes += e->raw_size;
  }
  return bytes;
}

static bool holds(const struct strings *list, const char *s)
{
  for (size_t i = 0; s && i < list->len; i++)
    if (strcmp(list->at[i], s) == 0)
      return true;
  return false;
}

/* NULL: it is compared. */
static const char *not_worth(struct undo *u, const struct undo_table *t,
                             const struct undo_preview_options *o)
{
  uint64_t bytes = bytes_of(u, t);
  if (holds(&o->moved, t->after))
    return "what is rolled back before this changes it, too";
  if (bytes > UNDO_PREVIEW_BYTES_MAX)
    return arena_printf(u->arena,
                        "%" PRIu64 " MiB were captured, more than the %d that a plan reads",
                        bytes >> 20, (int)(UNDO_PREVIEW_BYTES_MAX >> 20));
  return NULL;
}

static bool is_filled(const struct undo_table *t)
{
  for (size_t i = 0; i < t->columns.len; i++)
    if (!t->columns.at[i].name_after)
      return true;
  return false;
}

/* Rows are taken out and put in; one of each counts as written back. */
static const char *whole_row_counts(struct undo *u, const struct undo_table *t)
{
  const char *w = arena_printf(u->arena, "w%zu", t->number);
  return arena_printf(u->arena,
                      "WITH %s SELECT least(gone, back), back - least(gone, back),"
                      " gone - least(gone, back), 0, (SELECT count(*) FROM %s w WHERE w.conflict"
                      " IS NOT NULL) FROM %s",
                      undo_whole_counts(u, t), undo_temp(u, "work", t), w);
}

static const char *keyed_counts(struct undo *u, const struct undo_table *t)
{
  return arena_printf(u->arena,
                      "SELECT count(*) FILTER (WHERE %s), count(*) FILTER (WHERE %s AND NOT %s),"
                      " count(*) FILTER (WHERE w.kind = 'i' AND %s), count(*) FILTER (WHERE %s),"
                      " count(*) FILTER (WHERE w.conflict IS NOT NULL) FROM %s w",
                      undo_is_update(u), undo_is_insert(u, t), undo_is_update(u), undo_is_done(u),
                      is_filled(t) ? undo_is_fill(u) : "false", undo_temp(u, "work", t));
}

static int count_work(struct undo *u, struct db_conn *conn, const struct undo_table *t,
                      struct undo_preview_table *entry, struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  const char *sql = t->whole_row ? whole_row_counts(u, t) : keyed_counts(u, t);
  if (undo_query(u, conn, t, &r, sql, err) < 0)
    return -1;
  entry->written_back = db_int(r, 0, 0);
  entry->inserted = db_int(r, 0, 1);
  entry->removed = db_int(r, 0, 2);
  entry->filled = db_int(r, 0, 3);
  entry->conflicts = db_int(r, 0, 4);
  return 0;
}

static const char *reason_of(struct undo *u, const struct undo_preview_options *o,
                             const struct err *why)
{
  if (err_sqlstate_is(why, "57014") || clock_monotonic_ms() >= u->until_ms)
    return arena_printf(u->arena, "it took more than %s (inverse.preview_timeout)",
                        clock_duration(u->arena, o->timeout_ms));
  return arena_strdup(u->arena, why->message);
}

/* 0 although a table could not be compared: then it says why. */
static int preview_table(struct undo *u, struct db_conn *conn, struct undo_table *t,
                         const struct undo_preview_options *o, struct undo_preview_table *entry,
                         struct err *err)
{
  CLEANUP(err_clear) struct err why = ERR_INIT;
  entry->not_compared = not_worth(u, t, o);
  if (entry->not_compared)
    return 0;
  if (t->key_count == 0 && !t->whole_row) { /* dropped: all of it comes back */
    entry->inserted = t->before_rows;
    entry->written_back = entry->removed = entry->filled = entry->conflicts = 0;
    return 0;
  }
  if (db_exec(conn, "SAVEPOINT belay_table", err) < 0)
    return -1;
  if (undo_compare_table(u, conn, t, &why) == 0)
    return 0;
  if (interrupt_check(err) < 0 || db_is_lost(conn) || why.code == ERR_REFUSED) {
    if (!err_is_set(err))
      err_move(err, &why);
    return -1;
  }
  entry->not_compared = reason_of(u, o, &why);
  return db_exec(conn, "ROLLBACK TO SAVEPOINT belay_table", err);
}

/* The entry behind those of the tables. */
static int preview_large(struct undo *u, struct db_conn *conn, const struct undo_preview_options *o,
                         struct undo_preview *preview, struct err *err)
{
  CLEANUP(err_clear) struct err why = ERR_INIT;
  if (u->large.len == 0)
    return 0;
  struct undo_preview_table *entry = &preview->tables.at[u->tables.len];
  if (holds(&o->moved, entry->table)) {
    entry->not_compared = "what is rolled back before this changes some, too";
    return 0;
  }
  if (db_exec(conn, "SAVEPOINT belay_table", err) < 0)
    return -1;
  if (undo_large_compare(u, conn, &why) == 0)
    return undo_large_count(u, conn, entry, err);
  if (interrupt_check(err) < 0 || db_is_lost(conn)) {
    if (!err_is_set(err))
      err_move(err, &why);
    return -1;
  }
  entry->not_compared = reason_of(u, o, &why);
  return db_exec(conn, "ROLLBACK TO SAVEPOINT belay_table", err);
}

/* Conflicts, and counts that they are taken off from. */
static int preview_conflicts(struct undo *u, struct db_conn *conn,
                             const struct undo_preview_options *o, struct undo_preview *preview,
                             struct err *err)
{
  CLEANUP(err_clear) struct err why = ERR_INIT;
  struct undo_report found = {0};
  if (db_exec(conn, "SAVEPOINT belay_table", err) < 0)
    return -1;
  if (undo_mark_referenced(u, conn, UNDO_AFTER, &o->dropped, &why) < 0) {
    preview->not_referenced = reason_of(u, o, &why);
    if (db_exec(conn, "ROLLBACK TO SAVEPOINT belay_table", err) < 0)
      return -1;
  }
  for (size_t i = 0; i < u->tables.len; i++)
    if (u->tables.at[i].compared &&
        count_work(u, conn, &u->tables.at[i], &preview->tables.at[i], err) < 0)
      return -1;
  if (undo_list_conflicts(u, conn, &found, err) < 0)
    return -1;
  preview->conflict_count = found.conflict_count;
  preview->conflicts = found.conflicts;
  return 0;
}

static int preview_all(struct undo *u, struct db_conn *conn, const struct undo_preview_options *o,
                       struct undo_preview *preview, struct err *err)
{
  struct capture_settings unused = {0};
  if (db_exec(conn, "BEGIN ISOLATION LEVEL REPEATABLE READ", err) < 0 ||
      db_execf(conn, err, "SET LOCAL lock_timeout = '%" PRId64 "ms'", o->lock_timeout_ms) < 0 ||
      undo_settings_enter(u, conn, &unused, err) < 0)
    return -1;
  for (size_t i = 0; i < u->tables.len; i++)
    if (preview_table(u, conn, &u->tables.at[i], o, &preview->tables.at[i], err) < 0)
      return -1;
  if (preview_large(u, conn, o, preview, err) < 0)
    return -1;
  u->until_ms = clock_monotonic_ms() + o->timeout_ms; /* what is left is small */
  return preview_conflicts(u, conn, o, preview, err);
}

struct undo_preview undo_preview_none(struct undo *u, const char *why)
{
  struct undo_preview preview = {.conflict_count = -1};
  for (size_t i = 0; i < u->tables.len; i++) {
    const struct undo_table *t = &u->tables.at[i];
    preview.bytes += bytes_of(u, t);
    vec_push(u->arena, &preview.tables,
             ((struct undo_preview_table){.table = t->before,
                                          .table_now = t->after,
                                          .captured = t->before_rows,
                                          .written_back = -1,
                                          .inserted = -1,
                                          .removed = -1,
                                          .filled = -1,
                                          .conflicts = -1,
                                          .not_compared = why}));
  }
  if (u->large.len) {
    preview.bytes += undo_large_bytes(u);
    vec_push(u->arena, &preview.tables,
             ((struct undo_preview_table){UNDO_LARGE_OBJECTS, NULL, (int64_t)u->large.len, -1, -1,
                                          -1, -1, -1, why}));
  }
  return preview;
}

int undo_preview(struct undo *u, struct db_conn *conn, const struct undo_preview_options *o,
                 struct undo_preview *ret, struct err *err)
{
  struct undo_preview preview = undo_preview_none(u, NULL);
  CLEANUP(err_clear) struct err ignored = ERR_INIT;
  u->on_conflict = o->on_conflict;
  u->until_ms = clock_monotonic_ms() + o->timeout_ms;
  int rc = preview_all(u, conn, o, &preview, err);
  if (!db_is_lost(conn) && db_transaction_status(conn) != 'I')
    (void)db_exec(conn, "ROLLBACK", &ignored);
  u->until_ms = 0;
  if (rc == 0)
    *ret = preview;
  return rc < 0 ? err_wrap(err, "looking for conflicts") : 0;
}
