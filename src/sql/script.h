/* sql/script.h: bytes -> statements, by PostgreSQL's own lexical rules, whatever the parser knows.
 *
 *   struct sql_script *script;
 *   if (sql_script_read(arena, "20260101_x/migration.sql", bytes, len, &script, err) < 0) ...
 *   for (size_t i = 0; i < script->statements.len; i++) run(script->statements.at[i].text);
 *
 * The splitter is our own (strings, E'', dollar quotes, nested comments, BEGIN ATOMIC bodies,
 * parentheses of CREATE RULE); libpg_query then parses each statement alone. A statement that it
 * cannot parse keeps tree == NULL and parse_error; it is still split, classified by its leading
 * keywords and can be run.
 * psql's own lines (\set x 1) and the rows behind COPY ... FROM STDIN are no SQL: a script that is
 * to be run must not hold them (sql_script_read), one that is only looked at may
 * (sql_script_read_psql).
 * Everything lives in the arena. Lines and columns are 1-based, columns count bytes; offsets are
 * 0-based bytes.
 */
#pragma once

#include "base/base.h"

/* Top-level transaction control, recognised by our scanner and not only by the parser. */
enum sql_transaction {
  SQL_NOT_TRANSACTION,
  SQL_BEGIN,     /* BEGIN, START TRANSACTION */
  SQL_COMMIT,    /* COMMIT, END; also AND CHAIN */
  SQL_ROLLBACK,  /* ROLLBACK, ABORT */
  SQL_SAVEPOINT, /* SAVEPOINT, RELEASE, ROLLBACK TO */
  SQL_PREPARED,  /* PREPARE TRANSACTION, COMMIT PREPARED, ROLLBACK PREPARED */
};

struct sql_place {
  size_t offset;
  int line, column;
};

struct sql_tree; /* the digest of a parsed statement: sql/tree.h */

struct sql_statement {
  const char *text; /* NUL-terminated; without leading space and comments, without the semicolon */
  size_t len;
  struct sql_place start; /* first byte of text */
  struct sql_place end;   /* one past the last byte of text */
  enum sql_transaction transaction;
  const char
      *bare; /* why it cannot run in a transaction block ("CREATE INDEX CONCURRENTLY"), else NULL */
  const struct sql_tree *tree; /* NULL: not parsed */
  const char *parse_error;     /* why not; NULL when parsed */
  size_t parse_error_at;       /* offset in text at which the parser gave up */
  bool refused;                /* a server's parser said so */
  bool copy_data;              /* COPY ... FROM STDIN: rows followed */
};

/* The major of PostgreSQL whose grammar the parser has. */
int sql_parser_major(void);

/* A psql command: "\gexec", "\i other.sql". */
struct sql_psql_command {
  const char *text; /* to the end of its line */
  struct sql_place start, end;
};

struct sql_comment {
  const char *text; /* without the comment marks, trimmed */
  struct sql_place start, end;
};

VEC_TYPE(sql_statements, struct sql_statement);
VEC_TYPE(sql_comments, struct sql_comment);
VEC_TYPE(sql_psql_commands, struct sql_psql_command);

struct sql_script {
  const char *name; /* for messages: a path, or "-" */
  const char *bytes;
  size_t len;
  struct sql_statements statements;
  struct sql_comments comments;
  struct sql_psql_commands psql_commands; /* only by sql_script_read_psql */
  bool no_transaction;                    /* said outside of the script; whoever reads it sets it */
};

enum { SQL_SCRIPT_BYTES_MAX = 64 * 1024 * 1024 };

/* Fails (ERR_USAGE, message with name:line:column) on an unterminated string, quoted name, comment
 * or dollar quote, a psql backslash command, COPY ... FROM STDIN, standard_conforming_strings off,
 * a NUL byte, or more than SQL_SCRIPT_BYTES_MAX. */
int sql_script_read(struct arena *arena, const char *name, const char *bytes, size_t len,
                    struct sql_script **ret_script, struct err *err);

/* The same, but psql commands and the rows of COPY ... FROM STDIN are read through: positions hold,
 * commands are listed, and those that send what was typed so far (\g, \gexec ...) end a
 * statement. */
int sql_script_read_psql(struct arena *arena, const char *name, const char *bytes, size_t len,
                         struct sql_script **ret_script, struct err *err);

/* Many scripts at once, by several threads where they are many. A script that cannot be read has
 * script == NULL and its err set; whoever owns the job clears it. */
struct sql_script_job {
  const char *name, *bytes; /* borrowed */
  size_t len;
  struct sql_script *script;
  struct err err;
};
void sql_scripts_read_psql(struct arena *arena, struct sql_script_job *jobs, size_t count);

/* What a better judge says of a statement that was not parsed: message, and the character (from 1;
 * 0: not known) at which it gave up. */
void sql_statement_refuse(struct arena *arena, struct sql_statement *statement, const char *message,
                          int character);

/* How a file may be run: in one transaction, or statement by statement. */
enum sql_shape {
  SQL_SHAPE_TRANSACTION, /* one transaction around all statements */
  SQL_SHAPE_BARE,        /* holds a statement that cannot run in a transaction: one by one */
};
/* Decides the shape. A BEGIN ... COMMIT around the whole file is absorbed: *ret_first and
 * *ret_last then delimit the statements inside ([first, last)). Any other top-level transaction
 * control, or a bare statement inside BEGIN ... COMMIT, is refused: ERR_REFUSED with the place and
 * what to do. */
int sql_script_shape(const struct sql_script *script, enum sql_shape *ret_shape, size_t *ret_first,
                     size_t *ret_last, struct err *err);

/* The statements [first, last) as a script of their own, places as in the whole. Borrows from it.
 */
struct sql_script *sql_script_part(struct arena *arena, const struct sql_script *script,
                                   size_t first, size_t last);

/* What kind of statement it is, as people call it: "ALTER TABLE", "CREATE INDEX", "UPDATE". */
const char *sql_statement_words(struct arena *arena, const struct sql_statement *statement);
