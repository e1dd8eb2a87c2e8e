/* inverse/capture_fate.h: what a migration does to each table, for capture_plan.c. */
#pragma once

#include "inverse/capture_private.h"

/* What the migration does to one table, or to a whole partition tree (then of its root). A
 * partition that is attached or detached has a fate of its own, with what is below it, and is
 * `apart` from the tree that it is in at one end. */
struct fate {
  const struct catalog_object *table, *after; /* after NULL: dropped */
  bool written, exclusive, rewritten;
  const struct catalog_object *embeds; /* a type that loses attributes, of which it holds values */
  struct strings apart, apart_after;   /* names before and after */
  const char
      *cascade; /* the table whose rows, when changed, change rows here; NULL: written itself */
};
VEC_TYPE(fates, struct fate *);

struct planner {
  struct arena *arena;
  const struct inverse *inverse;
  struct fates fates;
  struct map *by_identity; /* of before -> struct fate */
  struct capture_plan *plan;
  bool keep_copies; /* of tables whose rows cannot be matched, instead of refusing */
};

/* With the fates of all tables of the state before; `plan` may be NULL. */
struct planner planner_new(struct arena *arena, const struct inverse *inverse,
                           struct capture_plan *plan);
/* The root of its partition tree, else the table itself. */
const struct catalog_object *planner_root(const struct catalog *c,
                                          const struct catalog_object *table);
/* Of a table before: the one whose fate it shares. */
const struct catalog_object *planner_unit(const struct planner *p,
                                          const struct catalog_object *table);
/* There are publications, and no replica identity under which rows of the table could be updated or
 * deleted: they are written back under another one. */
bool planner_lacks_identity(struct arena *arena, const struct catalog *c,
                            const struct catalog_object *table);
/* While rows of the table or its partitions are written back something is switched off
 * (undo_trigger.c) by which it is locked ACCESS EXCLUSIVE: rules, a replica identity. */
bool planner_is_switched(struct arena *arena, const struct catalog *c, const char *table);
/* NULL: the column is gone. */
const struct catalog_object *planner_column_after(const struct planner *p,
                                                  const struct catalog_object *column);
/* Names of the columns that are gone; `retyped` = some survive with another type. */
struct strings planner_doomed_columns(const struct planner *p, const struct catalog_object *table,
                                      bool *retyped);
