#include "inverse/shadow_private.h"

#include "base/interrupt.h"
#include "sql/quote.h"

enum { ROLES_MAX = 1000, NAMED_MAX = 10 };

int shadow_check_known(const struct catalog *schema, struct err *err)
{
  CLEANUP(text_clear) struct text names = TEXT_INIT;
  const struct catalog_unknowns *unknown = &schema->unknown;
  if (unknown->len == 0)
    return 0;
  for (size_t i = 0; i < unknown->len && i < NAMED_MAX; i++)
    text_printf(&names, "%s%s %s", i ? ", " : "", unknown->at[i].kind, unknown->at[i].identity);
  if (unknown->len > NAMED_MAX)
    text_printf(&names, " and %zu more", unknown->len - NAMED_MAX);
  err_set(err, ERR_REFUSED, "cannot be proven: the schema holds kinds belay does not model yet: %s",
          names.data);
  return err_hint(err,
                  "They could neither be backed up nor proven to come back, so nothing is run.");
}

static int make_role(struct shadow *s, const char *role, bool superuser, struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (db_query(s->conn, &r, err, "SELECT 1 FROM pg_roles WHERE rolname = $1", role, NULL) < 0)
    return -1;
  if (db_rows(r) > 0)
    return 0;
  return db_execf(s->conn, err, "CREATE ROLE %s NOLOGIN%s", sql_ident(s->arena, role),
                  superuser ? " SUPERUSER" : "");
}

/* The target's roles by name: a migration that names a role which the target lacks must fail here
 * too. */
static int stub_roles_of_target(struct shadow *s, const struct db_target *target, struct err *err)
{
  CLEANUP(db_closep) struct db_conn *conn = NULL;
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (db_open(target, "belay shadow", &conn, err) < 0 ||
      db_query(conn, &r, err,
               "SELECT rolname, rolsuper FROM pg_roles WHERE rolname !~ '^pg_' ORDER BY rolname",
               NULL) < 0)
    return err_wrap(err, "reading the target's role names");
  if (db_rows(r) > ROLES_MAX)
    return err_set(err, ERR_REFUSED, "the target has %d roles, a shadow takes at most %d",
                   db_rows(r), ROLES_MAX);
  for (int i = 0; i < db_rows(r); i++)
    /* an event trigger or a foreign-data wrapper can only belong to a superuser */
    if (make_role(s, db_value(r, i, 0), s->server && db_bool(r, i, 1), err) < 0)
      return err_wrap(err, "making the stub role %s", db_value(r, i, 0));
  return 0;
}

static int stub_roles(struct shadow *s, const struct shadow_options *options,
                      const struct catalog *schema, struct err *err)
{
  if (options->target && stub_roles_of_target(s, options->target, err) < 0)
    return -1;
  const char *last = "";
  for (size_t i = 0; i < schema->object_count; i++) {
    const char *owner = catalog_get(schema->objects[i], "owner");
    if (!owner || strcmp(owner, last) == 0 || strncmp(owner, "pg_", 3) == 0)
      continue;
    if (make_role(s, owner, false, err) < 0)
      return err_wrap(err, "making the stub role %s", owner);
    last = owner;
  }
  return 0;
}

static int check_extensions(struct shadow *s, const struct catalog *schema, struct err *err)
{
  for (size_t i = 0; i < schema->object_count; i++) {
    const struct catalog_object *o = schema->objects[i];
    const char *version = catalog_get(o, "version");
    CLEANUP(db_result_clear) struct db_result *r = NULL;
    if (o->kind != CATALOG_EXTENSION)
      continue;
    if (db_query(s->conn, &r, err,
                 "SELECT count(*) FROM pg_available_extension_versions"
                 " WHERE name = $1 AND version = $2",
                 o->name, version ? version : "", NULL) < 0)
      return -1;
    if (db_int(r, 0, 0) > 0)
      continue;
    err_set(err, ERR_REFUSED, "cannot be proven: extension %s %s is not installed on the %s",
            o->name, version ? version : "", s->where);
    return err_hint(err, "Install the extension's package there, or give --shadow URL with a "
                         "server that has it.");
  }
  return 0;
}

static int run_script(struct shadow *s, const struct catalog_script *script, struct err *err)
{
  for (size_t i = 0; i < script->len; i++) {
    const struct catalog_statement *st = &script->at[i];
    if (!s->server && st->object->kind == CATALOG_DATABASE)
      continue; /* owner and rights of the database are not the schema's there */
    if (interrupt_check(err) < 0)
      return -1;
    if (db_exec(s->conn, st->sql, err) < 0) {
      err_recode(err, ERR_REFUSED);
      return err_wrap(err, "loading %s %s into the shadow", catalog_kind_name(st->object->kind),
                      st->object->identity);
    }
  }
  return 0;
}

/* A child's check constraint may be validated while the parent's, which brings it, is not. The
 * catalog has no words for that; on empty tables it is one statement. */
static int validate_inherited(struct shadow *s, const struct catalog *schema, struct err *err)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  struct map *open = map_new(arena); /* names of those that are not validated somewhere */
  for (size_t i = 0; i < schema->object_count; i++) {
    struct catalog_object *o = schema->objects[i];
    if (o->kind == CATALOG_CONSTRAINT && catalog_is(o, "type", "c") &&
        !catalog_is(o, "validated", "t"))
      map_put(open, o->name, o);
  }
  for (size_t i = 0; i < schema->object_count; i++) {
    const struct catalog_object *o = schema->objects[i];
    if (o->kind == CATALOG_CONSTRAINT && catalog_is(o, "type", "c") && o->parent &&
        catalog_get(o, "inherited") && catalog_is(o, "validated", "t") && map_get(open, o->name) &&
        db_execf(s->conn, err, "ALTER TABLE %s VALIDATE CONSTRAINT %s", o->parent->identity,
                 sql_ident(arena, o->name)) < 0)
      return err_wrap(err, "loading constraint %s into the shadow", o->identity);
  }
  return 0;
}

static int load_in_transaction(struct shadow *s, const struct catalog *schema,
                               const struct catalog_script *script, struct err *err)
{
  static const char begin[] = "BEGIN; SET LOCAL check_function_bodies = off;"
                              "SET LOCAL search_path = pg_catalog;"
                              "SET LOCAL client_min_messages = warning;";
  if (db_exec(s->conn, begin, err) < 0)
    return -1;
  if (run_script(s, script, err) < 0 || validate_inherited(s, schema, err) < 0) {
    CLEANUP(err_clear) struct err ignored = ERR_INIT;
    db_exec(s->conn, "ROLLBACK", &ignored);
    return -1;
  }
  if (db_exec(s->conn, "COMMIT", err) < 0)
    return err_wrap(err, "loading the schema into the shadow");
  return 0;
}

/* The same catalog without the database itself. */
static struct catalog without_database(struct arena *arena, const struct catalog *c)
{
  struct catalog copy = *c;
  copy.object_count = 0;
  copy.index = NULL; /* it numbers the objects of the original */
  copy.objects = arena_alloc(arena, (c->object_count + 1) * sizeof(*c->objects));
  for (size_t i = 0; i < c->object_count; i++)
    if (c->objects[i]->kind != CATALOG_DATABASE)
      copy.objects[copy.object_count++] = c->objects[i];
  return copy;
}

/* An index that a failed CONCURRENTLY left; one of a partitioned table may lack partitions. */
static const struct catalog_object *invalid_index(const struct catalog *schema)
{
  for (size_t i = 0; i < schema->object_count; i++) {
    const struct catalog_object *o = schema->objects[i];
    const char *property = o->kind == CATALOG_INDEX        ? "valid"
                           : o->kind == CATALOG_CONSTRAINT ? "index_valid"
                                                           : NULL;
    if (property && catalog_is(o, property, "f") && o->parent &&
        !catalog_get(o->parent, "partition_key"))
      return o;
  }
  return NULL;
}

static int compare(struct shadow *s, const struct catalog *schema,
                   const struct catalog_options *catalog_options, struct err *err)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  struct catalog *found;
  if (catalog_read(arena, s->conn, catalog_options, &found, err) < 0)
    return err_wrap(err, "reading the shadow back");
  struct catalog want = *schema, have = *found;
  if (!s->server) {
    want = without_database(arena, schema);
    have = without_database(arena, found);
  }
  char want_hex[65], have_hex[65];
  const int flags = CATALOG_IGNORE_CHILD_ORDER; /* they are made anew here */
  catalog_fingerprint(&want, flags, want_hex);
  catalog_fingerprint(&have, flags, have_hex);
  if (strcmp(want_hex, have_hex) == 0)
    return 0;
  const struct catalog_object *invalid = invalid_index(schema);
  if (invalid) {
    const char *name = sql_qualified(arena, invalid->schema, invalid->name);
    err_set(err, ERR_REFUSED, "cannot be proven: index %s is invalid: its build did not end well",
            name);
    return err_hint(err, "Build it again with: REINDEX INDEX CONCURRENTLY %s; or drop it.", name);
  }
  struct strings lines = catalog_differences(arena, &want, &have, flags, NAMED_MAX);
  CLEANUP(text_clear) struct text detail = TEXT_INIT;
  for (size_t i = 0; i < lines.len; i++)
    text_printf(&detail, "%s%s", i ? "\n" : "", lines.at[i]);
  err_set(err, ERR_REFUSED, "cannot be proven: the shadow is not equal to the schema: %s",
          lines.len ? lines.at[0] : "fingerprints differ");
  return err_detail(err, "%s", detail.data);
}

int shadow_load(struct shadow *s, const struct shadow_options *options,
                const struct catalog *schema, const struct catalog_options *catalog_options,
                struct err *err)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  struct catalog_script script = {0};
  if ((s->server && stub_roles(s, options, schema, err) < 0) ||
      check_extensions(s, schema, err) < 0 ||
      catalog_ddl(arena, schema, CATALOG_ALL, &script, err) < 0 ||
      load_in_transaction(s, schema, &script, err) < 0)
    return -1;
  return compare(s, schema, catalog_options, err);
}
