/* interrupt.h: SIGINT and SIGTERM as a flag that long work polls, plus a hook that runs in the
 * handler (async-signal-safe code only; the database layer cancels the running statement there).
 * Any thread may ask. */
#pragma once

#include "base/err.h"

/* Also ignores SIGPIPE, and gives SIGCHLD its default back (with an inherited "ignore" no child
 * could be waited for). */
void interrupt_install(void);
int interrupt_pending(void); /* 0, or the last of SIGINT and SIGTERM */
int interrupt_count(void);   /* how many came so far */
/* -1 with ERR_INTERRUPTED or ERR_TERMINATED set when a signal came. */
int interrupt_check(struct err *err);
/* Called from the handler at each signal; at most one. NULL removes it. */
void interrupt_set_hook(void (*hook)(void));
