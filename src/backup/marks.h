/* backup/marks.h: what the statements of a backup's SQL members are, told in comments that psql
 * swallows. Private to backup/.
 *
 *   -- belay {"kind":"index","object":"public.orders.orders_at","for":"create","table":...}
 *
 * A mark stands for the statements that follow it up to the next mark or the end of the member. It
 * is one line of JSON: odd names are safe. Backups of older versions have no marks.
 */
#pragma once

#include "backup/backup.h"

struct mark {
  const char *kind;       /* catalog_kind_name, or "large object"; NULL: there is no mark */
  const char *object;     /* identity, in kind */
  const char *purpose;    /* catalog_purpose_name; "value" for the position of a sequence */
  const char *table;      /* of constraints, indexes, triggers ...: the table they belong to;
                             "attach": the partitioned table; a sequence: whose column owns it */
  const char *references; /* foreign keys: the other table */
  struct strings needs;   /* titles: "table public.orders" */
  /* Primary keys and unique constraints: the same in two statements, so that the index can be
   * built beside others; else NULL. */
  const char *split_index, *split_constraint;
};

/* The mark's line with its line break. */
void mark_write(struct text *out, struct arena *arena, const struct catalog *c,
                const struct catalog_statement *statement);
/* Of a setval; table: whose identity column has the sequence, else NULL. */
void mark_write_value(struct text *out, const char *sequence, const char *table);
/* With the statement, its semicolon and line break. */
void mark_write_large_objects(struct text *out, enum catalog_purpose purpose, const char *objects,
                              const char *sql);
/* From the text of a comment (without the dashes). False: it is no mark. ERR_DAMAGED: it is one
 * that cannot be understood. */
bool mark_is(const char *comment);
int mark_read(struct arena *arena, const char *comment, struct mark *ret, struct err *err);
/* "kind object", as `needs` names it. */
char *mark_title(struct arena *arena, const struct mark *mark) MUST_CHECK;
bool mark_is_for(const struct mark *mark, enum catalog_purpose purpose);
bool mark_is_kind(const struct mark *mark, enum catalog_kind kind);
