#include "lint/check.h"

static const struct lint_rule rules[] = {
    {.id = "index-create-not-concurrent",
     .severity = LINT_WARNING,
     .summary = "an index is built without CONCURRENTLY",
     .hazard = "Writes to the table wait until the whole table is read.",
     .lock = "SHARE",
     .safe = "Use CREATE INDEX CONCURRENTLY in a file of its own, and check afterwards that the "
             "index is valid."},
    {.id = "index-partitioned-fanout",
     .severity = LINT_WARNING,
     .summary = "an index is built on a partitioned table and all its partitions",
     .hazard = "Writes to every partition wait until the last one is read, in one transaction.",
     .lock = "SHARE on the table and every partition",
     .safe = "CREATE INDEX ON ONLY the parent, CREATE INDEX CONCURRENTLY on each partition, then "
             "ALTER INDEX ... ATTACH PARTITION."},
    {.id = "index-concurrent-on-partitioned",
     .severity = LINT_ERROR,
     .summary = "CONCURRENTLY is used on an index of a partitioned table",
     .hazard = "The server refuses to make or drop an index of a partitioned table CONCURRENTLY.",
     .safe = "CREATE INDEX ON ONLY the parent, CREATE INDEX CONCURRENTLY on each partition, then "
             "ALTER INDEX ... ATTACH PARTITION."},
    {.id = "index-concurrent-if-not-exists",
     .severity = LINT_WARNING,
     .summary = "CREATE INDEX CONCURRENTLY with IF NOT EXISTS",
     .hazard = "A build that fails leaves an invalid index behind; the next run finds its name, "
               "does nothing and reports success.",
     .safe = "Leave IF NOT EXISTS out; drop an invalid index first, with DROP INDEX CONCURRENTLY "
             "IF EXISTS in a file of its own."},
    {.id = "index-concurrent-corruption",
     .severity = LINT_ERROR,
     .summary = "CONCURRENTLY on a server whose concurrent builds can miss rows",
     .hazard = "On 14.0 to 14.3 an index that is built CONCURRENTLY can lack rows of the table.",
     .safe = "Update the server to 14.4 or later first.",
     .needs = LINT_NEEDS_CATALOG,
     .since = 14,
     .until = 14},
    {.id = "index-left-invalid",
     .severity = LINT_WARNING,
     .summary = "the table has an invalid index",
     .hazard = "A concurrent build failed: no query uses the index, it costs every write, and if "
               "it is unique it does not keep rows unique.",
     .safe = "REINDEX INDEX CONCURRENTLY, or DROP INDEX CONCURRENTLY, in a file of its own.",
     .needs = LINT_NEEDS_CATALOG},
    {.id = "index-drop-not-concurrent",
     .severity = LINT_WARNING,
     .summary = "an index is dropped without CONCURRENTLY",
     .hazard = "Reads and writes of the table wait for the lock, which itself waits for every "
               "running query.",
     .lock = LOCK_AX,
     .safe = "Use DROP INDEX CONCURRENTLY in a file of its own."},
    {.id = "index-drop-backs-constraint",
     .severity = LINT_ERROR,
     .summary = "an index of a constraint is dropped",
     .hazard = "The server refuses: the constraint needs the index.",
     .safe = "Use ALTER TABLE ... DROP CONSTRAINT, which drops the index along."},
    {.id = "index-drop-slows-queries",
     .severity = LINT_WARNING,
     .summary = "an index that queries use is dropped",
     .hazard = "Queries that used it read the whole table, or another index, from the commit on.",
     .safe = "Find the queries first, and drop the index after its replacement is in use.",
     .needs = LINT_NEEDS_CATALOG},
    {.id = "index-replace-drop-first",
     .severity = LINT_WARNING,
     .summary = "an index is dropped before the one that replaces it is there",
     .hazard = "Until the new index is built, queries that used the old one read the whole table.",
     .safe = "Build the new index under another name first, then drop the old one."},
    {.id = "reindex-not-concurrent",
     .severity = LINT_WARNING,
     .summary = "REINDEX without CONCURRENTLY",
     .hazard =
         "Writes wait until the index is built again, and queries that would use it wait too.",
     .lock = "SHARE, and " LOCK_AX " on the index",
     .safe = "Use REINDEX ... CONCURRENTLY in a file of its own."},
};

/* An index of a partitioned table: it has no entries, those of the partitions have. */
static bool is_partitioned_index(const struct lint_relation *index)
{
  return index->indexed && lint_is_partitioned(index->indexed);
}

/* ---- CREATE INDEX ---- */

static void check_build(struct lint *lint, const struct lint_relation *table)
{
  const struct sql_tree *tree = lint->tree;
  const char *name = tree->index_name ? tree->index_name : "an index";
  struct lint_at at = {.relation = table, .eases = true};
  if (tree->only && (table->kind == LINT_UNKNOWN_RELATION || lint_is_partitioned(table)))
    return; /* ON ONLY a partitioned table: nothing is built */
  if (lint_is_partitioned(table) && (!table->complete || table->children.len > 0))
    lint_add(lint, "index-partitioned-fanout", at,
             "%s is built on the partitioned table %s and on every partition in one transaction: "
             "writes to all of them wait",
             name, table->name);
  else if (!lint_is_partitioned(table))
    lint_add(lint, "index-create-not-concurrent", at,
             "%s is built on %s without CONCURRENTLY: writes to the table wait", name, table->name);
}

static void check_build_concurrently(struct lint *lint, const struct lint_relation *table)
{
  const struct sql_tree *tree = lint->tree;
  struct lint_at at = {.relation = table};
  if (lint_is_partitioned(table))
    lint_add(lint, "index-concurrent-on-partitioned", at,
             "%s is partitioned: no index can be made on it CONCURRENTLY", table->name);
  if (tree->if_not_exists)
    lint_add(lint, "index-concurrent-if-not-exists", at,
             "a build of %s that fails leaves it invalid, and the next run takes it for done",
             tree->index_name ? tree->index_name : "the index");
}

/* Whether CREATE INDEX IF NOT EXISTS finds the name taken. */
static bool exists_already(struct lint *lint, const struct lint_relation *table)
{
  const struct sql_tree *tree = lint->tree;
  if (!tree->if_not_exists || !tree->index_name)
    return false;
  struct sql_name name = {.schema = table->at.schema, .name = tree->index_name};
  const struct lint_relation *index = lint_facts_relation(lint->facts, name);
  return index->kind != LINT_UNKNOWN_RELATION && !index->dropped;
}

static void check_create(struct lint *lint)
{
  const struct lint_relation *table = lint_facts_relation(lint->facts, lint->tree->name);
  if (lint->tree->concurrently)
    check_build_concurrently(lint, table);
  else if (!lint_is_new(table) && !exists_already(lint, table))
    check_build(lint, table);
}

/* ---- DROP INDEX, REINDEX ---- */

static void check_drop_one(struct lint *lint, const struct lint_relation *index)
{
  struct lint_at at = {.relation = index, .eases = true};
  if (index->constraint && !index->constraint->dropped)
    lint_add(lint, "index-drop-backs-constraint", (struct lint_at){.relation = index},
             "index %s belongs to the constraint %s: it goes with the constraint only", index->name,
             index->constraint->name);
  else if (lint->tree->concurrently && is_partitioned_index(index))
    lint_add(lint, "index-concurrent-on-partitioned", (struct lint_at){.relation = index},
             "index %s is of a partitioned table: it cannot be dropped CONCURRENTLY", index->name);
  else if (lint->tree->concurrently || lint_is_new(index))
    return;
  else if (is_partitioned_index(index))
    lint_add(lint, "index-drop-not-concurrent", at,
             "index %s of a partitioned table is dropped; CONCURRENTLY is not possible there",
             index->name);
  else
    lint_add(lint, "index-drop-not-concurrent", at, "index %s is dropped without CONCURRENTLY",
             index->name);
}

static void check_use(struct lint *lint, const struct lint_relation *index)
{
  int64_t scans = index->object ? index->object->scans : 0;
  if (scans > 0 && !index->dropped)
    lint_add(lint, "index-drop-slows-queries", (struct lint_at){.relation = index},
             "index %s was used %" PRId64 " times since this server counts", index->name, scans);
}

static void check_reindex(struct lint *lint)
{
  const struct sql_tree *tree = lint->tree;
  if (tree->concurrently)
    return;
  struct lint_at at = {.eases = true};
  const char *what = tree->name.name ? tree->name.name : "the database";
  if (tree->object == SQL_OBJECT_TABLE || tree->object == SQL_OBJECT_INDEX) {
    at.relation = lint_facts_relation(lint->facts, tree->name);
    if (lint_is_new(at.relation))
      return;
    what = at.relation->name;
  }
  lint_add(lint, "reindex-not-concurrent", at, "REINDEX of %s without CONCURRENTLY", what);
}

/* ---- an index that replaces one that is gone ---- */

/* Whether the new index does what the old one did: it has its name, or starts with its columns. */
static bool replaces(const struct sql_tree *tree, const struct lint_relation *old)
{
  bool same_name = tree->index_name && old->at.name && strcmp(tree->index_name, old->at.name) == 0;
  bool starts_alike = old->index_columns.len > 0 && old->index_columns.len <= tree->keys.len;
  for (size_t i = 0; starts_alike && i < old->index_columns.len; i++)
    starts_alike =
        tree->keys.at[i].column && strcmp(tree->keys.at[i].column, old->index_columns.at[i]) == 0;
  return same_name || starts_alike;
}

static bool drops_replaced(struct lint *lint, const struct sql_tree *earlier,
                           const struct lint_relation *table)
{
  for (size_t i = 0; i < earlier->names.len; i++) {
    const struct lint_relation *old = lint_facts_relation(lint->facts, earlier->names.at[i]);
    if (!replaces(lint->tree, old) || (old->indexed && old->indexed != table))
      continue;
    lint_add(lint, "index-replace-drop-first", (struct lint_at){.relation = table},
             "index %s was dropped before %s is built: meanwhile %s has neither", old->name,
             lint->tree->index_name ? lint->tree->index_name : "the one that replaces it",
             table->name);
    return true;
  }
  return false;
}

/* An earlier statement of this script drops what this one builds anew. */
static void check_replaced(struct lint *lint)
{
  const struct lint_relation *table = lint_facts_relation(lint->facts, lint->tree->name);
  for (size_t i = 0; !lint_is_new(table) && i < lint->now.statement; i++) {
    const struct sql_tree *earlier = lint->script->statements.at[i].tree;
    if (earlier && earlier->kind == SQL_DROP && earlier->object == SQL_OBJECT_INDEX &&
        drops_replaced(lint, earlier, table))
      return;
  }
}

/* ---- what only a database tells ---- */

static bool builds_concurrently(const struct sql_tree *tree)
{
  return tree->concurrently && (tree->kind == SQL_CREATE_INDEX || tree->kind == SQL_REINDEX);
}

enum { FIRST_FLAWED = 140000, LAST_FLAWED = 140003 };

static void check_server(struct lint *lint)
{
  if (!lint->catalog || !builds_concurrently(lint->tree))
    return;
  int version = lint->catalog->server_version;
  if (version >= FIRST_FLAWED && version <= LAST_FLAWED)
    lint_add(lint, "index-concurrent-corruption", (struct lint_at){0},
             "the server is 14.%d: an index built CONCURRENTLY there can lack rows",
             version - FIRST_FLAWED);
}

/* An index that the database has and that is invalid, of a table that the script touches. REINDEX
 * and DROP INDEX are about to mend it. */
static void check_invalid(struct lint *lint)
{
  const struct sql_tree *tree = lint->tree;
  if (!lint->catalog || (tree->kind != SQL_ALTER_TABLE && tree->kind != SQL_CREATE_INDEX))
    return;
  const struct lint_relation *table = lint_facts_relation(lint->facts, tree->name);
  for (size_t i = 0; i < table->indexes.len; i++) {
    const struct lint_relation *index = table->indexes.at[i];
    if (!index->created && !index->dropped && !index->index_valid && !is_partitioned_index(index))
      lint_add(lint, "index-left-invalid", (struct lint_at){.relation = index},
               "index %s of %s is invalid: its build did not end well", index->name, table->name);
  }
}

static void check(struct lint *lint)
{
  const struct sql_tree *tree = lint->tree;
  if (tree->kind == SQL_CREATE_INDEX) {
    check_create(lint);
    check_replaced(lint);
  } else if (tree->kind == SQL_DROP && tree->object == SQL_OBJECT_INDEX) {
    for (size_t i = 0; i < tree->names.len; i++) {
      check_drop_one(lint, lint_facts_relation(lint->facts, tree->names.at[i]));
      check_use(lint, lint_facts_relation(lint->facts, tree->names.at[i]));
    }
  } else if (tree->kind == SQL_REINDEX) {
    check_reindex(lint);
  }
  check_server(lint);
  check_invalid(lint);
}

const struct lint_family lint_family_index = {rules, COUNT_OF(rules), .statement = check};
