#include "lint/check.h"

static const struct lint_rule rules[] = {
    {.id = "partition-attach-scan",
     .severity = LINT_WARNING,
     .summary = "ATTACH PARTITION reads the table that is attached",
     .hazard = "The table is locked while every row is checked against the bounds, and the default "
               "partition is read too.",
     .lock = LOCK_SUX " on the parent, " LOCK_AX " on the partition",
     .safe = "Add a CHECK with the bounds NOT VALID and VALIDATE it before, also on the default "
             "partition."},
    {.id = "partition-detach-not-concurrent",
     .severity = LINT_WARNING,
     .summary = "DETACH PARTITION without CONCURRENTLY",
     .hazard = "Nobody can read or write the whole partitioned table while the lock is waited for "
               "and held.",
     .lock = LOCK_AX,
     .safe = "Use DETACH PARTITION ... CONCURRENTLY (14 or newer, no default partition) in a file "
             "of its own."},
};

/* Whether the catalog knows a default partition, whose rows are read too. */
static const struct catalog_object *default_partition(const struct lint *lint,
                                                      const struct lint_relation *parent)
{
  for (size_t i = 0; lint->catalog && parent->object && i < lint->catalog->object_count; i++) {
    const struct catalog_object *object = lint->catalog->objects[i];
    if (object->kind == CATALOG_TABLE &&
        catalog_is(object, "partition_of", parent->object->identity) &&
        catalog_is(object, "partition_bound", "DEFAULT"))
      return object;
  }
  return NULL;
}

static void check_attach(struct lint *lint, const struct sql_action *action, struct lint_at at)
{
  const struct lint_relation *parent = at.relation;
  const struct lint_relation *partition = lint_facts_relation(lint->facts, action->partition);
  const struct catalog_object *rest = default_partition(lint, parent);
  at.eases = true;
  if (!lint_is_new(partition)) {
    at.relation = partition;
    lint_add(lint, "partition-attach-scan", at,
             "%s is attached to %s: its rows are read%s%s, unless a valid CHECK proves the bounds",
             partition->name, parent->name, rest ? ", and those of " : "",
             rest ? rest->identity : "");
  } else if (rest) {
    at.eases = rest->row_estimate >= 0;
    lint_add(lint, "partition-attach-scan", at,
             "attaching %s to %s reads the default partition %s, unless a valid CHECK on that "
             "excludes the bounds",
             partition->name, parent->name, rest->identity);
  }
}

static void check(struct lint *lint)
{
  const struct sql_tree *tree = lint->tree;
  if (tree->kind != SQL_ALTER_TABLE)
    return;
  const struct lint_relation *table = lint_facts_relation(lint->facts, tree->name);
  for (size_t i = 0; !lint_is_new(table) && i < tree->actions.len; i++) {
    const struct sql_action *action = &tree->actions.at[i];
    struct lint_at at = {.range = action->range, .relation = table};
    if (action->kind == SQL_ATTACH_PARTITION && tree->object == SQL_OBJECT_TABLE)
      check_attach(lint, action, at);
    else if (action->kind == SQL_DETACH_PARTITION && !action->concurrently && !action->finalize)
      lint_add(lint, "partition-detach-not-concurrent", at,
               "partition %s is detached from %s without CONCURRENTLY",
               lint_facts_relation(lint->facts, action->partition)->name, table->name);
  }
}

const struct lint_family lint_family_partition = {rules, COUNT_OF(rules), .statement = check};
