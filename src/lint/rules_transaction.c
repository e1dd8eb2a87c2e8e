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
};

static void check(struct lint *lint)
{
  const struct sql_statement *st = lint->statement;
  if (st->transaction == SQL_BEGIN)
    lint->in_block = true;
  else if (st->transaction == SQL_COMMIT || st->transaction == SQL_ROLLBACK)
    lint->in_block = false;
  if (!st->bare)
    return;
  if (lint->in_block)
    lint_add(lint, "concurrently-in-transaction", (struct lint_at){0},
             "%s cannot run between BEGIN and COMMIT", st->bare);
  else if (lint->script->statements.len > 1)
    lint_add(lint, "concurrently-not-alone", (struct lint_at){0},
             "%s shares its file with %zu other statement%s", st->bare,
             lint->script->statements.len - 1, lint->script->statements.len == 2 ? "" : "s");
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

/* BEGIN first and COMMIT last are absorbed when the file is run; everything else is not. */
static void check_script(struct lint *lint)
{
  const struct sql_statements *all = &lint->script->statements;
  CLEANUP(err_clear) struct err err = ERR_INIT;
  enum sql_shape shape;
  size_t first, last;
  if (sql_script_shape(lint->script, &shape, &first, &last, &err) == 0)
    return;
  bool enclosed = all->len > 1 && all->at[0].transaction == SQL_BEGIN &&
                  all->at[all->len - 1].transaction == SQL_COMMIT;
  bool said = false;
  for (size_t i = 0; i < all->len; i++) {
    const struct sql_statement *st = &all->at[i];
    const char *control = control_text(st->transaction);
    bool outer = enclosed && (i == 0 || i == all->len - 1);
    said = said || (st->bare && enclosed);
    if (!control || outer)
      continue;
    lint->statement = st;
    lint->now.statement = i;
    lint_add(lint, "transaction-nesting", (struct lint_at){0},
             "%s in a migration that runs in a transaction of its own", control);
    said = true;
  }
  if (said)
    return; /* bare statements are told one by one */
  lint->statement = &all->at[0];
  lint->now.statement = 0;
  lint_add(lint, "transaction-nesting", (struct lint_at){0},
           "BEGIN or COMMIT with options: belay cannot put the file into its own transaction");
}

const struct lint_family lint_family_transaction = {rules, COUNT_OF(rules), .every = check,
                                                    .script = check_script};
