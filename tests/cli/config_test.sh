#!/usr/bin/env bash
# Broken belay.yaml and policies: exit code 2 with file:line:column, and what was probably meant.
# shellcheck source=tests/harness/lib.sh
. "$(dirname "$0")/../harness/lib.sh"
mkdir -p "$scratch/project/policies"
cd "$scratch/project"
unset DATABASE_URL BELAY_DATABASE_URL "${!PG@}"
printf 'SELECT 1;\n' >good.sql

# broken FILE PLACE PATTERN TEXT: with TEXT in FILE, lint says FILE:PLACE: PATTERN
broken() {
  printf '%b' "$4" >"$1"
  expect 2 "$BELAY" lint -e "${environment-development}" good.sql
  says "^error: .*$1:$2: .*$3"
  rm "$1"
}

broken belay.yaml 2:1 'unknown key "migrationz"' 'store: file:x\nmigrationz:\n  dir: x\n'
broken belay.yaml 3:3 'unknown key "migrations\.fromat"|unknown key "fromat"' 'migrations:\n  dir: x\n  fromat: prisma\n'
says 'Did you mean (migrations\.)?format'
broken belay.yaml 2:1 'twice|duplicate|again' 'store: file:x\nstore: file:y\n'
broken belay.yaml 1:9 'checks wants a list' 'checks: verify.sql\n'
broken belay.yaml '[0-9]+:[0-9]+' 'not valid YAML' 'checks: [a\nstore: x\n'
broken belay.yaml '[0-9]+:[0-9]+' 'not valid YAML' 'store:\tx\n\ty: z\n'
broken belay.yaml 1:1 '' '- a\n- b\n'

environment=mine
broken policies/mine.yaml 3:12 'error, warning, info or never|fatal' 'extends: development\nlint:\n  fail_on: fatal\n'
broken policies/mine.yaml 4:5 'unknown rule "drop-tabel"' 'extends: development\nlint:\n  rules:\n    drop-tabel: off\n'
says 'Did you mean drop-table'
broken policies/mine.yaml 3:17 '' 'extends: staging\napply:\n  lock_timeout: soon\n'
broken policies/mine.yaml 3:9 '' 'extends: staging\nbackup:\n  jobs: 1000\n'
broken policies/mine.yaml 3:13 '' 'extends: staging\nbackup:\n  required: perhaps\n'
unset environment

# the file is found upward, and named as it is found
printf 'stor: x\n' >belay.yaml
mkdir -p deep/er
# shellcheck disable=SC2016 # it is the inner shell that expands
expect 2 bash -c 'cd deep/er && "$BELAY" lint ../../good.sql'
says "^error: $(pwd -P)/belay\.yaml:1:1: unknown key \"stor\""
says 'Did you mean store'
# --config wins over it
printf 'store: file:x\n' >other.yaml
expect 0 "$BELAY" lint -c other.yaml good.sql
