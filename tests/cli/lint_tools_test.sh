#!/usr/bin/env bash
# belay lint of directories of other tools: their files in their order, what takes a migration back is never part of the way
# forward, and a file runs in a transaction or not as the tool would run it.
# shellcheck source=tests/harness/lib.sh
. "$(dirname "$0")/../harness/lib.sh"
cd "$scratch"
in_json() { jq -e "$1" <"$scratch/out" >/dev/null || fail "not so in the JSON: $1"; }
found() { # found RULE FILE... : the files with an open finding of that rule, in order
  local rule=$1
  shift
  in_json "[.findings[] | select(.rule == \"$rule\" and .severity != \"info\") | .file | split(\"/\") | last] == $(printf '%s\n' "$@" | jq -R . | jq -sc 'map(select(. != ""))')"
}
bare='CREATE INDEX CONCURRENTLY i ON t (a);'

mkdir dbmate
printf -- '-- migrate:up\nCREATE TABLE t (a int);\n-- migrate:down\nDROP TABLE t;\n' >dbmate/20260101_a.sql
printf -- '-- migrate:up\n%s\n-- migrate:down\nDROP INDEX i;\n' "$bare" >dbmate/20260102_b.sql
printf -- '-- migrate:up transaction:false\n%s\n-- migrate:down\nDROP INDEX j;\n' "${bare/ i / j }" >dbmate/20260103_c.sql
expect 0 "$BELAY" lint --json --fail-on never dbmate
found concurrently-in-transaction 20260102_b.sql
found drop-table ''
found statement-fails ''

mkdir goose
printf -- '-- +goose Up\nCREATE TABLE t (a int);\n-- +goose Down\nDROP TABLE t;\n' >goose/00001_a.sql
printf -- '-- +goose Up\n%s\n-- +goose Down\nDROP INDEX i;\n' "$bare" >goose/00002_b.sql
printf -- '-- +goose NO TRANSACTION\n-- +goose Up\n%s\n-- +goose Down\nDROP INDEX j;\n' "${bare/ i / j }" >goose/00003_c.sql
expect 0 "$BELAY" lint --json --fail-on never goose
found concurrently-in-transaction 00002_b.sql
found drop-table ''
found statement-fails ''

# Flyway: V1.10 is behind V1.9, what can be repeated is last, undo files are none of it, a mixture needs a .conf
mkdir flyway
echo 'CREATE TABLE t (a int);' >flyway/V1.9__a.sql
printf 'ALTER TABLE t ADD b int;\n%s\n' "$bare" >flyway/V1.10__b.sql
printf 'ALTER TABLE t ADD c int;\n%s\n' "${bare/ i / j }" >flyway/V2__c.sql
echo 'executeInTransaction=false' >flyway/V2__c.sql.conf
echo 'DROP TABLE t;' >flyway/U1.9__a.sql
echo 'CREATE OR REPLACE VIEW v AS SELECT a, b, c FROM t;' >flyway/R__views.sql
expect 0 "$BELAY" lint --json --fail-on never flyway
in_json '[.statements[].file | split("/") | last] | unique == ["R__views.sql", "V1.10__b.sql", "V1.9__a.sql", "V2__c.sql"]'
in_json '.statements[0].file | endswith("V1.9__a.sql")'
found concurrently-in-transaction V1.10__b.sql
found statement-fails ''

# up and down files side by side; a down file that is named is looked at as what it is
mkdir updown
echo 'CREATE TABLE t (a int);' >updown/000001_a.up.sql
echo 'DROP TABLE t;' >updown/000001_a.down.sql
echo 'ALTER TABLE t ADD b int;' >updown/000002_b.up.sql
echo 'ALTER TABLE t DROP b;' >updown/000002_b.down.sql
expect 0 "$BELAY" lint --json --fail-on never updown
in_json '[.statements[].file | split("/") | last] == ["000001_a.up.sql", "000002_b.up.sql"]'
expect 0 "$BELAY" lint --json --fail-on never updown/*
in_json '[.statements[].file | split("/") | last] == ["000001_a.up.sql", "000002_b.up.sql", "000002_b.down.sql", "000001_a.down.sql"]'
found statement-fails ''
found drop-table ''
# belay itself applies none of them
for dir in dbmate goose updown; do
  expect 2 "$BELAY" run --dir "$dir" -d postgres:///nowhere
done
