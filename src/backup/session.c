#include "backup/session.h"

int backup_session(struct db_conn *conn, struct err *err)
{
  static const char settings[] =
      "SET search_path = ''; SET statement_timeout = 0; SET lock_timeout = 0;"
      "SET idle_in_transaction_session_timeout = 0; SET row_security = off;"
      "SET quote_all_identifiers = off; SET bytea_output = 'hex'; SET lc_monetary = 'C';"
      "SET xmloption = content; SET array_nulls = on; SET synchronize_seqscans = off;"
      "SET default_transaction_read_only = off; SET client_min_messages = warning;"
      /* names that exist on some versions only */
      "SELECT pg_catalog.set_config(name, '0', false) FROM pg_catalog.pg_settings"
      " WHERE name IN ('idle_session_timeout', 'transaction_timeout');";
  return db_exec(conn, settings, err);
}

bool backup_keeps_code(enum err_code code)
{
  return code == ERR_CONNECT || code == ERR_STORE || code == ERR_DAMAGED ||
         code == ERR_INTERRUPTED || code == ERR_TERMINATED;
}
