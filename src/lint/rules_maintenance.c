#include "lint/check.h"

static void check_vacuum(struct lint *lint)
{
  const struct sql_tree *tree = lint->tree;
  if (!tree->full)
    return;
  if (tree->names.len == 0)
    lint_add(lint, "vacuum-full", (struct lint_at){0},
             "VACUUM FULL writes every table of the database anew");
  for (size_t i = 0; i < tree->names.len; i++) {
    const struct lint_relation *table = lint_facts_relation(lint->facts, tree->names.at[i]);
    if (!lint_is_new(table))
      lint_add(lint, "vacuum-full", (struct lint_at){.relation = table, .eases = true},
               "VACUUM FULL writes %s anew", table->name);
  }
}

static void check_cluster(struct lint *lint)
{
  const struct sql_tree *tree = lint->tree;
  struct lint_at at = {.eases = true};
  if (tree->name.name) {
    at.relation = lint_facts_relation(lint->facts, tree->name);
    if (lint_is_new(at.relation))
      return;
  }
  lint_add(lint, "cluster", at, "CLUSTER writes %s anew",
           at.relation ? at.relation->name : "every clustered table");
}

static void check_lock(struct lint *lint)
{
  const struct sql_tree *tree = lint->tree;
  static const char *const harmless[] = {"ACCESS SHARE", "ROW SHARE", "ROW EXCLUSIVE"};
  const char *mode = tree->member ? tree->member : "ACCESS EXCLUSIVE";
  for (size_t i = 0; i < COUNT_OF(harmless); i++)
    if (strcmp(mode, harmless[i]) == 0)
      return;
  for (size_t i = 0; i < tree->names.len; i++) {
    const struct lint_relation *table = lint_facts_relation(lint->facts, tree->names.at[i]);
    if (!lint_is_new(table))
      lint_add(lint, "lock-table", (struct lint_at){.relation = table}, "%s is locked in %s mode",
               table->name, mode);
  }
}

static void check_refresh(struct lint *lint)
{
  const struct sql_tree *tree = lint->tree;
  const struct lint_relation *view = lint_facts_relation(lint->facts, tree->name);
  if (!tree->concurrently && !lint_is_new(view))
    lint_add(lint, "matview-refresh-not-concurrent",
             (struct lint_at){.relation = view, .eases = true},
             "materialized view %s is refreshed without CONCURRENTLY", view->name);
}

static void check_logged(struct lint *lint, const struct sql_action *action, struct lint_at at)
{
  const char *wanted = action->kind == SQL_SET_LOGGED ? "p" : "u";
  if (at.relation->object && catalog_is(at.relation->object, "persistence", wanted))
    return; /* it is so already: nothing is written */
  at.eases = true;
  lint_add(lint, "set-logged-unlogged", at, "%s becomes %s: every row is written",
           at.relation->name, action->kind == SQL_SET_LOGGED ? "LOGGED" : "UNLOGGED");
}

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

static void check_actions(struct lint *lint)
{
  const struct sql_tree *tree = lint->tree;
  const struct lint_relation *table = lint_facts_relation(lint->facts, tree->name);
  for (size_t i = 0; !lint_is_new(table) && i < tree->actions.len; i++) {
    const struct sql_action *action = &tree->actions.at[i];
    struct lint_at at = {.range = action->range, .relation = table};
    if (action->kind == SQL_SET_LOGGED || action->kind == SQL_SET_UNLOGGED)
      check_logged(lint, action, at);
    else if (action->kind == SQL_ATTACH_PARTITION && tree->object == SQL_OBJECT_TABLE)
      check_attach(lint, action, at);
    else if (action->kind == SQL_DETACH_PARTITION && !action->concurrently && !action->finalize)
      lint_add(lint, "partition-detach-not-concurrent", at,
               "partition %s is detached from %s without CONCURRENTLY",
               lint_facts_relation(lint->facts, action->partition)->name, table->name);
    else if (action->kind == SQL_DISABLE_TRIGGER)
      lint_add(lint, "disable-trigger", at, "trigger %s of %s is switched off",
               action->name ? action->name : "ALL", table->name);
  }
}

void lint_check_maintenance(struct lint *lint)
{
  const struct sql_tree *tree = lint->tree;
  switch (tree->kind) {
  case SQL_VACUUM:
    check_vacuum(lint);
    break;
  case SQL_CLUSTER:
    check_cluster(lint);
    break;
  case SQL_LOCK:
    check_lock(lint);
    break;
  case SQL_REFRESH:
    check_refresh(lint);
    break;
  case SQL_ALTER_TABLE:
    check_actions(lint);
    break;
  case SQL_SET:
    if (tree->setting && strcmp(tree->setting, "session_replication_role") == 0)
      lint_add(lint, "disable-trigger", (struct lint_at){0},
               "session_replication_role decides whether triggers and foreign keys work");
    break;
  default:
    break;
  }
}
