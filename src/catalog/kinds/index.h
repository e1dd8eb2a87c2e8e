/* catalog/kinds/index.h: what indexes and the constraints that stand on one share. */
#pragma once

#include "catalog/model.h"

/* clang-format off */
/* {"column number": target} of the index i */
#define Q_INDEX_STATISTICS                                                                         \
  "(SELECT json_object_agg(a.attnum, a.attstattarget ORDER BY a.attnum)::text FROM pg_attribute"   \
  " a WHERE a.attrelid = i.oid AND a.attstattarget >= 0) "
/* clang-format on */

void catalog_write_index_statistics(struct catalog_writer *w, const struct catalog_object *index,
                                    const char *statistics);
/* ALTER INDEX parent ATTACH PARTITION index */
void catalog_write_index_attach(struct catalog_writer *w, const struct catalog_object *index);
/* CLUSTER ON and REPLICA IDENTITY USING INDEX of the table */
void catalog_write_index_marks(struct catalog_writer *w, const struct catalog_object *index);
