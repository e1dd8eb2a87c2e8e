/* lint/facts_private.h: how facts are kept; for facts.c and facts_learn.c. */
#pragma once

#include "lint/facts.h"
#include "lint/known.h"

struct lint_facts {
  struct arena *arena;
  const struct catalog *catalog;
  struct map *relations;   /* key -> lint_relation */
  struct map *columns;     /* key, column -> lint_column */
  struct map *constraints; /* key, constraint -> lint_constraint */
  struct map *enums;       /* key -> lint_enum */
  struct map *schemas;     /* name -> itself: made by the scripts */
  size_t relation_count;
  bool search_path_set;
};

/* Where a name leads: relations and enums. An entry's own key is another: a name can come to mean
 * another table. */
const char *lint_facts_key(const struct lint_facts *facts, struct sql_name name);
/* An entry that replaces whatever the key led to. */
struct lint_relation *lint_facts_new_relation(struct lint_facts *facts, const char *key,
                                              struct sql_name name);
const struct catalog_object *lint_facts_child(const struct lint_facts *facts,
                                              const struct catalog_object *table,
                                              enum catalog_kind kind, const char *name);
