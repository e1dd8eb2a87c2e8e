/* What a transaction holds while it goes on: locks taken by earlier statements. */
#include "lint/check.h"

static const struct lint_rule rules[] = {
    {.id = "statement-while-access-exclusive",
     .severity = LINT_WARNING,
     .summary = "a long statement runs while an earlier one's lock is held",
     .hazard = "Whoever waits for the first table waits for the work on the second, too.",
     .lock = "SHARE or stronger",
     .safe = "Put the long statement into a migration of its own, or before the lock."},
    {.id = "multi-table-lock-transaction",
     .severity = LINT_INFO,
     .summary = "one transaction locks several tables",
     .hazard =
         "All are blocked until the last is done, and a transaction that uses them in another "
         "order makes a deadlock.",
     .lock = "SHARE or stronger",
     .safe = "Change one table a migration."},
    {.id = "alter-table-combine",
     .severity = LINT_INFO,
     .summary = "a table is altered twice in a row where once would do",
     .hazard = "Its rows are read or written twice, or its lock is waited for twice.",
     .lock = LOCK_AX,
     .safe = "Write one ALTER TABLE with several subcommands."},
};

/* ---- what is held ---- */

static bool is_strong(const struct lint_lock *lock)
{
  return lock->mode >= LINT_SHARE && !lint_is_new(lock->relation) &&
         lock->relation->kind != LINT_INDEX && lock->relation->kind != LINT_SEQUENCE;
}

static void hold(struct lint *lint, const struct lint_lock *lock)
{
  for (size_t i = 0; i < lint->held.len; i++) {
    struct lint_held *held = &lint->held.at[i];
    if (held->relation == lock->relation) {
      held->mode = lock->mode > held->mode ? lock->mode : held->mode;
      return;
    }
  }
  const struct lint_held held = {lock->relation, lock->mode, lint->now.statement};
  vec_push(lint->arena, &lint->held, held);
}

static const struct lint_relation *root_of(const struct lint_relation *relation)
{
  while (relation->parent)
    relation = relation->parent;
  return relation;
}

/* ---- long statements ---- */

static const struct lint_relation *first_in_use(const struct lint_relations *relations)
{
  for (size_t i = 0; i < relations->len; i++) {
    const struct lint_relation *relation = relations->at[i];
    const struct lint_relation *table = relation->indexed ? relation->indexed : relation;
    if (!lint_is_new(table))
      return table;
  }
  return NULL;
}

/* The table that it reads or writes as a whole, or of which it writes rows; NULL: it is short. */
static const struct lint_relation *long_work(struct lint *lint)
{
  const struct lint_effects *effects = lint->effects;
  if (lint->tree && lint->tree->kind == SQL_TRUNCATE)
    return NULL; /* new files, but nothing is read or written */
  const struct lint_relation *table = first_in_use(&effects->rewrites);
  table = table ? table : first_in_use(&effects->scans);
  if (table)
    return table;
  for (size_t i = 0; lint->tree && i < lint->tree->changes.len; i++) {
    const struct sql_change *change = &lint->tree->changes.at[i];
    table = lint_facts_relation(lint->facts, change->relation);
    if (!lint_is_new(table) && (change->kind != SQL_INSERT || change->from_select))
      return table;
  }
  return NULL;
}

/* ddl-and-backfill-together and constraint-validate-same-transaction say it already. */
static bool is_told_elsewhere(const struct lint *lint, const struct lint_relation *table)
{
  const struct sql_tree *tree = lint->tree;
  bool altered = table->altered && table->altered_at.script == lint->now.script;
  return tree && altered &&
         (tree->changes.len > 0 ||
          (tree->actions.len > 0 && tree->actions.at[0].kind == SQL_VALIDATE_CONSTRAINT));
}

static void check_long(struct lint *lint)
{
  const struct lint_relation *table = lint->held.len > 0 ? long_work(lint) : NULL;
  if (!table || is_told_elsewhere(lint, table))
    return;
  const struct lint_held *held = &lint->held.at[0];
  for (size_t i = 1; i < lint->held.len; i++)
    if (lint->held.at[i].mode > held->mode)
      held = &lint->held.at[i];
  int line = lint->script->statements.at[held->statement].start.line;
  lint_add(lint, "statement-while-access-exclusive",
           (struct lint_at){.relation = table, .eases = true},
           "%s is worked on while %s stays locked in %s mode since line %d", table->name,
           held->relation->name, lint_lock_words(held->mode), line);
}

/* ---- several tables ---- */

static void check_several(struct lint *lint)
{
  const struct lint_locks *locks = &lint->effects->locks;
  if (lint->held.len == 0 || lint->held_several)
    return;
  const struct lint_relation *first = root_of(lint->held.at[0].relation);
  for (size_t i = 0; i < locks->len; i++) {
    const struct lint_relation *table = root_of(locks->at[i].relation);
    if (!is_strong(&locks->at[i]) || table == first)
      continue;
    lint->held_several = true;
    lint_add(lint, "multi-table-lock-transaction", (struct lint_at){.relation = table},
             "%s is locked while %s is: both until commit", table->name, first->name);
    return;
  }
}

/* ---- ALTER TABLE twice ---- */

static bool has_action(const struct sql_tree *tree, enum sql_action_kind kind)
{
  for (size_t i = 0; i < tree->actions.len; i++)
    if (tree->actions.at[i].kind == kind)
      return true;
  return false;
}

/* Statements that do less together than apart: VALIDATE would get the other's lock, SET NOT NULL
 * would lose the CHECK that proves it, and partitions come and go alone. */
static bool stand_apart(const struct sql_tree *a, const struct sql_tree *b)
{
  static const enum sql_action_kind alone[] = {SQL_VALIDATE_CONSTRAINT, SQL_ATTACH_PARTITION,
                                               SQL_DETACH_PARTITION};
  for (size_t i = 0; i < COUNT_OF(alone); i++)
    if (has_action(a, alone[i]) || has_action(b, alone[i]))
      return true;
  return (has_action(a, SQL_SET_NOT_NULL) && has_action(b, SQL_DROP_CONSTRAINT)) ||
         (has_action(b, SQL_SET_NOT_NULL) && has_action(a, SQL_DROP_CONSTRAINT));
}

static bool works_through(const struct lint_effects *effects, const struct lint_relation *table)
{
  return lint_effects_rewrites(effects, table) || lint_effects_scans(effects, table);
}

static void check_twice(struct lint *lint)
{
  const struct sql_tree *tree = lint->tree;
  const struct lint_relation *table = NULL;
  bool works = false;
  if (tree && tree->kind == SQL_ALTER_TABLE && tree->object == SQL_OBJECT_TABLE) {
    table = lint_facts_relation(lint->facts, tree->name);
    works = works_through(lint->effects, table);
    const struct lint_last_alter *last = &lint->last_alter;
    bool again = last->table == table && !lint_is_new(table) && !stand_apart(last->tree, tree);
    if (again && works && last->works)
      lint_add(lint, "alter-table-combine", (struct lint_at){.relation = table, .eases = true},
               "the rows of %s are worked through twice in a row", table->name);
    else if (again && !lint_in_transaction(lint) &&
             lint_effects_lock(lint->effects, table) == LINT_ACCESS_EXCLUSIVE)
      lint_add(lint, "alter-table-combine", (struct lint_at){.relation = table},
               "the lock of %s is waited for twice in a row", table->name);
  }
  lint->last_alter = (struct lint_last_alter){table, tree, works};
}

static void check(struct lint *lint)
{
  if (!lint_in_transaction(lint) || lint->statement->transaction == SQL_BEGIN) {
    lint->held.len = 0;
    lint->held_several = false;
  }
  check_twice(lint);
  check_long(lint);
  check_several(lint);
  for (size_t i = 0; lint_in_transaction(lint) && i < lint->effects->locks.len; i++)
    if (is_strong(&lint->effects->locks.at[i]))
      hold(lint, &lint->effects->locks.at[i]);
}

static void begin(struct lint *lint)
{
  lint->held.len = 0;
  lint->held_several = false;
  lint->last_alter = (struct lint_last_alter){0};
}

const struct lint_family lint_family_window = {rules, COUNT_OF(rules), .script = begin,
                                               .every = check};
