#include "lint/effects_private.h"

/* DROP of anything. */

static const char *object_word(enum sql_object object)
{
  switch (object) {
  case SQL_OBJECT_TABLE:
    return "table";
  case SQL_OBJECT_VIEW:
    return "view";
  case SQL_OBJECT_MATVIEW:
    return "materialized view";
  case SQL_OBJECT_SEQUENCE:
    return "sequence";
  case SQL_OBJECT_INDEX:
    return "index";
  case SQL_OBJECT_FOREIGN_TABLE:
    return "foreign table";
  case SQL_OBJECT_TYPE:
  case SQL_OBJECT_DOMAIN:
    return "type";
  case SQL_OBJECT_FUNCTION:
    return "function";
  case SQL_OBJECT_SCHEMA:
    return "schema";
  case SQL_OBJECT_EXTENSION:
    return "extension";
  case SQL_OBJECT_PUBLICATION:
    return "publication";
  case SQL_OBJECT_STATISTICS:
    return "statistics";
  case SQL_OBJECT_SERVER:
    return "server";
  case SQL_OBJECT_WRAPPER:
    return "foreign-data wrapper";
  default:
    return "object";
  }
}

/* ---- relations ---- */

static bool fits(enum sql_object object, enum lint_relation_kind kind)
{
  switch (kind) {
  case LINT_TABLE:
  case LINT_PARTITIONED_TABLE:
    return object == SQL_OBJECT_TABLE;
  case LINT_FOREIGN_TABLE:
    return object == SQL_OBJECT_FOREIGN_TABLE;
  case LINT_VIEW:
    return object == SQL_OBJECT_VIEW;
  case LINT_MATVIEW:
    return object == SQL_OBJECT_MATVIEW;
  case LINT_INDEX:
    return object == SQL_OBJECT_INDEX;
  case LINT_SEQUENCE:
    return object == SQL_OBJECT_SEQUENCE;
  default:
    return true;
  }
}

static const char *article(enum sql_object object)
{
  return object == SQL_OBJECT_INDEX ? "an" : "a";
}

static struct lint_relation *find_doomed(struct effecting *e, struct sql_name name)
{
  enum sql_object object = e->tree->object;
  if (effect_is_absent(e, name)) {
    if (!e->tree->if_exists && lint_facts_lacks_schema(e->facts, name.schema))
      effect_fail_name(e, "schema \"%s\" does not exist", name.schema);
    if (!e->tree->if_exists)
      effect_fail_name(e, "%s \"%s\" does not exist", object_word(object), name.name);
    return NULL;
  }
  struct lint_relation *relation = lint_facts_relation(e->facts, name);
  if (!fits(object, relation->kind))
    effect_fail(e, "\"%s\" is not %s %s", relation->at.name, article(object), object_word(object));
  return relation;
}

static void check_index(struct effecting *e, const struct lint_relation *index)
{
  if (index->constraint && !index->constraint->dropped)
    effect_fail(e, "cannot drop index %s because constraint %s on table %s requires it",
                index->at.name, index->constraint->name, index->indexed->at.name);
  if (index->parent && !index->parent->dropped)
    effect_fail(e, "cannot drop index %s because index %s requires it", index->at.name,
                index->parent->at.name);
}

static void drop_concurrently(struct effecting *e, struct lint_relation *index)
{
  if (index->indexed && lint_is_partitioned(index->indexed))
    effect_fail(e, "cannot drop partitioned index \"%s\" concurrently", index->at.name);
  effect_lock(e, index->indexed, LINT_SHARE_UPDATE_EXCLUSIVE);
  effect_lock(e, index, LINT_SHARE_UPDATE_EXCLUSIVE);
  effect_drop(e, index);
  if (!index->indexed)
    effect_unknown(e, "the table of %s is not known", index->name);
}

static void drop_relations(struct effecting *e)
{
  const struct sql_tree *tree = e->tree;
  for (size_t i = 0; i < tree->names.len; i++) {
    struct lint_relation *relation = find_doomed(e, tree->names.at[i]);
    if (relation)
      vec_push(e->arena, &e->doomed, relation);
  }
  for (size_t i = 0; i < e->doomed.len; i++) {
    struct lint_relation *relation = e->doomed.at[i];
    bool index = tree->object == SQL_OBJECT_INDEX;
    if (index)
      check_index(e, relation);
    if (tree->concurrently) {
      drop_concurrently(e, relation);
    } else if (index) {
      effect_lock(e, relation, LINT_ACCESS_EXCLUSIVE);
      effect_drop_index(e, relation);
    } else {
      effect_drop_relation(e, relation, tree->cascade);
    }
    if (relation->kind == LINT_UNKNOWN_RELATION)
      effect_unknown(e, "what goes with %s is not known", relation->name);
  }
}

/* ---- triggers, rules, policies: NAME ON table ---- */

static void drop_of_table(struct effecting *e)
{
  const struct sql_tree *tree = e->tree;
  struct lint_relation *table = effect_find(e, tree->name, tree->if_exists);
  if (!table)
    return;
  if (effect_lacks_part(e, table, tree->object, tree->member)) {
    if (!tree->if_exists)
      effect_need_part(e, table, tree->object, tree->member);
    return;
  }
  const struct lint_trigger *trigger = NULL;
  bool is_trigger = tree->object == SQL_OBJECT_TRIGGER;
  for (size_t i = 0; is_trigger && tree->member && i < table->triggers.len; i++)
    if (!table->triggers.at[i]->dropped && strcmp(table->triggers.at[i]->name, tree->member) == 0)
      trigger = table->triggers.at[i];
  for (const struct lint_relation *at = table->parent;
       at && is_trigger && !trigger && table->complete; at = at->parent)
    if (at->complete && !effect_lacks_part(e, at, tree->object, tree->member))
      effect_fail(e,
                  "cannot drop trigger %s on table %s because trigger %s on table %s requires it",
                  tree->member, table->at.name, tree->member, at->at.name);
  effect_lock(e, table, LINT_ACCESS_EXCLUSIVE);
  struct lint_relations family = {0};
  if (trigger && lint_is_partitioned(table))
    family = effect_family(e, table);
  for (size_t i = 0; i < family.len; i++)
    effect_lock(e, family.at[i], LINT_ACCESS_EXCLUSIVE);
}

/* ---- types, domains, functions ---- */

static bool same_name(struct sql_name type, struct sql_name name)
{
  return strcmp(type.name, name.name) == 0 &&
         (!type.schema || !name.schema || strcmp(type.schema, name.schema) == 0);
}

/* Columns of a dropped type go with it. */
static void drop_type(struct effecting *e, struct sql_name name)
{
  struct lint_relations all = lint_facts_relations(e->facts);
  struct lint_relation *composite = lint_facts_relation(e->facts, name);
  if (composite->kind == LINT_COMPOSITE)
    effect_lock(e, composite, LINT_ACCESS_EXCLUSIVE);
  for (size_t i = 0; i < all.len; i++) {
    struct lint_relation *table = all.at[i];
    if (!table->dropped && table->of_type == composite) {
      if (!e->tree->cascade)
        effect_fail(e, "cannot drop type %s because other objects depend on it", name.name);
      effect_drop_relation(e, table, true);
      continue;
    }
    for (size_t k = 0; k < table->columns.len && !table->dropped; k++) {
      const struct lint_column *column = table->columns.at[k];
      if (column->dropped || !column->type || !same_name(column->type->name, name))
        continue;
      if (!e->tree->cascade)
        effect_fail(e, "cannot drop type %s because other objects depend on it", name.name);
      effect_lock(e, table, LINT_ACCESS_EXCLUSIVE);
      effect_drop_object(e, "column", arena_printf(e->arena, "%s.%s", table->name, column->name));
      effect_drop_column(e, table, column->name, true);
    }
  }
  if (!e->input->catalog)
    effect_unknown(e, "what uses type %s may be more than is known", name.name);
}

static void drop_function(struct effecting *e, struct sql_name name)
{
  struct lint_relations all = lint_facts_relations(e->facts);
  for (size_t i = 0; i < all.len; i++) {
    for (size_t k = 0; k < all.at[i]->triggers.len; k++) {
      const struct lint_trigger *trigger = all.at[i]->triggers.at[k];
      if (trigger->dropped || !trigger->function || strcmp(trigger->function, name.name) != 0)
        continue;
      if (!e->tree->cascade)
        effect_fail(e, "cannot drop function %s() because other objects depend on it", name.name);
      struct lint_relations family = {0};
      vec_push(e->arena, &family, all.at[i]);
      if (lint_is_partitioned(all.at[i]))
        family = effect_family(e, all.at[i]);
      for (size_t j = 0; j < family.len; j++)
        effect_lock(e, family.at[j], LINT_ACCESS_EXCLUSIVE);
    }
  }
  if (e->tree->cascade)
    effect_unknown(e, "defaults, indexes and views that call %s() may go too", name.name);
}

/* ---- schemas ---- */

static void drop_schema(struct effecting *e, const char *schema)
{
  struct lint_relations all = lint_facts_relations(e->facts);
  for (size_t i = 0; i < all.len; i++) {
    struct lint_relation *relation = all.at[i];
    const char *in = relation->at.schema ? relation->at.schema : "public";
    if (relation->dropped || relation->kind == LINT_UNKNOWN_RELATION || strcmp(in, schema) != 0)
      continue;
    if (!e->tree->cascade)
      effect_fail(e, "cannot drop schema %s because other objects depend on it", schema);
    vec_push(e->arena, &e->doomed, relation);
  }
  for (size_t i = 0; i < e->doomed.len; i++)
    effect_drop_relation(e, e->doomed.at[i], true);
  if (!e->input->catalog)
    effect_unknown(e, "what schema %s holds may be more than is known", schema);
}

/* ---- statistics ---- */

static void drop_statistics(struct effecting *e, struct sql_name name)
{
  const struct catalog *catalog = e->input->catalog;
  for (size_t i = 0; catalog && i < catalog->object_count; i++) {
    const struct catalog_object *object = catalog->objects[i];
    if (object->kind != CATALOG_STATISTICS || !object->parent ||
        strcmp(object->name, name.name) != 0 ||
        (name.schema && strcmp(object->schema, name.schema) != 0))
      continue;
    const struct sql_name table = {.schema = object->parent->schema, .name = object->parent->name};
    effect_lock(e, lint_facts_relation(e->facts, table), LINT_SHARE_UPDATE_EXCLUSIVE);
    return;
  }
  effect_unknown(e, "the table of statistics %s is not known", name.name);
}

/* ---- servers and foreign data wrappers ---- */

static void drop_foreign(struct effecting *e, const char *name)
{
  struct lint_relations all = lint_facts_relations(e->facts);
  bool server = e->tree->object == SQL_OBJECT_SERVER;
  for (size_t i = 0; i < all.len; i++) {
    const char *of = server ? all.at[i]->server : lint_facts_wrapper(e->facts, all.at[i]->server);
    if (all.at[i]->dropped || !of || strcmp(of, name) != 0)
      continue;
    if (!e->tree->cascade)
      effect_fail(e, "cannot drop %s %s because other objects depend on it",
                  object_word(e->tree->object), name);
    vec_push(e->arena, &e->doomed, all.at[i]);
  }
  for (size_t i = 0; i < e->doomed.len; i++)
    effect_drop_relation(e, e->doomed.at[i], true);
  if (!e->input->catalog)
    effect_unknown(e, "what uses %s may be more than is known", name);
}

/* ---- all ---- */

static void drop_named(struct effecting *e, struct sql_name name)
{
  switch (e->tree->object) {
  case SQL_OBJECT_TYPE:
  case SQL_OBJECT_DOMAIN:
    drop_type(e, name);
    break;
  case SQL_OBJECT_FUNCTION:
    drop_function(e, name);
    break;
  case SQL_OBJECT_SCHEMA:
    drop_schema(e, name.name);
    break;
  case SQL_OBJECT_SERVER:
  case SQL_OBJECT_WRAPPER:
    drop_foreign(e, name.name);
    break;
  case SQL_OBJECT_PUBLICATION:
    break;
  case SQL_OBJECT_STATISTICS:
    drop_statistics(e, name);
    break;
  default:
    effect_unknown(e, "what depends on it is not known");
  }
  effect_drop_object(e, object_word(e->tree->object), name.name);
}

void effects_drop(struct effecting *e)
{
  switch (e->tree->object) {
  case SQL_OBJECT_TABLE:
  case SQL_OBJECT_FOREIGN_TABLE:
  case SQL_OBJECT_VIEW:
  case SQL_OBJECT_MATVIEW:
  case SQL_OBJECT_SEQUENCE:
  case SQL_OBJECT_INDEX:
    drop_relations(e);
    return;
  case SQL_OBJECT_TRIGGER:
  case SQL_OBJECT_RULE:
  case SQL_OBJECT_POLICY:
    drop_of_table(e);
    return;
  default:
    break;
  }
  if (e->tree->kind == SQL_DROP_OWNED)
    effect_unknown(e, "what the role owns is not known");
  for (size_t i = 0; i < e->tree->names.len && e->tree->kind == SQL_DROP; i++)
    drop_named(e, e->tree->names.at[i]);
}
