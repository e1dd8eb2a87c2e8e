#!/usr/bin/env bash
# belay lint: where migrations come from, formats, --fail-on, suppression, exit codes.
# shellcheck source=tests/harness/lib.sh
. "$(dirname "$0")/../harness/lib.sh"
mkdir "$scratch/work"
cd "$scratch/work"
echo "# belay applies the files, with timeouts" >belay.yaml
unset DATABASE_URL BELAY_DATABASE_URL "${!PG@}"
printf 'CREATE TABLE a (id int PRIMARY KEY);\n' >good.sql
printf 'SELECT 1;\nDROP TABLE quotes;\n' >error.sql
printf 'CREATE INDEX orders_day ON orders (day);\n' >warning.sql
printf 'ALTER TABLE orders ALTER day DROP NOT NULL;\n' >info.sql

# piped TEXT CODE ARGUMENT...: belay lint with TEXT on stdin must end with CODE
piped() {
  local text=$1 want=$2
  shift 2
  # shellcheck disable=SC2016 # it is the inner shell that expands
  expect "$want" bash -c 'printf "%b" "$1" | "$BELAY" lint "${@:2}"' piped "$text" "$@"
}
# in_json FILTER: of the last answer
in_json() { jq -e "$1" <"$scratch/out" >/dev/null || fail "not so in the JSON: $1"; }

# files
expect 0 "$BELAY" lint good.sql
says 'in 1 file, 1 statement, all analysed'
expect 3 "$BELAY" lint error.sql
says '^error\.sql:2:1: error drop-table: table quotes is dropped'
says '2 \| DROP TABLE quotes;'
says 'lock: ACCESS EXCLUSIVE'
says 'hint: .*belay explain RULE'
expect 3 "$BELAY" lint good.sql error.sql warning.sql
says '1 error, 1 warning in 3 files, 4 statements'
expect 2 "$BELAY" lint good.sql missing.sql
says 'missing\.sql: No such file'
# a table that the same file makes is new, nobody waits for it; that of an earlier file may be in use
printf 'CREATE TABLE orders (day date);\n' >first.sql
expect 3 "$BELAY" lint --fail-on warning first.sql warning.sql
cat first.sql warning.sql >together.sql
expect 0 "$BELAY" lint --fail-on warning together.sql

# names that begin with a dash
cp error.sql ./-odd.sql
cp good.sql ./--json
expect 3 "$BELAY" lint -- -odd.sql
says '^-odd\.sql:2:1'
expect 0 "$BELAY" lint -- --json good.sql
says 'in 2 files'
expect 2 "$BELAY" lint -odd.sql
rm ./-odd.sql ./--json

# stdin
piped 'DROP TABLE orders;' 3 -
says '^-:1:1: error drop-table'
piped 'DROP TABLE orders;' 3 - --stdin-path prisma/migrations/x/migration.sql
says '^prisma/migrations/x/migration\.sql:1:1: error drop-table'
piped 'SELECT 1;' 0 --stdin-path x.sql -
piped '' 0 -

# what cannot be taken apart is refused with its place; what cannot be parsed is a finding
piped "SELECT 1;\nSELECT 'open" 3 -
says '^error: -:2:8'
piped 'SELECT 1;\n\\d orders\n' 3 -
says '^-:2:1: error psql-only'
piped 'SELECT 1;\n\\d orders\n' 0 - --runner psql
piped 'ALTER TABLE orders FROBNICATE;' 3 - --fail-on warning
says 'not-analysed'
says '1 statement, 1 not analysed'

# directories: those of Prisma, and plain files in order of name
mkdir -p prisma/migrations/2_b prisma/migrations/1_a plain
printf 'provider = "postgresql"\n' >prisma/migrations/migration_lock.toml
printf 'CREATE TABLE orders (day varchar(5));\n' >prisma/migrations/1_a/migration.sql
printf 'ALTER TABLE orders ALTER day TYPE varchar(9);\n' >longer.sql # harmless, if what it was is known
cp longer.sql prisma/migrations/2_b/migration.sql
expect 0 "$BELAY" lint --fail-on warning prisma/migrations
says 'in 2 files'
cp prisma/migrations/1_a/migration.sql plain/001_orders.sql
cp longer.sql plain/002_longer.sql
expect 0 "$BELAY" lint --fail-on warning plain
says 'in 2 files'
printf 'SELECT 1;\nDROP TABLE trades;\n' >plain/003_drop.sql
expect 3 "$BELAY" lint plain
says '^plain/003_drop\.sql:2:1'
# without arguments: the project's directory, also from below, also as --dir says
expect 0 "$BELAY" lint
says 'in 2 files'
expect 3 "$BELAY" lint --dir plain
printf 'migrations: {dir: plain, format: plain}\n' >belay.yaml
# shellcheck disable=SC2016 # it is the inner shell that expands
expect 3 bash -c 'cd prisma && "$BELAY" lint'
says '003_drop\.sql:2:1'
echo "# belay applies the files, with timeouts" >belay.yaml

# --fail-on: rows are files, columns error warning info never
while read -r file error warning info never; do
  expect "$error" "$BELAY" lint --fail-on error "$file.sql"
  expect "$warning" "$BELAY" lint --fail-on warning "$file.sql"
  expect "$info" "$BELAY" lint --fail-on info "$file.sql"
  expect "$never" "$BELAY" lint --fail-on never "$file.sql"
done <<'TABLE'
error 3 3 3 0
warning 0 3 3 0
info 0 0 3 0
good 0 0 0 0
TABLE
# the level of the policy counts when none is given
mkdir policies
printf 'extends: development\nlint:\n  fail_on: warning\n  rules: {drop-table: info}\n' >policies/strict.yaml
expect 3 "$BELAY" lint -e strict warning.sql
expect 0 "$BELAY" lint -e strict error.sql
expect 0 "$BELAY" lint -e strict --fail-on error warning.sql

# formats
expect 3 "$BELAY" lint --format json error.sql warning.sql
in_json '.schema == 1 and (.findings | length) == 2'
in_json '.findings[0] | .file == "error.sql" and .line == 2 and .column == 1 and .end_line == 2 and .end_column == 18'
in_json '.findings[0] | .rule == "drop-table" and .severity == "error" and .depth == "static" and .relation == "quotes"'
in_json '.findings[0] | .suppressed == false and .reason == null and (.message, .hazard, .safe, .lock | length > 0)'
in_json '.summary == {files: 2, statements: 3, not_analysed: 0, errors: 1, warnings: 1, infos: 0, suppressed: 0}'
cp "$scratch/out" "$scratch/json"
expect 3 "$BELAY" lint --json error.sql warning.sql
cmp -s "$scratch/out" "$scratch/json" || fail "--json is another answer than --format json"
expect 0 "$BELAY" lint --json good.sql
in_json '.findings == []'
printf 'DROP TABLE "a\\"\n\tb";\n' >quoted.sql
expect 3 "$BELAY" lint --json quoted.sql
in_json '.findings[0].rule == "drop-table"'

expect 3 "$BELAY" lint --format github error.sql warning.sql
says '^::error file=error\.sql,line=2,col=1,.*title=drop-table::table quotes is dropped'
says '^::warning file=warning\.sql,line=1,.*title=index-create-not-concurrent::'
[ "$(grep -c '^::' "$scratch/out")" = 2 ] || fail "not one command a finding"
expect 0 "$BELAY" lint --format github good.sql
[ ! -s "$scratch/out" ] || fail "commands without findings"

# suppression
printf -- '-- belay:ignore drop-table replaced by trades\nDROP TABLE orders;\n' >ignored.sql
expect 0 "$BELAY" lint ignored.sql
expect 0 "$BELAY" lint --fail-on info --json ignored.sql
in_json '.findings[0] | .suppressed == true and .reason == "replaced by trades"'
in_json '.summary | .errors == 0 and .suppressed == 1'
expect 0 "$BELAY" lint --format github ignored.sql
says_not '^::error'
piped 'DROP TABLE orders; -- belay:ignore drop-table because\n' 0 -
piped '-- belay:ignore-file drop-table because\nDROP TABLE a;\nDROP TABLE b;\n' 0 -
piped '-- belay:ignore drop-table because\nDROP TABLE a;\nDROP TABLE b;\n' 3 -
says '^-:3:1: error drop-table'
piped '-- belay:ignore drop-tabel because\nDROP TABLE a;\n' 3 -
says 'suppression-unknown'
says 'drop-table'
piped '-- belay:ignore drop-table because\nSELECT 1;\n' 3 - --fail-on warning
says 'suppression-unused'
printf -- '-- belay:ignore drop-table\nDROP TABLE orders;\n' >no-reason.sql
expect 0 "$BELAY" lint -e development no-reason.sql
expect 3 "$BELAY" lint -e production no-reason.sql
says 'suppression-no-reason'

# colour only where it is seen
expect 3 env -u NO_COLOR "$BELAY" lint error.sql
says_not $'\033'
