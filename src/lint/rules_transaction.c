#include "lint/check.h"

void lint_check_transaction(struct lint *lint)
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
void lint_check_script(struct lint *lint)
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
