/* Positions of sequences in a database that is in use. No rollback undoes a setval: they come last,
 * and only forwards. What a failed COMMIT leaves is then a gap, and no number that was handed out
 * meanwhile, for whichever table, is handed out again. */
#include "backup/restore.h"

struct position {
  const char *sequence, *value, *is_called;
};

/* From the text, which is our own: SELECT pg_catalog.setval('app.s', 5, true) */
static int read_position(const struct restore *restore, const struct restore_item *item,
                         struct position *ret, struct err *err)
{
  static const char digits[] = "-0123456789", letters[] = "aeflrstu";
  const char *literal = strrchr(item->sql, '\'');
  const char *value = literal ? literal + strspn(literal, "', ") : "";
  size_t len = strspn(value, digits);
  const char *is_called = value + len + strspn(value + len, ", ");
  if (!item->mark.kind || len == 0)
    return err_set(err, ERR_DAMAGED, "%s: this sets no sequence: %s", restore->archive->prefix,
                   item->sql);
  *ret = (struct position){.sequence = item->mark.object,
                           .value = arena_printf(restore->arena, "%.*s", (int)len, value),
                           .is_called = arena_printf(restore->arena, "%.*s",
                                                     (int)strspn(is_called, letters), is_called)};
  return 0;
}

static const char unfit_query[] =
    "SELECT v.name, CASE WHEN c.oid IS NULL THEN 'does not exist' WHEN v.value NOT BETWEEN q.seqmin"
    " AND q.seqmax THEN pg_catalog.format('cannot stand at %s, as in the backup', v.value) ELSE"
    " pg_catalog.format('may not be read and set by role %I', current_user) END"
    " FROM pg_catalog.json_to_recordset($1::json) AS v (name text, value bigint)"
    " LEFT JOIN pg_catalog.pg_class c ON c.oid = pg_catalog.to_regclass(v.name) AND c.relkind = 'S'"
    " LEFT JOIN pg_catalog.pg_sequence q ON q.seqrelid = c.oid"
    " WHERE c.oid IS NULL OR v.value NOT BETWEEN q.seqmin AND q.seqmax"
    " OR NOT pg_catalog.has_sequence_privilege(c.oid, 'SELECT')"
    " OR NOT pg_catalog.has_sequence_privilege(c.oid, 'UPDATE') LIMIT 1";

int restore_check_sequences(const struct restore *restore, struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  json_t *list = json_array();
  int rc = 0;
  for (size_t i = 0; rc == 0 && i < restore->values.len; i++) {
    struct position p;
    if (restore->values.at[i].left_out)
      continue;
    rc = read_position(restore, &restore->values.at[i], &p, err);
    if (rc == 0)
      json_array_append_new(list, json_pack("{ss ss}", "name", p.sequence, "value", p.value));
  }
  CLEANUP(free_ptr) char *json = json_dumps(list, JSON_COMPACT);
  json_decref(list);
  if (rc < 0 || db_query(restore->conn, &r, err, unfit_query, json, NULL) < 0)
    return -1;
  if (db_rows(r) == 0)
    return 0;
  return err_set(err, ERR_REFUSED, "sequence %s %s", db_value(r, 0, 0), db_value(r, 0, 1));
}

/* One statement looks and sets, so that hardly anybody comes between. */
static int set_forwards(const struct restore *restore, const struct position *p, struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  const char *sql = arena_printf(
      restore->arena,
      "SELECT p.here > p.there, p.last_value, CASE WHEN p.here < p.there THEN pg_catalog.setval("
      "$1::regclass, $2::bigint, $3::bool) END FROM (SELECT s.last_value, ROW(s.last_value * "
      "d.sign,"
      " s.is_called) AS here, ROW($2::bigint * d.sign, $3::bool) AS there FROM %s s, (SELECT"
      " pg_catalog.sign(q.seqincrement::numeric) FROM pg_catalog.pg_sequence q WHERE q.seqrelid ="
      " $1::regclass) AS d (sign)) p",
      p->sequence);
  if (db_query(restore->conn, &r, err, sql, p->sequence, p->value, p->is_called, NULL) < 0)
    return err_wrap(err, "setting sequence %s", p->sequence);
  if (db_bool(r, 0, 0))
    restore_note(restore, "sequence %s is at %s, beyond the %s of the backup, and is left there",
                 p->sequence, db_value(r, 0, 1), p->value);
  return 0;
}

int restore_set_sequences(const struct restore *restore, struct err *err)
{
  for (size_t i = 0; i < restore->values.len; i++) {
    struct position p;
    if (!restore->values.at[i].left_out &&
        (read_position(restore, &restore->values.at[i], &p, err) < 0 ||
         set_forwards(restore, &p, err) < 0))
      return -1;
  }
  return 0;
}
