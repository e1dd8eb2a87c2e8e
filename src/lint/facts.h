/* lint/facts.h: what a rule may know of the tables a statement names: from the catalog if there is
 * one, and from what the scripts did so far (tables, columns, indexes and types made by an earlier
 * statement are new: nobody waits for them).
 *
 *   struct lint_relation *table = lint_facts_relation(facts, tree->name);
 *   if (lint_is_new(table)) return;
 *
 * lint_facts_learn is called after the rules have seen a statement. Names without a schema mean
 * public, unless a script sets search_path or the catalog has the name in one other schema only.
 * No entry is ever NULL; all live in the arena.
 */
#pragma once

#include "catalog/catalog.h"
#include "sql/script.h"
#include "sql/tree.h"

struct lint_facts;

/* A place in the order of things: the file and the statement in it. */
struct lint_moment {
  size_t script, statement;
};

enum lint_relation_kind {
  LINT_UNKNOWN_RELATION, /* only a statement names it */
  LINT_TABLE,
  LINT_PARTITIONED_TABLE,
  LINT_FOREIGN_TABLE,
  LINT_VIEW,
  LINT_MATVIEW,
  LINT_INDEX,
  LINT_SEQUENCE,
  LINT_COMPOSITE,
};

struct lint_column;
struct lint_constraint;
struct lint_trigger;
VEC_TYPE(lint_columns, struct lint_column *);
VEC_TYPE(lint_constraints, struct lint_constraint *);
VEC_TYPE(lint_triggers, struct lint_trigger *);
VEC_TYPE(lint_relations, struct lint_relation *);

struct lint_relation {
  const char *key;    /* unique; not the name */
  const char *name;   /* for messages, quoted where needed */
  struct sql_name at; /* where it is: schema and name, unquoted */
  enum lint_relation_kind kind;
  bool complete; /* all of it is known: its columns, indexes, constraints, partitions ...; false:
                    what the lists hold is what statements happened to say */
  bool created;  /* by these scripts, at: */
  struct lint_moment created_at;
  bool dropped; /* by these scripts */
  const struct catalog_object
      *object;                        /* table, view, materialized view or index; NULL: not known */
  const struct catalog_object *table; /* object, or the table of an index; NULL: not known */
  bool altered;                       /* ALTER TABLE by these scripts, last at: */
  struct lint_moment altered_at;

  char persistence;          /* 'p' permanent, 'u' unlogged, 't' temporary; 0: not known */
  const char *access_method; /* NULL: the default, or not known */
  const char *tablespace;    /* NULL: the default, or not known */
  const char *owner;         /* NULL: not known */
  double rows;               /* estimated; -1: not known */
  int64_t bytes;             /* with its indexes; -1: not known */
  bool row_security;
  int policies;
  struct strings policy_columns; /* used by their expressions */
  struct lint_relation *of_type; /* OF type: the composite; NULL: none */
  struct lint_columns columns;   /* also those dropped: column->dropped */
  struct lint_constraints constraints;
  struct lint_relations indexes;
  struct lint_triggers triggers; /* without those that enforce foreign keys */
  struct lint_relations readers; /* views and matviews whose query names it */

  /* of a view or matview */
  struct lint_relations reads; /* what its query names */
  struct strings read_columns; /* names of columns that it mentions, of whichever relation; "*" for
                                  all */

  /* partitions and inheritance */
  struct lint_relation *parent;   /* the partitioned table or index it is a part of; NULL: none */
  struct lint_relations children; /* its partitions, or the children that inherit from it */
  struct lint_relation *default_partition; /* NULL: none, or not known */
  struct strings partition_key;            /* columns; "" for an expression */
  const char *bound;                       /* "FOR VALUES FROM (0) TO (100)", "DEFAULT" */

  /* of an index */
  struct lint_relation *indexed; /* the table */
  struct strings index_columns;  /* key columns in order; "" for an expression */
  bool unique, primary, partial, index_valid;
  struct strings expression_columns;  /* used by its expressions and its WHERE */
  bool clustered;                     /* CLUSTER ON */
  const char *index_method;           /* "btree" */
  struct lint_constraint *constraint; /* that it belongs to; NULL: none */

  /* of a sequence */
  struct lint_relation *owned_by; /* the table; NULL: none */
  const char *owned_by_column;
  const char *sequence_type; /* "integer", "bigint" */
};

struct lint_column {
  const char *name;
  bool created; /* by these scripts, at: */
  struct lint_moment created_at;
  bool dropped;
  const struct sql_type *type; /* NULL: not known */
  const char *collation;       /* NULL: the default of the type, or not known */
  bool not_null;               /* known to be */
  bool has_default;
  struct lint_relation *sequence; /* that its default or identity takes numbers from; NULL: none */
  enum sql_generated generated;
  struct strings generated_from; /* GENERATED ... STORED: the columns its expression uses */
  bool inherited;                /* from a parent */
};

struct lint_constraint {
  const char *name; /* as the server names it where none is written */
  enum sql_constraint_kind kind;
  struct lint_relation *relation;   /* the table; NULL: of a domain */
  struct strings columns;           /* of the key, or that a CHECK names */
  const char *definition;           /* "CHECK ((n > 0))"; NULL: not known */
  struct lint_relation *index;      /* of UNIQUE, PRIMARY KEY, EXCLUDE */
  struct lint_relation *referenced; /* FOREIGN KEY: the other table */
  struct strings referenced_columns;
  char on_delete, on_update;   /* FOREIGN KEY: as sql_constraint */
  bool no_inherit;             /* CHECK */
  const char *not_null_column; /* CHECK (column IS NOT NULL), NOT NULL of 18 */
  bool added;                  /* by these scripts, at: */
  struct lint_moment added_at;
  bool valid, dropped, enforced;
};

struct lint_trigger {
  const char *name;
  const char *function; /* NULL: not known */
  bool constraint, dropped;
  bool row;               /* FOR EACH ROW: partitions have it too */
  struct strings columns; /* UPDATE OF, and used by WHEN */
};

struct lint_enum {
  bool created; /* by these scripts, at: */
  struct lint_moment created_at;
  struct strings added_values; /* by ALTER TYPE ... ADD VALUE in one file, the last at: */
  struct lint_moment added_at;
};
VEC_TYPE(lint_enums, struct lint_enum *);

enum lint_volatility { LINT_NOT_VOLATILE, LINT_VOLATILE, LINT_VOLATILITY_UNKNOWN };

struct lint_facts *lint_facts_new(struct arena *arena, const struct catalog *catalog);
/* Major of the server: the catalog's, else the target's, else 0. */
int lint_facts_major(const struct lint_facts *facts);
void lint_facts_learn(struct lint_facts *facts, struct lint_moment now,
                      const struct sql_tree *tree);

struct lint_relation *lint_facts_relation(struct lint_facts *facts, struct sql_name name);
struct lint_column *lint_facts_column(struct lint_facts *facts, const struct lint_relation *table,
                                      const char *column);
struct lint_constraint *lint_facts_constraint(struct lint_facts *facts,
                                              const struct lint_relation *table,
                                              const char *constraint);
struct lint_enum *lint_facts_enum(struct lint_facts *facts, struct sql_name name);
struct lint_enums lint_facts_enums(struct lint_facts *facts); /* those with added values */
/* What a new table refers to it by a foreign key, or a domain's columns: who is touched along. */
struct lint_constraints lint_facts_referencing(struct lint_facts *facts,
                                               const struct lint_relation *table);
struct lint_domain {
  struct sql_type base;
  bool not_null;
  struct lint_constraints constraints;
  bool created;
};
struct lint_domain *lint_facts_domain(struct lint_facts *facts,
                                      struct sql_name name); /* NULL: not known to be a domain */
struct lint_relations lint_facts_domain_users(struct lint_facts *facts, struct sql_name domain);
/* Every relation known, in the order in which they were met. */
struct lint_relations lint_facts_relations(struct lint_facts *facts);
bool lint_facts_schema_is_new(const struct lint_facts *facts, const char *schema);

/* A valid CHECK (column IS NOT NULL) that the statement itself does not drop. */
bool lint_facts_proves_not_null(struct lint_facts *facts, const struct lint_relation *table,
                                const char *column, const struct sql_tree *statement);
enum lint_volatility lint_facts_volatility(const struct lint_facts *facts,
                                           struct sql_name function);
/* Whether the type change needs no rewrite; domains are looked through if the catalog knows them.
 * */
bool lint_facts_type_change_is_free(const struct lint_facts *facts, const struct sql_type *from,
                                    const struct sql_type *to);

bool lint_is_new(const struct lint_relation *relation);
bool lint_is_partitioned(const struct lint_relation *relation); /* as far as known */
