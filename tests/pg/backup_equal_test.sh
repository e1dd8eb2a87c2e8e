#!/usr/bin/env bash
# backup_equal_test.sh [FIXTURE...]: of each database of tests/fixtures/databases a backup is taken and restored; pg_dump must not
# tell the two apart, every table, sequence and large object must hold the same.
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/harness/lib.sh
. "$here/../harness/lib.sh"
project
[ $# -gt 0 ] || set -- "$here"/../fixtures/databases/*.sql

for fixture; do
  sql 'CREATE DATABASE equal_source' postgres
  psql -X -q -v ON_ERROR_STOP=1 -d equal_source -f "$fixture" >"$scratch/out" 2>"$scratch/err" || fail "$fixture does not load"
  export DATABASE_URL="postgresql://belay@/equal_source?host=$PGHOST&port=$PGPORT"
  for jobs in 1 4; do
    expect 0 "$BELAY" backup -j "$jobs"
    expect 0 "$BELAY" restore latest --into equal_copy -j "$jobs"
    equal schema
    equal content
    equal large_objects
    drop_database equal_copy
  done
  expect 0 "$BELAY" verify latest --level restore
  drop_database equal_source
  printf '%s: equal%s\n' "${fixture##*/}" "$(compared_counts)"
done
