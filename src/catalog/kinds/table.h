/* catalog/kinds/table.h: what CREATE TABLE and ADD COLUMN share. */
#pragma once

#include "catalog/model.h"

/* "name type COLLATE c" */
char *catalog_column_type(struct arena *arena, const struct catalog_object *column);
/* " DEFAULT x NOT NULL ..." or "". parent: the column of an inheritance parent that it is merged
 * with; NULL: none. */
char *catalog_column_constraints(struct catalog_writer *w, const struct catalog_object *column,
                                 const struct catalog_object *parent);
/* "CONSTRAINT name NOT NULL NO INHERIT"; of_table: with the name of the column, as a constraint of
 * the table */
char *catalog_not_null(struct arena *arena, const struct catalog_object *column, bool of_table);
void catalog_write_not_null_comment(struct catalog_writer *w, const struct catalog_object *column);
/* ALTER TABLE ... SET STORAGE and the like, where it differs from `inherited_from` (NULL: from
 * the default). */
void catalog_column_settings(struct catalog_writer *w, const struct catalog_object *column,
                             const struct catalog_object *inherited_from);
