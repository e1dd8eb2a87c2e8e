/* belay.h: the public C API of libbelay.
 *
 *   static int show(const belay_finding *f, void *context)
 *   {
 *     printf("%s:%d:%d: %s [%s]\n", f->file, f->line, f->column, f->message, f->rule);
 *     return 0;
 *   }
 *   ...
 *   belay_error *error = NULL;
 *   if (belay_lint("migration.sql", sql, strlen(sql), show, NULL, &error) != 0) {
 *     fprintf(stderr, "%s\n", belay_error_message(error));
 *     belay_error_free(error);
 *   }
 *
 * Build with `pkg-config --cflags --libs belay`; the library is static.
 *
 * Functions that can fail return 0 or -1. On failure *error is filled, if error is not NULL, and
 * belongs to the caller (belay_error_free); other results are written only on success. Strings in
 * and out are UTF-8. Nothing is printed and no signal handler is installed. Running out of memory
 * ends the process with a line on stderr. belay_lint may be called from several threads at once,
 * belay_inverse from one at a time.
 *
 * Compatible additions raise BELAY_VERSION_MINOR: new functions, new error codes, new fields at the
 * end of belay_finding.
 */
#ifndef BELAY_BELAY_H
#define BELAY_BELAY_H

#include <stddef.h>

#define BELAY_VERSION_MAJOR 0
#define BELAY_VERSION_MINOR 1
#define BELAY_VERSION_PATCH 0
#define BELAY_VERSION_STRING "0.1.0"

#if defined(__GNUC__)
#define BELAY_API __attribute__((visibility("default")))
#else
#define BELAY_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Of the library that is linked: "0.1.0". Compare with BELAY_VERSION_STRING of the header. */
BELAY_API const char *belay_version(void);

/* ---- errors ---- */

typedef struct belay_error belay_error;

/* The exit codes of the program: they say what happened to the database. */
enum belay_error_code {
  BELAY_OK = 0,
  BELAY_ERROR_UNEXPECTED = 1,
  BELAY_ERROR_USAGE = 2,     /* an argument or the configuration; nothing was touched */
  BELAY_ERROR_REFUSED = 3,   /* cannot be analysed or run safely; nothing was touched */
  BELAY_ERROR_PREFLIGHT = 4, /* the server cannot be reached or used; a retry may help */
  BELAY_ERROR_INTERRUPTED = 130,
  BELAY_ERROR_TERMINATED = 143
};

/* Of NULL: BELAY_OK, and "" or NULL as below. Strings belong to the error. */
BELAY_API int belay_error_code(const belay_error *error);
/* One line, lower case, complete enough to print. "" of NULL. */
BELAY_API const char *belay_error_message(const belay_error *error);
BELAY_API const char *belay_error_detail(const belay_error *error); /* NULL: none */
/* A sentence that says what to do. NULL: none. */
BELAY_API const char *belay_error_hint(const belay_error *error);
/* Five characters when the server reported the cause, else "". */
BELAY_API const char *belay_error_sqlstate(const belay_error *error);
BELAY_API void belay_error_free(belay_error *error); /* NULL is fine */

/* For strings that the library gave away. NULL is fine. */
BELAY_API void belay_free(char *string);

/* ---- lint ---- */

enum belay_severity { BELAY_INFO = 1, BELAY_WARNING = 2, BELAY_ERROR = 3 };

/* Valid during the callback only, with all its strings. Lines and columns count from 1, columns in
 * bytes. */
typedef struct belay_finding {
  const char *rule; /* "drop-column"; its page: belay explain drop-column */
  int severity;     /* enum belay_severity */
  const char *file; /* the name given */
  int line, column;
  int end_line, end_column; /* one past the last byte */
  const char *message;      /* what is done: "column \"fee\" of public.orders is dropped" */
  const char *hazard;       /* what happens on the server */
  const char *safe;         /* the safe way */
  const char *lock;         /* "ACCESS EXCLUSIVE"; NULL: none of note */
  const char *relation;     /* "public.orders", or as written; NULL: none */
  int suppressed;           /* 1: a comment -- belay:ignore names the rule */
  const char *reason;       /* of the suppression; NULL: none */
} belay_finding;

/* Called once a finding, in the order of the text. Another result than 0 ends the calls. */
typedef int (*belay_finding_fn)(const belay_finding *finding, void *context);

/* Finds dangerous operations in len bytes of a migration, without a database and with the default
 * severity of each rule. `name` stands for the text in messages; NULL: "-". BELAY_ERROR_REFUSED,
 * with name:line:column, when the text cannot be taken apart (unterminated string, psql command,
 * ...). Findings, also suppressed ones, are no failure. */
BELAY_API int belay_lint(const char *name, const char *sql, size_t len, belay_finding_fn fn,
                         void *context, belay_error **error);

/* ---- inverse ---- */

/* Makes the script that undoes the schema changes of a migration, and proves it: on a throw-away
 * server on this machine (the programs of PostgreSQL in the major version of the database must be
 * installed) the migration and then the script are run on a copy of the schema.
 *
 * The database (a URL, also as Prisma writes it, or a conninfo string) must be in the state before
 * the migration; it is only read. *script is an SQL file with comments; *verdict is "exact",
 * "column-order" (exact but for the position of re-added columns), "lossy" or "none" (cannot be
 * undone; the script's header says why). Both are the caller's: belay_free. BELAY_ERROR_REFUSED
 * when the migration itself fails there or no shadow could be made, BELAY_ERROR_PREFLIGHT when the
 * database cannot be reached. */
BELAY_API int belay_inverse(const char *database_url, const char *name, const char *sql, size_t len,
                            char **script, char **verdict, belay_error **error);

#ifdef __cplusplus
}
#endif

#endif
