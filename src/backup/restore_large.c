/* Large objects into a database that is in use, in one transaction with the rows. The server's
 * lock table is shared by all its sessions and bounded: what would fill it is refused. */
#include "backup/restore.h"

#include "base/map.h"
#include "sql/quote.h"

/* The batch "DO $belay$BEGIN ... OWNER TO role; END$belay$", which has one owner. */
static bool is_for_owner(struct restore *restore, const char *sql, const char *role)
{
  const char *last = NULL,
             *owner = arena_printf(restore->arena, " OWNER TO %s", sql_ident(restore->arena, role));
  size_t len = strlen(owner);
  for (const char *p = sql; (p = strstr(p, ";\nEND")); p++)
    last = p;
  return last && (size_t)(last - sql) > len && strncmp(last - len, owner, len) == 0;
}

/* lo_create gives them to the role of the session: no need for ALTER, which locks each of them. */
static int leave_out_own(struct restore *restore, struct err *err)
{
  const char *role;
  if (db_query_value(restore->conn, restore->arena, &role, err, "SELECT current_user", NULL) < 0)
    return -1;
  for (size_t i = 0; i < restore->large_objects.len; i++) {
    struct restore_item *item = &restore->large_objects.at[i];
    if (mark_is_for(&item->mark, CATALOG_FOR_OWNER) && is_for_owner(restore, item->sql, role))
      item->left_out = true;
  }
  return 0;
}

/* "GRANT ... ON LARGE OBJECT 1, 2", "COMMENT ON LARGE OBJECT 1 ..." */
static void add_named(struct restore *restore, struct map *oids, const char *sql)
{
  static const char words[] = " LARGE OBJECT ", digits[] = "0123456789";
  for (const char *p = sql; (p = strstr(p, words));)
    for (p += strlen(words); strspn(p, digits); p += strspn(p, ", ")) {
      size_t len = strspn(p, digits);
      map_put(oids, arena_printf(restore->arena, "%.*s", (int)len, p), restore);
      p += len;
    }
}

static int check_locks(struct restore *restore, struct err *err)
{
  struct map *oids = map_new(restore->arena);
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  for (size_t i = 0; i < restore->large_objects.len; i++) {
    const struct restore_item *item = &restore->large_objects.at[i];
    bool skipped = item->left_out || (item->names_role && restore->options->no_owner);
    /* before version 18, GRANT takes no lock */
    bool locks =
        !mark_is_for(&item->mark, CATALOG_FOR_CREATE) &&
        (!mark_is_for(&item->mark, CATALOG_FOR_PRIVILEGES) || db_server_major(restore->conn) >= 18);
    if (locks && !skipped)
      add_named(restore, oids, item->sql);
  }
  if (db_query(restore->conn, &r, err,
               "SELECT current_setting('max_locks_per_transaction')::bigint *"
               " (current_setting('max_connections')::bigint +"
               " current_setting('max_prepared_transactions')::bigint)",
               NULL) < 0)
    return -1;
  if ((int64_t)map_len(oids) <= db_int(r, 0, 0))
    return 0;
  err_set(err, ERR_REFUSED,
          "owners, privileges or comments of %zu large objects need a lock each in one transaction,"
          " and the server has room for %" PRId64,
          map_len(oids), db_int(r, 0, 0));
  return err_hint(err,
                  "Restore into a new database with --into NEWDB, without --data-only; or leave"
                  " owners and privileges out with --no-owner; or set"
                  " max_locks_per_transaction higher and restart the server.");
}

/* Those of the backup must not exist, others may. */
int restore_add_large_objects(struct restore *restore, struct err *err)
{
  struct err failed = ERR_INIT;
  if (!restore->large_objects.len)
    return 0;
  if (leave_out_own(restore, err) < 0 || check_locks(restore, err) < 0)
    return -1;
  if (restore_run_within(restore, &restore->large_objects, "large objects", &failed) == 0)
    return 0;
  err_move(err, &failed);
  if (!err_sqlstate_is(err, "23505"))
    return -1;
  const char *which = arena_strdup(restore->arena, err->detail);
  err_clear(err);
  err_set(err, ERR_REFUSED, "a large object of the backup exists in %s", restore->options->into);
  err_detail(err, "%s", which ? which : "");
  return err_hint(err, "Restore into a new database with --into NEWDB.");
}

/* SELECT ... FROM unnest('{1,2}'::oid[], ...) */
int64_t restore_count_large_objects(const struct restore *restore)
{
  int64_t count = 0;
  for (size_t i = 0; i < restore->large_objects.len; i++) {
    const struct restore_item *item = &restore->large_objects.at[i];
    const char *oid = strstr(item->sql, "'{");
    if (!oid || !mark_is_for(&item->mark, CATALOG_FOR_CREATE))
      continue;
    for (count++; *oid && *oid != '}'; oid++)
      count += *oid == ',';
  }
  return count;
}
