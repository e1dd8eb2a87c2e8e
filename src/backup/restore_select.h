/* backup/restore_select.h: a part of a backup: some tables and what belongs to them. Private to
 * backup/.
 *
 * A table brings its columns, the sequences its columns own, indexes, constraints, statistics,
 * triggers, rules, policies, comments and privileges; a partitioned table its partitions, with
 * their rows. Types, functions, schemas and other things it cannot be made without come along.
 * What would need something that is not restored is left out and noted: foreign keys to other
 * tables, triggers, rules and policies. So is what only uses the tables (views, publications, keys
 * of other tables), and large objects. A partition without its root is a table of its own.
 * With data_only it is the rows of the tables that are asked for, and of their partitions.
 */
#pragma once

#include "backup/restore.h"

/* Marks what options->tables does not ask for as left_out, and drops their rows from
 * restore->tables. ERR_USAGE: a pattern matches nothing. ERR_REFUSED: rows that
 * would come along are not in the backup. */
int restore_select(struct restore *restore, struct err *err);
