/* catalog/kinds/index.h: what indexes and the constraints that stand on one share. */
#pragma once

#include "catalog/model.h"

/* clang-format off */
/* Identity of the index or constraint of the partitioned table that an index is attached to. */
#define Q_PARENT_INDEX(oid)                                                                        \
  "(SELECT format('%I.%I.%I', pn.nspname, pt.relname, coalesce(pk.conname, pi.relname)) FROM"      \
  " pg_inherits h JOIN pg_class pi ON pi.oid = h.inhparent JOIN pg_index px ON px.indexrelid ="    \
  " pi.oid JOIN pg_class pt ON pt.oid = px.indrelid JOIN pg_namespace pn ON pn.oid ="              \
  " pt.relnamespace LEFT JOIN pg_constraint pk ON pk.conindid = pi.oid AND pk.contype IN ('p',"    \
  " 'u', 'x') WHERE h.inhrelid = " oid ")"
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
