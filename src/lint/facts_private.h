/* lint/facts_private.h: how facts are kept; for facts*.c.
 *
 * What statements and catalog objects do to the model is done by the functions of facts_model.c;
 * facts_learn.c, facts_alter.c and facts_drop.c read statements, facts_catalog.c reads the catalog.
 */
#pragma once

#include "lint/facts.h"
#include "lint/known.h"
#include "lint/names.h"

/* Names of one kind of thing: tables and the like, types, functions. */
struct facts_slot {
  const char *schema;
  void *item; /* NULL: the name leads nowhere */
  bool firm;  /* it is there; else it is only named, or dropped */
  bool old;   /* the scripts did not make it */
};
struct facts_space {
  struct map *by_key;  /* schema and name -> facts_slot */
  struct map *by_name; /* name -> facts_slots */
};
VEC_TYPE(facts_slots, struct facts_slot *);

struct facts_type {
  struct sql_name at;
  struct lint_enum *labels;   /* NULL: no enum */
  struct lint_domain *domain; /* NULL: no domain */
};

struct facts_function {
  const struct sql_routine *routine;   /* NULL: */
  const struct catalog_object *object; /* not read yet, or not readable */
  const char *signature;
};
VEC_TYPE(facts_functions, struct facts_function);

struct facts_schema {
  bool created, dropped;
  struct lint_moment created_at;
};

/* What the scripts did to a name that leads to no relation. */
struct facts_change {
  bool made; /* else dropped */
  struct lint_named named;
};
VEC_TYPE(facts_changes, struct facts_change);

struct lint_facts {
  struct arena *arena;
  const struct catalog *catalog;
  const struct lint_input *input;
  struct lint_moment now;
  bool reading;                       /* the catalog */
  struct facts_space relations;       /* lint_relation */
  struct facts_space types;           /* facts_type */
  struct facts_space routines;        /* facts_functions */
  struct lint_relations all;          /* in the order in which they were met */
  struct lint_enums enums;            /* the same */
  struct map *constraint_names;       /* schema and name -> how many constraints have it (int) */
  struct map *schemas;                /* name -> facts_schema */
  struct map *prepared;               /* name -> sql_tree of the statement */
  struct map *servers;                /* name -> its foreign data wrapper */
  struct map *changes[SQL_USE_KINDS]; /* name -> facts_changes */
  bool loses_more;                    /* by CASCADE and the like: not everything has a change */
  struct map *type_texts; /* as the catalog writes it -> sql_type; text NULL: not read */
  struct strings path;    /* search_path */
  bool utc, utc_is_local; /* TimeZone is known to be UTC; till the transaction ends */
  bool in_block;          /* between BEGIN and COMMIT */
  bool has_temporary;     /* relations of this script */
  struct map *temporary;  /* names of those of earlier ones, which may have had the same session */
  bool may_hide;          /* what was not understood may have made something */
};

/* ---- facts_name.c ---- */
struct facts_space facts_space_new(struct arena *arena);
/* Where an unqualified name is made; *_of: by this CREATE. */
struct sql_name facts_place_of(struct lint_facts *f, const struct sql_tree *tree);
const char *facts_creation_schema(const struct lint_facts *f, const char *written);
struct facts_slot *facts_slot_at(struct lint_facts *f, struct facts_space *space,
                                 struct sql_name at); /* never NULL; schema is not NULL */
/* The name leads to the item from now on; NULL: nowhere. */
void facts_bind(struct lint_facts *f, struct facts_space *space, struct sql_name at, void *item);
/* By schema, or by search_path, or the only one there was before the scripts; NULL: none. */
struct facts_slot *facts_find(const struct lint_facts *f, const struct facts_space *space,
                              struct sql_name name);
void facts_begin_zone(struct lint_facts *f); /* TimeZone at the beginning of a script */
void facts_begin_path(struct lint_facts *f); /* the same of search_path */
void facts_set_path(struct lint_facts *f, const struct sql_tree *tree);
/* The name the server gives: table_columns_label, with a number behind it if it is taken. */
enum facts_taken { FACTS_RELATIONS = 1, FACTS_CONSTRAINTS = 2 };
const char *facts_choose_name(struct lint_facts *f, const struct lint_relation *table,
                              const struct strings *columns, const char *label, int taken);
bool facts_strings_hold(const struct strings *all, const char *s);
struct strings facts_strings_copy(struct lint_facts *f, const struct strings *all);
void facts_strings_add(struct lint_facts *f, struct strings *all, const char *s); /* once */
bool facts_strings_equal(const struct strings *a, const struct strings *b);
void facts_strings_rename(struct strings *all, const char *from, const char *to);

/* ---- facts_type.c ---- */
struct facts_type *facts_type_at(struct lint_facts *f, struct sql_name at); /* made if needed */
struct facts_type *facts_type_find(const struct lint_facts *f, const struct sql_type *type);
/* As the model keeps it: serial is integer, own types have their schema. */
const struct sql_type *facts_type_of(struct lint_facts *f, const struct sql_type *type);
const struct sql_type *facts_type_read(struct lint_facts *f, const char *text); /* NULL: not read */
void facts_learn_type(struct lint_facts *f, const struct sql_tree *tree);
void facts_make_domain(struct lint_facts *f, struct sql_name at, const struct sql_domain *domain);
void facts_add_domain_constraint(struct lint_facts *f, struct facts_type *type,
                                 const struct sql_constraint *constraint);
void facts_rename_label(struct lint_facts *f, const struct sql_tree *tree); /* of an enum */
void facts_rename_type(struct lint_facts *f, const struct sql_tree *tree);
void facts_drop_types(struct lint_facts *f, const struct sql_tree *tree);

/* ---- facts_function.c ---- */
void facts_add_function(struct lint_facts *f, struct sql_name name, struct facts_function function,
                        bool replace);
void facts_learn_function(struct lint_facts *f, const struct sql_tree *tree);
void facts_rename_function(struct lint_facts *f, const struct sql_tree *tree);
void facts_drop_functions(struct lint_facts *f, const struct sql_tree *tree);

/* ---- facts_presence.c ---- */
void facts_learn_uses(struct lint_facts *f, const struct sql_tree *tree);

/* ---- facts_model.c ---- */
bool facts_is_news(const struct lint_facts *f); /* what is made now is made by the scripts */
struct lint_relation *facts_relation_new(struct lint_facts *f, struct sql_name at,
                                         enum lint_relation_kind kind, bool qualified);
void facts_move(struct lint_facts *f, struct lint_relation *relation, const char *schema,
                const char *name);
bool facts_is_there(const struct lint_relation *relation); /* known and not dropped */
struct lint_column *facts_find_column(const struct lint_relation *relation, const char *name);
struct lint_constraint *facts_find_constraint(const struct lint_relation *relation,
                                              const char *name);
struct lint_column *facts_column_new(struct lint_facts *f, struct lint_relation *relation,
                                     const char *name);
void facts_add_column(struct lint_facts *f, struct lint_relation *relation,
                      const struct sql_column *column, bool creating);
/* The column as a child gets it: of a partition, of INHERITS, of LIKE. */
struct lint_column *facts_copy_column(struct lint_facts *f, struct lint_relation *to,
                                      const struct lint_column *column);
/* Of those its columns own. */
char facts_sequence_persistence(const struct lint_relation *table);
void facts_make_sequence(struct lint_facts *f, struct lint_relation *table, const char *column,
                         const char *type);
/* The sequence that a default takes numbers from. */
void facts_default_sequence(struct lint_facts *f, struct lint_column *column,
                            const struct sql_expression *value);
void facts_own_sequence(struct lint_facts *f, struct lint_relation *sequence,
                        struct lint_relation *table, const char *column);
/* column: of whose definition it is a part; NULL: none. NULL if it repeats another. */
struct lint_constraint *facts_add_constraint(struct lint_facts *f, struct lint_relation *table,
                                             const struct sql_constraint *constraint,
                                             const char *column, bool creating);
void facts_count_constraint(struct lint_facts *f, const char *schema, const char *name, int by);
void facts_read_check(struct lint_facts *f, const struct sql_expression *check,
                      struct lint_constraint *ret);
void facts_read_view(struct lint_facts *f, struct lint_relation *view, const struct sql_tree *tree);
struct lint_trigger *facts_trigger_new(struct lint_facts *f, struct lint_relation *table,
                                       const char *name, const struct sql_trigger *from);
/* tree: CREATE RULE; NULL: what it does is not known. */
void facts_drop_rule(struct lint_relation *table, const char *name);
void facts_rename_rule(struct lint_relation *table, const char *from, const char *to);
void facts_add_rule(struct lint_facts *f, struct lint_relation *table, const char *name,
                    const struct sql_tree *tree);
void facts_add_policy(struct lint_facts *f, struct lint_relation *table, const char *name,
                      const struct sql_policy *policy);
void facts_unlink(struct lint_relations *relations, const struct lint_relation *relation);

/* ---- facts_index.c ---- */
struct facts_index {
  const char *name; /* NULL: the server chooses */
  const char *label;
  struct sql_keys keys;
  struct strings include;
  const struct sql_expression *where;
  const char *method; /* NULL: btree */
  bool unique, primary, valid, only;
  struct lint_constraint *constraint; /* it belongs to; NULL: none */
};
struct lint_relation *facts_add_index(struct lint_facts *f, struct lint_relation *table,
                                      const struct facts_index *index);
struct facts_index facts_index_of(const struct sql_tree *tree);
struct facts_index facts_index_of_constraint(struct lint_facts *f, const char *name,
                                             const struct sql_constraint *constraint,
                                             const char *column);
void facts_attach_index(struct lint_relation *parent, struct lint_relation *index,
                        struct lint_facts *f);
/* An index of `child` that can be a part of `index`; NULL: there is none. */
struct lint_relation *facts_matching_index(const struct lint_relation *child,
                                           const struct lint_relation *index);
struct facts_index facts_index_again(const struct lint_relation *index, const char *label);

/* ---- facts_partition.c ---- */
void facts_become_partition(struct lint_facts *f, struct lint_relation *table,
                            struct lint_relation *parent, const struct sql_bound *bound);
void facts_leave_parent(struct lint_relation *table);
void facts_inherit(struct lint_facts *f, struct lint_relation *table, struct lint_relation *parent);
void facts_copy_like(struct lint_facts *f, struct lint_relation *table,
                     const struct sql_like *like);
void facts_disinherit(struct lint_relation *table, struct lint_relation *parent);
/* What a constraint of the parent is to its child. */
void facts_pass_on_constraint(struct lint_facts *f, struct lint_relation *child,
                              const struct lint_constraint *constraint);

/* ---- facts_alter.c, facts_drop.c, facts_catalog.c ---- */
void facts_cluster_on(struct lint_relation *table, const char *index); /* NULL: on none */
void facts_learn_alter(struct lint_facts *f, const struct sql_tree *tree);
void facts_learn_rename(struct lint_facts *f, const struct sql_tree *tree);
void facts_learn_drop(struct lint_facts *f, const struct sql_tree *tree);
/* What had the name before gives way. */
void facts_replace(struct lint_facts *f, struct lint_relation *relation);
void facts_lose(struct lint_facts *f, const struct lint_lost *lost);
void facts_read_catalog(struct lint_facts *f);
/* Digests one statement; NULL: the parser does not know it. */
const struct sql_tree *facts_parse(struct lint_facts *f, const char *text);
void facts_learn_tree(struct lint_facts *f, const struct sql_tree *tree);
