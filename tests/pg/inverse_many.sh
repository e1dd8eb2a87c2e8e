#!/usr/bin/env bash
# inverse_many.sh [COUNT] [SEED] [OPTION...]: random migrations of random schemas with rows, each applied by belay, rolled back and
# compared with what was there before; then a table of what came of it. Options: random/main.py. BELAY: the program, else
# build/release/belay. Exit 1: something is wrong.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
export BELAY=${BELAY:-$here/../../build/release/belay}
if [ -z "${SHADOW_URL:-}" ]; then
  # shellcheck disable=SC2016 # expanded beside the first server
  exec "$here/../harness/with-postgres" bash -c 'SHADOW_URL=$DATABASE_URL exec "$0" "$@"' "$0" "$@"
fi
words=()
[ $# -lt 1 ] || [[ $1 == -* ]] || { words+=(--count "$1"); shift; }
[ $# -lt 1 ] || [[ $1 == -* ]] || { words+=(--seed "$1"); shift; }
export PYTHONDONTWRITEBYTECODE=1
exec "$here/../harness/with-postgres" python3 "$here/random/main.py" ${words[@]+"${words[@]}"} "$@"
