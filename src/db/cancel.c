#include "db/conn_private.h"

#include <stdatomic.h>

#include "base/interrupt.h"

enum { CANCEL_SLOTS = 64 };

/* Read by the signal handler: each slot is one atomic pointer. */
static _Atomic(PGcancel *) slots[CANCEL_SLOTS];

static void cancel_all(void)
{
  char text[256];
  for (size_t i = 0; i < CANCEL_SLOTS; i++) {
    PGcancel *cancel = atomic_load(&slots[i]);
    if (cancel)
      PQcancel(cancel, text, sizeof(text)); /* documented as safe in a signal handler */
  }
}

void db_cancel_on_signal(struct db_conn *conn, bool enabled)
{
  if (!conn->cancel)
    return;
  if (enabled)
    interrupt_set_hook(cancel_all);
  for (size_t i = 0; i < CANCEL_SLOTS; i++) {
    PGcancel *expected = enabled ? NULL : conn->cancel;
    if (atomic_compare_exchange_strong(&slots[i], &expected, enabled ? conn->cancel : NULL))
      return;
  }
}

int db_cancel(struct db_conn *conn, struct err *err)
{
  char text[256] = "";
  if (!conn->cancel || !PQcancel(conn->cancel, text, sizeof(text)))
    return err_set(err, ERR_CONNECT, "cancelling the running statement: %s", text);
  return 0;
}
