/* inverse/rehearsal_private.h: shared by rehearsal*.c. */
#pragma once

#include "db/db.h"
#include "inverse/rehearsal.h"

/* A table that can hold rows: leaves of partition trees, not their roots. */
struct rehearsal_table {
  const char *name;
  const char *columns; /* "a, b": without generated ones; NULL: there are none */
  const char *texts;   /* "a::text, b::text": all of them, by name; NULL: there are none */
};
VEC_TYPE(rehearsal_tables, struct rehearsal_table);

/* A foreign key; of partitions only the one of the root. */
struct rehearsal_key {
  const char *child, *parent;           /* names */
  const char *from_child, *from_parent; /* with ONLY where they have no partitions */
  const char *parent_columns;           /* all columns of it that can be written */
  struct strings columns, parent_key, types;
  bool validated;
  bool exhausted; /* the source has no more of the rows that are missing */
};
VEC_TYPE(rehearsal_keys, struct rehearsal_key);

struct rehearsal {
  struct arena *arena;
  struct rehearsal_options options;
  struct shadow *clone;
  struct db_conn *conn;  /* the session of the migration; NULL: not begun */
  struct place *place;   /* of the captures */
  const char *dir;       /* where it is, to be removed; NULL: not made */
  int64_t fill_until_ms; /* clock_monotonic_ms */
  const char *ended;     /* why nothing can be tried any more; NULL */
  struct strings not_covered;
};

/* Adds what a JSON array of strings holds, as json_agg makes it; json NULL: nothing. */
void rehearsal_list(struct arena *arena, const char *json, struct strings *ret);
int rehearsal_read_tables(struct arena *arena, struct db_conn *conn, struct rehearsal_tables *ret,
                          struct err *err);
int rehearsal_read_keys(struct arena *arena, struct db_conn *conn, struct rehearsal_keys *ret,
                        struct err *err);
/* The time for filling tables is over. */
bool rehearsal_is_late(const struct rehearsal *r);
/* Then the rest, so many, is named as not covered. */
void rehearsal_note_late(struct rehearsal *r, size_t left);
/* Both: `conn` is a session with the clone, in a transaction, where triggers are off. */
int rehearsal_sample(struct rehearsal *r, struct db_conn *conn, struct err *err);
int rehearsal_make_rows(struct rehearsal *r, struct db_conn *conn, struct err *err);
/* Condition on a row `c` of the child: the row that it refers to is missing. */
char *rehearsal_missing_sql(struct arena *arena, const struct rehearsal_key *key);
/* Takes out what refers to nothing, by keys that are valid, until nothing does. */
int rehearsal_remove_orphans(struct rehearsal *r, struct db_conn *conn, struct err *err);
