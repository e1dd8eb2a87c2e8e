/* inverse/outside.h (private to inverse/): statements whose effects do not stay in the database. */
#pragma once

#include "sql/script.h"

enum outside {
  OUTSIDE_NO,
  OUTSIDE_ROLE,    /* roles: transactional, harmless on a throw-away server, never run elsewhere */
  OUTSIDE_NOTHING, /* LISTEN, NOTIFY: run, only reported */
  OUTSIDE_NEVER,   /* never run on a shadow */
};
/* By leading words, whatever the parser knows. ret_why: "role", "ALTER SYSTEM", ... */
enum outside outside_of(struct arena *arena, const struct sql_statement *statement,
                        const char *database, const char **ret_why);
