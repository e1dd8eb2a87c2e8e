/* What a file is among the others: its place in the directory, in the ledger, and in time. */
#include "lint/check.h"

#include "sql/quote.h"

static const struct lint_rule rules[] = {
    {.id = "migration-out-of-order",
     .severity = LINT_ERROR,
     .summary = "a pending file is older than one that was applied",
     .hazard = "Tools skip it or refuse; other databases apply it in another order.",
     .safe = "Rename it, so that it comes behind all that were applied.",
     .needs = LINT_NEEDS_CATALOG},
    {.id = "migration-edited-after-apply",
     .severity = LINT_ERROR,
     .summary = "a file was edited after it was applied",
     .hazard = "What is in the file is not what is in the database; the change is never applied "
               "here.",
     .safe = "Restore the file, and write the change into a new one.",
     .needs = LINT_NEEDS_CATALOG},
    {.id = "migration-uses-later-object",
     .severity = LINT_ERROR,
     .summary = "a statement needs what only a later one makes",
     .hazard = "The migration fails on every new database.",
     .safe = "Put the file that makes it first."},
    {.id = "index-then-rewrite",
     .severity = LINT_WARNING,
     .summary = "a table is written anew after an index on it was built",
     .hazard = "The rewrite builds the index a second time, under its lock.",
     .lock = LOCK_AX,
     .safe = "Rewrite first, then build the index CONCURRENTLY."},
    {.id = "table-lock-budget",
     .severity = LINT_WARNING,
     .summary = "the files together block a table for longer than the budget",
     .hazard =
         "Each statement alone may be short enough; the application stands still for the sum.",
     .lock = "SHARE or stronger",
     .safe = "Spread the work over several deployments, or use forms that do not block.",
     .needs = LINT_NEEDS_CATALOG},
    {.id = "large-table-change",
     .severity = LINT_INFO,
     .summary = "a statement blocks a very large table, if only for a moment",
     .hazard = "Large tables are busy: the lock has to wait behind, and in front of, many.",
     .lock = "SHARE or stronger",
     .safe = "Deploy it when little is going on, with a short lock_timeout and retries.",
     .needs = LINT_NEEDS_CATALOG},
    {.id = "irreversible-without-down",
     .severity = LINT_OFF,
     .summary = "data is destroyed and no down migration is there",
     .hazard = "There is no way back that the directory knows of.",
     .safe = "Write the down migration, or let belay run keep the rows and prove the inverse."},
};

/* ---- the ledger ---- */

static void check_ledger(struct lint *lint, enum lint_applied applied)
{
  const struct sql_statements *all = &lint->script->statements;
  struct sql_place start = {.line = 1, .column = 1}, end = start;
  if (all->len > 0) {
    start = all->at[0].start;
    end = all->at[0].end;
  }
  if (applied == LINT_OUT_OF_ORDER)
    lint_add_at(lint, "migration-out-of-order", start, end,
                "this file is pending, and a later one was applied already");
  else if (applied == LINT_EDITED)
    lint_add_at(lint, "migration-edited-after-apply", start, end,
                "this file is not what was applied under its name");
}

static void check_ledgers(struct lint *lint)
{
  const struct lint_file *files = lint->input->files;
  for (size_t i = 0; files && i < lint->input->count; i++) {
    lint->script = lint->input->scripts[i];
    lint->now = (struct lint_moment){i, 0};
    check_ledger(lint, files[i].applied);
  }
}

/* ---- objects made later ---- */

/* Where a name is made for the first time, if nothing did away with it before. */
struct made {
  struct lint_moment at;
  bool certain;
};

static const char *name_key(struct lint *lint, struct sql_name name)
{
  return sql_qualified(lint->arena, name.schema ? name.schema : "public", name.name);
}

static bool makes_relation(const struct sql_tree *tree)
{
  return tree->kind == SQL_CREATE_TABLE || tree->kind == SQL_CREATE_TABLE_AS ||
         tree->kind == SQL_CREATE_VIEW || tree->kind == SQL_CREATE_MATVIEW;
}

static void note(struct lint *lint, struct sql_name name, struct lint_moment at, bool certain)
{
  const char *key = name.name ? name_key(lint, name) : NULL;
  if (!key || map_get(lint->made, key))
    return;
  struct made *made = ARENA_NEW(lint->arena, struct made);
  *made = (struct made){at, certain};
  map_put(lint->made, key, made);
}

/* A name that is dropped or renamed before it is made was there before all files. */
static void note_statement(struct lint *lint, const struct sql_tree *tree, struct lint_moment at)
{
  if (makes_relation(tree))
    note(lint, tree->name, at, !tree->if_not_exists && !tree->replace && !tree->temporary);
  for (size_t i = 0; tree->kind == SQL_DROP && i < tree->names.len; i++)
    note(lint, tree->names.at[i], at, false);
  if (tree->kind != SQL_RENAME && tree->kind != SQL_SET_SCHEMA)
    return;
  note(lint, tree->name, at, false);
  if (tree->kind == SQL_RENAME)
    note(lint, (struct sql_name){.schema = tree->name.schema, .name = tree->new_name}, at, false);
  else
    note(lint, (struct sql_name){.schema = tree->new_name, .name = tree->name.name}, at, false);
}

static void note_all(struct lint *lint)
{
  lint->made = map_new(lint->arena);
  for (size_t s = 0; s < lint->input->count; s++) {
    const struct sql_statements *all = &lint->input->scripts[s]->statements;
    for (size_t i = 0; i < all->len; i++) {
      const struct sql_tree *tree = all->at[i].tree;
      if (tree && tree->kind == SQL_SET && tree->setting &&
          strcmp(tree->setting, "search_path") == 0)
        lint->names_depend = true;
      if (tree)
        note_statement(lint, tree, (struct lint_moment){s, i});
    }
  }
}

static void check_use(struct lint *lint, struct sql_name name)
{
  if (!name.name)
    return;
  const struct made *made = map_get(lint->made, name_key(lint, name));
  struct lint_moment now = lint->now;
  if (!made || !made->certain || made->at.script < now.script ||
      (made->at.script == now.script && made->at.statement <= now.statement))
    return;
  const struct lint_relation *relation = lint_facts_relation(lint->facts, name);
  if (relation->object || lint_is_new(relation) || relation->kind != LINT_UNKNOWN_RELATION)
    return;
  const struct sql_script *script = lint->input->scripts[made->at.script];
  lint_add(lint, "migration-uses-later-object", (struct lint_at){0},
           "%s is only made in %s, line %d", sql_qualified(lint->arena, name.schema, name.name),
           script->name, script->statements.at[made->at.statement].start.line);
}

static void check_foreign_keys(struct lint *lint, const struct sql_constraints *constraints)
{
  for (size_t i = 0; i < constraints->len; i++)
    if (constraints->at[i].kind == SQL_FOREIGN_KEY)
      check_use(lint, constraints->at[i].referenced);
}

static void check_uses(struct lint *lint)
{
  const struct sql_tree *tree = lint->tree;
  bool by_name = (tree->kind == SQL_ALTER_TABLE && !tree->if_exists) ||
                 tree->kind == SQL_CREATE_INDEX || tree->kind == SQL_REFRESH;
  if (by_name)
    check_use(lint, tree->name);
  for (size_t i = 0; tree->kind == SQL_TRUNCATE && i < tree->names.len; i++)
    check_use(lint, tree->names.at[i]);
  check_use(lint, tree->partition_of);
  for (size_t i = 0; i < tree->changes.len; i++)
    check_use(lint, tree->changes.at[i].relation);
  check_foreign_keys(lint, &tree->constraints);
  for (size_t i = 0; i < tree->columns.len; i++)
    check_foreign_keys(lint, &tree->columns.at[i].constraints);
  for (size_t i = 0; i < tree->actions.len; i++) {
    const struct sql_action *action = &tree->actions.at[i];
    if (action->constraint && action->constraint->kind == SQL_FOREIGN_KEY)
      check_use(lint, action->constraint->referenced);
    if (action->column)
      check_foreign_keys(lint, &action->column->constraints);
  }
}

/* ---- work done twice ---- */

static void check_rewrite(struct lint *lint, const struct lint_relation *table)
{
  for (size_t i = 0; !lint_is_new(table) && i < table->indexes.len; i++) {
    const struct lint_relation *index = table->indexes.at[i];
    if (!index->created || index->dropped)
      continue;
    lint_add(lint, "index-then-rewrite", (struct lint_at){.relation = table, .eases = true},
             "%s was built before, and %s is written anew with all its indexes", index->name,
             table->name);
    return;
  }
}

/* ---- time ---- */

enum {
  SCAN_BYTES_A_MS = 100 * 1024,   /* what a disk gives that others use, too */
  REWRITE_BYTES_A_MS = 25 * 1024, /* with WAL and indexes */
  BUDGET_MS = 10000,              /* if the policy sets none */
  LARGE_ROWS = 1000000,
};

static double blocked_ms(const struct lint *lint, const struct lint_relation *table)
{
  if (table->bytes <= 0 || lint_effects_lock(lint->effects, table) < LINT_SHARE)
    return 0;
  if (lint_effects_rewrites(lint->effects, table))
    return (double)table->bytes / REWRITE_BYTES_A_MS;
  if (lint_effects_scans(lint->effects, table))
    return (double)table->bytes / SCAN_BYTES_A_MS;
  return 0;
}

static struct lint_blocked *find_blocked(struct lint *lint, const struct lint_relation *table)
{
  for (size_t i = 0; i < lint->blocked.len; i++)
    if (lint->blocked.at[i].table == table)
      return &lint->blocked.at[i];
  struct lint_blocked *blocked = vec_add(lint->arena, &lint->blocked);
  blocked->table = table;
  return blocked;
}

static void add_time(struct lint *lint, const struct lint_relation *table)
{
  double ms = blocked_ms(lint, table);
  if (ms <= 0 || lint_is_new(table))
    return;
  struct lint_blocked *blocked = find_blocked(lint, table);
  bool first = blocked->ms <= 0;
  blocked->ms += ms;
  const struct lint_session *session = lint->input->session;
  double budget =
      (double)(session && session->lock_hold_ms > 0 ? session->lock_hold_ms : BUDGET_MS);
  if (blocked->told || blocked->ms <= budget)
    return;
  blocked->told = true;
  lint_add(lint, "table-lock-budget", (struct lint_at){.relation = table},
           "%s would be blocked for about %.0f s%s, the budget is %g s", table->name,
           blocked->ms / 1000, first ? "" : " in all", budget / 1000);
}

static void check_large(struct lint *lint, const struct lint_lock *lock)
{
  const struct lint_relation *table = lock->relation;
  double large = lint->settings->large_table_rows;
  large = large > LARGE_ROWS ? large : LARGE_ROWS;
  bool works = lint_effects_rewrites(lint->effects, table) ||
               lint_effects_scans(lint->effects, table); /* other rules tell that */
  if (lock->mode >= LINT_SHARE && !works && !lint_is_new(table) && table->rows >= large)
    lint_add(lint, "large-table-change", (struct lint_at){.relation = table},
             "%s is locked in %s mode", table->name, lint_lock_words(lock->mode));
}

static void check_work(struct lint *lint)
{
  const struct lint_effects *effects = lint->effects;
  bool anew = lint->tree->kind != SQL_TRUNCATE && lint->tree->kind != SQL_REINDEX;
  for (size_t i = 0; anew && i < effects->rewrites.len; i++)
    check_rewrite(lint, effects->rewrites.at[i]);
  for (size_t i = 0; i < effects->locks.len; i++) {
    add_time(lint, effects->locks.at[i].relation);
    check_large(lint, &effects->locks.at[i]);
  }
}

/* ---- the way back ---- */

static bool says_down(const struct sql_script *script)
{
  static const char *const marks[] = {"migrate:down", "+goose Down", "+migrate Down"};
  for (size_t i = 0; i < script->comments.len; i++)
    for (size_t k = 0; k < COUNT_OF(marks); k++)
      if (strstr(script->comments.at[i].text, marks[k]))
        return true;
  return false;
}

static bool destroys(struct lint *lint, const struct sql_tree *tree)
{
  if (tree->kind == SQL_DROP_OWNED)
    return true;
  if (tree->kind == SQL_DROP && tree->object == SQL_OBJECT_SCHEMA)
    return tree->cascade;
  if (tree->kind == SQL_TRUNCATE || (tree->kind == SQL_DROP && tree->object == SQL_OBJECT_TABLE))
    for (size_t i = 0; i < tree->names.len; i++)
      if (!lint_is_new(lint_facts_relation(lint->facts, tree->names.at[i])))
        return true;
  for (size_t i = 0; i < tree->actions.len; i++)
    if (tree->actions.at[i].kind == SQL_DROP_COLUMN && tree->object == SQL_OBJECT_TABLE)
      return !lint_is_new(lint_facts_relation(lint->facts, tree->name));
  for (size_t i = 0; i < tree->changes.len; i++)
    if (tree->changes.at[i].kind == SQL_DELETE)
      return !lint_is_new(lint_facts_relation(lint->facts, tree->changes.at[i].relation));
  return false;
}

static void check_down(struct lint *lint)
{
  const struct lint_file *files = lint->input->files;
  if (!lint_is_on(lint, "irreversible-without-down") ||
      (files && files[lint->now.script].has_down) || says_down(lint->script) ||
      !destroys(lint, lint->tree))
    return;
  lint_add(lint, "irreversible-without-down", (struct lint_at){0},
           "data is destroyed here, and no down migration is there");
}

static void check(struct lint *lint)
{
  if (!lint->made)
    note_all(lint);
  if (!lint->names_depend)
    check_uses(lint);
  check_work(lint);
  check_down(lint);
}

const struct lint_family lint_family_history = {rules, COUNT_OF(rules), .statement = check,
                                                .end = check_ledgers};
