/* A scoped backup: which tables keep their rows, and what the schema must say because the others
 * are empty. Everything is read off the catalog model. */
#include "backup/take.h"

#include "backup/pattern.h"

enum { MAJOR_NOT_VALID_ON_PARTITIONED = 18 };

struct scoping {
  struct take *take;
  struct patterns patterns;
};

static const struct catalog_object *model_of(const struct scoping *s, const char *identity)
{
  return catalog_find_name(s->take->catalog, CATALOG_TABLE, identity);
}

/* ---- what is asked for ---- */

static bool is_named(const struct scoping *s, const char *identity)
{
  const struct strings *tables = &s->take->options->scope->tables;
  for (size_t i = 0; i < tables->len; i++)
    if (strcmp(tables->at[i], identity) == 0)
      return true;
  return false;
}

/* The table itself, or one that it is a partition of. Every pattern is to be tried. */
static bool is_wanted(struct scoping *s, const char *identity)
{
  bool wanted = false;
  for (const char *at = identity; at;) {
    wanted = patterns_match(&s->patterns, at) || is_named(s, at) || wanted;
    const struct catalog_object *table = model_of(s, at);
    at = table ? catalog_get(table, "partition_of") : NULL;
  }
  return wanted;
}

static int choose(struct scoping *s, struct err *err)
{
  struct take *take = s->take;
  if (patterns_parse(take->arena, &take->options->scope->patterns, &s->patterns, err) < 0)
    return -1;
  for (size_t i = 0; i < take->tables.len; i++) {
    struct take_table *t = &take->tables.at[i];
    /* large objects belong to no table */
    t->left_out = t->is_large_objects || (!is_wanted(s, t->identity) && t->has_rows);
  }
  return patterns_check_used(&s->patterns, take->database, err);
}

/* ---- foreign keys ---- */

/* The tables with rows that a table stands for: itself, or its partitions. */
static bool stands_for(const struct scoping *s, const struct catalog_object *table,
                       const struct take_table *t)
{
  for (const char *at = t->identity; t->has_rows && at;) {
    if (strcmp(at, table->identity) == 0)
      return true;
    const struct catalog_object *o = model_of(s, at);
    at = o ? catalog_get(o, "partition_of") : NULL;
  }
  return false;
}

/* Are some of its rows in the backup (held), are some of them not (left_out)? */
static void look_at(const struct scoping *s, const struct catalog_object *table, bool *ret_held,
                    bool *ret_left_out)
{
  *ret_held = *ret_left_out = false;
  for (size_t i = 0; i < s->take->tables.len; i++) {
    const struct take_table *t = &s->take->tables.at[i];
    if (!stands_for(s, table, t))
      continue;
    *ret_held = *ret_held || !t->left_out;
    *ret_left_out = *ret_left_out || t->left_out;
  }
}

static void take_along(struct scoping *s, const struct catalog_object *table,
                       const struct catalog_object *key)
{
  struct take *take = s->take;
  for (size_t i = 0; i < take->tables.len; i++)
    if (stands_for(s, table, &take->tables.at[i]))
      take->tables.at[i].left_out = false;
  vec_push(take->arena, &take->widened,
           arena_printf(take->arena,
                        "%s is taken along: foreign key %s of the partitioned table %s cannot be"
                        " NOT VALID on this server",
                        table->identity, key->name, key->parent->identity));
}

/* Held rows that refer to rows which are not there: the key cannot be checked when the backup is
 * restored. */
static bool dangles(const struct scoping *s, const struct catalog_object *key,
                    const struct catalog_object **ret_referenced)
{
  const char *referenced = catalog_get(key, "referenced");
  const char *definition = catalog_get(key, "definition");
  if (key->kind != CATALOG_CONSTRAINT || !catalog_is(key, "type", "f") || !key->parent ||
      !referenced || !definition || catalog_is(key, "validated", "f") ||
      strstr(definition, " NOT ENFORCED"))
    return false;
  bool held, left_out, ignored;
  *ret_referenced = model_of(s, referenced);
  if (!*ret_referenced)
    return false;
  look_at(s, key->parent, &held, &ignored);
  look_at(s, *ret_referenced, &ignored, &left_out);
  return held && left_out;
}

static void set_property(struct catalog_object *o, const char *name, const char *value)
{
  for (size_t i = 0; i < o->property_count; i++)
    if (strcmp(o->properties[i].name, name) == 0)
      o->properties[i].value = value;
}

/* As if it had been made NOT VALID: so it is written, and so it counts in the fingerprint. */
static void relax(struct scoping *s, struct catalog_object *key)
{
  struct arena *arena = s->take->arena;
  set_property(key, "definition",
               arena_printf(arena, "%s NOT VALID", catalog_get(key, "definition")));
  set_property(key, "validated", "f");
  vec_push(arena, &s->take->not_valid, key->identity);
}

/* Until no partitioned table needs a further table. */
static void take_referenced_along(struct scoping *s)
{
  const struct catalog *c = s->take->catalog;
  if (c->server_version / 10000 >= MAJOR_NOT_VALID_ON_PARTITIONED)
    return;
  for (bool more = true; more;) {
    more = false;
    for (size_t i = 0; i < c->object_count; i++) {
      const struct catalog_object *key = c->objects[i], *referenced;
      if (!dangles(s, key, &referenced) || !catalog_is(key->parent, "relkind", "p"))
        continue;
      take_along(s, referenced, key);
      more = true;
    }
  }
}

/* ---- */

static void leave_out(struct scoping *s)
{
  struct take *take = s->take;
  for (size_t i = 0; i < take->tables.len; i++) {
    struct take_table *t = &take->tables.at[i];
    if (!t->left_out)
      continue;
    const struct catalog_object *table = model_of(s, t->identity);
    t->has_rows = false;
    struct take_left_out left = {t->identity, table ? (int64_t)table->row_estimate : -1};
    vec_push(take->arena, &take->left_out, left);
  }
}

int take_scope(struct take *take, struct err *err)
{
  struct scoping s = {.take = take};
  const struct catalog *c = take->catalog;
  const struct catalog_object *referenced;
  if (!take->options->scope)
    return 0;
  if (choose(&s, err) < 0)
    return -1;
  take_referenced_along(&s);
  for (size_t i = 0; i < c->object_count; i++)
    if (dangles(&s, c->objects[i], &referenced))
      relax(&s, c->objects[i]);
  leave_out(&s);
  return 0;
}
