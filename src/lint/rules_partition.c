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
    {.id = "partition-create-of",
     .severity = LINT_WARNING,
     .summary = "CREATE TABLE ... PARTITION OF a table in use",
     .hazard = "Nobody can read or write the partitioned table until the transaction ends, and a "
               "default partition is read whole.",
     .lock = LOCK_AX " on the parent and its default partition",
     .safe = "CREATE TABLE (LIKE parent INCLUDING ALL), then ALTER TABLE ... ATTACH PARTITION, "
             "which lets reads and writes of the parent go on."},
    {.id = "partition-drop-direct",
     .severity = LINT_WARNING,
     .summary = "a partition is dropped while it is attached",
     .hazard = "Nobody can read or write the whole partitioned table until the transaction ends.",
     .lock = LOCK_AX " on the parent and its default partition",
     .safe = "DETACH PARTITION ... CONCURRENTLY in a file of its own (14 or newer, no default "
             "partition), then drop the table."},
    {.id = "partition-detach-not-concurrent",
     .severity = LINT_WARNING,
     .summary = "DETACH PARTITION without CONCURRENTLY",
     .hazard = "Nobody can read or write the whole partitioned table while the lock is waited for "
               "and held.",
     .lock = LOCK_AX,
     .safe = "Use DETACH PARTITION ... CONCURRENTLY (14 or newer, no default partition) in a file "
             "of its own."},
    {.id = "partition-detach-concurrent-default",
     .severity = LINT_ERROR,
     .summary = "DETACH CONCURRENTLY from a table with a default partition",
     .hazard = "The server refuses to detach CONCURRENTLY while there is a default partition.",
     .safe = "Use DETACH PARTITION without CONCURRENTLY and with a lock_timeout.",
     .since = 14},
    {.id = "partition-key-not-in-pk",
     .severity = LINT_ERROR,
     .summary = "a unique key of a partitioned table lacks a column of the partition key",
     .hazard = "The server refuses: rows of different partitions could not be compared.",
     .safe = "Add the columns of the partition key to the key."},
    {.id = "partition-fanout",
     .severity = LINT_INFO,
     .summary = "ALTER TABLE of a partitioned table reaches every partition",
     .hazard = "Every partition is locked as the table is, all in one transaction.",
     .lock = LOCK_AX " on every partition",
     .safe = "Where it can be done so, alter ONLY the parent and then each partition by itself."},
    {.id = "partition-default-grows",
     .severity = LINT_INFO,
     .summary = "the default partition has rows",
     .hazard = "A new partition is only possible for values that no row there has, and to see that "
               "every row of it is read under a lock.",
     .safe = "Move the rows into partitions of their own.",
     .needs = LINT_NEEDS_CATALOG},
};

/* ---- partitions that come ---- */

enum { CHILD_DEPTH_MAX = 32 };

/* Whether rows of the table, or of a partition of it, may be read; not if it is known that none
 * are: its bounds are proven by a CHECK, or it is new. */
static bool may_be_read(const struct lint *lint, const struct lint_relation *table, int depth)
{
  const struct lint_effects *effects = lint->effects;
  bool read = effects->unknown || effects->fails || lint_effects_scans(effects, table);
  for (size_t i = 0; !read && depth < CHILD_DEPTH_MAX && i < table->children.len; i++)
    read = may_be_read(lint, table->children.at[i], depth + 1);
  return read && !lint_is_new(table);
}

static void check_attach(struct lint *lint, const struct sql_action *action, struct lint_at at)
{
  const struct lint_relation *parent = at.relation;
  const struct lint_relation *partition = lint_facts_relation(lint->facts, action->partition);
  const struct lint_relation *rest = parent->default_partition;
  at.eases = true;
  if (rest && (rest == partition || !may_be_read(lint, rest, 0)))
    rest = NULL;
  if (may_be_read(lint, partition, 0)) {
    at.relation = partition;
    lint_add(lint, "partition-attach-scan", at,
             "%s is attached to %s: its rows are read%s%s, unless a valid CHECK proves the bounds",
             partition->name, parent->name, rest ? ", and those of " : "", rest ? rest->name : "");
  } else if (rest) {
    at.relation = rest;
    lint_add(lint, "partition-attach-scan", at,
             "attaching %s to %s reads the default partition %s, unless a valid CHECK on that "
             "excludes the bounds",
             partition->name, parent->name, rest->name);
  }
}

static void check_default_rows(struct lint *lint, const struct lint_relation *parent)
{
  const struct lint_relation *rest = parent->default_partition;
  if (lint->catalog && rest && !rest->created && rest->rows > 0)
    lint_add(lint, "partition-default-grows", (struct lint_at){.relation = rest},
             "the default partition %s of %s has rows, which every new partition has to avoid",
             rest->name, parent->name);
}

static void check_create(struct lint *lint)
{
  const struct sql_tree *tree = lint->tree;
  if (!tree->partition_of.name)
    return;
  const struct lint_relation *parent = lint_facts_relation(lint->facts, tree->partition_of);
  const struct lint_relation *rest = parent->default_partition;
  if (lint_is_new(parent))
    return;
  struct lint_at at = {.relation = rest ? rest : parent};
  if (rest && may_be_read(lint, rest, 0))
    lint_add(lint, "partition-create-of", at,
             "%s is made as a partition of %s, which nobody can use until the end; the default "
             "partition %s is read whole",
             tree->name.name, parent->name, rest->name);
  else
    lint_add(lint, "partition-create-of", (struct lint_at){.relation = parent, .lower = 1},
             "%s is made as a partition of %s, which nobody can use until the end%s",
             tree->name.name, parent->name,
             parent->complete || rest ? ""
                                      : "; a default partition, not known here, is read whole");
  check_default_rows(lint, parent);
}

/* ---- partitions that go ---- */

static void check_detach(struct lint *lint, const struct sql_action *action, struct lint_at at)
{
  const struct lint_relation *partition = lint_facts_relation(lint->facts, action->partition);
  const struct lint_relation *parent = at.relation;
  if (action->finalize)
    return;
  if (!action->concurrently)
    lint_add(lint, "partition-detach-not-concurrent", at,
             "partition %s is detached from %s without CONCURRENTLY", partition->name,
             parent->name);
  else if (parent->default_partition)
    lint_add(lint, "partition-detach-concurrent-default", at,
             "%s cannot be detached CONCURRENTLY: %s has the default partition %s", partition->name,
             parent->name, parent->default_partition->name);
}

static bool is_named(const struct lint *lint, const struct lint_relation *table)
{
  for (size_t i = 0; i < lint->tree->names.len; i++)
    if (lint_facts_relation(lint->facts, lint->tree->names.at[i]) == table)
      return true;
  return false;
}

static void check_drop(struct lint *lint)
{
  for (size_t i = 0; i < lint->tree->names.len; i++) {
    const struct lint_relation *table = lint_facts_relation(lint->facts, lint->tree->names.at[i]);
    const struct lint_relation *parent = table->parent;
    if (parent && lint_is_partitioned(parent) && !lint_is_new(parent) && !is_named(lint, parent))
      lint_add(lint, "partition-drop-direct", (struct lint_at){.relation = parent},
               "%s is dropped while it is a partition of %s, which nobody can use until the end",
               table->name, parent->name);
  }
}

/* ---- keys ---- */

/* The first column of the partition key that the columns lack; "" for an expression, which no key
 * can have. NULL: none. */
static const char *missing_column(const struct strings *key, const struct strings *columns)
{
  for (size_t i = 0; i < key->len; i++) {
    bool found = false;
    for (size_t k = 0; !found && k < columns->len; k++)
      found = *key->at[i] && strcmp(key->at[i], columns->at[k]) == 0;
    if (!found)
      return key->at[i];
  }
  return NULL;
}

static void check_key(struct lint *lint, const struct strings *partition_key,
                      const struct strings *columns, struct lint_at at)
{
  const char *table = lint_facts_relation(lint->facts, lint->tree->name)->name;
  const char *missing = missing_column(partition_key, columns);
  if (missing)
    lint_add(
        lint, "partition-key-not-in-pk", at,
        *missing
            ? "a unique key of the partitioned table %s lacks the column %s of its partition key"
            : "the partitioned table %s cannot have a unique key: its partition key has an "
              "expression%s",
        table, missing);
}

static void check_constraint(struct lint *lint, const struct strings *partition_key,
                             const struct sql_constraint *c, struct lint_at at)
{
  if ((c->kind == SQL_PRIMARY_KEY || c->kind == SQL_UNIQUE) && !c->using_index)
    check_key(lint, partition_key, &c->columns, at);
}

/* The columns of a key; "" for an expression. */
static struct strings columns_of(struct lint *lint, const struct sql_keys *keys)
{
  struct strings columns = {0};
  for (size_t i = 0; i < keys->len; i++)
    vec_push(lint->arena, &columns, keys->at[i].column ? keys->at[i].column : "");
  return columns;
}

static void check_new_keys(struct lint *lint)
{
  const struct sql_tree *tree = lint->tree;
  const struct lint_at whole = {0};
  if (!tree->partition_key)
    return;
  struct strings key = columns_of(lint, &tree->partition_key->keys);
  for (size_t i = 0; i < tree->constraints.len; i++)
    check_constraint(lint, &key, &tree->constraints.at[i], whole);
  for (size_t i = 0; i < tree->columns.len; i++) {
    const struct sql_column *column = &tree->columns.at[i];
    struct strings own = {.at = (const char *[]){column->name}, .len = 1};
    for (size_t k = 0; k < column->constraints.len; k++)
      if (column->constraints.at[k].kind == SQL_PRIMARY_KEY ||
          column->constraints.at[k].kind == SQL_UNIQUE)
        check_key(lint, &key, &own, whole);
  }
}

/* Of a table that is there, also of one that is new. */
static void check_added_keys(struct lint *lint)
{
  const struct sql_tree *tree = lint->tree;
  const struct lint_relation *table = lint_facts_relation(lint->facts, tree->name);
  if (!lint_is_partitioned(table))
    return;
  for (size_t i = 0; i < tree->actions.len; i++)
    if (tree->actions.at[i].constraint)
      check_constraint(lint, &table->partition_key, tree->actions.at[i].constraint,
                       (struct lint_at){.range = tree->actions.at[i].range});
  struct strings columns = columns_of(lint, &tree->keys);
  if (tree->kind == SQL_CREATE_INDEX && tree->unique)
    check_key(lint, &table->partition_key, &columns, (struct lint_at){0});
}

/* ---- one statement, many partitions ---- */

/* Whether the subcommand is about the parent alone, or about one partition. */
static bool stays(const struct sql_action *action)
{
  return action->kind == SQL_ATTACH_PARTITION || action->kind == SQL_DETACH_PARTITION ||
         action->kind == SQL_SET_DEFAULT || action->kind == SQL_DROP_DEFAULT;
}

static void check_fanout(struct lint *lint)
{
  const struct sql_tree *tree = lint->tree;
  const struct lint_relation *table = lint_facts_relation(lint->facts, tree->name);
  bool reaches = false;
  for (size_t i = 0; i < tree->actions.len; i++)
    reaches = reaches || !stays(&tree->actions.at[i]);
  if (!reaches || tree->only || lint_is_new(table) || !lint_is_partitioned(table) ||
      table->children.len == 0)
    return;
  lint_add(lint, "partition-fanout", (struct lint_at){.relation = table},
           "%s is partitioned: the statement locks its %zu partition%s too", table->name,
           table->children.len, table->children.len == 1 ? "" : "s");
}

static void check_action(struct lint *lint, const struct sql_action *action, struct lint_at at)
{
  if (action->kind == SQL_ATTACH_PARTITION) {
    check_attach(lint, action, at);
    check_default_rows(lint, at.relation);
  } else if (action->kind == SQL_DETACH_PARTITION) {
    check_detach(lint, action, at);
  }
}

static void check(struct lint *lint)
{
  const struct sql_tree *tree = lint->tree;
  if (tree->kind == SQL_CREATE_TABLE) {
    check_create(lint);
    check_new_keys(lint);
  }
  if (tree->kind == SQL_DROP && tree->object == SQL_OBJECT_TABLE)
    check_drop(lint);
  if (tree->kind == SQL_ALTER_TABLE && tree->object == SQL_OBJECT_TABLE)
    check_fanout(lint);
  if (tree->kind == SQL_ALTER_TABLE || tree->kind == SQL_CREATE_INDEX)
    check_added_keys(lint);
}

const struct lint_family lint_family_partition = {rules, COUNT_OF(rules), .statement = check,
                                                  .action = check_action};
