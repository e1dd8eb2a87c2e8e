#!/usr/bin/env bash
# The long form of backup_kill_test.sh: 34 kills each of backup, verify and restore. By hand:
#   BELAY=build/asan/belay tests/harness/with-postgres tests/pg/kill_100.sh
set -euo pipefail
exec env KILL_ROUNDS="${KILL_ROUNDS:-34}" bash "$(dirname "$0")/backup_kill_test.sh"
