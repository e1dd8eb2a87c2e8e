/* Large objects that the migration changed become what they were: made ones are unlinked, unlinked
 * ones made anew under their OIDs, written ones written back.
 *   pg_temp.belay_large          oid; before, after: states (capture_large.c) around the migration;
 *                                now: at undo_compare; conflict; NULL: it is not there
 *   pg_temp.belay_large_pieces   oid, at, data: contents before
 * Nothing that the role may do keeps others from writing an object between the compare and the
 * writing. In belay rollback the capture sees it (undo_expect); a script locks them all.
 */
#include "inverse/undo_private.h"

#include "backup/chunks.h"
#include "sql/quote.h"

enum { INSERT_BATCH = 500 };

#define L "pg_temp.belay_large l"

static const struct undo_table named = {.before = UNDO_LARGE_OBJECTS};

static int run(struct undo *u, struct db_conn *conn, const char *sql, struct err *err)
{
  return undo_run(u, conn, &named, sql, err);
}

/* ---- compare ---- */

static const char *values_from(struct undo *u, size_t first)
{
  CLEANUP(text_clear) struct text t = TEXT_INIT;
  for (size_t i = first; i < u->large.len && i < first + INSERT_BATCH; i++) {
    const struct capture_large_object *o = &u->large.at[i];
    text_printf(&t, "%s(%" PRIu32 ", %s, %s)", i > first ? ",\n" : "", o->oid,
                sql_literal(u->arena, o->before), sql_literal(u->arena, o->after));
  }
  return arena_printf(u->arena, "INSERT INTO pg_temp.belay_large (oid, before, after) VALUES\n%s",
                      t.data);
}

/* A script's are not in the shadow that it is written with. */
static int load_states(struct undo *u, struct db_conn *conn, struct err *err)
{
  if (run(u, conn,
          "CREATE TEMPORARY TABLE belay_large (oid pg_catalog.oid PRIMARY KEY, before text,"
          " after text, now text, conflict text)",
          err) < 0)
    return -1;
  for (size_t i = 0; i < u->large.len; i += INSERT_BATCH) {
    const char *sql = values_from(u, i);
    undo_emit(u, "%s", sql);
    if (!u->script && run(u, conn, sql, err) < 0)
      return -1;
  }
  return 0;
}

static const char *live_states(struct undo *u)
{
  return capture_large_state_sql(u->arena, "m.oid IN (SELECT l.oid FROM " L ")");
}

int undo_large_compare(struct undo *u, struct db_conn *conn, struct err *err)
{
  u->large_compared = false;
  if (u->large.len == 0)
    return 0;
  undo_emit(u, "LOCK TABLE pg_catalog.pg_largeobject IN SHARE ROW EXCLUSIVE MODE");
  const char *read = arena_printf(
      u->arena, "UPDATE " L " SET now = x.state FROM (%s) x WHERE x.oid = l.oid", live_states(u));
  static const char judge[] =
      "UPDATE " L " SET conflict = CASE WHEN l.after IS NULL THEN 'key used again'"
      " WHEN l.now IS NULL THEN 'deleted since' ELSE 'changed since' END"
      " WHERE l.now IS DISTINCT FROM l.before AND l.now IS DISTINCT FROM l.after";
  if (load_states(u, conn, err) < 0 || run(u, conn, read, err) < 0 || run(u, conn, judge, err) < 0)
    return -1;
  u->large_compared = true;
  return 0;
}

/* ---- conflicts ---- */

/* Both versions, property by property. */
static const char conflicts_query[] =
    "SELECT c.oid, c.conflict, v.key, pg_catalog.\"left\"(v.captured, %d),"
    " pg_catalog.\"left\"(v.now, %d) FROM (SELECT * FROM " L " WHERE l.conflict IS NOT NULL"
    " ORDER BY l.oid LIMIT %d) c LEFT JOIN LATERAL (SELECT coalesce(a.key, b.key) AS key,"
    " a.value AS captured, b.value AS now FROM"
    " pg_catalog.json_each_text(coalesce(c.after, c.before)::pg_catalog.json) a FULL JOIN"
    " pg_catalog.json_each_text(c.now::pg_catalog.json) b ON b.key = a.key"
    " WHERE a.value IS DISTINCT FROM b.value) v ON true ORDER BY c.oid, v.key";

static void emit_conflicts(struct undo *u)
{
  static const char found[] = "SELECT '" UNDO_LARGE_OBJECT "' AS table, l.oid::text AS key,"
                              " l.conflict FROM " L " WHERE l.conflict IS NOT NULL";
  if (u->on_conflict == UNDO_ABORT)
    undo_emit_block(u,
                    "BEGIN IF EXISTS (%s) THEN RAISE EXCEPTION 'large objects were changed since"
                    " the migration'; END IF; END",
                    found);
  else
    undo_emit(u, "%s ORDER BY 2", found);
}

static const char *value(struct undo *u, const struct db_result *r, int row, int column)
{
  return db_is_null(r, row, column) ? NULL : arena_strdup(u->arena, db_value(r, row, column));
}

int undo_large_conflicts(struct undo *u, struct db_conn *conn, struct undo_report *report,
                         struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *count = NULL, *r = NULL;
  struct undo_conflict *last = NULL;
  if (!u->large_compared)
    return 0;
  emit_conflicts(u);
  if (undo_query(u, conn, &named, &count, "SELECT count(l.conflict) FROM " L, err) < 0 ||
      undo_query(u, conn, &named, &r,
                 arena_printf(u->arena, conflicts_query, UNDO_VALUE_MAX, UNDO_VALUE_MAX,
                              UNDO_CONFLICTS_MAX),
                 err) < 0)
    return -1;
  report->conflict_count += db_int(count, 0, 0);
  for (int i = 0; i < db_rows(r); i++) {
    if (!last || strcmp(last->key, db_value(r, i, 0)) != 0) {
      if (report->conflicts.len == UNDO_CONFLICTS_MAX)
        break;
      last = vec_add(u->arena, &report->conflicts);
      *last = (struct undo_conflict){
          .table = UNDO_LARGE_OBJECT, .key = value(u, r, i, 0), .reason = value(u, r, i, 1)};
    }
    if (!db_is_null(r, i, 2))
      vec_push(u->arena, &last->values,
               ((struct undo_value){value(u, r, i, 2), value(u, r, i, 3), value(u, r, i, 4)}));
  }
  return 0;
}

/* ---- writing ---- */

/* What is done: conditions on l. */
static const char *is_done(const struct undo *u)
{
  return u->on_conflict == UNDO_RESTORE ? "l.now IS DISTINCT FROM l.before"
                                        : "l.now IS DISTINCT FROM l.before AND l.conflict IS NULL";
}

static const char other_content[] =
    "l.before IS NOT NULL AND (l.now IS NULL OR l.before::json ->> 'digest' <>"
    " l.now::json ->> 'digest' OR l.before::json ->> 'size' <> l.now::json ->> 'size')";

static int load_pieces(struct undo *u, struct db_conn *conn, struct err *err)
{
  static const char copy[] = "COPY pg_temp.belay_large_pieces (oid, at, data) FROM STDIN";
  if (run(u, conn,
          "CREATE TEMPORARY TABLE belay_large_pieces (oid pg_catalog.oid, at pg_catalog.int8, data"
          " pg_catalog.bytea)",
          err) < 0 ||
      run(u, conn, "ALTER TABLE pg_temp.belay_large_pieces ALTER COLUMN data SET STORAGE EXTERNAL",
          err) < 0)
    return -1;
  undo_emit(u, "%s", copy);
  if (u->script ? chunks_write_text(u->archive, CAPTURE_LARGE_OBJECTS, u->script, err) < 0
                : chunks_copy_in(conn, copy, u->archive, CAPTURE_LARGE_OBJECTS, NULL, err) < 0)
    return -1;
  if (u->script)
    (void)fputs("\\.\n", u->script);
  return 0;
}

static int run_block(struct undo *u, struct db_conn *conn, const char *block, struct err *err)
{
  return run(u, conn, arena_printf(u->arena, "DO %s", sql_literal(u->arena, block)), err);
}

/* 131072: INV_WRITE. What lies between the pieces is zeros. */
static int write_contents(struct undo *u, struct db_conn *conn, struct err *err)
{
  const char *done = is_done(u);
  return run_block(
      u, conn,
      arena_printf(
          u->arena,
          "BEGIN PERFORM pg_catalog.lo_unlink(l.oid) FROM " L " WHERE %s AND l.before IS NULL;\n"
          "PERFORM pg_catalog.lo_create(l.oid) FROM " L " WHERE %s AND l.now IS NULL;\n"
          "PERFORM pg_catalog.lo_truncate64(f.fd, 0), pg_catalog.lo_truncate64(f.fd, f.size),"
          " pg_catalog.lo_close(f.fd) FROM (SELECT pg_catalog.lo_open(l.oid, 131072) AS fd,"
          " (l.before::json ->> 'size')::pg_catalog.int8 AS size FROM " L
          " WHERE %s AND %s OFFSET 0) f;\n"
          "PERFORM pg_catalog.lo_put(p.oid, p.at, p.data) FROM pg_temp.belay_large_pieces p"
          " JOIN " L " ON l.oid = p.oid WHERE %s AND %s; END",
          done, done, done, other_content, done, other_content),
      err);
}

/* Owner, privileges (all anew: those that the owner gave, then those that others gave on), comment
 * and labels. %s: is_done. */
static const char attributes_block[] =
    "DECLARE o record; g record; owner name; had text; BEGIN"
    " FOR o IN SELECT l.oid, l.before::json AS b FROM " L " WHERE %s AND l.before IS NOT NULL"
    " ORDER BY l.oid LOOP\n"
    "SELECT pg_catalog.pg_get_userbyid(m.lomowner) INTO owner FROM"
    " pg_catalog.pg_largeobject_metadata m WHERE m.oid = o.oid;\n"
    "IF owner <> o.b ->> 'owner' THEN owner := o.b ->> 'owner'; EXECUTE pg_catalog.format("
    "'ALTER LARGE OBJECT %%s OWNER TO %%I', o.oid, owner); END IF;\n"
    "SELECT pg_catalog.json_agg(a::text ORDER BY a::text COLLATE \"C\")::text INTO had FROM"
    " pg_catalog.pg_largeobject_metadata m, pg_catalog.unnest(coalesce(m.lomacl,"
    " pg_catalog.acldefault('L', m.lomowner))) a WHERE m.oid = o.oid;\n"
    "IF coalesce(had, '[]') <> (o.b -> 'acl')::text THEN\n"
    "FOR g IN SELECT DISTINCT a.grantee FROM pg_catalog.pg_largeobject_metadata m,"
    " pg_catalog.aclexplode(coalesce(m.lomacl, pg_catalog.acldefault('L', m.lomowner))) a WHERE"
    " m.oid = o.oid LOOP EXECUTE pg_catalog.format('REVOKE ALL ON LARGE OBJECT %%s FROM %%s"
    " CASCADE', o.oid, CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident("
    "pg_catalog.pg_get_userbyid(g.grantee)) END); END LOOP;\n"
    "FOR g IN SELECT a.grantee, a.privilege_type, a.is_grantable,"
    " pg_catalog.pg_get_userbyid(a.grantor) AS grantor FROM"
    " pg_catalog.json_array_elements_text(o.b -> 'acl') i,"
    " pg_catalog.aclexplode(ARRAY[i::pg_catalog.aclitem]) a"
    " ORDER BY pg_catalog.pg_get_userbyid(a.grantor) <> owner LOOP\n"
    "IF g.grantor <> owner THEN EXECUTE pg_catalog.format('SET LOCAL ROLE %%I', g.grantor);"
    " END IF;\n"
    "EXECUTE pg_catalog.format('GRANT %%s ON LARGE OBJECT %%s TO %%s%%s', g.privilege_type, o.oid,"
    " CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident("
    "pg_catalog.pg_get_userbyid(g.grantee)) END, CASE WHEN g.is_grantable THEN"
    " ' WITH GRANT OPTION' ELSE '' END);\n"
    "IF g.grantor <> owner THEN SET LOCAL ROLE NONE; END IF;\nEND LOOP; END IF;\n"
    "IF pg_catalog.obj_description(o.oid, 'pg_largeobject') IS DISTINCT FROM o.b ->> 'comment' THEN"
    " EXECUTE pg_catalog.format('COMMENT ON LARGE OBJECT %%s IS %%L', o.oid, o.b ->> 'comment');"
    " END IF;\n"
    "FOR g IN SELECT coalesce(w.key, s.provider) AS provider, w.value AS label FROM"
    " pg_catalog.json_each_text(o.b -> 'labels') w FULL JOIN (SELECT p.provider, p.label FROM"
    " pg_catalog.pg_seclabel p WHERE p.objoid = o.oid AND p.classoid ="
    " 'pg_catalog.pg_largeobject'::pg_catalog.regclass) s ON s.provider = w.key WHERE w.value IS"
    " DISTINCT FROM s.label LOOP EXECUTE pg_catalog.format('SECURITY LABEL FOR %%I ON LARGE OBJECT"
    " %%s IS %%L', g.provider, o.oid, g.label); END LOOP;\nEND LOOP; END";

static int set_attributes(struct undo *u, struct db_conn *conn, struct err *err)
{
  return run_block(u, conn, arena_printf(u->arena, attributes_block, is_done(u)), err);
}

static int check(struct undo *u, struct db_conn *conn, struct err *err)
{
  const char *sql = arena_printf(u->arena,
                                 "SELECT count(*) FROM " L " LEFT JOIN (%s) x ON x.oid = l.oid"
                                 " WHERE %s AND x.state IS DISTINCT FROM l.before",
                                 live_states(u), is_done(u));
  return undo_require_zero(u, conn, &named, sql, "%s would not be as they were captured", err);
}

/* In what state others must not have changed them. */
static int note_written(struct undo *u, struct db_conn *conn, struct undo_report *report,
                        struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  const char *sql = arena_printf(u->arena,
                                 "SELECT l.oid, l.now, l.before IS NULL FROM " L
                                 " WHERE %s AND (l.now IS NOT NULL OR l.before IS NOT NULL)",
                                 is_done(u));
  if (undo_query(u, conn, &named, &r, sql, err) < 0)
    return -1;
  for (int i = 0; i < db_rows(r); i++) {
    vec_push(u->arena, &u->large_written,
             ((struct capture_large_object){.oid = db_oid(r, i, 0), .before = value(u, r, i, 1)}));
    report->deleted += db_bool(r, i, 2);
    report->reinserted += db_is_null(r, i, 1);
    report->restored += !db_bool(r, i, 2) && !db_is_null(r, i, 1);
  }
  return 0;
}

void undo_expect(const struct undo *u, struct capture *capture)
{
  for (size_t i = 0; i < u->large_written.len; i++)
    capture_expect_large(capture, u->large_written.at[i].oid, u->large_written.at[i].before);
}

int undo_large_write(struct undo *u, struct db_conn *conn, struct undo_report *report,
                     struct err *err)
{
  if (!u->large_compared)
    return 0;
  u->large_compared = false;
  if (note_written(u, conn, report, err) < 0 || load_pieces(u, conn, err) < 0 ||
      write_contents(u, conn, err) < 0 || set_attributes(u, conn, err) < 0 ||
      check(u, conn, err) < 0)
    return -1;
  return run(u, conn, "DROP TABLE pg_temp.belay_large, pg_temp.belay_large_pieces", err);
}

/* ---- preview ---- */

int undo_large_count(struct undo *u, struct db_conn *conn, struct undo_preview_table *entry,
                     struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  const char *done = is_done(u);
  const char *sql = arena_printf(
      u->arena,
      "SELECT count(*) FILTER (WHERE %s AND l.before IS NOT NULL AND l.now IS NOT NULL),"
      " count(*) FILTER (WHERE %s AND l.now IS NULL), count(*) FILTER (WHERE %s AND l.before IS"
      " NULL), count(l.conflict) FROM " L,
      done, done, done);
  if (undo_query(u, conn, &named, &r, sql, err) < 0)
    return -1;
  entry->written_back = db_int(r, 0, 0);
  entry->inserted = db_int(r, 0, 1);
  entry->removed = db_int(r, 0, 2);
  entry->conflicts = db_int(r, 0, 3);
  entry->filled = 0;
  return 0;
}

uint64_t undo_large_bytes(const struct undo *u)
{
  uint64_t bytes = 0;
  for (size_t i = 0; i < u->large.len; i++) {
    json_t *state = u->large.at[i].before ? json_loads(u->large.at[i].before, 0, NULL) : NULL;
    bytes += (uint64_t)json_integer_value(json_object_get(state, "size"));
    json_decref(state);
  }
  return bytes;
}
