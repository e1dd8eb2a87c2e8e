#include "lint/effects_private.h"

/* ATTACH, DETACH and CREATE TABLE ... PARTITION OF. */

/* ---- bounds of partitions ---- */

static bool is_number(const char *text, double *ret)
{
  char *end;
  *ret = strtod(text, &end);
  return end != text && *end == '\0';
}

static int gcd(int a, int b)
{
  while (b != 0) {
    int rest = a % b;
    a = b;
    b = rest;
  }
  return a;
}

/* The first lower than the second, and both known to be numbers or the ends. */
static bool is_before(const char *a, const char *b)
{
  double x, y;
  if (!a || !b || strcmp(a, "MAXVALUE") == 0 || strcmp(b, "MINVALUE") == 0)
    return false;
  if (strcmp(a, "MINVALUE") == 0 || strcmp(b, "MAXVALUE") == 0)
    return true;
  return is_number(a, &x) && is_number(b, &y) && x < y;
}

static bool overlap(const struct sql_bound *a, const struct sql_bound *b)
{
  if (a->hash && b->hash && a->modulus > 0 && b->modulus > 0)
    return (a->remainder - b->remainder) % gcd(a->modulus, b->modulus) == 0;
  for (size_t i = 0; i < a->values.len; i++)
    for (size_t k = 0; k < b->values.len; k++)
      if (a->values.at[i] && b->values.at[k] && strcmp(a->values.at[i], b->values.at[k]) == 0)
        return true;
  return a->lower.len == 1 && b->lower.len == 1 && a->upper.len == 1 && b->upper.len == 1 &&
         is_before(a->lower.at[0], b->upper.at[0]) && is_before(b->lower.at[0], a->upper.at[0]);
}

static void check_bound(struct effecting *e, const struct lint_relation *parent,
                        const struct sql_bound *bound, const char *name)
{
  const char *strategy = parent->partition_strategy;
  if (bound->is_default || !strategy)
    return;
  const char *written = bound->hash ? "hash" : bound->values.len > 0 ? "list" : "range";
  if (strcmp(strategy, written) != 0)
    effect_fail(e, "invalid bound specification for a %s partition", strategy);
  double lower, upper;
  if (bound->lower.len == 1 && bound->upper.len == 1 && bound->lower.at[0] && bound->upper.at[0] &&
      is_number(bound->lower.at[0], &lower) && is_number(bound->upper.at[0], &upper) &&
      lower >= upper)
    effect_fail(e, "empty range bound specified for partition \"%s\"", name);
  for (size_t i = 0; i < parent->children.len; i++) {
    const struct lint_relation *other = parent->children.at[i];
    if (!other->dropped && other->bounds && overlap(bound, other->bounds))
      effect_fail(e, "partition \"%s\" would overlap partition \"%s\"", name, other->at.name);
  }
}

/* ---- the parent's side ---- */

static void share_keys(struct effecting *e, struct lint_relation *parent)
{
  for (size_t i = 0; i < parent->constraints.len; i++) {
    const struct lint_constraint *key = parent->constraints.at[i];
    if (key->kind == SQL_FOREIGN_KEY && !key->dropped && key->referenced)
      effect_reference(e, key->referenced, &key->referenced_columns);
  }
  for (const struct lint_relation *at = parent; at; at = at->parent) {
    struct lint_constraints keys = effect_keys_to(e, at, NULL);
    for (size_t i = 0; i < keys.len; i++)
      effect_lock(e, keys.at[i]->relation, LINT_SHARE_ROW_EXCLUSIVE);
  }
}

void effects_new_partition(struct effecting *e, struct lint_relation *parent,
                           const struct sql_bound *bound)
{
  if (parent->complete && !lint_is_partitioned(parent))
    effect_fail(e,
                parent->kind == LINT_TABLE && e->tree->kind == SQL_ALTER_TABLE
                    ? "table \"%s\" is not partitioned"
                    : "\"%s\" is not partitioned",
                parent->at.name);
  if (bound)
    check_bound(e, parent, bound,
                e->tree->kind == SQL_ALTER_TABLE ? e->tree->actions.at[0].partition.name
                                                 : e->tree->name.name);
  bool foreign = e->tree->object == SQL_OBJECT_FOREIGN_TABLE; /* has no indexes */
  for (size_t i = 0; i < parent->indexes.len && !foreign; i++)
    effect_lock(e, parent->indexes.at[i], LINT_SHARE_UPDATE_EXCLUSIVE);
  struct lint_relation *rest = parent->default_partition;
  if (rest && !rest->dropped) {
    effect_lock(e, rest, LINT_ACCESS_EXCLUSIVE);
    if (bound && bound->is_default)
      effect_fail(e, "partition \"%s\" conflicts with existing default partition \"%s\"",
                  e->tree->kind == SQL_ALTER_TABLE ? e->tree->actions.at[0].partition.name
                                                   : e->tree->name.name,
                  rest->at.name);
    else if (!bound || !effect_keeps_out(e, parent, rest, bound))
      effect_scan(e, rest);
  }
  share_keys(e, parent);
  if (!parent->complete)
    effect_unknown(e, "indexes, keys and the default partition of %s are not known", parent->name);
}

/* ---- ATTACH ---- */

static bool same_columns(const struct strings *a, const struct strings *b)
{
  bool same = a->len == b->len;
  for (size_t i = 0; same && i < a->len; i++)
    same = strcmp(a->at[i], b->at[i]) == 0;
  return same;
}

/* Each index of the parent is matched by one of the table, or built. */
static bool builds_index(const struct lint_relation *parent, const struct lint_relation *table)
{
  for (size_t i = 0; i < parent->indexes.len; i++) {
    const struct lint_relation *wanted = parent->indexes.at[i];
    bool found = false;
    for (size_t k = 0; k < table->indexes.len && !found; k++)
      found = !table->indexes.at[k]->dropped && !table->indexes.at[k]->parent &&
              wanted->unique == table->indexes.at[k]->unique &&
              wanted->partial == table->indexes.at[k]->partial &&
              same_columns(&wanted->index_columns, &table->indexes.at[k]->index_columns);
    if (!found)
      return true;
  }
  return false;
}

static void check_attached(struct effecting *e, const struct lint_relation *parent,
                           const struct lint_relation *table)
{
  if (!parent->complete || !table->complete)
    return;
  for (size_t i = 0; i < table->columns.len; i++) {
    bool found = table->columns.at[i]->dropped;
    for (size_t k = 0; k < parent->columns.len && !found; k++)
      found = !parent->columns.at[k]->dropped &&
              strcmp(parent->columns.at[k]->name, table->columns.at[i]->name) == 0;
    if (!found)
      effect_fail(e, "table \"%s\" contains column \"%s\" not found in parent \"%s\"",
                  table->at.name, table->columns.at[i]->name, parent->at.name);
  }
  effects_check_child(e, parent, table);
}

static void attach(struct effecting *e, struct lint_relation *parent,
                   const struct sql_action *action)
{
  struct lint_relation *table = effect_find(e, action->partition, false);
  if (!table)
    return;
  effects_new_partition(e, parent, action->bound);
  check_attached(e, parent, table);
  if (table->parent && !table->parent->dropped)
    effect_fail(e, "\"%s\" is already a partition", table->at.name);
  struct lint_relations family = effect_family(e, table);
  bool implied = action->bound && effect_fits_in(e, parent, table, action->bound);
  for (size_t i = 0; i < family.len; i++) {
    effect_lock(e, family.at[i], LINT_ACCESS_EXCLUSIVE);
    if (effect_has_storage(family.at[i]) && (!implied || builds_index(parent, family.at[i])))
      effect_scan(e, family.at[i]);
  }
  for (size_t i = 0; i < parent->constraints.len; i++) {
    const struct lint_constraint *key = parent->constraints.at[i];
    if (key->kind == SQL_FOREIGN_KEY && !key->dropped && key->valid)
      effect_validate_key(e, table, key->referenced);
  }
}

/* ---- DETACH ---- */

/* No row elsewhere may refer to one of the partition. */
static void let_keys_go(struct effecting *e, struct lint_relation *parent,
                        const struct lint_relations *partition)
{
  share_keys(e, parent);
  for (struct lint_relation *at = parent; at; at = at->parent) {
    struct lint_constraints keys = effect_keys_to(e, at, NULL);
    for (size_t i = 0; i < keys.len; i++) {
      struct lint_relations family = effect_family(e, keys.at[i]->relation);
      effect_lock(e, at, LINT_ACCESS_SHARE);
      for (size_t k = 0; k < family.len; k++) {
        effect_lock(e, family.at[k], LINT_ACCESS_EXCLUSIVE);
        if (!effect_has_storage(family.at[k]))
          continue;
        effect_lock_indexes(e, family.at[k], LINT_ACCESS_SHARE);
        effect_scan(e, family.at[k]);
      }
      for (size_t k = 0; k < partition->len; k++) /* by an index or whole: the plan decides */
        if (effect_has_storage(partition->at[k]))
          effect_lock_indexes(e, partition->at[k], LINT_ACCESS_SHARE);
    }
  }
}

static void detach(struct effecting *e, struct lint_relation *parent,
                   const struct sql_action *action)
{
  struct lint_relation *table = effect_find(e, action->partition, false);
  if (!table)
    return;
  if (parent->complete && table->parent != parent)
    effect_fail(e, "relation \"%s\" is not a partition of relation \"%s\"", table->at.name,
                parent->at.name);
  if (action->concurrently && e->major == 13)
    effect_fail(e, "syntax error at or near \"CONCURRENTLY\"");
  struct lint_relation *rest = parent->default_partition;
  if (rest && !rest->dropped && action->concurrently)
    effect_fail(e, "cannot detach partitions concurrently when a default partition exists");
  effect_lock(e, table, e->major == 13 ? LINT_SHARE_UPDATE_EXCLUSIVE : LINT_ACCESS_EXCLUSIVE);
  if (rest && !rest->dropped)
    effect_lock(e, rest, LINT_ACCESS_EXCLUSIVE);
  struct lint_relations family = effect_family(e, table);
  for (size_t i = 1; i < family.len; i++)
    effect_lock(e, family.at[i], LINT_ACCESS_EXCLUSIVE);
  for (size_t i = 0; i < table->indexes.len; i++)
    if (table->indexes.at[i]->parent)
      effect_lock(e, table->indexes.at[i], LINT_ACCESS_EXCLUSIVE);
  let_keys_go(e, parent, &family);
}

void effects_alter_partition(struct effecting *e, struct lint_relation *table,
                             const struct sql_action *action)
{
  if (table->kind == LINT_INDEX) { /* ALTER INDEX ... ATTACH PARTITION */
    struct lint_relation *part = effect_find(e, action->partition, false);
    effect_lock(e, part, LINT_ACCESS_EXCLUSIVE);
    effect_lock(e, table->indexed, LINT_ACCESS_SHARE);
    if (part)
      effect_lock(e, part->indexed, LINT_ACCESS_SHARE);
  } else if (action->kind == SQL_ATTACH_PARTITION) {
    attach(e, table, action);
  } else {
    detach(e, table, action);
  }
}
