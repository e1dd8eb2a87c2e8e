#include "inverse/capture_private.h"

/* Positions of all sequences. One query for the list, then one for CAPTURE_SEQUENCE_BATCH of
 * them. */
enum { CAPTURE_SEQUENCE_BATCH = 200 };

static int read_batch(struct arena *arena, struct db_conn *conn, struct capture_sequence *at,
                      size_t count, struct err *err)
{
  CLEANUP(text_clear) struct text sql = TEXT_INIT;
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  for (size_t i = 0; i < count; i++)
    text_printf(&sql, "%sSELECT %zu, last_value, is_called FROM %s", i ? " UNION ALL " : "", i,
                at[i].identity);
  if (db_query(conn, &r, err, sql.data, NULL) < 0)
    return -1;
  for (int i = 0; i < db_rows(r); i++) {
    struct capture_sequence *s = &at[db_int(r, i, 0)];
    s->last_value = arena_strdup(arena, db_value(r, i, 1));
    s->is_called = arena_strdup(arena, db_value(r, i, 2));
  }
  return 0;
}

int capture_sequences_read(struct arena *arena, struct db_conn *conn, struct capture_sequence **ret,
                           size_t *ret_count, struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  /* one that may not be read is left out; the migration, run by the same role, cannot set it
   * either */
  if (db_query(conn, &r, err,
               "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname), c.oid"
               " FROM pg_catalog.pg_sequence q JOIN pg_catalog.pg_class c ON c.oid = q.seqrelid"
               " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
               " WHERE c.relpersistence <> 't' AND n.nspname !~ '^pg_'"
               " AND pg_catalog.has_sequence_privilege(q.seqrelid, 'SELECT')"
               " AND pg_catalog.has_schema_privilege(n.oid, 'USAGE') ORDER BY 1",
               NULL) < 0)
    return err_wrap(err, "listing the sequences");
  size_t count = (size_t)db_rows(r);
  struct capture_sequence *at = arena_alloc(arena, (count + 1) * sizeof(*at));
  for (size_t i = 0; i < count; i++) {
    at[i].identity = arena_strdup(arena, db_value(r, (int)i, 0));
    at[i].oid = db_oid(r, (int)i, 1);
  }
  for (size_t i = 0; i < count; i += CAPTURE_SEQUENCE_BATCH) {
    size_t n = count - i < CAPTURE_SEQUENCE_BATCH ? count - i : CAPTURE_SEQUENCE_BATCH;
    if (read_batch(arena, conn, at + i, n, err) < 0)
      return err_wrap(err, "reading the positions of sequences");
  }
  *ret = at;
  *ret_count = count;
  return 0;
}

/* ---- the manifest ---- */

static json_t *string_or_null(const char *s)
{
  return s ? json_string(s) : json_null();
}

static json_t *string_array(const struct strings *list)
{
  json_t *array = json_array();
  for (size_t i = 0; i < list->len; i++)
    json_array_append_new(array, string_or_null(list->at[i]));
  return array;
}

static const char *how_name(enum capture_how how)
{
  switch (how) {
  case CAPTURE_COLUMNS:
    return "columns";
  case CAPTURE_ROWS:
    return "rows";
  case CAPTURE_CHANGED:
    break;
  }
  return "changed";
}

static json_t *table_json(const struct capture_item *item)
{
  const struct capture_table *t = item->plan;
  json_t *o = json_object();
  json_object_set_new(o, "how", json_string(how_name(t->how)));
  json_object_set_new(o, "before", json_string(t->before));
  json_object_set_new(o, "after", string_or_null(item->after));
  json_object_set_new(o, "partitioned", json_boolean(t->partitioned));
  json_object_set_new(o, "key", string_array(&t->key));
  json_object_set_new(o, "key_after", string_array(&t->key_after));
  json_object_set_new(o, "columns", string_array(&t->columns));
  json_object_set_new(o, "columns_after", string_array(&t->columns_after));
  json_object_set_new(o, "types", string_array(&item->types));
  json_object_set_new(o, "types_after", string_array(&item->types_after));
  json_object_set_new(o, "apart", string_array(&t->apart));
  json_object_set_new(o, "apart_after", string_array(&t->apart_after));
  json_object_set_new(o, "doomed_only", json_boolean(t->doomed_only));
  json_object_set_new(o, "reworded", json_boolean(t->reworded));
  json_object_set_new(o, "whole_row", json_boolean(t->whole_row));
  json_object_set_new(o, "before_rows", json_integer(item->before_rows));
  json_object_set_new(o, "after_rows", json_integer(item->after_rows));
  json_object_set_new(o, "why", string_or_null(t->why));
  return o;
}

static json_t *position(const char *last_value, const char *is_called)
{
  json_t *o = json_object();
  json_object_set_new(o, "last_value", json_string(last_value));
  json_object_set_new(o, "is_called", json_boolean(is_called[0] == 't'));
  return o;
}

/* The same sequence, whatever it is called now; else the one that has taken its name. */
static const struct capture_sequence *sequence_after(const struct capture *c,
                                                     const struct capture_sequence *s)
{
  const struct capture_sequence *named = NULL;
  for (size_t k = 0; k < c->sequence_after_count; k++) {
    if (c->sequences_after[k].oid == s->oid)
      return &c->sequences_after[k];
    if (strcmp(c->sequences_after[k].identity, s->identity) == 0)
      named = &c->sequences_after[k];
  }
  return named;
}

static json_t *sequences_json(const struct capture *c)
{
  json_t *array = json_array();
  for (size_t i = 0; i < c->sequence_count; i++) {
    const struct capture_sequence *s = &c->sequences[i], *after = sequence_after(c, s);
    json_t *o = json_object();
    json_object_set_new(o, "identity", json_string(s->identity));
    json_object_set_new(o, "oid", json_integer(s->oid));
    json_object_set_new(o, "before", position(s->last_value, s->is_called));
    json_object_set_new(o, "after",
                        after ? position(after->last_value, after->is_called) : json_null());
    json_array_append_new(array, o);
  }
  return array;
}

static json_t *large_objects_json(const struct capture *c)
{
  json_t *array = json_array();
  for (size_t i = 0; i < c->large.len; i++) {
    const struct capture_large_object *o = &c->large.at[i];
    json_array_append_new(array, json_pack("{s:I,s:s?,s:s?}", "oid", (json_int_t)o->oid, "before",
                                           o->before, "after", o->after));
  }
  return array;
}

json_t *capture_manifest(const struct capture *c)
{
  json_t *tables = json_array();
  for (size_t i = 0; i < c->items.len; i++) {
    const struct capture_item *item = &c->items.at[i];
    if (item->copied)
      json_array_append_new(tables, table_json(item));
  }
  json_t *o = json_object();
  json_object_set_new(o, "schema", json_integer(1));
  json_object_set_new(o, "kind", json_string("undo"));
  json_object_set_new(o, "database", json_string(db_database(c->options.conn)));
  json_object_set_new(o, "xid", json_integer(c->xid));
  json_object_set_new(o, "tables", tables);
  json_object_set_new(o, "sequences", sequences_json(c));
  json_object_set_new(o, "large_objects", large_objects_json(c));
  return o;
}
