/* lint/facts.h: what a rule may know of the objects a statement names: the light catalog. It is
 * filled from the database's catalog if there is one, and kept up to date by replaying what the
 * scripts do; both end in the same model.
 *
 *   lint_facts_at(facts, now);                          // before the rules look at a statement
 *   struct lint_relation *table = lint_facts_relation(facts, tree->name);
 *   if (lint_is_new(table)) return;
 *   ...
 *   lint_facts_learn(facts, now, tree);                 // after they have
 *
 * Names without a schema are looked for along search_path (public, unless a script sets it; every
 * script starts with public), then wherever the name stands once. No entry is ever NULL; all live
 * in the arena.
 */
#pragma once

#include "catalog/catalog.h"
#include "lint/lint.h"
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
struct lint_rule_use;
VEC_TYPE(lint_rule_uses, struct lint_rule_use *);
VEC_TYPE(lint_columns, struct lint_column *);
VEC_TYPE(lint_constraints, struct lint_constraint *);
VEC_TYPE(lint_triggers, struct lint_trigger *);
VEC_TYPE(lint_relations, struct lint_relation *);

struct lint_relation {
  size_t number;      /* in lint_facts_relations */
  const char *name;   /* for messages, quoted where needed */
  struct sql_name at; /* where it is: schema and name, unquoted */
  enum lint_relation_kind kind;
  bool complete; /* all of it is known: its columns, indexes, constraints, partitions ...; false:
                    what the lists hold is what statements happened to say */
  const struct lint_facts *facts;
  bool created; /* by these scripts (not by known ones), at: */
  struct lint_moment created_at;
  bool dropped; /* by these scripts; its name leads to it until it is made again */
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
  bool row_security, force_row_security;
  int policies;
  struct strings policy_names, rules;
  struct strings policy_columns; /* used by expressions of policies */
  const char *replica_identity;  /* "FULL", "NOTHING", "INDEX"; NULL: the default, or not known */
  struct lint_relation *of_type; /* OF type: the composite; NULL: none */
  const char *server;            /* of a foreign table; NULL: none, or not known */
  struct lint_columns columns;   /* also those dropped: column->dropped */
  struct lint_constraints constraints; /* also those dropped: constraint->dropped */
  struct lint_constraints referencing; /* foreign keys to it, also of itself and dropped ones */
  struct lint_relations indexes;       /* those that are there */
  struct lint_triggers triggers;   /* without those that enforce foreign keys; also dropped ones */
  struct lint_relations readers;   /* views and matviews whose query names it */
  struct lint_rule_uses rule_uses; /* by rules of tables; lint_rule_is_there says which still are */
  struct lint_relations sequences; /* owned by its columns */

  /* of a view or matview */
  struct lint_relations reads; /* what its query names */
  struct strings read_columns; /* names of columns that it mentions, of whichever relation; "*" for
                                  all */

  /* partitions and inheritance */
  struct lint_relation *parent;   /* the partitioned table or index it is a part of; NULL: none */
  struct lint_relations children; /* its partitions, or the children that inherit from it */
  struct lint_relations parents;  /* that it inherits from without being a partition */
  struct lint_relation *default_partition; /* NULL: none, or not known */
  const char *partition_strategy;          /* "range", "list", "hash"; NULL: not partitioned */
  struct strings partition_key;            /* columns; "" for an expression */
  const char *bound;                       /* "FOR VALUES FROM (0) TO (100)", "DEFAULT" */
  const struct sql_bound *bounds;          /* the same; NULL: none, or not known */

  /* of an index */
  struct lint_relation *indexed; /* the table */
  struct strings index_columns;  /* key columns in order; "" for an expression */
  struct strings index_uses;     /* every column it needs: in keys, expressions, INCLUDE, WHERE */
  struct sql_keys index_keys;    /* the same with collations, operator classes and expressions */
  struct strings index_include;
  const struct sql_expression *index_where; /* NULL: none, or not known */
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
  bool collation_known;        /* of a query's or a view's column: it is */
  bool not_null;               /* known to be */
  bool has_default;
  struct lint_relation *sequence; /* that its default or identity takes numbers from; NULL: none */
  enum sql_generated generated;
  struct strings generated_from; /* GENERATED ... STORED: the columns its expression uses */
  bool inherited;                /* from a parent or the partitioned table */
};

struct lint_constraint {
  const char *name; /* as the server names it where none is written */
  enum sql_constraint_kind kind;
  struct lint_relation *relation;     /* the table; NULL: of a domain, or only named */
  struct strings columns;             /* of the key, or that a CHECK names */
  const char *definition;             /* "CHECK ((n > 0))"; NULL: not known */
  const struct sql_expression *check; /* CHECK; NULL: not known */
  struct lint_relation *index;        /* of UNIQUE, PRIMARY KEY, EXCLUDE */
  struct lint_relation *referenced;   /* FOREIGN KEY: the other table */
  struct strings referenced_columns;  /* none: its primary key, which is not known */
  char on_delete, on_update;          /* FOREIGN KEY: as sql_constraint */
  const char *not_null_column;        /* CHECK (column IS NOT NULL), NOT NULL of 18 */
  struct strings proves_not_null;     /* CHECK: columns of which it says so, perhaps among others */
  bool added;                         /* by these scripts, at: */
  struct lint_moment added_at;
  bool valid, dropped, enforced;
  bool inherited, no_inherit, deferrable;
};

struct lint_trigger {
  const char *name;
  const char *function; /* NULL: not known */
  bool constraint, dropped;
  bool row;               /* FOR EACH ROW: partitions have it too */
  struct strings columns; /* UPDATE OF, and used by WHEN */
};

/* A rule (CREATE RULE) whose condition or actions name the relation, or that is its own. */
struct lint_rule_use {
  const char *rule;
  struct lint_relation *table; /* whose rule it is */
  bool gone;                   /* dropped or replaced */
  const struct sql_tree *from; /* CREATE RULE; NULL: not known */
  struct strings columns; /* that it mentions, of whichever relation; "*" for all. Those that an
                                  INSERT of it fills without naming them are not among them */
};

struct lint_enum {
  bool known;            /* all its values are: */
  struct strings values; /* in no order */
  bool created;          /* by these scripts, at: */
  struct lint_moment created_at;
  struct strings added_values; /* by ALTER TYPE ... ADD VALUE in one file, the last at: */
  struct lint_moment added_at;
};
VEC_TYPE(lint_enums, struct lint_enum *);

enum lint_volatility { LINT_NOT_VOLATILE, LINT_VOLATILE, LINT_VOLATILITY_UNKNOWN };

/* input: its catalog, its target's major and how many of its scripts are known. */
struct lint_facts *lint_facts_new(struct arena *arena, const struct lint_input *input);
/* The statement that is looked at now: what is new is new to it. */
void lint_facts_at(struct lint_facts *facts, struct lint_moment now);
/* Major of the server: the catalog's, else the target's, else 0. */
int lint_facts_major(const struct lint_facts *facts);
void lint_facts_learn(struct lint_facts *facts, struct lint_moment now,
                      const struct sql_tree *tree);

struct lint_relation *lint_facts_relation(struct lint_facts *facts, struct sql_name name);
/* What is where the CREATE would make its relation; NULL: nothing. */
const struct lint_relation *lint_facts_in_place(struct lint_facts *facts,
                                                const struct sql_tree *tree);
/* What is in the schema may be found by its name alone. */
bool lint_facts_is_visible(const struct lint_facts *facts, const char *schema);
/* A temporary relation of an earlier script had the name. */
bool lint_facts_may_be_temporary(const struct lint_facts *facts, struct sql_name name);
struct lint_column *lint_facts_column(struct lint_facts *facts, const struct lint_relation *table,
                                      const char *column);
struct lint_constraint *lint_facts_constraint(struct lint_facts *facts,
                                              const struct lint_relation *table,
                                              const char *constraint);
struct lint_enum *lint_facts_enum(struct lint_facts *facts, struct sql_name name);
/* NULL: it is not known to be one. */
const struct lint_enum *lint_facts_known_enum(const struct lint_facts *facts, struct sql_name name);
struct lint_enums lint_facts_enums(struct lint_facts *facts); /* those with added values */
/* The foreign keys that refer to the table and are there. */
struct lint_constraints lint_facts_referencing(struct lint_facts *facts,
                                               const struct lint_relation *table);
struct lint_domain {
  struct sql_name at;
  struct sql_type base; /* may be another domain */
  bool not_null, has_default;
  const struct sql_expression *default_value; /* NULL: none, or not known */
  struct lint_constraints constraints;        /* also dropped ones */
  bool created;                               /* by these scripts, at: */
  struct lint_moment created_at;
};
struct lint_domain *lint_facts_domain(struct lint_facts *facts,
                                      struct sql_name name); /* NULL: not known to be a domain */
/* Tables with a column of the domain, of one over it, or of an array of it. */
struct lint_relations lint_facts_domain_users(struct lint_facts *facts, struct sql_name domain);
/* Whether the type, perhaps through domains, refuses values: adding a column of it, or changing one
 * to it, reads or writes every row. */
bool lint_facts_type_is_constrained(struct lint_facts *facts, const struct sql_type *type);
/* What PREPARE of this script gave the name; NULL: not known. */
const struct sql_tree *lint_facts_prepared(const struct lint_facts *facts, const char *name);
/* Statements that cannot be looked into, or CREATE EXTENSION, may have made what is not known. */
bool lint_facts_may_hide(const struct lint_facts *facts);
/* By exact name, where the statement would make it. */
bool lint_facts_has_type(struct lint_facts *facts, struct sql_name name);
bool lint_facts_has_schema(const struct lint_facts *facts, const char *name);
/* Whether there is what the statement needs, makes or drops, by the names of the server and by what
 * the scripts did to them. Perhaps: the server's names are not known, or code may have made it. */
enum lint_presence { LINT_ABSENT, LINT_PRESENT, LINT_PERHAPS };
enum lint_presence lint_facts_presence(struct lint_facts *facts, const struct sql_use *use);
/* Several functions have the name, and it is written without arguments. */
bool lint_facts_is_ambiguous(struct lint_facts *facts, const struct sql_use *use);
bool lint_facts_lacks_schema(struct lint_facts *facts, const char *schema); /* for certain */
/* A function with those types of parameters, where the statement would make it. */
bool lint_facts_has_function(struct lint_facts *facts, struct sql_name name, const char *signature);
/* What there is is not sure any more: of a rollback, of what psql decides. */
void lint_facts_doubt(struct lint_facts *facts);
/* The foreign data wrapper of a server; NULL: not known. */
const char *lint_facts_wrapper(const struct lint_facts *facts, const char *server);
/* Every relation known, in the order in which they were met. */
struct lint_relations lint_facts_relations(struct lint_facts *facts);
bool lint_facts_schema_is_new(const struct lint_facts *facts, const char *schema);

/* A valid CHECK (column IS NOT NULL) that the statement itself does not drop. */
bool lint_facts_proves_not_null(struct lint_facts *facts, const struct lint_relation *table,
                                const char *column, const struct sql_tree *statement);
/* Of a call, after the planner has put a simple SQL function's expression in its place; of several
 * functions with one name, the worst. */
enum lint_volatility lint_facts_volatility(struct lint_facts *facts, struct sql_name function);
/* Whether the type change needs no rewrite (the matrix of 13 to 18); domains are looked through.
 * From timestamp to timestamptz and back it depends on SET timezone. */
bool lint_facts_type_change_is_free(const struct lint_facts *facts, const struct sql_type *from,
                                    const struct sql_type *to);
/* The columns that the query of CREATE VIEW or TABLE AS gives; without a type where that is not
 * known. False: not even how many they are. */
bool lint_facts_results(struct lint_facts *facts, const struct sql_tree *tree,
                        struct lint_columns *ret);
bool lint_facts_types_differ(const struct lint_facts *facts, const struct sql_type *a,
                             const struct sql_type *b); /* for certain */
/* Whether an index is kept as it is when the type of one of its columns changes without a rewrite:
 * not if it has expressions or a predicate that use it, a new collation, or another operator class.
 */
bool lint_facts_index_is_kept(const struct lint_facts *facts, const struct lint_relation *index,
                              const struct lint_column *column, const struct sql_action *change);

/* What a DROP, or DROP COLUMN or CONSTRAINT of ALTER TABLE, takes: what it names and what goes
 * along, by CASCADE or always (indexes, owned sequences, partitions). */
struct lint_lost {
  struct lint_relations relations; /* what is named first */
  struct lint_constraints constraints;
  VEC(struct lint_lost_column {
    struct lint_relation *table;
    struct lint_column *column;
  })
  columns;
};
void lint_facts_lost(struct lint_facts *facts, const struct sql_tree *tree, struct lint_lost *ret);

/* What these scripts made at a moment is new to the statement looked at: the same script made it,
 * or an earlier one while a catalog says that the database does not have it yet. */
bool lint_facts_is_new(const struct lint_facts *facts, bool created, struct lint_moment at);
bool lint_rule_is_there(const struct lint_rule_use *use);
bool lint_is_new(const struct lint_relation *relation);
bool lint_is_partitioned(const struct lint_relation *relation); /* as far as known */
