/* backup/counters.h: how much was written since a backup, as far as the server counts it.
 *
 * The manifest holds under "counters" what the server had counted per table just after the
 * snapshot; the difference to now is what a restore into place would lose. Counters lag by up to
 * a second, do not see TRUNCATE, and start anew after a crash or a reset: then nothing is said.
 */
#pragma once

#include <jansson.h>

#include "db/db.h"

struct counters_table {
  const char *identity;
  int64_t inserted, updated, deleted;
};
VEC_TYPE(counters_tables, struct counters_table);

struct counters_change {
  bool known;      /* false: another server or database, or the counters started anew */
  const char *why; /* not known: because */
  struct counters_tables tables; /* those with writes, the most written first */
  int64_t wal_bytes;             /* of the whole server; -1: not known */
};

/* JSON text for the manifest; of the database of conn. */
int counters_read(struct arena *arena, struct db_conn *conn, const char **ret_json,
                  struct err *err);
/* then: "counters" of a manifest, may be NULL. conn: in the database. */
int counters_compare(struct arena *arena, struct db_conn *conn, const json_t *then,
                     struct counters_change *ret, struct err *err);
