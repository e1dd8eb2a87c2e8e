/* Indexes that work and could be better. */
#include "lint/check.h"

enum { COLUMNS_MAX = 3 }; /* of an index that is not unique; more are seldom of use */

static const struct lint_rule rules[] = {
    {.id = "index-redundant",
     .severity = LINT_INFO,
     .summary = "an index does what another one does already",
     .hazard = "Each index costs every write and takes space.",
     .safe = "Keep the one with more columns, or the unique one."},
    {.id = "index-too-wide",
     .severity = LINT_OFF,
     .summary = "an index over more than three columns that is not unique",
     .hazard = "It is large, slow to write, and seldom narrows a search further than its first "
               "columns do.",
     .safe = "Index the columns that select most, or use INCLUDE for those that are only read."},
    {.id = "index-hash-type",
     .severity = LINT_OFF,
     .summary = "a hash index",
     .hazard = "It finds equal values only: no order, no ranges, no uniqueness, one column.",
     .safe = "Use the default, btree."},
    {.id = "index-unnamed",
     .severity = LINT_OFF,
     .summary = "an index without a name",
     .hazard = "The server chooses a name, with a number if it is taken: later migrations cannot "
               "be sure of it.",
     .safe = "Name the index."},
};

/* Whether both order rows the same way as far as the shorter one goes: plain columns, the default
 * order of their types. */
static bool starts_alike(const struct strings *longer, const struct strings *shorter)
{
  if (shorter->len == 0 || shorter->len > longer->len)
    return false;
  for (size_t i = 0; i < shorter->len; i++)
    if (*shorter->at[i] == '\0' || strcmp(longer->at[i], shorter->at[i]) != 0)
      return false;
  return true;
}

static bool is_plain(const struct lint_relation *index)
{
  bool btree = !index->index_method || strcmp(index->index_method, "btree") == 0;
  return btree && !index->dropped && !index->partial && index->index_valid;
}

/* The columns of the index being made; none if it has anything but plain columns. */
static struct strings plain_columns(struct lint *lint)
{
  const struct sql_tree *tree = lint->tree;
  struct strings columns = {0};
  bool plain = !tree->where && !tree->storage.access_method;
  for (size_t i = 0; plain && i < tree->keys.len; i++) {
    const struct sql_key *key = &tree->keys.at[i];
    if (!key->column || key->collation || key->opclass)
      return (struct strings){0};
    vec_push(lint->arena, &columns, key->column);
  }
  return columns;
}

/* CREATE INDEX IF NOT EXISTS of one that is there. */
static bool exists_already(const struct sql_tree *tree, const struct lint_relation *table)
{
  for (size_t i = 0; tree->if_not_exists && tree->index_name && i < table->indexes.len; i++)
    if (strcmp(table->indexes.at[i]->at.name, tree->index_name) == 0)
      return true;
  return false;
}

static void check_redundant(struct lint *lint, const struct lint_relation *table)
{
  const struct sql_tree *tree = lint->tree;
  struct strings columns = plain_columns(lint);
  const char *name = tree->index_name ? tree->index_name : "the new index";
  for (size_t i = 0; columns.len > 0 && i < table->indexes.len; i++) {
    const struct lint_relation *other = table->indexes.at[i];
    bool same = columns.len == other->index_columns.len;
    if (!is_plain(other))
      continue;
    if (!tree->unique && tree->include.len == 0 && starts_alike(&other->index_columns, &columns))
      lint_add(lint, "index-redundant", (struct lint_at){.relation = table},
               "index %s of %s starts with the columns of %s", other->at.name, table->name, name);
    else if (!other->unique && (!same || tree->unique) &&
             starts_alike(&columns, &other->index_columns))
      lint_add(lint, "index-redundant", (struct lint_at){.relation = table},
               "with %s the index %s of %s is not needed: the new one starts with its columns",
               name, other->at.name, table->name);
  }
}

static void check(struct lint *lint)
{
  const struct sql_tree *tree = lint->tree;
  if (tree->kind != SQL_CREATE_INDEX)
    return;
  const struct lint_relation *table = lint_facts_relation(lint->facts, tree->name);
  if (exists_already(tree, table))
    return;
  struct lint_at at = {.relation = table};
  check_redundant(lint, table);
  if (!tree->unique && tree->keys.len > COLUMNS_MAX)
    lint_add(lint, "index-too-wide", at, "an index of %s has %zu columns", table->name,
             tree->keys.len);
  if (tree->storage.access_method && strcmp(tree->storage.access_method, "hash") == 0)
    lint_add(lint, "index-hash-type", at, "a hash index of %s", table->name);
  if (!tree->index_name)
    lint_add(lint, "index-unnamed", at, "an index of %s has no name", table->name);
}

const struct lint_family lint_family_index_design = {rules, COUNT_OF(rules), .statement = check};
