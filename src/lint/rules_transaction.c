#include "lint/check.h"

static const struct lint_rule rules[] = {
    {.id = "concurrently-in-transaction",
     .severity = LINT_ERROR,
     .summary = "a statement that cannot run in a transaction stands in one",
     .hazard = "The server refuses it (25001) and the migration fails.",
     .safe = "Put the statement into a file of its own, without BEGIN and COMMIT."},
    {.id = "concurrently-not-alone",
     .severity = LINT_WARNING,
     .summary = "a statement that cannot run in a transaction shares its file",
     .hazard = "A runner that sends the file as one string gives it one implicit transaction, and "
               "the server refuses (25001); and if a later statement fails, the earlier ones stay.",
     .safe = "Put the statement into a file of its own."},
    {.id = "transaction-nesting",
     .severity = LINT_ERROR,
     .summary = "transaction control inside a migration",
     .hazard = "The runner's own transaction ends early or the rest runs outside of one: a failure "
               "leaves half a migration.",
     .safe =
         "Remove BEGIN, COMMIT, ROLLBACK and savepoints; belay runs each file in one transaction."},
    {.id = "transaction-unclosed",
     .severity = LINT_ERROR,
     .summary = "BEGIN without COMMIT",
     .hazard = "Locks stay until the session ends, and then all that was done since is rolled back "
               "without an error.",
     .safe = "End the block with COMMIT, or leave both out."},
};

static size_t count_bare(const struct sql_statements *all)
{
  size_t count = 0;
  for (size_t i = 0; i < all->len; i++)
    count += all->at[i].bare != NULL;
  return count;
}

/* A statement that cannot run in a transaction, in a file without BEGIN. */
static void check_bare(struct lint *lint, const char *bare)
{
  const struct lint_tool *tool = lint->input->tool;
  const struct sql_statements *all = &lint->script->statements;
  size_t others = all->len - 1;
  const char *s = others == 1 ? "" : "s";
  if (lint->runs == LINT_RUNS_STRICTLY && tool->no_transaction)
    lint_add(lint, "concurrently-in-transaction", (struct lint_at){0},
             "%s cannot run in the transaction of %s: the file does not say \"%s\"", bare,
             tool->name, tool->no_transaction);
  else if (lint->runs == LINT_RUNS_STRICTLY)
    lint_add(lint, "concurrently-in-transaction", (struct lint_at){0},
             "%s cannot run in the transaction of %s", bare, tool->name);
  else if (lint->runs == LINT_RUNS_DETECTED && count_bare(all) < all->len)
    lint_add(lint, "concurrently-in-transaction", (struct lint_at){0},
             "%s stands with what runs in a transaction: %s refuses the mixture", bare, tool->name);
  else if (lint->runs == LINT_RUNS_QUERY && others > 0 && !tool->may_split)
    lint_add(lint, "concurrently-in-transaction", (struct lint_at){0},
             "%s shares its file with %zu other statement%s: %s sends them as one query, which is "
             "a transaction",
             bare, others, s, tool->name);
  else if ((lint->runs == LINT_RUNS_TRANSACTION || lint->runs == LINT_RUNS_QUERY) && others > 0)
    lint_add(lint, "concurrently-not-alone", (struct lint_at){0},
             "%s shares its file with %zu other statement%s", bare, others, s);
}

static void check(struct lint *lint)
{
  const struct sql_statement *st = lint->statement;
  if (!st->bare)
    return;
  if (lint->in_block)
    lint_add(lint, "concurrently-in-transaction", (struct lint_at){0},
             "%s cannot run between BEGIN and COMMIT", st->bare);
  else
    check_bare(lint, st->bare);
}

static const char *control_text(enum sql_transaction control)
{
  switch (control) {
  case SQL_BEGIN:
    return "BEGIN";
  case SQL_COMMIT:
    return "COMMIT";
  case SQL_ROLLBACK:
    return "ROLLBACK";
  case SQL_SAVEPOINT:
    return "a savepoint";
  case SQL_PREPARED:
    return "two-phase commit";
  default:
    return NULL;
  }
}

/* The BEGIN that nothing ends; the number of statements if there is none. */
static size_t find_unclosed(const struct sql_statements *all)
{
  size_t open = all->len;
  for (size_t i = 0; i < all->len; i++) {
    enum sql_transaction control = all->at[i].transaction;
    if (control == SQL_BEGIN && open == all->len)
      open = i;
    else if (control == SQL_COMMIT || control == SQL_ROLLBACK || control == SQL_PREPARED)
      open = all->len;
  }
  return open;
}

/* Transaction control inside a file that its runner puts into a transaction. BEGIN first and COMMIT
 * last are absorbed when the file is run. */
static void check_wrapped(struct lint *lint, size_t unclosed)
{
  const struct sql_statements *all = &lint->script->statements;
  bool enclosed = all->len > 1 && all->at[0].transaction == SQL_BEGIN &&
                  all->at[all->len - 1].transaction == SQL_COMMIT;
  bool said = unclosed < all->len;
  for (size_t i = 0; i < all->len; i++) {
    const struct sql_statement *st = &all->at[i];
    const char *control = control_text(st->transaction);
    bool outer = enclosed && (i == 0 || i == all->len - 1);
    said = said || (st->bare && enclosed);
    if (!control || outer || i == unclosed)
      continue;
    lint_turn_to(lint, i);
    lint_add(lint, "transaction-nesting", (struct lint_at){0},
             "%s in a migration that runs in a transaction of its own", control);
    said = true;
  }
  if (said)
    return; /* bare statements are told one by one */
  lint_turn_to(lint, 0);
  lint_add(lint, "transaction-nesting", (struct lint_at){0},
           "BEGIN or COMMIT with options: belay cannot put the file into its own transaction");
}

/* The tool's transaction takes no BEGIN and ends with the first COMMIT; savepoints are fine. */
static void check_strict(struct lint *lint)
{
  const struct sql_statements *all = &lint->script->statements;
  for (size_t i = 0; i < all->len; i++) {
    enum sql_transaction control = all->at[i].transaction;
    if (control == SQL_NOT_TRANSACTION || control == SQL_SAVEPOINT)
      continue;
    lint_turn_to(lint, i);
    lint_add(lint, "transaction-nesting", (struct lint_at){0}, "%s inside of the transaction of %s",
             control_text(control), lint->input->tool->name);
  }
}

/* A runner that sends statement by statement leaves transactions to the file. */
static void check_unwrapped(struct lint *lint)
{
  const struct sql_statements *all = &lint->script->statements;
  bool open = false;
  for (size_t i = 0; i < all->len; i++) {
    enum sql_transaction control = all->at[i].transaction;
    bool ends = control == SQL_COMMIT || control == SQL_ROLLBACK;
    lint_turn_to(lint, i);
    if (control == SQL_BEGIN && open)
      lint_add(
          lint, "transaction-nesting", (struct lint_at){0},
          "BEGIN inside of a transaction: the server only warns, and the first COMMIT ends it");
    else if (ends && !open)
      lint_add(lint, "transaction-nesting", (struct lint_at){0},
               "%s outside of a transaction: there is nothing to end", control_text(control));
    open = control == SQL_BEGIN || (open && !ends && control != SQL_PREPARED);
  }
}

static void check_script(struct lint *lint)
{
  const struct sql_statements *all = &lint->script->statements;
  CLEANUP(err_clear) struct err err = ERR_INIT;
  enum sql_shape shape;
  size_t first, last, unclosed = find_unclosed(all);
  if (unclosed < all->len) {
    lint_turn_to(lint, unclosed);
    lint_add(lint, "transaction-unclosed", (struct lint_at){0}, "no COMMIT ends this BEGIN");
  }
  if (lint->runs == LINT_RUNS_STATEMENTS)
    check_unwrapped(lint);
  else if (lint->runs == LINT_RUNS_STRICTLY || lint->runs == LINT_RUNS_DETECTED)
    check_strict(lint);
  else if (sql_script_shape(lint->script, &shape, &first, &last, &err) < 0)
    check_wrapped(lint, unclosed);
}

const struct lint_family lint_family_transaction = {rules, COUNT_OF(rules), .every = check,
                                                    .script = check_script};
