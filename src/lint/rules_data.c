#include "lint/check.h"

static const struct lint_rule rules[] = {
    {.id = "delete-without-where",
     .severity = LINT_ERROR,
     .summary = "all rows of a table are deleted",
     .hazard =
         "Every row is gone at commit; the table is locked for writing row by row and bloats.",
     .lock = "ROW EXCLUSIVE",
     .safe = "Say which rows with WHERE, and delete in batches."},
    {.id = "update-without-where",
     .severity = LINT_WARNING,
     .summary = "all rows of a table are updated",
     .hazard = "Old values are overwritten, every row is locked until commit, the table doubles in "
               "size and replicas lag.",
     .lock = "ROW EXCLUSIVE",
     .safe = "Update in batches outside of the migration, with a WHERE that can be repeated."},
    {.id = "ddl-and-backfill-together",
     .severity = LINT_WARNING,
     .summary = "a table is changed and filled in one transaction",
     .hazard = "The strong lock of the ALTER is held until the last row is written.",
     .lock = LOCK_AX,
     .safe = "Fill the table in a later migration, in batches."},
};

static void check_where(struct lint *lint, const struct sql_change *change)
{
  const struct lint_relation *table = lint_facts_relation(lint->facts, change->relation);
  struct lint_at at = {.relation = table};
  if (change->where || lint_is_new(table))
    return;
  if (change->kind == SQL_DELETE)
    lint_add(lint, "delete-without-where", at, "all rows of %s are deleted", table->name);
  at.eases = true;
  if (change->kind == SQL_UPDATE)
    lint_add(lint, "update-without-where", at, "all rows of %s are updated", table->name);
}

/* Rows are written while the lock of an ALTER TABLE of the same transaction is held. */
static void check_backfill(struct lint *lint, const struct sql_change *change)
{
  const struct lint_relation *table = lint_facts_relation(lint->facts, change->relation);
  bool many = change->kind != SQL_INSERT || change->from_select;
  if (!many || lint_is_new(table) || !lint->one_transaction || !table->altered ||
      table->altered_at.script != lint->now.script)
    return;
  lint_add(lint, "ddl-and-backfill-together", (struct lint_at){.relation = table, .eases = true},
           "rows of %s are written while the lock of the ALTER TABLE before is held", table->name);
}

static void check(struct lint *lint)
{
  const struct sql_changes *changes = &lint->tree->changes;
  for (size_t i = 0; i < changes->len; i++) {
    check_where(lint, &changes->at[i]);
    check_backfill(lint, &changes->at[i]);
  }
}

const struct lint_family lint_family_data = {rules, COUNT_OF(rules), .statement = check};
