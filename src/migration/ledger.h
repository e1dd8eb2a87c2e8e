/* The ledgers of prisma.c and plain.c differ in names only; this is what they share. Private to
 * migration/. */
#pragma once

#include "migration/migration.h"

struct ledger_layout {
  const char *table;
  const char *columns;            /* the body of CREATE TABLE */
  const char *name, *finished_at; /* columns that are called differently */
  const char *steps;              /* column that is 1 when finished; NULL: none */
  const char *new_id;             /* a new row's id: an expression, or DEFAULT */
};

struct ledger {
  const struct ledger_layout *layout;
  struct db_conn *conn;
  const char *schema;
};

int ledger_look_up(const struct ledger *ledger, bool *ret_exists, struct err *err);
int ledger_make(const struct ledger *ledger, struct err *err);
int ledger_rows_read(const struct ledger *ledger, struct arena *arena, struct ledger_rows *ret,
                     struct err *err);
int ledger_row_add(const struct ledger *ledger, const struct migration *m, const char *started_at,
                   struct err *err);
int ledger_row_start(const struct ledger *ledger, struct arena *arena, const struct migration *m,
                     const char **ret_row_id, struct err *err);
int ledger_row_finish(const struct ledger *ledger, const char *row_id, struct err *err);
int ledger_row_fail(const struct ledger *ledger, const char *row_id, const char *log,
                    struct err *err);
/* `conn` is not used. */
const char *ledger_rows_back_sql(const struct ledger *ledger, struct arena *arena, const char *name,
                                 bool whole);
int ledger_rows_back(const struct ledger *ledger, const char *name, bool whole, struct err *err);
