#include "lint/effects_private.h"

/* CREATE of anything but an index: what the new object makes the server lock of the old ones. */

/* ---- tables ---- */

/* What the statement makes comes before what the search path leads to. */
static bool is_element(const struct sql_trees *elements, struct sql_name name)
{
  for (size_t i = 0; i < elements->len; i++)
    if (!name.schema && elements->at[i]->name.name && name.name &&
        strcmp(elements->at[i]->name.name, name.name) == 0)
      return true;
  return false;
}

/* made: what the statement itself makes, and a key may refer to. column: whose constraints they
 * are; NULL: the table's. */
static void refer(struct effecting *e, const struct sql_trees *made,
                  const struct sql_constraints *constraints, const char *column)
{
  const struct strings own = {.at = &column, .len = column ? 1 : 0};
  for (size_t i = 0; i < constraints->len; i++) {
    const struct sql_constraint *c = &constraints->at[i];
    if (c->kind != SQL_FOREIGN_KEY || is_element(made, c->referenced))
      continue;
    struct lint_relation *referenced = effect_find(e, c->referenced, false);
    effect_reference(e, referenced, &c->referenced_columns);
    if (referenced && e->tree->kind == SQL_CREATE_TABLE)
      effect_compare_persistence(e,
                                 e->tree->temporary  ? 't'
                                 : e->tree->unlogged ? 'u'
                                                     : 'p',
                                 referenced);
    effect_compare_key(e, NULL, column ? &own : &c->columns, referenced, &c->referenced_columns);
  }
}

/* True if it is there: IF NOT EXISTS then does nothing. */
static bool exists(struct effecting *e, bool may)
{
  if (!lint_facts_in_place(e->facts, e->tree))
    return false;
  if (!may)
    effect_fail_name(e, "relation \"%s\" already exists", e->tree->name.name);
  return true;
}

/* Columns that the new table and its parent both have. */
static void check_merged(struct effecting *e, const struct lint_relation *parent)
{
  for (size_t i = 0; i < e->tree->columns.len; i++) {
    const struct sql_column *own = &e->tree->columns.at[i];
    for (size_t k = 0; k < parent->columns.len; k++) {
      const struct lint_column *other = parent->columns.at[k];
      if (!other->dropped && other->type && strcmp(other->name, own->name) == 0 &&
          !other->type->name.schema && !own->type.name.schema && !own->serial &&
          strcmp(other->type->name.name, own->type.name.name) != 0)
        effect_fail(e, "column \"%s\" has a type conflict", own->name);
    }
  }
}

static void create_table(struct effecting *e)
{
  const struct sql_tree *tree = e->tree;
  if (exists(e, tree->if_not_exists))
    return;
  const struct sql_trees itself = {.at = (const struct sql_tree *[]){tree}, .len = 1};
  for (size_t i = 0; i < tree->columns.len; i++)
    refer(e, &itself, &tree->columns.at[i].constraints, tree->columns.at[i].name);
  refer(e, &itself, &tree->constraints, NULL);
  for (size_t i = 0; i < tree->likes.len; i++)
    effect_lock(e, effect_find(e, tree->likes.at[i].table, false), LINT_ACCESS_SHARE);
  for (size_t i = 0; i < tree->inherits.len; i++) {
    struct lint_relation *parent = effect_find(e, tree->inherits.at[i], false);
    if (parent && lint_is_partitioned(parent))
      effect_fail(e, "cannot inherit from partitioned table \"%s\"", parent->at.name);
    if (parent && (parent->kind == LINT_VIEW || parent->kind == LINT_MATVIEW))
      effect_fail(e, "inherited relation \"%s\" is not a table or foreign table", parent->at.name);
    effect_lock(e, parent, LINT_SHARE_UPDATE_EXCLUSIVE);
    if (parent && parent->complete)
      check_merged(e, parent);
  }
  if (tree->of_type)
    effect_lock(e, effect_find(e, *tree->of_type, false), LINT_ACCESS_SHARE);
  if (!tree->partition_of.name)
    return;
  struct lint_relation *parent = effect_find(e, tree->partition_of, false);
  effect_lock(e, parent, LINT_ACCESS_EXCLUSIVE);
  if (parent)
    effects_new_partition(e, parent, tree->bound);
}

/* ---- queries that are kept or run ---- */

static void create_as(struct effecting *e)
{
  const struct sql_tree *prepared = lint_facts_prepared(e->facts, e->tree->member);
  bool runs = e->tree->with_data && !exists(e, e->tree->if_not_exists);
  if (e->tree->member && !prepared)
    effect_unknown(e, "what %s does", e->tree->member);
  if (runs && prepared) {
    effect_inside(e, prepared);
  } else if (runs) {
    effects_data(e);
    return;
  }
  for (size_t i = 0; i < e->tree->reads.len; i++)
    effect_lock(e, effect_find(e, e->tree->reads.at[i], false), LINT_ACCESS_SHARE);
}

static void create_view(struct effecting *e)
{
  const struct sql_tree *tree = e->tree;
  if (exists(e, tree->replace))
    effect_lock(e, lint_facts_relation(e->facts, tree->name), LINT_ACCESS_EXCLUSIVE);
  for (size_t i = 0; i < tree->reads.len; i++)
    effect_lock(e, effect_find(e, tree->reads.at[i], false), LINT_ACCESS_SHARE);
}

/* ---- what stands beside a table ---- */

static void create_trigger(struct effecting *e, const struct sql_trigger *trigger)
{
  struct lint_relation *table = effect_find(e, e->tree->name, false);
  if (!table)
    return;
  effect_lock(e, table, LINT_SHARE_ROW_EXCLUSIVE);
  if (trigger->referenced.name)
    effect_lock(e, effect_find(e, trigger->referenced, false), LINT_ACCESS_SHARE);
  if (!trigger->row || !lint_is_partitioned(table))
    return;
  struct lint_relations family = effect_family(e, table);
  for (size_t i = 0; i < family.len; i++)
    effect_lock(e, family.at[i], LINT_SHARE_ROW_EXCLUSIVE);
}

static void create_rule(struct effecting *e)
{
  for (size_t i = 0; i < e->tree->reads.len; i++)
    effect_lock(e, effect_find(e, e->tree->reads.at[i], false), LINT_ACCESS_SHARE);
  for (size_t i = 0; i < e->tree->elements.len; i++) {
    const struct sql_changes *changes = &e->tree->elements.at[i]->changes;
    for (size_t k = 0; k < changes->len; k++)
      effect_lock(e, effect_find(e, changes->at[k].relation, false), LINT_ROW_EXCLUSIVE);
  }
  effect_lock(e, effect_find(e, e->tree->name, false), LINT_ACCESS_EXCLUSIVE);
}

static void lock_named(struct effecting *e, enum lint_lock_mode mode)
{
  for (size_t i = 0; i < e->tree->names.len; i++)
    effect_lock(e, effect_find(e, e->tree->names.at[i], false), mode);
}

static void check_statistics(struct effecting *e)
{
  const struct lint_relation *table =
      e->tree->names.len == 1 ? lint_facts_relation(e->facts, e->tree->names.at[0]) : NULL;
  for (size_t i = 0; i < e->tree->read_columns.len; i++)
    if (effect_lacks_part(e, table, SQL_OBJECT_COLUMN, e->tree->read_columns.at[i]))
      effect_fail_name(e, "column \"%s\" does not exist", e->tree->read_columns.at[i]);
}

static void create_sequence(struct effecting *e)
{
  const struct sql_sequence *sequence = e->tree->sequence;
  if (exists(e, e->tree->if_not_exists))
    return;
  if (!sequence || !sequence->owned_by.name)
    return;
  struct lint_relation *owner = effect_find(e, sequence->owned_by, false);
  effect_lock(e, owner, LINT_ACCESS_SHARE);
  effect_need_part(e, owner, SQL_OBJECT_COLUMN, sequence->owned_by_column);
}

static void create_routine(struct effecting *e)
{
  const struct sql_routine *routine = e->tree->routine;
  if (routine && routine->language && strcmp(routine->language, "sql") == 0)
    effect_unknown(e, "the tables that its body names are locked in ACCESS SHARE");
}

static void create_other(struct effecting *e)
{
  switch (e->tree->object) {
  case SQL_OBJECT_TRIGGER:
    if (e->tree->trigger)
      create_trigger(e, e->tree->trigger);
    break;
  case SQL_OBJECT_POLICY:
    effect_lock(e, effect_find(e, e->tree->name, false), LINT_ACCESS_EXCLUSIVE);
    for (size_t i = 0; i < e->tree->reads.len; i++)
      effect_lock(e, effect_find(e, e->tree->reads.at[i], false), LINT_ACCESS_SHARE);
    break;
  case SQL_OBJECT_RULE:
    create_rule(e);
    break;
  case SQL_OBJECT_STATISTICS:
    lock_named(e, LINT_SHARE_UPDATE_EXCLUSIVE);
    check_statistics(e);
    break;
  case SQL_OBJECT_PUBLICATION:
    lock_named(e, LINT_SHARE_UPDATE_EXCLUSIVE);
    break;
  case SQL_OBJECT_SEQUENCE:
    create_sequence(e);
    break;
  case SQL_OBJECT_FUNCTION:
    create_routine(e);
    break;
  case SQL_OBJECT_EXTENSION:
    effect_unknown(e, "what the extension's script does is not known");
    break;
  case SQL_OBJECT_TYPE:
  case SQL_OBJECT_DOMAIN:
    break;
  default:
    if (strcmp(e->tree->node, "CreateEventTrigStmt") == 0)
      effect_unknown(e, "its function runs at every later statement");
  }
}

/* ---- schemas ---- */

static void create_schema(struct effecting *e)
{
  const struct sql_trees *elements = &e->tree->elements;
  for (size_t i = 0; i < elements->len; i++) {
    const struct sql_tree *element = elements->at[i];
    for (size_t k = 0; k < element->reads.len; k++)
      if (!is_element(elements, element->reads.at[k]))
        effect_lock(e, effect_find(e, element->reads.at[k], false), LINT_ACCESS_SHARE);
    for (size_t k = 0; k < element->columns.len; k++)
      refer(e, elements, &element->columns.at[k].constraints, NULL);
    refer(e, elements, &element->constraints, NULL);
  }
}

void effects_create(struct effecting *e)
{
  switch (e->tree->kind) {
  case SQL_CREATE_TABLE:
    create_table(e);
    break;
  case SQL_CREATE_TABLE_AS:
  case SQL_CREATE_MATVIEW:
    create_as(e);
    break;
  case SQL_CREATE_VIEW:
    create_view(e);
    break;
  case SQL_CREATE_SCHEMA:
    create_schema(e);
    break;
  default:
    create_other(e);
  }
}
