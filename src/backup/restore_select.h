/* backup/restore_select.h: a part of a backup: some tables and what belongs to them. Private to
 * backup/.
 *
 * A table brings its columns, the sequences its columns own, indexes, constraints, statistics,
 * triggers, rules, policies, comments and privileges; a partitioned table its partitions, with
 * their rows. Types, functions, schemas and other things it cannot be made without come along.
 * What would need something that is not restored is left out and noted: foreign keys to other
 * tables, triggers, rules and policies.
 */
#pragma once

#include "backup/restore.h"

/* Marks what options->tables does not ask for as left_out, and drops their rows from
 * restore->tables. ERR_USAGE: a pattern matches nothing. */
int restore_select(struct restore *restore, struct err *err);
