/* backup/template.h: a backup that is a database: CREATE DATABASE ... TEMPLATE on the same server.
 * Private to backup/.
 *
 *   <prefix>/template.json  written first: what is being made, on which server; again when it is
 *                           made: its OID
 *   the database            belay_template_<id>; nobody can connect; its comment is our mark
 *   <prefix>/manifest.json  written last: its presence is the commit
 *
 * template.json without a manifest is what a killed backup left behind. A database is dropped
 * only if template.json names it, the server is the one it was made on, it has the OID that was
 * noted, and it carries the mark.
 */
#pragma once

#include "backup/backup.h"

struct template_note { /* template.json */
  const char *id, *prefix;
  const char *name;                    /* of the template */
  const char *oid;                     /* of the template; NULL: not made yet, or just made */
  const char *database, *database_oid; /* of the source */
  const char *server_id;               /* system identifier */
  const char *created_at;
  bool closes;    /* the source accepts no connections while it is copied */
  bool committed; /* read: there is a manifest */
};
/* The key of the note under a prefix. */
char *template_note_key(struct arena *arena, const char *prefix);
bool template_is_committed(struct place *place, const char *prefix);
int template_note_put(struct place *place, struct arena *arena, const struct template_note *note,
                      struct err *err);
/* ret_found false: there is none, it is no template. ERR_DAMAGED: it cannot be read. */
int template_note_get(struct arena *arena, struct place *place, const char *prefix,
                      struct template_note *ret, bool *ret_found, struct err *err);

char *template_mark(struct arena *arena, const char *id); /* the comment */

/* Where the OID was not noted, a closed database without any comment is ours, too: its backup was
 * killed between making and marking. */
struct template_state {
  bool exists, accepts_connections;
  bool dropping;       /* its DROP DATABASE was interrupted: the server copies it no more */
  const char *foreign; /* why it is not ours; NULL: it is */
};
/* Asked on any database of the server. ERR_REFUSED: another server. */
int template_look(struct arena *arena, struct db_conn *conn, const struct template_note *note,
                  struct template_state *ret, struct err *err);
/* Drops the database of a note if there is one. ERR_REFUSED: another server, or not ours. */
int template_drop(struct arena *arena, struct db_conn *conn, const struct template_note *note,
                  struct err *err);

/* One at a time per source: a session lock on conn (maintenance database), which a CREATE DATABASE
 * keeps that outlives its killed belay. ERR_PREFLIGHT: another template backup is under way. */
int template_lock(struct arena *arena, struct db_conn *conn, const struct template_note *note,
                  struct err *err);

/* CREATE DATABASE name TEMPLATE source, as files where the server has the choice. */
int template_create(struct arena *arena, struct db_conn *conn, const char *name, const char *source,
                    const char *options, struct err *err);
/* The note of a backup whose database is there, ours, whole and closed. ERR_DAMAGED; ERR_REFUSED:
 * another server. */
int template_find(struct arena *arena, struct place *place, const char *prefix,
                  struct db_conn *conn, struct template_note *ret, struct err *err);
