#!/usr/bin/env bash
# majors.sh [MAJOR...] [OLD-NEW...]: backup_equal_test.sh against servers of other majors, and across_majors.sh from an old one to a
# new one (all of 13 to 18, and 13 and 14 to 15 and 18, if nothing is named). Prints what became of each on stdout (passed,
# failed, or skipped and why) and of what passed a line a database: how many entries of pg_dump and how many tables and sequences
# were compared, and which extensions of the fixtures that server lacks. Exit code 1 if one failed, 77 if all were skipped.
# Beside each single major the linter's observer replays lock-matrix.json, if its test is built (OBSERVE=PROGRAM names it).
#   FIXTURES="a.sql b.sql"   only these        BELAY=PROGRAM   default build/asan/belay
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/harness/setup.sh
. "$top/tests/harness/setup.sh"
export BELAY=${BELAY:-$top/build/asan/belay}
observe=${OBSERVE:-$top/build/asan/tests/pg_lint_observe_test}
unset PGBIN PGHOST PGPORT PGUSER PGDATABASE DATABASE_URL
log=$(mktemp)
trap 'rm -f "$log"' EXIT
read -ra fixtures <<<"${FIXTURES:-}"
[ $# -gt 0 ] || set -- 13 14 15 16 17 18 13-15 13-18 14-15 14-18
status=77

# on MAJOR COMMAND...: beside a server of that major
on() { PG_MAJOR=$1 PGBIN=$(server_bin "$1") "$top/tests/harness/with-postgres" "${@:2}"; }
compare() {
  case $1 in
  *-*) across "${1%-*}" "${1#*-}" ;;
  *)
    on "$1" bash "$top/tests/pg/backup_equal_test.sh" "${fixtures[@]}" || return
    [ ! -x "$observe" ] || on "$1" "$observe"
    ;;
  esac
}
across() { # across OLD NEW
  # shellcheck disable=SC2016 # the inner shell's
  on "$1" env NEW_MAJOR="$2" NEW_BIN="$(server_bin "$2")" bash -c 'OLD_PGHOST=$PGHOST PG_MAJOR=$NEW_MAJOR PGBIN=$NEW_BIN \
    "$BELAY_TESTS/harness/with-postgres" bash "$BELAY_TESTS/pg/across_majors.sh" "$@"' bash "${fixtures[@]}"
}

for which; do
  lack=
  for major in ${which/-/ }; do
    if ! bin=$(server_bin "$major" 2>"$log"); then
      lack="no server of $major"
    elif [ ! -x "$bin/pg_dump" ]; then
      lack="no pg_dump of $major or later"
    fi
    [ -z "$lack" ] || break
  done
  if [ -n "$lack" ]; then
    echo "$which skipped: $lack ($(tail -n 1 "$log"))"
  elif compare "$which" >"$log" 2>&1; then
    echo "$which passed"
    grep ': equal ' "$log" | sed 's/^/  /'
    [ $status = 1 ] || status=0
  else
    echo "$which failed"
    tail -n 220 "$log" >&2
    status=1
  fi
done
exit $status
