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

struct lint_relation {
  const char *key;  /* unique; not the name */
  const char *name; /* for messages, quoted where needed */
  bool created;     /* by these scripts */
  const struct catalog_object
      *object;                        /* table, view, materialized view or index; NULL: not known */
  const struct catalog_object *table; /* object, or the table of an index; NULL: not known */
  bool altered;                       /* ALTER TABLE by these scripts, last at: */
  struct lint_moment altered_at;
};

struct lint_column {
  bool created;                /* by these scripts */
  const struct sql_type *type; /* NULL: not known */
  bool not_null;               /* known to be */
};

struct lint_constraint {
  const char *not_null_column; /* CHECK (column IS NOT NULL) */
  bool added;                  /* by these scripts, at: */
  struct lint_moment added_at;
  bool valid, dropped;
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
