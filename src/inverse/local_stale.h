/* inverse/local_stale.h (private to inverse/): directories of throw-away servers and who owns
 * them. */
#pragma once

#include "base/base.h"

/* A fresh directory for a server, owned by `user` if we are root, with its lock held. */
int local_dir_make(struct arena *arena, const char *user, char **ret_dir, int *ret_lock_fd,
                   struct err *err);
/* Removes directories whose owner is gone, and the servers that still run in them. */
void local_dir_clean_stale(struct arena *arena, const char *user);
