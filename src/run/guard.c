#include "run/guard.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/clock.h"

enum { PROBE_TICKS = 10 };

struct guard {
  pthread_t thread;
  struct db_conn *conn;
  int64_t deadline_ms;
  char pid[16];
  atomic_bool stop, acted, blind;
};

static void send_to_backend(struct guard *g, const char *sql)
{
  CLEANUP(err_clear) struct err err = ERR_INIT;
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (db_query(g->conn, &r, &err, sql, g->pid, NULL) < 0)
    atomic_store(&g->blind, true);
}

static void *watch(void *arg)
{
  struct guard *g = arg;
  bool cancelled = false;
  int ticks = 0;
  while (!atomic_load(&g->stop)) {
    int64_t over_ms = clock_monotonic_ms() - g->deadline_ms;
    if (over_ms >= 0 && !cancelled) {
      atomic_store(&g->acted, true);
      send_to_backend(g, "SELECT pg_catalog.pg_cancel_backend($1::int)");
      cancelled = true;
    }
    if (over_ms >= GUARD_GRACE_MS) {
      send_to_backend(g, "SELECT pg_catalog.pg_terminate_backend($1::int)");
      break;
    }
    if (++ticks % PROBE_TICKS == 0)
      send_to_backend(g, "SELECT $1::int");
    clock_sleep_ms(GUARD_TICK_MS);
  }
  return NULL;
}

int guard_start(const struct db_target *target, int backend_pid, int64_t max_lock_hold_ms,
                struct guard **ret_guard, struct err *err)
{
  struct guard *g = x_calloc(1, sizeof(*g));
  if (db_open(target, "belay guard", &g->conn, err) < 0) {
    free(g);
    return err_wrap(err, "opening the connection that enforces the lock budget");
  }
  g->deadline_ms = clock_monotonic_ms() + max_lock_hold_ms;
  snprintf(g->pid, sizeof(g->pid), "%d", backend_pid);
  if (pthread_create(&g->thread, NULL, watch, g) != 0) {
    db_close(g->conn);
    free(g);
    return err_set(err, ERR_UNEXPECTED, "cannot start the thread that enforces the lock budget");
  }
  *ret_guard = g;
  return 0;
}

bool guard_is_watching(struct guard *g)
{
  return !g || !atomic_load(&g->blind);
}

bool guard_stop(struct guard *g)
{
  if (!g)
    return false;
  atomic_store(&g->stop, true);
  pthread_join(g->thread, NULL);
  bool acted = atomic_load(&g->acted);
  db_close(g->conn);
  free(g);
  return acted;
}
