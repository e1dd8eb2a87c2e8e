#!/usr/bin/env bash
# belay lint: earlier migrations of a directory are read but get no findings; --since and the policy set a cutoff; paths have
# settings of their own; patterns that match nothing are no error.
# shellcheck source=tests/harness/lib.sh
. "$(dirname "$0")/../harness/lib.sh"
mkdir -p "$scratch/work"
cd "$scratch/work"
echo "# belay applies the files, with timeouts" >belay.yaml
unset DATABASE_URL BELAY_DATABASE_URL "${!PG@}"
in_json() { jq -e "$1" <"$scratch/out" >/dev/null || fail "not so in the JSON: $1"; }
add() { mkdir -p "prisma/migrations/$1" && printf '%s\n' "$2" >"prisma/migrations/$1/migration.sql"; }
printf 'provider = "postgresql"\n' | { mkdir -p prisma/migrations && cat >prisma/migrations/migration_lock.toml; }
add 20250101000000_init 'CREATE TABLE a (id int PRIMARY KEY, note varchar(20));'
add 20250601000000_bad 'DROP TABLE gone;'
add 20260201000000_wider 'ALTER TABLE a ALTER note TYPE varchar(40);'
add 20260301000000_drop 'DROP TABLE a;'
wider=prisma/migrations/20260201000000_wider/migration.sql

# what an earlier migration made is known: a wider varchar is no rewrite. Alone nobody knows.
expect 0 "$BELAY" lint --fail-on warning "$wider"
says 'in 1 file, 1 statement'
cp "$wider" alone.sql
expect 3 "$BELAY" lint --fail-on warning alone.sql
says 'type-change-rewrite'
# also as stdin of that path, from below, and in whatever order; the same file once
# shellcheck disable=SC2016 # it is the inner shell that expands
expect 0 bash -c '"$BELAY" lint --fail-on warning - --stdin-path "$1" <"$1"' x "$wider"
(cd prisma/migrations/20260201000000_wider && expect 0 "$BELAY" lint --fail-on warning migration.sql)
expect 3 "$BELAY" lint --json prisma/migrations/20260301000000_drop/migration.sql "$wider" "./$wider"
in_json '.summary.files == 2 and (.findings | map(.file | test("drop")) | all)'
# one that does not exist yet comes in its place
# shellcheck disable=SC2016
expect 0 bash -c 'echo "ALTER TABLE a ALTER note TYPE text;" |
  "$BELAY" lint --fail-on warning - --stdin-path prisma/migrations/20260202000000_new/migration.sql'
# shellcheck disable=SC2016
expect 3 bash -c 'echo "ALTER TABLE a ALTER note TYPE text;" |
  "$BELAY" lint --fail-on warning - --stdin-path prisma/migrations/20240202000000_new/migration.sql'
# numbered files of a plain directory; files without numbers stand for themselves
mkdir plain
cp prisma/migrations/20250101000000_init/migration.sql plain/001_init.sql
cp "$wider" plain/002_wider.sql
expect 0 "$BELAY" lint --fail-on warning plain/002_wider.sql
says 'in 1 file'
# a history that cannot be read is told, and the file is linted all the same
mkdir prisma/migrations/20250701000000_empty
expect 3 "$BELAY" lint --fail-on warning "$wider"
says "is looked at alone: .*has no migration\.sql"
says 'type-change-rewrite'
rmdir prisma/migrations/20250701000000_empty

# --since: a name or a date
expect 3 "$BELAY" lint --json
in_json '.summary.files == 4 and .summary.errors == 2'
for since in 20260201000000_wider 2026-01-01 20260201 20260201000000; do
  expect 3 "$BELAY" lint --json --since "$since"
  in_json '.summary.files == 2 and (.findings | map(.file | test("_drop/")) | all)'
done
expect 0 "$BELAY" lint --since 2027-01-01
says 'in 0 files'
expect 0 "$BELAY" lint --since 20260301 prisma/migrations/20250601000000_bad/migration.sql
expect 2 "$BELAY" lint --since 20260201000000_widen
says 'holds no migration called "20260201000000_widen"'
says 'Did you mean 20260201000000_wider\?'
expect 2 "$BELAY" lint --since 2026-01-01 plain
says 'the name does not begin with a date'
expect 2 "$BELAY" lint --since nowhere plain/002_wider.sql
# the policy's counts for the project's directory, the option wins
mkdir policies
printf 'extends: development\nlint: {since: 2026-01-01}\n' >policies/cut.yaml
expect 3 "$BELAY" lint --json -e cut
in_json '.summary.files == 2'
expect 3 "$BELAY" lint --json -e cut --since 2025-01-01
in_json '.summary.files == 4'
expect 0 "$BELAY" lint -e cut plain

# settings of paths, relative to the project's directory
touch belay.yaml
cat >policies/paths.yaml <<'YAML'
extends: development
lint:
  rules: {drop-table: warning}
  paths:
    prisma/migrations/2025*: {"*": off}
    "**/20260301*/*.sql": {drop-table: info}
YAML
expect 0 "$BELAY" lint --json -e paths
in_json '.findings | length == 1 and .[0].severity == "info"'
(cd prisma && expect 0 "$BELAY" lint --json -e paths migrations && in_json '.findings | length == 1')
echo 'DROP TABLE a;' >other.sql
expect 0 "$BELAY" lint --json -e paths other.sql
in_json '.findings[0].severity == "warning"'
printf 'extends: development\nlint:\n  paths:\n    x: {drop-tabel: off}\n' >policies/typo.yaml
expect 2 "$BELAY" lint -e typo other.sql
says 'typo\.yaml:4:9: unknown rule "drop-tabel"'

# patterns, of those who expand none; what matches nothing is no error, a file that is not there is one
expect 0 "$BELAY" lint 'nowhere/**/*.sql'
says 'nowhere/\*\*/\*\.sql matches no file'
expect 3 "$BELAY" lint --json 'prisma/**/*.sql'
in_json '.summary.files == 4'
expect 0 "$BELAY" lint --fail-on warning 'plain/*.sql' 'x?.sql'
says 'in 2 files'
expect 2 "$BELAY" lint nowhere.sql
