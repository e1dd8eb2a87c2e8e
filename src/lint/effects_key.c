#include "lint/effects_private.h"

/* Foreign keys: what they lock on the other side. */

enum { DEPENDENCY_LOCKS_MAJOR = 15, DEPENDENCY_LOCKS_SINCE = 150019 };

/* Since 15.19 whoever records that an object depends on another locks that. */
static bool locks_dependencies(const struct effecting *e)
{
  const struct catalog *catalog = e->input->catalog;
  return e->major == DEPENDENCY_LOCKS_MAJOR &&
         (!catalog || catalog->server_version >= DEPENDENCY_LOCKS_SINCE);
}

void effect_depend(struct effecting *e, struct lint_relation *relation)
{
  if (locks_dependencies(e))
    effect_lock(e, relation, LINT_ACCESS_SHARE);
}

static bool same_names(const struct strings *a, const struct strings *b)
{
  if (a->len != b->len)
    return false;
  for (size_t i = 0; i < a->len; i++)
    if (!effect_names(b, a->at[i]))
      return false;
  return true;
}

/* The index that the key stands on. */
static struct lint_relation *unique_index(const struct lint_relation *table,
                                          const struct strings *columns)
{
  for (size_t i = 0; i < table->indexes.len; i++) {
    struct lint_relation *index = table->indexes.at[i];
    if (index->dropped || (columns->len == 0 ? !index->primary : !index->unique))
      continue;
    if (columns->len == 0 || same_names(&index->index_columns, columns))
      return index;
  }
  return NULL;
}

void effect_reference(struct effecting *e, struct lint_relation *referenced,
                      const struct strings *columns)
{
  struct lint_relations family = effect_family(e, referenced);
  for (size_t i = 0; i < family.len; i++)
    effect_lock(e, family.at[i], LINT_SHARE_ROW_EXCLUSIVE);
  if (!referenced)
    return;
  struct lint_relation *index = unique_index(referenced, columns);
  effect_depend(e, index);
  if (index || !referenced->complete)
    return;
  if (columns->len == 0)
    effect_fail(e, "there is no primary key for referenced table \"%s\"", referenced->at.name);
  else
    effect_fail(e, "there is no unique constraint matching given keys for referenced table \"%s\"",
                referenced->at.name);
}

/* ---- types of both sides ---- */

/* Types of one letter can be compared where the key's is no wider than the other; 0: not known. */
struct comparable {
  const char *name;
  char letter;
  int width;
};

static struct comparable comparable(const struct sql_type *type)
{
  static const struct comparable types[] = {
      {"int2", 'n', 0},      {"int4", 'n', 0},        {"int8", 'n', 0},    {"serial", 'n', 0},
      {"bigserial", 'n', 0}, {"smallserial", 'n', 0}, {"numeric", 'n', 1}, {"float4", 'n', 2},
      {"float8", 'n', 2},    {"text", 't', 0},        {"varchar", 't', 0}, {"bpchar", 't', 0},
      {"uuid", 'u', 0},      {"bool", 'b', 0},        {"bytea", 'y', 0},   {"date", 'd', 0},
      {"timestamp", 'd', 0}, {"timestamptz", 'd', 0}};
  for (size_t i = 0; type && type->array_dimensions == 0 && i < COUNT_OF(types); i++)
    if (!type->name.schema && strcmp(types[i].name, type->name.name) == 0)
      return types[i];
  return (struct comparable){0};
}

static bool can_be_compared(const struct sql_type *key, const struct sql_type *other)
{
  struct comparable a = comparable(key), b = comparable(other);
  return !a.letter || !b.letter || (a.letter == b.letter && a.width <= b.width);
}

/* As the statement makes it, or as it is. NULL: not known. */
static const struct sql_type *type_of(struct effecting *e, const struct lint_relation *table,
                                      const char *column)
{
  for (size_t i = 0; i < e->tree->columns.len; i++)
    if (strcmp(e->tree->columns.at[i].name, column) == 0)
      return &e->tree->columns.at[i].type;
  for (size_t i = 0; i < e->tree->actions.len; i++)
    if (e->tree->actions.at[i].column && strcmp(e->tree->actions.at[i].name, column) == 0)
      return &e->tree->actions.at[i].column->type;
  for (size_t i = 0; i < e->tree->actions.len && e->tree->kind == SQL_ALTER_TABLE; i++)
    if (e->tree->actions.at[i].kind == SQL_ALTER_TYPE &&
        strcmp(e->tree->actions.at[i].name, column) == 0)
      return e->tree->actions.at[i].type;
  for (size_t i = 0; table && i < table->columns.len; i++)
    if (!table->columns.at[i]->dropped && strcmp(table->columns.at[i]->name, column) == 0)
      return table->columns.at[i]->type;
  return NULL;
}

/* Casts of the database's own may make any two types comparable. */
static bool has_casts(const struct catalog *catalog)
{
  for (size_t i = 0; catalog && i < catalog->object_count; i++)
    if (catalog->objects[i]->kind == CATALOG_CAST)
      return true;
  return false;
}

void effect_compare_key(struct effecting *e, const struct lint_relation *table,
                        const struct strings *columns, const struct lint_relation *referenced,
                        const struct strings *others)
{
  const struct lint_relation *index = referenced ? unique_index(referenced, others) : NULL;
  others = others->len > 0 || !index ? others : &index->index_columns;
  if (columns->len > 0 && others->len > 0 && columns->len != others->len)
    effect_fail(e, "number of referencing and referenced columns for foreign key disagree");
  for (size_t i = 0; referenced && i < columns->len && i < others->len; i++) {
    const struct sql_type *other = NULL;
    for (size_t k = 0; k < referenced->columns.len; k++)
      if (!referenced->columns.at[k]->dropped &&
          strcmp(referenced->columns.at[k]->name, others->at[i]) == 0)
        other = referenced->columns.at[k]->type;
    if (!can_be_compared(type_of(e, table, columns->at[i]), other) && !has_casts(e->input->catalog))
      effect_fail_name(e, "foreign key constraint \"%s_%s_fkey\" cannot be implemented",
                       e->tree->name.name, columns->at[0]);
  }
}

/* A key must not outlive what it refers to. persistence: of its table; 0: not known. */
void effect_compare_persistence(struct effecting *e, char persistence,
                                const struct lint_relation *referenced)
{
  char other = referenced ? referenced->persistence : 0;
  if (persistence == 'p' && (other == 'u' || other == 't'))
    effect_fail_name(e, "constraints on permanent tables may reference only permanent tables");
  else if (persistence == 'u' && other == 't')
    effect_fail_name(
        e, "constraints on unlogged tables may reference only permanent or unlogged tables");
  else if (persistence == 't' && (other == 'p' || other == 'u'))
    effect_fail_name(e, "constraints on temporary tables may reference only temporary tables");
}

/* ---- reading both sides ---- */

static void read_side(struct effecting *e, struct lint_relation *table)
{
  struct lint_relations family = effect_family(e, table);
  for (size_t i = 0; i < family.len; i++) {
    effect_lock(e, family.at[i], LINT_ACCESS_SHARE);
    if (!effect_has_storage(family.at[i]))
      continue;
    effect_lock_indexes(e, family.at[i], LINT_ACCESS_SHARE);
    effect_scan(e, family.at[i]);
  }
}

void effect_validate_key(struct effecting *e, struct lint_relation *table,
                         struct lint_relation *referenced)
{
  read_side(e, table);
  read_side(e, referenced);
}

void effect_drop_key(struct effecting *e, const struct lint_constraint *key)
{
  struct lint_relation *sides[] = {key->relation, key->referenced};
  for (size_t side = 0; side < COUNT_OF(sides); side++) {
    struct lint_relations family = effect_family(e, sides[side]);
    for (size_t i = 0; i < family.len; i++)
      effect_lock(e, family.at[i], LINT_ACCESS_EXCLUSIVE);
  }
}

static bool leads_to(const struct lint_constraint *key, const struct strings *columns)
{
  if (!columns || key->referenced_columns.len == 0)
    return true;
  for (size_t i = 0; i < columns->len; i++)
    if (effect_names(&key->referenced_columns, columns->at[i]))
      return true;
  return false;
}

struct lint_constraints effect_keys_to(struct effecting *e, const struct lint_relation *table,
                                       const struct strings *columns)
{
  struct lint_constraints all = lint_facts_referencing(e->facts, table), keys = {0};
  for (size_t i = 0; i < all.len; i++)
    if (!all.at[i]->dropped && all.at[i]->relation && all.at[i]->kind == SQL_FOREIGN_KEY &&
        leads_to(all.at[i], columns))
      vec_push(e->arena, &keys, all.at[i]);
  return keys;
}

void effect_depend_on_key(struct effecting *e, const struct lint_constraint *key)
{
  if (key->referenced)
    effect_depend(e, unique_index(key->referenced, &key->referenced_columns));
}
