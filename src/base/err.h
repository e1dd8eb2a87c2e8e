/* err.h: one error, complete enough to print.
 *
 * A function that can fail returns 0 or -1 and takes `struct err *err` last. On success *err is
 * untouched; on failure it is filled once, where the failure happened; callers add context with
 * err_wrap and return -1:
 *
 *   CLEANUP(err_clear) struct err err = ERR_INIT;
 *   if (db_exec(conn, sql, &err) < 0)
 *     return err_wrap(err, "locking %s", table);
 *
 * Only cli/ and run/ print errors. Messages: lower case, no full stop. A hint is a sentence with
 * the command to type. `err` may not be NULL. Setting a filled err again keeps the first (the
 * cause) and drops the second.
 */
#pragma once

#include <stdbool.h>

#include "base/mem.h"

/*  name            exit  what it says of the database; DESIGN: exit codes */
#define ERR_CODES(X)                                                                               \
  X(ERR_NONE, 0, "done")                                                                           \
  X(ERR_UNEXPECTED, 1, "unexpected failure")                                                       \
  X(ERR_USAGE, 2, "usage or configuration; the database is untouched")                             \
  X(ERR_REFUSED, 3, "refused; the database is untouched")                                          \
  X(ERR_PREFLIGHT, 4, "preflight failed; the database is untouched, a retry may help")             \
  X(ERR_BACKUP, 5, "backup failed; nothing was run")                                               \
  X(ERR_UNCHANGED, 6, "migration failed; the database is as before, checked")                      \
  X(ERR_RESTORED, 7, "migration failed; the old state was brought back (checked)")                 \
  X(ERR_CHANGED, 8, "failed and the database is changed; a person is needed")                      \
  X(ERR_POSTVERIFY, 9, "migration succeeded, post-verify or seal did not")                         \
  X(ERR_LOCKED, 10, "another run holds the lock; the database is untouched")                       \
  X(ERR_STORE, 11, "store unreachable or refused; the database is untouched")                      \
  X(ERR_DENIED, 11, "the store does not let these credentials look or delete")                     \
  X(ERR_DAMAGED, 12, "artifact damaged or not decryptable; the database is untouched")             \
  X(ERR_SEALED, 12, "encrypted, and no identity opens it; the database is untouched")              \
  X(ERR_INTERRUPTED, 130, "interrupted; belay status says where")                                  \
  X(ERR_TERMINATED, 143, "terminated; belay status says where")                                    \
  /* internal causes, mapped to one of the above by the stage that meets them */                   \
  X(ERR_SQL, 1, "the server reported an error")                                                    \
  X(ERR_CONNECT, 4, "the server cannot be reached")

enum err_code {
#define X(name, exit_code, text) name,
  ERR_CODES(X)
#undef X
};

struct err {
  enum err_code code;
  char sqlstate[6]; /* "" when the cause is not the server */
  char *message;    /* owned; never NULL once set */
  char *detail;     /* owned; NULL = none */
  char *hint;       /* owned; NULL = none */
};

#define ERR_INIT ((struct err){.code = ERR_NONE})

/* Each returns -1, so that one can write `return err_set(...)`. */
int err_set(struct err *err, enum err_code code, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* code + ": strerror(errno)" */
int err_errno(struct err *err, enum err_code code, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* prefixes the message: "fmt: old message" */
int err_wrap(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);
int err_detail(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3); /* replaces */
int err_hint(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);   /* replaces */
/* Changes the code (a stage says what the failure means for the database). */
int err_recode(struct err *err, enum err_code code);

bool err_is_set(const struct err *err);
/* SQLSTATE compare; prefix of 2 compares the class. */
bool err_sqlstate_is(const struct err *err, const char *sqlstate);
int err_exit_code(enum err_code code);
const char *err_code_name(enum err_code code); /* "ERR_REFUSED" */
const char *err_code_text(enum err_code code);

void err_clear(struct err *err); /* frees and resets; for CLEANUP */
/* Moves the content of from into to (to must be clear). */
void err_move(struct err *to, struct err *from);
