#!/usr/bin/env bash
# belay lint --against: what the ledger says is applied is history; a migration before the one that is linted, but not applied
# yet, is read; one that is applied is looked at only when it is named, and belay says so.
# shellcheck source=tests/harness/lib.sh
. "$(dirname "$0")/../harness/lib.sh"
project
migration 20260101000000_init 'CREATE TABLE a (id int PRIMARY KEY, n int); CREATE TABLE old (id int);'
migration 20260102000000_drop '-- belay:ignore drop-table, drop-column not used
DROP TABLE old;'
expect 0 "$BELAY" run -e development -d "dbname=$PGDATABASE"
migration 20260103000000_new 'CREATE TABLE b (id int PRIMARY KEY, a_id int);'
migration 20260104000000_index 'CREATE INDEX b_a ON b (a_id);'
migration 20260105000000_bad 'CREATE INDEX a_n ON a (n);'
in_json() { jq -e "$1" <"$scratch/out" >/dev/null || fail "not so in the JSON: $1"; }
against=(--against "dbname=$PGDATABASE")

expect 0 "$BELAY" lint --json "${against[@]}"
says '2 of 5 migrations are applied already in this database'
in_json '.summary.files == 3'
in_json '[.findings[] | select(.rule == "index-create-not-concurrent") | .relation] == ["public.a"]'
# without the database both tables are in use
expect 0 "$BELAY" lint --json --since 20260103
in_json '[.findings[] | select(.rule == "index-create-not-concurrent")] | length >= 1'
# one file: what the pending one before it makes is known, and is in use by nobody
expect 0 "$BELAY" lint --json "${against[@]}" prisma/migrations/20260104000000_index/migration.sql
in_json '.summary.files == 1 and ([.findings[] | select(.rule == "index-create-not-concurrent") | .relation] | length) == 0'
expect 0 "$BELAY" lint --json "${against[@]}" prisma/migrations/20260105000000_bad/migration.sql
in_json '[.findings[] | select(.rule == "index-create-not-concurrent") | .relation] == ["public.a"]'
expect 0 "$BELAY" lint --json "${against[@]}" prisma/migrations/20260102000000_drop/migration.sql
says 'is applied already in this database'

# what was edited after it was applied, and what came too late, is told of the directory and of the file
echo '-- edited' >>prisma/migrations/20260102000000_drop/migration.sql
migration 20260101120000_late 'CREATE TABLE late (id int PRIMARY KEY);'
expect 0 "$BELAY" lint --json "${against[@]}" --fail-on never
in_json '[.findings[] | select(.rule == "migration-edited-after-apply") | .file | test("_drop/")] == [true]'
in_json '[.findings[] | select(.rule == "migration-out-of-order") | .file | test("_late/")] == [true]'
in_json '[.findings[] | select(.rule == "drop-table")] == []'
expect 0 "$BELAY" lint --json "${against[@]}" --fail-on never prisma/migrations/20260102000000_drop/migration.sql
in_json '[.findings[].rule] | index("migration-edited-after-apply") != null'

# what the server's parser refuses is an error, with its place; what it takes and belay does not know is told as such
printf 'SELECT 1;\nALTER TABLE a\n  ADD COLUM x int;\n' >wrong.sql
expect 3 "$BELAY" lint "${against[@]}" wrong.sql
says '^wrong\.sql:3:[0-9]+: error syntax-error'

# timestamp and timestamptz are the same bytes where sessions begin in UTC
sql 'CREATE TABLE stamps (at timestamp)'
printf 'ALTER TABLE stamps ALTER at TYPE timestamptz;\n' >zone.sql
sql "ALTER DATABASE \"$PGDATABASE\" SET timezone = 'UTC'"
expect 0 "$BELAY" lint --json "${against[@]}" zone.sql
in_json '[.findings[] | select(.rule == "type-change-rewrite")] == [] and .statements[0].effects.rewrites == []'
sql "ALTER DATABASE \"$PGDATABASE\" SET timezone = 'Europe/Berlin'"
expect 3 "$BELAY" lint --json --fail-on warning "${against[@]}" zone.sql
in_json '.statements[0].effects.rewrites == ["public.stamps"]'
