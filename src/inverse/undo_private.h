/* inverse/undo_private.h: shared by undo*.c.
 *
 * Of table number N there are temporary tables, all columns text (the values as COPY wrote them),
 * so that no schema step is held up by a type and no cast can change a value that is only compared
 * (but undo_has_integer_key).
 * Column i of the capture is always called c<i>.
 *   pg_temp.belay_before_N   s, c...  what the migration changed, as it was (rows that it did not
 *                                     change are removed at compare); `id` if whole_row
 *   pg_temp.belay_after_N    c...     the rows the migration wrote, in the columns that survived
 *   pg_temp.belay_unchanged_N, belay_confirmed_N   keys, or id (capture_private.h)
 *   pg_temp.belay_work_N     kind, conflict, c... as it was before (i: only the key); undo_whole.c:
 *                            one of its own
 * Where nobody has written since, before_N becomes work_N, and after_N is empty: the live rows are
 * the after-images.
 * kind: u updated, d deleted, i inserted by the migration; n table dropped; c only columns are
 * filled.
 */
#pragma once

#include "db/db.h"
#include "inverse/capture.h"
#include "inverse/capture_private.h"

struct undo_column {
  const char *name, *name_after; /* name_after NULL: gone */
  const char *type, *type_after;
  bool key;
  size_t key_rank;                 /* among those of the key: as lists of keys are captured */
  bool generated, identity_always; /* at undo_write, as it is then */
};
VEC_TYPE(undo_columns, struct undo_column);

struct undo_table {
  size_t number;
  enum capture_how how;
  const char *before, *after;        /* identities; after NULL: dropped */
  struct strings apart, apart_after; /* its partitions that are tables of their own here */
  bool partitioned, doomed_only, reworded, whole_row;
  bool compared; /* belay_work_N is filled */
  size_t key_count;
  int64_t before_rows, after_rows; /* captured */
  struct undo_columns columns;
};
VEC_TYPE(undo_tables, struct undo_table);

struct undo_position {
  int64_t last_value;
  bool is_called;
};
struct undo_sequence {
  const char *identity;
  uint32_t oid; /* at capture; 0: not known (captures of earlier versions) */
  struct undo_position before, after;
  bool has_after;
};
VEC_TYPE(undo_sequences, struct undo_sequence);

struct undo {
  struct arena *arena;
  struct archive *archive;
  struct undo_tables tables;
  struct undo_sequences sequences;
  struct capture_large_vec large,
      large_written; /* large_written: only oid and before, as undo found them */
  bool compared, large_compared;
  int64_t xid;      /* of the transaction that was captured, with its epoch; 0: not known */
  int64_t until_ms; /* clock_monotonic_ms: statements end by then; 0: no limit */
  struct undo_conflicts seen; /* by undo_versions_read */
  FILE *script;               /* NULL: the rows are written back */
  enum undo_on_conflict on_conflict;
};

/* ---- undo_sql.c: pieces of SQL ---- */
enum undo_state { UNDO_BEFORE, UNDO_AFTER }; /* which names and types of a table */
/* pg_temp.belay_<what>_N */
const char *undo_temp(struct undo *u, const char *what, const struct undo_table *t);
/* "ONLY public.t" */
const char *undo_from(struct undo *u, const struct undo_table *t, enum undo_state state);
/* " AND ...": the row of `alias` is none of a partition apart; part of undo_match */
const char *undo_not_in(struct undo *u, const struct undo_table *t, enum undo_state state,
                        const char *alias);
/* c1, c4 of the key; alias may be NULL */
const char *undo_keys(struct undo *u, const struct undo_table *t, const char *alias);
/* c0, c1, ... of all columns; alias may be NULL */
const char *undo_values(struct undo *u, const struct undo_table *t, const char *alias);
/* x.c1 = y.c1 AND ... between two temporary tables */
const char *undo_join(struct undo *u, const struct undo_table *t, const char *x, const char *y);
/* the row `t` of the real table is the one of temporary row `x` */
const char *undo_match(struct undo *u, const struct undo_table *t, enum undo_state state,
                       const char *alias, const char *x);
/* a value as COPY would write it, NULL for NULL */
const char *undo_text_of(struct undo *u, const char *alias, const char *column);
/* The same of a column whose type is known, at less cost where there is a way. */
const char *undo_value_of(struct undo *u, const char *alias, const char *column, const char *type);
/* All columns of the key are integers, before and after: they are int8 in the temporary tables.
 * Such rows mostly lie in the order of their key, and are then joined by merging, at half the
 * cost. */
bool undo_has_integer_key(const struct undo_table *t);
/* Joins by merging, or as the planner likes. */
int undo_merge(struct undo *u, struct db_conn *conn, bool merge, struct err *err);
/* has a key and after-images */
bool undo_has_after(const struct undo_table *t);
/* Runs arena-printed SQL, naming the table in errors; t may be NULL. Into the script, too. */
int undo_run(struct undo *u, struct db_conn *conn, const struct undo_table *t, const char *sql,
             struct err *err);
/* The same with a result, which the caller clears; not into the script. */
int undo_query(struct undo *u, struct db_conn *conn, const struct undo_table *t,
               struct db_result **ret, const char *sql, struct err *err);
/* The script alone: a statement, without semicolon. Nothing without a script. */
void undo_emit(struct undo *u, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* The same for a block of PL/pgSQL, run by DO. */
void undo_emit_block(struct undo *u, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* ERR_REFUSED with the message, in which %s is the table, unless the only value of the query is 0.
 * Into the script, too. */
int undo_require_zero(struct undo *u, struct db_conn *conn, const struct undo_table *t,
                      const char *sql, const char *message, struct err *err);
/* The settings that decide what a value looks like as text, from here to undo_settings_leave. */
int undo_settings_enter(struct undo *u, struct db_conn *conn, struct capture_settings *ret,
                        struct err *err);
int undo_settings_leave(struct undo *u, struct db_conn *conn, const struct capture_settings *saved,
                        struct err *err);

/* ---- undo_compare.c ---- */
/* Without a lock. */
int undo_compare_table(struct undo *u, struct db_conn *conn, struct undo_table *t, struct err *err);
int undo_make_temp(struct undo *u, struct db_conn *conn, const struct undo_table *t,
                   const char *what, const char *columns, struct err *err);
int undo_load(struct undo *u, struct db_conn *conn, const struct undo_table *t, const char *what,
              struct err *err);
/* After-images that are the before-images without the columns that are gone. */
int undo_copy_surviving(struct undo *u, struct db_conn *conn, const struct undo_table *t,
                        struct err *err);
int undo_drop_temps(struct undo *u, struct db_conn *conn, struct err *err);
/* ---- undo_versions.c ---- */
/* w.key as "id=6, part=a", of the table `work` as w; whole_row: "row (6,a,,x)" */
const char *undo_key_text(struct undo *u, const struct undo_table *t);
/* Reads both versions of the first UNDO_CONFLICTS_MAX rows in conflict. Before the first schema
 * step: the table is as the migration left it. */
int undo_versions_read(struct undo *u, struct db_conn *conn, const struct undo_table *t,
                       struct err *err);
/* NULL: none were read. */
const struct undo_values *undo_versions_of(const struct undo *u, const char *table,
                                           const char *key);
/* ---- undo_whole.c: tables whose rows are matched by their values ---- */
/* Finds which live rows are those that the migration left. */
int undo_whole_compare(struct undo *u, struct db_conn *conn, const struct undo_table *t,
                       struct err *err);
/* Takes them out. */
int undo_whole_remove(struct undo *u, struct db_conn *conn, const struct undo_table *t,
                      struct err *err);
/* Common table expression "w<number>(gone, back)": rows taken out, and rows to be put in. */
const char *undo_whole_counts(struct undo *u, const struct undo_table *t);
/* ---- undo_refer.c ---- */
/* Marks inserted rows that rows of others refer to. `dropped` as in undo_preview_options. */
int undo_mark_referenced(struct undo *u, struct db_conn *conn, enum undo_state state,
                         const struct strings *dropped, struct err *err);
/* ---- undo_write.c ---- */
/* What is done with a row w of work, by u->on_conflict: conditions. */
const char *undo_is_done(const struct undo *u);
const char *undo_is_update(const struct undo *u);
const char *undo_is_fill(const struct undo *u);
const char *undo_is_insert(const struct undo *u, const struct undo_table *t);
int undo_list_conflicts(struct undo *u, struct db_conn *conn, struct undo_report *report,
                        struct err *err);
/* ---- undo_trigger.c ---- */
struct undo_switches {
  struct strings off, on; /* statements */
};
/* Adds those of a table to ret. */
int undo_switches_read(struct undo *u, struct db_conn *conn, const char *table,
                       struct undo_switches *ret, struct err *err);
int undo_switch(struct undo *u, struct db_conn *conn, const struct strings *statements,
                struct err *err);
/* ---- undo_large.c ---- */
#define UNDO_LARGE_OBJECT "large object"
#define UNDO_LARGE_OBJECTS "large objects" /* all of them, as of a table */
int undo_large_compare(struct undo *u, struct db_conn *conn, struct err *err);
int undo_large_conflicts(struct undo *u, struct db_conn *conn, struct undo_report *report,
                         struct err *err);
int undo_large_write(struct undo *u, struct db_conn *conn, struct undo_report *report,
                     struct err *err);
/* What undo_large_write would do. */
int undo_large_count(struct undo *u, struct db_conn *conn, struct undo_preview_table *entry,
                     struct err *err);
uint64_t undo_large_bytes(const struct undo *u); /* of the contents before */
/* ---- undo_sequence.c ---- */
int undo_sequences_set(struct undo *u, struct db_conn *conn, struct err *err);
