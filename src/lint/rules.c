#include "base/suggest.h"
#include "lint/lint.h"

#define AX "ACCESS EXCLUSIVE"
#define SRX "SHARE ROW EXCLUSIVE"
#define SUX "SHARE UPDATE EXCLUSIVE"
#define ADD_SLOWLY                                                                                 \
  "Add the column nullable and without the default, set the default, fill old rows in batches."

const struct lint_rule lint_rules[] = {
    /* ---- data is lost ---- */
    {"drop-table", LINT_ERROR, "a table is dropped",
     "Its rows, indexes, triggers and privileges are gone at commit.", AX,
     "Stop using the table first, rename it aside for a while, and drop it once a backup is "
     "proven."},
    {"drop-column", LINT_ERROR, "a column is dropped",
     "The column's values are gone at commit, with its indexes and constraints; a running "
     "application that reads it fails.",
     AX,
     "Deploy an application that no longer uses the column, then drop it with a backup of its "
     "values."},
    {"drop-schema", LINT_ERROR, "a schema is dropped",
     "With CASCADE everything in it is gone at commit.", AX,
     "Drop or move the objects one by one, then the empty schema without CASCADE."},
    {"drop-database", LINT_ERROR, "a database is dropped",
     "Every table in it is gone; this cannot be rolled back.", NULL,
     "Never drop a database from a migration."},
    {"drop-cascade", LINT_ERROR, "CASCADE drops objects that the file does not name",
     "Views, constraints, functions and defaults that depend on the object vanish with it.", AX,
     "Drop each dependent object by name, without CASCADE."},
    {"drop-type-cascade", LINT_ERROR, "a type or domain is dropped with CASCADE",
     "Every column of that type is dropped, with its values.", AX,
     "Convert the columns to another type first, then drop the type without CASCADE."},
    {"drop-owned", LINT_ERROR, "everything that a role owns is dropped",
     "All tables, schemas and functions of the role in this database are gone.", AX,
     "Use REASSIGN OWNED to hand the objects to another role."},
    {"truncate", LINT_ERROR, "a table is emptied",
     "All rows are gone at commit; TRUNCATE fires no row triggers and readers wait.", AX,
     "Delete in batches, or take a backup of the table first."},
    {"truncate-cascade", LINT_ERROR, "TRUNCATE reaches tables that the file does not name",
     "Every table with a foreign key to it is emptied too.", AX,
     "Name every table that is to be emptied, without CASCADE."},
    {"delete-without-where", LINT_ERROR, "all rows of a table are deleted",
     "Every row is gone at commit; the table is locked for writing row by row and bloats.",
     "ROW EXCLUSIVE", "Say which rows with WHERE, and delete in batches."},
    {"update-without-where", LINT_WARNING, "all rows of a table are updated",
     "Old values are overwritten, every row is locked until commit, the table doubles in size and "
     "replicas lag.",
     "ROW EXCLUSIVE",
     "Update in batches outside of the migration, with a WHERE that can be repeated."},

    /* ---- indexes ---- */
    {"index-create-not-concurrent", LINT_WARNING, "an index is built without CONCURRENTLY",
     "Writes to the table wait until the whole table is read.", "SHARE",
     "Use CREATE INDEX CONCURRENTLY in a file of its own, and check afterwards that the index is "
     "valid."},
    {"index-drop-not-concurrent", LINT_WARNING, "an index is dropped without CONCURRENTLY",
     "Reads and writes of the table wait for the lock, which itself waits for every running query.",
     AX, "Use DROP INDEX CONCURRENTLY in a file of its own."},
    {"reindex-not-concurrent", LINT_WARNING, "REINDEX without CONCURRENTLY",
     "Writes wait until the index is built again, and queries that would use it wait too.",
     "SHARE, and " AX " on the index", "Use REINDEX ... CONCURRENTLY in a file of its own."},
    {"concurrently-in-transaction", LINT_ERROR,
     "a statement that cannot run in a transaction stands in one",
     "The server refuses it (25001) and the migration fails.", NULL,
     "Put the statement into a file of its own, without BEGIN and COMMIT."},
    {"concurrently-not-alone", LINT_WARNING,
     "a statement that cannot run in a transaction shares its file",
     "A runner that sends the file as one string gives it one implicit transaction, and the server "
     "refuses (25001); "
     "and if a later statement fails, the earlier ones stay.",
     NULL, "Put the statement into a file of its own."},

    /* ---- constraints ---- */
    {"not-null-scan", LINT_WARNING, "SET NOT NULL reads the whole table",
     "Nobody can read or write the table while every row is checked.", AX,
     "Add CHECK (column IS NOT NULL) NOT VALID, VALIDATE it in another transaction, then SET NOT "
     "NULL and drop the check."},
    {"drop-not-null", LINT_INFO, "a column may be NULL from now on",
     "Code that reads the column may meet NULL where it never did.", AX,
     "Make sure that every reader copes with NULL before this is deployed."},
    {"check-not-valid", LINT_WARNING, "a CHECK constraint is added and checked at once",
     "Nobody can read or write the table while every row is checked.", AX,
     "Add it NOT VALID, then VALIDATE CONSTRAINT in another transaction."},
    {"foreign-key-not-valid", LINT_WARNING, "a foreign key is added and checked at once",
     "Writes to both tables wait while every row is looked up.", SRX " on both tables",
     "Add it NOT VALID, then VALIDATE CONSTRAINT in another transaction."},
    {"unique-constraint-builds-index", LINT_WARNING,
     "a UNIQUE constraint builds its index under the lock",
     "Nobody can read or write the table while the index is built.", AX,
     "Build a unique index CONCURRENTLY, then ADD CONSTRAINT ... UNIQUE USING INDEX."},
    {"primary-key-builds-index", LINT_WARNING, "a primary key builds its index under the lock",
     "Nobody can read or write the table while the index is built and the columns are checked for "
     "NULL.",
     AX,
     "Build a unique index CONCURRENTLY on NOT NULL columns, then ADD PRIMARY KEY USING INDEX."},
    {"exclusion-constraint", LINT_WARNING,
     "an exclusion constraint builds its index under the lock",
     "Nobody can read or write the table while the index is built and every row is compared.", AX,
     "There is no online way: do it in a quiet hour with a lock_timeout, or on a new table."},
    {"constraint-validate-same-transaction", LINT_WARNING,
     "a constraint is validated in the transaction that added it",
     "The strong lock of the ADD is held through the whole check: NOT VALID gains nothing.", AX,
     "VALIDATE CONSTRAINT in a later file."},

    /* ---- new columns ---- */
    {"add-column-required", LINT_ERROR, "a NOT NULL column is added without a value for old rows",
     "It fails as soon as the table holds one row.", AX,
     "Give it a constant default, or add it nullable, fill it, and set NOT NULL later."},
    {"add-column-volatile-default", LINT_ERROR,
     "a column is added with a default that differs row by row",
     "The table and all its indexes are written anew while nobody can read or write it.", AX,
     ADD_SLOWLY},
    {"add-column-serial", LINT_ERROR, "a serial column is added",
     "The table and all its indexes are written anew while nobody can read or write it.", AX,
     ADD_SLOWLY},
    {"add-column-identity", LINT_ERROR, "an identity column is added",
     "The table and all its indexes are written anew while nobody can read or write it.", AX,
     ADD_SLOWLY},
    {"add-column-generated-stored", LINT_ERROR, "a stored generated column is added",
     "The table and all its indexes are written anew while nobody can read or write it.", AX,
     "Add a plain column, keep it filled with a trigger, and fill old rows in batches."},
    {"add-column-unique", LINT_WARNING, "a UNIQUE or PRIMARY KEY column is added",
     "Nobody can read or write the table while the index is built.", AX,
     "Add the column, build a unique index CONCURRENTLY, then add the constraint USING INDEX."},
    {"add-column-check", LINT_WARNING, "a column is added with a CHECK",
     "Nobody can read or write the table while every row is checked, even if the new column is "
     "NULL everywhere.",
     AX,
     "Add the column, then the CHECK NOT VALID, then VALIDATE CONSTRAINT in another transaction."},
    {"add-column-foreign-key", LINT_WARNING, "a column is added with a foreign key",
     "Both tables are locked, and with a default every row is looked up.",
     AX ", and " SRX " on the other table",
     "Add the column, then the foreign key NOT VALID, then VALIDATE CONSTRAINT in another "
     "transaction."},

    /* ---- types ---- */
    {"type-change-rewrite", LINT_ERROR, "a type change writes the table anew",
     "The table and all its indexes are written anew while nobody can read or write it.", AX,
     "Add a column of the new type, keep it filled with a trigger, fill old rows in batches, then "
     "swap the names."},
    {"enum-value-same-transaction", LINT_ERROR,
     "a new enum value is used in the transaction that adds it",
     "The server refuses: the value is unsafe to use before it is committed.", NULL,
     "Add the value in a file of its own."},
    {"rename-enum-value", LINT_WARNING, "an enum value is renamed",
     "A running application that writes the old value fails.", NULL,
     "Add the new value, let all code use it, and leave the old one."},

    /* ---- names ---- */
    {"rename-column", LINT_WARNING, "a column is renamed",
     "A running application that uses the old name fails at once.", AX,
     "Add a column with the new name, write both for one release, then drop the old one."},
    {"rename-table", LINT_WARNING, "a table or view is renamed",
     "A running application that uses the old name fails at once.", AX,
     "Leave a view with the old name in the same transaction until nobody uses it."},
    {"rename-schema", LINT_WARNING, "a schema is renamed",
     "Every qualified name and search_path that mentions it fails at once.", AX,
     "Make the new schema and move one object after another behind views."},
    {"set-schema", LINT_WARNING, "an object moves to another schema",
     "Qualified names of it fail at once, unqualified ones depend on search_path.", AX,
     "Leave a view with the old name in the same transaction until nobody uses it."},

    /* ---- maintenance ---- */
    {"vacuum-full", LINT_ERROR, "VACUUM FULL writes the table anew",
     "Nobody can read or write the table while it is copied; twice the space is needed.", AX,
     "Use plain VACUUM, or pg_repack."},
    {"cluster", LINT_ERROR, "CLUSTER writes the table anew",
     "Nobody can read or write the table while it is copied in index order.", AX, "Use pg_repack."},
    {"lock-table", LINT_WARNING, "a table is locked by name",
     "Everything that conflicts waits until the transaction ends.", "as written",
     "Leave it out: each statement takes the lock that it needs."},
    {"disable-trigger", LINT_WARNING, "triggers are switched off",
     "Rows written meanwhile escape checks, audit and foreign keys (ALL), and nothing checks them "
     "later.",
     SRX,
     "Leave triggers on, or switch off one user trigger by name and on again in the same "
     "transaction."},
    {"matview-refresh-not-concurrent", LINT_WARNING,
     "a materialized view is refreshed without CONCURRENTLY",
     "Readers of the view wait until its query is done.", AX,
     "Make a unique index on the view and use REFRESH MATERIALIZED VIEW CONCURRENTLY."},
    {"set-logged-unlogged", LINT_WARNING, "a table changes between LOGGED and UNLOGGED",
     "The table and all its indexes are written anew; an unlogged table is emptied by a crash.", AX,
     "Decide when the table is made."},
    {"partition-attach-scan", LINT_WARNING, "ATTACH PARTITION reads the table that is attached",
     "The table is locked while every row is checked against the bounds, and the default partition "
     "is read too.",
     SUX " on the parent, " AX " on the partition",
     "Add a CHECK with the bounds NOT VALID and VALIDATE it before, also on the default "
     "partition."},
    {"partition-detach-not-concurrent", LINT_WARNING, "DETACH PARTITION without CONCURRENTLY",
     "Nobody can read or write the whole partitioned table while the lock is waited for and held.",
     AX,
     "Use DETACH PARTITION ... CONCURRENTLY (14 or newer, no default partition) in a file of its "
     "own."},

    /* ---- transactions ---- */
    {"ddl-and-backfill-together", LINT_WARNING, "a table is changed and filled in one transaction",
     "The strong lock of the ALTER is held until the last row is written.", AX,
     "Fill the table in a later migration, in batches."},
    {"transaction-nesting", LINT_ERROR, "transaction control inside a migration",
     "The runner's own transaction ends early or the rest runs outside of one: a failure leaves "
     "half a migration.",
     NULL,
     "Remove BEGIN, COMMIT, ROLLBACK and savepoints; belay runs each file in one transaction."},
    {"execute-opaque", LINT_WARNING, "code runs that cannot be read here",
     "What a DO block, CALL, EXECUTE or function does is decided on the server; no other rule has "
     "looked at it.",
     NULL, "Write plain statements; or let belay prove the migration on a shadow database."},

    /* ---- the analysis itself ---- */
    {"not-analysed", LINT_WARNING, "a statement was not understood",
     "No rule has looked at it: it may be wrong, or newer than the parser.", NULL,
     "Check the statement by hand; let belay prove it on a shadow database."},
    {"suppression-unknown", LINT_ERROR, "an ignore names a rule that does not exist",
     "The finding that it should silence is not silenced, or another one is.", NULL,
     "Correct the name; belay explain lists the rules."},
    {"suppression-unused", LINT_WARNING, "an ignore silences nothing",
     "It would silence the next real finding without anybody noticing.", NULL, "Remove it."},
    {"suppression-no-reason", LINT_ERROR, "an ignore gives no reason",
     "Nobody can tell later whether it still holds.", NULL,
     "Write the reason behind the rule: -- belay:ignore drop-table replaced by orders_v2 in "
     "March."},
};

const size_t lint_rule_count = COUNT_OF(lint_rules);

const struct lint_rule *lint_rule_find(const char *id)
{
  for (size_t i = 0; i < lint_rule_count; i++)
    if (strcmp(lint_rules[i].id, id) == 0)
      return &lint_rules[i];
  return NULL;
}

enum { PART_LEN_MIN = 4 }; /* shorter pieces are in too many names */

const char *lint_rule_suggest(const char *id)
{
  const char *ids[COUNT_OF(lint_rules)];
  for (size_t i = 0; i < lint_rule_count; i++)
    ids[i] = lint_rules[i].id;
  for (size_t i = 0; i < lint_rule_count && strlen(id) >= PART_LEN_MIN; i++)
    if (strstr(ids[i], id))
      return ids[i];
  return suggest_word(id, ids, lint_rule_count);
}
