/* backup/swap.h: puts a restored database in the place of the old one, by two renames in one
 * transaction. The old one is kept under another name, closed.
 *
 *   <database>/restores/<id>.json  written before anything is made; says what is meant
 *
 * How far it came is read from the server: swap_look. Each step may be repeated, so a swap that
 * was killed is finished by doing it again. The caller holds the run lock of the database.
 */
#pragma once

#include "backup/backup.h"

struct swap {
  const char *id, *key; /* key of the note in the store */
  const char *backup_id;
  const char *database, *database_oid; /* the old one */
  const char *server_id;
  const char *candidate; /* the restored database that takes the place */
  const char *kept_as;   /* what the old one is called afterwards */
  bool no_owner;         /* restored without owners and privileges */
  bool ready;            /* the candidate is restored, checked and has the properties */
};
VEC_TYPE(swaps, struct swap);

enum swap_state {
  SWAP_ABSENT,    /* no candidate there, the old database in place */
  SWAP_RESTORING, /* a candidate that is not ready */
  SWAP_READY,     /* it only has to be put in place */
  SWAP_DONE,      /* it is in place */
  SWAP_FOREIGN,   /* of another server, or the names belong to others now */
};
struct swap_look {
  enum swap_state state;
  bool closed; /* the database that now has the name accepts no connections */
};

/* Makes the names of a new swap of `database`; asked on any database of the server. ERR_USAGE:
 * there is no such database. ERR_PREFLIGHT: it accepts no connections. */
int swap_new(struct arena *arena, struct db_conn *conn, const char *database_prefix,
             const char *database, const char *backup_id, struct swap *ret, struct err *err);
int swap_note_put(struct place *place, const struct swap *swap, struct err *err);
/* All notes of a database, oldest first; those that cannot be read are left out. */
int swap_list(struct arena *arena, struct place *place, const char *database_prefix,
              struct swaps *ret, struct err *err);
int swap_look(struct arena *arena, struct db_conn *conn, const struct swap *swap,
              struct swap_look *ret, struct err *err);
/* The candidate gets the properties of the old database. */
int swap_dress(struct arena *arena, const struct db_target *target, const struct swap *swap,
               struct err *err);
/* Closes the old database, ends its sessions within wait_ms, renames. On failure the old database
 * is open as before (ERR_PREFLIGHT), or the message says that it is not and what to type
 * (ERR_CHANGED). */
int swap_execute(struct arena *arena, const struct db_target *target, const struct swap *swap,
                 int64_t wait_ms, struct err *err);
/* Drops a candidate that is in nobody's place, and the note. */
int swap_discard(struct arena *arena, const struct db_target *target, struct place *place,
                 const struct swap *swap, struct err *err);
/* What to type to go back: a psql script. */
char *swap_way_back(struct arena *arena, const struct swap *swap);
