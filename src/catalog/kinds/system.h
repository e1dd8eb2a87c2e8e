/* catalog/kinds/system.h: privileges on system objects, a property of the database. */
#pragma once

#include "catalog/model.h"

/* An expression of the database's query: JSON array, five strings an object: how GRANT names it,
 * its column or "", a query for its acl, what initdb gave and is gone, what was given since. */
extern const char catalog_system_privileges[];
void catalog_write_system_privileges(struct catalog_writer *w,
                                     const struct catalog_object *database);
