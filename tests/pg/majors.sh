#!/usr/bin/env bash
# majors.sh [MAJOR...]: backup_equal_test.sh against servers of other majors (all of 13 to 18 if none is named). One line a major
# on stdout: passed, failed, or skipped and why. Exit code 1 if one failed, 77 if all were skipped.
#   FIXTURES="a.sql b.sql"   only these        BELAY=PROGRAM   default build/asan/belay
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/harness/setup.sh
. "$top/tests/harness/setup.sh"
export BELAY=${BELAY:-$top/build/asan/belay}
unset PGBIN PGHOST PGPORT PGUSER PGDATABASE DATABASE_URL
log=$(mktemp)
trap 'rm -f "$log"' EXIT
read -ra fixtures <<<"${FIXTURES:-}"
[ $# -gt 0 ] || set -- 13 14 15 16 17 18
status=77
for major; do
  if ! bin=$(server_bin "$major" 2>"$log"); then
    echo "$major skipped: no server ($(tail -n 1 "$log"))"
  elif [ ! -x "$bin/pg_dump" ]; then
    echo "$major skipped: no pg_dump of $major or later ($(tail -n 1 "$log"))"
  elif PG_MAJOR=$major PGBIN=$bin "$top/tests/harness/with-postgres" bash "$top/tests/pg/backup_equal_test.sh" "${fixtures[@]}" \
    >"$log" 2>&1; then
    echo "$major passed ($(grep -c ': equal$' "$log") databases)"
    [ $status = 1 ] || status=0
  else
    echo "$major failed"
    tail -n 220 "$log" >&2
    status=1
  fi
done
exit $status
