/* lint/effects_private.h: how effects are gathered; for effects.c and effects_<family>.c.
 *
 * A family is one function that looks at e->tree and calls effect_*. All of them leave out what the
 * same script made, take NULL for "not there", and merge: the strongest lock stays.
 */
#pragma once

#include "lint/effects.h"

struct effecting {
  struct lint_facts *facts;
  struct arena *arena;
  const struct lint_effects_input *input;
  const struct sql_statement *statement;
  const struct sql_tree *tree;
  int major; /* 0: not known */
  struct lint_effects *ret;
  struct lint_relations gone;   /* dropped by the statement, also to be made again */
  struct lint_relations doomed; /* that a DROP names: they may need each other */
  bool plans;                   /* the tree is planned and does not run: EXPLAIN, a cursor */
  int deep;                     /* rules that are being fired */
};

/* ---- effects.c: gathering ---- */
void effect_lock(struct effecting *e, struct lint_relation *relation, enum lint_lock_mode mode);
void effect_rewrite(struct effecting *e, struct lint_relation *relation);
void effect_scan(struct effecting *e, struct lint_relation *table);
void effect_drop(struct effecting *e, struct lint_relation *relation); /* said once, and gone */
void effect_drop_object(struct effecting *e, const char *kind, const char *name);
void effect_gone(struct effecting *e, struct lint_relation *relation); /* to be made again */
bool effect_is_gone(const struct effecting *e, const struct lint_relation *relation);
/* The first wins. */
void effect_fail(struct effecting *e, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* The same, of a name that is there, or is not: nothing is said where code may have changed it. */
void effect_fail_name(struct effecting *e, const char *fmt, ...) PRINTF_LIKE(2, 3);
void effect_unknown(struct effecting *e, const char *fmt, ...) PRINTF_LIKE(2, 3);

const char *effect_kind_word(enum lint_relation_kind kind); /* "materialized view" */
/* A statement inside of the one that is looked at. */
void effect_inside(struct effecting *e, const struct sql_tree *tree);

/* ---- effects_relation.c: relations and what hangs on them ---- */
/* What a name leads to; NULL, and the statement fails, if a catalog says that it is nothing.
 * missing_ok: it does nothing then. */
struct lint_relation *effect_find(struct effecting *e, struct sql_name name, bool missing_ok);
bool effect_is_absent(struct effecting *e, struct sql_name name);
bool effect_has_storage(const struct lint_relation *relation); /* rows of its own */
/* Itself and all partitions and children below it. */
struct lint_relations effect_family(struct effecting *e, struct lint_relation *table);
/* All indexes that are not gone; unknown ones are said to be unknown. */
void effect_lock_indexes(struct effecting *e, struct lint_relation *table,
                         enum lint_lock_mode mode);
/* The same, for a query: of partitioned tables only where the server does so. */
void effect_plan_indexes(struct effecting *e, struct lint_relation *table,
                         enum lint_lock_mode mode);
/* The file of the table and of its indexes; for partitions call it for each. */
void effect_rewrite_table(struct effecting *e, struct lint_relation *table);
/* A table in FROM: itself, partitions, what views read, with all indexes. whole: every row. */
void effect_read(struct effecting *e, struct lint_relation *relation, enum lint_lock_mode mode,
                 bool whole);
/* Those that it is or, being a view, reads, with their partitions and children. */
struct lint_relations effect_tables(struct effecting *e, struct lint_relation *relation);
/* Sequences that a string of the statement names: nextval('sq'). */
void effect_lock_sequences(struct effecting *e, enum lint_lock_mode mode);
/* DROP of a relation and of all that goes with it; fails if others need it and cascade is not
 * written. */
void effect_drop_relation(struct effecting *e, struct lint_relation *relation, bool cascade);
void effect_drop_index(struct effecting *e, struct lint_relation *index);
/* Views and materialized views that read a relation, and theirs. */
void effect_drop_readers(struct effecting *e, const struct lint_relation *relation);
void effect_drop_column(struct effecting *e, struct lint_relation *table, const char *name,
                        bool cascade); /* of that table alone: effects_alter_column.c */
void effect_drop_sequences(struct effecting *e, struct lint_relation *table, const char *column);
void effect_lock_children(struct effecting *e, struct lint_relation *table,
                          enum lint_lock_mode mode); /* not those below them */
/* Rules that may use the column: what becomes of them, and of the statement, is not known. */
void effect_note_rules(struct effecting *e, const struct lint_relation *table, const char *column);
/* What analyzing a query locks: named relations, and what views among them read. */
void effect_analyze(struct effecting *e, const struct sql_tree *query);
/* One that is there; NULL: none. */
const struct lint_column *effect_column(const struct lint_relation *table, const char *name);
bool effect_not_null(const struct lint_relation *table, const char *column); /* known to be */
bool effect_names(const struct strings *names, const char *name);
bool effect_index_uses(const struct lint_relation *index, const char *column);
bool effect_view_uses(const struct lint_relation *view, const char *column);

/* ---- effects_parts.c: columns, constraints, triggers, policies, rules of a relation ---- */
bool effect_lacks_part(struct effecting *e, const struct lint_relation *relation,
                       enum sql_object object, const char *name); /* for certain */
/* Fails if it lacks it. */
void effect_need_part(struct effecting *e, const struct lint_relation *relation,
                      enum sql_object object, const char *name);

/* ---- effects_key.c: foreign keys ---- */
/* A new one: the lock on the other side. columns: the referenced ones; none: the primary key. */
void effect_reference(struct effecting *e, struct lint_relation *referenced,
                      const struct strings *columns);
/* Fails if a column cannot be compared with that which it refers to. table: as it is; NULL: new */
void effect_compare_key(struct effecting *e, const struct lint_relation *table,
                        const struct strings *columns, const struct lint_relation *referenced,
                        const struct strings *others);
void effect_compare_persistence(struct effecting *e, char persistence,
                                const struct lint_relation *referenced);
/* What something new depends on, where the server locks that. */
void effect_depend(struct effecting *e, struct lint_relation *relation);
void effect_depend_on_key(struct effecting *e, const struct lint_constraint *key);
/* Reads both sides; each with its indexes. */
void effect_validate_key(struct effecting *e, struct lint_relation *table,
                         struct lint_relation *referenced);
/* One that goes: triggers go from both sides. */
void effect_drop_key(struct effecting *e, const struct lint_constraint *key);
/* The foreign keys of others that lead to the columns of a table (all: NULL). */
struct lint_constraints effect_keys_to(struct effecting *e, const struct lint_relation *table,
                                       const struct strings *columns);

/* ---- effects_proof.c: what CHECKs prove ---- */
/* The table's valid CHECKs leave no row outside of the bound, and the server sees that. */
bool effect_fits_in(struct effecting *e, const struct lint_relation *parent,
                    const struct lint_relation *table, const struct sql_bound *bound);
/* Those of the default partition leave no row inside of it. */
bool effect_keeps_out(struct effecting *e, const struct lint_relation *parent,
                      const struct lint_relation *rest, const struct sql_bound *bound);

/* ---- the families ---- */
void effects_alter(struct effecting *e);   /* ALTER TABLE and its like */
void effects_refuse(struct effecting *e);  /* what definitions must not hold: effects_refuse.c */
void effects_columns(struct effecting *e); /* in queries and data changes: effects_columns.c */
/* Of a type that is there and is an enum; NULL: it is none, or not known. */
const struct lint_enum *effect_enum(struct effecting *e, struct sql_name type);
void effects_names(struct effecting *e); /* types, functions, roles ...: effects_names.c */
/* effects_check.c: what is refused. */
void effects_alter_check(struct effecting *e, struct lint_relation *table,
                         const struct sql_action *action);
/* What a table must have to become a child or a partition of the other. */
void effects_check_child(struct effecting *e, const struct lint_relation *parent,
                         const struct lint_relation *child);
void effects_check_of_type(struct effecting *e, const struct lint_relation *table,
                           const struct sql_action *action);
void effects_alter_composite(struct effecting *e, struct lint_relation *type);
/* effects_alter_column.c */
void effects_add_column(struct effecting *e, struct lint_relation *table,
                        const struct sql_action *action);
/* Those that a new column reaches: a child that has it already keeps it, and is not gone below. */
void effects_add_reached(struct effecting *e, struct lint_relation *table, const char *column,
                         struct lint_relations *ret);
void effects_drop_column(struct effecting *e, struct lint_relation *table,
                         const struct sql_action *action);
void effects_set_expression(struct effecting *e, struct lint_relation *table, const char *name);
void effects_alter_type(struct effecting *e, struct lint_relation *table,
                        const struct sql_action *action);
void effects_alter_constraint(struct effecting *e, struct lint_relation *table,
                              const struct sql_action *action);
void effects_alter_partition(struct effecting *e, struct lint_relation *table,
                             const struct sql_action *action);
/* A constraint of ADD CONSTRAINT, or of a column that is added with a value in its rows or not. */
void effects_add_constraint(struct effecting *e, struct lint_relation *table,
                            const struct sql_constraint *constraint, bool has_values);
void effects_set_not_null(struct effecting *e, struct lint_relation *table, const char *column);
/* CREATE TABLE ... PARTITION OF and ATTACH: the parent's side. */
void effects_new_partition(struct effecting *e, struct lint_relation *parent,
                           const struct sql_bound *bound);
void effects_index(struct effecting *e);       /* CREATE INDEX, REINDEX */
void effects_drop(struct effecting *e);        /* DROP of anything */
void effects_create(struct effecting *e);      /* CREATE of anything but an index */
void effects_rename(struct effecting *e);      /* RENAME, SET SCHEMA */
void effects_data(struct effecting *e);        /* SELECT, INSERT, UPDATE, DELETE, MERGE, COPY */
void effects_maintenance(struct effecting *e); /* VACUUM, CLUSTER, REFRESH, TRUNCATE, LOCK */
void effects_other(struct effecting *e); /* COMMENT, GRANT, domains, sequences, publications */
