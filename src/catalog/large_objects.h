/* catalog/large_objects.h: large objects, as statements that make them and as rows that fill them.
 * They are data: no part of the model or of its fingerprint.
 *
 * What makes them (OID, size, owner, privileges, comment, security labels) comes first, one
 * statement for many objects. A size is set before the rows are written, so that rows can be
 * written in any order and by several sessions: (loid, at, data), a piece each of at most
 * LARGE_OBJECTS_PIECE bytes without the zeros at its end, none for a hole; and for each object a
 * row (loid, its size, NULL), which only counts in comparisons. So equal objects are equal rows,
 * wherever the server keeps holes, and whether a superuser reads them or not.
 */
#pragma once

#include "catalog/catalog.h"

/* The name of their rows, as of a table. */
#define LARGE_OBJECTS_TABLE "pg_catalog.pg_largeobject"

struct large_objects_found {
  bool any;
  /* The role may read the catalog's pages. Else the server's functions read, for which each object
   * must be readable. */
  bool by_pages;
};
/* Inside a transaction, whose snapshot counts. ERR_REFUSED naming one that the role may not read.
 */
int large_objects_find(struct db_conn *conn, struct large_objects_found *ret, struct err *err);

/* `objects`: which, for messages: "16401", "16401 to 16900". `sql` without semicolon; one
 * transaction each: it takes a lock an object. Same objects, same statements. Inside a transaction.
 */
typedef int (*large_objects_each)(void *context, enum catalog_purpose purpose, const char *objects,
                                  const char *sql, struct err *err);
int large_objects_statements(struct db_conn *conn, large_objects_each each, void *context,
                             struct err *err);

/* COPY BINARY ... TO STDOUT. by_pages: only of the rows of pg_largeobject under `where` ("WHERE
 * ctid ...", or ""). sizes: with the rows that say them. */
char *large_objects_copy_sql(struct arena *arena, bool by_pages, const char *where, bool sizes);
/* Those of a whole database, for comparing. Inside a transaction. */
int large_objects_content_sql(struct arena *arena, struct db_conn *conn, char **ret_sql,
                              struct err *err);
/* The way back, one part at a time and in one transaction. */
extern const char large_objects_before[], large_objects_copy_in[], large_objects_after[];
