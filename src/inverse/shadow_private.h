/* inverse/shadow_private.h: what shadow.c, shadow_load.c and run.c share. */
#pragma once

#include "inverse/local_server.h"
#include "inverse/shadow.h"

struct shadow {
  struct arena *arena;
  struct local_server *server; /* NULL: on a server of somebody else */
  struct db_conn *admin;       /* maintenance database of the shadow's server */
  bool is_clone;               /* server and admin are those of another shadow */
  struct db_conn *conn;
  struct db_conn *held;    /* runs the scripts while a session is held, else NULL */
  struct db_target target; /* of the shadow's database */
  const char *database;    /* NULL until it is made */
  const char *where;
  const char *search_path; /* of the target's URL; NULL = the server's own */
  struct strings stale;
};

/* Stub roles, extensions, schema, comparison (shadow_load.c). shadow->conn is open. */
int shadow_load(struct shadow *shadow, const struct shadow_options *options,
                const struct catalog *schema, const struct catalog_options *catalog_options,
                struct err *err);
/* ERR_REFUSED naming what the model does not know. */
int shadow_check_known(const struct catalog *schema, struct err *err);
/* A new session, free of what the last one has set. */
int shadow_reconnect(struct shadow *shadow, struct err *err);
