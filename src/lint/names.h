/* lint/names.h: the names that a server knows, also its own, of what is no relation: types,
 * functions, roles, schemas ... What is in none of them is not there.
 *
 *   const struct lint_names *names;
 *   if (lint_names_read(arena, conn, &names, err) < 0) ...
 *   const struct lint_named *named = lint_names_find(names, SQL_USE_TYPE, "mood");
 *
 * All lives in the arena. Reads catalogs that any role may read.
 */
#pragma once

#include "base/arena.h"
#include "sql/tree.h"

struct db_conn;

/* One thing, or the functions of one name in one schema. */
struct lint_named {
  const char *schema; /* of OPCLASS and OPFAMILY the access method; NULL: its kind has none */
  int count;          /* functions of that name */
  int least, most;    /* arguments that they can be called with */
  bool procedures;    /* they are */
};
VEC_TYPE(lint_named_vec, struct lint_named);

struct lint_names {
  struct map *kinds[SQL_USE_KINDS]; /* name -> lint_named_vec */
  const char *encoding;             /* of the database: "UTF8" */
};

int lint_names_read(struct arena *arena, struct db_conn *conn, const struct lint_names **ret,
                    struct err *err);
/* NULL: there is none. */
const struct lint_named_vec *lint_names_find(const struct lint_names *names, enum sql_use_kind kind,
                                             const char *name);
