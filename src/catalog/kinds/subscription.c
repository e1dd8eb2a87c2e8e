/* A subscription is made as pg_dump makes it: not connected and not enabled. Its conninfo is
 * secret and is read only for a backup (catalog_options.secrets), together with the name of its
 * slot: a copy that is made from a model without secrets can never reach the publisher. */
#include "catalog/model.h"

/* clang-format off */
/* Before 14 the oid is not for everybody to read; its address is. */
#define OID_BY_NAME                                                                                \
  "(SELECT a.objid FROM pg_get_object_address('subscription', ARRAY[s.subname::text], '{}') a)"
#define OF_THIS_DATABASE                                                                           \
  " s.subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())"

static const char *query_with(struct arena *arena, int major, const char *secret)
{
  return arena_printf(arena,
      "SELECT s.*, d.description AS comment FROM (SELECT" Q_CLASS("pg_subscription") OID_BY_NAME
      " AS oid, s.subname AS name, quote_ident(s.subname) AS identity, (SELECT"
      " json_agg(p)::text FROM unnest(s.subpublications) p) AS publications, %s%s%s%s"
      " AS failover, s.subenabled AS running, pg_get_userbyid(s.subowner) AS owner"
      " FROM pg_subscription s WHERE" OF_THIS_DATABASE ") s LEFT JOIN (SELECT objoid AS d_oid,"
      " description FROM pg_description WHERE classoid = 'pg_subscription'::regclass AND"
      " objsubid = 0) d ON d.d_oid = s.oid",
      secret,
      major >= 16 ? "CASE s.substream::text WHEN 'f' THEN 'off' WHEN 't' THEN 'on' ELSE 'parallel'"
                    " END AS streaming, " Q_FLAG("s.subbinary") " AS binary, "
      : major >= 14 ? "CASE WHEN s.substream THEN 'on' ELSE 'off' END AS streaming, "
                      Q_FLAG("s.subbinary") " AS binary, "
                    : "NULL AS streaming, NULL AS binary, ",
      major >= 15 ? Q_FLAG("s.subtwophasestate <> 'd'") " AS two_phase, "
                    Q_FLAG("s.subdisableonerr") " AS disable_on_error, "
                  : "NULL AS two_phase, NULL AS disable_on_error, ",
      major >= 17   ? Q_BOOL("s.subpasswordrequired") " AS password_required, "
                      Q_FLAG("s.subrunasowner") " AS run_as_owner, s.suborigin AS origin, "
                      Q_FLAG("s.subfailover")
      : major >= 16 ? Q_BOOL("s.subpasswordrequired") " AS password_required, "
                      Q_FLAG("s.subrunasowner") " AS run_as_owner, s.suborigin AS origin, NULL"
                    : "NULL AS password_required, NULL AS run_as_owner, NULL AS origin, NULL");
}
/* clang-format on */

static const char *query(struct arena *arena, int server_major)
{
  return query_with(arena, server_major,
                    "NULL AS conninfo, NULL AS slot_name, NULL AS synchronous_commit, ");
}

static const char *secret_query(struct arena *arena, int server_major)
{
  return query_with(arena, server_major,
                    "s.subconninfo AS conninfo, s.subslotname AS slot_name,"
                    " nullif(s.subsynccommit, 'off') AS synchronous_commit, ");
}

static void publications(struct arena *arena, const struct catalog_object *o, struct text *sql)
{
  struct strings names = catalog_json_strings(arena, catalog_get(o, "publications"));
  for (size_t i = 0; i < names.len; i++)
    text_printf(sql, "%s%s", i ? ", " : "", sql_ident(arena, names.at[i]));
}

static void settings(struct arena *arena, const struct catalog_object *o, struct text *sql)
{
  static const char *const flags[] = {"binary", "two_phase", "disable_on_error", "run_as_owner",
                                      "failover"};
  static const char *const words[] = {"streaming", "synchronous_commit", "origin"};
  for (size_t i = 0; i < COUNT_OF(flags); i++)
    if (catalog_get(o, flags[i]))
      text_printf(sql, ", %s = true", flags[i]);
  if (catalog_is(o, "password_required", "f"))
    text_puts(sql, ", password_required = false");
  for (size_t i = 0; i < COUNT_OF(words); i++)
    if (catalog_get(o, words[i]))
      text_printf(sql, ", %s = %s", words[i], sql_literal(arena, catalog_get(o, words[i])));
}

static int create(struct catalog_writer *w, const struct catalog_object *o, struct err *err)
{
  UNUSED(err);
  CLEANUP(text_clear) struct text sql = TEXT_INIT;
  const char *conninfo = catalog_get(o, "conninfo"), *slot = catalog_get(o, "slot_name");
  text_printf(&sql, "CREATE SUBSCRIPTION %s CONNECTION %s PUBLICATION ", o->identity,
              sql_literal(w->arena, conninfo ? conninfo : ""));
  publications(w->arena, o, &sql);
  text_puts(&sql, " WITH (connect = false");
  /* its own name is the default, and as such may have letters that a slot's may not */
  if (!slot || strcmp(slot, o->name) != 0)
    text_printf(&sql, ", slot_name = %s", slot ? sql_literal(w->arena, slot) : "NONE");
  settings(w->arena, o, &sql);
  text_putc(&sql, ')');
  catalog_write(w, sql.data);
  catalog_write_owner(w, o);
  catalog_write_comment(w, o);
  return 0;
}

/* A database that has subscriptions cannot be dropped, and one with a slot asks the publisher. */
int catalog_forget_subscriptions(struct db_conn *conn, struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (db_query(
          conn, &r, err,
          "SELECT quote_ident(s.subname) FROM pg_catalog.pg_subscription s WHERE" OF_THIS_DATABASE,
          NULL) < 0)
    return err_wrap(err, "looking for subscriptions");
  for (int i = 0; i < db_rows(r); i++) {
    const char *name = db_value(r, i, 0);
    if (db_execf(conn, err, "ALTER SUBSCRIPTION %s DISABLE", name) < 0 ||
        db_execf(conn, err, "ALTER SUBSCRIPTION %s SET (slot_name = NONE)", name) < 0 ||
        db_execf(conn, err, "DROP SUBSCRIPTION %s", name) < 0)
      return err_wrap(err, "dropping the copy of subscription %s", name);
  }
  return 0;
}

const struct catalog_kind_ops catalog_subscription_ops = {
    .kind = CATALOG_SUBSCRIPTION,
    .name = "subscription",
    .sql_name = "SUBSCRIPTION",
    .section = CATALOG_POST_DATA,
    .rank = 5,
    .query = query,
    .secret_query = secret_query,
    .readable_query = "SELECT 'subscription ' || quote_ident(s.subname),"
                      " has_column_privilege('pg_catalog.pg_subscription', 'subconninfo', 'SELECT')"
                      " FROM pg_subscription s WHERE" OF_THIS_DATABASE " ORDER BY 1",
    .create = create,
};
