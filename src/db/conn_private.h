/* db/conn_private.h: what the files of db/ share. */
#pragma once

#include <libpq-fe.h>

#include "db/db.h"

struct db_conn {
  PGconn *pq;
  PGcancel *cancel;
  db_notice notice;
  void *notice_context;
};

struct db_result {
  PGresult *pq;
};

/* Fills err from a failed result (may be NULL: the connection was lost). Returns -1. */
int db_result_error(const struct db_conn *conn, const PGresult *result, struct err *err);
