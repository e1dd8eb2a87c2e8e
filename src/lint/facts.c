#include "lint/facts_private.h"

#include "sql/quote.h"

struct lint_facts *lint_facts_new(struct arena *arena, const struct catalog *catalog)
{
  struct lint_facts *f = ARENA_NEW(arena, struct lint_facts);
  f->arena = arena;
  f->catalog = catalog;
  f->relations = map_new(arena);
  f->columns = map_new(arena);
  f->constraints = map_new(arena);
  f->enums = map_new(arena);
  f->schemas = map_new(arena);
  return f;
}

/* ---- the catalog ---- */

static bool is_relation_kind(enum catalog_kind kind)
{
  return kind == CATALOG_TABLE || kind == CATALOG_VIEW || kind == CATALOG_MATVIEW ||
         kind == CATALOG_INDEX;
}

/* By name; without a schema: the one in public, else the only one there is. */
static const struct catalog_object *find_object(const struct lint_facts *f, struct sql_name name,
                                                bool (*wanted)(enum catalog_kind kind))
{
  const struct catalog_object *only = NULL;
  size_t count = 0;
  for (size_t i = 0; f->catalog && name.name && i < f->catalog->object_count; i++) {
    const struct catalog_object *object = f->catalog->objects[i];
    if (!wanted(object->kind) || !object->schema || strcmp(object->name, name.name) != 0)
      continue;
    const char *schema = name.schema ? name.schema : f->search_path_set ? "" : "public";
    if (strcmp(object->schema, schema) == 0)
      return object;
    only = object;
    count++;
  }
  return !name.schema && count == 1 ? only : NULL;
}

const struct catalog_object *lint_facts_child(const struct lint_facts *f,
                                              const struct catalog_object *table,
                                              enum catalog_kind kind, const char *name)
{
  for (size_t i = 0; f->catalog && table && i < f->catalog->object_count; i++) {
    const struct catalog_object *object = f->catalog->objects[i];
    if (object->kind == kind && object->parent == table && strcmp(object->name, name) == 0)
      return object;
  }
  return NULL;
}

/* ---- entries ---- */

const char *lint_facts_key(const struct lint_facts *f, struct sql_name name)
{
  const char *schema = name.schema ? name.schema : f->search_path_set ? "" : "public";
  return arena_printf(f->arena, "%s.%s", schema, name.name ? name.name : "");
}

struct lint_relation *lint_facts_new_relation(struct lint_facts *f, const char *key,
                                              struct sql_name name)
{
  struct lint_relation *relation = ARENA_NEW(f->arena, struct lint_relation);
  relation->key = arena_printf(f->arena, "%s %zu", key, ++f->relation_count);
  relation->name = sql_qualified(f->arena, name.schema, name.name ? name.name : "");
  map_put(f->relations, key, relation);
  return relation;
}

struct lint_relation *lint_facts_relation(struct lint_facts *f, struct sql_name name)
{
  const char *key = lint_facts_key(f, name);
  struct lint_relation *relation = map_get(f->relations, key);
  if (relation)
    return relation;
  const struct catalog_object *object = find_object(f, name, is_relation_kind);
  if (object) {
    name = (struct sql_name){.schema = object->schema, .name = object->name};
    key = lint_facts_key(f, name);
    relation = map_get(f->relations, key);
    if (relation)
      return relation;
  }
  relation = lint_facts_new_relation(f, key, name);
  relation->object = object;
  relation->table = object && object->kind == CATALOG_INDEX ? object->parent : object;
  relation->created = name.schema && lint_facts_schema_is_new(f, name.schema);
  return relation;
}

struct lint_column *lint_facts_column(struct lint_facts *f, const struct lint_relation *table,
                                      const char *name)
{
  const char *key = arena_printf(f->arena, "%s\n%s", table->key, name);
  struct lint_column *column = map_get(f->columns, key);
  if (column)
    return column;
  column = ARENA_NEW(f->arena, struct lint_column);
  const struct catalog_object *object = lint_facts_child(f, table->object, CATALOG_COLUMN, name);
  if (object) {
    struct sql_type *type = ARENA_NEW(f->arena, struct sql_type);
    const char *text = catalog_get(object, "type");
    if (text && sql_type_read(f->arena, text, type) == 0)
      column->type = type;
    column->not_null = catalog_is(object, "not_null", "t");
  }
  map_put(f->columns, key, column);
  return column;
}

struct lint_constraint *lint_facts_constraint(struct lint_facts *f,
                                              const struct lint_relation *table, const char *name)
{
  const char *key = arena_printf(f->arena, "%s\n%s", table->key, name ? name : "");
  struct lint_constraint *constraint = map_get(f->constraints, key);
  if (constraint)
    return constraint;
  constraint = ARENA_NEW(f->arena, struct lint_constraint);
  map_put(f->constraints, key, constraint);
  return constraint;
}

struct lint_enum *lint_facts_enum(struct lint_facts *f, struct sql_name name)
{
  const char *key = lint_facts_key(f, name);
  struct lint_enum *type = map_get(f->enums, key);
  if (type)
    return type;
  type = ARENA_NEW(f->arena, struct lint_enum);
  map_put(f->enums, key, type);
  return type;
}

struct lint_enums lint_facts_enums(struct lint_facts *f)
{
  struct lint_enums enums = {0};
  for (size_t i = 0; i < map_len(f->enums); i++) {
    struct lint_enum *type = map_value_at(f->enums, i);
    if (type->added_values.len > 0)
      vec_push(f->arena, &enums, type);
  }
  return enums;
}

bool lint_facts_schema_is_new(const struct lint_facts *f, const char *schema)
{
  return schema && map_get(f->schemas, schema);
}

bool lint_is_new(const struct lint_relation *relation)
{
  return relation->created;
}

bool lint_is_partitioned(const struct lint_relation *relation)
{
  return relation->table && catalog_is(relation->table, "relkind", "p");
}

/* ---- questions ---- */

static bool drops_constraint(const struct sql_tree *statement, const char *name)
{
  for (size_t i = 0; i < statement->actions.len; i++) {
    const struct sql_action *action = &statement->actions.at[i];
    if (action->kind == SQL_DROP_CONSTRAINT && action->name && strcmp(action->name, name) == 0)
      return true;
  }
  return false;
}

bool lint_facts_proves_not_null(struct lint_facts *f, const struct lint_relation *table,
                                const char *column, const struct sql_tree *statement)
{
  size_t prefix = strlen(table->key);
  for (size_t i = 0; i < map_len(f->constraints); i++) {
    const struct lint_constraint *c = map_value_at(f->constraints, i);
    const char *key = map_key_at(f->constraints, i);
    if (c->valid && c->not_null_column && strcmp(c->not_null_column, column) == 0 &&
        strncmp(key, table->key, prefix) == 0 && key[prefix] == '\n' &&
        !drops_constraint(statement, key + prefix + 1))
      return true;
  }
  char *check = arena_printf(f->arena, "CHECK ((%s IS NOT NULL))", sql_ident(f->arena, column));
  for (size_t i = 0; f->catalog && table->object && i < f->catalog->object_count; i++) {
    const struct catalog_object *object = f->catalog->objects[i];
    if (object->kind == CATALOG_CONSTRAINT && object->parent == table->object &&
        catalog_is(object, "definition", check) && catalog_is(object, "validated", "t") &&
        !lint_facts_constraint(f, table, object->name)->dropped &&
        !drops_constraint(statement, object->name))
      return true;
  }
  return false;
}

static bool is_domain(enum catalog_kind kind)
{
  return kind == CATALOG_DOMAIN;
}

/* A domain's base type; *ret_constrained when values must be checked. */
static struct sql_type base_type(const struct lint_facts *f, const struct sql_type *type,
                                 bool *ret_constrained)
{
  const struct catalog_object *domain = find_object(f, type->name, is_domain);
  struct sql_type base;
  const char *text = domain && type->array_dimensions == 0 ? catalog_get(domain, "type") : NULL;
  if (!text || sql_type_read(f->arena, text, &base) < 0)
    return *type;
  *ret_constrained = catalog_is(domain, "not_null", "t");
  for (size_t i = 0; i < f->catalog->object_count; i++)
    if (f->catalog->objects[i]->kind == CATALOG_CONSTRAINT &&
        f->catalog->objects[i]->parent == domain)
      *ret_constrained = true;
  return base;
}

bool lint_facts_type_change_is_free(const struct lint_facts *f, const struct sql_type *from,
                                    const struct sql_type *to)
{
  if (strcmp(from->text, to->text) == 0 && !from->odd_modifiers && !to->odd_modifiers)
    return true;
  bool from_constrained = false, to_constrained = false;
  struct sql_type from_base = base_type(f, from, &from_constrained);
  struct sql_type to_base = base_type(f, to, &to_constrained);
  return !to_constrained && lint_known_type_widens(&from_base, &to_base);
}

/* ---- functions ---- */

static bool is_function(enum catalog_kind kind)
{
  return kind == CATALOG_FUNCTION;
}

/* pg_get_functiondef writes the volatility, unless it is the default, between the arguments and
 * the body. */
static enum lint_volatility volatility_of(const struct lint_facts *f,
                                          const struct catalog_object *function)
{
  const char *definition = catalog_get(function, "definition");
  if (!definition)
    return LINT_VOLATILITY_UNKNOWN;
  const char *body = strstr(definition, "\nAS ");
  size_t len = body ? (size_t)(body - definition) : strlen(definition);
  const char *head = arena_strndup(f->arena, definition, len);
  return strstr(head, "\n IMMUTABLE") || strstr(head, "\n STABLE") ? LINT_NOT_VOLATILE
                                                                   : LINT_VOLATILE;
}

enum lint_volatility lint_facts_volatility(const struct lint_facts *f, struct sql_name function)
{
  const struct catalog_object *object = find_object(f, function, is_function);
  return object ? volatility_of(f, object) : lint_known_volatility(function);
}

/* ---- to be filled from the light catalog ---- */

int lint_facts_major(const struct lint_facts *f)
{
  return f->catalog ? f->catalog->server_version / 10000 : 0;
}

struct lint_constraints lint_facts_referencing(struct lint_facts *f,
                                               const struct lint_relation *table)
{
  UNUSED(f);
  UNUSED(table);
  return (struct lint_constraints){0};
}

struct lint_domain *lint_facts_domain(struct lint_facts *f, struct sql_name name)
{
  UNUSED(f);
  UNUSED(name);
  return NULL;
}

struct lint_relations lint_facts_domain_users(struct lint_facts *f, struct sql_name domain)
{
  UNUSED(f);
  UNUSED(domain);
  return (struct lint_relations){0};
}

struct lint_relations lint_facts_relations(struct lint_facts *f)
{
  struct lint_relations all = {0};
  for (size_t i = 0; i < map_len(f->relations); i++)
    vec_push(f->arena, &all, map_value_at(f->relations, i));
  return all;
}
