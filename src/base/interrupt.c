#include "base/base.h"
#include "base/interrupt.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>

typedef void (*interrupt_hook)(void);

/* The handler runs in any thread, and any thread reads: sig_atomic_t would be for one thread only.
 */
static atomic_int pending, count;
static _Atomic(interrupt_hook) hook;
_Static_assert(ATOMIC_INT_LOCK_FREE == 2 && ATOMIC_POINTER_LOCK_FREE == 2,
               "a signal handler must not wait for a lock");

static void on_signal(int signo)
{
  int saved = errno;
  atomic_store(&pending, signo);
  atomic_fetch_add(&count, 1);
  interrupt_hook call = atomic_load(&hook);
  if (call)
    call();
  errno = saved;
}

void interrupt_install(void)
{
  struct sigaction action = {.sa_handler = on_signal};
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
  struct sigaction ignore = {.sa_handler = SIG_IGN};
  sigemptyset(&ignore.sa_mask);
  sigaction(SIGPIPE, &ignore, NULL);
  struct sigaction usual = {.sa_handler = SIG_DFL};
  sigemptyset(&usual.sa_mask);
  sigaction(SIGCHLD, &usual, NULL);
}

int interrupt_pending(void)
{
  return atomic_load(&pending);
}

int interrupt_count(void)
{
  return atomic_load(&count);
}

int interrupt_check(struct err *err)
{
  int signo = interrupt_pending();
  if (!signo)
    return 0;
  return signo == SIGINT ? err_set(err, ERR_INTERRUPTED, "interrupted")
                         : err_set(err, ERR_TERMINATED, "terminated");
}

void interrupt_set_hook(void (*new_hook)(void))
{
  atomic_store(&hook, new_hook);
}
