#include "catalog/model.h"

#include <stdlib.h>

/* What the texts of pg_get_*() depend on, so that two sessions get the same text for the same
 * schema. */
static const char *const settings[][2] = {
    {"search_path", ""},        {"quote_all_identifiers", "off"}, {"TimeZone", "UTC"},
    {"bytea_output", "hex"},    {"DateStyle", "ISO, MDY"},        {"IntervalStyle", "postgres"},
    {"extra_float_digits", "1"}};

struct reader {
  struct arena *arena;
  struct db_conn *conn;
  struct catalog *catalog;
  VEC(struct catalog_object *) objects;
  VEC(struct catalog_address) parents; /* of objects[i]; oid 0 = none */
  VEC(uint32_t) owned_by;              /* of objects[i]: table that owns the sequence; 0 = none */
  struct catalog_addresses ignored;
  bool secrets;
};

/* Takes the columns that are known by name; false: a property. */
static bool take_fixed(struct reader *rd, struct catalog_object *o, const struct db_result *r,
                       int row, int column)
{
  const char *name = db_column_name(r, column);
  struct catalog_address *parent = &rd->parents.at[rd->parents.len - 1];
  const struct {
    const char *name;
    uint32_t *oid;
    const char **text;
  } fixed[] = {{"class_oid", &o->class_oid, NULL},
               {"oid", &o->oid, NULL},
               {"parent_class", &parent->class_oid, NULL},
               {"parent_oid", &parent->oid, NULL},
               {"relfilenode", &o->relfilenode, NULL},
               {"dropped_attributes", &o->dropped_attributes, NULL},
               {"owned_by_oid", &rd->owned_by.at[rd->owned_by.len - 1], NULL},
               {"schema", NULL, &o->schema},
               {"name", NULL, &o->name},
               {"identity", NULL, &o->identity},
               {"default_acl", NULL, &o->default_acl},
               {"row_key", NULL, &o->row_key}};
  for (size_t i = 0; i < COUNT_OF(fixed); i++) {
    if (strcmp(fixed[i].name, name) != 0)
      continue;
    if (fixed[i].oid)
      *fixed[i].oid = db_oid(r, row, column);
    else
      *fixed[i].text = arena_strdup(rd->arena, db_value(r, row, column));
    return true;
  }
  if (strcmp(name, "subid") == 0)
    o->subid = (int32_t)db_int(r, row, column);
  else if (strcmp(name, "bytes") == 0)
    o->bytes = db_int(r, row, column);
  else if (strcmp(name, "scans") == 0)
    o->scans = db_int(r, row, column);
  else if (strcmp(name, "row_estimate") == 0)
    o->row_estimate = db_is_null(r, row, column) ? -1 : strtod(db_value(r, row, column), NULL);
  else
    return false;
  return true;
}

static int compare_property(const void *a, const void *b)
{
  const struct catalog_property *x = a, *y = b;
  return strcmp(x->name, y->name);
}

static const char *property_name(struct arena *arena, const char *column_name)
{
  static const char prefix[] = "property_";
  bool prefixed = strncmp(column_name, prefix, sizeof(prefix) - 1) == 0;
  return arena_strdup(arena, column_name + (prefixed ? sizeof(prefix) - 1 : 0));
}

/* Expressions get their lasting text; bodies of functions, comments and the like are the user's
 * own. */
static const char *property_value(struct arena *arena, enum catalog_kind kind, const char *name,
                                  const char *value)
{
  bool expression = kind != CATALOG_FUNCTION &&
                    (strcmp(name, "definition") == 0 || strcmp(name, "default") == 0 ||
                     strcmp(name, "partition_bound") == 0);
  return value && expression ? catalog_canonical(arena, value) : arena_strdup(arena, value);
}

static void read_row(struct reader *rd, enum catalog_kind kind, const struct db_result *r, int row,
                     const char *const *names)
{
  struct catalog_object *o = ARENA_NEW(rd->arena, struct catalog_object);
  o->kind = kind;
  o->row_estimate = -1;
  vec_push(rd->arena, &rd->objects, o);
  vec_push(rd->arena, &rd->parents, ((struct catalog_address){0}));
  vec_push(rd->arena, &rd->owned_by, 0);
  int columns = db_columns(r);
  o->properties = arena_alloc(rd->arena, (size_t)columns * sizeof(*o->properties));
  for (int i = 0; i < columns; i++)
    if (!take_fixed(rd, o, r, row, i))
      o->properties[o->property_count++] = (struct catalog_property){
          names[i], property_value(rd->arena, kind, names[i], db_value(r, row, i))};
  qsort(o->properties, o->property_count, sizeof(*o->properties), compare_property);
  if (catalog_ops(kind)->finish)
    catalog_ops(kind)->finish(rd->arena, o);
}

/* A secret that this role may not read would be lost in silence. */
static int check_readable(struct reader *rd, const struct catalog_kind_ops *ops, bool *ret_any,
                          struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (db_query(rd->conn, &r, err, ops->readable_query, NULL) < 0)
    return err_wrap(err, "reading the catalog: %s", ops->name);
  int hidden = 0;
  while (hidden < db_rows(r) && db_bool(r, hidden, 1))
    hidden++;
  *ret_any = db_rows(r) > 0;
  if (hidden == db_rows(r))
    return 0;
  err_set(err, ERR_REFUSED, "%s cannot be read whole: this role may not see its %s",
          db_value(r, hidden, 0),
          ops->kind == CATALOG_SUBSCRIPTION ? "connection string" : "options");
  return err_hint(err, "Connect as a superuser, or drop the %s.", ops->name);
}

static int read_kind(struct reader *rd, enum catalog_kind kind, struct err *err)
{
  const struct catalog_kind_ops *ops = catalog_ops(kind);
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  bool secret = rd->secrets && ops->secret_query;
  if (secret && check_readable(rd, ops, &secret, err) < 0)
    return -1;
  const char *sql = (secret ? ops->secret_query : ops->query)(rd->arena, db_server_major(rd->conn));
  if (db_query(rd->conn, &r, err, sql, NULL) < 0)
    return err_wrap(err, "reading the catalog: %s", ops->name);
  const char **names = arena_alloc(rd->arena, ((size_t)db_columns(r) + 1) * sizeof(*names));
  for (int i = 0; i < db_columns(r); i++)
    names[i] = property_name(rd->arena, db_column_name(r, i));
  for (int row = 0; row < db_rows(r); row++) {
    read_row(rd, kind, r, row, names);
    if (!rd->objects.at[rd->objects.len - 1]->identity)
      return err_set(err, ERR_UNEXPECTED, "reading the catalog: %s without a name", ops->name);
  }
  return 0;
}

static int compare_addresses(const void *a, const void *b)
{
  return catalog_address_compare(a, b);
}

static bool is_ignored(const struct reader *rd, struct catalog_address address)
{
  return rd->ignored.len &&
         bsearch(&address, rd->ignored.at, rd->ignored.len, sizeof(address), compare_addresses);
}

static void ignore(struct reader *rd, struct catalog_address address)
{
  vec_push(rd->arena, &rd->ignored, address);
  qsort(rd->ignored.at, rd->ignored.len, sizeof(address), compare_addresses);
}

static bool is_named(const struct strings *names, const char *name)
{
  for (size_t i = 0; names && i < names->len; i++)
    if (strcmp(names->at[i], name) == 0)
      return true;
  return false;
}

/* Leaves out the ignored tables with everything that belongs to them. */
static void apply_ignored(struct reader *rd, const struct strings *tables)
{
  uint32_t table_class = 0;
  for (size_t i = 0; i < rd->objects.len; i++) {
    struct catalog_object *o = rd->objects.at[i];
    if (o->kind == CATALOG_TABLE && is_named(tables, o->identity)) {
      table_class = o->class_oid;
      ignore(rd, catalog_address_of(o));
    }
  }
  if (!rd->ignored.len)
    return;
  size_t kept = 0;
  struct catalog_addresses children = {0};
  for (size_t i = 0; i < rd->objects.len; i++) {
    struct catalog_object *o = rd->objects.at[i];
    struct catalog_address owner = {table_class, rd->owned_by.at[i], 0};
    if (is_ignored(rd, catalog_address_of(o)))
      continue;
    if (is_ignored(rd, rd->parents.at[i]) || is_ignored(rd, owner)) {
      vec_push(rd->arena, &children, catalog_address_of(o));
      continue;
    }
    rd->objects.at[kept] = o;
    rd->parents.at[kept] = rd->parents.at[i];
    kept++;
  }
  rd->objects.len = kept;
  for (size_t i = 0; i < children.len; i++)
    vec_push(rd->arena, &rd->ignored, children.at[i]);
  qsort(rd->ignored.at, rd->ignored.len, sizeof(*rd->ignored.at), compare_addresses);
}

/* Parents are known by address; the objects are sorted by address only once. */
static void link_parents(struct reader *rd)
{
  struct catalog *c = rd->catalog;
  struct catalog_object **in_read_order =
      arena_alloc(rd->arena, (rd->objects.len + 1) * sizeof(*in_read_order));
  memcpy(in_read_order, rd->objects.at, rd->objects.len * sizeof(*in_read_order));
  c->objects = rd->objects.at;
  c->object_count = rd->objects.len;
  catalog_build_index(rd->arena, c);
  for (size_t i = 0; i < c->object_count; i++)
    if (rd->parents.at[i].oid)
      in_read_order[i]->parent = catalog_at(c, rd->parents.at[i]);
  catalog_build_index(rd->arena, c);
}

/* The sizes of partitions count for the partitioned table, too. */
static void roll_up_partitions(struct catalog *c)
{
  for (size_t i = 0; i < c->object_count; i++) {
    struct catalog_object *leaf = c->objects[i];
    if (leaf->kind != CATALOG_TABLE || catalog_get(leaf, "partition_key"))
      continue;
    const char *above = catalog_get(leaf, "partition_of");
    while (above) {
      struct catalog_object *o = catalog_find_name(c, CATALOG_TABLE, above);
      if (!o)
        break;
      o->bytes += leaf->bytes;
      if (leaf->row_estimate > 0)
        o->row_estimate = (o->row_estimate > 0 ? o->row_estimate : 0) + leaf->row_estimate;
      above = catalog_get(o, "partition_of");
    }
  }
}

static void forget_estimates_of_roots(struct catalog *c)
{
  for (size_t i = 0; i < c->object_count; i++)
    if (c->objects[i]->kind == CATALOG_TABLE && catalog_get(c->objects[i], "partition_key"))
      c->objects[i]->row_estimate = -1;
}

static int read_all(struct reader *rd, const struct catalog_options *options, struct err *err)
{
  for (int kind = 0; kind < CATALOG_KIND_COUNT; kind++)
    if (read_kind(rd, (enum catalog_kind)kind, err) < 0)
      return -1;
  rd->catalog->ignored = options ? options->ignore_tables : NULL;
  apply_ignored(rd, rd->catalog->ignored);
  link_parents(rd);
  forget_estimates_of_roots(rd->catalog);
  roll_up_partitions(rd->catalog);
  struct catalog_aliases aliases;
  if (catalog_read_aliases(rd->arena, rd->conn, &aliases, err) < 0)
    return -1;
  if (catalog_read_depends(rd->arena, rd->conn, rd->catalog, &aliases, err) < 0 ||
      catalog_read_labels(rd->arena, rd->conn, rd->catalog, &aliases, &rd->ignored, err) < 0)
    return -1;
  return catalog_read_unknown(rd->arena, rd->conn, rd->catalog, &aliases, &rd->ignored, err);
}

/* SET LOCAL; `values` are the new ones, or NULL for ours. */
static int apply_settings(struct db_conn *conn, const char *const *values, struct err *err)
{
  for (size_t i = 0; i < COUNT_OF(settings); i++) {
    CLEANUP(db_result_clear) struct db_result *r = NULL;
    if (db_query(conn, &r, err, "SELECT pg_catalog.set_config($1, $2, true)", settings[i][0],
                 values ? values[i] : settings[i][1], NULL) < 0)
      return -1;
  }
  return 0;
}

static int remember_settings(struct arena *arena, struct db_conn *conn, const char **ret_values,
                             struct err *err)
{
  for (size_t i = 0; i < COUNT_OF(settings); i++)
    if (db_query_value(conn, arena, &ret_values[i], err, "SELECT pg_catalog.current_setting($1)",
                       settings[i][0], NULL) < 0)
      return -1;
  return 0;
}

static int read_in_transaction(struct reader *rd, const struct catalog_options *options,
                               struct err *err)
{
  const char *before[COUNT_OF(settings)];
  if (remember_settings(rd->arena, rd->conn, before, err) < 0 ||
      apply_settings(rd->conn, NULL, err) < 0 || read_all(rd, options, err) < 0)
    return -1;
  return apply_settings(rd->conn, before, err);
}

int catalog_read(struct arena *arena, struct db_conn *conn, const struct catalog_options *options,
                 struct catalog **ret_catalog, struct err *err)
{
  struct reader rd = {.arena = arena,
                      .conn = conn,
                      .catalog = ARENA_NEW(arena, struct catalog),
                      .secrets = options && options->secrets};
  rd.catalog->server_version = db_server_version(conn);
  bool own = db_transaction_status(conn) != 'T';
  if (own && db_exec(conn, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", err) < 0)
    return err_wrap(err, "reading the catalog");
  if (read_in_transaction(&rd, options, err) < 0) {
    struct err ignored = ERR_INIT;
    if (own)
      db_exec(conn, "ROLLBACK", &ignored);
    err_clear(&ignored);
    return -1;
  }
  if (own && db_exec(conn, "COMMIT", err) < 0)
    return err_wrap(err, "reading the catalog");
  *ret_catalog = rd.catalog;
  return 0;
}
