/* backup/properties.h: what belongs to a database and neither CREATE DATABASE ... TEMPLATE nor a
 * rename brings: owner, privileges, connection limit, settings (also of roles in it), comment,
 * security labels; and its tablespace, which only CREATE DATABASE sets here. Private to backup/.
 *
 * They travel as a JSON object; the manifest holds one under "properties".
 */
#pragma once

#include <jansson.h>

#include "db/db.h"

/* Of a database of conn's server; the caller decrefs. ERR_UNEXPECTED: there is none. */
int properties_read(struct arena *arena, struct db_conn *conn, const char *database,
                    json_t **ret_properties, struct err *err);
/* Makes `database` have these and no others, in one transaction, reads them back and compares.
 * Roles that do not exist here: what names them is left out, and they are added to ret_missing.
 * no_owner: owner, privileges and settings of roles stay as they are. */
int properties_apply(struct arena *arena, struct db_conn *conn, const char *database,
                     const json_t *properties, bool no_owner, struct strings *ret_missing,
                     struct err *err);
