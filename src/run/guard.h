/* run/guard.h: the lock budget. lock_timeout bounds waiting for a lock; this bounds holding it. A
 * thread with its own connection watches the applying backend: when the budget is over it cancels
 * the running statement, and when the transaction is still open GUARD_GRACE_MS later it terminates
 * the backend.
 *
 *   guard_start(&target, db_backend_pid(conn), 10000, &guard, err); // just before BEGIN's first
 *   lock
 *   ... statements, COMMIT ...
 *   bool late = guard_stop(guard); // true: the budget was exceeded and it acted
 */
#pragma once

#include "db/db.h"

enum { GUARD_GRACE_MS = 2000, GUARD_TICK_MS = 50 };

struct guard;

int guard_start(const struct db_target *target, int backend_pid, int64_t max_lock_hold_ms,
                struct guard **ret_guard, struct err *err);
/* false: its connection was lost, the budget is not enforced any more. NULL is fine (true). */
bool guard_is_watching(struct guard *guard);
bool guard_stop(struct guard *guard); /* NULL is fine (false); frees */
