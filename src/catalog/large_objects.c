#include "catalog/large_objects.h"

#include "catalog/model.h"

enum { BATCH_OBJECTS = 500, FETCH_BATCHES = 10 };

/* A page of pg_largeobject holds a quarter of a block. */
#define PIECE "2048"
#define PIECE_BLOCK_SIZE "8192"

/* Volatile functions keep the two selections apart, and each is called once. 262144: INV_READ. */
#define SIZES                                                                                      \
  "(SELECT f.oid, pg_catalog.lo_lseek64(f.fd, 0, 2) AS size, pg_catalog.lo_close(f.fd) AS closed"  \
  " FROM (SELECT m.oid, pg_catalog.lo_open(m.oid, 262144) AS fd"                                   \
  "   FROM pg_catalog.pg_largeobject_metadata m) f)"

/* rtrim(bytea) came with version 14. */
#define WITHOUT_ZEROS(data)                                                                        \
  "pg_catalog.substr(pg_catalog.btrim('\\x01'::pg_catalog.bytea || " data                          \
  ", '\\x00'::pg_catalog.bytea), 2)"

/* ---- which ---- */

static const char find_query[] =
    "SELECT EXISTS (SELECT FROM pg_catalog.pg_largeobject_metadata),"
    " pg_catalog.has_table_privilege('pg_catalog.pg_largeobject', 'SELECT')"
    " AND pg_catalog.current_setting('block_size') = '" PIECE_BLOCK_SIZE "',"
    " pg_catalog.current_setting('lo_compat_privileges')::bool"
    " OR (SELECT r.rolsuper FROM pg_catalog.pg_roles r WHERE r.rolname = current_user)";

static const char unreadable_query[] =
    "SELECT m.oid, pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(m.lomowner)),"
    " pg_catalog.quote_ident(current_user) FROM pg_catalog.pg_largeobject_metadata m"
    " WHERE NOT EXISTS (SELECT FROM pg_catalog.aclexplode("
    "   coalesce(m.lomacl, pg_catalog.acldefault('L', m.lomowner))) a"
    " WHERE a.privilege_type = 'SELECT'"
    " AND (a.grantee = 0 OR pg_catalog.pg_has_role(a.grantee, 'USAGE')))"
    " ORDER BY m.oid LIMIT 1";

static int refuse_unreadable(struct db_conn *conn, struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (db_query(conn, &r, err, unreadable_query, NULL) < 0)
    return -1;
  if (db_rows(r) == 0)
    return 0;
  const char *oid = db_value(r, 0, 0), *role = db_value(r, 0, 2);
  err_set(err, ERR_REFUSED, "role %s may not read large object %s of %s", role, oid,
          db_value(r, 0, 1));
  return err_hint(err,
                  "Run as a superuser, or for each of them: GRANT SELECT ON LARGE OBJECT %s TO"
                  " %s;",
                  oid, role);
}

int large_objects_find(struct db_conn *conn, struct large_objects_found *ret, struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (db_query(conn, &r, err, find_query, NULL) < 0)
    return err_wrap(err, "looking for large objects");
  if (db_bool(r, 0, 0) && !db_bool(r, 0, 2) && refuse_unreadable(conn, err) < 0)
    return -1;
  *ret = (struct large_objects_found){.any = db_bool(r, 0, 0), .by_pages = db_bool(r, 0, 1)};
  return 0;
}

/* ---- statements ---- */

struct kind {
  enum catalog_purpose purpose;
  const char *rows; /* SELECT oid, nth (of several for one object), ... */
  const char *per;  /* columns of rows in which a batch is equal; "": anything goes together */
  const char *text; /* aggregate over a batch */
};

#define EACH(format, arguments)                                                                    \
  "pg_catalog.string_agg(pg_catalog.format(" format ", oid, " arguments                            \
  "), E'\\n' ORDER BY oid, nth)"

#define ACL_TEXT(acl)                                                                              \
  "coalesce((SELECT pg_catalog.string_agg(a.item::text, E'\\n' ORDER BY a.n)"                      \
  " FROM pg_catalog.unnest(" acl ") WITH ORDINALITY a (item, n)), '')"

static const struct kind kinds[] = {
    {CATALOG_FOR_CREATE, "SELECT s.oid, 1 AS nth, s.size FROM " SIZES " s", "",
     "pg_catalog.format('SELECT pg_catalog.count(pg_catalog.lo_put(pg_catalog.lo_create(o.loid),"
     " greatest(o.size - 1, 0), CASE WHEN o.size > 0 THEN ''\\x00''::bytea ELSE ''''::bytea END))"
     " FROM unnest(%L::oid[], %L::bigint[]) AS o (loid, size)',"
     " pg_catalog.array_agg(oid ORDER BY oid), pg_catalog.array_agg(size ORDER BY oid))"},
    {CATALOG_FOR_OWNER,
     "SELECT m.oid, 1 AS nth, pg_catalog.pg_get_userbyid(m.lomowner) AS owner"
     " FROM pg_catalog.pg_largeobject_metadata m",
     "owner", EACH("'ALTER LARGE OBJECT %s OWNER TO %I;'", "owner")},
    {CATALOG_FOR_PRIVILEGES,
     "SELECT m.oid, 1 AS nth, pg_catalog.pg_get_userbyid(m.lomowner) AS owner,"
     " " ACL_TEXT(
         "pg_catalog.acldefault('L', m.lomowner)") " AS before,"
                                                   " " ACL_TEXT(
                                                       "m.lomacl") " AS acl"
                                                                   " FROM "
                                                                   "pg_catalog.pg_largeobject_"
                                                                   "metadata m WHERE m.lomacl IS "
                                                                   "NOT NULL",
     "owner, before, acl", "pg_catalog.string_agg(oid::text, ', ' ORDER BY oid)"},
    {CATALOG_FOR_COMMENT,
     "SELECT d.objoid AS oid, 1 AS nth, d.description FROM pg_catalog.pg_description d"
     " WHERE d.classoid = 'pg_catalog.pg_largeobject'::pg_catalog.regclass",
     "", EACH("'COMMENT ON LARGE OBJECT %s IS %L;'", "description")},
    {CATALOG_FOR_LABEL,
     "SELECT l.objoid AS oid, pg_catalog.row_number() OVER (PARTITION BY l.objoid"
     "   ORDER BY l.provider COLLATE \"C\") AS nth, l.provider, l.label"
     " FROM pg_catalog.pg_seclabel l"
     " WHERE l.classoid = 'pg_catalog.pg_largeobject'::pg_catalog.regclass",
     "", EACH("'SECURITY LABEL FOR %2$I ON LARGE OBJECT %1$s IS %3$L;'", "provider, label")},
};

static char *batches_sql(struct arena *arena, const struct kind *kind)
{
  const char *comma = *kind->per ? ", " : "", *partition = *kind->per ? "PARTITION BY " : "";
  return arena_printf(arena,
                      "DECLARE belay_large_objects NO SCROLL CURSOR FOR"
                      " SELECT pg_catalog.min(oid), pg_catalog.max(oid), %s%s%s FROM (SELECT *,"
                      " (pg_catalog.row_number() OVER (%s%s ORDER BY oid, nth) - 1) / %d AS batch"
                      " FROM (%s) y) x GROUP BY batch%s%s ORDER BY 1, batch",
                      kind->text, comma, kind->per, partition, kind->per, BATCH_OBJECTS, kind->rows,
                      comma, kind->per);
}

/* A row of a batch: first and last OID, the text, what the batch is equal in. */
static struct strings statements_of(struct arena *arena, const struct kind *kind,
                                    const struct db_result *r, int row)
{
  struct strings statements = {0};
  const char *text = db_value(r, row, 2);
  if (kind->purpose == CATALOG_FOR_PRIVILEGES)
    return catalog_acl_statements_on_new(arena, arena_printf(arena, "LARGE OBJECT %s", text),
                                         db_value(r, row, 3), db_value(r, row, 4),
                                         db_value(r, row, 5));
  if (kind->purpose != CATALOG_FOR_CREATE)
    text = arena_printf(arena, "DO %s",
                        catalog_dollar_quote(arena, arena_printf(arena, "BEGIN\n%s\nEND", text)));
  vec_push(arena, &statements, text);
  return statements;
}

struct listing {
  struct db_conn *conn;
  large_objects_each each;
  void *context;
};

static int pass_batch(const struct listing *l, const struct kind *kind, const struct db_result *r,
                      int row, struct err *err)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  const char *first = db_value(r, row, 0), *last = db_value(r, row, 1);
  const char *objects =
      strcmp(first, last) == 0 ? first : arena_printf(arena, "%s to %s", first, last);
  struct strings statements = statements_of(arena, kind, r, row);
  for (size_t i = 0; i < statements.len; i++)
    if (l->each(l->context, kind->purpose, objects, statements.at[i], err) < 0)
      return -1;
  return 0;
}

static int list_kind(const struct listing *l, const struct kind *kind, struct err *err)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  const char *fetch = arena_printf(arena, "FETCH %d FROM belay_large_objects", FETCH_BATCHES);
  if (db_exec(l->conn, batches_sql(arena, kind), err) < 0)
    return -1;
  for (int rows = 1; rows > 0;) {
    CLEANUP(db_result_clear) struct db_result *r = NULL;
    if (db_query(l->conn, &r, err, fetch, NULL) < 0)
      return -1;
    rows = db_rows(r);
    for (int i = 0; i < rows; i++)
      if (pass_batch(l, kind, r, i, err) < 0)
        return -1;
  }
  return db_exec(l->conn, "CLOSE belay_large_objects", err);
}

int large_objects_statements(struct db_conn *conn, large_objects_each each, void *context,
                             struct err *err)
{
  const struct listing listing = {conn, each, context};
  for (size_t i = 0; i < COUNT_OF(kinds); i++)
    if (list_kind(&listing, &kinds[i], err) < 0)
      return err_wrap(err, "listing the large objects");
  return 0;
}

/* ---- rows ---- */

/* OFFSET 0: what removes the zeros runs once a row. */
static const char pages_query[] =
    "SELECT p.loid, p.at, p.data FROM (SELECT l.loid, l.pageno::pg_catalog.int8 * " PIECE " AS at,"
    " " WITHOUT_ZEROS("l.data") " AS data FROM pg_catalog.pg_largeobject l ";
static const char pages_end[] = " OFFSET 0) p WHERE p.data <> ''";

static const char calls_query[] =
    "SELECT s.oid, g.at, p.data FROM " SIZES " s"
    " CROSS JOIN LATERAL pg_catalog.generate_series(0::pg_catalog.int8, s.size - 1, " PIECE
    ") g (at) CROSS JOIN LATERAL (SELECT"
    " " WITHOUT_ZEROS("pg_catalog.lo_get(s.oid, g.at, " PIECE ")") " AS data OFFSET 0) p"
                                                                   " WHERE p.data <> ''";

char *large_objects_copy_sql(struct arena *arena, bool by_pages, const char *where, bool sizes)
{
  return arena_printf(arena, "COPY (%s%s%s%s) TO STDOUT WITH (FORMAT binary)",
                      by_pages ? pages_query : calls_query, by_pages ? where : "",
                      by_pages ? pages_end : "",
                      sizes ? " UNION ALL SELECT s.oid, s.size, NULL FROM " SIZES " s" : "");
}

int large_objects_content_sql(struct arena *arena, struct db_conn *conn, char **ret_sql,
                              struct err *err)
{
  struct large_objects_found found;
  if (large_objects_find(conn, &found, err) < 0)
    return -1;
  *ret_sql = large_objects_copy_sql(arena, found.by_pages, "", true);
  return 0;
}

/* PLAIN: the pieces are not compressed on the way. */
const char large_objects_before[] =
    "CREATE TEMPORARY TABLE belay_large_objects (loid oid, at bigint, data bytea);"
    " ALTER TABLE pg_temp.belay_large_objects ALTER COLUMN data SET STORAGE PLAIN";
const char large_objects_copy_in[] =
    "COPY pg_temp.belay_large_objects (loid, at, data) FROM STDIN WITH (FORMAT binary)";
const char large_objects_after[] =
    "SELECT pg_catalog.count(pg_catalog.lo_put(loid, at, data)) FROM pg_temp.belay_large_objects"
    " WHERE data IS NOT NULL; DROP TABLE pg_temp.belay_large_objects";
