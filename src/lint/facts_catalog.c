#include "lint/facts_private.h"

#include <jansson.h>

/* The light catalog as the database's catalog has it. */

static bool is(const struct catalog_object *object, const char *property)
{
  return catalog_is(object, property, "t");
}

/* A property that is a JSON array of strings. */
static struct strings list(struct lint_facts *f, const struct catalog_object *object,
                           const char *property)
{
  struct strings strings = {0};
  const char *text = catalog_get(object, property);
  json_t *array = text ? json_loads(text, 0, NULL) : NULL;
  for (size_t i = 0; i < json_array_size(array); i++)
    vec_push(f->arena, &strings,
             arena_strdup(f->arena, json_string_value(json_array_get(array, i))));
  json_decref(array);
  return strings;
}

static struct lint_relation *relation_of(struct lint_facts *f, const struct catalog_object *object)
{
  if (!object || !object->schema)
    return NULL;
  const struct sql_name at = {.schema = object->schema, .name = object->name};
  return facts_slot_at(f, &f->relations, at)->item;
}

/* "public.orders" */
static struct lint_relation *relation_named(struct lint_facts *f, const char *identity)
{
  static const enum catalog_kind kinds[] = {CATALOG_TABLE, CATALOG_VIEW, CATALOG_MATVIEW};
  for (size_t i = 0; identity && i < COUNT_OF(kinds); i++) {
    const struct catalog_object *object = catalog_find_name(f->catalog, kinds[i], identity);
    if (object)
      return relation_of(f, object);
  }
  return NULL;
}

/* ---- relations ---- */

static struct lint_relation *add_relation(struct lint_facts *f, const struct catalog_object *object,
                                          enum lint_relation_kind kind)
{
  const struct sql_name at = {.schema = object->schema, .name = object->name};
  struct lint_relation *relation = facts_relation_new(f, at, kind, true);
  const char *persistence = catalog_get(object, "persistence");
  bool has_rows = kind == LINT_TABLE || kind == LINT_MATVIEW || kind == LINT_INDEX;
  relation->object = object;
  relation->table = object;
  relation->persistence = persistence ? persistence[0] : 'p';
  relation->access_method = catalog_get(object, "access_method");
  relation->tablespace = catalog_get(object, "tablespace");
  relation->owner = catalog_get(object, "owner");
  if (has_rows) {
    relation->rows = object->row_estimate;
    relation->bytes = object->bytes;
  }
  return relation;
}

static void read_partition_key(struct lint_facts *f, struct lint_relation *table, const char *key)
{
  const struct sql_tree *tree =
      key ? facts_parse(f, arena_printf(f->arena, "CREATE TABLE x () PARTITION BY %s", key)) : NULL;
  if (!tree || !tree->partition_key)
    return;
  table->partition_strategy = tree->partition_key->strategy;
  for (size_t i = 0; i < tree->partition_key->keys.len; i++) {
    const char *column = tree->partition_key->keys.at[i].column;
    vec_push(f->arena, &table->partition_key, column ? column : "");
  }
}

static void add_table(struct lint_facts *f, const struct catalog_object *object)
{
  const char *relkind = catalog_get(object, "relkind");
  const char *identity = catalog_get(object, "replica_identity");
  bool partitioned = relkind && *relkind == 'p';
  struct lint_relation *table = add_relation(f, object,
                                             partitioned                  ? LINT_PARTITIONED_TABLE
                                             : relkind && *relkind == 'f' ? LINT_FOREIGN_TABLE
                                                                          : LINT_TABLE);
  table->server = catalog_get(object, "server");
  table->row_security = is(object, "row_security");
  table->force_row_security = is(object, "force_row_security");
  if (identity)
    table->replica_identity = strncmp(identity, "USING", 5) == 0 ? "INDEX" : identity;
  if (table->access_method && strcmp(table->access_method, "heap") == 0)
    table->access_method = NULL;
  read_partition_key(f, table, catalog_get(object, "partition_key"));
}

static void add_sequence(struct lint_facts *f, const struct catalog_object *object)
{
  struct lint_relation *sequence = add_relation(f, object, LINT_SEQUENCE);
  sequence->sequence_type = catalog_get(object, "type");
  sequence->table = NULL;
}

static void add_composite(struct lint_facts *f, const struct catalog_object *object)
{
  const struct sql_name at = {.schema = object->schema, .name = object->name};
  struct strings attributes = list(f, object, "attributes");
  CLEANUP(text_clear) struct text sql = TEXT_INIT;
  for (size_t i = 0; i < attributes.len; i++)
    text_printf(&sql, "%s%s", i > 0 ? ", " : "", attributes.at[i]);
  struct lint_relation *composite = add_relation(f, object, LINT_COMPOSITE);
  composite->table = NULL;
  facts_type_at(f, at);
  const struct sql_tree *tree =
      facts_parse(f, arena_printf(f->arena, "CREATE TYPE x AS (%s)", sql.data));
  for (size_t i = 0; tree && i < tree->columns.len; i++)
    facts_add_column(f, composite, &tree->columns.at[i], true);
}

/* ---- columns ---- */

/* C of pg_catalog."C" */
static const char *last_name(struct lint_facts *f, const char *identity)
{
  size_t len = identity ? strlen(identity) : 0;
  if (len > 1 && identity[len - 1] == '"') {
    size_t start = len - 1;
    while (start > 0 && identity[start - 1] != '"')
      start--;
    return arena_strndup(f->arena, identity + start, len - 1 - start);
  }
  const char *dot = identity ? strrchr(identity, '.') : NULL;
  return dot ? dot + 1 : identity;
}

/* NOT NULL of 18 is a constraint, perhaps one that is not valid yet. */
static void add_not_null(struct lint_facts *f, struct lint_relation *table,
                         const struct catalog_object *object)
{
  if (!is(object, "not_null_not_valid"))
    return;
  struct sql_constraint constraint = {
      .kind = SQL_NOT_NULL, .name = catalog_get(object, "not_null_name"), .not_valid = true};
  facts_add_constraint(f, table, &constraint, object->name, false);
}

static const struct sql_expression *parse_expression(struct lint_facts *f, const char *text)
{
  const struct sql_tree *tree =
      facts_parse(f, arena_printf(f->arena, "ALTER TABLE x ALTER COLUMN y SET DEFAULT %s", text));
  return tree && tree->actions.len == 1 ? tree->actions.at[0].value : NULL;
}

static void add_column(struct lint_facts *f, const struct catalog_object *object)
{
  struct lint_relation *table = relation_of(f, object->parent);
  const char *generated = catalog_get(object, "generated");
  if (!table)
    return;
  struct lint_column *column = facts_column_new(f, table, object->name);
  column->type = facts_type_read(f, catalog_get(object, "type"));
  column->collation = last_name(f, catalog_get(object, "collation"));
  column->not_null = is(object, "not_null");
  column->has_default = catalog_get(object, "default") && !generated;
  if (column->has_default && strncmp(catalog_get(object, "default"), "nextval(", 8) == 0) {
    const struct sql_expression *value = parse_expression(f, catalog_get(object, "default"));
    facts_default_sequence(f, column, value);
  }
  column->inherited = is(object, "inherited");
  if (generated)
    column->generated = SQL_GENERATED_STORED;
  else if (catalog_get(object, "identity"))
    column->generated = SQL_GENERATED_IDENTITY;
  if (generated && catalog_get(object, "default")) {
    const struct sql_expression *from = parse_expression(f, catalog_get(object, "default"));
    if (from)
      column->generated_from = facts_strings_copy(f, &from->columns);
  }
  add_not_null(f, table, object);
}

/* ---- constraints and indexes ---- */

static bool constraint_kind(const char *type, enum sql_constraint_kind *ret)
{
  static const struct {
    char letter;
    enum sql_constraint_kind kind;
  } kinds[] = {{'c', SQL_CHECK},
               {'p', SQL_PRIMARY_KEY},
               {'u', SQL_UNIQUE},
               {'f', SQL_FOREIGN_KEY},
               {'x', SQL_EXCLUDE}};
  for (size_t i = 0; type && i < COUNT_OF(kinds); i++)
    if (kinds[i].letter == type[0]) {
      *ret = kinds[i].kind;
      return true;
    }
  return false;
}

static const struct sql_constraint *parse_constraint(struct lint_facts *f, const char *definition)
{
  static const char not_enforced[] = " NOT ENFORCED";
  size_t len = strlen(definition), end = strlen(not_enforced);
  if (len > end && strcmp(definition + len - end, not_enforced) == 0)
    definition = arena_strndup(f->arena, definition, len - end);
  const struct sql_tree *tree =
      facts_parse(f, arena_printf(f->arena, "ALTER TABLE x ADD %s", definition));
  return tree && tree->actions.len == 1 ? tree->actions.at[0].constraint : NULL;
}

/* Plain keys are told by their columns; what our parser does not read (WITHOUT OVERLAPS, PERIOD)
 * has to do with those. */
static struct sql_constraint read_constraint(struct lint_facts *f,
                                             const struct catalog_object *object,
                                             enum sql_constraint_kind kind)
{
  const char *definition = catalog_get(object, "definition");
  struct sql_constraint constraint = {.kind = kind, .columns = list(f, object, "columns")};
  bool plain = (kind == SQL_PRIMARY_KEY || kind == SQL_UNIQUE) && constraint.columns.len > 0 &&
               !(definition && (strstr(definition, " INCLUDE ") || strstr(definition, "DEFERR")));
  const struct sql_constraint *parsed =
      plain || !definition ? NULL : parse_constraint(f, definition);
  if (parsed)
    constraint = *parsed;
  constraint.name = object->name;
  constraint.not_valid = constraint.not_valid || catalog_is(object, "validated", "f");
  constraint.not_enforced = definition && strstr(definition, "NOT ENFORCED");
  if (kind == SQL_CHECK)
    constraint.text = definition;
  return constraint;
}

static void add_constraint(struct lint_facts *f, const struct catalog_object *object)
{
  enum sql_constraint_kind kind = SQL_CHECK;
  if (!constraint_kind(catalog_get(object, "type"), &kind) && catalog_get(object, "type"))
    return;
  struct sql_constraint from = read_constraint(f, object, kind);
  if (object->parent && object->parent->kind == CATALOG_DOMAIN) {
    const struct sql_name at = {.schema = object->parent->schema, .name = object->parent->name};
    struct facts_type *type = facts_type_at(f, at);
    if (type->domain)
      facts_add_domain_constraint(f, type, &from);
    return;
  }
  struct lint_relation *table = relation_of(f, object->parent);
  if (!table)
    return;
  struct lint_relation *referenced = relation_named(f, catalog_get(object, "referenced"));
  if (referenced)
    from.referenced = referenced->at;
  if (kind == SQL_FOREIGN_KEY && !from.referenced.name)
    return;
  struct lint_constraint *constraint = facts_add_constraint(f, table, &from, NULL, false);
  constraint->inherited = is(object, "inherited") || catalog_get(object, "partition_parent");
  if (!constraint->index)
    return;
  constraint->index->bytes = object->bytes;
  constraint->index->index_valid = !catalog_is(object, "index_valid", "f");
}

/* pg_get_indexdef writes ON ONLY for those of partitioned tables. */
static void add_index(struct lint_facts *f, const struct catalog_object *object)
{
  struct lint_relation *table = relation_of(f, object->parent);
  const char *definition = catalog_get(object, "definition");
  const struct sql_tree *tree = table && definition ? facts_parse(f, definition) : NULL;
  if (!table)
    return;
  struct facts_index from = {.label = "idx"};
  if (tree && tree->kind == SQL_CREATE_INDEX)
    from = facts_index_of(tree);
  from.name = object->name;
  from.unique = is(object, "unique");
  from.valid = !catalog_is(object, "valid", "f");
  struct lint_relation *index = facts_add_index(f, table, &from);
  index->index_valid = from.valid;
  index->complete = tree != NULL;
  index->object = object;
  index->table = object->parent;
  index->tablespace = catalog_get(object, "tablespace");
  index->rows = object->row_estimate;
  index->bytes = object->bytes;
}

/* ---- types and functions ---- */

static void add_type(struct lint_facts *f, const struct catalog_object *object)
{
  const struct sql_name at = {.schema = object->schema, .name = object->name};
  struct facts_type *type = facts_type_at(f, at);
  if (object->kind == CATALOG_ENUM) {
    type->labels = ARENA_NEW(f->arena, struct lint_enum);
    type->labels->known = true;
    type->labels->values = list(f, object, "labels");
    vec_push(f->arena, &f->enums, type->labels);
  }
  const struct sql_type *base =
      object->kind == CATALOG_DOMAIN ? facts_type_read(f, catalog_get(object, "type")) : NULL;
  if (!base)
    return;
  const struct sql_domain domain = {.type = *base, .not_null = is(object, "not_null")};
  facts_make_domain(f, at, &domain);
  type = facts_type_at(f, at);
  const char *value = catalog_get(object, "default");
  type->domain->has_default = value;
  type->domain->default_value = value ? parse_expression(f, value) : NULL;
}

static void add_function(struct lint_facts *f, const struct catalog_object *object)
{
  const struct sql_name at = {.schema = object->schema, .name = object->name};
  facts_add_function(f, at, (struct facts_function){.object = object}, false);
}

/* ---- what hangs on them ---- */

static void add_child(struct lint_facts *f, const struct catalog_object *object)
{
  struct lint_relation *table = relation_of(f, object->parent);
  const char *definition = catalog_get(object, "definition");
  if (!table)
    return;
  if (object->kind == CATALOG_POLICY) {
    const struct sql_tree *tree = definition ? facts_parse(f, definition) : NULL;
    facts_add_policy(f, table, object->name, tree ? tree->policy : NULL);
  } else if (object->kind == CATALOG_RULE) {
    facts_add_rule(f, table, object->name, definition ? facts_parse(f, definition) : NULL);
  } else {
    const struct sql_tree *tree = definition ? facts_parse(f, definition) : NULL;
    facts_trigger_new(f, table, object->name, tree ? tree->trigger : NULL);
  }
}

static void read_query(struct lint_facts *f, const struct catalog_object *object)
{
  struct lint_relation *view = relation_of(f, object);
  const char *definition = catalog_get(object, "definition");
  const struct sql_tree *tree =
      definition ? facts_parse(f, arena_printf(f->arena, "CREATE VIEW x AS %s", definition)) : NULL;
  if (tree)
    facts_read_view(f, view, tree);
  view->complete = tree != NULL;
}

static void own_sequence(struct lint_facts *f, const struct catalog_object *object)
{
  const char *owner = catalog_get(object, "owned_by");
  const struct catalog_object *column =
      owner ? catalog_find_name(f->catalog, CATALOG_COLUMN, owner) : NULL;
  struct lint_relation *table = column ? relation_of(f, column->parent) : NULL;
  if (table)
    facts_own_sequence(f, relation_of(f, object), table, column->name);
  if (table && is(object, "identity"))
    lint_facts_column(f, table, column->name)->sequence = relation_of(f, object);
}

static void link_table(struct lint_facts *f, const struct catalog_object *object)
{
  struct lint_relation *table = relation_of(f, object);
  struct lint_relation *parent = relation_named(f, catalog_get(object, "partition_of"));
  const char *text = catalog_get(object, "partition_bound");
  const struct sql_tree *tree =
      parent && text
          ? facts_parse(f, arena_printf(f->arena, "CREATE TABLE x PARTITION OF y %s", text))
          : NULL;
  struct sql_bound bound = {.is_default = text && strcmp(text, "DEFAULT") == 0};
  if (tree && tree->bound)
    bound = *tree->bound;
  bound.text = text;
  if (parent)
    facts_become_partition(f, table, parent, &bound);
  table->bounds = tree ? tree->bound : NULL;
  const char *type = catalog_get(object, "of_type");
  const struct catalog_object *composite =
      type ? catalog_find_name(f->catalog, CATALOG_COMPOSITE, type) : NULL;
  table->of_type = composite ? relation_of(f, composite) : NULL;
  facts_cluster_on(table, catalog_get(object, "cluster_on"));
  struct strings parents = list(f, object, "inherits");
  for (size_t i = 0; i < parents.len; i++) {
    parent = relation_named(f, parents.at[i]);
    if (parent)
      facts_inherit(f, table, parent);
  }
}

/* The identity of an index's parent is that of a constraint or an index. */
static void link_index(struct lint_facts *f, const struct catalog_object *object)
{
  const char *identity = catalog_get(object, "partition_parent");
  const struct catalog_object *parent =
      identity ? catalog_find_name(f->catalog, CATALOG_CONSTRAINT, identity) : NULL;
  if (identity && !parent)
    parent = catalog_find_name(f->catalog, CATALOG_INDEX, identity);
  struct lint_relation *index = parent ? relation_of(f, object) : NULL;
  struct lint_relation *whole = parent ? relation_of(f, parent) : NULL;
  if (!index || !whole)
    return;
  index->parent = whole;
  vec_push(f->arena, &whole->children, index);
}

/* Those of partitions that come from the partitioned table are not objects of the catalog. */
static void pass_on_foreign_keys(struct lint_facts *f)
{
  for (size_t i = 0; i < f->all.len; i++) {
    struct lint_relation *table = f->all.at[i];
    size_t count = table->parent ? 0 : table->constraints.len;
    for (size_t j = 0; j < count; j++)
      for (size_t k = 0; k < table->children.len; k++)
        facts_pass_on_constraint(f, table->children.at[k], table->constraints.at[j]);
  }
}

/* ---- the whole ---- */

static void add_object(struct lint_facts *f, const struct catalog_object *object)
{
  switch (object->kind) {
  case CATALOG_SCHEMA:
    map_put(f->schemas, object->name, ARENA_NEW(f->arena, struct facts_schema));
    break;
  case CATALOG_ENUM:
  case CATALOG_DOMAIN:
  case CATALOG_RANGE:
  case CATALOG_BASE_TYPE:
    add_type(f, object);
    break;
  case CATALOG_COMPOSITE:
    add_composite(f, object);
    break;
  case CATALOG_SEQUENCE:
    add_sequence(f, object);
    break;
  case CATALOG_FUNCTION:
    add_function(f, object);
    break;
  case CATALOG_FOREIGN_SERVER:
    map_put(f->servers, object->name, (void *)(uintptr_t)catalog_get(object, "wrapper"));
    break;
  case CATALOG_TABLE:
    add_table(f, object);
    break;
  case CATALOG_VIEW:
    add_relation(f, object, LINT_VIEW);
    break;
  case CATALOG_MATVIEW:
    add_relation(f, object, LINT_MATVIEW);
    break;
  default:
    break;
  }
}

/* In their order, which is not that of the catalog's objects. */
static void add_columns(struct lint_facts *f, const struct catalog_object *relation)
{
  struct catalog_objects columns = catalog_children(f->arena, f->catalog, relation, CATALOG_COLUMN);
  for (size_t i = 0; i < columns.len; i++)
    add_column(f, columns.at[i]);
}

static void add_part(struct lint_facts *f, const struct catalog_object *object)
{
  switch (object->kind) {
  case CATALOG_TABLE:
  case CATALOG_VIEW:
  case CATALOG_MATVIEW:
    add_columns(f, object);
    break;
  case CATALOG_CONSTRAINT:
    add_constraint(f, object);
    break;
  case CATALOG_INDEX:
    add_index(f, object);
    break;
  case CATALOG_TRIGGER:
  case CATALOG_POLICY:
  case CATALOG_RULE:
    add_child(f, object);
    break;
  default:
    break;
  }
}

static void link_object(struct lint_facts *f, const struct catalog_object *object)
{
  switch (object->kind) {
  case CATALOG_SEQUENCE:
    own_sequence(f, object);
    break;
  case CATALOG_TABLE:
    link_table(f, object);
    break;
  case CATALOG_VIEW:
  case CATALOG_MATVIEW:
    read_query(f, object);
    break;
  case CATALOG_CONSTRAINT:
  case CATALOG_INDEX:
    link_index(f, object);
    break;
  default:
    break;
  }
}

void facts_read_catalog(struct lint_facts *f)
{
  static void (*const passes[])(struct lint_facts *, const struct catalog_object *) = {
      add_object, add_part, link_object};
  f->reading = true;
  for (size_t pass = 0; pass < COUNT_OF(passes); pass++)
    for (size_t i = 0; i < f->catalog->object_count; i++)
      passes[pass](f, f->catalog->objects[i]);
  pass_on_foreign_keys(f);
  f->reading = false;
}
