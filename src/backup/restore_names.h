/* backup/restore_names.h: names of a backup that another server may not have: roles, tablespaces,
 * extensions. Private to backup/.
 *
 * Where a statement names a role is known from its mark, so only those places are changed. All is
 * checked before anything is made.
 */
#pragma once

#include "backup/restore.h"

/* What the text of a statement may name, and where. */
enum names_form {
  NAMES_OWNER,      /* OWNER TO role */
  NAMES_PRIVILEGES, /* GRANT, REVOKE, ALTER DEFAULT PRIVILEGES */
  NAMES_SETTING,    /* ALTER ROLE role */
  NAMES_POLICY,     /* CREATE POLICY ... TO role, role */
  NAMES_MAPPING,    /* CREATE USER MAPPING FOR role */
  NAMES_TABLESPACE, /* TABLESPACE name, outside parentheses */
};

struct names_map {
  const char *from, *to;
  bool used;
};
VEC_TYPE(names_maps, struct names_map);

struct names {
  struct arena *arena;
  struct names_maps maps;
  bool drop;            /* tablespaces: the clause goes */
  struct strings found; /* of the last statement, mapped */
};
/* "OLD=NEW" each. ERR_USAGE naming the option. */
int names_parse(struct arena *arena, const struct strings *texts, const char *option,
                struct names_maps *ret, struct err *err);
/* The statement with the names mapped; names->found says which it holds now. */
char *names_rewrite(struct names *names, enum names_form form, const char *sql);

/* Changes the items that will be run, and refuses (ERR_REFUSED) what the server lacks. */
int restore_check_names(struct restore *restore, struct db_conn *conn, struct err *err);
/* restore_extensions.c: refuses extensions that the server does not offer, leaves out those of
 * options->skip_extensions, takes the default version where that of the backup is not offered. */
int restore_check_extensions(struct restore *restore, struct db_conn *conn, struct err *err);
/* Rows of the tables of such an extension are left out, too; once the schema is made. */
int restore_leave_out_absent(struct restore *restore, struct err *err);
