#!/usr/bin/env bash
# What --fix writes for a server of 18 only: NOT NULL ... NOT VALID and VALIDATE. The fixed files run, end in the schema of the
# original, names included, and lint clean. Skipped where there is no server of 18 beside the one at hand.
# shellcheck source=tests/harness/lib.sh
. "$(dirname "$0")/../harness/lib.sh"
# shellcheck source=tests/harness/setup.sh
. "$BELAY_TESTS/harness/setup.sh"
if [ "${FIX_18:-}" != 1 ]; then
  [ -d "$BELAY_TOP/build/servers/18" ] || exit 77
  bin=$(server_bin 18) || exit 77
  unset PGHOST PGPORT PGUSER PGDATABASE DATABASE_URL
  FIX_18=1 PG_MAJOR=18 PGBIN=$bin exec "$BELAY_TESTS/harness/with-postgres" bash "$0"
fi
cd "$scratch"
base='CREATE TABLE t (id int PRIMARY KEY, n int, note text); INSERT INTO t SELECT i, i, i FROM generate_series(1, 9) i;'
for name in original fixed; do
  sql "CREATE DATABASE fix_$name" postgres
  sql "$base" "fix_$name"
done
mkdir m
printf '%s\n' "$base" >m/20260101_base.sql
printf "SET lock_timeout = '2s';\nALTER TABLE t ALTER n SET NOT NULL, ALTER note SET NOT NULL;\n" >m/20260102_case.sql
cp m/20260102_case.sql original.sql
lint() { "$BELAY" lint --json --fail-on never --since 20260102_case --against dbname=fix_original "$@"; }
expect 0 lint --fix m
jq -e '[.findings[] | select(.rule == "not-null-scan")] == []' "$scratch/out" >/dev/null || fail "still found: $(cat "$scratch/out")"
[ "$(find m -name '20260102*' | wc -l)" = 2 ] || fail "not two files: $(ls m)"
grep -q 'ADD CONSTRAINT t_n_not_null NOT NULL n NOT VALID, ADD CONSTRAINT t_note_not_null NOT NULL note NOT VALID' m/20260102* ||
  fail "another fix: $(cat m/20260102*)"
psql -X -q -v ON_ERROR_STOP=1 -1 -d fix_original -f original.sql
for file in m/20260102*; do psql -X -q -v ON_ERROR_STOP=1 -1 -d fix_fixed -f "$file" || fail "$file does not run"; done
for name in original fixed; do
  psql -X -At -d "fix_$name" -c "SELECT conname, contype, convalidated, conkey FROM pg_constraint WHERE conrelid = 't'::regclass
    ORDER BY conname" -c "SELECT attname, attnotnull FROM pg_attribute WHERE attrelid = 't'::regclass AND attnum > 0 ORDER BY attnum" >"$name"
done
diff -U2 original fixed || fail "another schema"
