#include "lint/check.h"

#include <strings.h>

static const struct lint_rule rules[] = {
    {.id = "vacuum-full",
     .severity = LINT_ERROR,
     .summary = "VACUUM FULL writes the table anew",
     .hazard = "Nobody can read or write the table while it is copied; twice the space is needed.",
     .lock = LOCK_AX,
     .safe = "Use plain VACUUM, or pg_repack."},
    {.id = "cluster",
     .severity = LINT_ERROR,
     .summary = "CLUSTER writes the table anew",
     .hazard = "Nobody can read or write the table while it is copied in index order.",
     .lock = LOCK_AX,
     .safe = "Use pg_repack."},
    {.id = "lock-table",
     .severity = LINT_WARNING,
     .summary = "a table is locked by name",
     .hazard = "Everything that conflicts waits until the transaction ends.",
     .lock = "as written",
     .safe = "Leave it out: each statement takes the lock that it needs."},
    {.id = "set-logged-unlogged",
     .severity = LINT_WARNING,
     .summary = "a table changes between LOGGED and UNLOGGED",
     .hazard =
         "The table and all its indexes are written anew; an unlogged table is emptied by a crash.",
     .lock = LOCK_AX,
     .safe = "Decide when the table is made."},
    {.id = "set-tablespace",
     .severity = LINT_ERROR,
     .summary = "a table or index moves to another tablespace",
     .hazard = "Every file of it is copied while nobody can read or write the table.",
     .lock = LOCK_AX,
     .safe = "For an index, build a new one there CONCURRENTLY; for a table, plan a window or use "
             "pg_repack."},
    {.id = "set-access-method",
     .severity = LINT_ERROR,
     .summary = "a table changes its access method",
     .hazard = "The table and all its indexes are written anew.",
     .lock = LOCK_AX,
     .safe = "Make a new table with that access method and move the rows in batches.",
     .since = 15},
    {.id = "autovacuum-disabled",
     .severity = LINT_WARNING,
     .summary = "autovacuum is switched off for a table",
     .hazard = "Dead rows stay, statistics age, and the forced vacuum comes when nobody planned "
               "it.",
     .lock = "SHARE UPDATE EXCLUSIVE",
     .safe = "Give the table its own thresholds instead."},
    {.id = "replica-identity",
     .severity = LINT_WARNING,
     .summary = "what logical replication sends of old rows changes",
     .hazard = "FULL multiplies WAL; with NOTHING the server refuses UPDATE and DELETE of "
               "published tables.",
     .lock = LOCK_AX,
     .safe = "Keep the primary key, or use USING INDEX with a unique index over NOT NULL columns."},
};

/* storage parameters are booleans in any of the server's spellings; no value means true */
static bool is_off(const char *value)
{
  static const char *const words[] = {"false", "off", "0", "no", "f", "n"};
  for (size_t i = 0; value && i < COUNT_OF(words); i++)
    if (strcasecmp(value, words[i]) == 0)
      return true;
  return false;
}

static void check_autovacuum(struct lint *lint, const struct sql_options *options,
                             struct lint_at at, const char *table)
{
  at.eases = false;
  for (size_t i = 0; i < options->len; i++)
    if (strcmp(options->at[i].name, "autovacuum_enabled") == 0 && is_off(options->at[i].value))
      lint_add(lint, "autovacuum-disabled", at, "autovacuum is switched off for %s", table);
}

static void check_replica_identity(struct lint *lint, const struct sql_action *action,
                                   struct lint_at at)
{
  const char *kind = action->text ? action->text : "";
  at.eases = false;
  at.lower = strcmp(kind, "NOTHING") == 0 ? 0 : 1;
  lint_add(lint, "replica-identity", at, "the replica identity of %s becomes %s%s%s",
           at.relation->name, kind, action->name ? " " : "", action->name ? action->name : "");
}

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

static void check_logged(struct lint *lint, const struct sql_action *action, struct lint_at at)
{
  const char *wanted = action->kind == SQL_SET_LOGGED ? "p" : "u";
  if (at.relation->object && catalog_is(at.relation->object, "persistence", wanted))
    return; /* it is so already: nothing is written */
  lint_add(lint, "set-logged-unlogged", at, "%s becomes %s: every row is written",
           at.relation->name, action->kind == SQL_SET_LOGGED ? "LOGGED" : "UNLOGGED");
}

static void check_actions(struct lint *lint)
{
  const struct sql_tree *tree = lint->tree;
  const struct lint_relation *table = lint_facts_relation(lint->facts, tree->name);
  for (size_t i = 0; !lint_is_new(table) && i < tree->actions.len; i++) {
    const struct sql_action *action = &tree->actions.at[i];
    struct lint_at at = {.range = action->range, .relation = table, .eases = true};
    if (action->kind == SQL_SET_LOGGED || action->kind == SQL_SET_UNLOGGED)
      check_logged(lint, action, at);
    else if (action->kind == SQL_SET_TABLESPACE)
      lint_add(lint, "set-tablespace", at, "%s is copied into another tablespace", table->name);
    else if (action->kind == SQL_SET_ACCESS_METHOD)
      lint_add(lint, "set-access-method", at, "%s gets another access method: every row is written",
               table->name);
    else if (action->kind == SQL_SET_OPTIONS)
      check_autovacuum(lint, &action->options, at, table->name);
    else if (action->kind == SQL_REPLICA_IDENTITY)
      check_replica_identity(lint, action, at);
  }
}

static void check(struct lint *lint)
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
  case SQL_ALTER_TABLE:
    check_actions(lint);
    break;
  case SQL_CREATE_TABLE:
    check_autovacuum(lint, &tree->storage.options, (struct lint_at){0}, tree->name.name);
    break;
  default:
    break;
  }
}

const struct lint_family lint_family_maintenance = {rules, COUNT_OF(rules), .statement = check};
