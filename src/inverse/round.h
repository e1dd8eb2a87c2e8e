/* inverse/round.h (private to inverse/): one round of the way back, from the current catalog to
 * the goal.
 *
 * A round emits the first of these that is not empty, and nothing else; after it has run, the
 * catalog is read again:
 *   names        schemas; then tables, types, functions ...; then columns, constraints, indexes ...
 *   detach       partitions and inheritance that the migration made
 *   drops        what the migration created, what must be made anew, and what depends on these
 *   alters       of the phase BEFORE_DATA
 *   creates      of the phase BEFORE_DATA
 *   attach       partitions and inheritance that the migration ended
 *   exact order  tables whose columns stand in another order, if that is wanted
 *   alters, creates   of the phase AFTER_DATA
 * In a change, `before` is the goal and `after` the current object.
 */
#pragma once

#include "inverse/inverse.h"

/* What is known beyond the two catalogs: kept by the prover between rounds. */
struct round_state {
  /* As the migration left it: what is not in it was made by earlier rounds. NULL: first round. */
  const struct catalog *after;
  struct map *replace; /* round_key of objects that could not be altered in place; NULL: none */
  struct exact_order *order; /* NULL: columns stay where they are (exact_order.h) */
};

enum { ROUND_OTHERWISE_MAX = 2 };
struct round_step {
  struct inverse_step step;
  const char
      *otherwise[ROUND_OTHERWISE_MAX]; /* tried in turn when the server refuses the statement */
  const char
      *replace; /* round_key to be dropped and created when the server refuses it; NULL: none */
};
VEC_TYPE(round_steps, struct round_step);

struct round_node {
  const struct catalog_object *object; /* of `from` */
  const char *why;                     /* doomed: why it is dropped */
  bool doomed, dropped, visiting;
  enum { DROP_UNKNOWN, DROP_VISITING, DROP_YES, DROP_NO } can_drop;
};

struct round_edge {
  const struct catalog_object *needed, *dependent;
};

struct round {
  struct arena *arena;
  const struct catalog *from, *to;
  const struct round_state *state;
  struct catalog_changes changes;
  struct round_steps steps;
  struct strings refusals;
  struct round_node *nodes; /* sorted by address in memory */
  struct round_edge *edges; /* sorted by needed */
  size_t edge_count;
  struct err *err;
  bool failed; /* err is set */
};

/* 0, or -1 with err set. No steps: nothing is left that belay knows how to bring nearer. */
int round_run(struct round *r, struct err *err);
const char *round_key(struct arena *arena, const struct catalog_object *object);

/* ---- what differs (round_diff.c) ---- */
void round_diff(struct round *r);
bool round_changed(const struct catalog_change *change, const char *property);
/* Only these differ? `properties` ends with NULL. */
bool round_only_changed(const struct catalog_change *change, const char *const *properties);
const struct catalog_change *round_change_of(const struct round *r,
                                             const struct catalog_object *current);
bool round_is_view(const struct catalog_object *object); /* view or matview */
bool round_is_view_column(const struct catalog_object *object);
/* The same column (by name) of the table it is inherited from, in `c`; NULL if there is none. */
const struct catalog_object *round_parent_column(const struct round *r, const struct catalog *c,
                                                 const struct catalog_object *column);
/* Items of a JSON array of strings. */
struct strings round_json_strings(struct arena *arena, const char *json);
bool round_text_equal(const char *a, const char *b); /* NULL equals NULL */

/* ---- steps (round.c) ---- */
struct round_step *round_emit(struct round *r, enum inverse_phase phase, const char *note,
                              const char *fmt, ...) PRINTF_LIKE(4, 5);
/* Any number of statements with semicolons. */
void round_emit_script(struct round *r, enum inverse_phase phase, const char *note,
                       const char *sql);
char *round_note(const struct round *r, const struct catalog_object *object, const char *what);
/* "public.orders" of the parent, "fee" quoted */
const char *round_table_of(const struct catalog_object *child);

/* ---- the parts of a round; each adds steps or none ---- */
void round_rename_schemas(struct round *r);
void round_create_schemas(struct round *r); /* those that objects are moved into */
void round_rename_objects(struct round *r);
void round_rename_children(struct round *r);
void round_detach(struct round *r);
void round_attach(struct round *r);
void round_drops(struct round *r);
void round_alters(struct round *r, enum inverse_phase phase);
void round_creates(struct round *r, enum inverse_phase phase);
/* REFRESH of materialized views that have, or have no rows, other than before. */
void round_populate(struct round *r);
void round_exact_order(struct round *r);

/* ---- drops (round_doom.c says what, round_drop.c how) ---- */
void round_doom(struct round *r);
struct round_node *round_node_of(const struct round *r, const struct catalog_object *object);
/* Edges whose `needed` is the object: [*ret_first, *ret_last). */
void round_dependents(const struct round *r, const struct catalog_object *object, size_t *ret_first,
                      size_t *ret_last);
/* Drops it, and first what depends on it. Only what round_can_go. */
void round_drop_now(struct round *r, const struct catalog_object *o, const char *why);
/* Everything that depends on it goes too, or can be made again. */
bool round_can_go(struct round *r, const struct catalog_object *o);
/* Holds no data: may be dropped when it is in the way, a later round makes it again. */
bool round_can_be_made_again(const struct catalog_object *object);
/* Must this change be made by dropping and creating? */
bool round_must_replace(const struct round *r, const struct catalog_change *change);
/* An index or a constraint's index whose storage options alone differ, and can be set in place. */
bool round_index_options(const struct round *r, const struct catalog_change *change,
                         const char **ret_now, const char **ret_goal);
/* Labels of an enum that only have other names: the type stays. */
bool round_enum_renamed(struct round *r, const struct catalog_change *change);
/* A type whose columns must move to a new one. */
bool round_must_rebuild(struct round *r, const struct catalog_change *change);
/* The value's way back needs ALTER COLUMN TYPE. */
bool round_type_changes(const struct catalog_change *change);

/* ---- alters, one function a kind (alter_*.c) ---- */
void alter_table(struct round *r, const struct catalog_change *c, enum inverse_phase phase);
void alter_column(struct round *r, const struct catalog_change *c, enum inverse_phase phase);
void alter_constraint(struct round *r, const struct catalog_change *c, enum inverse_phase phase);
void alter_index(struct round *r, const struct catalog_change *c, enum inverse_phase phase);
void alter_trigger(struct round *r, const struct catalog_change *c, enum inverse_phase phase);
void alter_view(struct round *r, const struct catalog_change *c, enum inverse_phase phase);
void alter_routine(struct round *r, const struct catalog_change *c, enum inverse_phase phase);
void alter_sequence(struct round *r, const struct catalog_change *c, enum inverse_phase phase);
void alter_type(struct round *r, const struct catalog_change *c, enum inverse_phase phase);
void alter_foreign(struct round *r, const struct catalog_change *c, enum inverse_phase phase);
/* Brings a list "name 'value', ..." back by OPTIONS (...). `alter`: "ALTER SERVER s". */
void alter_foreign_options(struct round *r, const struct catalog_change *c, const char *alter);
/* What holds a secret and is gone is refused by name: then true. */
bool round_refuses_secret(struct round *r, const struct catalog_object *o);
void alter_other(struct round *r, const struct catalog_change *c, enum inverse_phase phase);
/* Owner, then (when the owner is right) privileges, and comment. */
void alter_common(struct round *r, const struct catalog_change *c, enum inverse_phase phase);
/* Brings a list "name='value', ..." back by RESET and SET. `alter`: "ALTER TABLE public.t". */
void alter_options(struct round *r, enum inverse_phase phase, const char *alter,
                   const char *current, const char *goal);
/* Missing column of a table that exists. */
void alter_add_column(struct round *r, const struct catalog_object *column);
