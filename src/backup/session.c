#include "backup/session.h"

int backup_session(struct db_conn *conn, struct err *err)
{
  static const char settings[] =
      "SET search_path = ''; SET statement_timeout = 0; SET lock_timeout = 0;"
      "SET idle_in_transaction_session_timeout = 0; SET row_security = off;"
      "SET quote_all_identifiers = off; SET bytea_output = 'hex'; SET lc_monetary = 'C';"
      "SET xmloption = content; SET array_nulls = on; SET synchronize_seqscans = off;"
      "SET default_transaction_read_only = off; SET client_min_messages = warning;"
      "SET TimeZone = 'UTC'; SET max_parallel_workers_per_gather = 0; SET enable_tidscan = on;"
      /* names that exist on some versions only */
      "SELECT pg_catalog.set_config(name, '0', false) FROM pg_catalog.pg_settings"
      " WHERE name IN ('idle_session_timeout', 'transaction_timeout');"
      /* should this process be killed, its sessions end, whatever they are doing */
      "SELECT pg_catalog.set_config(name, '2s', false) FROM pg_catalog.pg_settings"
      " WHERE name = 'client_connection_check_interval' AND pg_catalog.version() ~ 'linux';";
  return db_exec(conn, settings, err);
}

bool backup_keeps_code(enum err_code code)
{
  return code == ERR_CONNECT || code == ERR_STORE || code == ERR_DENIED || code == ERR_DAMAGED ||
         code == ERR_INTERRUPTED || code == ERR_TERMINATED;
}

void backup_explain_lost(const char *left, const char *again, struct err *err)
{
  if (err->code == ERR_CONNECT && !err->hint)
    err_hint(err,
             "%s. The server's log says why the session ended (or the log of a pooler between);"
             " when the server can be reached, %s.",
             left, again);
}

int backup_open_maintenance(const struct db_target *target, const char *application,
                            struct db_conn **ret_conn, struct err *err)
{
  struct err failed = ERR_INIT;
  if (db_open_other(target, "postgres", application, ret_conn, &failed) == 0)
    return 0;
  CLEANUP(err_clear) struct err ignored = ERR_INIT;
  if (db_open_other(target, "template1", application, ret_conn, &ignored) == 0) {
    err_clear(&failed);
    return 0;
  }
  err_move(err, &failed);
  return -1;
}

int backup_server_id(struct arena *arena, struct db_conn *conn, const char **ret_id,
                     struct err *err)
{
  if (db_query_value(conn, arena, ret_id, err,
                     "SELECT system_identifier::text FROM pg_catalog.pg_control_system()",
                     NULL) < 0)
    return err_wrap(err, "reading the system identifier of the server");
  return 0;
}
