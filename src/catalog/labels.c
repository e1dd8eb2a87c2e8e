/* Security labels: one property for objects of any kind, "security_labels", a JSON array of three
 * strings a label: what it is on ("": the object itself; else a part or a member of it, as
 * statements name it), provider, label. */
#include "catalog/model.h"

#include <jansson.h>
#include <stdlib.h>

/* clang-format off */
static const char labels_query[] =
    "SELECT l.classoid, l.objoid, l.objsubid, l.provider, l.label, CASE WHEN i.type LIKE '% column'"
    " THEN 'COLUMN' ELSE upper(i.type) END || ' ' || i.identity FROM"
    " (SELECT classoid, objoid, objsubid, provider, label FROM pg_seclabel"
    "  WHERE objoid >= 16384 AND classoid <> 'pg_largeobject'::regclass"
    "  UNION ALL SELECT classoid, objoid, 0, provider, label FROM pg_shseclabel h"
    "  WHERE (classoid = 'pg_database'::regclass AND objoid = (SELECT oid FROM pg_database WHERE"
    "  datname = current_database())) OR (classoid = 'pg_subscription'::regclass AND objoid IN"
    "  (SELECT a.objid FROM pg_subscription s, pg_get_object_address('subscription',"
    "  ARRAY[s.subname::text], '{}') a WHERE s.subdbid = (SELECT oid FROM pg_database WHERE"
    "  datname = current_database())))) l,"
    " pg_identify_object(l.classoid, l.objoid, l.objsubid) i WHERE i.type IS NOT NULL AND"
    " (i.schema IS NULL OR i.schema NOT LIKE 'pg\\_%') ORDER BY 1, 2, 3, 4";
/* clang-format on */

static int compare_addresses(const void *a, const void *b)
{
  return catalog_address_compare(a, b);
}

static bool is_ignored(const struct catalog_addresses *ignored, struct catalog_address address)
{
  address.subid = 0;
  return ignored->len &&
         bsearch(&address, ignored->at, ignored->len, sizeof(address), compare_addresses);
}

/* Adds three strings to the array that the object has so far. */
static void add_label(struct arena *arena, struct catalog_object *o, const char *part,
                      const char *provider, const char *label)
{
  struct strings all = catalog_json_strings(arena, catalog_get(o, "security_labels"));
  vec_push(arena, &all, part);
  vec_push(arena, &all, provider);
  vec_push(arena, &all, label);
  json_t *array = json_array();
  for (size_t i = 0; i < all.len; i++)
    json_array_append_new(array, json_string(all.at[i]));
  char *text = json_dumps(array, JSON_COMPACT | JSON_ENSURE_ASCII);
  catalog_set(arena, o, "security_labels", text);
  free(text);
  json_decref(array);
}

int catalog_read_labels(struct arena *arena, struct db_conn *conn, struct catalog *c,
                        const struct catalog_aliases *aliases,
                        const struct catalog_addresses *ignored, struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (db_query(conn, &r, err, labels_query, NULL) < 0)
    return err_wrap(err, "reading the catalog: security labels");
  for (int i = 0; i < db_rows(r); i++) {
    struct catalog_address address = {db_oid(r, i, 0), db_oid(r, i, 1), (int32_t)db_int(r, i, 2)};
    const char *part = db_value(r, i, 5);
    struct catalog_object *o = catalog_at(c, address);
    if (o) /* the label is on the object itself */
      part = "";
    else
      o = catalog_resolve(c, aliases, address);
    if (o)
      add_label(arena, o, part, db_value(r, i, 3), db_value(r, i, 4));
    else if (!is_ignored(ignored, address))
      vec_push(arena, &c->unknown,
               ((struct catalog_unknown){"security label", arena_strdup(arena, part)}));
  }
  return 0;
}

/* NULL when it has none. */
static const char *label_of(const struct strings *labels, const char *part, const char *provider)
{
  for (size_t i = 0; i + 2 < labels->len; i += 3)
    if (strcmp(labels->at[i], part) == 0 && strcmp(labels->at[i + 1], provider) == 0)
      return labels->at[i + 2];
  return NULL;
}

static void set_label(struct arena *arena, const struct catalog_object *o, const char *part,
                      const char *provider, const char *label, struct strings *statements)
{
  const char *on = *part                         ? part
                   : o->kind == CATALOG_DATABASE ? "DATABASE %1$I"
                                                 : catalog_reference(arena, o);
  if (!on)
    return;
  char *what = sql_ident(arena, provider), *value = sql_literal(arena, label);
  if (o->kind == CATALOG_DATABASE) {
    what = catalog_escape_percent(arena, what);
    value = catalog_escape_percent(arena, value);
  }
  char *sql = arena_printf(arena, "SECURITY LABEL FOR %s ON %s IS %s", what, on, value);
  vec_push(arena, statements, o->kind == CATALOG_DATABASE ? catalog_for_database(arena, sql) : sql);
}

struct strings catalog_label_statements(struct arena *arena, const struct catalog_object *object,
                                        const char *from)
{
  struct strings statements = {0}, before = catalog_json_strings(arena, from);
  struct strings now = catalog_json_strings(arena, catalog_get(object, "security_labels"));
  for (size_t i = 0; i + 2 < before.len; i += 3)
    if (!label_of(&now, before.at[i], before.at[i + 1]))
      set_label(arena, object, before.at[i], before.at[i + 1], NULL, &statements);
  for (size_t i = 0; i + 2 < now.len; i += 3) {
    const char *had = label_of(&before, now.at[i], now.at[i + 1]);
    if (!had || strcmp(had, now.at[i + 2]) != 0)
      set_label(arena, object, now.at[i], now.at[i + 1], now.at[i + 2], &statements);
  }
  return statements;
}

char *catalog_labels_sql(struct arena *arena, const struct catalog_object *object, const char *from)
{
  struct strings statements = catalog_label_statements(arena, object, from);
  CLEANUP(text_clear) struct text sql = TEXT_INIT;
  for (size_t i = 0; i < statements.len; i++)
    text_printf(&sql, "%s;\n", statements.at[i]);
  return arena_strdup(arena, sql.data);
}
