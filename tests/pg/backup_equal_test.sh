#!/usr/bin/env bash
# backup_equal_test.sh [FIXTURE...]: of each database of tests/fixtures/databases a backup is taken and restored; pg_dump must not
# tell the two apart, every table, sequence and large object must hold the same.
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/harness/lib.sh
. "$here/../harness/lib.sh"
project
[ $# -gt 0 ] || set -- "$here"/../fixtures/databases/*.sql

same() { # same WHAT: of the two databases
  local what=$1
  "exact_$what" equal_source >"$scratch/source"
  "exact_$what" equal_copy >"$scratch/copy"
  [ -s "$scratch/source" ] || fail "$fixture: nothing to compare"
  cmp -s "$scratch/source" "$scratch/copy" ||
    { diff -U3 "$scratch/source" "$scratch/copy" | head -n 200 >&2; fail "$fixture: another $what with -j$jobs"; }
}

# Subscriptions hold a database: they go first, without their slots elsewhere.
drop_database() { # drop_database NAME
  psql -X -q -A -t -v ON_ERROR_STOP=1 -d "$1" >/dev/null <<'SQL'
SELECT format('ALTER SUBSCRIPTION %1$I DISABLE', subname), format('ALTER SUBSCRIPTION %1$I SET (slot_name = NONE)', subname),
  format('DROP SUBSCRIPTION %1$I', subname) FROM pg_subscription WHERE subdbid = (SELECT oid FROM pg_database WHERE datname =
  current_database()) \gexec
SQL
  sql "DROP DATABASE $1" postgres
}

for fixture; do
  sql 'CREATE DATABASE equal_source' postgres
  psql -X -q -v ON_ERROR_STOP=1 -d equal_source -f "$fixture" >"$scratch/out" 2>"$scratch/err" || fail "$fixture does not load"
  export DATABASE_URL="postgresql://belay@/equal_source?host=$PGHOST&port=$PGPORT"
  for jobs in 1 4; do
    expect 0 "$BELAY" backup -j "$jobs"
    expect 0 "$BELAY" restore latest --into equal_copy -j "$jobs"
    same schema
    same content
    same large_objects
    drop_database equal_copy
  done
  expect 0 "$BELAY" verify latest --level restore
  drop_database equal_source
  printf '%s: equal\n' "${fixture##*/}"
done
