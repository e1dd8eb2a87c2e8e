/* Large objects that the migration made, wrote, unlinked, or gave another owner, other privileges
 * or another comment. No lock tells which, so candidates are found (by the xids of their rows, by
 * locks on the objects, and, where the role may not see the pages of contents, all there are) and
 * their states compared:
 *   B reads the candidates, A reads them, B copies the contents that A has changed and reads the
 *   states of those again
 * A page that A wrote nobody else can write until A ends. So an object is A's if B saw the same
 * twice and A something else; what B saw change is another session's.
 */
#include "inverse/capture_private.h"

#include <stdlib.h>

#include "backup/chunks.h"
#include "sql/quote.h"

/* Bytes read and written at a time. 262144: INV_READ. */
#define PIECE "131072"
#define READ_ONLY "262144"

/* ---- states ---- */

/* x(oid, lomowner, lomacl, size). Volatile functions keep the selections apart. */
static const char *sizes_sql(struct arena *arena, const char *where)
{
  return arena_printf(
      arena,
      "(SELECT f.oid, f.lomowner, f.lomacl, pg_catalog.lo_lseek64(f.fd, 0, 2) AS size,"
      " pg_catalog.lo_close(f.fd) AS closed FROM (SELECT m.oid, m.lomowner, m.lomacl,"
      " pg_catalog.lo_open(m.oid, " READ_ONLY ") AS fd FROM pg_catalog.pg_largeobject_metadata m"
      " WHERE %s) f) x",
      where);
}

char *capture_large_state_sql(struct arena *arena, const char *where)
{
  return arena_printf(
      arena,
      "SELECT x.oid, pg_catalog.json_build_object('size', x.size, 'digest',"
      " (SELECT pg_catalog.encode(pg_catalog.sha256(coalesce(pg_catalog.string_agg("
      "pg_catalog.sha256(pg_catalog.lo_get(x.oid, g.at, " PIECE ")), ''::pg_catalog.bytea"
      " ORDER BY g.at), ''::pg_catalog.bytea)), 'hex')"
      " FROM pg_catalog.generate_series(0::pg_catalog.int8, x.size - 1, " PIECE ") g (at)),"
      " 'owner', pg_catalog.pg_get_userbyid(x.lomowner),"
      " 'acl', (SELECT coalesce(pg_catalog.json_agg(a::text ORDER BY a::text COLLATE \"C\"),"
      " '[]'::pg_catalog.json) FROM pg_catalog.unnest("
      "coalesce(x.lomacl, pg_catalog.acldefault('L', x.lomowner))) a),"
      " 'comment', pg_catalog.obj_description(x.oid, 'pg_largeobject'),"
      " 'labels', (SELECT coalesce(pg_catalog.json_object_agg(l.provider, l.label"
      " ORDER BY l.provider COLLATE \"C\"), '{}'::pg_catalog.json) FROM pg_catalog.pg_seclabel l"
      " WHERE l.objoid = x.oid AND l.classoid = 'pg_catalog.pg_largeobject'::regclass))::text"
      " AS state FROM %s",
      sizes_sql(arena, where));
}

VEC_TYPE(capture_states, struct capture_large_object); /* only oid and before */

static int cannot_read(const struct capture *c, struct err *err)
{
  if (!err_sqlstate_is(err, "42501"))
    return -1;
  err_recode(err, ERR_REFUSED);
  err_wrap(err, "large objects that the migration changes, or may change, cannot be captured");
  return err_hint(err,
                  "%sRun as a superuser, or GRANT SELECT ON LARGE OBJECT ... TO the role that"
                  " belay connects as. Nothing was committed.",
                  c->pages_hidden ? "Only a superuser sees which contents were written; for others"
                                    " belay compares all large objects. "
                                  : "");
}

static int read_states(struct capture *c, struct db_conn *conn, const char *where,
                       struct capture_states *ret, struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  const char *sql =
      arena_printf(c->arena, "%s ORDER BY x.oid", capture_large_state_sql(c->arena, where));
  if (db_query(conn, &r, err, sql, NULL) < 0)
    return cannot_read(c, err);
  for (int i = 0; i < db_rows(r); i++)
    vec_push(c->arena, ret,
             ((struct capture_large_object){.oid = db_oid(r, i, 0),
                                            .before = arena_strdup(c->arena, db_value(r, i, 1))}));
  return 0;
}

/* Both are in the order of OIDs; *at only moves forward. NULL: it is not there. */
static const char *state_of(const struct capture_states *states, size_t *at, uint32_t oid)
{
  while (*at < states->len && states->at[*at].oid < oid)
    (*at)++;
  return *at < states->len && states->at[*at].oid == oid ? states->at[*at].before : NULL;
}

static bool same(const char *a, const char *b)
{
  return a && b ? strcmp(a, b) == 0 : a == b;
}

/* ---- candidates ---- */

static int add_oids(struct db_conn *conn, const char *sql, struct text *list, struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (db_query(conn, &r, err, sql, NULL) < 0)
    return -1;
  for (int i = 0; i < db_rows(r); i++)
    text_printf(list, "%s%s", list->len ? "," : "", db_value(r, i, 0));
  return 0;
}

/* An object is locked while it is unlinked or commented on; the table of the pages by whoever opens
 * one. */
static int read_locks(struct capture *c, struct text *list, bool *ret_opened, struct err *err)
{
  const char *ours =
      arena_printf(c->arena,
                   "FROM pg_catalog.pg_locks l WHERE l.pid = %d AND l.granted AND l.database ="
                   " (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname ="
                   " pg_catalog.current_database()) AND l.locktype =",
                   c->pid);
  const char *opened = NULL;
  if (db_query_value(c->options.observer, c->arena, &opened, err,
                     arena_printf(c->arena,
                                  "SELECT EXISTS (SELECT %s 'relation' AND l.relation ="
                                  " 'pg_catalog.pg_largeobject'::regclass AND l.mode NOT IN"
                                  " ('AccessShareLock', 'RowShareLock'))",
                                  ours),
                     NULL) < 0)
    return -1;
  *ret_opened = opened[0] == 't';
  return add_oids(c->options.observer,
                  arena_printf(c->arena,
                               "SELECT DISTINCT l.objid %s 'object' AND l.classid IN"
                               " ('pg_catalog.pg_largeobject'::regclass,"
                               " 'pg_catalog.pg_largeobject_metadata'::regclass)",
                               ours),
                  list, err);
}

static const char *candidates_sql(struct capture *c, bool pages, const char *condition)
{
  const char *sql = arena_printf(
      c->arena, "%s SELECT t.oid FROM pg_catalog.pg_largeobject_metadata t, s WHERE %s",
      capture_with(c), condition);
  return pages ? arena_printf(c->arena,
                              "%s UNION SELECT t.loid FROM pg_catalog.pg_largeobject t, s WHERE %s",
                              sql, condition)
               : sql;
}

/* A condition on pg_largeobject_metadata m; NULL: there are none. */
static int find_candidates(struct capture *c, const char **ret_where, struct err *err)
{
  CLEANUP(text_clear) struct text list = TEXT_INIT;
  const char *visible = NULL;
  bool opened;
  *ret_where = NULL;
  if (read_locks(c, &list, &opened, err) < 0 ||
      db_query_value(c->options.conn, c->arena, &visible, err,
                     "SELECT pg_catalog.has_table_privilege('pg_catalog.pg_largeobject',"
                     " 'SELECT')",
                     NULL) < 0)
    return -1;
  c->pages_hidden = opened && visible[0] != 't';
  bool pages = opened && !c->pages_hidden;
  if (c->pages_hidden) {
    *ret_where = "true";
    return 0;
  }
  if (add_oids(c->options.conn, candidates_sql(c, pages, capture_in_progress(c, "t.xmin")), &list,
               err) < 0 ||
      add_oids(c->options.observer, candidates_sql(c, pages, capture_row_is_held(c, false)), &list,
               err) < 0)
    return -1;
  if (list.len)
    *ret_where = arena_printf(c->arena, "m.oid = ANY ('{%s}'::pg_catalog.oid[])", list.data);
  return 0;
}

/* ---- what A changed ---- */

static void add_if_changed(struct capture *c, uint32_t oid, const char *before, const char *after)
{
  if (!same(before, after))
    vec_push(c->arena, &c->large,
             ((struct capture_large_object){.oid = oid, .before = before, .after = after}));
}

static void find_changed(struct capture *c, const struct capture_states *before,
                         const struct capture_states *after)
{
  size_t b = 0, a = 0;
  while (b < before->len || a < after->len) {
    bool from_before =
        a == after->len || (b < before->len && before->at[b].oid <= after->at[a].oid);
    uint32_t oid = from_before ? before->at[b].oid : after->at[a].oid;
    const char *was = state_of(before, &b, oid), *is = state_of(after, &a, oid);
    add_if_changed(c, oid, was, is);
    b += was != NULL;
    a += is != NULL;
  }
}

static const char *those_changed(struct capture *c)
{
  CLEANUP(text_clear) struct text list = TEXT_INIT;
  for (size_t i = 0; i < c->large.len; i++)
    text_printf(&list, "%s%" PRIu32, i ? "," : "", c->large.at[i].oid);
  return arena_printf(c->arena, "m.oid = ANY ('{%s}'::pg_catalog.oid[])", list.data);
}

static int copy_contents(struct capture *c, const char *where, struct err *err)
{
  const char *sql = arena_printf(
      c->arena,
      "COPY (SELECT x.oid, g.at, p.data FROM %s CROSS JOIN LATERAL pg_catalog.generate_series("
      "0::pg_catalog.int8, x.size - 1, " PIECE ") g (at) CROSS JOIN LATERAL (SELECT"
      " pg_catalog.lo_get(x.oid, g.at, " PIECE ") AS data OFFSET 0) p WHERE"
      " pg_catalog.btrim(p.data, '\\x00'::pg_catalog.bytea) <> ''::pg_catalog.bytea) TO STDOUT",
      sizes_sql(c->arena, where));
  return chunks_copy_out(c->options.observer, sql, c->archive, CAPTURE_LANE, CAPTURE_LARGE_OBJECTS,
                         NULL, err) < 0
             ? cannot_read(c, err)
             : 0;
}

static int busy(uint32_t oid, struct err *err)
{
  err_set(err, ERR_REFUSED, "large object %" PRIu32 " was changed by another session just now",
          oid);
  return err_hint(err, "Nothing was committed. Run it again.");
}

/* Leaves in c->large what is A's. */
static int leave_out_others(struct capture *c, const struct capture_states *again, struct err *err)
{
  size_t kept = 0, at = 0;
  for (size_t i = 0; i < c->large.len; i++) {
    const struct capture_large_object *o = &c->large.at[i];
    const char *now = state_of(again, &at, o->oid);
    if (same(now, o->before))
      c->large.at[kept++] = *o;
    else if (!same(now, o->after))
      return busy(o->oid, err);
  }
  c->large.len = kept;
  return 0;
}

static int check_expected(const struct capture *c, struct err *err)
{
  for (size_t i = 0; i < c->large.len; i++)
    for (size_t k = 0; k < c->expected.len; k++)
      if (c->expected.at[k].oid == c->large.at[i].oid &&
          !same(c->expected.at[k].before, c->large.at[i].before))
        return busy(c->large.at[i].oid, err);
  return 0;
}

void capture_expect_large(struct capture *c, uint32_t oid, const char *state)
{
  vec_push(c->arena, &c->expected,
           ((struct capture_large_object){.oid = oid, .before = arena_strdup(c->arena, state)}));
}

/* To unlink one takes a lock; to make it did not. */
static int check_locks(const struct capture *c, struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  int64_t made = 0;
  for (size_t i = 0; i < c->large.len; i++)
    made += !c->large.at[i].before;
  if (made == 0)
    return 0;
  if (db_query(c->options.observer, &r, err,
               "SELECT pg_catalog.current_setting('max_locks_per_transaction')::int8 *"
               " (pg_catalog.current_setting('max_connections')::int8 +"
               " pg_catalog.current_setting('max_prepared_transactions')::int8)",
               NULL) < 0)
    return -1;
  if (made <= db_int(r, 0, 0))
    return 0;
  err_set(err, ERR_REFUSED,
          "%" PRId64 " large objects were made; a rollback needs a lock for each, and the server"
          " has room for %" PRId64,
          made, db_int(r, 0, 0));
  return err_hint(err, "Nothing was committed. Make fewer in one migration, or set"
                       " max_locks_per_transaction higher and restart the server.");
}

static int capture_candidates(struct capture *c, const char *where, struct err *err)
{
  struct capture_states before = {0}, after = {0}, again = {0};
  if (read_states(c, c->options.observer, where, &before, err) < 0 ||
      read_states(c, c->options.conn, where, &after, err) < 0)
    return -1;
  find_changed(c, &before, &after);
  if (c->large.len == 0)
    return 0;
  const char *changed = those_changed(c);
  if (copy_contents(c, changed, err) < 0 ||
      read_states(c, c->options.observer, changed, &again, err) < 0 ||
      leave_out_others(c, &again, err) < 0 || check_locks(c, err) < 0)
    return -1;
  c->rows += (int64_t)c->large.len;
  return check_expected(c, err);
}

int capture_large_objects(struct capture *c, struct err *err)
{
  const char *where;
  if (find_candidates(c, &where, err) < 0)
    return err_wrap(err, "looking for large objects that were changed");
  return where ? capture_candidates(c, where, err) : 0;
}
